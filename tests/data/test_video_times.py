"""Times of video frames: true, increasing, variable, given, and refused where there are none."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from dance_jax.data.frames import is_variable_rate
from dance_jax.data.video import open_video
from dance_jax.errors import InputError
from tests.data.media import (
    make_video,
    number_of,
    one_line,
    read,
    steady,
)


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_avi_with_b_frames_is_not_reordered_by_guessed_times(tmp_path, codec):
    options = {"bf": "2", "preset": "fast", "crf": "10"} if codec == "libx264" else {"bf": "2"}
    path = make_video(tmp_path / "b.avi", steady(30), codec=codec, stream_options=options, noise=6)
    source, frames = read(path)
    assert [number_of(f.rgb) for f in frames] == list(range(30))
    np.testing.assert_allclose(np.diff([f.time_s for f in frames]), 1 / 25, atol=1e-9)
    assert source.report.dropped_timestamps == 0


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv", "webm"])
def test_variable_rate_keeps_true_times(tmp_path, kind, seed):
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.01, 0.12, 30))
    source, frames = read(make_video(tmp_path / f"vfr.{kind}", times))
    tick = 1e-3 if kind in ("mkv", "webm") else 2e-5
    np.testing.assert_allclose([f.time_s for f in frames], times - times[0], atol=1.1 * tick)
    assert [number_of(f.rgb) for f in frames] == list(range(30))
    assert source.report.variable_frame_rate is True
    assert source.info.start_s == pytest.approx(times[0], abs=2e-3)
    assert any("varies" in note for note in source.report.notes())


def test_a_given_rate_sets_the_times_aside(tmp_path):
    source, frames = read(make_video(tmp_path / "vfr.mp4", [0, 0.1, 0.5]), fps=10)
    np.testing.assert_allclose([f.time_s for f in frames], [0, 0.1, 0.2])
    assert source.info.timestamps == "given fps" and source.info.fps == 10


def test_duplicate_times_are_dropped_and_counted(tmp_path):
    path = make_video(tmp_path / "clip.mp4", steady(12), stream_options={"bf": "0"})
    data = bytearray(path.read_bytes())
    at = data.find(b"stts")
    entries, count, delta = struct.unpack_from(">III", data, at + 8)
    assert (entries, count) == (1, 12)
    # 12 equal steps become 4 steps of 0 ticks at the end, in place: a second entry needs room,
    # so the composition offsets are not touched and the table is rebuilt in a copy.
    box = struct.unpack_from(">I", data, at - 4)[0]
    new = struct.pack(">I4sIIIIII", box + 8, b"stts", 0, 2, 8, delta, 4, 0)
    grown = bytes(data[: at - 4]) + new + bytes(data[at - 4 + box :])
    path.write_bytes(grow_parents(grown, at - 4, 8))
    source, frames = read(path)
    assert len(frames) + source.report.dropped_timestamps == 12
    assert source.report.dropped_timestamps >= 1
    assert (np.diff([f.time_s for f in frames]) > 0).all()
    assert any("dropped" in note for note in source.report.notes())


def grow_parents(data: bytes, at: int, by: int) -> bytes:
    """Adds `by` to the size of every box around offset `at` (the sample data lie before moov)."""
    data = bytearray(data)
    start, end = 0, len(data)
    while start < at:
        size = struct.unpack_from(">I", data, start)[0]
        if start + size <= at:
            start += size
            continue
        struct.pack_into(">I", data, start, size + by)
        start += 8
    assert end
    return bytes(data)


@pytest.mark.parametrize("kind", ["avi", "mp4"])
def test_a_header_of_zero_frames_per_second_is_refused_but_a_given_rate_mends_it(tmp_path, kind):
    path = make_video(tmp_path / f"zero.{kind}", steady(10), stream_options={"bf": "0"})
    data = bytearray(path.read_bytes())
    if kind == "avi":
        at = data.find(b"strh")
        assert data[at + 8 : at + 12] == b"vids"
        struct.pack_into("<I", data, at + 8 + 24, 0)
    else:
        at = data.find(b"stts")
        assert struct.unpack_from(">II", data, at + 8)[1] == 10
        struct.pack_into(">I", data, at + 16, 0)
    path.write_bytes(data)
    with pytest.raises(InputError, match="0 frames/s") as error:
        open_video(path)
    assert "--config.fps" in one_line(error)
    _, frames = read(path, fps=25)
    np.testing.assert_allclose([f.time_s for f in frames], steady(len(frames)))
    assert len(frames) >= 9


@pytest.mark.parametrize("fps", [0, -5, float("nan")])
def test_a_given_rate_must_be_positive(tmp_path, fps):
    with pytest.raises(InputError, match="above 0"):
        open_video(make_video(tmp_path / "clip.mp4", steady(3)), fps=fps)


def test_variable_rate_rule():
    assert not is_variable_rate(np.arange(10) / 30)
    assert not is_variable_rate(np.round(np.arange(30) / 30, 3), 1e-3)
    assert is_variable_rate(np.array([0, 1, 2, 4.0]))
    assert not is_variable_rate(np.array([0.0, 1.0]))
