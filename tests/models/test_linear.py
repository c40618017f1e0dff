"""Linear layers as one product of matrices, and masks that are computed once."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models.linear import Dense, computed_once
from tests.seeds import fresh


@pytest.mark.parametrize("axes", [(), (3,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_dense_is_that_of_flax(axes, dtype):
    (seed,) = fresh(__name__, 1)
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.normal(size=(*axes, 5)), jnp.float32)
    pull = jnp.asarray(rng.normal(size=(*axes, 7)), jnp.float32)
    ours, flax = Dense(7, dtype=dtype), nn.Dense(7, dtype=dtype)
    variables = flax.init(jax.random.key(seed % 2**31), x)
    drawn = ours.init(jax.random.key(seed % 2**31), x)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), variables, drawn))

    def pulled(module, variables, x):
        y = module.apply(variables, x)
        assert y.shape == (*axes, 7) and y.dtype == dtype
        return (y.astype(jnp.float32) * pull).sum()

    tight = 1e-5 if dtype == jnp.float32 else 5e-2
    for module in (ours, flax):
        grads = jax.grad(pulled, (1, 2))(module, variables, x)
        kernel = np.asarray(variables["params"]["kernel"])
        flat_x, flat_pull = np.asarray(x).reshape(-1, 5), np.asarray(pull).reshape(-1, 7)
        found = grads[0]["params"]
        np.testing.assert_allclose(found["kernel"], flat_x.T @ flat_pull, rtol=tight, atol=tight)
        np.testing.assert_allclose(found["bias"], flat_pull.sum(0), rtol=tight, atol=tight)
        np.testing.assert_allclose(
            np.asarray(grads[1]).reshape(-1, 5), flat_pull @ kernel.T, rtol=tight, atol=tight
        )


def test_a_mask_is_computed_once():
    (seed,) = fresh(__name__, 1)
    rng = np.random.default_rng(seed)
    pose = rng.normal(size=(4, 30, 6)).astype(np.float32)
    pose[rng.random(pose.shape) < 0.3] = np.nan
    assert (np.asarray(computed_once(jnp.isfinite(pose))) == np.isfinite(pose)).all()

    def layers(weights, pose, kept):
        mask = kept(jnp.isfinite(pose) & (pose < 9))[..., None]
        x = jnp.where(mask, jnp.nan_to_num(pose)[..., None], 0)
        for w in weights:
            x = jnp.where(mask, jnp.tanh(x @ w), 0)
        return (x**2).sum()

    weights = [jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((1, 8), (8, 8), (8, 8))]
    times = {}
    for name, kept in (("once", computed_once), ("as it is", lambda m: m)):
        run = jax.jit(jax.value_and_grad(lambda w, p, kept=kept: layers(w, p, kept)))
        times[name] = run.lower(weights, pose).compile().as_text().count("direction=LT")
        value, _ = run(weights, pose)
        assert np.isfinite(value)
    assert times["once"] < times["as it is"], "XLA keeps masks by itself: computed_once can go"
    assert times["once"] == 1
