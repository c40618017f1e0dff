"""Writes a TensorFlow checkpoint of a few variables, for tests of its reader."""

from __future__ import annotations

import pathlib
import struct

import numpy as np

from dance_jax.models.choreai_checkpoint import TABLE_MAGIC, masked_crc32c

CODES = {"float32": 1, "int32": 3, "int64": 9, "bool": 10}


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(place: int, value: int | bytes) -> bytes:
    """A record's field: whole number, or bytes."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    return number(place << 3 | 2) + number(len(value)) + value


def block(rows: list[tuple[bytes, bytes]], kind: int = 0) -> bytes:
    """A block of sorted rows, each key without what it shares with the one before."""
    data, last, restarts = b"", b"", []
    for n, (key, value) in enumerate(rows):
        shared = 0
        if n % 3:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        else:
            restarts.append(len(data))
        own = key[shared:]
        data += number(shared) + number(len(own)) + number(len(value)) + own + value
        last = key
    data += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts)) + bytes([kind])
    return data + struct.pack("<I", masked_crc32c(data))


def entry(array: np.ndarray, offset: int, *, shard: int = 0, more: bytes = b"") -> bytes:
    shape = b"".join(field(2, field(1, size) if size else b"") for size in array.shape)
    crc = number(6 << 3 | 5) + struct.pack("<I", masked_crc32c(array.tobytes()))
    code = field(1, CODES[array.dtype.name])
    where = field(3, shard) + field(4, offset) + field(5, array.nbytes)
    return code + field(2, shape) + where + crc + more


def table(rows: list[tuple[bytes, bytes]], kind: int = 0) -> bytes:
    """An index file with the rows in two blocks."""
    out, handles = b"", []
    for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        made = block(part, kind)
        handles.append((part[-1][0] if part else b"", number(len(out)) + number(len(made) - 5)))
        out += made
    meta, index = block([]), block(handles)
    places = number(len(out)) + number(len(meta) - 5)
    places += number(len(out) + len(meta)) + number(len(index) - 5)
    return out + meta + index + places.ljust(40, b"\0") + struct.pack("<Q", TABLE_MAGIC)


def write(
    prefix: pathlib.Path, variables: dict[str, np.ndarray], header: bytes | None = None
) -> None:
    """Writes PREFIX.index and PREFIX.data-00000-of-00001."""
    rows = [(b"", field(1, 1) + field(3, field(1, 1)) if header is None else header)]
    data = b""
    for name in sorted(variables):
        rows.append((name.encode(), entry(variables[name], len(data))))
        data += variables[name].tobytes()
    prefix.with_name(prefix.name + ".index").write_bytes(table(rows))
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)
