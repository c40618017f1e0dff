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
_SPREAD = [
    index(CANON, f"{side}_{joint}")
    for joint in ("shoulder", "elbow", "hip", "knee", "ankle")
    for side in _SIDES
]
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


def depth_sizes(pose: np.ndarray, world: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Measures how many pixels a metre spans, by the estimator's own guess of depth.

        size = median over the window of sqrt(sum |x - mean x|^2 / sum |X - mean X|^2)

    over shoulders, elbows, hips, knees and ankles x in the picture and X in estimated metres, of
    which the picture shows two coordinates. Foreshortening is in both, so it cancels as far as the
    guess is right: another error than that of `part_sizes`.

    Args:
        pose: [T,26,2] cleaned pixels, NaN where missing.
        world: [T,26,3] estimated metres.
        time_s: [T] seconds, increasing.

    Returns:
        f64[W], windows as in `part_sizes`; NaN where no more than half of the frames show 8 of
        the 10.
    """
    x, y = (np.asarray(p, float)[:, _SPREAD, :2] for p in (pose, world))
    known = np.isfinite(x).all(-1) & np.isfinite(y).all(-1)
    size = np.full(len(x), np.nan)
    for t in np.flatnonzero(known.sum(-1) >= 8):
        spread = [np.var(p[t, known[t]], axis=0).sum() for p in (x, y)]
        if min(spread) > 0:
            size[t] = np.sqrt(spread[0] / spread[1])
    time = np.asarray(time_s, float) - float(time_s[0])
    slot = np.floor(time / (WINDOW_S / 2) + 1e-6).astype(int)
    out = np.full(int(slot[-1]), np.nan)
    for at in range(len(out)):
        here = size[(slot == at) | (slot == at + 1)]
        if np.isfinite(here).sum() > 0.5 * len(here):
            out[at] = np.nanmedian(here)
    return out


def smaller_by(pose: np.ndarray, time_s: np.ndarray, world: np.ndarray | None = None) -> float:
    """Returns 1 - least / greatest apparent size, the fraction that `LIMIT` bounds; NaN unknown.

    Where the estimator guessed depth, the lesser of what the segments' lengths (`size_change`) and
    that depth (`depth_sizes`) give: each alone also errs in other ways than by the scale.
    """
    least, greatest = size_change(pose, time_s)
    change = 1.0 - least / greatest if greatest > 0 else float("nan")
    if world is None:
        return change
    sizes = depth_sizes(pose, world, time_s)
    sizes = sizes[np.isfinite(sizes)]
    return min(change, 1.0 - float(sizes.min() / sizes.max())) if len(sizes) else change


def warning(
    person_id: int, pose: np.ndarray, time_s: np.ndarray, world: np.ndarray | None = None
) -> str:
    """Says that a dancer's apparent size changes too much for one scale; "" where it does not.

    Args:
        person_id: the dancer.
        pose: [T,26,2] cleaned pixels.
        time_s: [T] seconds.
        world: [T,26,3] estimated metres, where there are any.
    """
    less = smaller_by(pose, time_s, world)
    if not less > LIMIT:
        return ""
    return (
        f"Person {person_id} looks up to {100 * less:.0f} % smaller at some times than at others: "
        "the dancer moves towards or away from the camera, or the camera zooms (a body that "
        "points at the camera for whole seconds looks the same). Measures of place and speed take "
        "one body height for the whole clip and may be wrong by as much; those that compare places "
        "or heights at different times are refused."
    )
