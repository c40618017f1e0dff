"""Rhythm of an analysed dancer: against a click track of known tempo, and reasons without one."""

from __future__ import annotations

import dataclasses
import sys
import types
import wave

import numpy as np
import pytest

from dance_jax.analysis import analyze as analyze_module
from dance_jax.analysis import rhythm
from dance_jax.analysis.analyze import analyze, analyze_clip
from dance_jax.analysis.intervals import Draws
from dance_jax.analysis.options import Options
from dance_jax.data.audio import Audio
from dance_jax.errors import InputError
from dance_jax.rhythm.music_beats import MusicBeats
from dance_jax.types import Clip
from tests.analysis import moving
from tests.rhythm.known import stopping
from tests.seeds import fresh

BPM, RATE, SECONDS = 100.0, 22050, 12.0
BEATS = np.arange(0.5, SECONDS - 0.2, 60 / BPM)
SEED = fresh(__name__, 1)[0]


def clicks() -> np.ndarray:
    t = np.arange(round(0.05 * RATE)) / RATE
    sound = np.sin(2 * np.pi * 1000 * t) * np.exp(-t / 0.01)
    samples = 0.002 * np.random.default_rng(0).normal(size=round(SECONDS * RATE))
    for beat in BEATS:
        at = round(beat * RATE)
        samples[at : at + len(t)] += 0.5 * sound
    return samples


@pytest.fixture(scope="module")
def click_track(tmp_path_factory):
    file = tmp_path_factory.mktemp("music") / "clicks.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((32767 * np.clip(clicks(), -1, 1)).astype("<i2").tobytes())
    return file


def dancer(late_s: float = 0.0) -> Clip:
    """A synthetic dancer's body, carried about so that it stands still at each beat."""
    time_s = np.arange(round(SECONDS * 30)) / 30
    stop = stopping(np.concatenate([[-0.1], BEATS, [SECONDS]]) + late_s, time_s, SEED)
    pose = np.repeat(np.asarray(moving.dance().pose[:1], np.float32), len(time_s), 0)
    pose = pose + 0.6 * (stop.pose - stop.pose.mean(1, keepdims=True))
    return Clip(pose[:, None], np.ones((len(pose), 1, 26), np.float32), time_s, unit="m")


def known_music(**changes) -> rhythm.Music:
    beats = MusicBeats(BEATS, BPM, 0.8, False, ((BPM, 0.8),), "made", 0.0, SECONDS)
    return rhythm.Music(dataclasses.replace(beats, **changes), "made")


@pytest.fixture(scope="module")
def found():
    """The dancer on the beat, with music whose beats are known exactly."""
    return rows_with(known_music(), 0.0)


def rows_with(music, late_s):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rhythm, "find_music", lambda options, path: music)
        person = analyze_clip(dancer(late_s)).people[0]
    return person, moving.movement_rows(person)


def test_a_dancer_on_the_beat_meets_it_beyond_chance(found):
    person, rows = found
    moving.assert_sound(rows)
    assert rows["rhythm.music_beats"].value == len(BEATS)
    assert rows["rhythm.f1"].value > 0.8 and rows["rhythm.p_value"].value < 0.05
    assert abs(rows["rhythm.lag"].value) < 40
    assert rows["rhythm.lag_low"].value <= rows["rhythm.lag"].value <= rows["rhythm.lag_high"].value
    assert person.rhythm["grid"]["source"] and len(person.rhythm["grid"]["beats_s"]) >= len(BEATS)
    offsets = person.rhythm["offsets"]
    assert set(offsets[:, 0]) <= set(BEATS) and np.median(np.abs(offsets[:, 1])) < 0.05


BANDED = ("to_music", "to_motion", "f1", "f1_corrected", "beat_rate", "accent_contrast", "lag")
BARE = ("p_value", "f1_p_value", "lag_low", "lag_high", "music_beats", "to_music_chance")


def test_scores_have_the_interval_of_the_key_points_scatter(found):
    person, _ = found
    moved, widths = _moved(person), []
    for sd in (0.0002, 0.001):  # of a dancer who moves at 0.05 body heights a second
        error = np.full(np.shape(moved.pose)[:2], sd, np.float32)
        bare = dataclasses.replace(person, measures=())
        again = rhythm.with_rhythm(bare, moved, known_music(), Draws(moved, error, 6.0))
        rows = {m.key: m for m in again.measures}
        for name in BANDED:
            row = rows[f"rhythm.{name}"]
            assert row.low <= row.value <= row.high, name
        for name in ("to_music", "to_motion", "f1"):
            assert rows[f"rhythm.{name}"].low >= 0 and rows[f"rhythm.{name}"].high <= 1
        assert all(rows[f"rhythm.{name}"].low is None for name in BARE)
        width = [rows[f"rhythm.{k}"].high - rows[f"rhythm.{k}"].low for k in ("to_music", "lag")]
        widths.append(width)
    assert widths[1][0] > 2 * widths[0][0] > 0 and widths[1][1] > 2 * widths[0][1] > 0
    assert person.rhythm["motion_beats_s"] == pytest.approx(
        again.rhythm["motion_beats_s"], abs=1e-3
    )


def test_the_interval_is_that_of_the_errors_that_were_drawn(found):
    """F1 under each draw is computed by hand from the beats of that draw."""
    person, _ = found
    moved = _moved(person)
    shifts = np.linspace(-0.12, 0.12, 9)
    shifted = [moved._replace(time_s=np.float32(moved.time_s + s)) for s in shifts]
    draws = types.SimpleNamespace(over=lambda f: [f(m) for m in shifted])
    bare = dataclasses.replace(person, measures=())
    again = rhythm.with_rhythm(bare, moved, known_music(), draws)
    rows = {m.key: m for m in again.measures}
    lags = 1000 * shifts + rows["rhythm.lag"].value
    want = rhythm.intervals.band(rows["rhythm.lag"].value, lags, (-np.inf, np.inf))
    assert rows["rhythm.lag"].low == pytest.approx(want.low, abs=3)
    assert rows["rhythm.lag"].high == pytest.approx(want.high, abs=3)
    motion = person.rhythm["motion_beats_s"]
    motion = motion[(motion > 0.3) & (motion < SECONDS - 0.3)]
    near = [np.abs(motion[:, None] + s - BEATS).min(1).max() < 0.07 for s in shifts]
    assert not all(near) and rows["rhythm.f1"].low < 0.7 and rows["rhythm.f1"].high > 0.9


def test_a_dancer_behind_the_beat_has_a_positive_lag(found):
    person, rows = rows_with(known_music(), 0.05)
    moved = rows["rhythm.lag"].value - found[1]["rhythm.lag"].value
    assert moved == pytest.approx(50, abs=15)
    nearest = np.median(person.rhythm["offsets"][:, 1]) - np.median(
        found[0].rhythm["offsets"][:, 1]
    )
    assert nearest == pytest.approx(0.05, abs=0.015)


def test_times_are_those_of_the_video_when_it_does_not_start_at_zero(found):
    clip = dancer()
    later = clip.replace(time_s=clip.time_s + 7.0)
    music = known_music(time_s=BEATS + 7.0, start_s=7.0, end_s=7.0 + SECONDS)
    person = rhythm.with_rhythm(
        dataclasses.replace(found[0], time_s=later.time_s, measures=()),
        _moved(found[0]),
        music,
    )
    np.testing.assert_allclose(
        person.rhythm["motion_beats_s"], found[0].rhythm["motion_beats_s"] + 7.0, atol=1e-4
    )
    np.testing.assert_allclose(person.rhythm["music_beats_s"], BEATS + 7.0)
    rows = {m.key: m for m in person.measures}
    assert rows["rhythm.f1"].value == pytest.approx(found[1]["rhythm.f1"].value, abs=0.05)


def _moved(person):
    from dance_jax.analysis.biomechanics import movement_of

    return movement_of(person.pose, person.time_s, None)


def test_music_that_plays_in_half_of_the_clip_is_compared_there_only(found):
    half = known_music(time_s=BEATS[BEATS < 6.0], end_s=6.0)
    rows = {
        m.key: m
        for m in rhythm.with_rhythm(
            dataclasses.replace(found[0], measures=()), _moved(found[0]), half
        ).measures
    }
    whole = found[1]
    assert rows["rhythm.motion_beats"].value < 0.7 * whole["rhythm.motion_beats"].value
    assert rows["rhythm.f1"].value == pytest.approx(whole["rhythm.f1"].value, abs=0.2)


def test_without_music_the_movement_has_its_own_rhythm():
    person = analyze_clip(dancer(), music="none").people[0]
    rows = moving.movement_rows(person)
    moving.assert_sound(rows)
    assert rows["rhythm.beat_rate"].value == pytest.approx(BPM, rel=0.1)
    assert rows["rhythm.tempo"].value == pytest.approx(BPM, rel=0.05)
    for row in rhythm.ROWS[-len(rhythm.OF_MUSIC) :]:
        assert rows[row.key].reason == "it needs music: no music was asked for"
    assert "music_beats_s" not in person.rhythm
    steps = np.diff(person.rhythm["grid"]["beats_s"])
    assert np.median(steps) == pytest.approx(60 / BPM, rel=0.05)


def test_poses_alone_have_no_sound_to_hear():
    assert "--config.music" in rhythm.find_music(Options(), None).reason


def test_a_click_track_of_known_tempo(click_track):
    pytest.importorskip("librosa")
    pytest.importorskip("soundfile")
    person = analyze_clip(dancer(), music=str(click_track)).people[0]
    rows = moving.movement_rows(person)
    moving.assert_sound(rows)
    assert person.rhythm["music_tempo_bpm"] == pytest.approx(BPM, rel=0.02)
    assert (
        person.rhythm["music_source"] == "clicks.wav" and "librosa" in person.rhythm["music_method"]
    )
    heard = person.rhythm["music_beats_s"]
    near = np.abs(heard[:, None] - BEATS).min(1)
    assert len(heard) > 0.8 * len(BEATS) and np.median(near) < 0.02
    assert rows["rhythm.f1"].value > 0.7 and rows["rhythm.p_value"].value < 0.05


@pytest.mark.parametrize("name", ["nowhere.wav", "folder"])
def test_a_missing_file_is_an_error_before_anything_is_estimated(tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(analyze_module, "estimate", lambda *given: pytest.fail("estimated first"))
    with pytest.raises(InputError, match="no such file") as caught:
        analyze(tmp_path / "dance.mp4", music=str(tmp_path / name))
    assert "auto or none" in caught.value.fix
    with pytest.raises(InputError, match="no such file"):
        analyze_clip(moving.clip(True), music=str(tmp_path / name))


def test_what_is_no_sound_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("no music at all, and long enough to be looked at")
    with pytest.raises(InputError, match=r"notes\.txt"):
        rhythm.find_music(Options(music=str(tmp_path / "notes.txt")), None)


def test_without_librosa_the_pip_command_is_given(monkeypatch, click_track):
    monkeypatch.setitem(sys.modules, "librosa", None)
    own = Audio(clicks().astype(np.float32)[:, None], RATE)
    monkeypatch.setattr("dance_jax.data.audio.read_audio", lambda path, **given: own)
    music = rhythm.find_music(Options(), click_track)
    assert music.beats is None and "pip install 'dance_jax[music]'" in music.reason
    monkeypatch.setattr("dance_jax.data.music_file.read_music", lambda path, limits: own)
    with pytest.raises(InputError, match="librosa") as caught:
        rhythm.find_music(Options(music=str(click_track)), None)
    assert caught.value.fix == "pip install 'dance_jax[music]'"


def test_a_silent_video_has_a_reason(monkeypatch, click_track):
    monkeypatch.setattr("dance_jax.data.audio.read_audio", lambda path, **given: None)
    assert "no sound" in rhythm.find_music(Options(), click_track).reason
    silent = Audio(np.zeros((6 * RATE, 1), np.float32), RATE)
    monkeypatch.setattr("dance_jax.data.audio.read_audio", lambda path, **given: silent)
    assert "silent" in rhythm.find_music(Options(), click_track).reason
