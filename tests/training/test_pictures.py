"""Training on pictures beside poses: from files to a model folder that predicts the same."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import cv2
import jax
import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax.errors import ConfigError, InputError
from dance_jax.models import weights
from dance_jax.training import augmentation, evaluate, fold_run, model, sources
from dance_jax.training.examples import Example, Examples
from dance_jax.training.folds import Fold
from dance_jax.training.network import targets_of, task_of
from dance_jax.training.prepared import prepared
from dance_jax.types import Clip

FRAMES, SIDE = 6, 16
SMALL = {
    "fps": 10.0,
    "window_s": 0.4,
    "stride_s": 0.2,
    "group_by": ("dancer",),
    "streams": ("frames", "pose"),
    "frame_height": SIDE,
    "frame_width": SIDE,
    "encoder": "resnet10",
    "encoder_width": 4,
    "pose_features": ("position",),
    "pose_width": 4,
    "pose_depth": 1,
    "features": 4,
    "hidden": 4,
    "weight_aesthetic": 1.0,
    "weight_map": 0.5,
    "batch_size": 4,
    "total_steps": 2.0,
    "total_epochs": None,
    "seeds": (0,),
    "tensorboard": False,
    "devices": 1,
    "mirror_test": True,
    "stream_drop": 0.5,
    "augment_mirror": 0.5,
    "augment_rotate_deg": 5.0,
}


def config(**more: object):
    made = configs.training()
    made.update({"data": "none"} | SMALL | more)
    return configs.validate(made.lock(), ready=True)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Four clips of two dancers: pictures in a folder each, poses in their pixels."""
    root, rng, rows = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0), []
    for k in range(4):
        folder = root / f"clip_{k}"
        folder.mkdir()
        for t in range(FRAMES):
            cv2.imwrite(str(folder / f"{t:02d}.png"), rng.integers(0, 255, (24, 32, 3), np.uint8))
        pose = rng.uniform(4, 20, (FRAMES, 1, 26, 2)).astype(np.float32)
        there = np.ones(pose.shape[:3])
        clip = Clip(pose, there, np.arange(FRAMES) / 10, image_size=(32, 24))
        scores = {"aesthetic_score": 3.0 + k}
        ratings = {"aesthetic_score": np.array([2.0 + k, 4.0 + k])}
        rows.append(
            Example(
                f"clip_{k}",
                prepared(clip, fps=10),
                folder,
                "ab"[k % 2],
                {"dancer": str(k // 2)},
                scores,
                ratings,
            )
        )
    return Examples(tuple(rows), str(root))


@pytest.fixture(scope="module")
def trained(examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fold")
    names = [row.name for row in examples.rows]
    fold = Fold("one", tuple(names[:2]), (), tuple(names[2:]))
    out = fold_run.run_fold(config(), examples, fold, 0, folder, keep=True)
    return out, model.load(folder), examples.named(fold.test)


def test_the_model_folder_predicts_what_the_fold_did(trained) -> None:
    out, kept, test = trained
    assert kept.task.picture == SIDE and kept.scores == ("aesthetic",)
    assert kept.styles == ("a", "b") and kept.facts["data"]["clips"] == 2
    again = fold_run.predicted_of(kept.config, kept.task, kept.variables, test)
    same = evaluate.outcome(again, test, kept.styles, scores=kept.scores, by="dancer")
    np.testing.assert_allclose(same.score["aesthetic"], out.score["aesthetic"], rtol=1e-5)
    np.testing.assert_allclose(same.probability, out.probability, rtol=1e-4, atol=1e-6)


def test_the_model_folder_has_the_mean_map_of_its_training_windows(
    trained, examples, tmp_path
) -> None:
    kept = trained[1]
    kernel = np.asarray(kept.variables["params"]["map_score"]["logit"]["kernel"], np.float64)
    found, maps = jax.jit(lambda batch: kept.apply(batch)[1]["maps"]), []
    for batch in kept.batches(examples.named(["clip_0", "clip_1"])):
        made = np.asarray(found(batch), np.float64)
        maps.append(made[np.asarray(batch.frame_mask)] @ kernel[:, 0])
    wanted = np.concatenate(maps).mean(0)
    assert kept.mean_map.shape == wanted.shape
    np.testing.assert_allclose(kept.mean_map, wanted, rtol=1e-4, atol=1e-6)
    # A folder of before there were mean maps.
    tensors, _ = weights.read(kept.path / model.WEIGHTS)
    old = {k: v for k, v in tensors.items() if not k.startswith("mean_map/")}
    assert len(old) == len(tensors) - 1
    facts = json.loads((kept.path / model.FACTS).read_text("utf-8"))
    model._write(tmp_path / "model", facts, old)
    again = model.load(tmp_path)
    assert again.mean_map is None and again.familiar is not None
    jax.tree.map(np.testing.assert_array_equal, again.variables, kept.variables)


def test_a_stream_that_a_clip_lacks_does_not_matter(trained) -> None:
    _, kept, test = trained
    blind = [dataclasses.replace(row, video=None) for row in test.rows[:1]]
    mixed = dataclasses.replace(test, rows=(*blind, test.rows[1]))
    batch = next(sources.loader_of(kept.config, mixed, kept.styles, train=False))
    rows = np.flatnonzero(np.asarray(batch.labels["has_frames"]) == 0)
    assert len(rows)
    spoilt = np.array(batch.frames)
    spoilt[rows] = 200
    first, second = (kept.apply(b)[0] for b in (batch, batch.replace(frames=spoilt)))
    np.testing.assert_array_equal(first["aesthetic"], second["aesthetic"])


def test_damaged_and_missing_models_are_named(trained, tmp_path: pathlib.Path) -> None:
    kept = trained[1]
    with pytest.raises(InputError, match="holds no model"):
        model.load(tmp_path)
    broken = tmp_path / "model"
    broken.mkdir()
    (broken / model.FACTS).write_bytes((kept.path / model.FACTS).read_bytes())
    data = bytearray((kept.path / model.WEIGHTS).read_bytes())
    data[-1] ^= 1
    (broken / model.WEIGHTS).write_bytes(data)
    with pytest.raises(InputError, match="not those that its model"):
        model.load(tmp_path)
    (broken / model.FACTS).write_text('{"schema": "other"}')
    with pytest.raises(InputError, match="its schema is 'other'"):
        model.load(tmp_path)


def test_one_stream_is_dropped_never_both(examples) -> None:
    made = config()
    batch = next(sources.loader_of(made, examples, ("a", "b"), train=False, pixels=True))
    hit = np.zeros(2)
    for k in range(20):
        found = augmentation.drop_stream(jax.random.key(k), batch, 0.5)
        frames, pose = (np.asarray(found.labels[n]) for n in ("has_frames", "has_pose"))
        assert (frames + pose)[np.asarray(batch.mask)].min() >= 1
        hit += (frames[np.asarray(batch.mask)] == 0).sum(), (pose[batch.mask] == 0).sum()
    share = hit / (20 * batch.mask.sum())
    assert (abs(share - 0.25) < 0.15).all()


def test_raters_of_the_training_part_alone_are_modelled(examples) -> None:
    made = config(score_loss="rated", weight_style=0.0)
    first = targets_of(made, examples.named(["clip_0", "clip_1"]))[0]
    options = dict(first.options)
    assert first.label == "aesthetic_score_ratings" and first.loss == "rated"
    np.testing.assert_allclose(options["severity"], [-1, 1], atol=1e-6)
    bare = [
        dataclasses.replace(r, ratings={k: v[:1] for k, v in r.ratings.items()})
        for r in examples.rows
    ]
    with pytest.raises(ConfigError, match="two ratings"):
        targets_of(made, dataclasses.replace(examples, rows=tuple(bare)))


def test_poses_in_metres_leave_the_pictures_in_place(examples) -> None:
    rows = tuple(
        dataclasses.replace(row, clip=row.clip.replace(image_size=None)) for row in examples.rows
    )
    metres = dataclasses.replace(examples, rows=rows)
    assert sources.in_pictures(config(), examples) and not sources.in_pictures(config(), metres)
    still = {f"augment_{name}": 0.0 for name in augmentation.POSE} | {"augment_crop": 0.5}
    task = task_of(config(**still | {"augment_mirror": 1.0}), metres)
    assert task.picture == 0 and task.augment is not None  # it drops streams
    batch = next(sources.loader_of(config(), metres, task.styles, train=False))
    changed = task.augment(jax.random.key(0), batch)
    np.testing.assert_array_equal(changed.frames, batch.frames)
    np.testing.assert_array_equal(changed.pose, batch.pose)


def test_without_pictures_no_map_is_trained(examples) -> None:
    for streams, wanted in ((("frames", "pose"), True), (("pose",), False)):
        found = targets_of(config(streams=streams), examples)
        assert any(target.prediction == "aesthetic_map" for target in found) == wanted


def test_what_does_not_go_together_is_said(examples) -> None:
    with pytest.raises(ConfigError, match="InceptionV3"):
        task_of(config(encoder="inception_v3"), examples)
    silent = [dataclasses.replace(row, video=None) for row in examples.rows]
    with pytest.raises(ConfigError, match="no clip has a video"):
        sources.source_of(config(), dataclasses.replace(examples, rows=tuple(silent)))
