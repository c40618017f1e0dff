"""The tables: what is written can be read back, to 1e-4, gaps and several people included."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.analysis import exports
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.data import mot, synthetic, tables, trc
from dance_jax.data.load import load_clip
from tests.analysis.fakes import AT, fake_analysis
from tests.seeds import fresh

JOINTS = skeleton.get("halpe26").joints


@pytest.fixture(scope="module")
def gappy():
    """One dancer in pixels, with unseen spans and left ankle and right ankle refused."""
    return fake_analysis(3.0, seed=5)


@pytest.fixture(scope="module")
def metric():
    return analyze_clip(synthetic.generate(2, "walk", 3.0, 30.0).to_clip())


def test_every_table_is_named_and_there(tmp_path, gappy):
    written = exports.write_tables(tmp_path, gappy)
    expected = {"poses.npz", "poses.csv", "poses.trc", "angles.csv", "angles.mot", "metrics.csv"}
    expected |= {"movement.csv", "smoothness.csv"}
    assert set(written) == expected == {file.name for file in tmp_path.iterdir()}


def test_several_people_get_their_own_tables(tmp_path):
    analysis = fake_analysis(2.0, chosen=2)
    written = exports.write_tables(tmp_path, analysis)
    assert len(written) == 16 and set(written) == {file.name for file in tmp_path.iterdir()}
    for person in analysis.people:
        with np.load(tmp_path / f"poses_person{person.person_id}.npz") as data:
            assert data["person_id"] == person.person_id
            assert np.array_equal(data["pose"], person.pose, equal_nan=True)
        back = tables.read_csv(tmp_path / f"poses_person{person.person_id}.csv").columns
        assert back["nose_x_px"] == pytest.approx(person.pose[:, AT["nose"], 0], 1e-6, nan_ok=True)


def test_npz_holds_every_array_with_names(tmp_path, gappy):
    person = gappy.people[0]
    world = np.random.default_rng(0).normal(size=(*person.pose.shape[:2], 3)).astype(np.float32)
    exports.write_npz(tmp_path / "p.npz", gappy, dataclasses.replace(person, pose_world=world))
    with np.load(tmp_path / "p.npz", allow_pickle=False) as data:
        for name, value in (
            ("time_s", person.time_s),
            ("pose_raw", person.pose_raw),
            ("pose", person.pose),
            ("confidence", person.confidence),
            ("filled", person.filled),
            ("angles_raw_deg", person.angles_raw),
            ("angles_deg", person.angles),
            ("in_plane", person.in_plane),
            ("in_plane_ratio", person.in_plane_ratio),
            ("angular_velocity_deg_s", person.angular_velocity),
            ("speeds", person.speeds),
            ("pose_world_estimated_m", world),
        ):
            assert data[name].dtype == value.dtype and data[name].shape == value.shape, name
            same = value.dtype == bool or np.array_equal(data[name], value, equal_nan=True)
            assert same and (value.dtype != bool or (data[name] == value).all()), name
        assert tuple(data["joint_names"]) == JOINTS
        assert tuple(data["angle_names"]) == person.angle_names
        assert tuple(data["speed_names"]) == person.speed_names
        assert str(data["unit"]) == "px" and str(data["speed_unit"]) == person.speed_unit


def close(back, value):
    """Same gaps, and within 1e-4 elsewhere."""
    back, value = np.asarray(back, float), np.asarray(value, float)
    assert np.array_equal(np.isnan(back), np.isnan(value))
    assert np.nanmax(np.abs(back - value)) <= 1e-4


def test_pose_table_round_trip(tmp_path, gappy, metric):
    for analysis, unit in ((gappy, "px"), (metric, "m")):
        person = analysis.people[0]
        note = exports.write_poses_csv(tmp_path / "p.csv", person, unit)
        assert note["y"] == ("down" if unit == "px" else "up")
        back = tables.read_csv(tmp_path / "p.csv").columns
        axes = "xyz"[: person.pose.shape[-1]]
        assert len(back) == 1 + 26 * (len(axes) + 1)
        close(back["time_s"], person.time_s)
        for at, joint in enumerate(JOINTS):
            close(back[f"{joint}_confidence"], person.confidence[:, at])
            for k, axis in enumerate(axes):
                close(back[f"{joint}_{axis}_{unit}"], person.pose[:, at, k])
    assert np.isnan(gappy.people[0].pose).any()  # the gaps above were real


def test_angle_table_round_trip(tmp_path, gappy):
    person = gappy.people[0]
    exports.write_angles_csv(tmp_path / "a.csv", person)
    back = tables.read_csv(tmp_path / "a.csv").columns
    assert len(back) == 1 + 4 * len(person.angle_names)
    for at, name in enumerate(person.angle_names):
        close(back[f"{name}_deg"], person.angles[:, at])
        close(back[f"{name}_raw_deg"], person.angles_raw[:, at])
        close(back[f"{name}_deg_per_s"], person.angular_velocity[:, at])
        assert np.array_equal(np.asarray(back[f"{name}_in_plane"]) == 1, person.in_plane[:, at])


def test_markers_round_trip_in_pixels_y_up(tmp_path, gappy):
    person = gappy.people[0]
    width_height = gappy.clip.image_size
    note = exports.write_poses_trc(tmp_path / "p.trc", person, "px", width_height)
    back = trc.read_trc(tmp_path / "p.trc")
    assert back.unit == note["unit"] == "px" and back.names == JOINTS
    close(back.time_s, person.time_s)
    close(back.positions[..., 0], person.pose[..., 0])
    close(back.positions[..., 1], width_height[1] - person.pose[..., 1])
    head, toe = (np.nanmean(back.positions[:, AT[n], 1]) for n in ("head", "left_big_toe"))
    assert head > toe + 100


FEET = [f"{side}_{name}" for name in ("heel", "big_toe") for side in ("left", "right")]


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_markers_in_metres_stand_on_the_floor(tmp_path, gappy, seed):
    rng = np.random.default_rng(seed)
    per_px, size = rng.uniform(0.002, 0.02), gappy.clip.image_size
    person = dataclasses.replace(gappy.people[0], metres_per_px=per_px)
    assert exports.write_poses_trc(tmp_path / "p.trc", person, "px", size)["unit"] == "m"
    back = trc.read_trc(tmp_path / "p.trc")
    assert back.unit == "m"
    close(back.positions[..., 0], per_px * person.pose[..., 0])
    up = -per_px * person.pose[..., 1].astype(float)
    floor = np.nanpercentile(up[:, [AT[name] for name in FEET]], 1)
    close(back.positions[..., 1], up - floor)
    feet = back.positions[:, [back.names.index(name) for name in FEET], 1]
    assert np.nanpercentile(feet, 1) == pytest.approx(0, abs=1e-4)
    # The picture's size and place say nothing of the floor.
    moved = dataclasses.replace(person, pose=person.pose + np.float32([0, 77]))
    exports.write_poses_trc(tmp_path / "moved.trc", moved, "px", (99, 9999))
    again = trc.read_trc(tmp_path / "moved.trc")
    close(again.positions[..., 1], back.positions[..., 1])


def test_without_feet_the_floor_is_the_picture_s_lower_edge(tmp_path, gappy):
    pose = gappy.people[0].pose.copy()
    pose[:, [AT[name] for name in FEET]] = np.nan
    person = dataclasses.replace(gappy.people[0], pose=pose, metres_per_px=0.004)
    exports.write_poses_trc(tmp_path / "p.trc", person, "px", gappy.clip.image_size)
    back = trc.read_trc(tmp_path / "p.trc")
    kept = [AT[name] for name in back.names]
    assert not set(FEET) & set(back.names)
    close(back.positions[..., 1], 0.004 * (gappy.clip.image_size[1] - pose[:, kept, 1]))


def test_markers_of_poses_in_metres_stay_where_they_are(tmp_path, metric):
    person = metric.people[0]
    exports.write_poses_trc(tmp_path / "m.trc", person, "m", None)
    back = trc.read_trc(tmp_path / "m.trc")
    assert back.unit == "m"
    close(back.positions, person.pose)


def test_a_marker_never_seen_is_left_out_by_name(tmp_path, gappy):
    pose = gappy.people[0].pose.copy()
    pose[:, [AT["left_heel"], AT["nose"]]] = np.nan
    person = dataclasses.replace(gappy.people[0], pose=pose)
    note = exports.write_poses_trc(tmp_path / "p.trc", person, "px", gappy.clip.image_size)
    assert note["never_seen"] == ["nose", "left_heel"]
    back = trc.read_trc(tmp_path / "p.trc")
    assert back.names == tuple(n for n in JOINTS if n not in ("nose", "left_heel"))
    close(back.positions[:, 0, 0], pose[:, AT["left_eye"], 0])


def test_what_a_format_cannot_hold_is_said_and_not_written(tmp_path, gappy):
    person = gappy.people[0]
    nothing = dataclasses.replace(person, pose=np.full_like(person.pose, np.nan))
    for unit, who in (("height", person), ("px", nothing)):
        note = exports.write_poses_trc(tmp_path / "p.trc", who, unit, None)
        assert note["written"] is False and note["reason"]
    refused = dict.fromkeys(person.angle_names, ("refused", "not seen"))
    blind = dataclasses.replace(person, angle_status=refused)
    note = exports.write_angles_mot(tmp_path / "a.mot", blind)
    assert note["reason"] == "every angle was refused"
    assert note["written"] is False and note["left_out"] == list(person.angle_names)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def all_ok(gappy):
    """Random angles of which none is refused and all lie in the picture plane."""
    person = gappy.people[0]
    value = np.random.default_rng(8).normal(40, 20, person.angles.shape).astype(np.float32)
    return dataclasses.replace(
        person,
        angles=value,
        in_plane=np.ones_like(person.in_plane),
        angle_status=dict.fromkeys(person.angle_names, ("ok", "")),
    )


def test_motion_round_trip_fills_gaps_by_lines_and_says_so(tmp_path, all_ok):
    value, names, person = all_ok.angles, all_ok.angle_names, all_ok
    value[:7, 0] = np.nan  # at the start: the nearest value
    value[30:33, 1] = np.nan  # inside: a line
    person.angle_status[names[2]] = ("refused", "any reason")
    note = exports.write_angles_mot(tmp_path / "a.mot", person)
    back = mot.read_mot(tmp_path / "a.mot")
    assert back.in_degrees and note["left_out"] == [names[2]]
    assert tuple(back.columns) == tuple(n for n in names if n != names[2])
    assert note["filled"] == {names[0]: 7, names[1]: 3} and note["out_of_plane"] == {}
    header = "\n".join(back.comments)
    assert f"{names[0]}: 7 of {len(value)}" in header and f"{names[1]}: 3 of" in header
    assert f"{names[3]}:" not in header
    close(back.time_s, person.time_s)
    first, second = back.columns[names[0]], back.columns[names[1]]
    assert first[:7] == pytest.approx(np.full(7, value[7, 0]), abs=1e-4)
    line = value[29, 1] + (value[33, 1] - value[29, 1]) * np.arange(1, 4) / 4
    assert second[30:33] == pytest.approx(line, abs=1e-4)
    for at, name in enumerate(names[3:], 3):
        close(back.columns[name], value[:, at])


def test_motion_says_how_often_a_limb_was_out_of_the_picture_plane(tmp_path, all_ok):
    person, names = all_ok, all_ok.angle_names
    frames = len(person.time_s)
    person.angles[10:14, 1] = np.nan
    person.in_plane[10:30, 1] = False  # four of these are unseen, which is another count
    person.in_plane[:9, 4] = False
    person.in_plane[:, 5] = False
    person.angle_status[names[5]] = ("refused", "out of plane")
    note = exports.write_angles_mot(tmp_path / "a.mot", person)
    assert note["out_of_plane"] == {names[1]: 16, names[4]: 9}
    assert note["filled"] == {names[1]: 4} and note["left_out"] == [names[5]]
    back = mot.read_mot(tmp_path / "a.mot")
    header = "\n".join(back.comments)
    filled, away = header.split("out of the picture plane")
    assert f"{names[1]}: 4 of {frames}" in filled and names[4] not in filled
    assert f"{names[1]}: 16 of {frames}" in away and f"{names[4]}: 9 of {frames}" in away
    assert names[5] not in header and names[5] not in back.columns
    close(back.columns[names[4]], person.angles[:, 4])  # left as it is, and said


def test_measures_are_safe_in_a_spreadsheet_and_read_back(tmp_path, gappy):
    person = gappy.people[0]
    rows = list(person.measures)
    hostile = ["=cmd|'/c calc'!A1", "+1+1", "@SUM(A1)", "-2+3", '"quoted", and\nbroken', "\t=1"]
    for k, text in enumerate(hostile):
        rows[k] = dataclasses.replace(rows[k], label=text, note=text)
    person = dataclasses.replace(person, measures=tuple(rows))
    exports.write_metrics(tmp_path / "m.csv", person)
    with open(tmp_path / "m.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert row["label"][0] not in "=+@-\t\r"
    back = tables.read_csv(tmp_path / "m.csv").columns
    assert tuple(back) == exports.METRIC_COLUMNS
    assert back["key"] == [m.key for m in rows] and back["status"] == [m.status for m in rows]
    assert back["label"] == [m.label for m in rows]
    for name in ("value", "fraction"):
        close(back[name], [np.nan if getattr(m, name) is None else getattr(m, name) for m in rows])


def test_metric_poses_come_back_from_c3d_and_bvh(tmp_path, metric):
    written = exports.write_tables(tmp_path, metric)
    for name in ("poses.c3d", "poses.bvh"):
        back = load_clip(tmp_path / name, skeleton="halpe26")
        assert np.abs(back.pose[:, 0] - metric.people[0].pose).max() < 1e-4
        assert written[name]["left_out"] == [] and not written[name]["resampled"]
