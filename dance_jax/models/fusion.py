"""Fusion of streams (frames, movement, and further ones), of which any may be absent.

Gated fusion, Shen's Eq. 6-9, of the frames S and the temporal features H at each frame:

    g  = sigmoid(W_g [S; H])                  (6)
    S' = g_s * tanh(W_s S)                    (7)
    H' = (1 - g_t) * tanh(W_h H)              (8)
    F  = [S'; H']                             (9)

g has one entry for each entry of F: its first half is g_s and its second half is g_t, so S and H
are gated by different numbers. The equations have no biases; `bias=True` adds them, as the code
published with the paper does (which also splits g so, and normalises S' and H' over the batch,
which the equations do not).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

FUSIONS = ("gated", "concat", "cross_attention", "mfmhla")


class Fusion(nn.Module):
    """Fuses streams frame by frame; F has `features` entries for each stream.

    * "gated": Eq. 6-9 for the first two streams, which are S and H. A further stream E adds a part
      E' = g_e * tanh(W_e E), g_e = sigmoid(W_ge [S; H; E]), and leaves S' and H' as they are.
      One stream alone gates itself.
    * "concat": [W_s S; W_h H; ...].
    * "cross_attention": each projected stream plus what it finds in the others, by multi-head
      attention over all their frames (up to its own frame if causal); side by side.
    * "mfmhla": our reading of the "multi-feature multi-head attention" that the paper names and
      that the material at hand does not define: the streams of one frame, each with a learned
      vector of its own, attend to one another in several heads; residual, LayerNorm, side by side.

    A stream that is absent (not given, or `present` False) is replaced by a learned token, whatever
    it holds, NaN included. Its gate is not applied (its part of F is tanh of its projected token),
    and no attention looks at it.

    Attributes:
        streams: (name, width) of each stream there may be, S and H first.
        features: width of each stream's part of F.
        fusion: one of `FUSIONS`.
        heads: of the attentions; divides `features`.
        causal: frame t depends on frames up to t.
        bias: biases in Eq. 6-8 and in "concat".
        dropout: rate on attention weights.
        dtype: of the computation; parameters and softmax are float32.
    """

    streams: tuple[tuple[str, int], ...]
    features: int = 128
    fusion: str = "gated"
    heads: int = 4
    causal: bool = False
    bias: bool = False
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        inputs: Mapping[str, jnp.ndarray | None],
        mask: jnp.ndarray,
        present: Mapping[str, jnp.ndarray] | None = None,
        *,
        train: bool = False,
    ) -> tuple[jnp.ndarray, dict[str, jnp.ndarray]]:
        """Fuses the streams of a batch.

        Args:
            inputs: name -> [B,T,D'] or, one value a clip, [B,D']; None or no entry: absent.
            mask: bool[B,T], the frames that count.
            present: name -> bool[B] or bool[B,T]; no entry: present wherever it is given.
            train: dropout is on (rng "dropout").

        Returns:
            F [B,T,N*features], 0 where `mask` is False; and "present" bool[B,T,N], for "gated"
            also "gate_NAME" [B,T,features]: the factor of the stream's part, 0 where absent.

        Raises:
            ValueError: an unknown fusion or stream, or a stream of another width.
        """
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion must be one of {FUSIONS}, got {self.fusion!r}")
        names = [name for name, _ in self.streams]
        if unknown := (set(inputs) | set(present or ())) - set(names):
            raise ValueError(f"unknown streams {sorted(unknown)}: declared are {names}")
        rows, there = [], []
        for name, width in self.streams:
            own = (present or {}).get(name)
            x, known = self._filled(name, width, inputs.get(name), own, mask)
            rows.append(x)
            there.append(known)
        known = jnp.stack(there, axis=-1)
        out, more = getattr(self, f"_{self.fusion}")(rows, known, mask, train)
        fused = jnp.where(mask[..., None], jnp.concatenate(out, axis=-1), 0)
        return fused, {"present": known, **more}

    def _filled(self, name, width, x, present, mask) -> tuple[jnp.ndarray, jnp.ndarray]:
        """Returns the stream [B,T,D'] with its token where absent, and where it is present."""
        token = self.param(f"absent_{name}", nn.initializers.normal(0.02), (width,), jnp.float32)
        if x is None:
            x, present = jnp.zeros((*mask.shape, width)), jnp.zeros(mask.shape, bool)
        if x.ndim == 2:
            x = jnp.broadcast_to(x[:, None], (*mask.shape, x.shape[-1]))
        if x.shape != (*mask.shape, width):
            raise ValueError(f"stream {name!r} must be {(*mask.shape, width)}, got {x.shape}")
        known = jnp.ones(mask.shape, bool) if present is None else present
        known = jnp.broadcast_to(known if known.ndim == 2 else known[:, None], mask.shape) & mask
        return jnp.where(known[..., None], x, token).astype(self.dtype), known

    def _project(self, rows: list[jnp.ndarray], bias: bool) -> list[jnp.ndarray]:
        """Returns W_k x_k of each stream, [B,T,features]."""
        return [
            nn.Dense(self.features, use_bias=bias, dtype=self.dtype, name=f"project_{name}")(x)
            for (name, _), x in zip(self.streams, rows, strict=True)
        ]

    def _gated(self, rows, known, mask, train) -> tuple[list[jnp.ndarray], dict[str, jnp.ndarray]]:
        del mask, train
        both = jnp.concatenate(rows[:2], axis=-1)
        size = min(len(rows), 2) * self.features
        gate = nn.Dense(size, use_bias=self.bias, dtype=self.dtype, name="gate")(both)
        gates = jnp.split(nn.sigmoid(gate), min(len(rows), 2), axis=-1)
        gates[1:] = [1 - g for g in gates[1:]]
        for (name, _), x in zip(self.streams[2:], rows[2:], strict=True):
            further = nn.Dense(
                self.features, use_bias=self.bias, dtype=self.dtype, name=f"gate_{name}"
            )
            gates.append(nn.sigmoid(further(jnp.concatenate([both, x], axis=-1))))
        parts = [jnp.tanh(y) for y in self._project(rows, self.bias)]
        out, more = [], {}
        for k, ((name, _), part, gate) in enumerate(zip(self.streams, parts, gates, strict=True)):
            here = known[..., k, None]
            out.append(jnp.where(here, gate * part, part))
            more[f"gate_{name}"] = jnp.where(here, gate, 0)
        return out, more

    def _concat(self, rows, known, mask, train) -> tuple[list[jnp.ndarray], dict[str, jnp.ndarray]]:
        del known, mask, train
        return self._project(rows, self.bias), {}

    def _attention(self, name: str, train: bool) -> nn.Module:
        return nn.MultiHeadDotProductAttention(
            num_heads=self.heads,
            qkv_features=self.features,
            out_features=self.features,
            dtype=self.dtype,
            dropout_rate=self.dropout,
            deterministic=not train,
            force_fp32_for_softmax=True,
            name=name,
        )

    def _cross_attention(
        self, rows, known, mask, train
    ) -> tuple[list[jnp.ndarray], dict[str, jnp.ndarray]]:
        parts = self._project(rows, True)
        frames = mask.shape[1]
        time = jnp.arange(frames)
        reach = time[:, None] >= time if self.causal else jnp.ones((frames, frames), bool)
        out = []
        for k, (name, _) in enumerate(self.streams):
            others = [j for j in range(len(parts)) if j != k]
            if not others:
                return parts, {}
            keys = jnp.concatenate([parts[j] for j in others], axis=1)
            # [B,1,T,(N-1)T]: the others where they are present, on frames that count
            seen = jnp.concatenate([known[:, None, :, j] & reach for j in others], axis=-1)
            found = self._attention(f"attend_{name}", train)(parts[k], keys, mask=seen[:, None])
            found = jnp.where(seen.any(-1)[..., None], found, 0)
            out.append(self._norm(parts[k] + found, name))
        return out, {}

    def _mfmhla(self, rows, known, mask, train) -> tuple[list[jnp.ndarray], dict[str, jnp.ndarray]]:
        del mask
        count = len(rows)
        own = self.param("stream", nn.initializers.normal(0.02), (count, self.features))
        tokens = jnp.stack(self._project(rows, True), axis=2) + own.astype(self.dtype)
        found = self._attention("attend", train)(tokens, mask=known[:, :, None, None, :])
        found = jnp.where(known.any(-1)[..., None, None], found, 0)
        out = self._norm(tokens + found, "streams")
        return [out[:, :, k] for k in range(count)], {}

    def _norm(self, x: jnp.ndarray, name: str) -> jnp.ndarray:
        return nn.LayerNorm(dtype=jnp.float32, name=f"norm_{name}")(x).astype(self.dtype)
