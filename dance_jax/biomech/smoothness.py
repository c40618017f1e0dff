"""Smoothness: spectral arc length and log dimensionless jerk, whole and by windows of time.

Without a style smoothness is neither good nor bad (popping and krump are meant to be abrupt); no
score may rest on it alone. Both measures fall with the number of movements in a span: compare spans
of like length, by beats, by phrases, or, without music, by windows of `WINDOW_S` seconds.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech.movement import Movement
from dance_jax.biomech.smoothness_rows import (
    CUTOFF_HZ,
    LEAST_HZ,
    MEASURES,
    PARTS,
    RATE_HZ,
    STILL,
    WINDOW_S,
)
from dance_jax.biomech.spectral_arc import (
    LEAST_SAMPLES,
    PAD_LEVEL,
    SOFTNESS,
    arc_length,
    longest_run,
    padded_length,
    run_profile,
    soft_sparc,
    sparc,
    windows_at_rate,
)
from dance_jax.kinematics import motion
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import all_finite, component_sum, finite_or, safe_norm
from dance_jax.kinematics.windows import floating, is_concrete
from dance_jax.skeleton import CANON, index

__all__ = ["MEASURES", "SOFTNESS", "fixed_edges", "ldlj", "soft_sparc", "sparc", "summarise"]
__all__ += ["windowed_ldlj", "windowed_smoothness"]
_SHORT = 128  # samples of a window
_LIMBS = tuple(
    index(CANON, f"{side}_{joint}")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
_SINGLE = tuple(index(CANON, joint) for _, joint, _ in PARTS.values() if joint)


def _jerkiness(velocity: jnp.ndarray, inside: jnp.ndarray, rate: float) -> jnp.ndarray:
    """Computes log dimensionless jerk of velocity[C, n] at a rate, over the first samples."""
    peak = jnp.max(jnp.where(inside, safe_norm(velocity, axis=0), 0.0))
    step, n = velocity[:, 1:] - velocity[:, :-1], velocity.shape[1]
    if n <= _SHORT:  # a product: XLA would interpolate each of the slices again
        matrix = np.eye(n, n - 1, -1, velocity.dtype) - np.eye(n, n - 1, 0, velocity.dtype)
        step = jnp.matmul(velocity, matrix, precision="highest")
    jerk = (step[:, 1:] - step[:, :-1]) * rate**2
    squared = jnp.sum(jnp.where(inside[2:], component_sum(jerk * jerk, axis=0), 0.0)) / rate
    duration = inside.sum() / rate
    sound = (peak > 0) & (squared > 0)
    peak, squared = jnp.where(sound, peak, 1.0), jnp.where(sound, squared, 1.0)
    duration = jnp.where(sound, duration, 1.0)
    value = 2 * jnp.log(peak) - 3 * jnp.log(duration) - jnp.log(squared)
    return jnp.where(sound, value, jnp.nan)


def _samples_in(time_s: object, edges_s: object, rate: float, max_s: float | None) -> int:
    """Returns the number of samples that the longest window holds (static)."""
    if max_s is None:
        if not is_concrete(time_s, edges_s):
            raise ValueError("under jit or vmap, give max_s (length of the longest window)")
        max_s = float(np.nanmax(np.diff(np.asarray(edges_s, np.float64)), initial=0.0))
    return max(math.ceil(max_s * rate - 1e-3), LEAST_SAMPLES)


def fixed_edges(
    time_s: jnp.ndarray, window_s: float = WINDOW_S, count: int | None = None
) -> jnp.ndarray:
    """Returns the edges of windows of equal length from the first frame on.

    Args:
        time_s: [T] seconds.
        window_s: length in seconds.
        count: number of windows; None takes all whole ones, where `time_s` is not traced.

    Returns:
        [W + 1] seconds; windows that end after the last frame's time are dropped later.
    """
    if count is None:
        step = (time_s[-1] - time_s[0]) / max(len(time_s) - 1, 1)
        count = int((float(time_s[-1] - time_s[0]) + float(step)) / window_s + 1e-6)
    return time_s[0] + window_s * jnp.arange(count + 1)


@functools.partial(jax.jit, static_argnames=("rate_hz", "n", "level"))
def _windowed_arc(speed, time_s, edges_s, softness, rate_hz, n, level):
    value, _, sound = windows_at_rate(speed[:, None], time_s, edges_s[:-1], edges_s[1:], rate_hz, n)
    n_fft = padded_length(n, level)
    arcs = jax.vmap(lambda v: arc_length(v, rate_hz, n_fft, softness))(value[..., 0])
    return jnp.where(sound[:, 0], arcs, jnp.nan)


def windowed_smoothness(
    speed: jnp.ndarray,
    time_s: jnp.ndarray,
    edges_s: jnp.ndarray,
    *,
    rate_hz: float = RATE_HZ,
    max_s: float | None = None,
    softness: float = 0.0,
) -> jnp.ndarray:
    """Computes SPARC in each window of time: by beat, phrase or eight-count.

    Speed is read off at `rate_hz` from each window's start, so that the value hardly depends on the
    clip's frame rate. The transform of every window has the length that belongs to the longest.

    Args:
        speed: [T] >= 0, any unit, low-passed below rate_hz / 2; NaN where missing.
        time_s: [T] seconds.
        edges_s: [W + 1] seconds, increasing: window w is [edges_s[w], edges_s[w + 1]).
        rate_hz: samples per second.
        max_s: length of the longest window; needed only under a JAX transformation of times.
        softness: 0 for the published cut, else as in `soft_sparc`.

    Returns:
        [W] <= -1; NaN where a sample is missing, nothing moves, or fewer than 8 samples are there.

    Raises:
        ValueError: times or edges are traced and `max_s` is not given.
    """
    speed = floating(speed)
    n = _samples_in(time_s, edges_s, rate_hz, max_s)
    time_s, edges_s = _from_zero(time_s, edges_s, speed.dtype)
    return _windowed_arc(speed, time_s, edges_s, softness, float(rate_hz), n, PAD_LEVEL)


def _from_zero(time_s: object, edges_s: object, dtype: object) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Counts times from the first frame, in float64 first."""
    if is_concrete(time_s, edges_s):
        time_s, edges_s = np.asarray(time_s, np.float64), np.asarray(edges_s, np.float64)
    zero = time_s[0]
    return jnp.asarray(time_s - zero, dtype), jnp.asarray(edges_s - zero, dtype)


@functools.partial(jax.jit, static_argnames=("rate_hz", "n"))
def _windowed_jerk(velocity, time_s, edges_s, rate_hz, n):
    value, inside, sound = windows_at_rate(velocity, time_s, edges_s[:-1], edges_s[1:], rate_hz, n)
    out = jax.vmap(lambda v, i: _jerkiness(v.T, i, rate_hz))(value, inside)
    return jnp.where(sound[:, 0], out, jnp.nan)


def windowed_ldlj(
    velocity: jnp.ndarray,
    time_s: jnp.ndarray,
    edges_s: jnp.ndarray,
    *,
    cutoff_hz: float | None = CUTOFF_HZ,
    rate_hz: float = RATE_HZ,
    max_s: float | None = None,
) -> jnp.ndarray:
    """Computes log dimensionless jerk in each window of time.

        LDLJ = -ln( D^3 / max |v|^2  sum |v(t + h) - 2 v(t) + v(t - h)|^2 / h^3 ),   h = 1 / rate

    Its value depends on the filter and the rate, which are therefore part of its definition.

    Args:
        velocity: [T, C] velocity, or [T] speed, any unit; NaN where missing.
        time_s: [T] seconds.
        edges_s: [W + 1] seconds, increasing.
        cutoff_hz: zero-phase 4th-order Butterworth low-pass before; None for none.
        rate_hz: at which second differences are taken.
        max_s: length of the longest window; needed only under a JAX transformation of times.

    Returns:
        [W], larger where smoother; NaN where a sample is missing, nothing moves, velocity is
        exactly constant, or fewer than 8 samples are there.

    Source: Balasubramanian, Melendez-Calderon & Burdet 2012, IEEE Trans. Biomed. Eng. 59:2126;
        Balasubramanian et al. 2015, Journal of NeuroEngineering and Rehabilitation 12:112.
    """
    velocity = floating(velocity)
    velocity = velocity[:, None] if velocity.ndim == 1 else velocity
    if cutoff_hz is not None:
        velocity = butterworth_zero_phase(velocity, time_s, cutoff_hz)
    n = _samples_in(time_s, edges_s, rate_hz, max_s)
    time_s, edges_s = _from_zero(time_s, edges_s, velocity.dtype)
    return _windowed_jerk(velocity, time_s, edges_s, float(rate_hz), n)


def ldlj(
    velocity: jnp.ndarray,
    time_s: jnp.ndarray,
    *,
    cutoff_hz: float | None = CUTOFF_HZ,
    rate_hz: float = RATE_HZ,
    max_s: float | None = None,
) -> jnp.ndarray:
    """Computes log dimensionless jerk over the longest run without a missing sample.

    One window of `windowed_ldlj`, as long as that run; D^3 makes longer runs much lower.

    Args:
        velocity: as in `windowed_ldlj`, as are the others.
        time_s: [T] seconds.
        cutoff_hz: of the low-pass.
        rate_hz: of the differences.
        max_s: longest duration; needed only under a JAX transformation of times.

    Returns:
        scalar.
    """
    velocity = floating(velocity)
    seen = all_finite(velocity.reshape(velocity.shape[0], -1))
    start, count = longest_run(seen)
    edges = jnp.arange(2)
    if is_concrete(velocity, time_s):
        time = np.asarray(time_s, np.float64)
        begin, end = time[int(start)], time[int(start) + max(int(count), 1) - 1]
        edges = np.asarray([begin, end + 1.0 / rate_hz])
    else:
        begin, end = time_s[start], time_s[start + jnp.maximum(count, 1) - 1]
        edges = jnp.stack([begin, end + 1.0 / rate_hz])
        max_s = None if max_s is None else max_s + 1.0 / rate_hz
    options = {"cutoff_hz": cutoff_hz, "rate_hz": rate_hz, "max_s": max_s}
    return windowed_ldlj(velocity, time_s, edges, **options)[0]


def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Computes the smoothness of the body, the wrists, the ankles and the hips.

    Windows are whole ones of `WINDOW_S` from the first frame; those in which a sample is missing or
    the part stays below `STILL` are left out, and the median of the others is taken.

    Args:
        moved: the movement.

    Returns:
        key of `MEASURES` -> scalar; NaN where the part never moved, was not seen for a whole
        window, or the frame rate is below `LEAST_HZ`.
    """
    return _summarise(moved.pose, moved.time_s - moved.time_s[0])


@jax.jit
def _summarise(pose: jnp.ndarray, time_s: jnp.ndarray) -> dict[str, jnp.ndarray]:
    total = pose.shape[0]
    if total < LEAST_SAMPLES:
        return {row.key: jnp.full((), jnp.nan, pose.dtype) for row in MEASURES}
    velocity = motion.velocity(pose[:, np.asarray(_LIMBS + _SINGLE)], time_s)
    moving = all_finite(velocity)
    speed = jnp.where(moving, safe_norm(finite_or(velocity)), jnp.nan)
    limbs = moving[:, : len(_LIMBS)].sum(-1)
    mean = jnp.sum(finite_or(speed[:, : len(_LIMBS)]), -1) / jnp.maximum(limbs, 1)
    body = jnp.where(2 * limbs >= len(_LIMBS), mean, jnp.nan)
    speeds = jnp.concatenate([body[:, None], speed[:, len(_LIMBS) :]], axis=1)
    alone = jnp.zeros((total, 1, pose.shape[-1]), pose.dtype).at[:, 0, 0].set(body)
    vectors = jnp.concatenate([alone, velocity[:, len(_LIMBS) :]], axis=1)
    span = time_s[-1] - time_s[0]
    rate = jnp.where(span > 0, (total - 1) / jnp.where(span > 0, span, 1.0), 1.0)  # 1: refused
    cutoff = jnp.minimum(CUTOFF_HZ, 0.4 * rate)
    vectors = butterworth_zero_phase(vectors, time_s, cutoff, short_runs=False)
    count = int(total / (LEAST_HZ * WINDOW_S * (1 - 1e-3)))
    edges, n = fixed_edges(time_s, WINDOW_S, count), math.ceil(WINDOW_S * RATE_HZ)
    # All parts are read off the windows' clock at once: each place in it is looked up once.
    both = jnp.concatenate([speeds[..., None], vectors], axis=-1).reshape(total, -1)
    kinds = speeds.shape[1]
    value, inside, sound = windows_at_rate(both, time_s, edges[:-1], edges[1:], RATE_HZ, n, kinds)
    value = jnp.moveaxis(value.reshape(count, n, kinds, -1), (2, 3), (0, 2))  # [P, W, 1 + C, n]
    speed_in, vector_in = value[:, :, 0], value[:, :, 1:]
    sound = sound.T & (jnp.max(speed_in, axis=-1) > STILL)
    jerk_of = functools.partial(_jerkiness, rate=RATE_HZ)
    jerks = jax.vmap(jax.vmap(jerk_of), (0, None))(vector_in, inside)
    profile, own_rate, lasts = jax.vmap(run_profile, (1, None))(speeds, time_s)

    def arcs_of(part: tuple[jnp.ndarray, ...]) -> tuple[jnp.ndarray, jnp.ndarray]:
        whole, whole_rate, windows = part
        arc = functools.partial(arc_length, rate_hz=RATE_HZ, n_fft=padded_length(n))
        return arc_length(whole, whole_rate, padded_length(total)), jax.vmap(arc)(windows)

    wholes, arcs = jax.lax.map(arcs_of, (profile, own_rate, speed_in))
    moved = jnp.max(finite_or(speeds), axis=0) > STILL
    each = jnp.where(sound, jnp.stack([arcs, jerks]), jnp.nan)
    found = (jnp.where(lasts & moved, wholes, jnp.nan), *upper_percentile(each, 50.0, axis=-1))
    fast = rate >= LEAST_HZ * (1 - 1e-3)  # below, the values are in the rows' order
    values = [jnp.where(fast, x, jnp.nan) for kind in found for x in kind]
    return {row.key: value for row, value in zip(MEASURES, values, strict=True)}
