"""Relative phase: SciPy's Hilbert transform, known phases, gaps, uneven clocks, gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy import signal, stats

from dance_jax.biomech import coordination as co
from dance_jax.biomech.movement import Movement, movement
from dance_jax.data.synthetic import generate
from dance_jax.skeleton import index, mirror
from tests.kinematics.oracle import standing
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("frames", [64, 101])
def test_analytic_signal_is_scipys(seed, frames):
    x = np.random.default_rng(seed).normal(size=(frames, 3)).astype(np.float32)
    np.testing.assert_allclose(co.analytic_signal(x), signal.hilbert(x, axis=0), atol=1e-5)


def phase_by_scipy(a, b):
    """Amplitude-centred Hilbert phases, subtracted and wrapped."""
    z = [signal.hilbert(x - (x.max() + x.min()) / 2) for x in (a, b)]
    return np.angle(z[0] * np.conj(z[1]))


@pytest.mark.parametrize("seed", SEEDS)
def test_relative_phase_is_scipys_on_an_even_clock(seed):
    rng = np.random.default_rng(seed)
    time = np.arange(240) / 30
    a, b = (np.cumsum(np.cumsum(rng.normal(0, 0.003, 240))) for _ in range(2))
    found = np.asarray(co.relative_phase(a, b, time))
    error = np.angle(np.exp(1j * (found - phase_by_scipy(a, b))))
    assert np.median(np.abs(error)) < 1e-3 and np.quantile(np.abs(error), 0.95) < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_known_phase_on_an_uneven_clock_with_gaps(seed):
    rng = np.random.default_rng(seed)
    time = np.arange(300) / 30 + rng.uniform(-0.01, 0.01, 300)
    ahead, frequency = rng.uniform(-2.8, 2.8), rng.uniform(0.8, 1.6)
    angle = 2 * np.pi * frequency * time
    a, b = 0.6 * np.cos(angle + ahead) + 1.0, 0.3 * np.cos(angle) + 0.2
    a[40:44] = np.nan
    b[200] = np.nan
    phi = co.relative_phase(a, b, time)
    assert np.isnan(np.asarray(phi)[[40, 43, 200]]).all()
    assert np.isfinite(np.asarray(phi)).sum() == 295
    error = np.asarray(jnp.angle(jnp.exp(1j * (co.inner(phi, time) - ahead))))
    assert np.nanmedian(np.abs(error)) < 0.1
    assert float(co.mean_absolute_phase(phi, time)) == pytest.approx(abs(ahead), abs=0.12)
    assert float(co.phase_variability(phi, time)) < 0.35
    back = co.relative_phase(b, a, time)
    np.testing.assert_allclose(np.asarray(back), -np.asarray(phi), atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_variability_is_scipys_circular_deviation(seed):
    phi = np.random.default_rng(seed).vonmises(2.0, 1.5, 400).astype(np.float32)
    time = np.arange(400) / 30
    expected = stats.circstd(np.asarray(co.inner(phi, time))[40:-40])
    assert float(co.phase_variability(phi, time)) == pytest.approx(expected, rel=0.01)
    flat = jnp.full(400, 0.3)
    assert float(co.phase_variability(flat, time)) == pytest.approx(0.0, abs=1e-3)
    assert float(co.mean_absolute_phase(-flat, time)) == pytest.approx(0.3, abs=1e-4)


def test_no_phase_where_there_is_none():
    time = np.arange(120) / 30
    wave, flat = np.sin(4 * time), np.full(120, 0.4)
    assert np.isnan(np.asarray(co.relative_phase(wave, flat, time))).all()
    assert np.isnan(np.asarray(co.relative_phase(wave, 0.02 * wave, time))).all()
    patchy = wave.copy()
    patchy[30:60] = np.nan  # a quarter
    assert np.isnan(np.asarray(co.relative_phase(wave, patchy, time))).all()
    short = co.relative_phase(wave[:20], wave[:20], time[:20])
    assert np.isnan(np.asarray(short)).all()


def test_phase_portrait_of_an_oscillation_is_a_circle():
    time = np.arange(301) / 60
    theta = 0.7 + 0.4 * np.cos(2 * np.pi * time)
    angle, velocity = (np.asarray(v) for v in co.phase_portrait(theta, time))
    np.testing.assert_allclose(np.hypot(angle, velocity)[2:-2], 1.0, atol=0.01)
    assert np.abs(angle).max() <= 1 + 1e-6 and np.abs(velocity).max() <= 1 + 1e-6
    wrapped = np.angle(np.exp(1j * (theta + 2.5)))
    np.testing.assert_allclose(co.phase_portrait(wrapped, time)[0], angle, atol=1e-4)
    assert np.isnan(np.asarray(co.phase_portrait(0.01 * theta, time)[0])).all()
    theta[50] = np.nan
    assert np.isnan(np.asarray(co.phase_portrait(theta, time)[0])[50])


def walker(phase, frames=180):
    """Poses whose knees (and arms) swing at 1 Hz with a stated phase between the sides."""
    pose = np.tile(np.array(standing(), np.float32), (frames, 1, 1))
    time = np.arange(frames) / 30
    for side, shift in (("left_", 0.0), ("right_", phase)):
        bend = 0.6 + 0.4 * np.cos(2 * np.pi * time + shift)
        for far, near, length in (("ankle", "knee", 0.4), ("elbow", "shoulder", 0.3)):
            swing = np.stack([0 * bend, -np.cos(bend), -np.sin(bend)], axis=-1) * length
            at = index("halpe26", side + far)
            pose[:, at] = pose[:, index("halpe26", side + near)] + swing
    return pose / 1.7, time


@pytest.mark.parametrize("phase_deg", [0.0, 90.0, 180.0])
def test_summary_of_a_known_pattern(phase_deg):
    pose, time = walker(np.radians(phase_deg))
    found = co.summarise(Movement(jnp.asarray(pose, jnp.float32), jnp.asarray(time), jnp.nan))
    assert set(found) == {row.key for row in co.MEASURES}
    for name in ("knees", "arms"):
        assert float(found[f"coordination.{name}_phase"]) == pytest.approx(phase_deg, abs=6.0)
        assert float(found[f"coordination.{name}_variability"]) < 8.0
    assert np.isnan(float(found["coordination.hip_knee_phase"]))  # the hips stood still


@settings(max_examples=6)
@given(st.integers(0, 9999), st.floats(0, 360), st.floats(0.5, 2))
def test_summary_under_mirroring_turning_and_scaling(seed, yaw, scale):
    made = generate(seed, duration_s=2.0)
    base = movement(jnp.asarray(made.pose, jnp.float32), jnp.asarray(made.time_s), height=1.7)
    one = co.summarise(base)
    turned = jnp.asarray(made.moved(x_m=2.0, yaw_deg=yaw).pose * scale, jnp.float32)
    turned = co.summarise(base._replace(pose=turned))
    flipped = co.summarise(base._replace(pose=mirror(base.pose, "halpe26")))
    for key, value in one.items():
        assert float(flipped[key]) == pytest.approx(float(value), rel=0.02, abs=0.5, nan_ok=True)
        assert float(turned[key]) == pytest.approx(float(value), rel=0.02, abs=0.5, nan_ok=True)


def test_gradients():
    time = jnp.arange(48) / 30.0
    a = 0.5 * jnp.sin(5.0 * time)

    def reward(b):
        phi = co.relative_phase(a, b, time)
        return co.mean_absolute_phase(phi, time) + co.phase_variability(phi, time)

    b = 0.4 * jnp.sin(5.0 * time + 1.0) + 0.1 * jnp.cos(9.0 * time)
    check_grads(reward, (b,), 1, ["rev"], 0.05, 0.05, 1e-4)
    base = np.tile(standing(), (48, 1, 1)).astype(np.float32)
    moving = walker(1.0, 48)[0].astype(np.float32)
    missing = moving.copy()
    missing[10:14] = np.nan
    missing[:, index("halpe26", "left_elbow")] = np.nan

    def total(pose):
        found = co.summarise(Movement(pose, time, jnp.nan))
        return sum(jnp.where(jnp.isfinite(v), v, 0.0) for v in found.values())

    cases = {"still": base, "point": 0 * base, "moving": moving, "missing": missing}
    run = jax.jit(jax.value_and_grad(total))
    for name, pose in cases.items():
        value, gradient = run(jnp.asarray(pose))
        assert np.isfinite(float(value)), name
        assert np.isfinite(np.asarray(gradient)).all(), name
    still = co.summarise(Movement(jnp.asarray(base), time, jnp.nan))
    assert all(np.isnan(float(value)) for value in still.values())
    found = co.summarise(Movement(jnp.asarray(missing), time, jnp.nan))
    assert np.isnan(float(found["coordination.arms_phase"]))
    assert np.isfinite(float(found["coordination.knees_phase"]))


def test_padding_changes_little():
    pose, time = walker(1.0)
    one = co.summarise(Movement(jnp.asarray(pose, jnp.float32), jnp.asarray(time), jnp.nan))
    longer = jnp.pad(
        jnp.asarray(pose, jnp.float32), [(0, 50), (0, 0), (0, 0)], constant_values=jnp.nan
    )
    other = co.summarise(Movement(longer, jnp.arange(230) / 30.0, jnp.nan))
    for key, value in one.items():
        assert float(other[key]) == pytest.approx(float(value), abs=2.5, nan_ok=True), key
