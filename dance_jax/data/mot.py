"""Reads and writes MOT motion tables (OpenSim): named columns over time."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dance_jax.data.textfile import read_lines, write_text
from dance_jax.errors import InputError

MAX_NUMBER = 1e9


class Motion(NamedTuple):
    """A motion table.

    Attributes:
        name: first line of the file.
        columns: name -> f64[T].
        time_s: f64[T], seconds.
        in_degrees: angles are in degrees, not radians.
        comments: further lines of the header.
    """

    name: str
    columns: dict[str, np.ndarray]
    time_s: np.ndarray
    in_degrees: bool
    comments: tuple[str, ...] = ()


def write_mot(
    path: str | os.PathLike[str],
    columns: Mapping[str, np.ndarray],
    time_s: np.ndarray,
    *,
    in_degrees: bool = True,
    name: str | None = None,
    comments: Sequence[str] = (),
) -> None:
    """Writes a motion table; the format has no gaps, so columns with gaps are the caller's to drop.

    Args:
        path: the file to make.
        columns: name -> f[T], finite; angles in degrees where `in_degrees`.
        time_s: f64[T], seconds, increasing.
        in_degrees: the unit of the angles.
        name: the first line; None for the file's name.
        comments: lines of free text for the header.

    Raises:
        ValueError: the shapes do not agree, or a value is not finite.
    """
    time_s = np.asarray(time_s, np.float64)
    values = {str(key): np.asarray(value, np.float64) for key, value in columns.items()}
    if not values or time_s.ndim != 1 or not len(time_s):
        raise ValueError("a motion table needs at least one column and one time")
    for key, value in values.items():
        if value.shape != time_s.shape or not np.isfinite(value).all():
            raise ValueError(f"column {key} must be finite and {list(time_s.shape)}")
        if set(key) & set("\t\r\n ") or not key or key.lower() == "time":
            raise ValueError(f"column name {key!r} must be one word other than time")
    if not np.isfinite(time_s).all() or (np.diff(time_s) <= 0).any():
        raise ValueError("time_s must be finite and increasing")
    header = [
        " ".join((name or pathlib.Path(path).stem).split()),
        "version=1",
        f"nRows={len(time_s)}",
        f"nColumns={len(values) + 1}",
        f"inDegrees={'yes' if in_degrees else 'no'}",
        "",
        *(" ".join(str(line).split()) for line in comments),
        "endheader",
        "\t".join(["time", *values]),
    ]
    table = np.column_stack([time_s, *values.values()])
    rows = ("\t".join(f"{value:.8f}" for value in row) for row in table)
    write_text(path, "\n".join([*header, *rows]) + "\n")


def read_mot(path: str | os.PathLike[str]) -> Motion:
    """Reads a motion table.

    Args:
        path: the file.

    Returns:
        The table, values as in the file (degrees or radians: see `in_degrees`).

    Raises:
        InputError: with the line, where the file does not follow the format, a value is not finite
            or beyond 1e9, or the times do not increase.
    """
    lines = read_lines(path)

    def fail(line: int, what: str) -> InputError:
        return InputError(what, f"{os.fspath(path)}:{line}", "export the MOT file again")

    ends = [i for i, line in enumerate(lines) if line.strip().lower() == "endheader"]
    if not ends or ends[0] + 1 >= len(lines):
        raise fail(len(lines) or 1, "this is not a MOT file (it has no endheader)")
    end = ends[0]
    fields: dict[str, str] = {}
    comments = []
    for line in lines[1:end]:
        key, equals, value = line.partition("=")
        if equals and key.strip() in ("version", "nRows", "nColumns", "inDegrees"):
            fields[key.strip()] = value.strip()
        elif line.strip():
            comments.append(line.strip())
    if fields.get("inDegrees", "").lower() not in ("yes", "no"):
        raise fail(end + 1, "its header does not say inDegrees=yes or inDegrees=no")
    names = lines[end + 1].split()
    if not names or names[0].lower() != "time" or len(set(names)) != len(names):
        raise fail(end + 2, "its columns must begin with time and have names of their own")
    rows = []
    for number, line in enumerate(lines[end + 2 :], start=end + 3):
        if not line.strip():
            continue
        cells = line.split()
        if len(cells) != len(names):
            raise fail(number, f"the row has {len(cells)} cells for {len(names)} columns")
        bad = next((cell for cell in cells if not _is_number(cell)), None)
        if bad is not None:
            raise fail(number, f"the cell {bad[:40]!r} is not a number up to 1e9")
        rows.append([float(cell) for cell in cells])
        if len(rows) > 1 and not rows[-1][0] > rows[-2][0]:
            raise fail(number, f"its times do not increase ({cells[0][:40]})")
    if not rows:
        raise fail(end + 2, "it holds no row of values")
    for key, found in (("nRows", len(rows)), ("nColumns", len(names))):
        if fields.get(key, str(found)) != str(found):
            what = f"its header declares {key}={fields[key][:40]} but it holds {found}"
            raise fail(end + 1, what)
    table = np.array(rows, np.float64).reshape(len(rows), len(names))
    columns = {key: table[:, i] for i, key in enumerate(names) if i}
    in_degrees = fields["inDegrees"].lower() == "yes"
    return Motion(lines[0].strip(), columns, table[:, 0], in_degrees, tuple(comments))


def _is_number(cell: str) -> bool:
    """Whether a cell is a number up to 1e9; the format has no gaps, so nan is none."""
    try:
        return "_" not in cell and abs(float(cell)) <= MAX_NUMBER
    except ValueError:
        return False
