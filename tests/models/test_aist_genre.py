"""The AIST genre classifier against plain loops and Keras, with its masks."""

from __future__ import annotations

import functools
import os

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models import gru
from dance_jax.models.aist_genre import FEATURES, FRAMES, AISTGenre
from tests.seeds import fresh

MASK = np.arange(6) < np.array([6, 2, 0])[:, None]


def frames(seed: int) -> np.ndarray:
    return np.random.default_rng(seed + 1).normal(size=(3, 6, 4)).astype(np.float32)


def drawn(seed: int, width: int) -> dict:
    net = AISTGenre(classes=3)
    x = jnp.zeros((1, 2, width))
    shapes = jax.eval_shape(net.init, jax.random.key(0), x, jnp.ones((1, 2), bool))["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: rng.normal(size=a.shape).astype(np.float32) * 0.5, shapes)


def by_loops(p: dict, x: np.ndarray) -> np.ndarray:
    """The logits of one clip of valid frames [T,D]."""

    def layer(x: np.ndarray, p: dict) -> np.ndarray:
        units = p["recurrent"].shape[1]
        w = {k: v.astype(np.float64) for k, v in p.items()}
        h, out = np.zeros(units), []
        for row in x.astype(np.float64):
            a = np.split(row @ w["kernel"][0] + w["bias"][0], 3)
            b = np.split(h @ w["recurrent"][0] + w["recurrent_bias"][0], 3)
            r, z = (1 / (1 + np.exp(-(a[n] + b[n]))) for n in (0, 1))
            h = (1 - z) * np.tanh(a[2] + r * b[2]) + z * h
            out.append(h)
        return np.array(out).reshape(-1, units)

    second = layer(layer(x, p["gru_0"]), p["gru_1"])
    last = second[-1] if len(second) else np.zeros(8)
    hidden = np.maximum(last @ p["hidden"]["kernel"] + p["hidden"]["bias"], 0)
    return hidden @ p["out"]["kernel"] + p["out"]["bias"]


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_it_is_two_grus_over_the_frames_that_count(seed: int) -> None:
    params = drawn(seed, 4)
    x = frames(seed)
    dirty = np.where(MASK[..., None], x, np.nan)
    net = AISTGenre(classes=3)

    @jax.jit
    def run(params: dict, x: np.ndarray) -> tuple:
        def loss(params: dict) -> tuple:
            found, kept = net.apply({"params": params}, x, MASK)
            return found["style"].sum(), (found, kept)

        return jax.grad(loss, has_aux=True)(params)

    grads, (found, kept) = run(params, dirty)
    for row in range(3):
        wanted = by_loops(params, x[row, MASK[row]])
        np.testing.assert_allclose(found["style"][row], wanted, atol=1e-5)
    assert not np.asarray(kept["sequence"])[~MASK].any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_sizes_of_the_original_and_dropout() -> None:
    net = AISTGenre()
    x = jnp.ones((1, FRAMES, FEATURES))
    shapes = jax.eval_shape(net.init, jax.random.key(0), x, jnp.ones((1, FRAMES), bool))
    # 3 (D H + H H + 2 H) of each GRU, then 8 x 8 + 8 and 8 x 10 + 10.
    assert sum(a.size for a in jax.tree.leaves(shapes)) == 99_168 + 624 + 72 + 90
    run = functools.partial(net.apply, train=True)
    with pytest.raises(flax.errors.InvalidRngError, match="dropout"):
        jax.eval_shape(run, shapes, x, jnp.ones((1, FRAMES), bool))


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_it_equals_the_keras_model(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if "KERAS_BACKEND" not in os.environ:
        monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="Keras is not installed: the loops above stand")
    features = keras.Input((6, 4))
    mask = keras.Input((6,), dtype="bool")
    x = keras.layers.GRU(16, return_sequences=True)(features, mask=mask)
    x = keras.layers.GRU(8)(x)
    x = keras.layers.Dropout(0.4)(x)
    x = keras.layers.Dense(8, activation="relu")(x)
    model = keras.Model([features, mask], keras.layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=w.shape).astype(np.float32) * 0.5 for w in model.get_weights()]
    model.set_weights(weights)
    params = {
        "gru_0": gru.from_keras(*weights[:3]),
        "gru_1": gru.from_keras(*weights[3:6]),
        "hidden": dict(zip(("kernel", "bias"), weights[6:8], strict=True)),
        "out": dict(zip(("kernel", "bias"), weights[8:], strict=True)),
    }
    run = jax.jit(AISTGenre(classes=3).apply)
    logits = run({"params": params}, frames(seed), MASK)[0]["style"]
    theirs = np.asarray(model([frames(seed), MASK], training=False))
    np.testing.assert_allclose(jax.nn.softmax(logits), theirs, atol=1e-5)
