"""Exact figures of predicted classes on the host: accuracy, F1, confusion, calibration, AUC."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dance_jax.metrics.figure import Figure, none

_NO_LABEL = "no label is given"


def confusion(prediction: np.ndarray, label: np.ndarray, classes: int) -> np.ndarray:
    """Returns i64[S,S]: row the true class, column the predicted one.

    Args:
        prediction: i64[N] classes.
        label: i64[N], -1 where absent.
        classes: S.

    Raises:
        ValueError: shapes differ, or a class is not below S.
    """
    p, y = np.asarray(prediction), np.asarray(label)
    if p.shape != y.shape or p.ndim != 1:
        raise ValueError(f"prediction {p.shape} and label {y.shape} are not both [N]")
    p, y = p[y >= 0].astype(np.int64), y[y >= 0].astype(np.int64)
    if len(y) and (max(p.max(), y.max()) >= classes or p.min() < 0):
        raise ValueError(f"a class is not within 0 to {classes - 1}")
    return np.bincount(y * classes + p, minlength=classes**2).reshape(classes, classes)


def accuracy(table: np.ndarray) -> Figure:
    """Returns the share of right predictions, of a confusion table i64[S,S]."""
    count = int(table.sum())
    return Figure(float(np.trace(table) / count), count) if count else none(0, _NO_LABEL)


def balanced_accuracy(table: np.ndarray) -> Figure:
    """Returns the mean recall of the classes that occur, of a confusion table i64[S,S]."""
    count, of_class = int(table.sum()), table.sum(1)
    if not count:
        return none(0, _NO_LABEL)
    there = of_class > 0
    return Figure(float((np.diag(table)[there] / of_class[there]).mean()), count)


def macro_f1(table: np.ndarray) -> Figure:
    """Returns the mean of F1 = 2 TP / (2 TP + FP + FN) over classes that occur or are predicted.

    Args:
        table: i64[S,S] confusion.
    """
    count, either = int(table.sum()), table.sum(0) + table.sum(1)
    if not count:
        return none(0, _NO_LABEL)
    there = either > 0
    return Figure(float((2 * np.diag(table)[there] / either[there]).mean()), count)


def calibration_bins(
    confidence: np.ndarray, right: np.ndarray, bins: int = 15, adaptive: bool = False
) -> list[tuple[float, float, int]]:
    """Returns (mean confidence, share right, count) of each bin that is not empty.

    Args:
        confidence: f64[N] probability of the predicted class.
        right: bool[N].
        bins: how many.
        adaptive: bins of equal count, instead of equal width.
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if adaptive:
        # Stable, so that the bins of tied confidences do not depend on the sorting algorithm.
        groups = np.array_split(np.argsort(confidence, kind="stable"), bins)
    else:
        # A bin holds its upper end: (a, b].
        place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
        groups = [np.flatnonzero(place == b) for b in range(bins)]
    return [(confidence[g].mean(), right[g].mean(), len(g)) for g in groups if len(g)]


def calibration_error(
    probabilities: np.ndarray, label: np.ndarray, bins: int = 15, adaptive: bool = False
) -> Figure:
    """Returns the expected calibration error, sum_b (n_b / N) |share right - mean confidence|.

    Args:
        probabilities: f64[N,S].
        label: i64[N], -1 where absent.
        bins: how many.
        adaptive: bins of equal count, instead of equal width.

    Source: Guo et al. 2017, ICML, arXiv 1706.04599; Nixon et al. 2019, arXiv 1904.01685 (adaptive).
    """
    p, y = _known(probabilities, label)
    if not len(y):
        return none(0, _NO_LABEL)
    found = calibration_bins(p.max(1), p.argmax(1) == y, bins, adaptive)
    return Figure(float(sum(n * abs(r - c) for c, r, n in found) / len(y)), len(y))


def log_loss(probabilities: np.ndarray, label: np.ndarray) -> Figure:
    """Returns -mean log p(true class), each p at least 1e-15.

    Args:
        probabilities: f64[N,S].
        label: i64[N], -1 where absent.
    """
    p, y = _known(probabilities, label)
    if not len(y):
        return none(0, _NO_LABEL)
    own = np.maximum(p[np.arange(len(y)), y], 1e-15)
    return Figure(float(-np.log(own).mean()), len(y))


def brier(probabilities: np.ndarray, label: np.ndarray) -> Figure:
    """Returns mean sum_s (p_s - [s = y])^2, from 0 to 2; arguments as for `log_loss`."""
    p, y = _known(probabilities, label)
    if not len(y):
        return none(0, _NO_LABEL)
    return Figure(float(((p - np.eye(p.shape[1])[y]) ** 2).sum(1).mean()), len(y))


def auc(score: np.ndarray, label: np.ndarray) -> Figure:
    """Returns the area under the ROC curve: P(score of a 1 > score of a 0), ties half.

    Args:
        score: f64[N], higher for class 1.
        label: i64[N] of 0 and 1, -1 where absent.
    """
    from scipy.stats import rankdata

    s, y = np.asarray(score, np.float64), np.asarray(label)
    s, y = s[y >= 0], y[y >= 0]
    if not np.isfinite(s).all():
        raise ValueError("a score is not finite")
    ones, zeros = int((y == 1).sum()), int((y == 0).sum())
    if ones + zeros != len(y):
        raise ValueError("the labels of an AUC are 0 and 1")
    if not ones or not zeros:
        return none(len(y), "only one class occurs" if len(y) else _NO_LABEL)
    above = rankdata(s)[y == 1].sum() - ones * (ones + 1) / 2
    return Figure(float(above / (ones * zeros)), len(y))


def macro_auc(probabilities: np.ndarray, label: np.ndarray) -> Figure:
    """Returns the mean AUC of each class against the rest, of the classes that occur.

    Args:
        probabilities: f64[N,S].
        label: i64[N], -1 where absent.
    """
    p, y = _known(probabilities, label)
    found = [auc(p[:, s], (y == s).astype(int)) for s in np.unique(y)]
    known = [f.value for f in found if not f.reason]
    if not known:
        return none(len(y), found[0].reason if found else _NO_LABEL)
    return Figure(float(np.mean(known)), len(y))


def classification(probabilities: np.ndarray, label: np.ndarray) -> Mapping[str, Figure]:
    """Returns accuracy, balanced_accuracy, macro_f1, log_loss, brier, ece, adaptive_ece, auc.

    Args:
        probabilities: f64[N,S].
        label: i64[N], -1 where absent.
    """
    p = np.asarray(probabilities, np.float64)
    table = confusion(p.argmax(1), label, p.shape[1])
    return {
        "accuracy": accuracy(table),
        "balanced_accuracy": balanced_accuracy(table),
        "macro_f1": macro_f1(table),
        "log_loss": log_loss(p, label),
        "brier": brier(p, label),
        "ece": calibration_error(p, label),
        "adaptive_ece": calibration_error(p, label, adaptive=True),
        "auc": macro_auc(p, label),
    }


def _known(probabilities: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns f64[N,S] and i64[N] where the label is given.

    Raises:
        ValueError: shapes do not agree, or rows are no probabilities.
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(label)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise ValueError(f"probabilities {p.shape} and label {y.shape} are not [N,S] and [N]")
    p, y = p[y >= 0], y[y >= 0].astype(np.int64)
    # Sums of float32 softmaxes are off by some 1e-6.
    if len(y) and not ((p >= 0).all() and np.allclose(p.sum(1), 1, atol=1e-4)):
        raise ValueError("a row of probabilities is negative or does not sum to 1")
    return p, y
