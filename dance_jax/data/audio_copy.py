"""Copies an audio track, packet by packet, beside a video that is being written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from dance_jax.data.container import open_container
from dance_jax.data.limits import Limits

# Codecs that an mp4 file may hold and browsers play.
CODECS = ("aac", "mp3", "mp3float", "opus", "flac", "ac3", "alac")


class AudioCopy:
    """The sound of one video, laid under another from a given moment on.

    Args:
        path: the video whose first audio track is copied.
        start_s: moment on that file's own clock that becomes time 0.
        limits: as for reading the video.
    """

    def __init__(
        self, path: str | os.PathLike[str], start_s: float, limits: Limits | None = None
    ) -> None:
        self._container, _ = open_container(path, limits or Limits())
        self._start_s = start_s
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        self._stream: Any = None
        tracks = self._container.streams.audio
        self.source = tracks[0] if tracks else None
        if self.source is not None:
            context = self.source.codec_context
            if context is None or context.name not in CODECS:
                self.source = None

    @property
    def present(self) -> bool:
        """There is a track, in a codec that can be copied."""
        return self.source is not None

    def attach(self, output: Any) -> None:
        """Declares the track in an output container, before anything is written to it."""
        self._stream = output.add_stream_from_template(self.source)
        self._packets = self._container.demux(self.source)
        self._advance()

    def _advance(self) -> None:
        for packet in self._packets:
            if packet.pts is None or packet.dts is None:
                continue
            time_s = float(packet.pts * packet.time_base) - self._start_s
            if time_s >= 0:
                self._next = (time_s, packet)
                return
        self._next = None

    def mux_until(self, output: Any, time_s: float) -> None:
        """Writes the packets that sound before a moment, so that both tracks interleave.

        Args:
            output: the container given to `attach`.
            time_s: seconds on the output's clock.
        """
        while self._next is not None and self._next[0] <= time_s:
            _, packet = self._next
            shift = round(self._start_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            output.mux(packet)
            self._advance()

    def close(self) -> None:
        """Closes the source file."""
        self._container.close()
