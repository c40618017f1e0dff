"""Symmetry: the bounded angle, the index above its floor, lags of series, mirrored poses."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from dance_jax import skeleton
from dance_jax.biomech import mirror, symmetry
from dance_jax.biomech.movement import Movement, movement
from dance_jax.data.synthetic import generate
from tests.kinematics.oracle import standing
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
number = st.floats(-1e3, 1e3, width=32)


def by_the_paper(left, right):
    """Zifchock's formula as printed, for a right side that is not zero."""
    angle = 45.0 - np.degrees(np.arctan(left / right))
    return (angle - 180.0 if angle > 90.0 + 1e-9 else angle) / 90.0 * 100.0


@settings(max_examples=60)
@given(number, number)
def test_symmetry_angle_is_the_papers_and_bounded(left, right):
    found = float(symmetry.symmetry_angle(jnp.float32(left), jnp.float32(right)))
    assert -100.0 <= found <= 100.001
    if abs(right) > 1e-2 and abs(left + right) > 1e-2:
        assert found == pytest.approx(by_the_paper(left, right), abs=0.02)


def test_symmetry_angle_by_hand():
    cases = [(1, 1, 0), (1, 0, -50), (0, 1, 50), (0, 0, 0), (-1, 1, 100), (1, -1, 100), (-2, -2, 0)]
    cases += [(np.sqrt(3), 1, -100 / 6), (1e-20, 1e-20, 0), (np.nan, 1, np.nan)]
    for left, right, expected in cases:
        found = float(symmetry.symmetry_angle(jnp.float32(left), jnp.float32(right)))
        assert found == pytest.approx(expected, abs=1e-3, nan_ok=True), (left, right)
    assert np.isnan(float(symmetry.symmetry_angle(0.1, 0.2, floor=0.3)))
    assert np.isfinite(float(symmetry.symmetry_angle(0.1, 0.4, floor=0.3)))


def test_symmetry_angle_gradients():
    at = (jnp.float32(0.7), jnp.float32(1.3))
    check_grads(symmetry.symmetry_angle, at, 1, ["rev"], 0.01, 0.01, 1e-2)
    for left, right in [(0.0, 0.0), (1e-25, -1e-25), (np.nan, 1.0), (0.0, 1.0), (1.0, 0.0)]:
        slopes = jax.grad(symmetry.symmetry_angle, (0, 1))(jnp.float32(left), jnp.float32(right))
        slopes += jax.grad(symmetry.symmetry_index, (0, 1))(
            jnp.float32(left), jnp.float32(right), 0.1
        )
        assert np.isfinite(np.asarray(slopes)).all(), (left, right)


def test_index_only_above_its_floor():
    assert float(symmetry.symmetry_index(1.0, 3.0, 0.5)) == pytest.approx(100.0)
    assert float(symmetry.symmetry_index(3.0, 1.0, 0.5)) == pytest.approx(100.0)
    for left, right in [(0.4, 3.0), (3.0, 0.4), (-1.0, 3.0), (0.0, 0.0), (np.nan, 1.0)]:
        assert np.isnan(float(symmetry.symmetry_index(left, right, 0.5)))
    assert np.isnan(float(symmetry.symmetry_index(0.0, 0.0, 0.0)))


def wave(rng, time, shift=0.0):
    """Two channels of slow random movement."""
    out = 0.0
    for f in rng.uniform(0.2, 1.4, 5):
        out = out + rng.normal(size=2) * np.sin(2 * np.pi * f * (time - shift))[:, None]
    return out


@pytest.mark.parametrize("seed", SEEDS)
def test_correlation_is_pearsons(seed):
    rng = np.random.default_rng(seed)
    time = np.arange(200) / 30
    a, b = wave(rng, time)[:, :1], wave(rng, time)[:, :1]
    expected = np.corrcoef(a[:, 0], b[:, 0])[0, 1]
    assert float(symmetry.correlation(a, b, time)) == pytest.approx(expected, abs=1e-3)
    assert float(symmetry.correlation(a, 2 * a + 1, time)) == pytest.approx(1, abs=1e-4)
    assert float(symmetry.correlation(a, -a, time)) == pytest.approx(-1, abs=1e-4)
    assert np.isnan(float(symmetry.correlation(a, 0 * a, time)))


@pytest.mark.parametrize("seed", SEEDS)
def test_lag_of_a_shifted_series(seed):
    rng = np.random.default_rng(seed)
    shift = rng.uniform(-0.6, 0.6)
    time = np.arange(240) / 30 + rng.uniform(-0.008, 0.008, 240)
    state = rng.bit_generator.state
    a = wave(rng, time)
    rng.bit_generator.state = state
    b = wave(rng, time, shift)
    gone = rng.random(240) < 0.1
    b[gone] = np.nan
    found, r = symmetry.lag(jnp.asarray(a), jnp.asarray(b), time)
    assert float(found) == pytest.approx(shift, abs=0.03)
    assert float(r) > 0.95
    back, _ = symmetry.lag(jnp.asarray(b), jnp.asarray(a), time)
    assert float(back) == pytest.approx(-shift, abs=0.03)
    far, _ = symmetry.lag(jnp.asarray(a), jnp.asarray(b), time, max_lag_s=abs(shift) / 2)
    assert np.isnan(float(far))  # the peak lies outside


def test_no_lag_between_strangers():
    rng = np.random.default_rng(SEEDS[0])
    time = np.arange(600) / 30
    noise = rng.normal(size=(2, 600, 1))
    found, r = symmetry.lag(*jnp.asarray(noise), time)
    assert np.isnan(float(found)) and float(r) < 0.5


def test_turns_of_a_walk_lag_by_half_a_cycle():
    time = np.arange(300) / 30
    a = 0.5 * np.sin(2 * np.pi * time / 1.2)[:, None]
    found, _ = symmetry.lag(a, -a, time)
    assert abs(float(found)) == pytest.approx(0.6, abs=0.01)
    assert float(symmetry.correlation(a, -a, time)) == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
def test_mirror_image(dims):
    rng = np.random.default_rng(SEEDS[1])
    pose = np.array(standing(), np.float32)[:, :dims]
    assert float(mirror.mirror_distance(pose)) < 1e-6
    pose = pose + rng.normal(0, 0.1, pose.shape).astype(np.float32)
    np.testing.assert_allclose(mirror.mirrored(mirror.mirrored(pose)), pose, atol=1e-5)
    moved = pose + rng.normal(size=dims).astype(np.float32)
    if dims == 3:
        moved = moved @ Rotation.random(rng=rng).as_matrix().T.astype(np.float32)
    one, other = (float(mirror.mirror_distance(p)) for p in (pose, moved))
    assert other == pytest.approx(one, abs=1e-5) and one > 0.01
    flipped = skeleton.mirror(pose, "halpe26")
    assert float(mirror.mirror_distance(flipped)) == pytest.approx(one, abs=1e-5)
    raised = np.array(standing(), np.float32)[:, :dims]
    raised[skeleton.index("halpe26", "left_wrist"), 1] += 0.3
    # One wrist of 12 joints moved, and its partner misses the image by as much.
    assert float(mirror.mirror_distance(raised)) == pytest.approx(2 * 0.3 / 12, abs=1e-5)


@settings(max_examples=6)
@given(st.integers(0, 9999), st.floats(0, 360))
def test_summary_under_mirroring_and_turning(seed, yaw):
    made = generate(seed, duration_s=2.0)
    base = movement(jnp.asarray(made.pose, jnp.float32), jnp.asarray(made.time_s), height=1.7)
    one = symmetry.summarise(base)
    assert set(one) == {row.key for row in symmetry.MEASURES}
    turned = jnp.asarray(made.moved(yaw_deg=yaw).pose / 1.7, jnp.float32)
    turned = symmetry.summarise(base._replace(pose=turned))
    flipped = symmetry.summarise(base._replace(pose=skeleton.mirror(base.pose, "halpe26")))
    odd = [f"symmetry.{name}_range" for name in ("shoulder", "elbow", "hip", "knee")]
    for key, value in one.items():
        if key.endswith("_lag"):
            continue  # equal peaks to either side may change places
        expected = -float(value) if key in odd else float(value)
        assert float(flipped[key]) == pytest.approx(expected, abs=0.05, nan_ok=True), key
        assert float(turned[key]) == pytest.approx(float(value), abs=0.1, nan_ok=True), key


def test_gradients_and_missing():
    rng = np.random.default_rng(SEEDS[2])
    time = jnp.arange(60) / 30.0
    base = np.tile(standing(), (60, 1, 1)).astype(np.float32) / 1.7
    moving = base + np.cumsum(rng.normal(0, 0.01, base.shape), axis=0).astype(np.float32)
    missing = moving.copy()
    missing[:, skeleton.index("halpe26", "left_wrist")] = np.nan
    missing[20:30] = np.nan
    cases = {"still": base, "point": 0 * base, "moving": moving, "missing": missing}
    cases["line"] = base * np.array([0, 1, 0], np.float32)

    def reward(pose):
        found = symmetry.summarise(Movement(pose, time, jnp.nan))
        return sum(jnp.where(jnp.isfinite(v), v, 0.0) for v in found.values())

    run = jax.jit(jax.value_and_grad(reward))
    for name, pose in cases.items():
        value, gradient = run(jnp.asarray(pose))
        assert np.isfinite(float(value)), name
        assert np.isfinite(np.asarray(gradient)).all(), name
    found = symmetry.summarise(Movement(jnp.asarray(missing), time, jnp.nan))
    assert np.isnan(float(found["symmetry.arms_correlation"]))
    assert np.isfinite(float(found["symmetry.legs_correlation"]))
    still = symmetry.summarise(Movement(jnp.asarray(base), time, jnp.nan))
    assert float(still.pop("symmetry.mirror_distance")) < 1e-6
    assert all(np.isnan(float(value)) for value in still.values())
    pose = jnp.asarray(moving[:4])
    check_grads(mirror.mirror_distance, (pose,), 1, ["rev"], 0.02, 0.02, 1e-3)


@pytest.mark.parametrize("frames", [2, 10])
def test_too_short_is_nan(frames):
    rng = np.random.default_rng(SEEDS[0])
    pose = jnp.asarray(standing() + rng.normal(0, 0.2, (frames, 26, 3)), jnp.float32)
    found = symmetry.summarise(Movement(pose, jnp.arange(frames) / 30.0, jnp.nan))
    assert all(np.isnan(float(value)) for value in found.values())
