"""Energy, positive work and the index: closed forms, conservation, bounds, invariances."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax import skeleton as sk
from dance_jax.biomech import energy
from dance_jax.biomech.movement import GRAVITY, Movement, movement
from tests.biomech.figures_in_motion import FRAMES, H, dancing, stiff, twice_as_fast
from tests.kinematics.oracle import standing
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)
PARTS = [f"energy.inefficiency.{p}" for p in ("internal", "unexchanged", "unsteady")]


def values(moved):
    return {key: float(value) for key, value in energy.summarise(moved).items()}


def test_raising_the_body_is_all_work_of_the_centre():
    """Up and down by A sin(wt): W+ = 2 g A a cycle plus nothing, all external."""
    fps = 30
    end = (FRAMES - 1) / fps
    t = np.arange(FRAMES) / fps
    w = 4 * np.pi / end  # two whole cycles
    moved = stiff(0 * t, np.stack([0 * t, 0.1 * np.sin(w * t), 0 * t], -1), fps)
    out = values(moved)
    rise = GRAVITY * 0.2 * H * 2
    assert out["energy.positive_work_rate"] == pytest.approx(rise / end, rel=0.02)
    assert out["energy.efficiency"] == pytest.approx(1.0, abs=1e-3)
    assert out["energy.inefficiency.internal"] == pytest.approx(0.0, abs=1e-3)
    assert out["energy.potential_range"] == pytest.approx(GRAVITY * 0.2 * H, rel=0.02)
    speed = 0.1 * w * H
    assert out["energy.kinetic_mean"] == pytest.approx(speed**2 / 4, rel=0.02)
    # mean |cos| squared over mean cos^2 is 8/pi^2
    assert out["energy.inefficiency.unsteady"] == pytest.approx(1 - 8 / np.pi**2, abs=0.02)
    assert np.isnan(out["energy.cost_of_transport"])


def test_cost_of_transport_only_when_it_travels():
    """Walking at a constant speed while bouncing: W / (g d) by hand, once d > one height."""
    t = np.arange(FRAMES) / 30
    for speed, travels in ((0.5, True), (0.2, False)):
        path = np.stack([speed * t, 0.05 * np.sin(2 * np.pi * t), 0.0 * t], -1)
        out = values(stiff(0 * t, path, 30))
        cost = out["energy.cost_of_transport"]
        if travels:
            distance = speed * t[-1] * H
            rise = out["energy.positive_work_rate"] * t[-1]
            assert cost == pytest.approx(rise / (GRAVITY * distance), rel=1e-3)
            assert out["energy.inefficiency.unsteady"] < 0.05
        else:
            assert np.isnan(cost)


def test_walking_is_near_what_is_published():
    """Synthetic walk: positive work of the order of 1 W/kg, most of the energy not of turning."""
    out = values(dancing(3, "walk"))
    assert 0.05 < out["energy.positive_work_rate"] < 3
    assert 0 < out["energy.rotational_share"] < 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_moves_turns_and_mirrors_with_the_dancer(seed):
    moved = dancing(seed)
    base = values(moved)
    assert all(0 <= base[k] <= 1 for k in [*PARTS, "energy.inefficiency", "energy.efficiency"])
    assert base["energy.inefficiency"] == pytest.approx(np.mean([base[k] for k in PARTS]), abs=1e-5)
    a = 0.8
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    pose = moved.pose @ jnp.asarray(turn.T, jnp.float32) + jnp.asarray([2.0, 1.0, 3.0])
    for other in (pose, jnp.asarray(sk.mirror(moved.pose, "halpe26"))):
        for key, value in values(moved._replace(pose=other)).items():
            assert value == pytest.approx(base[key], rel=5e-3, abs=2e-3, nan_ok=True), key


@hypothesis.settings(max_examples=4)
@hypothesis.given(st.floats(0.3, 30), st.sampled_from(SEEDS))
def test_unit_of_the_pose_does_not_matter(scale, seed):
    moved = dancing(seed)
    other = movement(moved.pose * scale, moved.time_s, height=scale, height_m=moved.height_m)
    base = values(moved)
    for key, value in values(other).items():
        assert value == pytest.approx(base[key], rel=5e-3, abs=2e-3, nan_ok=True), key


@pytest.mark.parametrize("seed", SEEDS)
def test_frame_rate(seed):
    slow, fast = (values(moved) for moved in twice_as_fast(seed))
    for key, value in slow.items():
        assert fast[key] == pytest.approx(value, rel=0.08, abs=0.02, nan_ok=True), key


def test_without_a_meaning_there_is_no_number():
    moved = dancing(SEEDS[0])
    assert all(
        np.isnan(v)
        for v in values(moved._replace(height_m=jnp.asarray(np.float32(np.nan)))).values()
    )
    gap = values(moved._replace(pose=moved.pose.at[20:80].set(jnp.nan)))
    assert all(np.isnan(v) for v in gap.values())
    for frames in (1, 2, 6):
        short = moved._replace(pose=moved.pose.at[frames:].set(jnp.nan))
        assert all(np.isnan(v) for v in values(short).values())
    one = Movement(moved.pose[:1], moved.time_s[:1], moved.height_m)
    assert all(np.isnan(v) for v in values(one).values())
    stopped = values(moved._replace(time_s=np.zeros(len(moved.time_s))))
    assert all(np.isnan(v) for v in stopped.values())
    padded = values(moved._replace(pose=moved.pose.at[60:].set(jnp.nan)))
    assert np.isfinite(padded["energy.inefficiency"])


def test_standing_still_has_no_index():
    still = stiff(np.zeros(FRAMES), np.zeros((FRAMES, 3)), 30)
    noisy = still._replace(
        pose=still.pose + 1e-4 * np.random.default_rng(0).normal(size=still.pose.shape).astype("f")
    )
    for moved in (still, noisy):
        out = values(moved)
        assert out["energy.positive_work_rate"] < energy.STILL_W_KG
        assert all(np.isnan(out[k]) for k in [*PARTS, "energy.inefficiency", "energy.efficiency"])


def test_keys():
    assert sorted(values(dancing(SEEDS[0]))) == sorted(m.key for m in energy.MEASURES)
    kinds = {m.key: m.kind for m in energy.MEASURES}
    assert all(kinds[k] == "index" for k in [*PARTS, "energy.inefficiency", "energy.efficiency"])


def test_gradients():
    moved = dancing(SEEDS[1])
    with jax.enable_x64(True):
        time = jnp.asarray(moved.time_s[:30])
        pose = jnp.asarray(np.asarray(moved.pose[:30], np.float64))

        @jax.jit
        def loss(pose):
            done = energy.work(Movement(pose, time, jnp.asarray(H)))
            return done.inefficiency + done.rate + done.efficiency

        check_grads(loss, (pose,), order=1, modes=["rev"], rtol=1e-3, eps=1e-7)


def test_gradients_are_finite_on_degenerate_poses():
    rng = np.random.default_rng(SEEDS[2])
    time = np.arange(20) / 30

    @jax.jit
    def gradient(pose):
        def total(p):
            out = energy.summarise(Movement(p, time, jnp.asarray(H)))
            return sum(jnp.nansum(v) for v in out.values())

        return jax.grad(total)(pose)

    clips = [
        np.broadcast_to(p, (20, 26, 3)).astype(np.float32)
        for p in (np.zeros((26, 3)), standing(1.0), rng.normal(size=(26, 3)) * [0, 1, 0])
    ]
    for missing in ([11, 12], [24], list(range(26))):
        clip = rng.normal(size=(20, 26, 3)).astype(np.float32)
        clip[5:, missing] = np.nan
        clips.append(clip)
    for clip in clips:
        assert bool(jnp.isfinite(gradient(clip)).all())
