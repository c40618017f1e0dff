"""Averages over time that know true time stamps, missing frames and padding."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import all_finite, finite_or
from dance_jax.kinematics.windows import window_bounds

MIN_SEEN = 0.5  # least share of the time that must have been seen; below it a mean is NaN


def frame_weights(pose: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the seconds that each frame stands for (trapezoid rule), 0 outside the clip.

    The clip runs from the first to the last frame with any joint, so padding does not count.

    Args:
        pose: [T, J, C]; NaN where missing.
        time_s: [T] seconds.

    Returns:
        [T] seconds; they sum to the length of the clip.
    """
    some = all_finite(pose).any(-1).astype(jnp.int32)
    inside = (jax.lax.cummax(some) * jax.lax.cummax(some, reverse=True)) > 0
    time = jnp.asarray(time_s)
    step = jnp.where(inside[1:] & inside[:-1], jnp.maximum(time[1:] - time[:-1], 0.0), 0.0)
    step = step.astype(pose.dtype)
    return 0.5 * (jnp.pad(step, (0, 1)) + jnp.pad(step, (1, 0)))


def share_seen(seen: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
    """Returns the share of the clip's time in which `seen` holds; NaN for a clip of no length.

    Args:
        seen: bool[T, ...].
        weight: [T] of `frame_weights`.
    """
    weight = weight.reshape((-1,) + (1,) * (seen.ndim - 1))
    total = jnp.sum(weight)
    some = total > 0
    share = jnp.sum(jnp.where(seen, weight, 0.0), axis=0) / jnp.where(some, total, 1.0)
    return jnp.where(some, share, jnp.nan)


def time_mean(
    x: jnp.ndarray, weight: jnp.ndarray, min_seen: float | jnp.ndarray = MIN_SEEN
) -> jnp.ndarray:
    """Returns the mean over the time in which x is known.

        mean = sum_t w_t x_t / sum_t w_t

    Args:
        x: [T, ...]; NaN where not known.
        weight: [T] of `frame_weights`.
        min_seen: least share of the clip's time that must be known.

    Returns:
        [...]; NaN where too little was seen.
    """
    seen = jnp.isfinite(x)
    share = share_seen(seen, weight)
    weight = jnp.where(seen, weight.reshape((-1,) + (1,) * (x.ndim - 1)), 0.0)
    total = jnp.sum(weight, axis=0)
    some = (total > 0) & (share >= min_seen)
    mean = jnp.sum(weight * finite_or(x), axis=0) / jnp.where(some, total, 1.0)
    return jnp.where(some, mean, jnp.nan)


def time_variance(
    x: jnp.ndarray, weight: jnp.ndarray, min_seen: float | jnp.ndarray = MIN_SEEN
) -> jnp.ndarray:
    """Returns the variance about `time_mean`, with finite gradients also where it is NaN.

    Args:
        x: [T, ...]; NaN where not known.
        weight: [T] of `frame_weights`.
        min_seen: least share of the clip's time that must be known.
    """
    seen = jnp.isfinite(x)
    # Safe before the square: the gradient of a square of NaN is NaN, even times 0.
    away = jnp.where(seen, finite_or(x) - finite_or(time_mean(x, weight, min_seen)), 0.0)
    return time_mean(jnp.where(seen, away**2, jnp.nan), weight, min_seen)


def sliding_bounds(time_s: jnp.ndarray, window_s: float, n: int) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns start i32[T] and stop i32[T] (exclusive) of the window about every frame."""
    start, stop, _ = window_bounds(time_s, window_s, max_half=n)
    return start, stop


def sliding_mean(
    x: jnp.ndarray, weight: jnp.ndarray, bounds: tuple[jnp.ndarray, jnp.ndarray]
) -> jnp.ndarray:
    """Returns the mean over a window about every frame, by differences of running sums.

    Args:
        x: [T, ...]; NaN where not known.
        weight: [T] of `frame_weights`.
        bounds: of `sliding_bounds`.

    Returns:
        [T, ...]; NaN where less than half of the window is known.
    """
    start, stop = bounds

    def total(y: jnp.ndarray) -> jnp.ndarray:
        running = jnp.pad(jnp.cumsum(y, axis=0), [(1, 0)] + [(0, 0)] * (y.ndim - 1))
        return running[stop] - running[start]

    seen = jnp.isfinite(x)
    spread = weight.reshape((-1,) + (1,) * (x.ndim - 1))
    known = total(jnp.where(seen, spread, 0.0))
    enough = (known > 0) & (known >= MIN_SEEN * total(spread) * (1 - 1e-4))
    mean = total(jnp.where(seen, spread * finite_or(x), 0.0)) / jnp.where(enough, known, 1.0)
    return jnp.where(enough, mean, jnp.nan)


def sliding_max(x: jnp.ndarray, bounds: tuple[jnp.ndarray, jnp.ndarray]) -> jnp.ndarray:
    """Returns the greatest known value in a window about every frame.

    A table of maxima over 1, 2, 4, ... frames answers any window by two look-ups, in O(T log T).

    Args:
        x: [T]; NaN where not known.
        bounds: of `sliding_bounds`.

    Returns:
        [T]; NaN where the window holds nothing.
    """
    start, stop = bounds
    rows = [jnp.where(jnp.isfinite(x), x, -jnp.inf)]
    while 2 ** len(rows) <= x.shape[0]:
        half = 2 ** (len(rows) - 1)
        ahead = jnp.pad(rows[-1][half:], (0, half), constant_values=-jnp.inf)
        rows.append(jnp.maximum(rows[-1], ahead))
    table = jnp.stack(rows)
    length = jnp.maximum(stop - start, 1)
    level = jnp.floor(jnp.log2(length.astype(jnp.float32) + 0.5)).astype(jnp.int32)
    best = jnp.maximum(table[level, start], table[level, stop - 2**level])
    return jnp.where(jnp.isfinite(best), finite_or(best), jnp.nan)
