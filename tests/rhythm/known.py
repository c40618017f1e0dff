"""Movements whose beats are known exactly, and trains of beats, for the tests of this room."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Moving(NamedTuple):
    """What `rhythm` asks of a movement: it need not be a `Movement`."""

    pose: np.ndarray
    time_s: np.ndarray


def stopping(beats_s: np.ndarray, time_s: np.ndarray, seed: int, dims: int = 3) -> Moving:
    """A body that goes from one random pose to the next and stands still at each beat.

    The speed is a half sine between two beats, so its minima are the beats. Paths are of like
    length, 0.3-0.45 body heights.
    """
    rng = np.random.default_rng(seed)
    step = rng.normal(size=(len(beats_s), 26, dims))
    step *= (
        rng.uniform(0.30, 0.45, (len(beats_s), 26, 1)) / np.linalg.norm(step, axis=-1)[..., None]
    )
    poses = rng.uniform(0, 1, (26, dims)) + np.cumsum(step, axis=0)
    left = np.clip(np.searchsorted(beats_s, time_s, side="right") - 1, 0, len(beats_s) - 2)
    part = np.clip((time_s - beats_s[left]) / (beats_s[left + 1] - beats_s[left]), 0, 1)
    blend = 0.5 - 0.5 * np.cos(np.pi * part)
    pose = poses[left] + blend[:, None, None] * (poses[left + 1] - poses[left])
    return Moving(pose.astype(np.float32), time_s)


def steady(bpm: float, start_s: float, end_s: float) -> np.ndarray:
    return np.arange(start_s, end_s, 60.0 / bpm)


def real(beats_s) -> np.ndarray:
    """The beats without the padding."""
    beats = np.asarray(beats_s, np.float64)
    return beats[np.isfinite(beats)]


def padded(beats_s: np.ndarray, size: int) -> np.ndarray:
    return np.pad(np.asarray(beats_s, np.float32), (0, size - len(beats_s)), constant_values=np.nan)
