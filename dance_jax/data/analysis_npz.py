"""The `poses.npz` of an analysis: the raw key points of one dancer, to be analysed anew."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import json_file, npz_file
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.errors import InputError
from dance_jax.types import UNITS, Clip

_NEEDED = ("time_s", "pose_raw", "confidence", "joint_names", "unit", "person_id")
_MORE = ("image_size", "pose_world_estimated_m")
_FIX = "give the poses.npz as analyze wrote it"


def _sniff(head: Head) -> str | None:
    if head.is_folder or not {f"{name}.npy" for name in _NEEDED} <= set(head.members):
        return None
    return "poses of an analysis by dance_jax"


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the key points as they were before smoothing, with their times and confidence.

    Args:
        path: the file.
        options: `image_size` for a file in pixels that does not tell it, as before version 0.1.0.

    Raises:
        InputError: the file is damaged, its arrays do not agree, or a number is beyond 1e9.
    """
    found = npz_file.read_npz(path, (*_NEEDED, *_MORE))
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise InputError(f"it has no {missing[0]!r}", path, _FIX)
    for name in ("time_s", "pose_raw", "confidence", "image_size", "pose_world_estimated_m"):
        if name in found and found[name].dtype.kind not in "fiu":
            raise InputError(f"{name} holds {found[name].dtype}, not numbers", path, _FIX)
        if name in found and (np.abs(found[name].astype(np.float64)) > json_file.MAX_NUMBER).any():
            raise InputError(f"{name} holds a number beyond 1e9", path, _FIX)
    unit, joints = str(found["unit"].tolist()), skeletons.get("halpe26").joints
    pose, sure = found["pose_raw"], found["confidence"]
    names = found["joint_names"]
    if unit not in UNITS:
        raise InputError(f"its unit is {unit[:40]!r}", path, f"one of {', '.join(UNITS)}")
    if names.dtype.kind != "U" or tuple(names.ravel().tolist()) != joints:
        raise InputError("its joints are not HALPE-26's, in their order", path, _FIX)
    if pose.ndim != 3 or pose.shape[1:] not in ((len(joints), 2), (len(joints), 3)):
        what = f"pose_raw has shape {list(pose.shape)}, not [T,{len(joints)},2|3]"
        raise InputError(what, path, _FIX)
    if sure.shape != pose.shape[:2] or not ((sure >= 0) & (sure <= 1)).all():
        raise InputError("confidence is not a number from 0 to 1 a joint", path, _FIX)
    person = found["person_id"]
    if person.dtype.kind not in "iu" or person.size != 1:
        raise InputError("person_id is no whole number", path, _FIX)
    world = found.get("pose_world_estimated_m")
    there = np.isfinite(pose).all(-1)
    try:
        yield Clip(
            np.where(there[..., None], pose, np.nan)[:, None],
            np.where(there, sure, 0)[:, None],
            found["time_s"],
            unit=unit,
            pose_world=None if world is None else world[:, None],
            image_size=_size(found.get("image_size"), options, path) if unit == "px" else None,
            person_ids=(int(person.ravel()[0]),),
            source={
                "path": str(path),
                "format": "analysis_npz",
                "found": f"{len(pose)} frames of one dancer, as {FORMAT.title}",
                "dropped": ("smoothed key points, angles and speeds: they are made anew",),
            },
        )
    except (ValueError, IndexError) as error:
        raise InputError(f"its arrays do not agree ({error})", path, _FIX) from error


def _size(
    found: np.ndarray | None, options: ReadOptions, path: pathlib.Path
) -> tuple[int, int] | None:
    """Returns (width, height) of the file, else of the options."""
    if found is None or not found.size:
        given = options.image_size
        return None if given is None else (int(given[0]), int(given[1]))
    if found.dtype.kind not in "iu" or found.shape != (2,) or not (found > 0).all():
        raise InputError("image_size is not width and height", path, _FIX)
    return int(found[0]), int(found[1])


FORMAT = Format("analysis_npz", "poses.npz of an analysis", _sniff, read)
