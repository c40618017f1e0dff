"""Hands out the audio track of a video on the clock of its frames."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from dance_jax.data.container import open_container
from dance_jax.data.limits import Limits
from dance_jax.data.probe import VideoInfo, probe
from dance_jax.errors import InputError

# Shorter holes are rounding of the container's clock (a millisecond in mkv), not missing sound.
HOLE_S = 0.02


class Audio(NamedTuple):
    """An audio track.

    Attributes:
        samples: f32[N,channels], nominally in [-1, 1].
        rate: samples per second.
        start_s: time of the first sample where the first video frame is at 0; may be negative.
        video_duration_s: length of the video by its header, for comparison.
        filled_s: seconds of silence put where the track has holes, so that later sound stays
            on time.
    """

    samples: np.ndarray
    rate: int
    start_s: float = 0.0
    video_duration_s: float = 0.0
    filled_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Length of the track in seconds."""
        return len(self.samples) / self.rate

    @property
    def mismatch_s(self) -> float:
        """End of the audio minus end of the video, in seconds; positive where audio is longer."""
        return self.start_s + self.duration_s - self.video_duration_s


def read_audio(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    mono: bool = False,
    limits: Limits | None = None,
    info: VideoInfo | None = None,
) -> Audio | None:
    """Reads the first audio track of a video file.

    Args:
        path: the video file.
        rate: resample to this many samples per second; None keeps the track's own.
        mono: mix the channels to one.
        limits: the largest input allowed; None for the defaults.
        info: the result of `probe`, where the caller has it already.

    Returns:
        The track, or None where the file (or a folder of images) has none.

    Raises:
        InputError: the file or its audio cannot be read, or it is longer than the limit.
    """
    if os.path.isdir(path):
        return None
    limits = limits or Limits()
    info = info or probe(path, limits)
    track = decode_track(path, limits, rate=rate, mono=mono)
    if track is None:
        return None
    return track._replace(start_s=track.start_s - info.start_s, video_duration_s=info.duration_s)


def decode_track(
    path: str | os.PathLike[str], limits: Limits, *, rate: int | None = None, mono: bool = False
) -> Audio | None:
    """Decodes the first audio track of a container, with a video beside it or without.

    Args:
        path: an mp4, m4a, mov, mkv, webm or avi file.
        limits: the largest input allowed.
        rate: resample to this many samples per second; None keeps the track's own.
        mono: mix the channels to one.

    Returns:
        The track on the container's own clock, or None where there is none.

    Raises:
        InputError: the file or its audio cannot be read, or it is longer than the limit.
    """
    import av

    container, _ = open_container(path, limits)
    with container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise InputError("the audio codec is not known", path, "convert the sound to AAC")
        parts: list[np.ndarray] = []
        out_rate = int(rate or stream.codec_context.sample_rate)
        layout = "mono" if mono else None
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=out_rate)
        first: float | None = None
        total, filled = 0, 0.0
        try:
            for frame in container.decode(stream):
                if frame.pts is not None:
                    time_s = float(frame.pts * frame.time_base)
                    first = time_s if first is None else first
                    hole = time_s - first - total / out_rate
                    # The resampler holds a few samples back; that much is no hole.
                    if parts and hole > HOLE_S + 512 / out_rate:
                        if hole > limits.max_duration_s:
                            raise limits.refuse("max_duration_s", "its audio has a hole", path)
                        silence = np.zeros((round(hole * out_rate), parts[-1].shape[1]), np.float32)
                        parts.append(silence)
                        total += len(silence)
                        filled += hole
                frame.pts = None
                for piece in resampler.resample(frame):
                    parts.append(np.ascontiguousarray(piece.to_ndarray().T, np.float32))
                    total += len(parts[-1])
                if total > (limits.max_duration_s * 1.001 + 1) * out_rate:
                    raise limits.refuse("max_duration_s", "its audio is longer", path)
            for piece in resampler.resample(None):
                parts.append(np.ascontiguousarray(piece.to_ndarray().T, np.float32))
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            if not parts:
                raise InputError(
                    "its audio cannot be decoded", path, "convert the sound to AAC"
                ) from error
        if not parts:
            return None
        samples = np.concatenate(parts)
    return Audio(samples, out_rate, first or 0.0, filled_s=filled)
