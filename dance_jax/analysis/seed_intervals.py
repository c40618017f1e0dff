"""Intervals over groups of figures that are means over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dance_jax.metrics import Interval, classification, group_bootstrap, regression
from dance_jax.training import evaluate
from dance_jax.training.evaluate import Outcome

_DRAWS = 1000


def intervals(outcomes: Sequence[Outcome]) -> dict[str, Interval]:
    """Returns 95 % intervals of the mean over seeds, by drawing whole groups; {} with few groups.

    Args:
        outcomes: one a seed, the same clips in the same order.

    Returns:
        The names of `training.evaluate.intervals`, to which it is equal for one seed.
    """
    first = outcomes[0]
    if len(set(first.groups)) < evaluate.FEW_GROUPS:
        return {}

    def over(one: Callable[[Outcome, np.ndarray], float]) -> Interval:
        def statistic(rows: np.ndarray) -> float:
            return float(np.mean([one(out, rows) for out in outcomes]))

        return group_bootstrap(statistic, first.groups, draws=_DRAWS)

    found = {}
    if first.styles and (first.style >= 0).any():
        for name in ("accuracy", "balanced_accuracy", "macro_f1"):
            figure = getattr(classification, name)

            def told(out: Outcome, rows: np.ndarray, figure: Callable = figure) -> float:
                guess, style = out.probability[rows].argmax(1), out.style[rows]
                return float(figure(classification.confusion(guess, style, len(out.styles))))

            found[name] = over(told)
        if len(first.styles) == 2:
            found["auc"] = over(auc)
    for score in first.truth:
        for name in ("mse", "mae", "pearson", "spearman"):
            figure = getattr(regression, name)

            def off(
                out: Outcome, rows: np.ndarray, figure: Callable = figure, score: str = score
            ) -> float:
                return float(figure(out.score[score][rows], out.truth[score][rows]))

            found[f"{score}_{name}"] = over(off)
    return found


def auc(out: Outcome, rows: np.ndarray) -> float:
    """Returns the area under the ROC curve of two classes."""
    return float(classification.auc(out.probability[rows, 1], out.style[rows]))
