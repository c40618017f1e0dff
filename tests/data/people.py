"""Synthetic people in pixels, several at once, for tests of readers and of linking."""

from __future__ import annotations

import functools

import numpy as np

from dance_jax.data import synthetic
from dance_jax.types import Clip

SIZE = (1280, 720)


@functools.cache
def _dance(seed: int, duration_s: float, fps: float) -> synthetic.SyntheticDance:
    return synthetic.generate(seed, duration_s=duration_s, fps=fps)


def people(seed: int, count: int = 1, duration_s: float = 2.0, fps: float = 25.0) -> Clip:
    """A clip in px of `count` dancers side by side, every joint seen with a confidence."""
    rng = np.random.default_rng(seed)
    poses = []
    for k in range(count):
        dance = _dance(seed + k, duration_s, fps)
        flat = dance.pose[..., :2] * (250, -250) + (200 + 900 * (k + 0.5) / count, 640)
        poses.append(flat)
    pose = np.stack(poses, 1).astype(np.float32)
    frames = np.arange(pose.shape[0])
    sure = rng.uniform(0.3, 1, pose.shape[:3])
    return Clip(pose, sure, frames / fps, skeleton="halpe26", unit="px", image_size=SIZE)


def same(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-3) -> bool:
    """Whether two arrays have gaps in the same places and are near elsewhere."""
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True)
