"""Joint moments from poses: against MuJoCo, statics, invariances, gradients, missing parts."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax import skeleton as sk
from dance_jax.biomech import inverse_dynamics as dynamics
from dance_jax.biomech import linkage
from dance_jax.biomech.movement import Movement, movement
from tests.biomech.figures_in_motion import FRAMES, dancing, twice_as_fast
from tests.kinematics.oracle import standing
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
ROWS = [linkage.JOINTS.index(name, 1) for name in dynamics.MOMENT_NAMES]
summarise = dynamics.summarise


def relative(found, expected, least=0.0):
    """Greatest over the joints of error over size (at least `least`), both over the motion."""
    error, size = (np.linalg.norm(v, axis=(0, 2)) for v in (found - expected, expected))
    return float((error / np.maximum(size, least)).max())


@pytest.mark.full
@pytest.mark.parametrize("planar", [False, True])
def test_poses_to_moments_equal_mujoco(planar, full_size, figures):
    """From positions alone, true times, finite differences, and this library's ground forces.

    In float64 at 1000 frames/s the differences are exact enough to see the model itself; float32
    at 240 frames/s says what rounding and differencing cost there.
    """
    pytest.importorskip("mujoco")
    worst = {}
    for seed in fresh(__name__ + "mujoco", 5 if full_size else 1):
        for name, error in against_mujoco(seed, planar).items():
            worst[name] = max(worst.get(name, 0.0), error)
    figures |= {f"moments_from_poses_{'2d' if planar else '3d'}_{k}": v for k, v in worst.items()}
    assert worst["float64"] < 1e-3
    assert worst["float32"] < 1e-2


def against_mujoco(seed, planar):
    from tests.biomech import rod_body
    from tests.biomech.mujoco_tree import mj_moments, mj_states

    body, swing = rod_body.rod_body(planar), rod_body.swing(seed, planar)
    feet = [linkage.SEGMENTS.index(s + "foot") for s in ("left_", "right_")]
    inside = slice(8, -8, 8)  # one-sided differences at the ends
    worst = {}
    for dtype, fps in ((np.float64, 1000), (np.float32, 240)):
        rng = np.random.default_rng(seed)
        times = (np.arange(FRAMES) + rng.uniform(-0.03, 0.03, FRAMES)) / fps
        with jax.enable_x64(True):
            pose = rod_body.poses(body, swing, times)
            states = mj_states(body, swing, times[inside])
        weights = rng.uniform(0.2, 1, (FRAMES, 2)).astype(dtype)
        with jax.enable_x64(dtype == np.float64):
            height = jnp.asarray(rod_body.HEIGHT_M, dtype)
            moved = Movement(jnp.asarray(pose, dtype), times.astype(dtype), height)
            found = [np.asarray(v, np.float64) for v in dynamics.joint_moments(moved, weights)]
        found = dynamics.JointMoments(*(v[inside] for v in found))
        pad = [(0, 0), (0, 0), (0, 3 - pose.shape[-1])]
        force, point = np.pad(found.ground_force, pad), np.pad(found.ground_point, pad)
        loads = [
            [(feet[e], f[e] * body.gravity, p[e]) for e in range(2)]
            for f, p in zip(force, point, strict=True)
        ]
        moments, root = mj_moments(body, states, loads)
        moments = moments[..., -found.moment.shape[-1] :] / body.gravity
        # What the feet do not carry may be next to nothing: its error is held to a joint's size.
        joint = np.linalg.norm(moments[:, ROWS], axis=(0, 2)).max()
        worst[np.dtype(dtype).name] = max(
            relative(found.moment, moments[:, ROWS]),
            relative(found.residual_moment[:, None], moments[:, :1], joint),
        )
        left = root[:, : pose.shape[-1]] / body.gravity
        np.testing.assert_allclose(found.residual_force, left, atol=5e-3)
    return worst


@pytest.mark.parametrize("seed", SEEDS)
def test_moves_turns_and_mirrors_with_the_dancer(seed):
    moved = dancing(seed)
    base = {k: float(v) for k, v in summarise(moved).items()}
    assert all(np.isfinite(v) for v in base.values()), base
    a = 1.1
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    there = summarise(
        moved._replace(pose=moved.pose @ jnp.asarray(turn.T) + jnp.asarray([2, 1, 3]))
    )
    mirrored = summarise(moved._replace(pose=jnp.asarray(sk.mirror(moved.pose, "halpe26"))))
    for key, value in base.items():
        assert float(there[key]) == pytest.approx(value, rel=0.02, abs=2e-3), key
        other = key.replace("left_", "#").replace("right_", "left_").replace("#", "right_")
        if key == "dynamics.left_load":
            assert float(mirrored[key]) == pytest.approx(1 - value, abs=1e-3)
        else:
            assert float(mirrored[other]) == pytest.approx(value, rel=1e-3, abs=1e-4), key


@hypothesis.settings(max_examples=4)
@hypothesis.given(st.floats(0.3, 30), st.sampled_from(SEEDS))
def test_unit_of_the_pose_does_not_matter(scale, seed):
    moved = dancing(seed)
    other = movement(moved.pose * scale, moved.time_s, height=scale, height_m=moved.height_m)
    for key, value in summarise(moved).items():
        assert float(summarise(other)[key]) == pytest.approx(float(value), rel=1e-2, abs=1e-3), key


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_frame_rate(seed):
    slow, fast = (summarise(moved) for moved in twice_as_fast(seed))
    for key, value in slow.items():
        assert float(fast[key]) == pytest.approx(float(value), rel=0.1, abs=0.01), key


def test_keys_and_kinds():
    assert sorted(summarise(dancing(SEEDS[0]))) == sorted(m.key for m in dynamics.MEASURES)
    assert all(m.kind == "proxy" and m.needs_scale for m in dynamics.MEASURES)


def test_without_a_meaning_there_is_no_number():
    moved = dancing(SEEDS[0])
    unknown = summarise(moved._replace(height_m=jnp.asarray(np.float32(np.nan))))
    assert all(np.isnan(float(v)) for v in unknown.values())
    for frames in (2, 6):
        short = moved._replace(pose=moved.pose.at[frames:].set(jnp.nan))
        assert all(np.isnan(float(v)) for v in summarise(short).values())
    two = Movement(moved.pose[:2], moved.time_s[:2], moved.height_m)
    assert all(np.isnan(float(v)) for v in summarise(two).values())
    stopped = summarise(moved._replace(time_s=np.zeros(len(moved.time_s))))
    assert all(np.isnan(float(v)) for v in stopped.values())
    heel = sk.index("halpe26", "left_heel")
    no_foot = summarise(moved._replace(pose=moved.pose.at[:, heel].set(jnp.nan)))
    assert np.isnan(float(no_foot["dynamics.left_knee_moment"]))
    assert np.isfinite(float(no_foot["dynamics.left_elbow_moment"]))
    assert np.isfinite(float(no_foot["dynamics.ground_force"]))
    gap = summarise(moved._replace(pose=moved.pose.at[20:80].set(jnp.nan)))
    assert all(np.isnan(float(v)) for v in gap.values())
    padded = summarise(moved._replace(pose=moved.pose.at[60:].set(jnp.nan)))
    assert all(np.isfinite(float(v)) for v in padded.values())


def test_gradients():
    moved = dancing(SEEDS[1])
    with jax.enable_x64(True):
        time = jnp.asarray(moved.time_s)
        pose = jnp.asarray(np.asarray(moved.pose[:20], np.float64))

        @jax.jit
        def loss(pose):
            found = dynamics.joint_moments(Movement(pose, time[:20], jnp.asarray(1.7)))
            return jnp.mean(found.moment**2) + 0.1 * jnp.mean(found.residual_moment**2)

        check_grads(loss, (pose,), order=1, modes=["rev"], rtol=1e-3, eps=1e-6)


def test_gradients_are_finite_on_degenerate_poses():
    rng = np.random.default_rng(SEEDS[2])
    time = np.arange(20) / 30

    @jax.jit
    def gradient(pose):
        def total(p):
            values = dynamics.summarise(Movement(p, time, jnp.asarray(1.7)))
            return sum(jnp.nansum(v) for v in values.values())

        return jax.grad(total)(pose)

    for pose in (np.zeros((26, 3)), standing(1.0), rng.normal(size=(26, 3)) * [0, 1, 0]):
        clip = np.broadcast_to(pose, (20, 26, 3)).astype(np.float32)
        assert bool(jnp.isfinite(gradient(clip)).all())
    for missing in ([11, 12], [24], list(range(26))):
        clip = rng.normal(size=(20, 26, 3)).astype(np.float32)
        clip[5:, missing] = np.nan
        assert bool(jnp.isfinite(gradient(clip)).all())
