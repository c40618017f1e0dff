"""Reads and writes MediaPipe pose landmarks as CSV, a row a frame or a row a landmark.

A row a frame: `x0,y0,z0,v0,x1,...`, `nose_x,nose_y,...` and the like, with columns for frame, time,
video and label beside them. A row a landmark: `frame,landmark,x,y,z,visibility`.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import number_rows
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.legs_only import legs_clip
from dance_jax.data.mediapipe_clip import LANDMARKS, SKELETON, landmark_clip, times
from dance_jax.data.mediapipe_files import confidence
from dance_jax.data.tables import write_csv
from dance_jax.errors import InputError
from dance_jax.types import Clip

MAX_POSES = 150_000  # some 300 MiB on the way
_PARTS = {"x": 0, "y": 1, "z": 2, "v": 3, "vis": 3, "visibility": 3, "score": 3, "c": 3, "conf": 3}
_PARTS |= {"confidence": 3, "p": 4, "pres": 4, "presence": 4}
_PART = "|".join(sorted(_PARTS, key=len, reverse=True))
_WORDS = r"(?:landmark|lm|pose|kp|point|joint|p|keypoint)?"
_WIDE = (
    re.compile(rf"({_PART})_?{_WORDS}_?(\d{{1,3}})"),
    re.compile(rf"{_WORDS}_?(\d{{1,3}})_({_PART})"),
    re.compile(rf"([a-z_]+?)_({_PART})"),
    re.compile(rf"({_PART})_([a-z_]+)"),
)
_NAMES = {
    name.lower(): at
    for names in (skeletons.get(SKELETON).joints, skeletons.get(SKELETON).file_names)
    for at, name in enumerate(names)
}
_TIME = (
    "time_s",
    "timestamp_s",
    "time_sec",
    "timestamp_ms",
    "time_ms",
    "timestamp_us",
    "timestamp",
)
_TIME += ("time", "frame", "frame_index", "frame_id", "frame_number", "frame_no", "idx")
_CLIP = ("video_id", "video", "video_file", "clip", "clip_id", "file", "filename", "file_name")
_LABEL = ("label", "class", "style", "trend", "category", "target")
_MARK = ("landmark", "landmark_index", "landmark_id", "landmark_name", "joint", "keypoint", "name")
_PERSON = ("person", "person_id", "pose_id", "pose", "track_id")


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Which column holds what; `wide` maps a column to (landmark, part)."""

    wide: Mapping[int, tuple[int, int]]
    named: Mapping[str, int]

    def landmarks(self) -> set[int]:
        return {mark for mark, _ in self.wide.values()}


def _layout(header: list[str]) -> _Layout | None:
    """Returns the layout that a header row describes, None where it is not MediaPipe's."""
    names = [cell.strip().lower() for cell in header]
    named: dict[str, int] = {}
    for kind, words in (
        ("time", _TIME), ("clip", _CLIP), ("label", _LABEL), ("mark", _MARK), ("person", _PERSON)
    ):  # fmt: skip
        at = next((names.index(word) for word in words if word in names), None)
        if at is not None:
            named[kind] = at
    wide: dict[int, tuple[int, int]] = {}
    numbers = False
    for at, name in enumerate(names):
        if at in named.values():
            continue
        for k, pattern in enumerate(_WIDE):
            if found := pattern.fullmatch(name):
                part, mark = found.groups() if k in (0, 3) else found.groups()[::-1]
                place = int(mark) if mark.isdecimal() else _NAMES.get(mark)
                if place is not None:
                    numbers |= mark.isdecimal()
                    wide[at] = (place, _PARTS[part])
                    break
    if wide:
        marks = {mark for mark, _ in wide.values()}
        if numbers and marks == set(range(1, LANDMARKS + 1)):  # counted from 1
            wide = {at: (mark - 1, part) for at, (mark, part) in wide.items()}
        elif numbers and marks != set(range(LANDMARKS)):
            return None
        return _Layout(wide, named) if len(marks) >= 8 else None
    parts = {_PARTS[name]: at for at, name in enumerate(names) if name in _PARTS}
    if "mark" in named and "time" in named and {0, 1} <= set(parts):
        for part, at in parts.items():
            named[f"part{part}"] = at
        return _Layout({}, named)
    return None


def _sniff(head: Head) -> str | None:
    rows = head.lines
    if head.is_folder or head.members or not rows or "," not in rows[0] or len(rows) < 2:
        return None
    layout = _layout(rows[0].replace('"', "").split(","))
    if layout is None:
        return None
    if layout.wide:
        return f"MediaPipe CSV, a row a frame, {len(layout.landmarks())} landmarks"
    return "MediaPipe CSV, a row a landmark"


def _mark(cell: str, where: object) -> int:
    at = int(cell) if cell.isdecimal() and len(cell) < 4 else _NAMES.get(cell.lower(), -1)
    if not 0 <= at < LANDMARKS:
        raise InputError(f"there is no landmark {cell[:40]!r}", where, "they are 0 to 32, or named")
    return at


@dataclasses.dataclass
class _Group:
    """The rows of one video, as they come."""

    label: str = ""
    stamps: list[float] = dataclasses.field(default_factory=list)
    persons: list[str] = dataclasses.field(default_factory=list)
    values: list[np.ndarray] = dataclasses.field(default_factory=list)
    last: tuple[str, str] | None = None


def _groups(path: pathlib.Path) -> tuple[_Layout, dict[str, _Group], str]:
    table = number_rows.rows(path)
    line, header = next(table, (1, []))
    layout = _layout(header)
    if layout is None:
        raise InputError("its header names no pose landmarks", f"{path}:{line}", "x0,y0,z0,v0,...")
    seen: set[str] = set()
    twice = next((name for name in header if name in seen or seen.add(name)), None)
    if twice is not None:
        raise InputError(f"two columns are named {twice[:40]!r}", f"{path}:{line}", "rename one")
    named, groups, count = layout.named, {}, 0
    columns = [header[at] for at in layout.wide]
    marks = [mark for mark, _ in layout.wide.values()]
    parts = [part for _, part in layout.wide.values()]
    for line, cells in table:
        where = f"{path}:{line}"
        if len(cells) != len(header):
            raise InputError(
                f"the row has {len(cells)} cells for {len(header)} columns", where, "mend the file"
            )
        name = cells[named["clip"]] if "clip" in named else ""
        if name not in groups:
            groups[name] = _Group(cells[named["label"]] if "label" in named else "")
        one = groups[name]
        stamp = cells[named["time"]] if "time" in named else ""
        person = cells[named["person"]] if "person" in named else ""
        if layout.wide:
            values = np.full((LANDMARKS, 5), np.nan, np.float32)
            row = [cells[at] for at in layout.wide]
            values[marks, parts] = number_rows.numbers(row, where, columns)
        else:
            mark = _mark(cells[named["mark"]], where)
            if one.last != (stamp, person):
                values = np.full((LANDMARKS, 5), np.nan, np.float32)
            else:
                values = one.values.pop()
                one.stamps.pop()
                one.persons.pop()
                count -= 1
            one.last = (stamp, person)
            if np.isfinite(values[mark, :2]).any():
                raise InputError(f"landmark {mark} occurs twice in a frame", where, "mend the file")
            for part in range(5):
                if f"part{part}" in named:
                    cell = cells[named[f"part{part}"]]
                    values[mark, part] = number_rows.number(cell, where)
        one.stamps.append(number_rows.number(stamp, where) if "time" in named else np.nan)
        one.persons.append(person)
        one.values.append(values)
        count += 1
        if count > MAX_POSES:
            raise InputError(f"it has over {MAX_POSES} poses", path, "split the file")
    if not groups:
        raise InputError("it has a header and no rows", path, "give a file with frames")
    return layout, groups, header[named["time"]] if "time" in named else ""


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the clip of each video in the file.

    Args:
        path: the CSV, or a gzip of it.
        options: fps where there is no column of times; image_size for landmarks of the picture.

    Raises:
        InputError: with the line, where it is no such table.
    """
    layout, groups, key = _groups(path)
    for name, one in groups.items():
        if options.clip is not None and name and name != options.clip:
            continue
        yield _clip(path, options, layout, name, one, key)


def _clip(
    path: pathlib.Path, options: ReadOptions, layout: _Layout, name: str, one: _Group, key: str
) -> Clip:
    where = f"{path}: {name}" if name else path
    values = np.stack(one.values)
    stamps, frame = np.array(one.stamps), np.arange(len(values))
    if key:
        stamps, frame = np.unique(stamps, return_inverse=True)
    ids = [int(p) if p.isdecimal() and len(p) < 10 else -1 for p in one.persons]
    time_s, when = times(stamps if key else None, key, int(frame.max()) + 1, options, None, where)
    source: dict[str, Any] = {"path": str(path), **({"name": name} if name else {})}
    found = ["MediaPipe landmarks, CSV, a row a " + ("frame" if layout.wide else "landmark"), when]
    legs = skeletons.get("folkdance10")
    if layout.landmarks() == {_NAMES[joint] for joint in legs.joints}:
        points = values[:, [_NAMES[joint] for joint in legs.joints], :3]
        clip = legs_clip(points, time_s, where, options, found, FORMAT.name, source)
    else:
        seen = np.isfinite(values[..., :2]).all(-1)
        sure = np.where(seen, confidence(values), 0)
        here = seen.any(-1)
        clip = landmark_clip(
            frame[here],
            np.array(ids)[here],
            values[here][..., :3],
            None,
            sure[here],
            time_s,
            path=where,
            options=options,
            size=None,
            found=found,
            dropped=[],
            format_name=FORMAT.name,
            source=source,
        )
    return clip.replace(labels={"label": one.label}) if one.label else clip


def write(path: str | os.PathLike[str], clip: Clip) -> None:
    """Writes the one person of a clip as CSV: `time_s,x0,y0,z0,v0,...`, a missing one blank.

    Args:
        path: the file to make.
        clip: one person in pixels with the picture's size.

    Raises:
        InputError: several people, not in pixels, or no image_size.
    """
    if clip.unit != "px" or clip.image_size is None or clip.n_people != 1:
        what = f"it has {clip.n_people} people, unit {clip.unit}, size {clip.image_size}"
        raise InputError(what, path, "give one person in px with image_size")
    name = skeletons.get(clip.skeleton).name
    pose, sure = clip.pose, clip.confidence
    if name != SKELETON:
        pose, sure = skeletons.convert(pose, sure, name, SKELETON)
    flat = pose[:, 0, :, :2] / np.array(clip.image_size, np.float32)
    columns: dict[str, np.ndarray] = {"time_s": clip.time_s}
    for at in range(LANDMARKS):
        columns[f"x{at}"], columns[f"y{at}"] = flat[:, at, 0], flat[:, at, 1]
        columns[f"z{at}"] = np.full(clip.n_frames, np.nan)
        columns[f"v{at}"] = sure[:, 0, at]
    write_csv(path, columns)


FORMAT = Format("mediapipe_csv", "MediaPipe landmarks in CSV", _sniff, read, write)
