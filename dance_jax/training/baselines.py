"""What a learned model must beat: the majority, and a ridge on statistics of the poses."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np

from dance_jax import skeleton
from dance_jax.types import Clip

ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
_PERCENTILES = (5, 50, 95)


def pose_statistics(clip: Clip) -> np.ndarray:
    """Returns what is said of a clip by statistics of its joints over time.

    Of each coordinate about the hips, in body heights: mean, standard deviation and percentiles 5,
    50, 95; of each joint's speed and acceleration, as logarithms: mean, standard deviation and the
    same percentiles; of the hips: speed, and spread of the place. In three dimensions the body is
    turned about the vertical, frame by frame, so that its hips lie along x.

    Args:
        clip: as `prepared.prepared` gives it.

    Returns:
        f64[F], finite; F depends on the skeleton and the axes alone. What is never seen is 0.
    """
    pose = np.asarray(clip.pose[:, 0], np.float64)
    step = float(np.median(np.diff(clip.time_s)))
    left, right = (skeleton.index(clip.skeleton, name) for name in ("left_hip", "right_hip"))
    hips = 0.5 * (pose[:, left] + pose[:, right])
    around = pose - hips[:, None]
    if pose.shape[-1] == 3:
        around = _faced(around, left, right)
    velocity = np.diff(around, axis=0) / step
    jolt = np.diff(velocity, axis=0) / step
    moved = np.linalg.norm(np.diff(hips, axis=0), axis=-1) / step
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a joint that is never seen
        parts = [
            _over_time(around.reshape(len(pose), -1)),
            np.log(_over_time(np.linalg.norm(velocity, axis=-1)) + 1e-3),
            np.log(_over_time(np.linalg.norm(jolt, axis=-1)) + 1e-2),
            np.log(_over_time(moved[:, None]) + 1e-3),
            np.nanstd(hips, 0),
        ]
    return np.nan_to_num(np.concatenate(parts), posinf=0.0, neginf=0.0)


def _faced(around: np.ndarray, left: int, right: int) -> np.ndarray:
    """Turns [T,J,3] about the vertical so that the line of the hips lies along x."""
    across = around[:, left] - around[:, right]
    angle = np.nan_to_num(np.arctan2(across[:, 2], across[:, 0]))[:, None]
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = np.moveaxis(around, -1, 0)
    return np.stack([c * x + s * z, y, c * z - s * x], -1)


def percentiles(x: np.ndarray, at: Sequence[float]) -> np.ndarray:
    """Returns the percentiles of the columns of x [T,K] without NaN, flat; NaN for none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that is never seen
        return np.nanpercentile(x, at, axis=0).ravel()


def _over_time(x: np.ndarray) -> np.ndarray:
    """Returns mean, standard deviation and percentiles of x [T,K], one after the other."""
    if not len(x):
        return np.full((2 + len(_PERCENTILES)) * x.shape[1], np.nan)
    spread = np.nanpercentile(x, _PERCENTILES, axis=0)
    return np.concatenate([np.nanmean(x, 0), np.nanstd(x, 0), spread.ravel()])


@dataclasses.dataclass(frozen=True, eq=False)
class Ridge:
    """Linear least squares with an L2 penalty on standardised columns.

        W = argmin sum_i w_i |y_i - W x_i|^2 + alpha |W|^2

    Attributes:
        mean: f64[F] of the columns in training.
        scale: f64[F] their standard deviation, 1 where a column is constant.
        weight: f64[F,K].
        bias: f64[K].
        alpha: the penalty.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    alpha: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Returns f64[N,K] for x f64[N,F]."""
        return ((x - self.mean) / self.scale) @ self.weight + self.bias


def fit_ridge(
    x: np.ndarray, y: np.ndarray, alpha: float, weight: np.ndarray | None = None
) -> Ridge:
    """Fits a `Ridge`, in the dual form, so that many columns cost little.

    Args:
        x: f64[N,F].
        y: f64[N,K].
        alpha: the penalty, above 0.
        weight: f64[N] of each row; None for 1.
    """
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    mean = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    scale = np.where(scale > 1e-9 * (1 + np.abs(mean)), scale, 1.0)
    bias = np.average(y, axis=0, weights=weight)
    root = np.sqrt(weight)[:, None]
    rows, aims = root * (x - mean) / scale, root * (y - bias)
    dual = np.linalg.solve(rows @ rows.T + alpha * np.eye(len(x)), aims)
    return Ridge(mean, scale, rows.T @ dual, bias, alpha)


def one_hot(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Returns f64[N,S] with a 1 in the column of each label."""
    return (np.asarray(labels)[:, None] == np.asarray(classes)[None]).astype(np.float64)


def balanced(labels: Sequence[str]) -> np.ndarray:
    """Returns f64[N] weights by which every class counts alike; their mean is 1."""
    names, place, count = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    return len(labels) / (len(names) * count[place])


def select_alpha(
    x: np.ndarray, labels: Sequence[str], groups: Sequence[str], alphas: Sequence[float] = ALPHAS
) -> float:
    """Chooses the penalty by leaving each training group out in turn; ties go to the larger.

    Args:
        x: f64[N,F] of the training part alone.
        labels: of its clips.
        groups: of its clips; with one group the middle penalty is taken.
        alphas: what is tried.

    Returns:
        The penalty with the highest accuracy on the left-out groups, each class counting alike.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    right = {alpha: np.zeros(len(x)) for alpha in alphas}
    asked = np.zeros(len(x), bool)
    for group in np.unique(groups):
        inside = groups == group
        held = np.flatnonzero(inside & np.isin(labels, labels[~inside]))
        if not len(held) or len(np.unique(labels[~inside])) < 2:
            continue
        asked[held] = True
        for alpha in alphas:
            found = classify(x[~inside], labels[~inside], x[held], alpha)
            right[alpha][held] = found == labels[held]
    if not asked.any():
        return sorted(alphas)[len(alphas) // 2]
    weight = balanced(labels[asked])
    score = {a: float(np.average(right[a][asked], weights=weight)) for a in alphas}
    return max(score, key=lambda a: (round(score[a], 9), a))


def select_score_alpha(
    x: np.ndarray, y: np.ndarray, groups: Sequence[str], alphas: Sequence[float] = ALPHAS
) -> float:
    """Chooses the penalty of a score as `select_alpha` does, by the squared error.

    Args:
        x: f64[N,F] of the training part alone.
        y: f64[N] score of its clips.
        groups: of its clips; with one group the middle penalty is taken.
        alphas: what is tried.
    """
    groups = np.asarray(groups)
    if len(np.unique(groups)) < 2:
        return sorted(alphas)[len(alphas) // 2]
    error = dict.fromkeys(alphas, 0.0)
    for group in np.unique(groups):
        own = groups == group
        for alpha in alphas:
            said = fit_ridge(x[~own], y[~own, None], alpha)(x[own])[:, 0]
            error[alpha] += float(((said - y[own]) ** 2).sum())
    return min(error, key=lambda a: (round(error[a], 9), -a))


def class_shares(
    x: np.ndarray, labels: Sequence[str], asked: np.ndarray, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fits a class-balanced ridge to one-hot labels.

    Args:
        x: f64[N,F] of the training part.
        labels: of its clips.
        asked: f64[M,F].
        alpha: the penalty.

    Returns:
        (the S classes, sorted; f64[M,S] what the ridge says of each, cut at 0, their sum made 1).
    """
    classes = np.unique(np.asarray(labels))
    fitted = fit_ridge(x, one_hot(labels, classes), alpha, balanced(labels))
    said = np.maximum(fitted(asked), 1e-6)
    return classes, said / said.sum(1, keepdims=True)


def classify(x: np.ndarray, labels: Sequence[str], asked: np.ndarray, alpha: float) -> np.ndarray:
    """Returns the label of the largest of `class_shares` of each row."""
    classes, shares = class_shares(x, labels, asked, alpha)
    return classes[np.argmax(shares, axis=1)]


def majority(labels: Sequence[str]) -> str:
    """Returns the most frequent label; of several, the first in the alphabet."""
    names, count = np.unique(np.asarray(labels), return_counts=True)
    return str(names[np.argmax(count)])
