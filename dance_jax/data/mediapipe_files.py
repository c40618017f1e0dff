"""Reads and writes MediaPipe pose landmarks as JSON, in the layouts in use.

A list of frames, or an object with `frames`, or frames under their numbers; a frame is 33
landmarks, a list of people, or an object with `landmarks` / `pose_landmarks` and
`world_landmarks` / `pose_world_landmarks`. MediaPipe itself has no file format.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import json_file
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.mediapipe_clip import LANDMARKS, SKELETON, landmark_clip, times
from dance_jax.data.sightings import MAX_FRAMES
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.types import Clip

_IMAGE = ("pose_landmarks", "poseLandmarks", "landmarks", "keypoints", "pose")
_WORLD = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks")
MAX_POSES = 100_000  # some 300 MiB on the way
_TIME = ("time_s", "timestamp_s", "time_sec", "timestamp_ms", "time_ms", "timestamp_us")
_TIME += ("timestamp", "time", "timestampMs", "frame", "frame_index", "frame_id", "frame_number")
_LISTS = ("frames", "results", "data", "poses")
_FIELDS = ("x", "y", "z", "visibility", "presence")
_NAMES = {
    name.lower(): at
    for names in (skeletons.get(SKELETON).joints, skeletons.get(SKELETON).file_names)
    for at, name in enumerate(names)
}
_FIX = "write landmarks as {x, y, z, visibility}, 33 a person"


def _sniff(one: Head) -> str | None:
    text = one.text.lstrip()
    if not text.startswith(("[", "{")):
        return None
    keys = set(re.findall(r'"([A-Za-z_]+)"\s*:', text))
    if {"image_id", "category_id", "people", "bodies"} & keys:
        return None
    if {"x", "y", "visibility"} <= keys or (
        {"x", "y", "z"} <= keys and keys & set(_IMAGE + _WORLD)
    ):
        return "MediaPipe landmarks in JSON"
    if keys & {*_WORLD, "pose_landmarks", "poseLandmarks"}:
        return "MediaPipe landmarks in JSON"
    return None


def _landmarks(value: Any, where: str) -> np.ndarray | None:
    """Returns f32[33,5] x, y, z, visibility, presence of one person; None where it is nobody."""
    if isinstance(value, dict) and "landmark" in value:
        value = value["landmark"]
    if isinstance(value, dict):
        rows = {_NAMES.get(str(key).lower()): part for key, part in value.items()}
        if None in rows or len(rows) != LANDMARKS:
            raise InputError(f"it has {len(value)} landmarks, not the 33", where, _FIX)
        value = [rows[at] for at in range(LANDMARKS)]
    if value is None or value == []:
        return None
    if not isinstance(value, list):
        raise InputError("it is neither a list nor an object", where, _FIX)
    if len(value) != LANDMARKS:
        raise InputError(f"it has {len(value)} landmarks, not 33", where, _FIX)
    if all(isinstance(one, dict) for one in value):
        rows = [[one.get(name) for name in _FIELDS] for one in value]
        try:
            flat = list(itertools.chain.from_iterable(rows))
            return json_file.numbers(flat, where).reshape(-1, 5).astype(np.float32)
        except InputError:
            for at, row in enumerate(rows):  # again, to say which
                json_file.numbers(row, f"{where}[{at}]")
            raise
    out = np.full((LANDMARKS, 5), np.nan, np.float32)
    for at, one in enumerate(value):
        row = json_file.numbers(one, f"{where}[{at}]")
        if not 2 <= len(row) <= 5:
            raise InputError(f"it has {len(row)} numbers, not 2 to 5", f"{where}[{at}]", _FIX)
        out[at, : len(row)] = row
    return out


def _people(value: Any, where: str) -> list[np.ndarray]:
    """Returns the people of a frame, in whatever of the layouts."""
    if value is None or value == [] or value == {}:
        return []
    if isinstance(value, dict):
        one = _landmarks(value, where)
        return [] if one is None else [one]
    if not isinstance(value, list):
        raise InputError("it is neither a list nor an object", where, _FIX)
    first = value[0]
    nested = isinstance(first, list) and (not first or isinstance(first[0], list | dict))
    if nested or (isinstance(first, dict) and "landmark" in first):
        found = [_landmarks(one, f"{where}[{at}]") for at, one in enumerate(value)]
        return [one for one in found if one is not None]
    one = _landmarks(value, where)
    return [] if one is None else [one]


def _first(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in row), None)


def _number(value: Any, where: str) -> float:
    return float(json_file.numbers([value], where)[0])


def _frames(path: pathlib.Path, about: dict[str, Any]) -> Iterator[tuple[str, int | None, Any]]:
    """Gives place, number (where frames stand under their numbers) and content of each frame.

    What else the file says goes into `about`.
    """
    none = True
    for key, value in json_file.elements(path, inside=_LISTS):
        if isinstance(key, int):
            yield f"[{key}]", None, value
        elif isinstance(key, tuple):
            yield f"{key[0]}[{key[1]}]", None, value
        elif re.fullmatch(r"(frame_?)?[0-9]{1,9}", key):
            yield key, int(re.sub(r"\D", "", key)), value
        else:
            about[key] = value
            continue
        none = False
    if none and (_first(about, _IMAGE) or _first(about, _WORLD)):
        yield "", None, about
    for key in ("metadata", "info"):
        about |= about[key] if isinstance(about.get(key), dict) else {}


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the one clip of a file.

    Args:
        path: the JSON.
        options: fps where the file has neither times nor fps; image_size where it has no size.

    Raises:
        InputError: with the place, where it holds no 33 landmarks.
    """
    about: dict[str, Any] = {}
    places, image, world, stamps, count = [], [], [], [], 0
    key, number = None, None
    for t, (name, number, one) in enumerate(_frames(path, about)):
        count = t + 1
        if count > MAX_FRAMES or len(places) > MAX_POSES:
            raise InputError(f"{count} frames are too many", path, "split the file")
        where = f"{path}: {name}"
        row = one if isinstance(one, dict) and "x" not in one else {"landmarks": one}
        if _first(row, _IMAGE + _WORLD) is None and set(map(str.lower, row)) & set(_NAMES):
            row = {"landmarks": {k: v for k, v in row.items() if k.lower() in _NAMES}, **row}
        key = _first(row, _TIME) if t == 0 else key
        if number is not None:
            row = {"frame": number, **row}
            key = "frame"
        if key is not None:
            stamps.append(_number(row.get(key), f"{where}.{key}"))
        flat, deep = _first(row, _IMAGE), _first(row, _WORLD)
        here = _people(row[flat], f"{where}.{flat}") if flat else []
        there = _people(row[deep], f"{where}.{deep}") if deep else []
        if here and there and len(here) != len(there):
            raise InputError(f"it has {len(here)} people and {len(there)} in metres", where, _FIX)
        nobody = np.full((LANDMARKS, 5), np.nan, np.float32)
        for p in range(max(len(here), len(there))):
            places.append(t)
            image.append(here[p] if here else nobody)
            world.append(there[p] if there else nobody)
    if not places:
        raise InputError("it holds no person in any frame", path, "give a file with people in it")
    if number is not None:  # frames under their numbers, in any order
        order = np.argsort(stamps, kind="stable")
        stamps = [stamps[at] for at in order]
        places = np.argsort(order)[places].tolist()
    fps_key = _first(about, ("fps", "frame_rate", "frameRate", "framerate"))
    fps = _number(about[fps_key], f"{path}: {fps_key}") if fps_key else None
    if fps is not None and not 0 < fps <= 10_000:
        raise InputError(f"{fps_key} is {fps:g}", path, "give frames per second above 0")
    time_s, when = times(np.array(stamps) if key else None, key or "", count, options, fps, path)
    flat, deep = np.stack(image), np.stack(world)
    has_image, has_world = (bool(np.isfinite(part[..., :2]).any()) for part in (flat, deep))
    best = np.where(np.isfinite(flat[..., :1]), flat, deep) if has_world else flat
    yield landmark_clip(
        np.array(places),
        np.full(len(places), -1),
        flat[..., :3] if has_image else None,
        deep[..., :3] if has_world else None,
        confidence(best),
        time_s,
        path=path,
        options=options,
        size=_size(about, path),
        found=["MediaPipe landmarks, JSON", when],
        dropped=[],
        format_name=FORMAT.name,
    )


def confidence(landmarks: np.ndarray) -> np.ndarray:
    """The smaller of visibility and presence of [...,5] landmarks; 1 where the file has neither."""
    both = landmarks[..., 3:]
    least = np.where(np.isfinite(both), both, np.inf).min(-1)
    return np.where(np.isfinite(least), least, 1.0).astype(np.float32)


def _size(about: dict[str, Any], path: object) -> tuple[float, float] | None:
    for wide, high in (("width", "height"), ("image_width", "image_height")):
        if wide in about and high in about:
            sides = _number(about[wide], f"{path}: {wide}"), _number(about[high], f"{path}: {high}")
            break
    else:
        given = about.get("image_size", about.get("resolution"))
        if not isinstance(given, list) or len(given) != 2:
            return None
        sides = tuple(json_file.numbers(given, f"{path}: image_size", 2).tolist())
    if not all(0 < side <= 1e5 for side in sides):
        raise InputError(f"its picture is {sides}", path, "give width and height in pixels")
    return sides


def write(path: str | os.PathLike[str], clip: Clip) -> None:
    """Writes a clip as JSON: `fps`-free, every frame with its `time_s`, people as 33 landmarks.

    Args:
        path: the file to make.
        clip: people in pixels with the picture's size; `pose_world` is written where there is one.
            A missing landmark is null.

    Raises:
        InputError: not in pixels, or no image_size.
    """
    if clip.unit != "px" or clip.image_size is None:
        what = "the picture's size is not known" if clip.unit == "px" else f"it is in {clip.unit!r}"
        raise InputError(what, path, "give a clip in px with image_size")
    given = skeletons.get(clip.skeleton).name
    pose, sure, world = clip.pose, clip.confidence, clip.pose_world
    if given != SKELETON:
        pose, sure = skeletons.convert(clip.pose, clip.confidence, given, SKELETON)
        world = world if world is None else skeletons.convert(world, None, given, SKELETON)[0]
    flat = pose[..., :2] / np.array(clip.image_size, np.float32)

    def rows(points: np.ndarray, scores: np.ndarray) -> list[dict[str, float | None]]:
        parts = [[None if np.isnan(v) else float(v) for v in point] for point in points]
        return [
            {**dict(zip("xyz", part, strict=False)), "visibility": float(score)}
            for part, score in zip(parts, scores, strict=True)
        ]

    frames = []
    for t in range(clip.n_frames):
        people = [p for p in range(clip.n_people) if clip.present[t, p].any()]
        frame: dict[str, Any] = {"time_s": float(clip.time_s[t])}
        frame["pose_landmarks"] = [rows(flat[t, p], sure[t, p]) for p in people]
        if world is not None:
            turned = world * np.array([1, -1, -1], np.float32)
            frame["pose_world_landmarks"] = [rows(turned[t, p], sure[t, p]) for p in people]
        frames.append(frame)
    width, height = clip.image_size
    write_text(path, json.dumps({"width": width, "height": height, "frames": frames}))


FORMAT = Format("mediapipe_json", "MediaPipe landmarks in JSON", _sniff, read, write)
