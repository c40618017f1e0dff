"""Range of motion: percentiles of unwrapped angles, gaps, the soft variant and its gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from dance_jax.biomech import range_of_motion as rom
from dance_jax.biomech.movement import Movement, movement
from dance_jax.data.synthetic import generate
from dance_jax.kinematics import angles
from dance_jax.skeleton import index, mirror
from tests.kinematics.oracle import standing
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)


def dance(seed, duration_s=3.0, fps=30.0, **place):
    made = generate(seed % 10_000, duration_s=duration_s, fps=fps).moved(**place)
    return movement(jnp.asarray(made.pose, jnp.float32), jnp.asarray(made.time_s), height=1.7)


@pytest.mark.parametrize("seed", SEEDS)
def test_equals_numpy_percentiles_with_gaps(seed):
    rng = np.random.default_rng(seed)
    theta = np.cumsum(rng.normal(0, 0.2, (180, 4)), axis=0)
    theta[rng.random(theta.shape) < 0.1] = np.nan
    wrapped = np.angle(np.exp(1j * theta)).astype(np.float32)
    expected = [np.subtract(*np.nanpercentile(theta[:, k], [99, 1])) for k in range(4)]
    found = rom.range_of_motion(wrapped, np.arange(180) / 30)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    other = rom.range_of_motion(wrapped, np.arange(180) / 30, 0.25)
    expected = [np.subtract(*np.nanpercentile(theta[:, k], [75, 25])) for k in range(4)]
    np.testing.assert_allclose(other, expected, rtol=1e-4)


def test_a_glitch_of_one_frame_hardly_counts():
    time = np.arange(300) / 30
    theta = 0.5 * np.sin(2 * np.pi * time)
    spoilt = theta.copy()
    spoilt[100] = 3.0
    a, b = (float(rom.range_of_motion(x.astype(np.float32), time)) for x in (theta, spoilt))
    assert a == pytest.approx(1.0, abs=0.01)
    assert b == pytest.approx(a, abs=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_summary_is_that_of_the_angle_table(seed):
    moved = dance(seed)
    found = rom.summarise(moved)
    assert list(found) and set(found) == {row.key for row in rom.MEASURES}
    theta = np.degrees(np.asarray(angles.compute(moved.pose, angles.JOINT_ANGLE_NAMES)))
    for k, name in enumerate(angles.JOINT_ANGLE_NAMES):
        expected = np.subtract(*np.percentile(theta[:, k], [99, 1]))
        assert float(found[f"range.{name}"]) == pytest.approx(expected, abs=0.02)
    assert all(np.isfinite(float(value)) for value in found.values())


def test_trunk_and_neck_by_construction():
    pose = np.array(standing(), np.float64)
    assert float(rom.trunk_tilt(pose)) < 1e-6
    lean = np.radians(30)
    turn = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    tilted = pose @ turn.T
    assert float(rom.trunk_tilt(tilted)) == pytest.approx(lean, abs=1e-5)
    assert float(rom.neck_bend(tilted)) == pytest.approx(float(rom.neck_bend(pose)), abs=1e-5)
    head = [index("halpe26", name) for name in ("left_ear", "right_ear")]
    neck = (pose[index("halpe26", "left_shoulder")] + pose[index("halpe26", "right_shoulder")]) / 2
    bent = pose.copy()
    bent[head] = neck + (pose[head] - neck) @ turn.T
    before = float(rom.neck_bend(pose))
    assert float(rom.neck_bend(bent)) == pytest.approx(before + lean, abs=1e-4) or float(
        rom.neck_bend(bent)
    ) == pytest.approx(abs(before - lean), abs=1e-4)


@settings(max_examples=8)
@given(st.integers(0, 9999), st.floats(-3, 3), st.floats(0, 360), st.floats(0.5, 3))
def test_place_heading_size_and_side(seed, shift, yaw, scale):
    base = dance(seed, 1.5)
    one = rom.summarise(base)
    pose = generate(seed, duration_s=1.5).moved(x_m=shift, z_m=-shift, yaw_deg=yaw).pose / 1.7
    other = rom.summarise(base._replace(pose=jnp.asarray(pose * scale, jnp.float32)))
    flipped = rom.summarise(base._replace(pose=mirror(base.pose, "halpe26")))
    for key, value in one.items():
        assert float(other[key]) == pytest.approx(float(value), abs=0.1), key
        pair = "range." + angles.flip_angle(key.removeprefix("range."))
        assert float(flipped[pair]) == pytest.approx(float(value), abs=0.05), key


@pytest.mark.parametrize("seed", SEEDS)
def test_frame_rate(seed):
    slow, quick = (rom.summarise(dance(seed, 6.0, fps)) for fps in (60.0, 120.0))
    for key, value in slow.items():
        assert float(quick[key]) == pytest.approx(float(value), abs=2.0), key


@pytest.mark.parametrize("seed", SEEDS)
def test_soft_range(seed):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 4, 120))
    theta = np.sin(2 * time + rng.normal()) + 0.05 * rng.normal(size=120)
    # Every sample keeps a neighbour: one alone between two gaps spans no time and has no weight.
    theta[3 * rng.choice(39, 8, replace=False) + 2] = np.nan
    full = np.nanmax(theta) - np.nanmin(theta)
    values = [float(rom.soft_range(theta, time, tau)) for tau in (0.3, 0.1, 0.02, 1e-3)]
    assert values == sorted(values) and values[-1] <= full + 1e-4
    assert values[-1] == pytest.approx(full, abs=0.03)
    assert values[2] > 0.8 * full
    tight = np.repeat(theta, 2)[:-1]  # twice the frames, the same path
    stamps = np.interp(np.arange(239) / 2, np.arange(120), time)
    tight[1::2] = (theta[:-1] + theta[1:]) / 2
    whole = np.isfinite(theta).all()
    if whole:
        assert float(rom.soft_range(tight, stamps)) == pytest.approx(values[2], rel=0.02)
    sound = jnp.asarray(np.nan_to_num(theta[:30]), jnp.float32)
    check_grads(lambda x: rom.soft_range(x, time[:30], 0.1), (sound,), 1, ["rev"], 0.02, 0.02, 1e-3)


def test_gradients_are_finite_on_degenerate_poses():
    time = jnp.arange(40) / 30.0
    still = np.tile(standing(), (40, 1, 1)).astype(np.float32)
    cases = {"still": still, "point": np.zeros_like(still), "missing": still.copy()}
    cases["missing"][:, index("halpe26", "left_knee")] = np.nan
    cases["missing"][5:15] = np.nan

    def reward(pose):
        hard = rom.summarise(Movement(pose, time, jnp.nan))
        soft = rom.soft_range(rom.body_angles(pose), time)
        return sum(jnp.where(jnp.isfinite(v), v, 0.0).sum() for v in [*hard.values(), soft])

    run = jax.jit(jax.value_and_grad(reward))
    for name, pose in cases.items():
        value, gradient = run(jnp.asarray(pose))
        assert np.isfinite(float(value)), name
        assert np.isfinite(np.asarray(gradient)).all(), name
    found = rom.summarise(Movement(jnp.asarray(cases["missing"]), time, jnp.nan))
    assert np.isnan(float(found["range.left_knee"])) and np.isnan(float(found["range.mean"]))
    assert np.isfinite(float(found["range.right_knee"]))


@pytest.mark.parametrize("frames", [2, 10])
def test_too_short_or_absent_is_nan(frames):
    pose = jnp.asarray(np.tile(standing(), (frames, 1, 1)), jnp.float32)
    found = rom.summarise(Movement(pose, jnp.arange(frames) / 30.0, jnp.nan))
    assert all(np.isnan(float(value)) for value in found.values())
    gone = rom.summarise(Movement(jnp.full((60, 26, 2), jnp.nan), jnp.arange(60) / 30.0, jnp.nan))
    assert all(np.isnan(float(value)) for value in gone.values())
    same = rom.summarise(Movement(jnp.ones((60, 26, 2)), jnp.zeros(60), jnp.nan))
    assert all(np.isnan(float(value)) for value in same.values())


def test_padding_changes_nothing():
    moved = dance(SEEDS[0], 2.0)
    pose = jnp.pad(moved.pose, [(0, 40), (0, 0), (0, 0)], constant_values=jnp.nan)
    longer = Movement(pose, jnp.arange(100) / 30.0, moved.height_m)
    one, other = rom.summarise(moved), rom.summarise(longer)
    for key, value in one.items():
        assert float(other[key]) == pytest.approx(float(value), abs=1e-3), key
