"""Builds the values of an unpickled file from what the restricted process wrote of it."""

from __future__ import annotations

import json
import math
import os
from typing import Any, BinaryIO

import numpy as np

from dance_jax.errors import InputError

_KINDS = frozenset("biufcSU")
_DEPTH = 25


def decode(made: BinaryIO, path: object) -> Any:
    """Builds the values from the child's output, trusting nothing in it.

    Args:
        made: the output, from its beginning.
        path: the pickle, for the message.

    Returns:
        dicts, lists, plain values, bytes, and arrays, which may not be written to.

    Raises:
        InputError: it is not what the child writes.
    """
    total = made.seek(0, os.SEEK_END)
    made.seek(0)
    length = int.from_bytes(made.read(8), "little")
    broken = InputError("the process that read it answered nonsense", path, "it may be damaged")
    if total < 8 or not 0 < length <= total - 8:
        raise broken
    try:
        tree = json.loads(made.read(length))
        data = np.fromfile(made, np.uint8, total - 8 - length)
        data.flags.writeable = False
        return _value(tree, data, 0)
    except (ValueError, TypeError, IndexError, KeyError, RecursionError) as error:
        raise broken from error


def _value(node: list[Any], data: np.ndarray, depth: int) -> Any:
    kind = node[0] if depth <= _DEPTH else "too deep"
    if kind == "v":
        if not isinstance(node[1], bool | int | float | str | None):
            raise ValueError("not a plain value")
        return node[1]
    if kind == "l":
        return [_value(item, data, depth + 1) for item in node[1]]
    if kind == "d":
        return {_key(key): _value(item, data, depth + 1) for key, item in node[1]}
    if kind == "b":
        return _slice(data, node[1], node[2]).tobytes()
    if kind != "a":
        raise ValueError("unknown node")
    _, text, shape, order, axes, start, length = node
    dtype = np.dtype(str(text))
    if dtype.kind not in _KINDS or dtype.fields or dtype.subdtype or order not in ("C", "F"):
        raise ValueError("not a plain array")
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("not a shape")
    if math.prod(shape) * dtype.itemsize != length or (dtype.itemsize == 0 and math.prod(shape)):
        raise ValueError("shape and bytes differ")
    # NumPy wants the bytes of an item in a row, whatever comes before them.
    flat = np.frombuffer(_slice(data, start, length).tobytes(), dtype)
    array = flat.reshape(shape, order=order)
    array = array if axes is None else array.transpose(axes)
    return array if shape else array[()]


def _key(key: Any) -> str | int:
    if type(key) not in (str, int):
        raise ValueError("not a key")
    return key


def _slice(data: np.ndarray, start: Any, length: Any) -> np.ndarray:
    whole = type(start) is int and type(length) is int
    if not whole or not 0 <= start <= start + length <= len(data):
        raise ValueError("outside the data")
    return data[start : start + length]
