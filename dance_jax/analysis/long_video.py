"""A 10-minute 1080p video for the memory benchmark: the packets of a short one, repeated."""

from __future__ import annotations

import fractions
import os
import pathlib

from dance_jax.data import render, synthetic

SECONDS = 10.0
REPEATS = 60


def ten_minutes(folder: pathlib.Path, seed: int = 0) -> pathlib.Path:
    """Returns a video of 60 times the same 10 s synthetic dance, 1920x1080 at 30 frames/s.

    Args:
        folder: where it is made, once.
        seed: the dancer.

    Returns:
        The file.
    """
    import av

    target = folder / "synthetic_1920x1080_600s.mp4"
    if target.exists():
        return target
    short = folder / "synthetic_1920x1080_10s.mp4"
    if not short.exists():
        dance = synthetic.generate(seed, None, SECONDS, 30.0)
        render.render_video(short, dance, width=1920, height=1080)
    partial = folder / f".{target.name}.partial.mp4"
    with av.open(str(partial), "w") as output:
        stream = None
        for k in range(REPEATS):
            with av.open(str(short)) as source:
                track = source.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(track)
                shift = round(fractions.Fraction(SECONDS) * k / track.time_base)
                for packet in source.demux(track):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    output.mux(packet)
    os.replace(partial, target)
    return target
