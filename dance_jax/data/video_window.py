"""Decodes the frames of one window of a clip at one size: scaled to cover it, then cropped.

A clip is a video, or a folder of images with a rate.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax.data import image_window
from dance_jax.data.container import REENCODE, open_container, video_stream
from dance_jax.data.fitting import fit
from dance_jax.data.limits import Limits
from dance_jax.data.orientation import Orientation, orientation_of, square_size
from dance_jax.data.video import open_video
from dance_jax.errors import InputError

_NEAR_S = 0.002  # times that were rounded to milliseconds still find their frames
# (file, size, time of change) -> what its first frame says: a window of it needs that every time.
_FIRST: dict[tuple[str, int, int], tuple[int, Orientation]] = {}
_FIRST_KEPT = 10_000


def frame_times(
    path: str | os.PathLike[str], limits: Limits | None = None, *, fps: float | None = None
) -> np.ndarray:
    """Returns f64[T], the true times of a clip's frames in seconds; a video is decoded for them.

    Args:
        path: a video, or a folder of images.
        limits: the largest input allowed.
        fps: of a folder of images.

    Raises:
        InputError: the clip cannot be read.
    """
    if pathlib.Path(path).is_dir():
        folder = image_window.open_pictures(path, fps, limits)
        return np.arange(len(folder.images)) / folder.info.fps
    with open_video(path, limits=limits, max_side=16) as source:
        return np.array([frame.time_s for frame in source])


def read_window(
    path: str | os.PathLike[str],
    time_s: np.ndarray,
    height: int,
    width: int,
    *,
    threads: int = 1,
    limits: Limits | None = None,
    fps: float | None = None,
) -> np.ndarray:
    """Decodes the frames at some times: from the key frame before them on, no further.

    Frames that are not asked for and that no other frame needs are not decoded.

    Args:
        path: a video, or a folder of images.
        time_s: f64[N] increasing times of frames, as `frame_times` or a clip of it gives them;
            a frame is that within 2 ms.
        height: pixels of what is handed out.
        width: pixels.
        threads: of the decoder.
        limits: the largest input allowed.
        fps: of a folder of images.

    Returns:
        u8[N,height,width,3], upright, red first.

    Raises:
        InputError: the clip cannot be read, or has no frame at a time.
    """
    if pathlib.Path(path).is_dir():
        folder = image_window.open_pictures(path, fps, limits)
        return image_window.read(folder, time_s, height, width)
    limits, time_s = limits or Limits(), np.asarray(time_s, np.float64)
    if not len(time_s):
        return np.empty((0, height, width, 3), np.uint8)
    near = min([_NEAR_S, *(0.5 * np.diff(time_s))])
    for seek in (True, False):
        out = np.empty((len(time_s), height, width, 3), np.uint8)
        found = 0
        with _Decoder(path, limits, threads) as decoder:
            wanted = (time_s, near) if seek else None
            for stamp_s, frame in decoder.frames(wanted):
                if stamp_s > time_s[-1] + near:
                    break
                # A damaged frame, or one that comes too late, after a jump: go through from the
                # start, which gives what any reader sees.
                if seek and (frame.is_corrupt or stamp_s > time_s[found] + near):
                    break
                if abs(stamp_s - time_s[found]) <= near:
                    out[found] = decoder.picture(frame, height, width)
                    found += 1
                    if found == len(time_s):
                        return out
    what = f"it has no frame at {time_s[found]:.3f} s"
    raise InputError(what, path, f"take its times from the file itself, or {REENCODE}")


class _Decoder:
    """One opened video whose frames come with seconds since the first."""

    def __init__(self, path: str | os.PathLike[str], limits: Limits, threads: int) -> None:
        from av.video.reformatter import VideoReformatter

        self.path = path
        self.container, self.kind = open_container(path, limits)
        try:
            self.stream = video_stream(self.container, path)
        except InputError:
            self.container.close()
            raise
        self.threads = self.stream.codec_context.thread_count = threads
        allowed = 2 * limits.max_width * limits.max_height
        self.stream.codec_context.options = {"max_pixels": str(allowed)}
        self.orientation: Any = None
        self.scaler, self.converter = VideoReformatter(), VideoReformatter()

    def __enter__(self) -> _Decoder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.container.close()

    def frames(self, wanted: tuple[np.ndarray, float] | None) -> Iterator[tuple[float, Any]]:
        """Yields (seconds, frame) in the order shown.

        Args:
            wanted: (times, nearness) in seconds: begins at a key frame before the first of them,
                and may leave out frames that are near to none; None yields all.
        """
        times, near = wanted or (np.zeros(1), 0.0)
        if self.kind == "avi" or times[0] <= near:  # avi holds no presentation times, see `video`
            first = last = None
            for frame in self._decoded(None):
                stamp = frame.dts if self.kind == "avi" else frame.pts
                if stamp is None and self.kind == "avi":  # the frames flushed at the end
                    stamp = 0 if last is None else last + self._step()
                if stamp is None:
                    continue
                last = stamp
                if first is None:
                    first, self.orientation = stamp, orientation_of(frame)
                yield float((stamp - first) * self.stream.time_base), frame
            return
        found = self._first()
        if found is None:
            return
        first, self.orientation = found
        second = 1 / float(self.stream.time_base)
        stamps, near = first + times * second, near * second
        self.container.seek(round(stamps[0]), stream=self.stream, backward=True)
        for frame in self._decoded((stamps - near, stamps + near)):
            if frame.pts is not None:
                yield float((frame.pts - first) * self.stream.time_base), frame

    def _step(self) -> int:
        rate = self.stream.average_rate
        return round(1 / (rate * self.stream.time_base)) if rate else 1

    def _first(self) -> tuple[int, Orientation] | None:
        """Returns the first frame's stamp and how it is shown, None where there is no frame."""
        status = os.stat(self.path)
        key = (os.path.abspath(self.path), status.st_size, status.st_mtime_ns)
        if key not in _FIRST:
            for frame in self._decoded(None):
                if frame.pts is not None:
                    if len(_FIRST) >= _FIRST_KEPT:
                        _FIRST.clear()
                    _FIRST[key] = frame.pts, orientation_of(frame)
                    break
        return _FIRST.get(key)

    def _decoded(self, wanted: tuple[np.ndarray, np.ndarray] | None) -> Iterator[Any]:
        """Yields decoded frames; what cannot be decoded is left out.

        Args:
            wanted: (from, to) stamps of the frames to decode in any case; the others are decoded
                only where those need them. None decodes all.
        """
        import av

        context = self.stream.codec_context
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
            if wanted is not None and packet is not None:
                context.skip_frame = "DEFAULT" if _needed(packet.pts, *wanted) else "NONREF"
            try:
                yield from self.stream.decode(packet)
            except EOFError:
                return
            except (av.FFmpegError, ValueError):
                if packet is None:
                    return
            if packet is None or packet.size == 0:
                return

    def picture(self, frame: Any, height: int, width: int) -> np.ndarray:
        """Returns u8[height,width,3] of a frame."""
        turned = self.orientation.transpose
        stored = (frame.width, frame.height)
        square = square_size(self.stream, *stored)
        how = fit(square[::-1] if turned else square, height, width)
        size = (how.height, how.width) if turned else (how.width, how.height)
        if stored != size:
            smaller = size[0] * size[1] < stored[0] * stored[1]
            kind = "AREA" if smaller else "BILINEAR"
            frame = self.scaler.reformat(
                frame, width=size[0], height=size[1], interpolation=kind, threads=self.threads
            )
        rgb = self.converter.reformat(frame, format="rgb24", threads=self.threads).to_ndarray()
        rgb = self.orientation.apply(rgb)
        return rgb[how.top : how.top + height, how.left : how.left + width]


def _needed(stamp: int | None, low: np.ndarray, high: np.ndarray) -> bool:
    """Says whether a stamp is in one of the increasing intervals; one that is unknown may be."""
    if stamp is None:
        return True
    at = int(np.searchsorted(high, stamp))
    return at < len(low) and bool(low[at] <= stamp)
