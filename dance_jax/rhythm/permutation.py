"""Would unrelated beats meet as well? Permutation tests of beat alignment."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or
from dance_jax.rhythm import alignment

STATISTICS = ("motion_to_music", "music_to_motion", "f1")
NULLS = ("shift", "clip", "intervals")
REACH_BEATS = 4  # of the music, either way


class Permutation(NamedTuple):
    """What unrelated beats reach; the last axis is `STATISTICS`.

    Attributes:
        observed: [3] scores of the trains as they are.
        chance: [3] mean of the permuted scores.
        p_value: [3] (k + 1) / (n + 1), k the permutations that score at least as high.
    """

    observed: jnp.ndarray
    chance: jnp.ndarray
    p_value: jnp.ndarray


def scores(
    motion_s: jnp.ndarray, music_s: jnp.ndarray, sigma_s: float, tolerance_s: float
) -> jnp.ndarray:
    """Returns the three `STATISTICS` of two trains of beats [3]."""
    return jnp.stack(
        [
            alignment.beat_alignment(motion_s, music_s, sigma_s),
            alignment.beat_alignment(music_s, motion_s, sigma_s),
            alignment.f_measure(motion_s, music_s, tolerance_s)[0],
        ]
    )


def _shifted(
    beats_s: jnp.ndarray, by_s: jnp.ndarray, start_s: jnp.ndarray, end_s: jnp.ndarray
) -> jnp.ndarray:
    """Turns a train of beats round in its window."""
    length = jnp.where(end_s > start_s, end_s - start_s, 1.0)
    return start_s + jnp.mod(beats_s - start_s + by_s, length)  # NaN stays NaN


def _shuffled(key: jax.Array, beats_s: jnp.ndarray) -> jnp.ndarray:
    """Puts the intervals between a sorted train's beats into a random order."""
    gaps = jnp.diff(beats_s)
    draw = jax.random.uniform(key, gaps.shape)
    order = jnp.argsort(jnp.where(jnp.isfinite(gaps), draw, 2.0))
    mixed = beats_s[0] + jnp.cumsum(finite_or(gaps[order]))
    mixed = jnp.concatenate([beats_s[:1], mixed])
    return jnp.where(jnp.isfinite(beats_s), mixed, jnp.nan)


@functools.partial(jax.jit, static_argnames=("n", "null"))
def permutation_test(
    key: jax.Array,
    motion_s: jnp.ndarray,
    music_s: jnp.ndarray,
    start_s: jnp.ndarray,
    end_s: jnp.ndarray,
    *,
    n: int = 999,
    null: str = "shift",
    sigma_s: float = alignment.SIGMA_S,
    tolerance_s: float = alignment.TOLERANCE_S,
) -> Permutation:
    """Compares two trains with trains of the same kind that have nothing to do with each other.

        p = (k + 1) / (n + 1)

    All turn the motion's beats round in the window (circular shift) by a uniformly drawn time,
    which keeps their rhythm and asks whether their phase fits: "shift" by up to 4 beats of the
    music either way, so that hardly any beat passes the seam; "clip" by up to the whole window;
    "intervals" as "clip", with the intervals between the motion's beats in a random order too.
    Of 600 steady dances that met music of their own tempo by accident, p <= 0.05 came out in
    5 of 100 with "shift", 9 with "clip" and 18 with "intervals" (p <= 0.01: 3, 4.5 and 12). A
    steady dance to a steady beat cannot reach a p far below 2 |lag| / (beat interval), however
    long it lasts.

    Args:
        key: typed random key (`jax.random.key`).
        motion_s: [K] seconds; NaN where none.
        music_s: [M] seconds; NaN where none.
        start_s: scalar, start of the window in which both were recorded.
        end_s: scalar, its end.
        n: number of permutations.
        null: "shift", "clip" or "intervals".
        sigma_s: of the alignment score, seconds.
        tolerance_s: of F1, seconds.

    Returns:
        The test of the three `STATISTICS`; NaN with fewer than 2 beats in either train.

    Raises:
        ValueError: an unknown null.

    Source: p-value with the observed arrangement counted, Phipson & Smyth 2010.
    """
    if null not in NULLS:
        raise ValueError(f"null must be one of {NULLS}, got {null!r}")
    motion = alignment.within(motion_s, start_s, end_s)
    music = alignment.within(music_s, start_s, end_s)
    observed = scores(motion, music, sigma_s, tolerance_s)
    gaps = jnp.sort(jnp.diff(music))  # NaN last
    middle = finite_or(gaps[jnp.maximum(jnp.isfinite(gaps).sum() - 1, 0) // 2])
    reach = 0.5 * (end_s - start_s)
    reach = jnp.minimum(REACH_BEATS * middle, reach) if null == "shift" else reach

    def one(key: jax.Array) -> jnp.ndarray:
        shift_key, mix_key = jax.random.split(key)
        train = _shuffled(mix_key, motion) if null == "intervals" else motion
        by = jax.random.uniform(shift_key, (), motion.dtype, -1.0, 1.0) * reach
        return scores(_shifted(train, by, start_s, end_s), music, sigma_s, tolerance_s)

    drawn = jax.lax.map(one, jax.random.split(key, n), batch_size=min(n, 128))
    beaten = jnp.sum(drawn >= observed - 1e-6, axis=0)
    enough = (jnp.isfinite(motion).sum() >= 2) & (jnp.isfinite(music).sum() >= 2)
    values = observed, drawn.mean(0), (beaten + 1) / (n + 1)
    return Permutation(*(jnp.where(enough, value, jnp.nan) for value in values))
