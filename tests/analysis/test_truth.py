"""Comparison with the truth: known offsets, swaps and frame times come out as they went in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.analysis import demo, truth
from dance_jax.analysis.analyze import analyze_clip
from dance_jax.kinematics import angles, scale
from dance_jax.types import Clip
from tests.analysis.fakes import AT, stick_figure
from tests.kinematics.oracle import angles_deg

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


def by_hand(pose):
    """Shank, thigh and trunk at their 90th percentile, over .779 of stature."""

    def length(a, b):
        each = np.linalg.norm(pose[:, AT[b]].astype(float) - pose[:, AT[a]], axis=-1)
        return np.percentile(each, 90)

    limbs = [
        max(length(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right"))
        for a, b in (("knee", "ankle"), ("hip", "knee"))
    ]
    return (sum(limbs) + length("hip", "neck")) / (0.246 + 0.245 + 0.288)


@pytest.mark.parametrize("seed", range(3))
def test_joint_error_in_percent_of_the_true_height(seed):
    rng = np.random.default_rng(seed)
    _, pose = figure()
    height = truth.true_height(pose)
    assert height == pytest.approx(float(scale.body_height(pose)))
    assert height == pytest.approx(by_hand(pose), rel=1e-4)
    assert truth.true_height(2 * pose + 70) == pytest.approx(2 * height, rel=1e-5)
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
    arms = noisy.copy()
    moving = [AT[f"{side}_{j}"] for j in ("elbow", "wrist") for side in ("left", "right")]
    arms[:, moving] = noisy[:, [FLIP[j] for j in moving]]
    assert not truth.swapped(arms, pose).any()
    feet = noisy.copy()
    lower = [AT["left_ankle"], AT["right_ankle"]]
    feet[:, lower] = noisy[:, lower[::-1]]
    assert not truth.swapped(feet, pose).any()  # crossed feet are no whole-body swap
    assert not truth.swapped(np.full_like(pose, np.nan), pose).any()
    unseen = crossed.copy()
    unseen[:, [AT["left_knee"], AT["right_ankle"]]] = np.nan  # the rest still tells
    assert np.array_equal(truth.swapped(unseen, pose), found)


def narrowed(pose, factor):
    out = pose.copy()
    out[..., 0] = 320 + factor * (pose[..., 0] - 320)
    return out


@pytest.mark.parametrize("seed", range(3))
def test_a_side_view_has_no_sides_to_exchange(seed):
    """Noise is greater there than the width of the body: whatever fits better says nothing."""
    rng = np.random.default_rng(seed)
    _, front = figure()
    side = narrowed(front, 0.05)
    noisy = side + rng.normal(0, 12, side.shape)
    assert not truth.swapped(noisy, side).any()
    assert not truth.swapped(side[:, FLIP], side).any()
    assert truth.swapped(front[:, FLIP], front).all()
    # The limit is a mean of 3 % of body height between the sides.
    pairs = ("shoulder", "hip", "knee", "ankle")
    for factor in (0.1, 0.2, 0.3, 0.6):
        true = narrowed(front, factor)
        apart = np.mean(
            [np.linalg.norm(true[:, AT[f"left_{n}"]] - true[:, AT[f"right_{n}"]], axis=-1)
             for n in pairs], axis=0,
        )  # fmt: skip
        expected = apart > 0.03 * by_hand(true)
        assert np.array_equal(truth.swapped(true[:, FLIP], true), expected)
    mixed = np.concatenate([front[:45], side[45:]])
    assert np.array_equal(truth.swapped(mixed[:, FLIP], mixed), np.arange(90) < 45)


@pytest.mark.parametrize(
    ("a", "b", "error"), [(10, 350, 20), (0, 180, 180), (-170, 170, 20), (725, 5, 0), (3, 1, 2)]
)
def test_angles_differ_the_short_way_round(a, b, error):
    assert truth.angle_errors(np.float64(a), np.float64(b)) == pytest.approx(error)
    assert truth.angle_errors(np.float64(b), np.float64(a)) == pytest.approx(error)
    assert np.isnan(truth.angle_errors(np.nan, 1.0))


def by_name(rows):
    return {row["what"]: row for row in rows}


PLAIN = [
    "frames with a pose",
    "whole-body left/right swaps",
    "joints in the picture, as estimated",
    "joints in the picture, filtered",
    "elbow angle in the picture",
    "shoulder angle in the picture",
    "hip angle in the picture",
    "knee angle in the picture",
]


def test_perfect_poses_meet_every_bar():
    time_s, pose = figure()
    found = truth.compare(analysed(pose, time_s), pose, time_s + 7.5)
    assert [row["what"] for row in found] == PLAIN
    rows = by_name(found)
    assert all(row["ok"] is True for row in found)
    assert rows["frames with a pose"]["value"] == 100
    assert rows["frames with a pose"]["p90"] is None  # a share has no spread
    assert rows["joints in the picture, as estimated"]["value"] == pytest.approx(0, abs=1e-4)
    assert rows["whole-body left/right swaps"]["value"] == 0
    knee = rows["knee angle in the picture"]
    assert knee["value"] < 0.3 and knee["value"] <= knee["p90"] and knee["n"] == 180
    limits = [98, 2, 2.5, 2.5, 7, 5, 5, 5]
    assert [rows[what]["limit"] for what in PLAIN] == limits


def solid(pose, depth=0.0):
    """True poses in metres, y up, whose picture is the given one; the forearms lean in depth."""
    out = np.zeros((*pose.shape[:2], 3), np.float32)
    out[..., 0], out[..., 1] = pose[..., 0] / 250, -pose[..., 1] / 250
    for side in ("left", "right"):
        out[:, AT[f"{side}_wrist"], 2] = depth
    return out


def test_true_3d_poses_add_rows_of_what_the_report_shows():
    time_s, pose = figure(120)
    analysis = analysed(pose, time_s)
    person = analysis.people[0]
    deep = solid(pose, 0.3)
    # The figure is watched half as often as the truth is known.
    found = truth.compare(
        analysis, np.repeat(pose, 2, 0), np.arange(240) / 60, np.repeat(deep, 2, 0)
    )
    rows = by_name(found)
    assert len(rows) == len(found) == len(PLAIN) + 5
    assert set(PLAIN) < set(rows)
    true_deg = angles_deg(deep)
    for joint in ("elbow", "shoulder", "hip", "knee"):
        names = [f"{side}_{joint}" for side in ("left", "right")]
        at = [person.angle_names.index(name) for name in names]
        error = np.abs(person.angles[:, at] - np.stack([true_deg[n] for n in names], -1))
        shown = error[person.in_plane[:, at]]
        row = rows[f"{joint}, frames shown, against true 3D"]
        assert row["n"] == len(shown) and row["limit"] is row["ok"] is None
        if len(shown):
            assert row["value"] == pytest.approx(np.median(shown), abs=0.01)
            assert row["p90"] == pytest.approx(np.percentile(shown, 90), abs=0.01)
        else:
            assert row["value"] is row["p90"] is None
    counts = [rows[f"{j}, frames shown, against true 3D"]["n"] for j in ("elbow", "knee")]
    assert counts[0] > 100  # an elbow is shown from the front, a knee is not
    assert counts[1] == 0
    # The picture cannot show the depth of the wrist: both comparisons are made, and they differ.
    deep_row = rows["elbow, frames shown, against true 3D"]
    assert deep_row["value"] > 2 > rows["elbow angle in the picture"]["value"]

    ranges = rows["joint ranges reported, against true 3D"]
    errors = []
    for measure in person.measures:
        name, _, statistic = measure.key.partition(".")
        if statistic == "range" and measure.value is not None and name in angles.JOINT_ANGLE_NAMES:
            errors.append(abs(measure.value - np.subtract(*np.percentile(true_deg[name], (99, 1)))))
    assert ranges["n"] == len(errors) > 0 and ranges["limit"] is ranges["ok"] is None
    assert ranges["value"] == pytest.approx(np.median(errors), abs=0.02)


def test_where_nothing_is_reported_the_rows_have_no_value():
    time_s, pose = figure()
    analysis = analysed(pose, time_s)
    person = analysis.people[0]
    hidden = dataclasses.replace(person, in_plane=np.zeros_like(person.in_plane), measures=())
    rows = by_name(
        truth.compare(dataclasses.replace(analysis, people=(hidden,)), pose, time_s, solid(pose))
    )
    for joint in ("elbow", "shoulder", "hip", "knee"):
        row = rows[f"{joint}, frames shown, against true 3D"]
        assert row["value"] is row["p90"] is row["ok"] is None and row["n"] == 0
        assert rows[f"{joint} angle in the picture"]["ok"] is True
    assert rows["joint ranges reported, against true 3D"]["value"] is None
    text = demo.table(list(rows.values()), "title").splitlines()
    line = next(line for line in text if line.startswith("joint ranges"))
    assert line.split()[-3:] == ["-", "0", "deg"]


def test_a_known_offset_and_lost_frames_are_reported_and_fail():
    time_s, pose = figure()
    height = truth.true_height(pose)
    seen = pose + np.float32([0.06 * height, 0])
    seen[60:70] = np.nan
    rows = by_name(truth.compare(analysed(seen, time_s), pose, time_s))
    assert rows["frames with a pose"]["value"] == pytest.approx(100 * 80 / 90)
    assert rows["frames with a pose"]["ok"] is False
    for row in ("joints in the picture, as estimated", "joints in the picture, filtered"):
        assert rows[row]["value"] == pytest.approx(6.0, abs=0.05)
        assert rows[row]["ok"] is False
    assert rows["hip angle in the picture"]["ok"] is True  # a shift turns no limb
    text = demo.table(list(rows.values()), "a title")
    assert text.startswith("a title") and text.count("MISSED") == 3


def test_swapped_frames_are_reported_from_the_unfiltered_pose():
    time_s, pose = figure()
    crossed = pose.copy()
    crossed[30:48] = pose[30:48][:, FLIP]
    rows = by_name(truth.compare(analysed(crossed, time_s), pose, time_s))
    assert rows["whole-body left/right swaps"]["value"] == pytest.approx(20.0)
    assert rows["whole-body left/right swaps"]["ok"] is False


def test_an_angle_never_known_has_no_value_and_is_no_pass():
    time_s, pose = figure()
    analysis = analysed(pose, time_s)
    person = analysis.people[0]
    person = dataclasses.replace(person, angles=np.full_like(person.angles, np.nan))
    rows = by_name(truth.compare(dataclasses.replace(analysis, people=(person,)), pose, time_s))
    knee = rows["knee angle in the picture"]
    assert knee["value"] is knee["p90"] is None and knee["n"] == 0 and knee["ok"] is False
