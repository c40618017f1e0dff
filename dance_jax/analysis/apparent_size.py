"""How large a dancer looks over a picture clip: one scale must serve for all of its frames."""

from __future__ import annotations

import numpy as np

from dance_jax.skeleton import CANON, index

WINDOW_S = 1.0
LIMIT = 0.15  # 100 synthetic dancers at one depth reached .07, seen flat and in perspective
_SIDES = ("left", "right")
_PARTS = (
    (("hip", "neck"),),
    tuple((f"{side}_hip", f"{side}_knee") for side in _SIDES),
    tuple((f"{side}_knee", f"{side}_ankle") for side in _SIDES),
)
# Rows that compare places or heights of different moments, by one scale and one floor.
ONE_SCALE = (
    "balance.com_height_mean",
    "balance.com_height_range",
    "energy.potential_range",
    "energy.cost_of_transport",
    "shape.low_level",
    "shape.high_level",
    "shape.hip_height",
    "shape.travel",
)


def part_sizes(pose: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Measures the apparent length of trunk, thigh and shank against the clip's own.

        ratio = greatest length in the window / 90th percentile over the clip

    The greatest, since a segment that points out of the picture only ever looks shorter; of left
    and right the longer, and the percentile as in `kinematics.scale.body_height`.

    Args:
        pose: [T,26,2] cleaned pixels, NaN where missing.
        time_s: [T] seconds, increasing.

    Returns:
        f64[W,3], windows of 1 s every half second; NaN where the part was seen in fewer than half
        of the window's frames. W is 0 for a clip shorter than one window.
    """
    time = np.asarray(time_s, float) - float(time_s[0])
    slot = np.floor(time / (WINDOW_S / 2) + 1e-6).astype(int)
    slots = int(slot[-1]) + 1
    frames = np.bincount(slot, minlength=slots)
    return np.stack([_ratio(pose, pairs, slot, frames) for pairs in _PARTS], -1)


def _ratio(
    pose: np.ndarray, pairs: tuple[tuple[str, str], ...], slot: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    ends = [(pose[:, index(CANON, a), :2], pose[:, index(CANON, b), :2]) for a, b in pairs]
    lengths = [np.linalg.norm(a - b, axis=-1) for a, b in ends]
    reference = max(
        (np.percentile(x[np.isfinite(x)], 90) for x in lengths if np.isfinite(x).any()), default=0.0
    )
    longest = np.fmax.reduce(lengths)
    seen = np.isfinite(longest)
    most = np.full(len(frames), -np.inf)
    np.maximum.at(most, slot[seen], longest[seen])
    count = np.bincount(slot[seen], minlength=len(frames))
    known = (count[:-1] + count[1:]) >= 0.5 * (frames[:-1] + frames[1:])
    known &= (count[:-1] + count[1:] > 0) & (reference > 0)
    most = np.maximum(most[:-1], most[1:])
    return np.where(known, most / (reference or 1.0), np.nan)


def size_change(pose: np.ndarray, time_s: np.ndarray) -> tuple[float, float]:
    """Finds the least and the greatest apparent size of a dancer, relative to the clip's height.

    Foreshortening makes segments look shorter one by one, a greater distance all of them. So a
    window counts as small only by its longest-looking part, and as large by the middle one of the
    three, which one key point in error cannot move.

    Args:
        pose: [T,26,2] cleaned pixels, NaN where missing.
        time_s: [T] seconds, increasing.

    Returns:
        (least, greatest); both NaN where no second shows trunk, thigh and shank.
    """
    ratios = part_sizes(pose, time_s)
    ratios = ratios[np.isfinite(ratios).all(-1)]
    if not len(ratios):
        return float("nan"), float("nan")
    middle, longest = np.sort(ratios, -1)[:, 1:].T
    return float(longest.min()), float(max(middle.max(), longest.min()))


def smaller_by(pose: np.ndarray, time_s: np.ndarray) -> float:
    """Returns 1 - least / greatest apparent size, the fraction that `LIMIT` bounds; NaN unknown."""
    least, greatest = size_change(pose, time_s)
    return 1.0 - least / greatest if greatest > 0 else float("nan")


def warning(person_id: int, pose: np.ndarray, time_s: np.ndarray) -> str:
    """Says that a dancer's apparent size changes too much for one scale; "" where it does not.

    Args:
        person_id: the dancer.
        pose: [T,26,2] cleaned pixels.
        time_s: [T] seconds.
    """
    less = smaller_by(pose, time_s)
    if not less > LIMIT:
        return ""
    return (
        f"Person {person_id} looks up to {100 * less:.0f} % smaller at some times than at others: "
        "(s)he moves towards or away from the camera, or the camera zooms (a body that points at "
        "the camera for whole seconds looks the same). Measures of place and speed take one body "
        "height for the whole clip and may be wrong by as much; those that compare places or "
        "heights at different times are refused."
    )
