"""Tempo of the movement, from the autocorrelation of its speed."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.vectors import finite_or
from dance_jax.rhythm.speed_curve import Moved, even_clock, gaussian, mean_speed

SLOWEST_BPM, FASTEST_BPM = 40.0, 240.0
TEMPI = np.geomspace(SLOWEST_BPM, FASTEST_BPM, 181).astype(np.float32)  # 1 % apart
LEAST_S = 4.0
PRIOR_BPM, PRIOR_OCTAVES = 120.0, 1.0
# Of 200 random movements without a pulse 95 in 100 stay below 0.23 in 10 s and 0.13 in 30 s.
LEAST_STRENGTH = 0.2
_DRIFT_S = 0.6  # slower changes of the speed are no pulse
_FINE_S = 0.04


class Tempo(NamedTuple):
    """A tempo and how plain it is.

    Attributes:
        bpm: scalar, beats a minute; its half and double are always candidates too. NaN where the
            strength is below `LEAST_STRENGTH`.
        strength: scalar, mean autocorrelation of the speed at one and at two beats, at most 1;
            about 0 for a movement that does not repeat itself.
        half: scalar, the same at half the tempo.
        double: scalar, the same at twice the tempo.
    """

    bpm: jnp.ndarray
    strength: jnp.ndarray
    half: jnp.ndarray
    double: jnp.ndarray


@jax.jit
def tempo_of_speed(speed: jnp.ndarray, time_s: jnp.ndarray) -> Tempo:
    """Returns the tempo at which a speed repeats itself.

        a(L) = sum x_t x_(t+L) / sqrt(sum x_t^2 sum x_(t+L)^2),   score = p(L) (a(L) + a(2L)) / 2

    x is the speed without what changes more slowly than about 0.6 s; p is a log-normal preference
    of one octave about 120 bpm, the same as librosa's, which decides between a tempo and its half
    or double. Speed has no sign: a swing to and fro over two beats repeats at every beat.

    Args:
        speed: [T] in any unit; NaN where missing.
        time_s: [T] seconds, increasing.

    Returns:
        The tempo, within 40 to 240 bpm; NaN where the clip is shorter than 4 s, nothing moves, or
        no tempo stands out.

    Source: autocorrelation tempo with a log-normal prior, Ellis 2007 ("Beat tracking by dynamic
    programming").
    """
    curve, weight = even_clock(speed, time_s)
    n = curve.value.shape[0]
    fine = gaussian(curve.value, weight, curve.step_s, _FINE_S)
    broad = gaussian(curve.value, weight, curve.step_s, _DRIFT_S)
    level = jnp.sum(curve.value) / jnp.maximum(jnp.sum(weight), 1.0)
    x = fine - broad
    known = jnp.isfinite(x)
    x = jnp.where(known, finite_or(x), 0.0)
    both = jnp.pad(jnp.stack([x, x * x, known.astype(x.dtype)]), [(0, 0), (0, n)])
    wave, power, seen = jnp.fft.rfft(both)
    cross = jnp.fft.irfft(jnp.abs(wave) ** 2, n=2 * n)[:n]
    ahead = jnp.fft.irfft(jnp.conj(seen) * power, n=2 * n)[:n]
    behind = jnp.fft.irfft(jnp.conj(power) * seen, n=2 * n)[:n]
    under = jnp.maximum(ahead, 0.0) * jnp.maximum(behind, 0.0)
    total = jnp.sum(x * x)
    sound = under > (1e-3 * total) ** 2
    step = jnp.where(curve.step_s > 0, curve.step_s, 1.0)
    length = (n - 1) * step
    sound = sound & (jnp.arange(n) * step <= 0.75 * length)
    repeat = jnp.where(sound, cross / jnp.sqrt(jnp.where(sound, under, 1.0)), jnp.nan)

    def at(lag_s: jnp.ndarray) -> jnp.ndarray:
        place = lag_s / step
        left = jnp.clip(jnp.floor(place).astype(jnp.int32), 0, n - 1)
        right = jnp.minimum(left + 1, n - 1)
        part = place - left
        value = (1 - part) * repeat[left] + part * repeat[right]
        return jnp.where(place <= n - 1, value, jnp.nan)

    def strength(bpm: jnp.ndarray) -> jnp.ndarray:
        return 0.5 * (at(60 / bpm) + at(120 / bpm))

    tempi = jnp.asarray(TEMPI, x.dtype)
    octaves = jnp.log2(tempi / PRIOR_BPM) / PRIOR_OCTAVES
    score = jnp.exp(-0.5 * octaves**2) * strength(tempi)
    # A tempo at the end of the range, on a slope, is no peak.
    a, b, c = score[:-2], score[1:-1], score[2:]
    top = (b > a) & (b >= c)
    best = jnp.argmax(jnp.where(top, b, -jnp.inf))
    a, b, c = a[best], b[best], c[best]
    shift = jnp.where(top[best], 0.5 * (a - c) / jnp.where(top[best], a - 2 * b + c, 1.0), 0.0)
    ratio = float(TEMPI[1] / TEMPI[0])
    bpm = tempi[best + 1] * ratio ** jnp.clip(shift, -0.5, 0.5)
    moving = total > n * (1e-3 * level) ** 2
    good = moving & (length >= LEAST_S) & (curve.step_s > 0) & top[best] & (level > 0)
    plain = jnp.where(good, strength(bpm), jnp.nan)
    values = strength(bpm / 2), strength(bpm * 2)
    half, double = (jnp.where(good, value, jnp.nan) for value in values)
    return Tempo(jnp.where(plain >= LEAST_STRENGTH, bpm, jnp.nan), plain, half, double)


def motion_tempo(moved: Moved) -> Tempo:
    """Returns the tempo of a movement: `tempo_of_speed` of its mean joint speed."""
    return tempo_of_speed(mean_speed(moved), moved.time_s)
