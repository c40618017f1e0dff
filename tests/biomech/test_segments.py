"""Segment tables and the centre of mass."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dance_jax import skeleton as sk
from dance_jax.biomech import segments
from dance_jax.errors import InputError
from tests.kinematics.oracle import joint, standing

NAMES = sorted(segments.ANTHROPOMETRY)


@pytest.mark.parametrize("name", NAMES)
def test_masses_sum_to_one(name):
    table = segments.get(name)
    total = sum(s.mass * (1 if k in ("head", "trunk") else 2) for k, s in table.items())
    assert abs(total - 1) < 1e-12
    assert all(0 < s.centre < 1 for s in table.values())


def test_printed_values_and_mean():
    male, female = segments.get("de_leva_male"), segments.get("de_leva_female")
    assert male["thigh"].mass == pytest.approx(0.1416) and male["thigh"].centre == 0.4095
    assert female["shank"].centre == 0.4416
    mean = segments.get("de_leva_mean")
    for key, segment in mean.items():
        assert segment.centre == pytest.approx((male[key].centre + female[key].centre) / 2)
        assert segment.mass == pytest.approx((male[key].mass + female[key].mass) / 2, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_standing_height_of_the_centre_of_mass(name):
    """Standing adults have it at 54 to 58 % of stature (arms hanging), in the middle."""
    com = np.asarray(segments.centre_of_mass(jnp.asarray(standing(1.7)), name))
    assert 0.53 < com[1] / 1.7 < 0.585
    assert abs(com[0]) < 1e-6 and abs(com[2]) < 0.03


def test_equals_a_plain_sum():
    pose = np.random.default_rng(0).normal(size=(26, 3)).astype(np.float32)
    table = segments.get("de_leva_male")
    mid = {
        n: (joint(pose, "left_" + n) + joint(pose, "right_" + n)) / 2
        for n in ("ear", "shoulder", "hip")
    }
    total = table["head"].mass * mid["ear"]
    total += table["trunk"].mass * (mid["shoulder"] + 0.4310 * (mid["hip"] - mid["shoulder"]))
    for s in ("left_", "right_"):
        for key, a, b in (
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
            ("thigh", "hip", "knee"),
            ("shank", "knee", "ankle"),
            ("foot", "heel", "big_toe"),
        ):
            p, d = joint(pose, s + a), joint(pose, s + b)
            total += table[key].mass * (p + table[key].centre * (d - p))
        forearm = joint(pose, s + "wrist") - joint(pose, s + "elbow")
        total += table["hand"].mass * (joint(pose, s + "wrist") + 68.1 / 268.9 * forearm)
    np.testing.assert_allclose(segments.centre_of_mass(pose, "de_leva_male"), total, atol=1e-5)


def test_moves_turns_and_mirrors_with_the_body():
    pose = np.random.default_rng(1).normal(size=(4, 26, 3)).astype(np.float32)
    com = np.asarray(segments.centre_of_mass(pose))
    turn = Rotation.random(rng=2).as_matrix()
    moved = pose @ turn.T + [1, 2, 3]
    np.testing.assert_allclose(segments.centre_of_mass(moved), com @ turn.T + [1, 2, 3], atol=1e-5)
    np.testing.assert_allclose(
        segments.centre_of_mass(sk.mirror(pose, "halpe26")), com * [-1, 1, 1], atol=1e-5
    )
    batch = pose.reshape(2, 2, 26, 3)
    np.testing.assert_allclose(
        jax.jit(jax.vmap(segments.centre_of_mass))(batch), com.reshape(2, 2, 3), atol=1e-6
    )


def test_missing_parts():
    pose = np.array(standing(), np.float32)
    whole = np.asarray(segments.centre_of_mass(pose))

    def without(*names):
        out = pose.copy()
        out[[sk.index("halpe26", n) for n in names]] = np.nan
        return np.asarray(segments.centre_of_mass(out))

    assert np.isnan(without("left_knee")).all() and np.isnan(without("left_ear", "head")).all()
    feet = without(*(s + j for s in ("left_", "right_") for j in ("heel", "big_toe")))
    assert np.linalg.norm(feet - whole) < 0.01  # feet taken at the ankles
    assert np.linalg.norm(without("left_ear") - whole) < 0.01  # head taken from its vertex
    gone = jnp.asarray(pose).at[3].set(jnp.nan)
    gradient = jax.grad(lambda p: jnp.nansum(segments.centre_of_mass(p)))(gone)
    assert bool(jnp.isfinite(gradient).all())


def test_unknown_table():
    with pytest.raises(InputError, match="de_leva_mean"):
        segments.centre_of_mass(standing(), "winter")
