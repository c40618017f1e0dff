"""Says what is wrong with a file of poses whose content no longer shows which format it is."""

from __future__ import annotations

import pathlib

from dance_jax.data import formats, json_file, npz_file
from dance_jax.data.formats import Head, ReadOptions
from dance_jax.errors import InputError

# Endings that one format alone has: its own reader knows best what is wrong.
_READERS = {".bvh": "bvh", ".trc": "trc", ".c3d": "c3d", ".mot": "mot", ".sto": "mot"}
_PICKLES = (".pkl", ".pickle")
_TEXTS = (".csv", ".tsv", ".txt")
SUFFIXES = (*_READERS, ".json", ".npz", ".npy", *_PICKLES, *_TEXTS, ".gz")
"""Endings of files of poses."""
_MAX_JSON = 64 << 20
_ZIP, _NPY, _GZIP = b"PK\x03\x04", b"\x93NUMPY", b"\x1f\x8b"


def begins_with_text(head: Head) -> str:
    """Returns the ending of the format that the first words are of: ".json", ".bvh", "" for none.

    Bytes at random hardly ever begin so: these words count whatever the file is called.
    """
    text = head.text.lstrip()
    if text[:1] in ("[", "{") and len(text) > 1:
        return ".json"
    return {"HIERARCHY": ".bvh", "PathFileTy": ".trc"}.get(text[: 9 if text[:1] == "H" else 10], "")


def begins_like(head: Head) -> str:
    """Returns the ending of the format or container that the first bytes are of, "" for none."""
    start = head.start
    for magic, suffix in ((_ZIP, ".npz"), (_NPY, ".npy"), (_GZIP, ".gz")):
        if start.startswith(magic):
            return suffix
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return ".pkl"
    # A C3D's first bytes: the place of its parameters, and 0x50.
    if start[1:2] == b"\x50" and 2 <= start[0] <= 32:
        return ".c3d"
    return begins_with_text(head)


def explain(head: Head) -> InputError | None:
    """Finds what is wrong with a file of which no format is sure.

    Args:
        head: of a file, or of a folder of files.

    Returns:
        The error of the reader that it should be for, by its beginning or else by its ending; None
        where it is sound, or nothing says what it should be.
    """
    if head.is_folder:
        names = [name for name in head.members if name.lower().endswith(".json")]
        return explain(formats.head(head.path / names[0])) if names else None
    suffix = begins_like(head) or head.path.suffix.lower()
    try:
        if suffix == ".npz":
            npz_file.members(head.path)
        elif suffix == ".json" and head.size <= _MAX_JSON:
            for _ in json_file.elements(head.path):
                pass
        elif suffix in _READERS:
            next(formats.find(_READERS[suffix]).read(head.path, ReadOptions()), None)
    except InputError as error:
        return error
    return _named(head, suffix)


def _is_gzip(path: pathlib.Path) -> bool:
    """Returns whether a file begins as a gzip; `Head.start` is unpacked where it could be."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def _named(head: Head, suffix: str) -> InputError | None:
    """Returns what is said of a pickle, a gzip, and text that is none."""
    begins = f"it begins {head.start[:8].hex(' ')}" if head.start else "it is empty"
    path: pathlib.Path = head.path
    if suffix == ".pkl" and head.start[:1] == b"\x80":
        return InputError(
            "it is a pickle, which can hold a program, and names no arrays of AIST++ or pyskl",
            path,
            "give a pickle of theirs, or an npz",
        )
    if suffix in _PICKLES:
        what = f"it is named {suffix}, but is no pickle: {begins}"
        return InputError(what, path, "write it again with pickle protocol 2 to 5")
    if suffix == ".npy" and not head.start.startswith(_NPY):
        return InputError(
            f"it is named .npy, but is no NumPy array: {begins}", path, "copy it again"
        )
    if suffix == ".gz" and (head.start.startswith(_GZIP) or not _is_gzip(path)):
        return InputError(f"it is no whole gzip: {begins}", path, "copy the file again")
    if suffix in _TEXTS and head.start and not head.text:
        what = f"it is named {suffix}, but is no UTF-8 text: {begins}"
        return InputError(what, path, "save it as UTF-8, or copy the file again")
    return None
