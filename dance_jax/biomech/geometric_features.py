"""Geometric features of AIST++: how often each of 32 relations between joints holds in a clip."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp

from dance_jax.biomech.kinetic_features import check_mode
from dance_jax.kinematics.vectors import all_finite, angle_between, finite_or, safe_norm
from dance_jax.kinematics.windows import floating
from dance_jax.skeleton import index

_COMPAT_STEP_S = 1.0 / 120.0
# Lengths of the SMPL template that the published thresholds are multiples of, metres.
_TEMPLATE = {
    "left_shoulder": (0.199113488, 0.236807942, -0.0180702247),
    "left_elbow": (0.454445392, 0.221158922, -0.0410167128),
    "right_shoulder": (-0.191692337, 0.236928746, -0.0123055102),
    "left_hip": (0.0564076714, -0.323069185, 0.0109197125),
    "right_hip": (-0.0624834076, -0.331302464, 0.0150412619),
}
UP, DOWN, ORIGIN, LOWEST = "up", "down", "origin", "lowest"


@dataclasses.dataclass(frozen=True)
class Relation:
    """One relation between joints that holds or does not hold in a frame.

    Attributes:
        kind: "plane" (point 4 beyond the plane of 1, 2, 3), "normal" (point 4 beyond the plane
            through 3 with normal 1 -> 2), "angle" (between 1 -> 2 and 3 -> 4), "move" (velocity of
            4 relative to 3 along 1 -> 2), "normal_move" (velocity of 4 relative to 1 along the
            normal of the plane of 1, 2, 3), "fast" (speed of 1).
        points: SMPL-24 joints, or "up", "down" (unit vectors), "origin", "lowest" (the height of
            the lowest joint).
        factor: threshold as a multiple of `length`; for an angle the lower limit in degrees.
        length: "humerus", "shoulders" or "hips"; for an angle "".
        upper_deg: upper limit of an angle in degrees.
    """

    kind: str
    points: tuple[str, ...]
    factor: float
    length: str = "humerus"
    upper_deg: float = 0.0


def _both(kind: str, *points: str, factor: float, length: str = "humerus", upper: float = 0.0):
    """A relation as written for the right side, then its mirror image."""

    def swap(name: str) -> str:
        if name.startswith("right_"):
            return "left_" + name[6:]
        return "right_" + name[5:] if name.startswith("left_") else name

    mirrored = tuple(swap(point) for point in points)
    return (
        Relation(kind, points, factor, length, upper),
        Relation(kind, mirrored, factor, length, upper),
    )


RELATIONS: tuple[Relation, ...] = (
    *_both("normal_move", "neck", "right_hip", "left_hip", "right_wrist", factor=1.8),
    *_both("normal", "spine3", "neck", "neck", "right_wrist", factor=0.2),
    *_both("move", "spine1", "spine3", "spine3", "right_wrist", factor=1.8),
    *_both(
        "angle",
        "right_elbow",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        factor=0,
        length="",
        upper=110,
    ),
    Relation(
        "normal", ("left_shoulder", "right_shoulder", "left_wrist", "right_wrist"), 2.5, "shoulders"
    ),
    Relation("move", ("left_wrist", "right_wrist", "right_wrist", "left_wrist"), 1.4),
    *_both("move", "right_wrist", "pelvis", "left_wrist", "pelvis", factor=1.4),
    *_both("fast", "right_wrist", factor=2.5),
    *_both("plane", "pelvis", "left_hip", "left_foot", "right_ankle", factor=0.38),
    *_both("normal", ORIGIN, UP, LOWEST, "right_ankle", factor=1.2),
    Relation("normal", ("left_hip", "right_hip", "left_ankle", "right_ankle"), 2.1, "hips"),
    *_both(
        "angle",
        "right_knee",
        "right_hip",
        "right_knee",
        "right_ankle",
        factor=0,
        length="",
        upper=110,
    ),
    *_both("fast", "right_ankle", factor=2.5),
    *_both(
        "angle", "neck", "pelvis", "right_shoulder", "right_elbow", factor=25, length="", upper=180
    ),
    *_both("angle", "neck", "pelvis", "right_hip", "right_knee", factor=50, length="", upper=180),
    Relation("plane", ("right_ankle", "neck", "left_ankle", "pelvis"), 0.5),
    Relation("angle", ("neck", "pelvis", ORIGIN, UP), 70, "", 110),
    *_both("normal", ORIGIN, DOWN, LOWEST, "right_wrist", factor=-1.2),
    Relation("fast", ("pelvis",), 2.3),
)
"""The 32 relations in the published order."""


def geometric_features(
    joints: jnp.ndarray, time_s: jnp.ndarray | None = None, *, mode: str = "fixed"
) -> jnp.ndarray:
    """Describes a clip by the share of frames in which each of 32 relations holds.

    "aist_compat" repeats the published code: 1/120 s whatever the rate (so 60 fps data look twice
    as fast), lengths of the SMPL template whatever the dancer's, and in "move" relations the
    velocity of the third point relative to the first, the fourth being ignored. "fixed" takes true
    times, the dancer's own lengths (medians over the clip), all four points, and leaves frames with
    missing joints out.

    Args:
        joints: [T, 24, 3] SMPL-24, y up, metres (any length unit with "fixed").
        time_s: [T] seconds; needed by "fixed".
        mode: "fixed" or "aist_compat".

    Returns:
        [32] shares in [0, 1], over frames 1 to T - 1; NaN where fewer than 2 frames are known.

    Raises:
        ValueError: unknown mode, "fixed" without times, or another number of joints.

    Source: Mueller, Roeder & Clausen 2005; Li et al. 2021 (AIST++).
    """
    check_mode(mode)
    joints = floating(joints)
    if joints.shape[1:] != (24, 3):
        raise ValueError(f"joints must be [T, 24, 3], got {joints.shape}")
    n = joints.shape[0]
    if n < 2:
        return jnp.full(len(RELATIONS), jnp.nan, joints.dtype)
    compat = mode == "aist_compat"
    if compat:
        step = jnp.full(n - 1, _COMPAT_STEP_S, joints.dtype)
    elif time_s is None:
        raise ValueError('mode "fixed" needs time_s')
    else:
        step = jnp.diff(jnp.asarray(time_s)).astype(joints.dtype)
    forward = step > 0
    step = jnp.where(forward, step, 1.0)
    lengths = _lengths(joints, compat)

    def at(name: str) -> jnp.ndarray:
        if name in (UP, DOWN):
            return jnp.broadcast_to(jnp.array([0.0, 1.0 if name == UP else -1.0, 0.0]), (n, 3))
        if name == ORIGIN:
            return jnp.zeros((n, 3))
        if name == LOWEST:
            low = jnp.nanmin(joints[..., 1], -1)
            return jnp.stack([jnp.zeros(n), low, jnp.zeros(n)], -1)
        return joints[:, index("smpl24", name)]

    columns = [
        _share(relation, [at(name) for name in relation.points], step, forward, lengths, compat)
        for relation in RELATIONS
    ]
    return jnp.stack(columns)


def _lengths(joints: jnp.ndarray, compat: bool) -> dict[str, jnp.ndarray]:
    def length(a: str, b: str) -> jnp.ndarray:
        if compat:
            return safe_norm(jnp.array(_TEMPLATE[a]) - jnp.array(_TEMPLATE[b]))
        gap = joints[:, index("smpl24", a)] - joints[:, index("smpl24", b)]
        known = all_finite(gap)
        return jnp.nanmedian(jnp.where(known, safe_norm(finite_or(gap)), jnp.nan))

    return {
        "humerus": length("left_shoulder", "left_elbow"),
        "shoulders": length("left_shoulder", "right_shoulder"),
        "hips": length("left_hip", "right_hip"),
    }


def _share(
    relation: Relation,
    points: list[jnp.ndarray],
    step: jnp.ndarray,
    forward: jnp.ndarray,
    lengths: dict[str, jnp.ndarray],
    compat: bool,
) -> jnp.ndarray:
    """Returns the share of frames 1..T-1 in which one relation holds."""
    known = jnp.stack([all_finite(p) for p in points]).all(0)
    known = known[1:] & known[:-1] & forward
    now = [finite_or(p)[1:] for p in points]
    moved = [finite_or(p)[1:] - finite_or(p)[:-1] for p in points]
    if relation.kind == "angle":
        angle = jnp.degrees(angle_between(now[1] - now[0], now[3] - now[2]))
        holds = (angle > relation.factor) & (angle < relation.upper_deg)
    else:
        value = _value(relation.kind, now, moved, step, compat)
        holds = value > relation.factor * lengths[relation.length]
    if compat:
        return holds.mean()
    count = known.sum()
    return jnp.where(count > 0, (holds & known).sum() / jnp.maximum(count, 1), jnp.nan)


def _value(
    kind: str,
    now: list[jnp.ndarray],
    moved: list[jnp.ndarray],
    step: jnp.ndarray,
    compat: bool,
) -> jnp.ndarray:
    """The length or speed that a relation compares with its threshold."""
    if kind == "fast":
        return safe_norm(moved[0]) / step
    if kind == "normal":
        return _along(now[3] - now[2], now[1] - now[0])
    if kind == "plane":
        return _along(now[3] - now[0], jnp.cross(now[2] - now[0], now[1] - now[0]))
    if kind == "normal_move":
        normal = jnp.cross(now[2] - now[0], now[1] - now[0])
        return _along(moved[3] - moved[0], normal) / step
    if kind == "move":
        relative = moved[2] - moved[0] if compat else moved[3] - moved[2]
        return _along(relative, now[1] - now[0]) / step
    raise ValueError(f"unknown kind of relation {kind!r}")


def _along(v: jnp.ndarray, direction: jnp.ndarray) -> jnp.ndarray:
    """Component of v along a direction; NaN, which no threshold passes, where it has no length."""
    length = safe_norm(direction)
    some = length > 0
    return jnp.where(some, jnp.sum(v * direction, -1) / jnp.where(some, length, 1.0), jnp.nan)
