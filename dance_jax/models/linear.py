"""Linear layers on arrays of many axes, as one product of two matrices."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def product(rows: jax.Array, weights: jax.Array) -> jax.Array:
    """Returns rows @ weights in the weights' dtype, added up and given back in the rows'."""
    return jnp.dot(rows.astype(weights.dtype), weights, preferred_element_type=rows.dtype)


def flat(x: jax.Array) -> jax.Array:
    """Returns [N,D] of [...,D]: XLA:CPU's products of matrices beat those of more axes."""
    return x.reshape(-1, x.shape[-1])


def product_of_rows(x: jax.Array, kernel: jax.Array, _: Any, **options: Any) -> jax.Array:
    """Returns x [...,D] @ kernel [D,F] as [...,F], by one product of matrices.

    Of an array of many axes XLA:CPU makes a transposed copy for the kernel's derivative, which
    takes longer than the product.

    Args:
        x: [...,D].
        kernel: [D,F].
        _: which axes are added over, as `jax.lax.dot_general` has it: always the last of x.
        **options: of `jax.lax.dot_general`.
    """
    made = jax.lax.dot_general(flat(x), kernel, (((1,), (0,)), ((), ())), **options)
    return made.reshape(*x.shape[:-1], -1)


Dense = functools.partial(nn.Dense, dot_general=product_of_rows)
"""`flax.linen.Dense`, with `product_of_rows`; the same parameters and values."""


def computed_once(mask: jax.Array) -> jax.Array:
    """Returns the mask as it is, but from an operation that XLA does not repeat.

    XLA fuses what is cheap into each of its readers. The mask of joints is a hundred cheap
    operations, from the poses on, that every layer would do again for every channel: a third of a
    train step on a CPU. A square root counts as dear, so its result is kept; a reduction of few
    terms is unrolled, and an optimisation barrier is gone before XLA:CPU fuses.

    Args:
        mask: bool[...].
    """
    return jnp.sqrt(mask.astype(jnp.float32)) > 0
