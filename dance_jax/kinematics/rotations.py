"""Rotations in three dimensions: axis-angle, matrices, unit quaternions and Euler angles."""

from __future__ import annotations

import jax
import jax.numpy as jnp

_SMALL = 1e-6
_AXES = {"x": 0, "y": 1, "z": 2}


def _safe_norm(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(|x|, |x| is tiny) over the last axis; the gradient is finite at zero (double where)."""
    square = jnp.sum(x * x, axis=-1, keepdims=True)
    tiny = square < _SMALL**2
    return jnp.sqrt(jnp.where(tiny, 1.0, square)), tiny


def skew(v: jax.Array) -> jax.Array:
    """Cross-product matrix K of v, K w = v x w.

    Args:
        v: [..., 3].

    Returns:
        [..., 3, 3].
    """
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = jnp.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def axis_angle_to_matrix(rotvec: jax.Array) -> jax.Array:
    """Rodrigues: R = I + sin(t)/t K + (1 - cos t)/t^2 K^2, K = skew(rotvec), t = |rotvec|.

    Args:
        rotvec: [..., 3] axis times angle in radians.

    Returns:
        [..., 3, 3] rotation matrices; the gradient is finite at the zero rotation.

    Source: O. Rodrigues (1840); series of sin(t)/t and (1 - cos t)/t^2 below 1e-6 rad.
    """
    rotvec = jnp.asarray(rotvec)
    angle, tiny = _safe_norm(rotvec)
    square = jnp.sum(rotvec * rotvec, axis=-1, keepdims=True)
    first = jnp.where(tiny, 1.0 - square / 6.0, jnp.sin(angle) / angle)[..., None]
    # 2 sin^2(t/2) keeps its digits where 1 - cos(t) loses them.
    second = jnp.where(tiny, 0.5 - square / 24.0, 2.0 * (jnp.sin(angle / 2) / angle) ** 2)
    k = skew(rotvec)
    return jnp.eye(3, dtype=rotvec.dtype) + first * k + second[..., None] * (k @ k)


def matrix_to_quaternion(matrix: jax.Array) -> jax.Array:
    """Unit quaternion (w, x, y, z) of a rotation matrix, with w >= 0.

    Args:
        matrix: [..., 3, 3] rotation matrices.

    Returns:
        [..., 4]; of the four equivalent formulas the one with the largest divisor is taken.

    Source: S. W. Shepperd (1978), Quaternion from rotation matrix, J. Guidance and Control 1(3).
    """
    m = jnp.asarray(matrix)
    a, b, c = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = jnp.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c], axis=-1)
    s, t, u = (m[..., i, j] - m[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    p, q, r = (m[..., i, j] + m[..., j, i] for i, j in ((1, 0), (2, 0), (2, 1)))
    rows = jnp.stack(
        [
            jnp.stack([squares[..., 0], s, t, u], axis=-1),
            jnp.stack([s, squares[..., 1], p, q], axis=-1),
            jnp.stack([t, p, squares[..., 2], r], axis=-1),
            jnp.stack([u, q, r, squares[..., 3]], axis=-1),
        ],
        axis=-2,
    )
    best = jnp.argmax(squares, axis=-1)
    row = jnp.take_along_axis(rows, best[..., None, None], axis=-2)[..., 0, :]
    row = row / jnp.sqrt(jnp.sum(row * row, axis=-1, keepdims=True))
    return jnp.where(row[..., :1] < 0, -row, row)


def matrix_to_axis_angle(matrix: jax.Array) -> jax.Array:
    """Logarithm: rotvec = 2 atan2(|v|, w) v / |v| of the quaternion (w, v).

    Args:
        matrix: [..., 3, 3] rotation matrices.

    Returns:
        [..., 3] axis times angle in radians, angle in [0, pi]; finite gradient at the identity.
    """
    quaternion = matrix_to_quaternion(matrix)
    w, v = quaternion[..., :1], quaternion[..., 1:]
    norm, tiny = _safe_norm(v)
    return v * jnp.where(tiny, 2.0, 2.0 * jnp.arctan2(norm, w) / norm)


def axis_rotation(axis: str, angle: jax.Array) -> jax.Array:
    """Right-handed rotation about one coordinate axis.

    Args:
        axis: "x", "y" or "z".
        angle: [...] radians.

    Returns:
        [..., 3, 3].
    """
    unit = jnp.zeros(3).at[_AXES[axis]].set(1.0)
    return axis_angle_to_matrix(jnp.asarray(angle, jnp.float32)[..., None] * unit)


def _check_order(order: str) -> str:
    lower = order.lower()
    if sorted(lower) != ["x", "y", "z"] or order not in (lower, order.upper()):
        raise ValueError(f"order must name x, y, z once each, all of one case, got {order!r}")
    return lower


def euler_to_matrix(angles: jax.Array, order: str = "XYZ") -> jax.Array:
    """Rotation from three Euler angles; "XYZ" = Rx Ry Rz (turning axes), "xyz" = Rz Ry Rx (fixed).

    Args:
        angles: [..., 3] radians, in the order of the letters.
        order: each axis once; upper case turning (intrinsic), lower case fixed (extrinsic) axes.

    Returns:
        [..., 3, 3].

    Raises:
        ValueError: an order that does not name each axis once.
    """
    lower = _check_order(order)
    angles = jnp.asarray(angles)
    first, second, third = (axis_rotation(a, angles[..., i]) for i, a in enumerate(lower))
    return first @ second @ third if order.isupper() else third @ second @ first


def matrix_to_euler(matrix: jax.Array, order: str = "XYZ") -> jax.Array:
    """Euler angles of a rotation; the inverse of `euler_to_matrix`.

    Args:
        matrix: [..., 3, 3] rotation matrices.
        order: as in `euler_to_matrix`.

    Returns:
        [..., 3] radians; the middle angle lies in [-pi/2, pi/2]. Within 1e-6 of its ends (gimbal
        lock) the other two are not separable and the angles are those of rounding.

    Raises:
        ValueError: an order that does not name each axis once.
    """
    lower = _check_order(order)
    m = jnp.asarray(matrix)
    if order.islower():
        return matrix_to_euler(m, lower[::-1].upper())[..., ::-1]
    i, j, k = (_AXES[a] for a in lower)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    cosine, tiny = _safe_norm(jnp.stack([m[..., i, i], m[..., i, j]], axis=-1))
    cosine = jnp.where(tiny, 0.0, cosine)[..., 0]
    first = jnp.arctan2(-sign * m[..., j, k], m[..., k, k])
    second = jnp.arctan2(sign * m[..., i, k], cosine)
    third = jnp.arctan2(-sign * m[..., i, j], m[..., i, i])
    return jnp.stack([first, second, third], axis=-1)
