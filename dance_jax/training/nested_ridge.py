"""Ridges on features of clips, all that is chosen by leaving groups out of the training part."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from dance_jax.training import baselines

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""In units of the mean squared length of a row, so that they suit any feature set."""

ALL = "all together"
"""The candidate that is the mean of all feature sets."""

_SHARPNESS = np.geomspace(0.5, 40.0, 24)
_MIDDLE = 3  # of the penalties, where nothing can be left out
_FAR = 5.0  # standard deviations; a glitch beyond is no lever


@dataclasses.dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen inside a training part.

    Attributes:
        picked: a feature set, or `ALL`.
        penalty: feature set -> place in `PENALTIES`.
        balance: feature set -> each class weighs alike in its fit.
        sharpness: feature set -> factor of the ridge's values before the softmax; 1 for numbers.
        loss: candidate -> log-loss (or squared error) on groups left out; {} where none could be.
    """

    picked: str
    penalty: Mapping[str, int]
    balance: Mapping[str, bool]
    sharpness: Mapping[str, float]
    loss: Mapping[str, float]


def ridge_path(
    x: np.ndarray, y: np.ndarray, asked: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """Fits a ridge for every penalty by one eigendecomposition; returns what each says.

        min_W sum_i w_i |y_i - b - W z_i|^2 + a m |W|^2,  m = trace / N of the rows' products

    z are the columns, standardised with the weights and cut at 5 standard deviations, b the
    weighted mean of y.

    Args:
        x: f64[N,F].
        y: f64[N,K].
        asked: f64[M,F].
        weight: f64[N]; None for 1.

    Returns:
        f64[A,M,K], penalty by penalty of `PENALTIES`.
    """
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    mean = np.average(x, axis=0, weights=weight)
    spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    spread = np.where(spread > 1e-9 * (1 + np.abs(mean)), spread, np.inf)
    bias = np.average(y, axis=0, weights=weight)
    root = np.sqrt(weight)[:, None]
    rows = root * np.clip((x - mean) / spread, -_FAR, _FAR)
    aims, new = root * (y - bias), np.clip((asked - mean) / spread, -_FAR, _FAR)
    wide = rows.shape[1] > len(rows)
    value, vector = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    value = np.maximum(value, 0.0)
    unit = max(value.sum() / len(rows), 1e-12)
    left = new @ rows.T @ vector if wide else new @ vector
    right = vector.T @ aims if wide else vector.T @ (rows.T @ aims)
    return np.stack([left @ (right / (value + a * unit)[:, None]) + bias for a in PENALTIES])


def log_softmax(values: np.ndarray, sharpness: float) -> np.ndarray:
    """Returns log of softmax(sharpness * values) over the last axis; -inf stays -inf."""
    scaled = sharpness * values
    scaled = scaled - scaled.max(-1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))


def _class_targets(place: np.ndarray, classes: int, balance: bool) -> tuple[np.ndarray, np.ndarray]:
    weight = baselines.balanced(place) if balance else np.ones(len(place))
    return np.eye(classes)[place], weight


def left_out(
    x: np.ndarray,
    place: np.ndarray,
    groups: np.ndarray,
    classes: int,
    *,
    least: int = 1,
    balance: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what ridges say of each group that were fitted on the others.

    Args:
        x: f64[N,F] of a training part.
        place: i64[N] class of each clip, or f64[N] a number where `classes` is 0.
        groups: N names.
        classes: how many there are; 0: numbers.
        least: clips that a class must keep among the others to be asked for.
        balance: each class weighs alike.

    Returns:
        (f64[A,N,K], bool[N] which clips were asked for).
    """
    said = np.full((len(PENALTIES), len(x), max(classes, 1)), np.nan)
    asked = np.zeros(len(x), bool)
    for group in np.unique(groups):
        own = groups == group
        if classes:
            count = np.bincount(place[~own], minlength=classes)
            held = np.flatnonzero(own & (count[place] >= least))
            if (count > 0).sum() < 2:
                continue
            y, weight = _class_targets(place[~own], classes, balance)
        else:
            held = np.flatnonzero(own)
            if (~own).sum() < 3:
                continue
            y, weight = place[~own][:, None], None
        if len(held):
            said[:, held] = ridge_path(x[~own], y, x[held], weight)
            asked[held] = True
    return said, asked


def choose(
    sets: Mapping[str, np.ndarray],
    place: np.ndarray,
    groups: np.ndarray,
    classes: int,
    *,
    least: int = 1,
    balance: bool = True,
    even: bool = False,
) -> Choice:
    """Chooses penalties, weights and the feature set (or the mean of all) on groups left out.

    Nothing but a training part is handed in, so nothing else can have a say. One feature set is
    taken alone where its loss is less than that of the mean of all by more than a standard error
    over the groups: with few groups the lowest of several losses is mostly luck.

    Args:
        sets: name -> f64[N,F] of the training part alone.
        place: as of `left_out`.
        groups: likewise.
        classes: likewise.
        least: likewise.
        balance: classes may weigh alike in the fit: with and without is tried.
        even: each class counts alike in the loss too; with very few clips of one they decide.
    """
    penalty, alike, sharpness, voice = {}, {}, {}, {}
    tried = (True, False) if balance and classes else (False,)
    each: dict[str, np.ndarray] = {}  # candidate -> the loss of each clip that was asked for
    for name, x in sets.items():
        runs = [left_out(x, place, groups, classes, least=least, balance=b) for b in tried]
        asked = runs[0][1]
        if not asked.any():
            penalty[name], alike[name] = _MIDDLE, tried[0]
            sharpness[name] = float(_SHARPNESS[len(_SHARPNESS) // 2])
            continue
        said, truth = np.stack([run[0][:, asked] for run in runs]), place[asked]
        count = baselines.balanced(truth) if even and classes else np.ones(len(truth))
        if classes:
            table = np.array(
                [
                    [
                        [(count * _loss(log_softmax(v, s), truth)).mean() for s in _SHARPNESS]
                        for v in path
                    ]
                    for path in said
                ]
            )
            b, a, s = (int(k) for k in np.unravel_index(np.argmin(table), table.shape))
            penalty[name], alike[name], sharpness[name] = a, tried[b], float(_SHARPNESS[s])
            voice[name] = log_softmax(said[b, a], sharpness[name])
            each[name] = count * _loss(voice[name], truth)
        else:
            errors = (said[0, ..., 0] - truth) ** 2
            a = int(np.argmin(errors.mean(1)))
            penalty[name], alike[name], sharpness[name] = a, False, 1.0
            voice[name], each[name] = said[0, a], errors[a]
    if len(voice) > 1:
        mean = np.mean(list(voice.values()), axis=0)
        each[ALL] = (
            count * _loss(log_softmax(mean, 1.0), truth) if classes else (mean[:, 0] - truth) ** 2
        )
    loss = {name: float(row.mean()) for name, row in each.items()}
    picked = ALL if len(sets) > 1 else next(iter(sets))
    if len(each) > 1:
        best_one = min(sets, key=lambda name: loss[name])
        if _surely_less(each[best_one], each[ALL], groups[asked]):
            picked = best_one
    return Choice(picked, penalty, alike, sharpness, loss)


def _surely_less(one: np.ndarray, other: np.ndarray, groups: np.ndarray) -> bool:
    """Says whether a loss is less by more than a standard error over groups."""
    gain = np.array([(other - one)[groups == group].mean() for group in np.unique(groups)])
    if len(gain) < 2 or (other - one).mean() <= 0:
        return False
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def _loss(log_p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns f64[N], minus the logarithm of each true class, 30 at most."""
    return -np.maximum(log_p[np.arange(len(truth)), truth], -30.0)


def predicted(
    choice: Choice,
    sets: Mapping[str, np.ndarray],
    train: np.ndarray,
    place: np.ndarray,
    test: np.ndarray,
    classes: int,
) -> np.ndarray:
    """Fits what was chosen on the whole training part and asks it for the test part.

    Args:
        choice: of the training part.
        sets: name -> f64[N,F] of all.
        train: i64[M] rows trained on.
        place: [M] their classes or numbers.
        test: i64[K] rows asked for.
        classes: how many; 0: numbers.

    Returns:
        f64[K,S] probabilities (0 for a class that training lacks), or f64[K,1] numbers.
    """
    names = list(sets) if choice.picked == ALL else [choice.picked]
    known = np.bincount(place, minlength=classes) > 0 if classes else np.ones(1, bool)
    voice = []
    for name in names:
        x, y, weight = sets[name], place[:, None], None
        if classes:
            y, weight = _class_targets(place, classes, choice.balance[name])
        said = ridge_path(x[train], y, x[test], weight)[choice.penalty[name]]
        if classes:
            said = log_softmax(said[:, known], choice.sharpness[name])
        voice.append(said)
    mean = np.mean(voice, axis=0)
    if not classes:
        return mean
    out = np.zeros((len(test), classes))
    out[:, known] = np.exp(log_softmax(mean, 1.0))
    return out
