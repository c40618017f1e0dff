"""TRC marker files as clips: metres and y up, or pixels and y down."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.data import mocap_frame, trc
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.data.marker_hips import add_hips
from dance_jax.errors import InputError
from dance_jax.types import Clip

MAX_BYTES = 64 << 20
MAX_NUMBER = 1e9


def sniff(head: Head) -> str | None:
    """Returns "TRC markers" where the file begins with PathFileType."""
    return "TRC markers" if head.text.lstrip().startswith("PathFileType") else None


def to_clip(
    found: trc.Markers, path: object = "", options: ReadOptions | None = None
) -> Clip:  # fmt: skip
    """Returns marker trajectories as a clip.

    Args:
        found: from `trc.read_trc`.
        path: where it comes from.
        options: `unit` against a wrong header, `image_size` for pixels (TRC has y up).

    Returns:
        One person. Pixels: y down from the picture's upper edge, or, without `image_size`, from its
        lower edge (y <= 0). A file whose Z is 0 throughout gives two coordinates.

    Raises:
        InputError: no frame, a number beyond 1e9, or a unit that the figure's height denies.
    """
    options = options or ReadOptions()
    if not len(found.time_s):
        raise InputError("it holds no frame", path, "export the TRC file again")
    far = ~(np.abs(found.positions) <= MAX_NUMBER) & ~np.isnan(found.positions)
    if far.any():
        frame = int(np.argwhere(far)[0, 0])
        what = f"frame {frame + 1} has a coordinate that is infinite or beyond 1e9"
        raise InputError(what, path, "export the TRC file again")
    pose = np.where(np.isfinite(found.positions).all(-1, keepdims=True), found.positions, np.nan)
    names = skeleton.custom(found.names, source=str(path) or "TRC")
    flat = not np.nan_to_num(pose[..., 2]).any()
    unit = options.unit or found.unit
    notes = [f"TRC, {skeleton.describe(names)}"]
    if unit == "px":
        height = options.image_size[1] if options.image_size else 0
        pose[..., 1] = height - pose[..., 1]
        edge = "upper edge" if height else "lower edge; image_size=(width, height) moves it"
        notes.append(f"pixels, y turned down from the picture's {edge}")
    else:
        scale, said = mocap_frame.metres(pose, names, path, options.unit, found.unit)
        made, joints, hips = add_hips(pose[:, None] * scale, list(found.names))
        pose, names = made[:, 0], skeleton.custom(joints, source=str(path) or "TRC")
        notes = [f"TRC, {skeleton.describe(names)}", *([hips] if hips else ())]
        stands = None if flat else mocap_frame.upward(pose, names)
        if stands == "+z":
            pose = pose @ np.array(mocap_frame.TURNS["+z"], float).T
        notes += [said, "z up turned to y up, by the figure's stance" if stands == "+z" else "y up"]
    if flat:
        pose = pose[..., :2]
        notes.append("Z is 0 throughout: two coordinates")
    time_s = found.time_s
    if options.fps is not None:
        time_s = np.arange(len(pose)) / options.fps
    times = "times by fps= as given" if options.fps is not None else "times of the file"
    notes.insert(1, f"{len(pose)} frames, {times}, {found.rate:.6g} frames/s by its header")
    sure = np.isfinite(pose).all(-1).astype(np.float32)
    notes.append(f"{int((sure == 0).sum())} of {sure.size} places missing")
    return Clip(
        pose[:, None],
        sure[:, None],
        time_s,
        skeleton=names,
        unit="px" if unit == "px" else "m",
        image_size=options.image_size if unit == "px" else None,
        source={"path": str(path), "format": "trc", "found": "; ".join(notes), "dropped": ()},
    )


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the one clip of a TRC file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError("the file is larger than 64 MiB", path, "split it")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    yield to_clip(trc.read_trc(path), path, options)


def write(path: pathlib.Path, clip: Clip, person: int = 0) -> dict[str, Any]:
    """Writes one person's joints that were ever seen as TRC markers, y up; gaps are blank cells.

    Args:
        path: the file to make.
        clip: metres, or pixels with an image size.
        person: place on axis P.

    Returns:
        Notes: "left_out" (joints never seen) and "unit".

    Raises:
        InputError: the clip is in body heights, has no such person, or nobody was seen.
    """
    if clip.unit not in trc.UNITS:
        raise InputError(f"TRC has no {clip.unit}", "TRC export", "give metres or pixels")
    if not 0 <= person < clip.n_people:
        raise InputError(f"the clip has no person {person}", "TRC export", "count from 0")
    pose = np.asarray(clip.pose[:, person], np.float64)
    seen = np.isfinite(pose).all(-1).any(0)
    joints = skeleton.get(clip.skeleton).joints
    if not seen.any():
        raise InputError("no joint was seen", "TRC export", "choose another person")
    if clip.unit == "px":
        pose[..., 1] = (clip.image_size[1] if clip.image_size else 0) - pose[..., 1]
    kept = [name for name, keep in zip(joints, seen, strict=True) if keep]
    trc.write_trc(path, kept, pose[:, seen], clip.time_s, clip.unit)
    return {"left_out": [name for name in joints if name not in kept], "unit": clip.unit}


FORMAT = Format("trc", "TRC markers", sniff, read, write)
