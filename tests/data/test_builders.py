"""The tensorflow-datasets builders: what goes in comes out, by group, without TensorFlow."""

from __future__ import annotations

import csv
import pathlib
import sys

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from dance_jax import skeleton
from dance_jax.data import builders, choreai_text, layout, load, npz_file, synthetic_corpus
from dance_jax.data.builders import examples
from dance_jax.data.split import GIVEN_STAMP, RANDOM_STAMP
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
ALL = {"shares": {"train": 1.0}}


@pytest.fixture(autouse=True)
def no_tensorflow():
    yield
    assert not {"tensorflow", "torch"} & set(sys.modules)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("builders") / "corpus"
    design = synthetic_corpus.Design(dancers=5, seconds=0.6, fps=10.0, seed=SEED)
    synthetic_corpus.write_corpus(folder, design)
    return folder


def info(place: pathlib.Path) -> tfds.core.DatasetInfo:
    return tfds.builder_from_directory(place).info


def everything(name, folder) -> dict[str, list[dict]]:
    parts = info(folder / name / "1.0.0").splits
    return {part: list(builders.open_split(name, folder, part)) for part in parts}


def same(a: Clip, b: Clip) -> None:
    for name in ("pose", "confidence", "time_s"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.unit, a.image_size, a.person_ids) == (b.unit, b.image_size, b.person_ids)
    assert skeleton.get(a.skeleton) == skeleton.get(b.skeleton)
    assert (a.pose_world is None) == (b.pose_world is None)


def test_dance_videos_come_back_whole(corpus, tmp_path) -> None:
    place = builders.prepare("dance_videos", corpus, tmp_path)
    read = layout.read_corpus(corpus)
    entries = {e.clip: e for e in read.clips}
    parts = everything("dance_videos", tmp_path)
    assert sum(map(len, parts.values())) == len(entries) == 20
    names = info(place).features["label"].names
    for found in (x for rows in parts.values() for x in rows):
        entry = entries[found["clip"].decode()]
        assert found["video"] == entry.path.read_bytes()
        assert found["style"].decode() == entry.style == names[found["label"]]
        same(examples.to_clip(found), load.load_clip(corpus / "pose_data" / entry.pose_file))
        assert {k: v.decode() for k, v in found["groups"].items()} == dict(entry.groups)
        given = [r for r in read.ratings if r.clip == entry.clip]
        assert [r.decode() for r in found["raters"]] == [r.rater for r in given]
        np.testing.assert_allclose(
            found["ratings"][:, 0], [r.scores["aesthetic_score"] for r in given], rtol=1e-6
        )
        mean = read.mean_scores("fluidity")[entry.clip]
        assert found["scores"]["fluidity"] == pytest.approx(mean, rel=1e-6)
        assert (found["fps"], found["licence"].decode()) == (10.0, entry.licence)


def test_dancers_are_held_out_and_the_metadata_says_so(corpus, tmp_path) -> None:
    place = builders.prepare("dance_videos", corpus, tmp_path)
    dancers = {
        part: {x["groups"]["dancer"] for x in rows}
        for part, rows in everything("dance_videos", tmp_path).items()
    }
    assert set(dancers) == {"train", "val", "test"}
    assert not dancers["train"] & dancers["test"]
    assert not dancers["train"] & dancers["val"]
    told = info(place)
    assert "MIT (synthetic)" in told.redistribution_info.license
    assert told.metadata["split"]["by"] == ["dancer"]
    assert "by dancer" in told.description
    assert str(corpus) not in (place / "metadata.json").read_text()
    files = [p.name for p in place.iterdir()]
    assert any("array_record" in name for name in files)
    assert not [name for name in files if "tfrecord" in name]


def test_a_random_split_is_stamped_and_another_one_is_refused(corpus, tmp_path) -> None:
    with pytest.raises(InputError, match="random clips"):
        builders.prepare("dance_videos", corpus, tmp_path, splitting={"by": ("clip",)})
    random = {"by": ("clip",), "allow_random_clips": True}
    place = builders.prepare("dance_videos", corpus, tmp_path, splitting=random)
    assert info(place).metadata["split"]["stamp"] == RANDOM_STAMP
    assert RANDOM_STAMP.upper() in info(place).description
    assert builders.prepare("dance_videos", corpus, tmp_path, splitting=random) == place
    with pytest.raises(InputError, match="another split"):
        builders.prepare("dance_videos", corpus, tmp_path)


def write_rows(root: pathlib.Path, name: str, rows: list[dict]) -> None:
    (root / "annotations").mkdir(exist_ok=True)
    with open(root / "annotations" / name, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_split_that_came_is_kept_and_sparse_tables_are_fine(tmp_path) -> None:
    root = tmp_path / "c"
    for part in ("train", "test"):
        (root / "videos" / part).mkdir(parents=True)
        for k in range(2):
            (root / "videos" / part / f"{part}{k}.mp4").write_bytes(part.encode() * (k + 1))
        rows = [{"video_file": f"{part}{k}.mp4", "aesthetic_score": k + 1} for k in range(2)]
        write_rows(root, f"{part}.csv", rows)
    place = builders.prepare("dance_videos", root, tmp_path)
    parts = everything("dance_videos", tmp_path)
    assert {p: [x["clip"].decode() for x in rows] for p, rows in parts.items()} == {
        part: [f"{part}0.mp4", f"{part}1.mp4"] for part in ("train", "test")
    }
    one = parts["train"][1]
    assert (one["video"], one["label"], one["scores"]["aesthetic_score"]) == (b"traintrain", -1, 2)
    assert np.isnan(one["scores"]["fluidity"])
    assert np.isnan(one["fps"])
    assert examples.to_clip(one) is None
    assert GIVEN_STAMP.upper() in info(place).description
    assert "not stated" in info(place).redistribution_info.license


def test_a_lost_pose_file_leaves_nothing_half_made(tmp_path) -> None:
    root = tmp_path / "c"
    (root / "videos").mkdir(parents=True)
    (root / "videos" / "a.mp4").write_bytes(b"x")
    write_rows(root, "a.csv", [{"video_file": "a.mp4", "style": "tap", "pose_file": "no.npz"}])
    with pytest.raises(InputError, match=r"no\.npz"):
        builders.prepare("dance_videos", root, tmp_path / "ds", splitting=ALL)
    with pytest.raises(InputError, match="prepare first"):
        builders.open_split("dance_videos", tmp_path / "ds", "train")


def aist_folder(root: pathlib.Path) -> pathlib.Path:
    rng = np.random.default_rng(SEED)
    for k, dancer in enumerate((4, 4, 5, 6)):
        name = f"gBR_sBM_cAll_d{dancer:02d}_mBR{k}_ch0{k + 1}.npz"
        for kind in ("keypoints2d", "keypoints3d"):
            (root / kind).mkdir(parents=True, exist_ok=True)
        points = rng.normal(size=(20, 17, 3)) * 50
        arrays = {"keypoints3d": points, "keypoints3d_optim": points + 1}
        npz_file.write_npz(root / "keypoints3d" / name, arrays)
        flat = {
            "keypoints2d": rng.uniform(0, 1000, (9, 20, 17, 3)),
            "det_scores": np.ones((9, 20)),
            "timestamps": np.arange(20) * 16_667,
        }
        npz_file.write_npz(root / "keypoints2d" / name, flat)
    return root


@pytest.mark.parametrize(("points", "count"), [("3d", 4), ("2d", 36)])
def test_aist(tmp_path, points, count) -> None:
    root = aist_folder(tmp_path / "aist")
    place = builders.prepare("aist", root, tmp_path / "ds", points=points)
    parts = everything("aist", tmp_path / "ds")
    found = [x for rows in parts.values() for x in rows]
    assert len(found) == count
    dancers = [{tuple(x["dancers"]) for x in rows} for rows in parts.values()]
    assert [len(d) for d in dancers] == [1, 1, 1]
    one = next(x for x in found if b"_mBR1_" in x["clip"] and x["camera"] in (0, 3))
    (path,) = (root / f"keypoints{points}").glob("*_mBR1_*")
    clips = list(load.load_clips(path))
    same(examples.to_clip(one), clips[2 if points == "2d" else 0])
    assert (one["bpm"], one["music"]) == (90.0, b"BR1")
    assert info(place).features["label"].int2str(one["label"]) == "BR"
    assert "CC BY 4.0" in info(place).redistribution_info.license
    assert "ICCV 2021" in info(place).citation


def test_aist_pickles_need_the_flag(tmp_path) -> None:
    (tmp_path / "a" / "keypoints3d").mkdir(parents=True)
    (tmp_path / "a" / "keypoints3d" / "gBR_sBM_cAll_d04_mBR2_ch08.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="pickle"):
        builders.prepare("aist", tmp_path / "a", tmp_path / "ds", splitting=ALL)


def test_real_aist(shared_data, tmp_path) -> None:
    source = shared_data / "aistpp_samples"
    builders.prepare("aist", source, tmp_path, points="3d", allow_pickle=True, splitting=ALL)
    found = builders.open_split("aist", tmp_path, "train")
    files = sorted((source / "keypoints3d").glob("*.pkl"))
    assert [x["clip"].decode() for x in found] == [p.stem for p in files]
    same(examples.to_clip(found[0]), load.load_clip(files[0], allow_pickle=True))


def test_choreai_poses(tmp_path) -> None:
    rng = np.random.default_rng(SEED)
    for part, clips in (("train", 3), ("test", 1)):
        pose = rng.uniform(50, 400, (100 * clips, 1, 17, 2)).astype(np.float32)
        made = Clip(pose, np.full(pose.shape[:3], 0.5), np.arange(len(pose)) / 25, "coco17")
        choreai_text.write(tmp_path / f"X_{part}.txt", made)
        labels = "".join(f"{k % 3 + 1}\n" for k in range(clips))
        (tmp_path / f"Y_{part}.txt").write_text(labels)
    place = builders.prepare("choreai_poses", tmp_path, tmp_path / "ds", fps=25.0)
    assert builders.prepare("choreai_poses", tmp_path, tmp_path / "ds", fps=25.0) == place
    with pytest.raises(InputError, match="a preparation with another fps lies here"):
        builders.prepare("choreai_poses", tmp_path, tmp_path / "ds", fps=30.0)
    parts = everything("choreai_poses", tmp_path / "ds")
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 3, "test": 1}
    read = list(choreai_text.read(tmp_path / "X_train.txt", load.ReadOptions(fps=25.0)))
    for found, clip in zip(parts["train"], read, strict=True):
        same(examples.to_clip(found), clip)
    assert [x["label"] for x in parts["train"]] == [0, 1, 2]
    place = builders.prepare("choreai_poses", tmp_path / "X_test.txt", tmp_path / "one", fps=25.0)
    assert info(place).metadata["split"]["stamp"] == GIVEN_STAMP
    (tmp_path / "X_test.txt").rename(tmp_path / "poses.txt")
    place = builders.prepare("choreai_poses", tmp_path / "poses.txt", tmp_path / "two", fps=25.0)
    assert info(place).metadata["split"]["notes"] == ["one part: nothing is held out"]


def test_leap_gesture_holds_subjects_out(tmp_path) -> None:
    rng = np.random.default_rng(SEED)
    gestures, pictures = ("01_palm", "02_l", "10_down"), {}
    for subject in range(6):
        for gesture in gestures:
            folder = tmp_path / "leapGestRecog" / f"{subject:02d}" / gesture
            folder.mkdir(parents=True)
            for k in range(2):
                name = folder / f"frame_{subject:02d}_{gesture[:2]}_{k + 1:04d}.png"
                picture = rng.integers(0, 256, (24, 64), np.uint8)
                cv2.imwrite(str(name), picture)
                pictures[name.relative_to(tmp_path / "leapGestRecog").as_posix()] = picture
    place = builders.prepare("leap_gesture", tmp_path, tmp_path / "ds")
    parts = everything("leap_gesture", tmp_path / "ds")
    subjects = {part: {x["subject"] for x in rows} for part, rows in parts.items()}
    assert sum(map(len, subjects.values())) == 6
    assert info(place).features["label"].names == list(gestures)
    for found in (x for rows in parts.values() for x in rows):
        name = found["clip"].decode()
        np.testing.assert_array_equal(found["image"][..., 0], pictures[name])
        assert name.split("/")[1] == gestures[found["label"]]


def test_a_clip_of_an_own_skeleton_with_gaps_and_world() -> None:
    rng = np.random.default_rng(SEED)
    pose = rng.normal(size=(4, 2, 3, 3)).astype(np.float32)
    pose[1, 0, 2] = np.nan
    own = skeleton.custom(("root", "left_hand", "right_hand"), parents=(-1, 0, 0))
    clip = Clip(
        *(pose, np.isfinite(pose).all(-1).astype(np.float32), np.arange(4) / 7.0, own, "m"),
        pose_world=pose + 1,
        person_ids=(7, 9),
        source={"path": pathlib.Path("x.c3d"), "n": np.int64(3), "array": np.arange(2)},
        labels={"dancers": (1, 2)},
    )
    back = examples.to_clip(examples.from_clip(clip))
    same(back, clip)
    np.testing.assert_array_equal(back.pose_world, clip.pose_world)
    assert back.source == {"path": "x.c3d", "n": 3, "array": [0, 1]}
    assert back.labels == {"dancers": [1, 2]}


@pytest.mark.parametrize("name", ["dance_videos", "leap_gesture", "aist", "choreai_poses"])
def test_an_empty_folder_is_told(tmp_path, name) -> None:
    more = {"fps": 25.0} if name == "choreai_poses" else {}
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        builders.prepare(name, tmp_path / "empty", tmp_path / "ds", **more)
    with pytest.raises(InputError, match="one of aist"):
        builders.prepare("imagenet", tmp_path, tmp_path / "ds")
