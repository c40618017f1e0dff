"""Kinetic features of AIST++: mean energy and mean acceleration of every joint over a clip."""

from __future__ import annotations

import jax.numpy as jnp

from dance_jax.kinematics.vectors import all_finite, finite_or, safe_norm
from dance_jax.kinematics.windows import floating

MODES = ("fixed", "aist_compat")
HALF_WINDOW = 2  # samples to either side, as published
_COMPAT_STEP_S = 1.0 / 60.0
WINDOW_S = 5.0 / 60.0  # the published window of five steps, at the published rate


def check_mode(mode: str) -> None:
    """Raises ValueError for a mode that is not in `MODES`."""
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")


def kinetic_features(
    joints: jnp.ndarray, time_s: jnp.ndarray | None = None, *, mode: str = "fixed"
) -> jnp.ndarray:
    """Describes a clip by three numbers a joint: horizontal energy, vertical energy, acceleration.

        v_i = (p(hi) - p(lo)) / (hi - lo),  hi, lo = m_i +- w / 2,  m_i = (t_{i-1} + t_i) / 2
        a_i = (u(hi) - u(lo)) / (hi - lo),  hi, lo = t_i +- w / 2
        E_h = mean_i |v_i horizontal|^2,   E_v = mean_i v_i,y^2,   A = mean_i |a_i|

    p(t) and u(t) are positions and velocities of single steps (at their middles), linear between
    samples; windows are cut at the clip's ends. w = 5/60 s is the published window at the published
    rate, so that at 60 frames a second hi and lo fall on samples. "fixed" takes true times, and
    leaves windows out whose ends are missing. The window takes sinc^2(w f) of a swing's energy at f
    Hz, 0.91 of it at 2 Hz, at any frame rate; below 60 frames a second straight lines between
    samples take a little more (3 % at 2 Hz and 30 frames a second).

    "aist_compat" repeats the published code bug for bug: five steps of 1/60 s whatever the rate,
    and in the acceleration only the earlier position, not its difference, is divided by the time
    step, so A changes when the dancer is moved.

    Args:
        joints: [T, J, 3] any skeleton (AIST++: the 24 SMPL joints), y up, metres.
        time_s: [T] seconds; needed by "fixed".
        mode: "fixed" or "aist_compat".

    Returns:
        [3 J] by joint: m^2/s^2, m^2/s^2, m/s^2; NaN below 3 frames or without a known window.

    Raises:
        ValueError: unknown mode, or "fixed" without times.

    Source: Onuma, Faloutsos & Hodgins 2008 (FMDistance), as used by Li et al. 2021 (AIST++).
    """
    check_mode(mode)
    joints = floating(joints)
    n = joints.shape[0]
    if n < 3:
        return jnp.full(3 * joints.shape[1], jnp.nan, joints.dtype)
    if mode == "aist_compat":
        velocity, rate = _compat_velocity(joints), _compat_acceleration(joints)
    elif time_s is None:
        raise ValueError('mode "fixed" needs time_s')
    else:
        time = jnp.asarray(time_s, joints.dtype)
        middles = 0.5 * (time[1:] + time[:-1])
        velocity = _slope(joints, time, middles)
        rate = _length(_slope(_steps(joints, time), middles, time))
    # Missing ones are taken out before squaring too: NaN times a zero cotangent is NaN.
    seen, safe = all_finite(velocity), finite_or(velocity)
    across = jnp.where(seen, safe[..., 0] ** 2 + safe[..., 2] ** 2, jnp.nan)
    upwards = jnp.where(seen, safe[..., 1] ** 2, jnp.nan)
    if mode == "aist_compat":
        means = [x.mean(0) for x in (across, upwards, rate)]
    else:
        means = [_mean(x) for x in (across, upwards, rate)]
    return jnp.stack(means, -1).reshape(-1)


def _length(v: jnp.ndarray) -> jnp.ndarray:
    return jnp.where(all_finite(v), safe_norm(finite_or(v)), jnp.nan)


def _per_time(change: jnp.ndarray, span: jnp.ndarray) -> jnp.ndarray:
    """[N, J, 3] over [N]; NaN where no time passes."""
    span = span[:, None, None]
    sound = span > 0
    return jnp.where(sound, change / jnp.where(sound, span, 1.0), jnp.nan)


def _steps(joints: jnp.ndarray, time: jnp.ndarray) -> jnp.ndarray:
    """Velocity of every step between two samples, [T - 1, J, 3]."""
    return _per_time(joints[1:] - joints[:-1], time[1:] - time[:-1])


def _between(x: jnp.ndarray, time: jnp.ndarray, at: jnp.ndarray) -> jnp.ndarray:
    """x[N, J, 3] at other times, linear between samples; NaN beside a missing one."""
    last = jnp.clip(jnp.searchsorted(time, at, side="left"), 1, time.shape[0] - 1)
    first = last - 1
    span = time[last] - time[first]
    share = ((at - time[first]) / jnp.where(span > 0, span, 1.0))[:, None, None]
    # A sample that is hit exactly does not need its neighbour.
    inside = (1.0 - share) * x[first] + share * x[last]
    return jnp.where(share <= 0, x[first], jnp.where(share >= 1, x[last], inside))


def _slope(x: jnp.ndarray, time: jnp.ndarray, centre: jnp.ndarray) -> jnp.ndarray:
    """Change of x[N, J, 3] per second over the window about each centre, cut at the ends."""
    high = jnp.minimum(centre + 0.5 * WINDOW_S, time[-1])
    low = jnp.maximum(centre - 0.5 * WINDOW_S, time[0])
    return _per_time(_between(x, time, high) - _between(x, time, low), high - low)


def _mean(x: jnp.ndarray) -> jnp.ndarray:
    """Mean over axis 0 of what is finite; NaN where nothing is."""
    known = jnp.isfinite(x)
    count = known.sum(0)
    return jnp.where(count > 0, finite_or(x).sum(0) / jnp.maximum(count, 1), jnp.nan)


def _windowed_norm(rate: jnp.ndarray, known: jnp.ndarray) -> jnp.ndarray:
    """|mean of rate over t in [i - 2, i + 2]| for i = 1..T-1, from rate[t] at t = 1..T-2."""
    n = rate.shape[0] + 2
    rows = [(1 + HALF_WINDOW, 1 + HALF_WINDOW)] + [(0, 0)] * (rate.ndim - 1)
    padded = jnp.pad(jnp.where(known, rate, 0.0), rows)
    counts = jnp.pad(known, rows)
    total = sum(padded[k + 1 : k + n] for k in range(2 * HALF_WINDOW + 1))
    count = sum(counts[k + 1 : k + n].astype(jnp.int32) for k in range(2 * HALF_WINDOW + 1))
    mean = jnp.where(count > 0, total / jnp.maximum(count, 1), 0.0)
    return jnp.where((count > 0).all(-1), safe_norm(mean), jnp.nan)


def _compat_velocity(joints: jnp.ndarray) -> jnp.ndarray:
    """Displacement over the window of five steps, cut at the ends, at 1/60 s a step."""
    n = joints.shape[0]
    time = jnp.arange(n) * jnp.asarray(_COMPAT_STEP_S, joints.dtype)
    here = jnp.arange(1, n)
    high = jnp.minimum(here + HALF_WINDOW, n - 1)
    low = jnp.maximum(here - HALF_WINDOW - 1, 0)
    return (joints[high] - joints[low]) / (time[high] - time[low])[:, None, None]


def _compat_acceleration(joints: jnp.ndarray) -> jnp.ndarray:
    """The published bracket: ((p[t+1] - p[t]) / dt - (p[t] - p[t-1] / dt)) / dt."""
    dt = _COMPAT_STEP_S
    ahead = (joints[2:] - joints[1:-1]) / dt
    behind = joints[1:-1] - joints[:-2] / dt
    rate = (ahead - behind) / dt
    return _windowed_norm(rate, jnp.ones(rate.shape, bool))
