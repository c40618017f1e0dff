"""Audio on the clock of the video."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.data.audio import read_audio
from dance_jax.data.limits import Limits
from dance_jax.errors import InputError
from tests.data.media import make_video, steady


def tone_start_s(audio, level=0.2):
    """Time of the first sample louder than `level`, on the video's clock."""
    loud = np.flatnonzero(np.abs(audio.samples[:, 0]) > level)
    return audio.start_s + loud[0] / audio.rate


def main_frequency(audio):
    samples = audio.samples[:, 0] * np.hanning(len(audio.samples))
    spectrum = np.abs(np.fft.rfft(samples))
    return np.fft.rfftfreq(len(samples), 1 / audio.rate)[spectrum.argmax()]


@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv"])
def test_the_track_is_read_as_float(tmp_path, kind):
    audio = read_audio(make_video(tmp_path / f"a.{kind}", steady(50), audio_s=2.0))
    assert audio.samples.dtype == np.float32 and audio.samples.ndim == 2
    assert audio.samples.shape[1] == 1 and audio.rate == 16000
    assert audio.duration_s == pytest.approx(2.0, abs=0.15)
    assert main_frequency(audio) == pytest.approx(440, abs=2)
    assert 0.4 < np.abs(audio.samples).max() < 0.65
    assert abs(audio.mismatch_s) < 0.15
    assert audio.filled_s == 0


def test_resampling_and_mono(tmp_path):
    path = make_video(tmp_path / "a.mp4", steady(50), audio_s=2.0)
    audio = read_audio(path, rate=22050, mono=True)
    assert audio.rate == 22050 and audio.samples.shape[1] == 1
    assert audio.duration_s == pytest.approx(read_audio(path).duration_s, abs=0.01)
    assert main_frequency(audio) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(("video_at", "audio_at"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.7)])
def test_audio_is_aligned_to_the_first_frame(tmp_path, video_at, audio_at):
    times = [video_at + t for t in steady(50)]
    for kind in ("mp4", "mkv"):
        path = make_video(tmp_path / f"a.{kind}", times, audio_s=1.5, audio_start_s=audio_at)
        audio = read_audio(path)
        assert tone_start_s(audio) == pytest.approx(audio_at - video_at, abs=0.07), kind


def test_a_length_mismatch_is_visible(tmp_path):
    audio = read_audio(make_video(tmp_path / "a.mp4", steady(25), audio_s=3.0))
    assert audio.video_duration_s == pytest.approx(1.0, abs=0.05)
    assert audio.mismatch_s == pytest.approx(2.0, abs=0.15)


def test_no_track_is_none(tmp_path):
    assert read_audio(make_video(tmp_path / "a.mp4", steady(5))) is None
    assert read_audio(tmp_path) is None


def test_errors(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_audio(tmp_path / "gone.mp4")
    path = make_video(tmp_path / "a.mp4", steady(10), audio_s=5.0)
    with pytest.raises(InputError, match="max_duration_s"):
        read_audio(path, limits=Limits(max_duration_s=1))


def test_real_tracks(shared_data):
    audio = read_audio(shared_data / "videos" / "choreai_screen_chatgpt.mp4")
    assert audio.rate == 48000 and audio.samples.shape[1] in (1, 2)
    assert audio.start_s == pytest.approx(-2050 / 30000, abs=0.03)  # its video starts late
    assert read_audio(shared_data / "videos" / "kathak_benchmark_dance.mp4") is None
