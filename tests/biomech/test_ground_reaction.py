"""The estimated ground reaction: statics, one foot, flight."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import skeleton as sk
from dance_jax.biomech import inverse_dynamics as dynamics
from dance_jax.biomech import linkage, segments
from dance_jax.biomech.movement import GRAVITY, Movement, movement
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from tests.biomech.figures_in_motion import FRAMES, H, stiff
from tests.kinematics.oracle import standing


def still(pose):
    time = np.arange(FRAMES) / 30
    pose = np.broadcast_to(pose, (len(time), *np.shape(pose)))
    return Movement(jnp.asarray(pose, jnp.float32), time, jnp.asarray(H, jnp.float32))


@pytest.mark.parametrize("c", [2, 3])
def test_standing_still_is_statics(c):
    """Half the weight on each foot, below the centre of mass, and weight moments by hand."""
    pose = standing(1.0)
    pose[sk.index("halpe26", "left_wrist")] += [0.2, 0.146, 0]  # an arm held out
    found = dynamics.joint_moments(still(pose[:, :c]))
    total = np.asarray(found.ground_force).sum(1)
    up = np.eye(c)[1]
    np.testing.assert_allclose(total, np.broadcast_to(up, total.shape), atol=1e-3)
    np.testing.assert_allclose(found.residual_force, 0, atol=1e-3)
    np.testing.assert_allclose(found.residual_moment, 0, atol=2e-3)
    com = np.asarray(segments.centre_of_mass(pose[:, :c]))
    pressure = (np.asarray(found.ground_force)[..., 1:2] * np.asarray(found.ground_point)).sum(1)
    np.testing.assert_allclose(pressure[:, 0], com[0], atol=2e-3)
    table = linkage.anthropometry.get("de_leva_mean")
    elbow, wrist = (pose[sk.index("halpe26", "left_" + n)] for n in ("elbow", "wrist"))
    hand = wrist + table["hand"].centre * (wrist - elbow)
    lower = elbow + table["forearm"].centre * (wrist - elbow)
    lever = table["hand"].mass * (hand - elbow) + table["forearm"].mass * (lower - elbow)
    moment = np.asarray(found.moment)[:, dynamics.MOMENT_NAMES.index("left_elbow")]
    np.testing.assert_allclose(moment[:, -1], lever[0], rtol=1e-3)


@pytest.mark.parametrize("c", [2, 3])
def test_leaning_follows_the_lever_rule(c):
    """A wide stance, the body's centre nearer to the right foot: shares as of a beam on posts."""
    pose = standing(1.0)
    for k, name in enumerate(sk.get("halpe26").joints):
        if any(part in name for part in ("ankle", "heel", "toe")):
            pose[k, 0] += 0.25 if name.startswith("left_") else -0.1
    found = dynamics.joint_moments(still(pose[:, :c]))
    com = float(segments.centre_of_mass(pose[:, :c])[0])
    left, right = (
        np.mean([pose[sk.index("halpe26", s + j), 0] for j in ("heel", "big_toe")])
        for s in ("left_", "right_")
    )
    share = (com - right) / (left - right)
    assert share < 0.4
    np.testing.assert_allclose(found.ground_force[:, 0, 1], share, atol=0.01)
    np.testing.assert_allclose(found.residual_moment, 0, atol=2e-3)


def test_one_foot_carries_all():
    pose = standing(1.0)
    right = [k for k, s in enumerate(sk.get("halpe26").joints) if s.startswith("right_")]
    legs = [k for k in right if any(w in sk.get("halpe26").joints[k] for w in
            ("knee", "ankle", "heel", "toe"))]  # fmt: skip
    pose[legs, 1] += 0.2  # the right foot is lifted, the knee too
    found = dynamics.joint_moments(still(pose))
    force = np.asarray(found.ground_force)
    assert (force[:, 0, 1] > 0.99).all() and (np.abs(force[:, 1]) < 0.01).all()
    # The centre of pressure goes as far towards the body's centre as the foot is wide, no farther.
    point = np.asarray(found.ground_point)[:, 0]
    assert (np.abs(point[:, 0] - pose[sk.index("halpe26", "left_heel"), 0]) < 0.04).all()
    assert np.asarray(dynamics.summarise(still(pose))["dynamics.left_load"]) > 0.99


@pytest.mark.parametrize("c", [2, 3])
def test_free_flight_needs_no_force(c):
    t = np.arange(FRAMES) / 120
    path = np.stack([0.5 * t, 2.0 * t - 0.5 * GRAVITY / H * t**2, 0 * t], -1)
    found = dynamics.joint_moments(stiff(4.0 * t, path, 120, c))
    inside = slice(3, -3)
    assert np.abs(np.asarray(found.needed_force)[inside]).max() < 0.02
    assert np.abs(np.asarray(found.residual_moment)[inside]).max() < 0.005


def test_skaters_in_flight_need_almost_no_force(shared_data, figures):
    """Markerless 3D of jumps: some 2 body weights to push off or land, almost none in the air."""
    least, most = [], []
    with np.load(shared_data / "fs_jump3d" / "fs_jump3d_h36m17.npz") as clips:
        for name in sorted(clips)[:40:8]:
            metres = clips[name][..., (0, 2, 1)] * np.float32([1e-3, 1e-3, -1e-3])  # z was up
            pose, _ = sk.convert(metres, None, "h36m17", "halpe26")
            time = np.arange(len(pose)) / 60
            smooth = np.asarray(butterworth_zero_phase(pose, time, 6.0))
            whole = np.full((512, 26, 3), np.nan, np.float32)  # one shape, one compilation
            whole[: len(pose)] = smooth
            moved = movement(whole, np.arange(512) / 60, height=1.65, height_m=np.float32(1.65))
            force = np.linalg.norm(dynamics.joint_moments(moved).needed_force, axis=-1)
            least.append(np.nanmin(force[:-3]))
            most.append(np.nanpercentile(force, 95))
    figures |= {"flight_force": float(np.median(least)), "push_force": float(np.median(most))}
    assert np.median(least) < 0.25
    assert 1.3 < np.median(most) < 3.5


@pytest.mark.parametrize("c", [2, 3])
def test_gradients_are_finite_where_the_feet_hardly_touch(c):
    """Weights of 1e-30, as a foot high up has: the square of their sum is 0 in single precision."""
    moved = still(standing(1.0)[:, :c])
    weights = jnp.asarray(np.random.default_rng(0).choice([0, 1e-38, 1e-30, 1e-20], (FRAMES, 2)))

    def total(weights):
        found = dynamics.joint_moments(moved, weights)
        return sum(jnp.sum(jnp.nan_to_num(x)) for x in (found.ground_force, found.moment))

    assert jnp.isfinite(jax.grad(total)(weights.astype(jnp.float32))).all()
