"""Interpolation between clocks: uniform grids for non-uniform timestamps, and back."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.motion import velocity
from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import is_concrete, pad_time

_ROUNDING_S = 5.5e-4  # containers that keep whole milliseconds


def grid_for(time_s: np.ndarray, tolerance: float = 0.02) -> tuple[np.ndarray | None, float]:
    """Finds the median rate and, where the clock is not uniform, a uniform grid at it.

    Args:
        time_s: f64[T] seconds, strictly increasing.
        tolerance: largest drift from the uniform clock, in steps, that counts as uniform; a drift
            below half a millisecond always does (rounded timestamps).

    Returns:
        the grid f64[N] that covers the clock, or None where it is uniform; the rate in Hz.
    """
    steps = np.diff(time_s)
    mean = (time_s[-1] - time_s[0]) / len(steps)
    drift = time_s - (time_s[0] + mean * np.arange(len(time_s)))
    if np.ptp(drift) / 2 <= max(tolerance * mean, _ROUNDING_S):
        return None, 1.0 / mean
    step = float(np.median(steps))
    count = int(np.ceil((time_s[-1] - time_s[0]) / step - 1e-6)) + 1
    return time_s[0] + step * np.arange(count), 1.0 / step


@jax.jit
def _hermite(
    x: jnp.ndarray, slope: jnp.ndarray, left: jnp.ndarray, part: jnp.ndarray, step: jnp.ndarray
) -> jnp.ndarray:
    """Evaluates cubic Hermite pieces; beside a missing sample, runs straight on from the other."""
    a, b = x[left], x[jnp.minimum(left + 1, x.shape[0] - 1)]
    u, v = slope[left], slope[jnp.minimum(left + 1, x.shape[0] - 1)]
    f, h = part[:, None], step[:, None]
    has_a, has_b = jnp.isfinite(a), jnp.isfinite(b)
    a, b, u, v = finite_or(a), finite_or(b), finite_or(u) * h, finite_or(v) * h
    cubic = a + f * (u + f * (3 * (b - a) - 2 * u - v + f * (u + v - 2 * (b - a))))
    onward = a + f * u
    backward = b - (1 - f) * v
    one = jnp.where(has_a, onward, jnp.where(has_b, backward, jnp.nan))
    return jnp.where(has_a & has_b, cubic, one)


def to_grid(x: jnp.ndarray, time_s: np.ndarray, grid_s: np.ndarray) -> jnp.ndarray:
    """Interpolates x[T, D] at new times by cubic Hermite pieces.

    Slopes are the second-order differences of `motion.velocity`. A new time farther than one
    median step from every finite sample is NaN; within it, beside a gap or an end, the run goes
    straight on.

    Args:
        x: [T, D]; NaN where missing.
        time_s: f64[T] seconds (concrete: shapes depend on them).
        grid_s: f64[N] seconds.

    Returns:
        [N, D].
    """
    slope = velocity(x, time_s)
    slope = jnp.where(jnp.isfinite(x), finite_or(slope), jnp.nan)
    left = np.clip(np.searchsorted(time_s, grid_s, side="right") - 1, 0, len(time_s) - 2)
    step = time_s[left + 1] - time_s[left]
    part = (grid_s - time_s[left]) / step
    median = np.median(np.diff(time_s))
    if is_concrete(x):  # few shapes
        rows = np.ones(len(grid_s) - 1)
        x, _, _ = pad_time(x, np.diff(time_s))
        slope, _, _ = pad_time(slope, np.diff(time_s))
        n = len(grid_s)
        size = pad_time(np.zeros((n, 1), np.float32), rows)[0].shape[0] - n
        left, part, step = (np.pad(v, (0, size)) for v in (left, part, step))
    else:
        n = len(grid_s)
    dtype = x.dtype
    out = _hermite(x, slope, jnp.asarray(left), jnp.asarray(part, dtype), jnp.asarray(step, dtype))
    # Too far from the only finite neighbour: no sample stands behind the value.
    far_left = jnp.asarray(part * step > 1.01 * median)[:, None]
    far_right = jnp.asarray((1 - part) * step > 1.01 * median)[:, None]
    index = jnp.asarray(left)
    has_a = jnp.isfinite(x[index])
    has_b = jnp.isfinite(x[jnp.minimum(index + 1, x.shape[0] - 1)])
    alone = (has_a & ~has_b & far_left) | (has_b & ~has_a & far_right)
    return jnp.where(alone, jnp.nan, out)[:n]
