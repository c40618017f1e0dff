"""Reads the rows of comma-separated text, plain or gzipped, within stated bounds."""

from __future__ import annotations

import codecs
import csv
import math
import os
import pathlib
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from dance_jax.errors import InputError

MAX_BYTES = 1 << 30
MAX_LINE = 1 << 18
MAX_RATIO = 100
_PIECE = 1 << 18


def _pieces(path: pathlib.Path) -> Iterator[bytes]:
    """Gives the bytes of a file, unpacked where it is a gzip."""
    if not path.is_file():
        raise InputError("it is not a regular file", path, "give the file's own name")
    with path.open("rb") as file:
        first = file.read(2)
        file.seek(0)
        if first != b"\x1f\x8b":
            while piece := file.read(_PIECE):
                yield piece
            return
        unpack, packed, made, begun = zlib.decompressobj(31), 0, 0, False
        while piece := file.read(_PIECE // 16):
            packed += len(piece)
            while piece:
                begun = True
                out = unpack.decompress(piece, _PIECE)
                made += len(out)
                if made > max(MAX_RATIO * packed, 1 << 20):
                    raise InputError(
                        f"it unpacks to over {MAX_RATIO} times its size", path, "unpack it yourself"
                    )
                yield out
                piece = unpack.unconsumed_tail
                if unpack.eof:  # another gzip may follow
                    piece, unpack, begun = unpack.unused_data, zlib.decompressobj(31), False
        if begun:
            raise InputError("the gzip ends too early", path, "copy the file again")


def lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Gives the lines of a UTF-8 text, plain or gzipped, without their ends.

    Raises:
        InputError: not UTF-8, a line over 256 KiB, over 1 GiB, or not to be read.
    """
    path = pathlib.Path(path)
    decode = codecs.getincrementaldecoder("utf-8-sig")("strict")
    rest, total, count = "", 0, 0
    try:
        for piece in _pieces(path):
            total += len(piece)
            if total > MAX_BYTES:
                raise InputError("it holds over 1 GiB of text", path, "split it")
            rest += decode.decode(piece)
            rows = rest.replace("\r\n", "\n").split("\n")
            rest = rows.pop()
            for at, row in enumerate((*rows, rest)):
                if len(row) > MAX_LINE:
                    where = f"{path}:{count + 1 + at}"
                    raise InputError("the line has over 256 KiB", where, "is it a table?")
            count += len(rows)
            for row in rows:
                yield from row.split("\r")
        rest += decode.decode(b"", True)
    except UnicodeDecodeError as error:
        raise InputError(
            "it is not UTF-8 text", f"{path}:{count + 1}", "save it as UTF-8"
        ) from error
    except zlib.error as error:
        raise InputError("its gzip is damaged", path, "copy the file again") from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    if rest:
        yield from rest.split("\r")


def rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Gives line number and cells of every row that is not blank.

    Raises:
        InputError: as `lines`, or the quotes are wrong.
    """
    reader = csv.reader(lines(path), strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            where = f"{path}:{reader.line_num}"
            raise InputError(f"it is no table ({error})", where, "export it again") from error
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip() for cell in cells]


def number(cell: str, where: object) -> float:
    """Returns one cell as a number, NaN where it is blank or says so.

    Raises:
        InputError: it is no number, infinite or beyond 1e9.
    """
    if not cell:
        return math.nan
    try:
        value = math.nan if "_" in cell else float(cell)
    except ValueError:
        value = math.inf
    if "_" in cell or math.isinf(value):
        raise InputError(f"the cell {cell[:40]!r} is no finite number", where, "mend the file")
    if abs(value) > 1e9:
        raise InputError(f"the number {cell[:40]} is beyond 1e9", where, "mend the file")
    return value


def numbers(cells: Sequence[str], where: object, names: Sequence[str] | None = None) -> np.ndarray:
    """Returns a row of cells as f64[N]; as `number`, whose errors name the column.

    Args:
        cells: the row.
        where: file and line.
        names: of the columns; None counts them from 1.

    Raises:
        InputError: as `number`.
    """
    try:
        values = np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        values = np.array([np.inf])
    if (np.abs(values) > 1e9).any() or any("_" in cell for cell in cells):
        names = names or [str(k + 1) for k in range(len(cells))]
        rows = zip(cells, names, strict=True)
        return np.array([number(cell, f"{where}, column {name}") for cell, name in rows])
    return values
