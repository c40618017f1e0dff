"""C3D motion-capture files as clips: points in metres, y up, one person a subject."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Iterator

import numpy as np

from dance_jax import skeleton
from dance_jax.data import c3d, mocap_frame
from dance_jax.data.c3d_writer import write_c3d
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.marker_hips import add_hips
from dance_jax.errors import InputError
from dance_jax.types import Clip

# Vicon's models write their results among the points; these lists name them.
MODEL_OUTPUTS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
_UNITS = {
    "mm": "millimeter millimeters millimetre millimetres",
    "cm": "centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres",
    "in": "inch inches",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in (unit, *words.split())}


def sniff(head: Head) -> str | None:
    """Returns "C3D motion capture" where the first bytes are those of a C3D header."""
    start = head.start
    if head.is_folder or len(start) < 512 or start[1] != 0x50 or not start[0]:
        return None
    at = (start[0] - 1) * c3d.BLOCK
    if at + 4 <= len(start):
        return "C3D motion capture" if start[at + 3] in c3d.PROCESSORS else None
    return "C3D motion capture" if head.path.suffix.lower() == ".c3d" else None


def _people(labels: list[str]) -> tuple[list[str], list[list[int]], list[str]]:
    """Returns joint names, one row of columns (-1 missing) a person, and the subjects' names.

    Subjects of one file ("Ann:LASI", "Bob:LASI") are people where at least half their labels agree.
    """
    sets: dict[str, dict[str, int]] = {}
    for i, label in enumerate(labels):
        subject, colon, name = label.partition(":")
        sets.setdefault(subject if colon else "", {}).setdefault(name if colon else label, i)
    subjects = [subject for subject in sets if subject]
    if len(subjects) > 1:
        names = list(dict.fromkeys(name for s in subjects for name in sets[s]))
        shared = set.intersection(*(set(sets[s]) for s in subjects))
        if 2 * len(shared) >= len(names):
            return names, [[sets[s].get(name, -1) for name in names] for s in subjects], subjects
    return labels, [list(range(len(labels)))], subjects[:1]


def _turn(found: c3d.C3d, pose: np.ndarray, names: skeleton.Skeleton) -> tuple[np.ndarray, str]:
    """Returns the rotation to y up, and a sentence on what it rests on."""
    stands = mocap_frame.upward(pose, names)
    screen = [
        str((found.parameters.get(f"POINT:{axis}_SCREEN") or ("",))[0]).strip().lower()
        for axis in "XY"
    ]
    screen = [axis if axis[:1] in "+-" else f"+{axis}" for axis in screen]
    good = all(len(a) == 2 and a[1] in "xyz" for a in screen) and screen[0][1] != screen[1][1]
    if good:
        rows = []
        for axis in screen:
            rows.append(np.eye(3)["xyz".index(axis[1])] * (-1 if axis[0] == "-" else 1))
        said = f"{screen[1]} up by POINT:Y_SCREEN"
        if stands not in (None, screen[1]):
            said += f", though the figure stands along {stands}"
        return np.array([*rows, np.cross(rows[0], rows[1])]), said
    if stands is not None:
        return np.array(mocap_frame.TURNS[stands]), f"{stands} up, by the figure's stance"
    return np.array(mocap_frame.TURNS["+z"]), "taken as z up, since nothing says which axis is"


def to_clip(
    found: c3d.C3d, path: object = "", options: ReadOptions | None = None
) -> Clip:  # fmt: skip
    """Returns the points of a C3D file as a clip.

    Args:
        found: from `c3d.read_c3d`.
        path: where it comes from.
        options: `unit` and `fps` where the file does not say them, or says them wrongly.

    Returns:
        Metres, y up; frame n of the recording is at (n - 1) / rate seconds.

    Raises:
        InputError: the unit or the rate cannot be told, or no labelled point was ever seen.
    """
    options = options or ReadOptions()
    dropped = []
    outputs = {
        label: kind
        for kind in MODEL_OUTPUTS
        for key, labels in found.parameters.items()
        if key.startswith(f"POINT:{kind}")
        for label in labels
    }
    keep, labels, unnamed, counts = [], [], 0, {}
    for i, label in enumerate(found.labels):
        if label in outputs:
            counts[outputs[label]] = counts.get(outputs[label], 0) + 1
        elif not label or label.startswith("*") or label.split(":")[-1].startswith("*"):
            unnamed += 1
        elif np.isfinite(found.points[:, i, 0]).any():
            keep.append(i)
            labels.append(label)
        else:
            counts["never seen"] = counts.get("never seen", 0) + 1
    if not keep:
        raise InputError("no labelled point was seen", path, "label the markers and export again")
    twice = [label for label, count in collections.Counter(labels).items() if count > 1]
    if twice:
        raise InputError(f"the label {min(twice)[:60]!r} occurs twice", path, "rename one")
    dropped += [f"{n} points of kind {kind.lower()}" for kind, n in counts.items()]
    dropped += [f"{unnamed} points without a label"] * bool(unnamed)
    if found.analog[0]:
        dropped.append(f"{found.analog[0]} analog channels of {found.analog[1]} samples a frame")
    dropped += [f"{found.events} events"] * bool(found.events)
    if any(found.parameters.get("ROTATION:USED", ())):
        dropped.append("rotations of segments")
    joints, columns, subjects = _people(labels)
    points = found.points if len(keep) == len(found.labels) else found.points[:, keep]
    points, zeros = _without_zeros(points, found)
    dropped += [f"{zeros} places at exactly (0, 0, 0) taken as gaps"] * bool(zeros)
    rows = np.array(columns)
    pose = points[:, rows]
    pose[:, rows < 0] = np.nan
    names = skeleton.custom(joints, source=str(path) or "C3D")
    stated = _UNIT_OF.get(found.unit.lower(), found.unit) or None
    scale, unit = mocap_frame.metres(pose[:, 0], names, path, options.unit, stated)
    pose *= np.float32(scale)
    pose, joints, hips = add_hips(pose, joints)
    names = skeleton.custom(joints, source=str(path) or "C3D")
    turn, axes = _turn(found, pose[:, 0], names)
    pose = pose[..., np.abs(turn).argmax(1)]  # axes to axes: no product is needed
    pose *= turn.sum(1).astype(np.float32)
    fps = options.need_fps(path, None if np.isnan(found.rate) else found.rate)
    sure = np.isfinite(pose).all(-1).astype(np.float32)
    notes = [
        f"C3D ({found.processor}), {skeleton.describe(names)}",
        f"{len(rows)} people: {', '.join(subjects)[:80]}" if len(rows) > 1 else "1 person",
        f"{len(pose)} frames from frame {found.first_frame} at {fps:.6g} frames/s "
        + ("as given" if options.fps else "by the file"),
        unit,
        axes,
        *([hips] if hips else ()),
        f"{int((sure == 0).sum())} of {sure.size} places missing",
        *found.doubts,
    ]
    return Clip(
        pose,
        sure,
        (max(found.first_frame, 1) - 1 + np.arange(len(pose))) / fps,
        skeleton=names,
        unit="m",
        source={
            "path": str(path),
            "format": "c3d",
            "found": "; ".join(notes),
            "dropped": tuple(dropped),
            "metres_per_unit": scale,
            "subjects": tuple(subjects),
        },
    )


def _without_zeros(points: np.ndarray, found: c3d.C3d) -> tuple[np.ndarray, int]:
    """Takes exact zeros for gaps where a file marks no gap by its residual, as some programs write.

    Only in points that are elsewhere not zero: one at the origin throughout is there by intent.
    """
    software = str((found.parameters.get("MANUFACTURER:SOFTWARE") or ("",))[0])
    if np.isnan(found.points).any() or software.startswith("dance_jax"):
        return points, 0
    zero = (points == 0).all(-1)
    gap = zero & (~zero).any(0)
    return np.where(gap[..., None], np.float32(np.nan), points), int(gap.sum())


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the one clip of a C3D file."""
    yield to_clip(c3d.read_c3d(path), path, options)


FORMAT = Format("c3d", "C3D motion capture", sniff, read, write_c3d)
