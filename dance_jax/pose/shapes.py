"""Shape check of a TFLite graph: every op must yield what the file says, before anything runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dance_jax.pose.flatbuffer import FlatbufferError

if TYPE_CHECKING:
    from dance_jax.pose.tflite import Graph, Op, Tensor

# op -> numbers of inputs it may have
_ARITY = {
    "ADD": (2,),
    "CONCATENATION": tuple(range(1, 65)),
    "CONV_2D": (2, 3),
    "DEPTHWISE_CONV_2D": (2, 3),
    "DEPTH_TO_SPACE": (1,),
    "DEQUANTIZE": (1,),
    "LOGISTIC": (1,),
    "MAX_POOL_2D": (1,),
    "RESHAPE": (1, 2),
    "RESIZE_BILINEAR": (2,),
    "PAD": (2,),
    "DENSIFY": (1,),
}


def check(graph: Graph) -> None:
    """Follows the graph once and compares each op's output shape with the declared one.

    Args:
        graph: what `tflite.read` made of a file.

    Raises:
        FlatbufferError: an op reads what nothing wrote, writes twice, lacks a constant, or its
            shapes do not agree.
    """
    known = {i for i, t in enumerate(graph.tensors) if t.constant is not None}
    if known & set(graph.inputs):
        raise FlatbufferError("the graph's input is a constant")
    image = graph.tensors[graph.inputs[0]]
    if len(image.shape) != 4 or image.shape[0] != 1 or image.dtype != "float32":
        raise FlatbufferError(f"the input must be f32[1,H,W,C], it is {image.dtype}{image.shape}")
    known |= set(graph.inputs)
    for number, op in enumerate(graph.ops):
        where = f"op {number} ({op.kind})"
        read = [i for i in op.inputs if i >= 0]
        if len(op.inputs) not in _ARITY[op.kind] or -1 in op.inputs[:2] or len(op.outputs) != 1:
            raise FlatbufferError(f"{where} has {len(op.inputs)} inputs, {len(op.outputs)} outputs")
        if not known.issuperset(read):
            raise FlatbufferError(f"{where} reads a tensor that nothing wrote")
        out = op.outputs[0]
        if out in known or out < 0:
            raise FlatbufferError(f"{where} writes a tensor that has a value already")
        tensors = [graph.tensors[i] for i in op.inputs if i >= 0]
        try:
            shape = _RULES[op.kind](op, tensors)
        except (ValueError, IndexError, ZeroDivisionError, OverflowError) as error:
            raise FlatbufferError(f"{where}: {error}") from error
        want = graph.tensors[out]
        if shape != want.shape:
            raise FlatbufferError(f"{where} yields {shape}, the file says {want.shape}")
        if want.dtype != (tensors[0].dtype if op.kind == "DENSIFY" else "float32"):
            raise FlatbufferError(f"{where} yields {want.dtype}")
        known.add(out)
    if not known.issuperset(graph.outputs):
        raise FlatbufferError("an output of the graph is never written")


def window(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """Returns the output length of a sliding window: SAME ceil(n/s), VALID ceil((n - (k-1)d)/s).

    Args:
        size: n, input length.
        kernel: k, taps.
        stride: s.
        dilation: d.
        padding: "SAME" or "VALID".

    Raises:
        ValueError: a number out of range, or a window larger than the input.
    """
    if kernel < 1 or not 1 <= stride <= 1024 or not 1 <= dilation <= 1024:
        raise ValueError(f"kernel {kernel}, stride {stride}, dilation {dilation}")
    reach = size if padding == "SAME" else size - (kernel - 1) * dilation
    if reach < 1:
        raise ValueError("the window is larger than the picture")
    return math.ceil(reach / stride)


def _picture(tensor: Tensor) -> tuple[int, int, int]:
    if len(tensor.shape) != 4 or tensor.shape[0] != 1 or tensor.dtype != "float32":
        raise ValueError(f"expected f32[1,H,W,C], got {tensor.dtype}{tensor.shape}")
    return tensor.shape[1:]


def _integers(tensor: Tensor) -> np.ndarray:
    if tensor.constant is None or tensor.dtype != "int32":
        raise ValueError("expected constant integers")
    return tensor.constant.astype(np.int64)


def _conv(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    (height, width, channels), kernel = _picture(tensors[0]), tensors[1]
    if len(kernel.shape) != 4 or kernel.dtype != "float32":
        raise ValueError(f"kernel {kernel.dtype}{kernel.shape}")
    o = op.options
    if op.kind == "CONV_2D":
        out = kernel.shape[0]
        if kernel.shape[3] != channels:
            raise ValueError(f"kernel for {kernel.shape[3]} channels, {channels} given")
    else:
        out = kernel.shape[3]
        if kernel.shape[0] != 1 or channels * o["multiplier"] != out:
            raise ValueError(f"depthwise kernel {kernel.shape} for {channels} channels")
    if len(tensors) == 3 and (tensors[2].shape != (out,) or tensors[2].dtype != "float32"):
        raise ValueError(f"bias {tensors[2].shape} for {out} channels")
    return (
        1,
        window(height, kernel.shape[1], o["stride_h"], o["dilation_h"], o["padding"]),
        window(width, kernel.shape[2], o["stride_w"], o["dilation_w"], o["padding"]),
        out,
    )


def _pool(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    height, width, channels = _picture(tensors[0])
    o = op.options
    rows = window(height, o["filter_h"], o["stride_h"], 1, o["padding"])
    columns = window(width, o["filter_w"], o["stride_w"], 1, o["padding"])
    if o["filter_h"] > height or o["filter_w"] > width:
        raise ValueError("the window is larger than the picture")
    return 1, rows, columns, channels


def _add(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    del op
    if {t.dtype for t in tensors} != {"float32"}:
        raise ValueError("both terms must be f32")
    return tuple(np.broadcast_shapes(*(t.shape for t in tensors)))


def _concatenation(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    rank, axis = len(tensors[0].shape), op.options["axis"]
    axis += rank if axis < 0 else 0
    if not 1 <= axis < rank or {t.dtype for t in tensors} != {"float32"}:
        raise ValueError(f"axis {op.options['axis']} of {rank}")
    rests = {(*t.shape[:axis], *t.shape[axis + 1 :]) for t in tensors}
    if len(rests) != 1 or any(len(t.shape) != rank for t in tensors):
        raise ValueError("the parts differ in shape")
    joined = sum(t.shape[axis] for t in tensors)
    return (*tensors[0].shape[:axis], joined, *tensors[0].shape[axis + 1 :])


def _depth_to_space(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    (height, width, channels), block = _picture(tensors[0]), op.options["block"]
    if block < 1 or channels % (block * block):
        raise ValueError(f"block {block} for {channels} channels")
    return 1, height * block, width * block, channels // (block * block)


def _pad(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    del op
    _picture(tensors[0])
    amounts = _integers(tensors[1])
    if amounts.shape != (4, 2) or amounts.min() < 0 or amounts.max() > 4096 or amounts[0].any():
        raise ValueError(f"padding {amounts.tolist()}")
    return tuple(int(n + a.sum()) for n, a in zip(tensors[0].shape, amounts, strict=True))


def _reshape(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    del op
    if len(tensors) != 2:
        raise ValueError("its new shape is missing")
    shape = tuple(int(n) for n in _integers(tensors[1]).reshape(-1))
    size = math.prod(tensors[0].shape)
    if shape.count(-1) == 1 and -math.prod(shape) > 0:
        shape = tuple(size // -math.prod(shape) if n == -1 else n for n in shape)
    if tensors[0].dtype != "float32" or not shape or math.prod(shape) != size or min(shape) < 1:
        raise ValueError(f"{tensors[0].shape} to {shape}")
    if shape[0] != 1 or tensors[0].shape[0] != 1:
        raise ValueError("the batch axis would be mixed with others")
    return shape


def _resize(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    del op
    channels = _picture(tensors[0])[2]
    size = _integers(tensors[1])
    if size.shape != (2,) or size.min() < 1 or size.max() > 4096:
        raise ValueError(f"new size {size.tolist()}")
    return 1, int(size[0]), int(size[1]), channels


def _same(op: Op, tensors: list[Tensor]) -> tuple[int, ...]:
    floats = ("float32",) if op.kind == "LOGISTIC" else ("float16", "float32")
    if tensors[0].dtype not in floats:
        raise ValueError(f"of {tensors[0].dtype}")
    return tensors[0].shape


_RULES = {
    "ADD": _add,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "DEPTH_TO_SPACE": _depth_to_space,
    "DEQUANTIZE": _same,
    "LOGISTIC": _same,
    "MAX_POOL_2D": _pool,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
    "PAD": _pad,
    "DENSIFY": _same,
}
