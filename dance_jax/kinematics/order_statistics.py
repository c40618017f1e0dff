"""Order statistics along an axis without sorting: exact, for any rank, with a gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def _keys(x: jnp.ndarray) -> jnp.ndarray:
    """Returns integers in the order of the floats x; the same map brings them back."""
    least = np.iinfo(x.dtype)
    return jnp.where(x < 0, x ^ least.max, x)


def _integers(x: jnp.ndarray) -> jnp.ndarray:
    kind = {2: jnp.int16, 4: jnp.int32, 8: jnp.int64}[x.dtype.itemsize]
    return _keys(jax.lax.bitcast_convert_type(x, kind))


@jax.custom_jvp
def two_in_order(x: jnp.ndarray, rank: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns the entry of a rank along the last axis and the entry that follows it in order.

    The bits of a float, read as an integer, keep the order of floats, so that the entry of rank r
    is found bit by bit: the greatest number below which at most r entries lie. That is one count a
    bit, where a sort compares every entry some log2(N) times and branches each time.

    Args:
        x: [..., N]; infinities are entries like others, NaN is not allowed.
        rank: i32[...] in [0, N).

    Returns:
        [...] twice; the second is the first again at the last rank. The gradient of either is
        spread evenly over the entries equal to it.
    """
    keys = _integers(x)
    info = np.iinfo(keys.dtype)
    rank = rank[..., None]

    # Counted by a product with ones, exact below 2^24 entries: XLA splits a sum into windows.
    ones = jnp.ones((keys.shape[-1], 1), jnp.float32)

    def bit(k: jnp.ndarray, found: jnp.ndarray) -> jnp.ndarray:
        higher = found + jnp.left_shift(jnp.asarray(1, keys.dtype), (info.bits - 1 - k))
        below = (keys < higher).astype(jnp.float32) @ ones
        return jnp.where(below <= rank, higher, found)

    least = jnp.full(rank.shape, info.min, keys.dtype)  # adding the top bit comes round to 0
    found = jax.lax.fori_loop(0, info.bits, bit, least)
    through = jnp.sum((keys <= found).astype(jnp.int32), axis=-1, keepdims=True)
    above = jnp.min(jnp.where(keys > found, keys, info.max), axis=-1, keepdims=True)
    following = jnp.where((through > rank + 1) | (above == info.max), found, above)
    both = jnp.concatenate([found, following], axis=-1)
    values = jax.lax.bitcast_convert_type(_keys(both), x.dtype)
    return values[..., 0], values[..., 1]


@two_in_order.defjvp
def _two_in_order_jvp(primals: tuple, tangents: tuple) -> tuple:
    x, rank = primals
    values = two_in_order(x, rank)

    def moved(value: jnp.ndarray) -> jnp.ndarray:
        same = x == value[..., None]
        count = jnp.maximum(same.sum(-1), 1)
        return jnp.where(same, tangents[0], 0.0).sum(-1) / count

    return values, tuple(moved(value) for value in values)
