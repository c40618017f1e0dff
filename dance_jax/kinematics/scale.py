"""Scale: body height from segment lengths, and metres per unit from a given height."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dance_jax.kinematics.order_statistics import two_in_order
from dance_jax.kinematics.vectors import all_finite, finite_or, safe_norm
from dance_jax.kinematics.windows import bucket, floating, is_concrete
from dance_jax.skeleton import CANON, index

# Heights of joint centres as fractions of stature (Drillis & Contini 1966, in Winter, Biomechanics
# and Motor Control of Human Movement): ankle .039, knee .285, hip .530, shoulder .818.
FRACTION = {"shank": 0.285 - 0.039, "thigh": 0.530 - 0.285, "trunk": 0.818 - 0.530}


def segment_length(pose: jnp.ndarray, a: str, b: str) -> jnp.ndarray:
    """Returns the distance of two HALPE-26 joints [...], NaN where one is missing.

    Args:
        pose: [..., 26, C].
        a: name of a joint.
        b: name of another.
    """
    v = pose[..., index(CANON, b), :] - pose[..., index(CANON, a), :]
    return jnp.where(all_finite(v), safe_norm(finite_or(v)), jnp.nan)


def upper_percentile(x: jnp.ndarray, percentile: float | jnp.ndarray, axis: int = 0) -> jnp.ndarray:
    """Returns a percentile over the finite entries; NaN where there are none.

    Args:
        x: any shape.
        percentile: 0 to 100; an array of the result's shape gives each entry its own.
        axis: the axis that is reduced.
    """
    x = jnp.moveaxis(floating(x), axis, -1)
    seen = jnp.isfinite(x)
    count = seen.sum(-1)
    rank = percentile / 100.0 * jnp.maximum(count - 1, 0)
    low = jnp.floor(rank).astype(jnp.int32)
    # Missing entries are the greatest, where the rank never reaches.
    below, above = two_in_order(jnp.where(seen, x, jnp.inf), low)
    above = jnp.where(low + 1 < count, above, below)
    some = count > 0
    below, above = jnp.where(some, below, 0.0), jnp.where(some, above, 0.0)
    return jnp.where(some, below + (rank - low) * (above - below), jnp.nan)


def _robust_length(pose: jnp.ndarray, percentile: float, *pairs: tuple[str, str]) -> jnp.ndarray:
    """Returns the greatest of the pairs' percentile lengths (a left and a right bone are alike)."""
    lengths = jnp.stack([segment_length(pose, a, b) for a, b in pairs], axis=-1)
    each = upper_percentile(lengths, percentile, axis=0)
    best = jnp.max(jnp.where(jnp.isfinite(each), each, -jnp.inf), axis=-1)
    return jnp.where(jnp.isfinite(best), best, jnp.nan)


def body_height(pose: jnp.ndarray, percentile: float = 90.0) -> jnp.ndarray:
    """Estimates body height from segment lengths over their fraction of stature.

        height = (shank + thigh + trunk) / (.246 + .245 + .288)

    Each length is an upper percentile over the frames, since a segment that points out of the
    picture only ever looks shorter; of left and right the longer counts. A dancer who comes much
    nearer to the camera is measured where near.

    Args:
        pose: [T, 26, C], C = 2 or 3, any unit; NaN where missing.
        percentile: of each length over time; below 100 against outliers.

    Returns:
        scalar in the pose's unit; NaN where shank, thigh or trunk was never seen.

    Source: Drillis & Contini 1966, in Winter.
    """
    return _body_height(_padded(pose), percentile)


def _padded(pose: jnp.ndarray) -> jnp.ndarray:
    """Pads the time axis with missing frames up to a bucket size: few compilations."""
    pose = floating(pose)
    if not is_concrete(pose):
        return pose
    extra = bucket(pose.shape[0]) - pose.shape[0]
    return jnp.pad(pose, [(0, extra), (0, 0), (0, 0)], constant_values=jnp.nan)


@jax.jit
def _body_height(pose: jnp.ndarray, percentile: float) -> jnp.ndarray:
    shank = _robust_length(
        pose, percentile, ("left_knee", "left_ankle"), ("right_knee", "right_ankle")
    )
    thigh = _robust_length(pose, percentile, ("left_hip", "left_knee"), ("right_hip", "right_knee"))
    trunk = _robust_length(pose, percentile, ("hip", "neck"))
    return (shank + thigh + trunk) / sum(FRACTION.values())


def body_height_from_trunk(pose: jnp.ndarray, percentile: float = 90.0) -> jnp.ndarray:
    """Estimates body height from the trunk alone: trunk / .288, for clips that never show legs.

    Coarser than `body_height`, and never taken in its place unasked: say so where it is shown.

    Args:
        pose: [T, 26, C] in any unit; NaN where missing.
        percentile: of the length over time.

    Returns:
        scalar in the pose's unit; NaN where the trunk was never seen.
    """
    length = _robust_length(_padded(pose), percentile, ("hip", "neck"))
    return length / FRACTION["trunk"]


def metres_per_unit(height_m: float, height: jnp.ndarray) -> jnp.ndarray:
    """Returns metres per pose unit, from the dancer's true height and the one measured in the pose.

    Args:
        height_m: metres, given by the user.
        height: the same height in the pose's unit (`body_height`).

    Returns:
        metres per unit; NaN where `height` is NaN or not positive.
    """
    height = jnp.asarray(height)
    good = height > 0
    return jnp.where(good, height_m / jnp.where(good, height, 1.0), jnp.nan)
