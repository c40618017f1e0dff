"""Masked GRU layers as one scan, with the reset gate after the product as in torch and Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.models.linear import flat, product
from dance_jax.models.lstm_core import sigmoid
from dance_jax.models.recurrent import RecurrentStack, batch_major, each_direction, time_major


def gru_scan(
    params: Mapping[str, jax.Array],
    x: jax.Array,
    mask: jax.Array | None = None,
    carry: jax.Array | None = None,
    *,
    dtype: Any = jnp.float32,
) -> tuple[jax.Array, jax.Array]:
    """Runs one GRU layer, in one direction or in both at once.

        (r, z, n) = split(x_t W + b),  (r', z', n') = split(h_{t-1} U + b')
        r = s(r + r'),  z = s(z + z'),  n = tanh(n + r n'),  h_t = (1 - z) n + z h_{t-1}

    The gates lie in the order r, z, n of torch.nn.GRU. Keras' GRU with `reset_after=True`, its
    default, is the same function with the order z, r, n: see `from_keras`. The first GRU (Cho et
    al. 2014) multiplies by r before the product with U; no system here uses it. On a masked frame
    the state stays, as Keras skips masked steps, and the output is 0 (Keras repeats the last one).

    Args:
        params: "kernel" W [N,D,3H], "recurrent" U [N,H,3H], "bias" b and "recurrent_bias" b'
            [N,3H]; N = 1 direction or 2.
        x: [B,T,D]; anything, NaN too, on masked frames.
        mask: bool[B,T], True where a frame is valid; None means everywhere.
        carry: the state to start from [N,B,H], zeros if None.
        dtype: of the matrix products; the state and the gates are at least float32.

    Returns:
        The outputs dtype[B,T,N*H] and the state after the last valid frame f32[N,B,H].
    """
    recurrent = params["recurrent"].astype(dtype)
    directions, units = recurrent.shape[:2]
    state_dtype = jnp.promote_types(dtype, jnp.float32)
    inputs, valid = time_major(x, mask, directions)
    if carry is None:
        carry = jnp.zeros((directions, x.shape[0], units), state_dtype)
    kernel = params["kernel"].astype(dtype)
    bias, recurrent_bias = (params[k].astype(state_dtype) for k in ("bias", "recurrent_bias"))
    projected = tuple(
        (flat(steps.astype(dtype)) @ w).astype(state_dtype).reshape(*steps.shape[:2], -1)
        for steps, w in zip(inputs, kernel, strict=True)
    )

    def step(states: tuple, now: tuple) -> tuple[tuple, tuple]:
        after = []
        for n, (h, (given, m)) in enumerate(zip(states, now, strict=True)):
            r, z, new = jnp.split(given + bias[n], 3, -1)
            r_h, z_h, new_h = jnp.split(product(h, recurrent[n]) + recurrent_bias[n], 3, -1)
            z = sigmoid(z + z_h)
            new = jnp.tanh(new + sigmoid(r + r_h) * new_h)
            after.append(jnp.where(m, (1 - z) * new + z * h, h))
        return tuple(after), tuple(after)

    start = tuple(carry.astype(state_dtype))
    last, outputs = jax.lax.scan(step, start, tuple(zip(projected, valid, strict=True)))
    return batch_major(outputs, valid[0], dtype), jnp.stack(last)


def from_keras(
    kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the parameters of a forward layer from those of keras.layers.GRU(reset_after=True).

    Args:
        kernel: [D,3H], gates z, r, n.
        recurrent_kernel: [H,3H].
        bias: [2,3H]: of the input, and of the state.
    """

    def ordered(array: np.ndarray) -> np.ndarray:
        z, r, n = np.split(np.asarray(array, np.float32), 3, -1)
        return np.concatenate([r, z, n], -1)[None]

    return {
        "kernel": ordered(kernel),
        "recurrent": ordered(recurrent_kernel),
        "bias": ordered(bias[0]),
        "recurrent_bias": ordered(bias[1]),
    }


class GRULayer(nn.Module):
    """One GRU layer, forward only or bidirectional; equations at `gru_scan`.

    Initialised as Keras does: Glorot uniform, orthogonal, zeros.

    Attributes:
        units: H of each direction.
        directions: 1 (forward) or 2.
        dtype: of the matrix products; parameters are float32.
    """

    units: int
    directions: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, carry: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """Returns the outputs [B,T,directions*units] and the last state [directions,B,units]."""
        n, h = self.directions, self.units
        init = nn.initializers
        shapes: dict[str, tuple[Any, Sequence[int]]] = {
            "kernel": (each_direction(init.glorot_uniform()), (n, x.shape[-1], 3 * h)),
            "recurrent": (each_direction(init.orthogonal()), (n, h, 3 * h)),
            "bias": (init.zeros_init(), (n, 3 * h)),
            "recurrent_bias": (init.zeros_init(), (n, 3 * h)),
        }
        params = {name: self.param(name, made, shape) for name, (made, shape) in shapes.items()}
        return gru_scan(params, x, mask, carry, dtype=self.dtype)


class GRU(RecurrentStack):
    """GRU layers on top of each other, bidirectional or `causal`; its states are [N,B,H]."""

    def make_layer(self, units: int, directions: int) -> GRULayer:
        """Returns one GRU layer."""
        return GRULayer(units, directions, self.dtype)
