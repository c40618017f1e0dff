"""Chance-corrected agreement with missing ratings: Krippendorff's alpha and Fleiss' kappa."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dance_jax.errors import InputError

METRICS = ("nominal", "ordinal", "interval", "ratio")


def krippendorff_alpha(scores: np.ndarray, metric: str = "interval") -> float:
    """Returns Krippendorff's alpha = 1 - D_observed / D_expected.

    Both disagreements are mean squared differences of pairs of values: within clips, each clip
    weighted by its number of ratings, and over all pairable values. The squared difference of
    values c < k is 1 (nominal), (sum of counts from c to k less half of both ends)^2 (ordinal),
    (c - k)^2 (interval), or ((c - k) / (c + k))^2 (ratio).

    Args:
        scores: f64[n,k], clip by rater; NaN where a rater left a clip out.
        metric: one of METRICS.

    Returns:
        Alpha; NaN where all values are the same, as then nothing can be told.

    Raises:
        InputError: no clip has two ratings, or the metric is unknown.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.
    """
    if metric not in METRICS:
        raise InputError(f"{metric!r} is no metric", "agreement", f"use one of {METRICS}")
    x = np.asarray(scores, np.float64)
    known = np.isfinite(x)
    pairable = known.sum(1) >= 2
    if x.ndim != 2 or not pairable.any():
        raise InputError("no clip has two ratings", "ratings", "let two raters rate the same clips")
    x, known = x[pairable], known[pairable]
    values = np.unique(x[known])
    place = np.searchsorted(values, np.where(known, x, values[0]))
    count = np.zeros((len(x), len(values)))
    rows = np.repeat(np.arange(len(x)), known.sum(1))
    np.add.at(count, (rows, place[known]), 1)
    ratings = count.sum(1, keepdims=True)
    weighted = count / (ratings - 1)
    coincidence = weighted.T @ count - np.diag(weighted.sum(0))
    total = coincidence.sum(0)
    delta = _squared_difference(values, total, metric)
    expected = (np.outer(total, total) - np.diag(total)) / (total.sum() - 1)
    spread = float((expected * delta).sum())
    return 1 - float((coincidence * delta).sum()) / spread if spread > 0 else float("nan")


def _squared_difference(values: np.ndarray, total: np.ndarray, metric: str) -> np.ndarray:
    if metric == "nominal":
        return 1.0 - np.eye(len(values))
    if metric == "ordinal":
        # Mid-ranks: their difference is the counts between less half of both ends.
        rank = np.cumsum(total) - total / 2
        return np.subtract.outer(rank, rank) ** 2
    gap = np.subtract.outer(values, values)
    if metric == "interval":
        return gap**2
    both = np.add.outer(values, values)
    return np.divide(gap, both, out=np.zeros_like(gap), where=both != 0) ** 2


def fleiss_kappa(scores: np.ndarray, edges: Sequence[float] | None = None) -> float:
    """Returns Fleiss' kappa = (P - P_e) / (1 - P_e) of categories, or of binned scores.

    Args:
        scores: f64[n,k], clip by rater; clips that any rater left out are dropped.
        edges: inner edges of the bins, such as (2, 4, 6, 8); None takes values as categories. A
            score on an edge is in the upper bin.

    Returns:
        Kappa; NaN where all ratings are in one category.

    Raises:
        InputError: fewer than two raters or no whole clip.

    Source: Fleiss 1971, Psychological Bulletin 76(5), 378-382.
    """
    x = np.asarray(scores, np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise InputError("agreement needs two raters or more", "ratings", "give a column a rater")
    x = x[np.isfinite(x).all(1)]
    if not len(x):
        raise InputError("no clip is rated by all raters", "ratings", "use krippendorff_alpha")
    if edges is not None:
        x = np.digitize(x, np.asarray(edges, np.float64))
    kinds, category = np.unique(x, return_inverse=True)
    category = category.reshape(x.shape)
    count = (category[..., None] == np.arange(len(kinds))).sum(1)
    k = x.shape[1]
    agree = ((count**2).sum(1) - k) / (k * (k - 1))
    chance = float(((count.sum(0) / count.sum()) ** 2).sum())
    return (float(agree.mean()) - chance) / (1 - chance) if chance < 1 else float("nan")
