"""Reads and grows a file of sha256 sums, as `sha256sum -c` reads it."""

from __future__ import annotations

import os
import pathlib
import re
import threading
from collections.abc import Mapping

from dance_jax.data.textfile import read_lines, write_text
from dance_jax.errors import InputError

_SUM = re.compile(r"([0-9a-fA-F]{64}) [ *](\S+)")


class Sums:
    """A file of sums: a line is added as soon as a hash is known, so that a killed run keeps it.

    Args:
        path: the file, made where it is not there.
        known: file name -> sha256 that was known beforehand.

    Raises:
        InputError: the file contradicts `known`, or is none of sums.
    """

    def __init__(self, path: pathlib.Path, known: Mapping[str, str]) -> None:
        self.path, self.lock, self.known = path, threading.Lock(), dict(known)
        self.sums = read_sums(path, may_be_cut=True) if path.exists() else {}
        for name, digest in known.items():
            if self.sums.get(name, digest) != digest:
                what = f"{name} is recorded with another sha256 than is known"
                raise InputError(what, path, "remove its line and its file")
        self.tidy()

    def get(self, file: str) -> str:
        """Returns the sha256 that a file must have, "" where nobody knows it."""
        return self.sums.get(file) or self.known.get(file, "")

    def record(self, file: str, digest: str) -> None:
        """Adds the sha256 of a file that has none here; safe from several threads."""
        with self.lock:
            if file not in self.sums:
                self.sums[file] = digest
                with open(self.path, "a", encoding="utf-8") as out:
                    out.write(f"{digest}  {file}\n")

    def tidy(self) -> None:
        """Writes the lines in the order of the names; a line cut by a kill is gone then."""
        lines = (f"{digest}  {name}\n" for name, digest in sorted(self.sums.items()))
        write_text(self.path, "".join(lines))


def read_sums(path: str | os.PathLike[str], *, may_be_cut: bool = False) -> dict[str, str]:
    """Reads `sha256sum` lines: file name -> sha256, in small letters.

    Args:
        path: the file.
        may_be_cut: leave out a last line that is none, as a killed run leaves it.

    Raises:
        InputError: a line is none, or one file has two hashes.
    """
    lines, out = read_lines(path), {}
    for k, line in enumerate(lines, 1):
        found = _SUM.fullmatch(line)
        if found is None:
            if not line or (may_be_cut and k == len(lines)):
                continue
            raise InputError("it is no line of sha256sum", f"{path}:{k}", "HASH, two blanks, NAME")
        digest = found[1].lower()
        if out.setdefault(found[2], digest) != digest:
            raise InputError(f"{found[2]} has two hashes", f"{path}:{k}", "keep one")
    return out
