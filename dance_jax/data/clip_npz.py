"""Our own file of one clip: an npz of all its fields, without loss and without pickle."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import json_file, npz_file
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.errors import InputError
from dance_jax.types import Clip

VERSION = 1
_ABOUT_BYTES = 8 << 20  # as values, JSON takes up to some 20 times its length
_ARRAYS = ("pose", "confidence", "time_s", "person_ids")


def _sniff(head: Head) -> str | None:
    if "dance_jax_clip.npy" in head.members and not head.is_folder:
        return "a clip of dance_jax"
    return None


def _plain(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """Returns a value as JSON, tuples and arrays marked; arrays go into `arrays`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, tuple):
        return {"__tuple__": [_plain(part, arrays, where) for part in value]}
    if isinstance(value, list):
        return [_plain(part, arrays, where) for part in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufSU":
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"__array__": name}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("__") for key in value):
            return {key: _plain(part, arrays, f"{where}.{key}") for key, part in value.items()}
        raise InputError("a key is not text", where, "use text keys")
    raise InputError(f"it is a {type(value).__name__}", where, "keep text, numbers and arrays")


def _whole(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Undoes `_plain`."""
    if isinstance(value, list):
        return [_whole(part, arrays) for part in value]
    if isinstance(value, dict):
        if set(value) == {"__tuple__"}:
            return tuple(_whole(part, arrays) for part in value["__tuple__"])
        if set(value) == {"__array__"}:
            return arrays[value["__array__"]]
        return {key: _whole(part, arrays) for key, part in value.items()}
    return value


def write(path: str | os.PathLike[str], clip: Clip) -> None:
    """Writes a clip, whole or not at all; the same clip gives the same bytes.

    Args:
        path: the file to make.
        clip: any clip; source and labels of text, numbers, lists, tuples, dicts and arrays.

    Raises:
        InputError: the source or the labels hold something else, or the file cannot be written.
    """
    more: dict[str, np.ndarray] = {}
    about = {
        "unit": clip.unit,
        "image_size": _plain(clip.image_size, more, "image_size"),
        "source": _plain(dict(clip.source), more, "source"),
        "labels": _plain(dict(clip.labels), more, "labels"),
    }
    if isinstance(clip.skeleton, skeletons.Skeleton):
        about["custom_skeleton"] = _plain(dataclasses.asdict(clip.skeleton), more, "skeleton")
    else:
        about["skeleton"] = str(clip.skeleton)
    text = json.dumps(about).encode()
    if len(text) > _ABOUT_BYTES:
        raise InputError("source and labels are over 8 MiB of text", path, "keep them as arrays")
    arrays = {
        "dance_jax_clip": np.array(VERSION),
        "pose": clip.pose,
        "confidence": clip.confidence,
        "time_s": clip.time_s,
        "person_ids": np.array(clip.person_ids, np.int64),
        "about": np.frombuffer(text, np.uint8),
        **more,
    }
    if clip.pose_world is not None:
        arrays["pose_world"] = clip.pose_world
    npz_file.write_npz(path, arrays)


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the clip as it was written; the options change nothing.

    Raises:
        InputError: it is no such file, damaged, of a later version, or its arrays do not agree.
    """
    del options
    found = npz_file.read_npz(path)
    fix = "write the clip again"
    version = found.get("dance_jax_clip", np.array("")).tolist()
    if version != VERSION:
        raise InputError(f"it is of version {version!r}, not {VERSION}", path, "update dance_jax")
    missing = [name for name in (*_ARRAYS, "about") if name not in found]
    if missing:
        raise InputError(f"it has no {missing[0]!r}", path, fix)
    for name in ("pose", "confidence", "time_s", "pose_world"):
        if name in found and found[name].dtype.kind != "f":
            raise InputError(f"{name} holds {found[name].dtype}, not numbers", path, fix)
    for name in ("pose", "pose_world"):
        if name in found and _giant(found[name]):
            raise InputError(f"{name} holds a number beyond 1e9", path, fix)
    if found["about"].nbytes > _ABOUT_BYTES:
        raise InputError("about has over 8 MiB", path, fix)
    sure = found["confidence"]
    if not ((sure >= 0) & (sure <= 1)).all():
        raise InputError("confidence holds a number outside 0 to 1", path, fix)
    try:
        about = _whole(json.loads(found["about"].tobytes()), found)
        size = about["image_size"]
        clip = Clip(
            found["pose"],
            found["confidence"],
            found["time_s"],
            skeleton=_skeleton(about),
            unit=about["unit"],
            pose_world=found.get("pose_world"),
            image_size=None if size is None else tuple(size),
            person_ids=tuple(int(one) for one in found["person_ids"]),
            source=about["source"],
            labels=about["labels"],
        )
        joints = len(skeletons.get(clip.skeleton))
    except RecursionError as error:
        raise InputError("about is nested too deep", path, fix) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        why = error.what if isinstance(error, InputError) else str(error)
        raise InputError(f"its parts do not agree ({why})", path, fix) from error
    if clip.pose.shape[2] != joints:
        raise InputError(f"it has {clip.pose.shape[2]} joints, not {joints}", path, fix)
    yield clip


def _giant(values: np.ndarray) -> bool:
    limit = json_file.MAX_NUMBER  # two comparisons take less memory than the absolute value
    return bool((values > limit).any() or (values < -limit).any())


def _skeleton(about: dict[str, Any]) -> Any:
    if "skeleton" in about:
        return skeletons.get(about["skeleton"]).name
    made = about["custom_skeleton"]
    joints = len(made["joints"])
    lengths = {len(made[name]) for name in ("parents", "flip", "file_names")}
    numbers = [*made["parents"], *made["flip"]]
    if lengths != {joints} or not all(type(n) is int and -1 <= n < joints for n in numbers):
        raise ValueError("the skeleton's parts differ in length")
    return skeletons.Skeleton(**made)


FORMAT = Format("clip_npz", "dance_jax clip npz", _sniff, read, write)
