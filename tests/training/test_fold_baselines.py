"""Baselines of styles and scores on a model's folds, against scikit-learn and by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.training import baselines, fold_baselines, results
from dance_jax.training.examples import Examples
from dance_jax.training.folds import Fold
from tests.seeds import fresh
from tests.training.test_closed_form import _examples


def _folds(examples: Examples) -> list[Fold]:
    names = [row.name for row in examples.rows]
    return [
        Fold(
            group,
            tuple(n for n in names if n[0] != group),
            (),
            tuple(n for n in names if n[0] == group),
        )
        for group in "abcd"
    ]


def test_styles_and_scores_have_one_ridge() -> None:
    examples = _examples(fresh(__name__, 1)[0])
    folds = _folds(examples)
    found = fold_baselines.baselines_of(
        examples, folds, by="source", styles=True, scores=("aesthetic",)
    )
    assert list(found) == ["majority", "pose statistics + ridge", "mean"]
    ridge = found["pose statistics + ridge"]
    assert ridge.styles == ("fast", "medium", "slow") and set(ridge.score) == {"aesthetic"}
    table = results.summary({0: [ridge]}, found, folds)["baselines"]
    assert table["pose statistics + ridge"]["aesthetic_mae"] < table["mean"]["aesthetic_mae"]
    assert "accuracy" not in table["mean"] and "aesthetic_mae" not in table["majority"]


def test_the_ridge_of_scores_is_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    examples = _examples(fresh(__name__, 2)[1])
    folds = _folds(examples)
    out = fold_baselines.score_baselines(examples, folds, by="source", scores=("aesthetic",))
    said = dict(
        zip(
            out[fold_baselines.RIDGE].names,
            out[fold_baselines.RIDGE].score["aesthetic"],
            strict=True,
        )
    )
    row = {r.name: r for r in examples.rows}
    x = {n: baselines.pose_statistics(r.clip) for n, r in row.items()}
    fold = folds[0]
    y = np.array([row[n].scores["aesthetic_score"] for n in fold.train])
    known = np.stack([x[n] for n in fold.train])
    varies = known.std(0) > 1e-9 * (1 + np.abs(known.mean(0)))
    scaler = preprocessing.StandardScaler().fit(known[:, varies])
    alpha = baselines.select_score_alpha(known, y, [n[0] for n in fold.train])
    peer = linear.Ridge(alpha=alpha).fit(scaler.transform(known[:, varies]), y)
    asked = np.stack([x[n] for n in fold.test])[:, varies]
    wanted = peer.predict(scaler.transform(asked))
    np.testing.assert_allclose([said[n] for n in fold.test], wanted, rtol=1e-5, atol=1e-5)
    mean = dict(
        zip(
            out[fold_baselines.MEAN].names, out[fold_baselines.MEAN].score["aesthetic"], strict=True
        )
    )
    assert {mean[n] for n in fold.test} == {y.mean()}


def test_a_clip_without_style_keeps_its_score() -> None:
    examples = _examples(fresh(__name__, 3)[2])
    rows = (dataclasses.replace(examples.rows[0], style=""), *examples.rows[1:])
    examples = dataclasses.replace(examples, rows=rows)
    found = fold_baselines.baselines_of(
        examples, _folds(examples), by="source", styles=True, scores=("aesthetic",)
    )
    assert len(found["pose statistics + ridge"]) == len(rows) - 1
    assert len(found["pose statistics + ridge, scores"]) == len(rows)


def test_what_was_not_asked_for_is_not_told() -> None:
    examples = _examples()
    folds = _folds(examples)
    styles = fold_baselines.baselines_of(examples, folds, by="source", styles=True, scores=())
    assert list(styles) == ["majority", "pose statistics + ridge"]
    scores = fold_baselines.baselines_of(
        examples, folds, by="source", styles=False, scores=("aesthetic", "fluidity")
    )
    assert list(scores) == ["mean", "pose statistics + ridge"]
    assert set(scores["mean"].truth) == {"aesthetic"}  # nobody rated the fluidity
