"""choreAI's text as examples: labels, parts, what two people in turns are told, its checkpoint."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax import skeleton
from dance_jax.data.made_layouts import STYLES
from dance_jax.errors import ConfigError, InputError
from dance_jax.models import choreai
from dance_jax.training import network_choreai, networks, train
from dance_jax.training.folds import folds_of
from dance_jax.training.sources import loader_of
from dance_jax.types import Clip
from tests.models import tf_bundle
from tests.models.test_choreai import tf1_variables
from tests.seeds import fresh
from tests.training import earlier

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> pathlib.Path:
    return earlier.write("choreai", tmp_path_factory.mktemp("made") / "data")


def test_the_rows_are_those_of_the_file(text) -> None:
    config = earlier.small("choreai", text)
    examples = networks.read(config)
    table = np.loadtxt(text / "X_train.txt", delimiter=",", dtype=np.float32)
    assert table.shape == (900, 51) and len(STYLES) == 3
    for number in range(9):
        row = examples.rows[3 + number]  # "test_..." comes first
        assert row.name == f"train_{number + 1:04d}"
        np.testing.assert_allclose(
            row.streams["encoded"], table[number * 100 : (number + 1) * 100], rtol=1e-6
        )
        assert row.style == choreai.LABELS[number // 3]
    assert examples.synthetic and "of one video" in examples.notes[-1]
    batch = next(loader_of(config, examples, examples.styles, train=False))
    np.testing.assert_array_equal(batch.labels["encoded"][0], examples.rows[0].streams["encoded"])
    assert batch.frame_mask.shape == (4, 100) and batch.frame_mask.all()


def test_its_parts_are_kept_and_neighbours_are_held_back_together(text) -> None:
    for share, val in ((0.0, ()), (0.34, ("train_0003", "train_0006", "train_0009"))):
        config = earlier.small("choreai", text, val_share=share)
        (fold,) = folds_of(config, networks.read(config))
        assert fold.val == val and fold.test == ("test_0001", "test_0002", "test_0003")
        assert len(fold.train) == 9 - len(val) and fold.stamp


def test_dance_net_reads_it_in_body_heights(text) -> None:
    config = configs.load("configs/choreai.py:pose")
    config.data = str(text)
    examples = train.examples_of(config)
    assert len(examples) == 12 and not examples.rows[0].streams
    for row in examples.rows:
        assert row.clip.unit == "height" and row.clip.skeleton == "halpe26"
    assert len(folds_of(config, examples)[0].test) == 3


def test_two_people_in_turns_are_told(text, tmp_path) -> None:
    table = np.loadtxt(text / "X_train.txt", delimiter=",")
    table[1::2, 0::3] += 400.0
    folder = tmp_path / "data"
    folder.mkdir()
    np.savetxt(folder / "X_train.txt", table, delimiter=",")
    (folder / "Y_train.txt").write_text((text / "Y_train.txt").read_text())
    found = networks.read(earlier.small("choreai", folder))
    assert "in 9 of 9 clips two people seem to take turns" in found.notes
    (folder / "Y_train.txt").write_text("7\n" * 9)
    assert networks.read(earlier.small("choreai", folder)).styles == ("style 7",)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_its_checkpoint_is_started_from_and_tested_as_it_is(seed, text, tmp_path) -> None:
    variables = tf1_variables(seed, 4)
    tf_bundle.write(tmp_path / "model.ckpt-1", variables)
    options = {"start_from": str(tmp_path / "model.ckpt-1"), "total_steps": 0.0}
    config = earlier.small("choreai", text, save_model=True, **options)
    found = train.train(config, tmp_path / "run")
    examples = networks.read(config)
    test = [row for row in examples.rows if row.name.startswith("test")]
    rows = np.stack([row.streams["encoded"] for row in test])
    params = jax.tree.map(jnp.asarray, choreai.from_tf1(variables))
    logits = choreai.ChoreAI(4).apply({"params": params}, rows)[0]["style"]
    said = [choreai.LABELS[k] for k in logits.argmax(1)]
    right = np.mean([a == row.style for a, row in zip(said, test, strict=True)])
    assert found["mean"]["accuracy"] == pytest.approx(right)
    config = earlier.small("choreai", text, hidden=5, start_from=options["start_from"])
    with pytest.raises(ConfigError, match="4 wide"):
        train.train(config, tmp_path / "other")


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_other_poses_in_pixels_become_its_rows(seed) -> None:
    rng = np.random.default_rng(seed)
    pose = rng.uniform(0, 400, (12, 2, 26, 2)).astype(np.float32)
    pose[:, 1] *= 0.1  # somebody small in the background
    pose[:, 0, 5] = np.nan
    sure = rng.uniform(0.5, 1, (12, 2, 26)).astype(np.float32)
    clip = Clip(pose, sure, np.arange(12) / 25.0, unit="px")
    rows = network_choreai.rows_of(clip, 25.0)
    own, seen = skeleton.convert(pose[:, 0], sure[:, 0], "halpe26", "coco17")
    there = np.isfinite(own).all(-1)[..., None]
    wanted = np.where(there, np.concatenate([own, seen[..., None]], -1), 0)
    np.testing.assert_allclose(rows.reshape(12, 17, 3), wanted, rtol=1e-5)
    assert not rows.reshape(12, 17, 3)[:, 5].any()
    with pytest.raises(InputError, match="are in m"):
        network_choreai.rows_of(clip.replace(unit="m"), 25.0)


def test_what_is_no_input_of_it_is_said(text, tmp_path) -> None:
    (tmp_path / "videos").mkdir()
    with pytest.raises(InputError, match="no corpus of videos"):
        networks.read(earlier.small("choreai", tmp_path))
    file = next(text.glob("X_test.txt"))
    with pytest.raises(ConfigError, match="label"):
        networks.read(earlier.small("choreai", file))
    with pytest.raises(InputError, match="no labels"):
        network_choreai.label_name("", file)
