"""Poses found frame by frame, person by person, become one clip with true times."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data import retrack
from dance_jax.data.formats import ReadOptions
from dance_jax.data.image_folder import natural_key
from dance_jax.data.json_file import MAX_NUMBER
from dance_jax.errors import InputError
from dance_jax.types import Clip

MAX_FRAMES = 1_000_000
MAX_VALUES = 24 << 20  # numbers in one clip's pose
MAX_PEOPLE = 200  # in one frame
SPARSE = 20  # so many times more gaps than frames are not filled


@dataclasses.dataclass(frozen=True, eq=False)
class Sightings:
    """N poses, each of one person in one frame.

    Attributes:
        frame: i64[N] number of the frame, from the file.
        person: i64[N] the file's own id, -1 where it gives none.
        pose: f32[N,J,C], NaN where missing.
        confidence: f32[N,J] as in the file.
        world: optional f32[N,J,3] metres, y up.
    """

    frame: np.ndarray
    person: np.ndarray
    pose: np.ndarray
    confidence: np.ndarray
    world: np.ndarray | None = None


def frame_numbers(names: Sequence[str]) -> tuple[dict[str, int], str]:
    """Returns a number for each frame name, and a sentence on how it was found.

    The last digits of a name count ("dance_000012_keypoints" is 12); where a name has none, or two
    names have the same, the names count in natural order.

    Args:
        names: unique names of frames.
    """
    stems = {name: re.sub(r"(_keypoints)?(\.\w{2,5})?$", "", name) for name in names}
    found = {name: re.findall(r"\d+", stem) for name, stem in stems.items()}
    numbers = {name: int(parts[-1][-15:]) for name, parts in found.items() if parts}
    if len(numbers) == len(names) and len(set(numbers.values())) == len(names):
        return numbers, "frames numbered by their names"
    order = sorted(names, key=lambda name: (natural_key(name), name))
    return {name: at for at, name in enumerate(order)}, "frames in the natural order of the names"


def unit_confidence(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Returns confidence in [0, 1], and a sentence where it was changed; "" where it was not.

    Args:
        values: f[...] scores of the file: some programs give up to about 6.
    """
    values = np.nan_to_num(np.asarray(values, np.float32), nan=0.0)
    top = float(values.max(initial=0.0))
    if top > 1.2:
        return (values / top).clip(0, 1), f"scores divided by the largest of the file, {top:.4g}"
    changed = top > 1 or values.min(initial=0.0) < 0
    return values.clip(0, 1), "scores clipped to 0 to 1" if changed else ""


def grid(
    frame: np.ndarray, path: object, known: Sequence[int] = ()
) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns the frames of a clip: numbers i64[T], each sighting's place i64[N], frames filled in.

    Frames in which nobody was seen have no sightings, so a gap is filled at the step of the frames
    there are (the greatest common divisor of their distances); a very sparse file is left as it is.

    Args:
        frame: i64[N] number of each sighting's frame.
        path: the file.
        known: numbers of frames that the file lists, with people in them or not.
    """
    there = np.unique(np.concatenate([frame, np.asarray(known, np.int64)]))
    steps = np.diff(there)
    step = int(np.gcd.reduce(steps)) if len(steps) else 1
    count = int((there[-1] - there[0]) // step) + 1
    if count <= max(SPARSE * len(there), 1000):
        whole = there[0] + step * np.arange(count, dtype=np.int64)
    else:
        whole = there
    if len(whole) > MAX_FRAMES:
        raise InputError(f"it has {len(whole)} frames, over {MAX_FRAMES}", path, "split the file")
    return whole, np.searchsorted(whole, frame), len(whole) - len(np.unique(frame))


def to_clip(
    seen: Sightings,
    *,
    path: object,
    fps: float | None,
    skeleton: str,
    options: ReadOptions,
    format_name: str,
    found: Sequence[str],
    dropped: Sequence[str] = (),
    unit: str = "px",
    time_s: np.ndarray | None = None,
    frames: Sequence[int] = (),
    source: dict[str, Any] | None = None,
) -> Clip:
    """Returns sightings as one clip, its people linked over time where the ids do not hold.

    Args:
        seen: N sightings; N may not be 0.
        path: the file.
        fps: frames per second of the frame numbers; None where `time_s` says it.
        skeleton: the sightings' skeleton.
        options: the caller's.
        format_name: for `source["format"]`.
        found: sentences on what the file is.
        dropped: sentences on what was left out.
        unit: of the poses.
        time_s: f64[T] seconds of frames 0 to T-1, where the frames are these.
        frames: numbers of frames that the file lists, with people in them or not.
        source: more of the source.

    Raises:
        InputError: no sightings, too many people or frames.
    """
    if not len(seen.frame):
        raise InputError("it holds no person in any frame", path, "give a file with people in it")
    if not np.isfinite(seen.pose).all(-1).any():
        raise InputError("no joint in it has a position", path, "give a file with people in it")
    if (np.abs(seen.pose) > MAX_NUMBER).any():
        raise InputError("it holds a position beyond 1e9", path, "mend the file")
    if time_s is None:
        numbers, place, gaps = grid(seen.frame, path, frames)
        time_s = numbers / float(fps or 1.0)
    else:
        numbers, place = np.arange(len(time_s)), seen.frame
        gaps = len(numbers) - len(np.unique(place))
    column, ids, said = people(seen, place, time_s, path)
    confidence, scaled = unit_confidence(seen.confidence)
    fit = MAX_VALUES // (len(numbers) * math.prod(seen.pose.shape[1:]))
    if not fit:
        raise InputError(f"{len(numbers)} frames are too many", path, "split the file")
    if len(ids) > fit:
        column, ids, said = _most_seen(column, ids, said, fit)
    shape = (len(numbers), len(ids), seen.pose.shape[1])
    keep = column >= 0
    pose = np.full((*shape, seen.pose.shape[2]), np.nan, np.float32)
    sure = np.zeros(shape, np.float32)
    pose[place[keep], column[keep]] = seen.pose[keep]
    sure[place[keep], column[keep]] = confidence[keep]
    missing = ~np.isfinite(pose).all(-1)
    pose[missing], sure[missing] = np.nan, 0
    world = None
    if seen.world is not None:
        world = np.full((*shape, 3), np.nan, np.float32)
        world[place[keep], column[keep]] = seen.world[keep]
    name = skeletons.get(skeleton)
    text = [
        *found,
        f"{len(name)} joints ({name.name})",
        f"{len(numbers)} frames",
        f"{len(ids)} {'person' if len(ids) == 1 else 'people'}, {said.found}",
        f"{fps:g} frames/s" if fps else _mean_rate(time_s),
    ]
    left = [*dropped, *said.dropped]
    if gaps:
        left.append(f"{gaps} frames have no person and are missing values")
    return Clip(
        pose,
        sure,
        time_s,
        skeleton=skeleton,
        unit=unit,
        pose_world=world,
        image_size=options.image_size,
        person_ids=tuple(int(one) for one in ids),
        source={
            "path": str(path),
            "format": format_name,
            "found": "; ".join([*text, *([scaled] if scaled else [])]),
            "dropped": tuple(left),
            **(source or {}),
        },
    )


def _mean_rate(time_s: np.ndarray) -> str:
    span = float(time_s[-1] - time_s[0])
    return f"{(len(time_s) - 1) / span:.4g} frames/s on the mean" if span > 0 else "one time"


@dataclasses.dataclass(frozen=True)
class Said:
    """What is told of the people: how they were linked, and what was dropped."""

    found: str
    dropped: tuple[str, ...] = ()


def _most_seen(
    column: np.ndarray, ids: np.ndarray, said: Said, fit: int
) -> tuple[np.ndarray, np.ndarray, Said]:
    """Keeps the `fit` people with the most poses, where all of them would take too much memory."""
    counts = np.bincount(column[column >= 0], minlength=len(ids))
    keep = np.sort(np.argsort(-counts, kind="stable")[:fit])
    place = np.full(len(ids), -1)
    place[keep] = np.arange(fit)
    lost = int(counts.sum() - counts[keep].sum())
    left = f"{len(ids) - fit} people of {len(ids)}, those seen least ({lost} poses)"
    fresh = np.where(column >= 0, place[column], -1)
    return fresh, ids[keep], Said(said.found, (*said.dropped, left))


def people(
    seen: Sightings, place: np.ndarray, time_s: np.ndarray, path: object
) -> tuple[np.ndarray, np.ndarray, Said]:
    """Returns each sighting's person as a column (-1: dropped), the ids of the columns, and why.

    The file's ids are kept where every sighting has one, none occurs twice in a frame, and no two
    people change places with them; else the people are linked again (`retrack`).
    """
    counts = np.bincount(place)
    if counts.max() > MAX_PEOPLE:
        raise InputError(f"a frame has {counts.max()} people, over {MAX_PEOPLE}", path, "split it")
    if counts.max() == 1 and len(np.unique(seen.person)) == 1:
        return np.zeros(len(place), np.int64), np.ones(1, np.int64), Said("one a frame")
    why = _distrust(seen.person, place)
    ids, column = np.unique(seen.person, return_inverse=True)
    if not why:
        swaps = retrack.swaps(seen.pose, place, column, time_s)
        if not len(swaps):
            return column, ids, Said("ids of the file")
        first = ", ".join(f"{time_s[t]:.2f} s" for t in swaps[:3])
        why = f"the file's ids change places {len(swaps)} times, first at {first}"
    linked = retrack.link(seen.pose, place, time_s)
    said = (f"{linked.short} short tracks ({linked.lost} poses)",) if linked.short else ()
    return linked.column, 1 + np.arange(linked.count), Said(f"linked anew: {why}", said)


def _distrust(person: np.ndarray, place: np.ndarray) -> str:
    if (person < 0).all():
        return "the file has no ids"
    if (person < 0).any():
        return f"{int((person < 0).sum())} poses have no id"
    pairs = np.stack([place, person])
    if np.unique(pairs, axis=1).shape[1] != len(place):
        return "the file has one id twice in a frame"
    return ""
