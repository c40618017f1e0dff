"""Kinetic features of AIST++: mean energy and mean acceleration of every joint over a clip."""

from __future__ import annotations

import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or, safe_norm
from dance_jax.kinematics.windows import floating

MODES = ("fixed", "aist_compat")
HALF_WINDOW = 2  # samples to either side, as published
_COMPAT_STEP_S = 1.0 / 60.0


def check_mode(mode: str) -> None:
    """Raises ValueError for a mode that is not in `MODES`."""
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")


def kinetic_features(
    joints: jnp.ndarray, time_s: jnp.ndarray | None = None, *, mode: str = "fixed"
) -> jnp.ndarray:
    """Describes a clip by three numbers a joint: horizontal energy, vertical energy, acceleration.

        v_i = (p_hi - p_lo) / (t_hi - t_lo),  hi = min(i + 2, T - 1),  lo = max(i - 3, 0)
        E_h = mean_i |v_i horizontal|^2,   E_v = mean_i v_i,y^2,   A = mean_i |mean_window a|

    "aist_compat" repeats the published code bug for bug: 1/60 s whatever the rate, and in the
    acceleration only the earlier position, not its difference, is divided by the time step, so A
    changes when the dancer is moved. "fixed" takes true times and the second difference, and leaves
    frames with missing joints out.

    Args:
        joints: [T, J, 3] any skeleton (AIST++: the 24 SMPL joints), y up, metres.
        time_s: [T] seconds; needed by "fixed".
        mode: "fixed" or "aist_compat".

    Returns:
        [3 J] by joint: m^2/s^2, m^2/s^2, m/s^2; NaN where fewer than 3 frames are known.

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
        time = jnp.arange(n) * jnp.asarray(_COMPAT_STEP_S, joints.dtype)
    elif time_s is None:
        raise ValueError('mode "fixed" needs time_s')
    else:
        time = jnp.asarray(time_s, joints.dtype)
    here = jnp.arange(1, n)
    high = jnp.minimum(here + HALF_WINDOW, n - 1)
    low = jnp.maximum(here - HALF_WINDOW - 1, 0)
    span = time[high] - time[low]
    sound = span > 0
    velocity = (joints[high] - joints[low]) / jnp.where(sound, span, 1.0)[:, None, None]
    velocity = jnp.where(sound[:, None, None], velocity, jnp.nan)
    across = velocity[..., 0] ** 2 + velocity[..., 2] ** 2
    upwards = velocity[..., 1] ** 2
    if mode == "aist_compat":
        rate = _compat_acceleration(joints)
        means = [x.mean(0) for x in (across, upwards, rate)]
    else:
        rate = _acceleration(joints, time)
        means = [_mean(x) for x in (across, upwards, rate)]
    return jnp.stack(means, -1).reshape(-1)


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


def _compat_acceleration(joints: jnp.ndarray) -> jnp.ndarray:
    """The published bracket: ((p[t+1] - p[t]) / dt - (p[t] - p[t-1] / dt)) / dt."""
    dt = _COMPAT_STEP_S
    ahead = (joints[2:] - joints[1:-1]) / dt
    behind = joints[1:-1] - joints[:-2] / dt
    rate = (ahead - behind) / dt
    return _windowed_norm(rate, jnp.ones(rate.shape, bool))


def _acceleration(joints: jnp.ndarray, time: jnp.ndarray) -> jnp.ndarray:
    step = time[1:] - time[:-1]
    forward = step > 0
    slope = (joints[1:] - joints[:-1]) / jnp.where(forward, step, 1.0)[:, None, None]
    slope = jnp.where(forward[:, None, None], slope, jnp.nan)
    middle = 0.5 * (step[1:] + step[:-1])
    rate = (slope[1:] - slope[:-1]) / jnp.where(middle > 0, middle, 1.0)[:, None, None]
    known = jnp.isfinite(rate)
    return _windowed_norm(finite_or(rate), known)
