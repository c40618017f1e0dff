"""Reads and writes npz archives of plain arrays within stated bounds: no pickle, no zip bomb."""

from __future__ import annotations

import io
import os
import pathlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping

import numpy as np

from dance_jax.errors import InputError

MAX_MEMBERS = 1000
MAX_RATIO = 100
MAX_BYTES = 2 << 30
MAX_AT_ONCE = 384 << 20
_KINDS = frozenset("biufSU")
_MAX_DIRECTORY = 4 << 20
_MAX_HEADER = 64 << 10
_PIECE = 1 << 20
DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, struct.error)
"""What a broken zip raises while it is read."""


def _directory_bytes(path: pathlib.Path) -> int:
    """Returns the size that a zip states of its own table of contents, before it is read."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 65_557))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile("it has no table of contents")
    return struct.unpack_from("<I", tail, at + 12)[0]


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file begins as a zip does; False where it cannot be read."""
    try:
        with pathlib.Path(path).open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def members(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Returns the names in a zip, as they are.

    Raises:
        InputError: it is no zip, or over a limit (`open_npz`).
    """
    with open_zip(path) as archive:
        return tuple(archive.namelist())


def open_zip(path: str | os.PathLike[str]) -> zipfile.ZipFile:
    """Opens a zip after checking its table of contents.

    Raises:
        InputError: no zip; over 1,000 members; over 100 times its own size or 2 GiB unpacked; a
            link, a folder or a name that leads outside; one name twice; encrypted.
    """
    path = pathlib.Path(path)
    fix = "give the archive as its program wrote it"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("it is not a regular file", path, "give the file's own name")
        if _directory_bytes(path) > _MAX_DIRECTORY:
            raise InputError(f"it has over {MAX_MEMBERS} members", path, fix)
        archive = zipfile.ZipFile(path)
    except InputError:
        raise
    except (*DAMAGE, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"it is no whole zip archive ({why})", path, fix) from error
    rows = archive.infolist()
    total, names = sum(row.file_size for row in rows), [row.filename for row in rows]
    what = ""
    if len(rows) > MAX_MEMBERS:
        what = f"it has {len(rows)} members, over {MAX_MEMBERS}"
    elif total > MAX_BYTES:
        what = f"it holds {total} bytes unpacked, over 2 GiB"
    elif total > MAX_RATIO * max(path.stat().st_size, 1):
        what = f"it unpacks to over {MAX_RATIO} times its size, like a zip bomb"
    elif len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        what = f"the member {twice[:60]!r} occurs twice"
    elif any(_leads_away(row) for row in rows):
        what = f"the member {next(r.filename for r in rows if _leads_away(r))[:60]!r} is a link or "
        what += "leads outside"
    elif any(row.flag_bits & 1 for row in rows):
        what = "it is encrypted"
    if what:
        archive.close()
        raise InputError(what, path, fix)
    return archive


def _leads_away(row: zipfile.ZipInfo) -> bool:
    mode = row.external_attr >> 16
    link = stat.S_IFMT(mode) not in (0, stat.S_IFREG)
    parts = row.filename.replace("\\", "/").split("/")
    return link or not parts[0] or ".." in parts or ":" in parts[0]


def read_npz(
    path: str | os.PathLike[str], names: Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """Reads arrays of numbers and text from an npz.

    Args:
        path: the file.
        names: the arrays wanted, those that are there; None for all.

    Returns:
        name (without .npy) -> array.

    Raises:
        InputError: `open_zip` refuses it, a member is no plain array or damaged, or the arrays
            wanted have over 384 MiB.
    """
    path = pathlib.Path(path)
    with open_zip(path) as archive:
        there = {row.filename.removesuffix(".npy"): row for row in archive.infolist()}
        wanted = there if names is None else [name for name in names if name in there]
        size = sum(there[name].file_size for name in wanted)
        if size > MAX_AT_ONCE:
            raise InputError(f"its arrays have {size} bytes, over 384 MiB", path, "split the file")
        return {name: _member(archive, there[name], path) for name in wanted}


def _member(archive: zipfile.ZipFile, row: zipfile.ZipInfo, path: pathlib.Path) -> np.ndarray:
    where = f"{path}: {row.filename.removesuffix('.npy')[:60]}"
    try:
        data = bytearray(row.file_size)
        with archive.open(row) as file:
            count, view = 0, memoryview(data)
            while count < len(data) and (more := file.readinto(view[count : count + _PIECE])):
                count += more
            if count < len(data) or file.read(1):
                raise EOFError("its length is not the one stated")
    except (*DAMAGE, NotImplementedError, RuntimeError) as error:
        raise InputError(f"it is damaged ({error})", where, "copy the file again") from error
    return array(data, where)


def array(data: bytearray, where: object) -> np.ndarray:
    """Returns the array of one .npy, in its own memory, checked against its header.

    Raises:
        InputError: no .npy, a kind other than numbers and text, or more declared than there is.
    """
    file = io.BytesIO(data[:_MAX_HEADER])
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read(file)
    except Exception as error:  # NumPy evaluates the header as Python: it raises nearly any type
        raise InputError("it is no .npy array", where, "write it with numpy.savez") from error
    if dtype.kind not in _KINDS or dtype.hasobject or dtype.fields:
        raise InputError(
            f"it holds {dtype}, not numbers or text", where, "save it as a plain array"
        )
    count = 1
    for side in shape:
        if side < 0:
            raise InputError(f"it has shape {shape}", where, "write it with numpy.savez")
        count *= side
    if count * dtype.itemsize != len(data) - file.tell():
        raise InputError(
            f"it declares shape {list(shape)} but holds {len(data) - file.tell()} bytes",
            where,
            "write it with numpy.savez",
        )
    if not count or not dtype.itemsize:
        return np.zeros(shape, dtype)
    flat = np.frombuffer(data, dtype, offset=file.tell())
    if dtype.kind == "U" and not _is_unicode(flat):
        raise InputError("its text holds what is no character", where, "copy the file again")
    return flat.reshape(shape, order="F" if fortran else "C")


def _is_unicode(text: np.ndarray) -> bool:
    """Returns whether text has code points alone that Python can make, and write, strings of."""
    point = text.view(np.dtype("u4").newbyteorder(text.dtype.byteorder))
    return bool(((point < 0xD800) | ((point > 0xDFFF) & (point <= 0x10FFFF))).all())


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an npz whole or not at all, byte for byte the same for the same arrays.

    A member is packed only as far as `open_zip` unpacks it: constant ones stay as they are.

    Args:
        path: the file to make.
        arrays: name -> array of numbers or text.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            for name, value in arrays.items():
                value = np.asarray(value)
                if value.dtype.kind not in _KINDS:
                    raise ValueError(f"{name} holds {value.dtype}, not numbers or text")
                held = io.BytesIO()
                np.lib.format.write_array(held, value, allow_pickle=False)
                data = held.getvalue()
                packs = len(zlib.compress(data, 1)) * MAX_RATIO // 2 > len(data)
                row = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
                row.compress_type = zipfile.ZIP_DEFLATED if packs else zipfile.ZIP_STORED
                row.external_attr = 0o644 << 16
                archive.writestr(row, data)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", path, "choose another") from error
    finally:
        partial.unlink(missing_ok=True)
