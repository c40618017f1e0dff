"""Mixing over the joints of one frame: adaptive graph convolution, and attention over joints."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.models.linear import Dense
from dance_jax.skeleton import Skeleton

RELATIONS = ("self", "parent", "child", "mirror")


def adjacency(skeleton: str | Skeleton) -> np.ndarray:
    """Returns who is whose neighbour: f32[4,J,J], 1 where joint j is the relation of joint i.

    The relations are `RELATIONS`; a joint in the middle of the body has no mirror partner. Rows are
    normalised where they are used, by the neighbours that are seen.
    """
    found = skeletons.get(skeleton)
    count = len(found)
    out = np.zeros((len(RELATIONS), count, count), np.float32)
    out[0] = np.eye(count)
    for joint, (parent, partner) in enumerate(zip(found.parents, found.flip, strict=True)):
        if parent >= 0:
            out[1, joint, parent] = out[2, parent, joint] = 1.0
        if partner != joint:
            out[3, joint, partner] = 1.0
    return out


class GraphConv(nn.Module):
    """Graph convolution over joints with a learned addition to the skeleton's own links.

        y_i = sum_k W_k ( sum_j A_kij m_j x_j / max(1, sum_j A_kij m_j) + J/n sum_j B_kij m_j x_j )

    with A the fixed adjacency, B the learned one (0 at first), m the joints seen and n their
    number: a missing joint is left out of every mean and what remains is weighted up.

    Attributes:
        features: width D of the output.
        skeleton: of the joints.
        dtype: of the computation.

    Source: Yan et al. 2018 (ST-GCN); Shi et al. 2019 (2s-AGCN), without its data-dependent part.
    """

    features: int
    skeleton: str | Skeleton = skeletons.CANON
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jnp.ndarray, mask: jnp.ndarray) -> jnp.ndarray:
        """Mixes x [B,T,J,D'] over joints; mask bool[B,T,J]; returns [B,T,J,D], 0 where masked."""
        fixed = adjacency(self.skeleton)
        learned = self.param("adjacency", nn.initializers.zeros, fixed.shape, jnp.float32)
        there = mask.astype(jnp.float32)
        neighbours = jnp.maximum(jnp.einsum("kij,btj->btik", fixed, there), 1.0)
        number = jnp.maximum(there.sum(-1), 1.0)[..., None, None, None]
        near = fixed.transpose(1, 0, 2) / neighbours[..., None]
        links = near + learned.transpose(1, 0, 2) * (mask.shape[-1] / number)
        links = links.astype(self.dtype).reshape(*mask.shape[:2], -1, mask.shape[-1])
        x = jnp.where(mask[..., None], x, 0).astype(self.dtype)
        mixed = links @ x
        y = Dense(self.features, dtype=self.dtype, name="out")(mixed.reshape(*mask.shape, -1))
        return jnp.where(mask[..., None], y, 0)


class JointAttention(nn.Module):
    """Multi-head attention of each joint to the joints seen in the same frame.

    Attributes:
        features: width D of the output.
        heads: number of heads; divides D.
        dropout: rate on the attention weights.
        dtype: of the computation; the softmax is float32.
    """

    features: int
    heads: int = 4
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jnp.ndarray, mask: jnp.ndarray, *, train: bool = False) -> jnp.ndarray:
        """Mixes x [B,T,J,D'] over joints; mask bool[B,T,J]; returns [B,T,J,D], 0 where masked."""
        x = jnp.where(mask[..., None], x, 0).astype(self.dtype)
        y = nn.MultiHeadDotProductAttention(
            num_heads=self.heads,
            qkv_features=self.features,
            out_features=self.features,
            dtype=self.dtype,
            dropout_rate=self.dropout,
            deterministic=not train,
            force_fp32_for_softmax=True,
            name="attention",
        )(x, mask=mask[..., None, None, :])
        return jnp.where(mask[..., None], y, 0)
