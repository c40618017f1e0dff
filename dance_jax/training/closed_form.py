"""The closed-form model on one fold: features of clips, a ridge chosen within the training part."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.errors import ConfigError
from dance_jax.training import clip_features
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples
from dance_jax.training.folds import Fold
from dance_jax.training.nested_ridge import Choice, choose, predicted
from dance_jax.training.task import SCORE_LABELS


def run_fold_closed(config: Any, examples: Examples, fold: Fold, seed: int) -> Outcome:
    """Returns the outcome of `fit_fold` alone; arguments as there."""
    return fit_fold(config, examples, fold, seed)[0]


def fit_fold(
    config: Any, examples: Examples, fold: Fold, seed: int
) -> tuple[Outcome, dict[str, Choice]]:
    """Chooses and fits on the training and validation clips of a fold, predicts its test clips.

    Args:
        config: keys `feature_sets`, `kernels`, `condition`, `mirror_test`, `group_by`,
            `min_class_clips`, `class_balance`, and the weights of what is learnt.
        examples: with poses.
        fold: which are in which part.
        seed: of the kernels.

    Returns:
        (truth and prediction of the test clips, what was chosen for "style" and each score).

    Raises:
        ConfigError: nothing that the weights ask for is labelled, a feature set is unknown or needs
            what the clips lack, or a clip has no poses.
    """
    if any(row.clip is None for row in examples.rows):
        what = "this model reads poses, and a clip has none"
        raise ConfigError(what, "--config.network", "use dance_net with --config.streams")
    rows, by = examples.rows, config.group_by[0]
    groups = np.array([row.groups.get(by, row.name) for row in rows])
    styles = examples.styles if config.weight_style and len(examples.styles) > 1 else ()
    place = np.array([styles.index(r.style) if r.style in styles else -1 for r in rows], int)
    names = np.array([row.name for row in rows])
    inside = np.isin(names, (*fold.train, *fold.val))
    test = np.flatnonzero(np.isin(names, fold.test))
    sets = {
        name: clip_features.features(
            name,
            examples,
            inside,
            seed=seed,
            kernels=config.kernels,
            mirror=config.mirror_test,
            condition=config.condition,
            groups=groups,
        )
        for name in config.feature_sets
    }
    probability, truth, score, deviation = np.zeros((len(test), 0)), {}, {}, {}
    chosen: dict[str, Choice] = {}
    if styles:
        train = np.flatnonzero(inside & (place >= 0))
        own = {name: x[train] for name, x in sets.items()}
        found = choose(
            own,
            place[train],
            groups[train],
            len(styles),
            least=config.min_class_clips,
            even=len(styles) == 2,  # an AUC does not ask how frequent a class is
            balance=config.class_balance,
        )
        chosen["style"] = found
        probability = predicted(found, sets, train, place[train], test, len(styles))
    for name, weight in _scores(config).items():
        given = np.array([row.scores.get(SCORE_LABELS[name], np.nan) for row in rows])
        train = np.flatnonzero(inside & np.isfinite(given))
        if not weight or len(train) < 3:
            continue
        own = {key: x[train] for key, x in sets.items()}
        found = choose(own, given[train], groups[train], 0)
        chosen[name] = found
        truth[name] = given[test]
        score[name] = predicted(found, sets, train, given[train], test, 0)[:, 0]
        if found.loss:
            deviation[name] = np.full(len(test), np.sqrt(found.loss[found.picked]))
    if not styles and not truth:
        what = "no score and no two styles that the weights ask for are labelled"
        raise ConfigError(what, "--config.weight_*", "name what the data has")
    out = Outcome(
        tuple(names[test]),
        tuple(groups[test]),
        styles,
        place[test],
        probability,
        truth,
        score,
        deviation,
    )
    return out, chosen


def _scores(config: Any) -> dict[str, float]:
    return {
        "aesthetic": config.weight_aesthetic,
        "biomechanical": config.weight_biomech,
        **dict.fromkeys(("fluidity", "expressiveness", "precision"), config.weight_attributes),
    }
