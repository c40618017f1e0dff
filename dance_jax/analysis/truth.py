"""How far an analysis of a rendered dancer is from the known truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis.result import Analysis, PersonAnalysis
from dance_jax.kinematics import angles, scale

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
    """Body height in pixels, by the definition of `kinematics.scale.body_height`."""
    return float(scale.body_height(np.asarray(true_pose, np.float32)))


def swapped(pose: np.ndarray, true_pose: np.ndarray) -> np.ndarray:
    """Frames in which left and right of the whole body are exchanged.

    A frame is swapped when the figure fits the truth better with its sides exchanged, by the sum of
    distances over shoulders, hips, knees and ankles. Where the true sides lie within 3 % of body
    height of each other on average (a side view), there is nothing to tell and no swap.

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
    apart = np.linalg.norm(true_pose[:, at, :2] - true_pose[:, other, :2], axis=-1).mean(1)
    both = np.isfinite(straight) & np.isfinite(crossed)
    worse = np.where(both, straight - crossed, 0.0).sum(1) > 0
    return worse & (apart > 0.03 * true_height(true_pose))


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
    analysis: Analysis,
    true_pose_px: np.ndarray,
    true_time_s: np.ndarray,
    true_pose: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Compares the (first) analysed dancer with the truth.

    The rows with a bar compare with the truth as projected into the picture: they judge the pose
    estimation. With `true_pose`, further rows compare what the report shows with true 3D angles.

    Args:
        analysis: analysis of the rendered video.
        true_pose_px: [N,26,2] true joints in pixels, y down.
        true_time_s: [N] seconds.
        true_pose: [N,26,3] true joints in metres, y up.

    Returns:
        Rows {"what", "value", "p90", "unit", "n", "limit", "ok"}; limit and ok are None where the
        project states no bar.
    """
    person = analysis.people[0]
    at = match_frames(person.time_s - person.time_s[0], true_time_s - true_time_s[0])
    flat = true_pose_px[at]
    raw_all = _raw(analysis, person)
    found = np.isfinite(raw_all).all(-1).any(-1)
    swaps = swapped(raw_all, flat)
    rows = [
        _row("frames with a pose", 100 * found, "%", LIMITS["detected"], share=True, at_least=True),
        _row("whole-body left/right swaps", 100 * swaps, "%", LIMITS["swaps"], share=True),
    ]
    for label, pose in (("as estimated", raw_all), ("filtered", person.pose)):
        error = joint_errors(pose, flat)
        what = f"joints in the picture, {label}"
        rows.append(_row(what, error, "% of body height", LIMITS["joint"]))
    picture_deg = np.degrees(np.asarray(angles.compute(angles.image_to_y_up(flat))))
    solid_deg = None
    if true_pose is not None:
        solid_deg = np.degrees(np.asarray(angles.compute(np.asarray(true_pose[at], np.float32))))
    for joint in ("elbow", "shoulder", "hip", "knee"):
        columns = [person.angle_names.index(f"{side}_{joint}") for side in ("left", "right")]
        error = angle_errors(person.angles[:, columns], picture_deg[:, columns])
        limit = LIMITS.get(joint, LIMITS["angle"])
        rows.append(_row(f"{joint} angle in the picture", error, "deg", limit))
        if solid_deg is not None:
            error = angle_errors(person.angles[:, columns], solid_deg[:, columns])
            shown = np.where(person.in_plane[:, columns], error, np.nan)
            rows.append(_row(f"{joint}, frames shown, against true 3D", shown, "deg"))
    if solid_deg is not None:
        errors = _ranges(person, solid_deg)
        rows.append(_row("joint ranges reported, against true 3D", errors, "deg"))
    return rows


def _ranges(person: PersonAnalysis, solid_deg: np.ndarray) -> np.ndarray:
    """Absolute errors of the reported ranges of motion of joints, degrees."""
    errors = []
    for measure in person.measures:
        name, _, statistic = measure.key.partition(".")
        if statistic == "range" and measure.value is not None and angles.get(name).kind == "joint":
            low, high = np.percentile(solid_deg[:, person.angle_names.index(name)], (1, 99))
            errors.append(abs(measure.value - (high - low)))
    return np.array(errors)


def _raw(analysis: Analysis, person: PersonAnalysis) -> np.ndarray:
    """The person's pose as the estimator gave it, before the confidence gate."""
    return analysis.clip.pose[:, analysis.clip.person_ids.index(person.person_id), :, :2]


def _row(
    what: str,
    errors: np.ndarray,
    unit: str,
    limit: float | None = None,
    *,
    share: bool = False,
    at_least: bool = False,
) -> dict[str, Any]:
    """One row: the median and 90th percentile of errors, or the mean of a share of frames."""
    errors = np.asarray(errors, float)
    errors = errors[np.isfinite(errors)]
    value = p90 = None
    if errors.size:
        value = float(errors.mean() if share else np.median(errors))
        p90 = None if share else float(np.percentile(errors, 90))
    ok = None
    if limit is not None:
        ok = value is not None and (value >= limit if at_least else value <= limit)
    return {
        "what": what,
        "value": value,
        "p90": p90,
        "unit": unit,
        "n": int(errors.size),
        "limit": limit,
        "ok": ok,
    }
