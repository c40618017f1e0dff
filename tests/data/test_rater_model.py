"""Severity and consistency of raters: recovered, against an outside optimiser, and refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from dance_jax.data import rater_model
from tests import seeds


def drawn(rng: np.random.Generator, clips: int, missing: float = 0.0):
    bias, noise = np.array([-0.8, 0.1, 0.7]), np.array([0.2, 0.6, 1.2])
    q = rng.normal(6, 1.5, clips)
    x = q[:, None] + bias + rng.normal(0, 1, (clips, 3)) * noise
    x[rng.random(x.shape) < missing] = np.nan
    return q, bias, noise**2, x


def test_raters_are_recovered_from_many_clips() -> None:
    q, bias, variance, x = drawn(np.random.default_rng(1), 4000, 0.2)
    found = rater_model.fit(x)
    np.testing.assert_allclose(found.severity, bias, atol=0.08)
    np.testing.assert_allclose(found.variance, variance, rtol=0.15, atol=0.02)
    assert found.spread == pytest.approx(2.25, rel=0.1)
    mean, width = rater_model.quality(found, x)
    naive = np.nanmean(np.where(np.isfinite(x), x, np.nan)[np.isfinite(x).any(1)], 1)
    better = np.mean((mean - q)[np.isfinite(x).any(1)] ** 2)
    assert better < np.mean((naive - q[np.isfinite(x).any(1)]) ** 2)
    assert better == pytest.approx(width[np.isfinite(x).any(1)].mean(), rel=0.15)


@pytest.mark.parametrize("seed", seeds.fresh(__name__, 2))
def test_no_other_raters_are_likelier(seed: int) -> None:
    """SciPy's optimiser on the marginal likelihood, from elsewhere, finds nothing better."""
    x = drawn(np.random.default_rng(seed), 40)[3]

    rest = x - x.mean(1, keepdims=True)
    common = ((rest - rest.mean(0)) ** 2).mean()

    def cost(p: np.ndarray) -> float:
        bias = np.append(p[:2], -p[:2].sum())
        cov = np.exp(p[6]) + np.diag(np.exp(p[2:5]))
        prior = 0.5 * rater_model.PRIOR * (p[2:5] + common / np.exp(p[2:5])).sum()
        return prior - float(multivariate_normal(p[5] + bias, cov).logpdf(x).sum())

    found = rater_model.fit(x)
    ours = [*found.severity[:2], *np.log(found.variance), found.mean, np.log(found.spread)]
    best = minimize(
        cost,
        np.array([0, 0, 0, 0, 0, x.mean(), 0.0]),
        method="Nelder-Mead",
        options={"maxiter": 20000, "maxfev": 20000, "fatol": 1e-10, "xatol": 1e-8},
    )
    assert cost(np.array(ours)) <= best.fun + 1e-3


def test_refused() -> None:
    with pytest.raises(ValueError, match="two ratings"):
        rater_model.fit(np.array([[1.0, np.nan], [np.nan, 2.0]]))
    with pytest.raises(ValueError, match="every rater"):
        rater_model.fit(np.array([[1.0, np.nan], [2.0, np.nan]]))
