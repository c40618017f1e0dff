"""A bounds-checked walk over a FlatBuffers file, for model files that nobody vouches for."""

from __future__ import annotations

import struct

import numpy as np

_SCALARS = {"b": 1, "B": 1, "?": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "f": 4}


class FlatbufferError(ValueError):
    """An offset, a length or a type in the file points outside of it."""


class Table:
    """One table of a flatbuffer; every read is checked against the end of the file.

    Args:
        data: the whole file.
        position: byte offset of the table.
    """

    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position
        distance = _scalar(data, position, "i")
        self._vtable = position - distance
        self._vtable_size = _scalar(data, self._vtable, "H")
        if self._vtable_size < 4 or self._vtable_size % 2:
            raise FlatbufferError(
                f"table at byte {position} has a vtable of {self._vtable_size} bytes"
            )
        _check(data, self._vtable, self._vtable_size)

    @classmethod
    def root(cls, data: bytes) -> Table:
        """Returns the root table of a file."""
        return cls(data, _scalar(data, 0, "I"))

    def _field(self, slot: int) -> int | None:
        """Byte position of a field, or None where the file leaves it at its default."""
        entry = 4 + 2 * slot
        if entry >= self._vtable_size:
            return None
        offset = _scalar(self._data, self._vtable + entry, "H")
        return self._position + offset if offset else None

    def _target(self, slot: int) -> int | None:
        """Byte position that an offset field points to."""
        field = self._field(slot)
        return None if field is None else field + _scalar(self._data, field, "I")

    def scalar(self, slot: int, code: str, default: float = 0) -> int | float:
        """Returns a scalar field, or its default where it is absent.

        Args:
            slot: field number in the schema.
            code: `struct` format character.
            default: the schema's default.
        """
        field = self._field(slot)
        return default if field is None else _scalar(self._data, field, code)

    def table(self, slot: int) -> Table | None:
        """Returns the table that a field points to, or None."""
        target = self._target(slot)
        return None if target is None else Table(self._data, target)

    def vector(self, slot: int, dtype: str, limit: int | None = None) -> np.ndarray:
        """Returns a vector of scalars as a read-only view (empty where absent).

        Args:
            slot: field number in the schema.
            dtype: NumPy type string, little-endian.
            limit: greatest number of entries that makes sense here.
        """
        target = self._target(slot)
        kind = np.dtype(dtype)
        if target is None:
            return np.zeros(0, kind)
        count = self._count(target, kind.itemsize, limit)
        return np.frombuffer(self._data, kind, count, target + 4)

    def tables(self, slot: int, limit: int) -> list[Table]:
        """Returns a vector of tables, at most `limit` of them."""
        target = self._target(slot)
        if target is None:
            return []
        count = self._count(target, 4, limit)
        starts = [target + 4 + 4 * i for i in range(count)]
        return [Table(self._data, at + _scalar(self._data, at, "I")) for at in starts]

    def vector_position(self, slot: int) -> int:
        """Returns the byte position of a vector: its u32 length, then its entries."""
        target = self._target(slot)
        if target is None:
            raise FlatbufferError(f"slot {slot} has no vector")
        _scalar(self._data, target, "I")
        return target

    def text(self, slot: int, limit: int = 4096) -> str:
        """Returns a string field, cut at `limit` bytes; bytes that are no UTF-8 are replaced."""
        return self.vector(slot, "u1")[:limit].tobytes().decode("utf-8", "replace")

    def _count(self, target: int, itemsize: int, limit: int | None) -> int:
        count = _scalar(self._data, target, "I")
        if limit is not None and count > limit:
            raise FlatbufferError(
                f"vector at byte {target} claims {count} entries, at most {limit} fit"
            )
        _check(self._data, target + 4, count * itemsize)
        return count


def _check(data: bytes, position: int, size: int) -> None:
    if position < 0 or size < 0 or position + size > len(data):
        raise FlatbufferError(
            f"bytes {position} to {position + size} lie outside the file's {len(data)}"
        )


def _scalar(data: bytes, position: int, code: str) -> int | float:
    _check(data, position, _SCALARS[code])
    return struct.unpack_from("<" + code, data, position)[0]
