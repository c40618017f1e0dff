"""Runs the movement stage once on a made-up figure, so that the dancer's finds all of it loaded.

A new process traces some two hundred small programs and loads them from JAX's cache, which takes
longer than running them. While the pose of a video is estimated one core has little else to do.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from dance_jax.analysis.options import Options
from dance_jax.data.probe import VideoInfo
from dance_jax.skeleton import CANON, index, other_side
from dance_jax.types import Clip

if TYPE_CHECKING:
    from dance_jax.analysis import rhythm

DRAWS = 2  # one for each thread
_SIZE = (640, 640)  # of the picture
_BEAT_S = 0.5  # of the made-up music
_REACH = 0.03  # body heights
_STEADY_S = 0.3
# Half a standing figure, x to the right of the picture and y up, in body heights.
_STANDING = {
    "nose": (0.0, 0.92),
    "left_eye": (0.02, 0.94),
    "left_ear": (0.05, 0.93),
    "left_shoulder": (0.11, 0.82),
    "left_elbow": (0.17, 0.64),
    "left_wrist": (0.20, 0.49),
    "left_hip": (0.06, 0.52),
    "left_knee": (0.07, 0.28),
    "left_ankle": (0.08, 0.05),
    "head": (0.0, 1.0),
    "neck": (0.0, 0.84),
    "hip": (0.0, 0.53),
    "left_big_toe": (0.11, 0.01),
    "left_small_toe": (0.13, 0.01),
    "left_heel": (0.07, 0.01),
}
_DONE: set[tuple[int, bool, int, str]] = set()


def rehearse(info: VideoInfo, frames: int, options: Options) -> None:
    """Analyses a made-up figure of as many frames, once in a process, and forgets it.

    Args:
        info: of the video to come.
        frames: to be analysed of it.
        options: those of the analysis to come.
    """
    from dance_jax.analysis import movement, plots

    heard = info.has_audio if options.music == "auto" else options.music != "none"
    kind = (frames, heard, options.filter_order, options.anthropometry)
    if kind in _DONE:
        return
    made = figure(frames, info.fps)
    music = _beats(made.duration_s) if heard else None
    person = movement.analyse_person(made, options, music, DRAWS)
    if options.plots or options.report:  # fonts and text layout are loaded with the first one
        plots.presence_figure(person).savefig(io.BytesIO(), format="png")
    _DONE.add(kind)


def _beats(seconds: float) -> rhythm.Music:
    from dance_jax.analysis import rhythm
    from dance_jax.rhythm.music_beats import MusicBeats

    bpm = 60 / _BEAT_S
    time_s = np.arange(0.0, seconds, _BEAT_S)
    beats = MusicBeats(time_s, bpm, 1.0, False, ((bpm, 1.0),), "made up", 0.0, seconds)
    return rhythm.Music(beats, "made up")


def figure(frames: int, rate_hz: float) -> Clip:
    """Makes the figure: every joint wanders about where it is in standing, to no beat.

    Args:
        frames: number of frames.
        rate_hz: frames per second.

    Returns:
        A HALPE-26 clip of one person in pixels.
    """
    time_s = np.arange(frames) / rate_hz
    standing = np.zeros((26, 2))
    for joint, (x, y) in _STANDING.items():
        standing[index(CANON, joint)] = x, y
        standing[index(CANON, other_side(joint))] = (-x, y) if x else (x, y)
    width = max(round(_STEADY_S * rate_hz), 1)
    noise = np.random.default_rng(0).normal(size=(frames + width, 26 * 2))
    total = np.cumsum(noise, axis=0)
    wander = (total[width:] - total[:-width]).reshape(frames, 26, 2) / np.sqrt(width)
    pose = standing + _REACH * np.clip(wander, -2, 2)
    pixels = np.array([_SIZE[0] / 2, 0.9 * _SIZE[1]]) + 0.8 * _SIZE[1] * pose * [1, -1]
    return Clip(
        pixels[:, None].astype(np.float32),
        np.ones((frames, 1, 26), np.float32),
        time_s,
        image_size=_SIZE,
    )
