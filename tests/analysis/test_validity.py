"""The validity of 2D angles: the packaged table, its lookups, and how it is computed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import validity, validity_study
from dance_jax.analysis.options import Options
from dance_jax.analysis.validity_study import RATIO_EDGES
from dance_jax.data import synthetic
from dance_jax.kinematics import angles

GROUPS = sorted({validity.group(name) for name in angles.ANGLE_NAMES})
A = len(angles.ANGLE_NAMES)
WIDTHS = [angles.ANGLE_NAMES.index(name) for name in ("shoulders", "pelvis")]


def test_the_packaged_table_is_whole():
    content = validity.table()
    edges = content["ratio_edges"]
    assert edges == sorted(edges) == list(RATIO_EDGES)
    assert sorted(content["cells"]) == sorted(content["threshold"]) == GROUPS
    for name in GROUPS:
        assert set(content["cells"][name]) == set(validity.VIEWS)
        for view, cells in content["cells"][name].items():
            assert len(cells) == len(edges) - 1
            for cell in cells:
                assert (cell["median"] is None) == (cell["p90"] is None)
                assert cell["median"] is None or 0 <= cell["median"] <= cell["p90"] <= 180
                assert (cell["median"] is not None) == (cell["n"] >= validity_study.MIN_FRAMES)
            again = validity_study.choose_threshold(cells, content["limit_deg"])
            assert content["threshold"][name][view] == again
    assert content["made"]["frames"] > 1000 and "synthetic" in content["made"]["data"]
    assert set(content["world"]) == set(GROUPS)


def ratios(width, frames=1):
    out = np.ones((frames, A))
    out[:, WIDTHS] = width
    return out


@pytest.mark.parametrize(
    ("width", "view"), [(1.0, 0), (0.7, 0), (0.69, 1), (0.35, 1), (0.34, 2), (0.0, 2)]
)
def test_the_view_follows_the_apparent_width(width, view):
    assert validity.view(ratios(width), angles.ANGLE_NAMES)[0] == view
    one = ratios(width)
    one[:, WIDTHS[0]] = np.nan  # one width is enough
    assert validity.view(one, angles.ANGLE_NAMES)[0] == view
    assert validity.view(ratios(np.nan), angles.ANGLE_NAMES)[0] == -1


@pytest.fixture
def made_table(monkeypatch):
    """A small table: two ratio bins below and above 0.5; a knee is good only from the side."""

    def cell(median):
        return {"median": median, "p90": None if median is None else 3 * median, "n": 99}

    rows = {"front": [None, None], "oblique": [20.0, None], "side": [12.0, 4.0]}
    cells = {view: [cell(m) for m in medians] for view, medians in rows.items()}
    content = {
        "limit_deg": 10.0,
        "ratio_edges": [0.0, 0.5, 9.0],
        "cells": dict.fromkeys(GROUPS, cells),
        "threshold": {name: {"front": None, "oblique": None, "side": 0.5} for name in GROUPS},
    }
    monkeypatch.setattr(validity, "table", lambda: content)
    return content


def test_in_plane_needs_the_ratio_of_the_view(made_table):
    ratio = np.tile([[0.49], [0.5], [1.0], [np.nan]], (1, A))
    names = angles.ANGLE_NAMES
    for side, expected in ((2, [0, 1, 1, 0]), (1, [0] * 4), (0, [0] * 4), (-1, [0] * 4)):
        found = validity.in_plane(ratio, np.full(4, side, np.int8), names)
        assert np.array_equal(found, np.tile(np.array(expected, bool)[:, None], (1, A)))


def test_the_band_is_averaged_over_the_clip_s_own_frames(made_table):
    ratio, side = np.array([0.2, 0.6, 0.7, 0.9]), np.array([2, 2, 2, 2], np.int8)
    band = validity.band("left_knee", ratio, side)
    assert band.median == pytest.approx((12 + 3 * 4) / 4)
    assert band.p90 == pytest.approx(3 * band.median)
    mixed = validity.band("right_knee", ratio, np.array([-1, 0, 2, 1], np.int8))
    assert mixed.median == pytest.approx(4)  # frames without a figure are left out
    assert validity.band("left_knee", ratio, np.zeros(4, np.int8)) is None
    assert validity.band("left_knee", ratio[:0], side[:0]) is None


def cells(*medians):
    return [{"median": m, "p90": m, "n": 0 if m is None else 99} for m in medians]


@pytest.mark.parametrize(
    ("medians", "edge"),
    [
        ((9, 9, 9, 9, 9, 9), RATIO_EDGES[0]),
        ((1, 20, 9, 9, 9, 9), RATIO_EDGES[2]),
        ((1, 1, 1, 1, 1, 11), None),
        ((1, 1, 1, 1, 9, None), RATIO_EDGES[0]),
        ((1, 1, None, 9, 9, 9), RATIO_EDGES[3]),
        ((None,) * 6, None),
    ],
)
def test_the_threshold_is_the_lowest_edge_that_holds_to_the_top(medians, edge):
    assert validity_study.choose_threshold(cells(*medians), 10.0) == edge


@pytest.mark.parametrize("seed", range(2))
def test_tabulate_finds_the_errors_that_went_in(seed):
    rng = np.random.default_rng(seed)
    frames = 6000
    ratio = rng.uniform(0.2, 1.0, (frames, A))
    ratio[:, WIDTHS] = rng.choice([0.1, 0.5, 0.95], (frames, 1))
    level = np.where(ratio > 0.7, 4.0, 40.0)
    clip = {
        "error": np.abs(rng.normal(0, level)),
        "world_error": np.abs(rng.normal(0, 10, (frames, A))),
        "ratio": ratio,
        "yaw": rng.uniform(0, 360, frames),
        "estimator": np.array("made"),
    }
    clip["error"][:100] = np.nan
    parts = [
        {name: value[span] if value.ndim else value for name, value in clip.items()}
        for span in (slice(2500), slice(2500, None))
    ]
    table = validity_study.tabulate(parts)
    half = 0.6745  # median of |N(0, 1)|
    for view in validity.VIEWS:
        low, high = table["cells"]["knee"][view][0], table["cells"]["knee"][view][-1]
        assert low["median"] == pytest.approx(40 * half, rel=0.2)
        assert high["median"] == pytest.approx(4 * half, rel=0.2)
        assert table["threshold"]["knee"][view] == 0.7
    assert table["world"]["elbow"]["median"] == pytest.approx(10 * half, rel=0.1)
    assert table["world"]["elbow"]["n"] == 2 * frames
    assert sum(cell["n"] for cell in table["by_yaw"]["knee"]) == 2 * (frames - 100)
    assert sum(cell["n"] for cell in table["by_ratio"]["knee"]) == 2 * (frames - 100)
    kept, out = table["in_plane"]["knee"], table["out_of_plane"]["knee"]
    assert kept["n"] + out["n"] == 2 * (frames - 100)
    assert kept["kept"] == pytest.approx((ratio[:, 0] >= 0.7).mean(), abs=0.03)
    assert kept["median"] < 4 < 20 < out["median"]


@pytest.mark.parametrize("yaw", [0, 40, 90, 135, 180, 250, 315])
def test_facing_is_the_yaw_of_the_turntable(yaw):
    dance = synthetic.generate(5, "calibration", 2.0, 15.0)
    start = validity_study.facing_deg(dance.pose)
    turned = validity_study.facing_deg(dance.moved(yaw_deg=yaw).pose)
    assert np.abs((turned - start - yaw + 180) % 360 - 180).max() < 1e-6


def test_a_turntable_goes_round_once():
    dance, yaw = validity_study.turntable(4, 3.0, 20.0)
    assert len(yaw) == len(dance.time_s) == 60
    assert yaw == pytest.approx(360 * np.arange(60) / 60)


def test_a_small_study_of_one_rendered_dancer(pose_model, tmp_path):
    content = validity_study.study(tmp_path, [2], 2.4, 15.0, (240, 320), {"model": pose_model})
    assert content["made"]["frames"] == 36 and content["made"]["clips"] == 1
    assert sum(cell["n"] for cell in content["by_yaw"]["knee"]) > 36
    stored = dict(np.load(tmp_path / "seed2.npz"))
    assert stored["error"].shape == (36, A) and np.nanmedian(stored["error"]) < 60
    assert not (tmp_path / "seed2.mp4").exists()
    seen = validity_study.one_clip(
        tmp_path, 2, 2.4, 15.0, (240, 320), dataclasses.replace(Options(), model="no such file")
    )  # finished clips are kept: nothing is estimated again
    assert np.array_equal(seen["error"], stored["error"], equal_nan=True)
