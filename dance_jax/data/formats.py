"""What a file format is: how its files are told by their content, read and written."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import math
import os
import pathlib
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator

from dance_jax import skeleton as skeletons
from dance_jax.data import npz_file
from dance_jax.data.image_folder import natural_key
from dance_jax.errors import InputError
from dance_jax.types import Clip

HEAD_BYTES = 64 << 10
MAX_MEMBERS = 1000
UNITS = ("px", "m", "cm", "mm", "in")

# The modules of `dance_jax.data` that export FORMAT; each is imported when a file is looked at.
MODULES = (
    "clip_npz",
    "analysis_npz",
    "alphapose",
    "openpose",
    "coco",
    "mediapipe_files",
    "mediapipe_csv",
    "choreai_text",
    "npz_collection",
    "aistpp_format",
    "pyskl_format",
    "bvh_format",
    "c3d_format",
    "trc_format",
    "mot_format",
    "amass_format",
    "keypoints_npy",
)


@dataclasses.dataclass(frozen=True)
class Head:
    """What telling the format may look at: content first, never the suffix alone.

    Attributes:
        path: the file or folder.
        is_folder: it is a folder.
        size: bytes of the file; 0 for a folder.
        start: the first 64 KiB of the file, unpacked where it is a gzip; b"" for a folder.
        members: names, in natural order, of a folder's entries (the first 1,000) or of a zip's
            (with their ".npy"); () of any other file.
    """

    path: pathlib.Path
    is_folder: bool
    size: int
    start: bytes
    members: tuple[str, ...]

    @property
    def text(self) -> str:
        """The start as text without a byte order mark; "" where it is not UTF-8."""
        part = self.start.removeprefix(b"\xef\xbb\xbf")
        for cut in range(4):  # the last character may be cut through
            try:
                return part[: len(part) - cut].decode("utf-8")
            except UnicodeDecodeError:
                continue
        return ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The whole lines of `text`; the last too where the file ends there."""
        rows = self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        whole = len(self.start) < HEAD_BYTES
        return tuple(rows if whole else rows[:-1])


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """What the caller knows and the file does not say.

    Attributes:
        fps: frames per second.
        unit: "px", "m", "cm", "mm" or "in", of a motion file that does not say its own.
        skeleton: name of the skeleton that is wanted; the poses are converted to it.
        clip: name of one clip in a file of many.
        camera: name of one camera in a file of many.
        allow_pickle: read a pickle, in a restricted process of its own.
        image_size: (width, height) in pixels of the upright picture.
        scaler: file with mean and scale of standardised key points, an npz or a pickle.
    """

    fps: float | None = None
    unit: str | None = None
    skeleton: str | None = None
    clip: str | None = None
    camera: str | None = None
    allow_pickle: bool = False
    image_size: tuple[int, int] | None = None
    scaler: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not (math.isfinite(self.fps) and 0 < self.fps <= 10_000):
            raise InputError(f"it is {self.fps!r}", "fps=", "give frames per second above 0")
        if self.unit is not None and self.unit not in UNITS:
            raise InputError(f"it is {self.unit!r}", "unit=", f"use one of {', '.join(UNITS)}")
        if self.skeleton is not None:
            skeletons.get(self.skeleton)
        if self.scaler is not None and not isinstance(self.scaler, str | os.PathLike):
            raise InputError(f"it is {self.scaler!r}", "scaler=", "give the name of a file")
        if self.image_size is not None:
            sides = tuple(self.image_size)
            if len(sides) != 2 or not all(0 < float(side) <= 1e5 for side in sides):
                raise InputError(f"it is {sides}", "image_size=", "give (width, height) in pixels")

    def need_fps(self, path: object, found: float | None = None) -> float:
        """Returns the caller's frame rate, else the file's, or raises InputError asking for it."""
        fps = self.fps if self.fps is not None else found
        if fps is None:
            raise InputError("the file does not say its frame rate", path, "give it: fps=30")
        return float(fps)


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: such as "alphapose".
        title: such as "AlphaPose JSON".
        sniff: returns what it saw ("AlphaPose, 26 key points, one list"), None where the file is
            not of this format; cheap, and never raises.
        read: gives the clips of a file; raises InputError only.
        write: makes a file from a clip, where the format can be written.
    """

    name: str
    title: str
    sniff: Callable[[Head], str | None]
    read: Callable[[pathlib.Path, ReadOptions], Iterator[Clip]]
    write: Callable[..., None] | None = None


@functools.cache
def formats() -> tuple[Format, ...]:
    """Returns every format, importing the reader modules on the first call."""
    return tuple(importlib.import_module(f"dance_jax.data.{name}").FORMAT for name in MODULES)


def find(name: str) -> Format:
    """Returns the format of that name.

    Raises:
        InputError: there is none.
    """
    for one in formats():
        if one.name == name:
            return one
    names = ", ".join(one.name for one in formats())
    raise InputError(f"there is no format {name!r}", "format=", f"use one of {names}")


def head(path: str | os.PathLike[str]) -> Head:
    """Looks at the start of a file, or at the names in a folder.

    Raises:
        InputError: there is nothing, it cannot be read, or it is neither a file nor a folder.
    """
    path = pathlib.Path(path)
    try:
        what = path.stat()
        if stat.S_ISDIR(what.st_mode):
            names = sorted(_some(path), key=lambda name: (natural_key(name), name))
            return Head(path, True, 0, b"", tuple(names))
        if not stat.S_ISREG(what.st_mode):
            raise InputError("it is neither a file nor a folder", path, "give a file")
        with path.open("rb") as file:
            start = file.read(HEAD_BYTES)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        what = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read ({what})", path, "check the name") from error
    names: tuple[str, ...] = ()
    if b"PK\x03\x04" in start[:64]:
        try:
            listed = npz_file.members(path)
        except (InputError, zipfile.BadZipFile):
            listed = ()  # the reader that takes it says what is wrong with it
        names = tuple(sorted(listed, key=lambda name: (natural_key(name), name)))
    return Head(path, False, what.st_size, _unpacked(start), names)


def _some(folder: pathlib.Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= 100 * MAX_MEMBERS:
                return
            if not entry.name.startswith("."):
                yield entry.name


def _unpacked(start: bytes) -> bytes:
    if not start.startswith(b"\x1f\x8b"):
        return start
    try:
        return zlib.decompressobj(31).decompress(start, HEAD_BYTES)
    except zlib.error:
        return start
