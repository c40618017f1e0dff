"""The baselines: a ridge that equals scikit-learn's, statistics that do not ask where one stood."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Peer

from dance_jax.data import synthetic
from dance_jax.training import baselines
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


def test_the_majority_and_balanced_weights() -> None:
    labels = ["b", "a", "b", "a", "c"]
    assert baselines.majority(labels) == "a"
    weight = baselines.balanced(labels)
    assert weight.mean() == pytest.approx(1.0)
    for name in "abc":
        assert weight[np.array(labels) == name].sum() == pytest.approx(5 / 3)
