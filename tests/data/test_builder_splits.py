"""Splits of prepared datasets: subjects left out one by one, AIST++'s own lists, a ready split."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from dance_jax.data import builders, npz_file, splits
from dance_jax.data.builders.leap_gesture import MAX_BYTES
from dance_jax.data.split import GIVEN_STAMP, Split
from dance_jax.errors import InputError
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
GESTURES = tuple(
    f"{k:02d}_{name}"
    for k, name in enumerate(
        ("palm", "l", "fist", "fist_moved", "thumb", "index", "ok", "palm_moved", "c", "down"), 1
    )
)


@pytest.fixture(autouse=True)
def no_tensorflow():
    yield
    assert not {"tensorflow", "torch"} & set(sys.modules)


@pytest.fixture(scope="module")
def leap(tmp_path_factory):
    """The published layout: 10 subjects, 10 gestures, frame_SUBJECT_GESTURE_NUMBER.png."""
    root, rng = tmp_path_factory.mktemp("leap"), np.random.default_rng(SEED)
    for subject in range(10):
        for number, gesture in enumerate(GESTURES, 1):
            folder = root / "leapGestRecog" / f"{subject:02d}" / gesture
            folder.mkdir(parents=True)
            for k in (1, 2):
                name = folder / f"frame_{subject:02d}_{number:02d}_{k:04d}.png"
                cv2.imwrite(str(name), rng.integers(0, 256, (6, 16), np.uint8))
    return root


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def parts(name, folder) -> dict[str, list[dict]]:
    held = tfds.builder_from_directory(folder / name / "1.0.0").info.splits
    return {part: list(builders.open_split(name, folder, part)) for part in held}


def test_each_subject_is_left_out_once(leap, tmp_path) -> None:
    members = builders.members("leap_gesture", leap)
    assert len(members) == 200
    assert {m.label for m in members} == set(GESTURES)
    assert {m.groups["subject"] for m in members} == {f"{k:02d}" for k in range(10)}
    folds = splits.leave_one_group_out(members, "subject")
    assert len(folds) == 10
    split = folds[SEED % 10]
    held = f"{SEED % 10:02d}"
    place = builders.prepare("leap_gesture", leap, tmp_path, splitting=split)
    found = parts("leap_gesture", tmp_path)
    assert {part: len(rows) for part, rows in found.items()} == {"train": 180, "test": 20}
    assert {x["subject"].decode() for x in found["test"]} == {held}
    assert held not in {x["subject"].decode() for x in found["train"]}
    info = tfds.builder_from_directory(place).info
    assert info.features["label"].names == list(GESTURES)
    for row in found["test"] + found["train"]:
        clip, picture = row["clip"].decode(), row["image"]
        assert clip.split("/")[:2] == [row["subject"].decode(), GESTURES[row["label"]]]
        wanted = cv2.imread(str(leap / "leapGestRecog" / clip), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(picture[..., 0], wanted)
    assert f"without subject={held}" in info.description
    assert info.metadata["split"] == split.as_dict()
    assert info.metadata["examples"] == 200


def test_subjects_stay_whole_by_default(leap, tmp_path) -> None:
    builders.prepare("leap_gesture", leap / "leapGestRecog", tmp_path)
    found = parts("leap_gesture", tmp_path)
    subjects = [{x["subject"] for x in rows} for rows in found.values()]
    assert len(found) == 3 and sum(map(len, subjects)) == 10 == len(set().union(*subjects))
    assert all({int(x["label"]) for x in rows} == set(range(10)) for rows in found.values())


def test_a_picture_in_the_wrong_folder_is_told(leap, tmp_path) -> None:
    folder = tmp_path / "00" / "01_palm"
    folder.mkdir(parents=True)
    picture = (leap / "leapGestRecog" / "03" / "01_palm" / "frame_03_01_0001.png").read_bytes()
    (folder / "frame_03_01_0001.png").write_bytes(picture)
    with pytest.raises(InputError, match="its name says subject 03 and gesture 01"):
        builders.members("leap_gesture", tmp_path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda good, colour: b"hello", "no picture, or a broken one"),
        (lambda good, colour: good[: len(good) // 2], "no picture, or a broken one"),
        (lambda good, colour: bytes(MAX_BYTES + 1), "larger than 16 MiB"),
        (lambda good, colour: colour, "some pictures are grey and some have colours"),
        (lambda good, colour: png(np.zeros((4, 4), np.uint16)), "its pixels are I;16"),
        (lambda good, colour: png(np.zeros((4097, 4096), np.uint8)), "larger than 16,777,216 pix"),
    ],
)
def test_a_picture_that_could_not_be_read_again_is_told(make, words, tmp_path) -> None:
    rng = np.random.default_rng(SEED)
    folder = tmp_path / "leapGestRecog" / "00" / "01_palm"
    folder.mkdir(parents=True)
    good = png(rng.integers(0, 256, (6, 16), np.uint8))
    colour = png(rng.integers(0, 256, (6, 16, 3), np.uint8))
    (folder / "a.png").write_bytes(good)
    (folder / "b.png").write_bytes(make(good, colour))
    whole = {"shares": {"train": 1.0}}
    with pytest.raises(InputError, match=rf"b\.png: .*{words}"):
        builders.prepare("leap_gesture", tmp_path, tmp_path / "ds", splitting=whole)
    assert not [p for p in (tmp_path / "ds").rglob("*") if p.is_file()]
    (folder / "a.png").write_bytes(colour)
    (folder / "b.png").write_bytes(colour)
    builders.prepare("leap_gesture", tmp_path, tmp_path / "ds", splitting=whole)
    found = builders.open_split("leap_gesture", tmp_path / "ds", "train")
    wanted = cv2.imdecode(np.frombuffer(colour, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert len(found) == 2
    np.testing.assert_array_equal(found[1]["image"], wanted)


def test_a_ready_split_must_be_of_these_clips(leap, tmp_path) -> None:
    other = Split({"train": ("00/01_palm/frame_00_01_0009.png",)}, (), "made")
    with pytest.raises(InputError, match=r"1 clips of the split are not here.*0009"):
        builders.prepare("leap_gesture", leap, tmp_path, splitting=other)


def aist(root, names) -> None:
    (root / "keypoints3d").mkdir(parents=True)
    points = np.random.default_rng(SEED).normal(size=(5, 17, 3)) * 50
    for name in names:
        arrays = {"keypoints3d": points, "keypoints3d_optim": points}
        npz_file.write_npz(root / "keypoints3d" / f"{name}.npz", arrays)


def test_aist_keeps_its_official_split(tmp_path) -> None:
    names = [f"gBR_sBM_cAll_d{d:02d}_mBR{m}_ch01" for d in (4, 5) for m in (0, 1, 2)]
    root = tmp_path / "aist"
    aist(root, names)
    (root / "splits").mkdir()
    for part, held in (("train", names[:3]), ("val", names[3:4]), ("test", [])):
        (root / "splits" / f"crossmodal_{part}.txt").write_text("\n".join(held))
    (root / "ignore_list.txt").write_text(f"{names[1]}\r\n")
    place = builders.prepare("aist", root, tmp_path / "ds", official="crossmodal")
    found = parts("aist", tmp_path / "ds")
    clips = {part: [x["clip"].decode() for x in rows] for part, rows in found.items()}
    assert clips == {"train": [names[0], names[2]], "val": [names[3]]}
    told = tfds.builder_from_directory(place).info.metadata
    left_out = {"in ignore_list.txt": 1, "in no list of the split": 2}
    assert told["sequences_left_out"] == left_out and told["split"]["stamp"] == GIVEN_STAMP
    assert len(builders.members("aist", root)) == 5  # by dancer: only the ignored one is missing
    for bad, words in (("dance", "no split 'dance'"), ("pose", "no splits/pose_train.txt")):
        with pytest.raises(InputError, match=words):
            builders.members("aist", root, official=bad)
    (root / "splits" / "crossmodal_val.txt").write_text(f"{names[3]}\n{names[0]}\n")
    with pytest.raises(InputError, match="is in train and in val"):
        builders.members("aist", root, official="crossmodal")
    (root / "splits" / "crossmodal_val.txt").write_text(f"{names[3]}\nhello\n")
    with pytest.raises(InputError, match=r"crossmodal_val\.txt:2: it is not an AIST file name"):
        builders.members("aist", root, official="crossmodal")


def test_the_official_lists_themselves(shared_data, tmp_path) -> None:
    source = shared_data / "aistpp_samples"
    more = {"official": "crossmodal", "allow_pickle": True}
    place = builders.prepare("aist", source, tmp_path, **more)
    found = parts("aist", tmp_path)
    files = sorted(path.stem for path in (source / "keypoints3d").iterdir())
    lists = {
        part: (source / "splits" / f"crossmodal_{part}.txt").read_text().split()
        for part in ("train", "test")
    }
    wanted = {part: [f for f in files if f in rows] for part, rows in lists.items()}
    clips = {part: [x["clip"].decode() for x in rows] for part, rows in found.items()}
    assert clips == {part: held for part, held in wanted.items() if held}
    told = tfds.builder_from_directory(place).info.metadata
    assert told["examples"] == sum(map(len, wanted.values())) == 3
