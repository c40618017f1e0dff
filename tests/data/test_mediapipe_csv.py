"""MediaPipe landmarks in CSV: wide and long layouts, several videos, gzip, legs alone."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import load, mediapipe_csv
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.people import SIZE, same
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)
RNG = np.random.default_rng(SEEDS[0])
FLAT = RNG.uniform(0.1, 0.9, (9, 33, 3)).round(5)
SURE = RNG.uniform(0.1, 1, (9, 33)).round(5)
NAMES = skeleton.get("mediapipe33").file_names


def wide(header, rows):
    return "\n".join([",".join(header), *(",".join(map(str, row)) for row in rows)]) + "\n"


def values(t, parts):
    both = np.concatenate([FLAT[t], SURE[t, :, None]], 1)
    return both[:, :parts].ravel().tolist()


def header(pattern, parts="xyzv", start=0, names=None):
    marks = names or range(start, start + 33)
    return [pattern.format(m=mark, p=part) for mark in marks for part in parts]


HEADERS = {
    "x0": header("{p}{m}"),
    "x1": header("{p}{m}", start=1),
    "nose_x": header("{m}_{p}", ["x", "y", "z", "visibility"], names=NAMES),
    "NOSE_X": [name.upper() for name in header("{m}_{p}", ["x", "y", "z", "vis"], names=NAMES)],
    "x_nose": header("{p}_{m}", names=NAMES),
    "landmark_0_x": header("landmark_{m}_{p}"),
    "0_x": header("{m}_{p}"),
    "x_0": header("{p}_{m}"),
    "lm0_x": header("lm{m}_{p}"),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_wide_headers(kind, tmp_path):
    path = tmp_path / "a.dat"
    path.write_text(wide(HEADERS[kind], [values(t, 4) for t in range(9)]), newline="\n")
    clip = load.load_clip(path, fps=20, image_size=SIZE)
    assert clip.skeleton == "mediapipe33" and np.allclose(clip.time_s, np.arange(9) / 20)
    assert same(clip.pose[:, 0], (FLAT[..., :2] * SIZE).astype(np.float32), 0.01)
    assert same(clip.confidence[:, 0], SURE.astype(np.float32), 1e-6)


def test_videos_labels_times_and_line_ends(tmp_path):
    head = ["video_id", "label", "timestamp_ms", *HEADERS["x0"]]
    rows = [
        [f"v{k}", ("waltz", "tango")[k], 40 * t + 7 * k, *values(t, 4)]
        for k in (1, 0)
        for t in range(9)
    ]
    rows[3][3:5] = ["", ""]  # a landmark without a place
    path = tmp_path / "a.csv.gz"
    path.write_bytes(
        gzip.compress(b"\xef\xbb\xbf" + wide(head, rows).replace("\n", "\r\n").encode())
    )
    clips = {clip.source["name"]: clip for clip in load.load_clips(path, image_size=SIZE)}
    assert list(clips) == ["v1", "v0"] and clips["v0"].labels == {"label": "waltz"}
    assert np.allclose(clips["v1"].time_s, (40 * np.arange(9) + 7) / 1000)
    gone = ~clips["v1"].present[:, 0]
    assert np.argwhere(gone).tolist() == [[3, 0]]
    with pytest.raises(InputError, match="several clips: v1, v0"):
        load.load_clip(path, image_size=SIZE)
    assert same(load.load_clip(path, image_size=SIZE, clip="v0").pose, clips["v0"].pose, 0)


@pytest.mark.parametrize("named", [True, False])
def test_long(named, tmp_path):
    lines = ["frame,landmark,x,y,z,visibility"]
    for t in range(9):
        for at in range(33):
            if t != 4:
                x, y, z = FLAT[t, at]
                lines.append(f"{t},{NAMES[at].upper() if named else at},{x},{y},{z},{SURE[t, at]}")
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    clip = load.load_clip(path, fps=20, image_size=SIZE)
    there = [0, 1, 2, 3, 5, 6, 7, 8]
    assert np.allclose(clip.time_s, np.array(there) / 20)
    assert same(clip.pose[:, 0], (FLAT[there, :, :2] * SIZE).astype(np.float32), 0.01)
    lines.insert(5, lines[4])
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"a\.csv:6: landmark 3 occurs twice"):
        load.load_clip(path, fps=20, image_size=SIZE)


def test_two_people_in_long_form(tmp_path):
    lines = ["frame,person,landmark,x,y"]
    for t in range(9):
        for k in (0, 1) if t % 2 else (1, 0):
            for at in range(33):
                x, y = FLAT[0, at, :2] / 4 + k / 2
                lines.append(f"{t},{k},{at},{x},{y}")
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    clip = load.load_clip(path, fps=20, image_size=SIZE)
    assert clip.n_people == 2 and clip.person_ids == (0, 1) and (clip.confidence == 1).all()
    assert np.ptp(clip.pose, axis=0).max() < 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_legs_alone_come_out_in_body_heights(seed, tmp_path):
    from tests.data.people import _dance

    rng = np.random.default_rng(seed)
    pose = _dance(seed, 2.0, 25.0).pose
    joint = skeleton.get("halpe26").joints.index
    names = skeleton.get("folkdance10").joints
    legs = pose[:, [joint(name.replace("foot_index", "big_toe")) for name in names]]
    legs = legs - legs[:, :2].mean(1, keepdims=True)
    picture = legs * [1, -1, -1] * [1, 1920 / 1080, 1]  # parts of a picture, in a common scale
    width = rng.uniform(0.1, 0.3)
    head = [f"{name.upper()}_{part}" for name in names for part in "xyz"]
    path = tmp_path / "a.csv"
    path.write_text(wide(head, (picture / width).reshape(len(legs), -1)))
    for more in ({"fps": 25}, {"image_size": (1920, 1080)}):
        with pytest.raises(InputError, match="fps=" if "fps" not in more else "image_size="):
            load.load_clip(path, **more)
    clip = load.load_clip(path, fps=25, image_size=(1920, 1080))
    assert clip.skeleton == "folkdance10" and clip.unit == "height"
    ratio = clip.pose[:, 0] / np.where(legs == 0, np.nan, legs)
    big = np.abs(legs) > 0.05
    assert np.ptp(ratio[big]) < 1e-3 * ratio[big].mean()  # one scale in every direction
    assert 0.4 < ratio[big].mean() < 0.8  # 1 / stature, within the spread of leg lengths


def test_round_trip(tmp_path):
    rng = np.random.default_rng(SEEDS[1])
    pose = rng.uniform(50, 400, (8, 1, 33, 2)).astype(np.float32)
    pose[2, 0, 4] = np.nan
    sure = np.where(np.isnan(pose[..., 0]), 0, rng.uniform(0.1, 1, (8, 1, 33)))
    clip = Clip(pose, sure, np.cumsum(rng.uniform(0.01, 0.1, 8)), "mediapipe33", image_size=SIZE)
    mediapipe_csv.write(tmp_path / "a.csv", clip)
    found = load.load_clip(tmp_path / "a.csv", image_size=SIZE)
    assert same(found.pose, clip.pose) and same(found.confidence, clip.confidence, 1e-6)
    assert np.allclose(found.time_s, clip.time_s)
    with pytest.raises(InputError, match="one person"):
        mediapipe_csv.write(tmp_path / "b.csv", clip.replace(image_size=None))
