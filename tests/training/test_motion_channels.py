"""Channels of motion and poses about a take-off: known movements, invariances, mirror images."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import synthetic
from dance_jax.training import flight
from dance_jax.training.motion_channels import FAMILIES, motion_channels
from dance_jax.training.prepared import prepared
from dance_jax.types import Clip
from tests.seeds import fresh

FPS = 25.0


def _clip(pose: np.ndarray, fps: float = FPS) -> Clip:
    sure = np.isfinite(pose).all(-1)[:, None].astype(np.float32)
    return Clip(pose[:, None].astype(np.float32), sure, np.arange(len(pose)) / fps, unit="m")


def _turned(pose: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return pose @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_channels_do_not_change_with_place_or_heading(seed: int) -> None:
    one = synthetic.generate(seed, None, 2.0, FPS).pose
    a = motion_channels(prepared(_clip(one), fps=FPS, axes=3))
    moved = _turned(one, 0.9) + np.array([4.0, 0.0, -2.0])
    b = motion_channels(prepared(_clip(moved), fps=FPS, axes=3))
    assert set(a) == set(FAMILIES)
    for name in FAMILIES:
        assert a[name].shape[0] == len(one)
        np.testing.assert_allclose(a[name], b[name], atol=0.02, equal_nan=True)


def test_the_mirrored_channels_are_those_of_the_mirror_image() -> None:
    one = synthetic.generate(4, None, 1.0, FPS).pose
    order = np.asarray(skeleton.get("halpe26").flip)
    other = one[:, order] * np.array([-1.0, 1.0, 1.0])
    got = motion_channels(_clip(one), mirrored=True)
    want = motion_channels(_clip(other))
    for name in FAMILIES:
        np.testing.assert_allclose(got[name], want[name], atol=1e-4, equal_nan=True)
        assert not np.allclose(got[name], motion_channels(_clip(one))[name], equal_nan=True)


def test_a_forearm_that_turns_at_a_known_rate() -> None:
    pose = np.repeat(synthetic.generate(0, None, 1.0, FPS).pose[:1], 20, axis=0)
    elbow, wrist = (skeleton.index("halpe26", f"left_{n}") for n in ("elbow", "wrist"))
    rate = 3.0
    angle = rate * np.arange(20) / FPS
    pose[:, wrist] = pose[:, elbow] + 0.2 * np.stack(
        [np.cos(angle), np.sin(angle), np.zeros(20)], -1
    )
    found = motion_channels(_clip(pose))
    turning = np.exp(found["turning"]) - 0.2
    np.testing.assert_allclose(turning[1:, 1], rate, rtol=1e-3)
    assert np.abs(np.delete(turning, 1, axis=1)).max() < 1e-3
    speed = np.exp(found["speed"]) - 0.02
    np.testing.assert_allclose(speed[2:-2, wrist], 0.2 * rate, rtol=0.02)
    assert np.abs(np.delete(speed, wrist, axis=1)).max() < 1e-3
    with pytest.raises(ValueError, match="one frame"):
        motion_channels(_clip(pose[:1]))


def _jump(angle: float = 0.0, late: int = 0) -> Clip:
    """A stiff body that glides along x and flies from 1.5 s on for 0.5 s."""
    pose = np.repeat(synthetic.generate(0, None, 1.0, 60.0).pose[:1], 210 + late, axis=0)
    t = (np.arange(len(pose)) - late) / 60.0
    pose[..., 0] += 2.0 * t[:, None]
    inside = (t > 1.5) & (t < 2.0)
    pose[inside, :, 1] += 4.905 * ((t - 1.5) * (2.0 - t))[inside, None]
    return _clip(_turned(pose, angle), 60.0)


def test_the_flight_of_a_known_jump_is_found() -> None:
    clip = _jump()
    found = flight.find_flight(clip, flight.smoothed(clip))
    assert abs(found.top / 60 - 1.75) < 0.03
    assert abs(found.take_off / 60 - 1.5) < 0.08 and abs(found.landing / 60 - 2.0) < 0.08
    glitch = clip.pose.copy()
    glitch[:5, ..., 1] += 3.0
    broken = Clip(glitch, clip.confidence, clip.time_s, unit="m")
    assert flight.find_flight(broken, flight.smoothed(broken)).top == found.top


@pytest.mark.parametrize("directions", [False, True])
def test_a_jump_is_the_same_wherever_and_whenever(directions: bool) -> None:
    rows = [
        flight.about_take_off(clip, travel=True, directions=directions)
        for clip in (_jump(), _jump(late=30), _jump(angle=1.1))
    ]
    assert rows[0].shape == rows[1].shape and np.isfinite(rows[0]).all()
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-3)
    np.testing.assert_allclose(rows[0], rows[2], atol=1e-3)
    kept = [flight.about_take_off(_jump(a), directions=directions) for a in (0.0, 1.1)]
    assert np.abs(kept[0] - kept[1]).max() > 0.1
    with pytest.raises(ValueError, match="three dimensions"):
        clip = _jump()
        flight.about_take_off(Clip(clip.pose[..., :2], clip.confidence, clip.time_s, unit="m"))
