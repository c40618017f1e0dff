"""Writes tiny TFLite files with the schema of ai-edge-litert, an outside hand for our reader."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

OP = schema.BuiltinOperator
_TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int8": 9}


@dataclasses.dataclass
class Edge:
    """A tensor: its shape and type, and its values where it is a constant."""

    shape: Sequence[int]
    value: np.ndarray | None = None
    dtype: str = "float32"
    sparsity: object = None


@dataclasses.dataclass
class Node:
    """An op by its builtin code, with the tensors by number, and its options object."""

    code: int
    inputs: Sequence[int]
    output: int
    options: object = None


def constant(value: np.ndarray) -> Edge:
    return Edge(value.shape, value, value.dtype.name)


def write(edges: Sequence[Edge], nodes: Sequence[Node], outputs: Sequence[int]) -> bytes:
    """Returns the file; edge 0 is the input."""
    model = schema.ModelT()
    model.version, model.description = 3, b"tiny"
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []
    for number, edge in enumerate(edges):
        tensor = schema.TensorT()
        tensor.shape, tensor.type = [int(n) for n in edge.shape], _TYPES[edge.dtype]
        tensor.name, tensor.buffer = f"t{number}".encode(), 0
        tensor.sparsity = edge.sparsity
        if edge.value is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(edge.value).tobytes(), np.uint8)
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
        graph.tensors.append(tensor)
    model.operatorCodes = []
    codes = sorted({node.code for node in nodes})
    for code in codes:
        entry = schema.OperatorCodeT()
        entry.builtinCode = code
        entry.deprecatedBuiltinCode = min(code, 127)
        entry.version = 1
        model.operatorCodes.append(entry)
    for node in nodes:
        op = schema.OperatorT()
        op.opcodeIndex = codes.index(node.code)
        op.inputs, op.outputs = [int(i) for i in node.inputs], [int(node.output)]
        if node.options is not None:
            name = type(node.options).__name__.removesuffix("T")
            op.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            op.builtinOptions = node.options
        graph.operators.append(op)
    graph.inputs, graph.outputs = [0], [int(i) for i in outputs]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def options(kind: str, **values: object) -> object:
    """Returns the options object of an op type, such as options("Conv2DOptions", strideW=2)."""
    made = getattr(schema, kind + "T")()
    for name, value in values.items():
        assert hasattr(made, name), f"{kind} has no {name}"
        setattr(made, name, value)
    return made


def sparse(dense: np.ndarray) -> Edge:
    """Returns a constant whose last axis is compressed, the others dense."""
    flat = dense.reshape(-1, dense.shape[-1])
    segments = np.concatenate([[0], np.cumsum((flat != 0).sum(1))])
    indices = np.nonzero(flat)[1]
    levels = []
    for size in dense.shape[:-1]:
        level = schema.DimensionMetadataT()
        level.format, level.denseSize = 0, int(size)
        levels.append(level)
    level = schema.DimensionMetadataT()
    level.format = 1
    for name, values in (("Segments", segments), ("Indices", indices)):
        vector = schema.Uint16VectorT()
        vector.values = values.astype(np.uint16)
        setattr(level, f"array{name}Type", schema.SparseIndexVector.Uint16Vector)
        setattr(level, f"array{name}", vector)
    levels.append(level)
    parameters = schema.SparsityParametersT()
    parameters.traversalOrder = list(range(dense.ndim))
    parameters.dimMetadata = levels
    return Edge(dense.shape, dense[dense != 0], dense.dtype.name, parameters)


def one_conv(rng: np.random.Generator) -> bytes:
    """Returns a small sound model: PAD, then a half-precision CONV_2D, then LOGISTIC."""
    edges = [
        Edge((1, 6, 5, 2)),
        constant(np.array([[0, 0], [1, 1], [1, 0], [0, 0]], np.int32)),
        Edge((1, 8, 6, 2)),
        constant(rng.normal(size=(3, 2, 2, 2)).astype(np.float16)),
        Edge((3, 2, 2, 2)),
        constant(rng.normal(size=3).astype(np.float32)),
        Edge((1, 7, 5, 3)),
        Edge((1, 7, 5, 3)),
    ]
    conv = options(
        "Conv2DOptions", padding=1, strideW=1, strideH=1, dilationWFactor=1, dilationHFactor=1
    )
    nodes = [
        Node(OP.PAD, [0, 1], 2, options("PadOptions")),
        Node(OP.DEQUANTIZE, [3], 4),
        Node(OP.CONV_2D, [2, 4, 5], 6, conv),
        Node(OP.LOGISTIC, [6], 7),
    ]
    return write(edges, nodes, [7])
