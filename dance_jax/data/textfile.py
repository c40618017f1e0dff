"""Writes text files whole or not at all, and reads them with one-line errors."""

from __future__ import annotations

import os
import pathlib
import stat

from dance_jax.errors import InputError

MAX_LINES = 2_000_000
MAX_BYTES = 64 << 20  # as text and as lines it takes some five times as much


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file whole or not at all: UTF-8, LF, no byte order mark."""
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_lines(path: str | os.PathLike[str], most: int = MAX_BYTES) -> list[str]:
    """Reads the lines of a text file as `read_text` reads it, at most 2 million."""
    text = read_text(path, most)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MAX_LINES:
        raise InputError(f"it has over {MAX_LINES:,} lines", path, "split it")
    return text.split("\n")


def read_text(path: str | os.PathLike[str], most: int = MAX_BYTES) -> str:
    """Reads a UTF-8 text file whole, with or without a byte order mark.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        InputError: it is no regular file, larger, cannot be read, or is not UTF-8 (with the line).
    """
    data = b""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise InputError("it is not a regular file", path, "give the file's own name")
        if found.st_size > most:
            said = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
            raise InputError(f"the file is larger than {said}", path, "split it")
        data = pathlib.Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"{os.fspath(path)}:{line}"
        raise InputError("it is not UTF-8 text", where, "save it as UTF-8") from error
