"""Masked attention over time: self-attention blocks on true clocks, pooling to one vector."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

ENCODINGS = ("rotary", "sinusoidal", "none")
SHORTEST_S, LONGEST_S = 0.1, 60.0
"""Periods of the time encodings, in seconds: from a fast step's detail to a phrase's place."""


def attention_weights(query: jax.Array, key: jax.Array, allowed: jax.Array) -> jax.Array:
    """Returns the weights of scaled dot-product attention; finite where nothing may be seen.

        w = softmax(q k^T / sqrt(E)) over what is allowed

    Args:
        query: [...,T,E].
        key: [...,K,E].
        allowed: bool, broadcast to [...,T,K]; a row of only False gives zeros.

    Returns:
        w [...,T,K], at least float32.

    Source: Vaswani et al. 2017, Attention is all you need, Eq. 1.
    """
    wide = jnp.promote_types(query.dtype, jnp.float32)
    scores = jnp.einsum("...te,...ke->...tk", query, key, preferred_element_type=wide)
    return masked_softmax(scores / math.sqrt(query.shape[-1]), allowed)


def masked_softmax(scores: jax.Array, allowed: jax.Array) -> jax.Array:
    """Returns the softmax over the last axis of what is allowed; zeros where nothing is."""
    lowest = jnp.finfo(scores.dtype).min
    weights = jax.nn.softmax(jnp.where(allowed, scores, lowest), axis=-1)
    return jnp.where(allowed, weights, 0)


def allowed_keys(mask: jax.Array, causal: bool) -> jax.Array:
    """Returns bool[B,1,T,T]: which frames (last axis) a frame may see, for every head.

    Args:
        mask: bool[B,T] of valid frames.
        causal: only frames up to itself.
    """
    seen = mask[:, None, None, :]
    frames = mask.shape[-1]
    return seen & jnp.tril(jnp.ones((frames, frames), bool)) if causal else seen


def angular_frequencies(count: int) -> jax.Array:
    """Returns 2 pi / period, rad/s, f32[count]; periods in geometric steps, 0.1 s to 60 s."""
    return 2 * jnp.pi / jnp.geomspace(SHORTEST_S, LONGEST_S, count)


def since_first(time_s: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns seconds since each row's first valid frame [B,T]; 0 on masked frames."""
    start = jnp.min(jnp.where(mask, time_s, jnp.inf), axis=-1, keepdims=True)
    return jnp.where(mask, time_s - jnp.where(jnp.isfinite(start), start, 0), 0)


def sinusoids(seconds: jax.Array, width: int) -> jax.Array:
    """Returns (sin w_k t, cos w_k t) f32[...,width] of times in seconds; odd widths end in a 0."""
    angle = seconds[..., None] * angular_frequencies(max(width // 2, 1))
    waves = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], -1)[..., : width // 2 * 2]
    return jnp.pad(waves, [(0, 0)] * seconds.ndim + [(0, width % 2)])


def rotate(x: jax.Array, seconds: jax.Array) -> jax.Array:
    """Turns pairs of features by the angle w_k t, so that q.k depends on time differences only.

    Args:
        x: [B,N,T,E], queries or keys of N heads; of an odd E the last feature stays.
        seconds: [B,T], true times, not frame numbers.

    Source: Su et al. 2021, RoFormer, Eq. 34, with times for positions.
    """
    half = x.shape[-1] // 2
    angle = seconds[:, None, :, None] * angular_frequencies(max(half, 1))[:half]
    sin, cos = jnp.sin(angle).astype(x.dtype), jnp.cos(angle).astype(x.dtype)
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    turned = [first * cos - second * sin, first * sin + second * cos, rest]
    return jnp.concatenate(turned, -1)


class TemporalSelfAttention(nn.Module):
    """Multi-head self-attention of frames; equation at `attention_weights`.

    Attributes:
        heads: number of heads; it divides D.
        causal: a frame sees itself and earlier frames only.
        dropout: rate on the weights while training.
        time_encoding: "rotary" turns queries and keys by their true times (relative); with
            "sinusoidal" and "none" nothing is done here.
        dtype: of the products; parameters and the softmax are float32.
    """

    heads: int = 8
    causal: bool = False
    dropout: float = 0.0
    time_encoding: str = "rotary"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        mask: jax.Array,
        time_s: jax.Array | None = None,
        *,
        train: bool = False,
    ) -> jax.Array:
        """Returns the attended frames [B,T,D], 0 where masked.

        The weights f32[B,heads,T,T] are sown as intermediate "weights".

        Args:
            x: [B,T,D].
            mask: bool[B,T].
            time_s: [B,T] seconds; required by "rotary".
            train: dropout is on (rng "dropout").

        Raises:
            ValueError: the heads do not divide D, or the times are missing.
        """
        width = x.shape[-1]
        if width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide {width} features")
        check_times(self.time_encoding, time_s)
        x = jnp.where(mask[..., None], x, 0).astype(self.dtype)

        def project(name: str) -> jax.Array:
            shape = (self.heads, width // self.heads)
            made = nn.DenseGeneral(shape, dtype=self.dtype, name=name, kernel_init=glorot())(x)
            return jnp.swapaxes(made, 1, 2)

        query, key, value = project("query"), project("key"), project("value")
        if self.time_encoding == "rotary":
            seconds = since_first(time_s, mask)
            query, key = rotate(query, seconds), rotate(key, seconds)
        weights = attention_weights(query, key, allowed_keys(mask, self.causal))
        self.sow("intermediates", "weights", weights)
        weights = nn.Dropout(self.dropout)(weights, deterministic=not train)
        mixed = jnp.einsum("bntk,bnke->bnte", weights.astype(value.dtype), value)
        joined = nn.DenseGeneral(
            width, axis=(-2, -1), dtype=self.dtype, name="out", kernel_init=glorot()
        )(jnp.swapaxes(mixed, 1, 2))
        return jnp.where(mask[..., None], joined, 0)


def glorot() -> jax.nn.initializers.Initializer:
    """Returns Xavier's uniform initialiser, which torch.nn.MultiheadAttention uses too."""
    return nn.initializers.glorot_uniform()


def check_times(time_encoding: str, time_s: jax.Array | None) -> None:
    """Raises ValueError where the encoding is unknown or lacks the times it needs."""
    if time_encoding not in ENCODINGS:
        raise ValueError(f"time_encoding is one of {ENCODINGS}, got {time_encoding!r}")
    if time_s is None and time_encoding != "none":
        raise ValueError(f'time_encoding="{time_encoding}" needs time_s; "none" does without')


class TemporalAttentionBlock(nn.Module):
    """A residual block of attention over time and a feed-forward part, normalised before each.

        x <- x + attention(LayerNorm(x)),  x <- x + W2 gelu(W1 LayerNorm(x))

    Attributes:
        heads: number of heads.
        causal: a frame sees itself and earlier frames only.
        dropout: rate on the weights and on both branches.
        time_encoding: "rotary" (relative), "sinusoidal" (added to x before the block; seconds
            since the first valid frame) or "none".
        expansion: width of the feed-forward part over D.
        dtype: of the products; parameters, norms and the softmax are float32.

    Source: Xiong et al. 2020, On layer normalization in the transformer architecture (pre-LN).
    """

    heads: int = 8
    causal: bool = False
    dropout: float = 0.0
    time_encoding: str = "rotary"
    expansion: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        mask: jax.Array,
        time_s: jax.Array | None = None,
        *,
        train: bool = False,
    ) -> jax.Array:
        """Returns frames [B,T,D] that have seen one another; arguments as in the attention."""
        check_times(self.time_encoding, time_s)
        valid = mask[..., None]
        x = jnp.where(valid, x, 0).astype(self.dtype)
        if self.time_encoding == "sinusoidal":
            x = x + sinusoids(since_first(time_s, mask), x.shape[-1]).astype(self.dtype)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        attention = TemporalSelfAttention(
            self.heads, self.causal, self.dropout, self.time_encoding, self.dtype, name="attention"
        )
        normed = nn.LayerNorm(name="norm_attention")(x)
        x = x + drop(attention(normed, mask, time_s, train=train))
        wide = nn.Dense(self.expansion * x.shape[-1], dtype=self.dtype, name="wide")
        narrow = nn.Dense(x.shape[-1], dtype=self.dtype, name="narrow")
        x = x + drop(narrow(nn.gelu(wide(nn.LayerNorm(name="norm_feed_forward")(x)))))
        return jnp.where(valid, x, 0)


class AttentionPooling(nn.Module):
    """Weighs frames by what they hold and adds them up.

        e_t = u . tanh(V x_t),  w = softmax over valid t (e),  y = sum_t w_t x_t

    Attributes:
        width: rows of V.
        causal: pool at every frame over the frames up to it, for streams.
        dtype: of V x and of y; the softmax is float32.

    Source: Ilse et al. 2018, Attention-based deep multiple instance learning, Eq. 7-8.
    """

    width: int = 64
    causal: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns the pooled frames and their weights.

        Args:
            x: [B,T,D].
            mask: bool[B,T].

        Returns:
            ([B,D], f32[B,T]); with `causal` ([B,T,D], f32[B,T,T]), both 0 at masked frames. A row
            without valid frames gives zeros.
        """
        x = jnp.where(mask[..., None], x, 0).astype(self.dtype)
        shown = jnp.tanh(nn.Dense(self.width, dtype=self.dtype, name="hidden")(x))
        scores = nn.Dense(1, use_bias=False, name="score")(shown.astype(jnp.float32))[..., 0]
        if self.causal:
            allowed = allowed_keys(mask, causal=True)[:, 0] & mask[..., None]
            scores = jnp.broadcast_to(scores[:, None, :], allowed.shape)
        else:
            allowed = mask
        weights = masked_softmax(scores, allowed)
        return jnp.einsum("b...t,btd->b...d", weights.astype(self.dtype), x), weights
