"""How unlike the training set a clip is: against scikit-learn's nearest neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.models import familiarity
from tests import seeds


@pytest.mark.parametrize("seed", seeds.fresh(__name__, 3))
def test_distances_are_those_to_the_nearest_of_another_group(seed: int) -> None:
    neighbors = pytest.importorskip("sklearn.neighbors")
    rng = np.random.default_rng(seed)
    x, new = rng.normal(3, 2, (20, 5)), rng.normal(3, 2, (7, 5))
    groups = [f"g{k}" for k in rng.integers(0, 4, 20)]
    known = familiarity.fit(x, groups)
    z = (x - x.mean(0)) / x.std(0)
    truth = []
    for k in range(20):
        others = z[[g != groups[k] for g in groups]]
        found = neighbors.NearestNeighbors(n_neighbors=1).fit(others).kneighbors(z[k : k + 1])
        truth.append(found[0][0, 0] / np.sqrt(5))
    np.testing.assert_allclose(known.distances, np.sort(truth), rtol=1e-4, atol=1e-6)
    nearest, share = familiarity.strangeness(known, new)
    table = neighbors.NearestNeighbors(n_neighbors=1).fit(z)
    expected = table.kneighbors((new - x.mean(0)) / x.std(0))[0][:, 0] / np.sqrt(5)
    np.testing.assert_allclose(nearest, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(share, [(np.array(truth) < d).mean() for d in expected], atol=0.051)


def test_what_is_far_is_strange_and_a_training_clip_is_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (50, 4))
    known = familiarity.fit(x, [str(k) for k in range(50)])
    nearest, share = familiarity.strangeness(known, np.stack([x[3], x[3] + 100]))
    assert nearest[0] < 1e-2 and share[0] == 0.0 and share[1] == 1.0


def test_one_group_alone_and_a_constant_feature() -> None:
    x = np.stack([np.arange(4.0), np.ones(4)], -1)
    known = familiarity.fit(x, ["a"] * 4)
    assert np.isfinite(known.distances).all() and len(known.distances) == 4
    near, _ = familiarity.strangeness(known, np.array([[1.5, 1.01]]))
    assert near[0] < 1.0  # what never varied is no measure of strangeness
    with pytest.raises(ValueError, match="two clips"):
        familiarity.fit(x[:1], ["a"])
