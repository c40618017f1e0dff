"""Which AIST videos are meant: names, patterns of names, or a file of names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from dance_jax.data.aist_names import AistName, parse_name
from dance_jax.data.textfile import read_lines
from dance_jax.errors import InputError

MAX_NAMES = 20_000
"""The database has 13,939 videos (Tsuchida et al. 2019)."""

_RANGE = re.compile(r"\{(\d{1,2})\.\.(\d{1,2})\}|\{([A-Za-z0-9]+(?:\|[A-Za-z0-9]+)*)\}")
_ADDRESS = re.compile(r"https?://\S+/(?=[^/]+$)")


def names(patterns: Sequence[str], path: str = "", cameras: Sequence[str] = ("c01",)) -> list[str]:
    """Returns names of videos, in order, each once.

    "gBR_sBM_c{01..09}_d04_mBR{0..5}_ch{01|02}" means 108 names: a range keeps the digits of its
    first number, a bar parts what may stand there. A sequence of all cameras ("cAll", as AIST++
    names them) becomes one name a camera.

    Args:
        patterns: names or patterns, ".mp4" allowed.
        path: a file of them, one a line; "#" begins a remark. Addresses (the database's own lists
            hold them) stand for the names at their ends.
        cameras: c01 to c09, for "cAll".

    Raises:
        InputError: there is none, too many, or one is no AIST name.
    """
    for camera in cameras:
        if not re.fullmatch(r"c\d\d", camera):
            raise InputError(f"{camera!r} is no camera", "cameras", "they are c01 to c09")
    rows = [(text, "names") for text in patterns]
    if path:
        lines = (line.partition("#")[0].strip() for line in read_lines(path))
        rows += [(text, f"{path}:{k}") for k, text in enumerate(lines, 1) if text]
    out: dict[str, None] = {}
    for text, where in rows:
        for name in _expanded(_ADDRESS.sub("", text.strip()), where):
            known = _checked(name, where)
            views = [int(c[1:]) for c in cameras] if known.camera is None else [known.camera]
            for camera in views:
                out[known.seen_by(camera)] = None
                if len(out) > MAX_NAMES:
                    what = f"more than {MAX_NAMES:,} names are meant"
                    raise InputError(what, where, "the database has 13,939 videos")
    if not out:
        fix = "give --config.names=gBR_sBM_c01_d04_mBR0_ch01 or --config.list=FILE"
        raise InputError("no video is named", "names", fix)
    return list(out)


def _checked(name: str, where: str) -> AistName:
    if "/" in name or "\\" in name:
        raise InputError(f"{name!r} is no plain name", where, "leave the folder out")
    stem = name.removesuffix(".mp4")
    try:
        if "." in stem:
            raise InputError("it has another ending")
        return parse_name(stem)
    except InputError as error:
        fix = "gBR_sBM_c01_d04_mBR0_ch01 is one"
        raise InputError(f"{name[:80]!r} is not an AIST name", where, fix) from error


def _expanded(text: str, where: str) -> Iterator[str]:
    """Yields every name that a pattern means."""
    parts: list[list[str]] = []
    at, count = 0, 1
    for found in _RANGE.finditer(text):
        low, high, choice = found.groups()
        if choice is not None:
            values = choice.split("|")
        else:
            values = [f"{k:0{len(low)}d}" for k in range(int(low), int(high) + 1)]
        count *= len(values)
        if not values or count > MAX_NAMES:
            raise InputError(f"{found[0]} means no or too many names", where, "correct the range")
        parts += [[text[at : found.start()]], values]
        at = found.end()
    parts.append([text[at:]])
    for chosen in itertools.product(*parts):
        yield "".join(chosen)
