"""The numbers of the report: against plain NumPy, with units, reasons and what they rest on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import measures, validity
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.data import synthetic
from dance_jax.kinematics import angles
from dance_jax.types import Clip
from tests.analysis.fakes import AT, fake_analysis, stick_figure
from tests.seeds import fresh

SEEDS = fresh(__name__, 4)


@pytest.fixture(scope="module")
def person():
    """A dancer in pixels, with gaps; every angle stands as seen from the side."""
    given = fake_analysis(4.0, seed=3).people[0]
    return dataclasses.replace(given, view=np.full(len(given.time_s), 2, np.int8))


def by_key(person):
    rows = measures.with_measures(person).measures
    found = {row.key: row for row in rows}
    assert len(found) == len(rows)
    return found


def held(person, name):
    """(finite frames, frames that count) of an angle."""
    column = person.angle_names.index(name)
    known = np.isfinite(person.angles[:, column])
    return known, known & person.in_plane[:, column]


@pytest.mark.parametrize("name", angles.ANGLE_NAMES)
def test_angle_measures_are_percentiles_of_the_believed_frames(person, name):
    found = by_key(person)
    column = person.angle_names.index(name)
    known, valid = held(person, name)
    theta = person.angles[valid, column]
    rate = np.abs(person.angular_velocity[valid, column])
    rate = rate[np.isfinite(rate)]
    kind = angles.get(name).kind
    assert (f"{name}.min" in found) == (f"{name}.max" in found) == (kind == "joint")
    few = valid.sum() < 0.8 * known.sum()
    if person.angle_status[name][0] == "refused" or few:
        for key in ("min", "max", "range", "peak_rate"):
            if (row := found.get(f"{name}.{key}")) is None:
                continue
            assert row.value is row.band is row.band_p90 is None and row.status == "refused"
            if person.angle_status[name][0] == "refused":
                assert row.reason == person.angle_status[name][1]
            else:
                assert "out of the picture plane" in row.reason
        return
    peak = found[f"{name}.peak_rate"]
    assert peak.value == pytest.approx(np.percentile(rate, 99)) and peak.unit == "deg/s"
    assert peak.band is None  # the study is about angles, not about their speed
    if kind == "joint":
        low, high = np.percentile(theta, (1, 99))
        numbers = {"min": low, "max": high, "range": high - low}
    else:
        numbers = {"range": measures.smallest_arc(theta)}
    for key, value in numbers.items():
        row = found[f"{name}.{key}"]
        assert row.value == pytest.approx(value, abs=1e-4)
        assert (row.frames, row.unit, row.status, row.reason) == (valid.sum(), "deg", "ok", "")
        assert row.fraction == pytest.approx(valid.mean())
        band = validity.band(name, key)
        assert (row.band, row.band_p90) == (band or (None, None))


@pytest.mark.parametrize("name", ["left_elbow", "left_forearm"])
def test_a_summary_needs_four_fifths_of_the_known_frames(person, name):
    """Of 100 known frames 20 may be out of the picture plane, 21 may not; unseen ones are apart."""
    column = person.angle_names.index(name)
    theta = np.full(person.angles.shape, np.nan, np.float32)
    theta[:100, column] = np.random.default_rng(7).uniform(10, 60, 100)
    for left_out in (0, 20, 21, 70, 100):
        in_plane = np.ones_like(person.in_plane)
        in_plane[100 - left_out : 100, column] = False
        status = dict(person.angle_status) | {name: ("ok", "")}
        found = by_key(
            dataclasses.replace(person, angles=theta, in_plane=in_plane, angle_status=status)
        )
        rows = [row for key, row in found.items() if key.startswith(f"{name}.")]
        assert len(rows) == (4 if angles.get(name).kind == "joint" else 2)
        for row in rows:
            assert row.frames == 100 - left_out and row.fraction == row.frames / len(theta)
            if left_out <= 20:
                assert row.status == "ok" and np.isfinite(row.value) and row.reason == ""
            else:
                assert row.status == "refused" and row.value is row.band is row.band_p90 is None
                assert row.reason.startswith(f"{left_out} % of the frames are out of the picture")
                assert "at most 20 % are allowed" in row.reason


def test_a_frame_out_of_plane_or_unseen_does_not_count(person):
    name = "left_elbow"
    column = person.angle_names.index(name)
    wild = person.angles.copy()
    good = np.isfinite(wild[:, column]) & person.in_plane[:, column]
    hidden = np.flatnonzero(good)[10:25]
    wild[hidden[:8], column] = np.nan
    wild[hidden[8:], column] = 900.0
    in_plane = person.in_plane.copy()
    in_plane[hidden[8:], column] = False
    row = by_key(dataclasses.replace(person, angles=wild, in_plane=in_plane))[f"{name}.max"]
    assert row.value < 200 and row.frames == good.sum() - len(hidden)


def test_an_ok_angle_without_any_frame_is_refused(person):
    unseen = dataclasses.replace(person, angles=np.full_like(person.angles, np.nan))
    row = by_key(unseen)["left_elbow.max"]
    assert row.status == "refused" and row.reason == "no frame supports it" and row.value is None
    still = dataclasses.replace(person, angular_velocity=np.full_like(person.angles, np.nan))
    found = by_key(still)
    assert found["left_elbow.max"].status == "ok"
    row = found["left_elbow.peak_rate"]
    assert row.status == "refused" and row.reason == "no frame supports it" and row.value is None


def arc_by_trial(theta, share):
    """The smallest arc that begins at a direction and holds enough of them, by trying them all."""
    hold = int(np.ceil(share * len(theta)))
    return min(np.sort((theta - start) % 360)[hold - 1] for start in theta)


@pytest.mark.parametrize("seed", SEEDS)
def test_smallest_arc_equals_trying_every_arc(seed):
    rng = np.random.default_rng(seed)
    for frames in (1, 2, 3, 49, 50, 51, 137):
        spread = rng.uniform(5, 400)
        theta = rng.uniform(-400, 400) + spread * rng.uniform(-0.5, 0.5, frames)
        theta += 360 * rng.integers(-3, 4, frames)  # whole turns are not counted
        for share in (0.5, 0.98, 1.0):
            found = measures.smallest_arc(theta, share)
            assert found == pytest.approx(arc_by_trial(theta, share), abs=1e-6)
            assert 0 <= found < 360
        assert measures.smallest_arc(theta) == measures.smallest_arc(theta, 0.98)


@pytest.mark.parametrize("seed", SEEDS)
def test_smallest_arc_turns_and_mirrors_with_the_circle(seed):
    rng = np.random.default_rng(seed)
    theta = rng.normal(rng.uniform(-180, 180), rng.uniform(1, 120), 211)
    arc = measures.smallest_arc(theta)
    for turn in rng.uniform(-720, 720, 5):
        assert measures.smallest_arc(theta + turn) == pytest.approx(arc, abs=1e-6)
        assert measures.smallest_arc(turn - theta) == pytest.approx(arc, abs=1e-6)
    assert measures.smallest_arc(rng.permutation(theta)) == arc


@pytest.mark.parametrize("seed", SEEDS)
def test_two_opposite_clusters_span_half_a_turn_not_a_whole_one(seed):
    rng = np.random.default_rng(seed)
    theta = np.where(np.arange(400) < 100, -90, 90) + rng.normal(0, 5, 400)
    assert 185 < measures.smallest_arc(theta) < 215
    assert measures.smallest_arc(np.array([170.0, -170.0] * 50)) == pytest.approx(20)
    swing = 40 * np.sin(np.linspace(0, 20, 400))
    expected = np.subtract(*np.percentile(swing, (99, 1)))
    assert measures.smallest_arc(swing + 178) == pytest.approx(expected, abs=2.0)
    assert measures.smallest_arc(np.full(30, 33.0)) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_statistics_of_a_joint_and_of_a_direction(seed):
    rng = np.random.default_rng(seed)
    theta = rng.normal(70, 30, 500)
    low, high = np.quantile(theta, [0.01, 0.99])
    said = measures.statistics("joint", theta)
    assert list(said) == ["min", "max", "range"]
    assert list(said.values()) == pytest.approx([low, high, high - low])
    said = measures.statistics("segment", theta)
    assert said == {"range": measures.smallest_arc(theta)}
    assert all(type(value) is float for value in said.values())


def test_speeds_are_means_and_percentiles_with_the_person_s_unit(person):
    found = by_key(person)
    for column, name in enumerate(person.speed_names):
        series = person.speeds[:, column][np.isfinite(person.speeds[:, column])]
        mean, peak = found[f"speed.{name}.mean"], found[f"speed.{name}.peak"]
        assert mean.value == pytest.approx(series.mean())
        assert peak.value == pytest.approx(np.percentile(series, 99))
        assert mean.unit == peak.unit == person.speed_unit == "height/s"
        assert mean.frames == len(series) and mean.fraction == len(series) / len(person.time_s)


def test_speeds_are_refused_without_scale_or_frames(person):
    no_scale = by_key(dataclasses.replace(person, height_px=np.nan))
    assert "no body scale" in no_scale["speed.body.mean"].reason
    assert no_scale["speed.body.mean"].value is None
    rare = person.speeds.copy()
    rare[:, 3] = np.where(np.arange(len(rare)) < 40, 1.0, np.nan)
    row = by_key(dataclasses.replace(person, speeds=rare))[f"speed.{person.speed_names[3]}.peak"]
    assert row.status == "refused" and "33 % of the frames" in row.reason and row.value is None


def test_presence_is_the_share_of_frames(person):
    found = by_key(person)
    frames = len(person.time_s)
    row = found["presence.dancer"]
    assert row.value == pytest.approx(100 * person.frames_with_pose / frames)
    for part in person.parts:
        row = found[f"presence.{part.name}"]
        assert row.value == pytest.approx(100 * part.seen) and row.unit == "%"


def test_known_movement_gives_known_numbers():
    """A forearm that swings 30 degrees about 60 at 1 Hz, in the plane of the picture."""
    time_s = np.arange(150) / 30
    pose = stick_figure(np.full(150, 0.3), 320.0, 450.0, 400.0)
    bend = np.radians(60 + 30 * np.sin(2 * np.pi * time_s))
    shoulder, elbow = pose[:, AT["left_shoulder"]], pose[:, AT["left_elbow"]]
    upper = (elbow - shoulder) / np.linalg.norm(elbow - shoulder, axis=1, keepdims=True)
    turn = np.stack([np.cos(bend), -np.sin(bend), np.sin(bend), np.cos(bend)], -1).reshape(-1, 2, 2)
    pose[:, AT["left_wrist"]] = elbow + 60 * np.einsum("tij,tj->ti", turn, upper)
    clip = Clip(pose[:, None], np.isfinite(pose).all(-1)[:, None], time_s, image_size=(640, 480))
    person = analyze_clip(clip).people[0]
    always = dataclasses.replace(
        person,
        in_plane=np.ones_like(person.in_plane),
        angle_status=dict.fromkeys(person.angle_names, ("ok", "")),
    )
    found = by_key(always)
    assert found["left_elbow.min"].value == pytest.approx(30, abs=1)
    assert found["left_elbow.max"].value == pytest.approx(90, abs=1)
    assert found["left_elbow.range"].value == pytest.approx(60, abs=1)
    assert found["left_elbow.peak_rate"].value == pytest.approx(30 * 2 * np.pi, rel=0.03)
    assert found["right_elbow.range"].value == pytest.approx(0, abs=0.1)
    assert found["left_forearm.range"].value == pytest.approx(60, abs=1)


def test_three_dimensional_poses_have_no_band():
    person = analyze_clip(synthetic.generate(6, "walk", 3.0, 30.0).to_clip()).people[0]
    knee = next(m for m in person.measures if m.key == "left_knee.range")
    assert knee.status == "ok" and knee.band is None and knee.band_p90 is None
    assert person.speed_unit == "m/s" and person.view is None
