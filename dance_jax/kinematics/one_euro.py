"""The One-Euro filter: a low-pass for streams whose cut-off rises with speed."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import floating, is_concrete, pad_time, time_steps


class OneEuroState(NamedTuple):
    """What the filter remembers between samples.

    Attributes:
        value: last output; 0 before the first sample.
        raw: last finite input.
        slope: last smoothed derivative, units per second.
        waited: seconds since the last finite input.
        started: True once there was one.
    """

    value: jnp.ndarray
    raw: jnp.ndarray
    slope: jnp.ndarray
    waited: jnp.ndarray
    started: jnp.ndarray


def one_euro_init(like: jnp.ndarray) -> OneEuroState:
    """Returns the state before the first sample, for samples shaped like `like`."""
    zero = jnp.zeros_like(floating(like))
    return OneEuroState(zero, zero, zero, zero, jnp.zeros(zero.shape, bool))


def _blend(cutoff_hz: jnp.ndarray, step_s: jnp.ndarray) -> jnp.ndarray:
    """Returns alpha = r / (r + 1), r = 2 pi f_c dt."""
    r = 2 * math.pi * cutoff_hz * step_s
    return r / (r + 1)


def one_euro_step(
    state: OneEuroState,
    x: jnp.ndarray,
    step_s: jnp.ndarray,
    min_cutoff_hz: float = 1.0,
    beta: float = 0.007,
    d_cutoff_hz: float = 1.0,
) -> tuple[OneEuroState, jnp.ndarray]:
    """Filters one sample of a stream.

        dx = (x - x_prev) / dt, low-passed at d_cutoff;  f_c = min_cutoff + beta |dx|
        y = a x + (1 - a) y_prev,   a = r / (r + 1),   r = 2 pi f_c dt

    Args:
        state: from `one_euro_init` or the last call.
        x: [...] the sample; NaN where missing: the output is NaN and the state waits.
        step_s: seconds since the last call.
        min_cutoff_hz: cut-off at rest; lower = smoother.
        beta: how fast the cut-off rises with speed, Hz per (unit / s); higher = less lag.
        d_cutoff_hz: cut-off of the speed.

    Returns:
        the new state, and the filtered sample [...].

    Source: Casiez, Roussel, Vogel 2012, CHI.
    """
    seen = jnp.isfinite(x)
    safe = finite_or(x)
    step = state.waited + step_s
    safe_step = jnp.where(step > 0, step, 1.0)
    raw_slope = jnp.where(state.started & (step > 0), (safe - state.raw) / safe_step, 0.0)
    a_d = _blend(jnp.asarray(d_cutoff_hz, safe.dtype), safe_step)
    slope = a_d * raw_slope + (1 - a_d) * state.slope
    a = _blend(min_cutoff_hz + beta * jnp.abs(slope), safe_step)
    value = jnp.where(state.started, a * safe + (1 - a) * state.value, safe)
    new = OneEuroState(
        jnp.where(seen, value, state.value),
        jnp.where(seen, safe, state.raw),
        jnp.where(seen, slope, state.slope),
        jnp.where(seen, 0.0, step),
        state.started | seen,
    )
    return new, jnp.where(seen, value, jnp.nan)


def one_euro(
    x: jnp.ndarray,
    time_s: jnp.ndarray,
    min_cutoff_hz: float = 1.0,
    beta: float = 0.007,
    d_cutoff_hz: float = 1.0,
) -> jnp.ndarray:
    """Filters a whole signal causally with `one_euro_step`.

    Args:
        x: [T, ...]; NaN where missing.
        time_s: [T] seconds, strictly increasing.
        min_cutoff_hz: see `one_euro_step`.
        beta: see `one_euro_step`.
        d_cutoff_hz: see `one_euro_step`.

    Returns:
        [T, ...], NaN where x is.
    """
    x = floating(x)
    n = x.shape[0]
    steps = time_steps(time_s, x.dtype)
    if is_concrete(x, time_s):
        x, steps, n = pad_time(x, steps)
    return _one_euro(x, jnp.asarray(steps), min_cutoff_hz, beta, d_cutoff_hz)[:n]


@jax.jit
def _one_euro(
    x: jnp.ndarray, steps: jnp.ndarray, min_cutoff_hz: float, beta: float, d_cutoff_hz: float
) -> jnp.ndarray:
    def step(state: OneEuroState, row: tuple) -> tuple[OneEuroState, jnp.ndarray]:
        sample, dt = row
        return one_euro_step(state, sample, dt, min_cutoff_hz, beta, d_cutoff_hz)

    return jax.lax.scan(step, one_euro_init(x[0]), (x, jnp.pad(steps, (1, 0))))[1]
