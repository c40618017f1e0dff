"""Makers of bad pose files: each gives a file or folder that must be refused, and how."""

from __future__ import annotations

import gzip
import io
import json
import pathlib
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dance_jax.data import clip_npz, npz_file
from dance_jax.types import Clip


class Bad(NamedTuple):
    """One bad file: its name, how it is made, the format to ask for, and words of the error."""

    name: str
    make: Callable[[pathlib.Path], pathlib.Path]
    words: tuple[str, ...]
    format: str | None = None
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)


def raw(data: bytes, name: str = "bad.dat") -> Callable[[pathlib.Path], pathlib.Path]:
    def make(folder: pathlib.Path) -> pathlib.Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def text(whole: Any, name: str = "bad.dat") -> Callable[[pathlib.Path], pathlib.Path]:
    return raw((whole if isinstance(whole, str) else json.dumps(whole)).encode(), name)


ONES = np.ones((4, 1, 18, 2), np.float32)


def pose(**change: Any) -> dict[str, Any]:
    """One row of AlphaPose."""
    row = {"image_id": "1.jpg", "category_id": 1, "keypoints": [5.0] * 78, "score": 2.0, "idx": 1}
    return row | change


def frame(**change: Any) -> dict[str, Any]:
    """One file of OpenPose."""
    return {"version": 1.3, "people": [{"pose_keypoints_2d": [1.0] * 75} | change]}


def openpose(*frames: Any) -> Callable[[pathlib.Path], pathlib.Path]:
    def make(folder: pathlib.Path) -> pathlib.Path:
        out = folder / "bad.dat"
        out.mkdir()
        for t, one in enumerate(frames):
            data = one if isinstance(one, bytes) else json.dumps(one).encode()
            (out / f"v_{t:012d}_keypoints.json").write_bytes(data)
        return out

    return make


MARKS = [{"x": 0.1, "y": 0.2, "z": 0.3, "visibility": 0.9}] * 33
HERE = {"landmarks": MARKS}
HEADER = ",".join(f"{part}{at}" for at in range(33) for part in "xyzv")
ROW = ",".join(["0.5"] * 132)
DIGITS = "".join(
    ",".join(f"0.{k * j * j % 99_991}" for j in range(1, 133)) + "\n" for k in range(7, 900)
)
LONG = "frame,landmark,x,y,z,visibility\n"
CHOREAI = ",".join(["7"] * 51) + "\n"
COCO_ROW = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [3, 4, 2] * 17}


def coco(**change: Any) -> dict[str, Any]:
    return {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [COCO_ROW]} | change


def coco_row(**change: Any) -> Callable[[pathlib.Path], pathlib.Path]:
    return text(coco(annotations=[COCO_ROW | change]))


def npz(**arrays: Any) -> Callable[[pathlib.Path], pathlib.Path]:
    """A clip of our own, some of its arrays changed."""

    def make(folder: pathlib.Path) -> pathlib.Path:
        path = folder / "bad.dat"
        clip = Clip(np.ones((4, 1, 17, 2)), np.ones((4, 1, 17)), np.arange(4), "coco17")
        clip_npz.write(path, clip)
        found = npz_file.read_npz(path) | arrays
        with path.open("wb") as file:
            np.savez(file, **found)
        return path

    return make


def archive(*members: tuple[Any, bytes]) -> Callable[[pathlib.Path], pathlib.Path]:
    def make(folder: pathlib.Path) -> pathlib.Path:
        with zipfile.ZipFile(folder / "bad.dat", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("dance_jax_clip.npy", _npy(np.array(1)))
            for name, data in members:
                file.writestr(name, data)
        return folder / "bad.dat"

    return make


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def cut(
    make: Callable[[pathlib.Path], pathlib.Path], share: float
) -> Callable[[pathlib.Path], Any]:
    def made(folder: pathlib.Path) -> pathlib.Path:
        path = make(folder)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        return path

    return made


def flipped(make: Callable[[pathlib.Path], pathlib.Path]) -> Callable[[pathlib.Path], Any]:
    def made(folder: pathlib.Path) -> pathlib.Path:
        path = make(folder)
        data = bytearray(path.read_bytes())
        for at in range(len(data) // 2, len(data) // 2 + 8):
            data[at] ^= 255
        path.write_bytes(data)
        return path

    return made


def packed(rows: str) -> Callable[[pathlib.Path], pathlib.Path]:
    return raw(gzip.compress(f"{HEADER}\n{rows}".encode(), 9))


def folder(path: pathlib.Path) -> pathlib.Path:
    return path


def _link() -> zipfile.ZipInfo:
    link = zipfile.ZipInfo("pose.npy")
    link.external_attr = 0o120777 << 16
    return link


def _pickle(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "gBR_sBM_cAll_d04_mBR2_ch08.pkl"
    path.write_bytes(b"\x80\x04\x95keypoints2d\x8c\x05posix\x8c\x06system\x93")
    return path


MANY = [(f"{k}.npy", b"") for k in range(1000)]
AP, OP, CC, MJ, MC = "alphapose", "openpose", "coco", "mediapipe_json", "mediapipe_csv"
UNSIZED = {"image_size": None}
TWICE = '[{"image_id": "1.jpg", "keypoints": [1], "keypoints": [2], "score": 1}]'

BAD = [
    Bad("empty", raw(b""), ("empty (0 bytes)",)),
    Bad("nothing but a mark", raw(b"\xef\xbb\xbf"), ("no format known",)),
    Bad("binary junk", raw(bytes(range(256)) * 40), ("binary file that begins 00 01 02",)),
    Bad("an empty folder", folder, ("folder is empty",)),
    Bad("binary junk as AlphaPose", raw(b"\xff\xfe\x00" * 99), ("UTF-8",), AP),
    Bad("a folder as AlphaPose", folder, ("not a regular file",), AP),
    Bad("AlphaPose, cut", cut(text([pose()] * 9), 0.6), ("bad.dat:1", "no JSON")),
    Bad("AlphaPose, no list end", text(json.dumps([pose()])[:-1]), ("the end of the file",)),
    Bad("AlphaPose, nobody", text([]), ("no person",), AP),
    Bad("AlphaPose, 77 numbers", text([pose(keypoints=[1.0] * 77)]), ("[0].keypoints", "77")),
    Bad("AlphaPose, two lengths", text([pose(), pose(keypoints=[1.0] * 51)]), ("[1].keypoints",)),
    Bad("AlphaPose, 21 key points", text([pose(keypoints=[1.0] * 63)]),
        ("[0].keypoints", "63 numbers")),
    Bad("AlphaPose, text", text([pose(keypoints=["1"] * 78)]), ("number 0 is text",)),
    Bad("AlphaPose, giant", text([pose(keypoints=[1e30] * 78)]), ("beyond 1e9", "[0].keypoints")),
    Bad("AlphaPose, 4,301 digits", text("[" + "7" * 5000 + "]"), ("4300 digits",), AP),
    Bad("AlphaPose, infinite", text(json.dumps([pose(score=np.inf)])), ("Infinity",)),
    Bad("AlphaPose, all NaN", text([pose(keypoints=[None] * 78)] * 2),
        ("no joint in it has a position",)),
    Bad("AlphaPose, a key twice", text(TWICE), ("'keypoints' occurs twice",)),
    Bad("AlphaPose, no image", text([pose(image_id=None)]), ("[0]", "image_id")),
    Bad("AlphaPose, no object", text([pose(), 7]), ("[1]", "not an object")),
    Bad("AlphaPose, deep", text("[" * 200_000), ("64 deep",), AP),
    Bad("AlphaPose, one 3D body", text([pose(pred_xyz_jts=[[1, 2, 3]] * 9), pose()]), ("xyz",)),
    Bad("AlphaPose, no rate", text([pose()]), ("give it: fps=",), None, {"fps": None}),
    Bad("cmu, 17 joints", text({"1.jpg": {"bodies": [{"joints": [1.0] * 51}]}}),
        ("51 numbers", "18 key")),
    Bad("cmu, no list", text({"1.jpg": {"bodies": {"joints": []}}}), ("1.jpg", "neither bodies")),
    Bad("OpenPose, cut frame", openpose(frame(), b'{"people": [{'), ("_000000000001",)),
    Bad("OpenPose, 74 numbers", openpose(frame(pose_keypoints_2d=[1.0] * 74)), ("people[0]", "74")),
    Bad("OpenPose, two lengths", openpose(frame(), frame(pose_keypoints_2d=[1.0] * 54)), ("54",)),
    Bad("OpenPose, null people", openpose(frame(), {"people": None}), ("no list 'people'",)),
    Bad("OpenPose, never anybody", openpose({"version": 1.3, "people": []}), ("none of 1 frames",)),
    Bad("OpenPose, 0 to 1", openpose(frame(pose_keypoints_2d=[0.5] * 75)), ("image_size=",), None,
        UNSIZED),
    Bad("OpenPose, folder without JSON", folder, ("no JSON file",), OP),
    Bad("COCO, cut", cut(text(coco()), 0.8), ("no JSON",), CC),
    Bad("COCO, no images", text({"annotations": []}), ("no list 'images'",), CC),
    Bad("COCO, an id twice", text(coco(annotations=[COCO_ROW] * 2)), ("annotations[1]", "twice")),
    Bad("COCO, scores as v", coco_row(keypoints=[1, 2, 0.4] * 17), ("v is not 0, 1 or 2",)),
    Bad("COCO, no image", coco_row(image_id=8), ("no image '8'",)),
    Bad("MediaPipe, 32 landmarks", text([{"landmarks": MARKS[:32]}]), ("[0].landmarks", "32")),
    Bad("MediaPipe, text", text([{"landmarks": [*MARKS[:-1], {"x": "1"}]}]), ("[32]", "text")),
    Bad("MediaPipe, size unknown", text([HERE]), ("image_size=",), None, UNSIZED),
    Bad("MediaPipe, times go back", text([HERE | {"time_s": t} for t in (0, 2, 1)]), ("frame 2",)),
    Bad("MediaPipe, size", text({"width": -1, "height": 5, "frames": [HERE]}), ("picture is",)),
    Bad("MediaPipe, rate 0", text({"fps": 0, "frames": [HERE]}), ("fps is 0",)),
    Bad("MediaPipe, nobody", text([{"pose_landmarks": []}] * 3), ("no person",)),
    Bad("CSV, short row", text(f"{HEADER}\n{ROW}\n{ROW[:-4]}\n"),
        ("bad.dat:3", "131 cells for 132")),
    Bad("CSV, CRLF and text", text(f"{HEADER}\r\n{ROW}\r\n{ROW[:-3]}one\r\n"),
        ("bad.dat:3, column v32", "'one'")),
    Bad("CSV, BOM and giant", text(f"\ufeff{HEADER}\n{ROW[:-3]}1e12\n"),
        ("bad.dat:2", "beyond 1e9")),
    Bad("CSV, header alone", text(f"{HEADER}\n"), ("no rows",), MC),
    Bad("CSV, a column twice", text(f"{HEADER},x0\n{ROW},1\n"), ("bad.dat:1", "'x0'"), MC),
    Bad("CSV, a quote left open", text(f'{HEADER}\n{ROW[:-3]}"1\n'), ("no table",), MC),
    Bad("CSV, one endless line", text(HEADER + "," * (1 << 19)), ("256 KiB",), MC),
    Bad("CSV, gzip cut", cut(packed(DIGITS), 0.7), ("gzip ends too early",)),
    Bad("CSV, gzip flipped", flipped(packed(DIGITS)), ("bad.dat",)),
    Bad("CSV, gzip bomb", packed(f"{ROW}\n" * 40_000), ("over 100 times its size",)),
    Bad("CSV, landmark 33", text(f"{LONG}0,33,1,1,1,1\n"), ("bad.dat:2", "'33'")),
    Bad("CSV, not UTF-8", raw(f"{LONG}0,1,".encode() + b"\xff\xff,1,1,1\n"), ("UTF-8",), MC),
    Bad("choreAI, 99 rows", text(CHOREAI * 99), ("99 rows",)),
    Bad("choreAI, 50 numbers", text(CHOREAI * 60 + CHOREAI[2:] + CHOREAI * 39),
        ("bad.dat:61", "50")),
    Bad("choreAI, infinite", text(CHOREAI * 99 + "inf" + CHOREAI[1:]), ("bad.dat:100", "'inf'")),
    Bad("clip, cut", cut(npz(), 0.9), ("zip",), "clip_npz"),
    Bad("clip, wrong shapes", npz(confidence=np.ones(3, np.float32)), ("do not agree",)),
    Bad("clip, joints of another", npz(pose=ONES, confidence=ONES[..., 0]), ("18 joints, not 17",)),
    Bad("clip, times go back", npz(time_s=np.arange(4.0)[::-1]), ("increasing",)),
    Bad("clip, giant", npz(pose=np.full((4, 1, 17, 2), 1e12, np.float32)), ("beyond 1e9",)),
    Bad("clip, pickled array", archive(("pose.npy", _npy(np.array([{}])))), ("pose", "object")),
    Bad("clip, zip bomb", archive(("pose.npy", bytes(80 << 20))), ("zip bomb",), "clip_npz"),
    Bad("clip, a link", archive((_link(), b"/etc/passwd")), ("link",), "clip_npz"),
    Bad("clip, 1,001 members", archive(*MANY), ("1001 members",), "clip_npz"),
    Bad("npz, no collection", npz(), ("none of the npz collections",), "npz_collection"),
    Bad("a pickle without leave", _pickle, ("it is a pickle, which can hold a program",)),
    Bad("a pickle that runs", _pickle, ("damaged",), None, {"allow_pickle": True}),
]  # fmt: skip
