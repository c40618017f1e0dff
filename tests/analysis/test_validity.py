"""The validity of 2D angles: the packaged table, the page made from it, and the lookups."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from dance_jax.analysis import validity, validity_report, validity_study
from dance_jax.analysis.validity_study import RATIO_EDGES
from dance_jax.kinematics import angles

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUPS = sorted({validity.group(name) for name in angles.ANGLE_NAMES})
A = len(angles.ANGLE_NAMES)
KINDS = {validity.group(row.name): row.kind for row in angles.ANGLES}


def check_cell(cell, least):
    assert (cell["median"] is None) == (cell["p90"] is None)
    assert cell["median"] is None or 0 <= cell["median"] <= cell["p90"] <= 360
    assert (cell["median"] is not None) == (cell["n"] >= least)


def test_the_packaged_table_is_whole():
    content = validity.table()
    edges = content["ratio_edges"]
    assert edges == sorted(edges) == list(RATIO_EDGES)
    assert content["yaw_edges"] == list(validity_study.YAW_EDGES)
    assert content["limit_deg"] == validity_study.LIMIT_DEG == 12
    parts = ("cells", "threshold", "by_yaw", "by_ratio", "in_plane", "out_of_plane", "world")
    for part in (*parts, "reported"):
        assert sorted(content[part]) == GROUPS
    for name in GROUPS:
        assert set(content["cells"][name]) == set(validity.VIEWS)
        for view, cells in content["cells"][name].items():
            assert len(cells) == len(edges) - 1
            for cell in cells:
                check_cell(cell, validity_study.MIN_FRAMES)
            again = validity_study.choose_threshold(cells, content["limit_deg"])
            assert content["threshold"][name][view] == again
        assert len(content["by_yaw"][name]) == len(content["yaw_edges"]) - 1
        said = {"range"} if KINDS[name] == "segment" else {"min", "max", "range"}
        assert set(content["reported"][name]) == said
        for cell in content["reported"][name].values():
            check_cell(cell, validity_study.MIN_REPORTS)
    made = content["made"]
    assert made["frames"] > 1000 and made["clips"] >= 24 and "synthetic" in made["data"]
    assert "blazepose" in made["estimator"] and "mediapipe" in made["estimator"]


def test_the_packaged_rule_keeps_the_better_frames():
    """Where a view is believed, its kept bins hold the limit; what is refused is worse."""
    content = validity.table()
    for name in GROUPS:
        for view, cells in content["cells"][name].items():
            if (least := content["threshold"][name][view]) is not None:
                kept = cells[content["ratio_edges"].index(least) :]
                assert all(cell["median"] is None or cell["median"] <= 12 for cell in kept)
        kept, out = content["in_plane"][name], content["out_of_plane"][name]
        assert kept["median"] <= 12 and 0 < kept["kept"] <= 1
        assert out["median"] is None or kept["median"] < out["median"]


def test_the_page_was_made_from_the_packaged_table():
    content = validity.table()
    page = (ROOT / "docs" / validity_report.PAGE).read_text("utf-8")
    assert page == validity_report.page(content, validity.real())
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")]
    for name in GROUPS:
        row = next([cell.strip() for cell in row] for row in rows if row[0].strip() == name)
        limits = [content["threshold"][name][view] for view in validity.VIEWS]
        assert row[1:4] == ["never" if t is None else f"{t:g}" for t in limits]
    assert (ROOT / "docs" / validity_report.FIGURE).stat().st_size > 10_000


def test_the_page_follows_the_table(tmp_path):
    content = dict(validity.table())
    content["threshold"] = content["threshold"] | {
        "knee": {"front": None, "oblique": 0.6, "side": 0.5}
    }
    content["reported"] = content["reported"] | {
        "elbow": {key: {"median": None, "p90": None, "n": 4} for key in ("min", "max", "range")}
    }
    validity_report.write(content, tmp_path)
    page = (tmp_path / validity_report.PAGE).read_text("utf-8")
    assert "| knee | never | 0.6 | 0.5 |" in page
    assert "| elbow | - | - | - | 4 |" in page
    picture = (tmp_path / validity_report.FIGURE).read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000


@pytest.mark.parametrize(
    ("frontality", "view"),
    [(1.3, 0), (1.0, 0), (0.7, 0), (0.69, 1), (0.35, 1), (0.34, 2), (0.0, 2), (np.nan, -1)],
)
def test_the_view_follows_the_apparent_width(frontality, view):
    found = validity.view(np.array([frontality, 1.0]))
    assert found.tolist() == [view, 0] and found.dtype == np.int8


@pytest.fixture
def made_table(monkeypatch):
    """A small table: believed from half the length in a side view, else never."""

    def cell(median):
        return {"median": median, "p90": None if median is None else 3 * median, "n": 99}

    content = {
        "threshold": {name: {"front": None, "oblique": 0.9, "side": 0.5} for name in GROUPS},
        "reported": {
            name: {"min": cell(4), "max": cell(None), "range": cell(6.5)} for name in GROUPS
        },
    }
    content["reported"]["head"] = {"range": cell(2.0)}
    real = {
        "threshold": content["threshold"],
        "detected": {"reported": {name: {} for name in GROUPS}},
        "strict": {"reported": {name: {} for name in GROUPS}},
    }
    real["strict"]["reported"]["knee"] = {"min": {"median": 5.0, "p90": 1.0, "enough": True}}
    real["detected"]["reported"]["knee"] = {
        "min": {"median": 3.0, "p90": 20.0, "enough": True},
        "max": {"median": 9.0, "p90": 20.0, "enough": True},
        "range": {"median": 9.0, "p90": 30.0, "enough": False},
    }
    monkeypatch.setattr(validity, "table", lambda: content)
    monkeypatch.setattr(validity, "real", lambda: real)
    return content


def test_in_plane_needs_the_ratio_of_the_view(made_table):
    ratio = np.tile([[0.49], [0.5], [1.0], [np.nan]], (1, A))
    names = angles.ANGLE_NAMES
    for side, expected in ((2, [0, 1, 1, 0]), (1, [0, 0, 1, 0]), (0, [0] * 4), (-1, [0] * 4)):
        found = validity.in_plane(ratio, np.full(4, side, np.int8), names)
        assert np.array_equal(found, np.tile(np.array(expected, bool)[:, None], (1, A)))
    mixed = validity.in_plane(ratio, np.array([2, 2, 1, 2], np.int8), names)
    assert mixed[:, 0].tolist() == [False, True, True, False]
    assert validity.threshold("left_knee", "front") is None
    assert validity.threshold("right_knee", "oblique") == 0.9


def test_an_elbow_bent_further_than_elbows_bend_is_not_seen_in_its_plane():
    names = angles.ANGLE_NAMES
    for degrees, elbows in ((0, True), (159, True), (161, False), (-161, False), (np.nan, True)):
        found = validity.possible(np.full((1, A), np.radians(degrees)), names)[0]
        for name, ok in zip(names, found, strict=True):
            assert ok == (elbows or not name.endswith("elbow")), (name, degrees)


def test_the_band_is_that_of_the_reported_number(made_table):
    assert validity.band("left_elbow", "min") == validity.Band(4.0, 12.0)
    assert validity.band("left_knee", "min") == (5.0, 20.0)  # the greatest of each
    assert validity.band("right_knee", "range") == (6.5, 19.5)  # too few sequences
    assert validity.band("left_knee", "max") is None  # too few rendered clips gave it
    assert validity.band("head", "range") == (2.0, 6.0)
    assert validity.band("head", "min") is None  # a direction has no lowest value
    assert validity.band("left_knee", "peak_rate") is None  # no figure for speeds
