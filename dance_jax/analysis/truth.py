"""How far an analysis of a rendered dancer is from the known truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis.result import Analysis, PersonAnalysis
from dance_jax.kinematics import angles

BODY = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
LIMITS = {"detected": 98.0, "joint": 2.5, "angle": 5.0, "elbow": 7.0, "swaps": 2.0}


def match_frames(time_s: np.ndarray, true_time_s: np.ndarray) -> np.ndarray:
    """Finds for each analysed frame the true frame nearest in time.

    Args:
        time_s: [T] analysed, seconds from the first frame.
        true_time_s: [N] true, seconds from the first frame.

    Returns:
        int[T] indices into the truth.

    Raises:
        ValueError: a frame is more than half a true frame away from every true one.
    """
    at = np.abs(time_s[:, None] - true_time_s[None]).argmin(1)
    step = float(np.median(np.diff(true_time_s)))
    worst = float(np.abs(true_time_s[at] - time_s).max())
    if worst > 0.5 * step + 1e-6:
        raise ValueError(
            f"analysed and true frames are {worst:.4f} s apart, half a frame is allowed"
        )
    return at


def joint_errors(pose: np.ndarray, true_pose: np.ndarray) -> np.ndarray:
    """Distance of each body joint from its true place, in % of the true figure's height.

    Args:
        pose: [T,26,2] pixels.
        true_pose: [T,26,2] pixels.

    Returns:
        [T,12] percent, NaN where the joint is missing.
    """
    at = [skeleton.index("halpe26", name) for name in BODY]
    distance = np.linalg.norm(pose[:, at, :2] - true_pose[:, at, :2], axis=-1)
    return 100 * distance / true_height(true_pose)


def true_height(true_pose: np.ndarray) -> float:
    """Height of the figure in pixels: the greatest extent of its joints over the clip."""
    y = true_pose[..., 1]
    return float(np.nanmax(np.nanmax(y, -1) - np.nanmin(y, -1)))


def swapped(pose: np.ndarray, true_pose: np.ndarray) -> np.ndarray:
    """Frames in which left and right of the whole body are exchanged.

    A frame is swapped when the figure fits the truth better with its sides exchanged, by the sum
    over shoulders, hips, knees and ankles, while true shoulders or hips are apart in the picture.

    Args:
        pose: [T,26,2] pixels.
        true_pose: [T,26,2] pixels.

    Returns:
        bool[T].
    """
    names = [name for name in BODY if "elbow" not in name and "wrist" not in name]
    at = [skeleton.index("halpe26", name) for name in names]
    other = [skeleton.get("halpe26").flip[i] for i in at]
    straight = np.linalg.norm(pose[:, at, :2] - true_pose[:, at, :2], axis=-1)
    crossed = np.linalg.norm(pose[:, at, :2] - true_pose[:, other, :2], axis=-1)
    with np.errstate(invalid="ignore"):
        return np.nansum(crossed, 1) < 0.5 * np.nansum(straight, 1)


def angle_errors(theta_deg: np.ndarray, true_deg: np.ndarray) -> np.ndarray:
    """Absolute difference of two angles, the short way round.

    Args:
        theta_deg: degrees.
        true_deg: degrees.

    Returns:
        Degrees in [0, 180].
    """
    return np.abs((theta_deg - true_deg + 180) % 360 - 180)


def compare(
    analysis: Analysis, true_pose_px: np.ndarray, true_time_s: np.ndarray
) -> list[dict[str, Any]]:
    """Compares the (first) analysed dancer with the projected truth.

    Args:
        analysis: analysis of the rendered video.
        true_pose_px: [N,26,2] true joints in pixels, y down.
        true_time_s: [N] seconds.

    Returns:
        Rows {"what", "value", "p90", "unit", "n", "limit", "ok"}; limit and ok are None where the
        project states no bar.
    """
    person = analysis.people[0]
    at = match_frames(person.time_s - person.time_s[0], true_time_s - true_time_s[0])
    true_pose = true_pose_px[at]
    raw_all = _raw(analysis, person)
    found = np.isfinite(raw_all).all(-1).any(-1)
    rows = [
        _row(
            "frames with a pose",
            100 * found.mean(),
            None,
            "%",
            len(found),
            LIMITS["detected"],
            True,
        )
    ]
    for label, pose in (("as estimated", raw_all), ("filtered", person.pose)):
        error = joint_errors(pose, true_pose)
        error = error[np.isfinite(error)]
        rows.append(
            _row(
                f"2D joint error, {label}",
                np.median(error),
                np.percentile(error, 90),
                "% of body height",
                error.size,
                LIMITS["joint"],
            )
        )
    swaps = swapped(raw_all, true_pose)
    rows.append(
        _row(
            "whole-body left/right swaps",
            100 * swaps.mean(),
            None,
            "%",
            len(swaps),
            LIMITS["swaps"],
        )
    )
    true_deg = np.degrees(np.asarray(angles.compute(angles.image_to_y_up(true_pose))))
    for joint in ("elbow", "shoulder", "hip", "knee"):
        columns = [person.angle_names.index(f"{side}_{joint}") for side in ("left", "right")]
        error = angle_errors(person.angles[:, columns], true_deg[:, columns])
        error = error[np.isfinite(error)]
        rows.append(
            _row(
                f"2D {joint} angle error, filtered",
                np.median(error) if error.size else np.nan,
                np.percentile(error, 90) if error.size else np.nan,
                "deg",
                error.size,
                LIMITS.get(joint, LIMITS["angle"]),
            )
        )
    return rows


def _raw(analysis: Analysis, person: PersonAnalysis) -> np.ndarray:
    """The person's pose as the estimator gave it, before the confidence gate."""
    return analysis.clip.pose[:, analysis.clip.person_ids.index(person.person_id), :, :2]


def _row(
    what: str,
    value: float,
    p90: float | None,
    unit: str,
    n: int,
    limit: float | None = None,
    at_least: bool = False,
) -> dict[str, Any]:
    ok = None if limit is None else bool(value >= limit if at_least else value <= limit)
    return {
        "what": what,
        "value": float(value),
        "p90": None if p90 is None else float(p90),
        "unit": unit,
        "n": int(n),
        "limit": limit,
        "ok": ok,
    }
