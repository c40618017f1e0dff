"""ResNet-18, 34 and 50 as frame encoders: stage maps, pooled features, partly frozen if asked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dance_jax.models import norm as norms
from dance_jax.models.pooling import max_pool

STAGES = 4
_BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
COMBINE = ("sum", "concat")
# As torch initialises its ResNets: He et al. 2015, fan out.
_KERNEL = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class Block(nn.Module):
    """One residual block: y = relu(branch(x) + shortcut(x)).

    Attributes:
        channels: of the branch; the result has `4 channels` with `bottleneck`.
        stride: of the branch's 3x3 convolution ("v1.5": He et al. 2016 had it on the first 1x1).
        bottleneck: 1x1, 3x3, 1x1 instead of 3x3, 3x3.
        norm: makes a normalisation by name.
        zero_init: start with the last scale at zero, so that the block is the identity at first.
        dtype: of the computation.
        train: normalise by the statistics of the batch.
    """

    channels: int
    stride: int
    bottleneck: bool
    norm: Callable[..., nn.Module]
    zero_init: bool
    dtype: Any
    train: bool

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        """Maps [N,H,W,C] to [N,H/stride,W/stride,C']."""
        out = self.channels * (4 if self.bottleneck else 1)
        sizes = (1, 3, 1) if self.bottleneck else (3, 3)
        strides = (1, self.stride, 1) if self.bottleneck else (self.stride, 1)
        widths = (*(self.channels,) * (len(sizes) - 1), out)
        y, last = x, len(sizes)
        for i, (size, stride, width) in enumerate(zip(sizes, strides, widths, strict=True), 1):
            y = _conv(width, size, stride, self.dtype, name=f"conv{i}")(y)
            zero = {"scale_init": nn.initializers.zeros} if self.zero_init and i == last else {}
            y = self.norm(name=f"norm{i}", **zero)(y, mask, train=self.train)
            y = nn.relu(y) if i < last else y
        if x.shape[-1] != out or self.stride > 1:
            x = _conv(out, 1, self.stride, self.dtype, name="shortcut_conv")(x)
            x = self.norm(name="shortcut_norm")(x, mask, train=self.train)
        return nn.relu(y + x)


class ResNet(nn.Module):
    """Residual network v1.5 over frames, channels last (He et al. 2016; torchvision's variant).

    Attributes:
        blocks: number of blocks in each of the four stages.
        bottleneck: blocks of three convolutions (ResNet-50) instead of two.
        norm: "batch" or "group".
        width: channels of the stem; stage k has `width 2^(k-1)`, four times that with bottlenecks.
        small_input: a 3x3 stem without stride or pooling, for frames of about 64 pixels; stage
            maps are then four times as large.
        zero_init: start each block's last scale at zero (Goyal et al. 2017).
        frozen_stages: the stem and the first k stages keep their parameters: no gradient passes
            into them and they always normalise by their running statistics, which do not change.
            0 freezes nothing, 4 everything but the projections and `fc`. See `labels`.
        multi_scale: project the pooled stages 2, 3 and 4 to `features` and combine them.
        features: width of that projection.
        combine: "sum" -> [N,features], or "concat" -> [N,3 features].
        num_classes: adds `fc` on the pooled features.
        remat: keep only the blocks' inputs for the backward pass and compute the rest again.
        dtype: of the computation; parameters, statistics and pooled features are float32.
        axis_name: mapped axis over which BatchNorm is synchronised.
    """

    blocks: tuple[int, ...]
    bottleneck: bool
    norm: str = "batch"
    width: int = 64
    small_input: bool = False
    zero_init: bool = True
    frozen_stages: int = 0
    multi_scale: bool = False
    features: int = 512
    combine: str = "sum"
    num_classes: int | None = None
    remat: bool = False
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, *, train: bool = False
    ) -> dict[str, jax.Array]:
        """Encodes frames.

        Args:
            x: floating [N,H,W,3], normalised (`weights.normalise`).
            mask: bool[N], the row is a frame; None where all are. What masked rows hold has no
                influence on results and gradients of the others; their results are zero.
            train: normalise by the statistics of the batch, outside the frozen stages.

        Returns:
            "stage1".."stage4" [N,H/4,W/4,width]..[N,H/32,W/32,8 width] (times 4 with
            bottlenecks), "pooled" f32[N,C], the mean of stage4 over space; with `multi_scale`
            "features", with `num_classes` "logits" f32[N,S].

        Raises:
            ValueError: an attribute or the input's kind of number is wrong.
        """
        self._check(x)
        x = x if mask is None else jnp.where(norms.rows_like(mask, x), x, 0)
        x = x.astype(self.dtype)
        # Not a method: linen would make the blocks' normalisations children of this module.
        norm = functools.partial(norms.make, self.norm, dtype=self.dtype, axis_name=self.axis_name)
        block = nn.remat(Block) if self.remat else Block
        learns = train and self.frozen_stages == 0
        if self.small_input:
            x = _conv(self.width, 3, 1, self.dtype, name="stem_conv")(x)
        else:
            x = _conv(self.width, 7, 2, self.dtype, name="stem_conv")(x)
        x = nn.relu(norm(name="stem_norm")(x, mask, train=learns))
        if not self.small_input:
            x = max_pool(x, padding=1)
        maps = {}
        for stage, count in enumerate(self.blocks, 1):
            learns = train and stage > self.frozen_stages
            for i in range(count):
                x = block(
                    self.width * 2 ** (stage - 1),
                    2 if stage > 1 and i == 0 else 1,
                    self.bottleneck,
                    norm,
                    self.zero_init,
                    self.dtype,
                    learns,
                    name=f"stage{stage}_block{i}",
                )(x, mask)
            if stage <= self.frozen_stages:  # at each: a loss may stand on any map
                x = jax.lax.stop_gradient(x)
            x = x if mask is None else jnp.where(norms.rows_like(mask, x), x, 0)
            maps[f"stage{stage}"] = x
        return maps | self._pooled(maps, mask)

    def _pooled(
        self, maps: Mapping[str, jax.Array], mask: jax.Array | None
    ) -> dict[str, jax.Array]:
        """Returns what is computed from the means of the stage maps over space."""
        pooled = {name: pool(x) for name, x in maps.items()}
        out = {"pooled": pooled["stage4"]}
        if self.multi_scale:
            parts = [
                nn.Dense(self.features, dtype=self.dtype, name=f"project{k}")(pooled[f"stage{k}"])
                for k in (2, 3, 4)
            ]
            out["features"] = sum(parts) if self.combine == "sum" else jnp.concatenate(parts, -1)
        if self.num_classes is not None:
            out["logits"] = nn.Dense(self.num_classes, name="fc")(pooled["stage4"])
        if mask is not None:
            out = {k: jnp.where(norms.rows_like(mask, v), v, 0) for k, v in out.items()}
        return out

    def _check(self, x: jax.Array) -> None:
        if not 0 <= self.frozen_stages <= STAGES or len(self.blocks) != STAGES:
            raise ValueError(
                f"four stages, of which 0 to 4 are frozen; got {self.blocks}, {self.frozen_stages}"
            )
        if self.combine not in COMBINE:
            raise ValueError(f"combine must be one of {COMBINE}, got {self.combine!r}")
        check_frames(x)


def _conv(channels: int, size: int, stride: int, dtype: Any, **options: Any) -> nn.Conv:
    """Returns a square convolution padded as torch pads it; "SAME" would not be symmetric."""
    pad = (size - 1) // 2
    return nn.Conv(
        channels,
        (size, size),
        (stride, stride),
        padding=((pad, pad), (pad, pad)),
        use_bias=False,
        kernel_init=_KERNEL,
        dtype=dtype,
        **options,
    )


def check_frames(x: jax.Array) -> None:
    """Raises ValueError where an encoder's input is not floating [N,H,W,3]."""
    if x.ndim != 4 or x.shape[-1] != 3:
        raise ValueError(f"frames must be [N,H,W,3], got {x.shape}")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"frames are {x.dtype}: normalise them first (weights.normalise)")


def pool(x: jax.Array) -> jax.Array:
    """Returns the mean over space in float32 or wider: [N,H,W,C] -> [N,C]."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32)).mean((1, 2))


def resnet(depth: int, **options: Any) -> ResNet:
    """Returns ResNet-10, 18, 34 or 50; `options` are attributes of `ResNet`.

    Raises:
        ValueError: the depth is another.
    """
    if depth not in _BLOCKS:
        raise ValueError(f"depth must be one of {tuple(_BLOCKS)}, got {depth}")
    return ResNet(blocks=_BLOCKS[depth], bottleneck=depth == 50, **options)


def grid(stage: int = 4, *, small_input: bool = False) -> tuple[int, int]:
    """Returns (start, stride): cell i of a stage map looks at pixels around `start + stride i`.

    The paddings are symmetric, so the first cell is centred on the first pixel, not on the middle
    of its share of the picture: at 224 pixels the seven cells of stage 4 stand at 0, 32, .. 192.
    """
    return 0, 2 ** (stage - 1) * (1 if small_input else 4)


def labels(params: Mapping[str, Any], frozen_stages: int) -> dict[str, Any]:
    """Returns "frozen" or "trainable" for every parameter of a ResNet, as a tree like `params`.

    For `optax.multi_transform({"trainable": optimiser, "frozen": optax.set_to_zero()}, labels)`:
    without it weight decay would still move parameters that get no gradient.

    Args:
        params: of a `ResNet` with that many `frozen_stages`.
        frozen_stages: 0 to 4.
    """

    def label(name: str) -> str:
        if name.startswith("stem_"):
            stage = 1
        elif name.startswith("stage"):
            stage = int(name.removeprefix("stage").split("_")[0])
        else:
            return "trainable"  # projections and fc
        return "frozen" if stage <= frozen_stages else "trainable"

    return {
        name: jax.tree.map(lambda _, name=name: label(name), part) for name, part in params.items()
    }
