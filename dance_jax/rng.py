"""Random keys by name: what is drawn depends on the seed, a name and the step, on nothing else."""

from __future__ import annotations

import hashlib

import jax


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
    named = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    made = jax.random.key(seed & 0xFFFFFFFF)
    if seed >> 32:
        made = jax.random.fold_in(made, seed >> 32)
    return jax.random.fold_in(jax.random.fold_in(made, named), step)
