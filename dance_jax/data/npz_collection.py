"""Reads npz collections of poses with a table of clips beside them (`npz_tables`)."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax.data import npz_file, number_rows
from dance_jax.data.formats import Format, Head, ReadOptions, head
from dance_jax.data.npz_tables import COLLECTIONS, Collection
from dance_jax.errors import InputError
from dance_jax.types import Clip

MAX_CLIPS = 200_000
_FIX = "give the npz and its table as they were published"


def _tables(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, list[str]]]:
    """Gives the CSV files of a folder with their columns."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.lower().endswith(".csv"))
    for name in names[:50]:
        try:
            lines = head(folder / name).lines
        except InputError:
            continue
        yield folder / name, [cell.strip().strip('"') for cell in (lines or [""])[0].split(",")]


def _fits(one: Collection, columns: list[str], members: set[str]) -> bool:
    if not set(one.columns) <= set(columns):
        return False
    name = one.arrays[0]
    if "{key}" not in name:
        return name in members
    return any(member.endswith(name.removeprefix("{key}")) for member in members)


def _find(path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path, Collection] | None:
    """Returns npz, table and what they are; None where they are none of the collections."""
    folder = path if path.is_dir() else path.parent
    try:
        archives = sorted(folder.glob("*.npz"))[:20] if path.is_dir() else [path]
        tables = list(_tables(folder)) if archives else []
        for archive in archives:
            if not tables:
                return None
            members = {name.removesuffix(".npy") for name in npz_file.members(archive)}
            for one in COLLECTIONS:
                for table, columns in tables:
                    if _fits(one, columns, members):
                        return archive, table, one
    except (OSError, InputError):
        return None  # not readable here: then no collection, and other formats are tried
    return None


def _sniff(one: Head) -> str | None:
    if not (one.is_folder or one.members):
        return None
    if one.is_folder and not any(name.endswith(".npz") for name in one.members):
        return None
    found = _find(one.path)
    return None if found is None else f"{found[2].title}, with {found[1].name}"


def _table(path: pathlib.Path, one: Collection) -> list[dict[str, str]]:
    rows = number_rows.rows(path)
    line, names = next(rows, (1, []))
    missing = [name for name in one.columns if name not in names]
    if missing or len(set(names)) != len(names):
        what = f"it has no column {missing[0]!r}" if missing else "two columns have one name"
        raise InputError(what, f"{path}:{line}", _FIX)
    found: list[dict[str, str]] = []
    seen: set[str] = set()
    for line, cells in rows:
        where = f"{path}:{line}"
        if len(cells) != len(names):
            raise InputError(f"it has {len(cells)} cells for {len(names)} columns", where, _FIX)
        row = dict(zip(names, cells, strict=True)) | {"": where}
        if row[one.key[0]] in seen:
            raise InputError(f"the clip {row[one.key[0]]!r} occurs twice", where, _FIX)
        seen.add(row[one.key[0]])
        found.append(row)
        if len(found) > MAX_CLIPS:
            raise InputError(f"it has over {MAX_CLIPS} clips", path, "split it")
    if not found:
        raise InputError("it lists no clip", path, _FIX)
    return found


def _whole(row: dict[str, str], name: str) -> int:
    value = number_rows.number(row[name], f"{row['']}, {name}")
    if not (value >= 0 and value == int(value)):
        raise InputError(f"{name} is {row[name]!r}, not a whole number", row[""], _FIX)
    return int(value)


def _above_zero(row: dict[str, str], name: str) -> float:
    value = number_rows.number(row[name], f"{row['']}, {name}")
    if not value > 0:
        raise InputError(f"{name} is {row[name]!r}, not above 0", row[""], _FIX)
    return value


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives every clip that the table lists.

    Args:
        path: the npz, or the folder it is in with its table.
        options: fps where neither the table nor its description says it; clip= picks one.

    Raises:
        InputError: the table and the arrays do not agree.
    """
    if path.is_file():
        npz_file.members(path)  # a damaged one says so, rather than be no collection
    found = _find(path)
    if found is None:
        names = ", ".join(one.name for one in COLLECTIONS)
        raise InputError(f"it is none of the npz collections {names}", path, _FIX)
    archive, table, one = found
    rows = _table(table, one)
    kinds = _kinds(rows)
    shared = {} if "{key}" in one.arrays[0] else npz_file.read_npz(archive, one.arrays)
    for row in rows:
        name = row[one.key[0]]
        if options.clip is not None and name != options.clip:
            continue
        parts = [array.replace("{key}", name) for array in one.arrays]
        extra = f"{name}_frame"
        arrays = shared or npz_file.read_npz(archive, [*parts, extra])
        values = _values(arrays, parts, row, one, archive)
        frames = arrays.get(extra)
        yield _clip(archive, table, one, row, values, frames, options, kinds)


def _values(
    arrays: dict[str, np.ndarray],
    parts: list[str],
    row: dict[str, str],
    one: Collection,
    archive: pathlib.Path,
) -> np.ndarray:
    """Returns f32[T,J,C] of one clip, with the root's path added."""
    out = []
    for name, shape in zip(parts, ((None, *one.shape), (None, 3)), strict=False):
        array = arrays.get(name)
        if array is None or array.dtype.kind != "f":
            raise InputError(f"it has no array {name!r} of numbers", archive, _FIX)
        if array.shape[1:] != shape[1:]:
            raise InputError(f"it has shape {list(array.shape)}", f"{archive}: {name}", _FIX)
        if one.rows:
            start, length = (_whole(row, column) for column in one.rows)
            if not length or start + length > len(array):
                what = f"rows {start} to {start + length} of {len(array)}"
                raise InputError(f"it names {what}", row[""], _FIX)
            array = array[start : start + length]
        out.append(array.astype(np.float32))
    if one.count and _whole(row, one.count) != len(out[0]):
        raise InputError(
            f"it says {row[one.count]} frames, but the npz has {len(out[0])}", row[""], _FIX
        )
    if not len(out[0]) or len({len(part) for part in out}) > 1:
        raise InputError(
            "its arrays have no frames, or not as many", f"{archive}: {parts[0]}", _FIX
        )
    if any((np.abs(part) > 1e9).any() for part in out):
        raise InputError("it holds a number beyond 1e9", f"{archive}: {parts[0]}", _FIX)
    return out[0] + out[1][:, None] if len(out) > 1 else out[0]


def _clip(
    archive: pathlib.Path,
    table: pathlib.Path,
    one: Collection,
    row: dict[str, str],
    values: np.ndarray,
    frames: np.ndarray | None,
    options: ReadOptions,
    kinds: dict[str, type],
) -> Clip:
    rate, where = _rate(one, row, len(values), options, archive)
    size = options.image_size or one.size
    if options.image_size is None and {"width", "height"} <= set(row):
        size = (round(_above_zero(row, "width")), round(_above_zero(row, "height")))
    dims = 3 if one.unit == "m" else 2
    pose = values[..., :dims]
    sure = np.isfinite(pose).all(-1).astype(np.float32)
    dropped = [one.assumed] if one.assumed else []
    if one.score == "visibility":
        sure = sure * np.nan_to_num(values[..., -1]).clip(0, 1)
        dropped.append("z of the image landmarks (depth relative to the hips)")
    elif one.score == "flag":
        sure = sure * np.nan_to_num(values[..., -1]).clip(0, 2) / 2
    if one.unit == "picture":
        if size is None:
            raise InputError("the picture's size is not known", archive, "give image_size=")
        pose = pose * np.array(size, np.float32)
    if one.unit == "m":
        pose = one.scale * _turned(pose, one.turn)
    seen = np.isfinite(pose).all(-1) & (sure > 0)
    number = np.arange(len(pose)) if frames is None else frames
    if number.shape != (len(pose),) or (np.diff(number) <= 0).any():
        raise InputError("its frame numbers do not increase", f"{archive}: {row[one.key[0]]}", _FIX)
    empty = int((~seen.any(-1)).sum())
    if empty:
        dropped.append(f"{empty} frames have no person and are missing values")
    name = row[one.key[0]]
    return Clip(
        np.where(seen[..., None], pose, np.nan)[:, None],
        np.where(seen, sure, 0)[:, None],
        number / rate,
        skeleton=one.skeleton,
        unit="m" if one.unit == "m" else "px",
        image_size=size,
        source={
            "path": str(archive),
            "format": FORMAT.name,
            "name": name,
            "collection": one.name,
            "found": f"{one.title}; {len(one.shape and pose[0])} joints ({one.skeleton}); "
            f"{len(pose)} frames; one person; {rate:g} frames/s {where}; clip of {table.name}",
            "dropped": tuple(dropped),
        },
        labels=_labels(row, one, kinds),
    )


def _rate(
    one: Collection, row: dict[str, str], count: int, options: ReadOptions, path: object
) -> tuple[float, str]:
    if options.fps is not None:
        return float(options.fps), "as given"
    if "fps" in row:
        return _above_zero(row, "fps"), "of the table"
    if one.rate is not None:
        return one.rate, "by its description"
    if "seconds" in row:
        return count / _above_zero(row, "seconds"), "of the table (frames over seconds)"
    return options.need_fps(path), "as given"


def _turned(pose: np.ndarray, turn: tuple[str, str, str]) -> np.ndarray:
    parts = [(-1 if word[0] == "-" else 1) * pose[..., "xyz".index(word[-1])] for word in turn]
    return np.stack(parts, -1)


def _kinds(rows: list[dict[str, str]]) -> dict[str, type]:
    """Returns what a column's cells are, one kind a column; numbers with a leading 0 are names."""
    out: dict[str, type] = {}
    for name in rows[0]:
        cells = [row[name].removeprefix("-") for row in rows if row[name]]
        plain = all(len(c) < 18 and c.replace(".", "", 1).isdecimal() for c in cells)
        if not plain or any(len(c) > 1 and c[0] == "0" and c[1] != "." for c in cells):
            out[name] = str
        else:
            out[name] = float if any("." in cell for cell in cells) else int
    return out


def _labels(row: dict[str, str], one: Collection, kinds: dict[str, type]) -> dict[str, Any]:
    """Returns the table's other columns."""
    used = {"", one.key[0], *one.rows, one.count, "fps", "width", "height"}
    return {name: kinds[name](cell) for name, cell in row.items() if name not in used and cell}


FORMAT = Format("npz_collection", "npz collection with a table of clips", _sniff, read)
