"""Beats of the music, by librosa (extra `music`), from samples that the caller has read."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np

from dance_jax.errors import InputError

RATE = 22050  # samples per second
HOP = 256  # 11.6 ms
# What the tracker reports lies this much after the onset: measured on clicks (sine, noise, kick
# drum) of known times at this rate and hop.
LATENCY_S = 0.019
LEAST_S = 4.0
LEAST_BEATS = 4
SILENCE = 1e-4  # root mean square, -80 dB of full scale
LEAST_ONSET = 1.0  # decibels, 99th percentile of the onset strength; white noise has 0.7
DEAF = 8  # frames (93 ms): until then every sound seems to begin, for the file begins
# Of the median onset strength of the beats: the tracker goes on where none is heard.
LEAST_END = 0.3
# Strength of noise reaches 0.12 in 5 to 10 s; of random syllables 0.33 in 5 s, 0.29 in 10 s.
LEAST_STRENGTH = 0.12
PLAIN_STRENGTH, PLAIN_S = 0.35, 8.0


class NoMusicBeats(InputError):
    """No beats can be told from this sound; `what` says why."""


@dataclasses.dataclass(frozen=True, eq=False)
class MusicBeats:
    """Beats of a piece of music.

    Attributes:
        time_s: f64[N] seconds, on the clock of the video's frames.
        tempo_bpm: 60 over the median interval of the beats. A tracker may count at half or double
            the felt tempo: see `octaves`.
        strength: autocorrelation of the onset strength at one beat or at two, whichever is
            greater; 0 (no pulse) to 1.
        doubtful: the strength is one that speech or noise can reach too, or the sound is shorter
            than 8 s: look before believing.
        octaves: (bpm, autocorrelation of the onset strength) at half the tempo, at the tempo and
            at double.
        method: tracker and version.
        start_s: time of the first sample.
        end_s: time of the end of the sound.
    """

    time_s: np.ndarray
    tempo_bpm: float
    strength: float
    doubtful: bool
    octaves: tuple[tuple[float, float], ...]
    method: str
    start_s: float
    end_s: float


def _librosa() -> ModuleType:
    """Imports librosa, or says which extra brings it."""
    try:
        import librosa
    except ImportError as error:
        raise InputError(
            "beats of the music need librosa", "music", "pip install 'dance_jax[music]'"
        ) from error
    return librosa


def _repeat(onset: np.ndarray, lag: float) -> float:
    """Autocorrelation of an onset curve at a lag in samples, the best within 4 % of it."""
    x = onset - onset.mean()
    best = -1.0
    for k in range(max(1, int(np.floor(0.96 * lag))), int(np.ceil(1.04 * lag)) + 1):
        if k > len(x) * 3 // 4:
            break
        a, b = x[:-k], x[k:]
        under = np.sqrt(np.sum(a * a) * np.sum(b * b))
        best = max(best, float(np.sum(a * b) / under)) if under > 0 else best
    return best


def _vertices(onset: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Moves each index to the vertex of the parabola through the nearest top within 2 samples."""
    out = []
    for i in at:
        low = max(int(i) - 2, 0)
        k = low + int(np.argmax(onset[low : int(i) + 3]))
        shift = 0.0
        if 0 < k < len(onset) - 1:
            a, b, c = onset[k - 1 : k + 2]
            bend = a - 2 * b + c
            shift = float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend < 0 else 0.0
        out.append(k + shift)
    return np.asarray(out, np.float64)


def _heard(onset: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Drops the beats before the first and after the last that has an onset."""
    level = onset[np.clip(np.round(place).astype(int), 0, len(onset) - 1)]
    sounding = np.flatnonzero(level >= LEAST_END * np.median(level))
    return place[sounding[0] : sounding[-1] + 1]


def music_beats(
    samples: np.ndarray,
    rate: int,
    start_s: float = 0.0,
    *,
    start_bpm: float = 120.0,
    where: str = "music",
) -> MusicBeats:
    """Finds the beats of a piece of music by dynamic programming over its onset strength.

    Args:
        samples: f32[N] or f32[N, channels], nominally in [-1, 1].
        rate: samples per second; other rates than 22,050 are resampled.
        start_s: time of the first sample on the clock of the video's frames.
        start_bpm: tempo that is thought likely beforehand; a known one settles half and double.
        where: name of the file, for messages.

    Returns:
        The beats; on clicks of known times they lie within a few milliseconds (see the tests).

    Raises:
        InputError: librosa is not installed, or the samples are no sound.
        NoMusicBeats: the sound is too short or silent, or has no onsets or no steady pulse.

    Source: Ellis 2007, "Beat tracking by dynamic programming"; librosa.beat.beat_track.
    """
    sound = np.asarray(samples, np.float32)
    if sound.ndim not in (1, 2) or rate <= 0:
        raise InputError(
            f"samples of shape {sound.shape} at {rate}/s", where, "give [N] and a rate"
        )
    sound = sound.mean(axis=1) if sound.ndim == 2 else sound
    if not np.all(np.isfinite(sound)):
        raise InputError("the sound holds numbers that are not finite", where, "convert it again")
    length = len(sound) / rate
    if length < LEAST_S:
        raise NoMusicBeats(
            f"{length:.1f} s of sound is too short for beats", where, f"give {LEAST_S:g} s or more"
        )
    if float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) < SILENCE:
        raise NoMusicBeats("the sound is silent", where, "give the music as a file")
    librosa = _librosa()
    if rate != RATE:
        sound = librosa.resample(sound, orig_sr=rate, target_sr=RATE)
    onset = librosa.onset.onset_strength(y=sound, sr=RATE, hop_length=HOP)
    onset[:DEAF] = 0.0
    if np.percentile(onset, 99) < LEAST_ONSET:
        raise NoMusicBeats("the sound has no clear onsets", where, "give the music as a file")
    _, at = librosa.beat.beat_track(
        onset_envelope=onset, sr=RATE, hop_length=HOP, start_bpm=start_bpm, trim=False
    )
    if len(at) < LEAST_BEATS:
        raise NoMusicBeats(f"only {len(at)} beats were found", where, "give a longer piece")
    place = _heard(onset, np.unique(_vertices(onset, np.asarray(at))))
    if len(place) < LEAST_BEATS:
        raise NoMusicBeats(f"only {len(place)} beats were found", where, "give a longer piece")
    frames = float(np.median(np.diff(place)))
    bpm = 60.0 * RATE / HOP / frames
    octaves = tuple((bpm / factor, _repeat(onset, frames * factor)) for factor in (2.0, 1.0, 0.5))
    strength = max(octaves[0][1], octaves[1][1])
    if strength < LEAST_STRENGTH:
        raise NoMusicBeats(
            f"the sound has no steady pulse (strength {strength:.2f})", where, "give the music"
        )
    time_s = start_s + place * HOP / RATE - LATENCY_S
    return MusicBeats(
        time_s=time_s[time_s >= start_s],
        tempo_bpm=bpm,
        strength=strength,
        doubtful=strength < PLAIN_STRENGTH or length < PLAIN_S,
        octaves=octaves,
        method=f"librosa {librosa.__version__} beat_track",
        start_s=float(start_s),
        end_s=float(start_s + length),
    )
