"""Parses BVH motion files: hierarchy, channels and values, with every error at its line."""

from __future__ import annotations

import array
import codecs
import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator

import numpy as np

from dance_jax.errors import InputError

MAX_BYTES = 256 << 20
MAX_VALUES = 16_000_000
MAX_JOINTS = 2000
MAX_DEPTH = 256
MAX_LINE = 1 << 20
MAX_NUMBER = 1e9
ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")
POSITIONS = ("Xposition", "Yposition", "Zposition")
_CHANNELS = {name.lower(): name for name in ROTATIONS + POSITIONS}
END = "_EndSite"


@dataclasses.dataclass(frozen=True, eq=False)
class Bvh:
    """A BVH motion as the file has it.

    Attributes:
        names: J joints in the order of the file; an End Site is "<parent>_EndSite".
        parents: J indices, -1 for the root; a parent comes before its children.
        offsets: f64[J,3] in the file's unit, from the parent to the joint in the rest pose.
        channels: of each joint, the names of its channels in the order of the file.
        values: f64[T,N] of all channels: degrees, and the file's unit.
        frame_time: seconds from frame to frame.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    channels: tuple[tuple[str, ...], ...]
    values: np.ndarray
    frame_time: float

    @property
    def starts(self) -> tuple[int, ...]:
        """Column of each joint's first channel."""
        return tuple(np.cumsum([0, *map(len, self.channels)])[:-1].tolist())


class _Lines:
    """The lines of a UTF-8 file, one at a time, with their numbers and errors."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.number = path, 0

    def fail(self, what: str, number: int | None = None) -> InputError:
        where = f"{os.fspath(self.path)}:{number or max(self.number, 1)}"
        return InputError(what, where, "export the BVH file again")

    def read(self) -> Iterator[str]:
        try:
            path = pathlib.Path(self.path)
            if not path.is_file():
                raise InputError("it is not a regular file", path, "give the file's own name")
            if path.stat().st_size > MAX_BYTES:
                raise InputError("the file is larger than 256 MiB", path, "split it")
            with path.open("rb") as file:
                while line := file.readline(MAX_LINE + 1):
                    if len(line) > MAX_LINE:
                        raise self.fail("a line is longer than 1 MiB", self.number + 1)
                    line = line.removeprefix(codecs.BOM_UTF8) if not self.number else line
                    for part in line.decode("utf-8").rstrip("\r\n").split("\r"):
                        self.number += 1
                        yield part
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
            raise InputError(why, self.path, "check the name") from error
        except UnicodeDecodeError as error:
            raise self.fail("it is not UTF-8 text", self.number + 1) from error


def read_bvh(path: str | os.PathLike[str]) -> Bvh:
    """Reads a BVH file as it is: any order of channels, End Sites, positions at any joint.

    Args:
        path: the file.

    Raises:
        InputError: with the line, where the file does not follow the format; over 2,000 joints,
            256 levels, 16 million values or 256 MiB; a number that is not finite or beyond 1e9.
    """
    lines = _Lines(path)
    stream = lines.read()
    names, parents, offsets, channels = _hierarchy(lines, stream)
    width = sum(len(row) for row in channels if row)
    if not width:
        raise lines.fail("no joint has channels")
    frames, frame_time = _motion_header(lines, stream)
    if frames * width > MAX_VALUES:
        raise lines.fail(f"it declares {frames} frames of {width} values, over {MAX_VALUES}")
    values = _values(lines, stream, frames, width)
    found = np.array([row or (0.0, 0.0, 0.0) for row in offsets])
    return Bvh(tuple(names), tuple(parents), found, tuple(row or () for row in channels), values,
               frame_time)  # fmt: skip


def _numbers(lines: _Lines, words: list[str], count: int, what: str) -> list[float]:
    try:
        found = [float(word) for word in words]
        good = len(found) == count and all(abs(value) <= MAX_NUMBER for value in found)
    except ValueError:
        good = False
    if not good or any("_" in word for word in words):
        raise lines.fail(f"{what} must be {count} number{'s' * (count > 1)} up to 1e9")
    return found


def _hierarchy(lines: _Lines, stream: Iterator[str]) -> tuple[list, list, list, list]:
    """Reads up to the line MOTION."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float] | None] = []
    channels: list[tuple[str, ...] | None] = []
    stack: list[int] = []
    taken: set[str] = set()
    twins: dict[str, int] = {}
    started, opening = False, False
    for line in stream:
        for piece in filter(None, (part.strip() for part in re.split(r"([{}])", line))):
            key, *words = piece.split()
            word = key.upper()
            if not started:
                if word != "HIERARCHY":
                    raise lines.fail("this is not a BVH file (it does not begin with HIERARCHY)")
                started = True
                if not words:
                    continue
                key, *words = words
                word = key.upper()
            if opening != (word == "{"):
                raise lines.fail("a { is missing" if opening else "a { stands where none belongs")
            if word == "{":
                opening = False
            elif word == "}":
                if not stack:
                    raise lines.fail("a } has no {")
                at = stack.pop()
                if offsets[at] is None:
                    raise lines.fail(f"{names[at][:60]} has no OFFSET")
                if channels[at] is None:
                    raise lines.fail(f"{names[at][:60]} has no CHANNELS")
            elif word in ("ROOT", "JOINT", "END"):
                if (word == "ROOT") == bool(stack) or (word == "ROOT" and names):
                    what = "a second ROOT" if word == "ROOT" else f"{key} outside the ROOT"
                    raise lines.fail(f"there is {what}; one figure a file is read")
                if len(stack) >= MAX_DEPTH or len(names) >= MAX_JOINTS:
                    what = f"{MAX_JOINTS} joints or {MAX_DEPTH} levels"
                    raise lines.fail(f"it has over {what}")
                ends = word == "END"
                name = f"{names[stack[-1]]}{END}" if ends else " ".join(words)
                plain = name
                while ends and name in taken:  # of several End Sites the second is "..._EndSite2"
                    twins[plain] = twins.get(plain, 1) + 1
                    name = f"{plain}{twins[plain]}"
                if not name or name in taken:
                    raise lines.fail(f"the joint name {name[:60]!r} occurs twice" if name else
                                     "a joint has no name")  # fmt: skip
                names.append(name)
                taken.add(name)
                parents.append(stack[-1] if stack else -1)
                offsets.append(None)
                channels.append(() if ends else None)
                stack.append(len(names) - 1)
                opening = True
            elif word == "OFFSET" and stack:
                if offsets[stack[-1]] is not None:
                    raise lines.fail("a second OFFSET")
                offsets[stack[-1]] = _numbers(lines, words, 3, "OFFSET")
            elif word == "CHANNELS" and stack:
                if channels[stack[-1]] is not None:
                    raise lines.fail("CHANNELS where none belong")
                found = tuple(_CHANNELS.get(name.lower(), "") for name in words[1:])
                if words[:1] != [str(len(found))] or "" in found or len(set(found)) < len(found):
                    raise lines.fail("CHANNELS must be a count and as many different names of "
                                     f"{', '.join(ROTATIONS + POSITIONS)}")  # fmt: skip
                channels[stack[-1]] = found
            elif word == "MOTION" and not stack and names:
                return names, parents, offsets, channels
            else:
                raise lines.fail(f"{key[:40]!r} does not belong here")
    if not started:
        raise lines.fail("this is not a BVH file (it is empty)")
    raise lines.fail("the file ends before MOTION")


def _motion_header(lines: _Lines, stream: Iterator[str]) -> tuple[int, float]:
    found: dict[str, str] = {}
    for wanted in ("frames", "frame time"):
        line = next((line for line in stream if line.strip()), "")
        key, colon, text = line.partition(":")
        if not colon or " ".join(key.lower().split()) != wanted:
            raise lines.fail(f"after MOTION the line {wanted.capitalize()}: is missing")
        found[wanted] = text.strip()
        if wanted == "frames" and (
            not re.fullmatch(r"\d{1,9}", found["frames"], re.ASCII) or int(found["frames"]) < 1
        ):
            raise lines.fail(f"Frames: is {found['frames'][:40]!r}, not a number from 1")
    (step,) = _numbers(lines, found["frame time"].split(), 1, "Frame Time:")
    if not 1e-4 <= step <= 10:
        raise lines.fail(f"Frame Time: is {step:g}, not 0.0001 to 10 seconds")
    # 0.033333 is 30 frames/s written with six digits
    digits = len(found["frame time"].partition(".")[2])
    rate = round(1 / step)
    if rate and "e" not in found["frame time"].lower() and round(1 / rate, digits) == step:
        step = 1 / rate
    return int(found["frames"]), step


def _values(lines: _Lines, stream: Iterator[str], frames: int, width: int) -> np.ndarray:
    values, places = array.array("d"), array.array("L")
    for line in stream:
        words = line.split()
        if not words:
            continue
        if len(places) == frames:
            raise lines.fail(f"it declares {frames} frames but has more")
        if len(words) != width:
            raise lines.fail(f"the row has {len(words)} values for {width} channels")
        try:
            values.extend(map(float, words))
        except ValueError as error:
            raise lines.fail(f"a value is not a number ({error})") from error
        if "_" in line:
            raise lines.fail("a value is not a number (_)")
        places.append(lines.number)
    if len(places) != frames:
        raise lines.fail(f"it declares {frames} frames but holds {len(places)}")
    table = np.frombuffer(values, np.float64).reshape(frames, width)
    bad = ~(np.abs(table) <= MAX_NUMBER).all(1)
    if bad.any():
        raise lines.fail("a value is not finite or beyond 1e9", places[int(np.argmax(bad))])
    return table
