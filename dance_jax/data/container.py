"""Opens a video container by its first bytes, with nothing but that one file within reach."""

from __future__ import annotations

import os
import pathlib
import struct
from collections.abc import Mapping
from typing import Any

from dance_jax.data.limits import Limits
from dance_jax.errors import InputError

# Container -> (demuxer, the names that demuxer answers to). Nothing else is ever opened, so that
# playlists and "concat" scripts, which make FFmpeg open other files and addresses, stay shut.
DEMUXERS: Mapping[str, tuple[str, str]] = {
    "mp4": ("mov", "mov,mp4,m4a,3gp,3g2,mj2"),
    "mov": ("mov", "mov,mp4,m4a,3gp,3g2,mj2"),
    "mkv": ("matroska", "matroska,webm"),
    "webm": ("matroska", "matroska,webm"),
    "avi": ("avi", "avi"),
}
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
REENCODE = "re-encode it, for example: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"


def container_of(path: str | os.PathLike[str]) -> str:
    """Names the container of a file by its first bytes, never by its suffix.

    Args:
        path: the file.

    Returns:
        "mp4", "mov", "mkv", "webm" or "avi".

    Raises:
        InputError: there is no such file, it is empty, unreadable, or of another kind.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise InputError("there is no such file", path, "check --config.input")
    if path.is_dir() or not path.is_file():
        raise InputError("this is not a file", path, "give a video file")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check its rights") from error
    if not head:
        raise InputError("the file is empty (0 bytes)", path, "copy or download it again")
    kind = head[4:8]
    if kind == b"ftyp":
        return "mov" if head[8:12] == b"qt  " else "mp4"
    if kind in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mov"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm" if b"\x42\x82\x84webm" in head else "mkv"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    raise InputError(
        "this is not a video (its first bytes are not those of mp4, mov, mkv, webm or avi)",
        path,
        "give a video file; " + REENCODE,
    )


def open_container(path: str | os.PathLike[str], limits: Limits) -> tuple[Any, str]:
    """Opens a video file with its demuxer forced and no protocol but plain files.

    Args:
        path: the file.
        limits: the decoder itself refuses larger pictures than these.

    Returns:
        (the PyAV container, its kind as in `container_of`).

    Raises:
        InputError: it is not a video, or it cannot be read.
    """
    import av

    kind = container_of(path)
    demuxer, allowed = DEMUXERS[kind]
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": allowed,
        "max_pixels": str((limits.max_width + 64) * (limits.max_height + 64)),
    }
    try:
        url = "file:" + os.path.abspath(os.fspath(path))
        return av.open(url, format=demuxer, options=options, metadata_errors="replace"), kind
    except (av.FFmpegError, ValueError) as error:
        index = " (its index is missing: the recording or the copy was cut off)"
        raise InputError(
            f"the {kind} file cannot be read{index if kind in ('mp4', 'mov') else ''}",
            path,
            "copy or download it again, or " + REENCODE,
        ) from error


def video_stream(container: Any, path: str | os.PathLike[str]) -> Any:
    """Returns the first moving-picture stream (a cover picture is none), or raises InputError."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    what = "holds audio but no video" if container.streams.audio else "holds no video stream"
    raise InputError(f"the file {what}", path, "give a file with a picture")


def avi_rate_is_zero(path: str | os.PathLike[str]) -> bool:
    """Says whether the video header of an avi file declares a rate of 0 (FFmpeg hides it as 25)."""
    with open(path, "rb") as file:
        head = file.read(65536)
    at = head.find(b"strh")
    while 0 <= at <= len(head) - 36:
        if head[at + 8 : at + 12] == b"vids":
            scale, rate = struct.unpack_from("<II", head, at + 8 + 20)
            return scale == 0 or rate == 0
        at = head.find(b"strh", at + 4)
    return False
