from __future__ import annotations

import sys

import numpy as np
import pytest

from dance_jax.data.audio import read_audio
from dance_jax.errors import InputError
from dance_jax.rhythm import music_beats
from dance_jax.rhythm.aist_music import GENRES, aist_tempo
from tests.rhythm.known import steady
from tests.seeds import fresh

RATE = music_beats.RATE


def clicks(
    seed: int, bpm: float, seconds: float, rate: int = RATE
) -> tuple[np.ndarray, np.ndarray]:
    """A click track with soft noise: times, samples. Click, snare or kick."""
    rng = np.random.default_rng(seed)
    beats = steady(bpm, rng.uniform(0.1, 0.6), seconds - 0.1)
    t = np.arange(int(0.06 * rate)) / rate
    sound = {
        0: np.sin(2 * np.pi * 1000 * t),
        1: rng.normal(size=len(t)),
        2: np.sin(2 * np.pi * 70 * t),
    }[int(rng.integers(3))] * np.exp(-t / 0.015)
    samples = 0.01 * rng.normal(size=int(seconds * rate))
    for beat in beats:
        at = int(np.ceil(beat * rate))
        part = sound[: len(samples) - at]
        samples[at : at + len(part)] += part
    return beats, (0.3 * samples).astype(np.float32)


def random_clicks(rng: np.random.Generator) -> np.ndarray:
    """Clicks at random times, 3 a second."""
    samples = 0.01 * rng.normal(size=40 * RATE)
    for at in rng.integers(0, 39 * RATE, 120):
        samples[at : at + 1000] += np.exp(-np.arange(1000) / 300) * rng.normal(size=1000)
    return (0.2 * samples).astype(np.float32)


def test_clicks_of_known_times() -> None:
    """12 tracks of 12 s, 80-150 bpm: every beat between the first and the last, within 10 ms."""
    pytest.importorskip("librosa")
    errors, missed, known = [], 0, 0
    for seed in fresh(__name__ + "clicks", 12):
        bpm = np.random.default_rng(seed).uniform(80, 150)
        true, samples = clicks(seed, bpm, 12.0)
        found = music_beats.music_beats(samples, RATE)
        offset = found.time_s[:, None] - true[None]
        near = offset[np.abs(offset).argmin(0), np.arange(len(true))]
        hit = np.abs(near) < 0.07
        errors += list(1000 * near[hit])
        missed += int((~hit[1:-1]).sum())
        known += len(true) - 2
        assert abs(found.tempo_bpm / bpm - 1) < 0.02
        assert not found.doubtful and len(found.time_s) <= len(true) + 1
        assert np.all(np.diff(found.time_s) > 0)
    errors = np.abs(errors), np.mean(errors)
    assert np.percentile(errors[0], 95) < 10 and abs(errors[1]) < 2.5
    assert missed <= 0.02 * known


def test_the_clock_of_the_frames_and_other_rates() -> None:
    pytest.importorskip("librosa")
    (seed,) = fresh(__name__ + "clock", 1)
    here = music_beats.music_beats(clicks(seed, 110, 10.0)[1], RATE)
    later = music_beats.music_beats(clicks(seed, 110, 10.0)[1], RATE, start_s=-0.25)
    assert np.allclose(later.time_s, here.time_s - 0.25) and later.start_s == -0.25
    assert later.end_s == pytest.approx(9.75)
    true, samples = clicks(seed, 110, 10.0, rate=44100)
    stereo = np.stack([samples, samples], axis=1)
    other = music_beats.music_beats(stereo, 44100)
    near = np.abs(other.time_s[:, None] - true[None]).min(0)
    assert np.percentile(near[1:], 90) < 0.012
    assert other.octaves[1][0] == other.tempo_bpm and other.octaves[0][0] == other.tempo_bpm / 2


def test_what_has_no_beats_is_refused() -> None:
    pytest.importorskip("librosa")
    (seed,) = fresh(__name__ + "none", 1)
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=20 * RATE).astype(np.float32)
    tone = np.sin(2 * np.pi * 440 * np.arange(10 * RATE) / RATE).astype(np.float32)
    for samples, reason in (
        (np.zeros(10 * RATE, np.float32), "silent"),
        (1e-6 * noise, "silent"),
        (0.1 * noise[: 2 * RATE], "too short"),
        (0.1 * noise, "no clear onsets"),
        (random_clicks(rng), "no steady pulse"),
        (tone, "no clear onsets"),
    ):
        with pytest.raises(music_beats.NoMusicBeats, match=reason):
            music_beats.music_beats(samples, RATE, where="song.wav")
    with pytest.raises(InputError, match="not finite"):
        music_beats.music_beats(noise * np.nan, RATE)
    with pytest.raises(InputError, match="shape"):
        music_beats.music_beats(noise[None, None], RATE)


def test_without_librosa_it_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    noise = np.random.default_rng(0).normal(size=10 * RATE).astype(np.float32)
    with pytest.raises(InputError, match=r"pip install 'dance_jax\[music\]'"):
        music_beats.music_beats(noise, RATE)


@pytest.mark.parametrize(
    "name, plain",
    [("kathak_twice.mp4", True), ("kathak_wrong_dance.mp4", True), ("choreai_afro8.mp4", False)],
)
def test_music_of_real_videos(shared_data, name, plain) -> None:
    pytest.importorskip("librosa")
    audio = read_audio(shared_data / "videos" / name, rate=RATE, mono=True)
    found = music_beats.music_beats(audio.samples, audio.rate, audio.start_s, where=name)
    assert found.doubtful is not plain
    gaps = np.diff(found.time_s)
    assert len(found.time_s) > audio.duration_s and gaps.std() / gaps.mean() < 0.1
    assert found.time_s[0] >= audio.start_s and found.time_s[-1] <= found.end_s


def test_tempo_of_aist_names() -> None:
    assert aist_tempo("mBR2") == 100 and aist_tempo("mHO3") == 125 and aist_tempo("mJS0") == 80
    assert aist_tempo("gJS_sFM_cAll_d02_mJS4_ch09") == 120
    assert aist_tempo("gHO_sFM_c01_d19_mHO5_ch01.mp4") == 135
    assert all(aist_tempo(f"m{genre}0") in (80, 110) for genre in GENRES)
    for bad in ("mXX1", "mBR9", "dance.mp4", "", "mBR22"):
        with pytest.raises(InputError, match="no song of AIST"):
            aist_tempo(bad)
