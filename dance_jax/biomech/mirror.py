"""A pose's own mirror image, and its distance from it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.vectors import component_sum, finite_or, safe_norm, safe_unit
from dance_jax.skeleton import CANON, get, index


def mirrored(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns the pose's own mirror image, left joints become right ones.

    3D: about the body's middle plane, through the mid-point of the hips, at right angles to the
    mean direction of the hip and the shoulder line. 2D: about the picture's vertical through the
    mid-point of the hips, which is the body's own only in a view from the front or the back.

    Args:
        pose: [..., 26, C], y up; NaN where missing.

    Returns:
        same shape; NaN where the joint, a hip or (3D) a shoulder is missing.
    """
    seen = jnp.isfinite(pose)
    safe = finite_or(pose)  # missing joints go through as zeros and are NaN only at the end

    def at(values: jnp.ndarray, name: str) -> jnp.ndarray:
        return values[..., index(CANON, name), :]

    middle = 0.5 * (at(safe, "left_hip") + at(safe, "right_hip"))
    known = at(seen, "left_hip").all(-1) & at(seen, "right_hip").all(-1)
    if pose.shape[-1] == 2:
        axis = jnp.broadcast_to(jnp.asarray([1.0, 0.0], safe.dtype), middle.shape)
    else:
        hips = safe_unit(at(safe, "left_hip") - at(safe, "right_hip"))
        both = hips + safe_unit(at(safe, "left_shoulder") - at(safe, "right_shoulder"))
        known &= at(seen, "left_shoulder").all(-1) & at(seen, "right_shoulder").all(-1)
        known &= component_sum(both**2) > 0.1  # twisted by half a turn: no middle plane
        axis = safe_unit(both)
    flip = np.asarray(get(CANON).flip)
    swapped = safe[..., flip, :]
    away = component_sum((swapped - middle[..., None, :]) * axis[..., None, :], keepdims=True)
    image = swapped - 2.0 * away * axis[..., None, :]
    shown = known[..., None] & seen[..., flip, :].all(-1)
    return jnp.where(shown[..., None], image, jnp.nan)


_BODY = tuple(
    index(CANON, f"{side}_{name}")
    for side in ("left", "right")
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)


@jax.jit
def mirror_distance(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns how far the pose is from its own mirror image: the mean over the limbs' joints.

    Args:
        pose: [..., 26, C] in body heights, y up; NaN where missing.

    Returns:
        [...] body heights, 0 = symmetric; NaN where a limb's joint is missing.
    """
    apart = (mirrored(pose) - pose)[..., _BODY, :]
    known = jnp.isfinite(apart).all((-1, -2))
    return jnp.where(known, safe_norm(finite_or(apart)).mean(-1), jnp.nan)
