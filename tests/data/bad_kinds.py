"""Each kind of fault in each format where it can be: made from small sound files."""

from __future__ import annotations

import io
import json
import pathlib
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.data.bad_files import Bad
from tests.data.pickle_gadgets import calls, dumps
from tests.fuzz.keypoint_seeds import coco_figure, npy, npz
from tests.fuzz.seeds import BETWEEN, SEEDS

AIST = "gBR_sBM_cAll_d04_mBR2_ch08"
FILES = {
    "openpose": ("f_1.json", "f_2.json", "f_3.json"),
    "choreai_text": ("X_a.txt", "Y_a.txt"),
    "npz_collection": ("a.npz", "a.csv"),
    "aistpp": (AIST + ".npz",),
    "aistpp_pickle": (AIST + ".pkl",),
    "pyskl_pickle": ("a.pkl",),
    "keypoints_npy": ("a.npy", "a_scaler.npz"),
}
Parts = list[bytes]
MARK = b"\xef\xbb\xbf"


def bad(
    name: str,
    change: Callable[[Parts], Any],
    *words: str,
    format: str = "",
    at: int = 0,
    **options: Any,
) -> Bad:
    """A sound file of the format, its parts changed in place."""
    kind = format or name.split(",")[0]

    def make(folder: pathlib.Path) -> pathlib.Path:
        parts = SEEDS[kind]()[at].split(BETWEEN)
        change(parts)
        files = FILES.get(kind, ("bad.dat",))
        for file, part in zip(files, parts, strict=False):
            (folder / file).write_bytes(part)
        return folder if kind == "openpose" else folder / files[0]

    return Bad(name, make, words, kind.removesuffix("_pickle"), {"allow_pickle": True} | options)


def cut(share: float, part: int = 0) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts[part] = parts[part][: int(share * len(parts[part]))]

    return change


def swap(old: str, new: str, part: int = 0, count: int = 1) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        assert old.encode() in parts[part], old
        parts[part] = parts[part].replace(old.encode(), new.encode(), count)

    return change


def marked(old: str, new: str, part: int = 0) -> Callable[[Parts], None]:
    """The same with a byte order mark before it and CR LF at the ends of its lines."""

    def change(parts: Parts) -> None:
        swap(old, new, part)(parts)
        parts[part] = MARK + parts[part].replace(b"\n", b"\r\n")

    return change


def edit(change_tree: Callable[[Any], Any], part: int = 0, indent: int | None = None) -> Any:
    """Changes the values of a JSON."""

    def change(parts: Parts) -> None:
        tree = json.loads(parts[part])
        change_tree(tree)
        parts[part] = json.dumps(tree, indent=indent).encode()

    return change


def put(*keys: Any, value: Any) -> Callable[[Any], None]:
    """Puts a value at a place of a tree."""

    def change(tree: Any) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = value

    return change


def deep(depth: int = 90) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = [tree]
    return tree


def arrays(drop: str = "", **changes: Any) -> Callable[[Parts], None]:
    """Changes the arrays of an npz."""

    def change(parts: Parts) -> None:
        with np.load(io.BytesIO(parts[0])) as file:
            found = {name: file[name] for name in file.files if name != drop}
        out = io.BytesIO()
        np.savez(out, **found | changes)
        parts[0] = out.getvalue()

    return change


def scaled(name: str, factor: float) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        with np.load(io.BytesIO(parts[0])) as file:
            arrays(**{name: file[name].astype(np.float64) * factor})(parts)

    return change


def bomb(name: str) -> Callable[[Parts], None]:
    """Adds an array of 80 MiB of zeros, packed to some 80 KiB."""

    def change(parts: Parts) -> None:
        out = io.BytesIO(parts[0])
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, bytes(80 << 20))
        parts[0] = out.getvalue()

    return change


def tree(change_tree: Callable[[Any], Any]) -> Callable[[Parts], None]:
    """Changes the values of a pickle."""

    def change(parts: Parts) -> None:
        found = pickle.loads(parts[0])
        change_tree(found)
        parts[0] = pickle.dumps(found, 4)

    return change


def gadget(name: str) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        call = calls("/nowhere/marker")[name]
        parts[0] = dumps({"keypoints2d": [call], "annotations": [call]}, 4)

    return change


def _giant_array(found: Any) -> None:
    found["annotations"][1]["keypoint"] = np.full((1, 2, 17, 2), 1e12)


KIND_BAD = [
    # cut off
    bad("openpose, cut", cut(0.7, 1), "f_2.json:1, column", "ends too early"),
    bad("mediapipe_json, cut", cut(0.7), "bad.dat:1, column", "ends too early"),
    bad("choreai_text, cut", cut(0.995), "X_a.txt:100: the row has", "not 51"),
    bad("choreai_text, labels cut", lambda p: p.pop(1) and p.append(b"1\n2\n"), "Y_a.txt",
        "2 labels"),
    bad("c3d, cut", cut(0.7), "bad.dat", "declares 4 frames of 6 points but holds"),
    bad("amass, cut", cut(0.9), "no whole zip"),
    bad("npz_collection, cut", cut(0.9), "a.npz: it is no whole zip"),
    bad("npz_collection, table cut", cut(0.9, 1), "a.csv:2", "cells for"),
    bad("aistpp, cut", cut(0.9), "no whole zip"),
    bad("pyskl, cut", cut(0.9), "no whole zip"),
    bad("aistpp_pickle, cut", cut(0.9), ".pkl: it is not a whole pickle"),
    bad("pyskl_pickle, cut", cut(0.9), ".pkl: it is not a whole pickle"),
    bad("mot, cut", cut(0.8), "bad.dat:", "declares nRows=3"),
    # counts that are wrong
    bad("coco, 50 numbers", edit(put("annotations", 0, "keypoints", value=[1] * 50)),
        "annotations[0].keypoints", "50 numbers, not 51"),
    bad("coco, category of no id", edit(put("categories", 0, "id", value=[1])), "categories[0]",
        "no id"),
    bad("coco, frame of 31 digits", edit(put("images", 0, "frame_id", value=10**30)), "images[0]",
        "beyond 1e15"),
    bad("coco, category is a list", edit(put("annotations", 0, "category_id", value=[1])),
        "annotations[0].category_id"),
    bad("npz_collection, rows", swap("0,3,25", "0,9,25", 1), "a.csv:2", "names rows 0 to 9 of 3"),
    bad("aistpp, times", arrays(timestamps=np.arange(9)), "timestamps has shape"),
    bad("aistpp, joints", arrays(keypoints2d=np.ones((2, 2, 18, 3))), "keypoints2d has shape"),
    bad("pyskl, frames", arrays(frames=np.array([2, 3])), "do not fit together"),
    bad("pyskl, frames of text", arrays(frames=np.array(["2", "2"])), "frames", "not whole"),
    bad("pyskl, no labels", arrays(drop="label"), "no 'label'"),
    bad("pyskl_pickle, frames", tree(put("annotations", 1, "total_frames", value=3)),
        "annotation 1", "total_frames is 3, not 2"),
    bad("pyskl_pickle, size is one number", tree(put("annotations", 1, "img_shape", value=4)),
        "annotation 1", "img_shape"),
    bad("pyskl_pickle, label of text", tree(put("annotations", 0, "label", value="a")),
        "annotation 0.label", "whole number"),
    bad("mot, a row short", swap("\t0.00000000\n", "\n"), "bad.dat:", "cells for 3 columns"),
    bad("c3d, label twice", swap("RKJC", "LHJC"), "'LHJC' occurs twice"),
    # not a number, and too large a number
    bad("openpose, all null", lambda p: [edit(put("people", 0, "pose_keypoints_2d",
        value=[None] * 75), k)(p) for k in range(len(p))], "no joint", "position"),
    bad("coco, all null", edit(lambda found: [put("keypoints", value=[None] * 51)(row)
        for row in found["annotations"]]), "no annotation has a labelled key point"),
    bad("mediapipe_csv, a time of nan", lambda p: p.__setitem__(0, b"\n".join(
        [p[0].split(b"\n")[0], b"a,nan," + b",".join([b"7"] * 99), b""])),
        "timestamp is missing at frame 0", at=2),
    bad("amass, shape of text", arrays(betas=np.array(["a"])), "betas", "not up to"),
    bad("mot, nan", swap("\t1.00000000", "\tnan"), "bad.dat:", "'nan' is not a number"),
    bad("clip_npz, confidence of nan", arrays(confidence=np.full((2, 1, 17), np.nan, np.float32)),
        "confidence", "outside 0 to 1"),
    bad("clip_npz, confidence of 7", arrays(confidence=np.full((2, 1, 17), 7, np.float32)),
        "confidence", "outside 0 to 1"),
    bad("openpose, giant", edit(put("people", 0, "pose_keypoints_2d", value=[1e30] * 75), 1),
        "f_2.json: people[0].pose_keypoints_2d", "beyond 1e9"),
    bad("coco, giant", edit(put("annotations", 1, "keypoints", value=[1e30] * 51)),
        "annotations[1].keypoints", "beyond 1e9"),
    bad("mediapipe_json, giant", edit(put(1, "landmarks", 4, 0, value=1e30)),
        "[1].landmarks[4]", "beyond 1e9", at=1),
    bad("choreai_text, giant", swap("\n7,", "\n7e30,"), "X_a.txt:2, column 1", "beyond 1e9"),
    bad("npz_collection, giant", scaled("lm", 1e12), "a.npz: lm", "beyond 1e9"),
    bad("npz_collection, giant count", swap("0,3,25", "0," + "9" * 5000 + ",25", 1),
        "a.csv:2, length"),
    bad("aistpp, giant", scaled("keypoints2d", 1e12), "keypoints2d", "beyond 1e9"),
    bad("aistpp_pickle, giant", tree(put("keypoints3d_optim", value=np.full((2, 17, 3), 1e12))),
        "keypoints3d_optim", "beyond 1e9", at=3),
    bad("pyskl, giant", scaled("keypoint", 1e12), "keypoint", "beyond 1e9"),
    bad("pyskl_pickle, giant", tree(_giant_array), "annotation 1.keypoint", "beyond 1e9"),
    bad("mot, giant", swap("\t1.00000000", "\t1e30"), "bad.dat:", "'1e30' is not a number"),
    bad("trc, 10**5 digits", swap("\t4\t6\t", "\t" + "9" * 100_000 + "\t6\t"), "bad.dat:3",
        "NumFrames"),
    bad("bvh, 10**5 digits", swap("Frames: 2", "Frames: " + "9" * 100_000), "bad.dat:17", "Frames"),
    bad("mot, 10**5 digits", swap("nRows=3", "nRows=" + "9" * 100_000), "bad.dat:", "nRows=999"),
    # units
    bad("c3d, unit unknown", swap("mm", "xx"), "its unit is 'xx'", "say it: unit="),
    bad("trc, unit unknown", swap("\tm\t", "\tfeet\t"), "bad.dat:3", "its Units are 'feet'"),
    bad("openpose, parts of the picture", lambda p: [edit(put("people", 0, "pose_keypoints_2d",
        value=[0.5] * 75), k)(p) for k in range(len(p))], "0 to 1", "image_size=", image_size=None),
    bad("mediapipe_json, parts of the picture", lambda p: p.__setitem__(0, json.dumps(
        [{"landmarks": [[0.1, 0.2]] * 33}]).encode()), "unknown size", "image_size=",
        image_size=None),
    # a byte order mark and CR LF move no line number
    bad("mediapipe_json, mark and CR LF", lambda p: [edit(put(0, "landmarks", value=7),
        indent=1)(p),
        marked("7", "Infinity")(p)], "bad.dat:3, column 16", "Infinity", at=1),
    bad("choreai_text, mark and CR LF", marked("\n7,8,1,7", "\n7,8,x,7"), "X_a.txt:2, column 3",
        "'x'"),
    bad("npz_collection, mark and CR LF", marked("0,3,25", "0,x,25", 1), "a.csv:2", "'x'"),
    bad("mot, mark and CR LF", marked("\t1.00000000", "\tone"), "bad.dat:",
        "'one' is not a number"),
    # nested too deep
    bad("openpose, deep", edit(put("people", 0, "person_id", value=deep()), 1), "f_2.json:1",
        "64 deep"),
    bad("coco, deep", edit(put("info", value=deep())), "bad.dat:1", "64 deep"),
    bad("mediapipe_json, deep", edit(put(1, "landmarks", value=deep())), "64 deep", at=1),
    bad("clip_npz, deep", arrays(about=np.frombuffer(b"[" * 100_000, np.uint8)), "nested too deep"),
    bad("clip_npz, large", arrays(about=np.frombuffer(b"[]," * (3 << 20), np.uint8)), "8 MiB"),
    # zip bombs, and arrays that are none
    *(bad(f"{name}, zip bomb", bomb(member), "over 100 times its size", format=name)
      for name, member in (("amass", "betas2.npy"), ("aistpp", "b.npy"), ("pyskl", "b.npy"))),
    bad("npz_collection, zip bomb", bomb("b.npy"), "over 100 times its size"),
    bad("amass, header cut", lambda p: p.__setitem__(0, p[0].replace(b"(2, 72), }", b"(2, 72)   ")),
        "poses: it is damaged", "copy the file again"),
    # arrays of key points, and the scaler beside them
    bad("keypoints_npy, cut", cut(0.9), "a.npy", "declares shape [4, 34] but holds"),
    bad("keypoints_npy, giant", lambda p: p.__setitem__(0, npy(1e12 * coco_figure())), "a.npy",
        "beyond 1e9"),
    bad("keypoints_npy, no scaler", lambda p: p.pop(), "a.npy", "no scaler is beside it", at=3),
    bad("keypoints_npy, scaler cut", cut(0.9, 1), "a_scaler.npz", "no whole zip", at=3),
    bad("keypoints_npy, scaler of 3", lambda p: p.__setitem__(1, npz(mean=[1.0] * 3,
        scale=[1.0] * 3)), "a_scaler.npz: it has 3 columns, not 2 or 34", at=3),
    bad("keypoints_npy, scaler of nan", lambda p: p.__setitem__(1, npz(mean=[np.nan] * 2,
        scale=[1.0] * 2)), "a_scaler.npz", "missing (NaN)", at=3),
    bad("keypoints_npy, parts of the picture", lambda p: None, "image_size=", at=2,
        image_size=None),
    # programs in pickles
    *(bad(f"{name}, {call}", gadget(call), "which is not allowed", format=name)
      for name in ("aistpp_pickle", "pyskl_pickle")
      for call in ("posix.system", "subprocess.call", "builtins.eval", "numpy.memmap")),
    # codes that move a terminal's cursor or set its title
    bad("bvh, codes in a name", lambda p: p.__setitem__(0, p[0].replace(
        b"LeftUpLeg", "\x1b]0;you\x07\x1b[2J\u202e".encode()).replace(b"  OFFSET 0 -90 0\n", b"")),
        "bad.dat:13", r"\x1b]0;you\x07\x1b[2J\u202e has no OFFSET"),
    bad("coco, codes in a key", edit(put("annotations", 0, "image_id", value="\x1b[2J")),
        r"\x1b[2J"),
    bad("npz_collection, codes in a name", swap("0,3,25", "\x1b[31m,3,25", 1), r"\x1b[31m"),
]  # fmt: skip
