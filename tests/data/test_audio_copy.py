"""Sound copied beside a new picture keeps its place in time."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.data.audio import read_audio
from dance_jax.data.video_writer import VideoWriter
from tests.data.media import make_video, picture, steady
from tests.data.test_audio import main_frequency, tone_start_s


def _write(path, source, start_s, frames=25):
    with VideoWriter(path, 128, 96, fps=25, audio=(source, start_s)) as writer:
        for n in range(frames):
            writer.write(picture(n % 60), n / 25)
    return writer


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_the_sound_is_copied_and_stays_aligned(tmp_path, kind):
    source = make_video(tmp_path / f"a.{kind}", steady(75), audio_s=1.5, audio_start_s=0.8)
    assert _write(tmp_path / "whole.mp4", source, 0.0, 75).has_audio
    audio = read_audio(tmp_path / "whole.mp4")
    assert main_frequency(audio) == pytest.approx(440, abs=2)
    assert tone_start_s(audio) == pytest.approx(0.8, abs=0.08)
    # Cut half a second later, the sound comes half a second earlier.
    _write(tmp_path / "cut.mp4", source, 0.5, 50)
    assert tone_start_s(read_audio(tmp_path / "cut.mp4")) == pytest.approx(0.3, abs=0.08)


def test_the_sound_ends_with_the_picture(tmp_path):
    source = make_video(tmp_path / "a.mp4", steady(75), audio_s=3.0)
    _write(tmp_path / "short.mp4", source, 0.0, 25)
    assert read_audio(tmp_path / "short.mp4").duration_s == pytest.approx(1.0, abs=0.1)


def test_no_sound_is_no_error(tmp_path):
    silent = make_video(tmp_path / "a.mp4", steady(25))
    assert not _write(tmp_path / "b.mp4", silent, 0.0).has_audio
    assert read_audio(tmp_path / "b.mp4") is None
    folder = tmp_path / "pictures"
    folder.mkdir()
    assert not _write(tmp_path / "c.mp4", folder, 0.0).has_audio


def test_nothing_is_left_when_the_picture_fails(tmp_path):
    source = make_video(tmp_path / "a.mp4", steady(25), audio_s=1.0)
    writer = VideoWriter(tmp_path / "b.mp4", 128, 96, fps=25, audio=(source, 0.0))
    writer.write(picture(0))
    with pytest.raises(ValueError, match="a frame must be"):
        writer.write(np.zeros((10, 10, 3), np.uint8))
    writer.abort()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]
