"""Means over true time and uniform grids of a clip's seen span, with fixed shapes."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import floating, time_steps

_SLACK = 1e-3  # seconds: a span that is short only by the rounding of its time stamps is whole


def time_weights(seen: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the seconds that each frame stands for: half of the steps to its seen neighbours.

        w_t = (h_{t-1} + h_t) / 2,   h_t = time_{t+1} - time_t where both frames are seen, else 0

    Args:
        seen: bool[T, ...].
        time_s: [T] seconds.

    Returns:
        [T, ...] seconds; 0 for a missing frame and for a frame between two gaps.
    """
    steps = time_steps(time_s, jnp.result_type(float))
    steps = jnp.maximum(steps, 0.0).reshape((-1,) + (1,) * (seen.ndim - 1))
    half = jnp.where(seen[1:] & seen[:-1], 0.5 * steps, 0.0)
    rest = [(0, 0)] * (seen.ndim - 1)
    return jnp.pad(half, [(1, 0), *rest]) + jnp.pad(half, [(0, 1), *rest])


def long_enough(seconds: jnp.ndarray, least_s: float) -> jnp.ndarray:
    """Says whether so many seen seconds carry a measure that needs `least_s`."""
    return seconds >= least_s - _SLACK


def time_mean(
    x: jnp.ndarray,
    time_s: jnp.ndarray,
    least_s: float = 0.5,
    seen: jnp.ndarray | None = None,
) -> jnp.ndarray:
    """Returns the mean over the seen time, by the trapezoid rule.

        mean = sum_t w_t x_t / sum_t w_t

    Args:
        x: [T, ...]; NaN where missing.
        time_s: [T] seconds.
        least_s: seen seconds below which the result is NaN.
        seen: bool[T, ...] where x is known, None asks x itself: if x costs much to compute, a mask
            from before spares computing it once more for each weight.

    Returns:
        [...] in x's unit.
    """
    weight = time_weights(jnp.isfinite(x) if seen is None else seen, time_s)
    total = weight.sum(0)
    good = long_enough(total, least_s) & (total > 0)
    mean = (weight * finite_or(x)).sum(0) / jnp.where(good, total, 1.0)
    return jnp.where(good, mean, jnp.nan)


class Grid(NamedTuple):
    """A clip's channels at T evenly spaced times from its first seen frame to its last.

    Attributes:
        value: [T, K]; gaps are filled along straight lines, ends held; 0 where a channel is empty.
        seen: bool[T, K], false in filled places.
        share: [K] in [0, 1], frames that were seen of those within the span.
        start_s: time of the first sample, seconds.
        step_s: seconds between samples; 0 where fewer than two frames were seen.
    """

    value: jnp.ndarray
    seen: jnp.ndarray
    share: jnp.ndarray
    start_s: jnp.ndarray
    step_s: jnp.ndarray


def _neighbours(finite: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns the last finite frame up to each (or -1) and the next from it (or T): i32[T, K]."""
    n = finite.shape[0]
    ways = jnp.stack([finite, finite[::-1]], axis=1)
    rows = jnp.arange(n, dtype=jnp.int32)

    def step(latest: jnp.ndarray, row: tuple) -> tuple[jnp.ndarray, jnp.ndarray]:
        latest = jnp.where(row[1], row[0], latest)
        return latest, latest

    # A loop compiles in a tenth of the time of a cumulative maximum, which is unrolled.
    start = jnp.full(ways.shape[1:], -1, jnp.int32)
    latest = jax.lax.scan(step, start, (rows, ways))[1]
    return latest[:, 0], (n - 1 - latest[:, 1])[::-1]


def to_uniform(x: jnp.ndarray, time_s: jnp.ndarray) -> Grid:
    """Interpolates channels linearly onto an even grid of as many samples as there are frames.

    A uniform clock without gaps gives the samples back as they are; padded (missing) frames at the
    end only make the grid finer.

    Args:
        x: [T, K]; NaN where missing.
        time_s: [T] seconds, increasing.
    """
    x = floating(x)
    n = x.shape[0]
    time = jnp.asarray(time_s, x.dtype)
    finite = jnp.isfinite(x)
    some = finite.any(1)
    any_seen = some.any()
    start = jnp.where(any_seen, jnp.min(jnp.where(some, time, jnp.inf)), 0.0)
    stop = jnp.where(any_seen, jnp.max(jnp.where(some, time, -jnp.inf)), 0.0)
    step = (stop - start) / max(n - 1, 1)
    grid = start + step * jnp.arange(n)

    before, after = _neighbours(finite)
    left = jnp.clip(jnp.searchsorted(time, grid, side="right") - 1, 0, max(n - 2, 0))
    right = jnp.minimum(left + 1, n - 1)
    a, b = before[left], after[right]
    a, b = jnp.where(a < 0, b, a), jnp.where(b >= n, a, b)  # ends are held
    a, b = jnp.clip(a, 0, n - 1), jnp.clip(b, 0, n - 1)
    width = time[b] - time[a]
    wide = width > 0
    part = jnp.where(wide, (grid[:, None] - time[a]) / jnp.where(wide, width, 1.0), 0.0)
    part = jnp.clip(part, 0.0, 1.0)
    safe = finite_or(x)
    low = jnp.take_along_axis(safe, a, axis=0)
    value = low + part * (jnp.take_along_axis(safe, b, axis=0) - low)

    # A sample counts as seen between two seen frames, or on one of them but for rounding.
    width = time[right] - time[left]
    place = ((grid - time[left]) / jnp.where(width > 0, width, 1.0))[:, None]
    seen = (finite[left] | (place > 0.999)) & (finite[right] | (place < 0.001))
    span = (time >= start) & (time <= stop) & any_seen
    share = finite.sum(0) / jnp.maximum(span.sum(), 1)
    return Grid(value, seen & any_seen, share, start, step)


def from_uniform(value: jnp.ndarray, grid: Grid, time_s: jnp.ndarray) -> jnp.ndarray:
    """Interpolates samples [T, K] of a grid linearly back to the frames' times; ends are held."""
    n = value.shape[0]
    step = jnp.where(grid.step_s > 0, grid.step_s, 1.0)
    place = jnp.clip((jnp.asarray(time_s, step.dtype) - grid.start_s) / step, 0.0, n - 1)
    left = jnp.clip(jnp.floor(place).astype(jnp.int32), 0, max(n - 2, 0))
    part = (place - left)[:, None]
    right = jnp.minimum(left + 1, n - 1)
    return value[left] + part * (value[right] - value[left])
