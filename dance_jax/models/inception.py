"""InceptionV3 as a frame encoder: three feature maps and 2048 pooled features a frame."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dance_jax.models import norm as norms
from dance_jax.models.pooling import max_pool
from dance_jax.models.resnet import check_frames, pool
from dance_jax.models.weights import IMAGENET_MEAN, IMAGENET_STD

MIN_SIZE = 75
EPSILON = 1e-3

# A convolution: name in torchvision, channels, (height, width) of the kernel, stride, padding.
# A branch is a chain of convolutions; a pair in it is two in parallel, joined in the channels.
Conv = tuple[str, int, tuple[int, int], int, tuple[int, int]]


def _conv(name: str, channels: int, h: int = 1, w: int = 1, stride: int = 1) -> Conv:
    """Returns a row; "same" padding at stride 1, none at stride 2, as everywhere in the blocks."""
    pad = (0, 0) if stride > 1 else ((h - 1) // 2, (w - 1) // 2)
    return name, channels, (h, w), stride, pad


_STEM_A: tuple[Conv, ...] = (
    ("Conv2d_1a_3x3", 32, (3, 3), 2, (0, 0)),
    ("Conv2d_2a_3x3", 32, (3, 3), 1, (0, 0)),
    ("Conv2d_2b_3x3", 64, (3, 3), 1, (1, 1)),
)
_STEM_B: tuple[Conv, ...] = (
    ("Conv2d_3b_1x1", 80, (1, 1), 1, (0, 0)),
    ("Conv2d_4a_3x3", 192, (3, 3), 1, (0, 0)),
)
_Branch = tuple[Conv | tuple[Conv, Conv], ...]


def _a(pooled: int) -> tuple[_Branch, ...]:
    return (
        (_conv("branch1x1", 64),),
        (_conv("branch5x5_1", 48), _conv("branch5x5_2", 64, 5, 5)),
        (
            _conv("branch3x3dbl_1", 64),
            _conv("branch3x3dbl_2", 96, 3, 3),
            _conv("branch3x3dbl_3", 96, 3, 3),
        ),
        (_conv("branch_pool", pooled),),
    )


def _b() -> tuple[_Branch, ...]:
    return (
        (_conv("branch3x3", 384, 3, 3, 2),),
        (
            _conv("branch3x3dbl_1", 64),
            _conv("branch3x3dbl_2", 96, 3, 3),
            _conv("branch3x3dbl_3", 96, 3, 3, 2),
        ),
        (),
    )


def _c(inner: int) -> tuple[_Branch, ...]:
    return (
        (_conv("branch1x1", 192),),
        (
            _conv("branch7x7_1", inner),
            _conv("branch7x7_2", inner, 1, 7),
            _conv("branch7x7_3", 192, 7, 1),
        ),
        (
            _conv("branch7x7dbl_1", inner),
            _conv("branch7x7dbl_2", inner, 7, 1),
            _conv("branch7x7dbl_3", inner, 1, 7),
            _conv("branch7x7dbl_4", inner, 7, 1),
            _conv("branch7x7dbl_5", 192, 1, 7),
        ),
        (_conv("branch_pool", 192),),
    )


def _d() -> tuple[_Branch, ...]:
    return (
        (_conv("branch3x3_1", 192), _conv("branch3x3_2", 320, 3, 3, 2)),
        (
            _conv("branch7x7x3_1", 192),
            _conv("branch7x7x3_2", 192, 1, 7),
            _conv("branch7x7x3_3", 192, 7, 1),
            _conv("branch7x7x3_4", 192, 3, 3, 2),
        ),
        (),
    )


def _e() -> tuple[_Branch, ...]:
    return (
        (_conv("branch1x1", 320),),
        (
            _conv("branch3x3_1", 384),
            (_conv("branch3x3_2a", 384, 1, 3), _conv("branch3x3_2b", 384, 3, 1)),
        ),
        (
            _conv("branch3x3dbl_1", 448),
            _conv("branch3x3dbl_2", 384, 3, 3),
            (_conv("branch3x3dbl_3a", 384, 1, 3), _conv("branch3x3dbl_3b", 384, 3, 1)),
        ),
        (_conv("branch_pool", 192),),
    )


# The last branch of a block pools first: an average at stride 1, the maximum in the blocks that
# halve the map, where no convolution follows.
BLOCKS: dict[str, tuple[_Branch, ...]] = {
    "Mixed_5b": _a(32),
    "Mixed_5c": _a(64),
    "Mixed_5d": _a(64),
    "Mixed_6a": _b(),
    "Mixed_6b": _c(128),
    "Mixed_6c": _c(160),
    "Mixed_6d": _c(160),
    "Mixed_6e": _c(192),
    "Mixed_7a": _d(),
    "Mixed_7b": _e(),
    "Mixed_7c": _e(),
}
MAPS = {"Mixed_5d": "mixed_5d", "Mixed_6e": "mixed_6e", "Mixed_7c": "mixed_7c"}
GRID = {"mixed_5d": (13, 8), "mixed_6e": (21, 16), "mixed_7c": (37, 32)}
"""(start, stride) of each map: its cell i looks at pixels around `start + stride i`."""


class _Unit(nn.Module):
    """relu(norm(conv(x))): torchvision's BasicConv2d."""

    row: Conv
    divide: int
    train: bool
    dtype: Any
    axis_name: str | None

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        _, channels, size, stride, (up, left) = self.row
        x = nn.Conv(
            channels // self.divide,
            size,
            (stride, stride),
            padding=((up, up), (left, left)),
            use_bias=False,
            kernel_init=nn.initializers.truncated_normal(0.1),
            dtype=self.dtype,
            name="conv",
        )(x)
        bn = norms.BatchNorm(
            epsilon=EPSILON, dtype=self.dtype, axis_name=self.axis_name, name="norm"
        )
        return nn.relu(bn(x, mask, train=self.train))


class _Mixed(nn.Module):
    """One block: parallel branches, side by side in the channels."""

    branches: tuple[_Branch, ...]
    count_padding: bool
    unit: Any

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        parts = []
        for branch in self.branches:
            y = x
            if branch is self.branches[-1]:
                y = self._pooled(x, halve=not branch)
            for step in branch:
                rows = (step,) if isinstance(step[0], str) else step
                ends = [self.unit(row, name=row[0])(y, mask) for row in rows]
                y = jnp.concatenate(ends, -1)
            parts.append(y)
        return jnp.concatenate(parts, -1)

    def _pooled(self, x: jax.Array, *, halve: bool) -> jax.Array:
        if halve:
            return max_pool(x)
        pads = ((1, 1), (1, 1))
        return nn.avg_pool(x, (3, 3), padding=pads, count_include_pad=self.count_padding)


class InceptionV3(nn.Module):
    """InceptionV3 without the auxiliary classifier, in torchvision's layout.

    The convolutions are those of Keras's `applications.InceptionV3`, and both normalise with
    epsilon 1e-3. What differs, and matters to whoever brings weights from one to the other:
      * Keras's BatchNorm learns no scale (all ones here);
      * at the border Keras's average pooling divides by the cells that exist, torchvision's always
        by nine (`count_padding=False` is Keras);
      * Keras takes frames in [-1, 1]; torchvision's weights come from the same training, so
        frames normalised by ImageNet's mean and deviation need `transform_input=True`;
      * Keras names its maps mixed0 .. mixed10: here "mixed_5d" is mixed2, "mixed_6e" mixed7 and
        "mixed_7c" mixed10.

    Attributes:
        transform_input: turn ImageNet's normalisation into (x - 0.5) / 0.5 first.
        count_padding: average pooling counts the zeros beyond the border.
        frozen: no gradient, and always the running statistics, which do not change.
        num_classes: adds `fc` on the pooled features.
        divide: take this fraction of all channels (1, 2, 4, 8 or 16), for tests.
        dtype: of the computation; parameters, statistics and pooled features are float32.
        axis_name: mapped axis over which BatchNorm is synchronised.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision".
    """

    transform_input: bool = False
    count_padding: bool = True
    frozen: bool = False
    num_classes: int | None = None
    divide: int = 1
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, *, train: bool = False
    ) -> dict[str, jax.Array]:
        """Encodes frames.

        Args:
            x: floating [N,H,W,3], H and W at least 75, normalised (`weights.normalise`).
            mask: bool[N], the row is a frame; None where all are. What masked rows hold has no
                influence on results and gradients of the others; their results are zero.
            train: normalise by the statistics of the batch.

        Returns:
            "mixed_5d" [N,h,w,288], "mixed_6e" [N,h/2,w/2,768], "mixed_7c" [N,h/4,w/4,2048]
            (35, 17 and 8 cells wide at 299 pixels), "pooled" f32[N,2048] and, with
            `num_classes`, "logits" f32[N,S].

        Raises:
            ValueError: the frames are too small, or not floating [N,H,W,3].
        """
        check_frames(x)
        if min(x.shape[1:3]) < MIN_SIZE:
            raise ValueError(f"InceptionV3 needs {MIN_SIZE} pixels a side, got {x.shape[1:3]}")
        rows = None if mask is None else norms.rows_like(mask, x)
        x = x if rows is None else jnp.where(rows, x, 0)
        if self.transform_input:
            x = _as_trained(x)
        x = x.astype(self.dtype)
        unit = functools.partial(
            _Unit,
            divide=self.divide,
            train=train and not self.frozen,
            dtype=self.dtype,
            axis_name=self.axis_name,
        )
        for stem in (_STEM_A, _STEM_B):
            for row in stem:
                x = unit(row, name=row[0])(x, mask)
            x = max_pool(x)
        out = {}
        for name, branches in BLOCKS.items():
            x = _Mixed(branches, self.count_padding, unit, name=name)(x, mask)
            if name in MAPS:
                out[MAPS[name]] = jax.lax.stop_gradient(x) if self.frozen else x
        out["pooled"] = pool(out["mixed_7c"])
        if self.num_classes is not None:
            out["logits"] = nn.Dense(self.num_classes, name="fc")(out["pooled"])
        if mask is not None:
            out = {k: jnp.where(norms.rows_like(mask, v), v, 0) for k, v in out.items()}
        return out


def convolutions() -> dict[tuple[str, ...], Conv]:
    """Returns module path -> row of all 94 convolutions, in the order of the computation."""
    found: dict[tuple[str, ...], Conv] = {(row[0],): row for row in (*_STEM_A, *_STEM_B)}
    for name, branches in BLOCKS.items():
        for step in (step for branch in branches for step in branch):
            for row in (step,) if isinstance(step[0], str) else step:
                found[name, row[0]] = row
    return found


def _as_trained(x: jax.Array) -> jax.Array:
    """Returns frames in [-1, 1] from frames normalised by ImageNet's mean and deviation."""
    mean, std = (jnp.asarray(v, x.dtype) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return x * (std / 0.5) + (mean - 0.5) / 0.5
