"""Clips of poses that windows are read from: held in memory, or mapped from a cache on disk."""

from __future__ import annotations

import collections
import hashlib
import os
import pathlib
import threading
from collections.abc import Callable, Sequence

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax._version import __version__
from dance_jax.data import load
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.image_folder import natural_key
from dance_jax.errors import InputError
from dance_jax.types import Clip

HELD_BYTES = 512 << 20


class PoseClips:
    """Poses in one skeleton; files are read on use, and once now for their sizes.

    Without a cache, what was read last is held in the memory of each process, up to `held_bytes`:
    a larger corpus that is read in random order reads files again and again. With a cache each
    file is read once for all; processes and runs share its poses on disk.

    Args:
        clips: clips, or files (or folders of files) that hold one clip each.
        skeleton: what they are brought to.
        axes: coordinates: 2 drops the depth.
        cache: keeps the poses of files.
        held_bytes: most bytes of poses that a process holds; those of a cache are mapped.

    Raises:
        InputError: a file cannot be read, or a clip has fewer coordinates.
    """

    def __init__(
        self,
        clips: Sequence[Clip | str | os.PathLike[str]],
        skeleton: str = "halpe26",
        axes: int = 3,
        *,
        cache: ClipCache | None = None,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        self.skeleton, self.axes, self.cache = skeletons.get(skeleton).name, axes, cache
        self._clips = tuple(clips)
        self._digests: dict[int, str] = {}
        self._formats: dict[int, str] = {}  # telling it by content takes about as long as reading
        self._held = Held(held_bytes)
        names, sizes = [], []
        for at, one in enumerate(self._clips):
            pose, _ = self._arrays(at)
            names.append(self._name(at, one))
            sizes.append(pose.shape[:2])
        self.names, self.sizes = tuple(names), tuple(sizes)

    @staticmethod
    def _name(at: int, one: object) -> str:
        if isinstance(one, Clip):
            return str(one.source.get("name") or one.source.get("path") or f"clip {at}")
        return os.fspath(one)

    def _arrays(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns pose f32[T,P,J,C], NaN where a joint lacks a coordinate, and time_s f64[T]."""
        return self._held.get(at, lambda: self._made(at))

    def _made(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        one = self._clips[at]
        if isinstance(one, Clip):
            return self._brought(at, one)
        if self.cache is None:
            return self._read_file(at)
        if at not in self._digests:
            self._digests[at] = content_hash(one)

        def read() -> dict[str, np.ndarray]:
            return dict(zip(("pose", "time_s"), self._read_file(at), strict=True))

        # Readers may differ from version to version.
        key = {"poses": self.skeleton, "axes": self.axes, "version": __version__}
        kept = self.cache.arrays(self._digests[at], key, read)
        return np.asarray(kept["pose"]), np.asarray(kept["time_s"])

    def _read_file(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        path = self._clips[at]
        if at not in self._formats:
            self._formats[at] = load.detect(path)[0].name
        return self._brought(at, load.load_clip(path, format=self._formats[at]))

    def _brought(self, at: int, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
        """Brings a clip to the skeleton and the coordinates of this source."""
        pose = clip.pose
        if pose.shape[-1] < self.axes:
            what = f"it has {pose.shape[-1]} coordinates, not {self.axes}"
            raise InputError(what, self._name(at, self._clips[at]), "take axes=2")
        if skeletons.get(clip.skeleton).name != self.skeleton:
            pose, _ = skeletons.convert(pose, clip.confidence, clip.skeleton, self.skeleton)
        pose = pose[..., : self.axes]
        there = np.isfinite(pose).all(-1, keepdims=True)
        return np.where(there, pose, np.float32(np.nan)), clip.time_s

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        """Returns "time_s" and "pose" of a stretch; a joint without all coordinates is NaN."""
        pose, time_s = self._arrays(clip)
        if len(pose) < frames.stop or pose.shape[1] <= person:
            what = f"it has {len(pose)} frames and {pose.shape[1]} people now"
            raise InputError(what, self.names[clip], "make the loader anew")
        return {"time_s": time_s[frames], "pose": pose[frames, person]}


class Held:
    """Arrays that were used last, up to some bytes; for several threads, left behind by a copy."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._start()

    def _start(self) -> None:
        self.bytes, self.lock = 0, threading.Lock()
        self.rows: collections.OrderedDict[int, tuple[np.ndarray, ...]] = collections.OrderedDict()

    def __getstate__(self) -> dict[str, int]:
        return {"most": self.most}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.most = state["most"]
        self._start()

    def get(self, key: int, make: Callable[[], tuple]) -> tuple:
        """Returns what is held under a key, made where it is not there."""
        with self.lock:
            if key in self.rows:
                self.rows.move_to_end(key)
                return self.rows[key]
        made = make()  # without the lock: other threads read other clips meanwhile
        with self.lock:
            if key not in self.rows:
                self.rows[key] = made
                self.bytes += _bytes(made)
            while self.bytes > self.most and len(self.rows) > 1:
                self.bytes -= _bytes(self.rows.popitem(last=False)[1])
        return made


def _bytes(arrays: tuple[np.ndarray, ...]) -> int:
    return sum(array.nbytes for array in arrays)


def content_hash(path: str | os.PathLike[str]) -> str:
    """Returns the sha256 of a file, or of the names and contents of the files in a folder.

    Raises:
        InputError: a file cannot be read.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        return load.file_hash(path)
    digest = hashlib.sha256(b"folder")
    files = [one for one in path.rglob("*") if one.is_file()]
    for one in sorted(files, key=lambda file: natural_key(file.relative_to(path).as_posix())):
        name = one.relative_to(path).as_posix()
        digest.update(f"{len(name)} {name} {load.file_hash(one)}".encode())
    return digest.hexdigest()
