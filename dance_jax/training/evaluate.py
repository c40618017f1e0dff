"""What a model is worth on clips that it never saw: figures, by style and group, with intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.metrics import Figure, Interval, classification, group_bootstrap, regression
from dance_jax.models import calibration
from dance_jax.training.examples import Examples
from dance_jax.training.predict import Predictions
from dance_jax.training.task import SCORE_LABELS

FEW_GROUPS = 10
"""With fewer groups no interval is given: each group's own figure says more."""

BANDS = ((0.0, 4.0), (4.0, 6.0), (6.0, 8.0), (8.0, 10.0 + 1e-9))
"""Bands of the true score, low end in, high end out."""

_INTERVALS = 1000  # resamples of the groups


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """Truth and prediction of the clips of a part.

    Attributes:
        names: of the clips.
        groups: of the clips.
        styles: the classes, in order; () without a style head.
        style: i64[N] true class, -1 where it is none of them.
        probability: f64[N,S]; [N,0] without a style head.
        truth: name of a score -> f64[N], NaN where it was not rated.
        score: the same names -> f64[N] as predicted.
        deviation: the same names -> f64[N] predicted standard deviation, where there is one.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    styles: tuple[str, ...]
    style: np.ndarray
    probability: np.ndarray
    truth: Mapping[str, np.ndarray]
    score: Mapping[str, np.ndarray]
    deviation: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.names)


def outcome(
    found: Predictions,
    examples: Examples,
    styles: Sequence[str],
    *,
    scores: Sequence[str] = tuple(SCORE_LABELS),
    by: str = "source",
    temperature: float = 1.0,
) -> Outcome:
    """Lays what was predicted beside what is true.

    Args:
        found: of these examples, in their order.
        examples: with labels.
        styles: the model's classes.
        scores: names of the scores that the network was trained for; others mean nothing.
        by: key of the groups; a clip without it is a group of its own.
        temperature: of the class probabilities, fitted on other data.
    """
    rows = [examples.rows[k] for k in found.clip]
    place = {style: k for k, style in enumerate(styles)}
    logits = found.values.get("style_logits", np.zeros((len(rows), 0)))
    probability = logits
    if logits.shape[1]:
        probability = np.asarray(calibration.probabilities(logits, temperature), np.float64)
        probability /= probability.sum(1, keepdims=True)
    truth, score, deviation = {}, {}, {}
    for name, label in SCORE_LABELS.items():
        given = np.array([row.scores.get(label, np.nan) for row in rows])
        if name in scores and name in found.values and np.isfinite(given).any():
            truth[name], score[name] = given, found.values[name]
            if f"{name}_log_var" in found.values:
                deviation[name] = np.exp(0.5 * found.values[f"{name}_log_var"])
    return Outcome(
        tuple(row.name for row in rows),
        tuple(row.groups.get(by, row.name) for row in rows),
        tuple(styles) if logits.shape[1] else (),
        np.array([place.get(row.style, -1) for row in rows], int),
        probability,
        truth,
        score,
        deviation,
    )


def together(parts: Sequence[Outcome]) -> Outcome:
    """Returns the clips of several folds as one.

    A class that a fold had no clip of to train on has probability 0 there.

    Raises:
        ValueError: they have other scores, or some have classes and others none.
    """
    parts = [_with_classes(part, sorted({s for p in parts for s in p.styles})) for part in parts]
    first = parts[0]
    for part in parts:
        if part.styles != first.styles or set(part.truth) != set(first.truth):
            raise ValueError("folds with other classes or scores cannot be put together")

    def joined(pick: Callable[[Outcome], Any]) -> np.ndarray:
        return np.concatenate([pick(part) for part in parts])

    def each(name: str) -> dict[str, np.ndarray]:
        keys = set(first.truth).intersection(*(getattr(part, name) for part in parts))
        return {key: joined(lambda part, key=key: getattr(part, name)[key]) for key in sorted(keys)}

    return Outcome(
        tuple(name for part in parts for name in part.names),
        tuple(group for part in parts for group in part.groups),
        first.styles,
        joined(lambda part: part.style),
        joined(lambda part: part.probability),
        each("truth"),
        each("score"),
        each("deviation"),
    )


def _with_classes(part: Outcome, classes: Sequence[str]) -> Outcome:
    """Returns an outcome with these classes, its own among them."""
    if not part.styles or part.styles == tuple(classes):
        return part
    place = np.array([classes.index(style) for style in part.styles])
    probability = np.zeros((len(part), len(classes)))
    probability[:, place] = part.probability
    style = np.where(part.style >= 0, place[part.style], -1)
    return dataclasses.replace(part, styles=tuple(classes), style=style, probability=probability)


def style_figures(found: Outcome) -> dict[str, Figure]:
    """Returns accuracy, balanced accuracy, macro-F1, calibration error; {} without styles."""
    if not found.styles or not (found.style >= 0).any():
        return {}
    return dict(classification.classification(found.probability, found.style))


def score_figures(found: Outcome) -> dict[str, dict[str, Figure]]:
    """Returns score -> mse, rmse, mae, r2, pearson, spearman, r_l2, coverage_90.

    The last is how often the predicted interval of 90 % held the truth.
    """
    out = {}
    for name, truth in found.truth.items():
        row = {
            one.__name__: one(found.score[name], truth)
            for one in (
                regression.mse,
                regression.rmse,
                regression.mae,
                regression.r2,
                regression.pearson,
                regression.spearman,
                regression.r_l2,
            )
        }
        if name in found.deviation:
            held = regression.coverage(found.score[name], found.deviation[name], truth, (0.9,))
            row["coverage_90"] = held[0.9]
        out[name] = row
    return out


def intervals(found: Outcome, *, seed: int = 0) -> dict[str, Interval]:
    """Returns 95 % intervals over groups of the figures that are quoted; {} with few groups.

    Args:
        found: clips of a part or of all folds.
        seed: of the resampling.

    Returns:
        "accuracy", "balanced_accuracy", "macro_f1", "auc" of two classes, and "NAME_mse",
        "NAME_pearson" and the like of each score.
    """
    if len(set(found.groups)) < FEW_GROUPS:
        return {}
    out = {}

    def over(statistic: Callable[[np.ndarray], float]) -> Interval:
        return group_bootstrap(statistic, found.groups, draws=_INTERVALS, seed=seed)

    if found.styles and (found.style >= 0).any():
        guess = found.probability.argmax(1)
        for name in ("accuracy", "balanced_accuracy", "macro_f1"):
            one = getattr(classification, name)

            def of(rows: np.ndarray, one: Callable = one) -> float:
                table = classification.confusion(guess[rows], found.style[rows], len(found.styles))
                return float(one(table))

            out[name] = over(of)
        if len(found.styles) == 2:
            out["auc"] = over(
                lambda rows: float(
                    classification.auc(found.probability[rows, 1], found.style[rows])
                )
            )
    for score, truth in found.truth.items():
        for name in ("mse", "mae", "pearson", "spearman"):
            one = getattr(regression, name)
            pair = (found.score[score], truth)
            out[f"{score}_{name}"] = over(
                lambda rows, one=one, pair=pair: float(one(pair[0][rows], pair[1][rows]))
            )
    return out


def by_key(found: Outcome, key: str) -> dict[str, dict[str, Any]]:
    """Returns the figures of each style, group, or band of the true aesthetic score.

    Args:
        found: clips.
        key: "style", "group" or "band".

    Returns:
        name -> {"count", "accuracy", and "NAME_mae", "NAME_mse" of each score}.

    Raises:
        ValueError: another key.
    """
    if key == "style":
        kinds = [found.styles[k] if k >= 0 else "" for k in found.style]
    elif key == "group":
        kinds = list(found.groups)
    elif key == "band":
        kinds = [
            _band(value) for value in found.truth.get("aesthetic", np.full(len(found), np.nan))
        ]
    else:
        raise ValueError(f"key must be style, group or band, got {key!r}")
    out: dict[str, dict[str, Any]] = {}
    for kind in sorted(set(kinds) - {""}):
        rows = np.array([k == kind for k in kinds])
        row: dict[str, Any] = {"count": int(rows.sum())}
        known = rows & (found.style >= 0)
        if found.styles and known.any():
            row["accuracy"] = float((found.probability.argmax(1) == found.style)[known].mean())
        for name, truth in found.truth.items():
            for one in (regression.mae, regression.mse):
                figure = one(found.score[name][rows], truth[rows])
                if not figure.reason:
                    row[f"{name}_{one.__name__}"] = figure.value
        out[kind] = row
    return out


def _band(value: float) -> str:
    for low, high in BANDS:
        if low <= value < high:
            return f"{low:g} to {min(high, 10):g}"
    return ""
