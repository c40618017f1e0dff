"""Energy over time: closed forms, conservation, plain sums."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dance_jax.biomech import energy, linkage, segments
from dance_jax.biomech.energy_series import energies, positive_work
from dance_jax.biomech.movement import GRAVITY
from tests.biomech.figures_in_motion import FRAMES, H, dancing, stiff
from tests.kinematics.oracle import standing
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)
segment_motion = jax.jit(linkage.segment_motion)


@pytest.mark.parametrize("c", [2, 3])
def test_a_thrown_body_keeps_its_energy(c):
    """Flight with a spin: potential into kinetic energy, E constant, no positive work."""
    t = np.arange(FRAMES) / 120
    path = np.stack([1.5 * t, 3.0 * t - 0.5 * GRAVITY / H * t**2, 0 * t], -1)
    moved = stiff(5.0 * t, path, 120, c)
    found = energies(moved)
    total = np.asarray(found.total)[2:-2]
    swing = np.ptp(np.asarray(found.potential))
    assert swing > 3 and np.ptp(total) < 5e-3 * swing
    # Koenig: the spin is all internal, and it is constant.
    inertia = 2 * float(np.asarray(found.internal)[10]) / 25.0
    assert np.ptp(np.asarray(found.internal)[2:-2]) < 1e-3 * float(found.internal[10])
    assert 0.03 * H**2 < inertia < 0.09 * H**2  # a standing adult about front-to-back
    work = energy.work(moved)
    assert float(work.rate) < 0.02 * swing and np.isnan(float(work.inefficiency))


def test_a_compound_pendulum_keeps_its_energy():
    """A stiff body swings about its hands by theta'' = -m g d sin(theta)/I, solved by SciPy."""
    pivot = np.array([0.0, 1.2, 0.0])
    probe = stiff(np.arange(FRAMES) / 30, np.zeros((FRAMES, 3)), 30, pivot=pivot)  # 1 rad/s
    inertia = 2 * float(energies(probe).kinetic[15]) / H**2
    centre = np.asarray(segments.centre_of_mass(standing(1.0) * [1, 1, 0]))
    lever = pivot[1] - centre[1]
    t = np.arange(FRAMES) / 60
    solved = solve_ivp(
        lambda _, y: [y[1], -GRAVITY / H * lever * np.sin(y[0]) / inertia],
        (0, 2), [1.0, 0.0], t_eval=t, rtol=1e-9, atol=1e-9,
    )  # fmt: skip
    found = energies(stiff(solved.y[0], np.tile(pivot, (FRAMES, 1)), 60, pivot=pivot))
    total = np.asarray(found.total)[2:-2]
    assert np.ptp(np.asarray(found.potential)) > 0.5
    assert np.ptp(total) < 0.01 * np.ptp(np.asarray(found.potential))


def test_positive_work_is_the_sum_of_rises():
    rng = np.random.default_rng(SEEDS[0])
    series = rng.normal(size=(50, 3))
    rises = np.maximum(np.diff(series, axis=0), 0).sum(0)
    np.testing.assert_allclose(positive_work(jnp.asarray(series)), rises, rtol=1e-5)
    series[20] = np.nan
    rises = np.nansum(np.maximum(np.diff(series, axis=0), 0), axis=0)
    np.testing.assert_allclose(positive_work(jnp.asarray(series)), rises, rtol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_energies_equal_plain_sums(seed):
    moved = dancing(seed)
    found = energies(moved)
    body = segment_motion(moved)
    v, y = np.asarray(body.velocity, np.float64) * H, np.asarray(body.centre[..., 1], np.float64)
    scale = float(moved.height_m) / H
    kinetic = (0.5 * body.mass * (v**2).sum(-1)).sum(-1) * scale**2
    kinetic += np.asarray(body.rotation_energy).sum(-1) * float(moved.height_m) ** 2
    np.testing.assert_allclose(found.kinetic, kinetic, rtol=1e-4)
    np.testing.assert_allclose(found.total, found.kinetic + found.potential, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        np.asarray(found.segments).sum((1, 2)), found.total, rtol=1e-3, atol=1e-3
    )
    height = (body.mass * y).sum(-1) * float(moved.height_m) * GRAVITY
    np.testing.assert_allclose(found.potential, height - height.min(), atol=1e-3)
