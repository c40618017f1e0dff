"""Cuts one video into clips of one length, size and rate; each appears whole or not at all."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax.data.frames import Frame, reduced_size
from dance_jax.data.limits import Limits
from dance_jax.data.media_facts import file_sha256
from dance_jax.data.probe import probe
from dance_jax.data.video import open_video
from dance_jax.data.video_writer import VideoWriter
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt

FITS = ("keep", "pad", "crop")


@dataclasses.dataclass(frozen=True)
class Cutting:
    """How clips are cut.

    Attributes:
        seconds: length of a clip.
        stride_s: from one start to the next; None for `seconds`: no overlap.
        min_seconds: a last clip shorter than this is dropped.
        fps: frames a second; each takes the source's frame nearest in time.
        side: pixels: of the longer side (keep), or of both (pad, crop).
        fit: "keep" the shape, "pad" to a square with black, or "crop" to the central square.
        crf: quality of the encoder, 0 to 51.
    """

    seconds: float = 10.0
    stride_s: float | None = None
    min_seconds: float = 2.0
    fps: float = 25.0
    side: int = 512
    fit: str = "keep"
    crf: int = 18

    def __post_init__(self) -> None:
        stride = self.stride_s if self.stride_s is not None else self.seconds
        good = self.seconds > 0 and stride > 0 and 0 <= self.min_seconds <= self.seconds
        good = good and 0 < self.fps <= 240 and self.side >= 16 and self.fit in FITS
        if not (good and math.isfinite(self.seconds + stride)):
            what = "lengths, rate or size cannot be used"
            fix = "0 <= min_seconds <= seconds, 0 < fps <= 240, side >= 16, fit keep, pad or crop"
            raise InputError(what, "prepare", fix)

    @property
    def frames(self) -> int:
        """Frames of a whole clip."""
        return max(1, round(self.seconds * self.fps))

    def start_s(self, number: int) -> float:
        """Returns where the clip of a number starts, in seconds."""
        return number * (self.stride_s if self.stride_s is not None else self.seconds)


@dataclasses.dataclass(frozen=True)
class Piece:
    """One clip that was cut.

    Attributes:
        file: its name.
        start_s: its start in the source, seconds.
        frames: how many.
        width: pixels.
        height: pixels.
        sha256: of the file.
    """

    file: str
    start_s: float
    frames: int
    width: int
    height: int
    sha256: str


def piece_name(source: str, start_s: float) -> str:
    """Returns the file name of a clip: source, then start in milliseconds, so names sort."""
    return f"{source}_{round(start_s * 1000):08d}ms.mp4"


def cut(
    path: str | os.PathLike[str],
    folder: pathlib.Path,
    source: str,
    key: str,
    cutting: Cutting,
    *,
    limits: Limits | None = None,
) -> tuple[list[Piece], list[str]]:
    """Cuts a video; one picture is in memory at a time.

    A clip that is there already is kept where its title ends with `key`, and never overwritten.

    Args:
        path: the video.
        folder: where the clips go; it exists.
        source: begins the clips' names.
        key: tells the source's content and the cutting; written into each clip's title.
        cutting: how.
        limits: the largest input allowed.

    Returns:
        The clips in the order of their starts, and sentences on what was odd.

    Raises:
        InputError: the video cannot be read, or another file has the name of a clip.
    """
    done: list[Piece] = []
    with open_video(path, limits=limits) as video:
        shape = _shape(video.width, video.height, cutting)
        notes = []
        if cutting.fps > 1.01 * video.info.fps:
            notes.append(f"frames repeat: the source has {video.info.fps:.5g} frames/s")
        active: list[_Open] = []
        number, dropped = 0, 0
        try:
            for frame, until in _with_reach(video, video.info.fps):
                check_interrupt()
                while cutting.start_s(number) < until:
                    active.append(
                        _Open(folder, source, key, cutting, cutting.start_s(number), shape)
                    )
                    number += 1
                picture = None
                for clip in active:
                    while clip.wants(until):
                        if picture is None and clip.writer is not None:
                            picture = _fitted(frame.rgb, shape, cutting)
                        clip.take(picture)
                done += [clip.close() for clip in active if clip.full]
                active = [clip for clip in active if not clip.full]
            for clip in active:
                if clip.count / cutting.fps >= cutting.min_seconds and clip.count > 0:
                    done.append(clip.close())
                else:
                    clip.abort()
                    dropped += 1
        except BaseException:
            for clip in active:
                clip.abort()
            raise
        if dropped:
            notes.append(
                f"{dropped} clip(s) at the end shorter than {cutting.min_seconds:g} s left out"
            )
        notes += video.report.notes()
    return sorted(done, key=lambda piece: piece.start_s), notes


class _Open:
    """A clip that is being written, or one that is there and only counted."""

    def __init__(
        self,
        folder: pathlib.Path,
        source: str,
        key: str,
        cutting: Cutting,
        start_s: float,
        shape: tuple[int, int],
    ) -> None:
        self.path = folder / piece_name(source, start_s)
        self.cutting, self.start_s, self.count = cutting, start_s, 0
        self.writer: VideoWriter | None = None
        title = f"{source[:120]} from {start_s:.3f} s; {key}"
        if not self.path.exists():
            metadata = {"title": title}
            self.writer = VideoWriter(
                self.path, *shape, cutting.fps, crf=cutting.crf, metadata=metadata
            )
        elif not probe(self.path).title.endswith(key):
            what = "another file has the name of a clip"
            raise InputError(what, self.path, "move it away, or choose another --workdir")

    @property
    def full(self) -> bool:
        return self.count >= self.cutting.frames

    def wants(self, until: float) -> bool:
        """The next frame of the clip is due before `until` on the source's clock."""
        return not self.full and self.start_s + self.count / self.cutting.fps < until

    def take(self, picture: np.ndarray | None) -> None:
        if self.writer is not None and picture is not None:
            self.writer.write(picture)
        self.count += 1

    def close(self) -> Piece:
        if self.writer is not None:
            self.writer.close()
        info = probe(self.path)
        return Piece(
            self.path.name,
            self.start_s,
            self.count,
            info.width,
            info.height,
            file_sha256(self.path),
        )

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.abort()


def _with_reach(video: Any, fps: float) -> Iterator[tuple[Frame, float]]:
    """Yields each frame with the time up to which it is the nearest one, or the last."""
    before: Frame | None = None
    for frame in video:
        if before is not None:
            yield before, (before.time_s + frame.time_s) / 2
        before = frame
    if before is not None:
        yield before, before.time_s + 1 / fps - 1e-6  # it is shown for its own length


def _shape(width: int, height: int, cutting: Cutting) -> tuple[int, int]:
    """Returns (width, height) of the clips: both even, as H.264 wants it."""
    if cutting.fit == "keep":
        width, height = reduced_size(width, height, cutting.side)
    else:
        width = height = cutting.side
    return max(2, width - width % 2), max(2, height - height % 2)


def _fitted(rgb: np.ndarray, shape: tuple[int, int], cutting: Cutting) -> np.ndarray:
    """Returns u8[H,W,3] of the clips' size."""
    import cv2

    height, width = rgb.shape[:2]
    if cutting.fit == "crop":
        side = min(width, height)
        top, left = (height - side) // 2, (width - side) // 2
        rgb = rgb[top : top + side, left : left + side]
    inner = shape
    if cutting.fit == "pad":
        scale = shape[0] / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    if (rgb.shape[1], rgb.shape[0]) != inner:
        smaller = inner[0] < rgb.shape[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        rgb = cv2.resize(np.ascontiguousarray(rgb), inner, interpolation=how)
    if inner == shape:
        return np.ascontiguousarray(rgb)
    out = np.zeros((shape[1], shape[0], 3), np.uint8)
    top, left = (shape[1] - inner[1]) // 2, (shape[0] - inner[0]) // 2
    out[top : top + inner[1], left : left + inner[0]] = rgb
    return out
