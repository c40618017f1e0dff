"""Linking people by their joints: shuffled, swapped, lost and crossing synthetic dancers."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.data import retrack
from dance_jax.errors import InputError
from tests.data.people import people, same
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def sightings(clip, rng, keep=None):
    """Every pose of a clip in a random order within its frame, and who it truly is."""
    place, person = np.nonzero(clip.present.any(-1) if keep is None else keep)
    order = np.lexsort([rng.random(len(place)), place])
    place, person = place[order], person[order]
    return clip.pose[place, person], place, person


def agrees(column, person):
    """Whether the columns are the people, up to their order, and nobody is dropped."""
    pairs = set(zip(column.tolist(), person.tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [1, 3])
def test_shuffled_people_are_told_apart(seed, count):
    clip = people(seed, count, duration_s=3.0)
    pose, place, person = sightings(clip, np.random.default_rng(seed))
    linked = retrack.link(pose, place, clip.time_s)
    assert linked.count == count and not linked.short and agrees(linked.column, person)


@pytest.mark.parametrize("seed", SEEDS)
def test_gaps_and_missing_joints_do_not_break_a_track(seed):
    rng = np.random.default_rng(seed)
    clip = people(seed, 3, duration_s=3.0)
    pose = clip.pose.copy()
    pose[rng.random(pose.shape[:3]) < 0.3] = np.nan
    keep = np.ones(pose.shape[:2], bool)
    keep[20:35, 1] = False  # one person is out of sight for 0.6 s
    keep &= rng.random(keep.shape) > 0.1
    pose, place, person = sightings(clip.replace(pose=pose), rng, keep)
    some = np.isfinite(pose).any((1, 2))
    linked = retrack.link(pose[some], place[some], clip.time_s)
    assert linked.count == 3 and agrees(linked.column, person[some])


@pytest.mark.parametrize("seed", SEEDS)
def test_two_who_cross_are_not_exchanged(seed):
    clip = people(seed, 2, duration_s=3.0)
    walk = np.linspace(-220, 220, clip.n_frames)[:, None, None]
    pose = clip.pose - clip.pose.mean((0, 2), keepdims=True)
    pose = pose + np.array([640, 360]) + np.array([40.0, 60.0]) * [[[[0]], [[1]]]]
    pose[:, 0, :, 0] += walk[:, 0]
    pose[:, 1, :, 0] -= walk[:, 0]
    made = clip.replace(pose=pose)
    found, place, person = sightings(made, np.random.default_rng(seed))
    linked = retrack.link(found, place, clip.time_s)
    assert linked.count == 2
    wrong = min(np.mean(linked.column != person), np.mean(linked.column == person))
    assert wrong == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_two_who_pass_while_hidden_walk_on(seed):
    rng = np.random.default_rng(seed)
    body = rng.uniform(-100, 100, (17, 2)) * (0.4, 1)  # both alike: only their walk tells them
    time_s = np.arange(60) / 25
    x = (time_s - 1.18) * 400  # each comes back exactly where the other was last seen
    pose = np.stack([body + np.stack([way * x, 0 * x], -1)[:, None] for way in (1, -1)], 1)
    pose = pose + rng.normal(0, 1, pose.shape)
    keep = np.abs(x) > 20  # neither is seen for two frames
    place, person = np.nonzero(keep[:, None] & np.ones((60, 2), bool))
    linked = retrack.link(pose[place, person], place, time_s)
    assert linked.count == 2 and agrees(linked.column, person)


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_one_who_is_away_for_long_is_joined_again(seed):
    clip = people(seed, 2, duration_s=8.0)
    keep = np.ones(clip.pose.shape[:2], bool)
    keep[60:140, 1] = False  # 3.2 s, longer than a track lives on
    still = np.broadcast_to(clip.pose[:1], clip.pose.shape)
    pose, place, person = sightings(clip.replace(pose=still), np.random.default_rng(seed), keep)
    linked = retrack.link(pose, place, clip.time_s)
    assert linked.count == 2 and agrees(linked.column, person)
    apart = retrack.link(pose, place, clip.time_s, retrack.Settings(rejoin_gap_s=3.0))
    assert apart.count == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_swapped_ids_are_found_where_they_are(seed):
    rng = np.random.default_rng(seed)
    clip = people(seed, 3)
    pose, place, person = sightings(clip, rng)
    assert not len(retrack.swaps(pose, place, person, clip.time_s))
    at = int(rng.integers(5, clip.n_frames - 5))
    lying = person.copy()
    lying[(place >= at) & (person == 0)] = 2
    lying[(place >= at) & (person == 2)] = 0
    assert retrack.swaps(pose, place, lying, clip.time_s).tolist() == [at]


def test_short_ghosts_are_dropped_and_counted():
    clip = people(SEEDS[0], 2, duration_s=3.0)
    ghost = clip.pose[:1, :1] + 400
    pose = np.concatenate([clip.pose.reshape(-1, 26, 2), ghost.reshape(1, 26, 2)])
    place = np.append(np.repeat(np.arange(clip.n_frames), 2), 30)
    linked = retrack.link(pose, place, clip.time_s)
    assert (linked.count, linked.short, linked.lost) == (2, 1, 1) and linked.column[-1] == -1


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_relink_orders_a_clip(seed):
    rng = np.random.default_rng(seed)
    clip = people(seed, 3)
    order = np.stack([rng.permutation(3) for _ in range(clip.n_frames)])
    rows = np.arange(clip.n_frames)[:, None]
    mixed = clip.replace(pose=clip.pose[rows, order], confidence=clip.confidence[rows, order])
    found = retrack.relink(mixed)
    left = np.argsort(found.pose[..., 0].mean((0, 2)))
    assert same(found.pose[:, left], clip.pose) and same(found.confidence[:, left], clip.confidence)
    assert found.person_ids == (1, 2, 3) and found.source["relinked"]
    with pytest.raises(InputError, match="nobody"):
        retrack.relink(clip.replace(pose=np.full_like(clip.pose, np.nan)))


def test_a_crowd_that_flickers_takes_bounded_time():
    rng = np.random.default_rng(SEEDS[0])
    pose = rng.uniform(0, 5000, (4000, 17, 2))
    linked = retrack.link(pose, np.repeat(np.arange(200), 20), np.arange(200) / 30)
    assert linked.count + linked.short > 0 and len(linked.column) == 4000
