"""A TFLite graph as a pure JAX function of its weights and a batch of pictures."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dance_jax.pose.tflite import Graph, Op

Params = dict[str, jax.Array]
Apply = Callable[[Params, jax.Array], tuple[jax.Array, ...]]

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def build(graph: Graph, *, dtype: jnp.dtype = jnp.float32) -> tuple[Params, Apply]:
    """Turns a graph into weights and a function, with every constant folded once.

    Half-precision and sparse constants become dense f32 weights in the order H, W, in, out. The
    function is pure, batched over the pictures, and can be jitted; an output that the caller
    drops costs nothing under jit.

    Args:
        graph: what `tflite.read` gives (its shapes are checked already).
        dtype: type to compute in. f32 asks for full-precision products, so that an accelerator
            agrees with the CPU; with bf16 products are summed in f32, and what leads only to an
            output (coordinates of up to 256 pixels) is kept in f32.

    Returns:
        (params, apply): params is a dict of f32 weights by tensor number; apply(params,
        image[B,H,W,C]) gives one f32[B,...] a graph output, in the file's order.
    """
    constants = {i: t.constant for i, t in enumerate(graph.tensors) if t.constant is not None}
    steps: list[Op] = []
    for op in graph.ops:
        if op.kind in ("DEQUANTIZE", "DENSIFY") and op.inputs[0] in constants:
            constants[op.outputs[0]] = constants[op.inputs[0]]
        else:
            steps.append(op)
    params: Params = {}
    for op in steps:
        for place, index in enumerate(op.inputs):
            if index in constants and constants[index].dtype.kind == "f":
                value = constants[index].astype(np.float32)
                if place == 1 and op.kind == "CONV_2D":
                    value = value.transpose(1, 2, 3, 0)
                elif place == 1 and op.kind == "DEPTHWISE_CONV_2D":
                    value = value.transpose(1, 2, 0, 3)
                params[_key(op, index)] = jnp.asarray(np.ascontiguousarray(value))
    full = _kept_in_f32(graph, steps)
    compute = jnp.dtype(dtype)

    def apply(params: Params, image: jax.Array) -> tuple[jax.Array, ...]:
        values: dict[int, jax.Array] = {graph.inputs[0]: jnp.asarray(image).astype(compute)}
        for op in steps:
            args = [
                params[_key(op, i)] if _key(op, i) in params else values.get(i)
                for i in op.inputs
                if i >= 0
            ]
            fixed = [constants.get(i) for i in op.inputs]
            result = _RUN[op.kind](op, args, fixed, compute)
            result = _ACTIVATE[op.options.get("activation")](result)
            keep = op.outputs[0] in full
            values[op.outputs[0]] = result.astype(jnp.float32 if keep else compute)
        return tuple(values[i].astype(jnp.float32) for i in graph.outputs)

    return params, apply


def _key(op: Op, index: int) -> str:
    """Name of a weight; the layout differs by op, so a shared constant is kept once a kind."""
    return f"{op.kind}/{index}"


def _kept_in_f32(graph: Graph, steps: list[Op]) -> set[int]:
    """Tensors that are outputs, or are only rearranged on their way to one."""
    keep = set(graph.outputs)
    for op in reversed(steps):
        if op.kind in ("RESHAPE", "CONCATENATION", "LOGISTIC") and op.outputs[0] in keep:
            keep.update(i for i in op.inputs if i >= 0)
    return keep


def _convolve(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del fixed
    o, image, kernel = op.options, args[0], args[1]
    out = lax.conv_general_dilated(
        image.astype(compute),
        kernel.astype(compute),
        window_strides=(o["stride_h"], o["stride_w"]),
        padding=o["padding"],
        rhs_dilation=(o["dilation_h"], o["dilation_w"]),
        dimension_numbers=_LAYOUT,
        feature_group_count=image.shape[-1] if op.kind == "DEPTHWISE_CONV_2D" else 1,
        precision=lax.Precision.HIGHEST if compute == jnp.float32 else None,
        preferred_element_type=jnp.promote_types(compute, jnp.float32),
    )
    return out + args[2].astype(out.dtype) if len(args) == 3 else out


def _add(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del op, fixed, compute
    return args[0] + args[1]


def _pad(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del op, compute
    return jnp.pad(args[0], [(int(a), int(b)) for a, b in fixed[1]])


def _resize(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    image = args[0]
    for axis, size in zip((1, 2), fixed[1].reshape(-1), strict=True):
        low, high, weight = _taps(
            image.shape[axis],
            int(size),
            bool(op.options["align_corners"]),
            bool(op.options["half_pixel_centers"]),
        )
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        share = jnp.asarray(weight.reshape(shape), compute)
        # The taps are known when tracing, so that these are plain static gathers.
        image = jnp.take(image, low, axis) * (1 - share) + jnp.take(image, high, axis) * share
    return image


def _taps(
    size: int, new_size: int, align_corners: bool, half_pixel: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours and weight of linear interpolation along one axis, as TFLite counts them."""
    step = (size - 1) / (new_size - 1) if align_corners and new_size > 1 else size / new_size
    at = np.arange(new_size, dtype=np.float64)
    at = np.maximum((at + 0.5) * step - 0.5, 0) if half_pixel else at * step
    low = np.minimum(np.floor(at).astype(np.int32), size - 1)
    high = np.minimum(low + 1, size - 1)
    return low, high, (at - low).astype(np.float32)


def _depth_to_space(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del fixed, compute
    batch, height, width, channels = args[0].shape
    n = op.options["block"]
    depth = channels // (n * n)
    parts = args[0].reshape(batch, height, width, n, n, depth).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(batch, height * n, width * n, depth)


def _max_pool(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del fixed, compute
    o = op.options
    return lax.reduce_window(
        args[0],
        -jnp.inf,
        lax.max,
        (1, o["filter_h"], o["filter_w"], 1),
        (1, o["stride_h"], o["stride_w"], 1),
        o["padding"],
    )


def _concatenate(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del fixed, compute
    return jnp.concatenate(args, op.options["axis"])


def _reshape(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del op, compute
    # The file is written for one picture; the batch axis stays in front.
    return args[0].reshape(args[0].shape[0], *(int(n) for n in fixed[1].reshape(-1)[1:]))


def _logistic(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del op, fixed, compute
    return jax.nn.sigmoid(args[0])


def _same(op: Op, args: list, fixed: list, compute: jnp.dtype) -> jax.Array:
    del op, fixed, compute
    return args[0]


_RUN = {
    "ADD": _add,
    "CONCATENATION": _concatenate,
    "CONV_2D": _convolve,
    "DEPTHWISE_CONV_2D": _convolve,
    "DEPTH_TO_SPACE": _depth_to_space,
    "DEQUANTIZE": _same,
    "DENSIFY": _same,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _max_pool,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
    "PAD": _pad,
}
_ACTIVATE: dict[str | None, Callable[[jax.Array], jax.Array]] = {
    None: lambda x: x,
    "relu": jax.nn.relu,
    "relu_n1_to_1": lambda x: jnp.clip(x, -1, 1),
    "relu6": lambda x: jnp.clip(x, 0, 6),
    "tanh": jnp.tanh,
}
