"""Reads and writes AlphaPose's JSON: the list of poses, and its `cmu` and `open` forms.

Source: AlphaPose `alphapose/utils/pPose_nms.py` (write_json) and its docs/output.md.
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
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.sightings import Sightings, frame_numbers, to_clip
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.types import Clip

MAX_VALUES = 30_000_000  # numbers of all poses together
# COCO-WholeBody's feet (big toe, small toe, heel; left, right) in the places of HALPE-26.
_WHOLE = {20: 17, 22: 18, 24: 19, 21: 20, 23: 21, 25: 22}
_FORM_17 = (0, 17, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)  # of `cmu` and `open`
# key points of a pose -> what they are, skeleton, what is left out
LAYOUTS: dict[int, tuple[str, str, str]] = {
    17: ("COCO", "coco17", ""),
    24: ("SMPL", "smpl24", ""),
    26: ("HALPE-26", "halpe26", ""),
    68: ("HALPE-26 and hands", "halpe26", "hand key points (42 a person)"),
    136: ("HALPE-136", "halpe26", "face (68) and hand key points (42 a person)"),
    133: ("COCO-WholeBody", "halpe26", "face (68) and hand key points (42 a person)"),
}


def _sniff(head: Head) -> str | None:
    text = head.text.lstrip()
    if text.startswith("["):
        keys = ('"image_id"', '"keypoints"', '"score"')
        if not all(key in text for key in keys) or '"num_keypoints"' in text:
            return None
        points = re.search(r'"keypoints"\s*:\s*\[([^\]]*)\]', text)
        count = points[1].count(",") + 1 if points else 0
        return f"AlphaPose, {count // 3 or 'many'} key points, one list"
    if re.match(r'\{\s*"[^"]*"\s*:\s*\{', text):
        if '"bodies"' in text and '"joints"' in text:
            return "AlphaPose, cmu form"
        if '"people"' in text and '"pose_keypoints_2d"' in text and '"keypoints"' not in text:
            return "AlphaPose, open form"
    return None


def _id(value: Any) -> int:
    """Returns the person's number, -1 where the file does not really say it."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31:
        return -1
    return int(value) if value == int(value) else -1


def _frame(row: Mapping[str, Any], where: str) -> str:
    name = row.get("image_id")
    if isinstance(name, bool) or not isinstance(name, str | int) or len(str(name)) > 4096:
        raise InputError("it has no text or number 'image_id'", where, "give AlphaPose's JSON")
    return str(name)


def _rows(path: pathlib.Path) -> Iterator[tuple[str, Mapping[str, Any], str, str]]:
    """Gives frame name, pose, the key its numbers are under, and where it stands."""
    for key, value in json_file.elements(path):
        where = f"{path}: {key if isinstance(key, str) else f'[{key}]'}"
        if not isinstance(value, dict):
            raise InputError("it is not an object", where, "give AlphaPose's JSON")
        if isinstance(key, int):
            yield _frame(value, where), value, "keypoints", where
            continue
        field = "bodies" if "bodies" in value else "people"
        rows = value.get(field)
        if not isinstance(rows, list):
            raise InputError("it has neither bodies nor people", where, "give AlphaPose's JSON")
        for at, row in enumerate(rows):
            inner = f"{where}.{field}[{at}]"
            if not isinstance(row, dict):
                raise InputError("it is not an object", inner, "give AlphaPose's JSON")
            yield key, row, "joints" if field == "bodies" else "pose_keypoints_2d", inner


def _count(numbers: int, key: str, where: str) -> int:
    """Returns how many key points the first pose has, if poses have so many."""
    known = LAYOUTS if key == "keypoints" else (18,)
    if numbers % 3 or numbers // 3 not in known:
        usual = ", ".join(map(str, sorted(known)))
        what = f"it has {numbers} numbers, not 3 for each of {usual} key points"
        raise InputError(what, where, "give body poses")
    return numbers // 3


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the one clip of a file.

    Args:
        path: the JSON.
        options: fps is needed, the file has none.

    Raises:
        InputError: with the place, where it is not AlphaPose's JSON.
    """
    names, points, ids, bodies, form, count, total = [], [], [], [], "", 0, 0
    for name, row, key, where in _rows(path):
        values = json_file.numbers(row.get(key), f"{where}.{key}")
        count = count or _count(len(values), key, f"{where}.{key}")
        if form not in ("", key) or len(values) != 3 * count:
            what = f"it has {len(values)} numbers, not {3 * count} as the poses before"
            raise InputError(what, f"{where}.{key}", "mend the file")
        form = key
        names.append(name)
        points.append(values[: 3 * (26 if count in (68, 136) else count)].astype(np.float32))
        ids.append(_id(row.get("idx")) if key == "keypoints" else -1)
        if "pred_xyz_jts" in row:
            bodies.append(_body(row["pred_xyz_jts"], f"{where}.pred_xyz_jts"))
        total += points[-1].size + 24 + (72 if bodies else 0)
        if total > MAX_VALUES:
            raise InputError(f"{len(names)} poses are too many", path, "split the file")
    if not names:
        raise InputError("it holds no person in any frame", path, "give a file with people in it")
    fps = options.need_fps(path)
    numbers, how = frame_numbers(sorted(set(names)))
    values = np.stack(points).reshape(len(points), -1, 3)
    pose, sure, skeleton, found, dropped = _layout(values, form, count)
    person = np.array(ids, np.int64)
    if (person == 0).all():
        person[:] = -1  # an id of 0 for everybody says nothing
    world = None
    if bodies:
        if len(bodies) != len(names) or len({part.shape for part in bodies}) > 1:
            raise InputError("only some poses have the same pred_xyz_jts", path, "mend the file")
        if bodies[0].shape[0] == pose.shape[1] == 24:
            world = np.stack(bodies) * np.array([1, -1, -1], np.float32)
            world = world - world[:, :1]
            found.append("pred_xyz_jts, y turned up, in the estimator's own scale, as pose_world")
        else:
            dropped.append(f"pred_xyz_jts ({bodies[0].shape[0]} estimated 3D joints a pose)")
    at = np.array([numbers[name] for name in names])
    seen = Sightings(at, person, pose, sure, world)
    yield to_clip(
        seen,
        path=path,
        fps=fps,
        skeleton=skeleton,
        options=options,
        format_name=FORMAT.name,
        found=[*found, how],
        dropped=dropped,
    )


def _body(value: Any, where: str) -> np.ndarray:
    if isinstance(value, list) and value and isinstance(value[0], list):
        rows = [json_file.numbers(joint, where, 3) for joint in value]
    else:
        rows = [json_file.numbers(value, where)]
    flat = np.concatenate(rows)
    if len(flat) % 3:
        raise InputError(f"it has {len(flat)} numbers, not three a joint", where, "mend the file")
    return flat.reshape(-1, 3).astype(np.float32)


def _layout(
    values: np.ndarray, form: str, count: int
) -> tuple[np.ndarray, np.ndarray, str, list[str], list[str]]:
    """Returns pose, score, skeleton, what was found and what was dropped of [N,K,3]."""
    if form != "keypoints":
        out = np.empty((len(values), 17, 3), np.float32)
        for at, joint in enumerate(_FORM_17):
            if joint != 17:
                out[:, joint] = values[:, at]
        name = "cmu form" if form == "joints" else "open form"
        shoulders = values[:, (2, 5), :2].mean(1)
        away = np.linalg.norm(values[:, 1, :2] - shoulders, axis=-1)
        wide = np.linalg.norm(values[:, 2, :2] - values[:, 5, :2], axis=-1)
        made = np.nanmedian(np.where(np.isfinite(away), away - 0.02 * wide, np.inf)) <= 0.5
        what = "the mean of the shoulders" if made else "not the shoulders' mean: another joint"
        return (
            *_split(out),
            "coco17",
            [f"AlphaPose JSON, {name}, 18 joints"],
            [f"the joint 'neck' ({what})"],
        )
    title, skeleton, left = LAYOUTS[count]
    if count == 133:
        out = np.full((len(values), 26, 3), np.nan, np.float32)
        out[:, :17] = values[:, :17]
        for to, at in _WHOLE.items():
            out[:, to] = values[:, at]
        for to, pair in ((18, (5, 6)), (19, (11, 12))):
            out[:, to, :2] = values[:, pair, :2].mean(1)
            out[:, to, 2] = values[:, pair, 2].min(1)
        values = out
        left += "; neck and hip are means, the head is missing"
    else:
        values = values[:, : len(skeletons.get(skeleton))]
    found = [f"AlphaPose JSON, one list, {count} key points ({title})"]
    return *_split(values), skeleton, found, [left] if left else []


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns pose and score; a joint without score, or at (0, 0) with none, is missing."""
    seen = np.isfinite(values).all(-1) & (values[..., 2] > 0)
    return np.where(seen[..., None], values[..., :2], np.nan), np.where(seen, values[..., 2], 0)


def write(
    path: str | os.PathLike[str], clip: Clip, *, form: str = "list", fps: float | None = None
) -> None:
    """Writes a clip as AlphaPose's JSON; frames are named by their number, time x fps.

    Args:
        path: the file to make.
        clip: people in pixels; missing joints are written as 0, 0, 0.
        form: "list" (17 or 26 key points), "cmu" or "open" (18 joints).
        fps: frame numbers a second; None for the clip's own mean rate.

    Raises:
        InputError: the clip is not in pixels, has no such joints, or two frames get one number.
    """
    if clip.unit != "px" or form not in ("list", "cmu", "open"):
        what = f"the clip is in {clip.unit!r}" if clip.unit != "px" else f"form is {form!r}"
        raise InputError(what, path, "give a clip in px, and form list, cmu or open")
    name = skeletons.get(clip.skeleton).name
    if form != "list" or name not in ("coco17", "halpe26"):
        to = "coco17" if form != "list" else "halpe26"
        pose, sure = skeletons.convert(clip.pose, clip.confidence, name, to)
    else:
        pose, sure = clip.pose, clip.confidence
    if fps is None:
        fps = (clip.n_frames - 1) / clip.duration_s if clip.n_frames > 1 else 30.0
    frames = np.round(clip.time_s * fps).astype(np.int64)
    if len(set(frames.tolist())) != len(frames):
        raise InputError("two frames have one number", path, "give a higher fps")
    values = np.nan_to_num(np.concatenate([pose[..., :2], sure[..., None]], -1), nan=0.0)
    if form != "list":
        neck = (values[:, :, 5:6] + values[:, :, 6:7]) / 2
        values = np.concatenate([values, neck], 2)[:, :, list(_FORM_17)]
    rows: list[dict[str, Any]] = []
    images: dict[str, dict[str, Any]] = {}
    outer, inner = ("bodies", "joints") if form == "cmu" else ("people", "pose_keypoints_2d")
    for t, p in np.argwhere((values[..., 2] > 0).any(-1)).tolist():
        flat = [float(value) for value in values[t, p].ravel()]
        image = f"{frames[t]}.jpg"
        if form == "list":
            score = float(values[t, p, :, 2].mean())
            rows.append(
                {
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": flat,
                    "score": score,
                    "idx": int(clip.person_ids[p]),
                }
            )
        else:
            one = images.setdefault(image, {"version": "AlphaPose v0.3", outer: []})
            one[outer].append({inner: flat})
    write_text(path, json.dumps(rows if form == "list" else images))


FORMAT = Format("alphapose", "AlphaPose JSON", _sniff, read, write)
