"""Writes C3D motion-capture files: floating points of an Intel machine, gaps with residual -1."""

from __future__ import annotations

import os
import pathlib
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from dance_jax._version import __version__
from dance_jax.data.c3d import BLOCK, MAX_VALUES
from dance_jax.data.even_frames import even_frames
from dance_jax.errors import InputError
from dance_jax.types import Clip

UNITS = {"mm": 1000.0, "m": 1.0}
_MOST_FRAMES = 65535


def _text(*values: str) -> bytes:
    """A parameter of text: one or more of the same length."""
    raw = [value.encode("utf-8") for value in values]
    width = max(map(len, raw), default=0)
    dims = [width] if len(raw) == 1 else [width, len(raw)]
    return struct.pack("bB", -1, len(dims)) + bytes(dims) + b"".join(r.ljust(width) for r in raw)


def _word(*values: int) -> bytes:
    dims = bytes([1, len(values)]) if len(values) > 1 else bytes([0])
    return struct.pack("b", 2) + dims + struct.pack(f"<{len(values)}H", *values)


def _float(value: float) -> bytes:
    return struct.pack("<bBf", 4, 0, value)


def _section(groups: dict[str, dict[str, bytes]]) -> bytes:
    """Returns the parameter section, whole blocks."""
    body = b""
    for number, (group, rows) in enumerate(groups.items(), 1):
        name = group.encode()
        body += struct.pack("<bb", len(name), -number) + name + struct.pack("<HB", 3, 0)
        for key, value in rows.items():
            name = key.encode()
            body += struct.pack("<bb", len(name), number) + name
            body += struct.pack("<H", 3 + len(value)) + value + b"\0"
    body += b"\0\0"
    blocks = -(-(4 + len(body)) // BLOCK)
    if blocks > 255:
        raise ValueError("the labels are too many or too long for a C3D file")
    return (struct.pack("4B", 1, 0x50, blocks, 84) + body).ljust(blocks * BLOCK, b"\0")


def write_points(
    path: str | os.PathLike[str],
    labels: Sequence[str],
    points: np.ndarray,
    rate: float,
    *,
    unit: str = "mm",
    first_frame: int = 1,
    up: str = "+Y",
) -> None:
    """Writes points as they are.

    Args:
        path: the file to make.
        labels: N names.
        points: f[T,N,3] in `unit`; NaN where missing.
        rate: frames per second.
        unit: what POINT:UNITS says.
        first_frame: number of the first frame, from 1.
        up: the axis that POINT:Y_SCREEN says is up, "+Y" or "+Z"; X_SCREEN is +X.

    Raises:
        ValueError: shapes, labels or a rate that a C3D file cannot hold.
    """
    points = np.asarray(points, np.float32)
    if points.ndim != 3 or points.shape[2] != 3 or not points.size:
        raise ValueError(f"points must be [T,N,3], got {list(points.shape)}")
    frames, count = points.shape[:2]
    labels = [str(label) for label in labels]
    if len(labels) != count or len(set(labels)) < count or count > _MOST_FRAMES:
        raise ValueError(f"{count} points need as many different labels")
    if not all(0 < len(label.encode("utf-8")) < 256 for label in labels):
        raise ValueError("a label must have 1 to 255 bytes")
    if not (np.isfinite(rate) and rate > 0) or first_frame < 1 or points.size > MAX_VALUES:
        raise ValueError("the rate and the first frame must be positive, the file not too large")
    last = first_frame + frames - 1
    parts = [labels[i : i + 255] for i in range(0, count, 255)]
    point = {
        "USED": _word(count),
        "SCALE": _float(-1.0),
        "RATE": _float(rate),
        "DATA_START": _word(0),  # made right below
        "FRAMES": _word(min(frames, _MOST_FRAMES)),
        "UNITS": _text(unit),
        "X_SCREEN": _text("+X"),
        "Y_SCREEN": _text(up),
    }
    for n, part in enumerate(parts, 1):
        point[f"LABELS{n if n > 1 else ''}"] = _text(*part)
    actual = {
        f"ACTUAL_{name}_FIELD": _word(value & 0xFFFF, value >> 16)
        for name, value in (("START", first_frame), ("END", last))
    }
    groups = {
        "POINT": point,
        "ANALOG": {"USED": _word(0), "GEN_SCALE": _float(1.0), "RATE": _float(rate)},
        "TRIAL": actual,
        "MANUFACTURER": {"SOFTWARE": _text(f"dance_jax {__version__}")},
    }
    blocks = len(_section(groups)) // BLOCK
    point["DATA_START"] = _word(2 + blocks)
    section = _section(groups)
    header = struct.pack("<BB5HfHHf", 2, 0x50, count, 0, min(first_frame, _MOST_FRAMES),
                         min(last, _MOST_FRAMES), 0, -1.0, 2 + blocks, 0, rate)  # fmt: skip
    seen = np.isfinite(points).all(-1, keepdims=True)
    table = np.concatenate([np.where(seen, points, 0), np.where(seen, 0, -1)], -1, dtype="<f4")
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(header.ljust(BLOCK, b"\0") + section)
            file.write(table.tobytes())
            file.write(b"\0" * (-table.nbytes % BLOCK))
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", path, "choose another") from error
    finally:
        partial.unlink(missing_ok=True)


def write_c3d(
    path: str | os.PathLike[str], clip: Clip, person: int | None = None, *, unit: str = "mm"
) -> dict[str, Any]:
    """Writes the joints of a clip as C3D points, y up (POINT:Y_SCREEN says so); gaps stay gaps.

    C3D has one frame rate: uneven times are bridged by straight lines, and that is returned.
    Several people are told apart as subjects: "P1:left_knee".

    Args:
        path: the file to make.
        clip: metres, three coordinates.
        person: place on axis P; None for all.
        unit: "mm" (usual) or "m".

    Returns:
        Notes: of each person "left_out", "resampled", "first_s", "frames_per_s", and the "unit".

    Raises:
        InputError: the clip cannot be written as C3D.
    """
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is not known", "C3D export", f"use {', '.join(UNITS)}")
    people = range(clip.n_people) if person is None else (person,)
    found = [even_frames(clip, one, "C3D") for one in people]
    if not found:
        raise InputError("the clip has nobody in it", "C3D export", "choose another")
    several = len(found) > 1
    labels, parts, notes = [], [], {}
    for one, even in zip(people, found, strict=True):
        start = f"P{clip.person_ids[one]}:" if several else ""
        labels += [f"{start}{name}" for name in even.names]
        parts.append(np.where(even.seen[..., None], even.pose * UNITS[unit], np.nan))
        kept = {k: v for k, v in even.notes.items() if k != "filled"}
        notes |= {f"person {clip.person_ids[one]}": kept} if several else kept
    begin = found[0].first_s / found[0].step_s
    whole = 0 <= round(begin) < 1 << 31 and abs(begin - round(begin)) < 1e-3
    try:
        write_points(path, labels, np.concatenate(parts, 1), 1 / found[0].step_s, unit=unit,
                     first_frame=round(begin) + 1 if whole else 1)  # fmt: skip
    except ValueError as error:
        raise InputError(str(error), "C3D export", "write fewer joints, or in parts") from error
    return notes | {"unit": unit, "y": "up", "missing": "residual -1"}
