"""ResNet encoders: shapes, published sizes, padding, frozen stages, projections, the grid."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dance_jax.models import norm, resnet
from tests.models import encoders_reference as reference
from tests.seeds import fresh

(SEED,) = fresh(__name__, 1)
# He et al.'s networks with 1000 classes, as torchvision states them (num_params).
PUBLISHED = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032}
TINY = {"blocks": (1, 1, 1, 1), "bottleneck": False, "width": 4, "small_input": True}


def tiny(**options) -> resnet.ResNet:
    return resnet.ResNet(**{**TINY, "zero_init": False, **options})


def frames(rows: int = 4, size: int = 16, seed: int = SEED) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, size, size, 3)).astype(np.float32)


@functools.cache
def variables(**options) -> dict:
    return reference.variables(tiny(**options), 16, SEED)


def close(got, want, tolerance: float = 2e-3) -> None:
    """Asserts equality within a share of the largest value: small groups are ill-conditioned."""
    assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


@functools.partial(reference.jit, static_argnums=0)
def trained(module, params, stats, x, mask):
    """Returns results, new statistics, and the gradients of all results' sum of squares."""

    def loss(params, x):
        out, new = module.apply(
            {"params": params, "batch_stats": stats}, x, mask, train=True, mutable="batch_stats"
        )
        return sum(jnp.square(v).sum() for v in out.values()), (out, new)

    gradient, (out, new) = jax.grad(loss, (0, 1), has_aux=True)(params, x)
    return out, new.get("batch_stats", {}), *gradient


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_sizes_are_the_published_ones(depth):
    x = jax.ShapeDtypeStruct((2, 224, 224, 3), jnp.float32)
    model = resnet.resnet(depth, num_classes=1000)
    out, state = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(state["params"])) == PUBLISHED[depth]
    factor = 4 if depth == 50 else 1
    assert {name: value.shape for name, value in out.items()} == {
        "stage1": (2, 56, 56, 64 * factor),
        "stage2": (2, 28, 28, 128 * factor),
        "stage3": (2, 14, 14, 256 * factor),
        "stage4": (2, 7, 7, 512 * factor),
        "pooled": (2, 512 * factor),
        "logits": (2, 1000),
    }


def test_small_input_keeps_the_maps_large():
    x = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.bfloat16)
    model = resnet.resnet(18, small_input=True, dtype=jnp.bfloat16, multi_scale=True)
    out, state = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    assert [out[f"stage{k}"].shape[1] for k in (1, 2, 3, 4)] == [64, 32, 16, 8]
    assert state["params"]["stem_conv"]["kernel"].shape == (3, 3, 3, 64)
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {jnp.dtype("float32")}
    assert (out["stage4"].dtype, out["pooled"].dtype) == (jnp.bfloat16, jnp.float32)


def padded() -> tuple[np.ndarray, np.ndarray]:
    """Returns frames of which two rows are padding that holds NaN, and the mask."""
    x, mask = frames(5), np.array([True, False, True, True, False])
    x[~mask] = np.nan
    return x, mask


@pytest.mark.parametrize("kind", norm.KINDS)
def test_padding_has_no_influence_on_results_and_statistics(kind):
    """Rows of NaN are as no rows; recomputed blocks change nothing."""
    (x, mask), state = padded(), variables(norm=kind)
    model = tiny(norm=kind)
    run = reference.jit(functools.partial(model.apply, state, train=True, mutable="batch_stats"))
    out, new = run(x, mask)
    assert not any(np.any(value[~mask]) for value in out.values())
    again = model.clone(remat=True)
    clean = reference.jit(functools.partial(again.apply, state, train=True, mutable="batch_stats"))
    jax.tree.map(close, ({k: v[mask] for k, v in out.items()}, new), clean(x[mask]))


def test_gradients_of_padding_and_of_frozen_stages():
    """Padding and frozen stages have none, all else has; the loss stands on every map."""
    model = tiny(frozen_stages=2, multi_scale=True, features=6, remat=True)
    state, (x, mask) = variables(multi_scale=True, features=6), padded()
    out, new, params, inputs = trained(model, state["params"], state["batch_stats"], x, mask)
    zeros = np.where(mask[:, None, None, None], x, 0)
    clean = trained(model, state["params"], state["batch_stats"], zeros, mask)
    jax.tree.map(np.testing.assert_array_equal, (out, new, params, inputs), clean)
    assert not np.any(inputs)  # nothing passes the frozen stages
    labels = resnet.labels(state["params"], 2)
    assert jax.tree.structure(labels) == jax.tree.structure(state["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
    assert jax.tree.map(lambda g: "trainable" if np.any(g) else "frozen", params) == labels
    kept = jax.tree.map(lambda a, b: bool(np.all(a == b)), state["batch_stats"], new)
    for name, leaves in kept.items():
        stage = 1 if name.startswith("stem") else int(name[5])
        assert set(jax.tree.leaves(leaves)) == {stage <= 2}, name


def test_padding_leaves_the_gradients_of_the_stem_alone():
    model, (x, mask) = tiny(blocks=(0, 0, 0, 0)), padded()
    state = variables(blocks=(0, 0, 0, 0))
    _, _, params, inputs = trained(model, state["params"], state["batch_stats"], x, mask)
    clean = trained(model, state["params"], state["batch_stats"], x[mask], None)
    jax.tree.map(close, (params, inputs[mask]), clean[2:])
    assert not np.any(inputs[~mask])


def test_labels_hold_frozen_parameters_against_weight_decay():
    names = ("stem_conv", "stem_norm", "stage1_block0", "stage1_block1", "stage2_block0", "fc")
    params = {name: {"norm1": {"scale": np.ones(2, np.float32)}} for name in names}
    labels = resnet.labels(params, 1)
    optimiser = optax.multi_transform(
        {"trainable": optax.adamw(0.1, weight_decay=0.5), "frozen": optax.set_to_zero()}, labels
    )
    zeros = jax.tree.map(np.zeros_like, params)
    change = reference.jit(lambda p: optimiser.update(zeros, optimiser.init(p), p)[0])(params)
    assert {name for name, c in change.items() if np.any(c["norm1"]["scale"])} == {
        "stage2_block0",
        "fc",
    }


def test_a_frozen_encoder_uses_running_statistics_in_training():
    state = variables()
    frozen, new = reference.jit(
        lambda x: tiny(frozen_stages=4).apply(state, x, train=True, mutable="batch_stats")
    )(frames())
    plain = reference.jit(tiny().apply)(state, frames())
    jax.tree.map(functools.partial(close, tolerance=1e-5), frozen, plain)
    jax.tree.map(np.testing.assert_array_equal, new["batch_stats"], state["batch_stats"])
    labels = resnet.labels(state["params"], 4)
    assert set(jax.tree.leaves(labels)) == {"frozen"}


@pytest.mark.parametrize("combine", ["sum", "concat"])
def test_the_projection_joins_three_scales(combine):
    state = variables(multi_scale=True, features=6)
    model = tiny(multi_scale=True, features=6, combine=combine)
    out = reference.jit(model.apply)(state, frames())
    parts = []
    for stage in (2, 3, 4):
        dense = state["params"][f"project{stage}"]
        pooled = np.asarray(out[f"stage{stage}"], np.float64).mean((1, 2))
        parts.append(pooled @ dense["kernel"] + dense["bias"])
    want = sum(parts) if combine == "sum" else np.concatenate(parts, -1)
    np.testing.assert_allclose(out["features"], want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("zero_init", [True, False])
def test_zero_init_starts_a_block_as_its_shortcut(zero_init):
    make = functools.partial(norm.make, "group", dtype=jnp.float32, axis_name=None)
    block = resnet.Block(4, 1, False, make, zero_init, jnp.float32, train=False)
    x = np.abs(frames())[..., [0, 1, 2, 0]]
    out, _ = reference.jit(block.init_with_output)(jax.random.key(0), x, None)
    assert np.array_equal(out, x) == zero_init


@pytest.mark.parametrize("small", [False, True])
def test_the_grid_names_the_centre_of_a_cells_field(small):
    """A pixel of NaN reaches the cells around it, as many on one side as on the other."""
    size, middle = (128, 64) if small else (448, 224)
    x = np.zeros((1, size, size, 3), np.float32)
    x[0, middle, middle] = np.nan
    out = reference.jit(tiny(small_input=small).apply)(variables(small_input=small), x)
    for stage in (1, 2, 3, 4):
        start, stride = resnet.grid(stage, small_input=small)
        assert out[f"stage{stage}"].shape[1] * stride == size
        reached = np.flatnonzero(np.isnan(out[f"stage{stage}"][0]).any((0, 2)))
        assert 0 < reached[0] < reached[-1] < size // stride - 1
        assert start + stride * (reached[0] + reached[-1]) / 2 == middle


def test_wrong_options_and_inputs_are_refused():
    for options, words in (
        ({"frozen_stages": 5}, "0 to 4 are frozen"),
        ({"blocks": (1, 1)}, "four stages"),
        ({"combine": "mean"}, "combine must be"),
        ({"norm": "layer"}, "norm must be"),
    ):
        with pytest.raises(ValueError, match=words):
            jax.eval_shape(tiny(**options).init, jax.random.key(0), frames(1))
    for x, words in ((np.zeros((1, 8, 8, 3), np.uint8), "normalise"), (frames(1)[0], "N,H,W,3")):
        with pytest.raises(ValueError, match=words):
            jax.eval_shape(tiny().init, jax.random.key(0), x)
    with pytest.raises(ValueError, match="depth must be"):
        resnet.resnet(101)
    assert norm.KINDS == ("batch", "group")
