"""Foot contacts against the synthetic dancers' own, and what is unknown stays unknown."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dance_jax.biomech import contacts
from dance_jax.biomech.movement import Movement
from dance_jax.data import synthetic
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from dance_jax.skeleton import index, mirror
from tests.seeds import fresh

FEET = [j for foot in contacts.JOINTS for j in foot]


def moved_of(dance, dims=3, noise=0.0, keep=contacts.POINTS):
    pose = (dance.pose / dance.body.height_m)[..., :dims]
    if noise:
        rng = np.random.default_rng(dance.seed)
        pose = pose + rng.normal(0, noise, pose.shape)
        pose = np.asarray(butterworth_zero_phase(pose.astype(np.float32), dance.time_s))
    pose = np.array(pose, np.float32)
    for foot in contacts.JOINTS:
        pose[:, [j for j, n in zip(foot, contacts.POINTS, strict=True) if n not in keep]] = np.nan
    return Movement(jnp.asarray(pose), jnp.asarray(dance.time_s), jnp.asarray(dance.body.height_m))


def scores(found, truth):
    hit, miss = (found & truth).sum(), (found != truth).sum()
    low_hit = (~found & ~truth).sum()
    return (found == truth).mean(), 2 * hit / (2 * hit + miss), 2 * low_hit / (2 * low_hit + miss)


@pytest.mark.parametrize(
    ("dims", "noise", "keep", "least"),
    [
        (3, 0.0, contacts.POINTS, (0.86, 0.90, 0.60)),
        (2, 0.0, contacts.POINTS, (0.86, 0.90, 0.60)),
        (3, 0.005, contacts.POINTS, (0.86, 0.90, 0.60)),
        (2, 0.01, contacts.POINTS, (0.86, 0.90, 0.60)),
        (3, 0.0, ("ankle",), (0.86, 0.90, 0.60)),
    ],
)
def test_against_the_planted_feet(dims, noise, keep, least, full_size, figures):
    """Steps begin and end slowly, so the first and last moments of a swing look planted."""
    found, truth = [], []
    for seed in fresh(__name__, 40 if full_size else 8):
        dance = synthetic.generate(seed, duration_s=8.0, fps=30.0)
        found.append(np.asarray(contacts.foot_contacts(moved_of(dance, dims, noise, keep))))
        truth.append(dance.planted)
    got = scores(np.concatenate(found), np.concatenate(truth))
    figures[f"contacts {dims}D noise {noise} {'+'.join(keep)}"] = [round(float(x), 3) for x in got]
    assert all(a > b for a, b in zip(got, least, strict=True)), got


def test_landings_are_found(full_size):
    """Each landing of the plan has a contact that begins near it, and rarely one without."""
    late, lost, total = [], 0, 0
    for seed in fresh(__name__ + "events", 20 if full_size else 5):
        dance = synthetic.generate(seed, duration_s=8.0, fps=60.0)
        state = np.asarray(contacts.foot_contacts(moved_of(dance)))
        for k, side in enumerate(("left", "right")):
            begins = dance.time_s[1:][state[1:, k] & ~state[:-1, k]]
            for which, landing in dance.events.contacts:
                if which == side and 0.3 < landing < 7.7:
                    total += 1
                    gap = begins - landing
                    near = gap[np.abs(gap) < 0.15]
                    late += [near[np.abs(near).argmin()]] if len(near) else []
                    lost += not len(near)
    assert total > 10 and lost <= 0.25 * total, (lost, total)
    assert abs(np.median(late)) < 0.08


@pytest.mark.parametrize("seed", fresh(__name__ + "same", 2))
def test_does_not_change_with_place_turn_side_or_rate(seed):
    dance = synthetic.generate(seed, duration_s=4.0)
    state = np.asarray(contacts.foot_contacts(moved_of(dance)))
    elsewhere = np.asarray(contacts.foot_contacts(moved_of(dance.moved(1.0, -2.0, 70.0))))
    assert (elsewhere == state).mean() > 0.98
    moved = moved_of(dance)
    other = moved._replace(pose=mirror(moved.pose, "halpe26") + jnp.asarray([0.0, 0.3, 0.0]))
    assert (np.asarray(contacts.foot_contacts(other))[:, ::-1] == state).mean() > 0.98
    fast = synthetic.generate(seed, duration_s=4.0, fps=60.0)
    again = np.asarray(contacts.foot_contacts(moved_of(fast)))[::2]
    assert (again == state).mean() > 0.88


def test_unseen_is_unknown():
    dance = synthetic.generate(7, duration_s=3.0)
    moved = moved_of(dance)
    n = len(dance.time_s)
    gone = moved._replace(pose=moved.pose.at[n // 2 :, FEET[:4]].set(jnp.nan))
    state, weight = contacts.contact_state(gone), contacts.contact_weights(gone)
    for value in (state, weight):
        assert np.isnan(value[n // 2 + 1 :, 0]).all() and np.isfinite(value[:, 1]).all()
    assert np.isnan(contacts.airborne(gone)[n // 2 + 1 :]).all()
    assert not np.asarray(contacts.foot_contacts(gone))[n // 2 + 1 :, 0].any()
    assert not np.asarray(contacts.feet_seen(gone))[n // 2 + 1 :, 0].any()
    never = moved._replace(pose=moved.pose.at[:, FEET].set(jnp.nan))
    assert np.isnan(contacts.contact_state(never)).all()
    assert np.isnan(contacts.floor_height(never)).all()
    assert np.isnan(contacts.airborne(never)).all()


def line(height, fps=50.0):
    """Both feet's points at one height over time, the left foot at the floor."""
    time = np.arange(len(height)) / fps
    pose = np.zeros((len(time), 26, 3), np.float32)
    for j in contacts.JOINTS[1]:
        pose[:, j, 1] = height
    return Movement(jnp.asarray(pose), jnp.asarray(time), jnp.asarray(1.7))


def test_hysteresis_and_short_runs():
    between = (contacts.LOW[0] + contacts.LOW[1]) / 2
    slow = np.r_[np.zeros(50), np.linspace(0, between, 50), np.full(50, between)]
    slow = np.r_[slow, np.full(150, between)]
    assert np.asarray(contacts.foot_contacts(line(slow)))[:, 1].all()  # holds in between
    down = np.r_[np.full(50, 0.2), np.linspace(0.2, between, 200), np.full(50, between)]
    assert not np.asarray(contacts.foot_contacts(line(down)))[:, 1].any()  # and does not land there
    blip = np.zeros(100)
    blip[50] = 0.05  # 1 frame of 20 ms, seen by the speed in 3
    assert np.asarray(contacts.foot_contacts(line(blip)))[:, 1].all()
    step = np.full(100, 0.2)
    step[50:53] = 0.0
    assert not np.asarray(contacts.foot_contacts(line(step)))[:, 1].any()


def test_sliding_is_neither_standing_nor_flying():
    moved = line(np.zeros(100))
    slide = moved.pose.at[:, :, 0].add(jnp.arange(100)[:, None] * 0.02)  # 1 height a second
    moved = moved._replace(pose=slide)
    assert not np.asarray(contacts.foot_contacts(moved)).any()
    assert (np.asarray(contacts.airborne(moved)) == 0).all()


def test_weights_follow_the_hard_rule_and_have_gradients():
    dance = synthetic.generate(11, style="walk", duration_s=4.0)
    moved = moved_of(dance)
    weight, hard = (
        np.asarray(contacts.contact_weights(moved)),
        np.asarray(contacts.foot_contacts(moved)),
    )
    assert ((weight >= 0) & (weight <= 1)).all()
    assert weight[hard].mean() > 0.8 and weight[~hard].mean() < 0.2

    noise = np.random.default_rng(0).normal(0, 0.01, (6, 26, 3))
    short = moved._replace(pose=moved.pose[:6], time_s=jnp.arange(6) * 0.3)

    def total(pose):
        return contacts.contact_weights(short._replace(pose=pose)).sum()

    pose = short.pose + jnp.asarray(noise, jnp.float32)
    check_grads(total, (pose,), 1, ["rev"], eps=1e-3, atol=5e-2, rtol=5e-2)


def test_degenerate():
    moved = moved_of(synthetic.generate(3, duration_s=1.0, fps=50.0))
    gradient = jax.jit(
        jax.grad(lambda p, t: jnp.nansum(contacts.contact_weights(Movement(p, t, moved.height_m))))
    )
    still, nothing = jnp.zeros_like(moved.pose), jnp.full_like(moved.pose, jnp.nan)
    time = jnp.asarray(moved.time_s, jnp.float32)
    twice = time.at[5].set(time[4])
    for pose, times, told in (
        (still, time, True),
        (nothing, time, False),
        (moved.pose, twice, True),
        (moved.pose, jnp.zeros_like(time), False),
        (moved.pose[:2], time[:2], True),
        (moved.pose[:1], time[:1], False),
    ):
        state = np.asarray(contacts.contact_state(Movement(pose, times, moved.height_m)))
        assert np.isfinite(state).any() == told
        assert bool(jnp.isfinite(gradient(pose, times)).all())


def test_joint_table():
    assert contacts.JOINTS[0][1] == index("halpe26", "left_big_toe")
    assert contacts.JOINTS[1][3] == index("halpe26", "right_ankle")
