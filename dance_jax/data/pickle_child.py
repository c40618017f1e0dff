"""The child process that unpickles: run as a script by `pickle_reader`, never imported.

It reads a pickle from standard input and writes arrays and plain values to standard output. Three
walls stand between a hostile file and this machine:

1. Every name in the file that is not in `STAND_INS` ends the reading, and the names that are there
   give stand-ins written below, not NumPy's own functions: those trust the state they are given (a
   forged dtype makes them take file bytes for pointers). A stand-in only notes type, shape and
   bytes.
2. After start-up an audit hook ends the process at any audited event (open, exec, import, a new
   process, ...) but the look-up of a name and `id`, which this file uses.
3. Memory, processor time, files and processes are limited, since the unpickler itself can be made
   to ask for any amount of memory, and memory errors inside it have been bugs.

Output: 8 bytes, the length of the header; the header, JSON; then the bytes of all arrays.
Nodes of the header: ["d", [[key, node], ...]] dict, ["l", [node, ...]] list or tuple, ["v", value],
["a", dtype, shape, order, axes, start, length] array, ["b", start, length] bytes.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import sys
from typing import Any, NoReturn

REFUSED, MAX_DEPTH, MAX_DIMENSIONS = 3, 24, 32
DTYPE = re.compile(
    r"\|[biu]1|[<>][iu][248]|[<>]f[248]|[<>]c(8|16)|\|S[1-9]\d{0,5}|[<>]U[1-9]\d{0,5}"
)
SCALED = ("mean_", "scale_", "min_", "with_mean", "with_std")


class Refused(Exception):
    """The file holds what is not read."""


class Stand:
    """What a stand-in gives back; the file can set its state by `__setstate__` and no more."""

    __slots__ = ("_kept",)

    def __setstate__(self, state: Any) -> None:
        raise Refused("the file sets the state of something that has none")

    def keep(self, *values: Any) -> Any:
        """Notes what the file said, and returns the stand-in."""
        self._kept = values
        return self


class Dtype(Stand):
    """A plain dtype: its letter and size; the byte order follows as its state."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        code, _ = self._kept
        if type(state) is not tuple or len(state) < 5 or state[2:5] != (None, None, None):
            raise Refused("the file holds an array of records, which is not read")
        order = state[1]
        if type(order) is not str or order not in ("<", ">", "|", "="):
            raise Refused("the file holds a dtype of unknown byte order")
        self.keep(code, order.replace("=", "<" if sys.byteorder == "little" else ">"))

    def text(self) -> str:
        """Returns the dtype as NumPy writes it, such as "<f4"."""
        code, order = self._kept
        if code[0] == "O":
            raise Refused("the file holds an array of Python objects, which is not read")
        order = "|" if code[0] in "bS" or code in ("i1", "u1") else order
        if not DTYPE.fullmatch(order + code):
            raise Refused(f"the file holds a dtype that is not read, {code[:8]!r}")
        return order + code


class Array(Stand):
    """An array: dtype, shape, order of its elements, permutation of its axes, bytes."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) not in (4, 5):
            raise Refused("the file holds an array of an unknown layout")
        shape, dtype, columns_first, data = state[-4:]
        self.keep(dtype, shape, "F" if columns_first else "C", None, data)

    def parts(self) -> tuple[str, list[int], str, list[int] | None, bytes]:
        """Returns the checked parts."""
        dtype, shape, order, axes, data = getattr(self, "_kept", (None,) * 5)
        if type(dtype) is not Dtype or type(shape) is not tuple or order not in ("C", "F"):
            raise Refused("the file holds an array of an unknown layout")
        text = dtype.text()
        data = data.encode("latin1") if type(data) is str else data  # Python 2 wrote bytes so
        if type(data) not in (bytes, bytearray):
            raise Refused("the file holds an array without bytes")
        item = int(text[2:]) * (4 if text[1] == "U" else 1)
        count = 1
        for size in shape:
            if type(size) is not int or not 0 <= size < 1 << 48 or len(shape) > MAX_DIMENSIONS:
                raise Refused("the file holds an array of an impossible shape")
            count *= size
        if count * item != len(data):
            raise Refused(
                f"the file holds an array of {min(count * item, 1 << 62)} bytes by its shape, "
                f"but {len(data)} bytes of it"
            )
        if axes is not None and (type(axes) is not tuple or sorted(axes) != [*range(len(shape))]):
            raise Refused("the file holds an array of an unknown layout")
        return text, [*shape], order, None if axes is None else [*axes], bytes(data)


class Name(Stand):
    """A name that the file may call: what it gives comes from the function noted in it."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        """Calls the function noted."""
        return self._kept[0](*args)


class Scaler(Stand):
    """A scaler of scikit-learn: NEWOBJ makes it, which takes a type; it only keeps its state."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        if type(state) is not dict:
            raise Refused("the file holds a scaler of an unknown layout")
        self.keep({key: state[key] for key in SCALED if state.get(key) is not None})


_NAMES = ("StandardScaler", "MinMaxScaler")
SCALERS = {name: type(name, (Scaler,), {"__slots__": ()}) for name in _NAMES}


def _no_array(*args: Any) -> NoReturn:
    raise Refused("the file makes an array in a way that is not read")


def _dtype(code: Any, align: Any = False, copy: Any = False) -> Dtype:
    if type(code) is not str or not 0 < len(code) <= 8:
        raise Refused("the file holds a dtype that is not plain")
    return Dtype().keep(code, "|")


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Array:
    # NumPy writes order "K" for a transposed array: C order first, then the permutation of axes.
    order = "C" if order == "K" and axes is not None else order
    return Array().keep(dtype, shape, order, axes, data)


def _scalar(dtype: Any, data: Any = b"") -> Array:
    return Array().keep(dtype, (), "C", None, data)


def _encode(text: Any, codec: Any) -> bytes:
    if type(text) is not str or codec != "latin1":
        raise Refused("the file encodes text in a way that is not read")
    return text.encode("latin1")


def _named(function: Any) -> Name:
    return Name().keep(function)


# NumPy 1 and 2, protocols 0 to 5; bytes up to 2: `_codecs.encode`, empty `__builtin__.bytes()`.
STAND_INS = {
    ("numpy", "ndarray"): _named(_no_array),
    ("numpy", "dtype"): _named(_dtype),
    ("_codecs", "encode"): _named(_encode),
    ("__builtin__", "bytes"): _named(lambda: b""),
}
for _core in ("numpy.core", "numpy._core"):
    STAND_INS[_core + ".multiarray", "_reconstruct"] = _named(lambda kind, shape, code: Array())
    STAND_INS[_core + ".multiarray", "scalar"] = _named(_scalar)
    STAND_INS[_core + ".numeric", "_frombuffer"] = _named(_from_buffer)
for _module in ("sklearn.preprocessing._data", "sklearn.preprocessing.data"):
    STAND_INS.update({(_module, name): kind for name, kind in SCALERS.items()})


class Reader(pickle.Unpickler):
    """The standard unpickler, for which only `STAND_INS` exist."""

    def find_class(self, module: str, name: str) -> Name | type[Scaler]:
        """Returns the stand-in of a name, or refuses it."""
        found = STAND_INS.get((module, name))
        if found is None:
            raise Refused(f"the file asks for {module[:60]}.{name[:60]}, which is not allowed")
        return found

    def persistent_load(self, key: Any) -> NoReturn:
        """Refuses references to something outside the file."""
        raise Refused("the file refers to something outside itself")


class Flat:
    """Turns the unpickled tree into header nodes and a list of byte strings."""

    def __init__(self, max_nodes: int, max_bytes: int) -> None:
        self.nodes_left, self.bytes_left = max_nodes, max_bytes
        self.pieces: list[bytes] = []
        self.at: dict[int, tuple[int, int]] = {}  # the same bytes object is written once
        self.size = 0

    def add(self, data: bytes) -> tuple[int, int]:
        """Returns start and length of the bytes in the output."""
        if id(data) not in self.at:
            self.bytes_left -= len(data)
            if self.bytes_left < 0:
                raise Refused("the file holds more bytes of arrays than allowed")
            self.at[id(data)] = (self.size, len(data))
            self.pieces.append(data)  # keeps it alive, so that its id stays its own
            self.size += len(data)
        return self.at[id(data)]

    def node(self, value: Any, depth: int = 0) -> list[Any]:
        """Returns the header node of one value."""
        self.nodes_left -= 1
        if self.nodes_left < 0 or depth > MAX_DEPTH:
            raise Refused("the file holds too many values, or nests them too deep")
        kind = type(value)
        if kind is Array:
            *parts, data = value.parts()
            return ["a", *parts, *self.add(data)]
        if kind is dict:
            if any(type(key) not in (str, int) for key in value):
                raise Refused("the file holds a dict whose keys are not text or whole numbers")
            items = [[self.node(k)[1], self.node(item, depth + 1)] for k, item in value.items()]
            return ["d", items]
        if kind in SCALERS.values():
            (held,) = getattr(value, "_kept", ({},))
            return self.node({"class": kind.__name__, **held}, depth)
        if kind in (list, tuple):
            return ["l", [self.node(item, depth + 1) for item in value]]
        if kind in (bytes, bytearray):
            return ["b", *self.add(bytes(value))]
        if kind is int and value.bit_length() > 64:
            raise Refused("the file holds a whole number of more than 64 bits")
        if kind is str:
            self.bytes_left -= len(value)
            if self.bytes_left < 0:
                raise Refused("the file holds more text than allowed")
        if value is None or kind in (bool, int, float, str):
            return ["v", value]
        raise Refused("the file holds a value that is neither an array nor a plain value")


def _limit(memory: int, seconds: int, output: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_NOFILE, 3),  # standard input, output and error, which are open
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _watch(event: str, args: Any) -> None:
    if event in ("pickle.find_class", "builtins.id"):
        return
    # CPython prints an error of its own where a length of 2**40 bytes cannot be had (BYTEARRAY8).
    broken = event in ("sys.excepthook", "sys.unraisablehook")
    why = "it is not a whole pickle" if broken else f"reading it led to the event {event[:60]}"
    os.write(2, why.encode("ascii", "backslashreplace"))
    os._exit(REFUSED)


def main(memory: int, seconds: int, max_nodes: int, max_bytes: int) -> NoReturn:
    """Reads standard input, writes standard output, within these limits, and ends the process."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    json.dumps(["é\ud800", 1.5, None])  # whatever is set up on first use is set up now
    _limit(memory, seconds, max_bytes + 256 * max_nodes)
    sys.addaudithook(_watch)
    code, flat = 0, Flat(max_nodes, max_bytes)
    try:
        value = Reader(source, encoding="latin1").load()
        header = json.dumps(flat.node(value)).encode("ascii")
        target.write(len(header).to_bytes(8, "little"))
        target.write(header)
        for piece in flat.pieces:
            target.write(piece)
        target.flush()
    except Refused as error:
        code, why = REFUSED, str(error)
    except Exception as error:  # a broken pickle raises nearly any type: SystemError, MemoryError
        code, why = REFUSED, f"it is not a whole pickle ({type(error).__name__})"
    if code:
        os.write(2, why.encode("ascii", "backslashreplace")[:400])
    os._exit(code)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:5]))
