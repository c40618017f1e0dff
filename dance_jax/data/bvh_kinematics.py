"""Forward kinematics of BVH motions: rotations and places of all joints.

Not `kinematics.forward`: in BVH a joint may also move against its parent in every frame.
"""

from __future__ import annotations

import numpy as np

from dance_jax.data.bvh import POSITIONS, ROTATIONS, Bvh


def added_positions(motion: Bvh) -> tuple[bool, ...]:
    """Returns for each joint whether its position channels add to its OFFSET, not replace it.

    The format does not say which; programs write the whole vector (as Blender reads it). Only where
    every position of a joint below the root is zero and its OFFSET is not, do they add: the bone
    would have no length otherwise.
    """
    out = []
    for joint, (start, names) in enumerate(zip(motion.starts, motion.channels, strict=True)):
        at = [start + i for i, name in enumerate(names) if name in POSITIONS]
        nothing = bool(at) and not motion.values[:, at].any()
        out.append(nothing and motion.parents[joint] >= 0 and bool(motion.offsets[joint].any()))
    return tuple(out)


def local_rotations(motion: Bvh, joint: int, part: slice = slice(None)) -> np.ndarray:
    """Returns f64[T,3,3], the rotations of one joint against its parent, of some frames.

    R = R_1 R_2 R_3 in the order of the joint's channels, each about the axis that it names.
    """
    rows = motion.values[part]
    found = np.broadcast_to(np.eye(3), (len(rows), 3, 3))
    for at, name in enumerate(motion.channels[joint], motion.starts[joint]):
        if name in ROTATIONS:
            angle, axis = np.radians(rows[:, at]), ROTATIONS.index(name)
            j, k = (axis + 1) % 3, (axis + 2) % 3
            turn = np.zeros((len(rows), 3, 3))
            turn[:, axis, axis] = 1
            turn[:, j, j] = turn[:, k, k] = np.cos(angle)
            turn[:, k, j] = np.sin(angle)
            turn[:, j, k] = -turn[:, k, j]
            found = found @ turn
    return found


def positions(motion: Bvh, chunk: int | None = None) -> np.ndarray:
    """Returns f32[T,J,3], the places of all joints in the file's unit and axes.

    p_j = p_parent + W_parent o_j and W_j = W_parent R_j, o_j the OFFSET or the position channels.

    Args:
        motion: from `read_bvh`.
        chunk: frames at a time, which bounds the memory; None for some 15 MiB.
    """
    frames, joints = len(motion.values), len(motion.names)
    out = np.empty((frames, joints, 3), np.float32)
    adds, inner = added_positions(motion), set(motion.parents)
    chunk = max(1, 200_000 // joints) if chunk is None else chunk
    for first in range(0, frames, chunk):
        part = slice(first, first + chunk)
        rows = motion.values[part]
        places = np.empty((len(rows), joints, 3))
        world: dict[int, np.ndarray] = {}
        for j, parent in enumerate(motion.parents):
            step = np.broadcast_to(motion.offsets[j], (len(rows), 3)).copy()
            for at, name in enumerate(motion.channels[j], motion.starts[j]):
                if name in POSITIONS and not adds[j]:
                    step[:, POSITIONS.index(name)] = rows[:, at]
            turn = local_rotations(motion, j, part) if j in inner else None
            if parent < 0:
                places[:, j] = step
            else:
                places[:, j] = places[:, parent] + (world[parent] @ step[..., None])[..., 0]
                turn = None if turn is None else world[parent] @ turn
            if turn is not None:
                world[j] = turn
        out[part] = places
    return out
