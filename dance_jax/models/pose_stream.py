"""The pose stream: features of joints -> one vector a frame, mixed over joints and over time."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dance_jax.models.graph import GraphConv, JointAttention
from dance_jax.models.linear import Dense, computed_once
from dance_jax.models.pose_features import PoseFeatures
from dance_jax.skeleton import CANON, Skeleton

SPATIAL = ("graph", "attention", "both")
POOLING = ("mean_max", "attention")


class TemporalConv(nn.Module):
    """Depthwise dilated convolution over time whose missing taps take the centre's value.

        y_t = b + sum_k w_k (m_{t+kd} x_{t+kd} + (1 - m_{t+kd}) x_t)

    Beyond the ends, on padding and where a joint is missing nothing is read as 0: a filter that
    smooths keeps its gain, and one that differentiates gives 0 there.

    Attributes:
        kernel: number of taps.
        dilation: frames d between taps.
        causal: taps lie at t and before, else on both sides (kernel odd).
        dtype: of the computation.
    """

    kernel: int = 5
    dilation: int = 1
    causal: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jnp.ndarray, mask: jnp.ndarray) -> jnp.ndarray:
        """Filters x [B,T,...,D] along T; mask bool[B,T,...]; returns the same shape, 0 if masked.

        Raises:
            ValueError: an even kernel that is not causal.
        """
        if not self.causal and self.kernel % 2 == 0:
            raise ValueError(f"a kernel that looks both ways must be odd, got {self.kernel}")
        width = x.shape[-1]
        init = nn.initializers.variance_scaling(1.0, "fan_in", "normal", in_axis=0, out_axis=())
        weight = self.param("kernel", init, (self.kernel, width), jnp.float32).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros, (width,), jnp.float32).astype(self.dtype)
        x = jnp.where(mask[..., None], x, 0).astype(self.dtype)
        frames = x.shape[1]
        back = (self.kernel - 1) * (1 if self.causal else 0.5) * self.dilation
        margin = [(0, 0), (int(back), 0 if self.causal else int(back))]
        wide = jnp.pad(x, margin + [(0, 0)] * (x.ndim - 2))
        seen = jnp.pad(mask, margin + [(0, 0)] * (mask.ndim - 2))
        taps = [slice(k * self.dilation, k * self.dilation + frames) for k in range(self.kernel)]
        absent = jnp.stack([~seen[:, at] for at in taps], axis=-1).astype(self.dtype)
        y = bias + x * (absent @ weight)
        for k, at in enumerate(taps):
            y = y + weight[k] * wide[:, at]
        return jnp.where(mask[..., None], y, 0)


class DropPath(nn.Module):
    """Drops a whole residual branch of a row while training, and scales what stays (rng dropout).

    Source: Huang et al. 2016 (stochastic depth).
    """

    rate: float

    @nn.compact
    def __call__(self, x: jnp.ndarray, *, train: bool) -> jnp.ndarray:
        """Returns x [B,...], rows zeroed with probability `rate` and the others / (1 - rate)."""
        return nn.Dropout(self.rate, broadcast_dims=tuple(range(1, x.ndim)))(
            x, deterministic=not train
        )


class PoseBlock(nn.Module):
    """One residual block: joints are mixed, then time, then channels.

        x = x + drop(spatial(LN(x)))
        x = x + drop(W2 gelu(W1 conv_t(LN(x))))

    Attributes: as of `PoseStream`, and `dilation` of this block's convolution.
    """

    width: int
    skeleton: str | Skeleton
    spatial: str
    heads: int
    kernel: int
    dilation: int
    causal: bool
    dropout: float
    drop_path: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jnp.ndarray, mask: jnp.ndarray, *, train: bool) -> jnp.ndarray:
        """Maps x [B,T,J,D] to the same shape, 0 where mask bool[B,T,J] is False."""

        def branch(y: jnp.ndarray) -> jnp.ndarray:
            # A joint's channel is dropped for the whole clip: its neighbouring frames tell it.
            y = nn.Dropout(self.dropout, broadcast_dims=(1,))(y, deterministic=not train)
            return jnp.where(mask[..., None], DropPath(self.drop_path)(y, train=train), 0)

        def norm(y: jnp.ndarray) -> jnp.ndarray:
            return nn.LayerNorm(dtype=jnp.float32)(y).astype(self.dtype)

        y, mixed = norm(x), 0.0
        if self.spatial in ("graph", "both"):
            mixed += GraphConv(self.width, self.skeleton, self.dtype, name="graph")(y, mask)
        if self.spatial in ("attention", "both"):
            attend = JointAttention(
                self.width, self.heads, self.dropout, self.dtype, name="attention"
            )
            mixed += attend(y, mask, train=train)
        x = x + branch(mixed)
        y = TemporalConv(self.kernel, self.dilation, self.causal, self.dtype, name="time")(
            norm(x), mask
        )
        y = nn.gelu(Dense(2 * self.width, dtype=self.dtype, name="up")(y))
        return x + branch(Dense(self.width, dtype=self.dtype, name="down")(y))


class JointPool(nn.Module):
    """Pools the joints seen in a frame: [B,T,J,D] -> [B,T,D].

    Attributes:
        features: width of the output.
        pooling: "mean_max" (both, side by side, then projected) or "attention" (one learned query).
        dtype: of the computation; statistics and the softmax are float32.
    """

    features: int
    pooling: str = "mean_max"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jnp.ndarray, mask: jnp.ndarray) -> jnp.ndarray:
        """Pools x [B,T,J,D] over the joints of mask bool[B,T,J]; 0 where a frame has none."""
        some, there = mask.any(-1), mask[..., None]
        x = jnp.where(there, x, 0).astype(jnp.float32)
        if self.pooling == "attention":
            score = nn.Dense(1, dtype=jnp.float32, name="score")(x)
            least = jnp.finfo(jnp.float32).min
            weight = jax.nn.softmax(jnp.where(there, score, least), axis=-2)
            pooled = jnp.sum(jnp.where(there, weight, 0) * x, axis=-2)
        else:
            number = jnp.maximum(jnp.sum(there, axis=-2), 1)
            high = jnp.max(jnp.where(there, x, -jnp.inf), axis=-2)
            high = jnp.where(some[..., None], high, 0)
            pooled = jnp.concatenate([x.sum(-2) / number, high], axis=-1)
        y = Dense(self.features, dtype=self.dtype, name="out")(pooled.astype(self.dtype))
        return jnp.where(some[..., None], y, 0)


class PoseStream(nn.Module):
    """Encodes pose features into one vector a frame.

    Attributes:
        features: width D of the output.
        width: of the joints' own vectors.
        depth: number of blocks.
        dilations: of the blocks' convolutions, repeated in turn.
        kernel: taps of each convolution.
        skeleton: of the joints.
        spatial: "graph", "attention" or "both".
        pooling: over joints, of `JointPool`.
        heads: of the attention over joints.
        causal: frame t depends on frames up to t (the features must be causal as well).
        dropout: rate inside the blocks.
        drop_path: rate of whole branches in the last block, growing from 0 in the first.
        joint_drop: rate at which a joint is hidden from a whole clip while training.
        dtype: of the computation; parameters are float32.
    """

    features: int = 128
    width: int = 64
    depth: int = 3
    dilations: tuple[int, ...] = (1, 2, 4)
    kernel: int = 5
    skeleton: str | Skeleton = CANON
    spatial: str = "graph"
    pooling: str = "mean_max"
    heads: int = 4
    causal: bool = False
    dropout: float = 0.1
    drop_path: float = 0.1
    joint_drop: float = 0.1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, features: PoseFeatures, frame_mask: jnp.ndarray, *, train: bool = False
    ) -> tuple[jnp.ndarray, dict[str, jnp.ndarray]]:
        """Encodes the features of a batch of poses.

        Args:
            features: of `pose_features`.
            frame_mask: bool[B,T].
            train: dropout is on (rng "dropout").

        Returns:
            [B,T,D], 0 on frames without a joint; and "joint" [B,T,J,width] before pooling,
            "joint_mask" bool[B,T,J] of the joints used and "present" bool[B,T], the frames that
            show a joint.

        Raises:
            ValueError: an unknown `spatial` or `pooling`.
        """
        for name, value, known in (
            ("spatial", self.spatial, SPATIAL),
            ("pooling", self.pooling, POOLING),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {known}, got {value!r}")
        mask = features.mask & frame_mask[..., None]
        if train and self.joint_drop > 0:
            rows, _, joints = mask.shape
            keep = 1.0 - self.joint_drop
            mask &= jax.random.bernoulli(self.make_rng("dropout"), keep, (rows, 1, joints))
        mask = computed_once(mask)
        there = mask[..., None]
        x = jnp.where(there, features.joint, 0).astype(self.dtype)
        x = Dense(self.width, dtype=self.dtype, name="embed")(x)
        own = nn.initializers.normal(0.02)
        x = x + self.param("joints", own, (mask.shape[-1], self.width)).astype(self.dtype)
        whole = jnp.where((features.root_mask & frame_mask)[..., None], features.root, 0)
        x = (
            x
            + Dense(self.width, use_bias=False, dtype=self.dtype, name="embed_root")(
                whole.astype(self.dtype)
            )[:, :, None]
        )
        x = jnp.where(there, x, 0)
        for k in range(self.depth):
            x = PoseBlock(
                width=self.width,
                skeleton=self.skeleton,
                spatial=self.spatial,
                heads=self.heads,
                kernel=self.kernel,
                dilation=self.dilations[k % len(self.dilations)],
                causal=self.causal,
                dropout=self.dropout,
                drop_path=self.drop_path * k / max(self.depth - 1, 1),
                dtype=self.dtype,
                name=f"block_{k}",
            )(x, mask, train=train)
        x = jnp.where(there, nn.LayerNorm(dtype=jnp.float32, name="norm")(x), 0)
        pooled = JointPool(self.features, self.pooling, self.dtype, name="pool")(x, mask)
        present = mask.any(-1)
        pooled = nn.LayerNorm(dtype=jnp.float32, name="out_norm")(pooled)
        pooled = jnp.where(present[..., None], pooled, 0).astype(self.dtype)
        return pooled, {"joint": x.astype(self.dtype), "joint_mask": mask, "present": present}
