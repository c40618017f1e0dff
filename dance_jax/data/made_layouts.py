"""Makes the inputs of three earlier systems in small, in their own layouts, of synthetic dancers.

Their own data cannot be had. Each has twelve clips, says in its README.txt that it is synthetic,
and serves to see that a config runs from end to end: a figure measured on it means nothing.
"""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from dance_jax._version import __version__
from dance_jax.data import choreai_text
from dance_jax.data.camera import frame_dancers, project
from dance_jax.data.stick_video import write_sticks
from dance_jax.data.synthetic import generate
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.types import Clip

LABEL = "SYNTHETIC: twelve made clips in the layout of the original; their figures mean nothing"
README = "README.txt"
STYLES = ("ballet_like", "contemporary_like", "hip_hop_like")
_GENRES = {"JB": "ballet_like", "MH": "hip_hop_like"}
_FPS = 25.0


def choreai(folder: pathlib.Path) -> None:
    """Writes choreAI's four files: 100 rows of 51 numbers a clip, labels 1 to 3.

    Nine clips to train on and three to test on, the styles one after the other.

    Args:
        folder: an empty one.
    """
    for part, takes in (("train", range(3)), ("test", range(3, 4))):
        poses, labels = [], []
        for number, style in enumerate(STYLES, 1):
            for take in takes:
                seconds = choreai_text.ROWS / _FPS
                dance = generate(take, style, seconds, _FPS, dancer=take)
                camera = frame_dancers([dance.pose], 480, 640)
                poses.append(project(dance.pose, camera)[: choreai_text.ROWS])
                labels.append(number)
        pose = np.concatenate(poses).astype(np.float32)[:, None]
        seen = np.full(pose.shape[:3], 0.9, np.float32)
        clip = Clip(pose, seen, np.arange(len(pose)) / _FPS, unit="px", image_size=(480, 640))
        choreai_text.write(folder / f"X_{part}.txt", clip)
        write_text(folder / f"Y_{part}.txt", "".join(f"{label}\n" for label in labels))


def aist(folder: pathlib.Path, *, seconds: float = 2.0, side: int = 96) -> None:
    """Writes videos with the names of AIST: two genres, three dancers of each, two takes.

    Args:
        folder: an empty one.
        seconds: of each video.
        side: pixels of the pictures' height and width, even.
    """
    for genre, style in _GENRES.items():
        for dancer in range(1, 4):
            number = dancer + 3 * list(_GENRES).index(genre)
            for take in range(1, 3):
                dance = generate(take, style, seconds, _FPS, dancer=number)
                camera = frame_dancers([dance.pose], side, side)
                name = f"g{genre}_sBM_c01_d{number:02d}_m{genre}{take - 1}_ch{take:02d}.mp4"
                write_sticks(folder / name, dance, camera, _FPS)


def gestures(folder: pathlib.Path, *, width: int = 320, height: int = 120) -> None:
    """Writes SUBJECT/GESTURE/*.png as leapGestRecog has them: six subjects, two gestures.

    A palm has five fingers, a fist has none.

    Args:
        folder: an empty one.
        width: of the pictures, pixels.
        height: of the pictures, pixels.
    """
    rng = np.random.default_rng(0)
    for subject in range(6):
        for number, (gesture, fingers) in enumerate((("palm", 5), ("fist", 0)), 1):
            place = folder / f"{subject:02d}" / f"{number:02d}_{gesture}"
            place.mkdir(parents=True)
            image = rng.integers(0, 20, (height, width)).astype(np.uint8)
            middle = np.array([width, height]) * rng.uniform(0.4, 0.6, 2)
            radius = height * rng.uniform(0.12, 0.16)
            cv2.circle(image, _pixel(middle), round(radius), 180, -1, cv2.LINE_AA)
            for k in range(fingers):
                turn = np.pi * (1.15 + 0.7 * k / 4)
                tip = middle + 2.6 * radius * np.array([np.cos(turn), np.sin(turn)])
                thick = max(round(radius / 3), 1)
                cv2.line(image, _pixel(middle), _pixel(tip), 180, thick, cv2.LINE_AA)
            file = place / f"frame_{subject:02d}_{number:02d}_0001.png"
            write_image(file, image)


def _pixel(place: np.ndarray) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))


def write_image(path: pathlib.Path, image: np.ndarray) -> None:
    """Writes a grey picture u8[H,W] as PNG."""
    from PIL import Image

    Image.fromarray(image).save(path)


MAKERS: Mapping[str, Callable[[pathlib.Path], None]] = {
    "choreai": choreai,
    "aist": aist,
    "gestures": gestures,
}
"""Name of a layout -> what writes it into an empty folder."""


def make(name: str, under: str | os.PathLike[str]) -> pathlib.Path:
    """Makes one layout, whole or not at all, unless it is there already.

    Args:
        name: key of `MAKERS`.
        under: folder that layouts are made in.

    Returns:
        Its folder.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = pathlib.Path(under) / f"{name}-{__version__}"
    if (folder / README).is_file():
        return folder
    part = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        MAKERS[name](part)
        write_text(part / README, LABEL + ".\n")
        if not (folder / README).is_file():  # else another process was first
            os.replace(part, folder)
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise InputError(what, part.parent, "set DANCE_JAX_HOME to a folder of yours") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def is_made(folder: str | os.PathLike[str]) -> bool:
    """True where a folder says that `make` wrote it."""
    readme = pathlib.Path(folder) / README
    return readme.is_file() and readme.read_text("utf-8", "replace").startswith(LABEL)
