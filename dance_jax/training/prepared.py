"""Brings the poses of any clip to what the models are given: one person, one rate, body heights."""

from __future__ import annotations

import itertools

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.errors import InputError
from dance_jax.kinematics import scale
from dance_jax.types import Clip

MAX_GAP_S = 0.25  # what a limb does in a longer gap is not known
_PASSED = 0.4  # of the new rate: what a low-pass lets through before frames are left out
_SAME = 1e-3  # of a step
_DROP_TO = 0.9  # of the old rate; below it frames are left out, so that the low-pass is needed


def main_person(clip: Clip) -> int:
    """Returns the place of the person seen best: the most joints, each by the size of its body.

    A bystander in the background is seen as often as the dancer; the dancer is larger.
    """
    pose = clip.pose
    seen = np.isfinite(pose).all(-1)
    if clip.n_people == 1:
        return 0
    high = np.where(seen, pose[..., 1], -np.inf).max(-1)
    low = np.where(seen, pose[..., 1], np.inf).min(-1)
    size = np.where(seen.any(-1), high - low, 0.0)
    return int(np.argmax((seen.sum(-1) * np.where(np.isfinite(size), size, 0.0)).sum(0)))


def prepared(clip: Clip, *, fps: float, skeleton: str = "halpe26", axes: int = 2) -> Clip:
    """Brings one clip to one person, y up, one frame rate, and lengths in body heights.

    Rates differ from source to source, and so tell the source: all clips get the same. Where frames
    are left out, a zero-phase low-pass at 0.4 of the new rate goes first.

    Args:
        clip: any skeleton, unit and clock.
        fps: frames a second of the result.
        skeleton: of the result.
        axes: coordinates of the result, 2 or 3; a third one that is there is dropped for 2.

    Returns:
        A clip of one person in the unit "height", or as it was where the body cannot be measured
        in metres or pixels (`source["scaled"]` is False then); gaps up to 0.25 s are filled. The
        source tells its "start_s" in the clip, and its "pixels_per_unit" where it was in pixels.

    Raises:
        InputError: it has fewer axes, is shorter than two frames of the new rate, or shows nobody.
    """
    where = clip.source.get("name") or clip.source.get("path") or "clip"
    if clip.pose.shape[-1] < axes:
        raise InputError(f"it has {clip.pose.shape[-1]} coordinates, not {axes}", where, "axes=2")
    person = main_person(clip)
    pose = np.array(clip.pose[:, person, :, :axes], np.float32)
    pose[~np.isfinite(pose).all(-1)] = np.nan
    if not np.isfinite(pose).any():
        raise InputError("no frame shows a person", where, "leave it out")
    if clip.unit == "px":
        pose[..., 1] *= -1.0
    pose, _ = skeletons.convert(pose, clip.confidence[:, person], clip.skeleton, "halpe26")
    pose, time_s = at_rate(pose, clip.time_s, fps, where)
    height = float(scale.body_height(pose))
    if not np.isfinite(height) or height <= 0:
        height = float(scale.body_height_from_trunk(pose))
    scaled = bool(np.isfinite(height) and height > 0)
    pose = pose / np.float32(height) if scaled else pose
    if skeleton != "halpe26":
        pose, _ = skeletons.convert(pose, np.isfinite(pose).all(-1) * 1.0, "halpe26", skeleton)
    there = np.isfinite(pose).all(-1)
    source = {**clip.source, "fps": fps, "scaled": scaled, "start_s": float(clip.time_s[0])}
    if clip.unit == "px":
        source["pixels_per_unit"] = height if scaled else 1.0
    return Clip(
        pose=pose[:, None],
        confidence=there[:, None].astype(np.float32),
        time_s=time_s,
        skeleton=skeleton,
        unit="height" if scaled or clip.unit == "px" else clip.unit,
        person_ids=(clip.person_ids[person],),
        source=source,
        image_size=clip.image_size,
        labels=clip.labels,
    )


def at_rate(
    pose: np.ndarray, time_s: np.ndarray, fps: float, where: object = "clip"
) -> tuple[np.ndarray, np.ndarray]:
    """Brings poses to a uniform clock at one rate, short gaps filled.

    Args:
        pose: f32[T,J,C], NaN where missing.
        time_s: f64[T] seconds, increasing.
        fps: of the result.
        where: name for an error.

    Returns:
        (f32[N,J,C], f64[N] seconds from 0).

    Raises:
        InputError: it is shorter than two frames of the new rate.
    """
    count = int(np.floor((time_s[-1] - time_s[0]) * fps + 1e-3)) + 1 if len(time_s) > 1 else 1
    if count < 2:
        what = f"it lasts {time_s[-1] - time_s[0]:.3g} s, less than two frames at {fps:g}/s"
        raise InputError(what, where, "leave it out, or take a higher fps")
    pose = filled(pose, time_s, MAX_GAP_S)
    rate = 1.0 / float(np.median(np.diff(time_s)))
    if fps < _DROP_TO * rate:
        pose = low_passed(pose, _PASSED * fps / rate)
    clock = np.arange(count) / fps
    old = time_s - time_s[0]
    left = np.clip(np.searchsorted(old, clock, "right") - 1, 0, len(old) - 2)
    part = ((clock - old[left]) / (old[left + 1] - old[left])).astype(np.float32)
    # Clocks are rounded: what is meant to be a frame is that frame.
    part = np.where(part < _SAME, 0.0, np.where(part > 1 - _SAME, 1.0, part))[:, None, None]
    part = part.astype(np.float32)
    a, b = pose[left], pose[left + 1]
    mixed = (1 - part) * a + part * b
    # On a frame itself its neighbour does not count, missing or not.
    out = np.where(part == 0, a, np.where(part == 1, b, mixed))
    # Two frames far apart have nothing between them: nobody was seen there.
    wide = (old[left + 1] - old[left])[:, None, None] > max(MAX_GAP_S, 1.5 / rate)
    out = np.where(wide & (part > 0) & (part < 1), np.nan, out)
    return out.astype(np.float32), clock


def filled(pose: np.ndarray, time_s: np.ndarray, max_gap_s: float) -> np.ndarray:
    """Fills short gaps of each joint by straight lines between the frames about them.

    Args:
        pose: f32[T,J,C], NaN where missing.
        time_s: f64[T] seconds.
        max_gap_s: longest time between the two frames.

    Returns:
        f32[T,J,C].
    """
    out = np.array(pose)
    for joint in np.flatnonzero(np.isnan(pose).any((0, 2))):
        seen = np.flatnonzero(np.isfinite(pose[:, joint]).all(-1))
        for a, b in itertools.pairwise(seen):
            if b - a > 1 and time_s[b] - time_s[a] <= max_gap_s:
                part = (time_s[a + 1 : b] - time_s[a]) / (time_s[b] - time_s[a])
                step = pose[b, joint] - pose[a, joint]
                out[a + 1 : b, joint] = pose[a, joint] + part[:, None] * step
    return out


def low_passed(pose: np.ndarray, passed: float) -> np.ndarray:
    """Low-passes each joint's unbroken runs, forwards and backwards (4th-order Butterworth).

    Args:
        pose: f32[T,J,C], NaN where missing.
        passed: cut-off as a share of the frame rate.

    Returns:
        f32[T,J,C]; runs too short to be filtered are as they were.
    """
    from scipy import signal

    sections = signal.butter(2, min(2 * passed, 0.99), output="sos")
    shortest = 3 * (2 * len(sections) + 1) + 1
    out = np.array(pose)
    seen = np.isfinite(pose).all(-1)
    whole = seen.all(0)
    if whole.any() and len(pose) >= shortest:
        out[:, whole] = signal.sosfiltfilt(sections, pose[:, whole], axis=0)
    for joint in np.flatnonzero(~whole):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], seen[:, joint].view(np.int8), [0]])))
        for a, b in edges.reshape(-1, 2):
            if b - a >= shortest:
                out[a:b, joint] = signal.sosfiltfilt(sections, pose[a:b, joint], axis=0)
    return out
