"""torchvision's tensor names and shapes as data, and encoders in plain NumPy that go by them."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np

# name, channels in, channels out, kernel: every convolution of InceptionV3 (a BatchNorm follows).
INCEPTION = """
: Conv2d_1a_3x3 3 32 3x3; Conv2d_2a_3x3 32 32 3x3; Conv2d_2b_3x3 32 64 3x3; \
Conv2d_3b_1x1 64 80 1x1; Conv2d_4a_3x3 80 192 3x3
Mixed_5b: branch1x1 192 64 1x1; branch5x5_1 192 48 1x1; branch5x5_2 48 64 5x5; \
branch3x3dbl_1 192 64 1x1; branch3x3dbl_2 64 96 3x3; branch3x3dbl_3 96 96 3x3; \
branch_pool 192 32 1x1
Mixed_5c: branch1x1 256 64 1x1; branch5x5_1 256 48 1x1; branch5x5_2 48 64 5x5; \
branch3x3dbl_1 256 64 1x1; branch3x3dbl_2 64 96 3x3; branch3x3dbl_3 96 96 3x3; \
branch_pool 256 64 1x1
Mixed_5d: branch1x1 288 64 1x1; branch5x5_1 288 48 1x1; branch5x5_2 48 64 5x5; \
branch3x3dbl_1 288 64 1x1; branch3x3dbl_2 64 96 3x3; branch3x3dbl_3 96 96 3x3; \
branch_pool 288 64 1x1
Mixed_6a: branch3x3 288 384 3x3; branch3x3dbl_1 288 64 1x1; branch3x3dbl_2 64 96 3x3; \
branch3x3dbl_3 96 96 3x3
Mixed_6b: branch1x1 768 192 1x1; branch7x7_1 768 128 1x1; branch7x7_2 128 128 1x7; \
branch7x7_3 128 192 7x1; branch7x7dbl_1 768 128 1x1; branch7x7dbl_2 128 128 7x1; \
branch7x7dbl_3 128 128 1x7; branch7x7dbl_4 128 128 7x1; branch7x7dbl_5 128 192 1x7; \
branch_pool 768 192 1x1
Mixed_6c: branch1x1 768 192 1x1; branch7x7_1 768 160 1x1; branch7x7_2 160 160 1x7; \
branch7x7_3 160 192 7x1; branch7x7dbl_1 768 160 1x1; branch7x7dbl_2 160 160 7x1; \
branch7x7dbl_3 160 160 1x7; branch7x7dbl_4 160 160 7x1; branch7x7dbl_5 160 192 1x7; \
branch_pool 768 192 1x1
Mixed_6d: branch1x1 768 192 1x1; branch7x7_1 768 160 1x1; branch7x7_2 160 160 1x7; \
branch7x7_3 160 192 7x1; branch7x7dbl_1 768 160 1x1; branch7x7dbl_2 160 160 7x1; \
branch7x7dbl_3 160 160 1x7; branch7x7dbl_4 160 160 7x1; branch7x7dbl_5 160 192 1x7; \
branch_pool 768 192 1x1
Mixed_6e: branch1x1 768 192 1x1; branch7x7_1 768 192 1x1; branch7x7_2 192 192 1x7; \
branch7x7_3 192 192 7x1; branch7x7dbl_1 768 192 1x1; branch7x7dbl_2 192 192 7x1; \
branch7x7dbl_3 192 192 1x7; branch7x7dbl_4 192 192 7x1; branch7x7dbl_5 192 192 1x7; \
branch_pool 768 192 1x1
Mixed_7a: branch3x3_1 768 192 1x1; branch3x3_2 192 320 3x3; branch7x7x3_1 768 192 1x1; \
branch7x7x3_2 192 192 1x7; branch7x7x3_3 192 192 7x1; branch7x7x3_4 192 192 3x3
Mixed_7b: branch1x1 1280 320 1x1; branch3x3_1 1280 384 1x1; branch3x3_2a 384 384 1x3; \
branch3x3_2b 384 384 3x1; branch3x3dbl_1 1280 448 1x1; branch3x3dbl_2 448 384 3x3; \
branch3x3dbl_3a 384 384 1x3; branch3x3dbl_3b 384 384 3x1; branch_pool 1280 192 1x1
Mixed_7c: branch1x1 2048 320 1x1; branch3x3_1 2048 384 1x1; branch3x3_2a 384 384 1x3; \
branch3x3_2b 384 384 3x1; branch3x3dbl_1 2048 448 1x1; branch3x3dbl_2 448 384 3x3; \
branch3x3dbl_3a 384 384 1x3; branch3x3dbl_3b 384 384 3x1; branch_pool 2048 192 1x1
"""
# Whole networks: here compiling takes longer than running.
jit = functools.partial(
    jax.jit,
    compiler_options={
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
    },
)
RESNET = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
# Chains of each InceptionV3 block in the order of its channels; a pair stands side by side.
_DOUBLE = ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
CHAINS = {
    "Mixed_5b": (("branch1x1",), ("branch5x5_1", "branch5x5_2"), _DOUBLE),
    "Mixed_6a": (("branch3x3",), _DOUBLE),
    "Mixed_6b": (
        ("branch1x1",),
        tuple(f"branch7x7_{i}" for i in range(1, 4)),
        tuple(f"branch7x7dbl_{i}" for i in range(1, 6)),
    ),
    "Mixed_7a": (
        ("branch3x3_1", "branch3x3_2"),
        tuple(f"branch7x7x3_{i}" for i in range(1, 5)),
    ),
    "Mixed_7b": (
        ("branch1x1",),
        ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
        (*_DOUBLE[:2], ("branch3x3dbl_3a", "branch3x3dbl_3b")),
    ),
}


def unit(conv: str, bn: str, out: int, before: int, h: int, w: int) -> dict[str, tuple[int, ...]]:
    tensors = ("weight", "bias", "running_mean", "running_var")
    return {f"{conv}.weight": (out, before, h, w)} | {f"{bn}.{t}": (out,) for t in tensors}


def resnet_table(depth: int, width: int = 64, classes: int = 1000) -> dict[str, tuple[int, ...]]:
    """Returns name -> shape of torchvision's ResNet, num_batches_tracked left out."""
    table, before = unit("conv1", "bn1", width, 3, 7, 7), width
    for stage, count in enumerate(RESNET[depth], 1):
        inner = width << (stage - 1)
        out = 4 * inner if depth == 50 else inner
        for i in range(count):
            at = f"layer{stage}.{i}"
            rows = [(inner, before, 3), (inner, inner, 3)]
            if depth == 50:
                rows = [(inner, before, 1), (inner, inner, 3), (out, inner, 1)]
            for k, (b, a, size) in enumerate(rows, 1):
                table |= unit(f"{at}.conv{k}", f"{at}.bn{k}", b, a, size, size)
            if i == 0 and (depth == 50 or stage > 1):
                table |= unit(f"{at}.downsample.0", f"{at}.downsample.1", out, before, 1, 1)
            before = out
    return table | {"fc.weight": (classes, before), "fc.bias": (classes,)}


def inception_table() -> dict[str, tuple[int, ...]]:
    """Returns name -> shape of torchvision's InceptionV3 without its auxiliary classifier."""
    table: dict[str, tuple[int, ...]] = {}
    for line in INCEPTION.strip().splitlines():
        block, rows = line.split(":")
        for name, before, out, size in (row.split() for row in rows.split(";")):
            at = f"{block}.{name}" if block else name
            sides = (int(n) for n in size.split("x"))
            table |= unit(f"{at}.conv", f"{at}.bn", int(out), int(before), *sides)
    return table | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}


def drawn(table: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Returns a random state dict whose activations keep their size."""
    random = np.random.default_rng(seed)
    state = {}
    for name, shape in table.items():
        if name.endswith("running_var"):
            values = random.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            values = random.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            values = random.normal(size=shape) * 0.1 + (name.endswith("weight") * 1.0)
        state[name] = values.astype(np.float32)
    return state


def variables(model: Any, size: int, seed: int) -> dict:
    """Returns drawn variables of a module over frames, without compiling its initialisation."""
    frames = np.zeros((1, size, size, 3), np.float32)
    random = np.random.default_rng(seed)

    def draw(path: tuple, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        if path[-1].key in ("scale", "var"):
            return random.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        fan_in = max(1, int(np.prod(leaf.shape[:-1])))
        return (random.normal(size=leaf.shape) / np.sqrt(fan_in)).astype(np.float32)

    return jax.tree.map_with_path(draw, jax.eval_shape(model.init, jax.random.key(0), frames))


def conv(x: np.ndarray, kernel: np.ndarray, stride: int, pads: tuple[int, int]) -> np.ndarray:
    """Convolves x [N,H,W,C] with torch's kernel [O,I,h,w]."""
    x = np.pad(x, ((0, 0), (pads[0],) * 2, (pads[1],) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], (1, 2))
    return np.einsum("nhwcab,ocab->nhwo", windows[:, ::stride, ::stride], kernel, optimize=True)


def norm(x: np.ndarray, state: dict[str, np.ndarray], name: str, epsilon: float) -> np.ndarray:
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scale = state[f"{name}.weight"] / np.sqrt(var + epsilon)
    return (x - mean) * scale + state[f"{name}.bias"]


def pooled(x: np.ndarray, stride: int, pad: int, kind: str) -> np.ndarray:
    x = np.pad(
        x,
        ((0, 0), (pad, pad), (pad, pad), (0, 0)),
        constant_values=-np.inf if kind == "max" else 0.0,
    )
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::stride, ::stride]
    return windows.max((-2, -1)) if kind == "max" else windows.mean((-2, -1))


def resnet(x: np.ndarray, state: dict[str, np.ndarray], depth: int) -> dict[str, np.ndarray]:
    """Returns the stage maps of frames x [N,H,W,3] in float64."""
    x, out = np.asarray(x, np.float64), {}

    def layer(x: np.ndarray, name: str, bn: str, stride: int) -> np.ndarray:
        kernel = state[f"{name}.weight"]
        pad = kernel.shape[-1] // 2
        return norm(conv(x, kernel, stride, (pad, pad)), state, bn, 1e-5)

    x = pooled(np.maximum(layer(x, "conv1", "bn1", 2), 0), 2, 1, "max")
    for stage, count in enumerate(RESNET[depth], 1):
        for i in range(count):
            at, stride = f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            # v1.5: the 3x3 convolution has the stride.
            strides = (1, stride, 1) if depth == 50 else (stride, 1)
            y = x
            for k, step in enumerate(strides, 1):
                y = layer(y, f"{at}.conv{k}", f"{at}.bn{k}", step)
                y = np.maximum(y, 0) if k < len(strides) else y
            if f"{at}.downsample.0.weight" in state:
                x = layer(x, f"{at}.downsample.0", f"{at}.downsample.1", stride)
            x = np.maximum(y + x, 0)
        out[f"stage{stage}"] = x
    return out


def mixed(x: np.ndarray, state: dict[str, np.ndarray], block: str) -> np.ndarray:
    """Returns one InceptionV3 block of x [N,H,W,C] in float64; blocks a, b, c, d and e."""
    halves = block in ("Mixed_6a", "Mixed_7a")

    def layer(x: np.ndarray, name: str, last: bool) -> np.ndarray:
        kernel = state[f"{name}.conv.weight"]
        stride = 2 if halves and last else 1
        pads = (0, 0) if stride == 2 else tuple(n // 2 for n in kernel.shape[2:])
        return np.maximum(norm(conv(x, kernel, stride, pads), state, f"{name}.bn", 1e-3), 0)

    parts = []
    for chain in CHAINS[block]:
        y = np.asarray(x, np.float64)
        for step in chain:
            names = (step,) if isinstance(step, str) else step
            y = np.concatenate([layer(y, name, step == chain[-1]) for name in names], -1)
        parts.append(y)
    x = pooled(x, 2, 0, "max") if halves else pooled(x, 1, 1, "mean")
    return np.concatenate([*parts, x if halves else layer(x, "branch_pool", True)], -1)
