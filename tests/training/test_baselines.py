"""The baselines: a ridge that equals scikit-learn's, statistics that do not ask where one stood."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Peer

from dance_jax.data import synthetic
from dance_jax.training import baselines, results
from dance_jax.training.evaluate import Outcome
from dance_jax.training.folds import Fold
from dance_jax.training.prepared import prepared
from dance_jax.types import Clip
from tests.seeds import fresh


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_ridge_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(3.0, 2.0, (30, 50)), rng.normal(size=(30, 3))
    x[:, 7] = 4.0  # constant: no information
    weight = rng.uniform(0.2, 3.0, 30)
    for alpha in (0.5, 20.0):
        ours = baselines.fit_ridge(x, y, alpha, weight)
        peer = Peer(alpha=alpha).fit((x - ours.mean) / ours.scale, y, sample_weight=weight)
        asked = rng.normal(3.0, 2.0, (9, 50))
        asked[:, 7] = 4.0
        want = peer.predict((asked - ours.mean) / ours.scale)
        np.testing.assert_allclose(ours(asked), want, atol=1e-8)


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_statistics_do_not_change_with_place_or_heading(seed: int) -> None:
    one = synthetic.generate(seed, None, 2.0, 25.0)
    clock = np.arange(len(one.pose)) / 25.0
    seen = np.ones((len(one.pose), 1, 26), np.float32)
    turn = 0.7
    c, s = np.cos(turn), np.sin(turn)
    matrix = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
    moved = one.pose @ matrix.T + np.float32([3.0, 0.0, -1.0])
    a, b = (
        baselines.pose_statistics(prepared(Clip(p[:, None], seen, clock, unit="m"), fps=25, axes=3))
        for p in (one.pose, moved)
    )
    # The spread of the place along x and z turns with the heading: the last three numbers.
    np.testing.assert_allclose(a[:-3], b[:-3], atol=0.03)
    assert np.isfinite(a).all() and len(np.unique(a)) > 100


def test_a_joint_that_is_never_seen_is_no_warning_and_no_nan() -> None:
    one = synthetic.generate(1, None, 1.0, 25.0)
    pose = one.pose[:, None].copy()
    pose[:, :, 17:] = np.nan
    clip = Clip(pose, np.isfinite(pose).all(-1) * 1.0, np.arange(len(pose)) / 25.0, unit="m")
    assert np.isfinite(baselines.pose_statistics(clip)).all()


def test_the_penalty_is_chosen_on_groups_left_out() -> None:
    """One column tells the group, and so the label inside training; another tells the label."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(8), 6)
    labels = np.where(groups % 2 == 0, "a", "b")
    signal = np.where(labels == "a", 1.0, -1.0) + rng.normal(0, 0.6, 48)
    own = rng.normal(size=(8, 40))[groups]
    x = np.column_stack([signal, own])
    alpha = baselines.select_alpha(x, labels, groups.astype(str))
    assert alpha in baselines.ALPHAS
    assert baselines.select_alpha(x, labels, ["one"] * 48) == 100.0
    fresh_groups = np.column_stack([np.repeat([1.0, -1.0], 10), rng.normal(size=(20, 40))])
    got = baselines.classify(signal[:, None], labels, fresh_groups[:, :1], alpha)
    assert (got == np.repeat(["a", "b"], 10)).all()
    asked = np.linspace(-1.5, 1.5, 9)[:, None]
    classes, shares = baselines.class_shares(signal[:, None], labels, asked, alpha)
    assert list(classes) == ["a", "b"] and (np.diff(shares[:, 0]) > 0).all()
    np.testing.assert_allclose(shares.sum(1), 1.0)


def test_the_majority_and_balanced_weights() -> None:
    labels = ["b", "a", "b", "a", "c"]
    assert baselines.majority(labels) == "a"
    weight = baselines.balanced(labels)
    assert weight.mean() == pytest.approx(1.0)
    for name in "abc":
        assert weight[np.array(labels) == name].sum() == pytest.approx(5 / 3)


def _outcome(probability: np.ndarray, style: np.ndarray, groups: list[str]) -> Outcome:
    names = tuple(f"clip_{k}" for k in range(len(style)))
    return Outcome(names, tuple(groups), ("no", "yes"), style, probability, {}, {}, {})


def test_groups_of_two_classes_have_their_auc_and_difference() -> None:
    style, groups = np.array([0, 0, 1, 1, 0, 1, 0, 0]), ["a"] * 4 + ["b"] * 2 + ["c"] * 2
    yes = np.array([0.1, 0.6, 0.4, 0.9, 0.7, 0.2, 0.3, 0.4])
    ours = _outcome(np.column_stack([1 - yes, yes]), style, groups)
    flat = _outcome(np.tile([1.0, 0.0], (8, 1)), style, groups)
    found = results.summary({0: [ours]}, {"majority": flat}, [Fold("f", (), (), ours.names)])
    assert found["by_group"]["a"] == pytest.approx({"accuracy": 0.5, "auc": 0.75, "count": 4})
    assert found["by_group"]["b"]["auc"] == 0.0
    assert "auc" not in found["by_group"]["c"]  # one class alone has none
    assert found["group_mean"]["auc"] == pytest.approx(0.375)
    gain = found["baselines"]["majority"]["difference"]
    assert gain["auc"] == pytest.approx({"a": 0.25, "b": -0.5})
    assert gain["accuracy"] == pytest.approx({"a": 0.0, "b": -0.5, "c": 0.0})
    assert found["baselines"]["majority"]["intervals"] == {}  # three groups are too few
    text = results.lines(found)
    assert "group a: auc 0.750 of 4, +0.250 against majority" in text


def test_many_groups_give_an_interval_of_the_difference() -> None:
    rng = np.random.default_rng(0)
    style = rng.integers(0, 2, 60)
    groups = [f"g{k // 5:02d}" for k in range(60)]
    good = np.where(rng.random(60) < 0.9, style, 1 - style)
    ours, base = (_outcome(np.eye(2)[k], style, groups) for k in (good, np.zeros(60, int)))
    found = results.summary({0: [ours]}, {"majority": base}, [Fold("f", (), (), ours.names)])
    one = found["baselines"]["majority"]["intervals"]["accuracy"]
    assert one["groups"] == 12 and 0 < one["low"] < one["value"] < one["high"]
    gain = found["mean"]["accuracy"] - found["baselines"]["majority"]["accuracy"]
    assert one["value"] == pytest.approx(gain)
    assert found["intervals"]["auc"]["low"] > 0.5


def test_the_penalty_of_a_score_is_chosen_on_groups_left_out() -> None:
    rng = np.random.default_rng(3)
    x, groups = rng.normal(size=(60, 40)), np.repeat([f"g{k}" for k in range(6)], 10)
    noise, signal = rng.normal(size=60), x @ rng.normal(size=40)
    assert baselines.select_score_alpha(x, noise, groups) >= 100.0
    assert baselines.select_score_alpha(x, signal, groups) < 100.0
    assert baselines.select_score_alpha(x, signal, ["one"] * 60) == 100.0
    table = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])
    found = baselines.percentiles(table, (0, 50, 100))
    np.testing.assert_array_equal(found, [1.0, np.nan, 2.0, np.nan, 3.0, np.nan])
