"""The quality gate: what was seen, how well, and what may therefore be said."""

from __future__ import annotations

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import validity
from dance_jax.analysis.result import PartQuality

SEEN_OK = 0.7
SEEN_PARTIAL = 0.3
MIN_VALID_FRACTION = 0.5

PARTS: dict[str, tuple[str, ...]] = {
    "face": ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    "trunk": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "arms": ("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    "legs": ("left_knee", "right_knee", "left_ankle", "right_ankle"),
    "feet": ("left_heel", "right_heel", "left_big_toe", "right_big_toe"),
}


def joint_seen(
    pose: np.ndarray,
    confidence: np.ndarray,
    min_confidence: float,
    image_size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Tells which joints were really seen: finite, confident and inside the picture.

    An estimator goes on guessing beyond the picture's edge; such a guess is no observation.

    Args:
        pose: [T,J,C] in the clip's unit.
        confidence: [T,J] in [0, 1].
        min_confidence: threshold in [0, 1].
        image_size: (width, height) in pixels; None skips the edge test (not pixels).

    Returns:
        bool[T,J].
    """
    seen = np.isfinite(pose).all(-1) & (confidence >= min_confidence)
    if image_size is not None:
        with np.errstate(invalid="ignore"):
            inside = (pose[..., :2] >= 0) & (pose[..., :2] <= np.asarray(image_size, pose.dtype))
        seen &= inside.all(-1)
    return seen


def part_quality(seen: np.ndarray, confidence: np.ndarray) -> tuple[PartQuality, ...]:
    """Summarises visibility by body part.

    A part is seen in a frame when at least half of its joints are.

    Args:
        seen: bool[T,J] from `joint_seen`, HALPE-26.
        confidence: [T,J] in [0, 1].

    Returns:
        One row a part: "ok" from 70 % of the frames, "partial" from 30 %, else "unseen".
    """
    rows = []
    for name, joints in PARTS.items():
        at = [skeleton.index("halpe26", joint) for joint in joints]
        fraction = float((seen[:, at].mean(-1) >= 0.5).mean()) if len(seen) else 0.0
        status = (
            "ok" if fraction >= SEEN_OK else "partial" if fraction >= SEEN_PARTIAL else "unseen"
        )
        mean = float(np.nan_to_num(confidence[:, at]).mean()) if len(seen) else 0.0
        rows.append(PartQuality(name, joints, fraction, mean, status))
    return tuple(rows)


def angle_status(
    known: np.ndarray,
    in_plane: np.ndarray,
    names: tuple[str, ...],
    side: np.ndarray,
    planar: bool = True,
) -> dict[str, tuple[str, str]]:
    """Decides for each angle whether the clip supports it.

    Args:
        known: bool[T,A] every joint of the angle has coordinates.
        in_plane: bool[T,A] the 2D angle may be believed (`validity.in_plane`).
        names: A angle names.
        side: int8[T] view, for the message.
        planar: False for 3D poses, which have no image plane.

    Returns:
        name -> ("ok", "") or ("refused", reason).
    """
    frames = max(len(known), 1)
    limit = validity.table()["limit_deg"]
    counts = [int((side == k).sum()) for k in range(len(validity.VIEWS))]
    usual = validity.VIEWS[int(np.argmax(counts))]
    out: dict[str, tuple[str, str]] = {}
    for at, name in enumerate(names):
        seen = int(known[:, at].sum())
        if seen / frames < MIN_VALID_FRACTION:
            out[name] = (
                "refused",
                f"its joints were seen in {100 * seen / frames:.0f} % of the frames, "
                f"{100 * MIN_VALID_FRACTION:.0f} % are needed",
            )
            continue
        flat = int((known[:, at] & in_plane[:, at]).sum())
        if planar and flat / seen < MIN_VALID_FRACTION:
            least = validity.threshold(name, usual)
            seen_from = "obliquely" if usual == "oblique" else f"from the {usual}"
            why = (
                f"seen {seen_from} its error is above {limit:g} degrees at any length"
                if least is None
                else f"seen {seen_from} it needs {least:.1f} of its longest apparent length"
            )
            share = 100 * (1 - flat / seen)
            out[name] = (
                "refused",
                f"out of the picture plane in {share:.0f} % of the frames: {why}",
            )
            continue
        out[name] = ("ok", "")
    return out
