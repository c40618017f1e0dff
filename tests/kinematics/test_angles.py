"""Angles against an oracle, golden values, invariances, gradients, and transformed execution."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from dance_jax import skeleton as sk
from dance_jax.errors import InputError
from dance_jax.kinematics import angles
from tests.kinematics.oracle import angles_deg, standing


def random_pose(seed, dims, n=20):
    return np.random.default_rng(seed).normal(size=(n, 26, dims)).astype(np.float32)


def wrapped(a):
    return (np.asarray(a) + 180) % 360 - 180


def value(pose, name):
    return float(np.degrees(angles.compute(jnp.asarray(pose), (name,)))[..., 0])


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_against_the_oracle(seed, dims):
    pose = random_pose(seed, dims)
    got = np.degrees(angles.compute(pose))
    want = angles_deg(pose)
    assert set(want) == set(angles.ANGLE_NAMES)
    for k, name in enumerate(angles.ANGLE_NAMES):
        np.testing.assert_allclose(wrapped(got[:, k] - want[name]), 0, atol=2e-2, err_msg=name)
        low, high = angles.get(name).range_deg
        assert (got[:, k] >= low - 1e-3).all() and (got[:, k] <= high + 1e-3).all()


def test_golden_values_of_a_standing_person():
    pose = standing()
    slant = np.degrees(np.arctan(0.05 / 0.288))  # from the shoulder in to the hip
    for side in ("left_", "right_"):
        assert value(pose, side + "elbow") == 0 == value(pose, side + "knee")
        assert abs(value(pose, side + "ankle")) < 1e-3
        assert abs(value(pose, side + "shoulder") - slant) < 1e-3
        assert abs(value(pose, side + "hip") - slant) < 1e-3
        for name in ("upper_arm", "forearm", "thigh", "shank"):
            assert abs(value(pose, side + name) + 90) < 1e-3
    for name, want in (("pelvis", 0), ("shoulders", 0), ("trunk", 90), ("head", 90)):
        assert abs(value(pose, name) - want) < 1e-3


def test_golden_values_of_bent_limbs():
    pose = standing()[:, :2]

    def at(name, xy):
        pose[sk.index("halpe26", name)] = xy

    at("left_shoulder", (0.2, 1.4))
    at("left_elbow", (0.5, 1.4))
    at("left_wrist", (0.5, 1.7))
    assert abs(value(pose, "left_elbow") - 90) < 1e-3
    assert (
        abs(value(pose, "left_upper_arm")) < 1e-3 and abs(value(pose, "left_forearm") - 90) < 1e-3
    )
    at("right_knee", (0.0, 0.5))
    at("right_ankle", (0.0, 0.1))
    at("right_heel", (0.0, 0.0))
    at("right_big_toe", (0.2, 0.2))  # toes up by 45 degrees
    assert abs(value(pose, "right_ankle") - 45) < 1e-3
    at("right_big_toe", (0.2, -0.2))
    assert abs(value(pose, "right_ankle") + 45) < 1e-3
    up = np.array(pose)
    up[sk.index("halpe26", "left_hip")] = (0.2, 0.9)
    up[sk.index("halpe26", "left_elbow")] = (0.2, 1.7)
    assert abs(value(up, "left_shoulder") - 180) < 1e-3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 50), st.floats(-3.1, 3.1))
def test_invariances(seed, scale, turn):
    pose = random_pose(seed, 2, n=4)
    c, s = np.cos(turn), np.sin(turn)
    moved = scale * (pose @ np.array([[c, s], [-s, c]])) + np.array([3.0, -2.0])
    before, after = np.degrees(angles.compute(pose)), np.degrees(angles.compute(moved))
    segment = np.array([angles.get(n).kind == "segment" for n in angles.ANGLE_NAMES])
    np.testing.assert_allclose(after[:, ~segment], before[:, ~segment], atol=0.1)
    np.testing.assert_allclose(
        wrapped(after[:, segment] - before[:, segment] - np.degrees(turn)), 0, atol=0.1
    )


@pytest.mark.parametrize("dims", [2, 3])
def test_rotation_in_space_and_mirroring(dims):
    pose = random_pose(5, dims)
    names = angles.JOINT_ANGLE_NAMES
    before = np.asarray(angles.compute(pose, names))
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(dims, dims)))[0]
    np.testing.assert_allclose(angles.compute(pose @ turn, names), before, atol=1e-4)
    order = [names.index(angles.flip_angle(n)) for n in names]
    np.testing.assert_allclose(
        angles.compute(sk.mirror(pose, "halpe26"), names), before[:, order], atol=1e-5
    )
    names = angles.SEGMENT_ANGLE_NAMES
    order = [names.index(angles.flip_angle(n)) for n in names]
    before = np.degrees(angles.compute(pose, names))[:, order]
    after = np.degrees(angles.compute(sk.mirror(pose, "halpe26"), names))
    across = np.isin(names, ["pelvis", "shoulders"])  # their ends swap with the sides
    want = np.where(across, -before, 180 - before)
    np.testing.assert_allclose(wrapped(after - want), 0, atol=1e-2)


def test_three_dimensions_hold_two():
    flat = random_pose(8, 2)
    deep = np.concatenate([flat, np.zeros_like(flat[..., :1])], -1)
    np.testing.assert_allclose(angles.compute(flat), angles.compute(deep), atol=1e-5)


def test_missing_joints_touch_only_their_angles():
    pose = random_pose(1, 2, n=1)
    whole = np.asarray(angles.compute(pose))
    pose[0, sk.index("halpe26", "left_wrist"), 0] = np.nan
    got = np.asarray(angles.compute(pose))
    gone = np.isin(angles.ANGLE_NAMES, ["left_elbow", "left_forearm"])
    assert np.isnan(got[0, gone]).all()
    np.testing.assert_array_equal(got[0, ~gone], whole[0, ~gone])


@pytest.mark.parametrize("dims", [2, 3])
def test_gradients_are_finite_everywhere(dims):
    def total(pose):
        out = angles.compute(pose)
        return jnp.sum(jnp.where(jnp.isfinite(out), jnp.sin(out) + out, 0.0))

    gradient = jax.jit(jax.grad(total))
    straight = jnp.asarray(standing()[None, :, :dims], jnp.float32)
    missing = jnp.asarray(random_pose(2, dims, 3)).at[:, 7].set(jnp.nan).at[2].set(jnp.nan)
    poses = jnp.concatenate([jnp.zeros((1, 26, dims)), straight, jnp.ones((1, 26, dims)), missing])
    assert bool(jnp.isfinite(gradient(poses)).all())
    assert bool(jnp.any(gradient(poses)[3] != 0))
    assert bool(jnp.isfinite(angles.compute(jnp.zeros((1, 26, dims)))).all())


@pytest.mark.parametrize("dims", [2, 3])
def test_gradients_are_right(dims):
    pose = jnp.asarray(random_pose(4, dims, n=1))
    check_grads(
        lambda p: angles.compute(p), (pose,), order=1, modes=["rev"], atol=0.05, rtol=0.05, eps=1e-3
    )


def test_jit_and_vmap_equal_eager():
    pose = jnp.asarray(random_pose(3, 3, n=12).reshape(3, 4, 26, 3))
    eager = angles.compute(pose)
    assert eager.shape == (3, 4, len(angles.ANGLE_NAMES))
    np.testing.assert_allclose(jax.jit(angles.compute)(pose), eager, atol=1e-5)
    np.testing.assert_allclose(jax.vmap(angles.compute)(pose), eager, atol=1e-5)


def test_table_and_mistakes():
    for row in angles.ANGLES:
        partner = angles.get(angles.flip_angle(row.name))
        assert {sk.other_side(j) for j in row.joints} == set(partner.joints)
        assert partner.side == {"left": "right", "right": "left", "": ""}[row.side]
        assert len(row.points) == (3 if row.kind == "joint" else 2)
    with pytest.raises(InputError, match="left_knee"):
        angles.compute(np.zeros((1, 26, 2)), ("left_kneee",))
    with pytest.raises(ValueError, match="halpe26"):
        angles.compute(np.zeros((1, 17, 2)))


def test_image_to_y_up():
    pose = random_pose(0, 2)
    up = angles.image_to_y_up(pose)
    np.testing.assert_array_equal(up[..., 0], pose[..., 0])
    np.testing.assert_array_equal(up[..., 1], -pose[..., 1])
