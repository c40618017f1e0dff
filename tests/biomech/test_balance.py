"""Balance against truths made by hand: inverted pendulums, standing, and what cannot be told."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.biomech import balance, contacts, pendulum, segments
from dance_jax.biomech.movement import GRAVITY, Movement
from dance_jax.data import camera, synthetic
from dance_jax.skeleton import index, mirror
from tests.biomech.test_contacts_picture import pictured
from tests.biomech.test_support import by_hand
from tests.kinematics.oracle import standing
from tests.seeds import fresh

FEET = np.array([j for foot in contacts.JOINTS for j in foot])
BREADTH, LENGTH = 0.055, 0.152  # of a foot, body heights
N = 120


def soles(pose):
    """Corners of the feet of one frame [8, G], by hand: heel to mid-toes, as broad as a foot."""
    corners = []
    for side in ("left_", "right_"):
        at = [pose[index("halpe26", side + name)][0::2] for name in contacts.POINTS[:3]]
        heel, toe = at[0], (at[1] + at[2]) / 2
        if len(heel) == 1:
            turned = max(1 - (float((toe - heel)[0]) / LENGTH) ** 2, 0)
            across = np.array([BREADTH / 2 * np.sqrt(turned + 0.01)])
        else:
            along = (toe - heel) / np.linalg.norm(toe - heel)
            across = BREADTH / 2 * np.array([-along[1], along[0]])
        corners += [heel - across, heel + across, toe - across, toe + across]
    return np.array(corners)


def dancing(seed, dims=3, duration_s=4.0, fps=30.0, height_m=None):
    dance = synthetic.generate(seed, duration_s=duration_s, fps=fps, height_m=height_m)
    pose = jnp.asarray((dance.pose / dance.body.height_m)[..., :dims], jnp.float32)
    return Movement(pose, jnp.asarray(dance.time_s, jnp.float32), jnp.float32(dance.body.height_m))


def leaning(speed=0.0, offset=0.0, dims=3, height_m=1.75):
    """A standing body whose parts above the ankles glide sideways at a speed, feet still."""
    time = np.arange(N) / 30.0
    pose = np.tile(np.asarray(standing(1.0), np.float32), (N, 1, 1))
    upper = np.setdiff1d(np.arange(26), FEET)
    pose[:, upper, 0] += (offset + speed * (time - time[N // 2]))[:, None]
    return Movement(
        jnp.asarray(pose[..., :dims]), jnp.asarray(time, jnp.float32), jnp.float32(height_m)
    )


def test_pendulum_rate():
    """sqrt(g / l) with the hip's height .530 of stature: 2.92 /s for a stature of 1.75 m."""
    moved = leaning()
    length = 1.24 * 0.530 * 1.75
    assert float(pendulum.pendulum_rate(moved)) == pytest.approx(
        np.sqrt(GRAVITY / length), rel=1e-4
    )
    assert np.isnan(pendulum.pendulum_rate(moved._replace(height_m=jnp.float32(np.nan))))
    legless = moved.pose.at[:, [index("halpe26", s + "knee") for s in ("left_", "right_")]].set(
        np.nan
    )
    assert np.isnan(pendulum.pendulum_rate(moved._replace(pose=legless)))


@pytest.mark.parametrize("dims", [2, 3])
def test_margins_of_a_gliding_body(dims):
    """By hand: the base is the feet's outline, xcom = x + v sqrt(l / g)."""
    speed = 0.05
    moved = leaning(speed, dims=dims)
    got = jax.tree.map(np.asarray, balance.balance(moved))
    k = N // 2
    com = np.asarray(segments.centre_of_mass(moved.pose))[k]
    feet = soles(np.asarray(moved.pose)[k])
    v = got.com_velocity[k, 0::2]
    share_above = v[0] / speed
    assert 0.9 < share_above < 1.0  # the feet and a part of the shanks stay
    w0 = np.sqrt(GRAVITY / (1.24 * float(pendulum.leg_length(moved)) * 1.75))
    xcom = com[0::2] + v / w0
    np.testing.assert_allclose(got.xcom[k], xcom, atol=1e-5)
    if dims == 3:
        places = [by_hand(feet.astype(float), x.astype(float), v, 10.0) for x in (com[0::2], xcom)]
        assert got.base_area[k] == pytest.approx(places[0][1], rel=1e-4)
    else:
        left, right = feet.min(), feet.max()
        places = [
            (min(right - x, x - left), 0, min(10, (right - x) / v[0])) for x in (com[0], xcom[0])
        ]
        assert np.isnan(got.base_area).all()
    assert got.com_margin[k] == pytest.approx(places[0][0], abs=1e-5)
    assert got.margin[k] == pytest.approx(places[1][0], abs=1e-5)
    assert got.time_to_contact_s[k] == pytest.approx(places[0][2], rel=1e-3)
    assert got.temporal_margin_s[k] == pytest.approx(places[1][2], rel=1e-3)
    assert (got.contacts == 1).all() and (got.flight == 0).all()
    assert got.com_height[k] == pytest.approx(com[1], abs=1e-5)  # the soles are at 0


@pytest.mark.parametrize("seed", fresh(__name__ + "picture", 2))
def test_through_a_camera_with_perspective(seed):
    """Against the feet of the plan and the places of the same picture."""
    dance = synthetic.generate(seed, duration_s=6.0)
    view = camera.frame_dancers([dance.pose], yaw_deg=15, height_m=1.5, fov_deg=62)
    moved = pictured(dance.pose, dance.time_s, dance.body.height_m, view, 0.003, seed)
    got = jax.tree.map(np.asarray, balance.balance(moved))
    x = np.asarray(moved.pose)[:, np.array(contacts.JOINTS)[:, :3], 0]
    down = dance.planted[..., None] & np.isfinite(x)
    low, high = np.where(down, x, np.inf).min((1, 2)), np.where(down, x, -np.inf).max((1, 2))
    low, high = low - BREADTH / 4, high + BREADTH / 4  # between a foot seen end on and side on
    truth = np.minimum(got.com[:, 0] - low, high - got.com[:, 0])
    error = np.abs(got.com_margin - truth)[dance.planted.any(-1)]
    assert np.isfinite(error).mean() > 0.9 and np.nanmedian(error) < 0.02
    stands = np.nansum(got.contacts, -1) > 0
    assert (got.base_width[stands] > 0.02).mean() > 0.95  # all of the foot, not one toe
    assert 0.4 < np.nanmean(got.com_height) < 0.75


@pytest.mark.parametrize("dims", [2, 3])
def test_a_foot_is_as_broad_as_a_foot(dims):
    """One foot that points at the camera, its key points in one line: .055 heights broad."""
    pose = np.tile(np.asarray(standing(1.0), np.float32), (N, 1, 1))
    for name in contacts.POINTS[1:3]:
        for side in ("left_", "right_"):
            pose[:, index("halpe26", side + name), 0] = pose[:, index("halpe26", side + "heel"), 0]
    raised = [index("halpe26", "right_" + name) for name in contacts.POINTS]
    pose[:, raised, 1] += 0.3
    upper = np.setdiff1d(np.arange(26), FEET)
    com = np.asarray(segments.centre_of_mass(pose))[0, 0]
    over = float(pose[0, index("halpe26", "left_heel"), 0] - com)
    for aside, inside in ((0.02, True), (0.035, False)):
        moved_aside = pose.copy()
        moved_aside[:, upper, 0] += (over + aside) / 0.96  # the feet, which stay, weigh 4 %
        moved = Movement(
            jnp.asarray(moved_aside[..., :dims]),
            jnp.arange(N, dtype=jnp.float32) / 30.0,
            jnp.float32(1.75),
        )
        got = jax.tree.map(np.asarray, balance.balance(moved))
        assert (got.contacts == [1, 0]).all()
        off = np.abs(got.com[:, 0] - pose[0, index("halpe26", "left_heel"), 0])
        np.testing.assert_allclose(
            got.com_margin, BREADTH / 2 - off, atol=3e-4 if dims == 2 else 1e-5
        )
        assert ((got.com_margin > 0) == inside).all()


def test_on_the_toes_the_base_is_the_fore_part():
    pose = np.tile(np.asarray(standing(1.0), np.float32), (N, 1, 1))
    for side in ("left_", "right_"):
        pose[:, index("halpe26", side + "heel"), 1] += 0.05
    # In the clip's other half the heels are down, so that the floor is known.
    pose[: N // 2] = np.asarray(standing(1.0), np.float32)
    time = jnp.arange(N, dtype=jnp.float32) / 30.0
    got = jax.tree.map(
        np.asarray, balance.balance(Movement(jnp.asarray(pose), time, jnp.float32(1.75)))
    )
    flat, raised = got.support[10, :4], got.support[N - 10, :4]
    assert np.isfinite(flat).all() and np.isfinite(raised).all()
    np.testing.assert_allclose(flat[2:], raised[2:], atol=1e-5)
    assert np.linalg.norm(flat[2] - flat[0]) > 0.1
    assert np.linalg.norm(raised[2] - raised[0]) == pytest.approx(BREADTH / 2, abs=1e-4)
    assert got.base_area[N - 10] < got.base_area[10]


def test_signs_inside_and_outside():
    inside, outside = (jax.tree.map(np.asarray, balance.balance(leaning(0, x))) for x in (0, 0.5))
    assert (inside.com_margin > 0.02).all() and (inside.margin > 0.02).all()
    assert (outside.com_margin < -0.2).all() and np.isnan(outside.time_to_contact_s).all()
    assert (inside.time_to_contact_s == balance.LONGEST_S).all()  # nothing moves


def test_what_cannot_be_told():
    moved = dancing(5)
    whole = balance.summarise(moved)
    unscaled = balance.summarise(moved._replace(height_m=jnp.float32(np.nan)))
    needs = {m.key for m in balance.MEASURES if m.needs_scale}
    for key, value in unscaled.items():
        assert bool(jnp.isfinite(value)) == (key not in needs), key
    assert set(whole) == {m.key for m in balance.MEASURES}
    feetless = moved._replace(pose=moved.pose.at[:, FEET].set(np.nan))
    refused = balance.summarise(feetless)
    for m in balance.MEASURES:
        assert bool(jnp.isnan(refused[m.key])) == ("feet" in m.parts), m.key
    ankles = [j for foot in contacts.JOINTS for j in foot[:3]]
    only = balance.summarise(moved._replace(pose=moved.pose.at[:, ankles].set(np.nan)))
    assert np.isnan(only["balance.com_margin_median"]) and np.isnan(only["balance.margin_median"])
    assert np.isfinite(only["balance.double_support_share"])  # by the ankles alone
    one = moved._replace(pose=moved.pose.at[:, FEET[:4]].set(np.nan))
    assert np.isnan(balance.balance(one).com_margin).all()  # the other foot may stand anywhere


def test_person_who_vanishes_half_way():
    moved = dancing(6)
    gone = moved._replace(pose=moved.pose.at[N // 2 :].set(np.nan))
    series = balance.balance(gone)
    for name, value in series._asdict().items():
        assert np.isnan(np.asarray(value)[N // 2 + 1 :]).all(), name
    seen = balance.summarise(Movement(moved.pose[: N // 2], moved.time_s[: N // 2], moved.height_m))
    for key, value in balance.summarise(gone).items():
        np.testing.assert_allclose(value, seen[key], rtol=2e-3, atol=1e-4, err_msg=key)


def test_degenerate():
    moved = dancing(3)

    def total(pose, time):
        here = Movement(pose, time, moved.height_m)
        values = balance.summarise(here)
        return jnp.nansum(balance.soft_com_margin(here)) + sum(map(jnp.nan_to_num, values.values()))

    gradient = jax.jit(jax.grad(total))
    free = {"balance.com_height_range"}  # needs neither feet nor time
    for pose, time, told in (
        (jnp.full_like(moved.pose, np.nan), moved.time_s, set()),
        (jnp.zeros_like(moved.pose), moved.time_s, None),
        (moved.pose, jnp.zeros(N), free),
        (moved.pose[:2], moved.time_s[:2], None),
    ):
        values = balance.summarise(Movement(pose, time, moved.height_m))
        assert not any(np.isinf(v) for v in values.values())
        if told is not None:
            assert {k for k, v in values.items() if np.isfinite(v)} <= told | {
                "balance.com_height_mean"
            }
        if len(pose) == N:
            assert bool(jnp.isfinite(gradient(pose, time)).all())


@hypothesis.settings(max_examples=6)
@hypothesis.given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(0, 6.28))
def test_place_turn_and_side_do_not_matter(seed, shift, angle):
    moved = dancing(seed % 5)
    c, s = np.cos(angle), np.sin(angle)
    turn = jnp.asarray([[c, 0, s], [0, 1, 0], [-s, 0, c]], jnp.float32)
    other = mirror(moved.pose @ turn + shift, "halpe26")
    a, b = balance.summarise(moved), balance.summarise(moved._replace(pose=other))
    for key, value in a.items():
        rough = 0.03 if "share" in key or "time" in key or "temporal" in key else 2e-3
        assert float(b[key]) == pytest.approx(float(value), abs=rough, rel=0.05), key


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_frame_rate_hardly_matters(seed):
    a, b = (balance.summarise(dancing(seed, fps=fps)) for fps in (30.0, 60.0))
    for key in ("com_height_mean", "com_margin_median", "margin_median", "double_support_share"):
        assert float(a["balance." + key]) == pytest.approx(float(b["balance." + key]), abs=0.04), (
            key
        )


def test_synthetic_dancers_stand_as_planned():
    """Small slow steps look planted (see test_contacts), so both feet stand a little too often."""
    both, one = [], []
    for seed in fresh(__name__ + "truth", 6):
        planted = synthetic.generate(seed, duration_s=4.0).planted.sum(-1)
        got = balance.summarise(dancing(seed))
        both.append(float(got["balance.double_support_share"]) - (planted == 2).mean())
        one.append(float(got["balance.single_support_share"]) - (planted == 1).mean())
        assert 0.45 < float(got["balance.com_height_mean"]) < 0.62
    assert -0.02 < np.median(both) < 0.25 and -0.25 < np.median(one) < 0.04


def test_soft_margin_is_near_and_has_gradients():
    moved = dancing(9)
    series, soft = balance.balance(moved), np.asarray(balance.soft_com_margin(moved))
    hard = np.asarray(series.com_margin)
    double = np.asarray(series.contacts).sum(-1) == 2
    assert np.median(np.abs(soft - hard)[double]) < 0.03
    noise = jnp.asarray(np.random.default_rng(0).normal(0, 0.01, (5, 26, 3)), jnp.float32)
    slow = jnp.arange(5) * 0.3

    def total(pose):
        return balance.soft_com_margin(Movement(pose, slow, moved.height_m)).sum()

    check_grads(total, (moved.pose[:5] + noise,), 1, ["rev"], eps=5e-4, atol=0.1, rtol=0.1)


def test_batch_equals_single():
    moved = [dancing(s) for s in (1, 2)]
    batch = jax.tree.map(lambda *x: jnp.stack(x), *moved)
    got = jax.jit(jax.vmap(balance.summarise))(batch)
    for k, one in enumerate(moved):
        for key, value in balance.summarise(one).items():
            np.testing.assert_allclose(got[key][k], value, rtol=1e-4, atol=1e-5, err_msg=key)
