"""Frontality: the |cos yaw| of projected dancers whose yaw is known, and what it does not need."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.data import camera, synthetic
from dance_jax.kinematics import angles
from dance_jax.skeleton import index
from tests.seeds import fresh

FPS, SECONDS = 15.0, 4.0
TIME_S = np.arange(60) / FPS
SEEDS = fresh(__name__, 3)


@functools.cache
def seen(seed, yaw_deg, width=480, height=640):
    """Pixels [T,26,2] of a dancer of random build and little movement who keeps one yaw."""
    dance = synthetic.generate(seed, "calibration", SECONDS, FPS).moved(yaw_deg=yaw_deg)
    found = camera.frame_dancers([dance.pose], width, height)
    return camera.project(dance.pose, found).astype(np.float32)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("yaw", [0, 60, 90, 120, 180, 270])
def test_it_is_the_cosine_of_the_yaw(seed, yaw):
    got = np.asarray(angles.frontality(seen(seed, yaw), time_s=TIME_S))
    assert got.shape == (60,)
    assert np.median(got) == pytest.approx(abs(np.cos(np.radians(yaw))), abs=0.15)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dancer_filmed_obliquely_all_the_time_is_not_frontal(seed):
    """Held to the clip's own widest view, 60 degrees would look like 0."""
    front, oblique = (angles.frontality(seen(seed, yaw), time_s=TIME_S) for yaw in (0, 60))
    assert (np.asarray(oblique) < 0.7).mean() > 0.95
    assert (np.asarray(oblique) > 0.35).mean() > 0.95
    assert (np.asarray(front) >= 0.7).mean() > 0.95
    own = angles.in_plane_ratio(seen(seed, 60), ("shoulders", "pelvis"), TIME_S, prior=0.0)
    assert np.median(np.asarray(own)) > 0.8  # what the clip alone says


def test_a_turntable_is_followed_through_the_clip():
    dance = synthetic.generate(SEEDS[0], "calibration", SECONDS, FPS)
    yaw = 360 * dance.time_s / SECONDS
    pose = dance.moved(yaw_deg=yaw).pose
    pixels = camera.project(pose, camera.frame_dancers([pose])).astype(np.float32)
    got = np.asarray(angles.frontality(pixels, time_s=TIME_S))
    error = got - np.abs(np.cos(np.radians(yaw)))
    assert np.median(np.abs(error)) < 0.1 and np.abs(error).max() < 0.3


def test_neither_size_nor_place_nor_the_sense_of_y_matters():
    pose = seen(SEEDS[0], 40)
    want = np.asarray(angles.frontality(pose, time_s=TIME_S))
    for other in (0.31 * pose, pose + np.float32([500, -90]), angles.image_to_y_up(pose)):
        got = np.asarray(angles.frontality(np.asarray(other, np.float32), time_s=TIME_S))
        np.testing.assert_allclose(got, want, atol=2e-3)
    mirrored = pose * np.float32([-1, 1])
    np.testing.assert_allclose(angles.frontality(mirrored, time_s=TIME_S), want, atol=2e-3)


def test_coming_closer_is_not_turning():
    pose = seen(SEEDS[1], 0)[:1] * np.linspace(1, 2, 60, dtype=np.float32)[:, None, None]
    got = np.asarray(angles.frontality(pose, time_s=TIME_S))
    # The slow scale takes the largest size within a quarter of a second.
    assert got.min() > 0.7 * got.max()


def test_one_width_or_the_trunk_alone_is_enough_and_less_is_unknown():
    pose = seen(SEEDS[1], 0)
    whole = np.median(np.asarray(angles.frontality(pose, time_s=TIME_S)))

    def without(*joints, frames=slice(None)):
        out = pose.copy()
        for joint in joints:
            out[frames, index("halpe26", joint)] = np.nan
        return np.asarray(angles.frontality(out, time_s=TIME_S))

    for joint in ("left_shoulder", "right_hip"):
        got = without(joint, frames=slice(10, 20))
        assert np.isfinite(got).all()
        assert np.median(got[10:20]) == pytest.approx(whole, abs=0.15)
    got = without("left_shoulder", "right_hip", frames=slice(10, 20))
    assert np.isnan(got[10:20]).all() and np.isfinite(got[:10]).all()
    legs = [f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "ankle")]
    assert np.median(without(*legs)) == pytest.approx(whole, abs=0.2)
    assert np.isnan(without(*legs, "neck")).all()  # no body height at all
    assert np.isnan(np.asarray(angles.frontality(np.full((5, 26, 2), np.nan)))).all()


def test_jit_equals_eager():
    pose = seen(SEEDS[2], 60).copy()
    pose[3, index("halpe26", "left_shoulder")] = np.nan
    pose[4] = np.nan
    eager = angles.frontality(pose, time_s=TIME_S)
    traced = jax.jit(lambda p: angles.frontality(p, time_s=TIME_S))(pose)
    np.testing.assert_allclose(traced, eager, atol=1e-5)


@pytest.mark.parametrize("measure", [angles.frontality, angles.in_plane_ratio])
def test_gradients_are_finite_where_joints_are_missing(measure):
    pose = seen(SEEDS[2], 60).copy()
    gradient = jax.jit(jax.grad(lambda p: jnp.nansum(measure(p))))
    assert np.abs(gradient(pose)).max() > 0
    pose[3, index("halpe26", "left_shoulder")] = np.nan
    pose[4] = np.nan
    given = [np.full_like(pose, np.nan), np.zeros_like(pose), pose]
    for joint in ("ankle", "knee", "hip", "wrist", "shoulder"):
        given.append(pose.copy())
        given[-1][:, [index("halpe26", f"{side}_{joint}") for side in ("left", "right")]] = np.nan
    for one in given:
        assert np.isfinite(gradient(one)).all()
