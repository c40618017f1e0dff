"""Reads pyskl's pickles of 2D skeleton clips (`split` and `annotations`), and packs them to npz.

A pickle of thousands of clips becomes a few arrays: the frames of all clips in one row after the
other. pyskl's README says that `img_shape` is (height, width); so it is read.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax.data import npz_file, pickle_reader
from dance_jax.errors import InputError
from dance_jax.types import Clip

SKELETON, JOINTS = "coco17", 17
MAX_NUMBER = 1e9
ARRAYS = ("name", "frames", "people", "label", "img_shape", "keypoint", "score")


def _annotation(row: Any, at: int, path: object) -> tuple[np.ndarray, np.ndarray, Any]:
    """Returns key points [M,T,17,2], scores [M,T,17], and the row, checked."""
    where = f"{path}: annotation {at}"
    if not isinstance(row, dict) or not isinstance(row.get("keypoint"), np.ndarray):
        raise InputError("it has no array 'keypoint'", where, "give a pyskl pickle")
    points, score = row["keypoint"], row.get("keypoint_score")
    if points.ndim != 4 or points.shape[2:] != (JOINTS, 2) or points.dtype.kind not in "fiu":
        got = list(points.shape)
        raise InputError(
            f"keypoint has shape {got}, not [M,T,17,2]", where, "COCO-17 in 2D is read"
        )
    if score is None:
        score = np.ones(points.shape[:3])
    if not isinstance(score, np.ndarray) or score.shape != points.shape[:3]:
        raise InputError("keypoint_score does not fit keypoint", where, "mend the file")
    frames = _number(row.get("total_frames", points.shape[1]), f"{where}.total_frames")
    if frames != points.shape[1]:
        raise InputError(f"total_frames is {frames}, not {points.shape[1]}", where, "mend it")
    return _plain(points, f"{where}.keypoint"), _plain(score, f"{where}.keypoint_score"), row


def _plain(values: np.ndarray, where: object) -> np.ndarray:
    """Returns f32 of numbers up to 1e9."""
    if values.dtype.kind not in "fiu":
        raise InputError(f"it holds {values.dtype}, not numbers", where, "mend the file")
    with np.errstate(over="ignore"):  # becomes infinite, and is refused as such
        found = values.astype(np.float32)
    if (found > MAX_NUMBER).any() or (found < -MAX_NUMBER).any():
        raise InputError("it holds a number beyond 1e9", where, "mend the file")
    return found


def _size(row: dict[str, Any], where: str) -> tuple[int, int]:
    """Returns (height, width) of the picture, 0 where it is not known."""
    size = row.get("img_shape")
    if size is None:
        return 0, 0
    if not isinstance(size, list | tuple | np.ndarray) or len(size) != 2:
        raise InputError("img_shape has not two numbers", where, "mend the file")
    height, width = (_number(side, f"{where}.img_shape") for side in size)
    return height, width


def _number(value: Any, where: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError("it is not a whole number", where, "mend the file")
    if abs(int(value)) > MAX_NUMBER:
        raise InputError("it is beyond 1e9", where, "mend the file")
    return int(value)


def pack(tree: Any, path: object = "") -> dict[str, np.ndarray]:
    """Packs what `pickle_reader.read` gave of a pyskl pickle.

    Args:
        tree: {"split": {name: [ids]}, "annotations": [...]}, or the list of annotations alone.
        path: the file, for messages.

    Returns:
        name U[N], frames and people i32[N], label i32[N] (-1 unknown), img_shape i32[N,2] (height,
        width; 0 unknown), keypoint f32[sum M T,17,2] pixels and score f32[sum M T,17] (person by
        person of each clip), and "split_<name>" U[...] for every split.

    Raises:
        InputError: it is not of this form.
    """
    rows = tree.get("annotations") if isinstance(tree, dict) else tree
    splits = tree.get("split", {}) if isinstance(tree, dict) else {}
    if not isinstance(rows, list) or not rows or not isinstance(splits, dict):
        raise InputError("it holds no list of annotations", path, "give a pyskl pickle")
    found = [_annotation(row, at, path) for at, row in enumerate(rows)]
    places = [f"{path}: annotation {at}" for at in range(len(found))]
    sizes = [_size(row, where) for (_, _, row), where in zip(found, places, strict=True)]
    labels = [
        _number(row.get("label", -1), f"{where}.label")
        for (_, _, row), where in zip(found, places, strict=True)
    ]
    out = {
        "name": np.array([str(row.get("frame_dir", at)) for at, (_, _, row) in enumerate(found)]),
        "frames": np.array([points.shape[1] for points, _, _ in found], np.int32),
        "people": np.array([points.shape[0] for points, _, _ in found], np.int32),
        "label": np.array(labels, np.int32),
        "img_shape": np.array(sizes, np.int32),
        "keypoint": np.concatenate([points.reshape(-1, JOINTS, 2) for points, _, _ in found]),
        "score": np.concatenate([score.reshape(-1, JOINTS) for _, score, _ in found]),
    }
    for key, names in splits.items():
        if not isinstance(names, list):
            raise InputError("it is no list of names", f"{path}: split {key}", "mend the file")
        out[f"split_{key}"] = np.array([str(name) for name in names], "U")
    return out


def load(path: str | os.PathLike[str], *, allow_pickle: bool = False) -> dict[str, np.ndarray]:
    """Reads a pyskl pickle, or the npz made from it, to the arrays of `pack`.

    Args:
        path: a .npz, or else a pickle.
        allow_pickle: needed for a pickle (`pickle_reader.read`).
    """
    if pathlib.Path(path).suffix != ".npz" and not npz_file.is_zip(path):
        return pack(pickle_reader.read(path, allow_pickle=allow_pickle), path)
    found = npz_file.read_npz(path)
    missing = [name for name in ARRAYS if name not in found]
    if missing:
        raise InputError(f"it has no {missing[0]!r}", path, "convert the pickle again")
    fix = "convert the pickle again"
    count = len(found["name"]) if found["name"].ndim == 1 else 0
    for name, shape in (("frames", (count,)), ("people", (count,)), ("label", (count,)),
                        ("img_shape", (count, 2))):  # fmt: skip
        if found[name].dtype.kind not in "iu" or found[name].shape != shape:
            what = f"it is {found[name].dtype} {list(found[name].shape)}, not whole {list(shape)}"
            raise InputError(what, f"{path}: {name}", fix)
        if (np.abs(found[name].astype(np.float64)) > MAX_NUMBER).any():
            raise InputError("it holds a number beyond 1e9", f"{path}: {name}", fix)
    if found["name"].dtype.kind != "U" or not count or min(found["frames"]) < 1:
        raise InputError("it has no clips, or one without a name or a frame", path, fix)
    frames, people = (found[name].astype(np.int64) for name in ("frames", "people"))
    rows = int((frames * people).sum()) if (people > 0).all() else -1
    if found["keypoint"].shape != (rows, JOINTS, 2) or found["score"].shape != (rows, JOINTS):
        raise InputError("its arrays do not fit together", path, fix)
    for name in ("keypoint", "score"):
        found[name] = _plain(found[name], f"{path}: {name}")
    for name, value in found.items():
        if name.startswith("split_") and (value.dtype.kind != "U" or value.ndim != 1):
            raise InputError("it is no list of names", f"{path}: {name}", fix)
    return found


def to_npz(
    path: str | os.PathLike[str], out: str | os.PathLike[str], *, allow_pickle: bool = False
) -> None:
    """Converts a pyskl pickle to one npz of the arrays of `pack`."""
    pickle_reader.save(out, load(path, allow_pickle=allow_pickle))


def clips(packed: dict[str, np.ndarray], fps: float) -> Iterator[Clip]:
    """Gives the clips one by one.

    Args:
        packed: from `load`.
        fps: frames per second: the files do not say it.

    Yields:
        coco17 in pixels; a joint at (0, 0) or of score 0 is missing, as pyskl pads.
    """
    start = 0
    for k, name in enumerate(packed["name"]):
        people, frames = int(packed["people"][k]), int(packed["frames"][k])
        stop = start + people * frames
        pose = packed["keypoint"][start:stop].reshape(people, frames, JOINTS, 2).swapaxes(0, 1)
        score = packed["score"][start:stop].reshape(people, frames, JOINTS).swapaxes(0, 1)
        start = stop
        seen = np.isfinite(pose).all(-1) & (pose != 0).any(-1) & (score > 0)
        height, width = (int(n) for n in packed["img_shape"][k])
        yield Clip(
            np.where(seen[..., None], pose, np.nan),
            np.where(seen, score, 0).clip(0, 1),
            np.arange(frames) / fps,
            skeleton=SKELETON,
            unit="px",
            image_size=(width, height) if width > 0 and height > 0 else None,
            source={"name": str(name)},
            labels={"label": int(packed["label"][k])} if packed["label"][k] >= 0 else {},
        )
