"""Reads the images of one window of a folder at one size, as `video_window` reads a video."""

from __future__ import annotations

import functools
import os
import pathlib

import numpy as np

from dance_jax.data.fitting import fit
from dance_jax.data.image_folder import ImageFolder
from dance_jax.data.limits import Limits
from dance_jax.errors import InputError

_NEAR_S = 0.002


class _Pictures(ImageFolder):
    """A folder whose images are read by their place."""

    def picture(self, at: int, height: int, width: int) -> np.ndarray:
        """Returns u8[height,width,3] of one image, scaled to cover that and cropped."""
        import cv2

        rgb = self._read(self.images[at])
        how = fit((rgb.shape[1], rgb.shape[0]), height, width)
        if (how.width, how.height) != (rgb.shape[1], rgb.shape[0]):
            smaller = how.width * how.height < rgb.shape[0] * rgb.shape[1]
            kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            rgb = cv2.resize(rgb, (how.width, how.height), interpolation=kind)
        return rgb[how.top : how.top + height, how.left : how.left + width]


@functools.lru_cache(256)
def _opened(path: str, fps: float, limits: Limits, changed_ns: int) -> _Pictures:
    """Opens a folder and looks at the head of every image, anew only after a change."""
    del changed_ns
    return _Pictures(path, fps=fps, limits=limits)


def open_pictures(
    path: str | os.PathLike[str], fps: float | None, limits: Limits | None = None
) -> _Pictures:
    """Opens a folder of images of one size.

    Args:
        path: the folder.
        fps: image i is shown at i / fps seconds.
        limits: the largest input allowed.

    Raises:
        InputError: the rate is missing, or an image cannot be read or has another size.
    """
    if fps is None:
        raise InputError("a folder of images has no frame rate of its own", path, "give it: fps=30")
    changed_ns = pathlib.Path(path).stat().st_mtime_ns
    return _opened(os.fspath(path), float(fps), limits or Limits(), changed_ns)


def read(folder: _Pictures, time_s: np.ndarray, height: int, width: int) -> np.ndarray:
    """Reads the images at some times.

    Args:
        folder: of `open_pictures`.
        time_s: f64[N] times of images, i / fps to within 2 ms.
        height: pixels of what is handed out.
        width: pixels.

    Returns:
        u8[N,height,width,3], upright, red first.

    Raises:
        InputError: an image cannot be read, or there is none at a time.
    """
    fps = folder.info.fps
    places = np.round(np.asarray(time_s, np.float64) * fps).astype(np.int64)
    near = min(_NEAR_S, 0.5 / fps)
    bad = (np.abs(places / fps - time_s) > near) | (places < 0) | (places >= len(folder.images))
    if bad.any():
        what = f"it has no image at {np.asarray(time_s)[bad][0]:.3f} s at {fps:g} images a second"
        raise InputError(
            what, folder.info.path, "take its times from the folder, with the same fps"
        )
    out = np.empty((len(places), height, width, 3), np.uint8)
    for row, at in enumerate(places.tolist()):
        out[row] = folder.picture(at, height, width)
    return out
