"""C3D files as machines of other byte orders and number formats write them."""

from __future__ import annotations

import struct

import numpy as np


def other_machine(data: bytes, processor: int, integers: bool) -> bytes:
    """Returns the file of `write_points` as another machine writes it.

    Args:
        data: bytes of the file, two labels of one letter.
        processor: 84 Intel, 85 DEC, 86 MIPS.
        integers: whole numbers with a scale, not floats.
    """
    start = 512 * (struct.unpack_from("<H", data, 16)[0] - 1)
    order = ">" if processor == 86 else "<"

    def real(values):
        if processor == 85:  # DEC: 4 times the value, the two words swapped
            raw = np.asarray(values, "<f4") * np.float32(4)
            return raw.view("<u2").reshape(-1, 2)[:, ::-1].astype("<u2").tobytes()
        return np.asarray(values, f"{order}f4").tobytes()

    _, _, *words = struct.unpack_from("<BB5H", data)
    scale, block, samples, rate = struct.unpack_from("<fHHf", data, 12)
    scale = 0.5 if integers else scale
    head_ = data[:2] + struct.pack(f"{order}5H", *words) + real([scale])
    head_ += struct.pack(f"{order}HH", block, samples) + real([rate])
    body = struct.pack("4B", 1, 0x50, 1, processor)
    for row in (
        struct.pack("bb", 5, -1) + b"POINT" + struct.pack(f"{order}H", 3) + b"\0",
        struct.pack("bb", 4, 1) + b"RATE" + struct.pack(f"{order}HbB", 9, 4, 0) + real([rate])
        + b"\0",
        struct.pack("bb", 6, 1) + b"LABELS" + struct.pack(f"{order}HbBBB", 9, -1, 2, 2, 1) + b"ab"
        + b"\0",
    ):  # fmt: skip
        body += row
    rows = np.frombuffer(data, "<f4", offset=start)
    rows = rows[: len(rows) // 4 * 4].reshape(-1, 4)[: words[0] * (words[3] - words[2] + 1)]
    if integers:
        table = np.c_[np.round(rows[:, :3] / 0.5), rows[:, 3]].astype(f"{order}i2").tobytes()
    else:
        table = real(rows.ravel())
    return head_.ljust(512, b"\0") + body.ljust(start - 512, b"\0") + table
