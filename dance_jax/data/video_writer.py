"""Writes H.264 video that browsers play, with exact frame times, whole or not at all."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

TICKS_PER_S = 90_000
"""Clock of the files written: a time is kept to within 5.6 microseconds."""

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)


class VideoWriter:
    """An mp4 file being written: H.264, yuv420p, BT.709, index in front (+faststart).

    H.264 in yuv420p needs even sides: an odd width or height is rounded down to even, and the
    picture is rescaled to it (by less than one pixel; nothing is cropped or padded). The file
    appears under its name only when it is complete; after an error nothing is left.

    Args:
        path: the file to make; its folder must exist.
        width: pixels of the frames given to `write`.
        height: pixels of the frames given to `write`.
        fps: nominal rate; times frames given without `time_s`, and says how long the last one is
            shown. None for frames that all carry their time.
        crf: quality, 0 (lossless) to 51; 23 is x264's default.
        preset: speed against file size, from `PRESETS`.
        metadata: tags such as title and comment.
        max_side: the longer side of the file's picture; larger frames are reduced.
        audio: (video, moment in seconds on its own clock): its sound is copied from there on, where
            it has any that mp4 can hold; `has_audio` says whether.
        repeatable: equal frames give equal bytes; the file is somewhat larger.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        width: int,
        height: int,
        fps: float | None = None,
        *,
        crf: int = 23,
        preset: str = "veryfast",
        metadata: Mapping[str, str] | None = None,
        max_side: int | None = None,
        audio: tuple[str | os.PathLike[str], float] | None = None,
        repeatable: bool = False,
    ) -> None:
        from dance_jax.data.audio_copy import AudioCopy
        from dance_jax.data.frames import reduced_size

        if preset not in PRESETS:
            raise ValueError(f"preset must be one of {PRESETS}, got {preset!r}")
        if not 0 <= crf <= 51:
            raise ValueError(f"crf must be in 0..51, got {crf}")
        if fps is not None and not 0 < fps <= 1000:
            raise ValueError(f"fps must be in (0, 1000], got {fps}")
        if min(width, height) < 2:
            raise ValueError(f"a picture needs at least 2x2 pixels, got {width}x{height}")
        small = reduced_size(width, height, max_side)
        self.path = pathlib.Path(path)
        self.in_width, self.in_height = int(width), int(height)
        self.width, self.height = (max(2, side - side % 2) for side in small)
        self.fps, self.frames_written = fps, 0
        self._options = {"crf": str(crf), "preset": preset}
        if repeatable:
            self._options["mbtree"] = "0"  # with it, x264 packs small pictures anew in every run
        self._metadata = {str(key): str(value) for key, value in (metadata or {}).items()}
        # The name is hidden and unique to this process, in the same folder, so that the final
        # rename is atomic and two runs never write into one file.
        self._temporary = self.path.with_name(f".{self.path.stem}.{os.getpid()}.partial.mp4")
        self._container: Any = None
        self._stream: Any = None
        self._reformatter: Any = None
        self._last_pts = -1
        self._step = round(TICKS_PER_S / fps) if fps else 0
        self._audio: AudioCopy | None = None
        if audio is not None and not os.path.isdir(audio[0]):
            self._audio = AudioCopy(*audio)
            if not self._audio.present:
                self._audio.close()
                self._audio = None
        self.has_audio = self._audio is not None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, rgb: np.ndarray, time_s: float | None = None) -> None:
        """Adds one frame.

        Args:
            rgb: u8[H,W,3], of the size given at the start.
            time_s: presentation time in seconds, >= 0, later than the frame before; None for
                frame number / fps.

        Raises:
            ValueError: wrong shape or type, or a time that does not increase.
        """
        import av

        rgb = np.asarray(rgb)
        if rgb.shape != (self.in_height, self.in_width, 3) or rgb.dtype != np.uint8:
            need = f"u8[{self.in_height},{self.in_width},3]"
            raise ValueError(f"a frame must be {need}, got {rgb.dtype}{list(rgb.shape)}")
        if time_s is None:
            if self.fps is None:
                raise ValueError("a frame needs its time_s where the writer has no fps")
            time_s = self.frames_written / self.fps
        pts = round(float(time_s) * TICKS_PER_S) if math.isfinite(time_s) else -1
        if pts < 0 or pts <= self._last_pts:
            raise ValueError(
                f"times must be >= 0 and increase: {time_s} after {self._last_pts / TICKS_PER_S} s"
            )
        try:
            if self._container is None:
                self._open()
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame = self._reformatter.reformat(
                frame,
                width=self.width,
                height=self.height,
                format="yuv420p",
                dst_colorspace="ITU709",
                dst_color_range="MPEG",
                interpolation="AREA" if self.width * 2 < self.in_width else "BILINEAR",
            )
            frame.pts, frame.time_base = pts, Fraction(1, TICKS_PER_S)
            self._step = self._step if self.fps or self._last_pts < 0 else pts - self._last_pts
            frame.duration = self._step
            self._container.mux(self._stream.encode(frame))
            if self._audio is not None:
                self._audio.mux_until(self._container, float(time_s))
        except BaseException:
            self.abort()
            raise
        self._last_pts = pts
        self.frames_written += 1

    def close(self) -> None:
        """Completes the file and gives it its name; safe to call twice.

        Raises:
            ValueError: no frame was written.
        """
        if self._container is None:
            if not self.frames_written:
                raise ValueError(f"no frame was written to {self.path}")
            return
        try:
            self._container.mux(self._stream.encode(None))
            if self._audio is not None:
                end_s = (self._last_pts + self._step) / TICKS_PER_S
                self._audio.mux_until(self._container, end_s)
                self._audio.close()
            container, self._container = self._container, None
            container.close()
            os.replace(self._temporary, self.path)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Gives up: closes and removes what was written; safe to call twice."""
        import av

        container, self._container = self._container, None
        if self._audio is not None:
            self._audio.close()
        if container is not None:
            with contextlib.suppress(av.FFmpegError, OSError):  # the disk may be full
                container.close()
        self._temporary.unlink(missing_ok=True)

    def _open(self) -> None:
        import av
        from av.video.reformatter import Colorspace, VideoReformatter

        self._container = av.open(
            "file:" + os.path.abspath(self._temporary),
            "w",
            format="mp4",
            options={
                "movflags": "+faststart",
                "video_track_timescale": str(TICKS_PER_S),
                "movie_timescale": str(TICKS_PER_S),  # the time of the first frame is kept in it
            },
        )
        self._container.metadata.update(self._metadata)
        rate = Fraction(self.fps or 30).limit_denominator(100_000)
        stream = self._container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS_PER_S)
        context.colorspace = Colorspace.ITU709
        context.color_primaries, context.color_trc, context.color_range = 1, 1, 1
        stream.time_base = Fraction(1, TICKS_PER_S)
        stream.options = dict(self._options)
        context.thread_type = "AUTO"
        self._stream, self._reformatter = stream, VideoReformatter()
        if self._audio is not None:
            self._audio.attach(self._container)
        self._container.start_encoding()
