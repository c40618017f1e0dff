"""Ranges over synthetic dancers: percentiles in order, of known measures, made again the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dance_jax.analysis import reference_ranges
from dance_jax.analysis.plot_effort import FACTORS
from dance_jax.biomech import catalogue


def test_the_packaged_table_is_of_measures_that_exist():
    table = reference_ranges.table()
    assert table["made"]["dancers"] == reference_ranges.DANCERS
    for coordinates in ("2", "3"):
        rows = table[coordinates]
        assert len(rows) > 0.8 * len(catalogue.MEASURES)
        for key, ends in rows.items():
            assert int(coordinates) in catalogue.MEASURES[key].dims
            assert len(ends) == 3 and np.isfinite(ends).all() and ends == sorted(ends), key
        for key, *_ in FACTORS:  # drawn on logarithmic axes
            assert 0 < rows[key][0] < rows[key][2]


def test_a_study_gives_percentiles_of_the_dancers(monkeypatch):
    called = []

    def compute(moved, **options):
        called.append(moved)
        number = (len(called) - 1) // 2
        return {"a": float(number), "b": np.nan if number % 3 else 1.0, "c": moved.pose.shape[-1]}

    monkeypatch.setattr(catalogue, "compute_jitted", compute)
    found = reference_ranges.study(5)
    assert [moved.pose.shape[-1] for moved in called] == [2, 3] * 5
    assert np.isfinite([moved.height_m for moved in called]).all()
    assert found["2"]["a"] == found["3"]["a"] == [0.2, 2.0, 3.8]
    assert "b" not in found["2"]  # most dances have no value
    assert found["2"]["c"] == [2.0] * 3 and found["3"]["c"] == [3.0] * 3
    assert json.loads(json.dumps(found)) == found


@pytest.mark.full
def test_the_packaged_table_is_what_the_study_gives():
    again, stored = reference_ranges.study(), reference_ranges.table()
    assert again["made"] == stored["made"]
    for coordinates in ("2", "3"):
        assert set(again[coordinates]) == set(stored[coordinates])
        for key, ends in again[coordinates].items():
            span = max(abs(x) for x in ends)
            assert stored[coordinates][key] == pytest.approx(ends, rel=0.02, abs=0.005 * span), key
