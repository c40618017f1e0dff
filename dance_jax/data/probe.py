"""What a video file says of itself, read safely before any of it is decoded in earnest."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from dance_jax.data.container import REENCODE, avi_rate_is_zero, open_container, video_stream
from dance_jax.data.frames import is_variable_rate
from dance_jax.data.limits import Limits
from dance_jax.data.orientation import orientation_of, square_size
from dance_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What the header (and the first frame) of a source say.

    Attributes:
        path: the file or folder.
        name: its name without suffix.
        width: of the upright picture with square pixels, before any `max_side`.
        height: likewise.
        fps: mean frames per second.
        n_frames: frames by the header, None where it does not say; `ReadReport` has the truth.
        duration_s: seconds, 0 where the header does not say.
        codec: name of the video codec, or "images".
        container: "mp4" | "mov" | "mkv" | "webm" | "avi" | "folder".
        rotation: clockwise degrees the stored picture is turned by to stand upright.
        mirrored: the display matrix also flips the picture.
        has_audio: there is an audio track.
        variable_frame_rate: intervals differ by > 10 %; None where only reading can tell.
        start_s: time of the first frame on the file's own clock (audio is on that clock).
        timestamps: "presentation" | "decoding order" (avi) | "given fps".
        pixel_format: as stored.
        colour: the matrix and range that RGB is made from.
        audio_duration_s: length of the audio track by the header, or None.
        truncated: the index points past the end of the file.
        title: the container's title tag; `data.render` writes there that a dancer is synthetic.
    """

    path: str
    name: str
    width: int
    height: int
    fps: float
    n_frames: int | None
    duration_s: float
    codec: str
    container: str
    rotation: int = 0
    mirrored: bool = False
    has_audio: bool = False
    variable_frame_rate: bool | None = None
    start_s: float = 0.0
    timestamps: str = "presentation"
    pixel_format: str = ""
    colour: str = ""
    audio_duration_s: float | None = None
    truncated: bool = False
    title: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict that JSON can hold."""
        return dataclasses.asdict(self)


def probe(
    path: str | os.PathLike[str], limits: Limits | None = None, *, fps: float | None = None
) -> VideoInfo:
    """Reads a video's header and its first frame, and refuses what is broken or too large.

    Args:
        path: a video file.
        limits: the largest input allowed; None for the defaults.
        fps: time the frames by this rate instead of the file's own times (they may be missing).

    Returns:
        What the file says of itself.

    Raises:
        InputError: the file is missing, no video, broken, without frames or times, or too large.
    """
    import av

    limits = limits or Limits()
    check_fps(fps)
    container, kind = open_container(path, limits)
    with container:
        stream = video_stream(container, path)
        if stream.codec_context is None:
            raise InputError("the video codec is not known", path, REENCODE)
        limits.check_size(stream.width, stream.height, path)  # before anything is decoded
        clock = _clock(path, kind, container, stream, fps)
        header = VideoInfo(
            path=os.fspath(path),
            name=pathlib.Path(path).stem,
            width=stream.width,
            height=stream.height,
            codec=stream.codec_context.name,
            container=kind,
            has_audio=bool(container.streams.audio),
            audio_duration_s=_audio_duration(container),
            pixel_format=stream.codec_context.pix_fmt or "",
            title=container.metadata.get("title", "")[:200],
            **clock,
        )
        limits.check(header)
        stream.codec_context.options = {"max_pixels": str(2 * limits.max_width * limits.max_height)}
        frame = None
        try:
            frame = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise InputError(
                f"the first frame cannot be decoded ({header.codec})", path, REENCODE
            ) from error
        if frame is None:
            raise InputError("it holds no video frames", path, "give a file with a picture")
        if frame.pts is None and frame.dts is None and fps is None:
            raise InputError("its frames carry no times", path, "give their rate: --config.fps=30")
        limits.check_size(frame.width, frame.height, path)
        orientation = orientation_of(frame)
        width, height = square_size(stream, frame.width, frame.height)
        if orientation.transpose:
            width, height = height, width
        # The first frame of an avi comes out stamped with the decoder's delay; it is shown at once.
        start = stream.start_time if kind == "avi" else frame.pts
        return dataclasses.replace(
            header,
            width=width,
            height=height,
            rotation=orientation.rotation,
            mirrored=orientation.mirrored,
            start_s=0.0 if start is None else float(start * stream.time_base),
            pixel_format=frame.format.name,
            colour=_colour(frame),
        )


def check_fps(fps: float | None) -> None:
    """Raises InputError where a given frame rate is not a positive number."""
    if fps is not None and not (0 < fps <= 1e4):
        raise InputError(
            f"the frame rate must be above 0, got {fps}", "--config.fps", "give frames per second"
        )


def _clock(
    path: str | os.PathLike[str], kind: str, container: Any, stream: Any, fps: float | None
) -> dict[str, Any]:
    """Reads rate, length, count and variability from the header and from an index of frames."""
    tick = float(stream.time_base or 0)
    entries = list(stream.index_entries) if kind in ("mp4", "mov") else []
    shown = [entry for entry in entries if not entry.is_discard]
    size = os.path.getsize(path)
    n_frames = len(shown) or stream.frames or None
    if entries and not shown:
        n_frames = None
    rate = float(stream.average_rate or 0)
    broken = kind == "avi" and avi_rate_is_zero(path)
    stamps = np.array([entry.timestamp for entry in shown], np.float64) * tick
    if len(shown) > 1:
        span = float(stamps[-1] - stamps[0])
        broken = span <= 0
        rate = (len(shown) - 1) / span if span > 0 and rate <= 0 else rate
    if fps is None and (broken or not rate > 0):
        what = "its header declares 0 frames/s" if broken else "its header declares no frame rate"
        raise InputError(what, path, "give the true rate (--config.fps=30) or " + REENCODE)
    duration = float(stream.duration * stream.time_base) if stream.duration else 0.0
    duration = duration or tagged_duration(stream) or 0.0
    if duration <= 0 and container.duration:
        duration = container.duration / 1e6
    if fps is not None:
        rate, duration = float(fps), (n_frames or 0) / float(fps)
    return {
        "fps": rate,
        "duration_s": duration,
        "n_frames": n_frames,
        "variable_frame_rate": _index_variability(stamps, tick, kind, fps),
        "timestamps": _timestamps(kind, fps),
        "truncated": any(entry.pos + entry.size > size for entry in entries[-64:]),
    }


def _index_variability(
    stamps: np.ndarray, tick: float, kind: str, fps: float | None
) -> bool | None:
    if fps is not None or kind == "avi":
        return False
    return is_variable_rate(stamps, tick) if len(stamps) else None


def _timestamps(kind: str, fps: float | None) -> str:
    if fps is not None:
        return "given fps"
    return "decoding order" if kind == "avi" else "presentation"


def tagged_duration(stream: Any) -> float | None:
    """Returns the length of one mkv or webm track in seconds; the file's may be its audio's."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _audio_duration(container: Any) -> float | None:
    for stream in container.streams.audio:
        if stream.duration:
            return float(stream.duration * stream.time_base)
    return None


def _colour(frame: Any) -> str:
    """Names the matrix and range of a frame; FFmpeg takes BT.601 where the file does not say."""
    matrices = {0: "rgb", 1: "bt709", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
    matrix = matrices.get(int(frame.colorspace), "bt601 (assumed)")
    return f"{matrix}, {'full' if int(frame.color_range) == 2 else 'limited'} range"
