"""Reads pictures of gestures, SUBJECT/GESTURE/PICTURE, as clips of one frame.

Source: leapGestRecog, ten subjects 00 to 09 with ten gestures each, grey 640 x 240.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dance_jax.data.image_folder import FORMATS, IMAGE_SUFFIXES, natural_key
from dance_jax.data.limits import Limits
from dance_jax.data.pose_clips import Held
from dance_jax.errors import InputError

MAX_PICTURES = 1_000_000
_NAMED = "leapGestRecog"
_EXPECTED = "give a folder of SUBJECT/GESTURE/*.png, as leapGestRecog has it"
_HELD_BYTES = 1 << 30  # all of leapGestRecog at 320 x 120 takes 0.8 GB


class Picture(NamedTuple):
    """One picture.

    Attributes:
        name: its path under the root.
        path: the file.
        subject: whose hand it is.
        gesture: the name of its folder, the number before it left out.
    """

    name: str
    path: pathlib.Path
    subject: str
    gesture: str


def find(root: str | os.PathLike[str]) -> list[Picture]:
    """Lists the pictures of a folder.

    Args:
        root: holds SUBJECT/GESTURE/*, or a folder `leapGestRecog` that does. Hidden folders, and
            those that hold no such folders, are left out.

    Raises:
        InputError: there is no such folder, or no picture in it.
    """
    root = pathlib.Path(root)
    if not root.is_dir():
        raise InputError("there is no such folder", root, _EXPECTED)
    while (root / _NAMED).is_dir():  # the archive has one inside the other
        root = root / _NAMED
    out = []
    for subject in _folders(root):
        for gesture in _folders(subject):
            said = re.sub(r"^\d+_", "", gesture.name)
            for path in sorted(gesture.iterdir(), key=lambda p: natural_key(p.name)):
                if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
                    name = f"{subject.name}/{gesture.name}/{path.name}"
                    out.append(Picture(name, path, subject.name, said))
        if len(out) > MAX_PICTURES:
            raise InputError(f"it holds over {MAX_PICTURES:,} pictures", root, "give a part of it")
    if not out:
        raise InputError("it holds no picture of a gesture", root, _EXPECTED)
    return out


def _folders(place: pathlib.Path) -> list[pathlib.Path]:
    found = [p for p in place.iterdir() if p.is_dir() and not p.name.startswith(".")]
    return sorted(found, key=lambda p: natural_key(p.name))


def read_grey(path: str | os.PathLike[str], height: int, width: int) -> np.ndarray:
    """Returns u8[height,width]: a picture in grey (ITU-R 601), brought to that size as it is.

    Args:
        path: a picture; a colour one is read in grey.
        height: pixels.
        width: pixels; another shape of the picture is stretched, as the original does.

    Raises:
        InputError: it cannot be read, or is larger than allowed.
    """
    from PIL import Image

    limits = Limits()
    try:
        with Image.open(path, formats=FORMATS) as image:
            limits.check_size(*image.size, path)
            grey = image.convert("L")
            return np.array(grey.resize((width, height), Image.Resampling.BICUBIC))
    except Image.DecompressionBombError as error:
        raise limits.refuse("max_width", "the picture is far too large", path) from error
    except (OSError, ValueError, SyntaxError) as error:
        what = "the picture cannot be read"
        raise InputError(what, path, "replace it, or remove it from the folder") from error


class Pictures:
    """Pictures as clips of one frame each; what was read last is held in memory.

    Args:
        names: of the pictures.
        paths: of their files.
        height: pixels of what is handed out.
        width: pixels.
    """

    def __init__(
        self, names: Sequence[str], paths: Sequence[pathlib.Path], height: int, width: int
    ) -> None:
        self.names, self.paths = tuple(names), tuple(paths)
        self.sizes = ((1, 1),) * len(self.names)
        self.height, self.width = height, width
        self._held = Held(_HELD_BYTES)

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        """Returns "time_s" and "frames" u8[1,H,W,3], grey in all three colours."""
        del person
        size = (self.height, self.width)
        grey = self._held.get(clip, lambda: (read_grey(self.paths[clip], *size),))[0]
        three = np.repeat(grey[None, ..., None], 3, -1)
        return {"time_s": np.zeros(1)[frames], "frames": three[frames]}
