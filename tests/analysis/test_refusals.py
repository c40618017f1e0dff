"""Reasons for refusals: which part, angle, time or scale is wanting, and how to mend it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import refusals
from dance_jax.biomech import catalogue
from dance_jax.biomech.measure import MeasureDef
from dance_jax.kinematics.angles import ANGLE_NAMES
from tests.analysis.fakes import fake_analysis


@pytest.fixture(scope="module")
def person():
    """A dancer in pixels, found in all but a few frames of 4 s; both ankles' angles refused."""
    return fake_analysis(4.0).people[0]


def row(**changes) -> MeasureDef:
    return MeasureDef("shape.test", "Test", "height", "how", parts=("arms", "trunk"), **changes)


def with_part(person, name, seen):
    parts = [dataclasses.replace(p, seen=seen if p.name == name else 1.0) for p in person.parts]
    return dataclasses.replace(person, parts=tuple(parts))


def test_nothing_is_wanting(person):
    assert refusals.beforehand(row(), person, True) == ""


def test_a_part_is_named_with_how_much_of_it_was_seen(person):
    assert refusals.beforehand(row(), with_part(person, "arms", 0.5), True) == ""
    reason = refusals.beforehand(row(), with_part(person, "arms", 0.49), True)
    assert "arms seen in 49 % of the frames; 50 % are needed" in reason and "trunk" not in reason
    assert refusals.beforehand(row(), with_part(person, "feet", 0.0), True) == ""


@pytest.mark.parametrize(
    ("planar", "dims", "word"), [(True, (3,), "picture"), (False, (2,), "planar")]
)
def test_the_number_of_coordinates(person, planar, dims, word):
    assert word in refusals.beforehand(row(dims=dims), person, planar)
    assert refusals.beforehand(row(dims=dims), person, not planar) == ""


@pytest.mark.parametrize("scale", [None, float("nan"), 0.0])
def test_metres_unknown_says_which_option_gives_them(person, scale):
    without = dataclasses.replace(person, metres_per_px=scale)
    assert "--config.height_m" in refusals.beforehand(row(needs_scale=True), without, True)
    known = dataclasses.replace(person, metres_per_px=0.005)
    assert refusals.beforehand(row(needs_scale=True), known, True) == ""


def test_time_counts_only_while_the_dancer_was_seen(person):
    assert refusals.beforehand(row(min_s=3.0), person, True) == ""
    assert refusals.beforehand(row(min_s=9.0), person, True).startswith("it needs 9 s, and 3.")
    pose = person.pose.copy()
    pose[30:] = np.nan
    half = dataclasses.replace(person, pose=pose)
    assert refusals.seconds_seen(half) == pytest.approx(29 / 30, abs=0.2)
    assert "it needs 3 s" in refusals.beforehand(row(min_s=3.0), half, True)
    pose[::2] = np.nan  # no two frames together
    assert refusals.seconds_seen(dataclasses.replace(person, pose=pose)) == 0.0


def test_a_refused_angle_refuses_what_rests_on_it_in_a_picture_only(person):
    measure = MeasureDef("coordination.ankle_test", "Test", "deg", "how", parts=("legs",))
    reason = refusals.beforehand(measure, person, True)
    assert reason == "it rests on left ankle, right ankle, refused in this view"
    assert refusals.beforehand(measure, person, False) == ""


def test_angles_behind_every_measure_of_the_catalogue_exist():
    behind = {key: refusals.angles_behind(row) for key, row in catalogue.MEASURES.items()}
    assert {name for names in behind.values() for name in names} <= set(ANGLE_NAMES)
    assert behind["coordination.knees_phase"] == ("left_knee", "right_knee")
    assert behind["range.left_elbow"] == ("left_elbow",)
    assert behind["limits.use_arms"] == (
        *("left_elbow", "left_shoulder", "right_elbow", "right_shoulder"),
    )
    assert behind["shape.hands"] == behind["symmetry.mirror_distance"] == ()
    assert len(behind["limits.excess"]) == 8
    for key, names in behind.items():
        if key.split(".")[0] in ("symmetry", "coordination", "limits"):
            assert names or key == "symmetry.mirror_distance", key


def test_what_came_out_without_a_value_says_when_it_has_none():
    for definition in catalogue.MEASURES.values():
        assert refusals.afterwards(definition) == f"it is not defined here: {definition.undefined}"
