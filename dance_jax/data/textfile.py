"""Writes text files whole or not at all, and reads them with one-line errors."""

from __future__ import annotations

import os
import pathlib

from dance_jax.errors import InputError

MAX_BYTES = 1 << 30


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file whole or not at all: UTF-8, LF, no byte order mark."""
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """Reads the lines of a text file, or raises InputError."""
    return read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_text(path: str | os.PathLike[str]) -> str:
    """Reads a UTF-8 text file of at most 1 GiB, or raises InputError."""
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise InputError("the file is larger than 1 GiB", path, "split it")
        return pathlib.Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    except UnicodeDecodeError as error:
        raise InputError("it is not UTF-8 text", path, "save it as UTF-8") from error
