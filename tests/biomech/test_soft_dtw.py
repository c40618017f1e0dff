"""Soft-DTW against enumeration of all alignments, brute-force DTW, a library and differences."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.biomech import soft_dtw as sd
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def all_paths(n: int, m: int):
    """Every monotone alignment of n with m frames."""
    if n == 1 and m == 1:
        yield [(0, 0)]
        return
    for di, dj in ((1, 1), (1, 0), (0, 1)):
        if n - di >= 1 and m - dj >= 1:
            for path in all_paths(n - di, m - dj):
                yield [*path, (n - 1, m - 1)]


def dtw(cost: np.ndarray) -> float:
    r = np.full((cost.shape[0] + 1, cost.shape[1] + 1), np.inf)
    r[0, 0] = 0.0
    for i, j in itertools.product(range(cost.shape[0]), range(cost.shape[1])):
        r[i + 1, j + 1] = cost[i, j] + min(r[i, j], r[i, j + 1], r[i + 1, j])
    return float(r[-1, -1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gamma", [0.1, 1.0, 5.0])
def test_equals_the_soft_minimum_over_all_alignments(seed, gamma) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0, 3, (4, 5))
    totals = np.array([sum(cost[i, j] for i, j in path) for path in all_paths(4, 5)])
    assert len(totals) == 129  # Delannoy number D(3, 4)
    want = -gamma * np.log(np.exp(-totals / gamma).sum())
    assert float(sd.soft_dtw(cost, gamma)) == pytest.approx(want, rel=1e-5, abs=1e-5)
    weights = np.exp(-(totals - totals.min()) / gamma)
    expected = np.zeros((4, 5))
    for weight, path in zip(weights / weights.sum(), all_paths(4, 5), strict=True):
        for i, j in path:
            expected[i, j] += weight
    np.testing.assert_allclose(sd.soft_alignment(cost, gamma), expected, atol=2e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_becomes_dtw_for_small_gamma(seed) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0, 3, (17, 23))
    want = dtw(cost)
    assert float(sd.soft_dtw(cost, 1e-3)) == pytest.approx(want, rel=1e-3)
    assert float(sd.soft_dtw(cost, 1e-3)) <= want + 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_agrees_with_the_library_that_compare_uses(seed) -> None:
    from dtaidistance import dtw_ndim

    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(30, 4)), rng.normal(size=(21, 4))
    ours = sd.soft_dtw(sd.squared_cost(a, b) * 4, 1e-3)
    assert float(jnp.sqrt(ours)) == pytest.approx(dtw_ndim.distance(a, b), rel=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_padding_and_jit_and_vmap_change_nothing(seed) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0, 3, (6, 9)).astype(np.float32)
    padded = np.full((2, 10, 12), np.nan, np.float32)
    padded[0, :6, :9], padded[1, :9, :6] = cost, cost.T
    lengths = jnp.array([[6, 9], [9, 6]])
    many = jax.jit(jax.vmap(lambda c, nm: sd.soft_dtw(c, 0.5, nm[0], nm[1])))(padded, lengths)
    np.testing.assert_allclose(many, float(sd.soft_dtw(cost, 0.5)), rtol=1e-5)
    slope = sd.soft_alignment(padded[0], 0.5, 6, 9)
    assert np.isfinite(slope).all() and not slope[6:].any() and not slope[:, 9:].any()
    np.testing.assert_allclose(slope[:6, :9], sd.soft_alignment(cost, 0.5), atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_match_differences(seed) -> None:
    rng = np.random.default_rng(seed)
    a, b = (jnp.asarray(rng.normal(size=(n, 3)), jnp.float32) for n in (7, 5))
    a = a.at[2, 1].set(jnp.nan)
    free = jnp.isfinite(a)

    def loss(x, y):
        return sd.soft_dtw_divergence(jnp.where(free, x, jnp.nan), y, 0.7)

    start = jnp.where(free, a, 0.0)
    check_grads(loss, (start, b), order=1, modes=["rev"], atol=2e-2, rtol=2e-2, eps=1e-2)
    slope = jax.grad(loss)(start, b)
    assert np.isfinite(slope).all() and slope[2, 1] == 0 and np.abs(slope).max() > 0


def test_divergence_is_zero_for_the_same_and_positive_for_others() -> None:
    rng = np.random.default_rng(SEEDS[0])
    a, b = rng.normal(size=(8, 3)), rng.normal(size=(11, 3))
    assert float(sd.soft_dtw_divergence(a, a, 1.0)) == pytest.approx(0.0, abs=1e-4)
    assert float(sd.soft_dtw_divergence(a, b, 1.0)) > 0.1


def test_a_slowed_copy_is_nearer_than_another_movement() -> None:
    rng = np.random.default_rng(SEEDS[1])
    t = np.linspace(0, 4, 60)
    phase = rng.uniform(0, 6, 3)
    a = np.sin(2 * t[:, None] + phase)
    slow = np.sin(2 * np.linspace(0, 4, 90)[:, None] + phase)
    other = np.sin(3.1 * t[:, None] + phase[::-1] + 1.5)
    near, far = (float(sd.soft_dtw(sd.squared_cost(a, x), 0.01)) for x in (slow, other))
    assert near < 0.3 * far


@pytest.mark.parametrize(
    "cost, gamma, n, m",
    [
        (np.full((3, 3), np.nan), 1.0, None, None),
        (np.ones((3, 3)), 0.0, None, None),
        (np.ones((3, 3)), -1.0, None, None),
        (np.ones((3, 3)), 1.0, 0, 3),
        (np.ones((3, 3)), 1.0, 3, 0),
    ],
)
def test_what_has_no_meaning_is_nan_and_its_gradient_finite(cost, gamma, n, m) -> None:
    assert np.isnan(sd.soft_dtw(cost, gamma, n, m))
    assert np.isfinite(sd.soft_alignment(cost, gamma, n, m)).all()


def test_missing_frames_do_not_attract() -> None:
    a = np.arange(5.0)[:, None]
    gap = a.copy()
    gap[2] = np.nan
    cost = np.asarray(sd.squared_cost(a, gap))
    kept = np.asarray(sd.squared_cost(a, a))[:, [0, 1, 3, 4]]
    np.testing.assert_allclose(cost[:, [0, 1, 3, 4]], kept)
    np.testing.assert_allclose(cost[:, 2], kept.mean(), rtol=1e-6)
    assert np.isnan(sd.squared_cost(a, np.full((4, 1), np.nan))).all()
