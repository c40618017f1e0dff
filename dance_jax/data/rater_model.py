"""How severe and how consistent each rater is, estimated from ratings of the same clips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_FLOOR = 1e-4  # points squared
PRIOR = 2.0
"""Ratings that each rater is taken to have given with the noise of all: with few clips the
likelihood alone would call the rater nearest to the others certain."""
_STEPS, _CLOSE = 2000, 1e-9


class RaterModel(NamedTuple):
    """x_ij = q_i + b_j + e_ij, q_i ~ N(mean, spread), e_ij ~ N(0, v_j).

    Attributes:
        severity: f64[R] b_j, what each rater adds; they sum to 0.
        variance: f64[R] v_j of each rater, points squared.
        mean: of the clips' quality.
        spread: variance of the clips' quality.
    """

    severity: np.ndarray
    variance: np.ndarray
    mean: float
    spread: float


def fit(ratings: np.ndarray) -> RaterModel:
    """Estimates the raters by the likeliest parameters (expectation maximisation).

        log p(x | b, v, mean, spread) - PRIOR / 2 sum_j (log v_j + s / v_j)

    s is the variance of all ratings about the means of clips and raters.

    Args:
        ratings: f64[N,R], NaN where a rater did not rate.

    Returns:
        The model; a variance is at least 1e-4.

    Raises:
        ValueError: a rater gave nothing, or no clip has two ratings.

    Source: the two-way model of McGraw and Wong 1996, Psychological Methods 1(1), 30-46, with a
    variance of each rater; EM after Dempster, Laird and Rubin 1977.
    """
    x = np.asarray(ratings, np.float64)
    there = np.isfinite(x)
    if x.ndim != 2 or not there.any(0).all():
        raise ValueError(f"every rater must have rated a clip, got {there.sum(0).tolist()}")
    if not (there.sum(1) >= 2).any():
        raise ValueError("no clip has two ratings: raters cannot be told apart from clips")
    kept = there.any(1)
    x, there = x[kept], there[kept]
    filled = np.where(there, x, 0.0)
    count = there.sum(0)
    centre = np.array([row[seen].mean() for row, seen in zip(x, there, strict=True)])
    bias = np.where(there, x - centre[:, None], 0).sum(0) / count
    mean, spread = float(centre.mean()), max(float(centre.var()), _FLOOR)
    about = (np.where(there, x - centre[:, None] - bias, 0) ** 2).sum() / there.sum()
    common = max(float(about), _FLOOR)
    noise = np.full(x.shape[1], common)
    for _ in range(_STEPS):
        before = np.concatenate([bias, noise, [mean, spread]])
        weight = there / noise
        width = 1.0 / (1.0 / spread + weight.sum(1))
        quality = width * (mean / spread + (weight * (filled - bias)).sum(1))
        bias = np.where(there, x - quality[:, None], 0).sum(0) / count
        left = np.where(there, x - quality[:, None] - bias, 0) ** 2 + there * width[:, None]
        noise = np.maximum((left.sum(0) + PRIOR * common) / (count + PRIOR), _FLOOR)
        mean = float(quality.mean())
        spread = max(float(((quality - mean) ** 2 + width).mean()), _FLOOR)
        shift = float(bias.mean())
        bias, mean = bias - shift, mean + shift
        if np.abs(np.concatenate([bias, noise, [mean, spread]]) - before).max() < _CLOSE:
            break
    return RaterModel(bias, noise, mean, spread)


def quality(model: RaterModel, ratings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the expected quality of each clip and its variance, given its ratings.

    Args:
        model: of the raters.
        ratings: f64[N,R] by the same raters, NaN where one did not rate.
    """
    x = np.asarray(ratings, np.float64)
    there = np.isfinite(x)
    weight = there / model.variance
    width = 1.0 / (1.0 / model.spread + weight.sum(1))
    free = np.where(there, x - model.severity, 0.0)
    return width * (model.mean / model.spread + (weight * free).sum(1)), width
