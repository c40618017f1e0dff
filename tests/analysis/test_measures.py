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


@pytest.mark.parametrize("name", angles.ANGLE_NAMES)
def test_angle_measures_are_percentiles_of_the_believed_frames(person, name):
    found = by_key(person)
    column = person.angle_names.index(name)
    valid = np.isfinite(person.angles[:, column]) & person.in_plane[:, column]
    theta = person.angles[valid, column]
    rate = np.abs(person.angular_velocity[valid, column])
    rate = rate[np.isfinite(rate)]
    if person.angle_status[name][0] == "refused":
        row = found[f"{name}.range"]
        assert row.value is row.band is row.band_p90 is None
        assert row.status == "refused" and row.reason == person.angle_status[name][1]
        return
    peak = found[f"{name}.peak_rate"]
    assert peak.value == pytest.approx(np.percentile(rate, 99)) and peak.unit == "deg/s"
    assert peak.band is None  # the study is about angles, not about their speed
    kind = angles.get(name).kind
    assert (f"{name}.min" in found) == (kind == "joint")
    if kind == "joint":
        low, high = np.percentile(theta, (1, 99))
        for key, value in (("min", low), ("max", high), ("range", high - low)):
            assert found[f"{name}.{key}"].value == pytest.approx(value, abs=1e-4)
    row = found[f"{name}.range"]
    assert (row.frames, row.unit, row.status, row.reason) == (valid.sum(), "deg", "ok", "")
    assert row.fraction == pytest.approx(valid.mean())
    band = validity.band(name, person.in_plane_ratio[valid, column], person.view[valid])
    assert (row.band, row.band_p90) == (band or (None, None))


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
    nowhere = dataclasses.replace(person, in_plane=np.zeros_like(person.in_plane))
    row = by_key(nowhere)["left_elbow.max"]
    assert row.status == "refused" and row.reason == "no frame supports it" and row.value is None


@pytest.mark.parametrize("seed", range(4))
def test_circular_range_counts_no_turns(seed):
    rng = np.random.default_rng(seed)
    swing = 40 * np.sin(np.linspace(0, 20, 400))
    expected = np.subtract(*np.percentile(swing, (99, 1)))
    centre = rng.uniform(-400, 400)
    turns = 360 * rng.integers(-2, 3, 400)
    assert measures.circular_range(centre + swing) == pytest.approx(expected, abs=1.0)
    assert measures.circular_range(centre + swing + turns) == pytest.approx(expected, abs=1.0)
    assert measures.circular_range(np.array([170.0, -170.0] * 50)) == pytest.approx(20)
    assert measures.circular_range(rng.uniform(-180, 180, 4000)) <= 360


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


def test_balance_is_refused_by_name_only_where_the_feet_were_unseen(person):
    assert "balance" not in by_key(person)
    parts = tuple(
        dataclasses.replace(p, status="unseen", seen=0.12) if p.name == "feet" else p
        for p in person.parts
    )
    row = by_key(dataclasses.replace(person, parts=parts))["balance"]
    assert row.value is None and row.status == "refused"
    assert "feet in 12 %" in row.reason and "legs in" not in row.reason


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
