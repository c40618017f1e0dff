"""Order statistics against NumPy, on fresh numbers with ties, infinities and gaps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.kinematics.order_statistics import two_in_order
from dance_jax.kinematics.scale import upper_percentile
from tests.seeds import fresh

SEEDS = fresh(__name__, 4)


def numbers(rng, shape, missing=0.0):
    """Returns floats of many sizes, half of them with ties."""
    x = rng.normal(size=shape) * 10.0 ** rng.integers(-20, 20, shape[0])[:, None]
    x[::2] = np.round(3 * rng.normal(size=x[::2].shape)) / 2
    x[rng.random(shape) < missing] = np.nan
    return x.astype(np.float32)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_rank_of_any_numbers(seed):
    rng = np.random.default_rng(seed)
    x = numbers(rng, (6, 17))
    x[0, :3], x[1, 4:6], x[2, :2] = np.inf, -np.inf, (0.0, -0.0)
    ordered = np.sort(x, axis=-1)
    for rank in range(17):
        found, following = two_in_order(jnp.asarray(x), jnp.full(6, rank, jnp.int32))
        np.testing.assert_array_equal(found, ordered[:, rank])
        np.testing.assert_array_equal(following, ordered[:, min(rank + 1, 16)])


@pytest.mark.parametrize("seed", SEEDS)
def test_percentiles_of_what_is_seen(seed):
    rng = np.random.default_rng(seed)
    x = numbers(rng, (9, 40), missing=0.3)
    x[3] = np.nan
    x[4, 1:] = np.nan
    for percentile in (0.0, 5.0, 50.0, 90.0, 100.0):
        found = np.asarray(jax.jit(upper_percentile, static_argnums=2)(x, percentile, 1))
        for row, value in zip(x, found, strict=True):
            seen = row[np.isfinite(row)].astype(np.float64)
            expected = np.percentile(seen, percentile) if len(seen) else np.nan
            size = np.abs(seen).max(initial=0.0)
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6 * size)
    several = upper_percentile(np.broadcast_to(x, (2, *x.shape)), np.float32([[5], [90]]), 2)
    np.testing.assert_array_equal(several[0], upper_percentile(x, 5.0, 1))
    np.testing.assert_array_equal(several[1], upper_percentile(x, 90.0, 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_goes_to_the_entries_that_make_the_value(seed):
    rng = np.random.default_rng(seed)
    x = rng.permutation(21).astype(np.float32)  # the value of rank r is r
    slope = np.asarray(jax.grad(lambda v: upper_percentile(v, 30.0))(jnp.asarray(x)))
    np.testing.assert_allclose(slope[x == 6], 1.0, rtol=1e-5)
    assert np.all(slope[(x != 6) & (x != 7)] == 0)
    check_grads(lambda v: upper_percentile(v, 33.0), (jnp.asarray(x),), 1, eps=1e-2)
    tied = jnp.asarray([1.0, 2.0, 2.0, 2.0, 3.0, jnp.nan])
    slope = jax.grad(lambda v: upper_percentile(v, 50.0))(tied)
    np.testing.assert_allclose(slope, [0, 1 / 3, 1 / 3, 1 / 3, 0, 0], atol=1e-6)
    empty = jax.grad(lambda v: jnp.nan_to_num(upper_percentile(v, 50.0)))(tied * jnp.nan)
    assert np.all(np.isfinite(np.asarray(empty)))
