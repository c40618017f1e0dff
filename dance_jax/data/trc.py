"""Reads and writes TRC marker trajectories (OpenSim, Pose2Sim)."""

from __future__ import annotations

import array
import math
import os
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dance_jax.data.textfile import read_lines, write_text
from dance_jax.errors import InputError

UNITS = ("m", "mm", "px")
MAX_NUMBER = 1e9


class Markers(NamedTuple):
    """Marker trajectories.

    Attributes:
        names: one name a marker.
        positions: f64[T,M,3], in `unit`; NaN where a marker was not seen.
        time_s: f64[T], seconds.
        unit: "m", "mm" or "px".
        rate: frames per second by the header.
    """

    names: tuple[str, ...]
    positions: np.ndarray
    time_s: np.ndarray
    unit: str
    rate: float


def write_trc(
    path: str | os.PathLike[str],
    names: Sequence[str],
    positions: np.ndarray,
    time_s: np.ndarray,
    unit: str = "m",
) -> None:
    """Writes marker trajectories; a gap is a blank cell, since OpenSim fails on the text nan.

    The format has y up: turning image pixels (y down) over is the caller's part, as is leaving
    out markers that are never seen. DataRate is the mean rate; the Time column has the true times.

    Args:
        path: the file to make.
        names: M marker names.
        positions: f[T,M,2|3] in `unit`; NaN where missing. Two coordinates are written with Z = 0.
        time_s: f64[T], seconds, increasing.
        unit: "m", "mm" or "px" (pixels are for viewing; OpenSim takes m and mm).

    Raises:
        ValueError: the shapes do not agree, or a marker is never seen.
    """
    positions = np.asarray(positions, np.float64)
    time_s = np.asarray(time_s, np.float64)
    if positions.ndim != 3 or positions.shape[2] not in (2, 3):
        raise ValueError(f"positions must be [T,M,2|3], got {list(positions.shape)}")
    frames, markers, axes = positions.shape
    if not frames or not markers or time_s.shape != (frames,) or len(names) != markers:
        raise ValueError(
            f"{frames} frames of {markers} markers need as many times and names, got "
            f"{list(time_s.shape)} and {len(names)}"
        )
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {UNITS}, got {unit!r}")
    if not np.isfinite(time_s).all() or (np.diff(time_s) <= 0).any():
        raise ValueError("time_s must be finite and increasing")
    if axes == 2:
        positions = np.concatenate([positions, np.zeros((frames, markers, 1))], -1)
    seen = np.isfinite(positions).all(-1)
    never = [name for name, any_ in zip(names, seen.any(0), strict=True) if not any_]
    if never:
        raise ValueError(f"markers never seen must be left out: {', '.join(never)}")
    if len(set(names)) != markers or any(set(str(n)) & set("\t\r\n") or not n for n in names):
        raise ValueError("marker names must be unique, not empty, and without tabs or line breaks")
    span = time_s[-1] - time_s[0]
    rate = f"{(frames - 1) / span:.6f}" if span > 0 else "1.000000"
    keys = (
        "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame "
        "OrigNumFrames"
    )
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{pathlib.Path(path).name}",
        "\t".join(keys.split()),
        "\t".join([rate, rate, str(frames), str(markers), unit, rate, "1", str(frames)]),
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, markers + 1)),
    ]
    for t in range(frames):
        cells = [str(t + 1), f"{time_s[t]:.6f}"]
        for m in range(markers):
            point = positions[t, m]
            cells += [f"{value:.6f}" for value in point] if seen[t, m] else ["", "", ""]
        lines.append("\t".join(cells))
    write_text(path, "\n".join(lines) + "\n")


def read_trc(path: str | os.PathLike[str]) -> Markers:
    """Reads marker trajectories; blank cells (and the text nan) become NaN.

    Args:
        path: the file.

    Returns:
        The markers; positions in the file's own unit and axes.

    Raises:
        InputError: with the line, where the file does not follow the format, a number is infinite
            or beyond 1e9, or the times do not increase.
    """
    lines = read_lines(path)

    def fail(line: int, what: str) -> InputError:
        return InputError(what, f"{os.fspath(path)}:{line}", "export the TRC file again")

    if len(lines) < 6 or not lines[0].startswith("PathFileType"):
        raise fail(1, "this is not a TRC file (it does not begin with PathFileType)")
    keys, values = lines[1].split("\t"), lines[2].split("\t")
    header = dict(zip((k.strip() for k in keys), (v.strip() for v in values), strict=False))
    for key in ("DataRate", "NumFrames", "NumMarkers", "Units"):
        if key not in header:
            raise fail(2, f"its header has no {key}")
    for key in ("NumFrames", "NumMarkers"):
        if not re.fullmatch(r"\d{1,9}", header[key], re.ASCII):
            raise fail(3, f"its {key} is {header[key][:40]!r}, not a whole number")
    count, markers, unit = int(header["NumFrames"]), int(header["NumMarkers"]), header["Units"]
    rate = _number(header["DataRate"])
    if rate is None:
        raise fail(3, f"its DataRate is {header['DataRate'][:40]!r}, not a number")
    if unit not in UNITS:
        raise fail(3, f"its Units are {unit[:40]!r}, not one of {', '.join(UNITS)}")
    if not (rate > 0 and math.isfinite(rate)) or markers < 1:
        raise fail(3, "its DataRate and NumMarkers must be above 0")
    names = tuple(name.strip() for name in lines[3].rstrip("\t").split("\t")[2:] if name.strip())
    if len(names) != markers:
        raise fail(4, f"it names {len(names)} markers but declares {markers}")
    values, times = array.array("d"), array.array("d")
    for number, line in enumerate(lines[5:], start=6):
        if not line.strip():
            continue
        cells = line.split("\t")
        cells += [""] * (2 + 3 * markers - len(cells))  # some writers leave out trailing blanks
        if any(cell.strip() for cell in cells[2 + 3 * markers :]):
            raise fail(number, f"the row has more than {2 + 3 * markers} cells")
        found = [_number(cell) for cell in cells[1 : 2 + 3 * markers]]
        if None in found:
            cell = cells[1 + found.index(None)].strip()
            raise fail(number, f"the cell {cell[:40]!r} is not a number up to 1e9")
        if not found[0] > (times[-1] if times else -math.inf):
            raise fail(number, f"its times do not increase ({cells[1].strip()[:40]})")
        times.append(found[0])
        values.extend(found[1:])
    if len(times) != count:
        raise fail(3, f"it declares {count} frames but holds {len(times)}")
    positions = np.array(values).reshape(len(times), markers, 3)
    return Markers(names, positions, np.array(times), unit, rate)


def _number(cell: str) -> float | None:
    """Returns a cell's number, NaN where it is blank or nan; None where it is none up to 1e9."""
    cell = cell.strip()
    try:
        value = float(cell) if cell else math.nan
    except ValueError:
        return None
    return None if "_" in cell or abs(value) > MAX_NUMBER else value
