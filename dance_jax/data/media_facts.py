"""What one media file is: its hash, size and rate, or why it cannot be used; read in blocks."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib

from dance_jax.data.image_folder import IMAGE_SUFFIXES, ImageFolder
from dance_jax.data.limits import Limits
from dance_jax.data.probe import probe
from dance_jax.errors import InputError

_BLOCK = 1 << 20
_ANY_RATE = 25.0  # of a folder of images: it is only opened, never timed


@dataclasses.dataclass(frozen=True)
class MediaFacts:
    """A video, or a folder of images.

    Attributes:
        sha256: of the content, "" where it was not asked for; of a folder: of its images' hashes.
        bytes: size.
        width: pixels, 0 where it cannot be opened.
        height: pixels.
        fps: frames a second, 0 for a folder of images.
        seconds: length, 0 for a folder of images.
        frames: by the header, or images of a folder; None where the header does not say.
        truncated: the index points past the end of the file.
        audio: there is sound.
        error: why it cannot be opened, "" where it can.
        fix: how to mend that.
    """

    sha256: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    fps: float = 0.0
    seconds: float = 0.0
    frames: int | None = None
    truncated: bool = False
    audio: bool = False
    error: str = ""
    fix: str = ""


def media_facts(
    path: str | os.PathLike[str],
    *,
    content_hash: bool = True,
    open_media: bool = True,
    limits: Limits | None = None,
) -> MediaFacts:
    """Reads what a file is; memory does not grow with its size, and nothing is raised.

    Args:
        path: a video, or a folder of images.
        content_hash: compute the sha256.
        open_media: read the header and the first picture.
        limits: the largest input allowed.
    """
    path = pathlib.Path(path)
    try:
        files = _images(path) if path.is_dir() else [path]
        size = sum(file.stat().st_size for file in files)
        digest = ""
        if content_hash:
            digests = [file_sha256(file) for file in files]
            joined = "".join(digests).encode()
            digest = hashlib.sha256(joined).hexdigest() if path.is_dir() else digests[0]
    except OSError as error:
        return MediaFacts(error=f"cannot be read ({error.strerror})", fix="check its permissions")
    facts = MediaFacts(sha256=digest, bytes=size)
    if not open_media:
        return facts
    try:
        if path.is_dir():
            with ImageFolder(path, fps=_ANY_RATE, limits=limits) as source:
                return dataclasses.replace(
                    facts, width=source.width, height=source.height, frames=len(files)
                )
        info = probe(path, limits)
    except InputError as error:
        return dataclasses.replace(facts, error=error.what, fix=error.fix)
    return dataclasses.replace(
        facts,
        width=info.width,
        height=info.height,
        fps=info.fps,
        seconds=info.duration_s,
        frames=info.n_frames,
        truncated=info.truncated,
        audio=info.has_audio,
    )


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Returns the sha256 of a file in hexadecimal, read a mebibyte at a time."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _images(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
