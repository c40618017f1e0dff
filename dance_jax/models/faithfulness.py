"""Whether a joint x time map tells what a score rests on: deletion and insertion curves."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dance_jax.models.saliency import Score, clip_mean

RANDOM = ("cells", "joints")


class Curves(NamedTuple):
    """Scores while joints are replaced in the order of a map.

    Attributes:
        fraction: f32[K], of the cells (a joint at a moment), from 0 to 1.
        deletion: f32[B,K], the most salient cells replaced by the baseline.
        insertion: f32[B,K], the baseline with the most salient cells put in.
    """

    fraction: jnp.ndarray
    deletion: jnp.ndarray
    insertion: jnp.ndarray

    @property
    def deletion_auc(self) -> jnp.ndarray:
        """f32[B]: mean height of the deletion curve; low is good."""
        return jnp.trapezoid(self.deletion, self.fraction, axis=-1)

    @property
    def insertion_auc(self) -> jnp.ndarray:
        """f32[B]: mean height of the insertion curve; high is good."""
        return jnp.trapezoid(self.insertion, self.fraction, axis=-1)


class Gain(NamedTuple):
    """How much better than a random order a map is; positive is better, in the score's unit.

    Attributes:
        deletion: f32[B], random deletion AUC minus the map's.
        insertion: f32[B], the map's insertion AUC minus the random one.
    """

    deletion: jnp.ndarray
    insertion: jnp.ndarray


def ranks(saliency: jnp.ndarray, mask: jnp.ndarray) -> jnp.ndarray:
    """Returns the place i32[B,T,J] of each cell by falling saliency; masked cells come last."""
    flat = jnp.where(mask, saliency, -jnp.inf).reshape(len(saliency), -1)
    order = jnp.argsort(-flat, axis=-1)
    return jnp.argsort(order, axis=-1).reshape(saliency.shape)


def curves(
    score: Score,
    x: jnp.ndarray,
    saliency: jnp.ndarray,
    mask: jnp.ndarray,
    baseline: jnp.ndarray | None = None,
    steps: int = 16,
) -> Curves:
    """Computes deletion and insertion curves.

    Cells are taken by falling signed saliency: those that raise the score most come first, so a
    map is good where the score falls early when they are deleted and rises early when they are
    put in. The unit is the score's own; nothing is divided by a difference that may be near 0.

    Args:
        score: x -> [B]; each row's score depends on that row alone.
        x: [B,T,J,F]; anything where masked.
        saliency: [B,T,J].
        mask: bool[B,T,J].
        baseline: [B,T,J,F]; by default `clip_mean`.
        steps: intervals of the curves.

    Source: Petsiuk, Das, Saenko 2018, RISE.
    """
    base = clip_mean(x, mask) if baseline is None else baseline
    base = jnp.where(mask[..., None], base, x)
    place = ranks(saliency, mask)
    number = mask.sum((1, 2))[:, None, None]
    fraction = jnp.linspace(0.0, 1.0, steps + 1)

    def at(share: jax.Array) -> tuple[jnp.ndarray, jnp.ndarray]:
        taken = (place < jnp.round(share * number))[..., None]
        return score(jnp.where(taken, base, x)), score(jnp.where(taken, x, base))

    deletion, insertion = lax.map(at, fraction)
    return Curves(fraction, deletion.T, insertion.T)


def against_random(
    score: Score,
    x: jnp.ndarray,
    saliency: jnp.ndarray,
    mask: jnp.ndarray,
    key: jax.Array,
    baseline: jnp.ndarray | None = None,
    *,
    draws: int = 8,
    steps: int = 16,
    random: str = "cells",
) -> Gain:
    """Compares a map's curves with those of random orders of the same clips.

    Args:
        score: x -> [B]; each row's score depends on that row alone.
        x: [B,T,J,F].
        saliency: [B,T,J].
        mask: bool[B,T,J].
        key: of the random orders.
        baseline: [B,T,J,F]; by default `clip_mean`.
        draws: number of random orders, averaged.
        steps: intervals of the curves.
        random: "cells" (any joint at any moment) or "joints" (one joint after another, each with
            all its frames).

    Returns:
        The gain of each clip; `bootstrap_interval` gives its interval over clips.

    Raises:
        ValueError: an unknown kind of random order.
    """
    if random not in RANDOM:
        raise ValueError(f"random must be one of {RANDOM}, got {random!r}")
    shape = (*saliency.shape[:1], 1, saliency.shape[2]) if random == "joints" else saliency.shape

    def one(key: jax.Array) -> tuple[jnp.ndarray, jnp.ndarray]:
        order = jnp.broadcast_to(jax.random.uniform(key, shape), saliency.shape)
        found = curves(score, x, order, mask, baseline, steps)
        return found.deletion_auc, found.insertion_auc

    own = curves(score, x, saliency, mask, baseline, steps)
    deletion, insertion = (v.mean(0) for v in lax.map(one, jax.random.split(key, draws)))
    return Gain(deletion - own.deletion_auc, own.insertion_auc - insertion)


def bootstrap_interval(
    values: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Returns the mean of a figure of clips with its percentile bootstrap interval.

    Args:
        values: [N], one a clip.
        groups: [N], what is drawn together (the clips of one dancer); each clip by itself if None.
        level: of the interval.
        resamples: number of bootstrap samples.
        seed: of the samples.

    Returns:
        mean, low, high.

    Raises:
        ValueError: fewer than two clips or groups.
    """
    values = np.asarray(values, np.float64)
    groups = np.arange(len(values)) if groups is None else np.asarray(groups)
    _, group = np.unique(groups, return_inverse=True)
    total, number = np.bincount(group, values), np.bincount(group)
    if len(total) < 2:
        raise ValueError("an interval needs two clips or groups at least")
    draws = np.random.default_rng(seed).integers(0, len(total), (resamples, len(total)))
    means = total[draws].sum(1) / number[draws].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(values.mean()), float(low), float(high)
