"""Tests of what counts as a body: made bodies, made impostors, and what real videos gave."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dance_jax.pose import plausibility, tracking
from dance_jax.pose.estimator import FramePoses, create_estimator
from tests.pose import people
from tests.seeds import fresh

SIZE = (1280, 720)
TIME = np.arange(90) / 30.0
SEEDS = fresh(__name__, 3)


def body(size: float = 1.0, px_per_m: float = 250.0, centre=(640.0, 330.0)) -> FramePoses:
    """Ninety sightings of one made dancer."""
    world = np.stack([people.dancing(t, size=size) for t in TIME])
    px = np.stack([people.seen(w, centre, px_per_m) for w in world])
    return FramePoses(px, np.full(world.shape[:2], 0.95), np.ones(world.shape[:2]), world)


def spoilt(rng, one: FramePoses, *kinds: str) -> FramePoses:
    """The same sightings with some of the faults of a hand that is read as a body."""
    px, world = one.landmarks.copy(), one.world.copy()
    visibility = one.visibility.copy()
    if "size" in kinds:
        world *= 0.6
    if "change" in kinds:
        world *= rng.uniform(0.5, 1.5, (len(world), 33, 1))
    if "misfit" in kinds:
        px[..., :2] += rng.normal(0, 0.12, (33, 2)) * np.ptp(px[..., 1])
    if "hidden" in kinds:
        visibility[:, [13, 15, 25, 26, 27, 28, 14]] = 0.2
    if "jitter" in kinds:
        px[..., :2] += rng.normal(0, 40, (len(px), 1, 2))
    return FramePoses(px, visibility, one.presence, world)


@pytest.mark.parametrize("size", [0.9, 1.0, 1.1])
def test_a_dancer_is_a_body(size) -> None:
    verdict = plausibility.judge(body(size), TIME, SIZE)
    assert verdict.is_body and verdict.score < 0.05 and verdict.reason == ""
    assert verdict.signs["size"] == pytest.approx(size, abs=0.12)
    assert verdict.signs["misfit"] < 1e-5 and verdict.signs["change"] < 1e-5
    assert verdict.seen == 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_what_has_every_fault_is_none(seed) -> None:
    rng = np.random.default_rng(seed)
    wrong = spoilt(rng, body(), "size", "change", "misfit", "hidden", "jitter")
    verdict = plausibility.judge(wrong, TIME, SIZE)
    assert not verdict.is_body and verdict.score > 0.8
    assert "bones" in verdict.reason and "jumps" in verdict.reason
    assert verdict.record()["reason"] == verdict.reason


@pytest.mark.parametrize("seed", SEEDS[:1])
@pytest.mark.parametrize("kind", ["size", "change", "misfit", "hidden", "jitter"])
def test_no_sign_alone_decides(seed, kind) -> None:
    rng = np.random.default_rng(seed)
    plain = plausibility.judge(body(), TIME, SIZE)
    verdict = plausibility.judge(spoilt(rng, body(), kind), TIME, SIZE)
    assert plain.signs[kind] != pytest.approx(verdict.signs[kind], rel=0.2)
    assert verdict.score > plain.score + 0.1  # the sign is heard,
    assert verdict.is_body  # and not obeyed


def test_a_close_up_is_not_judged_by_what_is_guessed() -> None:
    rng = np.random.default_rng(SEEDS[0])
    # Its points stay where they are: a shift would carry the few that are seen out of the picture.
    near = spoilt(rng, body(px_per_m=1900.0, centre=(640.0, 1550.0)), "size", "change")
    inside = plausibility.signs(near, TIME, SIZE)["inside"]
    assert inside < 0.45
    assert plausibility.judge(near, TIME, SIZE).score < 0.15
    whole = spoilt(rng, body(), "size", "change", "misfit")
    assert not plausibility.judge(whole, TIME, SIZE).is_body


def test_doubt_needs_steady_sight() -> None:
    rng = np.random.default_rng(SEEDS[0])
    doubtful = spoilt(rng, body(), "size", "misfit")
    score = plausibility.judge(doubtful, TIME, SIZE).score
    assert plausibility.DOUBT <= score < plausibility.NO_BODY
    assert plausibility.judge(doubtful, TIME, SIZE).is_body
    rare = plausibility.judge(doubtful, TIME * 3, SIZE, step_s=1 / 30)
    assert not rare.is_body and "comes and goes" in rare.reason and rare.seen < 0.5


def test_nothing_seen_is_nobody() -> None:
    one = body()
    blind = FramePoses(one.landmarks, one.visibility * 0.1, one.presence, one.world)
    verdict = plausibility.judge(blind, TIME, SIZE)
    assert not verdict.is_body and verdict.record()["signs"]["size"] is None
    away = plausibility.judge(body(centre=(5000.0, 330.0)), TIME, SIZE)
    assert not away.is_body


@pytest.mark.parametrize("seed", SEEDS)
def test_signs_do_not_depend_on_place_or_size_in_the_picture(seed) -> None:
    rng = np.random.default_rng(seed)
    one = spoilt(rng, body(), "jitter", "misfit", "change")
    scale, shift = rng.uniform(0.3, 3), rng.uniform(-500, 500, 3)
    other = FramePoses(one.landmarks * scale + shift, one.visibility, one.presence, one.world)
    a, b = (plausibility.signs(p, TIME, None) for p in (one, other))
    assert a == pytest.approx(b, rel=1e-3)


def test_jitter_needs_frames_close_in_time() -> None:
    assert math.isnan(plausibility.signs(body(), TIME * 6, SIZE)["jitter"])
    assert plausibility.judge(body(), TIME * 6, SIZE).is_body


@pytest.mark.parametrize("seed", SEEDS)
def test_the_scale_is_the_least_squares_one(seed) -> None:
    rng = np.random.default_rng(seed)
    px, world = rng.normal(size=(5, 15, 2)), rng.normal(size=(5, 15, 2))
    px += 3.0 * world
    weight = rng.uniform(0.1, 1, (5, 15))
    scale, rest = plausibility.fit_scale(px, world, weight)
    for i in range(5):
        root = np.sqrt(weight[i])[:, None]
        rows, right = [], []
        for axis in range(2):  # px = s world + t, solved by a general least-squares routine
            hot = np.eye(2)[axis]
            rows.append(np.column_stack([world[i][:, axis], np.tile(hot, (15, 1))]) * root)
            right.append(px[i][:, axis] * root[:, 0])
        want, cost, *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)
        mean = (weight[i][:, None] * px[i]).sum(0) / weight[i].sum()
        power = (weight[i][:, None] * (px[i] - mean) ** 2).sum()
        assert scale[i] == pytest.approx(want[0], rel=1e-6)
        assert rest[i] == pytest.approx(np.sqrt(cost[0] / power), rel=1e-6)


# What the real videos must come to: (file, frames, number of people or None, is the first sure).
REAL = [
    ("videos/tfjs_asl_hand.mp4", 100, 0),
    ("videos/choreai_screen_chatgpt.mp4", 30, 0),
    ("videos/mmaction2_test.avi", 164, 1),
    ("videos/kathak_twice.mp4", 60, 2),
    ("videos/openpose_video.avi", 120, 2),
    ("videos/folk_cucanj1.mp4", 40, 1),
    ("videos/kathak_wrong_dance.mp4", 60, 1),
    ("streetdance4/clips/breaking__0002_19_10.mp4", 60, 1),
]


@pytest.mark.parametrize(("file", "frames", "n"), REAL)
def test_real_videos(shared_data, pose_models, file, frames, n) -> None:
    import cv2

    capture = cv2.VideoCapture(str(shared_data / file))
    fps = capture.get(cv2.CAP_PROP_FPS)
    estimator = create_estimator("mediapipe", pose_models / "pose_landmarker_lite.task")
    found, times = [], []
    while len(found) < frames:
        ok, bgr = capture.read()
        if not ok:
            break
        found.append(estimator(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), len(found) / fps))
        times.append(len(times) / fps)
        size = bgr.shape[1], bgr.shape[0]
    estimator.close()
    clip = tracking.track(found, np.array(times), size)
    counts = clip.source["tracking"]
    assert clip.n_people == n, counts
    if file.endswith("hand.mp4"):
        assert counts["frames_with_pose"] > 0.8 * frames  # the trap is there, and is avoided
        assert counts["not_a_body"] >= 1 and counts["refused"][0]["body_score"] > 0.65
    for person in counts["people"]:
        assert person["body_score"] < 0.4, person
