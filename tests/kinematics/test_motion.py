"""Derivatives against np.gradient, runs with gaps, unwrapping, gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.kinematics import motion


def clock(rng, n, start=0.0):
    return start + np.cumsum(rng.uniform(0.01, 0.06, n))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", [1, 2, 3])
def test_equals_numpy_gradient(seed, order):
    rng = np.random.default_rng(seed)
    t = clock(rng, 70, start=[0.0, 1200.0][seed % 2])  # a long clip keeps its small steps
    x = np.sin(3 * t)[:, None, None] + 0.1 * rng.normal(size=(70, 3, 2))
    want = x
    for _ in range(order):
        want = np.gradient(want, t, axis=0, edge_order=2)
    function = (motion.velocity, motion.acceleration, motion.jerk)[order - 1]
    got = np.asarray(function(x, t))
    np.testing.assert_allclose(got, want, atol=2e-5 * np.abs(want).max())


def test_exact_for_a_parabola():
    t = clock(np.random.default_rng(5), 40)
    x = 3 * t**2 - 2 * t
    np.testing.assert_allclose(motion.velocity(x, t), 6 * t - 2, atol=2e-4)
    np.testing.assert_allclose(motion.acceleration(x, t), np.full(40, 6.0), atol=0.05)


def test_gaps_split_runs():
    t = clock(np.random.default_rng(6), 30)
    x = np.cos(t).astype(np.float32)
    x[[5, 9, 10, 13, 15]] = np.nan  # runs: 0-4, 6-8, 11-12, 14, 16-29
    got = np.asarray(motion.velocity(x, t))
    for a, b in ((0, 5), (6, 9), (16, 30)):
        want = np.gradient(x[a:b].astype(float), t[a:b], edge_order=2)
        np.testing.assert_allclose(got[a:b], want, atol=1e-4)
    np.testing.assert_allclose(got[11:13], (x[12] - x[11]) / (t[12] - t[11]), atol=1e-4)
    assert np.isnan(got[[5, 9, 10, 13, 14, 15]]).all()


def test_jit_vmap_and_gradient():
    rng = np.random.default_rng(7)
    t = clock(rng, 20).astype(np.float32)
    x = jnp.asarray(rng.normal(size=(20, 4)), jnp.float32).at[3, 1].set(jnp.nan)
    eager = motion.velocity(x, t)
    np.testing.assert_allclose(jax.jit(motion.velocity)(x, t), eager, rtol=1e-3, atol=1e-3)
    by_column = jax.vmap(motion.velocity, (1, None), 1)(x, t)
    np.testing.assert_allclose(by_column, eager, rtol=1e-3, atol=1e-3)

    def total(x):
        s = motion.speed(x, t)
        return jnp.where(jnp.isfinite(s), s, 0.0).sum()

    assert bool(jnp.isfinite(jax.grad(total)(x)).all())
    assert bool(jnp.isfinite(jax.grad(total)(jnp.zeros((20, 4)))).all())


@pytest.mark.parametrize("seed", range(3))
def test_unwrap_equals_numpy(seed):
    x = np.cumsum(np.random.default_rng(seed).uniform(-3, 3, (200, 2)), axis=0)
    folded = np.angle(np.exp(1j * x))
    np.testing.assert_allclose(motion.unwrap(folded), np.unwrap(folded, axis=0), atol=1e-4)
    np.testing.assert_allclose(motion.unwrap(folded.T, 1), np.unwrap(folded.T, axis=1), atol=1e-4)


def test_unwrap_passes_over_missing_samples():
    x = np.linspace(0, 20, 101)
    folded = np.angle(np.exp(1j * x))
    gone = np.zeros(101, bool)
    gone[[0, 1, 30, 31, 32, 60]] = True
    folded[gone] = np.nan
    got = np.asarray(motion.unwrap(folded))
    assert np.isnan(got[gone]).all()
    np.testing.assert_allclose(got[~gone], x[~gone], atol=1e-4)


def test_angular_velocity_of_a_turning_limb():
    t = clock(np.random.default_rng(9), 90)
    theta = np.angle(np.exp(1j * 4.0 * t))
    np.testing.assert_allclose(motion.angular_velocity(theta, t), np.full(90, 4.0), atol=2e-3)


def test_one_frame_has_no_velocity():
    assert np.isnan(motion.velocity(np.zeros((1, 3)), np.zeros(1))).all()
