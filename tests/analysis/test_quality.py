"""The quality gate: what was seen, by part, and which angles that supports."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.analysis import quality

JOINTS = skeleton.get("halpe26").joints
AT = {name: i for i, name in enumerate(JOINTS)}


@pytest.mark.parametrize("seed", range(3))
def test_joint_seen_is_finite_confident_and_inside_the_picture(seed):
    rng = np.random.default_rng(seed)
    pose = rng.uniform(-50, 250, (40, 26, 2)).astype(np.float32)
    confidence = rng.uniform(0, 1, (40, 26)).astype(np.float32)
    pose[rng.random((40, 26)) < 0.1, seed % 2] = np.nan
    size = (200, 120)
    seen = quality.joint_seen(pose, confidence, 0.4, size)
    for t in range(40):
        for j in range(26):
            x, y = (float(v) for v in pose[t, j])
            expected = 0 <= x <= 200 and 0 <= y <= 120 and confidence[t, j] >= 0.4
            assert seen[t, j] == expected
    without_edges = quality.joint_seen(pose, confidence, 0.4)
    assert np.array_equal(without_edges, np.isfinite(pose).all(-1) & (confidence >= 0.4))


def test_an_edge_test_does_not_bound_depth():
    pose = np.array([[[5.0, 5.0, -40.0]]], np.float32)
    assert quality.joint_seen(pose, np.ones((1, 1)), 0.5, (10, 10)).all()


@pytest.mark.parametrize(
    ("share", "status"),
    [
        (1.0, "ok"),
        (0.7, "ok"),
        (0.69, "partial"),
        (0.3, "partial"),
        (0.29, "unseen"),
        (0, "unseen"),
    ],
)
def test_part_status_follows_the_share_of_frames(share, status):
    seen = np.ones((100, 26), bool)
    confidence = np.full((100, 26), 0.8, np.float32)
    hidden = [AT[name] for name in quality.PARTS["legs"]]
    seen[round(100 * share) :, hidden] = False
    confidence[:, hidden] = 0.25
    parts = {part.name: part for part in quality.part_quality(seen, confidence)}
    assert parts["legs"].seen == pytest.approx(share)
    assert parts["legs"].status == status
    assert parts["legs"].confidence == pytest.approx(0.25)
    assert all(parts[name].seen == 1 for name in parts if name != "legs")
    assert parts["arms"].confidence == pytest.approx(0.8)


def test_half_of_a_part_is_enough_for_a_frame():
    seen = np.zeros((4, 26), bool)
    for frame in range(4):
        seen[frame, [AT[name] for name in quality.PARTS["arms"][: frame + 1]]] = True
    parts = {part.name: part for part in quality.part_quality(seen, np.zeros((4, 26)))}
    assert parts["arms"].seen == 0.75


def test_part_confidence_counts_nan_as_none():
    confidence = np.full((2, 26), np.nan, np.float32)
    confidence[0] = 1.0
    for part in quality.part_quality(np.ones((2, 26), bool), confidence):
        assert part.confidence == pytest.approx(0.5)


@pytest.mark.parametrize("side", range(3))
def test_angles_are_refused_with_the_reason(side):
    names = ("left_knee", "right_knee", "left_elbow", "right_elbow", "trunk")
    seen, flat = np.ones((100, 5), bool), np.ones((100, 5), bool)
    seen[40:, 1] = False
    flat[:80, 2] = False
    seen[60:, 3] = False  # of its 60 frames 30 may be believed: just enough
    flat[30:, 3] = False
    seen[50:, 4] = False
    view = np.full(100, side, np.int8)
    status = quality.angle_status(seen, flat, names, view)
    assert status["left_knee"] == status["right_elbow"] == status["trunk"] == ("ok", "")
    assert status["right_knee"][0] == status["left_elbow"][0] == "refused"
    assert "40 %" in status["right_knee"][1] and "50 %" in status["right_knee"][1]
    assert "80 %" in status["left_elbow"][1]
    assert ("from the front", "obliquely", "from the side")[side] in status["left_elbow"][1]


def test_three_dimensional_angles_have_no_picture_plane():
    seen, flat = np.ones((10, 1), bool), np.zeros((10, 1), bool)
    view = np.zeros(10, np.int8)
    assert quality.angle_status(seen, flat, ("trunk",), view)["trunk"][0] == "refused"
    assert quality.angle_status(seen, flat, ("trunk",), view, planar=False)["trunk"] == ("ok", "")


def test_nothing_seen_is_refused_not_divided_by_zero():
    none = np.zeros((0, 1), bool)
    status = quality.angle_status(none, none, ("trunk",), np.zeros(0, np.int8))
    assert status["trunk"][0] == "refused"
    parts = quality.part_quality(np.zeros((0, 26), bool), np.zeros((0, 26)))
    assert all(part.status == "unseen" and part.seen == 0 for part in parts)
