"""How unlike the training set a clip is: the distance to its nearest neighbour there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_FLOOR = 0.1
"""Of the median deviation: a feature that hardly varies in training has no scale of its own."""


class Familiar(NamedTuple):
    """What a training set looks like to a network.

    Attributes:
        mean: f32[D] of the features.
        deviation: f32[D].
        features: f32[N,D] standardised, a clip each.
        distances: f32[N] ascending, of each clip to the nearest of another group.
    """

    mean: np.ndarray
    deviation: np.ndarray
    features: np.ndarray
    distances: np.ndarray


def fit(features: np.ndarray, groups: Sequence[str]) -> Familiar:
    """Describes a training set.

        d_n = min over m of another group  || z_n - z_m || / sqrt(D),   z = (x - mean) / deviation

    Args:
        features: f[N,D], finite, of each training clip.
        groups: of the clips; neighbours of the same group (a dancer, a source) do not count, since
            a clip of a new user is of none of them.

    Returns:
        With one group alone neighbours of it count.

    Raises:
        ValueError: there are fewer than two clips.

    Source: nearest-neighbour detection after Sun et al. 2022, "Out-of-Distribution Detection with
    Deep Nearest Neighbors", ICML; with Euclidean distances of standardised features.
    """
    x = np.asarray(features, np.float64)
    if len(x) < 2 or len(groups) != len(x):
        raise ValueError(f"take two clips or more with a group each, got {len(x)}, {len(groups)}")
    mean, spread = x.mean(0), x.std(0)
    varied = spread[spread > 0]
    least = _FLOOR * float(np.median(varied)) if len(varied) else 1.0
    deviation = np.maximum(spread, least)
    z = (x - mean) / deviation
    each = _distances(z, z)
    same = np.asarray(groups)[:, None] == np.asarray(groups)[None]
    if same.all():
        same = np.eye(len(x), dtype=bool)
    nearest = np.where(same, np.inf, each).min(1)
    kept = (mean, deviation, z, np.sort(nearest[np.isfinite(nearest)]))
    return Familiar(*(value.astype(np.float32) for value in kept))


def strangeness(known: Familiar, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how far clips are from the training set.

    Args:
        known: the training set.
        features: f[N,D] of the clips.

    Returns:
        f64[N] distance to the nearest training clip, and f64[N] the share of training clips that
        are nearer to theirs: above 0.99 a clip is unlike the training set.
    """
    z = (np.asarray(features, np.float64) - known.mean) / known.deviation
    nearest = _distances(z, known.features.astype(np.float64)).min(1)
    place = np.searchsorted(known.distances, nearest, side="left")
    return nearest, place / len(known.distances)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squared, 0.0) / a.shape[1])
