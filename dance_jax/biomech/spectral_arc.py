"""Spectral arc length (SPARC) of a speed profile: the published rule, and one with a soft cut."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics import motion, resample
from dance_jax.kinematics.vectors import finite_or, root
from dance_jax.kinematics.windows import bucket, floating, is_concrete

LIMIT_HZ = 10.0  # nothing of a person's movement is sought above
THRESHOLD = 0.05  # of the spectrum's maximum
PAD_LEVEL = 4
SOFTNESS = 0.005  # of the spectrum's maximum; width of the soft cut at the threshold
_SHORT = 128  # samples
LEAST_SAMPLES = 8  # of a window
_EDGE = 1e-3  # of a sample: a sample on a window's end belongs to the next window
_TOUCH = 0.01  # of a step: a new time so near to a sample is that sample


def padded_length(n: int, level: int = PAD_LEVEL) -> int:
    """Returns the length of the transform of n samples: 2^(ceil(log2 n) + level)."""
    return 2 ** (math.ceil(math.log2(max(n, 1))) + level)


def longest_run(seen: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Finds the longest run of true entries of bool[T] (the first of equals): start, length."""
    here = jnp.arange(seen.shape[0])
    length = here - jax.lax.cummax(jnp.where(seen, -1, here), axis=0)
    last = jnp.argmax(length)
    return last - length[last] + 1, length[last]


def at_times(
    x: jnp.ndarray, time_s: jnp.ndarray, new_s: jnp.ndarray
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Interpolates by cubic Hermite pieces at any times; `resample.to_grid` for traced clocks.

    Args:
        x: [T, D]; NaN where missing.
        time_s: [T] seconds.
        new_s: [N] seconds.

    Returns:
        [N, D], and bool[N, D], true where the samples on both sides are there (or the new time is
        that of a sample); the values are 0 elsewhere.
    """
    slope = jnp.where(jnp.isfinite(x), finite_or(motion.velocity(x, time_s)), jnp.nan)
    left = jnp.searchsorted(time_s, new_s, side="right") - 1
    left = jnp.clip(left, 0, time_s.shape[0] - 2)
    step = time_s[left + 1] - time_s[left]
    step = jnp.where(step > 0, step, 1.0).astype(x.dtype)
    part = (new_s - time_s[left]).astype(x.dtype) / step
    on_left, on_right = jnp.abs(part) <= _TOUCH, jnp.abs(part - 1) <= _TOUCH
    has = jnp.isfinite(x)
    between = ((part >= 0) & (part <= 1))[:, None] & has[left] & has[left + 1]
    there = between | (on_left[:, None] & has[left]) | (on_right[:, None] & has[left + 1])
    value = resample._hermite(x, slope, left, part, step)
    return jnp.where(there, finite_or(value), 0.0), there


def windows_at_rate(
    x: jnp.ndarray,
    time_s: jnp.ndarray,
    start: jnp.ndarray,
    stop: jnp.ndarray,
    rate: float,
    n: int,
    parts: int = 1,
) -> tuple[jnp.ndarray, jnp.ndarray, jnp.ndarray]:
    """Samples channels at a rate, from the start of each window to before its end.

    Args:
        x: [T, D]; NaN where missing; D / `parts` neighbouring columns are one part.
        time_s: [T] seconds.
        start: [W] seconds; NaN where there is no window.
        stop: [W] seconds.
        rate: samples per second.
        n: samples of the longest window.
        parts: P, how many parts are judged each by itself.

    Returns:
        [W, n, D]; inside bool[W, n]; sound bool[W, P], whether all samples of a part are there and
        are enough.
    """
    k = jnp.arange(n)
    when = start[:, None] + k / rate
    inside = when < stop[:, None] - _EDGE / rate  # false for NaN edges
    value, there = at_times(x, time_s, jnp.where(inside, when, time_s[0]).reshape(-1))
    value, there = value.reshape(*when.shape, -1), there.reshape(*when.shape, parts, -1)
    enough = inside.sum(-1) >= LEAST_SAMPLES
    sound = enough[:, None] & (there.all(-1) | ~inside[..., None]).all(1)
    return jnp.where(inside[..., None], value, 0.0), inside, sound


def arc_length(
    profile: jnp.ndarray,
    rate_hz: jnp.ndarray,
    n_fft: int,
    softness: jnp.ndarray | float = 0.0,
    limit_hz: float = LIMIT_HZ,
    threshold: float = THRESHOLD,
) -> jnp.ndarray:
    """Computes the spectral arc length of uniform samples.

        V(f) = |FFT(v)| / max |FFT(v)|,   f_c = the last f <= limit with V(f) >= threshold
        SPARC = -sum_{f < f_c} sqrt((df / f_c)^2 + dV^2)

    With a softness s > 0 the cut is a weight w(f) = sigmoid((max_{g >= f} V(g) - threshold) / s) of
    each piece, and f_c = sum w df; s -> 0 is the published rule.

    Args:
        profile: [N] speeds, 0 before and after the movement.
        rate_hz: samples per second.
        n_fft: length of the transform, >= N.
        softness: s; 0 cuts as published.
        limit_hz: highest frequency looked at; half the rate where that is lower.
        threshold: of the greatest amplitude.

    Returns:
        scalar <= -1, closer to -1 where smoother; NaN where nothing moves.
    """
    size, k = _amplitudes(profile, rate_hz, n_fft, limit_hz)
    peak = jnp.max(size)
    moves = peak > 0
    shape = size / jnp.where(moves, peak, 1.0)
    within = k * (rate_hz / n_fft) <= limit_hz * (1 + 1e-6)
    rise = shape[1:] - shape[:-1]
    if is_concrete(softness) and softness == 0:
        above = within & (shape >= threshold)
        first = jnp.min(jnp.where(above, k, n_fft))
        last = jnp.max(jnp.where(above, k, 0))
        weight = ((k[:-1] >= first) & (k[:-1] < last)).astype(shape.dtype)
    else:
        weight = _soft_weight(shape, within, softness, threshold)
    width = jnp.sum(weight)
    wide = width > 0
    step = 1.0 / jnp.where(wide, width, 1.0)
    length = jnp.sum(weight * jnp.sqrt(step**2 + rise**2))
    return jnp.where(moves & wide, -length, jnp.nan)


def _amplitudes(
    profile: jnp.ndarray, rate_hz: jnp.ndarray | float, n_fft: int, limit_hz: float
) -> tuple[jnp.ndarray, np.ndarray]:
    """Returns the amplitudes of the first bins of a padded transform, and their numbers."""
    count, samples = n_fft // 2 + 1, profile.shape[0]
    known = is_concrete(rate_hz, limit_hz)
    if known and samples <= _SHORT:
        # Few samples: the sums of the bins that are looked at are cheaper than the transform. A
        # speed is not negative, so that its greatest amplitude is the mean's, among them.
        count = min(count, int(limit_hz * (1 + 1e-6) * n_fft / rate_hz) + 1)
        turn = 2 * np.pi / n_fft * (np.arange(samples)[:, None] * np.arange(count) % n_fft)
        waves = np.concatenate([np.cos(turn), -np.sin(turn)], axis=1)
        both = jnp.matmul(profile, jnp.asarray(waves, profile.dtype), precision="highest")
        real, imaginary = both[:count], both[count:]
    else:
        spectrum = jnp.fft.rfft(profile, n_fft)
        real, imaginary = spectrum.real, spectrum.imag
    return root(real * real + imaginary * imaginary), np.arange(count)


def _soft_weight(
    shape: jnp.ndarray,
    within: jnp.ndarray,
    softness: jnp.ndarray | float,
    threshold: float,
) -> jnp.ndarray:
    """Returns the weight of each piece between two bins; that of the hard cut where s is 0."""
    k = np.arange(shape.shape[0])
    above = within & (shape >= threshold)
    first, last = jnp.argmax(above), jnp.max(jnp.where(above, k, 0))
    hard = ((k[:-1] >= first) & (k[:-1] < last)).astype(shape.dtype)
    ahead = jax.lax.cummax(jnp.where(within, shape, 0.0), axis=0, reverse=True)[1:]
    soft_on = softness > 0
    gentle = jax.nn.sigmoid((ahead - threshold) / jnp.where(soft_on, softness, 1.0))
    return jnp.where(soft_on, jnp.where(within[1:], gentle, 0.0), hard)


def run_profile(speed: jnp.ndarray, time_s: jnp.ndarray) -> tuple[jnp.ndarray, ...]:
    """Takes the longest run of speed[T] without a missing sample to a uniform clock.

    Args:
        speed: [T] >= 0, any unit; NaN where missing.
        time_s: [T] seconds.

    Returns:
        [T] the run's speeds at its mean rate, then 0; that rate in Hz; whether the run has the 4
        samples that an arc needs.
    """
    start, count = longest_run(jnp.isfinite(speed))
    begin, end = time_s[start], time_s[start + jnp.maximum(count, 1) - 1]
    lasts = (count >= 4) & (end > begin)
    rate = jnp.where(lasts, (count - 1) / jnp.where(lasts, end - begin, 1.0), 1.0)
    k = jnp.arange(speed.shape[0])
    value, there = at_times(speed[:, None], time_s, begin + k / rate)
    inside = there[:, 0] & (k < count)
    return jnp.where(inside, value[:, 0], 0.0), rate, lasts


def _of_run(
    speed: jnp.ndarray, time_s: jnp.ndarray, n_fft: int, softness: jnp.ndarray | float
) -> jnp.ndarray:
    """Measures the arc of the longest run."""
    profile, rate, lasts = run_profile(speed, time_s)
    return jnp.where(lasts, arc_length(profile, rate, n_fft, softness), jnp.nan)


_of_run_jitted = functools.partial(jax.jit, static_argnames=("n_fft",))(_of_run)


def _arc(speed: jnp.ndarray, time_s: jnp.ndarray, level: int, softness: float) -> jnp.ndarray:
    speed = floating(speed)
    n = speed.shape[0]
    if n < 4:
        return jnp.full((), jnp.nan, speed.dtype)
    if not is_concrete(speed, time_s):
        return _of_run(speed, jnp.asarray(time_s), padded_length(n, level), softness)
    start, count = (int(v) for v in longest_run(jnp.isfinite(speed)))
    if count < 4:
        return jnp.full((), jnp.nan, speed.dtype)
    time = np.asarray(time_s, np.float64)[start : start + count]
    time = time - time[0]
    room = bucket(count) - count  # few shapes; the padding is missing
    step = max(float(time[-1]), 1e-3) / (count - 1)
    time = np.concatenate([time, time[-1] + step * np.arange(1, room + 1)])
    run = jnp.pad(speed[start : start + count], (0, room), constant_values=jnp.nan)
    n_fft = max(padded_length(count, level), 2 ** math.ceil(math.log2(len(time))))
    return _of_run_jitted(run, jnp.asarray(time, speed.dtype), n_fft, softness)


def sparc(speed: jnp.ndarray, time_s: jnp.ndarray, pad_level: int = PAD_LEVEL) -> jnp.ndarray:
    """Measures smoothness as the arc length of the amplitude spectrum of speed (`arc_length`).

    The longest run without a missing sample is measured, on a uniform clock at its mean rate. The
    transform has 2^(ceil(log2 N) + pad_level) points, N the samples of that run, as published;
    under a JAX transformation N is T, the static length, which only refines the spectrum where
    samples are missing. The published rule was tested on single movements: longer spans hold more
    of them and score lower, so that only spans of like length may be compared
    (`smoothness.windowed_smoothness`).

    Args:
        speed: [T] >= 0, any unit; NaN where missing.
        time_s: [T] seconds, strictly increasing.
        pad_level: doublings of the transform's length.

    Returns:
        scalar <= -1, closer to -1 where smoother; NaN where nothing moves or fewer than 4 samples
        are there.

    Source: Balasubramanian, Melendez-Calderon, Roby-Brami & Burdet 2015, Journal of
        NeuroEngineering and Rehabilitation 12:112.
    """
    return _arc(speed, time_s, pad_level, 0.0)


def soft_sparc(
    speed: jnp.ndarray,
    time_s: jnp.ndarray,
    softness: float = SOFTNESS,
    pad_level: int = PAD_LEVEL,
) -> jnp.ndarray:
    """Computes `sparc` with a soft cut at the threshold: differentiable, for losses and rewards.

    Args:
        speed: [T] >= 0, any unit; NaN where missing.
        time_s: [T] seconds.
        softness: width of the cut as a fraction of the greatest amplitude; towards 0 it becomes
            `sparc`.
        pad_level: as in `sparc`.

    Returns:
        scalar; NaN where `sparc` is.
    """
    return _arc(speed, time_s, pad_level, softness)
