"""The input of every movement measure: one dancer's poses in body heights, with true times."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from dance_jax.kinematics import scale
from dance_jax.kinematics.windows import floating

GRAVITY = 9.80665  # m/s^2, standard gravity (CGPM 1901)


class Movement(NamedTuple):
    """One dancer's movement; a pytree, so `vmap`, `jit` and `grad` go through it.

    NaN is the mask: a missing joint, a missing frame and a padded frame are all NaN in `pose`,
    while `time_s` goes on increasing.

    Attributes:
        pose: [T, 26, C] HALPE-26 in body heights, C = (x, y) in the picture's plane or (x, y, z);
            y up.
        time_s: [T] seconds, strictly increasing; best counted from the first frame.
        height_m: scalar, metres of one body height; NaN where it is not known, and then every
            measure that needs metres (through gravity) is NaN.
    """

    pose: jnp.ndarray
    time_s: jnp.ndarray
    height_m: jnp.ndarray


def movement(
    pose: jnp.ndarray,
    time_s: jnp.ndarray,
    *,
    height: jnp.ndarray | float | None = None,
    height_m: jnp.ndarray | float = jnp.nan,
) -> Movement:
    """Brings poses of any length unit to body heights.

        pose_h = pose / height

    Args:
        pose: [T, 26, C] HALPE-26, filtered, any unit, y up; NaN where missing.
        time_s: [T] seconds.
        height: body height in the pose's unit; None estimates it from the segment lengths
            (`scale.body_height`), and from the trunk alone where the legs were never seen.
        height_m: the same height in metres; NaN where not known.

    Returns:
        The movement; all NaN where the height cannot be told.
    """
    pose = floating(pose)
    if height is None:
        whole = scale.body_height(pose)
        height = jnp.where(jnp.isfinite(whole), whole, scale.body_height_from_trunk(pose))
    height = jnp.asarray(height, pose.dtype)
    good = height > 0
    in_heights = jnp.where(good, pose / jnp.where(good, height, 1.0), jnp.nan)
    return Movement(in_heights, jnp.asarray(time_s), jnp.asarray(height_m, pose.dtype))


def gravity(moved: Movement) -> jnp.ndarray:
    """Returns g in body heights per second squared; NaN where the height in metres is unknown."""
    known = moved.height_m > 0
    return jnp.where(known, GRAVITY / jnp.where(known, moved.height_m, 1.0), jnp.nan)
