"""Reader of TFLite model files: an untrusted flatbuffer becomes a plain, checked graph."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.errors import InputError
from dance_jax.pose import shapes, sparse
from dance_jax.pose.flatbuffer import FlatbufferError, Table

MAX_BYTES = 256 << 20  # BlazePose heavy is 27 MB
MAX_TENSORS = 20_000
MAX_OPS = 20_000
MAX_ELEMENTS = 1 << 27  # of one tensor, and of all constants together

DTYPES = {0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8", 9: "i1"}
ACTIVATIONS = {0: None, 1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh"}

# name -> field: (slot, struct code, default), as in the schema of TensorFlow Lite, version 3.
_WINDOW = {"padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0)}
_OPTIONS: dict[str, dict[str, tuple[int, str, int]]] = {
    "ADD": {"activation": (0, "b", 0)},
    "CONCATENATION": {"axis": (0, "i", 0), "activation": (1, "b", 0)},
    "CONV_2D": {
        **_WINDOW,
        "activation": (3, "b", 0),
        "dilation_w": (4, "i", 1),
        "dilation_h": (5, "i", 1),
    },
    "DEPTHWISE_CONV_2D": {
        **_WINDOW,
        "multiplier": (3, "i", 0),
        "activation": (4, "b", 0),
        "dilation_w": (5, "i", 1),
        "dilation_h": (6, "i", 1),
    },
    "DEPTH_TO_SPACE": {"block": (0, "i", 0)},
    "DEQUANTIZE": {},
    "LOGISTIC": {},
    "MAX_POOL_2D": {
        **_WINDOW,
        "filter_w": (3, "i", 0),
        "filter_h": (4, "i", 0),
        "activation": (5, "b", 0),
    },
    "RESHAPE": {},
    "RESIZE_BILINEAR": {"align_corners": (2, "?", 0), "half_pixel_centers": (3, "?", 0)},
    "PAD": {},
    "DENSIFY": {},
}
_CODES = {
    0: "ADD",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    22: "RESHAPE",
    23: "RESIZE_BILINEAR",
    34: "PAD",
    124: "DENSIFY",
}
OP_TYPES = tuple(sorted(_OPTIONS))


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """One edge of the graph; `constant` holds its values where the file gives them, dense."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Op:
    """One node: its type, the tensors it reads (-1: left out) and writes, and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """A model as plain data, its ops in running order and its shapes checked."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(source: str | os.PathLike[str] | bytes, name: str = "model") -> Graph:
    """Reads a TFLite file into a graph whose ops, sizes and order of running are checked.

    Args:
        source: path of a `.tflite` file, or its bytes.
        name: what to call the model in an error, where `source` is bytes.

    Returns:
        The graph of the file's one subgraph; sparse constants are dense.

    Raises:
        InputError: the file is unreadable, damaged, too large, or has an op that is not
            among `OP_TYPES` (the op is named).

    Source: TensorFlow Lite schema, version 3 (`schema.fbs`).
    """
    where = name if isinstance(source, bytes) else os.fspath(source)
    fix = "fetch the model again (configs/assets.py), or give another file"
    if not isinstance(source, bytes):
        try:
            if os.path.getsize(where) > MAX_BYTES:
                raise InputError(f"model file is larger than {MAX_BYTES >> 20} MiB", where, fix)
            with open(where, "rb") as file:
                source = file.read()
        except OSError as error:
            raise InputError(f"cannot read the model ({error.strerror})", where, fix) from error
    try:
        graph = _graph(source)
        shapes.check(graph)
    except FlatbufferError as error:
        raise InputError(f"not a readable TFLite model: {error}", where, fix) from error
    except UnknownOpError as error:
        raise InputError(
            str(error), where, f"use a model of these ops: {', '.join(OP_TYPES)}"
        ) from error
    return graph


class UnknownOpError(ValueError):
    """The model has an operation that the reader does not know."""


def _graph(data: bytes) -> Graph:
    if len(data) > MAX_BYTES:
        raise FlatbufferError(f"larger than {MAX_BYTES >> 20} MiB")
    if data[4:8] != b"TFL3":
        raise FlatbufferError("the mark TFL3 is missing")
    model = Table.root(data)
    if model.scalar(0, "I") != 3:
        raise FlatbufferError(f"schema version {model.scalar(0, 'I')}, 3 is known")
    kinds = [_kind(code) for code in model.tables(1, 1024)]
    subgraphs = model.tables(2, 64)
    if len(subgraphs) != 1:
        raise FlatbufferError(f"{len(subgraphs)} subgraphs, 1 is known")
    buffers = model.tables(4, MAX_TENSORS)
    tensors, room = [], MAX_ELEMENTS
    for table in subgraphs[0].tables(0, MAX_TENSORS):
        tensor = _tensor(table, buffers, room)
        room -= 0 if tensor.constant is None else tensor.constant.size
        tensors.append(tensor)
    ops = []
    for table in subgraphs[0].tables(3, MAX_OPS):
        index = int(table.scalar(0, "I"))
        if index >= len(kinds):
            raise FlatbufferError(f"op {len(ops)} has type {index} of {len(kinds)}")
        ops.append(_op(table, kinds[index], len(tensors)))
    ends = [_indices(subgraphs[0].vector(slot, "<i4", 64), len(tensors)) for slot in (1, 2)]
    if len(ends[0]) != 1 or not ends[1] or -1 in (*ends[0], *ends[1]):
        raise FlatbufferError("the graph must have one input and at least one output")
    return Graph(tuple(tensors), tuple(ops), *ends)


def _kind(code: Table) -> str:
    """Name of an op type; the newer field wins where both are set, as in the runtime."""
    builtin = max(int(code.scalar(0, "b")), int(code.scalar(3, "i")))
    if builtin in _CODES:
        return _CODES[builtin]
    if builtin == 32:
        raise UnknownOpError(f"unknown op CUSTOM ({code.text(1, 64)!r})")
    raise UnknownOpError(f"unknown op {_builtin_name(builtin)}")


def _builtin_name(builtin: int) -> str:
    from ai_edge_litert import schema_py_generated as schema

    names = {
        value: key for key, value in vars(schema.BuiltinOperator).items() if type(value) is int
    }
    return names.get(builtin, f"number {builtin}")


def _indices(values: np.ndarray, count: int) -> tuple[int, ...]:
    indices = tuple(int(v) for v in values)
    if any(i < -1 or i >= count for i in indices):
        raise FlatbufferError(f"tensor numbers {indices} of {count} tensors")
    return indices


def _op(table: Table, kind: str, n_tensors: int) -> Op:
    inputs, outputs = (_indices(table.vector(slot, "<i4", 64), n_tensors) for slot in (1, 2))
    fields = table.table(4)
    options: dict[str, Any] = {
        name: default if fields is None else fields.scalar(slot, code, default)
        for name, (slot, code, default) in _OPTIONS[kind].items()
    }
    if "activation" in options:
        if options["activation"] not in ACTIVATIONS:
            raise FlatbufferError(f"{kind} with an unknown activation {options['activation']}")
        options["activation"] = ACTIVATIONS[options["activation"]]
    if "padding" in options:
        if options["padding"] not in (0, 1):
            raise FlatbufferError(f"{kind} with an unknown padding {options['padding']}")
        options["padding"] = ("SAME", "VALID")[options["padding"]]
    return Op(kind, inputs, outputs, options)


def _tensor(table: Table, buffers: list[Table], room: int) -> Tensor:
    shape = tuple(int(n) for n in table.vector(0, "<i4", 8))
    name = table.text(3)
    if any(n < 1 or n > MAX_ELEMENTS for n in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise FlatbufferError(f"tensor {name!r} has the shape {shape}")
    code = int(table.scalar(1, "b"))
    if code not in DTYPES:
        raise FlatbufferError(f"tensor {name!r} has the unknown type {code}")
    index = int(table.scalar(2, "I"))
    if index >= len(buffers):
        raise FlatbufferError(f"tensor {name!r} has buffer {index} of {len(buffers)}")
    if int(buffers[index].scalar(1, "Q")) > 1:
        raise FlatbufferError(f"tensor {name!r} keeps its values outside the flatbuffer")
    raw = buffers[index].vector(0, "u1")
    dtype = np.dtype(DTYPES[code])
    if not raw.size:
        return Tensor(name, shape, dtype.name)
    if raw.size % dtype.itemsize:
        raise FlatbufferError(f"tensor {name!r} has {raw.size} bytes of {dtype}")
    if math.prod(shape) > room:
        raise FlatbufferError("the constants are larger than any pose model's")
    values = raw.view(dtype)
    sparsity = table.table(6)
    if sparsity is not None:
        values = sparse.densify(values, shape, sparsity, name)
    if values.size != math.prod(shape):
        raise FlatbufferError(f"tensor {name!r} has {values.size} values for the shape {shape}")
    return Tensor(name, shape, dtype.name, values.reshape(shape))
