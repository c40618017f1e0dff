"""Keeps what was made from a clip (decoded frames, poses) on disk, found again by content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from dance_jax.data import clip_npz, file_lock
from dance_jax.data.formats import ReadOptions
from dance_jax.errors import InputError
from dance_jax.types import Clip

MAX_BYTES = 20 << 30
VERSION = 1
_MAGIC = b"dance_jax cache1"
_START = len(_MAGIC) + 32 + 8  # magic, sha256 of the rest, length of the header
_ALIGN = 64
_PIECE = 8 << 20
_TEMPORARY = (".partial_", ".clip_")
_SHRINKING = "shrink.lock"
_STALE_S = 24 * 3600.0


class ClipCache:
    """A folder of arrays, each entry named by the hash of its source and its parameters.

    Entries are written whole or not at all. The sha256 of an entry is checked when a process first
    reads it; a damaged one is removed and made anew. Several processes may use one folder: an
    entry is made by one of them while the others wait for it. Over `max_bytes` the entries that
    were not used for longest are removed; arrays already handed out stay readable. What a writer
    that was killed left behind is removed a day later, when the folder is next opened.

    Args:
        folder: where it is kept; made where it is not there.
        max_bytes: most bytes of all entries.

    Raises:
        InputError: the folder cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> None:
        self.folder, self.max_bytes = pathlib.Path(folder), int(max_bytes)
        self._checked: set[tuple[int, int, int]] = set()
        with _told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()

    def _sweep(self) -> None:
        """Removes temporary files and folders, and locks, that are old and that nobody holds."""
        for path in self.folder.iterdir():
            if path.name.startswith(_TEMPORARY) or path.suffix == ".lock":
                with contextlib.suppress(FileNotFoundError):
                    old = time.time() - path.stat().st_mtime > _STALE_S
                    if old and path.name != _SHRINKING:
                        file_lock.remove_if_free(path)

    def path(self, source: str, parameters: Mapping[str, Any]) -> pathlib.Path:
        """Returns where an entry is kept.

        Args:
            source: sha256 of what it is made from.
            parameters: everything else that decides what is in it, as JSON values.
        """
        text = json.dumps([VERSION, source, parameters], sort_keys=True, allow_nan=False)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.entry"

    def arrays(
        self,
        source: str,
        parameters: Mapping[str, Any],
        make: Callable[[], Mapping[str, np.ndarray]],
    ) -> dict[str, np.ndarray]:
        """Returns an entry's arrays, made on the first call; read-only and read from disk on use.

        Args:
            source: sha256 of what it is made from.
            parameters: everything else that decides what is in it, as JSON values.
            make: makes the arrays of numbers; its errors are passed on and nothing is kept.

        Raises:
            InputError: the folder cannot be written.
        """
        path = self.path(source, parameters)
        found = self._read(path)
        if found is not None:
            return found
        with _locked(path.with_suffix(".lock")):
            found = self._read(path)  # another process may have made it meanwhile
            if found is not None:
                return found
            made = {name: np.asarray(value) for name, value in make().items()}
            if _header(made)[1] > self.max_bytes:
                return made  # it would push out all the others, and then itself
            with _told(path):
                self._checked.add(_write(path, made))
        self.shrink(keep=path)
        found = self._read(path)
        return made if found is None else found

    def clip(self, source: str, parameters: Mapping[str, Any], make: Callable[[], Clip]) -> Clip:
        """Returns a clip (poses with all their fields), made on the first call.

        Args:
            source: sha256 of what it is made from.
            parameters: the estimator with its settings, as JSON values.
            make: makes the clip.

        Raises:
            InputError: the folder cannot be written, or `clip_npz` cannot hold the clip.
        """

        def packed() -> dict[str, np.ndarray]:
            with (
                tempfile.TemporaryDirectory(dir=self.folder, prefix=_TEMPORARY[1]) as folder,
                file_lock.in_use(folder),
            ):
                file = pathlib.Path(folder) / "clip.npz"
                clip_npz.write(file, make())
                return {"npz": np.fromfile(file, np.uint8)}

        held = self.arrays(source, {"clip": dict(parameters)}, packed)["npz"]
        with tempfile.TemporaryDirectory(prefix="clip_") as folder:
            file = pathlib.Path(folder) / "clip.npz"
            held.tofile(file)
            return next(clip_npz.read(file, ReadOptions()))

    def size(self) -> int:
        """Returns the bytes of all entries."""
        return sum(row[1] for row in self._entries())

    def shrink(self, keep: pathlib.Path | None = None) -> int:
        """Removes entries, the one unused for longest first, down to `max_bytes`.

        Args:
            keep: an entry to leave where it is.

        Returns:
            how many were removed.
        """
        count = 0
        with _locked(self.folder / _SHRINKING, remove=False):
            rows = sorted(self._entries())
            total = sum(row[1] for row in rows)
            for _, size, path in rows:
                if total <= self.max_bytes:
                    break
                if path != keep:
                    path.unlink(missing_ok=True)
                    total, count = total - size, count + 1
        return count

    def _entries(self) -> Iterator[tuple[int, int, pathlib.Path]]:
        """Yields (last use, bytes, path) of each entry."""
        for path in self.folder.glob("*.entry"):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                yield stat.st_atime_ns, stat.st_size, path

    def _read(self, path: pathlib.Path) -> dict[str, np.ndarray] | None:
        """Returns the arrays, None where there is no entry or a damaged one, which is removed."""
        try:
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
                identity = _identity(stat)
                header = _checked_header(file, checked=identity in self._checked)
                if header is None:
                    path.unlink(missing_ok=True)
                    return None
                self._checked.add(identity)
                out = {name: _array(file, *row) for name, *row in header}
                # The time of use, set by hand: many systems do not keep it.
                os.utime(file.fileno(), ns=(time.time_ns(), stat.st_mtime_ns))
                return out
        except FileNotFoundError:
            return None


def _checked_header(file: Any, *, checked: bool) -> list[list[Any]] | None:
    """Returns (name, dtype, shape, offset) of each array, None where the entry is damaged."""
    start = file.read(_START)
    if len(start) < _START or not start.startswith(_MAGIC):
        return None
    length = int.from_bytes(start[-8:], "little")
    if length > os.fstat(file.fileno()).st_size:
        return None
    if not checked:
        digest = hashlib.sha256(start[-8:])
        while piece := file.read(_PIECE):
            digest.update(piece)
        if digest.digest() != start[len(_MAGIC) : -8]:
            return None
    file.seek(_START)
    first = -(-(_START + length) // _ALIGN) * _ALIGN
    rows = json.loads(file.read(length))
    return [[name, dtype, shape, first + at] for name, dtype, shape, at in rows]


def _array(file: Any, dtype: str, shape: list[int], offset: int) -> np.ndarray:
    if not np.prod(shape, dtype=np.int64):
        return np.zeros(shape, dtype)
    return np.memmap(file, np.dtype(dtype), "r", offset, tuple(shape))


def _header(made: Mapping[str, np.ndarray]) -> tuple[bytes, int]:
    """Returns what stands before an entry's arrays, and the bytes of the whole entry."""
    rows, size = [], 0
    for name, value in made.items():
        if value.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds {value.dtype}, not numbers")
        rows.append([name, value.dtype.str, list(value.shape), size])
        size += -(-value.nbytes // _ALIGN) * _ALIGN
    header = json.dumps(rows).encode()
    return header, -(-(_START + len(header)) // _ALIGN) * _ALIGN + size


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    """Returns what changes when a file does."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _write(path: pathlib.Path, made: Mapping[str, np.ndarray]) -> tuple[int, int, int]:
    """Writes an entry, whole or not at all; returns its identity."""
    header = _header(made)[0]
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY[0], dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file, file_lock.in_use(name):
            digest = hashlib.sha256()

            def put(data: Any) -> None:
                digest.update(data)
                file.write(data)

            file.write(_MAGIC + bytes(32))
            put(len(header).to_bytes(8, "little"))
            put(header)
            put(bytes(-(_START + len(header)) % _ALIGN))
            for value in made.values():
                put(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
                put(bytes(-value.nbytes % _ALIGN))
            file.seek(len(_MAGIC))
            file.write(digest.digest())
            file.flush()
            identity = _identity(os.fstat(file.fileno()))
            os.replace(name, path)
            return identity
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _told(path: pathlib.Path) -> Iterator[None]:
    """Turns a failure to write into an InputError."""
    try:
        yield
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise InputError(what, path, "choose another folder for the cache") from error


@contextlib.contextmanager
def _locked(path: pathlib.Path, *, remove: bool = True) -> Iterator[None]:
    """Holds a file's lock, among threads and processes alike; it ends with its process."""
    with _told(path):
        handle = file_lock.acquire(path)
    try:
        yield
    finally:
        file_lock.release(handle, path if remove else None)
