"""Outlier removal (Hampel) and filling of short gaps, both by seconds over true timestamps."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.windows import (
    bucket,
    floating,
    is_concrete,
    pad_time,
    time_steps,
    window_bounds,
    windowed,
)

_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_SLACK_S = 1e-4  # a gap of exactly the limit is filled despite rounded timestamps


def _nanmedian(x: jnp.ndarray) -> jnp.ndarray:
    """Returns the median over axis 1 of the entries that are not NaN."""
    count = jnp.isfinite(x).sum(axis=1, keepdims=True)
    ordered = jnp.sort(x, axis=1)  # NaN sorts to the end
    low = jnp.maximum((count - 1) // 2, 0)
    high = count // 2
    pick = functools.partial(jnp.take_along_axis, ordered, axis=1)
    return (0.5 * (pick(low) + pick(jnp.minimum(high, x.shape[1] - 1))))[:, 0]


@functools.partial(jax.jit, static_argnames="half")
def _hampel(
    x: jnp.ndarray, start: jnp.ndarray, stop: jnp.ndarray, n_sigma: jnp.ndarray, half: int
) -> tuple[jnp.ndarray, jnp.ndarray]:
    window = windowed(x, start, stop, half)
    centre = _nanmedian(window)
    sigma = _MAD_TO_SIGMA * _nanmedian(jnp.abs(window - centre[:, None]))
    # Rounding noise about a still signal (MAD = 0) is no outlier.
    least = 1e-5 * jnp.abs(centre) + 1e-12
    enough = jnp.isfinite(window).sum(axis=1) >= 3
    outlier = enough & jnp.isfinite(x) & (jnp.abs(x - centre) > n_sigma * sigma + least)
    return centre, outlier


def hampel(
    x: jnp.ndarray,
    time_s: jnp.ndarray,
    window_s: float = 0.3,
    n_sigma: float = 3.0,
    *,
    replace: str = "median",
    max_half: int | None = None,
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Finds samples far from their neighbours' median and replaces them.

        outlier: |x_t - median_w| > n_sigma * 1.4826 * median_w |x - median_w|

    The window holds every finite sample within half of `window_s` of t, t included; with fewer than
    three nothing is judged.

    Args:
        x: [T, ...]; NaN where missing. Every trailing element is judged by itself.
        time_s: [T] seconds, strictly increasing.
        window_s: whole window in seconds.
        n_sigma: threshold in robust standard deviations.
        replace: "median" puts the window's median in place of an outlier, "nan" leaves it missing.
        max_half: bound on the frames on either side, only where `time_s` is traced.

    Returns:
        x with outliers replaced [T, ...], and the outliers bool[T, ...].

    Source: Hampel 1974, J. Am. Stat. Assoc. 69.
    """
    x = floating(x)
    start, stop, half = window_bounds(time_s, window_s, max_half)
    n = x.shape[0]
    flat = x.reshape(n, -1)
    if is_concrete(x):  # few shapes: the padding has empty windows
        extra = bucket(n) - n
        flat = jnp.pad(flat, [(0, extra), (0, 0)], constant_values=jnp.nan)
        start, stop = jnp.pad(start, (0, extra)), jnp.pad(stop, (0, extra))
    centre, outlier = _hampel(flat, start, stop, jnp.asarray(n_sigma, x.dtype), half)
    centre, outlier = centre[:n].reshape(x.shape), outlier[:n].reshape(x.shape)
    return jnp.where(outlier, centre if replace == "median" else jnp.nan, x), outlier


@jax.jit
def _fill(
    x: jnp.ndarray, steps: jnp.ndarray, max_gap_s: jnp.ndarray
) -> tuple[jnp.ndarray, jnp.ndarray]:
    n = x.shape[0]
    column = (n,) + (1,) * (x.ndim - 1)
    seen = jnp.isfinite(x)
    here = jnp.arange(n).reshape(column)
    before = jax.lax.cummax(jnp.where(seen, here, -1), axis=0)
    after = jax.lax.cummin(jnp.where(seen, here, n), axis=0, reverse=True)
    interior = ~seen & (before >= 0) & (after < n)
    # Sums of steps from the last and to the next finite sample, not differences of large times.
    steps_in = jnp.broadcast_to(jnp.pad(steps, (1, 0)).reshape(column), x.shape)
    steps_out = jnp.broadcast_to(jnp.pad(steps, (0, 1)).reshape(column), x.shape)

    def since(carry: jnp.ndarray, row: tuple) -> tuple[jnp.ndarray, jnp.ndarray]:
        known, step = row
        carry = jnp.where(known, 0.0, carry + step)
        return carry, carry

    zero = jnp.zeros_like(x[0])
    _, past = jax.lax.scan(since, zero, (seen, steps_in))
    _, future = jax.lax.scan(since, zero, (seen, steps_out), reverse=True)
    first = jnp.minimum(before + 1, n - 1)
    span = past + future
    gap = span - jnp.take_along_axis(steps_in, first, axis=0)
    filled = interior & (gap <= max_gap_s + _SLACK_S)
    safe = jnp.where(seen, x, 0.0)
    left = jnp.take_along_axis(safe, jnp.maximum(before, 0), axis=0)
    right = jnp.take_along_axis(safe, jnp.minimum(after, n - 1), axis=0)
    weight = past / jnp.where(span > 0, span, 1.0)
    return jnp.where(filled, left + weight * (right - left), x), filled


def gap_fill(
    x: jnp.ndarray, time_s: jnp.ndarray, max_gap_s: float = 0.25
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Fills short interior gaps by straight lines in time; longer gaps and the ends stay NaN.

    A gap lasts from its first missing sample to the next finite one, so n missing frames at rate f
    last n / f seconds. Lines never overshoot; the low-pass that follows rounds their corners.

    Args:
        x: [T, ...]; NaN where missing. Every trailing element is filled by itself.
        time_s: [T] seconds, strictly increasing.
        max_gap_s: longest gap in seconds that is filled.

    Returns:
        x with gaps filled [T, ...], and the filled samples bool[T, ...].
    """
    x = floating(x)
    limit = jnp.asarray(max_gap_s, x.dtype)
    if x.shape[0] < 3:
        return x, jnp.zeros(x.shape, bool)
    steps = time_steps(time_s, x.dtype)
    if not is_concrete(x, time_s):
        return _fill(x, steps, limit)
    padded, steps, n = pad_time(x, np.asarray(steps))
    out, filled = _fill(padded, steps, limit)
    return out[:n], filled[:n]
