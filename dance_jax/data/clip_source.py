"""What windows are read from: clips of poses, or videos with the poses in them."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from dance_jax._version import __version__
from dance_jax.data import video_window
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.fitting import fit
from dance_jax.data.pose_clips import PoseClips, content_hash
from dance_jax.errors import InputError
from dance_jax.types import Clip


class ClipSource(Protocol):
    """What a loader reads windows from; it is copied to worker processes.

    Attributes:
        names: one a clip.
        sizes: (frames, people) of each clip.
    """

    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        """Returns "time_s" f64[n], and "pose" f32[n,J,C], "frames" u8[n,H,W,3] or both.

        Anything else, [n,...], is a stream: the batch has it among its labels.

        Raises:
            InputError: the clip cannot be read.
        """
        ...


class VideoClips:
    """Videos, and where they are known the poses in them, both brought to one picture size.

    Without a cache each window is decoded from the key frame before it on. With one, a video is
    decoded once, kept at that size, and windows are read from the disk.

    Args:
        videos: video files, or folders of images.
        height: pixels of the frames; pictures are scaled to cover height x width and cropped.
        width: pixels.
        poses: one clip a video in pixels, with the video's true times; None for frames alone.
        times: f64[T] seconds of each video's frames; where neither these nor poses are given, each
            video is decoded once now for them (a cache keeps them).
        cache: keeps decoded videos.
        threads: of one decoder.
        fps: of the folders of images.

    Raises:
        InputError: a video cannot be read, or a clip is not in pixels of a picture.
    """

    def __init__(
        self,
        videos: Sequence[str | os.PathLike[str]],
        height: int,
        width: int,
        *,
        poses: Sequence[Clip] | None = None,
        times: Sequence[np.ndarray] | None = None,
        cache: ClipCache | None = None,
        threads: int = 1,
        fps: float | None = None,
    ) -> None:
        self.videos = tuple(pathlib.Path(video) for video in videos)
        self.height, self.width, self.cache = height, width, cache
        self.threads, self.fps = threads, fps
        self.names = tuple(str(video) for video in self.videos)
        self._poses, self._digests = None, {}
        for given in (poses, times):
            if given is not None and len(given) != len(self.videos):
                raise ValueError(f"{len(self.videos)} videos need as many clips, got {len(given)}")
        if poses is None:
            found = map(self._found_times, range(len(self.videos))) if times is None else times
            self.times = tuple(np.asarray(one, np.float64) for one in found)
            self.sizes = tuple((len(one), 1) for one in self.times)
            return
        for name, clip in zip(self.names, poses, strict=True):
            if clip.unit != "px" or clip.image_size is None:
                what = f"its clip is in {clip.unit} of a picture of {clip.image_size} pixels"
                raise InputError(what, name, "give poses in pixels, with image_size")
        self._poses = PoseClips(poses, axes=2)
        self._fits = [fit(clip.image_size, height, width) for clip in poses]
        self._pictures = [clip.image_size for clip in poses]
        self.times = tuple(clip.time_s for clip in poses)
        self.sizes = self._poses.sizes

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        """Returns "time_s", "frames" and, where they are known, "pose" in pixels of the frames."""
        times = self.times[clip][frames]
        out = {"time_s": times, "frames": self._frames(clip, frames)}
        if self._poses is not None:
            pose = self._poses.read(clip, person, frames)["pose"]
            out["pose"] = self._fits[clip].pixels(pose, self._pictures[clip])
        return out

    def _frames(self, clip: int, frames: slice) -> np.ndarray:
        if self.cache is None:
            return self._decoded(clip, frames)
        key = {
            "decoded": [self.height, self.width],
            "times": hashlib.sha256(self.times[clip]).hexdigest(),
        }
        kept = self._kept(clip, key, lambda: {"frames": self._decoded(clip, slice(None))})
        return np.asarray(kept["frames"][frames])

    def _found_times(self, clip: int) -> np.ndarray:
        video, fps = self.videos[clip], self.fps
        if self.cache is None or video.is_dir():
            return video_window.frame_times(video, fps=fps)
        return self._kept(clip, {}, lambda: {"time_s": video_window.frame_times(video)})["time_s"]

    def _kept(
        self, clip: int, key: dict[str, object], make: Callable[[], dict[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        if clip not in self._digests:
            self._digests[clip] = content_hash(self.videos[clip])
        return self.cache.arrays(self._digests[clip], {**key, "version": __version__}, make)

    def _decoded(self, clip: int, frames: slice) -> np.ndarray:
        return video_window.read_window(
            self.videos[clip],
            self.times[clip][frames],
            self.height,
            self.width,
            threads=self.threads,
            fps=self.fps,
        )
