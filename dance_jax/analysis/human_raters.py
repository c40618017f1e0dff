"""What people reach on the same clips: one rater against the others, and the model likewise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.data.corpus import Corpus
from dance_jax.data.statistics import Agreement, agreement
from dance_jax.training.evaluate import Outcome
from dance_jax.training.task import SCORE_LABELS

_LEAST = 3  # clips for a correlation


@dataclasses.dataclass(frozen=True, eq=False)
class Raters:
    """Raters and a model on one score of the same clips.

    The model is held to the same measure as a rater: the mean of the *other* raters, so neither has
    a part in what it is compared with. Correlations do not see a rater's own severity; errors do.

    Attributes:
        score: name of the prediction.
        agreement: ICC, alpha, ceiling of the raters on these clips.
        names: of the raters.
        clips: rated by all of them.
        rater_r: f64[K], each rater against the mean of the others.
        model_r: f64[K], the model against the same means; the mean over seeds.
        rater_mae: f64[K] points, likewise.
        model_mae: f64[K] points.
    """

    score: str
    agreement: Agreement
    names: tuple[str, ...]
    clips: int
    rater_r: np.ndarray
    model_r: np.ndarray
    rater_mae: np.ndarray
    model_mae: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Returns JSON values."""
        found = dataclasses.asdict(self)
        for name in ("rater_r", "model_r", "rater_mae", "model_mae"):
            found[name] = getattr(self, name).tolist()
        return found


def raters_of(corpus: Corpus | None, outcomes: Sequence[Outcome]) -> dict[str, Raters]:
    """Returns score -> raters and model, of the scores that two raters or more gave.

    Args:
        corpus: with the ratings; None for none.
        outcomes: of the same clips, one a seed.
    """
    if corpus is None:
        return {}
    first, out = outcomes[0], {}
    asked = set(first.names)
    held = dataclasses.replace(
        corpus, ratings=tuple(r for r in corpus.ratings if r.clip in asked and r.rater)
    )
    for score in first.truth:
        found = agreement(held, SCORE_LABELS[score])
        if found is not None:
            out[score] = _compared(score, found, held, outcomes)
    return out


def _compared(score: str, found: Agreement, corpus: Corpus, outcomes: Sequence[Outcome]) -> Raters:
    label = SCORE_LABELS[score]
    clips, names, table = corpus.table(label)
    table = table * 10.0 / corpus.scales.get(label, 10.0)
    kept = np.isfinite(table).sum(0) >= 2
    names, table = tuple(np.array(names)[kept].tolist()), table[:, kept]
    whole = np.isfinite(table).all(1)
    clips, table = [c for c, w in zip(clips, whole, strict=True) if w], table[whole]
    said = [dict(zip(out.names, out.score[score], strict=True)) for out in outcomes]
    predicted = [np.array([one[clip] for clip in clips]) for one in said]
    rows: dict[str, list[float]] = {"rater_r": [], "model_r": [], "rater_mae": [], "model_mae": []}
    for k in range(len(names)):
        others = np.delete(table, k, 1).mean(1) if len(clips) else np.zeros(0)
        rows["rater_r"].append(correlation(table[:, k], others))
        rows["rater_mae"].append(_mean(np.abs(table[:, k] - others)))
        rows["model_r"].append(_mean([correlation(p, others) for p in predicted]))
        rows["model_mae"].append(_mean([_mean(np.abs(p - others)) for p in predicted]))
    columns: Mapping[str, np.ndarray] = {name: np.array(row) for name, row in rows.items()}
    return Raters(score, found, names, len(clips), **columns)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Returns Pearson's r of two f64[N]; NaN for fewer than three, or where one is constant."""
    if len(a) < _LEAST:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / size) if size > 1e-12 else float("nan")


def typical(values: np.ndarray) -> float:
    """Returns the mean of the values that are known; NaN for none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _mean(values: Any) -> float:
    values = np.asarray(values, np.float64)
    return float(values.mean()) if len(values) else float("nan")
