"""The body as a tree of fourteen rods: masses, joints, and how each segment moves."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import anthropometry, segments
from dance_jax.biomech.movement import Movement
from dance_jax.kinematics import motion
from dance_jax.kinematics.vectors import all_finite, component_sum, cross, finite_or
from dance_jax.kinematics.windows import time_steps
from dance_jax.skeleton import CANON, index

_SIDE = (
    ("upper_arm", "trunk", "shoulder"),
    ("forearm", "upper_arm", "elbow"),
    ("hand", "forearm", "wrist"),
    ("thigh", "trunk", "hip"),
    ("shank", "thigh", "knee"),
    ("foot", "shank", "ankle"),
)
# (segment, parent, joint between them); the trunk is the root, held at the hip.
_TREE = (
    ("trunk", "", "hip"),
    ("head", "trunk", "neck"),
    *(
        (side + name, parent if parent == "trunk" else side + parent, side + joint)
        for side in ("left_", "right_")
        for name, parent, joint in _SIDE
    ),
)
SEGMENTS: tuple[str, ...] = tuple(row[0] for row in _TREE)
"""The fourteen segments, parents first."""
PARENTS: tuple[int, ...] = tuple(SEGMENTS.index(p) if p else -1 for _, p, _ in _TREE)
"""The segment that each one hangs on; -1 for the trunk."""
JOINTS: tuple[str, ...] = tuple(row[2] for row in _TREE)
"""The HALPE-26 joint where each one hangs on its parent; the trunk's is the hip."""

_AT = np.asarray([index(CANON, joint) for joint in JOINTS], np.int32)
# Distance of the shoulder joints in trunk lengths (mid-shoulder to mid-hip, .288 of stature): some
# .2 of stature, as joint centres lie inside the breadth of the shoulders (.259).
_SHOULDERS = 0.7


@dataclasses.dataclass(frozen=True)
class Linkage:
    """Masses and rods of the fourteen segments.

    A rod is a vector k (b - a) between two joints; a segment's mass, spread evenly to both sides
    along its rods, has the second moments m sum k^2 (b - a)(b - a)^T.

    Attributes:
        mass: [S] fractions of body mass, sum 1.
        radius: [R] k, the radius of gyration as a fraction of the distance of the two joints.
        first: [R] HALPE-26 joint a.
        second: [R] HALPE-26 joint b.
        owner: [R] the segment of each rod.
    """

    mass: np.ndarray
    radius: np.ndarray
    first: np.ndarray
    second: np.ndarray
    owner: np.ndarray


class SegmentMotion(NamedTuple):
    """How the segments move; lengths in body heights, masses as fractions of body mass.

    Attributes:
        mass: [S].
        joint: [T, S, C] where each segment hangs on its parent.
        centre: [T, S, C] centres of mass.
        velocity: [T, S, C] of the centres of mass, per second.
        acceleration: [T, S, C] per second squared.
        spin: [T, S, D] rate of change of the angular momentum about the own centre of mass;
            D = 1 in the plane, 3 in space.
        rotation_energy: [T, S] kinetic energy of the turning about the own centre of mass.
    """

    mass: jnp.ndarray
    joint: jnp.ndarray
    centre: jnp.ndarray
    velocity: jnp.ndarray
    acceleration: jnp.ndarray
    spin: jnp.ndarray
    rotation_energy: jnp.ndarray


@functools.lru_cache
def linkage(table: str = "de_leva_mean") -> Linkage:
    """Builds the link-segment model from a table of segments.

    A limb is a thin rod: its radius of gyration is the root mean square of the sagittal and the
    transverse one, and the longitudinal one is left out, since joints do not show a segment's
    spin about its own axis. The trunk is a flat plate, one rod along it and one across, as the
    line of the shoulders shows its turning:

        k_along^2 = (s^2 + t^2 - l^2)/2,   k_across^2 = (s^2 + l^2 - t^2)/2

    Args:
        table: name of a table in `anthropometry`.

    Returns:
        The model.

    Raises:
        InputError: there is no such table.
    """
    rows, ends = anthropometry.get(table), anthropometry.ends(table)
    rods = []
    for owner, segment in enumerate(SEGMENTS):
        side, name = _split(segment)
        s, t, long = rows[name].gyration
        a, b = (end if end == "neck" else side + end for end in ends[name])
        if name == "trunk":
            across = math.sqrt((s**2 + long**2 - t**2) / 2)
            rods.append((math.sqrt((s**2 + t**2 - long**2) / 2), a, b, owner))
            rods.append((across / _SHOULDERS, "right_shoulder", "left_shoulder", owner))
        else:
            rods.append((math.sqrt((s**2 + t**2) / 2), a, b, owner))
    radius, first, second, owners = zip(*rods, strict=True)
    return Linkage(
        mass=np.asarray([rows[_split(s)[1]].mass for s in SEGMENTS], np.float32),
        radius=np.asarray(radius, np.float32),
        first=np.asarray([index(CANON, joint) for joint in first], np.int32),
        second=np.asarray([index(CANON, joint) for joint in second], np.int32),
        owner=np.asarray(owners, np.int32),
    )


def _split(segment: str) -> tuple[str, str]:
    """Parts "left_thigh" into "left_" and "thigh"."""
    for side in ("left_", "right_"):
        if segment.startswith(side):
            return side, segment.removeprefix(side)
    return "", segment


def segment_motion(moved: Movement, table: str = "de_leva_mean") -> SegmentMotion:
    """Differentiates the segments' centres of mass and rods over the true times.

        H = sum_rods m r x dr/dt,   dH/dt = sum_rods m r x d2r/dt2,   K = 1/2 sum_rods m |dr/dt|^2

    with r = k (b - a). For a rod of fixed length this is rigid-body motion without spin about the
    rod. In the picture's plane it is exactly the part of a rod's momentum and energy that lies in
    that plane, however the rod is foreshortened.

    A foot or a head whose ends are not seen, while its centre of mass is (see
    `segments.segment_centres`), counts as a point mass.

    Args:
        moved: the movement, filtered.
        table: name of a table in `anthropometry`.

    Returns:
        The motion of the segments; NaN where a segment was not seen.
    """
    model = linkage(table)
    pose = moved.pose
    # Coordinates before segments, [T, C, S]: long rows in memory for sums and differences.
    centre = segments.centres_by_coordinate(pose, table, SEGMENTS)
    rod = _rods(pose, model)
    both = jnp.concatenate([centre, rod], axis=-1)
    rate = motion.velocity(both, moved.time_s)
    rate2 = motion.velocity(rate, moved.time_s)
    count = len(SEGMENTS)
    known = all_finite(rate2[..., :count], axis=-2)
    owned = np.zeros((count, len(model.owner)), np.float32)
    owned[model.owner, np.arange(len(model.owner))] = model.mass[model.owner]

    def of_segment(values: jnp.ndarray, seen: jnp.ndarray) -> jnp.ndarray:
        weights = jnp.asarray(owned, pose.dtype)
        summed = jnp.einsum("tdj,ij->tdi", values, weights, precision="highest")
        return jnp.where(seen[:, None], summed, jnp.nan)

    # Missing numbers are taken out before they are multiplied, or gradients would be NaN.
    spin = of_segment(cross(finite_or(rod), finite_or(rate2[..., count:]), axis=-2), known)
    turning = 0.5 * component_sum(finite_or(rate[..., count:]) ** 2, axis=-2, keepdims=True)
    moving = all_finite(rate[..., :count], axis=-2)
    vectors = (centre, rate[..., :count], rate2[..., :count], spin)
    centre, velocity, acceleration, spin = (jnp.swapaxes(v, 1, 2) for v in vectors)
    return SegmentMotion(
        mass=jnp.asarray(model.mass, pose.dtype),
        joint=pose[:, _AT],
        centre=centre,
        velocity=velocity,
        acceleration=acceleration,
        spin=spin,
        rotation_energy=of_segment(turning, moving)[:, 0],
    )


def _rods(pose: jnp.ndarray, model: Linkage) -> jnp.ndarray:
    """Returns the rods k (b - a), [T, C, R]; NaN where an end is missing."""
    ends = np.zeros((pose.shape[1], len(model.owner)), np.float32)
    each = np.arange(len(model.owner))
    ends[model.second, each], ends[model.first, each] = 1.0, -1.0
    safe = jnp.swapaxes(finite_or(pose), 1, 2)
    rod = jnp.einsum("tcj,jr->tcr", safe, jnp.asarray(ends, pose.dtype), precision="highest")
    missing = (~all_finite(pose)).astype(pose.dtype)
    lacking = jnp.einsum("tj,jr->tr", missing, jnp.asarray(np.abs(ends), pose.dtype))
    return jnp.where(lacking[:, None] < 0.5, rod * model.radius, jnp.nan)


def seen_steps(known: jnp.ndarray, moved: Movement) -> jnp.ndarray:
    """Returns the time steps over which something was known at both ends, and 0 elsewhere.

    Args:
        known: bool[T, ...].
        moved: the movement that it belongs to.

    Returns:
        [T - 1, ...] seconds; their sum over time is the time seen.
    """
    steps = jnp.asarray(time_steps(moved.time_s, moved.pose.dtype))
    steps = steps.reshape((-1,) + (1,) * (known.ndim - 1))
    return jnp.where(known[1:] & known[:-1] & (steps > 0), steps, 0.0)
