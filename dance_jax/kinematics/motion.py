"""Velocity, acceleration, jerk and angular velocity from true, non-uniform timestamps; unwrapping.

Missing samples stay missing: each run of finite samples is differentiated by itself, with one-sided
differences at its ends.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.vectors import all_finite, finite_or, safe_norm
from dance_jax.kinematics.windows import floating, is_concrete, pad_time, time_steps


def _shift(x: jnp.ndarray, by: int, fill: float) -> jnp.ndarray:
    """Returns y with y[t] = x[t + by], `fill` where that is outside."""
    n = x.shape[0]
    rows = [(max(-by, 0), max(by, 0))] + [(0, 0)] * (x.ndim - 1)
    return jnp.pad(x, rows, constant_values=fill)[max(by, 0) : max(by, 0) + n]


@jax.jit
def _gradient(x: jnp.ndarray, steps: jnp.ndarray) -> jnp.ndarray:
    """Differentiates x[T, ...] over steps[T - 1]: second order, NaN-aware."""
    shape, n = x.shape, x.shape[0]
    # One long axis beside time: a processor's vectors run along the innermost axis only.
    x = x.reshape(n, math.prod(shape[1:]))
    forward = steps > 0  # a repeated or reversed time stamp has no slope
    steps = jnp.where(forward, steps, 1.0)
    slope = jnp.where(forward[:, None], (x[1:] - x[:-1]) / steps[:, None], jnp.nan)
    slope = jnp.pad(slope, [(2, 2), (0, 0)], constant_values=jnp.nan)
    steps = jnp.pad(steps, (2, 2), constant_values=1.0)[:, None]
    known = jnp.isfinite(slope)
    slope = finite_or(slope)
    behind2, behind, ahead, ahead2 = (slope[k : k + n] for k in range(4))
    has_behind2, has_behind, has_ahead, has_ahead2 = (known[k : k + n] for k in range(4))
    g2, g, h, h2 = (steps[k : k + n] for k in range(4))
    central = g * ahead + h * behind
    first = ahead * (h + h2) - (ahead2 - ahead) * h
    last = behind * (g + g2) + (behind - behind2) * g
    first = jnp.where(has_ahead2, first, ahead)  # a run of two samples has one slope
    last = jnp.where(has_behind2, last, behind)
    above = jnp.where(has_ahead & has_behind, central, jnp.where(has_ahead, first, last))
    below_first = jnp.where(has_ahead2, h + h2, 1.0)
    below_last = jnp.where(has_behind2, g + g2, 1.0)
    below = jnp.where(has_ahead, jnp.where(has_behind, g + h, below_first), below_last)
    # The division comes last: XLA computes one once, and repeats anything cheaper in every user.
    return (jnp.where(has_ahead | has_behind, above, jnp.nan) / below).reshape(shape)


def _derivative(x: jnp.ndarray, time_s: jnp.ndarray, order: int) -> jnp.ndarray:
    x = floating(x)
    if x.shape[0] < 2:
        return jnp.full_like(x, jnp.nan)
    steps = time_steps(time_s, x.dtype)
    n = x.shape[0]
    if is_concrete(x, time_s):
        x, steps, n = pad_time(x, steps)
    for _ in range(order):
        x = _gradient(x, steps)
    return x[:n]


def velocity(x: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Differentiates once over time with second-order non-uniform central differences.

        v_t = (h- s+ + h+ s-) / (h- + h+),   s+- the slopes and h+- the steps to the neighbours

    The ends of a run of finite samples use second-order one-sided differences (a run of two samples
    has one slope, a lone sample has none: NaN). Equals `np.gradient(x, t, axis=0, edge_order=2)`.

    Args:
        x: [T, ...] in any unit; NaN where missing.
        time_s: [T] seconds, strictly increasing; two equal stamps part the runs like a gap.

    Returns:
        [T, ...] in units per second.
    """
    return _derivative(x, time_s, 1)


def acceleration(x: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Differentiates twice (`velocity` of `velocity`): [T, ...] in units per second squared."""
    return _derivative(x, time_s, 2)


def jerk(x: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Differentiates three times: [T, ...] in units per second cubed; for filtered signals."""
    return _derivative(x, time_s, 3)


def speed(x: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns |dx/dt| along the last axis: [T, ..., C] -> [T, ...] in units per second."""
    v = velocity(x, time_s)
    return jnp.where(all_finite(v), safe_norm(finite_or(v)), jnp.nan)


def unwrap(x: jnp.ndarray, axis: int = 0) -> jnp.ndarray:
    """Makes angles continuous: every step between finite neighbours lies within half a turn.

    Missing samples are passed over: the next finite one is compared with the last finite one.

    Args:
        x: radians; NaN where missing.
        axis: the time axis.

    Returns:
        radians, of the same shape; NaN where x is.
    """
    x = jnp.moveaxis(floating(x), axis, 0)
    n = x.shape[0]
    if is_concrete(x) and n:
        x, _, _ = pad_time(x, np.ones(n - 1))
    return jnp.moveaxis(_unwrap(x)[:n], 0, axis)


@jax.jit
def _unwrap(x: jnp.ndarray) -> jnp.ndarray:
    """Unwraps along axis 0."""
    n = x.shape[0]
    seen = jnp.isfinite(x)
    here = jnp.where(seen, jnp.arange(n).reshape((n,) + (1,) * (x.ndim - 1)), -1)
    latest = jax.lax.cummax(here, axis=0)
    before = _shift(latest, -1, -1)
    safe = finite_or(x)
    previous = jnp.take_along_axis(safe, jnp.maximum(before, 0), axis=0)
    step = jnp.where(seen & (before >= 0), safe - previous, 0.0)
    # Whole turns are counted as numbers and multiplied once, so no rounding piles up.
    turns = jnp.where(jnp.abs(step) <= np.pi, 0.0, jnp.round(step / (2 * np.pi)))
    out = safe - 2 * np.pi * jnp.cumsum(jax.lax.stop_gradient(turns), axis=0)
    return jnp.where(seen, out, jnp.nan)


def angular_velocity(theta: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns d(theta)/dt of an angle that may be wrapped: `velocity` of `unwrap`.

    Args:
        theta: [T, ...] radians; NaN where missing.
        time_s: [T] seconds.

    Returns:
        [T, ...] radians per second.
    """
    return velocity(unwrap(theta, axis=0), time_s)
