"""The rehearsal loads what the movement stage needs, so that a dancer's own analysis loads less."""

from __future__ import annotations

import threading

import jax
import numpy as np
import pytest

from dance_jax.analysis import analyze, compiled, movement, rehearsal
from dance_jax.analysis.options import Options
from dance_jax.data.probe import VideoInfo
from tests.analysis import moving
from tests.seeds import fresh


def header(frames: int, **given) -> VideoInfo:
    return VideoInfo("v.mp4", "v", 640, 480, 30.0, frames, frames / 30.0, "h264", "mp4", **given)


@pytest.fixture
def compilations():
    """The programs compiled or loaded so far, one entry each."""
    found: list[str] = []

    def heard(name: str, seconds: float, **_) -> None:
        if name.endswith("backend_compile_duration"):
            found.append(name)

    jax.monitoring.register_event_duration_secs_listener(heard)
    yield found
    jax.monitoring.unregister_event_duration_listener(heard)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_a_rehearsed_length_leaves_little_to_compile(compilations, seed) -> None:
    frames = 131  # a length that no other test has
    clip = moving.clip(True, seed, seconds=5.0)
    fields = {k: getattr(clip, k)[:frames] for k in ("pose", "confidence", "time_s")}
    rehearsal.rehearse(header(frames), frames, Options())
    rehearsed = len(compilations)
    movement.analyse_person(clip.replace(**fields), Options())
    assert rehearsed > 10 and len(compilations) - rehearsed <= 0.2 * rehearsed
    before = len(compilations)
    rehearsal.rehearse(header(frames), frames, Options())  # once is enough
    assert len(compilations) == before


@pytest.mark.parametrize(
    ("sound", "option", "heard"),
    [(True, "auto", True), (False, "auto", False), (True, "none", False), (False, "a.wav", True)],
)
def test_music_is_rehearsed_where_there_will_be_some(monkeypatch, sound, option, heard) -> None:
    given = []

    def analysed(clip, options, music, draws):
        given.append((clip.n_frames, music is not None and len(music.beats.time_s) > 4, draws))
        raise StopIteration

    monkeypatch.setattr(movement, "analyse_person", analysed)
    with pytest.raises(StopIteration):
        rehearsal.rehearse(header(77, has_audio=sound), 77, Options(music=option))
    assert given == [(77, heard, rehearsal.DRAWS)]


@pytest.mark.parametrize("frames", [16, 333])
def test_the_figure_is_a_whole_moving_body(frames) -> None:
    made = rehearsal.figure(frames, 25.0)
    assert made.n_frames == frames and np.isfinite(made.pose).all()
    assert (made.pose.std(0) > 0).all()
    inside = (made.pose >= 0) & (made.pose < np.asarray(made.image_size))
    assert inside.all()
    assert len(np.unique(made.pose[0, 0], axis=0)) == 26


@pytest.mark.parametrize(
    ("frames", "want"),
    [(None, []), (900, ["prepare", "rehearse"]), (compiled.LONG + 1, [])],
)
def test_what_is_prepared_while_the_pose_is_estimated(monkeypatch, frames, want) -> None:
    done, thread = [], []

    def noted(name):
        return lambda *given: (done.append(name), thread.append(threading.current_thread()))

    monkeypatch.setattr("dance_jax.analysis.programs.prepare", noted("prepare"))
    monkeypatch.setattr(rehearsal, "rehearse", noted("rehearse"))
    ahead: list = []
    analyze._prepare(header(frames or 0), frames, Options(), ahead)
    for work in ahead:
        work.result()
    assert done == want and threading.main_thread() not in thread


def test_an_error_in_the_video_leaves_out_the_rehearsal(monkeypatch, tmp_path) -> None:
    gate, done = threading.Event(), []

    def estimate(path, opts, clock, progress, on_open):
        on_open(header(60), 60)
        raise ValueError("no dancer")

    monkeypatch.setattr(analyze, "estimate", estimate)
    monkeypatch.setattr("dance_jax.analysis.programs.prepare", lambda *given: gate.wait(10))
    monkeypatch.setattr(rehearsal, "rehearse", lambda *given: done.append(given))
    ahead = []
    kept = analyze._prepare
    monkeypatch.setattr(analyze, "_prepare", lambda *given: (kept(*given), ahead.extend(given[-1])))
    with pytest.raises(ValueError, match="no dancer"):
        analyze.analyze(tmp_path / "v.mp4")
    gate.set()
    for work in ahead:
        work.result()
    assert ahead and not done
