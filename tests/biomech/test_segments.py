"""Segment tables and the centre of mass."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from dance_jax import skeleton as sk
from dance_jax.biomech import segments
from dance_jax.data import synthetic
from dance_jax.errors import InputError
from tests.kinematics.oracle import joint, standing
from tests.seeds import fresh

NAMES = sorted(segments.ANTHROPOMETRY)


@pytest.mark.parametrize("name", NAMES)
def test_standing_height_of_the_centre_of_mass(name):
    """Standing adults have it at 54 to 58 % of stature (arms hanging), in the middle."""
    com = np.asarray(segments.centre_of_mass(jnp.asarray(standing(1.7)), name))
    assert 0.53 < com[1] / 1.7 < 0.595
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


ARMS = {"wrist": 0.0025, "elbow wrist": 0.012}
LEGS = {"heel big_toe": 0.003, "ankle heel big_toe small_toe": 0.012}


@pytest.mark.parametrize("seed", fresh(__name__, 3))
@pytest.mark.parametrize("dims", [2, 3])
def test_fallbacks_are_near_the_whole(seed, dims):
    """Errors of the stated fallbacks on dancers whose whole body is known, in body heights."""
    dance = synthetic.generate(seed, duration_s=4.0, fps=15.0)
    pose = (dance.pose / dance.body.height_m).astype(np.float32)[..., :dims]
    whole = np.asarray(segments.centre_of_mass(pose))
    cases = {f"left_{n.replace(' ', ' left_')}": e for n, e in (ARMS | LEGS).items()}
    cases |= {"left_ear right_ear head": 0.01, "left_ear right_ear head nose": 0.01}
    cases |= {"left_ear right_ear head nose left_eye right_eye": 0.01}
    for names, largest in cases.items():
        part = pose.copy()
        part[:, [sk.index("halpe26", n) for n in names.split()]] = np.nan
        com = np.asarray(segments.centre_of_mass(part, partial="fallback"))
        error = np.linalg.norm(com - whole, axis=-1)
        assert np.isfinite(com).all() and error.max() < largest, (names, error.max())


def test_known_mass_and_its_limit():
    pose = np.array(standing(), np.float32)

    def without(*names):
        out = pose.copy()
        out[[sk.index("halpe26", n) for n in names]] = np.nan
        return float(segments.known_mass(out)), np.asarray(
            segments.centre_of_mass(out, partial="fallback")
        )

    table = segments.get("de_leva_mean")
    assert without()[0] == pytest.approx(1, abs=1e-6)
    forearm = table["forearm"].mass + table["hand"].mass
    assert without("left_wrist")[0] == pytest.approx(1 - forearm, abs=1e-6)
    mass, com = without("left_knee")
    assert mass < segments.MIN_MASS and np.isnan(com).all()  # a whole leg is too much
    mass, com = without("left_shoulder", "left_elbow", "left_wrist")
    assert np.isnan(com).all()  # no trunk
    mass, com = without("left_elbow", "left_wrist", "right_elbow", "right_wrist")
    assert mass > segments.MIN_MASS and np.isfinite(com).all()
    nothing = np.full((26, 3), np.nan, np.float32)
    assert float(segments.known_mass(nothing)) == 0
    assert np.isnan(np.asarray(segments.centre_of_mass(nothing, partial="fallback"))).all()


@pytest.mark.parametrize("partial", ["refuse", "fallback"])
def test_gradients(partial):
    pose = np.random.default_rng(3).normal(size=(2, 26, 3)).astype(np.float32)
    pose[1, sk.index("halpe26", "left_wrist")] = np.nan

    def total(p):
        return jnp.nansum(segments.centre_of_mass(p, partial=partial) ** 2)

    check_grads(total, (jnp.asarray(pose[0]),), 1, ["rev"], atol=1e-2, rtol=1e-2)
    assert bool(jnp.isfinite(jax.grad(total)(jnp.asarray(pose))).all())


@pytest.mark.parametrize("seed", fresh(__name__ + "tables", 3))
def test_tables_differ_by_at_most_3_cm(seed):
    """Against each other on dancing bodies; male and female by much less."""
    dance = synthetic.generate(seed, duration_s=4.0, fps=10.0, height_m=1.75)
    pose = dance.pose.astype(np.float32)
    com = {n: np.asarray(segments.centre_of_mass(pose, n)) for n in segments.ANTHROPOMETRY}
    for name in NAMES:
        gap = np.linalg.norm(com[name] - com["de_leva_mean"], axis=-1)
        assert gap.max() < (0.03 if name == "winter" else 0.01), (name, gap.max())


def test_unknown_table():
    with pytest.raises(InputError, match="de_leva_mean"):
        segments.centre_of_mass(standing(), "dempster")
    with pytest.raises(InputError, match="fallback"):
        segments.centre_of_mass(standing(), partial="guess")
