"""The made layouts are what their readers read, say that they are synthetic, and are made once."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.data import load, made_layouts
from dance_jax.data.aist_names import parse_name
from dance_jax.data.video_window import frame_times
from dance_jax.errors import InputError


def test_choreais_text_is_read_by_its_reader(tmp_path) -> None:
    made_layouts.choreai(tmp_path)
    clips = list(load.load_clips(tmp_path / "X_train.txt", fps=25.0))
    assert [clip.labels["label"] for clip in clips] == list("111222333")
    rest = list(load.load_clips(tmp_path / "X_test.txt", fps=25.0))
    assert len(clips) + len(rest) == 12
    for clip in (*clips, *rest):
        assert clip.n_frames == 100 and np.isfinite(clip.pose).all()
        assert clip.source["interleaved"] < 0.05  # one dancer
        assert np.ptp(clip.pose[:, 0], 0).max() > 20  # who moves


def test_videos_have_names_of_aist_and_every_genre_several_dancers(tmp_path) -> None:
    made_layouts.aist(tmp_path, seconds=0.4, side=32)
    names = [parse_name(path) for path in sorted(tmp_path.glob("*.mp4"))]
    assert len(names) == 12
    dancers = {genre: {n.dancers for n in names if n.genre == genre} for genre in ("JB", "MH")}
    assert all(len(found) == 3 for found in dancers.values())
    assert not dancers["JB"] & dancers["MH"]
    assert len(frame_times(next(tmp_path.glob("*.mp4")))) >= 10


def test_it_is_made_once_and_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    folder = made_layouts.make("gestures", tmp_path)
    assert made_layouts.is_made(folder) and made_layouts.LABEL.startswith("SYNTHETIC")
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert made_layouts.make("gestures", tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == files

    def stopped(place) -> None:
        (place / "half").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setitem(made_layouts.MAKERS, "aist", stopped)
    with pytest.raises(KeyboardInterrupt):
        made_layouts.make("aist", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert not made_layouts.is_made(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        made_layouts.make("gestures", tmp_path / "file")
