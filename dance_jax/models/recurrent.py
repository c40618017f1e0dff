"""Masked LSTM layers as one scan over time, forward only or in both directions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from dance_jax.models.linear import flat
from dance_jax.models.lstm_core import lstm_core


class LSTMState(NamedTuple):
    """State of one layer after its last valid frame.

    Attributes:
        hidden: h, f32[N,B,H], N = 1 direction or 2 (forward, backward).
        cell: c, f32[N,B,H].
    """

    hidden: jax.Array
    cell: jax.Array


def zero_state(directions: int, batch: int, units: int, dtype: Any = jnp.float32) -> LSTMState:
    """Returns the state before the first frame: zeros [N,B,H]."""
    zeros = jnp.zeros((directions, batch, units), dtype)
    return LSTMState(zeros, zeros)


def time_major(
    x: jax.Array, mask: jax.Array | None, directions: int
) -> tuple[list[jax.Array], list[jax.Array]]:
    """Returns what each direction reads: x [T,B,D] and its mask [T,B,1], the second one flipped.

    A masked step carries the state, so the flipped sequence waits in its initial state until the
    first valid frame: this equals reversing by valid length, for any pattern of the mask, and needs
    no gather. What stands on masked frames (NaN too) is replaced by 0 before it is used.
    """
    if directions not in (1, 2):
        raise ValueError(f"a layer has 1 or 2 directions, got {directions}")
    steps = jnp.swapaxes(x, 0, 1)
    valid = jnp.ones(steps.shape[:2], bool) if mask is None else jnp.swapaxes(mask, 0, 1)
    valid = valid[..., None]
    steps = jnp.where(valid, steps, 0)
    return [steps, steps[::-1]][:directions], [valid, valid[::-1]][:directions]


def batch_major(outputs: Sequence[jax.Array], valid: jax.Array, dtype: Any) -> jax.Array:
    """Returns [B,T,N*H] from each direction's [T,B,H], forward order again, 0 where masked."""
    ordered = [outputs[0], *[y[::-1] for y in outputs[1:]]]
    joined = jnp.where(valid, jnp.concatenate(ordered, -1), 0)
    return jnp.swapaxes(joined, 0, 1).astype(dtype)


def lstm_scan(
    params: Mapping[str, jax.Array],
    x: jax.Array,
    mask: jax.Array | None = None,
    carry: LSTMState | None = None,
    *,
    forget_bias: float = 0.0,
    dtype: Any = jnp.float32,
) -> tuple[jax.Array, LSTMState]:
    """Runs one LSTM layer, in one direction or in both at once.

        a_t = x_t W + h_{t-1} U + b,  (i, f, g, o) = split(a_t)
        c_t = s(f + forget_bias) c_{t-1} + s(i) tanh(g),  h_t = s(o) tanh(c_t)

    The gates lie in the order i, f, g, o, that of torch.nn.LSTM and of Keras (i, f, c, o). On a
    masked frame both states stay and the output is 0. The derivative is written by hand
    (lstm_core.py): reverse mode of any order works, forward mode (`jax.jvp`) does not.

    Args:
        params: "kernel" W [N,D,4H], "recurrent" U [N,H,4H], "bias" b [N,4H]; N = 1 or 2.
        x: [B,T,D]; anything, NaN too, on masked frames.
        mask: bool[B,T], True where a frame is valid; None means everywhere.
        carry: the state to start from, zeros if None. The second direction's starts at the end.
        forget_bias: added to the forget gate, beside what `params["bias"]` holds.
        dtype: of the matrix products; the state and the gates are at least float32.

    Returns:
        The outputs dtype[B,T,N*H] (forward units first) and the state after the last valid frame
        (for the second direction, after the first).
    """
    kernel, recurrent, bias = (params[name] for name in ("kernel", "recurrent", "bias"))
    directions, units = recurrent.shape[:2]
    state_dtype = jnp.promote_types(dtype, jnp.float32)
    inputs, valid = time_major(x, mask, directions)
    if carry is None:
        carry = zero_state(directions, x.shape[0], units, state_dtype)
    bias = bias.astype(state_dtype).at[:, units : 2 * units].add(forget_bias)
    # Two products, not one of twice the width: nothing of 4H units is copied or flipped.
    projected = tuple(
        (flat(steps.astype(dtype)) @ w.astype(dtype))
        .astype(state_dtype)
        .reshape(*steps.shape[:2], -1)
        for steps, w in zip(inputs, kernel, strict=True)
    )
    outputs, last = lstm_core(
        projected,
        tuple(recurrent.astype(dtype)),
        tuple(bias),
        tuple(valid),
        tuple(zip(*(part.astype(state_dtype) for part in carry), strict=True)),
    )
    hidden, cell = (jnp.stack(parts) for parts in zip(*last, strict=True))
    return batch_major(outputs, valid[0], dtype), LSTMState(hidden, cell)


def each_direction(init: jax.nn.initializers.Initializer) -> jax.nn.initializers.Initializer:
    """Returns an initialiser of [N,...] that draws each direction's array by itself."""

    def drawn(rng: jax.Array, shape: Sequence[int], dtype: Any = jnp.float32) -> jax.Array:
        return jnp.stack(
            [init(k, tuple(shape[1:]), dtype) for k in jax.random.split(rng, shape[0])]
        )

    return drawn


class LSTMLayer(nn.Module):
    """One LSTM layer, forward only or bidirectional; equations at `lstm_scan`.

    Attributes:
        units: H of each direction.
        directions: 1 (forward) or 2.
        forget_bias: what the forget gate's bias starts from; it is trained from there.
        dtype: of the matrix products; parameters are float32.
    """

    units: int
    directions: int = 1
    forget_bias: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, carry: LSTMState | None = None
    ) -> tuple[jax.Array, LSTMState]:
        """Returns the outputs [B,T,directions*units] and the last state."""
        n, h = self.directions, self.units
        init = nn.initializers

        def bias(rng: jax.Array, shape: Sequence[int], dtype: Any = jnp.float32) -> jax.Array:
            return jnp.zeros(shape, dtype).at[:, h : 2 * h].set(self.forget_bias)

        params = {
            "kernel": self.param(
                "kernel", each_direction(init.glorot_uniform()), (n, x.shape[-1], 4 * h)
            ),
            "recurrent": self.param("recurrent", each_direction(init.orthogonal()), (n, h, 4 * h)),
            "bias": self.param("bias", bias, (n, 4 * h)),
        }
        return lstm_scan(params, x, mask, carry, dtype=self.dtype)


class RecurrentStack(nn.Module):
    """Recurrent layers on top of each other, dropout between them; output width 2 * hidden.

    With `causal` the layers run forward only and hold 2 * hidden units each, so that the width of
    the output and of all that follows stays, without a projection.

    Attributes:
        hidden: units of each direction of a bidirectional layer.
        layers: how many.
        causal: frame t depends on frames <= t only.
        dropout: rate between layers (not after the last), as torch's.
        dtype: of the matrix products and of the output.
    """

    hidden: int = 256
    layers: int = 2
    causal: bool = False
    dropout: float = 0.0
    dtype: Any = jnp.float32

    def make_layer(self, units: int, directions: int) -> nn.Module:
        """Returns one layer; a kind of network defines it."""
        raise NotImplementedError

    def setup(self) -> None:
        """Makes the layers."""
        units, directions = (2 * self.hidden, 1) if self.causal else (self.hidden, 2)
        self.layer = [self.make_layer(units, directions) for _ in range(self.layers)]
        self.between = nn.Dropout(self.dropout)

    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        """Returns the outputs dtype[B,T,2*hidden] of x [B,T,D]; 0 where the mask is False."""
        return self.with_state(x, mask, train=train)[0]

    def with_state(
        self,
        x: jax.Array,
        mask: jax.Array | None = None,
        carry: Sequence[Any] | None = None,
        *,
        train: bool = False,
    ) -> tuple[jax.Array, tuple[Any, ...]]:
        """Returns the outputs and every layer's last state, for `apply(..., method="with_state")`.

        A causal stack fed a clip in pieces, each with the state the last one returned, gives what
        it gives for the whole clip.

        Args:
            x: [B,T,D].
            mask: bool[B,T], or None: all valid.
            carry: one state a layer, as returned; None starts from zeros.
            train: dropout is on (rng "dropout").

        Raises:
            ValueError: the carry has another number of layers, or the stack reads from both ends.
        """
        if carry is not None and (len(carry) != self.layers or not self.causal):
            kind = "causal" if self.causal else "bidirectional"
            raise ValueError(
                f"a carry of {len(carry)} layers for a {kind} stack of {self.layers}; only a causal"
                " stack can go on from where it stopped"
            )
        last = []
        for n, layer in enumerate(self.layer):
            x = self.between(x, deterministic=not train) if n else x
            x, state = layer(x, mask, None if carry is None else carry[n])
            last.append(state)
        return x, tuple(last)


class LSTM(RecurrentStack):
    """Two bidirectional LSTM layers by default, or as many forward ones (`causal`).

    Attributes:
        forget_bias: what the forget gates' biases start from (1: remember at first).
    """

    forget_bias: float = 1.0

    def make_layer(self, units: int, directions: int) -> LSTMLayer:
        """Returns one LSTM layer."""
        return LSTMLayer(units, directions, self.forget_bias, self.dtype)
