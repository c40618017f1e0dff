"""Random keys by name: what is drawn depends on the seed, a name and the step, on nothing else."""

from __future__ import annotations

import hashlib

import jax
import jax.numpy as jnp


def key(seed: int, name: str, step: int | jax.Array = 0) -> jax.Array:
    """Returns the typed key of one use of randomness at one step.

        key = fold_in(fold_in(key(seed), sha256(name)), step)

    A run that is resumed at a step so draws what the uninterrupted run drew, and a new use of
    randomness leaves the others as they were.

    Args:
        seed: of the run, 0 to 2^63 - 1.
        name: of the use, such as "augment" or "dropout".
        step: of the run; may be traced.

    Raises:
        ValueError: the seed is out of range.
    """
    if not 0 <= seed < 2**63:
        raise ValueError(f"a seed is a whole number from 0 to 2^63 - 1, got {seed}")
    made = jax.random.key(seed & 0xFFFFFFFF)
    if seed >> 32:
        made = jax.random.fold_in(made, seed >> 32)
    return _of_use(made, name, step)


def traced_key(seed: jax.Array, name: str, step: int | jax.Array = 0) -> jax.Array:
    """Returns `key` of a seed that is an array.

    Args:
        seed: u32[2], the seed's lower and upper 32 bits.
        name: of the use.
        step: of the run.
    """
    low = jax.random.key(seed[0])
    made = jnp.where(seed[1] > 0, jax.random.fold_in(low, seed[1]), low)
    return _of_use(made, name, step)


def _of_use(made: jax.Array, name: str, step: int | jax.Array) -> jax.Array:
    named = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    return jax.random.fold_in(jax.random.fold_in(made, named), step)
