"""Writes BVH motion files: a motion as it is, or joint rotations fitted to positions."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.data.bvh import END, MAX_VALUES, POSITIONS, Bvh
from dance_jax.data.bvh_kinematics import positions
from dance_jax.data.even_frames import Even, even_frames
from dance_jax.data.textfile import write_text
from dance_jax.errors import InputError
from dance_jax.types import Clip

TOLERANCE_M = 2e-5
ORDER = ("Zrotation", "Xrotation", "Yrotation")
UNITS = {"cm": 100.0, "m": 1.0, "mm": 1000.0}


def write_motion(path: str | os.PathLike[str], motion: Bvh) -> None:
    """Writes a motion as it is: its own offsets, channels and values.

    Args:
        path: the file to make.
        motion: from `bvh.read_bvh`, or made; every parent before its children.

    Raises:
        ValueError: shapes, parents or names that a BVH file cannot hold.
    """
    joints = len(motion.names)
    width = sum(map(len, motion.channels))
    if np.shape(motion.offsets) != (joints, 3) or np.shape(motion.values)[1:] != (width,):
        raise ValueError(f"{joints} joints of {width} channels need offsets [J,3] and values [T,N]")
    if motion.parents[:1] != (-1,) or any(
        not 0 <= parent < j for j, parent in enumerate(motion.parents) if j
    ):
        raise ValueError("the first joint must be the only root, every parent before its children")
    if any(re.search(r"[{}\r\n]", name) or not name.strip() for name in motion.names):
        raise ValueError("joint names must not be empty or hold braces or line breaks")
    if not np.isfinite(motion.values).all() or not np.isfinite(motion.offsets).all():
        raise ValueError("a BVH file has no gaps: every value must be finite")
    children: dict[int, list[int]] = {}
    for j, parent in enumerate(motion.parents):
        children.setdefault(parent, []).append(j)
    lines, order = ["HIERARCHY"], []
    todo: list[tuple[int, int]] = [(0, 0)]  # joint, depth; joint -1 closes a brace
    while todo:
        j, depth = todo.pop()
        tab = "\t" * depth
        if j < 0:
            lines.append(f"{tab}}}")
            continue
        ends = not motion.channels[j] and j not in children and END in motion.names[j]
        head = "ROOT" if depth == 0 else "JOINT"
        lines += [f"{tab}End Site" if ends else f"{tab}{head} {motion.names[j]}", f"{tab}{{"]
        lines.append(f"{tab}\tOFFSET " + " ".join(f"{v:.8g}" for v in motion.offsets[j]))
        if not ends:
            lines.append(
                " ".join([f"{tab}\tCHANNELS {len(motion.channels[j])}", *motion.channels[j]])
            )
        order.append(j)
        todo.append((-1, depth))
        todo += [(child, depth + 1) for child in reversed(children.get(j, ()))]
    starts = motion.starts
    columns = [starts[j] + i for j in order for i in range(len(motion.channels[j]))]
    lines += ["MOTION", f"Frames: {len(motion.values)}", f"Frame Time: {motion.frame_time:.10g}"]
    lines += [" ".join(f"{v:.7f}" for v in row) for row in np.asarray(motion.values)[:, columns]]
    write_text(path, "\n".join(lines) + "\n")


def _tree(clip: Clip, even: Even) -> list[int]:
    """Returns the parent of each kept joint: its nearest kept ancestor; roots hang on the first."""
    parents = skeleton.get(clip.skeleton).parents
    place = {joint: k for k, joint in enumerate(even.kept)}
    out = []
    for joint in even.kept:
        above = parents[joint]
        while above >= 0 and above not in place:
            above = parents[above]
        out.append(place.get(above, -1))
    root = out.index(-1)
    return [root if parent < 0 and k != root else parent for k, parent in enumerate(out)]


def _depth_first(parents: list[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for k, parent in enumerate(parents):
        children.setdefault(parent, []).append(k)
    order, todo = [], list(children[-1])
    while todo:
        order.append(todo.pop())
        todo += reversed(children.get(order[-1], ()))
    return order


def _nearest(matrix: np.ndarray) -> np.ndarray:
    """Returns the rotations nearest to [T,3,3] matrices (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(matrix)
    u[..., -1] *= np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)[:, None]
    return u @ vt


def zxy(rotation: np.ndarray) -> np.ndarray:
    """Returns degrees [T,3] about z, x, y with R = Rz Rx Ry, steady over time.

    Args:
        rotation: f64[T,3,3]. Where x is +-90 degrees the turn about y is taken as none.
    """
    r = rotation
    flat = np.hypot(r[:, 2, 0], r[:, 2, 2])
    locked = flat < 1e-9
    z = np.where(locked, np.arctan2(r[:, 1, 0], r[:, 0, 0]), np.arctan2(-r[:, 0, 1], r[:, 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-r[:, 2, 0], r[:, 2, 2]))
    angles = np.stack([z, np.arctan2(r[:, 2, 1], flat), y], -1)
    return np.degrees(np.unwrap(angles, axis=0))


def fit(
    names: tuple[str, ...],
    parents: list[int],
    pose: np.ndarray,
    step_s: float,
    *,
    rigid: bool = False,
    rest: int = 0,
) -> Bvh:
    """Returns joint rotations that lead through given positions.

    Rest pose: the pose of one frame, each bone at its median length. A joint's rotation is the one
    nearest to its children's directions (least squares), and nearest to its parent's own where they
    leave it open (a single child does not show the twist). A bone that this misses by more than
    0.02 mm gets position channels, so that its joint stays where it was seen.

    Args:
        names: K joints.
        parents: K indices, one -1.
        pose: f64[T,K,3] metres, finite.
        step_s: seconds from frame to frame.
        rigid: never give position channels below the root; positions are then only nearly met.
        rest: the frame of the rest pose.

    Returns:
        The motion in metres, joints depth first, with an empty End Site at each last joint.
    """
    order = _depth_first(parents)
    inner = set(parents)
    world: dict[int, np.ndarray] = {-1: np.broadcast_to(np.eye(3), (len(pose), 3, 3))}
    made = np.array(pose)  # where the file puts each joint: what a bone misses is not carried on
    offsets, extra = np.zeros((len(names), 3)), {}
    for k, parent in enumerate(parents):
        if parent >= 0:
            bones = pose[:, k] - pose[:, parent]
            length = np.linalg.norm(bones[rest])
            lengths = np.linalg.norm(bones, axis=-1)
            offsets[k] = bones[rest] * (np.median(lengths) / length if length > 1e-9 else 0.0)
    out: list[tuple[str, int, np.ndarray, tuple[str, ...], np.ndarray]] = []
    place: dict[int, int] = {-1: -1}
    for k in order:
        above = world[parents[k]]
        if k in inner:
            mine = [c for c, parent in enumerate(parents) if parent == k]
            size = 1e-7 * (float(np.square(offsets[mine]).sum()) + 1e-9)
            vectors = pose[:, mine] - made[:, k, None]
            world[k] = _nearest(np.einsum("tci,cj->tij", vectors, offsets[mine]) + size * above)
            reached = np.einsum("tij,cj->tci", world[k], offsets[mine])
            for c, vector, reach in zip(mine, vectors.swapaxes(0, 1), reached.swapaxes(0, 1),
                                        strict=True):  # fmt: skip
                missed = np.linalg.norm(vector - reach, axis=-1).max()
                if missed > TOLERANCE_M and not rigid:
                    extra[c] = np.einsum("tji,tj->ti", world[k], vector)
                else:
                    made[:, c] = made[:, k] + reach
            turn = zxy(above.swapaxes(-1, -2) @ world[k])
        else:
            turn = np.zeros((len(pose), 3))
        moves = pose[:, k] if parents[k] < 0 else extra.get(k)
        names_of = ORDER if moves is None else POSITIONS + ORDER
        values = turn if moves is None else np.concatenate([moves, turn], -1)
        place[k] = len(out)
        out.append((names[k], place[parents[k]], offsets[k], names_of, values))
        if k not in inner:
            out.append((f"{names[k]}{END}", place[k], np.zeros(3), (), np.zeros((len(pose), 0))))
    rows = list(zip(*out, strict=True))
    values = np.concatenate(rows[4], -1)
    return Bvh(rows[0], rows[1], np.array(rows[2]), rows[3], values, step_s)


def write_bvh(
    path: str | os.PathLike[str],
    clip: Clip,
    person: int = 0,
    *,
    unit: str = "cm",
    rigid: bool = False,
) -> dict[str, Any]:
    """Writes one person's positions as a BVH motion (`fit`), y up.

    BVH has one frame rate and no gaps: both are bridged by straight lines, and what was filled is
    returned. Joints never seen are left out.

    Args:
        path: the file to make.
        clip: metres, three coordinates.
        person: place on axis P.
        unit: "cm" (what most programs expect), "m" or "mm".
        rigid: see `fit`; for programs that read position channels at the root only.

    Returns:
        Notes: "left_out", "filled", "resampled", "first_s" (BVH itself starts at 0),
        "frames_per_s", "unit", "rest_pose", "position_channels" (joints) and "max_error_m".

    Raises:
        InputError: the clip cannot be written as BVH.
    """
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is not known", "BVH export", f"use {', '.join(UNITS)}")
    even = even_frames(clip, person, "BVH")
    if even.pose.size * 3 > MAX_VALUES:
        raise InputError("it has too many frames", "BVH export", "write it in parts")
    names = tuple(re.sub(r"[\s{}]+", "_", name) for name in even.names)
    if len(set(names)) < len(names):
        raise InputError("two joint names differ in spaces only", "BVH export", "rename one")
    rest = int(np.argmax(even.seen.sum(1)))
    motion = fit(names, _tree(clip, even), even.pose, even.step_s, rigid=rigid, rest=rest)
    reached = dict(zip(motion.names, positions(motion).swapaxes(0, 1), strict=True))
    missed = max(
        float(np.abs(reached[name] - even.pose[:, k]).max()) for k, name in enumerate(names)
    )
    size = UNITS[unit]
    factors = [size if name in POSITIONS else 1.0 for row in motion.channels for name in row]
    write_motion(
        path,
        dataclasses.replace(
            motion, offsets=motion.offsets * size, values=motion.values * np.array(factors)
        ),
    )
    moving = [
        name
        for name, parent, row in zip(motion.names, motion.parents, motion.channels, strict=True)
        if parent >= 0 and set(row) & set(POSITIONS)
    ]
    return even.notes | {
        "unit": unit,
        "y": "up",
        "rest_pose": f"the pose of frame {rest + 1}, bones at their median length",
        "position_channels": moving,
        "max_error_m": missed,
    }
