"""Reads a file of music: any container with a sound track, or wav, flac, ogg and mp3."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from dance_jax.data.audio import Audio, decode_track
from dance_jax.data.container import container_of
from dance_jax.data.limits import Limits
from dance_jax.errors import InputError

_SOUND_ONLY = {b"RIFF", b"fLaC", b"OggS", b"ID3\x02", b"ID3\x03", b"ID3\x04"}


def read_music(path: str | os.PathLike[str], limits: Limits | None = None) -> Audio:
    """Reads the whole sound of a file, mixed to one channel; its first sample is at 0 s.

    Args:
        path: a video or audio file.
        limits: the longest input allowed; None for the defaults.

    Returns:
        The sound.

    Raises:
        InputError: the file is missing, holds no sound, is too long, or cannot be read.
    """
    limits = limits or Limits()
    file = pathlib.Path(path)
    if not file.is_file():
        raise InputError("there is no such file", path, "pass an audio file, auto or none")
    try:
        with file.open("rb") as stream:
            head = stream.read(12)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check its rights") from error
    if not head:
        raise InputError("the file is empty (0 bytes)", path, "copy or download it again")
    sound = head[:4] in _SOUND_ONLY and head[8:12] != b"AVI "
    sound = sound or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)  # mp3 frame
    if sound:
        return _sound_file(file, limits)
    try:
        container_of(path)
    except InputError as error:
        raise InputError(
            "this is no sound (its first bytes are not those of wav, flac, ogg or mp3, nor of a "
            "video with a sound track)",
            path,
            "pass an audio file, auto or none",
        ) from error
    track = decode_track(path, limits, mono=True)
    if track is None:
        raise InputError("the file holds no sound", path, "pass an audio file, auto or none")
    return Audio(track.samples, track.rate)


def _sound_file(file: pathlib.Path, limits: Limits) -> Audio:
    try:
        import soundfile
    except ImportError as error:
        raise InputError(
            "reading sound files needs soundfile", file, "pip install 'dance_jax[music]'"
        ) from error
    try:
        info = soundfile.info(str(file))
        if info.duration > limits.max_duration_s * 1.001:
            raise limits.refuse("max_duration_s", f"it lasts {info.duration:.1f} s", file)
        samples, rate = soundfile.read(str(file), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError("the sound cannot be decoded", file, "convert it to wav") from error
    if not len(samples):
        raise InputError("the file holds no sound", file, "pass another file")
    return Audio(np.ascontiguousarray(samples.mean(1, keepdims=True)), int(rate))
