"""Movement measures of a dancer: every one stated or refused with a reason, whatever the input."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import movement_rows, programs
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import SERIES
from dance_jax.biomech import catalogue
from dance_jax.biomech.measure import KINDS
from dance_jax.biomech.movement import movement
from dance_jax.errors import InputError, NoDancerFound, TooShort
from dance_jax.types import Clip
from tests.analysis import moving
from tests.seeds import fresh

KINDS_OF_CLIP = ("space", "picture", "measured picture")
SEED = fresh(__name__, 1)[0]


@pytest.mark.parametrize("kind", KINDS_OF_CLIP)
def test_every_measure_is_stated_or_refused_with_a_reason(kind):
    rows = moving.movement_rows(moving.person(kind))
    moving.assert_sound(rows)
    for key, row in rows.items():
        definition = moving.ROWS_STATED[key]
        assert (row.kind, row.group) == (definition.kind, definition.group) and row.kind in KINDS
        assert row.note.startswith(definition.meaning)
    stated = sum(row.status == "ok" for row in rows.values())
    assert stated > (40 if kind == "picture" else 60)


def test_lengths_without_metres_refuse_what_needs_metres():
    without = moving.movement_rows(moving.person("picture"))
    with_height = moving.movement_rows(moving.person("measured picture"))
    needing = [key for key, row in moving.ROWS_STATED.items() if row.needs_scale]
    assert len(needing) > 20
    for key in needing:
        assert without[key].status == "refused" and "--config.height_m" in without[key].reason
    given = [key for key in needing if with_height[key].status == "ok"]
    assert "energy.kinetic_mean" in given and len(given) > 0.8 * len(needing)
    for key, row in without.items():
        if row.status == "ok":  # what needs no metres is the same with them
            assert with_height[key].value == pytest.approx(row.value, rel=1e-4, abs=1e-6), key


def test_what_is_defined_in_space_is_refused_in_a_picture():
    row = moving.movement_rows(moving.person("picture"))["balance.base_area_median"]
    assert "defined in space" in row.reason
    assert moving.movement_rows(moving.person("space"))["balance.base_area_median"].value > 0


def test_a_view_that_hides_an_angle_refuses_what_rests_on_it():
    person = moving.person("picture")
    assert person.angle_status["left_knee"][0] == "refused"  # from the front
    row = moving.movement_rows(person)["coordination.knees_phase"]
    assert "left knee" in row.reason and "refused in this view" in row.reason


@pytest.mark.parametrize("seed", [SEED])
def test_values_are_those_of_the_true_pose(seed):
    """The program's own filter and scale in between change a dancer's measures little."""
    dance = moving.dance(seed)
    found = analyze_clip(moving.clip(False, seed, noise=0.0), music="none").people[0]
    pose = np.full((512, 26, 3), np.nan, np.float32)
    pose[: len(dance.pose)] = dance.pose
    time_s = np.arange(512) / 30.0
    true = programs.values(
        movement(pose, time_s.astype(np.float32), height_m=float(dance.body.height_m))
    )
    rows = moving.movement_rows(found)
    for key in ("balance.com_height_mean", "shape.hands", "shape.expansion", "composite.size"):
        assert rows[key].value == pytest.approx(float(true[key]), rel=0.01), key
    for key in ("energy.kinetic_mean", "energy.positive_work_rate", "effort.weight"):
        assert rows[key].value == pytest.approx(float(true[key]), rel=0.1), key


def test_a_nearer_camera_measures_the_same():
    near = analyze_clip(moving.clip(True, zoom=1.5), music="none").people[0]
    rows, same = moving.movement_rows(moving.person("picture")), moving.movement_rows(near)
    for key in ("balance.com_height_mean", "shape.hands", "effort.time", "smoothness.sparc_body"):
        assert same[key].value == pytest.approx(rows[key].value, rel=2e-3), key


def test_the_table_of_masses_that_was_asked_for_is_used(monkeypatch):
    asked, prepare = set(), programs.prepare

    def recorded(frames, coordinates, anthropometry):
        asked.add(anthropometry)
        return prepare(frames, coordinates, "de_leva_mean")  # the other one compiles for long

    monkeypatch.setattr(programs, "prepare", recorded)
    analyze_clip(moving.clip(True), music="none", anthropometry="winter")
    assert asked == {"winter"}


@pytest.mark.parametrize("kind", KINDS_OF_CLIP)
def test_series_have_a_unit_and_a_frame_each(kind):
    person = moving.person(kind)
    assert set(person.series) <= set(SERIES)
    metres = "energy_total" in person.series
    assert metres == (kind != "picture") == ("margin_of_stability" in person.series)
    assert ("com_z" in person.series) == (kind == "space")
    for name, value in person.series.items():
        assert value.shape == person.time_s.shape and np.isfinite(value).any(), name
    inside = np.isfinite(person.series["support_low"])
    assert inside.any()
    gap = person.series["support_high"] - person.series["support_low"]
    assert (gap[inside] >= 0).all()
    if metres:
        total = person.series["energy_kinetic"] + person.series["energy_potential"]
        np.testing.assert_allclose(person.series["energy_total"], total, rtol=1e-4, atol=1e-4)


def test_the_cutoff_is_chosen_for_the_clip_and_reported():
    found = moving.person("picture").cutoff
    assert 1.0 < found["cutoff_hz"] <= 0.4 * 30.0 + 1e-3 and "residual analysis" in found["how"]
    low, high = found["sensitivity"]["range"]
    assert low <= high < 0 and found["sensitivity"]["high_hz"] == 12.0
    noisy = analyze_clip(moving.clip(True, noise=0.03), music="none").people[0]
    assert noisy.cutoff["cutoff_hz"] < found["cutoff_hz"]


def lost(clip: Clip, keep: float) -> Clip:
    """The same clip with nobody in it after a share of its frames."""
    pose, confidence = clip.pose.copy(), clip.confidence.copy()
    pose[round(keep * len(pose)) :] = np.nan
    confidence[round(keep * len(pose)) :] = 0
    return clip.replace(pose=pose, confidence=confidence)


@pytest.mark.parametrize("planar", [True, False])
def test_one_person_vanishing_early_gets_reasons_and_the_other_numbers(planar):
    stays = moving.clip(planar)
    both = {
        name: np.concatenate([getattr(stays, name), getattr(lost(stays, 0.4), name)], 1)
        for name in ("pose", "confidence")
    }
    together = stays.replace(person_ids=(1, 2), **both)
    found = analyze_clip(together, person="all", music="none")
    here, gone = (moving.movement_rows(person) for person in found.people)
    moving.assert_sound(here)
    assert sum(row.status == "ok" for row in here.values()) > 40
    moving.assert_refused(gone)
    assert "not seen enough" in gone["balance.sway"].reason
    assert any("Person 2 was found in 40 %" in text for text in found.warnings)


def test_one_person_vanishing_halfway_states_only_what_half_the_time_supports():
    found = analyze_clip(lost(moving.clip(False), 0.6), music="none")
    rows = moving.movement_rows(found.people[0])
    moving.assert_sound(rows)
    assert {row.fraction for row in rows.values()} == {0.6}
    assert "were seen" in rows["rhythm.tempo"].reason  # 3 s of the 4 s that it needs
    assert any("60 %" in text for text in found.warnings)


@pytest.mark.parametrize("planar", [True, False])
def test_nobody_believed_is_refused_row_by_row(planar):
    clip = moving.clip(planar)
    found = analyze_clip(clip.replace(confidence=0.1 * clip.confidence), music="none").people[0]
    moving.assert_refused(moving.movement_rows(found))
    assert not found.series


def test_all_joints_missing_is_an_error_with_a_reason():
    clip = moving.clip(True)
    with pytest.raises(NoDancerFound, match="no joint has coordinates"):
        analyze_clip(clip.replace(pose=np.full_like(clip.pose, np.nan)), music="none")


def test_feet_unseen_refuse_balance_and_the_moments_of_the_legs():
    clip = moving.clip(False)
    pose = clip.pose.copy()
    pose[..., 20:26, :] = np.nan
    rows = moving.movement_rows(analyze_clip(clip.replace(pose=pose), music="none").people[0])
    moving.assert_sound(rows)
    for key in ("balance.margin_median", "balance.share_outside", "dynamics.left_knee_moment"):
        assert "feet seen in 0 %" in rows[key].reason
    assert rows["shape.hands"].status == "ok"


@pytest.mark.parametrize(
    ("frames", "seconds", "error"),
    [(2, 1.0, TooShort), (40, 0.2, TooShort), (2, 0.0, ValueError), (40, 0.0, ValueError)],
)
def test_too_short_a_clip_is_an_error_with_a_reason(frames, seconds, error):
    clip = moving.clip(True)
    with pytest.raises(error, match=r"too short|frames|seconds|strictly increasing"):
        analyze_clip(
            Clip(
                clip.pose[:frames],
                clip.confidence[:frames],
                np.linspace(0, seconds, frames),
                image_size=clip.image_size,
            ),
            music="none",
        )


def test_duplicate_timestamps_are_an_error_with_a_reason():
    clip = moving.clip(True)
    time_s = clip.time_s.copy()
    time_s[60] = time_s[59]
    with pytest.raises(ValueError, match="strictly increasing"):
        clip.replace(time_s=time_s)


def test_the_same_frame_over_and_over_has_no_number_that_needs_movement():
    clip = moving.clip(False, noise=0.0)
    still = clip.replace(pose=np.repeat(clip.pose[:1], len(clip.pose), 0))
    rows = moving.movement_rows(analyze_clip(still, music="none").people[0])
    moving.assert_sound(rows)
    assert rows["symmetry.arms_correlation"].status == "refused"
    assert rows["balance.com_path_rate"].value == pytest.approx(0.0, abs=1e-3)


def test_options_name_tables_and_no_others():
    assert Options().anthropometry == "de_leva_mean"
    with pytest.raises(InputError, match="anthropometry"):
        Options(anthropometry="guess")


def test_rows_with_numbers_for_every_key_keep_the_catalogue_order():
    person = dataclasses.replace(moving.person("space"), measures=())
    found = dict.fromkeys(catalogue.MEASURES, 0.75)
    rows = movement_rows.rows(person, found, False)
    assert [row.key for row in rows] == [k for k in catalogue.MEASURES if not k.startswith("range")]
    assert {row.value for row in rows} == {0.75}
    assert {row.unit for row in rows if "_share" in row.key or ".near_" in row.key} == {"share"}
