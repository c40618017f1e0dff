"""Video batches: the loader, and the bare decoding of the same files that it is timed against."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from dance_jax.analysis.loader_peers import cores, timed
from dance_jax.errors import InputError

SIDE = 224
CLIP_FRAMES = 150  # of each file, 5 s at 30 frames a second
SHORT = 50  # frames of the shorter windows


def write_videos(folder: pathlib.Path, video: pathlib.Path) -> None:
    """Cuts a video into files of `CLIP_FRAMES` frames, written as `prepare` writes them.

    Args:
        folder: made where it is not there; one that is there is taken as it is.
        video: of at least one such length.

    Raises:
        InputError: it is shorter.
    """
    if folder.exists():
        return
    from dance_jax.data.video import open_video
    from dance_jax.data.video_writer import VideoWriter

    made = pathlib.Path(tempfile.mkdtemp(dir=folder.parent))
    with open_video(video) as source, contextlib.ExitStack() as writers:
        for frame in source:
            at = frame.index % CLIP_FRAMES
            if at == 0:
                writers.close()
                path = made / f"{frame.index // CLIP_FRAMES:03d}.mp4"
                height, width = frame.rgb.shape[:2]
                writer = writers.enter_context(VideoWriter(path, width, height, fps=30.0))
            writer.write(frame.rgb)
    if at + 1 < CLIP_FRAMES:  # what is left at the end is too short
        path.unlink()
    if not files(made):
        made.rmdir()
        what = f"it has {at + 1} frames, the benchmark cuts clips of {CLIP_FRAMES}"
        raise InputError(what, video, "give a longer video: --config.seconds=30")
    made.rename(folder)


def files(folder: str | pathlib.Path) -> list[str]:
    """Returns the files of `write_videos`."""
    return sorted(os.fspath(path) for path in pathlib.Path(folder).glob("*.mp4"))


def _in_threads(read: Callable[[str], np.ndarray], paths: list[str]) -> dict[str, Any]:
    """Reads whole files, a thread a core, and checks what came."""
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:

        def epoch() -> int:
            made = list(pool.map(read, paths))
            if any(one.shape != (CLIP_FRAMES, SIDE, SIDE, 3) for one in made):
                raise ValueError(f"frames are missing: {[one.shape for one in made]}")
            return sum(map(len, made))

        return timed(epoch)


def pyav(folder: str) -> dict[str, Any]:
    """The peer: PyAV decodes each file from start to end, one thread each, resizes and crops."""
    import av
    from av.video.reformatter import VideoReformatter

    from dance_jax.data.fitting import fit

    def read(path: str) -> np.ndarray:
        out = []
        with av.open(path) as file:
            stream = file.streams.video[0]
            stream.codec_context.thread_count = 1
            how = fit((stream.width, stream.height), SIDE, SIDE)
            scaler = VideoReformatter()
            for frame in file.decode(stream):
                small = scaler.reformat(frame, how.width, how.height, "rgb24", threads=1)
                small = small.to_ndarray()
                out.append(small[how.top : how.top + SIDE, how.left : how.left + SIDE])
        return np.stack(out)

    return _in_threads(read, files(folder))


def opencv(folder: str) -> dict[str, Any]:
    """The peer: OpenCV decodes each file from start to end, one thread each, resizes and crops."""
    import cv2

    from dance_jax.data.fitting import fit

    cv2.setNumThreads(1)

    def read(path: str) -> np.ndarray:
        out = []
        file = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        while True:
            there, bgr = file.read()
            if not there:
                break
            how = fit((bgr.shape[1], bgr.shape[0]), SIDE, SIDE)
            small = cv2.resize(bgr, (how.width, how.height), interpolation=cv2.INTER_AREA)
            small = small[how.top : how.top + SIDE, how.left : how.left + SIDE]
            out.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        file.release()
        return np.stack(out)

    return _in_threads(read, files(folder))


def ours(folder: str, way: str) -> dict[str, Any]:
    """The loader on the same files, in a new random order each epoch, a thread a core.

    Args:
        folder: of `write_videos`.
        way: "whole": each window is a file; "short": windows of 50 frames, each decoded for
            itself; "first": an epoch that decodes each file once and fills a cache; "cache": later
            epochs.
    """
    from dance_jax.data.clip_cache import ClipCache
    from dance_jax.data.clip_source import VideoClips
    from dance_jax.data.loader import Loader, LoaderOptions

    length = SHORT if way == "short" else CLIP_FRAMES
    paths = files(folder)

    def epoch(cache: ClipCache | None, seed: int) -> int:
        clips = VideoClips(paths, SIDE, SIDE, cache=cache, times=times)
        options = LoaderOptions(1, length, epochs=1, seed=seed, threads=cores(), ahead=cores())
        loader, frames = Loader(clips, options), 0
        for batch in loader:
            frames += int(batch.frame_mask.sum())
        return frames

    times = VideoClips(paths, SIDE, SIDE).times  # known from the preparation of a corpus
    seeds = iter(range(10**6))
    if way in ("whole", "short"):
        return timed(lambda: epoch(None, next(seeds)))
    with tempfile.TemporaryDirectory(dir=pathlib.Path(folder).parent) as kept:
        if way == "first":
            return timed(lambda: epoch(ClipCache(f"{kept}/{next(seeds)}"), 0))
        cache = ClipCache(kept)
        epoch(cache, 0)
        return timed(lambda: epoch(cache, next(seeds)))
