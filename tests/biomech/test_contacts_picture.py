"""Foot contacts in a picture with perspective: the floor rises with the distance."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.biomech import contacts
from dance_jax.biomech.movement import Movement
from dance_jax.data import camera, synthetic
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from tests.biomech.test_contacts import FEET, scores
from tests.kinematics.oracle import standing
from tests.seeds import fresh

NEAR = camera.Camera((0.0, 1.5, 3.4), (0.0, 0.9, 0.0), 55.0)


def pictured(pose, time_s, height_m, view=NEAR, noise=0.0, seed=0):
    """Poses in metres as a camera with perspective sees them, in body heights at the target."""
    px = camera.project(pose, view) * (1.0, -1.0)
    distance = np.linalg.norm(np.subtract(view.position, view.target))
    flat = px / (view.focal_px * height_m / distance)
    if noise:
        flat = flat + np.random.default_rng(seed).normal(0, noise, flat.shape)
        flat = np.asarray(butterworth_zero_phase(flat.astype(np.float32), time_s))
    return Movement(
        jnp.asarray(flat, jnp.float32), jnp.asarray(time_s, jnp.float32), jnp.float32(height_m)
    )


def coming_nearer(steps=5, each_s=0.5, stride=0.5, wait_s=1.5, fps=30.0):
    """A stiff body that stands, then comes from z = -1.5 m in steps, then stands again.

    In steps of 1 m, 2 a second, the camera 4.9 to 2.9 m away.
    """
    time = np.arange(0.0, 2 * wait_s + steps * each_s, 1 / fps)
    pose = 1.7 * np.tile(standing(1.0), (len(time), 1, 1))
    planted = np.ones((len(time), 2), bool)
    z = np.full((len(time), 2), -1.5)
    for k in range(steps):
        start, foot = wait_s + k * each_s, k % 2
        u = np.clip((time - start) / each_s, 0, 1)
        z[:, foot] += stride * (1 if k in (0, steps - 1) else 2) * u**2 * (3 - 2 * u)
        swings = (u > 0) & (u < 1)
        planted[:, foot] &= ~swings
        pose[:, list(contacts.JOINTS[foot]), 1] += 0.12 * np.sin(np.pi * u)[:, None] ** 2
    for foot in (0, 1):
        pose[:, list(contacts.JOINTS[foot]), 2] += z[:, foot, None]
    pose[:, [j for j in range(26) if j not in FEET], 2] += z.mean(1)[:, None]
    return pose, time, planted


@pytest.mark.parametrize("noise", [0.0, 0.004])
def test_coming_nearer_to_the_camera(noise):
    """The floor sinks in the picture as the dancer nears, and who stood far away stood."""
    pose, time, planted = coming_nearer()
    moved = pictured(pose, time, 1.7, noise=noise)
    found = np.asarray(contacts.foot_contacts(moved))
    assert (found == planted).mean() > 0.93
    assert found[time < 1.4].mean() > 0.97 and found[time > 4.2].mean() > 0.97
    flat = np.asarray(contacts.foot_contacts(moved, contacts.floor_height(moved)))
    assert not flat[time < 1.4].any()  # a floor of one height
    assert np.asarray(contacts.airborne(moved)).mean() < 0.02
    floor = np.asarray(contacts.local_floor(moved))
    sinks = floor[time < 1.4].mean(0) - floor[time > 4.2].mean(0)
    assert (sinks > 0.15).all()


def test_through_a_camera_with_perspective(full_size, figures):
    found, flat, truth = [], [], []
    for k, seed in enumerate(fresh(__name__ + "camera", 24 if full_size else 6)):
        dance = synthetic.generate(seed, duration_s=8.0)
        view = camera.frame_dancers(
            [dance.pose], yaw_deg=(0, 20, 60)[k % 3], height_m=1.5, fov_deg=(62, 40)[k % 2]
        )
        moved = pictured(dance.pose, dance.time_s, dance.body.height_m, view, 0.004, seed)
        found.append(np.asarray(contacts.foot_contacts(moved)))
        flat.append(np.asarray(contacts.foot_contacts(moved, contacts.floor_height(moved))))
        truth.append(dance.planted)
    found, flat, truth = map(np.concatenate, (found, flat, truth))
    got = scores(found, truth)
    figures["contacts in perspective"] = [round(float(x), 3) for x in got]
    assert got[0] > 0.82 and got[1] > 0.87 and got[2] > 0.6, got
    assert got[0] > scores(flat, truth)[0] + 0.1


def test_in_a_picture_a_foot_lies_flat_and_one_foot_carries():
    pose, time, _ = coming_nearer()
    moved = pictured(pose, time, 1.7)
    points, seen = contacts.point_contacts(moved)
    assert (np.asarray(points).any(-1)[..., None] & seen == points).all()
    height = np.asarray(moved.pose)[-1, list(contacts.JOINTS[0]), 1]
    assert height[0] - height[1] > contacts.LOW[1]  # heel over toe: it points to the camera

    def sliding(left, right):
        x = jnp.asarray([left, right])[jnp.asarray([0] * 4 + [1] * 4)] * moved.time_s[:40, None]
        still = jnp.broadcast_to(moved.pose[0], (40, 26, 2))
        slid = moved._replace(
            pose=still.at[:, jnp.asarray(FEET), 0].add(x), time_s=moved.time_s[:40]
        )
        assert (np.asarray(contacts.airborne(slid)) == 0).all()
        return np.asarray(contacts.foot_contacts(slid)).all(0).tolist()

    assert sliding(0.0, 0.0) == [True, True]
    assert sliding(0.05, 0.4) == [True, False]
    assert sliding(0.13, 0.0) == [False, True]  # judged beside the other
    assert sliding(0.9, 0.4) == [False, True]
    assert sliding(0.9, 1.2) == [False, False]


def test_in_a_picture_a_raised_foot_and_a_jump_are_off_the_floor():
    time = np.arange(0, 5, 1 / 30)
    pose = np.tile(standing(1.0)[..., :2], (len(time), 1, 1))
    raised = (time > 1) & (time < 4)
    pose[np.ix_(raised, contacts.JOINTS[1])] += (0.0, 0.15)
    moved = Movement(
        jnp.asarray(pose, jnp.float32), jnp.asarray(time, jnp.float32), jnp.float32(1.7)
    )
    found = np.asarray(contacts.foot_contacts(moved))
    inner = (time > 1.2) & (time < 3.8)
    assert found[inner, 0].all() and not found[inner, 1].any()
    t = np.clip(time - 2, 0, 0.5)
    up = moved.pose.at[..., 1].set(standing(1.0)[:, 1] + (1.4 * t - 2.8 * t**2)[:, None])
    jumping = moved._replace(pose=up)
    air = np.asarray(contacts.airborne(jumping))
    assert (air[(time > 2.06) & (time < 2.44)] == 1).all() and air.mean() < 0.11
    assert not np.asarray(contacts.foot_contacts(jumping))[(time > 2.06) & (time < 2.44)].any()


def test_gradients_in_a_picture():
    pose, time, _ = coming_nearer()
    moved = pictured(pose, time, 1.7, noise=0.004)
    short = moved._replace(time_s=jnp.arange(6) * 0.3)
    weight, hard = contacts.contact_weights(moved), np.asarray(contacts.foot_contacts(moved))
    assert np.asarray(weight)[hard].mean() > 0.7 > 0.3 > np.asarray(weight)[~hard].mean()

    def total(x):
        return jnp.nansum(contacts.contact_weights(short._replace(pose=x)))

    noise = np.random.default_rng(0).normal(0, 0.01, (6, 26, 2))
    check_grads(total, (moved.pose[60:66] + noise,), 1, ["rev"], eps=1e-3, atol=5e-2, rtol=5e-2)
    slope = jax.jit(jax.grad(total))
    for value in (0.0, np.nan):
        assert bool(jnp.isfinite(slope(jnp.full((6, 26, 2), value))).all())
    gone = moved.pose[60:66].at[2:, jnp.asarray(FEET[:4])].set(np.nan)
    assert bool(jnp.isfinite(slope(gone)).all())
