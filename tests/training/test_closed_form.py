"""The closed-form model on made clips: it learns, and the test part has no say in its choice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ml_collections import config_dict

from dance_jax.errors import ConfigError
from dance_jax.metrics import classification
from dance_jax.training import clip_features, evaluate, fold_baselines, results
from dance_jax.training.closed_form import fit_fold, run_fold_closed
from dance_jax.training.examples import Example, Examples
from dance_jax.training.folds import folds_of
from dance_jax.types import Clip

FPS = 25.0
KINDS = {"slow": 0.5, "medium": 1.2, "fast": 2.4}


def _clip(rng: np.random.Generator, hertz: float, exercise: str) -> Clip:
    """A body whose arms swing at a frequency; length, size of the swing and joints vary."""
    frames = int(rng.integers(75, 95))
    t = np.arange(frames) / FPS
    base = np.random.default_rng(7).uniform(-0.5, 0.5, (26, 2)) + rng.normal(0, 0.004, (26, 2))
    pose = np.repeat(base[None], frames, axis=0)
    for joint in (7, 8, 9, 10):
        swing = rng.uniform(0.18, 0.24) * np.sin(2 * np.pi * (hertz * t + rng.uniform()))
        pose[:, joint, 1] += swing
    pose += rng.normal(0, 0.0005, pose.shape)
    sure = np.ones((frames, 1, 26), np.float32)
    told = {"exercise": exercise}
    return Clip(pose[:, None].astype(np.float32), sure, t, unit="height", labels=told)


def _examples(seed: int = 0) -> Examples:
    rng, rows = np.random.default_rng(seed), []
    for group in "abcd":
        for kind, hertz in KINDS.items():
            for k in range(3):
                clip = _clip(rng, hertz * rng.uniform(0.9, 1.1), "left" if k % 2 else "right")
                score = {"aesthetic_score": 3.0 * hertz + rng.normal(0, 0.1)}
                name = f"{group}_{kind}_{k}"
                rows.append(Example(name, clip, None, kind, {"source": group}, score))
    rows.sort(key=lambda row: row.name)
    return Examples(tuple(rows), "made")


def _config(**changes) -> config_dict.ConfigDict:
    config = {
        "feature_sets": ("statistics", "levels", "rocket"),
        "kernels": 24,
        "condition": "exercise",
        "mirror_test": True,
        "class_balance": True,
        "group_by": ("source",),
        "split": "leave_one_out",
        "val_share": 0.0,
        "split_seed": 0,
        "allow_random_split": False,
        "min_class_clips": 2,
        "weight_style": 1.0,
        "weight_aesthetic": 1.0,
        "weight_biomech": 0.0,
        "weight_attributes": 0.0,
    }
    return config_dict.ConfigDict(config | changes)


def test_styles_and_scores_of_other_groups_are_learned() -> None:
    examples, config = _examples(), _config()
    folds = folds_of(config, examples)
    outs = [run_fold_closed(config, examples, fold, 0) for fold in folds]
    found = evaluate.together(outs)
    assert len(found) == 36 and found.styles == ("fast", "medium", "slow")
    assert (found.probability.argmax(1) == found.style).mean() > 0.9
    np.testing.assert_allclose(found.probability.sum(1), 1.0)
    assert np.corrcoef(found.score["aesthetic"], found.truth["aesthetic"])[0, 1] > 0.9
    assert (found.deviation["aesthetic"] > 0).all()
    base = fold_baselines.score_baselines(examples, folds, by="source", scores=("aesthetic",))
    table = results.summary({0: outs, 1: outs}, base, folds)
    ours = table["mean"]["aesthetic_mae"]
    assert ours < 0.5 * table["baselines"]["mean"]["aesthetic_mae"]
    gain = table["baselines"]["mean"]["difference"]["aesthetic_mae"]
    assert set(gain) == set("abcd") and max(gain.values()) < 0


def test_labels_of_the_test_part_have_no_say() -> None:
    examples, config = _examples(), _config()
    fold = folds_of(config, examples)[0]
    test = set(fold.test)
    kinds = {"slow": "fast", "medium": "slow", "fast": "medium"}
    rows = [
        dataclasses.replace(row, style=kinds[row.style], scores={"aesthetic_score": 9.0})
        if row.name in test
        else row
        for row in examples.rows
    ]
    out, chosen = fit_fold(config, examples, fold, 3)
    again, same = fit_fold(config, dataclasses.replace(examples, rows=tuple(rows)), fold, 3)
    assert {k: (c.picked, c.loss) for k, c in chosen.items()} == {
        k: (c.picked, c.loss) for k, c in same.items()
    }
    np.testing.assert_array_equal(out.probability, again.probability)
    np.testing.assert_array_equal(out.score["aesthetic"], again.score["aesthetic"])
    assert (out.style != again.style).all()


@pytest.mark.parametrize("name", ["levels", "rocket", "departure"])
def test_poses_of_the_test_part_have_no_say_in_features_of_the_others(name: str) -> None:
    examples = _examples()
    train = np.array([row.groups["source"] != "a" for row in examples.rows])
    groups = [row.groups["source"] for row in examples.rows]
    options = {"seed": 0, "kernels": 24, "condition": "exercise", "groups": groups}
    rng = np.random.default_rng(5)
    rows = [
        row if inside else dataclasses.replace(row, clip=_clip(rng, 6.0, "left"))
        for row, inside in zip(examples.rows, train, strict=True)
    ]
    other = dataclasses.replace(examples, rows=tuple(rows))
    a = clip_features.features(name, examples, train, **options)
    b = clip_features.features(name, other, train, **options)
    assert a.shape == b.shape and np.isfinite(a).all()
    np.testing.assert_allclose(a[train], b[train], atol=1e-6)
    assert not np.allclose(a[~train], b[~train])


def test_a_departure_is_far_from_what_is_usual() -> None:
    examples = _examples()
    rows = tuple(
        dataclasses.replace(row, style="fast" if row.style == "fast" else "usual")
        for row in examples.rows
        if row.style != "slow"
    )
    rows = (*rows, *(dataclasses.replace(r, name=f"{r.name}+") for r in rows if r.style == "usual"))
    examples = dataclasses.replace(examples, rows=rows)
    kinds = np.array([row.style for row in rows])
    groups = [row.groups["source"] for row in rows]
    train = np.array([g != "a" for g in groups])
    far = clip_features.features(
        "departure", examples, train, seed=0, condition="exercise", groups=groups
    )
    fast = (kinds == "fast").astype(int)
    assert classification.auc(far[:, 2], fast).value > 0.9  # how limbs turn
    assert classification.auc(far[:, -1], fast).value > 0.75
    told = clip_features.features("condition", examples, train, seed=0, condition="exercise")
    assert told.shape == (len(rows), 2) and (told.sum(1) == 1).all()


def test_what_cannot_be_is_said() -> None:
    examples = _examples()
    train = np.ones(len(examples), bool)
    with pytest.raises(ConfigError, match="unknown feature set"):
        clip_features.features("magic", examples, train, seed=0)
    with pytest.raises(ConfigError, match="needs a condition"):
        clip_features.features("departure", examples, train, seed=0, groups=["a"] * 36)
    with pytest.raises(ConfigError, match="a_fast_0 has no take-off"):
        clip_features.features("flight", examples, train, seed=0)
    bare = dataclasses.replace(examples.rows[0], clip=None)
    some = dataclasses.replace(examples, rows=(bare, *examples.rows[1:]))
    with pytest.raises(ConfigError, match="a clip has none"):
        run_fold_closed(_config(), some, folds_of(_config(), some)[0], 0)
    config = _config(weight_style=0.0, weight_aesthetic=0.0)
    with pytest.raises(ConfigError, match="no score and no two styles"):
        run_fold_closed(config, examples, folds_of(config, examples)[0], 0)
