"""Cutting a TFLite file down to the outputs in use, so that LiteRT runs no more than those."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from dance_jax.errors import InputError
from dance_jax.pose import tflite
from dance_jax.pose.flatbuffer import Table

_GRAPHS, _OUTPUTS, _OPS = 2, 2, 3  # slots in the schema: of the model, and of its graph


def keep_outputs(data: bytes, graph: tflite.Graph, places: Sequence[int]) -> bytes:
    """Returns the file with only some of its outputs, and only the ops that lead to them.

    BlazePose's segmentation mask costs about half of the landmark network's time, and LiteRT runs
    every op of a file. Only the two lists in the file are rewritten, in place: each is as long as
    before or shorter, and the rest of the file stays as it is, as do the values of the outputs.

    Args:
        data: a file that `tflite.read` took.
        graph: what it made of it.
        places: which outputs to keep, in the order wanted.

    Returns:
        The smaller model; `data` itself where its lists cannot be rewritten safely.
    """
    wanted = [graph.outputs[place] for place in places]
    needed, kept = set(wanted), []
    for number in range(len(graph.ops) - 1, -1, -1):
        op = graph.ops[number]
        if op.outputs[0] in needed:
            kept.append(number)
            needed.update(op.inputs)
    kept.reverse()
    if len(places) > len(graph.outputs):
        return data
    table = Table.root(data).tables(_GRAPHS, 1)[0]
    ops, outputs = table.vector_position(_OPS), table.vector_position(_OUTPUTS)
    entries = struct.unpack_from(f"<{len(graph.ops)}I", data, ops + 4)
    result = bytearray(data)
    # An entry counts from its own place in the list, so it changes as it moves up.
    moved = [entries[old] + 4 * (old - new) for new, old in enumerate(kept)]
    struct.pack_into(f"<{1 + len(moved)}I", result, ops, len(moved), *moved)
    struct.pack_into(f"<I{len(wanted)}i", result, outputs, len(wanted), *wanted)
    # Lists may lie on top of each other in a file: only what reads back as meant is used.
    try:
        small = tflite.read(bytes(result))
    except InputError:
        return data
    same = small.ops == tuple(graph.ops[i] for i in kept) and small.outputs == tuple(wanted)
    return bytes(result) if same else data
