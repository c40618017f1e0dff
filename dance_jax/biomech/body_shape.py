"""Laban body, shape and space from positions: distances, expansion, levels, paths, initiations.

The centre of mass is always that of the sex-free de Leva table, whichever segments are chosen.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import averages, segments
from dance_jax.biomech.body_shape_rows import MEASURES
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.own_tempo import root
from dance_jax.kinematics import motion, scale
from dance_jax.kinematics.vectors import all_finite, component_sum, cross, finite_or, safe_norm
from dance_jax.skeleton import CANON, index

__all__ = ["MEASURES", "distances", "expansion", "initiations", "path_curvature", "summarise"]


def _at(*names: str) -> np.ndarray:
    return np.array([index(CANON, name) for name in names])


_WRISTS, _SHOULDERS = _at("left_wrist", "right_wrist"), _at("left_shoulder", "right_shoulder")
_ANKLES = _at("left_ankle", "right_ankle")
_NECK, _HIP = index(CANON, "neck"), index(CANON, "hip")
_ENDS = np.concatenate([_WRISTS, _ANKLES, _at("neck")])
_LIMBS = np.concatenate([_ENDS, _at("left_elbow", "right_elbow", "left_knee", "right_knee")])
_CLOUD = np.concatenate([_LIMBS, _SHOULDERS, _at("left_hip", "right_hip", "hip")])
_SOLES = np.array([_at(f"{side}_heel", f"{side}_big_toe") for side in ("left", "right")])
_FEET = np.concatenate([_ANKLES, _SOLES.ravel()])
_THIN = 0.02  # heights; a flat cloud of joints is given this thickness, so its size is not 0
_SLOW = 0.1  # heights/s; below it the direction of a path means little
# Height of the hip above the lowest foot point of an upright stance: .530 of stature (Drillis &
# Contini 1966, in Winter). Low: a knee bend that takes a tenth off it; high: on the toes or in air.
_UPRIGHT = 0.530
LOW, HIGH = 0.9 * _UPRIGHT, 1.06 * _UPRIGHT


def _length(v: jnp.ndarray) -> jnp.ndarray:
    return jnp.where(all_finite(v), safe_norm(finite_or(v)), jnp.nan)


def distances(pose: jnp.ndarray) -> dict[str, jnp.ndarray]:
    """Returns the body's own distances over time, each [T] in heights.

    hand_shoulder: wrist to shoulder of the same side, mean of both; hands: wrist to wrist;
    hands_head: wrists to the head's lower end (neck), mean; feet: ankle to ankle; dispersion: mean
    distance of wrists, ankles and neck from the middle of the spine (neck to hip).

    Args:
        pose: [T, 26, C] body heights.

    Source: Aristidou et al. 2015, Folk dance evaluation using Laban movement analysis, ACM JOCCH 8
    (body component); Turab et al. 2025, arXiv 2504.21166.
    """
    spine = 0.5 * (pose[:, _NECK] + pose[:, _HIP])[:, None]
    return {
        "hand_shoulder": _length(pose[:, _WRISTS] - pose[:, _SHOULDERS]).mean(1),
        "hands": _length(pose[:, _WRISTS[0]] - pose[:, _WRISTS[1]]),
        "hands_neck": _length(pose[:, _WRISTS] - pose[:, _NECK][:, None]).mean(1),
        "feet": _length(pose[:, _ANKLES[0]] - pose[:, _ANKLES[1]]),
        "dispersion": _length(pose[:, _ENDS] - spine).mean(1),
    }


def _determinant(m: jnp.ndarray) -> jnp.ndarray:
    """Returns det of [..., C, C], C = 2 or 3, written out (small batched matrices are slow)."""
    if m.shape[-1] == 2:
        return m[..., 0, 0] * m[..., 1, 1] - m[..., 0, 1] * m[..., 1, 0]
    return component_sum(m[..., 0, :] * cross(m[..., 1, :], m[..., 2, :]))


def expansion(pose: jnp.ndarray) -> dict[str, jnp.ndarray]:
    """Returns how far the body spreads, each [T] in heights.

        limbs     = mean_k |x_k - CoM|
        ellipsoid = det(cov_k(x_k) + e^2 I)^(1 / 2C)

    limbs over neck, elbows, wrists, knees and ankles; ellipsoid is the geometric mean of the
    standard deviations of 14 joints along the principal axes: the side of the box of equal volume
    (area in 2D), so that it is a length in 2D and in 3D; e = 0.02 heights.

    Args:
        pose: [T, 26, C] body heights.
    """
    centre = segments.centre_of_mass(pose)
    cloud = pose[:, _CLOUD]
    seen = jnp.isfinite(cloud).all((1, 2))
    safe = jnp.where(seen[:, None, None], finite_or(cloud), 0.0)
    away = safe - safe.mean(1, keepdims=True)
    cov = (away[..., :, None] * away[..., None, :]).mean(1)
    thick = _THIN**2 * jnp.eye(pose.shape[-1], dtype=pose.dtype)
    volume = jnp.maximum(_determinant(cov + thick), 1e-12)
    return {
        "limbs": _length(pose[:, _LIMBS] - centre[:, None]).mean(1),
        "ellipsoid": jnp.where(seen, volume ** (0.5 / pose.shape[-1]), jnp.nan),
    }


def path_curvature(points: jnp.ndarray, time_s: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
    """Returns the mean curvature of paths, by the length of the path.

        curvature = integral |v x a| |v|^-3 ds / integral ds,  ds = |v| dt

    with |v|^2 + v0^2 for |v|^2 in the turning rate, v0 = 0.1 heights/s. A circle of radius r has
    1 / r, a straight line 0.

    Args:
        points: [T, K, C] heights.
        time_s: [T] seconds.
        weight: [T] of `averages.frame_weights`.

    Returns:
        [K] radians per height; NaN where a path is shorter than the clip times v0.
    """
    v = motion.velocity(points, time_s)
    a = motion.velocity(v, time_s)
    known = all_finite(v) & all_finite(a)
    sv, sa = finite_or(v), finite_or(a)
    turning = safe_norm(cross(sv, sa)) / (component_sum(sv * sv) + _SLOW**2)
    turned = averages.time_mean(jnp.where(known, turning, jnp.nan), weight)
    went = averages.time_mean(jnp.where(known, safe_norm(sv), jnp.nan), weight)
    far = went > _SLOW
    return jnp.where(far, turned / jnp.where(far, went, 1.0), jnp.nan)


def initiations(points: jnp.ndarray, time_s: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
    """Returns how often a movement starts: acceleration rising above its mean + 1 sd, per second.

    A count, so its gradient is 0: for description, not for rewards.

    Args:
        points: [T, K, C] heights.
        time_s: [T] seconds.
        weight: [T] of `averages.frame_weights`.

    Returns:
        [K] events per second; NaN where the point was not seen or does not accelerate.

    Source: Turab et al. 2025, arXiv 2504.21166 (initiation events above one standard deviation).
    """
    size = _length(motion.acceleration(points, time_s))
    mean = averages.time_mean(size, weight)
    sd = root(averages.time_variance(size, weight))
    over = size > mean + sd
    both = jnp.isfinite(size[1:]) & jnp.isfinite(size[:-1])
    count = jnp.sum(both & over[1:] & ~over[:-1], axis=0).astype(points.dtype)
    seconds = jnp.sum(weight) * averages.share_seen(jnp.isfinite(size), weight)
    good = jnp.isfinite(mean) & (sd > 0.05) & (seconds > 0)
    return jnp.where(good, count / jnp.where(good, seconds, 1.0), jnp.nan)


def _sd(variance: jnp.ndarray) -> jnp.ndarray:
    return jnp.where(jnp.isfinite(variance), root(finite_or(variance)), jnp.nan)


def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Returns the whole-clip values by the keys of `MEASURES`."""
    pose, time = moved.pose, moved.time_s
    weight = averages.frame_weights(pose, time)

    def mean(x: jnp.ndarray) -> jnp.ndarray:
        return averages.time_mean(x, weight)

    own = {name: mean(x) for name, x in distances(pose).items()}
    spread = expansion(pose)
    limbs = mean(spread["limbs"])
    hands, hip = pose[:, _WRISTS], pose[:, _HIP]
    # Height of the hip over the lowest point of the feet, where they stand most of the time.
    feet = pose[:, _FEET, 1]
    lowest = jnp.min(jnp.where(jnp.isfinite(feet), feet, jnp.inf), axis=1)
    # Upright is measured from the soles: where a foot shows neither heel nor toe, its lowest known
    # point would be the ankle, and a standing body would read as low.
    soled = jnp.isfinite(pose[:, _SOLES, 1]).any(2).all(1)
    grounded = soled & jnp.isfinite(pose[:, _ANKLES]).all((1, 2))
    lowest = jnp.where(grounded, lowest, jnp.nan)
    above = hip[:, 1] - scale.upper_percentile(lowest, 25.0)
    known = jnp.isfinite(above)

    def share(where: jnp.ndarray) -> jnp.ndarray:
        return mean(jnp.where(known, where.astype(pose.dtype), jnp.nan))

    level = jnp.array([0, 2] if pose.shape[-1] == 3 else [0])
    travel = _length(motion.velocity(hip[:, level], time))
    found = own | {
        "expansion": limbs,
        "expansion_change": _sd(averages.time_variance(spread["limbs"], weight)),
        "ellipsoid": mean(spread["ellipsoid"]),
        "hip_height": mean(above),
        "low_level": share(above < LOW),
        "high_level": share(above > HIGH),
        "travel": mean(travel),
        "hand_curvature": path_curvature(hands - hip[:, None], time, weight).mean(),
        "hand_initiations": initiations(hands - hip[:, None], time, weight).mean(),
    }
    return {f"shape.{name}": value for name, value in found.items()}
