"""Changes an npz from within: else a checksum would stop nearly every change at the door."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable

from tests.fuzz.seeds import BETWEEN

Change = Callable[[bytes, int], bytes]


def members(data: bytes) -> list[tuple[str, bytes]] | None:
    """Returns the names and bytes in a small zip, None where it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(row.file_size for row in archive.infolist()) > 1 << 20:
                return None
            return [(row.filename, archive.read(row)) for row in archive.infolist()]
    except Exception:  # whatever a broken zip raises: it is then changed as bytes
        return None


def packed(rows: list[tuple[str, bytes]]) -> bytes:
    """Returns a zip of these, nothing compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in rows:
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def change_zip(data: bytes, most: int, seed: int, change: Change) -> bytes:
    """Returns the input with one member, one name, the table beside it, or any bytes changed.

    Args:
        data: a zip; after `BETWEEN` the file beside it.
        most: bytes that the result may have.
        seed: says which change.
        change: the fuzzer's own change of bytes, to at most so many.
    """
    rng = random.Random(seed)
    archive, between, beside = data.partition(BETWEEN)
    rows = members(archive) if rng.random() < 0.9 else None
    if not rows:
        return change(data, most)
    at, kind = rng.randrange(len(rows)), rng.random()
    name, inside = rows[at]
    if between and kind < 0.3:
        beside = change(beside, len(beside) + 32)
    elif kind < 0.5:  # the header of the .npy, which says its type and shape
        end = inside.find(b"\n") + 1
        rows[at] = (name, change(inside[:end], end + 16) + inside[end:])
    elif kind < 0.85:
        rows[at] = (name, change(inside, len(inside) + 64))
    elif kind < 0.9:
        del rows[at]
    elif kind < 0.95:  # the array of another name
        rows[at] = (name, rows[rng.randrange(len(rows))][1])
    else:
        fresh = change(name.encode("utf-8", "replace"), 40).decode("utf-8", "replace")
        rows[at] = (fresh.replace("\0", "") or "a", inside)
    try:
        out = packed(rows) + between + beside
    except (ValueError, OSError, zipfile.BadZipFile, UnicodeError):
        return change(data, most)
    return out if len(out) <= most else change(data, most)
