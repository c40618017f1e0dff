"""Streams beside frames and poses: movement measures of a clip, and the beats of its music."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dance_jax import logs
from dance_jax.biomech import catalogue
from dance_jax.biomech.corpus import compute_corpus
from dance_jax.biomech.movement import Movement
from dance_jax.data import audio
from dance_jax.errors import ConfigError, InputError
from dance_jax.rhythm import counts, music_beats
from dance_jax.training.examples import Example, Examples

LIMIT = 5.0
"""Deviations: heavy tails of measures are cut there, so that one clip cannot rule the network."""

_BUCKET = 64  # frames: lengths are rounded up to these, and each length compiles once


class Standard(NamedTuple):
    """How measures are standardised.

    Attributes:
        mean: f32[M] over the training clips; 0 where none has the measure.
        deviation: f32[M]; 1 where it does not vary.
    """

    mean: np.ndarray
    deviation: np.ndarray


def with_measures(examples: Examples) -> Examples:
    """Returns the examples with the measures of `biomech.catalogue`, as they are.

    Args:
        examples: with HALPE-26 poses; one without gets none.

    Raises:
        ConfigError: the poses are of another skeleton.
    """
    rows: dict[int, list[int]] = {}
    for k, row in enumerate(examples.rows):
        if row.clip is not None:
            if row.clip.skeleton != "halpe26":
                what = f"measures need HALPE-26, not {row.clip.skeleton}"
                raise ConfigError(what, "--config.skeleton", "take halpe26")
            rows.setdefault(-(-len(row.clip.time_s) // _BUCKET) * _BUCKET, []).append(k)
    made: list[Example] = list(examples.rows)
    for length, places in sorted(rows.items()):
        clips = [examples.rows[k].clip for k in places]
        pose = np.full((len(clips), length, *clips[0].pose.shape[2:]), np.nan, np.float32)
        time_s = np.empty((len(clips), length))
        for at, clip in enumerate(clips):
            frames = len(clip.time_s)
            pose[at, :frames] = clip.pose[:, 0]
            step = clip.time_s[-1] - clip.time_s[-2]
            more = clip.time_s[-1] + step * np.arange(1, length - frames + 1)
            time_s[at] = np.concatenate([clip.time_s, more])
        found = compute_corpus(Movement(pose, time_s, np.float32(np.nan)))
        table = np.stack([found[key] for key in catalogue.MEASURES], -1).astype(np.float32)
        for k, values in zip(places, table, strict=True):
            made[k] = dataclasses.replace(made[k], measures=values)
    return dataclasses.replace(examples, rows=tuple(made))


def standard_of(examples: Examples) -> Standard:
    """Returns mean and deviation of each measure over the examples; those of the training part."""
    given = [row.measures for row in examples.rows if row.measures is not None]
    table = np.stack(given) if given else np.full((1, len(catalogue.MEASURES)), np.nan)
    there = np.isfinite(table)
    count = np.maximum(there.sum(0), 1)
    mean = np.where(there, table, 0).sum(0) / count
    spread = np.sqrt((np.where(there, table - mean, 0) ** 2).sum(0) / count)
    spread = np.where(spread > 1e-6 * np.maximum(np.abs(mean), 1e-6), spread, 1.0)
    return Standard(mean.astype(np.float32), spread.astype(np.float32))


def standard_for(examples: Examples, train: Sequence[str]) -> tuple[Examples, Standard | None]:
    """Returns the examples with measures standardised by those of the training part alone.

    Args:
        examples: of all parts.
        train: names of the training part.

    Returns:
        The examples, and how; None where there are no measures.
    """
    if all(row.measures is None for row in examples.rows):
        return examples, None
    standard = standard_of(examples.named(train))
    return standardised(examples, standard), standard


def standardised(examples: Examples, standard: Standard) -> Examples:
    """Returns the examples with measures as deviations from the mean, cut at `LIMIT`."""
    rows = []
    for row in examples.rows:
        if row.measures is not None:
            z = np.clip((row.measures - standard.mean) / standard.deviation, -LIMIT, LIMIT)
            row = dataclasses.replace(row, measures=z.astype(np.float32))
        rows.append(row)
    return dataclasses.replace(examples, rows=tuple(rows))


def with_beats(examples: Examples) -> Examples:
    """Returns the examples with their music: (sin, cos) of the phase between two beats.

    The music is the video's own sound. Where there is none, or no steady pulse, the values are
    NaN, which the network takes for absent; that is noted.

    Args:
        examples: with poses or without.

    Raises:
        ConfigError: no clip has beats.
    """
    rows, silent = [], []
    for row in examples.rows:
        clock = _clock(row)
        phase = np.full((len(clock), 2), np.nan, np.float32)
        try:
            beats = _beats(row)
            part = np.asarray(counts.counts_at(clock, beats).part)
            phase = np.stack([np.sin(2 * np.pi * part), np.cos(2 * np.pi * part)], -1)
        except InputError as error:
            silent.append(f"{row.name} without beats: {error.what}")
        rows.append(dataclasses.replace(row, streams={**row.streams, "beats": phase}))
    if len(silent) == len(examples):
        what = f"no clip has beats ({silent[0]})"
        raise ConfigError(what, "--config.streams", "leave out beats")
    for line in silent[:3]:
        logs.note(line)
    return dataclasses.replace(examples, rows=tuple(rows), notes=(*examples.notes, *silent))


def _clock(row: Example) -> np.ndarray:
    if row.clip is None:
        raise ConfigError("beats need poses too", "--config.streams", "leave out beats")
    return row.clip.time_s + float(row.clip.source.get("start_s", 0.0))


def _beats(row: Example) -> np.ndarray:
    if row.video is None or row.video.is_dir():
        raise InputError("it has no video with sound", row.name, "leave out beats")
    sound = audio.read_audio(row.video)
    if sound is None:
        raise InputError("its video has no sound", row.name, "leave out beats")
    found = music_beats.music_beats(sound.samples, sound.rate, sound.start_s, where=row.name)
    return found.time_s
