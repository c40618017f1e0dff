"""What the fuzzer runs: one reader on any bytes, from which only clips or InputError may come."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dance_jax.analysis import inputs
from dance_jax.data import (
    amass_format,
    annotations,
    formats,
    load,
    mot,
    pickle_child,
    pickle_reader,
    scaler,
)
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.fuzz.seeds import BETWEEN, SEEDS, all_seeds

CPU_S = 2.0
MEMORY = 512 << 20
OPTIONS = {"fps": 25, "image_size": (640, 480), "allow_pickle": True}


class Hang(Exception):
    """An input took more than `CPU_S` seconds of processor time."""


@dataclasses.dataclass(frozen=True)
class Target:
    """One reader under the fuzzer.

    Attributes:
        format: name of the format; "" where it is told by the content.
        files: names of the files that an input is cut into; several with a folder are the folder.
        folder: the reader is given the folder, not its first file.
        seeds: makes the inputs that the fuzzer starts from.
        read: what reads the path; None for `load.load_clips`.
        words: pieces of the format, for the fuzzer to put in.
    """

    format: str
    seeds: Callable[[], list[bytes]]
    files: tuple[str, ...] = ("a",)
    folder: bool = False
    read: Callable[[pathlib.Path], Any] | None = None
    words: tuple[str, ...] = ()


_JSON = ("null", "true", "NaN", "Infinity", "-1", "1e308", "[", "]", "{", "}", '""', "[[",
            "\\ud800",
         ":", ",", "9" * 30, "\\u0000", "[]", "{}", "0.5", "-0")  # fmt: skip
_TABLE = (
    ",",
    "\n",
    "\r\n",
    '"',
    "nan",
    "inf",
    "1e308",
    "-1",
    "0x1",
    "1_0",
    ";",
    "\t",
    "=",
    "\ufeff",
)
_NPY = ("'descr': '<f8'", "'descr': '|O'", "'descr': '<U4'", "'shape': ()", "'shape': (0,)", "<f2",
        "True", "'descr': '<M8[s]'", "-1", "999999999999", ">i8", "|S3", "<c16")  # fmt: skip
_PICKLE = (
    "numpy",
    "dtype",
    "_reconstruct",
    "\x93",
    "R",
    "b",
    ".",
    "\x81",
    "\x92",
    "posix\nsystem\n",
)
_ALPHAPOSE = ('"image_id"', '"keypoints"', '"score"', '"idx"', '"bodies"', '"joints"', '"people"',
              '"pred_xyz_jts"', '"pose_keypoints_2d"')  # fmt: skip
_COCO = ('"images"', '"annotations"', '"categories"', '"id"', '"video_id"', '"frame_id"', '"info"',
         '"fps"', '"file_name"', '"iscrowd"', '"track_id"', '"videos"', '"width"')  # fmt: skip
_MEDIAPIPE = ('"landmarks"', '"pose_landmarks"', '"pose_world_landmarks"', '"timestamp_ms"', '"x"',
              '"visibility"', '"frames"', '"time_s"', '"fps"', '"frame_7"', '"landmark"', '"nose"',
              '"image_size"', '"metadata"')  # fmt: skip
_SCALER = ("sklearn.preprocessing._data\nStandardScaler\n", "MinMaxScaler", "mean_", "scale_",
           "min_", "with_mean")  # fmt: skip
_AIST = "gBR_sBM_cAll_d04_mBR2_ch08"


def _child(path: pathlib.Path) -> None:
    """The inside of the process that unpickles, without the process."""
    with path.open("rb") as source, io.BytesIO() as made:
        _unpickled(path, source, made)


def _unpickled(path: object, source: Any, made: Any, *rest: Any) -> None:
    """What `pickle_child` does in a process of its own, here, where the fuzzer can see it."""
    del rest
    flat = pickle_child.Flat(100_000, 4 << 20)
    global _watching
    _watching = True
    try:
        header = json.dumps(flat.node(pickle_child.Reader(source, encoding="latin1").load()))
    except Exception as error:  # as the child: whatever a broken pickle raises is a refusal
        raise InputError(f"{type(error).__name__}", path, "mend it") from error
    finally:
        _watching = False
    made.write(len(header).to_bytes(8, "little") + header.encode("ascii"))
    for piece in flat.pieces:
        made.write(piece)


_watching = False


def _watch(event: str, args: Any) -> None:
    """Ends the fuzzing where reading a pickle does anything but look up a name."""
    if _watching and event not in ("pickle.find_class", "builtins.id", "sys.unraisablehook"):
        raise SystemExit(f"reading a pickle led to the event {event} {args}")


def _amass(path: pathlib.Path) -> Any:
    motion = amass_format.read_amass(path, 25)
    return [amass_format.to_clip(motion, np.ones((24, 3)), path=path)]


def _scaler(path: pathlib.Path) -> None:
    found = scaler.read_scaler(path, allow_pickle=True)
    assert np.isfinite(found.restore(np.zeros((1, 1, len(found.mean))))).all()


def _annotations(path: pathlib.Path) -> None:
    found = annotations.Annotations(lambda name, part: None)
    found.add(path)
    found.entries()
    assert all(problem.where for problem in found.problems)


def _target(name: str, **more: Any) -> Target:
    return Target(name, SEEDS[name], **more)


TARGETS: dict[str, Target] = {
    "alphapose": _target("alphapose", words=_JSON + _ALPHAPOSE),
    "openpose": _target("openpose", files=("a_1.json", "a_2.json", "a_9.json"), folder=True,
                        words=(*_JSON, '"people"', '"pose_keypoints_2d"', '"person_id"')),
    "coco": _target("coco", words=_JSON + _COCO),
    "mediapipe_json": _target("mediapipe_json", words=_JSON + _MEDIAPIPE),
    "mediapipe_csv": _target("mediapipe_csv", words=(*_TABLE, "video_id", "timestamp", "frame")),
    "choreai_text": _target("choreai_text", files=("X_a.txt", "Y_a.txt"), words=_TABLE),
    "bvh": _target("bvh", words=("ROOT", "JOINT", "End Site", "{", "}", "OFFSET", "CHANNELS",
            "MOTION",
                                 "Frames:", "Frame Time:", "Xposition", "1e999", "nan", "_")),
    "trc": _target("trc", words=("\t", "\n", "nan", "mm", "px", "NumFrames", "1e30", "1_0", "inf")),
    "mot": _target("mot", read=mot.read_mot, words=("endheader", "time", "nRows=", "inDegrees=no")),
    "c3d": _target("c3d", words=("POINT", "LABELS", "TRIAL", "USED", "UNITS", "RATE", "X_SCREEN")),
    "clip_npz": _target("clip_npz", words=_NPY + _JSON),
    "analysis_npz": _target("analysis_npz", words=_NPY),
    "amass": _target("amass", read=_amass, words=_NPY),
    "npz_collection": _target("npz_collection", files=("a.npz", "a.csv"), words=_NPY + _TABLE),
    "aistpp": _target("aistpp", files=(_AIST,), words=_NPY),
    "pyskl": _target("pyskl", words=_NPY),
    "aistpp_pickle": Target("aistpp", SEEDS["aistpp_pickle"], (_AIST,), words=_PICKLE),
    "pyskl_pickle": Target("pyskl", SEEDS["pyskl_pickle"], words=_PICKLE),
    "keypoints_npy": _target("keypoints_npy", files=("a.npy", "a_scaler.npz"), words=_NPY),
    "scaler": Target("", SEEDS["scaler"], read=_scaler, words=_PICKLE + _SCALER),
    "annotations": Target("", SEEDS["annotations"], read=_annotations,
                          words=(*_TABLE, "style", "fps", "rater_id", "fluidity", "mocap_file")),
    "pickle": Target("", SEEDS["pyskl_pickle"], read=_child, words=_PICKLE),
    "detect": Target("", all_seeds, files=("a", "a.csv"), read=load.detect),
    "input": Target("", all_seeds, files=("a", "a.csv"), read=inputs.has_poses),
}  # fmt: skip
ZIPPED = ("clip_npz", "analysis_npz", "amass", "npz_collection", "aistpp", "pyskl")


def prepare() -> None:
    """Makes this process ready: the unpickler inside it, and at most 512 MiB more memory."""
    pickle_reader._run = _unpickled
    sys.addaudithook(_watch)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def place(name: str, data: bytes, folder: pathlib.Path) -> pathlib.Path:
    """Writes an input as the file or files that the reader of this target takes."""
    target = TARGETS[name]
    parts = data.split(BETWEEN, len(target.files) - 1)
    for file, part in zip(target.files, parts, strict=False):
        (folder / file).write_bytes(part)
    for file in target.files[len(parts) :]:
        (folder / file).unlink(missing_ok=True)
    return folder if target.folder else folder / target.files[0]


def fuzz_one(name: str, data: bytes, folder: pathlib.Path) -> str:
    """Reads one input; returns "read" or the refusal, and raises whatever is a defect.

    Args:
        name: of `TARGETS`.
        data: the bytes of the file; `BETWEEN` stands between several.
        folder: an empty folder, used again and again.
    """
    path, target = place(name, data, folder), TARGETS[name]
    begun, said = time.process_time(), "read"
    try:
        found = target.read(path) if target.read else _clips(path, target.format)
        for clip in found if isinstance(found, list) else ():
            check(clip)
    except InputError as error:
        said = error.line()
        assert said.isprintable(), ascii(said)
        assert error.where.startswith(str(folder)) or error.where.endswith("="), said
        assert error.what and error.fix, said
    took = time.process_time() - begun
    if took > CPU_S:
        raise Hang(f"{took:.1f} s of processor time")
    return said


def _clips(path: pathlib.Path, name: str) -> list[Clip]:
    saw = formats.find(name).sniff(formats.head(path))
    assert saw is None or isinstance(saw, str)
    try:
        return list(load.load_clips(path, format=name, **OPTIONS))
    except InputError as error:
        if "unit=" not in error.fix:
            raise
        return list(load.load_clips(path, format=name, **OPTIONS, unit="cm"))


def check(clip: Clip) -> None:
    """What every clip keeps to, whatever file it is from."""
    assert np.isfinite(clip.time_s).all() and (np.diff(clip.time_s) > 0).all()
    assert (clip.confidence[~clip.present] == 0).all() or "format" not in clip.source
    assert (clip.confidence >= 0).all() and (clip.confidence <= 1).all()
    assert not (np.abs(clip.pose) > 1e10).any()
    if "dropped" in clip.source:  # not every clip of our own npz came from a file
        assert isinstance(clip.source["found"], str) and isinstance(clip.source["dropped"], tuple)
