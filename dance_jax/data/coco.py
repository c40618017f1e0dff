"""Reads and writes COCO key points JSON: `images`, `annotations`, `categories`.

`v` of a key point is a flag (0 not labelled, 1 hidden, 2 visible), not a confidence: it is kept as
0, 0.5 and 1. Source: cocodataset.org, "Data format", key point detection.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import posixpath
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import json_file
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.image_folder import natural_key
from dance_jax.data.sightings import Sightings, frame_numbers, to_clip
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.types import Clip

SKELETON = "coco17"
_LAST_FRAME = 10**15
_FIX = "give COCO's key point annotations"
_ID = int | str


def _sniff(head: Head) -> str | None:
    text = head.text.lstrip()
    if not text.startswith("{"):
        return None
    keys = set(re.findall(r'"(\w+)"\s*:', text))
    if "annotations" in keys and "images" in keys and "people" not in keys:
        return "COCO annotations"
    # Large files: only images, or only annotations, are in the first part.
    if "images" in keys and {"file_name", "id"} <= keys and not {"frames", "image_id"} & keys:
        return "COCO images"
    if "annotations" in keys and {"num_keypoints", "category_id"} <= keys:
        return "COCO annotations"
    return None


@dataclasses.dataclass(frozen=True)
class _Image:
    """One row of `images`."""

    name: str
    folder: str
    frame: int | None
    size: tuple[int, int] | None


def _image(row: Any, where: str) -> tuple[_ID, _Image]:
    if not isinstance(row, dict) or isinstance(row.get("id"), bool):
        raise InputError("it is not an object with an id", where, _FIX)
    key = row.get("id")
    if not isinstance(key, int | str):
        raise InputError("it has no id", where, _FIX)
    name = str(row.get("file_name", key))
    folder = str(row.get("video_id", row.get("vid_id", posixpath.dirname(name))))
    frame = row.get("frame_id", row.get("frame_index"))
    if type(frame) is int and abs(frame) > _LAST_FRAME:
        raise InputError("its frame is beyond 1e15", where, _FIX)
    wide, high = row.get("width"), row.get("height")
    size = None
    if type(wide) in (int, float) and type(high) in (int, float) and 0 < wide <= 1e5 >= high > 0:
        size = (round(wide), round(high))
    return key, _Image(name, folder, frame if type(frame) is int else None, size)


def _annotation(row: Any, names: int, where: str) -> np.ndarray | None:
    """Returns f32[17,3] x, y, v; None where the annotation is no labelled person."""
    if not isinstance(row, dict):
        raise InputError("it is not an object", where, _FIX)
    if row.get("iscrowd") in (1, True) or "keypoints" not in row:
        return None
    values = json_file.numbers(row["keypoints"], f"{where}.keypoints", 3 * names).reshape(-1, 3)
    flags = values[:, 2]
    if not np.isin(flags[np.isfinite(flags)], (0, 1, 2)).all():
        raise InputError(
            "v is not 0, 1 or 2", f"{where}.keypoints", "COCO results with scores: format=alphapose"
        )
    return values.astype(np.float32) if (flags > 0).any() else None


def _categories(rows: Any, path: object) -> dict[Any, int]:
    """Returns the number of key points of each category that has any."""
    if not isinstance(rows, list):
        return {}
    found = {}
    expected = [name.lower() for name in skeletons.get(SKELETON).joints]
    for at, row in enumerate(rows):
        names = row.get("keypoints") if isinstance(row, dict) else None
        if not names:
            continue
        if not isinstance(names, list) or [str(name).lower() for name in names] != expected:
            what = f"its key points are not COCO's 17 ({len(names)}: {str(names[:2])[:60]}...)"
            raise InputError(what, f"{path}: categories[{at}].keypoints", "convert it to COCO-17")
        if not isinstance(row.get("id"), int | str):
            raise InputError("it has no id", f"{path}: categories[{at}]", _FIX)
        found[row["id"]] = len(names)
    return found


def _parts(path: pathlib.Path) -> dict[str, Any]:
    whole = json_file.read_json(path)
    if not isinstance(whole, dict):
        raise InputError("it is not an object", path, _FIX)
    for key in ("images", "annotations"):
        if not isinstance(whole.get(key), list):
            raise InputError(f"it has no list {key!r}", path, _FIX)
    return whole


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives a clip for each video: images of one `video_id`, or of one folder, in their order.

    Args:
        path: the JSON.
        options: fps is needed where `info` or `videos` has none; clip= picks one video.

    Raises:
        InputError: with the place, where it is not COCO's.
    """
    whole = _parts(path)
    images: dict[_ID, _Image] = {}
    for at, row in enumerate(whole["images"]):
        key, one = _image(row, f"{path}: images[{at}]")
        if key in images:
            raise InputError(f"the id {key!r} occurs twice", f"{path}: images[{at}]", "mend it")
        images[key] = one
    kinds = _categories(whole.get("categories"), path)
    rows: dict[str, list[tuple[_ID, int, np.ndarray]]] = {}
    crowd, ids = 0, set()
    for at, row in enumerate(whole["annotations"]):
        where = f"{path}: annotations[{at}]"
        points = _annotation(row, 17, where)
        if row.get("id") is not None:
            if str(row["id"]) in ids:
                raise InputError(f"the id {row['id']!r} occurs twice", where, "mend the file")
            ids.add(str(row["id"]))
        kind = row.get("category_id")
        if kind is not None and not isinstance(kind, int | str):
            raise InputError("it is no number", f"{where}.category_id", "mend the file")
        if points is None or (kinds and kind not in kinds):
            crowd += 1
            continue
        key = row.get("image_id")
        if not isinstance(key, int | str) or key not in images:
            raise InputError(f"there is no image {str(key)[:40]!r}", f"{where}.image_id", "mend it")
        track = row.get("track_id", row.get("instance_id", -1))
        track = track if type(track) is int and 0 <= track < 2**31 else -1
        rows.setdefault(images[key].folder, []).append((key, track, points))
    if not rows:
        raise InputError("no annotation has a labelled key point", path, _FIX)
    fps = _fps(whole, path)
    inside: dict[str, dict[_ID, _Image]] = {}
    for key, one in images.items():
        inside.setdefault(one.folder, {})[key] = one
    for folder in sorted(rows, key=lambda name: (natural_key(name), name)):
        if options.clip is not None and folder != options.clip and len(rows) > 1:
            continue
        yield _clip(path, options, folder, rows[folder], inside[folder], fps, crowd)


def _fps(whole: dict[str, Any], path: object) -> float | None:
    info = whole.get("info")
    rates = [info.get("fps")] if isinstance(info, dict) else []
    videos = whole.get("videos")
    rates += (
        [row.get("fps") for row in videos if isinstance(row, dict)]
        if isinstance(videos, list)
        else []
    )
    found = {float(rate) for rate in rates if type(rate) in (int, float) and 0 < rate <= 10_000}
    if len(found) > 1:
        raise InputError(f"its videos have {len(found)} frame rates", path, "give one file a rate")
    return found.pop() if found else None


def _clip(
    path: pathlib.Path,
    options: ReadOptions,
    folder: str,
    rows: list[tuple[_ID, int, np.ndarray]],
    inside: dict[_ID, _Image],
    fps: float | None,
    crowd: int,
) -> Clip:
    given = [one.frame for one in inside.values()]
    if None not in given and len(set(given)) == len(given):
        numbers, how = (
            {key: int(one.frame or 0) for key, one in inside.items()},
            "frames by frame_id",
        )
    else:
        names = [one.name for one in inside.values()]
        if len(set(names)) != len(names):
            raise InputError(f"two images of {folder!r} have one file_name", path, "mend the file")
        by_name, how = frame_numbers(names)
        numbers = {key: by_name[one.name] for key, one in inside.items()}
    values = np.stack([points for _, _, points in rows])
    flags = np.nan_to_num(values[..., 2])
    seen = np.isfinite(values).all(-1) & (flags > 0)
    sizes = {one.size for one in inside.values()}
    dropped = []
    if crowd:
        dropped.append(
            f"{crowd} annotations without labelled key points, or of crowds (whole file)"
        )
    where = f"{path}: {folder}" if folder else path
    clip = to_clip(
        Sightings(
            np.array([numbers[key] for key, _, _ in rows]),
            np.array([track for _, track, _ in rows]),
            np.where(seen[..., None], values[..., :2], np.nan),
            np.where(seen, 0.5 * flags, 0),
        ),
        path=where,
        fps=options.need_fps(where, fps),
        skeleton=SKELETON,
        options=options,
        format_name=FORMAT.name,
        found=[f"COCO key points, {len(inside)} images", how, "v as confidence 0, 0.5, 1"],
        dropped=dropped,
        frames=list(numbers.values()),
        source={"name": folder, "path": str(path)},
    )
    size = sizes.pop() if len(sizes) == 1 else None
    return clip if clip.image_size else clip.replace(image_size=size)


def write(path: str | os.PathLike[str], clip: Clip, *, name: str = "clip") -> None:
    """Writes a clip as COCO key points: v is 2, or 1 where the confidence is at most 0.5.

    Args:
        path: the file to make.
        clip: people in pixels with the picture's size and a steady frame rate.
        name: of the folder that the images are said to be in.

    Raises:
        InputError: not in pixels, or no image_size.
    """
    if clip.unit != "px" or clip.image_size is None:
        what = "the picture's size is not known" if clip.unit == "px" else f"it is in {clip.unit!r}"
        raise InputError(what, path, "give a clip in px with image_size")
    given = skeletons.get(clip.skeleton).name
    pose, sure = clip.pose, clip.confidence
    if given != SKELETON:
        pose, sure = skeletons.convert(pose, sure, given, SKELETON)
    width, height = clip.image_size
    fps = (clip.n_frames - 1) / clip.duration_s if clip.n_frames > 1 else 30.0
    images, annotations = [], []
    for t in range(clip.n_frames):
        frame = round(float(clip.time_s[t]) * fps)
        images.append(
            {"id": t + 1, "file_name": f"{name}/{frame:06d}.jpg", "width": width, "height": height}
        )
        for p in range(clip.n_people):
            seen = np.isfinite(pose[t, p, :, :2]).all(-1)
            if not seen.any():
                continue
            flag = np.where(seen, np.where(sure[t, p] > 0.5, 2, 1), 0)
            points = np.nan_to_num(np.concatenate([pose[t, p, :, :2], flag[:, None]], -1))
            low, high = pose[t, p, seen, :2].min(0), pose[t, p, seen, :2].max(0)
            x, y, w, h = (float(v) for v in (*low, *(high - low)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": t + 1,
                    "category_id": 1,
                    "track_id": int(clip.person_ids[p]),
                    "keypoints": [float(v) for v in points.ravel()],
                    "num_keypoints": int(seen.sum()),
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
    found = skeletons.get(SKELETON)
    links = [
        [1 + found.joints.index(a), 1 + found.joints.index(b)] for a, b in found.bones
    ]  # counted from 1, as COCO does
    category = {"id": 1, "name": "person", "keypoints": list(found.joints), "skeleton": links}
    whole = {
        "info": {"fps": fps},
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }
    write_text(path, json.dumps(whole))


FORMAT = Format("coco", "COCO key points JSON", _sniff, read, write)
