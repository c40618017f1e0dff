"""Reads and writes CSV tables whose text cells a spreadsheet never runs as formulas."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dance_jax.data.textfile import read_text, write_text
from dance_jax.errors import InputError

MAX_CELLS = 3_000_000
# A spreadsheet takes a cell that begins so for a formula, full-width forms included.
FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")


class Table(NamedTuple):
    """A table read from CSV.

    Attributes:
        columns: name -> f64[N] where every cell is a number or blank (NaN), else a list of text.
        units: name -> unit, empty where the file has no row of units.
    """

    columns: dict[str, np.ndarray | list[str]]
    units: dict[str, str]


def safe_text(text: str) -> str:
    """Returns the text with a leading ' where a spreadsheet would take it for a formula."""
    return f"'{text}" if _is_risky(text) else text


def plain_text(text: str) -> str:
    """Undoes `safe_text`."""
    return text[1:] if text.startswith("'") and _is_risky(text[1:]) else text


def _is_risky(text: str) -> bool:
    # Quotes already there count as part of the mark, so that reading gives back what was written.
    body = text.lstrip("'")
    return body.startswith(FORMULA_STARTS) or body.lstrip().startswith(FORMULA_STARTS)


def format_cell(value: Any) -> str:
    """Returns one cell: numbers as the shortest text that reads back the same, NaN as blank.

    Args:
        value: None, a bool, a number or text.

    Returns:
        The cell, not yet quoted.
    """
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else str(value)
    return safe_text(str(value))


def write_csv(
    path: str | os.PathLike[str],
    columns: Mapping[str, Sequence[Any] | np.ndarray],
    *,
    units: Mapping[str, str] | None = None,
) -> None:
    """Writes named columns as CSV: UTF-8 without a byte order mark, LF, commas.

    Args:
        path: the file to make.
        columns: name -> N cells (numbers, text, None); all of one length.
        units: name -> unit; where given, a second header row holds them.

    Raises:
        ValueError: the columns differ in length, or there is none.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if not lengths or len(set(lengths.values())) > 1:
        raise ValueError(f"columns must be of one length, got {lengths}")
    lines = _Lines()
    # Python before 3.13 quotes a carriage return only where the line ending holds one.
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([safe_text(str(name)) for name in columns])
    if units is not None:
        writer.writerow([safe_text(units.get(name, "")) for name in columns])
    cells = [[format_cell(value) for value in column] for column in columns.values()]
    writer.writerows(zip(*cells, strict=True))
    write_text(path, "".join(lines.rows))


class _Lines:
    """Takes the rows of a csv writer and ends each with LF alone."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def write(self, row: str) -> None:
        self.rows.append(row.removesuffix("\r\n") + "\n")


def read_csv(path: str | os.PathLike[str], *, units: bool = False) -> Table:
    """Reads a CSV table as `write_csv` makes it.

    Args:
        path: the file.
        units: the second row holds units.

    Returns:
        The table; the marks of `safe_text` are taken off again.

    Raises:
        InputError: with the line, where the file is no table.
    """
    text = read_text(path)
    if text.count(",") + text.count("\n") > MAX_CELLS:
        raise InputError(f"it has over {MAX_CELLS:,} cells", path, "split it")

    def fail(line: int, what: str) -> InputError:
        return InputError(what, f"{os.fspath(path)}:{line}", "export the CSV file again")

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] = []
    kinds: dict[str, str] | None = None
    body = []
    try:
        for row in reader:
            if not names:
                names = [plain_text(name) for name in row]
                if len(set(names)) != len(names):
                    raise fail(1, "two columns have the same name")
                continue
            row = [""] if len(names) == 1 and not row else row  # one blank cell is a blank line
            if len(row) != len(names):
                what = f"the row has {len(row)} cells for {len(names)} columns"
                raise fail(reader.line_num, what)
            if units and kinds is None:
                kinds = dict(zip(names, map(plain_text, row), strict=True))
            else:
                body.append(row)
    except csv.Error as error:
        raise fail(reader.line_num, f"this is not a CSV table ({error})") from error
    if not names or (units and kinds is None):
        raise fail(1, "the table has no header")
    columns = {name: _column([row[i] for row in body]) for i, name in enumerate(names)}
    return Table(columns, kinds or {})


def _column(cells: list[str]) -> np.ndarray | list[str]:
    try:
        return np.array([float(cell) if cell else math.nan for cell in cells], np.float64)
    except ValueError:
        return [plain_text(cell) for cell in cells]
