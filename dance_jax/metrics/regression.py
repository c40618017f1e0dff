"""Exact figures of predicted numbers on the host: errors, correlations, and interval coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dance_jax.metrics.figure import Figure, none, paired

_NO_LABEL = "no label is given"


def mse(prediction: np.ndarray, label: np.ndarray) -> Figure:
    """Returns mean (p - y)^2.

    Args:
        prediction: f64[...].
        label: f64[...], NaN where absent.
    """
    return _mean(prediction, label, np.square)


def rmse(prediction: np.ndarray, label: np.ndarray) -> Figure:
    """Returns the root of the mean squared error; arguments as for `mse`."""
    found = mse(prediction, label)
    return Figure(math.sqrt(found.value), found.count, found.reason)


def mae(prediction: np.ndarray, label: np.ndarray) -> Figure:
    """Returns mean |p - y|; arguments as for `mse`."""
    return _mean(prediction, label, np.abs)


def r2(prediction: np.ndarray, label: np.ndarray) -> Figure:
    """Returns 1 - sum (y - p)^2 / sum (y - mean y)^2; arguments as for `mse`."""
    p, y = paired(prediction, label)
    if (reason := _too_few(y)) or (reason := _constant(y, "labels")):
        return none(len(y), reason)
    return Figure(float(1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum()), len(y))


def pearson(prediction: np.ndarray, label: np.ndarray) -> Figure:
    """Returns the correlation coefficient; arguments as for `mse`."""
    p, y = paired(prediction, label)
    reason = _too_few(y) or _constant(y, "labels") or _constant(p, "predictions")
    return none(len(y), reason) if reason else Figure(_correlation(p, y), len(y))


def spearman(prediction: np.ndarray, label: np.ndarray) -> Figure:
    """Returns the correlation of the ranks, ties at their mean rank; arguments as for `mse`."""
    from scipy.stats import rankdata

    p, y = paired(prediction, label)
    reason = _too_few(y) or _constant(y, "labels") or _constant(p, "predictions")
    return none(len(y), reason) if reason else Figure(_correlation(*map(rankdata, (p, y))), len(y))


def r_l2(
    prediction: np.ndarray, label: np.ndarray, scale: tuple[float, float] = (0.0, 10.0)
) -> Figure:
    """Returns the relative L2 distance R-l2 = mean ((|p - y| / (high - low))^2); papers give x 100.

    The scale is the declared one, never the range of the test labels, so that the figure does not
    depend on which clips happen to be tested.

    Args:
        prediction: f64[...].
        label: f64[...], NaN where absent.
        scale: low and high end of the scores.

    Source: Yu et al. 2021, ICCV (CoRe).
    """
    low, high = scale
    found = mse(prediction, label)
    return Figure(found.value / (high - low) ** 2, found.count, found.reason)


def mean_correlation(figures: Sequence[Figure]) -> Figure:
    """Returns correlations of several classes averaged by Fisher's z: tanh(mean artanh r).

    Args:
        figures: one a class; those without a value are left out.
    """
    known = [f for f in figures if not math.isnan(f.value)]
    count = sum(f.count for f in known)
    if not known:
        return none(count, "no class has a correlation")
    # artanh(1) is infinite; the nearest number below 1 keeps a perfect class from deciding alone.
    r = np.clip([f.value for f in known], -1 + 1e-12, 1 - 1e-12)
    return Figure(float(np.tanh(np.arctanh(r).mean())), count)


def coverage(
    mean: np.ndarray,
    deviation: np.ndarray,
    label: np.ndarray,
    levels: Sequence[float] = (0.5, 0.8, 0.9, 0.95),
) -> dict[float, Figure]:
    """Returns how often the label lies in the central normal interval of each level.

    A calibrated prediction covers as often as its level says.

    Args:
        mean: f64[N] predicted.
        deviation: f64[N] predicted standard deviation.
        label: f64[N], NaN where absent.
        levels: of the intervals.
    """
    from scipy.stats import norm

    there = ~np.isnan(np.asarray(label, np.float64))
    p, y = paired(mean, label)
    sd = np.asarray(deviation, np.float64)[there]
    if not len(y):
        return {level: none(0, _NO_LABEL) for level in levels}
    if not (sd > 0).all():
        raise ValueError("a predicted standard deviation is not above 0")
    far = np.abs(y - p) / sd
    return {v: Figure(float((far <= norm.ppf(0.5 + v / 2)).mean()), len(y)) for v in levels}


def regression(
    prediction: np.ndarray, label: np.ndarray, scale: tuple[float, float] = (0.0, 10.0)
) -> Mapping[str, Figure]:
    """Returns mse, rmse, mae, r2, pearson, spearman and r_l2; arguments as for `r_l2`."""
    found = {f.__name__: f(prediction, label) for f in (mse, rmse, mae, r2, pearson, spearman)}
    return {**found, "r_l2": r_l2(prediction, label, scale)}


def _mean(prediction: np.ndarray, label: np.ndarray, size: np.ufunc) -> Figure:
    p, y = paired(prediction, label)
    return Figure(float(size(p - y).mean()), len(y)) if len(y) else none(0, _NO_LABEL)


def _too_few(y: np.ndarray) -> str:
    return "" if len(y) > 1 else _NO_LABEL if not len(y) else "one label is given"


def _constant(x: np.ndarray, what: str) -> str:
    """Says that numbers are all equal, up to the rounding of a mean."""
    size = np.abs(x).max()
    return f"all {what} are equal" if np.ptp(x) <= 1e-13 * size else ""


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    # Scaled first: squares of very small or large numbers would leave the range of float64.
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    r = (a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum())
    return float(np.clip(r, -1.0, 1.0))
