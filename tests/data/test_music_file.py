"""Music from files: wav, flac and a video's track give the same sound; bad files one clear line."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from dance_jax.data.limits import Limits
from dance_jax.data.music_file import read_music
from dance_jax.errors import InputError
from tests.data.media import make_video, steady

RATE = 8000


def tone(seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE)).astype("f4")


def write_wav(path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def test_a_wav_is_read_whole(tmp_path):
    pytest.importorskip("soundfile", reason="the extra music is not installed")
    write_wav(tmp_path / "a.wav", tone())
    audio = read_music(tmp_path / "a.wav")
    assert audio.rate == RATE and audio.start_s == 0 and audio.samples.shape == (RATE, 1)
    np.testing.assert_allclose(audio.samples[:, 0], tone(), atol=1e-4)
    with pytest.raises(InputError, match="max_duration_s"):
        read_music(tmp_path / "a.wav", Limits(max_duration_s=0.5))
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:30])
    with pytest.raises(InputError, match=r"cut\.wav"):
        read_music(tmp_path / "cut.wav")


def test_the_track_of_a_video_is_read(tmp_path):
    audio = read_music(make_video(tmp_path / "a.mp4", steady(50), audio_s=2.0))
    assert audio.duration_s == pytest.approx(2.0, abs=0.15) and audio.start_s == 0
    with pytest.raises(InputError, match="no sound"):
        read_music(make_video(tmp_path / "b.mp4", steady(20)))


@pytest.mark.parametrize("content", [b"", b"not music at all, plain text instead"])
def test_what_is_no_music_is_refused(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.txt"):
        read_music(tmp_path / "a.txt")
    with pytest.raises(InputError, match="no such file"):
        read_music(tmp_path / "missing.mp3")


def test_a_text_file_is_told_to_be_no_sound(tmp_path):
    (tmp_path / "notes.txt").write_text("steps, long enough to be looked at")
    with pytest.raises(InputError) as caught:
        read_music(tmp_path / "notes.txt")
    assert "this is no sound" in caught.value.what and "not a video" not in caught.value.what
    assert caught.value.fix == "pass an audio file, auto or none"
    (tmp_path / "empty.wav").touch()
    with pytest.raises(InputError, match="empty"):
        read_music(tmp_path / "empty.wav")
