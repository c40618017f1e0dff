"""Opens a video file, or a folder of images, as a stream of upright RGB frames with true times."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax.data.container import REENCODE, VIDEO_SUFFIXES, open_container, video_stream
from dance_jax.data.frames import (
    Frame,
    FrameSource,
    ReadReport,
    is_variable_rate,
    prefetch,
    reduced_size,
)
from dance_jax.data.limits import API_LIMITS, Limits
from dance_jax.data.orientation import orientation_of
from dance_jax.data.probe import VideoInfo, check_fps, probe, tagged_duration
from dance_jax.errors import InputError

__all__ = [
    "API_LIMITS",
    "VIDEO_SUFFIXES",
    "Frame",
    "FrameSource",
    "Limits",
    "ReadReport",
    "VideoFile",
    "VideoInfo",
    "open_video",
    "prefetch",
    "probe",
]

# A header may promise a frame or two that an edit list hides.
MISSING_FRAMES_ALLOWED = 2
MISSING_SECONDS_ALLOWED = 0.5


def open_video(
    path: str | os.PathLike[str],
    *,
    fps: float | None = None,
    limits: Limits | None = None,
    max_side: int | None = None,
) -> FrameSource:
    """Opens a video file or a folder of images; a context manager that yields `Frame`s.

    Args:
        path: a video (mp4, mov, mkv, webm, avi by its first bytes), or a folder of images.
        fps: of a folder: its frame rate, required. Of a video: None keeps its true times; a
            number sets them aside and times frame i at i / fps.
        limits: the largest input allowed; None for the defaults.
        max_side: the longer side of the frames handed out, in pixels; None for the full size.

    Returns:
        The opened source; each `iter` of it starts again from the first frame.

    Raises:
        InputError: the input is missing, broken, without times, or over a limit.
    """
    if pathlib.Path(path).is_dir():
        from dance_jax.data.image_folder import ImageFolder

        return ImageFolder(path, fps=fps, limits=limits, max_side=max_side)
    return VideoFile(path, fps=fps, limits=limits, max_side=max_side)


class VideoFile:
    """A video file, decoded one frame at a time; memory does not grow with its length.

    A frame whose time is not after the frame before it is dropped and counted. A file that is cut
    short gives what it holds, and `report.truncated` says so. Limits are enforced on what is
    decoded, so a header that lies about its length gains nothing.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float | None = None,
        limits: Limits | None = None,
        max_side: int | None = None,
    ) -> None:
        check_fps(fps)
        self.limits = limits or Limits()
        self.info = probe(path, self.limits, fps=fps)
        self.width, self.height = reduced_size(self.info.width, self.info.height, max_side)
        self.scale = max(self.width, self.height) / max(self.info.width, self.info.height)
        self._fps = fps
        self._container: Any = None
        self._times: list[float] = []
        self.report = self._new_report()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the decoder; safe to call twice."""
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def __iter__(self) -> Iterator[Frame]:
        self.close()
        self.report, self._times = self._new_report(), []
        container, kind = open_container(self.info.path, self.limits)
        self._container = container
        stream = video_stream(container, self.info.path)
        stream.thread_type = "AUTO"
        allowed = 2 * self.limits.max_width * self.limits.max_height
        stream.codec_context.options = {"max_pixels": str(allowed)}
        convert = _Converter(self.width, self.height, smaller=self.scale < 1)
        orientation, stored = None, (0, 0)
        clock = _Clock(kind, stream, self._fps)
        try:
            for frame in self._decode(container, stream):
                if orientation is None:
                    orientation, stored = orientation_of(frame), (frame.width, frame.height)
                time_s = clock.time_of(frame)
                self._check(frame, stored, time_s)
                if time_s is None or (self._times and time_s <= self._times[-1]):
                    self.report.dropped_timestamps += 1
                    continue
                self.report.damaged_packets += bool(frame.is_corrupt)
                rgb = convert(frame, orientation.transpose)
                frame = None  # give the decoder its buffer back before the consumer works
                self._times.append(time_s)
                index = self.report.frames_read
                self.report.frames_read += 1
                yield Frame(index, time_s, orientation.apply(rgb))
            self._finish(stream)
        finally:
            container.close()
            if self._container is container:
                self._container = None

    def _new_report(self) -> ReadReport:
        return ReadReport(
            frames_declared=self.info.n_frames,
            truncated=self.info.truncated,
            variable_frame_rate=self.info.variable_frame_rate,
        )

    def _decode(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yields decoded frames; a packet that cannot be decoded is counted and left out."""
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # the file breaks off inside a packet
                self.report.truncated = True
                packet = None
            try:
                frames = stream.decode(packet)
            except EOFError:
                return
            except (av.FFmpegError, ValueError):
                self.report.damaged_packets += 1
                frames = []
                if packet is None:
                    return
            while frames:
                yield frames.pop(0)
            if packet is None or packet.size == 0:
                return

    def _check(self, frame: Any, stored: tuple[int, int], time_s: float | None) -> None:
        path, limits = self.info.path, self.limits
        if (frame.width, frame.height) != stored:
            at = "" if time_s is None else f" at {time_s:.2f} s"
            change = f"from {stored[0]}x{stored[1]} to {frame.width}x{frame.height}{at}"
            raise InputError(f"the picture size changes {change}", path, REENCODE)
        if time_s is not None and time_s > limits.max_duration_s * 1.001 + 1:
            what = f"it runs past {time_s:.1f} s, longer than its header says"
            raise limits.refuse("max_duration_s", what, path)
        frames = self.report.frames_read + self.report.dropped_timestamps + 1
        if frames * stored[0] * stored[1] > limits.max_pixels * 1.001:
            raise limits.refuse("max_pixels", f"it holds {frames} or more frames", path)
        if frames > limits.max_fps * (limits.max_duration_s + 1):
            raise limits.refuse("max_fps", f"it holds {frames} or more frames", path)

    def _finish(self, stream: Any) -> None:
        """Settles the report at the end of the file."""
        report, info = self.report, self.info
        if not report.frames_read:
            raise InputError("none of its frames can be decoded", info.path, REENCODE)
        times = np.asarray(self._times)
        if len(times) == 1 and report.dropped_timestamps:
            raise InputError(
                "all its frames carry the same time", info.path, "give their rate: --config.fps=30"
            )
        if self._fps is None:
            report.variable_frame_rate = is_variable_rate(times, float(stream.time_base))
        seen = report.frames_read + report.dropped_timestamps
        if info.n_frames:
            missing = info.n_frames - seen - report.damaged_packets
            report.truncated |= missing > MISSING_FRAMES_ALLOWED
        elif self._fps is None and (not info.has_audio or tagged_duration(stream)):
            left = info.duration_s - info.start_s - (times[-1] + 1 / info.fps)
            report.truncated |= bool(left > MISSING_SECONDS_ALLOWED)
        report.complete = True


class _Converter:
    """Turns decoded frames into RGB of the size asked for, before they are turned upright."""

    def __init__(self, width: int, height: int, *, smaller: bool) -> None:
        from av.video.reformatter import VideoReformatter

        self.size = (width, height)
        self.interpolation = "AREA" if smaller else "BILINEAR"
        # Two steps: scaling in the stored planes, then a plain conversion, costs about two thirds
        # of one step that does both.
        self.scaler, self.converter = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: Any, turned: bool) -> np.ndarray:
        """Returns u8[H,W,3] of one frame, as stored; `turned` where upright swaps the sides."""
        width, height = reversed(self.size) if turned else self.size
        if (frame.width, frame.height) != (width, height):
            frame = self.scaler.reformat(
                frame, width=width, height=height, interpolation=self.interpolation
            )
        return self.converter.reformat(frame, format="rgb24").to_ndarray()


class _Clock:
    """Turns a frame's stamp into seconds since the first frame."""

    def __init__(self, kind: str, stream: Any, fps: float | None) -> None:
        self.tick = stream.time_base
        # An avi holds no presentation times: what FFmpeg guesses runs backwards around B-frames,
        # while the decoding stamps of the frames, taken in the order shown, are even.
        self.by_order = kind == "avi"
        self.step = 1 / (stream.average_rate * stream.time_base) if stream.average_rate else 1
        self.fps = fps
        self.count = 0
        self.first: int | None = None
        self.last: int | None = None

    def time_of(self, frame: Any) -> float | None:
        """Returns the time of the next frame in seconds, or None where it carries none."""
        if self.fps is not None:
            self.count += 1
            return (self.count - 1) / self.fps
        stamp = frame.dts if self.by_order else frame.pts
        if stamp is None and self.by_order:  # the frames flushed at the end
            stamp = 0 if self.last is None else self.last + round(self.step)
        if stamp is None:
            return None
        self.first = stamp if self.first is None else self.first
        self.last = stamp
        return float((stamp - self.first) * self.tick)
