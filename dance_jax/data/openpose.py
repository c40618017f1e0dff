"""Reads and writes OpenPose's folders of JSON, one file a frame: BODY_25 and COCO, 18 joints.

Source: OpenPose's `doc/02_output.md`.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import json_file
from dance_jax.data.formats import Format, Head, ReadOptions, head
from dance_jax.data.sightings import MAX_FRAMES, Sightings, frame_numbers, to_clip
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.types import Clip

# OpenPose's COCO joints, by their places in COCO-17; -1 is the neck.
COCO_18 = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
_LEFT_OUT = ("face", "hand_left", "hand_right")


def _sniff(head_: Head) -> str | None:
    if not head_.is_folder:
        return _frame_seen(head_)
    names = [name for name in head_.members if name.lower().endswith(".json")]
    if not names or len(names) < 0.5 * len(head_.members):
        return None
    try:
        saw = _frame_seen(head(head_.path / names[0]))
    except InputError:
        return None
    return f"a folder of {len(names)} files, {saw}" if saw else None


def _frame_seen(one: Head) -> str | None:
    text = one.text.lstrip()
    if not re.match(r'\{\s*"(version|people)"', text) or '"people"' not in text:
        return None
    if '"pose_keypoints_2d"' in text or '"pose_keypoints"' in text:
        return "OpenPose, one JSON a frame"
    return (
        "OpenPose, a frame without people" if re.search(r'"people"\s*:\s*\[\s*\]', text) else None
    )


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    if not path.is_dir():
        return [path]
    try:
        names = [entry.name for entry in os.scandir(path) if entry.name.lower().endswith(".json")]
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    files = [path / name for name in names if not name.startswith(".")]
    if not files:
        raise InputError("the folder holds no JSON file", path, "give OpenPose's --write_json")
    if len(files) > MAX_FRAMES:
        raise InputError(f"it has {len(files)} files, over {MAX_FRAMES}", path, "split the folder")
    return files


def _people(file: pathlib.Path) -> list[Mapping[str, Any]]:
    whole = json_file.read_json(file)
    rows = whole.get("people") if isinstance(whole, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("it has no list 'people'", file, "give OpenPose's --write_json")
    return rows


def _id(row: Mapping[str, Any]) -> int:
    value = row.get("person_id", -1)
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        return -1
    return value


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the one clip of a folder, or of a single frame's file.

    Args:
        path: the folder of `--write_json`.
        options: fps is needed, the files have none; image_size for files written with
            `--keypoint_scale 3` (0 to 1).

    Raises:
        InputError: with file and key, where it is not OpenPose's.
    """
    files = _files(path)
    fps = options.need_fps(path)
    numbers, how = frame_numbers([file.name for file in files])
    frame, ids, rows, empty = [], [], [], 0
    left = dict.fromkeys(_LEFT_OUT, 0)
    width = 0
    for file in sorted(files, key=lambda one: numbers[one.name]):
        people = _people(file)
        empty += not people
        for at, row in enumerate(people):
            key = "pose_keypoints_2d" if "pose_keypoints_2d" in row else "pose_keypoints"
            where = f"{file}: people[{at}].{key}"
            values = json_file.numbers(row.get(key), where)
            width = width or len(values)
            if len(values) not in (54, 75) or len(values) != width:
                usual = "75 (BODY_25) or 54 (COCO)" if len(values) not in (54, 75) else width
                raise InputError(f"it has {len(values)} numbers, not {usual}", where, "mend it")
            for part in _LEFT_OUT:
                left[part] += bool(row.get(f"{part}_keypoints_2d"))
            frame.append(numbers[file.name])
            ids.append(_id(row))
            rows.append(values.reshape(-1, 3).astype(np.float32))
    if not rows:
        raise InputError(f"none of {len(files)} frames has a person", path, "give other files")
    values = np.stack(rows)
    dropped = [f"{part.replace('_', ' ')} key points of {n} poses" for part, n in left.items() if n]
    skeleton = "body25"
    if width == 54:
        skeleton, order = "coco17", [COCO_18.index(at) for at in range(17)]
        values = values[:, order]
        dropped.append("the joint 'neck'")
    seen = np.isfinite(values).all(-1) & (values != 0).any(-1) & (values[..., 2] > 0)
    pose = np.where(seen[..., None], values[..., :2], np.nan)
    pose, said = _pixels(pose, options, path)
    gone = int((~seen).sum())
    if gone:
        said = [*said, f"{gone} joints at (0, 0, 0) are missing"]
    yield to_clip(
        Sightings(np.array(frame), np.array(ids), pose, np.where(seen, values[..., 2], 0)),
        path=path,
        fps=fps,
        skeleton=skeleton,
        options=options,
        format_name=FORMAT.name,
        found=[
            f"OpenPose, {'BODY_25' if width == 75 else 'COCO 18'}, {len(files)} files",
            f"{empty} of them without people",
            how,
            *said,
        ],
        dropped=dropped,
        frames=list(numbers.values()),
    )


def _pixels(pose: np.ndarray, options: ReadOptions, path: object) -> tuple[np.ndarray, list[str]]:
    """Returns positions in pixels; those of `--keypoint_scale` 3 and 4 are scaled back."""
    low, high = np.nanmin(pose, initial=0.0), np.nanmax(pose, initial=0.0)
    if high > 2 or not np.isfinite(pose).any():
        return pose, []
    kind = "-1 to 1" if low < -0.1 else "0 to 1"
    if options.image_size is None:
        raise InputError(
            f"its positions go from {kind} (--keypoint_scale), not in pixels",
            path,
            "give the picture's size: image_size=(1920, 1080)",
        )
    size = np.array(options.image_size, np.float32)
    scaled = (pose + 1) / 2 * size if kind == "-1 to 1" else pose * size
    return scaled, [f"positions from {kind} scaled to {size[0]:g} x {size[1]:g} px"]


def write(folder: str | os.PathLike[str], clip: Clip, *, name: str = "clip") -> None:
    """Writes a clip as a folder of one JSON a frame, BODY_25.

    Args:
        folder: made where it is not there; files of the same names are replaced.
        clip: people in pixels; missing joints are written as 0, 0, 0.
        name: the files are `<name>_<12 digits>_keypoints.json`.

    Raises:
        InputError: the clip is not in pixels, or the folder cannot be made.
    """
    if clip.unit != "px":
        raise InputError(f"the clip is in {clip.unit!r}", folder, "give a clip in px")
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror})", folder, "choose another") from error
    given = skeletons.get(clip.skeleton).name
    pose, sure = clip.pose, clip.confidence
    if given != "body25":
        pose, sure = skeletons.convert(pose, sure, given, "body25")
    values = np.nan_to_num(np.concatenate([pose[..., :2], sure[..., None]], -1), nan=0.0)
    none: dict[str, list[float]] = {
        f"{part}_keypoints_{kind}": []
        for kind in ("2d", "3d")
        for part in ("face", "hand_left", "hand_right", "pose")
    }
    for t in range(clip.n_frames):
        people = [
            {
                **none,
                "person_id": [int(clip.person_ids[p])],
                "pose_keypoints_2d": [float(value) for value in values[t, p].ravel()],
            }
            for p in range(clip.n_people)
            if (values[t, p, :, 2] > 0).any()
        ]
        text = json.dumps({"version": 1.3, "people": people})
        write_text(folder / f"{name}_{t:012d}_keypoints.json", text)


FORMAT = Format("openpose", "OpenPose JSON", _sniff, read, write)
