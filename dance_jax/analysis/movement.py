"""From one dancer's raw key points to cleaned poses, angles, speeds and the state of each."""

from __future__ import annotations

import jax
import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import (
    biomechanics,
    compiled,
    events,
    glitches,
    measures,
    quality,
    rhythm,
    validity,
)
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.kinematics import angles, filters, motion, scale, windows
from dance_jax.types import Clip

SPEED_JOINTS = ("hip", "left_wrist", "right_wrist", "left_ankle", "right_ankle")
BODY_JOINTS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
SPEED_NAMES = ("body", *SPEED_JOINTS)


def effective_cutoff(cutoff_hz: float, time_s: np.ndarray) -> float:
    """Lowers the low-pass cut-off to 40 % of the frame rate where the rate cannot carry it.

    Args:
        cutoff_hz: wanted cut-off in Hz.
        time_s: [T] seconds.

    Returns:
        The cut-off used, in Hz.
    """
    rate = 1.0 / float(np.median(np.diff(time_s)))
    return min(cutoff_hz, 0.4 * rate)


def repair(pose: np.ndarray, time_s: np.ndarray, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Outlier removal and gap filling, in this order; no low-pass.

    Args:
        pose: [T,J,C], NaN where unseen.
        time_s: [T] seconds.
        options: window and gap limit.

    Returns:
        (repaired [T,J,C], filled bool[T,J]).
    """
    if options.outlier_window_s > 0:
        outlier = glitches.glitches(
            pose, time_s, options.outlier_window_s, options.outlier_sigma, options.max_gap_s
        )
        pose = np.where(outlier[..., None], np.nan, pose)
    pose, filled = filters.gap_fill(pose, time_s, max_gap_s=options.max_gap_s)
    return np.asarray(pose), np.asarray(filled).any(-1)


def low_pass(pose: np.ndarray, time_s: np.ndarray, options: Options) -> np.ndarray:
    """Zero-phase low-pass at the cut-off of the options, or lower where the rate demands it."""
    cutoff = effective_cutoff(options.filter_cutoff_hz, time_s)
    return np.asarray(
        filters.butterworth_zero_phase(pose, time_s, cutoff_hz=cutoff, order=options.filter_order)
    )


def clean(pose: np.ndarray, time_s: np.ndarray, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Outlier removal, gap filling and zero-phase low-pass, in this order.

    Args:
        pose: [T,J,C], NaN where unseen.
        time_s: [T] seconds.
        options: window, gap limit and cut-off.

    Returns:
        (cleaned [T,J,C], filled bool[T,J]).
    """
    kept, filled = repair(pose, time_s, options)
    return low_pass(kept, time_s, options), filled


_angles = jax.jit(lambda pose: angles.compute(pose))


def _padded(pose: np.ndarray) -> np.ndarray:
    # A few lengths only, so that clips of different lengths share their compilations.
    rows = [(0, windows.bucket(len(pose)) - len(pose))] + [(0, 0)] * (pose.ndim - 1)
    return np.pad(pose, rows, constant_values=np.nan)


def angle_series(pose: np.ndarray) -> np.ndarray:
    """Returns every angle of a pose sequence [T,J,C] (y up), unwrapped: radians [T,A]."""
    return np.asarray(motion.unwrap(_angles(_padded(pose)), axis=0))[: len(pose)]


def in_plane_ratio(pose: np.ndarray, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measures how far the limbs lie in the picture plane, and from which side the dancer is seen.

    Args:
        pose: [T,26,2] cleaned pose.
        time_s: [T] seconds.

    Returns:
        (apparent length ratio of every angle [T,A], view int8[T] as `validity.view`).
    """
    padded = _padded(pose)
    step = float(np.median(np.diff(time_s)))
    clock = np.concatenate([time_s, time_s[-1] + step * np.arange(1, len(padded) - len(pose) + 1)])
    ratio = np.asarray(angles.in_plane_ratio(padded, time_s=clock))[: len(pose)]
    front = np.asarray(angles.frontality(padded, time_s=clock))[: len(pose)]
    return ratio, validity.view(front)


def settle(theta: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Starts every run of segment directions in (-180, 180]; within a run they stay continuous.

    How often a limb turned while it was unseen or pointed at the camera cannot be known, so turns
    are not counted across such spans.

    Args:
        theta: [T,A] radians, unwrapped.
        valid: bool[T,A] in the picture plane.

    Returns:
        [T,A] radians; joint angles are left as they are.
    """
    out = np.array(theta)
    for column, definition in enumerate(angles.ANGLES):
        if definition.kind != "segment":
            continue
        value = out[:, column]
        state = np.where(np.isfinite(value), 1 + valid[:, column].astype(int), 0)
        starts = np.flatnonzero(np.diff(np.concatenate([[-1], state])))
        for first, last in zip(starts, [*starts[1:], len(value)], strict=True):
            if state[first]:
                value[first:last] -= 2 * np.pi * np.ceil(value[first] / (2 * np.pi) - 0.5)
    return out


def beside(raw: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Puts raw directions into the turn of the filtered ones, so that the two can be compared.

    Args:
        raw: [T,A] radians.
        theta: [T,A] radians, filtered.

    Returns:
        [T,A] raw plus whole turns, within half a turn of `theta`; as given where that is unknown.
    """
    turns = np.round((raw - theta) / (2 * np.pi))
    return raw - 2 * np.pi * np.where(np.isfinite(turns), turns, 0.0).astype(raw.dtype)


def analyse_person(
    clip: Clip,
    options: Options,
    music: rhythm.Music | None = None,
    draws: int | None = None,
) -> PersonAnalysis:
    """Analyses one dancer.

    Args:
        clip: HALPE-26, one person, pixels (y down) or metres (y up).
        options: the analysis options.
        music: beats of the music; None for none.
        draws: of the key points' errors behind an interval, see `intervals.Draws`.

    Returns:
        Everything the report says of this dancer.
    """
    time_s = clip.time_s
    raw = np.array(clip.pose[:, 0])
    confidence = np.nan_to_num(clip.confidence[:, 0])
    seen = quality.joint_seen(
        raw, confidence, options.min_confidence, clip.image_size if clip.unit == "px" else None
    )
    raw[~seen] = np.nan
    up = np.asarray(angles.image_to_y_up(raw)) if clip.unit == "px" else raw

    kept_up, filled = repair(up, time_s, options)
    smooth_up = low_pass(kept_up, time_s, options)
    theta_raw, theta = angle_series(up), angle_series(smooth_up)
    omega = np.asarray(motion.velocity(theta, time_s))
    joint_speed = np.asarray(motion.speed(smooth_up, time_s))

    planar = clip.pose.shape[-1] == 2
    names = angles.ANGLE_NAMES
    if planar:
        ratio, side = in_plane_ratio(smooth_up, time_s)
        compiled.give_back()
        in_plane = validity.in_plane(ratio, side, names) & np.isfinite(theta)
        in_plane &= validity.possible(theta, names)
        theta = settle(theta, in_plane)
        theta_raw = beside(settle(theta_raw, in_plane), theta)
    else:
        in_plane = np.isfinite(theta)
        ratio, side = np.where(in_plane, 1.0, np.nan), np.full(len(theta), -1, np.int8)
    status = quality.angle_status(np.isfinite(theta), in_plane, names, side, planar)

    height = float(scale.body_height(_padded(smooth_up)))
    if clip.unit == "m":
        per_unit, speed_unit, factor = 1.0, "m/s", 1.0
    elif options.height_m is not None and np.isfinite(height):
        per_unit = options.height_m / height
        speed_unit, factor = "m/s", per_unit
    else:
        per_unit, speed_unit, factor = None, "height/s", 1.0 / height
    speeds = _speeds(joint_speed) * factor

    smooth_out = np.asarray(angles.image_to_y_up(smooth_up)) if clip.unit == "px" else smooth_up
    person = PersonAnalysis(
        person_id=clip.person_ids[0],
        time_s=time_s,
        pose_raw=raw,
        pose=smooth_out,
        confidence=confidence,
        filled=filled,
        pose_world=None if clip.pose_world is None else clip.pose_world[:, 0],
        angle_names=names,
        angles_raw=np.degrees(theta_raw),
        angles=np.degrees(theta),
        in_plane=in_plane,
        in_plane_ratio=ratio,
        view=side if planar else None,
        angle_status=status,
        angular_velocity=np.degrees(omega),
        speed_names=SPEED_NAMES,
        speeds=speeds,
        speed_unit=speed_unit,
        height_px=height,
        metres_per_px=per_unit,
        parts=quality.part_quality(seen, confidence),
        measures=(),
        frames_with_pose=int(np.isfinite(clip.pose[:, 0]).all(-1).any(-1).sum()),
    )
    person = measures.with_measures(events.with_events(person, smooth_up))
    music = music or rhythm.Music(None, reason="no music was given")
    return biomechanics.with_movement(person, kept_up, smooth_up, options, clip.unit, music, draws)


def _speeds(joint_speed: np.ndarray) -> np.ndarray:
    """[T,S]: the whole body's mean joint speed first, then single joints, in unit/s."""
    body = joint_speed[:, [skeleton.index("halpe26", joint) for joint in BODY_JOINTS]]
    enough = np.isfinite(body).mean(-1) >= 0.5
    mean = np.full(len(body), np.nan, body.dtype)
    mean[enough] = np.nanmean(body[enough], -1)
    single = joint_speed[:, [skeleton.index("halpe26", joint) for joint in SPEED_JOINTS]]
    return np.concatenate([mean[:, None], single], -1)
