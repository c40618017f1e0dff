"""Real recordings through `load_clips`: the counts of the files' own tables, or a clear reason."""

from __future__ import annotations

import collections
import csv
import gzip
import itertools

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import load
from dance_jax.errors import InputError

# folder -> options, joints, unit, clips, frames, column of labels, file of the table
COLLECTIONS = {
    "streetdance4": ({}, 33, "px", 209, 59950, "style", "clips.csv"),
    "vn_dance_trends": ({}, 33, "px", 51, 25438, "trend", "clips.csv"),
    "bandai_namco_style": ({}, 21, "m", 3076, 416845, "style", "clips.csv"),
    "tang2018_ballroom3d": ({}, 21, "m", 61, 133838, "style", "sequences.csv"),
    "fs_jump3d": ({}, 17, "m", 190, 54195, "jump", "clips.csv"),
    "irds_rehab": ({}, 25, "m", 241, 16579, "label_1correct_2incorrect", "clips.csv"),
    "skijump_judged": ({"fps": 50}, 23, "px", 32, 9798, "hill", "jumps_with_judges.csv"),
}
LENGTH = ("length", "frames")


@pytest.mark.parametrize("name", COLLECTIONS)
def test_collections_have_the_counts_of_their_tables(name, shared_data) -> None:
    options, joints, unit, clips, frames, label, table = COLLECTIONS[name]
    with (shared_data / name / table).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    length = next(key for key in LENGTH if key in rows[0])
    named = next(key for key in ("clip", "video", "key", "name", "ID") if key in rows[0])
    count, labels = 0, collections.Counter()
    for row, clip in zip(rows, load.load_clips(shared_data / name, **options), strict=True):
        assert clip.source["name"] == row[named] and clip.n_frames == int(row[length])
        assert clip.pose.shape[1:3] == (1, joints) and clip.unit == unit
        assert str(clip.labels[label]) == row[label]
        if "fps" in row:
            assert np.isclose(clip.duration_s, (clip.n_frames - 1) / float(row["fps"]))
        if "detected_frac" in row:
            share = clip.present.any((1, 2)).mean()
            assert abs(share - float(row["detected_frac"])) <= 0.001
        count += clip.n_frames
        labels[str(clip.labels[label])] += 1
    assert (len(rows), count) == (clips, frames)
    assert labels == collections.Counter(row[label] for row in rows)


@pytest.mark.parametrize("name", [n for n, row in COLLECTIONS.items() if row[2] == "m"])
def test_metric_collections_stand_upright_and_face_forward(name, shared_data) -> None:
    joint = skeleton.get("halpe26").joints.index
    forward, trunk, size = [], [], []
    clips = load.load_clips(shared_data / name)
    for clip in itertools.islice(clips, 0, 120, 10):
        pose, _ = skeleton.convert(clip.pose[:, 0], None, clip.skeleton, "halpe26")
        up = pose[:, joint("neck")] - pose[:, joint("hip")]
        left = pose[:, joint("left_hip")] - pose[:, joint("right_hip")]
        ahead = pose[:, joint("left_big_toe")] - pose[:, joint("left_ankle")]
        if np.isnan(ahead).all():
            ahead = pose[:, joint("nose")] - pose[:, joint("neck")]
        trunk.append(np.nanmedian(up[:, 1] / np.linalg.norm(up, axis=-1)))
        forward.append(np.nanmean((np.cross(left, up) * ahead).sum(-1) > 0))
        size.append(np.nanmedian(np.linalg.norm(up, axis=-1)))
    assert np.median(trunk) > 0.85  # y is up
    assert np.mean(forward) > 0.7  # left and right are not exchanged
    assert 0.25 < np.median(size) < 0.7  # metres


def test_a_clip_equals_its_rows(shared_data) -> None:
    with np.load(shared_data / "streetdance4" / "streetdance4_mediapipe33.npz") as data:
        marks = data["lm"]
    with (shared_data / "streetdance4" / "clips.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    row = rows[len(rows) // 2]
    clip = load.load_clip(shared_data / "streetdance4", clip=row["clip"])
    start, length = int(row["start_frame"]), int(row["length"])
    wanted = marks[start : start + length].astype(np.float32)
    seen = clip.present[:, 0]
    size = np.array(clip.image_size, np.float32)
    assert np.allclose(clip.pose[:, 0][seen], (wanted[..., :2] * size)[seen])
    assert np.allclose(clip.confidence[:, 0][seen], wanted[..., 3][seen])
    assert clip.labels["source_video"] == row["source_video"]


def test_folk_dance_steps(shared_data) -> None:
    path = shared_data / "folkdance_serbia" / "landmarks.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = collections.Counter((row["video_id"], row["class"]) for row in csv.DictReader(file))
    clips = list(load.load_clips(path, fps=29.97, image_size=(1920, 1080)))
    found = {(clip.source["name"], clip.labels["label"]): clip.n_frames for clip in clips}
    assert found == dict(rows) and len(found) == 43 and sum(found.values()) == 6426
    assert {clip.skeleton for clip in clips} == {"folkdance10"}
    for clip in clips:
        joint = skeleton.get("folkdance10").joints.index
        hips = clip.pose[:, 0, [joint("left_hip"), joint("right_hip")]]
        assert np.abs(hips.mean(1)).max() < 1e-4  # hip-centred, as its makers say
        assert np.median(clip.pose[:, 0, joint("left_ankle"), 1]) < -0.3  # the feet are below
    with pytest.raises(InputError, match="fps="):
        load.load_clip(path)


def test_aist_sequences(shared_data) -> None:
    folder = shared_data / "aistpp_samples"
    frames = {"gBR_sBM_cAll_d04_mBR2_ch08": 576, "gJS_sBM_cAll_d03_mJS2_ch07": 576}
    frames["gJS_sFM_cAll_d02_mJS4_ch09"] = 1919
    assert {file.stem for file in (folder / "keypoints2d").iterdir()} == set(frames)
    for name, count in frames.items():
        flat = folder / "keypoints2d" / f"{name}.pkl"
        with pytest.raises(InputError, match="pickle"):
            load.load_clip(flat)
        clips = list(load.load_clips(flat, allow_pickle=True))
        assert [clip.source["camera"] for clip in clips] == [f"c{k:02d}" for k in range(1, 10)]
        assert {clip.n_frames for clip in clips} == {count} and clips[0].pose.shape[2:] == (17, 2)
        one = load.load_clip(flat, allow_pickle=True, camera="c03")
        assert one.source["camera"] == "c03"
        deep = load.load_clip(folder / "keypoints3d" / f"{name}.pkl", allow_pickle=True)
        assert deep.n_frames == count and deep.unit == "m" and deep.pose.shape[2:] == (17, 3)
        with pytest.raises(InputError, match=f"SMPL motion of {count} frames"):
            load.load_clip(folder / "motions" / f"{name}.pkl", allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("laban_labels_only", "folder of 3 tables of labels, without poses"),
        ("laban_labels_only/skelabel_labels_mathilde.csv", "table of 3 columns"),
        ("pose_models", "folder of models"),
        ("pose_models/pose_landmarker_lite.task", "TensorFlow Lite model"),
        ("pose_models/movenet_single_pose_lightning_ptq.tflite", "TensorFlow Lite model"),
        ("seed_baseline/loss.png", "PNG picture"),
        ("videos", "folder of videos"),
        ("videos/openpose_video.avi", "video.*dance_jax.analyze"),
        ("streetdance4/clips/locking__1001_40_10.mp4", "video.*dance_jax.analyze"),
        ("streetdance4/clips.csv", "labels or annotations"),
        ("aistpp_samples/cameras/setting1.json", "keys name, size, matrix"),
        ("aistpp_samples/gendance_nor_k_feat/kps_scaler.pth", "PyTorch checkpoint"),
        ("aistpp_samples", r"keypoints2d/.*\(aistpp\)"),
        ("folkdance_serbia", r"landmarks.csv.gz \(mediapipe_csv\)"),
    ],
)
def test_what_holds_no_poses_is_named(name, why, shared_data) -> None:
    with pytest.raises(InputError, match=why):
        load.load_clips(shared_data / name)
