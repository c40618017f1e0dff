"""Comparison with the truth: known offsets, swaps and frame times come out as they went in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.analysis import truth
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.types import Clip
from tests.analysis.fakes import AT, stick_figure

FLIP = list(skeleton.get("halpe26").flip)


def figure(frames=90):
    time_s = np.arange(frames) / 30
    return time_s, stick_figure(time_s, 320, 450, 400)


def analysed(pose, time_s):
    clip = Clip(pose[:, None], np.isfinite(pose).all(-1)[:, None], time_s, image_size=(640, 480))
    return analyze_clip(clip)


@pytest.mark.parametrize("seed", range(3))
def test_frames_are_matched_by_time_not_by_number(seed):
    rng = np.random.default_rng(seed)
    true_time = np.arange(60) / 30
    kept = np.sort(rng.choice(60, 40, replace=False))
    jitter = rng.uniform(-0.4, 0.4, 40) / 30
    assert np.array_equal(truth.match_frames(true_time[kept] + jitter, true_time), kept)
    with pytest.raises(ValueError, match="half a frame"):
        truth.match_frames(true_time + 1.0, true_time)


@pytest.mark.parametrize("seed", range(3))
def test_joint_error_in_percent_of_the_true_height(seed):
    rng = np.random.default_rng(seed)
    _, pose = figure()
    height = truth.true_height(pose)
    extent = max(np.ptp(frame[:, 1]) for frame in pose)
    assert height == pytest.approx(extent)
    offset = rng.normal(0, 10, 2)
    error = truth.joint_errors(pose + offset, pose)
    assert error.shape == (90, 12)
    assert error == pytest.approx(np.full((90, 12), 100 * np.hypot(*offset) / height), rel=1e-4)
    missing = pose.copy()
    missing[5, AT["left_knee"]] = np.nan
    assert np.isnan(truth.joint_errors(missing, pose)).sum() == 1


def test_whole_body_swaps_are_counted_and_single_joints_are_not():
    rng = np.random.default_rng(2)
    _, pose = figure()
    noisy = pose + rng.normal(0, 3, pose.shape)
    assert not truth.swapped(noisy, pose).any()
    at = rng.choice(90, 17, replace=False)
    crossed = noisy.copy()
    crossed[at] = noisy[at][:, FLIP]
    found = truth.swapped(crossed, pose)
    assert np.array_equal(np.flatnonzero(found), np.sort(at))
    wrists = noisy.copy()
    pair = [AT["left_wrist"], AT["right_wrist"]]
    wrists[:, pair] = noisy[:, pair[::-1]]
    assert not truth.swapped(wrists, pose).any()
    legs = noisy.copy()
    lower = [AT[f"{side}_{j}"] for j in ("knee", "ankle") for side in ("left", "right")]
    legs[:, lower] = noisy[:, [FLIP[j] for j in lower]]
    assert not truth.swapped(legs, pose).any()  # crossed legs are no whole-body swap
    assert not truth.swapped(np.full_like(pose, np.nan), pose).any()


@pytest.mark.parametrize(
    ("a", "b", "error"), [(10, 350, 20), (0, 180, 180), (-170, 170, 20), (725, 5, 0), (3, 1, 2)]
)
def test_angles_differ_the_short_way_round(a, b, error):
    assert truth.angle_errors(np.float64(a), np.float64(b)) == pytest.approx(error)
    assert truth.angle_errors(np.float64(b), np.float64(a)) == pytest.approx(error)
    assert np.isnan(truth.angle_errors(np.nan, 1.0))


def by_name(rows):
    return {row["what"]: row for row in rows}


def test_perfect_poses_meet_every_bar():
    time_s, pose = figure()
    rows = by_name(truth.compare(analysed(pose, time_s), pose, time_s + 7.5))
    assert all(row["ok"] for row in rows.values() if row["limit"] is not None)
    assert rows["frames with a pose"]["value"] == 100
    assert rows["2D joint error, as estimated"]["value"] == pytest.approx(0, abs=1e-4)
    assert rows["whole-body left/right swaps"]["value"] == 0
    assert rows["2D knee angle error, filtered"]["value"] < 0.3
    assert rows["2D elbow angle error, filtered"]["limit"] == 7
    assert rows["2D knee angle error, filtered"]["n"] == 180


def test_a_known_offset_and_lost_frames_are_reported_and_fail():
    time_s, pose = figure()
    height = truth.true_height(pose)
    seen = pose + np.float32([0.06 * height, 0])
    seen[60:70] = np.nan
    rows = by_name(truth.compare(analysed(seen, time_s), pose, time_s))
    assert rows["frames with a pose"]["value"] == pytest.approx(100 * 80 / 90)
    assert rows["frames with a pose"]["ok"] is False
    for row in ("2D joint error, as estimated", "2D joint error, filtered"):
        assert rows[row]["value"] == pytest.approx(6.0, abs=0.05)
        assert rows[row]["ok"] is False
    assert rows["2D hip angle error, filtered"]["ok"] is True  # a shift turns no limb


def test_swapped_frames_are_reported_from_the_unfiltered_pose():
    time_s, pose = figure()
    crossed = pose.copy()
    crossed[30:48] = pose[30:48][:, FLIP]
    rows = by_name(truth.compare(analysed(crossed, time_s), pose, time_s))
    assert rows["whole-body left/right swaps"]["value"] == pytest.approx(20.0)
    assert rows["whole-body left/right swaps"]["ok"] is False


def test_an_angle_never_known_is_nan_and_no_pass():
    time_s, pose = figure()
    analysis = analysed(pose, time_s)
    person = analysis.people[0]
    angles = np.full_like(person.angles, np.nan)
    person = dataclasses.replace(person, angles=angles)
    rows = by_name(truth.compare(dataclasses.replace(analysis, people=(person,)), pose, time_s))
    knee = rows["2D knee angle error, filtered"]
    assert np.isnan(knee["value"]) and knee["n"] == 0 and knee["ok"] is False
