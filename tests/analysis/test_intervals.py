"""Intervals of measures: they hold the value, stay in bounds, grow with scatter, or are absent."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax.analysis import compiled, intervals, movement_rows, reference_ranges
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.biomech import catalogue, uncertainty
from dance_jax.biomech.movement import Movement
from tests.analysis import moving
from tests.seeds import fresh

MOVED = Movement(np.zeros((32, 26, 2), np.float32), np.arange(32, dtype=np.float32) / 30, np.nan)
SD = np.full((32, 26), 0.01, np.float32)


def drawn(monkeypatch, value, draw):
    """The interval of every measure when each draw of errors gives `draw(number of the draw)`."""
    counter = iter(range(10_000))

    def values(moved, anthropometry):
        return dict.fromkeys(catalogue.MEASURES, draw(next(counter)))

    monkeypatch.setattr(intervals.programs, "values", values)
    draws = intervals.Draws(MOVED, SD, 6.0)
    return intervals.intervals(draws, dict.fromkeys(catalogue.MEASURES, value))


@pytest.mark.parametrize("seed", fresh(__name__ + "draws", 1))
def test_a_draw_is_the_same_for_all_that_is_measured_and_is_kept_where_short(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    sd = rng.uniform(0.001, 0.02, SD.shape).astype(np.float32)
    moved = MOVED._replace(pose=rng.normal(size=MOVED.pose.shape).astype(np.float32))
    moved.pose[3, 5] = np.nan
    draws = intervals.Draws(moved, sd, 6.0)
    first, again = (draws.over(lambda m: m.pose) for _ in range(2))
    assert len(first) == intervals.SAMPLES
    assert all(a is b for a, b in zip(first, again, strict=True))
    keys = jax.random.split(jax.random.key(intervals.SEED), intervals.SAMPLES)
    for at in (0, intervals.SAMPLES - 1):
        noise = np.asarray(uncertainty.scatter(keys[at], moved.pose, sd, moved.time_s, 6.0))
        np.testing.assert_allclose(first[at], moved.pose + noise, rtol=0, atol=1e-6)
    assert np.isnan(first[0][3, 5]).all() and np.isfinite(first[0]).mean() > 0.99
    few = intervals.Draws(moved, sd, 6.0, 2).over(lambda m: m.pose)
    assert len(few) == 2
    np.testing.assert_array_equal(few, first[:2])

    monkeypatch.setattr(compiled, "LONG", 16)
    long = intervals.Draws(moved, sd, 6.0)
    made, anew = (long.over(lambda m: m.pose) for _ in range(2))
    assert len(made) == intervals.FEWER and not any(map(np.shares_memory, made, anew))
    np.testing.assert_array_equal(made, anew)


@pytest.mark.parametrize("kind", ["space", "picture", "measured picture"])
def test_intervals_hold_the_value_and_stay_in_bounds(kind):
    rows = moving.movement_rows(moving.person(kind))
    banded = 0
    for key, definition in catalogue.MEASURES.items():
        row = rows.get(key)
        if row is None or row.low is None:
            continue
        banded += 1
        lowest, highest = movement_rows.bounds(definition)
        rounding = 1e-5 * max(abs(row.value), 1e-3)
        assert row.low <= row.value <= row.high
        assert lowest - rounding <= row.low and row.high <= highest + rounding, key
    assert banded > 25


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize("bias", [0.0, 0.2, -0.2])
def test_the_interval_allows_for_twice_the_bias(monkeypatch, seed, bias):
    sample = np.random.default_rng(seed).normal(0.5 + bias, 0.01, intervals.SAMPLES)
    found = drawn(monkeypatch, 0.5, lambda i: float(sample[i]))
    spread = np.quantile(sample, (0.025, 0.975)) - sample.mean()
    moved = 2 * (sample.mean() - 0.5)
    got = found["shape.hands"]
    want = (0.5 - max(moved, 0) + spread[0], 0.5 - min(moved, 0) + spread[1])
    assert got[:2] == pytest.approx(want) and got.noisy == (abs(moved / 2) > 0.125)


def test_a_share_stays_a_share_and_a_size_stays_positive(monkeypatch):
    found = drawn(monkeypatch, 0.05, lambda i: 0.05 + 0.3 * (-1) ** i)
    assert found["balance.flight_share"][:2] == (0.0, pytest.approx(0.35))
    assert found["shape.hands"][:2] == (0.0, pytest.approx(0.35))
    assert found["balance.margin_median"][:2] == pytest.approx((-0.25, 0.35))
    high = drawn(monkeypatch, 0.98, lambda i: 0.98 + 0.2 * (-1) ** i)
    assert high["symmetry.arms_correlation"][:2] == (pytest.approx(0.78), 1.0)
    assert high["composite.seen"][:2] == (pytest.approx(0.78), 1.0)


def test_what_scatter_makes_up_is_said(monkeypatch):
    found = drawn(monkeypatch, 0.1, lambda i: 0.5 + 0.01 * (i % 3))
    assert found["shape.hands"].noisy
    steady = drawn(monkeypatch, 0.1, lambda i: 0.1)
    assert steady["shape.hands"] == (pytest.approx(0.1), pytest.approx(0.1), False)
    person, values = moving.person("space"), dict.fromkeys(catalogue.MEASURES, 0.6)
    rows = movement_rows.rows(person, values, False, found)
    known = [row for row in rows if row.status == "ok"]
    assert known and all(row.noisy and "scatter" in row.note for row in known)
    calm = movement_rows.rows(person, values, False, steady)
    assert not any(row.noisy for row in calm)


def test_composites_of_an_impossible_pose_are_refused():
    values = dict.fromkeys(catalogue.MEASURES, 3.0) | {"composite.plausibility": 0.2}
    rows = {m.key: m for m in movement_rows.rows(moving.person("space"), values, False)}
    assert rows["composite.fluidity"].status == "refused"
    assert "plausibility 0.20" in rows["composite.fluidity"].reason
    assert rows["composite.size"].status == "ok"


def test_no_interval_where_one_draw_has_no_value(monkeypatch):
    found = drawn(monkeypatch, 0.1, lambda i: np.nan if i == 7 else 0.1 + 0.01 * (i % 2))
    assert np.isnan([band[:2] for band in found.values()]).all()
    rows = movement_rows.rows(
        moving.person("space"), dict.fromkeys(catalogue.MEASURES, 0.6), False, found
    )
    assert all(row.low is row.high is None and row.value == 0.6 for row in rows)


def test_more_scatter_gives_wider_intervals():
    noisy = analyze_clip(moving.clip(False, noise=0.01), music="none").people[0]
    calm, wide = moving.movement_rows(moving.person("space")), moving.movement_rows(noisy)
    widths = {
        key: (wide[key].high - wide[key].low, calm[key].high - calm[key].low)
        for key in calm
        if calm[key].low is not None and wide[key].low is not None
    }
    assert len(widths) > 15
    assert np.median([a / max(b, 1e-9) for a, b in widths.values()]) > 2
    assert np.nanmedian(noisy.series["com_sd"]) > 2 * np.nanmedian(
        moving.person("space").series["com_sd"]
    )


def test_bounds_hold_for_every_synthetic_dancer():
    """What the definitions allow is what dancers do, signs included."""
    table = reference_ranges.table()
    for coordinates in ("2", "3"):
        for key, (low, _, high) in table[coordinates].items():
            lowest, highest = movement_rows.bounds(catalogue.MEASURES[key])
            assert lowest <= low and high <= highest, key
