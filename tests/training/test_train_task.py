"""The task `train`: from a corpus to figures beside baselines; resumed; and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax.data.synthetic_corpus import write_corpus
from dance_jax.data.synthetic_design import Design
from dance_jax.errors import ConfigError, InputError, NoEstimator
from dance_jax.training import evaluate, outcome_file, results, train
from dance_jax.training.augmentation import POSE as AUGMENT
from dance_jax.training.examples import from_corpus
from dance_jax.training.folds import folds_of

SMALL = {
    "fps": 10.0,
    "axes": 3,
    "window_s": 1.0,
    "stride_s": 0.5,
    "group_by": ("dancer",),
    "pose_features": ("position", "velocity"),
    "pose_width": 8,
    "pose_depth": 1,
    "features": 8,
    "hidden": 8,
    "batch_size": 8,
    "learning_rate": 0.01,
    "dropout": 0.0,
    "joint_drop": 0.0,
    "total_epochs": 15.0,
    "seeds": (0,),
    "tensorboard": False,
    "devices": 1,
}


def config(data: object, **more: object):
    made = configs.load("configs/pose_style.py")
    still = {f"augment_{name}": 0.0 for name in AUGMENT} | {"augment_crop": 1.0}
    made.update({"data": str(data)} | SMALL | still | more)
    return configs.validate(made, ready=True)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("made") / "corpus"
    styles = ("ballet_like", "hip_hop_like")
    write_corpus(folder, Design(dancers=3, styles=styles, takes=2, seconds=2.0, fps=20.0))
    return folder


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory) -> tuple[dict, pathlib.Path]:
    folder = tmp_path_factory.mktemp("run")
    return train.train(config(corpus, min_class_clips=2), folder), folder


def test_every_dancer_is_tested_once_beside_baselines(trained, corpus) -> None:
    found, folder = trained
    assert found["clips"] == 12 and found["groups"] == 3 and found["data"]["synthetic"]
    assert set(found["baselines"]) == {"majority", "pose statistics + ridge"}
    assert found["baselines"]["majority"]["accuracy"] == pytest.approx(0.5)
    assert found["mean"]["accuracy"] > 0.7
    assert not any(name.startswith("aesthetic") for name in found["mean"])  # it was not trained
    assert not found["intervals"]  # three groups: each one's own figure instead
    assert set(found["by_group"]) == {f"synthetic_dancer_{k:02d}" for k in (1, 2, 3)}
    assert json.loads((folder / "results.json").read_text()) == found
    outcomes = sorted(folder.glob("folds/*/seed_0/outcome.json"))
    names = [name for path in outcomes for name in outcome_file.read(path).names]
    assert len(outcomes) == 3 and sorted(names) == sorted(set(names)) and len(names) == 12
    held = outcome_file.read(outcomes[0])
    np.testing.assert_allclose(held.probability.sum(1), 1.0, atol=1e-9)
    text = results.lines(found)
    assert any(line.startswith("group synthetic_dancer_01: accuracy") for line in text)


def test_a_fold_that_is_done_is_not_done_again(trained, corpus, monkeypatch) -> None:
    found, folder = trained
    monkeypatch.setattr(
        "dance_jax.training.fold_run.fit", lambda *a, **k: pytest.fail("trained again")
    )
    assert train.train(config(corpus, min_class_clips=2), folder) == found
    broken = next(folder.glob("folds/*/seed_0/outcome.json"))
    text = broken.read_text()
    broken.write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match="not the outcome of a fold"):
        train.train(config(corpus, min_class_clips=2), folder)
    broken.write_text(text)


def test_scores_are_learnt_from_the_raters(corpus, tmp_path) -> None:
    """Val chooses; several targets, augmentation and a causal network in one run."""
    options = {
        "split": "holdout",
        "val_share": 0.34,
        "test_share": 0.33,
        "weight_aesthetic": 1.0,
        "weight_joint": 0.3,
        "ranking": 0.5,
        "score_loss": "gaussian",
        "metric": "clip_aesthetic_mse",
        "eval_epochs": 5.0,
        "causal": True,
        "yaw": "start",
        "augment_rotate_deg": 5.0,
        "schedule": "plateau",
        "ema_decay": 0.9,
    }
    found = train.train(config(corpus, min_class_clips=1, **options), tmp_path)
    assert found["clips"] == 4 and found["mean"]["aesthetic_mse"] is not None
    assert "precision_mse" not in found["mean"]
    held = json.loads((tmp_path / "folds/holdout/seed_0/outcome.json").read_text())
    assert held["best"]["metric"] == "clip_aesthetic_mse" and held["best"]["value"] is not None
    assert held["temperature"] > 0 and len(held["deviation"]["aesthetic"]) == 4


def test_folds_keep_groups_together(corpus) -> None:
    examples = from_corpus(corpus, fps=10.0, axes=3, videos=False)
    dancer = {row.name: row.groups["dancer"] for row in examples.rows}
    for options in (
        {"split": "leave_one_out"},
        {"split": "leave_one_out", "val_share": 0.4},
        {"split": "kfold", "folds": 3},
        {"split": "holdout", "val_share": 0.3, "test_share": 0.3},
    ):
        for fold in folds_of(config(corpus, min_class_clips=1, **options), examples):
            parts = [{dancer[name] for name in part} for part in (fold.train, fold.val, fold.test)]
            assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
            assert bool(fold.val) == (options.get("val_share", 0) > 0)
    with pytest.raises(ConfigError, match="min_class_clips"):
        folds_of(config(corpus, min_class_clips=50), examples)
    with pytest.raises(ConfigError, match="without train, val and test"):
        folds_of(config(corpus, split="given"), examples)
    with pytest.raises(InputError, match="random clips"):
        folds_of(config(corpus, split="kfold", group_by=("clip",)), examples)
    stamped = folds_of(
        config(
            corpus,
            split="kfold",
            group_by=("clip",),
            allow_random_split=True,
            folds=2,
            min_class_clips=1,
        ),
        examples,
    )
    assert all("leaks" in fold.stamp for fold in stamped)


def test_what_cannot_be_trained_is_said(corpus, tmp_path) -> None:
    with pytest.raises(ConfigError, match="labelled"):
        train.train(config(corpus, weight_style=0.0, min_class_clips=1), tmp_path / "a")
    with pytest.raises(ConfigError, match="label"):
        train.read(config(next((corpus / "pose_data").iterdir())))
    with pytest.raises(InputError, match="no such file or folder"):
        train.train(config(tmp_path / "nothing.npz"), tmp_path / "b")
    with pytest.raises(ConfigError, match=r"3 s from window to window.*at most 1,"):
        train.train(config(corpus, window_s=1.0, stride_s=3.0), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_missing_poses_and_models_are_said_before_the_training(tmp_path, monkeypatch) -> None:
    corpus = tmp_path / "corpus"
    shown = {"pictures": "rendered", "width": 32, "height": 48}
    design = Design(dancers=2, styles=("ballet_like",), takes=1, seconds=0.5, fps=10.0, **shown)
    write_corpus(corpus, design)
    monkeypatch.setenv("DANCE_JAX_HOME", str(tmp_path / "empty"))
    both = {"streams": ("frames", "pose"), "axes": 2, "min_class_clips": 1}
    asked = config(corpus, poses="estimated", estimator="blazepose", **both)
    with pytest.raises(NoEstimator, match=r"no pose model.*configs/assets\.py.*poses=annotated"):
        train.train(asked, tmp_path / "run")
    shutil.rmtree(corpus / "pose_data")
    shutil.rmtree(corpus / "mocap")
    with pytest.raises(InputError, match=r"corpus: no clip of it has poses; "):
        train.train(config(corpus, **both), tmp_path / "other")


def test_folds_that_lack_a_class_are_put_together() -> None:
    def outcome(styles: tuple[str, ...], style: list[int], probability: list[list[float]]):
        names = tuple(f"{styles[0]}{k}" for k in range(len(style)))
        given = (names, names, styles, np.array(style), np.array(probability))
        return evaluate.Outcome(*given, {}, {}, {})

    whole = outcome(("a", "b", "c"), [1, 2], [[0.1, 0.7, 0.2], [0.3, 0.3, 0.4]])
    less = outcome(("b", "c"), [1, -1], [[0.4, 0.6], [0.5, 0.5]])
    both = evaluate.together([whole, less])
    assert both.styles == ("a", "b", "c") and both.style.tolist() == [1, 2, 2, -1]
    np.testing.assert_array_equal(both.probability[2:], [[0, 0.4, 0.6], [0, 0.5, 0.5]])
    with pytest.raises(ValueError, match="other classes"):
        evaluate.together([whole, dataclasses.replace(less, styles=())])
