"""Smoothness and tempo of a motion on its own clock: the same at any playing speed."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import all_finite, finite_or, root

KEPT = 3.0  # the low-pass lies at so many times the motion's own tempo
_ROUNDS = 2  # the tempo is measured again on the smoothed motion, as noise raises it
REST = 1e-3  # units/s: what moves less is at rest


class OwnTempo(NamedTuple):
    """A series smoothed on its own clock, and what was measured of it.

    Attributes:
        smooth: [T, F] low-passed series; NaN where the series was.
        tempo_hz: rms(ds/dt) / (2 pi rms(s)) of it; the frequency, for a sine.
        bandwidth: rms(s) rms(d2s/dt2) / rms(ds/dt)^2 >= 1; 1 for a sine.
        moves: whether there is motion at all; without it the numbers mean nothing.
    """

    smooth: jnp.ndarray
    tempo_hz: jnp.ndarray
    bandwidth: jnp.ndarray
    moves: jnp.ndarray


def powers(
    s: jnp.ndarray, time_s: jnp.ndarray, weight: jnp.ndarray
) -> tuple[jnp.ndarray, jnp.ndarray, jnp.ndarray]:
    """Returns the mean squares of a series about its mean, of its first and second differences.

    Differences of neighbours, not central ones: they are blind only at twice the frequency.

    Args:
        s: [T, F]; NaN where missing, then in all of F.
        time_s: [T] seconds.
        weight: [T] of `averages.frame_weights`.

    Returns:
        Three scalars, summed over F; 0 where there is nothing to measure.
    """
    seen = all_finite(s)
    safe = jnp.where(seen[:, None], finite_or(s), 0.0)
    weight = jnp.where(seen, weight, 0.0)
    total = jnp.sum(weight)
    share = weight / jnp.where(total > 0, total, 1.0)
    away = safe - jnp.sum(share[:, None] * safe, axis=0)
    step = time_s[1:] - time_s[:-1]
    both = seen[1:] & seen[:-1] & (step > 0)
    step = jnp.where(both, step, 1.0)
    slope = jnp.where(both[:, None], (safe[1:] - safe[:-1]) / step[:, None], 0.0)
    three = both[1:] & both[:-1]
    wide = 0.5 * (step[1:] + step[:-1])
    bend = jnp.where(three[:, None], (slope[1:] - slope[:-1]) / wide[:, None], 0.0)

    def mean(square: jnp.ndarray, width: jnp.ndarray, good: jnp.ndarray) -> jnp.ndarray:
        width = jnp.where(good, width, 0.0)
        whole = jnp.sum(width)
        return jnp.sum(width * square) / jnp.where(whole > 0, whole, 1.0)

    return (
        jnp.sum(share[:, None] * away**2),
        mean(jnp.sum(slope**2, axis=-1), step, both),
        mean(jnp.sum(bend**2, axis=-1), wide, three),
    )


def _gains(time_s: jnp.ndarray, seen: jnp.ndarray, fade_s: jnp.ndarray) -> jnp.ndarray:
    """Returns 1 - exp(-dt / fade) [T], dt since the last seen frame; 1 in the first, 0 unseen."""
    latest = jax.lax.cummax(jnp.where(seen, time_s, -jnp.inf), axis=0)
    latest = jnp.pad(latest[:-1], (1, 0), constant_values=-jnp.inf)
    some = jnp.isfinite(latest)
    since = jnp.where(some, jnp.maximum(time_s - latest, 0.0), 0.0)
    return jnp.where(seen, jnp.where(some, 1.0 - jnp.exp(-since / fade_s), 1.0), 0.0)


def _pass(s: jnp.ndarray, gain: jnp.ndarray, reverse: bool = False) -> jnp.ndarray:
    """Runs two exponential means, one after the other, over s[T, F]; gain[T] of new in old."""

    def advance(state: tuple, sample: tuple) -> tuple:
        first, second = state
        x, share = sample
        first = first + share * (x - first)
        second = second + share * (first - second)
        return (first, second), second

    none = jnp.zeros_like(s[0])
    # Two samples at a time: a step of the loop costs more than what is computed in it.
    return jax.lax.scan(advance, (none, none), (s, gain), reverse=reverse, unroll=2)[1]


def low_pass(s: jnp.ndarray, time_s: jnp.ndarray, cutoff_hz: jnp.ndarray) -> jnp.ndarray:
    """Returns s[T, F] low-passed without phase shift, by exponential means there and back.

        |H(f)| = 1 / (1 + (f / cutoff)^2)^2

    For any, also uneven time stamps; a gap is passed over.
    """
    fade_s = 1.0 / (2 * jnp.pi * cutoff_hz)
    seen = all_finite(s)
    time = jnp.asarray(time_s, s.dtype)
    forth, back = _gains(time, seen, fade_s), _gains(-time[::-1], seen[::-1], fade_s)[::-1]
    safe = jnp.where(seen[:, None], finite_or(s), 0.0)
    smooth = _pass(_pass(safe, forth), back, reverse=True)
    return jnp.where(seen[:, None], smooth, jnp.nan)


def on_own_tempo(s: jnp.ndarray, time_s: jnp.ndarray, weight: jnp.ndarray) -> OwnTempo:
    """Smooths a series at `KEPT` times its own tempo and measures what is left.

    A motion played at another speed has the same bandwidth, as its low-pass moves with it; that of
    the spectral arc length (Balasubramanian et al. 2015) is adapted to the spectrum likewise.

    Args:
        s: [T, F] any unit; NaN where missing, then in all of F.
        time_s: [T] seconds.
        weight: [T] of `averages.frame_weights`.
    """
    smooth = s
    spread, speed, bend = powers(s, time_s, weight)
    moves = (speed > REST**2) & (spread > 0)
    for _ in range(_ROUNDS):
        ratio = jnp.where(moves, speed, 1.0) / jnp.where(moves, spread, 1.0)
        smooth = low_pass(s, time_s, KEPT * root(ratio) / (2 * jnp.pi))
        spread, speed, bend = powers(smooth, time_s, weight)
        moves = moves & (speed > 0.01 * REST**2) & (spread > 0)
    spread, speed = jnp.where(moves, spread, 1.0), jnp.where(moves, speed, 1.0)
    return OwnTempo(
        smooth=smooth,
        tempo_hz=jnp.where(moves, root(speed / spread) / (2 * jnp.pi), jnp.nan),
        bandwidth=jnp.where(moves, root(spread * bend) / speed, jnp.nan),
        moves=moves,
    )
