"""Trunk frames and Cardan angles against SciPy's rotations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dance_jax.kinematics import frames
from dance_jax.skeleton import index
from tests.kinematics.oracle import standing

UPPER = [index("halpe26", n) for n in ("neck", "left_shoulder", "right_shoulder")]


def bent(sequence_deg):
    """A standing person whose upper body is turned by Cardan angles z, x, y about the pelvis."""
    pose = standing()
    # Facing +z: forwards (x of the frame) = +z, right (z of the frame) = -x.
    axes = np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]])
    turn = axes @ Rotation.from_euler("ZXY", sequence_deg, degrees=True).as_matrix() @ axes.T
    origin = pose[index("halpe26", "hip")]
    pose[UPPER] = (pose[UPPER] - origin) @ turn.T + origin
    return pose


@pytest.mark.parametrize("seed", range(5))
def test_cardan_equals_scipy(seed):
    angles = np.random.default_rng(seed).uniform(-70, 70, (6, 3))
    poses = np.stack([bent(a) for a in angles])
    got = np.degrees(frames.thorax_to_pelvis(jnp.asarray(poses, jnp.float32)))
    np.testing.assert_allclose(got, angles, atol=0.01)


def test_signs():
    def angles(pose):
        return np.degrees(frames.thorax_to_pelvis(jnp.asarray(pose, jnp.float32)))

    np.testing.assert_allclose(angles(standing()), 0, atol=1e-3)
    neck, left = index("halpe26", "neck"), index("halpe26", "left_shoulder")
    pose = standing()
    pose[UPPER, 2] += 0.2  # forwards: flexion is negative
    assert angles(pose)[0] < -5
    pose = standing()
    pose[UPPER, 0] -= 0.2  # towards the dancer's right
    assert angles(pose)[1] > 5
    pose = standing()
    pose[left, 2] -= 0.1  # left shoulder back: a turn to the left
    assert angles(pose)[2] > 5
    assert pose[neck, 2] == 0


def test_frames_are_rotations_and_turn_with_the_body():
    pose = standing()
    turn = Rotation.from_rotvec([0, 1.1, 0]).as_matrix()
    for frame in (frames.pelvis_frame, frames.thorax_frame):
        r = np.asarray(frame(jnp.asarray(pose, jnp.float32)))
        np.testing.assert_allclose(r.T @ r, np.eye(3), atol=1e-6)
        assert abs(np.linalg.det(r) - 1) < 1e-5
        turned = np.asarray(frame(jnp.asarray(pose @ turn.T, jnp.float32)))
        np.testing.assert_allclose(turned, turn @ r, atol=1e-5)
    np.testing.assert_allclose(r[:, 0], [0, 0, 1], atol=1e-6)  # facing +z


def test_missing_and_degenerate():
    pose = jnp.asarray(standing(), jnp.float32)
    gone = pose.at[index("halpe26", "left_hip")].set(jnp.nan)
    assert np.isnan(frames.thorax_to_pelvis(gone)).all()
    assert np.isnan(frames.thorax_to_pelvis(jnp.zeros((26, 3)))).all()

    def total(p):
        a = frames.thorax_to_pelvis(p)
        return jnp.where(jnp.isfinite(a), a, 0.0).sum()

    poses = jnp.stack([pose, gone, jnp.zeros((26, 3))])
    assert bool(jnp.isfinite(jax.jit(jax.grad(total))(poses)).all())
