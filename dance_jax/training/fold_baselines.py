"""What the baselines say on a model's own folds: the majority, the mean, a ridge on statistics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from dance_jax.training import baselines, evaluate
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples
from dance_jax.training.folds import Fold
from dance_jax.training.task import SCORE_LABELS

MAJORITY, MEAN, RIDGE = "majority", "mean", "pose statistics + ridge"


def baselines_of(
    examples: Examples, folds: Sequence[Fold], *, by: str, styles: bool, scores: Sequence[str]
) -> dict[str, Outcome]:
    """Returns the baselines of all that a model was asked for.

    Args:
        examples: with poses.
        folds: as the model's; validation clips are trained on too.
        by: key of the groups.
        styles: styles were asked for.
        scores: those that were, as the outcomes name them.

    Returns:
        "majority" of styles, "mean" of scores, "pose statistics + ridge" of both, as far as they
        were asked for; where not every clip with a score has a style the ridge of the scores
        stands by itself, as "pose statistics + ridge, scores".
    """
    found = style_baselines(examples, folds, by=by) if styles else {}
    for name, out in score_baselines(examples, folds, by=by, scores=scores).items():
        other = found.get(name)
        if other is None:
            found[name] = out
        elif other.names == out.names:
            found[name] = dataclasses.replace(other, truth=out.truth, score=out.score)
        else:
            found[f"{name}, scores"] = out
    return found


def style_baselines(examples: Examples, folds: Sequence[Fold], *, by: str) -> dict[str, Outcome]:
    """Returns "majority" and "pose statistics + ridge" on the same folds.

    The majority is that of the training part; the ridge's penalty is chosen by leaving each of its
    groups out in turn.

    Args:
        examples: with poses and styles.
        folds: as the model's; validation clips are trained on too.
        by: key of the groups.
    """
    features = {row.name: baselines.pose_statistics(row.clip) for row in examples.rows}
    label = {row.name: row.style for row in examples.rows}
    group = {row.name: row.groups.get(by, row.name) for row in examples.rows}
    styles = examples.styles
    parts: dict[str, list[Outcome]] = {MAJORITY: [], RIDGE: []}
    for fold in folds:
        seen = [name for name in (*fold.train, *fold.val) if label[name]]
        test = [name for name in fold.test if label[name]]
        if not test:
            continue
        x = np.stack([features[name] for name in seen])
        asked = np.stack([features[name] for name in test])
        known, groups = [label[n] for n in seen], [group[n] for n in seen]
        alpha = baselines.select_alpha(x, known, groups)
        classes, shares = baselines.class_shares(x, known, asked, alpha)
        place = [styles.index(str(name)) for name in classes]
        ridge = np.zeros((len(test), len(styles)))
        ridge[:, place] = shares
        guess = {
            MAJORITY: baselines.one_hot([baselines.majority(known)] * len(test), styles),
            RIDGE: ridge,
        }
        for name, said in guess.items():
            parts[name].append(
                Outcome(
                    tuple(test),
                    tuple(group[n] for n in test),
                    styles,
                    np.array([styles.index(label[n]) for n in test]),
                    said,
                    {},
                    {},
                    {},
                )
            )
    return {name: evaluate.together(found) for name, found in parts.items() if found}


def score_baselines(
    examples: Examples, folds: Sequence[Fold], *, by: str, scores: Sequence[str]
) -> dict[str, Outcome]:
    """Returns "mean" and "pose statistics + ridge" of scores on the same folds.

    The mean is that of the training part; the ridge's penalty is chosen by leaving each of its
    groups out in turn.

    Args:
        examples: with poses and scores.
        folds: as the model's; validation clips are trained on too.
        by: key of the groups.
        scores: as the outcomes name them; those that nobody rated are left out.
    """
    features = {row.name: baselines.pose_statistics(row.clip) for row in examples.rows}
    group = {row.name: row.groups.get(by, row.name) for row in examples.rows}
    given = {
        score: {r.name: r.scores.get(SCORE_LABELS[score], math.nan) for r in examples.rows}
        for score in scores
    }
    given = {k: v for k, v in given.items() if np.isfinite(list(v.values())).any()}
    parts: dict[str, list[Outcome]] = {MEAN: [], RIDGE: []}
    for fold in folds if given else ():
        guess: dict[str, dict[str, np.ndarray]] = {name: {} for name in parts}
        asked = np.stack([features[name] for name in fold.test])
        for score, values in given.items():
            seen = [n for n in (*fold.train, *fold.val) if math.isfinite(values[n])]
            x, y = np.stack([features[n] for n in seen]), np.array([values[n] for n in seen])
            alpha = baselines.select_score_alpha(x, y, [group[n] for n in seen])
            guess[MEAN][score] = np.full(len(fold.test), y.mean())
            fitted = baselines.fit_ridge(x, y[:, None], alpha)
            guess[RIDGE][score] = fitted(asked)[:, 0]
        truth = {s: np.array([v[n] for n in fold.test]) for s, v in given.items()}
        for name, said in guess.items():
            parts[name].append(
                Outcome(
                    tuple(fold.test),
                    tuple(group[n] for n in fold.test),
                    (),
                    np.full(len(fold.test), -1),
                    np.zeros((len(fold.test), 0)),
                    truth,
                    said,
                    {},
                )
            )
    return {name: evaluate.together(found) for name, found in parts.items() if found}
