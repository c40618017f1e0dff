"""Body height and the in-plane ratio on figures of known size, turned and moved in depth."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dance_jax.kinematics import angles, scale
from dance_jax.kinematics.in_plane import frame_scale
from dance_jax.skeleton import index
from tests.kinematics.oracle import standing


def seen(poses, distance=None, focal=1000.0):
    """Projects [T, 26, 3] to [T, 26, 2]; orthographic without a distance."""
    poses = np.asarray(poses)
    if distance is None:
        return (100 * poses[..., :2]).astype(np.float32)
    depth = np.asarray(distance)[:, None] - poses[..., 2]
    return (focal * poses[..., :2] / depth[..., None]).astype(np.float32)


def turned(yaw_deg):
    turn = Rotation.from_euler("Y", np.asarray(yaw_deg)[:, None], degrees=True).as_matrix()
    return np.einsum("tij,nj->tni", turn, standing())


@pytest.mark.parametrize("height", [1.2, 1.7, 2.0])
def test_height_of_a_known_figure(height):
    pose = np.repeat(standing(height)[None], 5, 0).astype(np.float32)
    np.testing.assert_allclose(scale.body_height(pose), height, rtol=1e-5)
    np.testing.assert_allclose(scale.body_height_from_trunk(pose), height, rtol=1e-5)
    found = scale.metres_per_unit(height, scale.body_height(100 * pose))
    np.testing.assert_allclose(found, 0.01, rtol=1e-5)


def test_height_is_robust_and_yaw_proof():
    rng = np.random.default_rng(0)
    pose = seen(turned(np.linspace(0, 360, 200))) + rng.normal(0, 0.5, (200, 26, 2))
    pose[rng.random((200, 26)) < 0.2] = np.nan
    pose[::50] += 300 * rng.normal(size=(4, 26, 2))  # four broken frames
    np.testing.assert_allclose(scale.body_height(pose.astype(np.float32)), 170, rtol=0.03)


def test_unseen_legs_give_no_height():
    pose = seen(turned(np.zeros(10)))
    pose[:, [index("halpe26", s + "ankle") for s in ("left_", "right_")]] = np.nan
    assert np.isnan(scale.body_height(pose)) and np.isnan(scale.metres_per_unit(1.7, np.nan))
    np.testing.assert_allclose(scale.body_height_from_trunk(pose), 170, rtol=1e-4)


def test_one_leg_is_enough():
    pose = seen(turned(np.zeros(10)))
    pose[:, [index("halpe26", "left_" + j) for j in ("hip", "knee", "ankle")]] = np.nan
    np.testing.assert_allclose(scale.body_height(pose), 170, rtol=1e-4)


def test_percentile_equals_numpy():
    x = np.random.default_rng(1).normal(size=(57, 4)).astype(np.float32)
    x[x > 1] = np.nan
    x[:, 3] = np.nan
    got = np.asarray(scale.upper_percentile(jnp.asarray(x), 93.0))
    np.testing.assert_allclose(got[:3], np.nanpercentile(x[:, :3], 93, axis=0), rtol=1e-5)
    assert np.isnan(got[3])


def test_gradient_of_height_is_finite():
    pose = jnp.zeros((4, 26, 2)).at[:, 3].set(jnp.nan)
    assert bool(jnp.isfinite(jax.jit(jax.grad(scale.body_height))(pose)).all())


# --- in-plane ratio ---------------------------------------------------------------------------


def arms_forward(angle_deg, n=1):
    """Arms raised forwards in the sagittal plane, out of the picture plane when seen from front."""
    pose = standing()
    a = np.radians(angle_deg)
    for side in ("left_", "right_"):
        shoulder = pose[index("halpe26", side + "shoulder")]
        for joint, length in (("elbow", 0.186 * 1.7), ("wrist", 0.332 * 1.7)):
            pose[index("halpe26", side + joint)] = shoulder + length * np.array(
                [0, -np.cos(a), np.sin(a)]
            )
    return np.repeat(pose[None], n, 0)


def test_ratio_is_the_cosine_of_the_angle_out_of_plane():
    raised = np.array([0, 30, 60, 80])
    poses = np.concatenate([arms_forward(a, 10) for a in raised])
    t = np.arange(40) / 30
    got = np.asarray(angles.in_plane_ratio(seen(poses), ("left_elbow", "left_knee"), t))
    np.testing.assert_allclose(got[::10, 0], np.cos(np.radians(raised)), atol=0.02)
    np.testing.assert_allclose(got[:, 1], 1, atol=0.02)


def test_coming_closer_is_not_foreshortening():
    distance = np.linspace(6, 3, 200)
    pose = seen(turned(np.zeros(200)), distance)
    t = np.arange(200) / 30
    names = ("left_knee", "right_elbow", "trunk")
    got = np.asarray(angles.in_plane_ratio(pose, names, t))
    assert got.min() > 0.9 and got.max() < 1.1
    naive = np.asarray(angles.in_plane_ratio(pose, names, t, scale=np.ones(200), prior=0.0))
    assert naive.min() < 0.6
    np.testing.assert_allclose(np.asarray(frame_scale(pose, t))[[15, -1]], [3 / 5.5, 1.0], atol=0.1)


def test_turning_shows_in_the_pelvis_and_not_in_the_legs():
    yaw = np.linspace(0, 720, 240)
    got = np.asarray(
        angles.in_plane_ratio(seen(turned(yaw)), ("pelvis", "left_knee"), np.arange(240) / 30)
    )
    np.testing.assert_allclose(got[:, 0], np.abs(np.cos(np.radians(yaw))), atol=0.06)
    np.testing.assert_allclose(got[:, 1], 1, atol=0.03)


def test_a_foot_that_always_points_at_the_camera_is_caught_by_the_prior():
    pose = seen(turned(np.zeros(60)))
    got = np.asarray(angles.in_plane_ratio(pose, ("left_foot", "left_ankle"), np.arange(60) / 30))
    assert got.max() < 0.3
    trusting = np.asarray(angles.in_plane_ratio(pose, ("left_foot",), prior=0.0))
    np.testing.assert_allclose(trusting, 1, atol=1e-4)


def test_missing_frames_stay_missing_and_zero_length_is_zero():
    pose = seen(turned(np.zeros(30)))
    pose[4, index("halpe26", "left_wrist")] = np.nan
    pose[5, index("halpe26", "left_wrist")] = pose[5, index("halpe26", "left_elbow")]
    got = np.asarray(angles.in_plane_ratio(pose, ("left_elbow", "right_elbow")))
    assert np.isnan(got[4, 0]) and got[5, 0] == 0 and np.isfinite(got[:, 1]).all()
    empty = np.asarray(angles.in_plane_ratio(np.full((5, 26, 2), np.nan), ("trunk",)))
    assert np.isnan(empty).all()


def test_jit_equals_eager():
    pose, t = seen(turned(np.linspace(0, 90, 40))), np.arange(40) / 30
    eager = angles.in_plane_ratio(pose, time_s=t)
    traced = jax.jit(lambda p: angles.in_plane_ratio(p, time_s=t))(pose)
    np.testing.assert_allclose(traced, eager, atol=1e-5)
