"""Metrics against scikit-learn and SciPy on random inputs, with ties, constants and gaps."""

from __future__ import annotations

import math
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dance_jax.metrics import (
    Figure,
    classification,
    compute,
    group_bootstrap,
    merge,
    on_host,
    per_group,
    regression,
    streaming,
)
from tests.seeds import fresh

sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")


def scores(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns predictions and labels with ties, labels with gaps, and where they are given."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 8, n) / 2
    p = np.round(y + rng.normal(0, 1.5, n), 1)
    there = rng.random(n) < 0.8
    there[:3] = True
    return p, np.where(there, y, np.nan), there


def classes(seed: int, n: int = 60, s: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities and labels, one class never true, some labels absent."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, s - 1, n)
    z = rng.normal(0, 1, (n, s)) + 1.5 * np.eye(s)[y]
    y[rng.random(n) < 0.2] = -1
    y[:4] = [0, 1, 2, 3]
    z = np.round(z, 1)  # ties
    return np.exp(z) / np.exp(z).sum(1, keepdims=True), y


@pytest.mark.parametrize("seed", fresh(__name__, 4))
def test_regression_equals_the_references(seed: int) -> None:
    p, y, there = scores(seed)
    a, b = p[there], y[there]
    found = regression.regression(p, y, (0.0, 4.0))
    wanted = {
        "mse": sk.mean_squared_error(b, a),
        "rmse": sk.root_mean_squared_error(b, a),
        "mae": sk.mean_absolute_error(b, a),
        "r2": sk.r2_score(b, a),
        "pearson": stats.pearsonr(a, b)[0],
        "spearman": stats.spearmanr(a, b)[0],
        "r_l2": (((a - b) / 4) ** 2).mean(),
    }
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert found[name].count == there.sum()
        np.testing.assert_allclose(found[name].value, value, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize(
    ("p", "y", "reason"),
    [
        ([], [], "no label is given"),
        ([1.0, 2.0], [np.nan, np.nan], "no label is given"),
        ([1.0, 2.0], [3.0, np.nan], "one label is given"),
        ([1.0, 2.0, 4.0], [0.1, 0.1, 0.1], "all labels are equal"),
        ([0.3, 0.3, 0.3], [1.0, 2.0, 3.0], "all predictions are equal"),
    ],
)
def test_a_correlation_without_meaning_says_why(p: list, y: list, reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regression.regression(np.array(p), np.array(y))
    assert found["spearman"].reason == found["pearson"].reason == reason
    assert math.isnan(found["pearson"].value)
    assert found["r2"].reason == ("" if "predictions" in reason else reason)
    assert found["pearson"].as_dict()["value"] is None
    has_error = bool(len(y)) and not np.isnan(y).all()
    assert math.isfinite(found["mae"].value) == has_error


def test_a_prediction_that_is_not_finite_is_an_error_not_a_gap() -> None:
    with pytest.raises(ValueError, match="1 predictions are not finite"):
        regression.mse(np.array([np.nan, 1.0]), np.array([1.0, 1.0]))
    assert regression.mse(np.array([np.nan, 1.0]), np.array([np.nan, 1.0])).value == 0


def test_correlations_are_averaged_by_fisher() -> None:
    r = [0.2, 0.9, -0.4]
    found = regression.mean_correlation([Figure(v, 5) for v in r] + [Figure(math.nan, 2, "few")])
    np.testing.assert_allclose(found.value, np.tanh(np.mean(np.arctanh(r))))
    assert math.isnan(regression.mean_correlation([]).value)


def test_normal_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(fresh(__name__, 1)[0])
    sd = rng.uniform(0.5, 2, 20_000)
    y = rng.normal(3, sd)
    for level, found in regression.coverage(np.full(20_000, 3.0), sd, y).items():
        assert abs(found.value - level) < 0.02  # over five standard errors
    half = regression.coverage(np.full(20_000, 3.0), sd / 2, y)[0.95]
    np.testing.assert_allclose(half.value, 2 * stats.norm.cdf(0.98) - 1, atol=0.02)


@pytest.mark.parametrize("seed", fresh(__name__, 4))
def test_classification_equals_scikit_learn(seed: int) -> None:
    p, y = classes(seed)
    there = y >= 0
    q, t = p[there], y[there]
    guess = q.argmax(1)
    found = classification.classification(p, y)
    wanted = {
        "accuracy": sk.accuracy_score(t, guess),
        "balanced_accuracy": np.mean([(guess[t == c] == c).mean() for c in np.unique(t)]),
        "macro_f1": sk.f1_score(t, guess, average="macro"),
        "log_loss": sk.log_loss(t, q, labels=range(5)),
        "brier": ((q - np.eye(5)[t]) ** 2).sum(1).mean(),
        "auc": np.mean([sk.roc_auc_score(t == c, q[:, c]) for c in np.unique(t)]),
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name].value, value, rtol=1e-9, err_msg=name)
    table = classification.confusion(p.argmax(1), y, 5)
    np.testing.assert_array_equal(table, sk.confusion_matrix(t, guess, labels=range(5)))
    for key in ("ece", "adaptive_ece"):
        assert 0 <= found[key].value <= 1


def test_calibration_errors_by_hand() -> None:
    right = np.array([0.55, 0.58, 0.95, 0.95])
    p, y = np.stack([right, 1 - right], 1), np.array([0, 1, 0, 0])
    # Bins of width 0.1: two of confidence 0.565 with half right, two of 0.95 all right.
    found = classification.calibration_error(p, y, bins=10)
    np.testing.assert_allclose(found.value, 0.5 * 0.065 + 0.5 * 0.05)
    # Three bins of equal count hold 2, 1 and 1 rows.
    found = classification.calibration_error(p, y, bins=3, adaptive=True)
    np.testing.assert_allclose(found.value, 0.5 * 0.065 + 0.25 * 0.05 * 2)
    # A bin holds its upper end: 0.6 lies with 0.55.
    p = np.array([[0.6, 0.4], [0.55, 0.45]])
    found = classification.calibration_error(p, np.array([0, 1]), bins=10)
    np.testing.assert_allclose(found.value, 0.075)
    sure = np.eye(2)[[0, 1, 1]]
    assert classification.calibration_error(sure, np.array([0, 1, 1])).value == 0


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_a_calibrated_classifier_has_a_small_calibration_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4), 20_000)
    y = (p.cumsum(1) < rng.random((20_000, 1))).sum(1)
    sharp = p**3 / (p**3).sum(1, keepdims=True)
    for adaptive in (False, True):
        assert classification.calibration_error(p, y, adaptive=adaptive).value < 0.02
        assert classification.calibration_error(sharp, y, adaptive=adaptive).value > 0.1


def test_figures_without_labels_or_of_one_class_say_why() -> None:
    p = np.full((3, 2), 0.5)
    none = classification.classification(p, np.full(3, -1))
    assert {f.reason for f in none.values()} == {"no label is given"}
    assert classification.classification(p, np.zeros(3, int))["auc"].reason == (
        "only one class occurs"
    )
    assert classification.auc(np.array([1.0, 1, 1, 1]), np.array([0, 1, 0, 1])).value == 0.5
    with pytest.raises(ValueError, match="sum to 1"):
        classification.log_loss(np.ones((2, 2)), np.zeros(2, int))
    with pytest.raises(ValueError, match="not within 0 to 1"):
        classification.confusion(np.array([2]), np.array([0]), 2)


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_pairs_of_any_batches_equal_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y, there = scores(seed, 24)
    probabilities, c = classes(seed, 24)
    mask = rng.random(24) < 0.7
    mask[:3] = True
    y = np.where(mask | ~there, y, np.inf)  # what is masked may be anything
    total = None
    for rows in np.split(rng.permutation(24), [4, 14]):
        total = merge(
            total,
            on_host(
                {
                    "mse": streaming.squared_error(p[rows], y[rows], jnp.asarray(mask[rows])),
                    "mae": streaming.absolute_error(p[rows], y[rows], jnp.asarray(mask[rows])),
                    "accuracy": streaming.accuracy(probabilities[rows], jnp.asarray(c[rows])),
                    "top3": streaming.accuracy(probabilities[rows], jnp.asarray(c[rows]), top=3),
                }
            ),
        )
    found = compute(total)
    a, b = p[mask & there], y[mask & there]
    q, t = probabilities[c >= 0], c[c >= 0]
    wanted = {
        "mse": ((a - b) ** 2).mean(),
        "rmse": math.sqrt(((a - b) ** 2).mean()),
        "mae": np.abs(a - b).mean(),
        "accuracy": sk.accuracy_score(t, q.argmax(1)),
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)
    first = np.argsort(-q, axis=1, kind="stable")[:, :3]
    np.testing.assert_allclose(found["top3"], (first == t[:, None]).any(1).mean(), rtol=1e-6)


def test_nothing_counted_is_nan_and_a_nan_logit_is_not_right() -> None:
    empty = streaming.squared_error(jnp.zeros(2), jnp.full(2, jnp.nan))
    assert math.isnan(empty.compute()) and float(empty.sum) == 0
    logits = jnp.array([[jnp.nan, 0.0], [1.0, 0.0]])
    assert streaming.accuracy(logits, jnp.array([0, 0])).compute() == 0.5


def test_the_bootstrap_draws_groups_not_rows() -> None:
    rng = np.random.default_rng(fresh(__name__, 1)[0])
    groups = np.repeat(np.arange(30), 20)
    x = np.repeat(rng.normal(0, 1, 30), 20)  # rows of a group are equal: 30 facts, not 600

    def mean(rows: np.ndarray) -> float:
        return float(x[rows].mean())

    found = group_bootstrap(mean, groups, draws=2000)
    assert found.low < found.value < found.high and found.groups == 30 and not found.reason
    half = 1.96 * x.std() / math.sqrt(30)
    np.testing.assert_allclose(found.high - found.low, 2 * half, rtol=0.15)
    single = group_bootstrap(mean, np.arange(600), draws=500)
    assert single.high - single.low < 0.4 * (found.high - found.low)
    assert group_bootstrap(mean, groups, draws=50) == group_bootstrap(mean, groups, draws=50)
    same = group_bootstrap(lambda rows: mean(rows) - mean(rows), groups, draws=50)
    assert same.low == same.high == 0


def test_few_groups_have_a_caution_or_no_interval() -> None:
    def mean(rows: np.ndarray) -> float:
        return float(rows.mean())

    assert "below ten" in group_bootstrap(mean, ["a", "a", "b"], draws=20).reason
    one = group_bootstrap(mean, ["a", "a"])
    assert math.isnan(one.low) and one.value == 0.5 and one.as_dict()["low"] is None
    none = group_bootstrap(lambda rows: math.nan, ["a", "b"], draws=20)
    assert "only 0 of 20" in none.reason
    assert per_group(mean, ["b", "a", "b"]) == {"a": (1.0, 1), "b": (1.0, 2)}
