"""Configs of earlier systems: every hyper-parameter of theirs, and a run from end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dance_jax import config as configs
from dance_jax import optim
from dance_jax.data import made_layouts
from dance_jax.errors import ConfigError, InputError
from dance_jax.models import weights
from dance_jax.training import model, network_aist_genre, networks, subset, train
from dance_jax.training.folds import folds_of
from dance_jax.training.sources import source_of
from tests.training import earlier

pytestmark = pytest.mark.usefixtures("quick_compilation")
KINDS = ("choreai", "aist_genre", "leap_gesture")

NONE = dict.fromkeys(("clip_norm", "label_smoothing", "augment_mirror", "augment_noise"), 0.0)
PLAIN = {**NONE, "augment_crop": 1.0, "class_balance": False, "mirror_test": False}
PLAIN |= {"warmup_percent": None, "warmup_steps": None, "dtype": "float32"}
THEIRS = {
    "choreai": {
        **{"hidden": 20, "layers": 2, "window_s": 4.0, "fps": 25.0, "batch_size": 512},
        **{"optimizer": "adam", "learning_rate": 5e-4, "eps": 1e-8, "schedule": "step"},
        **{"decay_rate": 0.96, "decay_examples": 1e5, "weight_decay": 0.0015, "decay_all": True},
        **{"total_epochs": 200.0, "eval_steps": 8.0, "split": "given", "val_share": 0.0},
    },
    "choreai.py:60": {"hidden": 60, "network": "choreai", "batch_size": 512},
    "choreai.py:pose": {"network": "dance_net", "data": "made:choreai", "split": "given"},
    "aist_genre": {
        **{"encoder": "inception_v3", "frame_height": 224, "frame_width": 224, "dropout": 0.4},
        **{"clip_frames": 20, "batch_size": 64, "total_epochs": 20.0, "optimizer": "adam"},
        **{"learning_rate": 1e-3, "eps": 1e-7, "schedule": "constant", "weight_decay": 0.0},
        **{"test_share": 0.2, "split_seed": 42, "metric": "loss", "eval_epochs": 1.0},
        **{"encoder_cached": True, "encoder_weights": "", "group_by": ("dancer",)},
    },
    "leap_gesture": {
        **{"frame_height": 120, "frame_width": 320, "batch_size": 64, "total_epochs": 10.0},
        **{"optimizer": "rmsprop", "learning_rate": 1e-3, "eps": 1e-7, "weight_decay": 0.0},
        **{"val_share": 0.1, "test_share": 0.1, "schedule": "constant", "eval_epochs": 1.0},
        **{"group_by": ("subject",)},
    },
}


@pytest.mark.parametrize("name", THEIRS)
def test_every_hyper_parameter_is_theirs(name) -> None:
    path = name if ":" in name else f"{name}.py"
    config = configs.load(f"configs/{path}")
    wanted = THEIRS[name] | (PLAIN if ":" not in name else {})
    assert {key: config[key] for key in wanted} == wanted
    networks.check(config)


def test_validation_is_keras_share_of_what_is_not_tested() -> None:
    config = configs.load("configs/aist_genre.py")
    assert config.val_share == pytest.approx(0.3 * (1 - config.test_share))


def test_choreais_rate_falls_where_its_notebook_prints_it() -> None:
    config = configs.load("configs/choreai.py")
    sizes = {"batch_size": 512, "dataset_size": 849, "total_steps": 332}
    rate = optim.learning_rate(optim.from_config(config, **sizes))
    printed = {12_288: 0.0005, 98_304: 0.0005, 102_400: 0.00048, 167_936: 0.00048}
    for series, value in printed.items():
        assert float(rate(series // 512)) == pytest.approx(value)
    steps = configs.steps("total", config, batch_size=512, dataset_size=849)
    assert steps == 332  # the number in the name of its checkpoint


@pytest.mark.parametrize("name", KINDS)
def test_it_runs_from_its_layout_to_a_model(name, tmp_path) -> None:
    data = earlier.write(name, tmp_path / "data")
    config = earlier.small(name, data, cache=str(tmp_path / "cache"))
    found = train.train(config, tmp_path / "run")
    held = json.loads((tmp_path / "run" / "results.json").read_text())
    assert held == found
    assert found["data"]["synthetic"] and found["data"]["clips"] == 12
    assert any("figures mean nothing" in note for note in found["data"]["notes"])
    assert found["mean"]["accuracy"] is not None and found["clips"] >= 2
    if name == "aist_genre":
        assert "RANDOM weights" in found["data"]["notes"][0]
    loaded = model.load(tmp_path / "run")
    examples = train.examples_of(config)
    batch = next(iter(loaded.batches(examples)))
    predictions, more = loaded.apply(batch)
    assert predictions["style_logits"].shape == (config.batch_size, len(examples.styles))
    assert np.isfinite(predictions["style_logits"]).all() and more["pooled"].ndim == 2
    assert loaded.styles == examples.styles


@pytest.fixture
def not_encoded(monkeypatch) -> None:
    """Leaves the encoder out where names alone are looked at."""
    monkeypatch.setattr(network_aist_genre, "with_encoded", lambda _, found, times: found)


@pytest.mark.usefixtures("not_encoded")
def test_groups_stay_on_one_side_in_both_layouts_of_pictures(tmp_path) -> None:
    for name, key in (("aist_genre", "dancer"), ("leap_gesture", "subject")):
        config = earlier.small(name, earlier.write(name, tmp_path / name))
        examples = networks.other(config).examples(config)
        group = {row.name: row.groups[key] for row in examples.rows}
        (fold,) = folds_of(config, examples)
        parts = [{group[name] for name in part} for part in (fold.train, fold.val, fold.test)]
        assert all(parts) and not parts[0] & parts[1] and not (parts[0] | parts[1]) & parts[2]


def test_what_a_network_lacks_is_refused(tmp_path) -> None:
    data = earlier.write("leap_gesture", tmp_path / "data")
    for key, value in (
        ("augment_mirror", 0.5),
        ("mirror_test", True),
        ("pose_width", 8),
        ("streams", ("pose",)),
        ("stride_s", 1.0),
        ("weight_aesthetic", 1.0),
    ):
        with pytest.raises(ConfigError, match=f"config.{key}"):
            networks.check(earlier.small("leap_gesture", data, **{key: value}))
    pose = configs.load("configs/pose_style.py")
    networks.check(pose)
    pose.start_from = "somewhere"
    with pytest.raises(ConfigError, match="start_from"):
        networks.check(pose)


def test_made_data_is_named_or_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(networks, "cache_dir", lambda: tmp_path)
    config = configs.load("configs/leap_gesture.py")
    folder = networks.data_folder(config)
    assert made_layouts.is_made(folder) and folder == networks.data_folder(config)
    config.data = "made:nothing"
    with pytest.raises(ConfigError, match="made:choreai, made:aist, made:gestures"):
        networks.data_folder(config)


def test_a_clip_gives_frames_of_its_whole_length() -> None:
    times = np.arange(600) / 60
    chosen = network_aist_genre.whole_clip(times, 20)
    assert len(chosen) == 20 and (np.diff(chosen) > 0).all()
    np.testing.assert_allclose(np.diff(chosen), 0.5, atol=1e-9)
    assert chosen[0] == 0.25 and chosen[-1] == 9.75
    np.testing.assert_array_equal(network_aist_genre.whole_clip(times[:7], 20), times[:7])


@pytest.mark.usefixtures("not_encoded")
def test_aist_names_say_genre_and_groups_and_what_is_left_out(tmp_path) -> None:
    folder = earlier.write("aist_genre", tmp_path / "data")
    one = next(folder.glob("*.mp4"))
    (folder / "gBR_sGR_c01_d01_d02_mBR0_ch01.mp4").write_bytes(one.read_bytes())
    (folder / "holiday.mp4").write_bytes(one.read_bytes())
    examples = networks.read(earlier.small("aist_genre", folder))
    assert len(examples) == 12 and examples.styles == ("ballet jazz", "middle hip-hop")
    assert {row.groups["take"] for row in examples.rows} == {
        row.name.replace("c01", "cAll") for row in examples.rows
    }
    assert [note for note in examples.notes if "left out" in note] == [
        "1 videos of several dancers, or without a genre, left out",
        "1 videos left out: their names are not AIST's",
    ]
    for path in folder.glob("g*.mp4"):
        path.unlink()
    with pytest.raises(InputError, match="name of AIST"):
        networks.read(earlier.small("aist_genre", folder))


def test_gestures_reach_the_network_in_grey(tmp_path) -> None:
    folder = earlier.write("leap_gesture", tmp_path / "data")
    config = earlier.small("leap_gesture", folder)
    examples = networks.read(config)
    row = source_of(config, examples).read(0, 0, slice(0, 1))
    assert row["frames"].shape == (1, 62, 64, 3) and row["frames"].dtype == np.uint8
    with Image.open(examples.rows[0].video) as image:
        np.testing.assert_array_equal(row["frames"][0, ..., 0], np.array(image))
    assert examples.rows[0].style == "palm" and examples.rows[0].groups == {"subject": "00"}


def test_classes_are_drawn_by_their_seed(tmp_path) -> None:
    config = earlier.small("choreai", earlier.write("choreai", tmp_path / "data"))
    examples = networks.read(config)
    drawn = {subset.with_classes(examples, 2, seed).styles for seed in range(20)}
    assert len(drawn) == 3 and all(len(styles) == 2 for styles in drawn)
    part = subset.with_classes(examples, 2, 1)
    assert part.styles == subset.with_classes(examples, 2, 1).styles
    assert len(part) == 8 and "2 of 3 classes, drawn by seed 1" in part.notes[0]
    for count in (1, 4):
        with pytest.raises(ConfigError, match="class_count"):
            subset.with_classes(examples, count, 0)
    (fold,) = folds_of(config, part)
    assert len(fold.train) == 6 and len(fold.test) == 2


def test_normalised_pictures_reach_inception_as_it_was_trained() -> None:
    """(x - mean) / std and back to [-1, 1], which is Keras's preprocess_input."""
    from dance_jax.models.inception import _as_trained

    picture = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 3)).astype(np.uint8)
    seen = _as_trained(weights.normalise(picture))
    np.testing.assert_allclose(seen, picture / 127.5 - 1, atol=1e-6)
