"""Formats are told by content, never by the name; what is no file of poses is named."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import alphapose, clip_npz, coco, formats, load, mediapipe_files, openpose
from dance_jax.errors import InputError
from tests.data.media import make_video, steady
from tests.data.people import people
from tests.seeds import fresh

SEEDS = fresh(__name__, 1)
WRITERS = {
    "alphapose": lambda path, clip: alphapose.write(path, clip),
    "openpose": openpose.write,
    "coco": coco.write,
    "mediapipe_json": mediapipe_files.write,
    "clip_npz": clip_npz.write,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("suffix", [".bvh", ".mp4", ""])
def test_content_decides(name, suffix, tmp_path) -> None:
    path = tmp_path / f"file{suffix}"
    WRITERS[name](path, people(SEEDS[0]))
    found, saw = load.detect(path)
    assert found.name == name and saw
    clip = load.load_clip(path, fps=25)
    assert clip.n_frames == 50
    if name != "clip_npz":
        assert clip.source["format"] == name and clip.source["path"] == str(path)
        assert isinstance(clip.source["dropped"], tuple) and "frames/s" in clip.source["found"]


def test_every_format_is_told_apart_and_described() -> None:
    names = [one.name for one in formats.formats()]
    assert len(set(names)) == len(names) and set(WRITERS) < set(names)
    for one in formats.formats():
        assert one.title and one.read.__doc__ and formats.find(one.name) is one


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\x00" * 64,
        b"PK\x03\x04",
        b"{",
        b"[",
        b"\x80\x04",
        b"\x1f\x8b",
        b"\xff" * 90,
        b"a,b\n" * 9,
    ],
)
def test_no_sniffer_raises_or_claims_rubbish(start, tmp_path) -> None:
    path = tmp_path / "x"
    path.write_bytes(start)
    for one in formats.formats():
        assert one.sniff(formats.head(path)) is None, one.name


def write(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: write(p / "a.json", b""), ("empty (0 bytes)",)),
        (lambda p: p / "missing", ("cannot be read", "check the name")),
        (lambda p: p, ("the folder is empty",)),
        (
            lambda p: make_video(p / "a.mp4", steady(3)).rename(p / "a.json"),
            ("video", "dance_jax.analyze"),
        ),
        (lambda p: write(p / "a.bvh", b"\xff\xd8\xff\xe0 jpeg"), ("JPEG", "folder of all frames")),
        (lambda p: write(p / "a", b"ID3\x03 sound"), ("sound", "music")),
        (lambda p: write(p / "a", b"\x00\x00\x00\x00TFL3"), ("TensorFlow Lite model",)),
        (lambda p: write(p / "a", b"\x93NUMPY\x01\x00"), ("one NumPy array", "Clip")),
        (lambda p: write(p / "a", b"%PDF-1.7"), ("PDF",)),
        (lambda p: write(p / "a.csv", b"frame,label\n1,2\n3,4\n"), ("2 columns", "labels")),
        (
            lambda p: write(p / "a.json", b'{"hello": [1]}'),
            ("keys hello", "AlphaPose JSON", "format="),
        ),
        (lambda p: write(p / "a", b"Dear reader,\n"), ("text that begins", "tried")),
        (lambda p: write(p / "a", b"\x01\x02\xff\xfe"), ("binary file that begins 01 02 ff fe",)),
    ],
)
def test_what_is_no_pose_file_is_named(make, words, tmp_path) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError) as told:
        load.load_clips(path)
    assert not [word for word in words if word not in told.value.line()], told.value.line()
    assert "\n" not in told.value.line()


def test_folders_say_what_can_be_read_in_them(tmp_path) -> None:
    (tmp_path / "deep").mkdir()
    alphapose.write(tmp_path / "deep" / "one.json", people(SEEDS[0]))
    clip_npz.write(tmp_path / "two.npz", people(SEEDS[0]))
    with pytest.raises(InputError, match=r"deep/one\.json \(alphapose\), two\.npz \(clip_npz\)"):
        load.load_clip(tmp_path)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for k in range(3):
        (pictures / f"{k}.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(InputError, match=r"folder of 3 images.*configs/analyze.py"):
        load.load_clip(pictures)


def test_a_pipe_is_no_file(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        load.load_clip(tmp_path / "pipe")


def test_two_formats_at_once_ask_which(tmp_path, monkeypatch) -> None:
    row = {"image_id": "1.jpg", "category_id": 1, "keypoints": [1.0] * 51, "score": 1.0}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([row, {}]))
    twin = dataclasses.replace(formats.find("alphapose"), name="twin")
    both = (*formats.formats(), twin)
    with monkeypatch.context() as patch:
        patch.setattr(formats, "formats", lambda: both)
        with pytest.raises(InputError, match=r"several formats: alphapose .*twin .*format="):
            load.detect(path)
    with pytest.raises(InputError, match=r"a\.json: \[1\]: it has no"):
        load.load_clip(path, format="alphapose", fps=25)
    with pytest.raises(InputError, match="no format 'x'"):
        load.load_clip(path, format="x")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"fps": 0}, "fps="),
        ({"fps": float("nan")}, "fps="),
        ({"unit": "yards"}, "unit="),
        ({"image_size": (0, 10)}, "image_size="),
        ({"image_size": (10,)}, "image_size="),
        ({"rate": 3}, "rate"),
    ],
)
def test_wrong_options_are_refused_before_reading(options, what, tmp_path) -> None:
    clip_npz.write(tmp_path / "a", people(SEEDS[0]))
    with pytest.raises(InputError, match=what):
        load.load_clips(tmp_path / "a", **options)


def test_a_skeleton_is_converted_to(tmp_path) -> None:
    clip = people(SEEDS[0], 2)
    clip = clip.replace(pose_world=np.pad(clip.pose, [(0, 0)] * 3 + [(0, 1)]))
    clip_npz.write(tmp_path / "a", clip)
    found = load.load_clip(tmp_path / "a", skeleton="coco17")
    pose, sure = skeleton.convert(clip.pose, clip.confidence, "halpe26", "coco17")
    assert found.skeleton == "coco17" and np.array_equal(found.pose, pose)
    assert np.array_equal(found.confidence, sure) and found.pose_world.shape[2] == 17
    assert "from halpe26 to coco17" in found.source["found"]
    with pytest.raises(InputError, match="did you mean 'coco17'"):
        load.load_clip(tmp_path / "a", skeleton="coco71")


def test_the_hash_is_of_the_file(tmp_path) -> None:
    import hashlib

    path = tmp_path / "a"
    clip_npz.write(path, people(SEEDS[0]))
    assert load.load_clip(path).source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.isfinite(load.load_clip(path).pose).all()
