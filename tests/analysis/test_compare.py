"""What is changed in a movement is found, named and placed; what is not changed is not marked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax.analysis import analyze as analyze_module
from dance_jax.analysis import compare, compare_differences, compare_options, compare_words
from dance_jax.analysis import detectable_change as change
from dance_jax.errors import ConfigError, InputError, TooShort
from tests.analysis import compare_dancers as made
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
TIME = np.arange(240) / 30.0
BUMP = np.clip((TIME - 3.0) / 0.3, 0, 1) * np.clip((5.5 - TIME) / 0.3, 0, 1)


def told(found) -> str:
    return " ".join(compare_words.sentence(d, found.places) for d in found.differences)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_marked_against_itself_its_mirror_image_or_noise(seed) -> None:
    pose = made.swing(TIME, seed)
    teacher = made.analysis(pose, TIME)
    noisy = pose + np.random.default_rng(seed).normal(0, 3, pose.shape)
    copies = ((pose, 500.0), (made.mirrored(pose), 500.0), (noisy, 500.0), (pose * 0.9 + 30, 450.0))
    for student, tall in copies:
        found = made.between(teacher, made.analysis(student, TIME, height=tall))
        assert found.matched, found.reason
        assert not found.differences, told(found)
        assert len(found.refused) < 12 and np.isfinite(found.diff).any()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("flip", [False, True])
def test_a_bent_elbow_is_found_named_and_placed(seed, side, flip) -> None:
    teacher = made.analysis(made.swing(TIME, seed), TIME)
    pose = made.swing(TIME, seed, **{f"{side}_elbow": np.radians(50) * BUMP})
    own = {"left": "right", "right": "left"}[side] if flip else side
    student = made.analysis(made.mirrored(pose) if flip else pose, TIME)
    found = made.between(teacher, student)
    assert found.matched and found.alignment.mirrored == flip
    elbows = [d for d in found.differences if d.key == f"{side}_elbow"]
    assert elbows, told(found)
    for d in elbows:
        assert d.joint == f"{own}_elbow" and d.teacher_joint == f"{side}_elbow"
        assert d.start_s > 2.4 and d.end_s < 6.1 and d.end_s - d.start_s >= 0.25
        assert 20 < d.value < 60 and d.limit == change.limit("elbow", "moment") < abs(d.value)
    text = compare_words.sentence(elbows[0], found.places)
    assert text.startswith(f"{own.capitalize()} elbow") and "more bent" in text
    assert "smallest difference that can be told" in text and "quarter" in text
    assert ("copying the teacher's" in text) == flip
    sides = {d.joint for d in found.differences if d.joint}
    assert not any(other.startswith({"left": "right", "right": "left"}[own]) for other in sides)


def test_a_late_passage_is_told_as_timing() -> None:
    late = TIME - 0.8 * np.clip((TIME - 3) / 0.8, 0, 1) * np.clip((6.5 - TIME) / 0.8, 0, 1)
    teacher = made.analysis(made.swing(TIME, SEEDS[0]), TIME)
    found = made.between(teacher, made.analysis(made.swing(late, SEEDS[0]), TIME))
    timing = [d for d in found.differences if d.kind == "timing"]
    assert len(timing) == 1 and timing[0].value > 0.3
    assert 2.5 < timing[0].start_s < timing[0].end_s < 7.2
    assert "later than the teacher's" in told(found)


def test_a_student_who_vanishes_halfway_is_compared_until_then() -> None:
    teacher = made.analysis(made.swing(TIME, SEEDS[1]), TIME)
    pose = made.swing(TIME, SEEDS[1], left_elbow=np.radians(60) * np.ones(240))
    pose[120:] = np.nan
    found = made.between(teacher, made.analysis(pose, TIME), same_dance=True)
    assert found.alignment.time_s[-1] < 4.8
    assert all(d.end_s < 4.8 for d in found.differences)
    assert any("The student is not seen well enough at 0:04.0" in note for note in found.notes)


def test_joints_that_are_never_seen_are_refused_with_the_reason() -> None:
    pose = made.swing(TIME, SEEDS[2])
    teacher = made.analysis(pose, TIME)
    found = made.between(teacher, made.blinded(teacher, "left_wrist"))
    for key in ("left_elbow", "left_wrist.height", "left_wrist.sideways"):
        assert "student" in found.refused[key] and "0 %" in found.refused[key]
        assert key not in found.ranges and not any(d.key == key for d in found.differences)
    assert "right_elbow" not in found.refused


def test_leans_are_compared_only_from_the_same_side() -> None:
    pose = made.swing(TIME, SEEDS[0])
    same = made.between(made.analysis(pose, TIME), made.analysis(pose, TIME))
    other = made.between(made.analysis(pose, TIME), made.analysis(pose, TIME, view=2))
    assert "trunk" not in same.refused and "same side" in other.refused["trunk"]


def test_other_movements_give_a_reason_and_no_number() -> None:
    for k in range(4):  # one in twenty may be matched by chance
        pair = [made.analysis(made.swing(TIME, SEEDS[0] + n), TIME) for n in (0, k + 1)]
        found = made.between(*pair)
        if not found.matched:
            break
    assert not found.matched and "could not be matched" in found.reason
    assert not found.differences and not np.isfinite(found.diff).any() and not found.places
    assert made.between(*pair, same_dance=True).matched


def test_nobody_seen_gives_a_reason() -> None:
    pose = made.swing(TIME, SEEDS[0])
    gone = pose.copy()
    gone[15:] = np.nan
    found = made.between(made.analysis(pose, TIME), made.analysis(gone, TIME))
    assert not found.matched and found.alignment is None
    assert "No moment can be compared: the student" in found.reason


def test_running_mean_against_a_loop() -> None:
    rng = np.random.default_rng(SEEDS[1])
    x = rng.normal(size=(80, 2))
    x[rng.random(x.shape) < 0.3] = np.nan
    got = compare_differences.running_mean(x, 30.0)
    for i in range(80):
        part = x[max(0, i - 8) : i + 9]
        for k in range(2):
            known = part[np.isfinite(part[:, k]), k]
            want = known.mean() if known.size >= 0.6 * 17 else np.nan
            np.testing.assert_allclose(got[i, k], want, atol=1e-9)


def test_what_cannot_be_compared_is_refused() -> None:
    pose = made.swing(TIME, SEEDS[0])
    own = made.analysis(pose, TIME)
    person = dataclasses.replace(own.people[0], height_px=float("nan"))
    lost = person.pose.copy()
    lost[:, made.joint("neck")] = np.nan
    sizeless = dataclasses.replace(own, people=(dataclasses.replace(person, pose=lost),))
    with pytest.raises(InputError, match="size cannot be told"):
        made.between(own, sizeless)
    long = dataclasses.replace(
        own, clip=own.clip.replace(time_s=np.linspace(0, compare.MAX_SECONDS + 1, 240))
    )
    with pytest.raises(InputError, match="at most 600 s"):
        made.between(long, own)
    deep = np.concatenate([own.people[0].pose, np.zeros((240, 26, 1), np.float32)], -1)
    solid = dataclasses.replace(own, people=(dataclasses.replace(own.people[0], pose=deep),))
    with pytest.raises(InputError, match="2D and the other 3D"):
        made.between(own, solid)


def test_options_are_checked_and_split() -> None:
    wishes, teacher, student = compare_options.split_options(
        {"mirrored": "no", "teacher_start_s": 1.0, "student_person": "2", "plots": False}
    )
    assert wishes.mirrored == "no"
    assert teacher == {"plots": False, "person": "largest", "start_s": 1.0, "end_s": None}
    assert student["person"] == "2" and student["start_s"] is None
    for bad in ({"mirrored": "maybe"}, {"window_s": 99}, {"teacher_person": "all"},
                {"person": "2"}):  # fmt: skip
        with pytest.raises(ConfigError):
            compare_options.split_options(bad)


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_a_missing_file_names_its_own_key_before_anything_is_estimated(
    tmp_path, monkeypatch, side
) -> None:
    monkeypatch.setattr(analyze_module, "analyze", lambda *given, **more: pytest.fail("began"))
    there = tmp_path / "there.mp4"
    there.write_bytes(b"x")
    paths = {"teacher": there, "student": there} | {side: tmp_path / "away.mp4"}
    for workdir in (None, tmp_path / "out"):
        with pytest.raises(InputError, match="no such file") as caught:
            compare.compare(**paths, workdir=workdir)
        assert caught.value.fix == f"check --config.{side}" and "away.mp4" in caught.value.where
    with pytest.raises(InputError, match=f"no {side} was given") as caught:
        compare.compare(**(paths | {side: ""}))
    assert caught.value.where == f"--config.{side}" and not (tmp_path / "out").exists()


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_an_error_of_one_side_names_the_keys_of_the_comparison(side) -> None:
    given = TooShort("too short", "--config.input", "widen --config.start_s or --config.person")
    with pytest.raises(TooShort) as caught, compare_options.told_of(side):
        raise given
    told = f"--config.{side}: too short; widen --config.{side}_start_s or --config.{side}_person"
    assert str(caught.value) == told
    same = InputError("the file is empty", "a.mp4", "copy it again")
    with pytest.raises(InputError) as caught, compare_options.told_of(side):
        raise same
    assert caught.value is same
