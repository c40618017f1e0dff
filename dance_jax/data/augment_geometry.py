"""One affine change of place for a whole clip, left/right aware: of poses and of pictures alike."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import component_sum

Number = jax.Array | float


class Geometry(NamedTuple):
    """x' = M (x - centre) + target, after left and right joints changed names where flipped.

    Attributes:
        matrix: [C,C] rotation times scale, times diag(-1, 1, ...) where flipped.
        centre: [C] what turns stays here.
        target: [C] where the centre goes.
        flipped: bool[], the clip is mirrored.
    """

    matrix: jax.Array
    centre: jax.Array
    target: jax.Array
    flipped: jax.Array


def product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns the matrix product of [C,C] and [C,C], written out as sums of products."""
    return component_sum(a[:, None, :] * b.T[None, :, :])


def turning(angle: jax.Array, size: int, first: int, second: int) -> jax.Array:
    """Returns [C,C], the rotation by an angle in radians from one axis towards another."""
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    matrix = jnp.eye(size, dtype=angle.dtype)
    matrix = matrix.at[first, first].set(cosine).at[second, second].set(cosine)
    return matrix.at[first, second].set(-sine).at[second, first].set(sine)


def draw(
    key: jax.Array,
    centre: jax.Array,
    size: jax.Array,
    *,
    mirror: Number,
    rotate_deg: Number,
    scale: Number,
    shift: Number,
    turn_deg: Number = 0.0,
    tilt_deg: Number = 0.0,
) -> Geometry:
    """Draws the change of one clip.

        M = s Rz(roll) Rx(tilt) Ry(turn) diag(+-1, 1, ...)

    Args:
        key: typed key.
        centre: [C] the fixed point, C = 2 or 3.
        size: length that shifts are shares of, in the unit of the centre.
        mirror: probability of a mirror image, x -> -x.
        rotate_deg: most degrees in the x-y plane, either way.
        scale: s is uniform in 1 - scale to 1 + scale.
        shift: most of the size along each axis, either way.
        turn_deg: most degrees about the vertical y (3D only).
        tilt_deg: most degrees about x, as a camera looks down or up (3D only).
    """
    keys = jax.random.split(key, 6)
    axes, dtype = centre.shape[0], centre.dtype

    def degrees(which: int, most: Number) -> jax.Array:
        return jnp.deg2rad(jax.random.uniform(keys[which], (), dtype, -most, most))

    flipped = jax.random.bernoulli(keys[0], mirror)
    matrix = turning(degrees(1, rotate_deg), axes, 0, 1)
    if axes == 3:
        matrix = product(matrix, turning(degrees(2, tilt_deg), axes, 1, 2))
        matrix = product(matrix, turning(degrees(3, turn_deg), axes, 2, 0))
    matrix = matrix * jax.random.uniform(keys[4], (), dtype, 1 - scale, 1 + scale)
    matrix = matrix * jnp.ones(axes, dtype).at[0].set(jnp.where(flipped, -1.0, 1.0))
    away = jax.random.uniform(keys[5], (axes,), dtype, -shift, shift)
    return Geometry(matrix, centre, centre + size * away, flipped)


def apply(geometry: Geometry, pose: jax.Array, flip: tuple[int, ...]) -> jax.Array:
    """Moves poses.

    Args:
        geometry: the change.
        pose: [..., J, C]; NaN where missing.
        flip: place of each joint's counterpart on the other side, see `skeleton.Skeleton.flip`.

    Returns:
        same shape; NaN where the joint that takes its name was missing.
    """
    named = jnp.where(geometry.flipped, pose[..., jnp.asarray(flip), :], pose)
    rows = (named - geometry.centre)[..., None, :] * geometry.matrix
    return component_sum(rows) + geometry.target


def undo(geometry: Geometry, places: jax.Array) -> jax.Array:
    """Returns the places [..., 2] of the picture that are moved to these places [..., 2]."""
    (a, b), (c, d) = geometry.matrix
    inverse = jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)
    rows = (places - geometry.target)[..., None, :] * inverse
    return component_sum(rows) + geometry.centre
