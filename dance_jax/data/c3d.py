"""Parses C3D motion-capture files: parameters and points, every pointer checked before it is used.

Own code instead of a C++ library in this process: a header that lies about sizes must end in one
line of text, not in the end of the process. The format: The C3D File Format User Guide (Motion Lab
Systems); byte orders of Intel, DEC and MIPS (SGI) machines.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import struct
from typing import Any

import numpy as np

from dance_jax.errors import InputError

BLOCK = 512
MAX_BYTES = 2 << 30
MAX_VALUES = 24_000_000
MAX_NUMBER = 1e9
PROCESSORS = {84: "Intel", 85: "DEC", 86: "MIPS"}
_FIX = "export the C3D file again"


@dataclasses.dataclass(frozen=True, eq=False)
class C3d:
    """The points of a C3D file.

    Attributes:
        labels: one a point; "" where the file has none.
        points: f32[T,N,3] in the file's unit and axes; NaN where missing.
        rate: frames per second; NaN where the file does not say.
        first_frame: number of the first frame, from 1.
        unit: as the file writes it, "" where it does not.
        parameters: "GROUP:NAME" -> tuple of text or numbers.
        processor: "Intel", "DEC" or "MIPS".
        analog: (channels, samples a frame), not read.
        events: number of events, not read.
        doubts: sentences on what contradicts itself in the file.
    """

    labels: tuple[str, ...]
    points: np.ndarray
    rate: float
    first_frame: int
    unit: str
    parameters: dict[str, tuple[Any, ...]]
    processor: str
    analog: tuple[int, int]
    events: int
    doubts: tuple[str, ...]


class _Bytes:
    """Numbers at checked places of a piece of the file."""

    def __init__(self, data: bytes, start: int, processor: str, path: object) -> None:
        self.data, self.start, self.path = data, start, path
        self.order = ">" if processor == "MIPS" else "<"
        self.dec = processor == "DEC"

    def fail(self, what: str, at: int) -> InputError:
        return InputError(what, f"{os.fspath(self.path)}: byte {self.start + at}", _FIX)

    def take(self, at: int, count: int) -> bytes:
        if not 0 <= at <= at + count <= len(self.data):
            raise self.fail("a pointer or a size leads outside the parameters", max(at, 0))
        return self.data[at : at + count]

    def word(self, at: int) -> int:
        return struct.unpack(f"{self.order}H", self.take(at, 2))[0]

    def floats(self, raw: bytes) -> np.ndarray:
        return floats(np.frombuffer(raw, np.uint8), self.order, self.dec)

    def number(self, at: int) -> float:
        return float(self.floats(self.take(at, 4))[0])


def floats(raw: np.ndarray, order: str, dec: bool) -> np.ndarray:
    """Returns f32 of raw bytes [..., 4 n]; DEC's words are swapped and its exponent is 2 larger."""
    if not dec:
        return raw.view(f"{order}f4").astype(np.float32, copy=False)
    words = raw.view("<u2").reshape(*raw.shape[:-1], -1, 2)[..., ::-1]
    joined = np.ascontiguousarray(words).view("<u4")[..., 0]
    # Exponents up to 1 would go below the smallest float; there the value is zero.
    small = (joined & 0x7F800000) <= 0x01000000
    return np.where(small, 0, joined - 0x01000000).astype("<u4").view("<f4")


def read_c3d(path: str | os.PathLike[str]) -> C3d:
    """Reads the points of a C3D file, integer or floating, of any of the three machines.

    Args:
        path: the file.

    Raises:
        InputError: with the byte, where the file contradicts itself or leads outside itself; no
            points; over 2 GiB or 24 million coordinates; a coordinate beyond 1e9.
    """
    path = pathlib.Path(path)
    try:
        if not path.is_file():
            raise InputError("it is not a regular file", path, "give the file's own name")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError("the file is larger than 2 GiB", path, "split it")
        with path.open("rb") as file:
            start = file.read(BLOCK)
            if len(start) < BLOCK or start[1] != 0x50 or start[0] < 1:
                raise InputError("this is not a C3D file (its first block is wrong)", path, _FIX)
            file.seek((start[0] - 1) * BLOCK)
            data = file.read(256 * BLOCK)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    at = (start[0] - 1) * BLOCK
    if len(data) < BLOCK or data[3] not in PROCESSORS:
        raise InputError("its parameters are not where the header says", f"{path}: byte {at}", _FIX)
    processor = PROCESSORS[data[3]]
    length = (data[2] or 256) * BLOCK
    parameters = _parameters(_Bytes(data[:length], at, processor, path))
    return _points(path, size, _Bytes(start, 0, processor, path), parameters, processor)


def _parameters(data: _Bytes) -> dict[str, tuple[Any, ...]]:
    """Returns "GROUP:NAME" -> values."""
    groups: dict[int, str] = {}
    rows: list[tuple[int, str, tuple[Any, ...]]] = []
    at, seen = 4, 0
    while at + 2 <= len(data.data):
        letters, number = struct.unpack("bb", data.take(at, 2))
        if letters == 0 or number == 0:
            break
        letters, seen = abs(letters), seen + 1
        name = data.take(at + 2, letters).decode("latin-1").strip().upper()
        here = at + 2 + letters
        offset = data.word(here)
        if number < 0:
            groups[-number] = name
        else:
            rows.append((number, name, _value(data, here + 2)))
        if offset == 0:
            break
        if offset < 2:
            raise data.fail("a parameter points into itself", here)
        at = here + offset
        if at > len(data.data):
            raise data.fail("a pointer or a size leads outside the parameters", here)
    return {f"{groups.get(number, number)}:{name}": value for number, name, value in rows}


def _value(data: _Bytes, at: int) -> tuple[Any, ...]:
    kind = struct.unpack("b", data.take(at, 1))[0]
    sides = list(data.take(at + 2, data.take(at + 1, 1)[0]))
    if kind not in (-1, 1, 2, 4) or len(sides) > 7:
        raise data.fail(f"a parameter has kind {kind} and {len(sides)} dimensions", at)
    count = math.prod(sides)
    raw = data.take(at + 2 + len(sides), count * abs(kind))
    if kind == -1:
        step = max(sides[0], 1) if sides else 1
        return tuple(_text(raw[i : i + step]) for i in range(0, len(raw), step))
    if kind == 4:
        return tuple(data.floats(raw).tolist())
    return tuple(np.frombuffer(raw, f"{data.order}i2" if kind == 2 else "u1").tolist())


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\0", " ").strip()


def _count(parameters: dict[str, tuple[Any, ...]], name: str) -> int | None:
    """Returns a whole number from 0; C3D stores large ones as negative, as two words or floats."""
    found = parameters.get(name, ())
    if not found or not all(isinstance(v, int | float) and math.isfinite(v) for v in found[:2]):
        return None
    if len(found) > 1:
        return (int(found[0]) & 0xFFFF) + 65536 * (int(found[1]) & 0xFFFF)
    return int(found[0]) & 0xFFFF if isinstance(found[0], int) else int(found[0])


def _points(
    path: pathlib.Path, size: int, head: _Bytes, parameters: dict, processor: str
) -> C3d:  # fmt: skip
    count, analog, first, last = (head.word(at) for at in (2, 4, 6, 8))
    scale, rate = head.number(12), head.number(20)
    start, samples = (head.word(16) - 1) * BLOCK, head.word(18)
    doubts = []
    if not count:
        more = "; it holds rotations of segments" if _count(parameters, "ROTATION:USED") else ""
        raise InputError(f"it holds no points{more}", path, "export joint positions or markers")
    used = _count(parameters, "POINT:USED")
    if used is not None and used != count:
        raise head.fail(f"it has {count} points by the header but POINT:USED is {used}", 2)
    frames = last - first + 1
    begin, end = (_count(parameters, f"TRIAL:ACTUAL_{x}_FIELD") for x in ("START", "END"))
    if begin is not None and end is not None and end >= begin:
        long = end - begin + 1
        if 65535 in (first, last):  # the header cannot count further
            frames, first = long, begin
        elif long != frames:
            doubts.append(f"{frames} frames by the header, {long} by TRIAL")
    elif last == 65535 and (_count(parameters, "POINT:FRAMES") or 0) > frames:
        frames = _count(parameters, "POINT:FRAMES")
    if frames < 1:
        raise head.fail(f"its frames run from {first} to {last}", 6)
    if not (scale and abs(scale) <= MAX_NUMBER):
        raise head.fail(f"its scale is {scale}", 12)
    stated = parameters.get("POINT:RATE", ())
    if stated and isinstance(stated[0], float) and stated[0] > 0:
        if rate > 0 and abs(stated[0] / rate - 1) > 1e-3:
            doubts.append(f"{rate:g} frames/s by the header, {stated[0]:g} by POINT:RATE")
        rate = stated[0]
    width = 4 * count + analog
    each = width * (4 if scale < 0 else 2)
    if start < BLOCK or start + frames * each > size:
        held = max(0, size - start) // each if start >= BLOCK else 0
        raise head.fail(f"it declares {frames} frames of {count} points but holds {held}", 16)
    if frames * count * 3 > MAX_VALUES:
        raise InputError(f"it has {frames} frames of {count} points", path, "split it")
    units = [
        str(value).strip()
        for key in ("POINT:UNITS", "POINT:UNITS2")
        for value in parameters.get(key, ())
        if str(value).strip()
    ]
    labels: list[str] = []
    for n in ("", *range(2, 260)):
        if f"POINT:LABELS{n}" not in parameters:
            break
        labels += map(str, parameters[f"POINT:LABELS{n}"])
    return C3d(
        labels=tuple((labels + [""] * count)[:count]),
        points=_read(path, start, frames, count, width, scale, processor),
        rate=rate if math.isfinite(rate) and rate > 0 else math.nan,
        first_frame=first,
        unit=units[0] if units else "",
        parameters=parameters,
        processor=processor,
        analog=(analog // max(samples, 1), samples),
        events=_count(parameters, "EVENT:USED")
        or (head.word(300) if head.word(298) == 12345 else 0),
        doubts=tuple(doubts),
    )


def _read(
    path: pathlib.Path, start: int, frames: int, count: int, width: int, scale: float,
    processor: str,
) -> np.ndarray:  # fmt: skip
    """Returns f32[T,N,3], NaN where the residual is negative or a coordinate is not finite."""
    size = 4 if scale < 0 else 2
    raw = np.memmap(path, np.uint8, "r", start, (frames, width * size))
    out = np.empty((frames, count, 3), np.float32)
    order = ">" if processor == "MIPS" else "<"
    chunk = max(1, (8 << 20) // (16 * count))
    for first in range(0, frames, chunk):
        part = np.ascontiguousarray(raw[first : first + chunk, : 4 * count * size])
        if scale < 0:
            found = floats(part, order, processor == "DEC").reshape(-1, count, 4)
            place = found[..., :3]
        else:
            found = part.view(f"{order}i2").reshape(-1, count, 4)
            place = found[..., :3] * np.float32(scale)
        good = (found[..., 3] >= 0) & np.isfinite(place).all(-1)
        out[first : first + chunk] = np.where(good[..., None], place, np.nan)
    far = np.abs(out) > MAX_NUMBER
    if far.any():
        frame, point = np.argwhere(far)[0][:2].tolist()
        raise InputError("a coordinate is beyond 1e9", f"{path}: frame {frame + 1}, point "
                         f"{point + 1}", _FIX)  # fmt: skip
    return out
