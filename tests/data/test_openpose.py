"""OpenPose folders: BODY_25 and COCO, missing joints, hands, scaled files, empty frames."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import load, openpose
from dance_jax.errors import InputError
from tests.data.people import SIZE, people, same
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)


def change(folder, mend):
    for file in sorted(folder.iterdir()):
        whole = json.loads(file.read_text("utf-8"))
        mend(whole)
        file.write_text(json.dumps(whole))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ids", [True, False])
def test_round_trip(seed, ids, tmp_path):
    clip, folder = people(seed, 2), tmp_path / "out"
    pose = clip.pose.copy()
    pose[3, 0, 5] = np.nan
    pose[10:14] = np.nan  # nobody
    openpose.write(folder, clip.replace(pose=pose))
    if not ids:

        def shuffle(whole):
            whole["people"].reverse()
            for one in whole["people"]:
                one["person_id"] = [-1]

        change(folder, shuffle)
    found = load.load_clip(folder, fps=25)
    sure = np.where(np.isfinite(pose[..., 0]), clip.confidence, 0)
    wanted, sure = skeleton.convert(pose, sure, "halpe26", "body25")
    order = np.argsort(np.nanmean(found.pose[..., 0], (0, 2)))
    assert found.skeleton == "body25" and np.allclose(found.time_s, clip.time_s)
    assert same(found.pose[:, order], wanted) and same(found.confidence[:, order], sure, 1e-6)
    said = " ".join([found.source["found"], *found.source["dropped"]])
    assert "4 of them without people" in said and "4 frames have no person" in said
    assert ("ids of the file" in said) == ids


def test_hands_and_faces_are_counted(tmp_path):
    clip = people(SEEDS[0])
    openpose.write(tmp_path / "o", clip)

    def add(whole):
        for one in whole["people"]:
            one["hand_left_keypoints_2d"] = [1.0] * 63
            one["face_keypoints_2d"] = [1.0] * 210

    change(tmp_path / "o", add)
    dropped = load.load_clip(tmp_path / "o", fps=25).source["dropped"]
    assert f"hand left key points of {clip.n_frames} poses" in dropped
    assert f"face key points of {clip.n_frames} poses" in dropped
    assert not any("right" in text for text in dropped)


def test_eighteen_joints(tmp_path):
    rng = np.random.default_rng(SEEDS[0])
    points = rng.uniform(1, 400, (5, 18, 3))
    points[..., 2] = 0.5
    names = "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist r_hip r_knee r_ankle "
    names += "l_hip l_knee l_ankle r_eye l_eye r_ear l_ear"
    for t, one in enumerate(points):
        text = json.dumps({"version": 1.1, "people": [{"pose_keypoints": one.ravel().tolist()}]})
        (tmp_path / f"v_{t:012d}_keypoints.json").write_text(text)
    clip = load.load_clip(tmp_path, fps=25)
    assert clip.skeleton == "coco17" and "the joint 'neck'" in clip.source["dropped"]
    for at, name in enumerate(names.split()):
        if name != "neck":
            name = name.replace("l_", "left_").replace("r_", "right_")
            joint = skeleton.index("coco17", name)
            assert same(clip.pose[:, 0, joint], points[:, at, :2].astype(np.float32))


@pytest.mark.parametrize("signed", [False, True])
def test_scaled_positions_ask_for_the_size(signed, tmp_path):
    clip = people(SEEDS[0])
    openpose.write(tmp_path / "o", clip)

    def scale(whole):
        for one in whole["people"]:
            rows = np.array(one["pose_keypoints_2d"]).reshape(-1, 3)
            rows[:, :2] /= SIZE
            rows[:, :2] = 2 * rows[:, :2] - 1 if signed else rows[:, :2]
            one["pose_keypoints_2d"] = rows.ravel().tolist()

    pixels = load.load_clip(tmp_path / "o", fps=25)
    change(tmp_path / "o", scale)
    with pytest.raises(InputError, match="image_size="):
        load.load_clip(tmp_path / "o", fps=25)
    found = load.load_clip(tmp_path / "o", fps=25, image_size=SIZE)
    assert same(found.pose, pixels.pose, 0.01) and found.image_size == SIZE


def test_files_sort_by_number_and_one_file_is_one_frame(tmp_path):
    clip = people(SEEDS[0], duration_s=0.6)
    openpose.write(tmp_path / "o", clip)
    first = load.load_clip(tmp_path / "o", fps=25)
    for file in sorted((tmp_path / "o").iterdir()):
        number = int(file.name.split("_")[1])
        file.rename(tmp_path / "o" / f"frame{number}.json")
    again = load.load_clip(tmp_path / "o", fps=25)
    assert same(again.pose, first.pose, 0)
    one = load.load_clip(tmp_path / "o" / "frame3.json", fps=25)
    assert same(one.pose[0], first.pose[3], 0)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="px"):
        openpose.write(tmp_path / "o", people(SEEDS[0]).replace(unit="m"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        openpose.write(tmp_path / "file" / "o", people(SEEDS[0]))
