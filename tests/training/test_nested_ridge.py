"""The nested ridge: its path is that of scikit-learn, and it chooses inside the training part."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Peer

from dance_jax.training import nested_ridge
from tests.seeds import fresh


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize("columns", [8, 60])
def test_the_path_is_that_of_scikit_learn(seed: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(2.0, 3.0, (30, columns)), rng.normal(size=(30, 2))
    x[:, 3] = 1.0  # constant: no information
    weight, asked = rng.uniform(0.3, 2.0, 30), rng.normal(2.0, 3.0, (7, columns))
    asked[:, 3] = 9.0
    got = nested_ridge.ridge_path(x, y, asked, weight)
    mean = np.average(x, axis=0, weights=weight)
    spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    spread[3] = np.inf
    z, new = ((np.clip((a - mean) / spread, -5, 5)) for a in (x, asked))
    unit = (weight[:, None] * z**2).sum() / len(z)
    bias = np.average(y, axis=0, weights=weight)
    for row, a in zip(got, nested_ridge.PENALTIES, strict=True):
        peer = Peer(alpha=a * unit, fit_intercept=False).fit(z, y - bias, sample_weight=weight)
        np.testing.assert_allclose(row, peer.predict(new) + bias, atol=1e-6)


def _two_sets(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """One set tells the class, three the group or nothing; groups hold one class each."""
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"g{k}" for k in range(9)], 6)
    place = np.repeat(np.arange(9) % 3, 6)
    right = np.eye(3)[place] + rng.normal(0, 0.25, (54, 3))
    own = rng.normal(size=(9, 20))[np.repeat(np.arange(9), 6)] + rng.normal(0, 0.1, (54, 20))
    sets = {"group": own, "class": right}
    sets |= {f"noise {k}": rng.normal(size=(54, 6)) for k in range(2)}
    return sets, place, groups


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_the_set_that_carries_to_other_groups_is_chosen(seed: int) -> None:
    sets, place, groups = _two_sets(seed)
    found = nested_ridge.choose(sets, place, groups, 3)
    assert found.picked == "class"
    assert found.loss["class"] < found.loss["group"]
    train, test = np.arange(18, 54), np.arange(18)
    inner = {name: x[train] for name, x in sets.items()}
    chosen = nested_ridge.choose(inner, place[train], groups[train], 3)
    said = nested_ridge.predicted(chosen, sets, train, place[train], test, 3)
    np.testing.assert_allclose(said.sum(1), 1.0)
    assert (said.argmax(1) == place[test]).mean() > 0.8


def test_a_group_left_out_has_no_say_in_what_is_said_of_it() -> None:
    sets, place, groups = _two_sets(3)
    said, asked = nested_ridge.left_out(sets["class"], place, groups, 3)
    assert asked.all()
    changed = place.copy()
    changed[:6] = (changed[:6] + 1) % 3
    again, _ = nested_ridge.left_out(sets["class"], changed, groups, 3)
    np.testing.assert_array_equal(said[:, :6], again[:, :6])
    assert not np.array_equal(said[:, 6:], again[:, 6:])


def test_classes_that_training_lacks_or_hardly_has() -> None:
    sets, place, groups = _two_sets(1)
    rare = np.where(groups == "g0", 3, place)
    said, asked = nested_ridge.left_out(sets["class"], rare, groups, 4)
    assert not asked[:6].any() and asked[6:].all() and np.isnan(said[:, :6]).all()
    train, test = np.arange(6, 54), np.arange(6)
    own = {name: x[train] for name, x in sets.items()}
    found = nested_ridge.choose(own, rare[train], groups[train], 4)
    said = nested_ridge.predicted(found, sets, train, rare[train], test, 4)
    assert (said[:, 3] == 0).all()
    np.testing.assert_allclose(said.sum(1), 1.0)
    alone = nested_ridge.choose(own, rare[train], np.array(["one"] * 48), 4)
    assert alone.picked == nested_ridge.ALL and not alone.loss


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_numbers_are_learned_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, groups = rng.normal(size=(60, 5)), np.repeat([f"g{k}" for k in range(10)], 6)
    y = x @ rng.normal(size=5) + rng.normal(0, 0.1, 60) + 4.0
    sets = {"noise": rng.normal(size=(60, 9)), "signal": x}
    train, test = np.arange(48), np.arange(48, 60)
    own = {name: one[train] for name, one in sets.items()}
    found = nested_ridge.choose(own, y[train], groups[train], 0)
    assert found.picked == "signal"
    said = nested_ridge.predicted(found, sets, train, y[train], test, 0)
    assert said.shape == (12, 1)
    assert np.corrcoef(said[:, 0], y[test])[0, 1] > 0.9


def test_of_two_sets_that_say_the_same_none_is_taken_alone() -> None:
    sets, place, groups = _two_sets(2)
    rng = np.random.default_rng(8)
    both = {name: np.eye(3)[place] + rng.normal(0, 0.8, (54, 3)) for name in ("one", "other")}
    found = nested_ridge.choose(both, place, groups, 3)
    assert found.picked == nested_ridge.ALL
    assert found.loss[nested_ridge.ALL] < min(found.loss["one"], found.loss["other"])
    alone = nested_ridge.choose({"class": sets["class"]}, place, groups, 3)
    assert alone.picked == "class"


def test_whether_classes_weigh_alike_is_chosen_too() -> None:
    """A class of three clips, between the others, must not draw theirs."""
    rng = np.random.default_rng(4)
    groups, place = np.repeat(["a", "b", "c", "d"], 21), np.tile([0] * 10 + [1] * 10 + [2], 4)
    centre = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.6]])
    x = centre[place] + rng.normal(0, 0.6, (84, 2))
    found = nested_ridge.choose({"x": x}, place, groups, 3)
    assert not found.balance["x"]
    assert nested_ridge.choose({"x": x}, place, groups, 3, even=True).balance["x"]
    never = nested_ridge.choose({"x": x}, place, groups, 3, even=True, balance=False)
    assert not never.balance["x"]
