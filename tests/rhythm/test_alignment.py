from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest
import scipy.integrate
import scipy.sparse
import scipy.stats

from dance_jax.rhythm import alignment
from tests.rhythm.known import padded, steady
from tests.seeds import fresh

few = hypothesis.settings(max_examples=15)


def brute_score(beats, reference, sigma_s) -> float:
    """The definition, word for word."""
    total = 0.0
    for t in beats:
        total += np.exp(-min((t - r) ** 2 for r in reference) / (2 * sigma_s**2))
    return total / len(beats)


def most_pairs(beats, reference, tolerance_s) -> int:
    """Maximum one-to-one assignment, by SciPy's matching of bipartite graphs."""
    near = np.abs(np.subtract.outer(beats, reference)) <= tolerance_s
    match = scipy.sparse.csgraph.maximum_bipartite_matching(scipy.sparse.csr_matrix(near))
    return int((match >= 0).sum())


def trains(seed: int, most: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple(np.sort(rng.uniform(0, 12, rng.integers(1, most))) for _ in range(2))


@few
@hypothesis.given(st.integers(0, 2**31), st.floats(0.01, 0.2))
def test_score_and_pairs_by_brute_force(seed, sigma_s) -> None:
    a, b = trains(seed)
    got = alignment.beat_alignment(padded(a, 48), padded(b, 48), sigma_s)
    assert np.isclose(got, brute_score(a, b, sigma_s), atol=2e-4)
    a32, b32 = a.astype(np.float32).astype(float), b.astype(np.float32).astype(float)
    n = most_pairs(a32, b32, sigma_s + 1e-6)
    assert int(alignment.matches(padded(a, 48), padded(b, 48), sigma_s)) == n
    f1, precision, recall = alignment.f_measure(padded(a, 48), padded(b, 48), sigma_s)
    assert np.allclose([precision, recall], [n / len(a), n / len(b)], atol=1e-6)
    assert np.isclose(f1, 2 * n / (len(a) + len(b)), atol=1e-6)
    assert np.isclose(f1, alignment.f_measure(padded(b, 48), padded(a, 48), sigma_s)[0])


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_aist_and_bailando_in_frames(seed) -> None:
    """Their scores count frames at 60 frames/s with sigma 3; ours seconds with sigma 0.05."""
    rng = np.random.default_rng(seed)
    motion = np.sort(rng.choice(600, 20, replace=False))
    music = np.sort(rng.choice(600, 16, replace=False))
    distance = np.abs(motion[:, None] - music[None]).astype(float)
    aist = np.exp(-(distance.min(1) ** 2) / 2 / 3**2).mean()
    bailando = np.exp(-(distance.min(0) ** 2) / 2 / 9).mean()
    a, b = padded(motion / 60, 301), padded(music / 60, 64)
    assert np.isclose(alignment.beat_alignment(a, b), aist, atol=1e-4)
    assert np.isclose(alignment.beat_alignment(b, a), bailando, atol=1e-4)


@pytest.mark.parametrize("seed", fresh(__name__ + "chance", 3))
def test_chance_is_the_integral(seed) -> None:
    rng = np.random.default_rng(seed)
    ref = np.sort(rng.uniform(0, 12, 15))
    t = np.linspace(0, 12, 240_001)
    kernel = np.exp(-(np.abs(t[:, None] - ref[None]).min(1) ** 2) / 2 / 0.05**2)
    exact = scipy.integrate.trapezoid(kernel, t) / 12
    assert np.isclose(alignment.expected_alignment(padded(ref, 40), 0.0, 12.0), exact, atol=1e-4)
    # Beats outside of the window do not count, wherever they stand in the array.
    mixed = rng.permutation(np.concatenate([ref, [-3.0, 12.5, 40.0, np.nan]])).astype(np.float32)
    assert np.isclose(alignment.expected_alignment(mixed, 0.0, 12.0), exact, atol=1e-4)


@pytest.mark.parametrize("bpm, golden", [(80, 0.167), (120, 0.251), (135, 0.282)])
def test_chance_of_a_steady_beat(bpm, golden) -> None:
    """SCIENCE 2.1: sigma sqrt(2 pi) / Delta, at sigma = 3 frames at 60 frames/s."""
    assert np.isclose(alignment.steady_chance(60 / bpm), golden, atol=5e-4)
    period = 60 / bpm
    ref = steady(bpm, period / 2, 40 * period)
    got = alignment.expected_alignment(ref.astype(np.float32), 0.0, 40 * period)
    assert np.isclose(got, golden, atol=1e-3)


def test_more_beats_do_not_help_once_corrected() -> None:
    """From music to motion, chance grows from 0.1 to over 0.5; the corrected score stays at 0."""
    (seed,) = fresh(__name__ + "gaming", 1)
    rng = np.random.default_rng(seed)
    raw, corrected = {}, {}
    for count in (20, 160):
        scores = []
        for _ in range(60):
            music = steady(120, rng.uniform(0, 0.5), 20).astype(np.float32)
            motion = np.sort(rng.uniform(0, 20, count)).astype(np.float32)
            score = alignment.beat_alignment(music, motion)
            chance = alignment.expected_alignment(motion, 0.0, 20.0)
            scores.append((score, alignment.chance_corrected(score, chance)))
        raw[count], corrected[count] = np.mean(scores, axis=0)
    assert raw[20] < 0.17 and raw[160] > 0.5
    assert abs(corrected[20]) < 0.06 and abs(corrected[160]) < 0.08


@few
@hypothesis.given(st.integers(0, 2**31), st.floats(-100, 100))
def test_shifting_both_trains_changes_nothing(seed, by_s) -> None:
    a, b = trains(seed)
    here, there = (
        (
            alignment.beat_alignment(x, y),
            alignment.f_measure(x, y)[0],
            alignment.lag(x, y).mean_s,
            alignment.expected_alignment(y, by, by + 12),
        )
        for x, y, by in (
            (padded(a, 48), padded(b, 48), 0.0),
            (padded(a + by_s, 48), padded(b + by_s, 48), by_s),
        )
    )
    assert np.allclose(here[0], there[0], atol=2e-3)
    assert np.allclose(here[2:], there[2:], atol=2e-3, equal_nan=True)
    assert abs(here[1] - there[1]) <= 2 / (len(a) + len(b)) + 1e-6  # a pair on the very edge


def test_perfect_and_opposite_phase() -> None:
    music = steady(100, 0.3, 20).astype(np.float32)
    chance = alignment.expected_alignment(music, 0.0, 20.0)
    assert np.isclose(alignment.beat_alignment(music, music), 1.0)
    assert np.isclose(alignment.chance_corrected(1.0, chance), 1.0)
    against = alignment.beat_alignment(music + 0.3, music)
    assert alignment.chance_corrected(against, chance) < -0.2
    assert float(alignment.f_measure(music, music)[0]) == 1.0
    assert float(alignment.f_measure(music + 0.3, music)[0]) == 0.0


@pytest.mark.parametrize("late_ms", [-60, 0, 45])
def test_lag_and_the_cover_of_its_interval(late_ms) -> None:
    (seed,) = fresh(f"{__name__}{late_ms}", 1)
    rng = np.random.default_rng(seed)
    covered, lags = 0, []
    find = jax.jit(alignment.lag)
    for _ in range(200):
        music = steady(110, rng.uniform(0, 0.5), 20)
        motion = music + late_ms / 1000 + rng.normal(0, 0.02, len(music))
        motion = motion[rng.random(len(motion)) < 0.7]
        found = find(padded(rng.permutation(motion), 48), padded(music, 48))
        covered += bool(found.low_s <= late_ms / 1000 <= found.high_s)
        lags.append(1000 * float(found.mean_s))
    assert abs(np.mean(lags) - late_ms) < 1.5
    assert 0.89 <= covered / 200 <= 0.99


def test_students_t() -> None:
    freedom = np.array([2.0, 3, 5, 10, 40])
    assert np.allclose(alignment._student(freedom), scipy.stats.t.ppf(0.975, freedom), rtol=0.01)


def test_offsets_are_late_when_positive() -> None:
    got = alignment.offsets(np.array([1.02, np.nan, 2.4]), np.array([1.0, 2.5, np.nan]))
    assert np.allclose(got, [0.02, np.nan, -0.1], atol=1e-5, equal_nan=True)


def test_nothing_to_compare_is_nan() -> None:
    none, some = np.full(5, np.nan, np.float32), np.arange(5, dtype=np.float32)
    for a, b in ((none, some), (some, none), (none, none)):
        assert np.isnan(alignment.beat_alignment(a, b))
        assert np.isnan(alignment.f_measure(a, b)).all()
        assert np.isnan(alignment.lag(a, b).mean_s)
    assert np.isnan(alignment.expected_alignment(none, 0.0, 5.0))
    assert np.isnan(alignment.expected_alignment(some, 3.0, 3.0))
    assert np.isnan(alignment.lag(some[:2], some).mean_s)  # two pairs have no interval
