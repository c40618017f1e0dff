"""Pelvis and thorax frames in 3D and the Cardan angles of the thorax relative to the pelvis."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or, safe_atan2, safe_unit
from dance_jax.skeleton import CANON, index


def _axes(y: jnp.ndarray, z: jnp.ndarray) -> jnp.ndarray:
    """Stacks right-handed axes as columns: x = y x z (forwards), y up, z to the right."""
    return jnp.stack([jnp.cross(y, z), y, z], axis=-1)


def _across(v: jnp.ndarray, axis: jnp.ndarray) -> jnp.ndarray:
    """Returns the unit vector of v without its part along a unit axis."""
    return safe_unit(v - jnp.sum(v * axis, axis=-1, keepdims=True) * axis)


def _joint(pose: jnp.ndarray, name: str) -> jnp.ndarray:
    return pose[..., index(CANON, name), :]


def _known(rotation: jnp.ndarray, *needed: jnp.ndarray) -> jnp.ndarray:
    """Puts NaN where a needed joint is missing or the axes are degenerate."""
    known = jnp.isfinite(jnp.stack(needed, axis=-1)).all((-1, -2))
    whole = jnp.sum(rotation**2, axis=(-1, -2)) > 2.5  # three unit axes sum to 3
    return jnp.where((known & whole)[..., None, None], rotation, jnp.nan)


def pelvis_frame(
    pose: jnp.ndarray, vertical: tuple[float, float, float] = (0.0, 1.0, 0.0)
) -> jnp.ndarray:
    """Returns the pelvis frame: x forwards, y up, z to the dancer's right (ISB axes).

    z runs from the left to the right hip; y is the part of the vertical at right angles to it. Two
    hip joints do not show the pelvis' forward tilt: it is taken as none, so the frame carries
    obliquity and turning only, and it is undefined where the hips lie one above the other.

    Args:
        pose: [..., 26, 3] HALPE-26, y up, any unit; NaN where missing.
        vertical: the direction of up.

    Returns:
        rotation [..., 3, 3], columns x, y, z; NaN where a hip is missing or the frame degenerate.

    Source: axes after Wu et al. 2002 (ISB), on joint centres instead of the iliac spines.
    """
    left, right = _joint(pose, "left_hip"), _joint(pose, "right_hip")
    z = safe_unit(finite_or(right) - finite_or(left))
    y = _across(jnp.broadcast_to(jnp.asarray(vertical, pose.dtype), z.shape), z)
    return _known(_axes(y, z), left, right)


def thorax_frame(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns the thorax frame: x forwards, y up along the trunk, z to the dancer's right.

    y runs from the mid-point of the hips to that of the shoulders (hip -> neck); z is the part of
    the line from the left to the right shoulder at right angles to it.

    Args:
        pose: [..., 26, 3] HALPE-26, y up, any unit; NaN where missing.

    Returns:
        rotation [..., 3, 3], columns x, y, z; NaN where a joint is missing or the frame degenerate.

    Source: axes after Wu et al. 2005 (ISB), on joint centres instead of sternum and vertebrae.
    """
    hip, neck = _joint(pose, "hip"), _joint(pose, "neck")
    left, right = _joint(pose, "left_shoulder"), _joint(pose, "right_shoulder")
    y = safe_unit(finite_or(neck) - finite_or(hip))
    z = _across(finite_or(right) - finite_or(left), y)
    return _known(_axes(y, z), hip, neck, left, right)


def cardan_zxy(rotation: jnp.ndarray) -> jnp.ndarray:
    """Splits a rotation into Cardan angles R = Rz(a) Rx(b) Ry(c).

        a = atan2(-R01, R11), b = atan2(R21, sqrt(R01^2 + R11^2)), c = atan2(-R20, R22)

    Args:
        rotation: [..., 3, 3]; NaN where missing.

    Returns:
        radians [..., 3] = (a, b, c); NaN where missing. At b = +-90 degrees a and c are not unique.
    """
    known = jnp.isfinite(rotation).all((-1, -2))
    r = finite_or(rotation)
    squared = r[..., 0, 1] ** 2 + r[..., 1, 1] ** 2
    some = squared > 0
    flat = jnp.where(some, jnp.sqrt(jnp.where(some, squared, 1.0)), 0.0)
    angles = jnp.stack(
        [
            safe_atan2(-r[..., 0, 1], r[..., 1, 1]),
            safe_atan2(r[..., 2, 1], flat),
            safe_atan2(-r[..., 2, 0], r[..., 2, 2]),
        ],
        axis=-1,
    )
    return jnp.where(known[..., None], angles, jnp.nan)


@jax.jit
def thorax_to_pelvis(
    pose: jnp.ndarray, vertical: tuple[float, float, float] = (0.0, 1.0, 0.0)
) -> jnp.ndarray:
    """Returns the Cardan angles of the thorax relative to the pelvis (sequence z, x, y).

    Flexion is about the pelvis' left-right axis, counted from a pelvis without forward tilt
    (`pelvis_frame`), so it includes the tilt that cannot be seen.

    Args:
        pose: [..., 26, 3] HALPE-26, y up, any unit; NaN where missing.
        vertical: the direction of up.

    Returns:
        radians [..., 3]: extension (+) / flexion (-), lateral bending to the right (+), axial
        rotation to the left (+); NaN where a joint is missing.
    """
    pelvis, thorax = pelvis_frame(pose, vertical), thorax_frame(pose)
    known = jnp.isfinite(pelvis).all((-1, -2)) & jnp.isfinite(thorax).all((-1, -2))
    relative = jnp.einsum("...ki,...kj->...ij", finite_or(pelvis), finite_or(thorax))
    return cardan_zxy(jnp.where(known[..., None, None], relative, jnp.nan))
