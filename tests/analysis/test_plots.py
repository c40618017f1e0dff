"""The plots: every file is there, shows what it must, and costs little."""

from __future__ import annotations

import dataclasses
import sys

import cv2
import numpy as np
import pytest

from dance_jax.analysis import palette, plot_body, plot_style, plots
from tests.analysis.fakes import AT, fake_analysis

# Of a dancer without movement measures; test_movement_plots.py has the others.
DRAWN = ("angles", "angular_velocity", "speeds", "presence", "pose_strip", "phase")


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


def line_of(axis, colour, width):
    found = [
        line for line in axis.lines
        if line.get_color() == colour and abs(line.get_linewidth() - width) < 1e-6
    ]  # fmt: skip
    return found[0].get_xdata(), found[0].get_ydata()


def test_writes_every_plot_as_png(tmp_path, analysis):
    files = plots.write_plots(tmp_path / "plots", analysis)
    assert [f.name for f in files] == [f"{name}.png" for name in DRAWN]
    for file in files:
        picture = cv2.imread(str(file))
        assert picture.shape[1] == round(plot_style.WIDTH_IN * plot_style.DPI)
        ink = (picture.min(-1) < 245).mean()
        assert 0.01 < ink < 0.9, file.name
        assert file.stat().st_size < 400_000
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


def test_several_people_get_their_own_files(tmp_path):
    files = plots.write_plots(tmp_path, fake_analysis(3.0, chosen=2))
    assert len({f.name for f in files}) == 2 * len(DRAWN)
    assert {f.name for f in files} >= {"angles_person1.png", "angles_person2.png"}


def test_left_and_right_share_a_panel(analysis):
    names = analysis.people[0].angle_names
    groups = dict(plots.panels(names))
    assert groups["knee"] == ["left_knee", "right_knee"]
    assert groups["trunk"] == ["trunk"]
    assert sorted(n for group in groups.values() for n in group) == sorted(names)


def test_filtered_line_stops_where_out_of_plane_or_unseen(analysis):
    person = analysis.people[0]
    figure = plots.angles_figure(person)
    at = [group for group, _ in plots.panels(person.angle_names)].index("elbow")
    axis = figure.axes[at]
    column = person.angle_names.index("right_elbow")
    t, y = line_of(axis, palette.INK["right"], 1.3)
    shown = np.interp(person.time_s, t[np.isfinite(y)], y[np.isfinite(y)])
    usable = np.isfinite(person.angles[:, column]) & person.in_plane[:, column]
    assert 0.3 < usable.mean() < 0.95
    np.testing.assert_allclose(shown[usable], person.angles[usable, column], atol=1e-3)
    assert not np.isin(person.time_s[~usable], t[np.isfinite(y)]).any()
    hatched = [c for c in axis.collections if c.get_hatch()]
    away = np.isfinite(person.angles[:, column]) & ~person.in_plane[:, column]
    covered = sum(
        path.vertices[:, 0].max() - path.vertices[:, 0].min()
        for c in hatched
        for path in c.get_paths()
    )
    left = person.angle_names.index("left_elbow")
    away_left = np.isfinite(person.angles[:, left]) & ~person.in_plane[:, left]
    assert covered == pytest.approx((away.sum() + away_left.sum()) / 30.0, rel=0.02)


def test_refused_angle_is_named_in_its_panel(analysis):
    figure = plots.angles_figure(analysis.people[0])
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert "Ankle dorsiflexion (left and right refused)" in titles
    assert "Knee flexion" in titles


def test_synthetic_is_marked_on_every_figure(analysis):
    person = analysis.people[0]
    for maker in (
        plots.angles_figure,
        plots.angular_velocity_figure,
        plots.speeds_figure,
        plots.presence_figure,
        plots.pose_strip_figure,
    ):
        assert any("SYNTHETIC" in text.get_text() for text in maker(person, synthetic=True).texts)
        assert not any("SYNTHETIC" in text.get_text() for text in maker(person).texts)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_thinning_keeps_extremes_and_gaps(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5_000, 30_000))
    time_s = np.cumsum(rng.uniform(0.01, 0.03, n))
    value = rng.normal(size=n).cumsum()
    value[rng.integers(0, n)] = 1e4
    value[rng.integers(0, n)] = -1e4
    start = int(rng.integers(0, n - 60))
    value[start : start + 3] = np.nan
    t, y = plot_style.thin(time_s, value, 4.0)
    assert len(t) < 4.0 * 120 * 1.1
    assert np.nanmax(y) == np.nanmax(value) and np.nanmin(y) == np.nanmin(value)
    assert np.all(np.diff(t) > 0)
    inside = (t >= time_s[start]) & (t <= time_s[start + 2])
    assert np.isnan(y[inside]).any()


def test_short_series_are_not_thinned():
    time_s, value = np.arange(90) / 30, np.random.default_rng(3).normal(size=90)
    t, y = plot_style.thin(time_s, value, 4.0)
    np.testing.assert_array_equal(t, time_s)
    np.testing.assert_array_equal(y, value)


def test_spans_cover_frames_at_uneven_times():
    time_s = np.array([0.0, 0.1, 0.2, 0.5, 0.6, 0.7])
    flag = np.array([True, False, True, True, False, True])
    runs = plot_style.spans(flag, time_s)
    np.testing.assert_allclose(runs, [(-0.05, 0.1), (0.15, 0.4), (0.65, 0.1)], atol=1e-9)


def test_pose_strip_is_upright_and_sided(analysis):
    person = analysis.people[0]
    axis = plots.pose_strip_figure(person).axes[0]
    segments = np.array(axis.collections[0].get_segments())
    pose = person.pose[0]
    heights = pose[:, 1].max() - pose[:, 1].min()
    first = segments[segments[..., 0].mean(-1) < segments[..., 0].min() + heights]
    assert first[..., 1].min() == pytest.approx(
        0.0, abs=0.02 * float(heights)
    )  # feet stand on the ground line
    assert pose[AT["nose"], 1] < pose[AT["left_ankle"], 1]  # pixels: y down
    box = axis.get_position()
    inches = axis.figure.get_size_inches()
    x_scale = np.diff(axis.get_xlim())[0] / (box.width * inches[0])
    y_scale = np.diff(axis.get_ylim())[0] / (box.height * inches[1])
    assert x_scale == pytest.approx(y_scale, rel=1e-3)


def test_a_dancer_who_is_mostly_unseen_still_plots(tmp_path, analysis):
    person = analysis.people[0]
    empty = dataclasses.replace(
        person,
        pose=np.full_like(person.pose, np.nan),
        pose_raw=np.full_like(person.pose_raw, np.nan),
        angles=np.full_like(person.angles, np.nan),
        angles_raw=np.full_like(person.angles_raw, np.nan),
        angular_velocity=np.full_like(person.angular_velocity, np.nan),
        speeds=np.full_like(person.speeds, np.nan),
        confidence=np.zeros_like(person.confidence),
    )
    files = plots.write_plots(tmp_path, dataclasses.replace(analysis, people=(empty,)))
    assert all(file.stat().st_size > 2_000 for file in files)


def test_three_dimensional_metres_are_drawn_upright(analysis):
    person = analysis.people[0]
    metres = person.pose * np.array([0.005, -0.005]) + np.array([0.0, 2.0])
    metres = np.concatenate([metres, np.zeros_like(metres[..., :1])], -1)
    axis = plots.pose_strip_figure(dataclasses.replace(person, pose=metres), unit="m").axes[0]
    pixels = plots.pose_strip_figure(person, unit="px").axes[0]
    a = np.array(axis.collections[0].get_segments()) / 0.005
    b = np.array(pixels.collections[0].get_segments())
    np.testing.assert_allclose(a[..., 1], b[..., 1], atol=0.05)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_raw_lies_beside_the_filtered_angle(seed):
    rng = np.random.default_rng(seed)
    filtered = np.cumsum(rng.normal(0, 30, 200))
    noise = rng.normal(0, 5, 200)
    raw = filtered + noise + 360.0 * rng.integers(-2, 3, 200)
    raw[50:60] = np.nan
    filtered[100:110] = np.nan
    moved = plots.same_turn(raw, filtered)
    both = np.isfinite(raw) & np.isfinite(filtered)
    np.testing.assert_allclose(moved[both], (filtered + noise)[both], atol=1e-9)
    turns = (moved - raw)[np.isfinite(raw)] / 360.0
    np.testing.assert_allclose(turns, turns.round(), atol=1e-9)
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(raw))


def test_pose_strip_prefers_frames_with_a_pose():
    known = np.ones((241, 26), bool)
    known[0] = known[-1] = False
    known[100:140] = False
    rows = plot_body.strip_rows(known)
    assert len(rows) == plot_body.STRIP_POSES
    assert rows[0] == 1 and rows[-1] == 239
    assert np.ptp(np.diff(rows)) <= 12
    np.testing.assert_array_equal(
        plot_body.strip_rows(np.ones((241, 26), bool)),
        np.linspace(0, 240, plot_body.STRIP_POSES).round(),
    )
    assert list(plot_body.strip_rows(np.ones((5, 26), bool))) == [0, 1, 2, 3, 4]
