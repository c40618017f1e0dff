"""From input to tracked poses, with a made estimator: pixels, mirrors, times, refusals, records."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.analysis import estimate as module
from dance_jax.analysis.estimate import Clock, estimate
from dance_jax.analysis.options import Options
from dance_jax.errors import InputError, NoDancerFound, TooShort
from dance_jax.types import Clip
from tests.analysis.conftest import plain_video
from tests.pose import people


def random_clip(seed, joints=33):
    rng = np.random.default_rng(seed)
    pose = rng.uniform(0, 100, (20, 2, joints, 2)).astype(np.float32)
    pose[rng.random((20, 2, joints)) < 0.1] = np.nan
    return Clip(
        pose,
        np.isfinite(pose).all(-1) * rng.uniform(0.2, 1, (20, 2, joints)),
        np.arange(20) / 10,
        skeleton="mediapipe33",
        pose_world=rng.normal(0, 1, (20, 2, joints, 3)),
        image_size=(100, 80),
    )


@pytest.mark.parametrize("seed", range(3))
def test_poses_come_back_in_source_pixels(seed):
    clip = random_clip(seed)
    big = module.to_source_pixels(clip, (250, 240))
    assert big.image_size == (250, 240)
    assert np.array_equal(big.pose, clip.pose * np.float32([2.5, 3.0]), equal_nan=True)
    assert np.array_equal(big.pose_world, clip.pose_world)
    back = module.to_source_pixels(big, (100, 80))
    assert back.pose == pytest.approx(clip.pose, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_unmirror_trades_names_and_mirrors_the_estimated_room(seed):
    clip = random_clip(seed)
    own = module.unmirror(clip)
    names = skeleton.get("mediapipe33").joints
    for at, name in enumerate(names):
        other = name.replace("left", "L").replace("right", "left").replace("L", "right")
        k = names.index(other)
        assert np.array_equal(own.pose[:, :, at], clip.pose[:, :, k], equal_nan=True)
        assert np.array_equal(own.confidence[:, :, at], clip.confidence[:, :, k])
        assert np.array_equal(own.pose_world[:, :, at], clip.pose_world[:, :, k] * [-1, 1, 1])
    again = module.unmirror(own)
    assert np.array_equal(again.pose, clip.pose, equal_nan=True)
    assert np.array_equal(again.pose_world, clip.pose_world)


def test_a_mirrored_picture_read_back_is_the_dancer(made, tmp_path):
    """What an estimator sees in a mirror, unmirrored, is the true body at the mirrored place."""
    time_s = 0.3
    body = people.dancing(time_s)
    inside = body[people.FLIP] * (-1, 1, 1)  # the person in the mirror, named as they look
    clip = Clip(
        np.broadcast_to(people.seen(inside, (50, 50), 20)[None, None, :, :2], (16, 1, 33, 2)),
        np.ones((16, 1, 33)),
        np.arange(16) / 10,
        skeleton="mediapipe33",
        pose_world=np.broadcast_to(inside[None, None], (16, 1, 33, 3)),
        image_size=(100, 100),
    )
    assert module.unmirror(clip).pose_world[0, 0] == pytest.approx(body, abs=1e-6)


def test_content_hash_covers_names_and_bytes(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(range(256)) * 9000)  # more than one block
    assert module.content_sha256(file) == hashlib.sha256(file.read_bytes()).hexdigest()
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"one")
    (folder / "2.png").write_bytes(b"two")
    first = module.content_sha256(folder)
    assert first == module.content_sha256(folder)
    (folder / "2.png").rename(folder / "3.png")
    renamed = module.content_sha256(folder)
    (folder / "3.png").write_bytes(b"twp")
    assert len({first, renamed, module.content_sha256(folder)}) == 3


@pytest.mark.parametrize(("frames", "seconds", "short"), [
    (15, 5.0, True), (16, 0.49, True), (0, 0.0, True), (1, 0.0, True), (16, 0.5, False),
])  # fmt: skip
def test_too_short_is_refused(frames, seconds, short):
    time_s = np.linspace(0, seconds, frames)
    if not short:
        module.check_length(time_s, "clip")
        return
    with pytest.raises(TooShort, match=rf"clip: too short: {frames} frames"):
        module.check_length(time_s, "clip")


def test_the_whole_video_with_its_true_times(made, tmp_path):
    estimator = made()
    path = plain_video(tmp_path / "room.mp4", 40, 20.0)
    calls = []
    options = Options(num_people=2, executor="litert", estimator="blazepose", model="m.task")
    clock = Clock()
    found = estimate(path, options, clock, lambda *call: calls.append(call))
    assert estimator.asked == ("blazepose", "m.task", 2, "litert")
    assert estimator.closed
    assert estimator.times == pytest.approx(list(np.arange(40) / 20), abs=1e-6)
    assert found.clip.time_s == pytest.approx(np.arange(40) / 20, abs=1e-6)
    assert found.clip.skeleton == "mediapipe33" and found.clip.image_size == (160, 120)
    truth = people.seen(people.dancing(0.5), (80, 60), 60)[:, :2]
    assert found.clip.pose[10, 0] == pytest.approx(truth, abs=1e-3)
    assert found.clip.pose_world[10, 0] == pytest.approx(people.dancing(0.5), abs=1e-5)
    assert [call[1] for call in calls] == list(range(1, 41))
    assert {call[0] for call in calls} == {"pose"}
    assert {"open", "load model", "decode and pose", "track"} <= set(clock.seconds)
    assert found.estimator == {"name": "mediapipe", **estimator.model}
    source = found.source
    assert (source["name"], source["frames"], source["first_frame"]) == ("room.mp4", 40, 0)
    assert (source["width"], source["height"], source["codec"]) == (160, 120, "h264")
    assert source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source["mirrored"] is False and found.clip.source == source
    json.dumps(source, allow_nan=False)


def test_start_and_end_choose_frames_by_time(made, tmp_path):
    estimator = made()
    path = plain_video(tmp_path / "room.mp4", 60, 20.0)
    found = estimate(path, Options(start_s=0.5, end_s=2.0), Clock())
    assert found.clip.time_s[[0, -1]] == pytest.approx([0.5, 2.0], abs=1e-6)
    assert found.clip.n_frames == found.source["frames"] == len(estimator.times) == 31
    assert found.source["first_frame"] == 10
    with pytest.raises(TooShort):
        estimate(path, Options(start_s=2.5), Clock())
    with pytest.raises(TooShort, match=r"--config\.start_s=50 lies after the end .*, 2\.95 s"):
        estimate(path, Options(start_s=50.0), Clock())


def test_mirrored_video_trades_left_and_right(made, tmp_path):
    made()
    path = plain_video(tmp_path / "room.mp4")
    plain = estimate(path, Options(), Clock())
    turned = estimate(path, Options(mirrored=True), Clock())
    assert np.array_equal(turned.clip.pose, plain.clip.pose[:, :, people.FLIP])
    assert turned.source["mirrored"] is True


def test_large_pictures_are_reduced_for_the_estimator_only(made, tmp_path):
    estimator = made()
    path = plain_video(tmp_path / "wide.mp4", 16, 20.0, size=(1920, 480))
    found = estimate(path, Options(), Clock())
    assert max(estimator.sizes.pop()) <= module.ESTIMATOR_MAX_SIDE
    assert found.clip.image_size == (1920, 480)
    assert found.clip.pose[0, 0, :, 0].mean() == pytest.approx(960, rel=0.02)


def test_nobody_is_no_dancer_and_the_estimator_is_closed(made, tmp_path):
    estimator = made(0)
    with pytest.raises(NoDancerFound, match="no dancer found in 40 frames"):
        estimate(plain_video(tmp_path / "room.mp4"), Options(), Clock())
    assert estimator.closed


def test_a_failing_estimator_is_closed_and_its_error_seen(made, tmp_path, monkeypatch):
    estimator = made()
    monkeypatch.setattr(type(estimator), "__call__", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimate(plain_video(tmp_path / "room.mp4"), Options(), Clock())
    assert estimator.closed


def test_short_header_is_refused_before_a_model_is_loaded(made, tmp_path):
    estimator = made()
    with pytest.raises(TooShort):
        estimate(plain_video(tmp_path / "three.mp4", 3), Options(), Clock())
    assert estimator.asked == () and estimator.times == []


def test_limits_name_the_option(made, tmp_path):
    made()
    path = plain_video(tmp_path / "room.mp4", 60, 20.0)
    limits = {"max_width": 100, "max_height": 64, "max_fps": 10.0, "max_duration_s": 1.0}
    for name, value in limits.items():
        with pytest.raises(InputError, match=name.removesuffix("_s")):
            estimate(path, Options.make({name: value}), Clock())
    with pytest.raises(InputError):
        estimate(tmp_path / "missing.mp4", Options(), Clock())


def test_clock_adds_up_and_keeps_the_time_of_a_failure():
    clock = Clock()
    for _ in range(2):
        with clock.stage("a"):
            sum(range(10000))
    first = clock.seconds["a"]
    with pytest.raises(KeyError), clock.stage("a"):
        raise KeyError
    assert clock.seconds["a"] > first > 0
