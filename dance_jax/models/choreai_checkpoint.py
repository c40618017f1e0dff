"""Reads the variables of a TensorFlow checkpoint (index and data files) without TensorFlow."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dance_jax.errors import InputError

MAX_INDEX_BYTES = 4 << 20
MAX_DATA_BYTES = 256 << 20
MAX_TENSORS = 10_000
MAX_SHARDS = 64
MAX_NAME_BYTES = 4096
TABLE_MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
# tensorflow/core/framework/types.proto; what a dance network's variables are made of.
DTYPES = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    19: np.dtype("<f2"),
}


class Entry(NamedTuple):
    """Where one variable lies: BundleEntryProto."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


class Damaged(ValueError):
    """Bytes that are not what the format asks for; becomes an InputError with the file's name."""


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    """Returns the CRC-32C (Castagnoli) of bytes, rotated and shifted as LevelDB stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Returns the number at a place, seven bits a byte, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Damaged("it ends inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise Damaged("a number has more than ten bytes")


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields (field number, value) of a protocol buffer: whole numbers, or bytes."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value: int | bytes
            value, at = varint(message, at)
        else:
            if kind == 2:
                size, at = varint(message, at)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise Damaged(f"a record holds wire type {kind}")
            if size > len(message) - at:
                raise Damaged("a record is longer than what holds it")
            value, at = message[at : at + size], at + size
            if kind != 2:
                value = int.from_bytes(value, "little")
        yield number, value


def number(value: int | bytes) -> int:
    """Returns a whole number's field, or says that it is none."""
    if not isinstance(value, int):
        raise Damaged("a record holds bytes where a number belongs")
    return value


def nested(value: int | bytes) -> bytes:
    """Returns a nested record's bytes, or says that there are none."""
    if not isinstance(value, bytes):
        raise Damaged("a record holds a number where bytes belong")
    return value


def block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of one block of the sorted table, its checksum checked."""
    if offset + size + 5 > len(table) - FOOTER_BYTES:
        raise Damaged("a block lies outside the file")
    data, kind = table[offset : offset + size], table[offset + size]
    (crc,) = struct.unpack_from("<I", table, offset + size + 1)
    if masked_crc32c(table[offset : offset + size + 1]) != crc:
        raise Damaged("a block's checksum is wrong")
    if kind != 0:
        raise Damaged("a block is compressed, which TensorFlow's checkpoints are not")
    if size < 4:
        raise Damaged("a block is shorter than its own end")
    (restarts,) = struct.unpack_from("<I", data, size - 4)
    end = size - 4 - 4 * restarts
    if end < 0:
        raise Damaged("a block is shorter than its own end")
    data, at, key = data[:end], 0, b""
    while at < end:
        shared, at = varint(data, at)
        own, at = varint(data, at)
        length, at = varint(data, at)
        if shared > len(key) or own + length > end - at or shared + own > MAX_NAME_BYTES:
            raise Damaged("an entry of the table is longer than its block, or its name too long")
        key = key[:shared] + data[at : at + own]
        yield key, data[at + own : at + own + length]
        at += own + length


def shape_of(message: bytes) -> tuple[int, ...]:
    """Returns the sizes in a TensorShapeProto."""
    sizes = []
    for field, value in fields(message):
        if field == 2:
            found = [number(v) for f, v in fields(nested(value)) if f == 1]
            sizes.append(found[-1] if found else 0)
        elif field == 3 and value:
            raise Damaged("a variable's shape is unknown")
    # Each size too: beside a 0 the product hides one that no array can have.
    if len(sizes) > 16 or max(math.prod(sizes), *sizes, 0) > MAX_DATA_BYTES:
        raise Damaged("a variable's shape is too large")
    return tuple(sizes)


def entry_of(message: bytes) -> Entry:
    """Returns one BundleEntryProto, its size checked against its shape."""
    found: dict[int, int] = {}
    shape: tuple[int, ...] = ()
    for field, value in fields(message):
        if field == 2:
            shape = shape_of(nested(value))
        elif field == 7:
            raise Damaged("a variable is stored in slices, which are not read here")
        else:
            found[field] = number(value)
    entry = Entry(shape=shape, **{k: found.get(n, 0) for n, k in _ENTRY_FIELDS.items()})
    if entry.dtype not in DTYPES:
        raise Damaged(f"a variable has data type {entry.dtype}, which is not read here")
    if entry.size != math.prod(shape) * DTYPES[entry.dtype].itemsize:
        raise Damaged("a variable's size is not that of its shape")
    return entry


_ENTRY_FIELDS = {1: "dtype", 3: "shard", 4: "offset", 5: "size", 6: "crc"}


def parse_index(table: bytes) -> tuple[int, dict[str, Entry]]:
    """Returns the number of data files and the variables by name from an index file's bytes.

    Raises:
        Damaged: it is no such table, or a part of it is broken.
    """
    if len(table) < FOOTER_BYTES or struct.unpack("<Q", table[-8:])[0] != TABLE_MAGIC:
        raise Damaged("it is not the index of a TensorFlow checkpoint")
    footer = table[-FOOTER_BYTES:-8]
    at = 0
    handle = []
    for _ in range(4):  # offset and size of the meta-index, then of the index
        value, at = varint(footer, at)
        handle.append(value)
    shards, read_bytes = 0, 0
    entries: dict[str, Entry] = {}
    for _, place in block(table, handle[2], handle[3]):
        offset, after = varint(place, 0)
        size, _ = varint(place, after)
        read_bytes += size
        if read_bytes > len(table):
            raise Damaged("its blocks overlap")
        for key, value in block(table, offset, size):
            if key == b"":
                header = dict(fields(value))
                if header.get(2, 0) != 0:
                    raise Damaged("it was written on a big-endian machine")
                shards = number(header.get(1, 0))
                continue
            try:
                name = key.decode()
            except UnicodeDecodeError as error:
                raise Damaged("a variable's name is not text") from error
            if name in entries or len(entries) >= MAX_TENSORS:
                raise Damaged("it lists a variable twice, or too many")
            entries[name] = entry_of(value)
    if not 0 < shards <= MAX_SHARDS:
        raise Damaged(f"it speaks of {shards} data files")
    return shards, entries


@contextlib.contextmanager
def blaming(path: pathlib.Path) -> Iterator[None]:
    """Turns what a broken or missing file raises into an InputError that names it."""
    fix = "copy the checkpoint's .index and .data-* files again"
    try:
        yield
    except Damaged as error:
        raise InputError(str(error), path, fix) from error
    except OSError as error:
        raise InputError(f"it cannot be read ({error.strerror})", path, fix) from error


def contents(path: pathlib.Path, most: int) -> bytes:
    """Returns a file's bytes, or says that it is too large."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Damaged(f"it is larger than {most >> 20} MiB")
    return data


def read(prefix: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Returns every variable of a TensorFlow checkpoint, optimiser slots included, by name.

    Every block of the index and every variable is held against its stored CRC-32C.

    Args:
        prefix: the path that PREFIX.index and PREFIX.data-00000-of-00001 have in common.

    Raises:
        InputError: a file is missing, damaged, too large, or of a kind that is not read here.

    Source: tensorflow/core/protobuf/tensor_bundle.proto (BundleHeaderProto, BundleEntryProto) and
        LevelDB's doc/table_format.md.
    """
    prefix = pathlib.Path(os.fspath(prefix).removesuffix(".index"))
    index = prefix.with_name(prefix.name + ".index")
    with blaming(index):
        shards, entries = parse_index(contents(index, MAX_INDEX_BYTES))
        if any(e.shard >= shards for e in entries.values()):
            raise Damaged("a variable lies in a data file that does not exist")
    found: dict[str, np.ndarray] = {}
    for shard in range(shards):
        path = prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")
        with blaming(path):
            data = contents(path, MAX_DATA_BYTES)
            if sum(e.size for e in entries.values() if e.shard == shard) > len(data):
                raise Damaged("it is shorter than its variables")
            for name, entry in entries.items():
                if entry.shard != shard:
                    continue
                part = data[entry.offset : entry.offset + entry.size]
                if len(part) != entry.size or masked_crc32c(part) != entry.crc:
                    raise Damaged(f"the checksum of the variable {name} is wrong")
                found[name] = np.frombuffer(part, DTYPES[entry.dtype]).reshape(entry.shape).copy()
    return found
