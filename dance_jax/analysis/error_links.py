"""Which movement measures go with a model's errors: rank correlations, held against chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax import logs
from dance_jax.biomech import catalogue
from dance_jax.training import side_streams
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples

LEAST_CLIPS = 12
MOST_CLIPS = 300
"""Clips whose movement measures are computed for a page; of more, evenly chosen ones."""

_PRESENT = 0.8  # of the clips must have a measure
_DRAWS = 1000
_LEVEL = 0.95
_LEAST_OF_STYLE = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Links:
    """Rank correlations of movement measures over clips.

    Attributes:
        score: whose error it is.
        clips: with poses and a true score.
        within_styles: every style was compared within itself.
        keys: of the measures that could be compared, the strongest link with the error first.
        error: f64[M], with predicted minus true.
        truth: f64[M], with the true score.
        predicted: f64[M], with the predicted score.
        limit: the strongest link of an error that has nothing to do with movement stays below this
            in 95 of 100 cases, however many measures are looked at.
    """

    score: str
    clips: int
    within_styles: bool
    keys: tuple[str, ...]
    error: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    limit: float

    def as_dict(self) -> dict[str, Any]:
        """Returns JSON values."""
        found = dataclasses.asdict(self)
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in found.items()}


def score_of(names: Sequence[str]) -> str:
    """Returns the score that is looked at: the biomechanical, else the first there is, else ""."""
    return next((n for n in ("biomechanical", *names) if n in names), "")


def links(
    outcomes: Sequence[Outcome], measures: Mapping[str, np.ndarray], score: str, *, seed: int = 0
) -> Links | None:
    """Returns the links of one score's error with every measure.

    Styles differ in most measures, so ranks are taken within each style where every style has four
    clips or more: what is left does not say that one style is harder than another. The error is
    exchanged at random among the clips of a style for the limit, and the largest of all links is
    kept each time (the maximum statistic), so that looking at many measures costs nothing. Clips
    of one dancer are alike, which makes the limit somewhat too low.

    Args:
        outcomes: one a seed; predictions are their mean.
        measures: clip -> f[M], in the order of `catalogue.MEASURES`, NaN where one has no value.
        score: name of it.
        seed: of the exchange.

    Returns:
        None with fewer than twelve clips, or where no measure varies.

    Source: Westfall and Young 1993, Resampling-Based Multiple Testing, §2 (maximum statistic).
    """
    first = outcomes[0]
    truth, names = first.truth[score], np.array(first.names)
    predicted = np.mean([one.score[score] for one in outcomes], axis=0)
    kept = np.isfinite(truth) & np.isin(names, list(measures))
    if kept.sum() < LEAST_CLIPS:
        return None
    table = np.stack([measures[name] for name in names[kept]]).astype(np.float64)
    keys = np.array(list(catalogue.MEASURES))
    there = np.isfinite(table)
    varied = (there.mean(0) >= _PRESENT) & (_spread(table) > 0)
    if not varied.any():
        return None
    style = first.style[kept]
    strata = [np.flatnonzero(style == s) for s in np.unique(style)]
    if min(len(rows) for rows in strata) < _LEAST_OF_STYLE:
        strata = [np.arange(len(style))]
    ranks = _within(_filled(table[:, varied], strata), strata)
    error = predicted[kept] - truth[kept]
    three = np.stack([error, truth[kept], predicted[kept]], -1)
    found = (ranks.T @ _within(three, strata)).T / len(error)
    rng = np.random.default_rng(seed)
    own, highest = _within(error[:, None], strata)[:, 0], []
    for _ in range(_DRAWS):
        drawn = own.copy()
        for rows in strata:
            drawn[rows] = rng.permutation(own[rows])
        highest.append(np.abs(ranks.T @ drawn).max() / len(drawn))
    order = np.argsort(-np.abs(found[0]), kind="stable")
    return Links(
        score,
        int(kept.sum()),
        len(strata) > 1,
        tuple(keys[varied][order].tolist()),
        *(one[order] for one in found),
        float(np.quantile(highest, _LEVEL)),
    )


def of_examples(outcomes: Sequence[Outcome], examples: Examples, score: str) -> Links | str:
    """Computes the measures of the tested clips and returns the links, or why there are none.

    Args:
        outcomes: one a seed.
        examples: that hold the tested clips.
        score: of `score_of`; "" for none.
    """
    if not score:
        return "no score was learnt"
    rated = {
        name
        for name, truth in zip(outcomes[0].names, outcomes[0].truth[score], strict=True)
        if np.isfinite(truth)
    }
    chosen = examples.named(
        row.name for row in examples.rows if row.clip is not None and row.name in rated
    )
    if len(chosen) < LEAST_CLIPS:
        return f"{len(chosen)} tested clips have poses and a score, {LEAST_CLIPS} are needed"
    if len(chosen) > MOST_CLIPS:
        places = np.linspace(0, len(chosen) - 1, MOST_CLIPS).round().astype(int)
        chosen = chosen.named(chosen.rows[k].name for k in places)
    if any(row.clip.skeleton != "halpe26" for row in chosen.rows):
        return "movement measures need HALPE-26 poses"
    logs.note(f"{len(catalogue.MEASURES)} movement measures of {len(chosen)} clips")
    measured = side_streams.with_measures(chosen)
    table = {row.name: row.measures for row in measured.rows}
    found = links(outcomes, table, score)
    return found if found is not None else "no movement measure varies over the tested clips"


def _spread(table: np.ndarray) -> np.ndarray:
    """Returns the range of each column relative to its size; 0 where it is never there."""
    low = np.where(np.isfinite(table), table, np.inf).min(0)
    high = np.where(np.isfinite(table), table, -np.inf).max(0)
    gap = np.where(np.isfinite(low) & np.isfinite(high), high - low, 0.0)
    return np.where(gap > 1e-6 * np.maximum(np.abs(high), 1e-9), gap, 0.0)


def _filled(table: np.ndarray, strata: Sequence[np.ndarray]) -> np.ndarray:
    """Returns f64[N,M] with what is missing in the middle of its style, where it has no weight."""
    out = table.copy()
    for rows in strata:
        part = out[rows]
        there = np.isfinite(part)
        count = np.maximum(there.sum(0), 1)
        middle = np.sort(np.where(there, part, np.inf), 0)[
            (count - 1) // 2, np.arange(part.shape[1])
        ]
        out[rows] = np.where(there, part, np.where(np.isfinite(middle), middle, 0.0))
    return out


def _within(x: np.ndarray, strata: Sequence[np.ndarray]) -> np.ndarray:
    """Returns ranks of each column of x [N,M] within each style, with mean 0 and deviation 1."""
    from scipy.stats import rankdata

    out = np.empty(x.shape, np.float64)
    for rows in strata:
        ranks = rankdata(x[rows], axis=0)
        # As shares, so that a style with many clips does not count more than they are.
        out[rows] = (ranks - ranks.mean(0)) / len(rows)
    spread = out.std(0)
    return out / np.where(spread > 0, spread, 1.0)
