"""Decoding of TFLite's sparse constants: a tree of dense and compressed dimensions to an array."""

from __future__ import annotations

import numpy as np

from dance_jax.pose.flatbuffer import FlatbufferError, Table

_INDEX_TYPES = {1: "<i4", 2: "<u2", 3: "u1"}
_DENSE, _COMPRESSED = 0, 1


def densify(values: np.ndarray, shape: tuple[int, ...], sparsity: Table, name: str) -> np.ndarray:
    """Spreads the stored values of a sparse tensor over a dense array of zeros.

    Args:
        values: the stored values, in the order of the tree's leaves.
        shape: the dense shape.
        sparsity: the `SparsityParameters` table.
        name: the tensor's name, for errors.

    Returns:
        Array of `shape` with the type of `values`.

    Source: TensorFlow Lite schema, `SparsityParameters` (the TACO format of dimensions).
    """
    order = tuple(int(v) for v in sparsity.vector(0, "<i4", 16))
    blocks = sparsity.vector(1, "<i4", 16)
    levels = sparsity.tables(2, 16)
    if blocks.size or order != tuple(range(len(shape))) or len(levels) != len(shape):
        raise FlatbufferError(f"tensor {name!r} is sparse in blocks or in another order: not known")
    # One entry a node of the tree at this depth: its row-major position in the dense array.
    position = np.zeros(1, np.int64)
    for size, level in zip(shape, levels, strict=True):
        kind = level.scalar(0, "b")
        if kind == _DENSE:
            if level.scalar(1, "i") != size:
                raise FlatbufferError(f"tensor {name!r}: a dense dimension differs from the shape")
            if position.size * size > max(values.size, 1) * 64 + 65_536:
                raise FlatbufferError(f"tensor {name!r}: more sparse rows than its values explain")
            position = (position[:, None] * size + np.arange(size)).reshape(-1)
        elif kind == _COMPRESSED:
            segments = _indices(level, 2, 3, name)
            indices = _indices(level, 4, 5, name)
            counts = np.diff(segments)
            if (
                segments.size != position.size + 1
                or segments[0] != 0
                or segments[-1] != indices.size
                or np.any(counts < 0)
                or np.any((indices < 0) | (indices >= size))
            ):
                raise FlatbufferError(f"tensor {name!r}: its sparse indices do not fit its shape")
            position = np.repeat(position, counts) * size + indices
        else:
            raise FlatbufferError(f"tensor {name!r}: unknown kind of sparse dimension {kind}")
    if position.size != values.size:
        raise FlatbufferError(f"tensor {name!r}: {values.size} values for {position.size} places")
    dense = np.zeros(int(np.prod(shape, dtype=np.int64)), values.dtype)
    dense[position] = values
    return dense.reshape(shape)


def _indices(level: Table, type_slot: int, slot: int, name: str) -> np.ndarray:
    """One `SparseIndexVector` (a union of three integer widths) as i64."""
    kind, table = int(level.scalar(type_slot, "B")), level.table(slot)
    if kind not in _INDEX_TYPES or table is None:
        raise FlatbufferError(f"tensor {name!r}: a sparse dimension lacks its indices")
    return table.vector(0, _INDEX_TYPES[kind]).astype(np.int64)
