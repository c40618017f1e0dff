"""Coordination of joints: phase portraits and continuous relative phase by the Hilbert transform.

Ends: the transform takes the clip as one period, so within a cycle of either end the phase is
drawn towards the other end; the whole-clip measures leave out the first and the last tenth.
Gaps: missing frames are bridged by straight lines for the transform and are NaN in its result; an
angle that misses more than a fifth of its span has no phase at all.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.range_of_motion import BODY_ANGLE_NAMES, body_angles
from dance_jax.biomech.sampling import (
    from_uniform,
    long_enough,
    time_mean,
    time_weights,
    to_uniform,
)
from dance_jax.kinematics.motion import angular_velocity, unwrap
from dance_jax.kinematics.vectors import finite_or, safe_atan2

LEAST_S = 1.0
"""Seconds below which a clip has no relative phase."""
LEAST_RANGE = float(np.deg2rad(5.0))
"""Radians: an angle that moves less has no phase, only noise."""
MOST_MISSING = 0.2
"""Share of an angle's span that may be missing."""
END_SHARE = 0.1
"""Share of the span that whole-clip measures leave out at either end."""
_TINY = 1e-6


def analytic_signal(x: jnp.ndarray) -> jnp.ndarray:
    """Returns x + i H(x) by the discrete Fourier transform; equals `scipy.signal.hilbert`.

    Args:
        x: [T, ...] evenly sampled, finite.

    Returns:
        complex [T, ...].
    """
    n = x.shape[0]
    gain = np.zeros(n, np.float32)
    gain[0] = 1.0
    gain[1 : (n + 1) // 2] = 2.0
    if n % 2 == 0:
        gain[n // 2] = 1.0
    gain = gain.reshape((-1,) + (1,) * (x.ndim - 1))
    return jnp.fft.ifft(jnp.fft.fft(x, axis=0) * gain, axis=0)


def _extremes(x: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns least and greatest finite value over time; 0 where there is none."""
    seen = jnp.isfinite(x)
    low = jnp.min(jnp.where(seen, x, jnp.inf), axis=0)
    high = jnp.max(jnp.where(seen, x, -jnp.inf), axis=0)
    some = seen.any(0)
    return jnp.where(some, low, 0.0), jnp.where(some, high, 0.0)


def _phasors(smooth: jnp.ndarray, time_s: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns real and imaginary part [T, K] of unwrapped angles; NaN where they have no phase."""
    low, high = _extremes(smooth)
    grid = to_uniform(smooth - 0.5 * (low + high), time_s)
    seconds = time_weights(jnp.isfinite(smooth), time_s).sum(0)
    good = (
        (grid.share >= 1.0 - MOST_MISSING)
        & (high - low >= LEAST_RANGE)
        & long_enough(seconds, LEAST_S)
    )
    signal = analytic_signal(jnp.where(good, grid.value, 0.0))
    parts = jnp.concatenate([signal.real, signal.imag], axis=1)
    real, imag = jnp.split(from_uniform(parts, grid, time_s), 2, axis=1)
    shown = good & jnp.isfinite(smooth)
    return jnp.where(shown, real, jnp.nan), jnp.where(shown, imag, jnp.nan)


def _difference(
    a: tuple[jnp.ndarray, jnp.ndarray], b: tuple[jnp.ndarray, jnp.ndarray]
) -> jnp.ndarray:
    """Returns the phase of a less that of b, wrapped; NaN where either is."""
    known = jnp.isfinite(a[0]) & jnp.isfinite(b[0])
    (p, q), (u, v) = ((finite_or(x), finite_or(y)) for x, y in (a, b))
    sine, cosine = q * u - p * v, p * u + q * v
    still = (jnp.abs(sine) < _TINY**2) & (jnp.abs(cosine) < _TINY**2)
    cosine = jnp.where(still, 1.0, cosine)
    return jnp.where(known, safe_atan2(jnp.where(still, 0.0, sine), cosine), jnp.nan)


@jax.jit
def relative_phase(a: jnp.ndarray, b: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the continuous relative phase of two angles.

        phi = arctan2(H(a) b - a H(b), a b + H(a) H(b)),   x = theta - (max + min) / 2

    Args:
        a: [T] radians, wrapped or not; NaN where missing.
        b: [T] radians.
        time_s: [T] seconds; an uneven clock is brought to an even one by straight lines, and back.

    Returns:
        [T] radians in (-pi, pi]: 0 = in phase, +-pi = in turn, positive = a is ahead; NaN where
        either is missing, moves less than `LEAST_RANGE`, misses more than `MOST_MISSING` of its
        span or lasts less than `LEAST_S`.

    Source: Lamb & Stoeckl 2014, Clinical Biomechanics 29:484-493 (centring: eq. 11).
    """
    real, imag = _phasors(unwrap(jnp.stack([a, b], axis=1)), time_s)
    return _difference((real[:, 0], imag[:, 0]), (real[:, 1], imag[:, 1]))


@jax.jit
def phase_portrait(theta: jnp.ndarray, time_s: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns angle and angular velocity for a phase-plane plot, each within [-1, 1].

        (theta - (max + min) / 2) / ((max - min) / 2),   omega / max |omega|

    Args:
        theta: [T] radians, wrapped or not; NaN where missing.
        time_s: [T] seconds.

    Returns:
        angle [T] and velocity [T] without unit; NaN where missing, and all NaN where the angle
        moves less than `LEAST_RANGE`.
    """
    smooth = unwrap(theta)
    low, high = _extremes(smooth)
    omega = angular_velocity(theta, time_s)
    slow, fast = _extremes(omega)
    top = jnp.maximum(jnp.abs(slow), jnp.abs(fast))
    good = (high - low >= LEAST_RANGE) & (top > 0)
    half = jnp.where(good, 0.5 * (high - low), 1.0)
    angle = (smooth - 0.5 * (low + high)) / half
    velocity = omega / jnp.where(good, top, 1.0)
    return jnp.where(good, angle, jnp.nan), jnp.where(good, velocity, jnp.nan)


def inner(phi: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns phi [T, ...] with the first and the last `END_SHARE` of its seen span NaN."""
    time = jnp.asarray(time_s, phi.dtype).reshape((-1,) + (1,) * (phi.ndim - 1))
    seen = jnp.isfinite(phi)
    first = jnp.min(jnp.where(seen, time, jnp.inf), axis=0)
    last = jnp.max(jnp.where(seen, time, -jnp.inf), axis=0)
    cut = END_SHARE * jnp.where(seen.any(0), last - first, 0.0)
    return jnp.where((time >= first + cut) & (time <= last - cut), phi, jnp.nan)


@jax.jit
def mean_absolute_phase(phi: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the mean of |phi| over the inner span.

    Args:
        phi: [T, ...] radians (`relative_phase`).
        time_s: [T] seconds.

    Returns:
        [...] radians in [0, pi]: 0 = in phase, pi = in turn.
    """
    within = inner(phi, time_s)
    return time_mean(jnp.abs(within), time_s, 0.5 * LEAST_S, jnp.isfinite(within))


@jax.jit
def phase_variability(phi: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the circular standard deviation of phi over the inner span.

        sd = sqrt(-2 ln R),   R = |mean exp(i phi)|

    Args:
        phi: [T, ...] radians (`relative_phase`).
        time_s: [T] seconds.

    Returns:
        [...] radians; 0 = the phase never changes.

    Source: Mardia & Jupp, Directional Statistics.
    """
    within = inner(phi, time_s)
    seen = jnp.isfinite(within)
    safe = finite_or(within)
    cosine = time_mean(jnp.cos(safe), time_s, 0.5 * LEAST_S, seen)
    sine = time_mean(jnp.sin(safe), time_s, 0.5 * LEAST_S, seen)
    known = jnp.isfinite(cosine)
    length2 = jnp.clip(finite_or(cosine) ** 2 + finite_or(sine) ** 2, _TINY**2, 1.0)
    spread = -jnp.log(length2)
    some = spread > _TINY
    sd = jnp.where(some, jnp.sqrt(jnp.where(some, spread, 1.0)), 0.0)
    return jnp.where(known, sd, jnp.nan)


# Measure: its pairs of angles (mean of both) and what a reader sees.
_PAIRS: dict[str, tuple[tuple[tuple[str, str], ...], str, tuple[str, ...]]] = {
    "knees": ((("left_knee", "right_knee"),), "left with right knee", ("legs",)),
    "arms": (
        (("left_shoulder", "right_shoulder"),),
        "left with right arm (shoulder elevation)",
        ("arms", "trunk"),
    ),
    "hip_knee": (
        (("left_hip", "left_knee"), ("right_hip", "right_knee")),
        "hip with knee of the same leg, mean of both legs",
        ("trunk", "legs"),
    ),
    "arm_leg": (
        (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")),
        "arm (shoulder elevation) with the opposite leg (hip), mean of both",
        ("arms", "trunk", "legs"),
    ),
}
PAIRS: tuple[tuple[str, str], ...] = tuple(pair for row in _PAIRS.values() for pair in row[0])
"""Pairs of angles whose relative phase is measured."""
_ANGLES = tuple(dict.fromkeys(name for pair in PAIRS for name in pair))
_COLUMNS = np.asarray([BODY_ANGLE_NAMES.index(name) for name in _ANGLES])


def relative_phases(pose: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the relative phase [T, 6] in radians of the pairs of `PAIRS` (`relative_phase`)."""
    real, imag = _phasors(body_angles(pose)[:, _COLUMNS], time_s)
    first, second = (np.asarray([_ANGLES.index(pair[i]) for pair in PAIRS]) for i in (0, 1))
    return _difference((real[:, first], imag[:, first]), (real[:, second], imag[:, second]))


@jax.jit
def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Returns the coordination measures of the whole clip in degrees, by the keys of `MEASURES`."""
    phi = relative_phases(moved.pose, moved.time_s)
    size = jnp.rad2deg(mean_absolute_phase(phi, moved.time_s))
    spread = jnp.rad2deg(phase_variability(phi, moved.time_s))
    out, at = {}, 0
    for name, (pairs, _, _) in _PAIRS.items():
        out[f"coordination.{name}_phase"] = size[at : at + len(pairs)].mean()
        out[f"coordination.{name}_variability"] = spread[at : at + len(pairs)].mean()
        at += len(pairs)
    return out


def _rows(name: str) -> tuple[MeasureDef, MeasureDef]:
    _, what, parts = _PAIRS[name]
    label = name.replace("_", "-").capitalize()
    source = "Lamb & Stoeckl 2014"
    return (
        MeasureDef(
            f"coordination.{name}_phase",
            f"{label}, relative phase",
            "deg",
            f"mean absolute relative phase of {what}: 0 = together, 180 = in turn; the choice of "
            "the dance, not better or worse",
            parts=parts,
            min_s=LEAST_S,
            source=source,
        ),
        MeasureDef(
            f"coordination.{name}_variability",
            f"{label}, phase variability",
            "deg",
            f"circular standard deviation of the relative phase of {what}; larger = the relation "
            "changes more over the clip",
            parts=parts,
            min_s=LEAST_S,
            source=source,
        ),
    )


MEASURES: tuple[MeasureDef, ...] = tuple(row for name in _PAIRS for row in _rows(name))
"""What `summarise` returns."""
