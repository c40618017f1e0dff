"""Synthetic dancers: determinism, exact times, anatomy, planted feet, and true events."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax.data.dances import ARMS, STYLES
from dance_jax.data.plan import LEFT, Track
from dance_jax.data.synthetic import Skill, SyntheticDance, generate, timestamps
from dance_jax.errors import InputError
from dance_jax.kinematics.forward import JOINTS, forward

SIDES = ("left", "right")
J = JOINTS.index
forward_jit = jax.jit(forward)


@pytest.fixture(scope="module")
def dances() -> list[SyntheticDance]:
    return [generate(20 + k, style, 8.0) for k, style in enumerate(STYLES)]


def test_the_same_seed_gives_the_same_dance_and_another_seed_another() -> None:
    a, b, c = generate(5, duration_s=3), generate(5, duration_s=3), generate(6, duration_s=3)
    np.testing.assert_array_equal(a.pose, b.pose)
    np.testing.assert_array_equal(a.ratings, b.ratings)
    assert np.abs(a.pose - c.pose).max() > 0.05
    assert a.body.height_m != c.body.height_m and a.quality != c.quality


def test_times_only_choose_where_the_motion_is_looked_at() -> None:
    coarse = generate(7, "contemporary_like", 4.0, 20.0)
    fine = generate(7, "contemporary_like", time_s=np.arange(0, 3.951, 0.025))
    np.testing.assert_allclose(fine.time_s[::2], coarse.time_s, atol=1e-12)
    np.testing.assert_allclose(fine.pose[::2], coarse.pose, atol=1e-12)


def test_timestamps_are_exact_or_jittered() -> None:
    dance = generate(1, duration_s=2.0, fps=23.976)
    np.testing.assert_array_equal(dance.time_s, np.arange(47) / 23.976)
    shaken = timestamps(5.0, 30.0, jitter=0.4, seed=3)
    assert len(shaken) == 150 and np.all(np.diff(shaken) > 0) and np.diff(shaken).std() > 1e-3
    for wrong in ({"duration_s": 0.01}, {"jitter": 0.6}, {"fps": -1.0}):
        with pytest.raises(InputError):
            generate(1, **wrong)
    with pytest.raises(InputError, match="hip_hop_like"):
        generate(1, "polka")
    with pytest.raises(InputError, match="increasing"):
        generate(1, time_s=np.array([0.0, 0.2, 0.1]))


def test_bones_keep_their_length_and_the_pose_is_the_rigs(dances: list[SyntheticDance]) -> None:
    for dance in dances:
        child = [k for k, p in enumerate(dance.rig.parents) if p >= 0]
        bones = dance.pose[:, child] - dance.pose[:, [dance.rig.parents[k] for k in child]]
        length = np.linalg.norm(bones, axis=-1)
        assert np.ptp(length, axis=0).max() < 1e-9, dance.style
        assert 1.5 <= dance.body.height_m <= 1.95
    again = forward_jit(dances[0].rig, dances[0].rotations, dances[0].root)
    np.testing.assert_allclose(again, dances[0].pose, atol=1e-5)


def test_elbows_and_knees_bend_the_right_way(dances: list[SyntheticDance]) -> None:
    for dance in dances:
        for side in SIDES:
            hip, knee, ankle, toe, heel = (
                dance.pose[:, J(f"{side}_{j}")] for j in ("hip", "knee", "ankle", "big_toe", "heel")
            )
            ahead = toe - heel
            out = knee - 0.5 * (hip + ankle)  # thigh and shank are nearly equally long
            bent = np.linalg.norm(out, axis=-1) > 0.05
            assert (np.sum(out * ahead, -1)[bent] > 0).all(), (dance.style, side)
        # The forearm's turn against the upper arm is a pure flexion about the elbow's hinge.
        turn = dance.rotations[:, J("left_wrist")]
        flexion = np.arctan2(-turn[:, 2, 1], turn[:, 1, 1])
        assert flexion.min() > 0 and flexion.max() < np.deg2rad(150), dance.style


def test_planted_feet_are_still_and_nothing_is_below_the_floor(
    dances: list[SyntheticDance],
) -> None:
    for dance in dances:
        assert dance.pose[..., 1].min() > 0
        rate = 1.0 / np.diff(dance.time_s)
        for k, side in enumerate(SIDES):
            still = dance.planted[1:, k] & dance.planted[:-1, k]
            ball = 0.5 * (
                dance.pose[:, J(f"{side}_big_toe")] + dance.pose[:, J(f"{side}_small_toe")]
            )
            speed = np.linalg.norm(np.diff(ball, axis=0), axis=-1) * rate
            assert still.any() and speed[still].max() < 0.02, (dance.style, side)
            assert (~dance.planted[:, k]).any() == any(s == side for s, _ in dance.events.contacts)


def test_motion_is_smooth_and_stays_in_the_room(dances: list[SyntheticDance]) -> None:
    for dance in dances:
        acceleration = np.diff(dance.pose, 2, axis=0) * 900.0
        assert np.abs(acceleration).max() < 150.0, dance.style
        assert np.ptp(dance.pose[..., 0]) < 3.0 and np.ptp(dance.pose[..., 2]) < 3.2
        wrists = dance.pose[:, [J("left_wrist"), J("right_wrist")]] - dance.root[:, None]
        chest = dance.orientations[:, J("neck")]
        x, y, z = np.moveaxis(np.einsum("tji,tkj->tki", chest, wrists) / dance.body.height_m, -1, 0)
        inside = ((x / 0.08) ** 2 + (z / 0.055) ** 2 < 1) & (y > 0) & (y < 0.28)
        assert inside.mean() < 0.02, dance.style


def test_events_are_where_the_poses_show_them(dances: list[SyntheticDance]) -> None:
    for dance in dances:
        events, frame = dance.events, 1 / 30
        assert np.ptp(np.diff(events.beats_s)) < 1e-9
        assert abs(60 / np.diff(events.beats_s).mean() - dance.bpm) < 1e-6
        for side, landing in events.contacts:
            k = SIDES.index(side)
            after = np.flatnonzero(dance.time_s >= landing)[:1]
            assert all(dance.planted[after, k])
            before = (dance.time_s < landing) & (dance.time_s > landing - 0.19)
            assert not dance.planted[before, k].all() or before.sum() < 3
        for side, peak in events.arm_raises:
            up = dance.pose[:, J(f"{side}_wrist"), 1] - dance.pose[:, J(f"{side}_shoulder"), 1]
            near = np.abs(dance.time_s - peak) < 0.12
            best = dance.time_s[near][np.argmax(up[near])]
            assert up[near].max() > 0 and abs(best - peak) <= frame, (dance.style, side, peak)
        for start, end, angle in events.turns:
            ends = [
                dance.orientations[np.argmin(np.abs(dance.time_s - t)), J("hip")]
                for t in (start, end)
            ]
            turned = np.arctan2(ends[1][0, 2], ends[1][2, 2]) - np.arctan2(
                ends[0][0, 2], ends[0][2, 2]
            )
            assert abs(np.angle(np.exp(1j * (turned - angle)))) < 0.06
    assert sum(len(d.events.arm_raises) for d in dances) > 5
    assert sum(len(d.events.turns) for d in dances) > 1


def test_styles_differ() -> None:
    means = {}
    for style in STYLES:
        poses = [generate(s, style, 6.0).pose for s in (1, 2)]
        speed = np.mean([np.linalg.norm(np.diff(p, axis=0), axis=-1).mean() * 30 for p in poses])
        up = np.mean(
            [(p[:, J("left_wrist"), 1] - p[:, J("left_shoulder"), 1]).mean() for p in poses]
        )
        means[style] = (speed, up)
    values = np.array(list(means.values()))
    gaps = np.linalg.norm(values[:, None] - values[None], axis=-1) + np.eye(len(values))
    assert gaps.min() > 0.01, means


def test_quality_follows_its_formula_and_raters_follow_quality() -> None:
    best, worst = Skill(0.0, 1.0, 0.0, 0.0), Skill(0.10, 0.7, 0.03, 6.0)
    assert best.quality == pytest.approx(10.0) and worst.quality == pytest.approx(0.0)
    good, bad = (generate(3, "ballet_like", 6.0, skill=s) for s in (best, worst))
    np.testing.assert_array_equal(good.rig.offsets, bad.rig.offsets)
    assert np.ptp(good.pose[:, J("left_wrist"), 1]) > np.ptp(bad.pose[:, J("left_wrist"), 1])
    np.testing.assert_allclose(good.events.moves_s, good.events.beats_s)
    assert np.abs(bad.events.moves_s - bad.events.beats_s).max() > 0.02
    drawn = [generate(s, "walk", 0.5, 10.0) for s in range(60)]
    stated = [d.quality for d in drawn]
    assert np.corrcoef(stated, [d.ratings.mean() for d in drawn])[0, 1] > 0.8
    assert all((d.ratings >= 0).all() and (d.ratings <= 10).all() for d in drawn)


def test_truth_and_clip(dances: list[SyntheticDance]) -> None:
    dance = dances[0]
    clip = dance.to_clip()
    assert (
        clip.unit == "m"
        and clip.source["synthetic"] is True
        and clip.labels["style"] == dance.style
    )
    assert "SYNTHETIC" in dance.label
    assert dance.angles.shape[0] == len(dance.time_s) and np.isfinite(dance.angles).all()
    elsewhere = dance.moved(0.8, -0.4, 90.0)
    np.testing.assert_allclose(
        elsewhere.root[0] - (0.8, 0, -0.4),
        dance.root[0] @ [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
        atol=1e-12,
    )
    np.testing.assert_allclose(
        forward_jit(elsewhere.rig, elsewhere.rotations, elsewhere.root), elsewhere.pose, atol=1e-5
    )


def test_centre_of_mass_lies_in_the_body(dances: list[SyntheticDance]) -> None:
    pytest.importorskip("dance_jax.biomech.segments")
    for dance in dances:
        com = dance.centre_of_mass
        assert com.shape == (len(dance.time_s), 3)
        assert (np.abs(com[:, 1] / dance.body.height_m - 0.55) < 0.12).all()


def test_a_long_dance_goes_on_and_takes_little_memory() -> None:
    import tracemalloc

    tracemalloc.start()
    dance = generate(2, "classical_indian_like", 150.0, 2.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    late = dance.pose[dance.time_s > 140]
    assert np.isfinite(dance.pose).all() and np.ptp(late, axis=0).max() > 0.3
    assert max(t for _, t in dance.events.contacts) > 140


def test_track_reaches_its_keys() -> None:
    rng = np.random.default_rng(11)
    track, values = Track((0.0,)), rng.normal(size=5)
    for k, v in enumerate(values):
        track.add(1.0 + k, (v,), 0.6)
    np.testing.assert_allclose(track.at(np.arange(1.0, 6.0))[:, 0], values, atol=1e-12)
    assert LEFT == 0 and all(len(a) == 4 for a in ARMS.values())
