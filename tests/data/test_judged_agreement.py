"""The stored agreement of the judges is that of their marks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.data import judged_agreement


def test_the_stored_agreement_is_that_of_the_marks(shared_data) -> None:
    stored = json.loads(judged_agreement.FILE.read_text("utf-8"))
    marks, athletes = judged_agreement.read(
        shared_data / "skijump_judged" / "jumps_with_judges.csv"
    )
    assert stored["n"] == {"jumps": 32, "athletes": len(set(athletes)), "judges": marks.shape[1]}
    found = {name: measure(marks) for name, measure in judged_agreement.MEASURES.items()}
    assert {name: one["value"] for name, one in stored["measures"].items()} == pytest.approx(found)
    for one in stored["measures"].values():
        assert one["interval"][0] < one["value"] < one["interval"][1]


def test_intervals_are_over_athletes() -> None:
    """Jumps of one athlete are alike here, so drawing single jumps would promise too much."""
    rng = np.random.default_rng(0)
    true = np.repeat(rng.normal(18, 1, 12), 3)
    marks = np.round(2 * (true[:, None] + rng.normal(0, 0.3, (36, 5)))) / 2
    wide, narrow = (
        judged_agreement.measured(marks, [str(i // jumps) for i in range(36)], draws=100)
        for jumps in (3, 1)
    )
    for name, one in wide.items():
        low, high = one["interval"]
        assert low < one["value"] < high
        assert high - low > np.subtract(*narrow[name]["interval"][::-1])
