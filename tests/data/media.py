"""Makes small videos on the spot with PyAV; each frame carries its number as black/white blocks."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from dance_jax.data.video import open_video

BITS = 6
BLOCK = 16
WIDTH, HEIGHT = 128, 96
CODECS = {
    "mp4": "libx264",
    "mov": "libx264",
    "mkv": "libx264",
    "webm": "libvpx",
    "avi": "mpeg4",
}


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """u8[H,W,3]: number in binary along the top edge; below it red left, green right, blue foot."""
    image = np.zeros((height, width, 3), np.uint8)
    image[BLOCK:, : width // 2] = (200, 30, 30)
    image[BLOCK:, width // 2 :] = (30, 200, 30)
    image[-BLOCK:] = (30, 30, 200)
    for bit in range(BITS):
        if number >> bit & 1:
            image[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255
    return image


def number_of(image: np.ndarray) -> int:
    """Reads the number back."""
    middle = BLOCK // 2
    return sum((int(image[middle, b * BLOCK + middle, 1]) > 127) << b for b in range(BITS))


def make_video(
    path,
    times,
    *,
    width=WIDTH,
    height=HEIGHT,
    rate=25,
    codec=None,
    ticks=None,
    rotation=None,
    hflip=False,
    audio_s=0.0,
    audio_start_s=0.0,
    audio_rate=16000,
    stream_options=None,
    movflags=None,
    aspect=None,
    noise=None,
):
    """Writes frames 0..n-1 at the given times (seconds); audio is a 440 Hz tone of level 0.5."""
    kind = path.suffix[1:]
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream(codec or CODECS[kind], rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "10", "preset": "ultrafast", **(stream_options or {})}
        if (codec or CODECS[kind]) in ("mpeg4", "libvpx"):
            stream.bit_rate = 4_000_000
            stream.options = dict(stream_options or {})
        ticks = ticks or (rate if kind == "avi" else 90_000)
        base = Fraction(1, ticks)
        stream.codec_context.time_base = base
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=hflip)
        sound = None
        if audio_s:
            sound = out.add_stream("libopus" if kind == "webm" else "aac", rate=audio_rate)
            sound.layout = "mono"
        for number, time_s in enumerate(times):
            image = picture(number, width, height)
            if noise is not None:  # makes every frame cost about the same number of bytes
                spot = np.random.default_rng([noise, number]).integers(0, 255, (48, 64, 3))
                image[BLOCK : BLOCK + 48, :64] = spot
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time_s * ticks), base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            t = np.arange(round(audio_s * audio_rate)) / audio_rate
            tone = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
            for at in range(0, len(tone), 1024):
                piece = av.AudioFrame.from_ndarray(tone[None, at : at + 1024], "fltp", "mono")
                piece.sample_rate = audio_rate
                piece.pts = at + round(audio_start_s * audio_rate)
                piece.time_base = Fraction(1, audio_rate)
                out.mux(sound.encode(piece))
            out.mux(sound.encode(None))
    return path


def steady(n, rate=25):
    """Times of n frames at a constant rate."""
    return [i / rate for i in range(n)]


def read(path, **options):
    """Returns the closed source of a video and all its frames."""
    with open_video(path, **options) as source:
        frames = list(source)
    return source, frames


def one_line(error) -> str:
    """Returns the message of a caught `InputError`, held to be one line with place and mend."""
    line = str(error.value)
    assert "\n" not in line
    assert error.value.fix and error.value.where
    return line
