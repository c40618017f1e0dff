"""The largest value of windows of a picture, with a derivative that is cheap on every device."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def max_pool(x: jax.Array, window: int = 3, stride: int = 2, padding: int = 0) -> jax.Array:
    """Takes the largest value of each square window.

        y_{n,p,q,c} = max_{i,j < window} x_{n, stride p + i - padding, stride q + j - padding, c}

    The derivative goes to the first of equal values, row by row, as PyTorch's does. NaN stays NaN.
    Slices are compared, columns first and then rows, because XLA:CPU takes several times as long
    for the derivative of `flax.linen.max_pool`, which looks for each maximum once more.

    Args:
        x: [N,H,W,C], floating point.
        window: side of a window.
        stride: from window to window, both ways.
        padding: rows and columns beyond each border, which are never the largest.

    Returns:
        [N,P,Q,C], P = (H + 2 padding - window) // stride + 1, and Q so from W.

    Raises:
        ValueError: the padding is above half the window, so that a window could hold nothing else,
            or the padded picture is smaller than a window.
    """
    if 2 * padding > window:
        raise ValueError(f"padding {padding} is above half the window of {window}")
    sides = tuple((side + 2 * padding - window) // stride + 1 for side in x.shape[1:3])
    if min(sides) < 1:
        raise ValueError(f"a picture {x.shape[1]}x{x.shape[2]} is smaller than a window {window}")
    edge = (padding, padding)
    wide = jnp.pad(x, ((0, 0), edge, edge, (0, 0)), constant_values=-jnp.inf)
    return _largest(_largest(wide, 2, sides[1], window, stride), 1, sides[0], window, stride)


def _largest(x: jax.Array, axis: int, count: int, window: int, stride: int) -> jax.Array:
    """Returns the first of the largest values of `count` windows along an axis."""
    found = None
    for i in range(window):
        now = jax.lax.slice_in_dim(x, i, i + (count - 1) * stride + 1, stride, axis)
        keep = None if found is None else (found >= now) | jnp.isnan(found)
        found = now if found is None else jnp.where(keep, found, now)
    return found
