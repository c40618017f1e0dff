"""Tests of whole-body left/right swaps, made and counted."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton as skeletons
from dance_jax.pose.swaps import left_right_swaps
from tests.pose import people
from tests.seeds import fresh

T = 120
TIME = np.arange(T) / 30


def dance() -> np.ndarray:
    return np.stack([people.dancing(t)[:, :2] for t in TIME])


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_swaps_against_the_truth(seed) -> None:
    rng = np.random.default_rng(seed)
    truth = dance()
    swapped = rng.random(T) < 0.2
    pose = np.where(swapped[:, None, None], truth[:, people.FLIP], truth)
    pose = pose + rng.normal(0, 0.01, pose.shape)
    np.testing.assert_array_equal(left_right_swaps(pose, truth, skeleton="mediapipe33"), swapped)
    # without a truth the changes are marked, there and back
    alone = left_right_swaps(pose, skeleton="mediapipe33")
    np.testing.assert_array_equal(alone[1:], swapped[1:] != swapped[:-1])
    assert not alone[0]


def test_missing_joints_are_left_out() -> None:
    pose = dance()
    pose[60:] = pose[60:, people.FLIP]
    pose[50:60] = np.nan
    pose[:, 25:] = np.nan
    found = left_right_swaps(pose, skeleton="mediapipe33")
    assert np.flatnonzero(found).tolist() == [60]
    pose[:, 13:] = np.nan  # shoulders alone are too little to say
    assert not left_right_swaps(pose, skeleton="mediapipe33").any()


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="reference"):
        left_right_swaps(dance(), dance()[1:], skeleton="mediapipe33")
    with pytest.raises(ValueError, match="pose"):
        left_right_swaps(dance()[0], skeleton="mediapipe33")


def test_the_made_person_is_mirrored_by_the_table() -> None:
    flip = skeletons.get("mediapipe33").flip
    np.testing.assert_array_equal(flip, people.FLIP)
    mirror = people.standing() * (-1, 1, 1)
    np.testing.assert_allclose(mirror[people.FLIP], people.standing())
