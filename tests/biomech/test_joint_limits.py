"""Joint ranges: the tables, their use, time near their ends, the excess and its gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from dance_jax.biomech import joint_limits as jl
from dance_jax.biomech.movement import Movement, movement
from dance_jax.data.synthetic import generate
from dance_jax.errors import InputError
from dance_jax.kinematics import angles
from dance_jax.skeleton import index, mirror
from tests.kinematics.oracle import standing
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


@pytest.mark.parametrize("table", sorted(jl.TABLES))
def test_tables_fit_the_conventions(table):
    low, high, low_counts = jl.bounds(table)
    assert low.shape == high.shape == (len(jl.NAMES),)
    for k, name in enumerate(jl.NAMES):
        assert low[k] < high[k]
        if name == "neck":
            continue
        least, most = np.radians(angles.get(name).range_deg)
        assert least - 1e-6 <= low[k] and high[k] <= most + 1e-6
        assert low_counts[k] == (low[k] > least + 1e-6)  # 0 of an unsigned angle is no limit


def test_the_training_table_is_the_stated_one():
    low, high, _ = jl.bounds("training", ("left_elbow", "right_hip", "left_knee", "neck"))
    np.testing.assert_allclose(high, [2.7, 2.0, 2.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(low, 0.0)
    ankle = jl.bounds("training", ("left_ankle",))
    np.testing.assert_allclose([ankle[0][0], ankle[1][0]], [-0.5, 0.5], rtol=1e-6)


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="usual"):
        jl.bounds("none")
    with pytest.raises(InputError, match="wrist"):
        jl.bounds("usual", ("left_wrist",))


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_plain_numpy_sums(seed):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 5, 90))
    theta = rng.uniform(-1.5, 3.1, (90, len(jl.NAMES))).astype(np.float32)
    for table in jl.TABLES:
        low, high, low_counts = jl.bounds(table)
        weight = np.zeros(90)
        weight[:-1] += np.diff(time) / 2
        weight[1:] += np.diff(time) / 2
        over = np.maximum(theta - high, 0) + np.where(low_counts, np.maximum(low - theta, 0), 0)
        expected = (weight[:, None] * over).sum(0) / weight.sum() / (high - low)
        np.testing.assert_allclose(jl.excess(theta, time, table), expected, rtol=2e-3, atol=1e-6)
        edge = 0.1 * (high - low)
        near = (theta >= high - edge) | (low_counts & (theta <= low + edge))
        expected = (weight[:, None] * near).sum(0) / weight.sum()
        np.testing.assert_allclose(jl.near_limit(theta, time, table), expected, atol=2e-3)
        expected = np.subtract(*np.percentile(theta, [99, 1], axis=0)) / (high - low)
        np.testing.assert_allclose(jl.range_use(theta, time, table), expected, rtol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_soft_comes_to_hard(seed):
    rng = np.random.default_rng(seed)
    time = np.arange(60) / 30
    theta = rng.uniform(-1.5, 3.1, (60, len(jl.NAMES))).astype(np.float32)
    hard = np.asarray(jl.excess(theta, time))
    errors = [
        np.abs(np.asarray(jl.excess(theta, time, softness=s)) - hard).max()
        for s in (0.3, 0.1, 0.01)
    ]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.01
    assert (np.asarray(jl.excess(theta, time, softness=0.1)) >= hard - 1e-6).all()
    near = jl.near_limit(theta, time, softness=1e-3)
    np.testing.assert_allclose(near, jl.near_limit(theta, time), atol=0.05)
    # In single precision a step that shows above the rounding crosses bends of 60 x 12 angles.
    jax.clear_caches()
    with jax.enable_x64(True):
        for measure in (jl.excess, jl.near_limit):
            check_grads(
                lambda x, f=measure: f(x, jnp.asarray(time[:20]), softness=0.2).sum(),
                (jnp.asarray(theta[:20], jnp.float64),),
                1,
                ["rev"],
                1e-3,
                1e-3,
                1e-5,
            )
    jax.clear_caches()


def folded(knee_deg, frames=60):
    """A standing person whose left knee is bent by a stated angle."""
    pose = np.array(standing(), np.float64)
    knee = pose[index("halpe26", "left_knee")].copy()
    shank = [index("halpe26", f"left_{n}") for n in ("ankle", "heel", "big_toe", "small_toe")]
    pose[shank] = knee + Rotation.from_euler("x", knee_deg, degrees=True).apply(pose[shank] - knee)
    pose = np.tile(pose, (frames, 1, 1)) / 1.7
    return Movement(jnp.asarray(pose, jnp.float32), jnp.arange(frames) / 30.0, jnp.nan)


def test_a_folded_knee():
    within, deep = jl.summarise(folded(60)), jl.summarise(folded(165))
    assert set(within) == {row.key for row in jl.MEASURES}
    assert float(within["limits.near_legs"]) == 0.0
    assert float(deep["limits.near_legs"]) == pytest.approx(0.25, abs=1e-5)  # one joint of four
    each = jl.excess(jl.limited_angles(folded(165).pose), jnp.arange(60) / 30.0)
    beyond = (np.radians(165) - 2.5) / 2.5
    assert float(each[jl.NAMES.index("left_knee")]) == pytest.approx(beyond, rel=1e-3)
    more = float(deep["limits.stress"]) - float(within["limits.stress"])
    assert more == pytest.approx(beyond / len(jl.NAMES), abs=1e-4)
    assert float(deep["limits.excess"]) > float(within["limits.excess"])


@settings(max_examples=6)
@given(st.integers(0, 9999), st.floats(0, 360), st.floats(0.5, 2))
def test_place_heading_size_and_side(seed, yaw, scale):
    made = generate(seed, duration_s=1.5)
    base = movement(jnp.asarray(made.pose, jnp.float32), jnp.asarray(made.time_s), height=1.7)
    one = jl.summarise(base)
    turned = jnp.asarray(made.moved(x_m=2.0, yaw_deg=yaw).pose * scale, jnp.float32)
    other = jl.summarise(base._replace(pose=turned))
    flipped = jl.summarise(base._replace(pose=mirror(base.pose, "halpe26")))
    for key, value in one.items():
        assert float(other[key]) == pytest.approx(float(value), abs=0.01), key
        assert float(flipped[key]) == pytest.approx(float(value), abs=1e-3), key


def test_gradients_missing_and_short():
    time = jnp.arange(40) / 30.0
    base = np.tile(standing(), (40, 1, 1)).astype(np.float32) / 1.7
    no_feet = base.copy()
    no_feet[:, [index("halpe26", f"{s}_{n}") for s in ("left", "right") for n in ("heel",)]] = (
        np.nan
    )
    no_knee = base.copy()
    no_knee[:, index("halpe26", "left_knee")] = np.nan

    def reward(pose):
        moved = Movement(pose, time, jnp.nan)
        found = [*jl.summarise(moved).values(), jl.stress(moved, softness=0.1)]
        return sum(jnp.where(jnp.isfinite(v), v, 0.0) for v in found)

    cases = {"still": base, "point": 0 * base, "feet": no_feet, "knee": no_knee}
    run = jax.jit(jax.value_and_grad(reward))
    for name, pose in cases.items():
        value, gradient = run(jnp.asarray(pose))
        assert np.isfinite(float(value)), name
        assert np.isfinite(np.asarray(gradient)).all(), name
    found = jl.summarise(Movement(jnp.asarray(no_feet), time, jnp.nan))
    assert all(np.isfinite(float(value)) for value in found.values())
    found = jl.summarise(Movement(jnp.asarray(no_knee), time, jnp.nan))
    assert np.isnan(float(found["limits.stress"])) and np.isnan(float(found["limits.use_legs"]))
    assert np.isfinite(float(found["limits.use_arms"]))
    short = jl.summarise(Movement(jnp.asarray(base[:10]), time[:10], jnp.nan))
    assert all(np.isnan(float(value)) for value in short.values())
