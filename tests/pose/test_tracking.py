"""Tests of tracking on people whose identity is known: shuffled, crossing, lost, doubled."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.errors import InputError
from dance_jax.pose import linking, tracking
from dance_jax.pose.estimator import FramePoses
from tests.pose import people
from tests.seeds import fresh

SIZE = (1280, 720)
SEEDS = fresh(__name__, 2)


def times(seconds: float = 4.0, fps: float = 30.0) -> np.ndarray:
    return np.arange(round(seconds * fps)) / fps


def still(x: float, y: float = 300.0):
    return lambda t: (x, y)


def shuffled(rng, truth, noise_px: float = 2.0) -> list[FramePoses]:
    """The estimator's view: order at random, every landmark off by some noise."""
    out = []
    for row in truth:
        order = rng.permutation(len(row))
        out.append(
            people.frame([(row[i][0] + rng.normal(0, noise_px, (33, 3)), row[i][1]) for i in order])
        )
    return out


def identities(clip, truth) -> np.ndarray:
    """i[T,P]: which true person each of the clip's people is nearest to; -1 where unseen."""
    out = np.full(clip.pose.shape[:2], -1)
    for t, row in enumerate(truth):
        true = np.stack([p[0][:, :2] for p in row])
        for p in range(clip.n_people):
            if clip.present[t, p].all():
                apart = np.linalg.norm(clip.pose[t, p] - true, axis=-1).mean(-1)
                out[t, p] = int(np.argmin(apart))
    return out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_shuffled_people_keep_their_ids(seed, n) -> None:
    rng, t = np.random.default_rng(seed), times()
    truth = people.paths(t, [still(150 + 300 * i) for i in range(n)])
    clip = tracking.track(shuffled(rng, truth), t, SIZE)
    who = identities(clip, truth)
    assert clip.n_people == n and (who >= 0).all()
    assert (who == who[0]).all() and len(set(who[0])) == n
    assert clip.person_ids == tuple(range(1, n + 1))
    counts = clip.source["tracking"]
    assert (counts["order_changes"] > 20) == (n > 1)
    assert counts["merged"] == counts["dropped_short"] == counts["not_a_body"] == 0
    assert clip.skeleton == "mediapipe33" and clip.unit == "px" and clip.image_size == SIZE


@pytest.mark.parametrize("seed", SEEDS)
def test_two_who_cross_and_hide_each_other(seed) -> None:
    rng, t = np.random.default_rng(seed), times()
    truth = people.paths(t, [lambda s: (200 + 200 * s, 300), lambda s: (1000 - 200 * s, 320)])
    frames = shuffled(rng, truth)
    for i in np.flatnonzero(np.abs(t - 2.0) < 0.2):  # about the crossing only one is found
        frames[i] = people.frame([truth[i][0]])
    clip = tracking.track(frames, t, SIZE)
    who = identities(clip, truth)
    assert clip.n_people == 2
    for p in range(2):  # who is who before and after, away from the crossing
        away = who[np.abs(t - 2.0) > 0.5, p]
        assert (away == away[0]).all()


def test_a_gap_is_bridged_up_to_its_limit() -> None:
    t = times(6.0)
    truth = people.paths(t, [still(400)])
    frames = [people.frame(row) for row in truth]
    lost = (t > 2.0) & (t < 3.5)
    for i in np.flatnonzero(lost):
        frames[i] = FramePoses.empty()
    clip = tracking.track(frames, t, SIZE)
    assert clip.n_people == 1 and clip.source["tracking"]["gaps"] == 1
    assert np.isnan(clip.pose[lost]).all() and (clip.confidence[lost] == 0).all()
    assert np.isfinite(clip.pose[~lost]).all() and (clip.confidence[~lost] > 0.9).all()
    assert np.isnan(clip.pose_world[lost]).all()
    strict = tracking.Settings(max_gap_s=1.0, rejoin_gap_s=1.0)
    assert tracking.track(frames, t, SIZE, settings=strict).n_people == 2


def test_a_person_lost_for_longer_is_found_again() -> None:
    t = times(8.0)
    frames = [people.frame(row) for row in people.paths(t, [still(400)])]
    for i in np.flatnonzero((t > 2.0) & (t < 5.0)):
        frames[i] = FramePoses.empty()
    clip = tracking.track(frames, t, SIZE)
    assert clip.n_people == 1 and clip.source["tracking"]["rejoined"] == 1


def test_one_wild_frame_does_not_end_a_track() -> None:
    t = times(3.0)
    frames = [people.frame(row) for row in people.paths(t, [still(400)])]
    upside = people.dancing(t[40]) * (1, -1, 1)
    frames[40] = people.frame([(people.seen(upside, (400.0, 300.0), 250.0), upside)])
    clip = tracking.track(frames, t, SIZE)
    assert clip.n_people == 1 and clip.present[np.arange(len(t)) != 40].all()


def test_a_leap_and_back_does_not_end_a_track() -> None:
    t = times(3.0)
    frames = [people.frame(row) for row in people.paths(t, [still(400)])]
    away = people.paths(t, [still(400 + 0.72 * 250)])[40]  # 0.72 m in one frame, then back
    frames[40] = people.frame(away)
    clip = tracking.track(frames, t, SIZE)
    assert clip.n_people == 1 and clip.present.all()
    assert clip.source["tracking"]["rejoined"] == 0


def test_one_long_unseen_does_not_take_anothers_place() -> None:
    t = times(4.0)
    body = people.standing()
    frames = []
    for s in t:
        second = 500.0 if s < 2.4 else 460.0  # leaps to where the first was last seen
        row = [(people.seen(body, (460.0, 300.0), 250.0), body)] if s < 1.0 else []
        row.append(
            (people.seen(body, (second if s >= 1.0 else 700.0 - 200 * s, 300.0), 250.0), body)
        )
        frames.append(people.frame(row))
    clip = tracking.track(frames, t, SIZE, settings=tracking.Settings(rejoin_gap_s=0.0))
    stayed = clip.present[t >= 1.0].all(-1)
    assert clip.n_people == 2
    assert stayed.all(0).sum() == 1 and not stayed.any(0).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_two_poses_on_one_body_are_merged(mirrored) -> None:
    t = times(2.0)
    frames = []
    for (px, world), *_ in people.paths(t, [still(400)]):
        twin = px[people.FLIP] if mirrored else px + 6.0
        frames.append(people.frame([(twin, world), (px, world)]))
    clip = tracking.track(frames, t, SIZE)
    assert clip.n_people == 1 and clip.source["tracking"]["merged"] == len(t)


def test_two_dancers_close_together_are_not_merged() -> None:
    t = times(2.0)
    truth = people.paths(t, [still(400), still(470)])  # 28 cm apart
    clip = tracking.track([people.frame(row) for row in truth], t, SIZE)
    assert clip.n_people == 2 and clip.source["tracking"]["merged"] == 0


def test_short_appearances_are_dropped_and_counted() -> None:
    t = times(4.0)
    truth = people.paths(t, [still(400), still(900)])
    frames = [people.frame(row if 60 <= i < 68 else row[:1]) for i, row in enumerate(truth)]
    clip = tracking.track(frames, t, SIZE)
    assert clip.n_people == 1 and clip.source["tracking"]["dropped_short"] == 1
    keep = tracking.track(frames, t, SIZE, settings=tracking.Settings(min_track_s=0.2))
    assert keep.n_people == 2


def test_a_very_short_video_keeps_its_person() -> None:
    t = times(0.2)
    clip = tracking.track([people.frame(r) for r in people.paths(t, [still(400)])], t, SIZE)
    assert clip.n_people == 1 and clip.n_frames == 6


def test_people_are_ordered_by_size_and_time_seen() -> None:
    t = times(4.0)
    near = people.paths(t, [still(900)], px_per_m=300.0)
    far = people.paths(t, [still(300)], px_per_m=150.0)
    frames = [people.frame(b + a) for a, b in zip(near, far, strict=True)]
    clip = tracking.track(frames, t, SIZE)
    assert np.nanmedian(clip.pose[:, 0, 0, 0]) > 600
    assert tracking.choose_person(clip) == [0]
    late = [
        people.frame(b + a if i > 100 else b)
        for i, (a, b) in enumerate(zip(near, far, strict=True))
    ]
    clip = tracking.track(late, t, SIZE)
    assert np.nanmedian(clip.pose[:, 0, 0, 0]) < 600
    assert tracking.choose_person(clip, "largest") == [0]


def test_choices() -> None:
    t = times(2.0)
    truth = people.paths(t, [still(300), still(900)])
    clip = tracking.track([people.frame(row) for row in truth], t, SIZE)
    assert tracking.choose_person(clip, "all") == [0, 1]
    assert tracking.choose_person(clip, "2") == tracking.choose_person(clip, 2) == [1]
    for wrong in ("3", "biggest", 0):
        with pytest.raises(InputError, match=r"config\.person: .*1 \(60 frames\), 2 \(60 frames\)"):
            tracking.choose_person(clip, wrong)
    empty = tracking.track([FramePoses.empty()] * 60, t, SIZE)
    assert empty.pose.shape == (60, 0, 33, 2)
    with pytest.raises(InputError, match="no dancer found"):
        tracking.choose_person(empty, "all")


def test_landmarks_that_are_not_numbers_are_nobody() -> None:
    t = times(2.0)
    frames = [people.frame(row) for row in people.paths(t, [still(400)])]
    broken = np.full((1, 33, 3), np.nan, np.float32)
    frames[10] = FramePoses(broken, frames[10].visibility, frames[10].presence, frames[10].world)
    clip = tracking.track(frames, t, SIZE)
    assert clip.n_people == 1 and not clip.present[10].any() and clip.present[11].all()


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="time_s"):
        tracking.track([FramePoses.empty()] * 3, np.arange(4.0))


def test_the_work_a_frame_does_not_grow_with_the_clip(monkeypatch) -> None:
    looked: list[int] = []
    assign = linking._assign

    def counted(alive, *rest):
        looked.append(sum(len(one.recent) for one in alive))
        return assign(alive, *rest)

    monkeypatch.setattr(linking, "_assign", counted)
    t = times(60.0)
    frames = [people.frame(row) for row in people.paths(t, [still(300), still(900)])]
    assert tracking.track(frames, t, SIZE).n_people == 2
    assert len(looked) == len(t) - 1
    assert max(looked) == looked[len(t) // 4] == looked[-1]
