"""Beats of the movement: where the body all but stops, where it is fastest, where it brakes."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import finite_or
from dance_jax.rhythm.speed_curve import SMOOTH_S, Curve, Moved, mean_speed, smoothed

PROMINENCE = 0.10  # of the range of the curve (5th to 95th percentile)
LEAST_SPEED = 0.02  # body heights per second: less is the trembling of a body that stands still


class Beats(NamedTuple):
    """Moments, in order of time; a pytree of fixed size.

    Attributes:
        time_s: [K] seconds; NaN after the last.
        value: [K] of the curve at that moment; NaN after the last.
    """

    time_s: jnp.ndarray
    value: jnp.ndarray


@jax.jit
def turning_points(x: jnp.ndarray, prominence: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Finds the minima and maxima that stand out by at least `prominence` on both sides.

    One pass with hysteresis: a lowest point counts once the signal has risen by the prominence
    after it, and had fallen by it before. The same points as
    `scipy.signal.find_peaks(-x, prominence=prominence)`; each run of finite samples by itself.

    Args:
        x: [N]; NaN where missing.
        prominence: scalar, positive, in the unit of x.

    Returns:
        bool[N] minima, bool[N] maxima.
    """
    x = jax.lax.stop_gradient(x)
    n = x.shape[0]

    def step(state: tuple, row: tuple) -> tuple[tuple, tuple]:
        heading, high, high_at, low, low_at = state
        here, v = row
        known = jnp.isfinite(v)
        higher, lower = v > high, v < low
        high, high_at = jnp.where(higher, v, high), jnp.where(higher, here, high_at)
        low, low_at = jnp.where(lower, v, low), jnp.where(lower, here, low_at)
        fell = (heading >= 0) & (v <= high - prominence)
        rose = (heading <= 0) & (v >= low + prominence) & ~fell
        top = jnp.where(known & fell & (heading > 0), high_at, n)
        bottom = jnp.where(known & rose & (heading < 0), low_at, n)
        turned = fell | rose
        heading = jnp.where(fell, -1, jnp.where(rose, 1, heading))
        high, high_at = jnp.where(turned, v, high), jnp.where(turned, here, high_at)
        low, low_at = jnp.where(turned, v, low), jnp.where(turned, here, low_at)
        state = (
            jnp.where(known, heading, 0),
            jnp.where(known, high, -jnp.inf),
            jnp.where(known, high_at, here),
            jnp.where(known, low, jnp.inf),
            jnp.where(known, low_at, here),
        )
        return state, (bottom, top)

    zero = jnp.zeros((), jnp.int32)
    start = (zero, jnp.full((), -jnp.inf, x.dtype), zero, jnp.full((), jnp.inf, x.dtype), zero)
    _, (bottoms, tops) = jax.lax.scan(step, start, (jnp.arange(n, dtype=jnp.int32), x))
    none = jnp.zeros(n, bool)
    return none.at[bottoms].set(True, mode="drop"), none.at[tops].set(True, mode="drop")


def _moments(curve: Curve, at: jnp.ndarray) -> Beats:
    """Gathers marked samples [N] in order of time, each moved to the vertex of its parabola."""
    y = curve.value
    n = y.shape[0]
    before = jnp.concatenate([y[:1], y[:-1]])
    after = jnp.concatenate([y[1:], y[-1:]])
    bend = before - 2 * y + after
    good = at & jnp.isfinite(bend) & (jnp.abs(bend) > 0)
    rise = jnp.where(good, before - after, 0.0)
    shift = jnp.clip(0.5 * rise / jnp.where(good, bend, 1.0), -1.0, 1.0)
    value = finite_or(y) - 0.25 * rise * shift
    size = n // 2 + 1  # minima cannot lie closer than two samples
    order = jnp.nonzero(at, size=size, fill_value=n)[0]
    inside = order < n
    order = jnp.minimum(order, n - 1)
    time = curve.time_s + shift * curve.step_s
    return Beats(jnp.where(inside, time[order], jnp.nan), jnp.where(inside, value[order], jnp.nan))


def prominence_of(value: jnp.ndarray, share: float, least: float) -> jnp.ndarray:
    """Returns the prominence asked for: a share of the curve's range, but no less than `least`."""
    wide = upper_percentile(value, 95.0) - upper_percentile(value, 5.0)
    return jnp.maximum(share * finite_or(wide), least)


@jax.jit
def beats_of_speed(
    speed: jnp.ndarray,
    time_s: jnp.ndarray,
    *,
    sigma_s: float = SMOOTH_S,
    prominence: float = PROMINENCE,
    least: float = LEAST_SPEED,
) -> Beats:
    """Finds kinematic beats: local minima of a speed that is smoothed by a Gaussian.

    A minimum counts where the speed rises on both sides by `prominence` of its range (5th to 95th
    percentile) and by `least`. Times lie between frames (vertex of a parabola); the smoothing
    pulls a stop towards the side on which the body is slower, by up to 40 ms in the tests.

    Args:
        speed: [T] body heights per second; NaN where missing.
        time_s: [T] seconds, increasing.
        sigma_s: of the Gaussian, seconds.
        prominence: share of the speed's range.
        least: smallest rise in the unit of `speed`.

    Returns:
        The beats [T // 2 + 1] with the speed there.

    Source: AIST++ (Li et al. 2021); smoothing as in Bailando (Siyao et al. 2022).
    """
    curve = smoothed(speed, time_s, sigma_s)
    low, _ = turning_points(curve.value, prominence_of(curve.value, prominence, least))
    return _moments(curve, low)


@jax.jit
def accents_of_speed(
    speed: jnp.ndarray,
    time_s: jnp.ndarray,
    *,
    sigma_s: float = SMOOTH_S,
    prominence: float = PROMINENCE,
    least: float = LEAST_SPEED,
) -> Beats:
    """Finds accents: local maxima of the smoothed speed, by the same rule as the beats.

    Args:
        speed: [T] body heights per second; NaN where missing.
        time_s: [T] seconds, increasing.
        sigma_s: of the Gaussian, seconds.
        prominence: share of the speed's range.
        least: smallest fall in the unit of `speed`.

    Returns:
        The accents [T // 2 + 1] with the speed there.
    """
    curve = smoothed(speed, time_s, sigma_s)
    _, high = turning_points(curve.value, prominence_of(curve.value, prominence, least))
    return _moments(curve, high)


@jax.jit
def hits_of_speed(
    speed: jnp.ndarray,
    time_s: jnp.ndarray,
    *,
    sigma_s: float = SMOOTH_S / 2,
    prominence: float = 0.25,
    least: float = 0.5,
) -> Beats:
    """Finds hits: moments where the body brakes hardest (maxima of -ds/dt).

    Args:
        speed: [T] body heights per second; NaN where missing.
        time_s: [T] seconds, increasing.
        sigma_s: of the Gaussian, seconds; narrower than for beats, as a hit is short.
        prominence: share of the deceleration's range.
        least: smallest prominence in body heights per second squared.

    Returns:
        The hits [T // 2 + 1] with the deceleration there, body heights per second squared.
    """
    curve = smoothed(speed, time_s, sigma_s)
    y = curve.value
    step = jnp.where(curve.step_s > 0, curve.step_s, 1.0)
    inner = -(y[2:] - y[:-2]) / (2 * step)
    braking = jnp.pad(inner, 1, constant_values=jnp.nan)
    _, high = turning_points(braking, prominence_of(braking, prominence, least))
    return _moments(curve._replace(value=braking), high)


def motion_beats(moved: Moved, **options: float) -> Beats:
    """Returns the kinematic beats of a movement: `beats_of_speed` of its mean joint speed."""
    return beats_of_speed(mean_speed(moved), moved.time_s, **options)


def accents(moved: Moved, **options: float) -> Beats:
    """Returns the accents of a movement: `accents_of_speed` of its mean joint speed."""
    return accents_of_speed(mean_speed(moved), moved.time_s, **options)


def hits(moved: Moved, **options: float) -> Beats:
    """Returns the hits of a movement: `hits_of_speed` of its mean joint speed."""
    return hits_of_speed(mean_speed(moved), moved.time_s, **options)
