"""Rhythm of an analysed dancer: the movement's beats, the music's, and how they meet."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from dance_jax.analysis import compiled, intervals, refusals
from dance_jax.analysis.movement_rows import NOISY
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import Measure, PersonAnalysis
from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement
from dance_jax.data.limits import Limits
from dance_jax.errors import InputError
from dance_jax.rhythm import alignment, counts, measures, motion_beats, tempo
from dance_jax.rhythm.music_beats import MusicBeats, music_beats

ROWS: tuple[MeasureDef, ...] = tuple(
    MeasureDef(**row) for row in (*measures.MEASURES, *measures.ALIGNMENT_MEASURES)
)
OF_MUSIC = {row["key"] for row in measures.ALIGNMENT_MEASURES}
SEED = 0  # of the permutations, so that a report can be made again
# No interval: that of a probability or of the end of an interval would say nothing new, and errors
# of the dancer's key points do not move what rests on the music alone.
_NO_INTERVAL = {f"rhythm.{k}" for k in ("p_value", "f1_p_value", "lag_low", "lag_high")}
_NO_INTERVAL |= {"rhythm.music_beats", "rhythm.to_music_chance"}
_SCORES = ("to_music", "to_motion", "f1")
_LIMITS = {
    **{f"rhythm.{k}{end}": (0.0, 1.0) for k in _SCORES for end in ("", "_chance")},
    **{f"rhythm.{k}_corrected": (-np.inf, 1.0) for k in _SCORES},
    **{f"rhythm.{k}": (-1.0, 1.0) for k in ("accent_contrast", "tempo_strength")},
    "rhythm.lag": (-np.inf, np.inf),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Music:
    """The music of a clip, or why there is none.

    Attributes:
        beats: its beats; None where there are none.
        source: "the video's own sound" or the file's name.
        reason: why there are no beats, as a clause; "" where there are.
    """

    beats: MusicBeats | None
    source: str = ""
    reason: str = ""


def find_music(options: Options, path: str | pathlib.Path | None) -> Music:
    """Finds the beats of the music that belongs to a clip.

    Args:
        options: `music` is "auto" (the video's own sound), "none", or an audio file whose first
            sample sounds at the first frame of the video.
        path: the video; None for poses alone.

    Returns:
        The beats, or the reason why there are none.

    Raises:
        InputError: a file that was named cannot be read, or librosa is missing for it. With "auto"
            that is a reason, not an error: the movement is analysed all the same.
    """
    if options.music == "none":
        return Music(None, reason="no music was asked for")
    limits = Limits(max_duration_s=options.max_duration_s)
    if options.music != "auto":
        from dance_jax.data.music_file import read_music

        sound = read_music(options.music, limits)
        name = pathlib.Path(options.music).name
        return Music(music_beats(sound.samples, sound.rate, where=options.music), name)
    if path is None or pathlib.Path(path).is_dir():
        return Music(None, reason="there is no sound to hear; give a file with --config.music")
    from dance_jax.data.audio import read_audio

    own = "the video's own sound"
    try:
        track = read_audio(path, mono=True, limits=limits)
        if track is None:
            return Music(None, own, "the video has no sound; give a file with --config.music")
        return Music(music_beats(track.samples, track.rate, track.start_s, where=str(path)), own)
    except InputError as error:
        return Music(None, own, f"{error.what}{f' ({error.fix})' if error.fix else ''}")


@jax.jit
def _of_movement(moved: Movement) -> tuple[dict[str, Any], Any, Any]:
    return measures.summarise(moved), motion_beats.motion_beats(moved), tempo.motion_tempo(moved)


_meet = functools.partial(jax.jit, static_argnames="permutations")(measures.summarise_alignment)


def with_rhythm(
    person: PersonAnalysis,
    moved: Movement,
    music: Music,
    draws: intervals.Draws | None = None,
) -> PersonAnalysis:
    """Adds the rhythm of one dancer: measures, beats, and the counted grid.

    Args:
        person: the dancer.
        moved: the movement, padded; its clock starts at the clip's first frame.
        music: beats of the music on the video's clock.
        draws: the movement under fresh errors of its key points; None gives no intervals.

    Returns:
        The same dancer with more `measures`, and with `rhythm`.
    """
    start, end = float(person.time_s[0]), float(person.time_s[-1])
    values, motion, bpm = _alone(moved)
    compiled.give_back()
    rhythm: dict[str, Any] = {"motion_beats_s": motion + start, "reason": music.reason}
    again = [] if draws is None else draws.over(_alone)
    drawn = [found for found, _, _ in again]
    heard = np.zeros(0)
    if music.beats is not None:
        heard = music.beats.time_s
        heard = heard[(heard >= start) & (heard <= end)]
        both = max(start, music.beats.start_s) - start, min(end, music.beats.end_s) - start
        most = max([len(motion), *(len(beats) for _, beats, _ in again)])
        values |= _alignment(motion, heard - start, both, most)
        for found, beats, _ in again:
            found |= _alignment(beats, heard - start, both, most)
        near = np.asarray(alignment.offsets(_padded(heard - start), _padded(motion)))[: len(heard)]
        rhythm |= {
            "music_beats_s": heard,
            "music_source": music.source,
            "music_tempo_bpm": music.beats.tempo_bpm,
            "music_strength": music.beats.strength,
            "music_octaves": music.beats.octaves,
            "music_method": music.beats.method,
            "music_doubtful": music.beats.doubtful,
            # + where the movement's beat comes after the music's
            "offsets": np.stack([heard, -near], -1)[np.isfinite(near)],
        }
    rhythm["grid"] = _grid(heard, motion + start, bpm, start, end)
    rows = [_row(row, values, drawn, person, music) for row in ROWS]
    return dataclasses.replace(person, measures=(*person.measures, *rows), rhythm=rhythm)


def _alone(moved: Movement) -> tuple[dict[str, float], np.ndarray, float]:
    """Rhythm of a movement by itself: its measures, its beats in seconds, its tempo."""
    found, beats, pulse = jax.tree.map(np.asarray, _of_movement(moved))
    motion = beats.time_s[np.isfinite(beats.time_s)].astype(np.float64)
    return {key: float(value) for key, value in found.items()}, motion, float(pulse.bpm)


def _padded(beats: np.ndarray, least: int = 32) -> np.ndarray:
    """Pads beats with NaN to one of few lengths, that of `least` of them or more."""
    size = 32
    while size < max(len(beats), least):
        size *= 2
    return np.pad(np.asarray(beats, np.float32), (0, size - len(beats)), constant_values=np.nan)


def _alignment(
    motion: np.ndarray, heard: np.ndarray, both: tuple[float, float], most: int
) -> dict[str, float]:
    """Meets two trains of beats over the time in which both were recorded."""
    window = np.float32(both[0]), np.float32(both[1])
    found = _meet(_padded(motion, most), _padded(heard), *window, jax.random.key(SEED))
    return {key: float(value) for key, value in found.items()}


def _grid(
    heard: np.ndarray, motion: np.ndarray, bpm: float, start: float, end: float
) -> dict[str, Any]:
    """The beats by which moments are counted: the music's, else the movement's own."""
    try:
        if len(heard) >= 2:
            grid = counts.grid_of_beats(heard)
        else:
            grid = counts.grid_of_motion(motion, bpm, start, end)
    except InputError as error:
        return {"reason": error.what}
    return {"beats_s": grid.beats_s, "first": grid.first, "source": grid.source}


def _row(
    row: MeasureDef,
    values: Mapping[str, float],
    drawn: Sequence[Mapping[str, float]],
    person: PersonAnalysis,
    music: Music,
) -> Measure:
    value = values.get(row.key, np.nan)
    reason = refusals.beforehand(row, person, person.pose.shape[-1] == 2)
    if row.key in OF_MUSIC and music.beats is None:
        reason = f"it needs music: {music.reason}"
    elif not reason and not np.isfinite(value):
        reason = "it is not defined here: too few beats, or too little was seen"
    low = high = None
    noisy = False
    if drawn and not reason and row.key not in _NO_INTERVAL:
        limits = _LIMITS.get(row.key, (0.0, np.inf))
        band = intervals.band(value, [found.get(row.key, np.nan) for found in drawn], limits)
        if np.isfinite(band.low):
            low, high = band.low, band.high
            # Of a signed measure near 0 any share is large, and says nothing.
            noisy = band.noisy and limits[0] >= 0
    seen = int(np.isfinite(person.pose).all(-1).any(-1).sum())
    return Measure(
        row.key,
        row.label[:1].upper() + row.label[1:],
        row.group,
        None if reason else value,
        row.unit,
        "refused" if reason else "ok",
        reason,
        seen,
        seen / max(len(person.time_s), 1),
        note=f"{row.meaning}{NOISY * noisy}",
        kind=row.kind,
        low=low,
        high=high,
        noisy=noisy,
        source=row.source,
    )
