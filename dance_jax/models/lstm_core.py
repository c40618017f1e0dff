"""The recurrence of the LSTM and its derivative: all directions in one scan, dU outside it."""

from __future__ import annotations

from typing import TypeAlias

import jax
import jax.numpy as jnp

from dance_jax.models.linear import flat, product

Arrays: TypeAlias = tuple[jax.Array, ...]
States: TypeAlias = tuple[tuple[jax.Array, jax.Array], ...]


def sigmoid(x: jax.Array) -> jax.Array:
    """Returns 1 / (1 + e^-x) by tanh, which XLA computes faster than exp and a division."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


def _forward(
    projected: Arrays, recurrent: Arrays, bias: Arrays, valid: Arrays, state: States
) -> tuple[tuple[Arrays, States], tuple]:
    def step(carry: States, now: tuple) -> tuple[States, tuple]:
        after, kept = [], []
        for (h, c), (x, m), u, b in zip(carry, now, recurrent, bias, strict=True):
            i, f, g, o = jnp.split(x + product(h, u) + b, 4, -1)
            i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
            new = f * c + i * g
            h_next = jnp.where(m, o * jnp.tanh(new), h)
            after.append((h_next, jnp.where(m, new, c)))
            # Four arrays, not one of all gates: XLA writes them without a concatenation.
            kept.append((h_next, (i, f, g, o, c)))
        return tuple(after), tuple(kept)

    last, kept = jax.lax.scan(step, state, tuple(zip(projected, valid, strict=True)))
    outputs = tuple(k[0] for k in kept)
    gates = tuple(k[1] for k in kept)
    return (outputs, last), (recurrent, bias, valid, state, outputs, gates)


def _backward(saved: tuple, cotangents: tuple[Arrays, States]) -> tuple:
    recurrent, bias, valid, state, outputs, gates = saved
    d_outputs, d_last = cotangents
    transposed = [u.T for u in recurrent]

    def step(carry: States, now: tuple) -> tuple[States, Arrays]:
        before, d_inputs = [], []
        for (dh, dc), (d_out, (i, f, g, o, c), m), u in zip(carry, now, transposed, strict=True):
            dh = dh + d_out
            tanh_c = jnp.tanh(f * c + i * g)
            d_h = jnp.where(m, dh, 0)  # a masked step passes the state's derivative on as it is
            d_c = jnp.where(m, dc, 0) + d_h * o * (1 - tanh_c * tanh_c)
            d_a = jnp.concatenate(
                [
                    d_c * g * i * (1 - i),
                    d_c * c * f * (1 - f),
                    d_c * i * (1 - g * g),
                    d_h * tanh_c * o * (1 - o),
                ],
                -1,
            )
            before.append((product(d_a, u) + jnp.where(m, 0, dh), jnp.where(m, d_c * f, dc)))
            d_inputs.append(d_a)
        return tuple(before), tuple(d_inputs)

    now = tuple(zip(d_outputs, gates, valid, strict=True))
    d_state, d_projected = jax.lax.scan(step, d_last, now, reverse=True)
    d_recurrent = []
    for u, h, (h_0, _), d_a in zip(recurrent, outputs, state, d_projected, strict=True):
        seen = flat(jnp.concatenate([h_0[None], h[:-1]])).astype(u.dtype)
        d_recurrent.append(seen.T @ flat(d_a).astype(u.dtype))
    d_bias = tuple(
        d_a.sum((0, 1)).astype(b.dtype) for d_a, b in zip(d_projected, bias, strict=True)
    )
    return d_projected, tuple(d_recurrent), d_bias, tuple(None for _ in valid), d_state


@jax.custom_vjp
def lstm_core(
    projected: Arrays, recurrent: Arrays, bias: Arrays, valid: Arrays, state: States
) -> tuple[Arrays, States]:
    """Steps through projected inputs; every argument is a tuple with one entry a direction.

    The derivative is by hand because that of a scan adds h_{t-1}^T da_t to dU [H,4H] at every
    step; here dU is one product over all steps, and the transposed U is made once.

    Args:
        projected: x W, f32[T,B,4H], gates i, f, g, o, in the order in which to step.
        recurrent: U [H,4H]; its dtype is that of the products inside the scan.
        bias: f32[4H].
        valid: bool[T,B,1]; a step that is not keeps the state.
        state: (h, c), each f32[B,H].

    Returns:
        Each direction's h after every step f32[T,B,H] (the old one where not valid), and (h, c)
        after the last.
    """
    return _forward(projected, recurrent, bias, valid, state)[0]


lstm_core.defvjp(_forward, _backward)
