"""Reads JSON from strangers: bounded depth, size and memory, and one-line errors."""

from __future__ import annotations

import codecs
import itertools
import json
import os
import pathlib
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from dance_jax.errors import InputError

MAX_DEPTH = 64
MAX_BYTES = 1 << 30
MAX_NUMBER = 1e9
MAX_MEMORY = 384 << 20
_WINDOW = 6 << 20  # the longest element; parsed, it takes at most some 30 times as much
_SPACE = " \t\n\r"
_CUT = "it ends too early: copy or write it again"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise _Refused(f"the key {twice[:60]!r} occurs twice in one object", json.dumps(twice))
    return found


def _constant(text: str) -> float:
    if text == "NaN":
        return float("nan")  # not JSON, but what Python and NumPy programs write for a gap
    raise _Refused(f"it holds {text}", text)


class _Refused(ValueError):
    """A value that JSON allows and this reader does not, and the word to look for in the text."""

    def __init__(self, what: str, word: str) -> None:
        super().__init__(what)
        self.word = word


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)


class _Window:
    """A piece of a JSON file as text, moved on as its elements are read."""

    def __init__(self, path: str | os.PathLike[str], size: int = _WINDOW) -> None:
        self.path, self.size = pathlib.Path(path), size
        self.text, self.at, self.line, self.depth = "", 0, 1, 0
        self.column = 1  # of the window's first character
        self.ended = False
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("strict")
        try:
            if _size(path) > MAX_BYTES:
                raise InputError("the file is larger than 1 GiB", path, "split it")
            self.file = self.path.open("rb")
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from None

    def place(self, at: int) -> tuple[int, int]:
        """Returns line and column of a character of the window, from 1."""
        lines = self.text.count("\n", 0, at)
        column = at - self.text.rfind("\n", 0, at) if lines else self.column + at
        return self.line + lines, column

    def fail(
        self, what: str, fix: str = "write the JSON file again", at: int | None = None
    ) -> InputError:
        line, column = self.place(self.at if at is None else at)
        return InputError(what, f"{self.path}:{line}, column {column}", fix)

    def more(self) -> bool:
        """Drops what was read and reads on up to the window's size; False where nothing came."""
        self.line, self.column = self.place(self.at)
        self.text, self.at = self.text[self.at :], 0
        if self.ended or len(self.text) >= self.size:
            return False
        data = self.file.read(self.size - len(self.text))
        if not data:
            self.ended = True
        steps = np.zeros(256, np.int8)
        steps[list(b"[{")], steps[list(b"]}")] = 1, -1
        if data:
            depth = self.depth + np.cumsum(steps[np.frombuffer(data, np.uint8)], dtype=np.int32)
            self.depth = int(depth[-1])
            if depth.max() > MAX_DEPTH:
                where = self._line(data, int(np.argmax(depth > MAX_DEPTH)))
                raise InputError(f"it is nested over {MAX_DEPTH} deep", where, "write it flatter")
        try:
            self.text += self._decode.decode(data, self.ended)
        except UnicodeDecodeError as error:
            where = self._line(data, error.start)
            raise InputError("it is not UTF-8 text", where, "save it as UTF-8") from error
        return True

    def _line(self, data: bytes, at: int) -> str:
        """Returns the place of a byte of the piece that follows the window."""
        line = self.line + self.text.count("\n") + data.count(b"\n", 0, at)
        return f"{self.path}:{line}"

    def _at(self, word: str) -> int:
        """Returns where the word stands in the value that begins here, or where that begins."""
        return max(self.text.find(word, self.at), self.at)

    def peek(self) -> str:
        """Returns the next character that is no space, "" at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, characters: str) -> str:
        """Takes one of these characters, or raises InputError."""
        found = self.peek()
        if not found or found not in characters:
            if not found:
                what = f"it is no whole JSON: the end of the file where one of {characters!r}"
                raise self.fail(f"{what} should be", _CUT)
            raise self.fail(f"it is no whole JSON: {found!r} where one of {characters!r} should be")
        self.at += 1
        return found

    def value(self) -> Any:
        """Takes one value."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self.text, self.at)
                if end < len(self.text) or self.ended:
                    self.at = end
                    return found
                problem, at = "the value is cut off", self.at
            except json.JSONDecodeError as error:
                problem, at = f"it is no JSON: {error.msg}", error.pos
                cut = at >= len(self.text) - 16 or error.msg.startswith("Unterminated")
                if not cut:
                    raise self.fail(problem, at=at) from None
            except _Refused as error:
                raise self.fail(str(error), at=self._at(error.word)) from error
            except RecursionError as error:  # the depth is counted before
                raise self.fail("it is nested too deep") from error
            except ValueError as error:
                raise self.fail("it holds a whole number of over 4300 digits") from error
            if self.ended:
                raise self.fail(problem, _CUT, at)
            if not self.more():
                raise self.fail("one element has over 6 MiB", "split the file")


Key = str | int | tuple[str, int]


def elements(
    path: str | os.PathLike[str], inside: Collection[str] = ()
) -> Iterator[tuple[Key, Any]]:
    """Gives the elements of a JSON list, or the items of an object, holding one at a time.

    Args:
        path: the file.
        inside: keys of an object whose lists are given element by element too.

    Yields:
        (position, value) of a list, (key, value) of an object, ((key, position), value) inside.

    Raises:
        InputError: with the line: no JSON, nested too deep, one element over 6 MiB, a key twice.
    """
    yield from _elements(_Window(path), inside)


def _elements(window: _Window, inside: Collection[str] = ()) -> Iterator[tuple[Key, Any]]:
    with window.file:
        kind = window.take("[{")
        if kind == "[":
            yield from _items(window)
        else:
            yield from _pairs_of(window, inside)
        if window.peek():
            raise window.fail("something follows the end of the JSON", "give one JSON a file")


def _items(window: _Window) -> Iterator[tuple[int, Any]]:
    """Takes the rest of a list, its bracket already taken."""
    if window.peek() == "]":
        window.take("]")
        return
    for count in itertools.count():
        yield count, window.value()
        if window.take(",]") == "]":
            return


def _pairs_of(window: _Window, inside: Collection[str]) -> Iterator[tuple[Key, Any]]:
    """Takes the rest of an object, its brace already taken."""
    keys: set[str] = set()
    if window.peek() == "}":
        window.take("}")
        return
    while True:
        if window.peek() != '"':
            window.take('"')
        key = str(window.value())
        window.take(":")
        if key in keys:
            raise window.fail(f"the key {key[:60]!r} occurs twice")
        keys.add(key)
        if key in inside and window.peek() == "[":
            window.take("[")
            for at, value in _items(window):
                yield (key, at), value
        else:
            yield key, window.value()
        if window.take(",}") == "}":
            return


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a whole JSON file that starts with a list or an object.

    Raises:
        InputError: as `elements`, or its values would take over 384 MiB.
    """
    size = _size(path)
    need = 2 * size
    if need <= MAX_MEMORY:
        data = pathlib.Path(path).read_bytes()
        need += 48 * data.count(b",") + 100 * data.count(b"[") + 300 * data.count(b"{")
        is_list = data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        del data
    if need > MAX_MEMORY:
        raise InputError("its values would take over 384 MiB", path, "split the file")
    rows = list(_elements(_Window(path, size + 1)))
    return [value for _, value in rows] if is_list else dict(rows)


def _size(path: str | os.PathLike[str]) -> int:
    try:
        if not os.path.isfile(path):
            raise InputError("it is not a regular file", path, "give the file's own name")
        return os.path.getsize(path)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from None


def numbers(values: Any, where: object, count: int | None = None) -> np.ndarray:
    """Returns a JSON list of numbers as f64[N]; null and NaN are NaN.

    Args:
        values: the list.
        where: file and key, for messages.
        count: N, where it must be so many.

    Raises:
        InputError: no list, another length, something that is no number, or beyond 1e9.
    """
    if not isinstance(values, list):
        raise InputError(f"it is {_kind(values)}, not a list of numbers", where, "mend the file")
    if count is not None and len(values) != count:
        raise InputError(f"it has {len(values)} numbers, not {count}", where, "mend the file")
    kinds = set(map(type, values))
    if not kinds <= {int, float, type(None)}:
        at = next(i for i, v in enumerate(values) if type(v) not in (int, float, type(None)))
        raise InputError(f"number {at} is {_kind(values[at])}", where, "mend the file")
    if type(None) in kinds:
        values = [float("nan") if value is None else value for value in values]
    try:
        found = np.array(values, np.float64)
    except OverflowError:
        found = np.array([np.inf])
    if (np.abs(found) > MAX_NUMBER).any():
        raise InputError("it holds a number beyond 1e9", where, "mend the file")
    return found


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "null" if value is None else "a number")
