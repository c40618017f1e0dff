"""Sliding windows in seconds over true timestamps, and padding of the time axis to few sizes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

_SLACK = 1e-6  # seconds: frames exactly on a window's edge belong to it despite rounding


def is_concrete(*values: object) -> bool:
    """True when none of the values is being traced by a JAX transformation."""
    return not any(isinstance(value, jax.core.Tracer) for value in values)


def window_bounds(
    time_s: np.ndarray, window_s: float, max_half: int | None = None
) -> tuple[jnp.ndarray, jnp.ndarray, int]:
    """Finds for every frame the frames within half a window of it.

    Args:
        time_s: [T] seconds, strictly increasing.
        window_s: whole width of the window in seconds.
        max_half: bound on the frames on either side; needed only where `time_s` is traced.

    Returns:
        start i32[T], stop i32[T] (exclusive), and the greatest number of frames on either side.

    Raises:
        ValueError: `time_s` is traced and `max_half` is not given: shapes must be known.
    """
    if is_concrete(time_s):
        time = np.asarray(time_s, np.float64)
        start = np.searchsorted(time, time - window_s / 2 - _SLACK, side="left")
        stop = np.searchsorted(time, time + window_s / 2 + _SLACK, side="right")
        here = np.arange(len(time))
        half = int(max(np.max(here - start, initial=0), np.max(stop - 1 - here, initial=0)))
        half = half if max_half is None else min(half, max_half)
        return jnp.asarray(start, jnp.int32), jnp.asarray(stop, jnp.int32), half
    if max_half is None:
        raise ValueError("under jit or vmap over time_s, give max_half (frames on either side)")
    slack = _SLACK + 1e-6 * jnp.max(jnp.abs(time_s))  # float32 seconds
    start = jnp.searchsorted(time_s, time_s - window_s / 2 - slack, side="left")
    stop = jnp.searchsorted(time_s, time_s + window_s / 2 + slack, side="right")
    return start.astype(jnp.int32), stop.astype(jnp.int32), max_half


def windowed(
    x: jnp.ndarray, start: jnp.ndarray, stop: jnp.ndarray, half: int, fill: float = jnp.nan
) -> jnp.ndarray:
    """Gathers a signal into one window a sample.

    Args:
        x: [T, ...].
        start: i32[T] first sample of each window.
        stop: i32[T] sample after its last.
        half: samples to each side that a window may hold.
        fill: what stands outside the bounds.

    Returns:
        [T, 2 half + 1, ...].
    """
    here = jnp.arange(x.shape[0])[:, None] + jnp.arange(-half, half + 1)[None, :]
    inside = (here >= start[:, None]) & (here < stop[:, None])
    taken = x[jnp.clip(here, 0, x.shape[0] - 1)]
    return jnp.where(inside.reshape(inside.shape + (1,) * (x.ndim - 1)), taken, fill)


def bucket(n: int, least: int = 64) -> int:
    """Returns the next of 64, 96, 128, 192, 256, ...: few shapes, so few compilations."""
    size = least
    while size < n:
        size = size * 3 // 2 if (size & (size - 1)) == 0 else size * 4 // 3
    return size


def pad_time(
    x: np.ndarray | jnp.ndarray, step_s: np.ndarray
) -> tuple[jnp.ndarray, jnp.ndarray, int]:
    """Pads x[T, ...] with NaN, and its T - 1 time steps with ones, up to a bucket size."""
    n = x.shape[0]
    size = bucket(n)
    rows = [(0, size - n)] + [(0, 0)] * (x.ndim - 1)
    padded = jnp.pad(jnp.asarray(x), rows, constant_values=jnp.nan)
    steps = np.pad(np.asarray(step_s), (0, size - 1 - len(step_s)), constant_values=1.0)
    return padded, jnp.asarray(steps, padded.dtype), n


def floating(x: object) -> jnp.ndarray:
    """Returns x as a floating array (integers become float32)."""
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)


def time_steps(time_s: object, dtype: object) -> np.ndarray | jnp.ndarray:
    """Returns T - 1 steps; taken in float64 first, as float32 seconds lose them in long clips."""
    if is_concrete(time_s):
        return np.diff(np.asarray(time_s, np.float64)).astype(dtype)
    return jnp.diff(time_s).astype(dtype)
