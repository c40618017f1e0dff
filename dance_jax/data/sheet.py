"""Reads an annotator's CSV as it comes: any delimiter, BOM, line end, encoding; says which."""

from __future__ import annotations

import codecs
import csv
import io
import os
import pathlib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from dance_jax.data.problems import Problem
from dance_jax.data.tables import plain_text
from dance_jax.errors import InputError

MAX_BYTES = 32 << 20
MAX_ROWS = 200_000
MAX_CELL = 10_000
MAX_COLUMNS = 1000
MAX_CELLS = 2_000_000
MAX_PROBLEMS = 10_000
_DELIMITERS = (",", ";", "\t")


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        line: its number in the file, from 1.
        cells: column -> text, stripped.
    """

    line: int
    cells: Mapping[str, str]


class Sheet(NamedTuple):
    """A table of text.

    Attributes:
        path: the file.
        columns: the header, stripped.
        rows: the lines that have as many cells as the header.
        delimiter: "," ";" or a tab.
        problems: what was odd or wrong.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    delimiter: str
    problems: tuple[Problem, ...]


def read_sheet(path: str | os.PathLike[str]) -> Sheet:
    """Reads a CSV table; everything odd becomes a Problem and the rest is read.

    Args:
        path: the file.

    Raises:
        InputError: it cannot be read at all: missing, too large, binary, or without a header.
    """
    where = os.fspath(path)
    found: list[Problem] = []
    text = _text(path, found)
    if "\r\n" in text:
        found.append(Problem("note", "CRLF line ends", where, text="lines end in CR LF; read so"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    if first.count(delimiter) >= MAX_COLUMNS:
        raise InputError(f"it has over {MAX_COLUMNS} columns", f"{where}:1", "keep what is used")
    if delimiter != ",":
        name = "a tab" if delimiter == "\t" else repr(delimiter)
        said = f"cells are separated by {name}; a decimal comma is read as a point"
        found.append(Problem("note", "not separated by commas", where, text=said))
    limit = csv.field_size_limit(MAX_CELL)
    rows: list[Row] = []
    columns: tuple[str, ...] = ()
    lines = io.StringIO(text, newline="\n")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            line = reader.line_num
            stripped = [plain_text(cell.strip()) for cell in cells]
            if not any(stripped):
                continue
            if not columns:
                columns = tuple(stripped)
            elif len(stripped) != len(columns):
                said = f"the row has {len(stripped)} cells for {len(columns)} columns"
                fix = "quote cells that hold the separator"
                found.append(Problem("error", "broken row", f"{where}:{line}", "", said, fix))
            else:
                rows.append(Row(line, dict(zip(columns, stripped, strict=True))))
            if len(rows) > MAX_ROWS or len(rows) * len(columns) > MAX_CELLS:
                what = f"it has more than {MAX_ROWS:,} rows or {MAX_CELLS:,} cells"
                raise InputError(what, where, "split it")
            if len(found) > MAX_PROBLEMS:
                raise InputError(f"it has over {MAX_PROBLEMS:,} broken rows", where, "mend it")
    except csv.Error as error:
        said = f"the table breaks off ({error})"
        fix = "mend the quotes there"
        place = f"{where}:{reader.line_num}"
        found.append(Problem("error", "broken row", place, "", said, fix))
    finally:
        csv.field_size_limit(limit)
    if not columns:
        raise InputError("the table has no header", where, "write the names of the columns first")
    if twice := sorted(name for name, count in Counter(columns).items() if count > 1):
        said = f"two columns are named {twice[0]!r}; the last one is read"
        found.append(Problem("error", "wrong columns", f"{where}:1", twice[0], said, "rename one"))
    return Sheet(where, columns, tuple(rows), delimiter, tuple(found))


def number(text: str, delimiter: str = ",") -> float | None:
    """Returns the number a cell holds, with a decimal comma where commas separate no cells."""
    if delimiter != "," and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    if "_" in text:  # Python's own digit groups
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _text(path: str | os.PathLike[str], found: list[Problem]) -> str:
    where = os.fspath(path)
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise InputError("the table is larger than 32 MiB", where, "split it")
        raw = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where, "check the name") from error
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        said = "the table is UTF-16"
        found.append(Problem("error", "not UTF-8", where, "", said, "save it as CSV UTF-8"))
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw[:4096]:
        raise InputError("it is no text table", where, "export it as CSV")
    if raw.startswith(codecs.BOM_UTF8):
        said = "the file begins with a byte order mark; read so"
        found.append(Problem("note", "byte order mark", where, text=said))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        said = f"byte 0x{raw[error.start]:02x} is not UTF-8; read as Windows-1252"
        fix = "save it as CSV UTF-8"
        found.append(Problem("error", "not UTF-8", f"{where}:{line}", "", said, fix))
        return raw.decode("cp1252", errors="replace")
