"""InceptionV3: its published size, maps, blocks against NumPy, padding, the grid of its maps."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models import inception, weights
from tests.models import encoders_reference as reference
from tests.seeds import fresh

(SEED,) = fresh(__name__, 1)
DIVIDE = 16


def test_size_is_the_published_one():
    """Keras states 21,802,784 without the top: no scale, but the running statistics counted."""
    x = jax.ShapeDtypeStruct((2, 299, 299, 3), jnp.float32)
    out, state = jax.eval_shape(
        inception.InceptionV3().init_with_output, jax.random.key(0), x, np.ones(2, bool)
    )
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))  # noqa: E731
    channels = count(state["batch_stats"]) // 2
    assert count(state["params"]) - channels + 2 * channels == 21_802_784
    assert {name: value.shape for name, value in out.items()} == {
        "mixed_5d": (2, 35, 35, 288),
        "mixed_6e": (2, 17, 17, 768),
        "mixed_7c": (2, 8, 8, 2048),
        "pooled": (2, 2048),
    }
    for name, (start, stride) in inception.GRID.items():
        assert start + stride * (out[name].shape[1] - 1) == 298 - start  # the same at both ends


def narrow(block: str) -> dict[str, np.ndarray]:
    """Returns drawn tensors of one block with a 16th of its channels."""
    table = {
        name: tuple(n // DIVIDE if i < 2 else n for i, n in enumerate(shape))
        for name, shape in reference.inception_table().items()
        if name.startswith(block)
    }
    return reference.drawn({k.removeprefix(f"{block}."): v for k, v in table.items()}, SEED)


@pytest.mark.parametrize("block", reference.CHAINS)
def test_blocks_are_those_of_plain_numpy(block):
    state = narrow(block)
    unit = functools.partial(
        inception._Unit, divide=DIVIDE, train=False, dtype=jnp.float32, axis_name=None
    )
    module = inception._Mixed(inception.BLOCKS[block], True, unit)
    names = {k.split(".")[0] for k in state}
    variables = {
        "params": {
            n: {
                "conv": {"kernel": state[f"{n}.conv.weight"].transpose(2, 3, 1, 0)},
                "norm": {"scale": state[f"{n}.bn.weight"], "bias": state[f"{n}.bn.bias"]},
            }
            for n in names
        },
        "batch_stats": {
            n: {
                "norm": {"mean": state[f"{n}.bn.running_mean"], "var": state[f"{n}.bn.running_var"]}
            }
            for n in names
        },
    }
    first = next(k for k in state if k.endswith("conv.weight"))
    x = np.random.default_rng(SEED).normal(size=(2, 5, 7, state[first].shape[1]))
    want = reference.mixed(x, state, block)
    got = reference.jit(module.apply)(variables, x.astype(np.float32), None)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def test_average_pooling_at_the_border_counts_padding_or_not():
    unit = functools.partial(
        inception._Unit, divide=DIVIDE, train=False, dtype=jnp.float32, axis_name=None
    )
    x = np.ones((1, 3, 3, 1), np.float32)
    for counted, corner in ((True, 4 / 9), (False, 1.0)):
        module = inception._Mixed(inception.BLOCKS["Mixed_5b"], counted, unit)
        pooled = module.apply({}, x, halve=False, method="_pooled")
        np.testing.assert_allclose(pooled[0, 0, 0, 0], corner, rtol=1e-6)
        np.testing.assert_allclose(pooled[0, 1, 1, 0], 1.0, rtol=1e-6)


def test_padding_and_frozen_in_training(monkeypatch):
    """Padding of NaN is as padding of zeros; a frozen encoder treats each frame by itself."""
    # The last of the eleven blocks alone: all of them take seconds to compile.
    monkeypatch.setattr(inception, "BLOCKS", {"Mixed_7c": inception.BLOCKS["Mixed_7c"]})
    x = np.random.default_rng(SEED).normal(size=(3, 75, 75, 3)).astype(np.float32)
    mask = np.array([True, False, True])
    dirty, other = x.copy(), x.copy()
    dirty[1], other[2] = np.nan, x[0]

    model = inception.InceptionV3(divide=DIVIDE)
    state = reference.variables(model, 75, SEED)

    @functools.partial(reference.jit, static_argnums=0)
    def trained(model, params, x):
        def loss(params):
            out, new = model.apply(
                {**state, "params": params}, x, mask, train=True, mutable="batch_stats"
            )
            return out["pooled"].sum(), (out, new["batch_stats"])

        return jax.grad(loss, has_aux=True)(params) if model.frozen else loss(params)

    _, (out, new) = trained(model, state["params"], dirty)
    _, clean = trained(model, state["params"], x)
    jax.tree.map(np.testing.assert_array_equal, (out, new), clean)
    assert not any(np.any(v[1]) for v in out.values())
    assert all(np.isfinite(v).all() for v in jax.tree.leaves((out, new)))
    assert not any(
        np.array_equal(*pair)  # every statistic was updated
        for pair in zip(*map(jax.tree.leaves, (new, state["batch_stats"])), strict=True)
    )
    gradient, (out, new) = trained(model.clone(frozen=True), state["params"], x)
    assert not any(np.any(g) for g in jax.tree.leaves(gradient))
    jax.tree.map(np.testing.assert_array_equal, new, state["batch_stats"])
    _, (alone, _) = trained(model.clone(frozen=True), state["params"], other)
    for name, value in out.items():
        np.testing.assert_allclose(alone[name][0], value[0], rtol=1e-5, atol=1e-6)


def test_transform_input_undoes_imagenets_normalisation():
    frames = np.random.default_rng(SEED).integers(0, 256, (2, 3, 4, 3), np.uint8)
    got = inception._as_trained(weights.normalise(frames))
    np.testing.assert_allclose(got, frames / 127.5 - 1, atol=1e-5)


def test_the_grid_names_the_centre_of_a_cells_field():
    """A pixel of NaN in the middle of a cell's field reaches as many cells on both sides."""
    x = np.zeros((1, 299, 299, 3), np.float32)
    start, stride = inception.GRID["mixed_5d"]
    x[0, start + 17 * stride, start + 17 * stride] = np.nan
    model = inception.InceptionV3(divide=DIVIDE)
    out = reference.jit(lambda v, x: model.apply(v, x)["mixed_5d"])(
        reference.variables(model, 75, SEED), x
    )
    reached = np.flatnonzero(np.isnan(out[0]).any((0, 2)))
    assert 0 < reached[0] < reached[-1] < 34
    assert reached[0] + reached[-1] == 2 * 17


def test_small_or_whole_number_frames_are_refused():
    for x, words in (
        (np.zeros((1, 74, 80, 3), np.float32), "75 pixels"),
        (np.zeros((1, 80, 80, 3), np.uint8), "normalise"),
    ):
        with pytest.raises(ValueError, match=words):
            jax.eval_shape(inception.InceptionV3().init, jax.random.key(0), x)
