"""Losses against NumPy and optax references, masked elements, and totals that no split changes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dance_jax import losses
from dance_jax.errors import InputError
from tests.seeds import fresh

B, S = 9, 4


def drawn(seed: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray, np.ndarray]:
    """Returns a generator, predictions, labels with NaN, and where they are given."""
    rng = np.random.default_rng(seed)
    p, y = rng.normal(0, 2, (2, B, 3)).astype(np.float32)
    there = rng.random((B, 3)) < 0.6
    there[0], there[1] = True, False
    return rng, p, np.where(there, y, np.nan).astype(np.float32), there


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_regression_terms_equal_their_formulas(seed: int) -> None:
    rng, p, y, there = drawn(seed)
    s = rng.normal(0, 1, p.shape).astype(np.float32)
    e = (p - y).astype(np.float64)
    wanted = {
        "squared": e**2,
        "huber": np.asarray(optax.huber_loss(jnp.asarray(p), jnp.asarray(y), delta=0.7)),
        "angle": 1 - np.cos(e),
        "gaussian": 0.5 * (s + e**2 / np.exp(s) + np.log(2 * np.pi)),
    }
    options = {"huber": {"delta": 0.7}, "gaussian": {"log_variance": s}}
    for name, values in wanted.items():
        term = losses.LOSSES[name](p, y, **options.get(name, {}))
        np.testing.assert_array_equal(term.weights, there)
        np.testing.assert_allclose(
            term.values, np.where(there, values, 0), rtol=2e-5, atol=1e-6, err_msg=name
        )
    scaled = losses.gaussian(p, y, log_variance=s, beta=0.5).values
    np.testing.assert_allclose(
        scaled, np.where(there, wanted["gaussian"] * np.exp(s / 2), 0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_class_terms_equal_optax(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 3, (B, S)).astype(np.float32)
    y = rng.integers(-1, S, B)
    y[:2] = [0, -1]
    there, heavy = y >= 0, rng.uniform(0.5, 2, S)
    smooth = optax.smooth_labels(jnp.eye(S)[np.maximum(y, 0)], 0.1)
    wanted = np.where(there, optax.softmax_cross_entropy(z, smooth), 0)
    term = losses.cross_entropy(z, y, smoothing=0.1, class_weights=heavy)
    np.testing.assert_allclose(term.values, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(term.weights, np.where(there, heavy[y], 0), rtol=1e-6)
    target = np.where(y > 1, 1, np.minimum(y, 0)).astype(np.int32)
    term = losses.binary(z[:, 0], target, smoothing=0.2)
    wanted = optax.sigmoid_binary_cross_entropy(jnp.asarray(z[:, 0]), 0.8 * target + 0.1)
    np.testing.assert_allclose(term.values, np.where(target >= 0, wanted, 0), rtol=1e-5, atol=1e-6)


def test_ranking_counts_the_ordered_pairs_of_given_labels() -> None:
    p = jnp.array([0.3, -1.0, 2.0, 9.0, 0.1])
    y = jnp.array([1.0, 2.0, 2.5, jnp.nan, 5.0])
    term = losses.ranking(p, y, jnp.array([True, True, True, True, False]), gap=0.5, temperature=2)
    wanted = np.zeros((5, 5))
    for i, j in ((1, 0), (2, 0)):
        wanted[i, j] = np.log1p(np.exp(-(p[i] - p[j]) / 2))
    np.testing.assert_allclose(term.values, wanted, rtol=1e-6)
    np.testing.assert_array_equal(term.weights, wanted > 0)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_the_best_score_is_the_precision_weighted_mean_of_the_ratings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bias, noise = rng.normal(0, 1, 3), rng.uniform(0.2, 2, 3)
    ratings = (rng.uniform(2, 8, (B, 1)) + bias + rng.normal(0, 1, (B, 3))).astype(np.float32)
    ratings[0, 1:] = np.nan
    ratings[1] = np.nan
    w = np.where(np.isnan(ratings), 0, 1 / noise)
    best = (w * np.nan_to_num(ratings - bias)).sum(1) / np.maximum(w.sum(1), 1e-9)

    def loss(p: jax.Array, s: jax.Array | None) -> jax.Array:
        term = losses.rated(p, ratings, severity=bias, variance=noise, log_variance=s)
        return term.sums()[0]

    p = jnp.asarray(best, jnp.float32)
    assert np.abs(jax.grad(loss)(p, None)).max() < 1e-4
    assert np.abs(jax.grad(loss)(p + 0.1, None))[[0, 2]].min() > 1e-2
    # The likelihood: one rating alone, by SciPy's normal density.
    from scipy.stats import norm

    term = losses.rated(
        p + 1, ratings, severity=bias, variance=noise, log_variance=jnp.full(B, 0.3)
    )
    spread = np.sqrt(noise[0] + np.exp(0.3))
    wanted = -norm.logpdf(ratings[0, 0] - bias[0], best[0] + 1, spread)
    np.testing.assert_allclose(term.values[0, 0], wanted, rtol=1e-4)
    with pytest.raises(ValueError, match="above 0"):
        losses.rated(p, ratings, severity=bias, variance=[1, 0, 1])


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_gradients_are_right_and_ignore_what_is_masked(seed: int) -> None:
    rng, p, y, there = drawn(seed)
    z, c = rng.normal(0, 1, (B, S)).astype(np.float32), rng.integers(0, S, B)
    s = rng.normal(0, 0.3, p.shape).astype(np.float32)
    row = np.arange(B) > 1
    absent = np.where(row, c, -1)
    cases = {
        "squared": (p, lambda x: losses.squared(x, y)),
        "huber": (p, lambda x: losses.huber(x, y)),
        "angle": (p, lambda x: losses.angle(x, y)),
        "gaussian": (p, lambda x: losses.gaussian(x, y, log_variance=x * 0.1)),
        "binary": (p, lambda x: losses.binary(x, jnp.where(there, y > 0, jnp.nan))),
        "cross_entropy": (z, lambda x: losses.cross_entropy(x, absent, smoothing=0.1)),
        "ranking": (z[:, 0], lambda x: losses.ranking(x, y[:, 0], row)),
        "rated": (
            s[:, 0],
            lambda x: losses.rated(
                x, y, severity=[0, 1, 2], variance=[1, 2, 3], log_variance=0.1 * x
            ),
        ),
    }
    cases["direction"] = (z[:, :2], lambda x: losses.direction(x, y[:, 0]))
    assert set(cases) == set(losses.LOSSES)
    for name, (x, term) in cases.items():
        used = np.asarray(jax.jit(term)(x).weights) > 0
        if name == "ranking":  # a clip counts as either of a pair
            used = used.any(0) | used.any(1)
        elif name == "rated":
            used = used.any(1)
        used = np.broadcast_to(used[..., None] if used.ndim < x.ndim else used, x.shape)
        slope_of = jax.jit(jax.value_and_grad(lambda x, f=term: f(x).sums()[0]))
        value, slope = slope_of(x)
        way, h = rng.normal(0, 1, x.shape).astype(np.float32), 0.01
        rise = (slope_of(x + h * way)[0] - slope_of(x - h * way)[0]) / (2 * h)
        np.testing.assert_allclose((slope * way).sum(), rise, rtol=0.03, atol=0.03, err_msg=name)
        for bad in (np.nan, np.inf, 1e30):
            again, wild = slope_of(np.where(used, x, bad).astype(np.float32))
            np.testing.assert_array_equal(again, value, err_msg=name)
            np.testing.assert_array_equal(wild, slope, err_msg=name)
            assert (np.asarray(wild)[~used] == 0).all(), name


def test_an_infinite_label_is_no_absent_one() -> None:
    term = losses.squared(jnp.zeros(2), jnp.array([jnp.inf, jnp.nan]))
    assert np.isinf(term.values[0])
    np.testing.assert_array_equal(term.weights, [1, 0])


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_equation_12_on_partly_labelled_clips(seed: int) -> None:
    rng = np.random.default_rng(seed)
    b, t, a = 4, 5, 3
    turn = rng.normal(0, 1, (b, t, a))
    predictions = {
        "aesthetic": rng.uniform(0, 10, b),
        "biomechanical": rng.uniform(0, 10, b),
        "angles": np.stack([np.sin(turn), np.cos(turn)], -1),
    }
    labels = {
        "aesthetic_score": np.array([5, np.nan, 7, 1.0]),
        "biomech_score": np.full(b, np.nan),
        "angles": np.where(rng.random((b, t, a)) < 0.7, rng.normal(0, 1, (b, t, a)), np.nan),
    }
    row, frame = np.array([True, True, True, False]), np.arange(t) < np.array([[5], [2], [0], [4]])
    terms = losses.parts(
        predictions, labels, losses.EQUATION_12, row_mask=row, frame_mask=jnp.asarray(frame)
    )
    loss, sums = losses.total(terms, losses.weights_of(losses.EQUATION_12))
    e = (predictions["aesthetic"] - labels["aesthetic_score"])[[0, 2]]
    d = (turn - labels["angles"])[:3][frame[:3]]
    joint = (1 - np.cos(d[~np.isnan(d)])).mean()
    np.testing.assert_allclose(loss, (e**2).mean() + 0.3 * joint, rtol=1e-5)
    assert sums["biomech"] == (0, 0)
    np.testing.assert_allclose(sums["aesthetic"][1], 2)


def test_a_target_that_is_not_there_is_named() -> None:
    target = losses.Target("style", "cross_entropy", "style", "style")
    mask = jnp.ones(1, bool)
    with pytest.raises(InputError, match=r"no label 'style'.*there are: age"):
        losses.parts({"style": jnp.ones((1, 3))}, {"age": jnp.ones(1)}, [target], row_mask=mask)
    with pytest.raises(InputError, match="no loss 'crossentropy'"):
        odd = losses.Target("style", "crossentropy", "style", "style")
        losses.parts({}, {}, [odd], row_mask=mask)


def test_shapes_are_not_broadcast_silently() -> None:
    with pytest.raises(ValueError, match="differ"):
        losses.squared(jnp.zeros((4, 1)), jnp.zeros(4))


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_shares_of_any_split_sum_to_the_whole_loss(seed: int) -> None:
    rng, p, y, _ = drawn(seed)
    heavy = rng.uniform(0, 2, B).astype(np.float32)

    def terms(rows: slice) -> dict[str, losses.Term]:
        return {
            "a": losses.squared(p[rows], y[rows], heavy[rows]),
            "b": losses.angle(p[rows], y[rows]),
        }

    weights = {"a": 1.0, "b": 0.3}
    whole, sums = losses.total(terms(slice(None)), weights)
    counts = {name: count for name, (_, count) in sums.items()}
    cut = int(rng.integers(1, B))
    shares = [
        losses.total(terms(rows), weights, counts)[0] for rows in (slice(cut), slice(cut, None))
    ]
    np.testing.assert_allclose(sum(shares), whole, rtol=1e-5)
