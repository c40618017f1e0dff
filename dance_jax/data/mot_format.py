"""MOT and STO tables of OpenSim: told apart, and refused as clips, since they hold no positions."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from dance_jax.data import mot
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.errors import InputError
from dance_jax.types import Clip

MAX_BYTES = 32 << 20


def sniff(head: Head) -> str | None:
    """Returns "OpenSim table" where a line `endheader` is followed by a column `time`."""
    lines = [line.strip().lower() for line in head.lines[:200]]
    if "endheader" not in lines:
        return None
    after = lines[lines.index("endheader") + 1 :]
    return "OpenSim table of joint angles" if after and after[0].split()[:1] == ["time"] else None


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Raises InputError: what the table holds, and how to read it.

    Args:
        path: the file.
        options: nothing in them makes angles to positions.
    """
    del options
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError("the file is larger than 32 MiB", path, "split it")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    found = mot.read_mot(path)
    some = ", ".join(list(found.columns)[:4])
    yield from ()
    raise InputError(
        f"it holds {len(found.columns)} columns ({some}, ...) over {len(found.time_s)} frames: "
        "angles of a model's joints, not positions",
        path,
        "read it with dance_jax.data.mot.read_mot, or export the markers as TRC or C3D",
    )


FORMAT = Format("mot", "MOT/STO table (OpenSim)", sniff, read)
