"""Vector operations whose value and gradient stay finite at zero length and with missing input.

The double-where rule: the unsafe branch is given a harmless input before it is computed, since
`where(ok, f(x), 0)` alone still back-propagates NaN from f.
"""

from __future__ import annotations

import jax.numpy as jnp


def finite_or(x: jnp.ndarray, fill: float = 0.0) -> jnp.ndarray:
    """Returns x with everything that is not finite replaced, without a gradient through it."""
    return jnp.where(jnp.isfinite(x), x, fill)


def safe_norm(v: jnp.ndarray, axis: int = -1, keepdims: bool = False) -> jnp.ndarray:
    """Returns |v|; at v = 0 the value and the gradient are 0.

    Args:
        v: any shape.
        axis: the axis of the components.
        keepdims: keep that axis, of length 1.
    """
    squared = jnp.sum(v * v, axis=axis, keepdims=keepdims)
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def safe_unit(v: jnp.ndarray) -> jnp.ndarray:
    """Returns v / |v| along the last axis; at v = 0 the value and the gradient are 0."""
    squared = jnp.sum(v * v, axis=-1, keepdims=True)
    positive = squared > 0
    return jnp.where(positive, v / jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def safe_atan2(y: jnp.ndarray, x: jnp.ndarray) -> jnp.ndarray:
    """Returns atan2(y, x) in (-pi, pi]; at (0, 0) the value and the gradient are 0."""
    somewhere = (x != 0) | (y != 0)
    return jnp.where(somewhere, jnp.arctan2(y, jnp.where(somewhere, x, 1.0)), 0.0)


def angle_between(u: jnp.ndarray, v: jnp.ndarray) -> jnp.ndarray:
    """Returns the unsigned angle of two vectors, in 2D or 3D.

        angle = atan2(|u x v|, u . v)

    Unlike arccos of the normalised dot product it keeps its accuracy near 0 and pi, and its
    gradient is finite there (0 at an exactly straight or zero-length pair).

    Args:
        u: [..., C] with C = 2 or 3.
        v: [..., C].

    Returns:
        [...] radians in [0, pi].
    """
    dot = jnp.sum(u * v, axis=-1)
    if u.shape[-1] == 2:
        cross = jnp.abs(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])
    else:
        cross = safe_norm(jnp.cross(u, v))
    return safe_atan2(cross, dot)
