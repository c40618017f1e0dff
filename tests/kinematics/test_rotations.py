"""Rotations against SciPy, and their gradients at the places where formulas divide by zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dance_jax.kinematics import rotations

ORDERS = ("xyz", "zyx", "yxz", "XYZ", "ZYX", "YXZ", "ZXY", "xzy")


def random_rotvec(seed: int, n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=(n, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.concatenate([rng.uniform(0, np.pi, n - 20), 10.0 ** rng.uniform(-9, -3, 20)])
    return (axis * angle[:, None]).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_axis_angle_to_matrix_equals_scipy(seed: int) -> None:
    rotvec = random_rotvec(seed)
    got = jax.jit(rotations.axis_angle_to_matrix)(rotvec)
    np.testing.assert_allclose(got, Rotation.from_rotvec(rotvec).as_matrix(), atol=2e-6)


@pytest.mark.parametrize("seed", [3, 4])
def test_matrix_to_axis_angle_equals_scipy(seed: int) -> None:
    rotvec = random_rotvec(seed)
    matrix = Rotation.from_rotvec(rotvec).as_matrix().astype(np.float32)
    got = np.asarray(jax.jit(rotations.matrix_to_axis_angle)(matrix))
    # Near pi both signs name one rotation, so rotations are compared, not vectors.
    gap = (Rotation.from_rotvec(got) * Rotation.from_rotvec(rotvec).inv()).magnitude()
    assert gap.max() < 2e-5
    assert np.linalg.norm(got, axis=-1).max() <= np.pi + 1e-5


def test_half_turns_come_back() -> None:
    for axis in np.eye(3):
        matrix = Rotation.from_rotvec(np.pi * axis).as_matrix().astype(np.float32)
        got = np.asarray(rotations.matrix_to_axis_angle(matrix))
        np.testing.assert_allclose(np.abs(got), np.pi * axis, atol=1e-5)


def test_quaternion_equals_scipy() -> None:
    turns = Rotation.from_rotvec(random_rotvec(5))
    x, y, z, w = turns.as_quat(canonical=True).T
    got = rotations.matrix_to_quaternion(turns.as_matrix().astype(np.float32))
    np.testing.assert_allclose(got, np.stack([w, x, y, z], -1), atol=3e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_equals_scipy(order: str) -> None:
    rng = np.random.default_rng(len(order) + sum(map(ord, order)))
    angles = rng.uniform([-3.1, -1.5, -3.1], [3.1, 1.5, 3.1], (100, 3)).astype(np.float32)
    matrix = np.asarray(rotations.euler_to_matrix(angles, order))
    np.testing.assert_allclose(matrix, Rotation.from_euler(order, angles).as_matrix(), atol=3e-6)
    np.testing.assert_allclose(rotations.matrix_to_euler(matrix, order), angles, atol=2e-4)


@pytest.mark.parametrize("order", ["xyx", "XyZ", "xy", "abc"])
def test_a_wrong_order_is_refused(order: str) -> None:
    with pytest.raises(ValueError, match="order"):
        rotations.euler_to_matrix(np.zeros(3), order)


def test_gradients_are_finite_and_right_at_zero() -> None:
    jacobian = jax.jacfwd(rotations.axis_angle_to_matrix)(jnp.zeros(3))
    for k in range(3):
        np.testing.assert_allclose(jacobian[..., k], rotations.skew(jnp.eye(3)[k]), atol=1e-6)
    back = jax.jacrev(lambda r: rotations.matrix_to_axis_angle(rotations.axis_angle_to_matrix(r)))
    np.testing.assert_allclose(back(jnp.zeros(3)), np.eye(3), atol=1e-5)
    np.testing.assert_allclose(back(jnp.array([0.4, -1.1, 0.3])), np.eye(3), atol=1e-4)


def test_second_derivative_is_right_at_zero() -> None:
    """R = I + K + K^2 / 2 + ..., so the second derivative along an axis is K^2."""
    axis = jnp.array([0.6, 0.0, 0.8])
    along = jax.jacfwd(jax.jacfwd(lambda s: rotations.axis_angle_to_matrix(s * axis)))
    k = rotations.skew(axis)
    np.testing.assert_allclose(along(0.0), k @ k, atol=1e-5)
