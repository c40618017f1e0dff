"""Vector operations whose value and gradient stay finite at zero length and with missing input.

The double-where rule: the unsafe branch is given a harmless input before it is computed, since
`where(ok, f(x), 0)` alone still back-propagates NaN from f.
"""

from __future__ import annotations

import functools
import math
import operator

import jax
import jax.numpy as jnp
from jax import lax

_SHORT = 4  # components of a vector, at most
# Below it lie the numbers that processors flush to 0: a root would be 0 and its slope infinite.
_LEAST_SQUARE = 1e-36


def finite_or(x: jnp.ndarray, fill: float = 0.0) -> jnp.ndarray:
    """Returns x with everything that is not finite replaced, without a gradient through it."""
    return jnp.where(jnp.isfinite(x), x, fill)


def component_sum(x: jnp.ndarray, axis: int = -1, keepdims: bool = False) -> jnp.ndarray:
    """Returns the sum over a short axis, term by term.

    A reduction over two or three neighbours in memory is not vectorised on a CPU; sums of slices
    are, and they melt into what makes and uses them. Axes longer than `_SHORT` are reduced.

    Args:
        x: any shape.
        axis: the axis that is summed.
        keepdims: keep that axis, of length 1.
    """
    if not 0 < x.shape[axis] <= _SHORT:
        return jnp.sum(x, axis=axis, keepdims=keepdims)
    parts = (lax.index_in_dim(x, k, axis, keepdims) for k in range(x.shape[axis]))
    return functools.reduce(operator.add, parts)


def all_finite(x: jnp.ndarray, axis: int = -1) -> jnp.ndarray:
    """Returns whether all components along a short axis are finite (`isfinite(x).all(axis)`)."""
    if not 0 < x.shape[axis] <= _SHORT:
        return jnp.isfinite(x).all(axis)
    parts = (lax.index_in_dim(x, k, axis, False) for k in range(x.shape[axis]))
    return functools.reduce(operator.and_, map(jnp.isfinite, parts))


def safe_norm(v: jnp.ndarray, axis: int = -1, keepdims: bool = False) -> jnp.ndarray:
    """Returns |v|; at v = 0 the value and the gradient are 0.

    Args:
        v: any shape.
        axis: the axis of the components.
        keepdims: keep that axis, of length 1.
    """
    return root(component_sum(v * v, axis, keepdims))


def root(squared: jnp.ndarray) -> jnp.ndarray:
    """Returns sqrt(x); 0 with gradient 0 where x is not above `_LEAST_SQUARE`."""
    positive = squared > _LEAST_SQUARE
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def safe_unit(v: jnp.ndarray) -> jnp.ndarray:
    """Returns v / |v| along the last axis; at v = 0 the value and the gradient are 0."""
    squared = component_sum(v * v, keepdims=True)
    positive = squared > _LEAST_SQUARE
    return jnp.where(positive, v / jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


@jax.custom_jvp
def arctan2(y: jnp.ndarray, x: jnp.ndarray) -> jnp.ndarray:
    """Returns atan2(y, x); in float32 by a polynomial, to 3e-7, which a processor vectorises.

    Source: Moshier, Cephes mathematical library (atanf).
    """
    if jnp.result_type(y, x) != jnp.float32:
        return jnp.arctan2(y, x)
    up, along = jnp.abs(y), jnp.abs(x)
    steep = up > along
    below = jnp.maximum(up, along)
    part = jnp.minimum(up, along) / jnp.where(below > 0, below, 1.0)
    far = part > math.tan(math.pi / 8)
    part = jnp.where(far, part - 1.0, part) / jnp.where(far, part + 1.0, 1.0)
    z = part * part
    series = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z
    angle = part + part * z * (series - 3.33329491539e-1) + jnp.where(far, math.pi / 4, 0.0)
    angle = jnp.where(steep, math.pi / 2 - angle, angle)
    angle = jnp.where(x < 0, math.pi - angle, angle)
    return jnp.where(y < 0, -angle, angle)


@arctan2.defjvp
def _arctan2_jvp(primals: tuple, tangents: tuple) -> tuple:
    (y, x), (dy, dx) = primals, tangents
    squared = x * x + y * y
    squared = jnp.where(squared > 0, squared, 1.0)  # squares of tiny numbers are flushed to 0
    return arctan2(y, x), (x / squared) * dy - (y / squared) * dx


def safe_atan2(y: jnp.ndarray, x: jnp.ndarray) -> jnp.ndarray:
    """Returns atan2(y, x) in (-pi, pi]; at (0, 0) the value and the gradient are 0."""
    somewhere = (x != 0) | (y != 0)
    return jnp.where(somewhere, arctan2(y, jnp.where(somewhere, x, 1.0)), 0.0)


def _cross_parts(u: jnp.ndarray, v: jnp.ndarray, axis: int = -1) -> tuple[jnp.ndarray, ...]:
    (a, b, c), (x, y, z) = (
        tuple(lax.index_in_dim(w, k, axis, False) for k in range(3)) for w in (u, v)
    )
    return b * z - c * y, c * x - a * z, a * y - b * x


def cross(u: jnp.ndarray, v: jnp.ndarray, axis: int = -1) -> jnp.ndarray:
    """Returns u x v along an axis: of 2 coordinates -> of length 1, of 3 -> 3."""
    if u.shape[axis] == 2:
        (a, b), (x, y) = (
            tuple(lax.index_in_dim(w, k, axis, True) for k in range(2)) for w in (u, v)
        )
        return a * y - b * x
    return jnp.stack(_cross_parts(u, v, axis), axis=axis)


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
    dot = component_sum(u * v)
    if u.shape[-1] == 2:
        cross_size = jnp.abs(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])
    else:
        cross_size = root(functools.reduce(operator.add, (w * w for w in _cross_parts(u, v))))
    return safe_atan2(cross_size, dot)
