"""Opens a folder of images as a stream of upright RGB frames at a given rate."""

from __future__ import annotations

import os
import pathlib
import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax.data.frames import Frame, ReadReport, reduced_size
from dance_jax.data.limits import Limits
from dance_jax.data.orientation import Orientation
from dance_jax.data.probe import VideoInfo, check_fps
from dance_jax.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
# EXIF orientation -> (transpose, flip x, flip y).
EXIF_ORIENTATIONS = {
    1: Orientation(),
    2: Orientation(False, True, False),
    3: Orientation(False, True, True),
    4: Orientation(False, False, True),
    5: Orientation(True, False, False),
    6: Orientation(True, True, False),
    7: Orientation(True, True, True),
    8: Orientation(True, False, True),
}
FORMATS = ("JPEG", "PNG", "BMP", "WEBP")


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Returns a sort key that puts img2 before img10."""
    key = []
    for part in re.split(r"(\d+)", name.casefold()):
        digits = part.lstrip("0")  # int() refuses over 4,300 of them
        key.append((1, len(digits), digits) if part.isdecimal() else (0, 0, part))
    return key


def list_images(folder: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Lists the images of a folder (not of its sub-folders) in natural order.

    Args:
        folder: the folder.

    Returns:
        Paths with a suffix in `IMAGE_SUFFIXES`, hidden files left out.

    Raises:
        InputError: there is no such folder, or it holds no image.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InputError("there is no such folder", folder, "check --config.input")
    entries = list(folder.iterdir())
    images = [
        path
        for path in entries
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    if not images:
        what = "the folder holds no images" if entries else "the folder is empty"
        raise InputError(what, folder, "give a video, or a folder of jpg, png, bmp or webp images")
    return sorted(images, key=lambda path: (natural_key(path.name), path.name))


class ImageFolder:
    """A folder of equally large images, read one at a time; frame i is at i / fps seconds.

    EXIF orientation is honoured. An image that cannot be read, or that differs in size, is an
    error that names it: a frame is never skipped or repeated silently.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float | None = None,
        limits: Limits | None = None,
        max_side: int | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.images = list_images(path)
        if fps is None:
            raise InputError(
                "a folder of images has no frame rate of its own", path, "give it: --config.fps=30"
            )
        check_fps(fps)
        self._max_side = max_side
        width, height = self._header_size(self.images[0])
        for image in self.images[1:]:
            size = self._header_size(image)
            if size != (width, height):
                what = f"is {size[0]}x{size[1]} but {self.images[0].name} is {width}x{height}"
                raise InputError(f"the image {what}", image, "make all images the same size")
        self.info = VideoInfo(
            path=os.fspath(path),
            name=pathlib.Path(path).resolve().name,
            width=width,
            height=height,
            fps=float(fps),
            n_frames=len(self.images),
            duration_s=len(self.images) / float(fps),
            codec="images",
            container="folder",
            variable_frame_rate=False,
            timestamps="given fps",
            pixel_format="rgb24",
            colour="rgb",
        )
        self.limits.check(self.info)
        self.width, self.height = reduced_size(width, height, max_side)
        self.scale = max(self.width, self.height) / max(width, height)
        self.report = self._new_report()

    def __enter__(self) -> ImageFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Does nothing: no file stays open between frames."""

    def __iter__(self) -> Iterator[Frame]:
        self.report = self._new_report()
        for index, path in enumerate(self.images):
            rgb = self._read(path)
            self.report.frames_read += 1
            yield Frame(index, index / self.info.fps, rgb)
        self.report.complete = True

    def _new_report(self) -> ReadReport:
        return ReadReport(frames_declared=len(self.images), variable_frame_rate=False)

    def _open(self, path: pathlib.Path) -> Any:
        from PIL import Image

        try:
            return Image.open(path, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise self.limits.refuse("max_width", "the image is far too large", path) from error
        except (OSError, ValueError, SyntaxError) as error:
            raise _unreadable(path) from error

    def _header_size(self, path: pathlib.Path) -> tuple[int, int]:
        """Returns the upright (width, height) of an image without decoding it."""
        with self._open(path) as image:
            width, height = image.size
            self.limits.check_size(width, height, path)
            turned = _orientation(image, path).transpose
        return (height, width) if turned else (width, height)

    def _read(self, path: pathlib.Path) -> np.ndarray:
        """Decodes one image: u8[H,W,3], upright, contiguous."""
        import cv2

        with self._open(path) as image:
            self.limits.check_size(*image.size, path)
            orientation = _orientation(image, path)
            try:
                stored = np.array(image.convert("RGB"))
            except (OSError, ValueError, SyntaxError, TypeError) as error:
                raise _unreadable(path) from error
        rgb = orientation.apply(stored)
        if rgb.shape[:2] != (self.info.height, self.info.width):
            raise InputError("the image changed its size since the start", path, "start again")
        if self.scale < 1:
            size = (self.width, self.height)
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        return rgb


def _orientation(image: Any, path: pathlib.Path) -> Orientation:
    """Reads the EXIF orientation; only from the header, since asking a png for more decodes it."""
    if "exif" not in image.info:
        return EXIF_ORIENTATIONS[1]
    try:
        return EXIF_ORIENTATIONS.get(image.getexif().get(0x0112, 1), EXIF_ORIENTATIONS[1])
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise _unreadable(path) from error


def _unreadable(path: pathlib.Path) -> InputError:
    return InputError(
        "the image cannot be read (not a jpg, png, bmp or webp, or cut short)",
        path,
        "replace it, or remove it from the folder",
    )
