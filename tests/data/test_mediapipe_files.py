"""MediaPipe landmarks in JSON: the layouts in use, times, picture sizes, world landmarks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import load, mediapipe_files
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.people import SIZE, same
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)
RNG = np.random.default_rng(SEEDS[0])
FLAT = RNG.uniform(0.1, 0.9, (12, 33, 3)).round(5)
WORLD = RNG.normal(0, 0.4, (12, 33, 3)).round(5)
SURE = RNG.uniform(0.1, 1, (12, 33)).round(5)


def marks(points, scores=None, presence=None):
    rows = [dict(zip("xyz", point, strict=True)) for point in points.tolist()]
    for at, row in enumerate(rows):
        if scores is not None:
            row["visibility"] = float(scores[at])
        if presence is not None:
            row["presence"] = float(presence[at])
    return rows


def made(tmp_path, whole):
    path = tmp_path / "a.txt"
    path.write_text(json.dumps(whole))
    return path


def frames(each):
    return [each(t) for t in range(len(FLAT))]


LAYOUTS = {
    "lists": frames(lambda t: marks(FLAT[t], SURE[t])),
    "objects": frames(lambda t: {"landmarks": marks(FLAT[t], SURE[t])}),
    "tasks": frames(lambda t: {"pose_landmarks": [marks(FLAT[t], SURE[t])]}),
    "protobuf": frames(lambda t: {"poseLandmarks": [{"landmark": marks(FLAT[t], SURE[t])}]}),
    "numbers": frames(
        lambda t: {"pose_landmarks": np.concatenate([FLAT[t], SURE[t, :, None]], 1).tolist()}
    ),
    "inside": {"frames": frames(lambda t: {"landmarks": marks(FLAT[t], SURE[t])}), "fps": 20},
    "numbered": {f"frame_{t}": marks(FLAT[t], SURE[t]) for t in reversed(range(len(FLAT)))},
    "named": frames(
        lambda t: dict(
            zip(
                map(str.upper, skeleton
                    .get("mediapipe33").file_names),
                marks(FLAT[t], SURE[t]),
                strict=True,
            )
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, tmp_path):
    clip = load.load_clip(made(tmp_path, LAYOUTS[layout]), fps=20, image_size=SIZE)
    assert clip.skeleton == "mediapipe33" and clip.unit == "px" and clip.image_size == SIZE
    assert same(clip.pose[:, 0], (FLAT[..., :2] * SIZE).astype(np.float32), 0.01)
    assert same(clip.confidence[:, 0], SURE.astype(np.float32), 1e-6)
    assert np.allclose(clip.time_s, np.arange(12) / 20)
    if layout != "numbers":
        assert any("z of the image" in text for text in clip.source["dropped"])


def test_the_size_is_asked_for_or_taken_from_the_file(tmp_path):
    rows = LAYOUTS["objects"]
    with pytest.raises(InputError, match=r"unknown size.*image_size="):
        load.load_clip(made(tmp_path, rows), fps=20)
    for more in (
        {"width": 640, "height": 360},
        {"image_size": [640, 360]},
        {"metadata": {"image_width": 640, "image_height": 360}},
    ):
        clip = load.load_clip(made(tmp_path, {"frames": rows, "fps": 20, **more}))
        assert clip.image_size == (640, 360)
        assert same(clip.pose[:, 0], (FLAT[..., :2] * (640, 360)).astype(np.float32), 0.01)
    pixels = frames(lambda t: {"landmarks": marks(FLAT[t] * [640, 360, 640], SURE[t])})
    clip = load.load_clip(made(tmp_path, pixels), fps=20)  # pixels need no size
    assert same(clip.pose[:, 0], (FLAT[..., :2] * (640, 360)).astype(np.float32), 0.01)


def test_world_landmarks(tmp_path):
    rows = frames(
        lambda t: {
            "pose_landmarks": [marks(FLAT[t], SURE[t], 0.5 * SURE[t])],
            "pose_world_landmarks": [marks(WORLD[t], SURE[t])],
        }
    )
    turned = (WORLD * [1, -1, -1]).astype(np.float32)
    clip = load.load_clip(made(tmp_path, rows), fps=20, image_size=SIZE)
    assert clip.unit == "px" and same(clip.pose_world[:, 0], turned, 1e-6)
    assert same(clip.confidence[:, 0], 0.5 * SURE.astype(np.float32), 1e-6)
    clip = load.load_clip(made(tmp_path, rows), fps=20)
    assert clip.unit == "m" and same(clip.pose[:, 0], turned, 1e-6) and clip.pose_world is None
    assert any("size is not known" in text for text in clip.source["dropped"])
    only = frames(lambda t: {"world_landmarks": marks(WORLD[t])})
    clip = load.load_clip(made(tmp_path, only), fps=20)
    assert clip.unit == "m" and (clip.confidence == 1).all()


@pytest.mark.parametrize(
    ("key", "factor", "says"),
    [
        ("timestamp_ms", 1000, "(ms)"),
        ("timestamp", 1000, "(ms)"),
        ("timestamp", 1, "(s)"),
        ("timestamp_us", 1e6, "(us)"),
        ("time_s", 1, "(s)"),
    ],
)
def test_times_of_the_file(key, factor, says, tmp_path):
    times = np.cumsum(RNG.uniform(0.01, 0.06, 12))
    rows = frames(lambda t: {key: factor * times[t], "landmarks": marks(FLAT[t], SURE[t])})
    clip = load.load_clip(made(tmp_path, rows), image_size=SIZE)
    assert np.allclose(clip.time_s, times) and f"times from {key} {says}" in clip.source["found"]
    rows[7][key] = rows[6][key]
    with pytest.raises(InputError, match=f"{key} does not increase at frame 7"):
        load.load_clip(made(tmp_path, rows), image_size=SIZE)


def test_frames_without_a_person_and_two_people(tmp_path):
    rows = frames(lambda t: {"pose_landmarks": [marks(FLAT[t] / 9, SURE[t])]})
    for t in (0, 5, 11):
        rows[t]["pose_landmarks"] = []
    clip = load.load_clip(made(tmp_path, rows), fps=20, image_size=SIZE)
    assert clip.n_frames == 12 and np.flatnonzero(~clip.present.any((1, 2))).tolist() == [0, 5, 11]
    still = frames(
        lambda t: {"pose_landmarks": [marks(FLAT[0] / 5 + 0.6 * (k ^ (t % 2))) for k in (0, 1)]}
    )
    clip = load.load_clip(made(tmp_path, still), fps=20, image_size=SIZE)
    assert clip.n_people == 2 and np.ptp(clip.pose, axis=0).max() < 1e-3


def test_frame_numbers_keep_gaps(tmp_path):
    numbers = np.array([0, 1, 2, 5, 6, 7, 8, 9, 20, 21, 22, 23])
    rows = frames(lambda t: {"frame": int(numbers[t]), "landmarks": marks(FLAT[t], SURE[t])})
    clip = load.load_clip(made(tmp_path, rows), fps=20, image_size=SIZE)
    assert np.allclose(clip.time_s, numbers / 20)


@pytest.mark.parametrize("seed", SEEDS)
def test_round_trip(seed, tmp_path):
    rng = np.random.default_rng(seed)
    pose = rng.uniform(50, 400, (8, 1, 33, 2)).astype(np.float32)
    world = rng.normal(0, 0.4, (8, 1, 33, 3)).astype(np.float32)
    sure = rng.uniform(0.1, 1, (8, 1, 33)).astype(np.float32)
    pose[2, 0, 4], sure[2, 0, 4] = np.nan, 0
    pose[5], sure[5], world[5] = np.nan, 0, np.nan
    time_s = np.cumsum(rng.uniform(0.01, 0.1, 8))
    clip = Clip(pose, sure, time_s, "mediapipe33", pose_world=world, image_size=SIZE)
    mediapipe_files.write(tmp_path / "a.json", clip)
    found = load.load_clip(tmp_path / "a.json")
    assert same(found.pose, clip.pose, 1e-3) and same(found.confidence, clip.confidence, 1e-6)
    assert same(found.pose_world, clip.pose_world, 1e-6) and np.allclose(found.time_s, time_s)
    assert found.image_size == SIZE
    for bad in (clip.replace(unit="m"), clip.replace(image_size=None)):
        with pytest.raises(InputError):
            mediapipe_files.write(tmp_path / "b.json", bad)
