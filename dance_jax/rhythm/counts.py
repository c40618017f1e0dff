"""Dancers' counts: eight-counts, phrases of four eights, and names for any moment of a dance."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.errors import InputError
from dance_jax.kinematics.windows import floating

EIGHT = 8
PHRASE = 32  # beats: four eight-counts

SOURCES = {
    "music": "beats of the music",
    "motion": "tempo of the movement, laid over its own beats: no music was heard",
    "given": "beats given by the user",
}


class Counts(NamedTuple):
    """The place of moments in the count; a pytree. NaN before the first count and after the last.

    Attributes:
        count: [...] 1 to 8.
        eight: [...] number of the eight-count, from 1 on.
        phrase: [...] number of the phrase, from 1 on.
        eight_in_phrase: [...] 1 to 4.
        part: [...] fraction of the beat gone by, in [0, 1).
    """

    count: jnp.ndarray
    eight: jnp.ndarray
    phrase: jnp.ndarray
    eight_in_phrase: jnp.ndarray
    part: jnp.ndarray


class Grid(NamedTuple):
    """Beats that are counted.

    Attributes:
        beats_s: f64[N] seconds, increasing.
        first: index of the beat that is called "1"; earlier beats are a lead-in.
        first_known: whether that "1" was given; otherwise the first beat is only called so, and
            eights and phrases may be off by whole beats.
        source: a key of `SOURCES`.
    """

    beats_s: np.ndarray
    first: int
    first_known: bool
    source: str


@jax.jit
def counts_at(time_s: jnp.ndarray, beats_s: jnp.ndarray, first: jnp.ndarray | int = 0) -> Counts:
    """Returns where moments lie in the count.

        k = number of beats at or before t - 1 - first;
        count = k mod 8 + 1,   eight = k div 8 + 1,   phrase = k div 32 + 1

    The last beat lasts as long as the one before it.

    Args:
        time_s: [...] seconds.
        beats_s: [N] seconds, increasing; NaN after the last.
        first: index of the beat that is "1".

    Returns:
        The counts [...]; all NaN with fewer than two beats.
    """
    beats = floating(beats_s)
    time = jnp.asarray(time_s, beats.dtype)
    number = jnp.isfinite(beats).sum()
    later = jnp.where(jnp.isfinite(beats), beats, jnp.inf)
    at = jnp.searchsorted(later, time, side="right") - 1
    here = jnp.clip(at, 0, jnp.maximum(number - 1, 0))
    low = jnp.clip(here, 0, jnp.maximum(number - 2, 0))
    length = beats[jnp.minimum(low + 1, beats.shape[0] - 1)] - beats[low]
    part = (time - beats[here]) / jnp.where(length > 0, length, 1.0)
    k = at - first
    good = (number >= 2) & (k >= 0) & (part < 1.0) & jnp.isfinite(time)
    values = k % EIGHT + 1, k // EIGHT + 1, k // PHRASE + 1, (k % PHRASE) // EIGHT + 1, part
    return Counts(*(jnp.where(good, value, jnp.nan) for value in values))


def bounds(beats_s: np.ndarray, first: int = 0, beats_per_window: int = EIGHT) -> np.ndarray:
    """Returns where eight-counts (or phrases, with 32) begin and end.

    The last one may be short: it ends one beat after the last beat.

    Args:
        beats_s: [N] seconds, increasing.
        first: index of the beat that is "1".
        beats_per_window: 1, 8 or 32 (or any other number of beats).

    Returns:
        f64[M, 2] seconds; empty with fewer than two beats from `first` on.
    """
    beats = np.asarray(beats_s, np.float64)
    beats = beats[np.isfinite(beats)][first:]
    if len(beats) < 2:
        return np.zeros((0, 2))
    starts = beats[::beats_per_window]
    end = beats[-1] + (beats[-1] - beats[-2])
    return np.stack([starts, np.append(starts[1:], end)], axis=1)


def eight_counts(beats_s: np.ndarray, first: int = 0) -> np.ndarray:
    """Returns begin and end of every eight-count, f64[M, 2] seconds (`bounds`)."""
    return bounds(beats_s, first, EIGHT)


def phrases(beats_s: np.ndarray, first: int = 0) -> np.ndarray:
    """Returns begin and end of every phrase of four eight-counts, f64[M, 2] seconds (`bounds`)."""
    return bounds(beats_s, first, PHRASE)


def label(time_s: float, grid: Grid) -> str:
    """Names a moment: "phrase 2, eight 3, count 5"; "" outside the counted part.

    Args:
        time_s: seconds.
        grid: the counted beats.
    """
    since = float(grid.beats_s[0]) if len(grid.beats_s) else 0.0
    place = counts_at(np.float64(time_s - since), grid.beats_s - since, grid.first)
    if not np.isfinite(float(place.count)):
        return ""
    phrase, eight, count = (int(v) for v in (place.phrase, place.eight_in_phrase, place.count))
    return f"phrase {phrase}, eight {eight}, count {count}"


def grid_of_beats(beats_s: np.ndarray, first: int | None = None, source: str = "music") -> Grid:
    """Makes a grid of beats that were heard or given.

    Args:
        beats_s: [N] seconds; NaN entries are dropped.
        first: index of the beat that is "1"; None calls the first beat so, and says so.
        source: "music" or "given".

    Returns:
        The grid.

    Raises:
        InputError: fewer than two beats, or `first` is none of them.
    """
    beats = np.asarray(beats_s, np.float64)
    beats = np.sort(beats[np.isfinite(beats)])
    if len(beats) < 2:
        raise InputError("counting needs at least two beats", "beats", "give a longer clip")
    if not 0 <= (first or 0) < len(beats):
        raise InputError(f"no beat has the index {first}", "first", f"0 to {len(beats) - 1}")
    return Grid(beats, first or 0, first is not None, source)


def grid_of_motion(motion_beats_s: np.ndarray, bpm: float, start_s: float, end_s: float) -> Grid:
    """Makes a grid from the tempo of the movement, where there is no music.

    The phase is the one at which the motion's beats fall on the grid best (their circular mean),
    so this grid must not be used to say how well the motion keeps time.

    Args:
        motion_beats_s: [K] seconds; NaN entries are dropped.
        bpm: tempo of the movement (`tempo.motion_tempo`).
        start_s: start of the clip.
        end_s: its end.

    Returns:
        The grid, "1" unknown.

    Raises:
        InputError: no tempo, no beats, or less than two beats of time.
    """
    beats = np.asarray(motion_beats_s, np.float64)
    beats = beats[np.isfinite(beats)]
    if not np.isfinite(bpm) or bpm <= 0 or not len(beats):
        raise InputError("the movement has no tempo to count by", "motion", "give beats or music")
    period = 60.0 / bpm
    angle = np.angle(np.mean(np.exp(2j * np.pi * (beats - start_s) / period)))
    phase = (angle / (2 * np.pi)) % 1.0 * period
    grid = np.arange(start_s + phase, end_s + 1e-9, period)
    return grid_of_beats(grid, None, "motion")
