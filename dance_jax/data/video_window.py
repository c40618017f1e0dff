"""Decodes the frames of one window of a video at one size: scaled to cover it, then cropped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dance_jax.data.container import REENCODE, open_container, video_stream
from dance_jax.data.limits import Limits
from dance_jax.data.orientation import orientation_of, square_size
from dance_jax.data.video import open_video
from dance_jax.errors import InputError

_NEAR_S = 0.002  # times that were rounded to milliseconds still find their frames


class Fit(NamedTuple):
    """How a picture is brought to a size.

    Attributes:
        width: of the scaled picture, at least that of the crop.
        height: of the scaled picture.
        left: columns cut off at the left.
        top: rows cut off at the top.
    """

    width: int
    height: int
    left: int
    top: int

    def pixels(self, places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Returns places [..., 2] of the picture of size (width, height) in pixels of the crop."""
        scale = np.array([self.width / size[0], self.height / size[1]])
        return (places * scale - [self.left, self.top]).astype(np.float32)


def fit(size: tuple[int, int], height: int, width: int) -> Fit:
    """Returns how an upright picture covers height x width, its middle kept."""
    scale = max(width / size[0], height / size[1])
    wide, high = max(width, round(size[0] * scale)), max(height, round(size[1] * scale))
    return Fit(wide, high, (wide - width) // 2, (high - height) // 2)


def frame_times(path: str | os.PathLike[str], limits: Limits | None = None) -> np.ndarray:
    """Returns f64[T], the true times of a video's frames in seconds, by decoding it once.

    Raises:
        InputError: the video cannot be read.
    """
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
) -> np.ndarray:
    """Decodes the frames at some times: from the key frame before them on, no further.

    Args:
        path: a video.
        time_s: f64[N] increasing times of frames, as `frame_times` or a clip of it gives them;
            a frame is that within 2 ms.
        height: pixels of what is handed out.
        width: pixels.
        threads: of the decoder.
        limits: the largest input allowed.

    Returns:
        u8[N,height,width,3], upright, red first.

    Raises:
        InputError: the video cannot be read, or has no frame at a time.
    """
    limits, time_s = limits or Limits(), np.asarray(time_s, np.float64)
    near = min([_NEAR_S, *(0.5 * np.diff(time_s))])
    for seek in (True, False):
        out = np.zeros((len(time_s), height, width, 3), np.uint8)
        found = 0
        with _Decoder(path, limits, threads) as decoder:
            for stamp_s, frame in decoder.frames(float(time_s[0]) if seek else 0.0):
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
        self.stream.codec_context.thread_count = threads
        allowed = 2 * limits.max_width * limits.max_height
        self.stream.codec_context.options = {"max_pixels": str(allowed)}
        self.orientation: Any = None
        self.scaler, self.converter = VideoReformatter(), VideoReformatter()

    def __enter__(self) -> _Decoder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.container.close()

    def frames(self, start_s: float) -> Iterator[tuple[float, Any]]:
        """Yields (seconds, frame) in the order shown, from a key frame before a time on."""
        by_order = self.kind == "avi"  # it holds no presentation times, see `video`
        first = None
        for frame in self._decoded():
            stamp = frame.dts if by_order else frame.pts
            if stamp is None:
                continue
            if first is None:
                first = stamp
                self.orientation = orientation_of(frame)
                if start_s > 0 and not by_order:
                    break
            yield float((stamp - first) * self.stream.time_base), frame
        if first is None or start_s <= 0 or by_order:
            return
        target = first + round(start_s / float(self.stream.time_base))
        self.container.seek(target, stream=self.stream, backward=True)
        for frame in self._decoded():
            if frame.pts is not None:
                yield float((frame.pts - first) * self.stream.time_base), frame

    def _decoded(self) -> Iterator[Any]:
        """Yields decoded frames; what cannot be decoded is left out."""
        import av

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
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
            frame = self.scaler.reformat(frame, width=size[0], height=size[1], interpolation=kind)
        rgb = self.converter.reformat(frame, format="rgb24").to_ndarray()
        rgb = self.orientation.apply(rgb)
        return rgb[how.top : how.top + height, how.left : how.left + width]
