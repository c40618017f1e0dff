"""Poses about the instant at which a body leaves the ground, the same frames of every clip."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.types import Clip

BEFORE_S, AFTER_S, RATE = 1.2, 0.6, 20.0
"""The window about the take-off and its frames a second."""

_EDGE_S = 0.25  # at the ends of a recording an estimator's glitch is higher than any jump
_LEFT = 0.25  # of the highest rise of the lower ankle: above it the body flies
_SMOOTH_S = 0.08
_RUN_UP_S = (0.6, 0.1)  # before the take-off, where the travel is measured


class Flight(NamedTuple):
    """The frames of a jump: the take-off, the highest place of the lower ankle, the landing."""

    take_off: int
    top: int
    landing: int


def smoothed(clip: Clip) -> np.ndarray:
    """Returns f64[T,J,C], each joint through a median and a mean; NaN where a frame lacks it."""
    from scipy import ndimage

    pose = np.asarray(clip.pose[:, 0], np.float64)
    step = float(np.median(np.diff(clip.time_s)))
    width = max(round(_SMOOTH_S / step) // 2 * 2 + 1, 1)
    whole = np.isfinite(pose).all((0, 2))
    out = np.full(pose.shape, np.nan)
    clean = ndimage.median_filter(pose[:, whole], size=(width, 1, 1), mode="nearest")
    out[:, whole] = ndimage.uniform_filter1d(clean, max(width // 2, 1), axis=0, mode="nearest")
    return out


def find_flight(clip: Clip, pose: np.ndarray) -> Flight:
    """Finds the jump: where the lower ankle is highest, and where it rises and comes down.

    Args:
        clip: for the clock and the skeleton.
        pose: of `smoothed`.

    Raises:
        ValueError: the ankles are not seen in every frame.
    """
    ankles = [skeletons.index(clip.skeleton, f"{side}_ankle") for side in ("left", "right")]
    low = pose[:, ankles, 1].min(1)
    if not np.isfinite(low).all():
        raise ValueError("the ankles are not seen in every frame")
    step = float(np.median(np.diff(clip.time_s)))
    edge = min(int(_EDGE_S / step), (len(low) - 1) // 2)
    top = edge + int(np.argmax(low[edge : len(low) - edge]))
    usual = float(np.median(low))
    level = usual + _LEFT * (low[top] - usual)
    down = np.flatnonzero(low <= level)
    before, after = down[down <= top], down[down > top]
    take_off = int(before[-1]) if len(before) else 0
    return Flight(take_off, top, int(after[0]) if len(after) else len(low) - 1)


def about_take_off(clip: Clip, *, travel: bool = False, directions: bool = False) -> np.ndarray:
    """Returns the body from 1.2 s before to 0.6 s after the take-off, at 20 frames a second.

    Of each frame: the joints about the hips in body heights (or the directions of the limbs), the
    velocity of the hips, one ankle from the other, and the ankles below the hips. Frames before the
    first or after the last one repeat it.

    Args:
        clip: of three coordinates, y up, as `prepared.prepared` gives it.
        travel: turn the body about the vertical so that the run-up goes along x; else the heading
            of the recording is kept, which means something where all jump along one line.
        directions: unit vectors along limbs, so that proportions do not count.

    Returns:
        f64[F]; F depends on the skeleton and on which joints are ever seen by a sensor.

    Raises:
        ValueError: it has two coordinates, or the ankles are not seen in every frame.
    """
    if clip.pose.shape[-1] != 3:
        raise ValueError("the take-off is looked at in three dimensions")
    pose = smoothed(clip)
    found = find_flight(clip, pose)
    rate = 1.0 / float(np.median(np.diff(clip.time_s)))

    def at(name: str) -> int:
        return skeletons.index(clip.skeleton, name)

    def middle(part: str) -> np.ndarray:
        return 0.5 * (pose[:, at(f"left_{part}")] + pose[:, at(f"right_{part}")])

    if travel:
        start, end = (max(found.take_off - int(s * rate), 0) for s in _RUN_UP_S)
        way = middle("hip")[end] - middle("hip")[start]
        pose = _turned(pose, float(np.arctan2(way[2], way[0])))
    clock = found.take_off + np.arange(-BEFORE_S, AFTER_S + 1e-9, 1.0 / RATE) * rate
    clock = np.clip(clock, 0, len(pose) - 1)
    left = np.minimum(clock.astype(int), len(pose) - 2)
    part = (clock - left)[:, None, None]
    pose = (1 - part) * pose[left] + part * pose[left + 1]
    hips = middle("hip")
    if directions:
        pairs = [
            (f"{side}_{a}", f"{side}_{b}")
            for side in ("left", "right")
            for a, b in (
                ("hip", "knee"),
                ("knee", "ankle"),
                ("shoulder", "elbow"),
                ("elbow", "wrist"),
            )
        ]
        pairs += [("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")]
        limbs = [pose[:, at(b)] - pose[:, at(a)] for a, b in pairs] + [middle("shoulder") - hips]
        body = np.stack(limbs, axis=1)
        body = body / np.maximum(np.linalg.norm(body, axis=-1, keepdims=True), 1e-3)
    else:
        body = pose - hips[:, None]
    ankles = [pose[:, at("left_ankle")], pose[:, at("right_ankle")]]
    parts = [
        body.reshape(len(pose), -1),
        np.gradient(hips, 1.0 / RATE, axis=0),
        ankles[0] - ankles[1],
        np.stack([ankle[:, 1] - hips[:, 1] for ankle in ankles], axis=1),
    ]
    return np.nan_to_num(np.concatenate(parts, axis=1)).ravel()


def _turned(pose: np.ndarray, angle: float) -> np.ndarray:
    """Turns [T,J,3] about the vertical so that the direction `angle` in (x, z) becomes x."""
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = np.moveaxis(pose, -1, 0)
    return np.stack([c * x + s * z, y, c * z - s * x], -1)
