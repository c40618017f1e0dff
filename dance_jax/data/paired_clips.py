"""Clips on clocks of their own: the nearest pictures, poses, and other streams."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax._version import __version__
from dance_jax.data import video_window
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.fitting import fit
from dance_jax.data.pose_clips import HELD_BYTES, Held, PoseClips, content_hash
from dance_jax.errors import InputError
from dance_jax.types import Clip


class Row(NamedTuple):
    """One clip.

    Attributes:
        name: of the clip.
        time_s: f64[T] seconds, increasing: the clock of the clip, 0 at the video's first picture.
        video: a video or folder of images; None without.
        pose: of one person, frame by frame of that clock; None without.
        streams: name -> f32[T,K] of that clock.
    """

    name: str
    time_s: np.ndarray
    video: pathlib.Path | None = None
    pose: Clip | None = None
    streams: Mapping[str, np.ndarray] = {}


class PairedClips:
    """Clips with pictures, poses or both, each on its own clock.

    A video is decoded once, at the times of the clock, and kept: in the cache where there is one,
    else in the memory of each process up to `held_bytes`. A row without pictures gets black ones
    and a row without poses NaN, where other rows have them.

    Args:
        rows: the clips.
        size: (height, width) of the pictures, which are scaled to cover it and cropped; None for
            no pictures.
        skeleton: of the poses.
        axes: coordinates of the poses; 0 for no poses.
        pixels: poses are handed out in pixels of the pictures, y down. Each must say in its source
            how many `pixels_per_unit` it has, and have the `image_size` it comes from.
        cache: keeps decoded videos.
        fps: of the folders of images.
        held_bytes: most bytes of pictures that a process holds without a cache.

    Raises:
        InputError: a video cannot be read, or poses do not say where in the picture they are.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        size: tuple[int, int] | None = None,
        skeleton: str = "halpe26",
        axes: int = 2,
        pixels: bool = False,
        cache: ClipCache | None = None,
        fps: float | None = None,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        self.rows = tuple(rows)
        self.size, self.axes, self.pixels, self.cache, self.fps = size, axes, pixels, cache, fps
        self.names = tuple(row.name for row in self.rows)
        self.sizes = tuple((len(row.time_s), 1) for row in self.rows)
        self._digests: dict[int, str] = {}
        self._held = Held(held_bytes)
        self._poses, self._place, self._joints = None, {}, len(skeletons.get(skeleton))
        if axes:
            self._place = {k: at for at, k in enumerate(self._with_poses())}
            self._poses = PoseClips([self.rows[k].pose for k in self._place], skeleton, axes)
        if pixels:
            for row in self.rows:
                if row.pose is not None and not in_picture(row.pose):
                    what = "its poses do not tell where in the picture they are"
                    raise InputError(what, row.name, "give poses in pixels, with image_size")

    def _with_poses(self) -> list[int]:
        return [k for k, row in enumerate(self.rows) if row.pose is not None]

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        """Returns "time_s", and those of "frames", "pose" and the streams that there are."""
        row = self.rows[clip]
        out = {"time_s": row.time_s[frames]}
        for name, values in row.streams.items():
            out[name] = np.asarray(values[frames], np.float32)
        if self.size is not None:
            out["frames"] = self._pictures(clip)[frames]
        if self._poses is not None:
            out["pose"] = self._pose(clip, frames)
        return out

    def _pose(self, clip: int, frames: slice) -> np.ndarray:
        row = self.rows[clip]
        if row.pose is None:
            shape = (len(row.time_s[frames]), self._joints, self.axes)
            return np.full(shape, np.nan, np.float32)
        pose = self._poses.read(self._place[clip], 0, frames)["pose"]
        if not self.pixels:
            return pose
        scale = float(row.pose.source["pixels_per_unit"])
        down = pose * np.array([scale, -scale], np.float32)
        return fit(row.pose.image_size, *self.size).pixels(down, row.pose.image_size)

    def _pictures(self, clip: int) -> np.ndarray:
        row = self.rows[clip]
        if row.video is None:
            return np.zeros((len(row.time_s), *self.size, 3), np.uint8)
        if self.cache is None:
            return self._held.get(clip, lambda: (self._decoded(clip),))[0]
        if clip not in self._digests:
            self._digests[clip] = content_hash(row.video)
        key = {
            "shown": list(self.size),
            "times": hashlib.sha256(np.ascontiguousarray(row.time_s)).hexdigest(),
            "version": __version__,
        }
        made = self.cache.arrays(self._digests[clip], key, lambda: {"frames": self._decoded(clip)})
        return made["frames"]

    def _decoded(self, clip: int) -> np.ndarray:
        """Returns u8[T,H,W,3], the picture nearest to each time of the clock."""
        row = self.rows[clip]
        return nearest_pictures(row.video, row.time_s, *self.size, fps=self.fps)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_held": Held(self._held.most)}


def nearest_pictures(
    video: str | os.PathLike[str],
    time_s: np.ndarray,
    height: int,
    width: int,
    *,
    fps: float | None = None,
) -> np.ndarray:
    """Returns u8[T,H,W,3], the picture of a video nearest to each time.

    Args:
        video: a video, or a folder of images.
        time_s: f64[T] seconds since its first picture.
        height: pixels.
        width: pixels.
        fps: of a folder of images.

    Raises:
        InputError: it cannot be read, or ends more than half a second before the last time.
    """
    times = video_window.frame_times(video, fps=fps)
    if len(times) == 0 or time_s[-1] > times[-1] + 0.5:
        last = times[-1] if len(times) else 0.0
        what = f"its pictures end at {last:.2f} s, the poses at {time_s[-1]:.2f} s"
        raise InputError(what, video, "give the poses of this very video")
    place = nearest(times, time_s)
    asked, back = np.unique(place, return_inverse=True)
    return video_window.read_window(video, times[asked], height, width, fps=fps)[back]


def nearest(times: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Returns i64[N], the place in increasing `times` that is nearest to each time asked for."""
    right = np.clip(np.searchsorted(times, asked), 1, max(len(times) - 1, 1))
    right = np.minimum(right, len(times) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(asked - times[left]) <= np.abs(times[right] - asked), left, right)


def in_picture(clip: Clip) -> bool:
    """True where a prepared clip tells where in its picture the poses are."""
    return clip.image_size is not None and "pixels_per_unit" in clip.source


def clock(video: str | os.PathLike[str], fps: float) -> np.ndarray:
    """Returns f64[T], a clock at one rate over the pictures of a video.

    Raises:
        InputError: it cannot be read, or lasts less than two frames of that rate.
    """
    times = video_window.frame_times(video, fps=fps if pathlib.Path(video).is_dir() else None)
    count = int(np.floor(times[-1] * fps + 1e-3)) + 1 if len(times) else 0
    if count < 2:
        what = f"it lasts less than two frames at {fps:g}/s"
        raise InputError(what, video, "leave it out, or take a higher fps")
    return np.arange(count) / fps
