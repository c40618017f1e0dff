"""Optimisers, learning rates, decay masks, frozen parameters, plateaus and averages."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import config_dict

from dance_jax import optim
from dance_jax.errors import ConfigError
from dance_jax.optim import OptimOptions
from tests.seeds import fresh

PARAMS = {
    "encoder": {
        "conv": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)},
        "norm": {"scale": jnp.ones(3), "bias": jnp.zeros(3)},
    },
    "head": {"kernel": jnp.full((3, 2), 2.0), "bias": jnp.zeros(2)},
    "lstm": {"bias": jnp.ones((2, 4))},
}


def step(tx: optax.GradientTransformation, grads: dict, params: dict = PARAMS) -> dict:
    """Returns the parameters after one update, to which the state is as new."""
    updates, _ = tx.update(grads, tx.init(params), params)
    return optax.apply_updates(params, updates)


def like(value: float) -> dict:
    """Returns gradients that are all one number."""
    return jax.tree.map(lambda p: jnp.full_like(p, value), PARAMS)


def test_learning_rates_follow_their_formulas() -> None:
    at = np.arange(0, 130)
    since = np.maximum(at - 10, 0)
    wanted = {
        "constant": np.full(130, 1.0),
        "plateau": np.full(130, 1.0),
        "step": 0.5 ** (since // 20),
        "exponential": 0.5 ** (since / 20),
        "cosine": 0.1 + 0.9 * (1 + np.cos(np.pi * np.minimum(since / 90, 1))) / 2,
    }
    assert set(wanted) == set(optim.SCHEDULES)
    for name, after in wanted.items():
        options = OptimOptions(
            learning_rate=0.4,
            schedule=name,
            warmup_steps=10,
            total_steps=100,
            decay_steps=20,
            decay_rate=0.5,
            final_fraction=0.1,
        )
        found = optim.learning_rate(options)(at)
        rate = 0.4 * np.where(at < 10, at / 10, after)
        np.testing.assert_allclose(found, rate, rtol=1e-5, err_msg=name)


def test_choreais_rate_is_optax_exponential_decay() -> None:
    options = OptimOptions(
        learning_rate=5e-4, schedule="exponential", decay_rate=0.96, decay_steps=100_000
    )
    at = np.array([0, 1, 1000, 100_000, 250_000])
    wanted = optax.exponential_decay(5e-4, 100_000, 0.96)(at)
    np.testing.assert_allclose(optim.learning_rate(options)(at), wanted, rtol=1e-6)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_updates_equal_optax(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    params = {"kernel": jnp.asarray(rng.normal(0, 1, (3, 2)), jnp.float32)}
    decay, rate = 0.1, 0.02
    wanted = {
        "sgd": lambda: optax.chain(
            optax.add_decayed_weights(decay), optax.sgd(rate, 0.9, nesterov=True)
        ),
        "adam": lambda: optax.chain(optax.add_decayed_weights(decay), optax.adam(rate)),
        "adamw": lambda: optax.adamw(rate, weight_decay=decay),
        "rmsprop": lambda: optax.chain(
            optax.add_decayed_weights(decay), optax.rmsprop(rate, 0.9, 1e-8)
        ),
    }[name]()
    own = optim.make(
        OptimOptions(optimizer=name, learning_rate=rate, weight_decay=decay, nesterov=True)
    )
    a, b, sa, sb = params, params, own.init(params), wanted.init(params)
    for _ in range(4):
        grads = {"kernel": jnp.asarray(rng.normal(0, 1, (3, 2)), jnp.float32)}
        u, sa = own.update(grads, sa, a)
        v, sb = wanted.update(grads, sb, b)
        a, b = optax.apply_updates(a, u), optax.apply_updates(b, v)
    np.testing.assert_allclose(a["kernel"], b["kernel"], rtol=1e-6)


def test_decay_leaves_biases_norms_and_vectors() -> None:
    mask = optim.decay_mask(PARAMS)
    kept = {optim.path_name(p) for p, m in jax.tree_util.tree_flatten_with_path(mask)[0] if m}
    assert kept == {"encoder/conv/kernel", "head/kernel"}
    options = OptimOptions(optimizer="adamw", learning_rate=0.1, weight_decay=0.5)
    after = step(optim.make(options), like(0.0))
    np.testing.assert_allclose(after["head"]["kernel"], 2 * 0.95, rtol=1e-6)
    np.testing.assert_array_equal(after["lstm"]["bias"], 1)


def test_frozen_parameters_stay_and_do_not_count_in_the_norm() -> None:
    options = OptimOptions(
        optimizer="sgd", momentum=0.0, learning_rate=1.0, clip_norm=1.0, frozen=("^encoder/",)
    )
    tx = optim.make(options)
    after = step(tx, like(3.0))
    np.testing.assert_array_equal(after["encoder"]["conv"]["kernel"], 1)
    trained = 6 + 2 + 8  # numbers in head and lstm
    np.testing.assert_allclose(after["head"]["bias"], -1 / np.sqrt(trained), rtol=1e-6)
    sizes = [
        np.size(x) for x in jax.tree.leaves(optim.make(OptimOptions(frozen=("lstm",))).init(PARAMS))
    ]
    assert sum(s > 1 for s in sizes) == 2 * 6  # two moments of six arrays, none of the frozen one
    for frozen, said in ((("decoder",), "matches no parameter"), (("",), "freezes every")):
        with pytest.raises(ConfigError, match=said):
            optim.make(OptimOptions(frozen=frozen)).init(PARAMS)


def test_rates_by_path_and_the_hosts_scale_multiply_the_update() -> None:
    options = OptimOptions(
        optimizer="sgd",
        momentum=0.0,
        learning_rate=1.0,
        rates=(("^encoder/norm", 0.0), ("^enc", 0.1)),
    )
    tx = optim.make(options)
    state = optim.with_host_scale(tx.init(PARAMS), 0.5)
    assert float(optim.host_scale(state)) == 0.5
    updates, state = tx.update(like(1.0), state, PARAMS)
    assert float(optim.host_scale(state)) == 0.5
    np.testing.assert_allclose(updates["head"]["bias"], -0.5)
    np.testing.assert_allclose(updates["encoder"]["conv"]["bias"], -0.05)
    np.testing.assert_allclose(updates["encoder"]["norm"]["bias"], 0)


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_the_plateau_equals_optax(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.abs(5 * 0.9 ** np.arange(40) + rng.normal(0, 1, 40)) + 0.1
    tx = optax.contrib.reduce_on_plateau(0.5, 3, 1e-2, cooldown=2, min_scale=0.05)
    update = jax.jit(lambda s, v: tx.update({"w": jnp.ones(())}, s, value=v)[1])
    state = tx.init({"w": jnp.ones(())})
    low = optim.Plateau(0.5, 3, 1e-2, 2, 0.05)
    high = optim.Plateau(0.5, 3, 1e-2, 2, 0.05, mode="max")
    for value in values:
        state, low = update(state, value), low.update(float(value))
        high = high.update(-float(value))
        low = optim.Plateau(**low.as_dict())
        np.testing.assert_allclose(low.scale, state.scale, rtol=1e-6)
    assert low.scale < 1 and low.update(float("nan")).best == low.best
    # "max" asks for the same relative improvement of the values themselves.
    assert optim.Plateau(0.5, 1, 0.1, mode="max").update(10.0).update(10.5).scale == 0.5
    assert optim.Plateau(0.5, 1, 0.1, mode="max").update(10.0).update(11.5).scale == 1


def test_the_average_is_that_of_its_formula() -> None:
    ema, expected = {"w": jnp.zeros(2)}, np.zeros(2)
    for t in range(30):
        x = np.array([1.0, t])
        d = min(0.7, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * x
        ema = optim.average(ema, {"w": jnp.asarray(x, jnp.float32)}, 0.7, jnp.int32(t))
    np.testing.assert_allclose(ema["w"], expected, rtol=1e-5)


def test_a_config_gives_options_and_its_mistakes_are_named() -> None:
    config = config_dict.ConfigDict(
        {
            "optimizer": "adamw",
            "learning_rate": 0.01,
            "schedule": "step",
            "warmup_epochs": 2,
            "decay_percent": 20,
            "frozen": ("encoder",),
            "rates": (("head", 0.5),),
        }
    )
    sizes = {"batch_size": 10, "dataset_size": 100, "total_steps": 500}
    found = optim.from_config(config, **sizes)
    assert found == OptimOptions(
        optimizer="adamw",
        learning_rate=0.01,
        schedule="step",
        warmup_steps=20,
        decay_steps=100,
        total_steps=500,
        frozen=("encoder",),
        rates=(("head", 0.5),),
    )
    for change, said in (
        ({"optimizer": "adm"}, "--config.optimizer"),
        ({"decay_percent": None}, "--config.decay_"),
        ({"schedule": "cosine", "warmup_epochs": 50}, "leaves none"),
        ({"frozen": ("(",)}, "no regular expression"),
    ):
        with pytest.raises(ConfigError, match=said):
            optim.from_config({**config.to_dict(), **change}, **sizes)
