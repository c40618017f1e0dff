"""BVH motion files as clips: joint positions by forward kinematics, in metres, y up."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import numpy as np

from dance_jax import skeleton
from dance_jax.data import bvh, bvh_kinematics, mocap_frame
from dance_jax.data.bvh_writer import write_bvh
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.types import Clip


def sniff(head: Head) -> str | None:
    """Returns "BVH motion" where the file begins with HIERARCHY."""
    if not head.is_folder and head.text.lstrip()[:9].upper() == "HIERARCHY":
        return "BVH motion"
    return None


def to_clip(
    motion: bvh.Bvh,
    path: str | os.PathLike[str] = "",
    options: ReadOptions | None = None,
) -> Clip:
    """Returns the positions of a BVH motion as a clip.

    Args:
        motion: from `bvh.read_bvh`.
        path: where it comes from.
        options: `unit` where the figure's height does not tell it, `fps` against a wrong Frame
            Time.

    Returns:
        One person, metres, y up; End Sites are joints named "<parent>_EndSite".

    Raises:
        InputError: the unit cannot be told.
    """
    options = options or ReadOptions()
    ends = [j for j, name in enumerate(motion.names) if bvh.END in name and not motion.channels[j]]
    empty = {j for j in ends if not motion.offsets[j].any()}
    kept = [j for j in range(len(motion.names)) if j not in empty]
    place = {j: k for k, j in enumerate(kept)} | {-1: -1}  # an End Site is nobody's parent
    pose = bvh_kinematics.positions(motion)[:, kept]
    names = skeleton.custom(
        [motion.names[j] for j in kept],
        [place[motion.parents[j]] for j in kept],
        source=str(path) or "BVH",
    )
    scale, unit = mocap_frame.metres(pose, names, path, options.unit, None)
    up = mocap_frame.upward(pose, names)
    turn = "+z" if up == "+z" else "+y"
    pose = pose * np.float32(scale)
    if turn != "+y":
        pose = pose @ np.array(mocap_frame.TURNS[turn], np.float32).T
    fps = options.need_fps(path, 1 / motion.frame_time)
    axes = "z up turned to y up, by the figure's stance" if turn == "+z" else "y up"
    notes = [
        f"BVH, {skeleton.describe(names)}",
        *([f"{len(ends) - len(empty)} of them End Sites"] if len(ends) > len(empty) else ()),
        f"{len(pose)} frames at {fps:.6g} frames/s " + ("as given" if options.fps else "by file"),
        unit,
        axes
        + ("" if up in (turn, None) else f" as the format has it, though it stands along {up}"),
    ]
    moving = [
        motion.names[j]
        for j, row in enumerate(motion.channels)
        if motion.parents[j] >= 0 and set(row) & set(bvh.POSITIONS)
    ]
    if any(bvh_kinematics.added_positions(motion)):
        notes.append("position channels of zero added to the OFFSETs")
    elif moving:
        notes.append(f"position channels of {len(moving)} joints in place of their OFFSETs")
    if motion.offsets[0].any() and set(motion.channels[0]) & set(bvh.POSITIONS):
        notes.append("the root's positions in place of its OFFSET, which is not zero")
    return Clip(
        pose[:, None],
        np.ones((len(pose), 1, len(names))),
        np.arange(len(pose)) / fps,
        skeleton=names,
        unit="m",
        source={
            "path": str(path),
            "format": "bvh",
            "found": "; ".join(notes),
            "dropped": (
                "joint rotations (dance_jax.data.bvh.read_bvh gives them)",
                *([f"{len(empty)} End Sites of no length"] if empty else ()),
            ),
            "metres_per_unit": scale,
        },
    )


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives the one clip of a BVH file."""
    yield to_clip(bvh.read_bvh(path), path, options)


FORMAT = Format("bvh", "BVH motion", sniff, read, write_bvh)
