"""The smallest detectable change: its formula, its table, and that no difference gives none."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.analysis import compare_channels, detectable_change, detectable_study
from dance_jax.analysis.compare_channels import channels
from tests.analysis import compare_dancers as made
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
TIME = np.arange(180) / 30.0


def performer(pose):
    return compare_channels.prepare(made.analysis(pose, TIME).people[0], "px")


def test_mdc_of_normal_errors_is_the_textbook_one() -> None:
    rng = np.random.default_rng(SEED)
    sem = 3.0  # each recording errs by 3 degrees, so their difference by 3 sqrt(2)
    pairs = [
        {"elbow": {"moment": rng.normal(0, sem, 4000) - rng.normal(0, sem, 4000)}} for _ in range(5)
    ]
    row = detectable_study.summarise(pairs)["elbow"]["moment"]
    assert row["sem"] == pytest.approx(sem, rel=0.03)
    assert row["mdc95"] == pytest.approx(1.96 * np.sqrt(2) * sem, rel=0.03)
    assert row["p95"] == pytest.approx(row["mdc95"], rel=0.05)
    assert row["mdc99"] == pytest.approx(2.576 * np.sqrt(2) * sem, rel=0.03)
    assert row["n"] == 20000 and row["pairs"] == 5


def test_too_few_give_no_limit() -> None:
    few = [{"elbow": {"moment": np.ones(30), "range": np.ones(1)}}] * 3
    rows = detectable_study.summarise(few)
    assert "mdc95" not in rows["elbow"]["moment"]
    sources = {"a": {"enters": True, "groups": rows}}
    assert detectable_study.limits(sources) == {}


def test_the_largest_source_that_enters_counts() -> None:
    def source(mdc, p95, enters):
        row = {"mdc95": mdc, "p95": p95, "mdc99": mdc + 10, "p99": p95 + 10}
        return {"enters": enters, "groups": {"elbow": {"moment": row, "range": row}}}

    sources = {"a": source(5, 6, True), "b": source(4, 3, True), "c": source(90, 90, False)}
    assert detectable_study.limits(sources) == {"elbow": {"moment": 16, "range": 6}}


def test_two_equal_recordings_differ_by_nothing_and_noise_by_little() -> None:
    pose = made.swing(TIME, SEED)
    same = detectable_study.pair_statistics(performer(pose), performer(pose))
    assert all(np.abs(v).max(initial=0) < 1e-6 for rows in same.values() for v in rows.values())
    assert len(same["shoulder"]["moment"]) > 8
    noisy = pose + np.random.default_rng(SEED).normal(0, 4, pose.shape)
    rows = detectable_study.pair_statistics(performer(pose), performer(noisy))
    assert 0 < np.abs(rows["elbow"]["moment"]).mean() < 5


def test_neighbouring_cameras_are_paired(monkeypatch) -> None:
    clip, seen = made.analysis(made.swing(TIME, SEED), TIME).clip, []

    def ready(clip, **_):
        seen.append(clip)
        return performer(clip.pose[:, 0])

    monkeypatch.setattr(detectable_study, "performer", ready)
    azimuth = {"a": 0.0, "b": 45.0, "c": -45.0, "d": 180.0}
    rows = detectable_study.camera_pairs(dict.fromkeys(azimuth, clip), azimuth)
    assert len(rows) == 2 and len(seen) == 4  # c-a and a-b; d is far from all


def test_the_table_is_complete_and_plausible() -> None:
    table = detectable_change.table()
    entering = [s for s in table["sources"].values() if s["enters"]]
    assert len(entering) == 2
    for channel in channels():
        limit = detectable_change.limit(channel.group, "moment")
        low, high = (1, 60) if channel.unit == "deg" else (0.01, 0.4)
        assert low < limit < high, channel.key
        measured = [
            row["mdc99"]
            for s in entering
            if "mdc95" in (row := s["groups"].get(channel.group, {}).get("moment", {}))
        ]
        assert limit >= max(measured)
    assert 0.03 < detectable_change.limit("timing", "moment") < 0.8
    assert table["limits"] == detectable_study.limits(table["sources"])
    assert detectable_change.limit("nothing", "moment") is None
