"""Temperature scaling: one number that makes class probabilities mean what they say."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

_RANGE = (0.02, 50.0)  # temperatures searched; the ends stand for "always right" and "no idea"
_HALVINGS = 40


def nll(logits: jnp.ndarray, labels: jnp.ndarray, temperature: float | jax.Array = 1.0):
    """Returns -log softmax(logits / temperature)[label] of each row: f32[N].

    Args:
        logits: [N,S].
        labels: i[N]; a negative one (none) gives 0.
        temperature: above 0.
    """
    scaled = jax.nn.log_softmax(logits.astype(jnp.float32) / temperature, axis=-1)
    picked = jnp.take_along_axis(scaled, jnp.maximum(labels, 0)[:, None], axis=-1)[:, 0]
    return jnp.where(labels >= 0, -picked, 0.0)


def probabilities(logits: jnp.ndarray, temperature: float | jax.Array = 1.0) -> jnp.ndarray:
    """Returns softmax(logits / temperature) along the last axis, float32."""
    return jax.nn.softmax(logits.astype(jnp.float32) / temperature, axis=-1)


@jax.jit
def fit_temperature(logits: jnp.ndarray, labels: jnp.ndarray) -> jnp.ndarray:
    """Finds the temperature of the least negative log-likelihood, on data not trained on.

    In beta = 1 / temperature the likelihood is concave, so its slope

        sum_n (z_n[label] - E_softmax(beta z_n)[z_n])

    has one zero, found by halving an interval of log beta. The order of the classes, and so the
    accuracy, does not change.

    Args:
        logits: [N,S].
        labels: i[N] in 0..S-1; a negative one (none) is left out.

    Returns:
        f32 scalar between 0.02 and 50, never worse than 1 on these data; 1 without any label.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    used = (labels >= 0)[:, None]
    z = jnp.where(used, logits.astype(jnp.float32), 0.0)
    z = z - jnp.max(z, axis=-1, keepdims=True)
    at = jnp.take_along_axis(z, jnp.maximum(labels, 0)[:, None], axis=-1)[:, 0]

    def halve(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        expected = jnp.sum(probabilities(z * jnp.exp(middle)) * z, axis=-1)
        rising = jnp.sum(jnp.where(used[:, 0], at - expected, 0.0)) > 0
        return jnp.where(rising, middle, low), jnp.where(rising, high, middle)

    ends = tuple(-jnp.log(jnp.float32(t)) for t in reversed(_RANGE))
    low, high = lax.fori_loop(0, _HALVINGS, halve, ends)
    found = jnp.exp(-0.5 * (low + high))
    better = nll(z, labels, found).sum() < nll(z, labels).sum()
    return jnp.where(better, found, 1.0)
