"""BatchNorm that leaves padding out, on one device and on many, and GroupNorm."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dance_jax.models import norm
from tests.models import encoders_reference as reference
from tests.seeds import fresh

SEEDS = fresh(__name__, 1)


def frames(seed: int, rows: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Returns frames [N,3,2,4] and a mask with two rows of padding, which hold NaN."""
    random = np.random.default_rng(seed)
    x = random.normal(1.5, 2.0, (rows, 3, 2, 4)).astype(np.float32)
    mask = np.ones(rows, bool)
    mask[random.choice(rows, 2, replace=False)] = False
    x[~mask] = np.nan
    return x, mask


def variables(seed: int, channels: int = 4) -> dict:
    random = np.random.default_rng(seed)
    draw = lambda low, high: jnp.asarray(random.uniform(low, high, channels), jnp.float32)  # noqa: E731
    return {
        "params": {"scale": draw(0.5, 2), "bias": draw(-1, 1)},
        "batch_stats": {"mean": draw(-1, 1), "var": draw(0.5, 2)},
    }


def applied(module, state, x, mask=None):
    return module.apply(state, x, mask, train=True, mutable=["batch_stats"])


trained = reference.jit(applied, static_argnums=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_norm_uses_only_the_rows_that_are_frames(seed):
    x, mask = frames(seed)
    state = variables(seed)
    got, new = trained(norm.BatchNorm(), state, x, mask)
    valid = x[mask].astype(np.float64).reshape(-1, 4)
    mean, var = valid.mean(0), valid.var(0)
    scale, bias = state["params"]["scale"], state["params"]["bias"]
    want = (x[mask] - mean) / np.sqrt(var + 1e-5) * scale + bias
    np.testing.assert_allclose(got[mask], want, rtol=1e-4, atol=1e-5)
    assert np.isfinite(got).all()
    old, new = state["batch_stats"], new["batch_stats"]
    np.testing.assert_allclose(new["mean"], 0.9 * old["mean"] + 0.1 * mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new["var"], 0.9 * old["var"] + 0.1 * var, rtol=1e-5)


def test_batch_norm_without_a_mask_is_flax_and_keeps_its_running_statistics():
    x = np.random.default_rng(SEEDS[0]).normal(size=(5, 3, 2, 4)).astype(np.float32)
    state = variables(SEEDS[0])
    theirs = nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5)
    want, stats = reference.jit(lambda x: theirs.apply(state, x, mutable=["batch_stats"]))(x)
    got, new = trained(norm.BatchNorm(), state, x)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), new, stats)
    running = nn.BatchNorm(use_running_average=True, epsilon=1e-5).apply(state, x)
    np.testing.assert_allclose(norm.BatchNorm().apply(state, x), running, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("empty", [False, True])
def test_any_split_over_devices_is_the_whole_batch(seed, empty):
    """Unequal numbers of frames a device, none on one: results, statistics and gradients."""
    random = np.random.default_rng(seed)
    x = random.normal(2.0, 1.0, (4, 3, 2, 2, 4)).astype(np.float32)
    mask = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0] if empty else [0, 1, 1]], bool)
    x[~mask] = np.nan
    weight = random.normal(size=x.shape).astype(np.float32)
    state = variables(seed)
    whole, split = norm.BatchNorm(), norm.BatchNorm(axis_name="data")

    def loss(module, params, stats, x, mask, weight):
        y, new = applied(module, {"params": params, "batch_stats": stats}, x, mask)
        used = jnp.where(mask[:, None, None, None], jnp.square(y) * weight, 0)
        return used.sum(), (y, new)

    @reference.jit
    @functools.partial(jax.vmap, in_axes=(None, None, 0, 0, 0), axis_name="data")
    def step(params, stats, x, mask, weight):
        grad = jax.grad(functools.partial(loss, split), (0, 2), has_aux=True)
        (params, inputs), (y, new) = grad(params, stats, x, mask, weight)
        return jax.lax.psum(params, "data"), inputs, y, new

    start = state["params"], state["batch_stats"]
    params, inputs, y, new = step(*start, x, mask, weight)
    flat = [np.concatenate(v) for v in (x, mask, weight)]
    grad = reference.jit(jax.grad(functools.partial(loss, whole), (0, 2), has_aux=True))
    (want_params, want_inputs), (want, stats) = grad(*start, *flat)
    np.testing.assert_allclose(np.concatenate(y), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(inputs), want_inputs, rtol=1e-4, atol=1e-5)
    for replica in range(4):
        part = jax.tree.map(lambda v, i=replica: v[i], (new, params))
        jax.tree.map(
            functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5),
            part,
            (stats, want_params),
        )


def test_a_batch_of_padding_changes_nothing_and_stays_finite():
    x, state = np.full((3, 2, 2, 4), np.nan, np.float32), variables(SEEDS[0])
    mask = np.zeros(3, bool)

    def loss(x, params):
        y, new = applied(norm.BatchNorm(), {**state, "params": params}, x, mask)
        return y.sum(), (y, new)

    gradients, (y, new) = reference.jit(jax.grad(loss, (0, 1), has_aux=True))(x, state["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, y)))
    jax.tree.map(np.testing.assert_array_equal, new["batch_stats"], state["batch_stats"])
    running = norm.BatchNorm().apply(state, np.zeros_like(x))
    np.testing.assert_allclose(y, running, rtol=1e-5, atol=1e-6)


def test_the_variance_survives_a_large_mean():
    x = np.random.default_rng(SEEDS[0]).normal(3000.0, 1.0, (8, 8, 8, 4)).astype(np.float32)
    _, new = trained(norm.BatchNorm(momentum=0.0), variables(1), x)
    want = x.astype(np.float64).var((0, 1, 2))
    np.testing.assert_allclose(new["batch_stats"]["var"], want, rtol=1e-3)


def test_statistics_stay_float32_when_computing_in_bfloat16():
    x, mask = frames(SEEDS[0], rows=64)
    x, state = jnp.asarray(x, jnp.bfloat16), variables(SEEDS[0])
    got, new = trained(norm.BatchNorm(dtype=jnp.bfloat16), state, x, mask)
    want, stats = trained(norm.BatchNorm(), state, x.astype(jnp.float32), mask)
    assert got.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(new)} == {jnp.dtype("float32")}
    jax.tree.map(np.testing.assert_array_equal, new, stats)
    np.testing.assert_allclose(got.astype(np.float32), want, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (12, 4)])
def test_group_norm(channels, groups):
    random = np.random.default_rng(SEEDS[0])
    x = random.normal(2.0, 3.0, (3, 2, 5, channels)).astype(np.float32)
    mask = np.array([True, False, True])
    dirty = np.where(mask[:, None, None, None], x, np.nan)
    module = norm.GroupNorm()
    state = {"params": {"groups": {"scale": np.ones(channels), "bias": np.zeros(channels)}}}
    split = x.astype(np.float64).reshape(3, 10, groups, channels // groups)
    mean, var = split.mean((1, 3), keepdims=True), split.var((1, 3), keepdims=True)
    want = ((split - mean) / np.sqrt(var + 1e-5)).reshape(x.shape)
    got, new = trained(module, state, dirty, mask)
    assert not new
    np.testing.assert_allclose(got[mask], want[mask], rtol=1e-4, atol=1e-5)
    assert np.isfinite(got).all()


def test_make_knows_its_kinds():
    made = norm.make("batch", dtype=jnp.bfloat16, axis_name="data", epsilon=1e-3)
    assert (made.dtype, made.axis_name, made.epsilon) == (jnp.bfloat16, "data", 1e-3)
    assert isinstance(norm.make("group", dtype=jnp.float32, axis_name=None), norm.GroupNorm)
    with pytest.raises(ValueError, match="norm must be one of"):
        norm.make("layer", dtype=jnp.float32, axis_name=None)


@pytest.mark.parametrize("seed", SEEDS)
def test_torch_agrees_but_keeps_the_unbiased_variance(seed):
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    x = np.random.default_rng(seed).normal(1.0, 2.0, (4, 3, 2, 4)).astype(np.float32)
    state, n = variables(seed), 4 * 3 * 2
    theirs = torch.nn.BatchNorm2d(4)
    source = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
    both = {**state["params"], **state["batch_stats"]}
    theirs.load_state_dict(
        {k: torch.tensor(np.array(both[v])) for k, v in source.items()}, strict=False
    )
    want = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2))).detach().numpy()
    got, new = trained(norm.BatchNorm(), state, x)
    np.testing.assert_allclose(got, want.transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)
    old, stats = state["batch_stats"], new["batch_stats"]
    np.testing.assert_allclose(stats["mean"], theirs.running_mean.numpy(), rtol=1e-5, atol=1e-6)
    biased = 0.9 * old["var"] + (theirs.running_var.numpy() - 0.9 * old["var"]) * (n - 1) / n
    np.testing.assert_allclose(stats["var"], biased, rtol=1e-5)
