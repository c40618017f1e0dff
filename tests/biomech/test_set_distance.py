"""Set distances against SciPy and scikit-learn, their floors, and the foot contact score."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
from sklearn.metrics.pairwise import polynomial_kernel

from dance_jax.biomech.foot_contact_score import foot_contact_score
from dance_jax.biomech.set_distance import (
    compare_sets,
    diversity,
    frechet_distance,
    kernel_distance,
    standardise,
)
from tests.biomech.test_motion_features import dancer
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def correlated(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_equal_outside_ones(seed):
    rng = np.random.default_rng(seed)
    a, b = correlated(rng, 90, 6), correlated(rng, 55, 6)
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    want = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(want, rel=1e-8)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    kernel = [polynomial_kernel(x, y, degree=3, coef0=1) for x, y in ((a, a), (b, b), (a, b))]
    off = [k[~np.eye(len(k), dtype=bool)].mean() for k in kernel[:2]]
    assert kernel_distance(a, b) == pytest.approx(sum(off) - 2 * kernel[2].mean(), rel=1e-9)
    assert diversity(a) == pytest.approx(scipy.spatial.distance.pdist(a).mean(), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_the_frechet_distance_of_equal_sets_mostly_measures_their_size(seed):
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(1400, 72))
    # SCIENCE figures of this effect: 76.7 (N=20), 47.9 (40), 8.8 (186), 2.3 (1000).
    for n, want in ((20, 76.7), (40, 47.9), (186, 8.8), (1000, 2.3)):
        got = np.mean([frechet_distance(reference, rng.normal(size=(n, 72))) for _ in range(3)])
        assert got == pytest.approx(want, rel=0.05, abs=0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_comparison_carries_its_floor_and_intervals(seed):
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(160, 10))
    same = compare_sets(reference, rng.normal(size=(40, 10)), seed=seed % 1000, repeats=60)
    apart = compare_sets(reference, rng.normal(size=(40, 10)) + 0.8, seed=seed % 1000, repeats=60)
    assert same.n == 40 and same.n_reference == 160
    assert same.frechet < 1.6 * same.frechet_floor_p95
    assert apart.frechet > 2 * apart.frechet_floor_p95
    assert same.kid_interval[0] < 0 < same.kid_interval[1]
    assert apart.kid_interval[0] > 0
    for result in (same, apart):
        assert result.frechet_interval[0] < result.frechet < result.frechet_interval[1]
        assert result.kid_interval[0] < result.kid < result.kid_interval[1]
    still = np.concatenate([reference, np.ones((160, 1))], 1)
    assert standardise(still)[0].shape == (160, 10)


def test_bad_sets_are_refused():
    good = np.random.default_rng(0).normal(size=(10, 3))
    bad = good.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        compare_sets(good, bad)
    with pytest.raises(ValueError, match="4 clips"):
        compare_sets(good, good[:3])
    with pytest.raises(ValueError, match="set must be"):
        frechet_distance(good, good[:1])


def edge_loop(p: np.ndarray) -> float:
    """The published score of one clip, z up, in float64."""
    p = p.astype(np.float64)
    v = np.diff(p[:, 0], axis=0) * 30
    a = np.diff(v, axis=0) * 30
    a[:, 2] = np.maximum(a[:, 2], 0)
    a = np.linalg.norm(a, axis=1)
    slide = [np.linalg.norm(np.diff(p[1:, j, :2], axis=0), axis=1) for j in (7, 10, 8, 11)]
    slow = np.minimum(slide[0], slide[1]) * np.minimum(slide[2], slide[3])
    return float(np.mean(slow * a / a.max()) * 1e4)


def glider(seed: int, rate: float, seconds: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """A body whose joints all move smoothly, feet too, at any rate."""
    rng = np.random.default_rng(seed)
    rest, size = rng.normal(scale=0.4, size=(24, 3)), rng.uniform(0.05, 0.2, (24, 3))
    hertz, phase = rng.uniform(0.4, 1.2, (24, 3)), rng.uniform(0, 6, (24, 3))
    time_s = np.arange(0, seconds, 1 / rate)
    swing = size * np.sin(2 * np.pi * hertz * time_s[:, None, None] + phase)
    return (rest + swing).astype(np.float32), time_s


@pytest.mark.parametrize("seed", SEEDS)
def test_foot_contact_score(seed):
    joints, time_s = glider(seed, 30, 4)
    z_up = joints[..., [0, 2, 1]]
    compat = float(foot_contact_score(z_up, up=2, mode="edge_compat"))
    assert compat == pytest.approx(edge_loop(z_up), rel=2e-3)
    fixed = float(foot_contact_score(joints, time_s))
    assert fixed == pytest.approx(compat, rel=0.02)  # 30 fps and less than one window: the same
    assert float(foot_contact_score(dancer(seed, 30)[0], time_s[:90])) < 0.05 * fixed  # feet stand
    assert np.isnan(float(foot_contact_score(joints[:2], time_s[:2])))
    assert np.isnan(float(foot_contact_score(np.full_like(joints, np.nan), time_s)))
    assert np.isnan(float(foot_contact_score(np.ones_like(joints), time_s)))
    with pytest.raises(ValueError, match="mode"):
        foot_contact_score(joints, mode="other")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fixed_score_does_not_depend_on_the_rate(seed):
    sixty, thirty = glider(seed, 60), glider(seed, 30)
    fixed = [float(foot_contact_score(*clip)) for clip in (sixty, thirty)]
    compat = [float(foot_contact_score(clip[0], mode="edge_compat")) for clip in (sixty, thirty)]
    assert compat[0] == pytest.approx(compat[1] / 4, rel=0.1)
    assert fixed[0] == pytest.approx(fixed[1], rel=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fixed_score_of_a_long_clip_is_the_mean_of_its_windows(seed):
    joints, time_s = glider(seed, 30, 10.05)
    whole = float(foot_contact_score(joints, time_s))
    # The second derivative at a window's edge reads one frame beyond it.
    parts = [foot_contact_score(joints[a : a + 152], time_s[a : a + 152]) for a in (0, 149)]
    assert whole == pytest.approx(np.mean(parts), rel=0.05)
