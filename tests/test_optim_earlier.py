"""What earlier systems trained with: Keras's RMSprop, and a penalty on every parameter."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dance_jax import optim
from dance_jax.models import choreai
from dance_jax.optim import OptimOptions
from tests.seeds import fresh


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_rmsprop_is_that_of_keras(seed) -> None:
    """v = rho v + (1 - rho) g^2, w = w - rate g / sqrt(v + eps), with rho 0.9 and eps 1e-7."""
    rng = np.random.default_rng(seed)
    options = OptimOptions(optimizer="rmsprop", learning_rate=1e-3, eps=1e-7)
    tx = optim.make(options)
    wanted, v = rng.normal(size=(3, 2)), np.zeros((3, 2))
    params = {"kernel": jnp.asarray(wanted, jnp.float32)}
    state = tx.init(params)
    for _ in range(5):
        # Small gradients too, where it matters on which side of the root eps stands.
        g = rng.normal(size=(3, 2)) * 10.0 ** rng.integers(-5, 1, (3, 2))
        updates, state = tx.update({"kernel": jnp.asarray(g, jnp.float32)}, state, params)
        params = optax.apply_updates(params, updates)
        v = 0.9 * v + 0.1 * g**2
        wanted = wanted - 1e-3 * g / np.sqrt(v + 1e-7)
    np.testing.assert_allclose(params["kernel"], wanted, atol=2e-6)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_the_penalty_on_all_is_the_gradient_of_choreais(seed) -> None:
    rng = np.random.default_rng(seed)
    shapes = {"kernel": (4, 3), "bias": (3,), "scale": (3,)}
    params = {k: jnp.asarray(rng.normal(size=s), jnp.float32) for k, s in shapes.items()}
    plain = {k: jnp.asarray(rng.normal(size=s), jnp.float32) for k, s in shapes.items()}
    slope = jax.grad(lambda p: choreai.l2_penalty(p))(params)
    both = jax.tree.map(jnp.add, plain, slope)
    adam = OptimOptions(learning_rate=0.1)
    given = OptimOptions(learning_rate=0.1, weight_decay=choreai.L2_COEFFICIENT, decay_all=True)
    a, b = optim.make(adam), optim.make(given)
    wanted, _ = a.update(both, a.init(params), params)
    found, _ = b.update(plain, b.init(params), params)
    for name in shapes:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5)
    sgd = {"optimizer": "sgd", "learning_rate": 1.0, "weight_decay": 0.5}
    for every, expected in ((True, -0.5), (False, 0.0)):
        tx = optim.make(OptimOptions(**sgd, decay_all=every))
        zero = jax.tree.map(jnp.zeros_like, params)
        moved, _ = tx.update(zero, tx.init(params), params)
        np.testing.assert_allclose(moved["bias"], expected * params["bias"], rtol=1e-6)
        np.testing.assert_allclose(moved["kernel"], -0.5 * params["kernel"], rtol=1e-6)
