"""The key points' scatter and what it does to angles, centre of mass and measures."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.biomech import segments, uncertainty
from dance_jax.biomech.movement import Movement
from dance_jax.data import synthetic
from dance_jax.kinematics import angles, motion
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from dance_jax.kinematics.scale import upper_percentile
from tests import seeds

SEEDS = seeds.fresh(__name__, 3)
jacobian = jax.jit(jax.vmap(jax.jacfwd(angles.compute)))
NOISE = 0.005  # body heights, of one coordinate


def noisy(seed, sd=NOISE, duration_s=6.0, dims=2):
    """True, raw and filtered poses in body heights, and the times."""
    dance = synthetic.generate(seed, duration_s=duration_s, fps=30.0)
    true = dance.pose[..., :dims] / dance.body.height_m
    raw = true + np.random.default_rng(seed).normal(0, 1, true.shape) * np.asarray(sd)[..., None]
    time_s = jnp.asarray(dance.time_s, jnp.float32)
    raw = jnp.asarray(raw, jnp.float32)
    return jnp.asarray(true, jnp.float32), raw, butterworth_zero_phase(raw, dance.time_s), time_s


def covered(error, sd) -> tuple[float, float]:
    """Shares of the errors within 1 and 1.96 standard deviations."""
    ratio = np.abs(np.asarray(error)) / np.asarray(sd)
    assert np.isfinite(ratio).all()
    return float((ratio < 1).mean()), float((ratio < 1.96).mean())


def turned(a, b):
    """Differences of angles within half a turn."""
    return (np.asarray(a) - np.asarray(b) + np.pi) % (2 * np.pi) - np.pi


@pytest.mark.parametrize("dims", [2, 3])
def test_bands_hold_the_truth_as_often_as_they_say(dims) -> None:
    """68 and 95 % bands under known white noise, from raw and filtered positions alone."""
    rows = {"joints": [], "angles": [], "com": []}
    for seed in SEEDS:
        true, raw, smooth, time_s = noisy(seed, dims=dims)
        sd = uncertainty.keypoint_sd(raw, smooth, jnp.ones(raw.shape[:2]), time_s)
        rows["joints"].append(covered(smooth - true, sd[..., None]))
        spread = uncertainty.angle_sd(smooth, sd)
        assert spread.shape == (len(raw), len(angles.ANGLE_NAMES))
        error = turned(angles.compute(smooth), angles.compute(true))
        rows["angles"].append(covered(error, spread))
        error = segments.centre_of_mass(smooth) - segments.centre_of_mass(true)
        rows["com"].append(covered(error, uncertainty.com_sd(smooth, sd)))
    for name, shares in rows.items():
        one, two = np.mean(shares, axis=0)
        assert 0.60 < one < 0.78 and 0.90 < two < 0.985, (name, one, two)


def test_scatter_that_changes_from_joint_to_joint_and_over_time() -> None:
    sd = np.full((240, 26), NOISE)
    sd[120:] *= 4
    sd[:, 9] *= 3
    _, raw, smooth, time_s = noisy(SEEDS[0], sd[:, :], duration_s=8.0)
    found = np.asarray(uncertainty.keypoint_sd(raw, smooth, jnp.ones((240, 26)), time_s))
    still = [5, 6, 11, 12, 19]  # shoulders and hips move least above the cut-off
    assert 2.5 < np.median(found[140:220, still]) / np.median(found[20:100, still]) < 5
    assert np.median(found[:, 9] / np.median(found[:, still], axis=1)) > 1.8


def test_confidence_fillings_and_missing_joints() -> None:
    _, raw, smooth, time_s = noisy(SEEDS[1])
    sure = jnp.ones(raw.shape[:2])
    plain = uncertainty.keypoint_sd(raw, smooth, sure, time_s)
    unsure = uncertainty.keypoint_sd(raw, smooth, sure.at[:, 4].set(0.5).at[:, 5].set(0.0), time_s)
    np.testing.assert_allclose(unsure[:, 4], 2 * plain[:, 4], rtol=1e-5)
    np.testing.assert_allclose(unsure[:, 5], 10 * plain[:, 5], rtol=1e-5)
    np.testing.assert_array_equal(unsure[:, 6:], plain[:, 6:])
    gappy = raw.at[50:53, 3].set(jnp.nan)
    filled = uncertainty.keypoint_sd(gappy, smooth, sure, time_s)
    assert 1.5 < float(filled[51, 3] / filled[49, 3]) < 2.5
    lost = uncertainty.keypoint_sd(raw, smooth.at[:, 9].set(jnp.nan), sure, time_s)
    assert np.isnan(lost[:, 9]).all() and np.isfinite(lost[:, 8]).all()
    spread = uncertainty.angle_sd(smooth.at[:, 9].set(jnp.nan), lost, ("left_elbow", "right_elbow"))
    assert np.isnan(spread[:, 0]).all() and np.isfinite(spread[:, 1]).all()
    exact = uncertainty.keypoint_sd(smooth, smooth, sure, time_s)
    assert (np.asarray(exact) == 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_delta_method_against_jacfwd_and_sampling(seed) -> None:
    rng = np.random.default_rng(seed)
    pose, _, _, _ = noisy(seed, dims=3)
    pose, sd = pose[:3], jnp.asarray(rng.uniform(0.5, 2, (3, 26)) * 1e-3, jnp.float32)
    found = uncertainty.angle_sd(pose, sd)
    slopes = jacobian(pose)  # [3, A, 26, 3]
    expected = np.sqrt(np.einsum("tajc,tj->ta", np.asarray(slopes) ** 2, np.asarray(sd) ** 2))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    drawn = np.asarray(pose) + np.asarray(sd)[..., None] * rng.normal(size=(4000, *pose.shape))
    spread = turned(angles.compute(drawn.astype(np.float32)), angles.compute(pose)).std(0)
    bent = np.asarray(angles.compute(pose)) > 0.1  # near a straight limb the angle is folded
    folded = np.asarray([row.kind == "joint" for row in angles.ANGLES])
    fair = bent | ~folded
    np.testing.assert_allclose(found[fair], spread[fair], rtol=0.12)
    centres = np.asarray(segments.centre_of_mass(drawn.astype(np.float32))).std(0)
    np.testing.assert_allclose(uncertainty.com_sd(pose, sd), centres, rtol=0.08)


def test_drawn_errors_have_the_filters_spectrum() -> None:
    """Their spread is the one asked for, and neighbours are as alike as the low-pass makes them."""
    sd = jnp.full((400, 26), 0.01).at[:, 3].set(jnp.nan)
    time_s = jnp.arange(400) / 30.0
    drawn = np.asarray(
        uncertainty.scatter(jax.random.key(0), jnp.zeros((400, 26, 2)), sd, time_s, 6.0)
    )
    assert np.isnan(drawn[:, 3]).all()
    drawn = np.delete(drawn, 3, axis=1)
    assert abs(drawn[20:-20].std() / 0.01 - 1) < 0.05
    f = np.linspace(0, 15, 3001)
    power = 1 / (1 + (np.tan(np.pi * f / 30) / np.tan(np.pi * 6 / 30)) ** 8) ** 2
    expected = (power * np.cos(2 * np.pi * f / 30)).sum() / power.sum()
    found = (drawn[1:] * drawn[:-1]).mean() / (drawn**2).mean()
    assert abs(found - expected) < 0.04


def measures(moved: Movement) -> dict[str, jnp.ndarray]:
    shoulder = angles.compute(moved.pose, ("left_shoulder",))[:, 0]
    com = segments.centre_of_mass(moved.pose)
    return {
        "range": upper_percentile(shoulder, 95) - upper_percentile(shoulder, 5),
        "speed": jnp.mean(motion.speed(moved.pose[:, 9], moved.time_s)),
        "height": jnp.mean(com[:, 1]),
        "lost": moved.pose[0, 0, 0] * jnp.nan,
    }


def test_band_of_a_measure() -> None:
    inside, widths = [], []
    for seed in seeds.fresh(__name__ + ".band", 12):
        true, raw, smooth, time_s = noisy(seed, duration_s=4.0)
        sd = uncertainty.keypoint_sd(raw, smooth, jnp.ones(raw.shape[:2]), time_s)
        moved = Movement(smooth, time_s, jnp.asarray(1.7))
        found = uncertainty.score_interval(measures, moved, sd, jax.random.key(seed), n=63)
        known = measures(moved._replace(pose=butterworth_zero_phase(true, time_s)))
        value = measures(moved)
        assert all(np.isnan(field["lost"]) for field in found)
        for name in ("range", "speed", "height"):
            assert found.low[name] <= found.value[name] <= found.high[name]
            np.testing.assert_allclose(found.value[name], value[name], rtol=1e-4)
            inside.append(bool(found.low[name] <= known[name] <= found.high[name]))
        widths.append(float(found.high["speed"] - found.low["speed"]))
        wide = uncertainty.score_interval(measures, moved, 3 * sd, jax.random.key(0), n=63)
        assert wide.high["height"] - wide.low["height"] > found.high["height"] - found.low["height"]
    assert np.mean(inside) > 0.8
    assert 0 < np.median(widths) < 0.3


@pytest.mark.parametrize("case", ["collapsed", "straight", "missing"])
def test_finite_on_degenerate_poses(case) -> None:
    pose = np.zeros((20, 26, 2), np.float32)
    if case == "straight":
        pose[..., 1] = np.arange(26)
    elif case == "missing":
        pose[:] = np.nan
    sd = jnp.full((20, 26), 0.01)
    spread = np.asarray(uncertainty.angle_sd(pose, sd))
    assert np.isnan(spread).all() if case == "missing" else np.isfinite(spread).all()

    def total(sd):
        found = uncertainty.angle_sd(pose, sd), uncertainty.com_sd(pose, sd)
        return sum(jnp.sum(jnp.where(jnp.isfinite(x), x, 0.0)) for x in found)

    assert np.isfinite(jax.grad(total)(sd)).all()
