"""Offset, tempo, mirroring and timing are found again; other movements are not matched."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import compare_align, compare_channels, compare_warp
from dance_jax.errors import TooShort
from tests.analysis import compare_dancers as made
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
TIME = np.arange(240) / 30.0


def performer(pose, time_s, **options):
    return compare_channels.prepare(made.analysis(pose, time_s, **options).people[0], "px")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_movement_lies_on_itself(seed) -> None:
    own = performer(made.swing(TIME, seed), TIME)
    found = compare_align.align(own, own)
    assert found.matched and found.tempo == 1.0
    assert abs(found.offset_s) < 1e-6 and np.abs(found.lag_s).max() < 1e-6
    assert found.cost == pytest.approx(0, abs=1e-6)
    assert found.time_s[0] < 0.2 and found.time_s[-1] > 7.7


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slower", [0.75, 1.5])
def test_a_slowed_copy_gives_its_tempo(seed, slower) -> None:
    own = performer(made.swing(TIME, seed), TIME)
    longer = np.arange(round(240 * slower)) / 30.0
    found = compare_align.align(own, performer(made.swing(longer / slower, seed), longer))
    assert found.matched
    assert found.tempo == pytest.approx(1 / slower, rel=0.03)
    assert np.abs(found.student_s - slower * found.time_s).max() < 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_part_is_found_in_the_whole(seed) -> None:
    own = performer(made.swing(TIME, seed), TIME)
    part = performer(made.swing(TIME[60:180], seed), TIME[60:180] - 2.0)
    found = compare_align.align(own, part)
    assert found.matched and found.offset_s == pytest.approx(-2.0, abs=0.1)
    assert found.time_s[0] == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mirror_image_is_recognised(seed) -> None:
    pose = made.swing(TIME, seed)
    own, other = performer(pose, TIME), performer(made.mirrored(pose), TIME)
    student, found = compare_align.choose_mirroring(own, other, "auto")
    assert found.mirrored and found.matched and found.cost < 0.02 < found.other_cost
    np.testing.assert_allclose(student.local, own.local, atol=1e-4)
    for name in ("values", "valid"):
        np.testing.assert_allclose(getattr(student, name), getattr(own, name), atol=0.02)
    plain, found = compare_align.choose_mirroring(own, own, "auto")
    assert not found.mirrored and plain is own


@pytest.mark.parametrize("seed", SEEDS)
def test_another_movement_is_not_matched(seed) -> None:
    own = performer(made.swing(TIME, seed), TIME)
    others = [performer(made.swing(TIME, seed + k), TIME) for k in (1, 2, 3)]
    assert sum(compare_align.align(own, other).matched for other in others) <= 1


def test_size_and_place_in_the_picture_drop_out() -> None:
    pose = made.swing(TIME, SEEDS[0])
    own = performer(pose, TIME)
    other = performer(pose * 0.5 + 40.0, TIME, height=250.0)
    np.testing.assert_allclose(other.local, own.local, atol=2e-4)
    assert compare_align.align(own, other).cost < 0.01


def test_a_late_passage_shows_in_the_lag() -> None:
    """Median of five movements: in one that repeats itself, the lag may be taken for less."""
    late = TIME - 0.6 * np.clip((TIME - 3) / 0.8, 0, 1) * np.clip((6.5 - TIME) / 0.8, 0, 1)
    inside, before = [], []
    for seed in fresh(f"{__name__}late", 5):
        own = performer(made.swing(TIME, seed), TIME)
        found = compare_align.align(own, performer(made.swing(late, seed), TIME))
        inside.append(found.lag_s[(found.time_s > 3.8) & (found.time_s < 5.0)].mean())
        before.append(np.abs(found.lag_s[found.time_s < 2.5]).max())
    assert np.median(inside) == pytest.approx(0.6, abs=0.2)
    assert np.median(before) < 0.25


def test_distances_against_loops() -> None:
    rng = np.random.default_rng(SEEDS[2])
    a, b = rng.normal(size=(6, 9)), rng.normal(size=(5, 9))
    a[rng.random(a.shape) < 0.4], b[rng.random(b.shape) < 0.4] = np.nan, np.nan
    got = compare_warp.distances(a, b)
    for i in range(6):
        for j in range(5):
            both = np.isfinite(a[i]) & np.isfinite(b[j])
            want = np.sqrt(((a[i] - b[j])[both] ** 2).mean()) if both.sum() >= 3 else np.nan
            np.testing.assert_allclose(got[i, j], want, rtol=1e-9)
    np.testing.assert_allclose(compare_warp.pairwise(a[:5], b), np.diag(got[:5]), rtol=1e-9)


def test_sampling_is_linear_and_never_bridges_a_gap() -> None:
    time_s = np.array([0.0, 0.1, 0.25, 0.3])
    x = np.array([[0.0], [1.0], [np.nan], [5.0]])
    got = compare_warp.sample(x, time_s, np.array([-0.1, 0.05, 0.1, 0.2, 0.3, 0.4]))[:, 0]
    np.testing.assert_allclose(got, [np.nan, 0.5, 1.0, np.nan, 5.0, np.nan])


def test_a_dancer_who_is_not_seen_is_refused() -> None:
    pose = made.swing(TIME, SEEDS[0])
    own = performer(pose, TIME)
    gone = pose.copy()
    gone[20:] = np.nan
    with pytest.raises(TooShort, match="student"):
        compare_align.align(own, performer(gone, TIME))
    with pytest.raises(TooShort, match="teacher"):
        none = dataclasses.replace(own, local=np.full_like(own.local, np.nan))
        compare_align.align(none, own)
