"""A frozen encoder runs once a picture, is kept, and says where its weights are random."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest

from dance_jax.data.paired_clips import clock, nearest_pictures
from dance_jax.errors import ConfigError, InputError
from dance_jax.training import encoded, sources
from dance_jax.training.examples import Example, Examples
from dance_jax.types import Clip
from tests.training import earlier

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> pathlib.Path:
    return earlier.write("aist_genre", tmp_path_factory.mktemp("made") / "data")


def config(folder: pathlib.Path, **more):
    return earlier.small("aist_genre", folder, fps=10.0, **more)


def some(folder: pathlib.Path, count: int = 2) -> Examples:
    paths = sorted(folder.glob("*.mp4"))
    rows = [Example(p.stem, None, p, p.stem[1:3], {"dancer": p.stem}) for p in paths]
    return Examples(tuple(rows[:: len(rows) // count][:count]), str(folder))


@pytest.fixture(scope="module")
def made(videos, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    one = config(videos, cache=str(cache))
    return one, some(videos), encoded.with_encoded(one, some(videos))


def test_each_frame_of_the_clock_has_its_own_features(made) -> None:
    one, before, found = made
    encoder = encoded.Encoder(one)
    for row, plain in zip(found.rows, before.rows, strict=True):
        times = clock(plain.video, 10.0)
        pictures = nearest_pictures(plain.video, times, 16, 16)
        assert row.streams["encoded"].shape == (len(times), encoder.width)
        # In other batches, with other neighbours.
        alone = np.concatenate([encoder(picture[None]) for picture in pictures])
        np.testing.assert_allclose(row.streams["encoded"], alone, atol=1e-4)
        assert np.ptp(row.streams["encoded"], 0).max() > 0  # the dancer moves
    assert "RANDOM weights" in found.notes[0] and "resnet18" in found.notes[0]


def test_what_is_kept_is_not_made_again_and_other_pictures_are(made, videos, monkeypatch) -> None:
    one, before, found = made
    calls = []
    monkeypatch.setattr(
        encoded.Encoder, "__call__", lambda self, pictures: calls.append(1) or pictures[:, 0, 0]
    )
    again = encoded.with_encoded(one, before)
    assert not calls
    for a, b in zip(again.rows, found.rows, strict=True):
        np.testing.assert_array_equal(a.streams["encoded"], b.streams["encoded"])
    for change in ({"frame_height": 20}, {"fps": 5.0}, {"encoder_width": 8}):
        calls.clear()
        other = config(videos, cache=one.cache)
        other.update(change)
        encoded.with_encoded(other, before)
        assert len(calls) == len(before), change


def test_a_clip_without_a_video_has_none(made, videos) -> None:
    one, before, _ = made
    pose = np.zeros((7, 1, 26, 2), np.float32)
    bare = Clip(pose, np.ones((7, 1, 26)), np.arange(7) / 10.0, unit="height")
    both = dataclasses.replace(before, rows=(*before.rows, Example("z", bare, None, "JB")))
    found = encoded.with_encoded(one, both).rows[-1].streams["encoded"]
    assert found.shape == (7, encoded.Encoder(one).width) and np.isnan(found).all()
    with pytest.raises(ConfigError, match="no clip has a video"):
        encoded.with_encoded(one, dataclasses.replace(before, rows=both.rows[-1:]))


def test_weights_of_a_file_are_used_and_nothing_is_said(made, videos, tmp_path) -> None:
    from flax import traverse_util
    from safetensors.numpy import save_file

    from dance_jax.models import weights_torchvision

    one, before, found = made
    flat = traverse_util.flatten_dict(dict(encoded.Encoder(one).variables))
    tensors = {}
    for name, key in weights_torchvision.keys("resnet18").keys.items():
        if name.startswith("fc."):
            continue
        value = np.asarray(flat[key.path])
        back = value if key.axes is None else value.transpose(np.argsort(key.axes))
        tensors[name] = np.ascontiguousarray(back * np.float32(1.25))
    save_file(tensors, tmp_path / "weights.safetensors")
    other = config(videos, encoder_weights=str(tmp_path / "weights.safetensors"))
    held = encoded.with_encoded(other, dataclasses.replace(before, rows=before.rows[:1]))
    assert not held.notes
    gap = np.abs(held.rows[0].streams["encoded"] - found.rows[0].streams["encoded"])
    assert gap.max() > 1e-3
    other.encoder_weights = str(tmp_path / "none.safetensors")
    with pytest.raises(InputError):
        encoded.with_encoded(other, before)


def test_dance_net_is_given_what_was_encoded(videos, made) -> None:
    one = made[0]
    own = config(videos, cache=one.cache)
    own.unlock()
    own.update(
        {"network": "dance_net", "features": 4, "hidden": 4, "layers": 1, "window_s": 0.2}
        | {"min_class_clips": 1, "group_by": ("clip",), "allow_random_split": True}
        | {"val_share": 0.0, "test_share": 0.3}
    )
    styles = ("JB", "MH")
    found = encoded.with_encoded(own, some(videos, 2))
    batch = next(sources.loader_of(own, found, styles, train=False))
    assert batch.frames is None and batch.labels["encoded"].shape[:2] == (4, 2)
    kept = found.rows[0].streams["encoded"]
    np.testing.assert_array_equal(batch.labels["encoded"][0], kept[:2])
