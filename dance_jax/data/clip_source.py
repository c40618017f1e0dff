"""Clips that windows are read from, one at a time: poses, or videos with the poses in them."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import load, video_window
from dance_jax.data.clip_cache import ClipCache
from dance_jax.errors import InputError
from dance_jax.types import Clip

_HELD = 64  # clips read from files that a process keeps


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

        Raises:
            InputError: the clip cannot be read.
        """
        ...


class PoseClips:
    """Poses in one skeleton; files are read on use, and once now for their sizes.

    Args:
        clips: clips, or files that hold one clip each.
        skeleton: what they are brought to.
        axes: coordinates: 2 drops the depth.

    Raises:
        InputError: a file cannot be read, or a clip has fewer coordinates.
    """

    def __init__(
        self,
        clips: Sequence[Clip | str | os.PathLike[str]],
        skeleton: str = "halpe26",
        axes: int = 3,
    ) -> None:
        self.skeleton, self.axes = skeletons.get(skeleton).name, axes
        self._clips = tuple(clips)
        self._held = None
        names, sizes = [], []
        for at, one in enumerate(self._clips):
            clip = self.clip(at)
            if clip.pose.shape[-1] < axes:
                what = f"it has {clip.pose.shape[-1]} coordinates, not {axes}"
                raise InputError(what, self._name(at, one), "take axes=2")
            names.append(self._name(at, one))
            sizes.append((clip.n_frames, clip.n_people))
        self.names, self.sizes = tuple(names), tuple(sizes)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_held": None}

    @staticmethod
    def _name(at: int, one: object) -> str:
        if isinstance(one, Clip):
            return str(one.source.get("name") or one.source.get("path") or f"clip {at}")
        return os.fspath(one)

    def clip(self, at: int) -> Clip:
        """Returns a clip in the skeleton of this source."""
        if self._held is None:
            self._held = functools.lru_cache(_HELD)(self._load)
        return self._held(at)

    def _load(self, at: int) -> Clip:
        one = self._clips[at]
        clip = one if isinstance(one, Clip) else load.load_clip(one)
        if skeletons.get(clip.skeleton).name != self.skeleton:
            pose, sure = skeletons.convert(clip.pose, clip.confidence, clip.skeleton, self.skeleton)
            clip = clip.replace(pose=pose, confidence=sure, skeleton=self.skeleton, pose_world=None)
        return clip

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        """Returns "time_s" and "pose" of a stretch; a joint without all coordinates is NaN."""
        held = self.clip(clip)
        if held.n_frames < frames.stop or held.n_people <= person:
            what = f"it has {held.n_frames} frames and {held.n_people} people now"
            raise InputError(what, self.names[clip], "make the loader anew")
        pose = held.pose[frames, person, :, : self.axes]
        pose = np.where(np.isfinite(pose).all(-1, keepdims=True), pose, np.nan)
        return {"time_s": held.time_s[frames], "pose": pose}


class VideoClips:
    """Videos, and where they are known the poses in them, both brought to one picture size.

    Without a cache each window is decoded from the key frame before it on. With one, a video is
    decoded once, kept at that size, and windows are read from the disk.

    Args:
        videos: video files.
        height: pixels of the frames; pictures are scaled to cover height x width and cropped.
        width: pixels.
        poses: one clip a video in pixels, with the video's true times; None for frames alone (each
            video is then decoded once now for its times, at no size).
        cache: keeps decoded videos.
        threads: of one decoder.

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
        cache: ClipCache | None = None,
        threads: int = 1,
    ) -> None:
        self.videos = tuple(pathlib.Path(video) for video in videos)
        self.height, self.width, self.cache, self.threads = height, width, cache, threads
        self.names = tuple(str(video) for video in self.videos)
        self._poses, self._digests = None, {}
        if poses is None:
            self._times = tuple(video_window.frame_times(video) for video in self.videos)
            self.sizes = tuple((len(times), 1) for times in self._times)
            return
        if len(poses) != len(self.videos):
            raise ValueError(f"{len(self.videos)} videos need as many clips, got {len(poses)}")
        for name, clip in zip(self.names, poses, strict=True):
            if clip.unit != "px" or clip.image_size is None:
                what = f"its clip is in {clip.unit} of a picture of {clip.image_size} pixels"
                raise InputError(what, name, "give poses in pixels, with image_size")
        self._poses = PoseClips(poses, axes=2)
        self._fits = [video_window.fit(clip.image_size, height, width) for clip in poses]
        self._pictures = [clip.image_size for clip in poses]
        self._times = tuple(clip.time_s for clip in poses)
        self.sizes = self._poses.sizes

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        """Returns "time_s", "frames" and, where they are known, "pose" in pixels of the frames."""
        times = self._times[clip][frames]
        out = {"time_s": times, "frames": self._frames(clip, frames)}
        if self._poses is not None:
            pose = self._poses.read(clip, person, frames)["pose"]
            out["pose"] = self._fits[clip].pixels(pose, self._pictures[clip])
        return out

    def _frames(self, clip: int, frames: slice) -> np.ndarray:
        video, size = self.videos[clip], (self.height, self.width)
        if self.cache is None:
            times = self._times[clip][frames]
            return video_window.read_window(video, times, *size, threads=self.threads)
        if clip not in self._digests:
            self._digests[clip] = _digest(video)

        def decoded() -> dict[str, np.ndarray]:
            times = self._times[clip]
            return {"frames": video_window.read_window(video, times, *size, threads=self.threads)}

        key = {"decoded": list(size), "times": hashlib.sha256(self._times[clip]).hexdigest()}
        return np.asarray(self.cache.arrays(self._digests[clip], key, decoded)["frames"][frames])


def _digest(path: pathlib.Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
