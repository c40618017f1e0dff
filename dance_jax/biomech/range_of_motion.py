"""Range of motion of the joints, the trunk and the neck: percentiles and a soft variant."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.sampling import long_enough, time_weights
from dance_jax.kinematics import angles
from dance_jax.kinematics.motion import unwrap
from dance_jax.kinematics.vectors import (
    all_finite,
    angle_between,
    component_sum,
    cross,
    finite_or,
    safe_atan2,
    safe_norm,
)
from dance_jax.kinematics.windows import floating
from dance_jax.skeleton import CANON, get, index

LEAST_S = 0.5
"""Seconds below which a clip has no range of motion."""
_MAIN = ("shoulder", "elbow", "hip", "knee")


def _point(pose: jnp.ndarray, a: str, b: str) -> jnp.ndarray:
    """Returns the mid-point of two joints [..., C]."""
    return 0.5 * (pose[..., index(CANON, a), :] + pose[..., index(CANON, b), :])


def _between(u: jnp.ndarray, v: jnp.ndarray) -> jnp.ndarray:
    """Returns the angle of two vectors; NaN where one is missing."""
    known = all_finite(u) & all_finite(v)
    return jnp.where(known, angle_between(finite_or(u), finite_or(v)), jnp.nan)


def trunk_tilt(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns the angle of the trunk (mid-hips to mid-shoulders) from the vertical.

    Args:
        pose: [..., 26, C], y up; NaN where missing.

    Returns:
        [...] radians in [0, pi]: 0 = upright, to whichever side it leans.
    """
    up = jnp.zeros(pose.shape[-1], floating(pose).dtype).at[1].set(1.0)
    trunk = _point(pose, "left_shoulder", "right_shoulder") - _point(pose, "left_hip", "right_hip")
    return _between(trunk, jnp.broadcast_to(up, trunk.shape))


def neck_bend(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns the angle of the head (mid-shoulders to mid-ears) from the line of the trunk.

    Args:
        pose: [..., 26, C]; NaN where missing.

    Returns:
        [...] radians in [0, pi]: 0 = head in line with the trunk.
    """
    neck = _point(pose, "left_shoulder", "right_shoulder")
    trunk = neck - _point(pose, "left_hip", "right_hip")
    return _between(_point(pose, "left_ear", "right_ear") - neck, trunk)


@jax.jit
def body_angles(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns the angles whose range is measured, in the order of `BODY_ANGLE_NAMES`.

    Args:
        pose: [T, 26, C], y up; NaN where missing.

    Returns:
        [T, 12] radians; NaN where a needed joint is missing.
    """
    first, second, needed, offset, sign = _vectors()
    pose = floating(pose)
    both = _sums(pose, np.concatenate([first, second], axis=1))
    up = np.zeros((pose.shape[-1], len(BODY_ANGLE_NAMES)), np.float32)
    up[1, BODY_ANGLE_NAMES.index("trunk_tilt")] = 1.0
    u, v = both[..., : len(offset)], both[..., len(offset) :] + jnp.asarray(up, pose.dtype)
    there = _known(pose, needed)

    def part(which: slice) -> jnp.ndarray:
        theta = offset[which] + sign[which] * _angle(u[..., which], v[..., which])
        return jnp.where(there[:, which], theta, jnp.nan)

    # XLA keeps what it puts together; anything else it computes again in each of many users.
    middle = len(angles.JOINT_ANGLE_NAMES)
    return jnp.concatenate([part(slice(0, middle)), part(slice(middle, None))], axis=1)


def _sums(pose: jnp.ndarray, weights: np.ndarray) -> jnp.ndarray:
    """Returns sum_j w_jk x_j as [T, C, K]; a missing joint counts as 0, see `_known`.

    A processor takes a product with a constant matrix in a tenth of the time that it needs to
    gather single joints, and computes it once for all users.

    Args:
        pose: [T, 26, C]; NaN where missing.
        weights: [26, K].
    """
    safe = jnp.swapaxes(finite_or(pose), -1, -2)
    return jnp.matmul(safe, jnp.asarray(weights, pose.dtype), precision="highest")


def _known(pose: jnp.ndarray, needed: np.ndarray) -> jnp.ndarray:
    """Returns bool[T, K]: all joints that `needed` [26, K] names are there."""
    missing = (~all_finite(pose)).astype(pose.dtype)
    return jnp.matmul(missing, jnp.asarray(needed, pose.dtype)) < 0.5


def _angle(u: jnp.ndarray, v: jnp.ndarray) -> jnp.ndarray:
    """Returns `vectors.angle_between` of [T, C, K] as [T, K]."""
    across = cross(u, v, axis=1)
    size = jnp.abs(across[:, 0]) if u.shape[1] == 2 else safe_norm(across, axis=1)
    return safe_atan2(size, component_sum(u * v, axis=1))


BODY_ANGLE_NAMES: tuple[str, ...] = (*angles.JOINT_ANGLE_NAMES, "trunk_tilt", "neck")


@functools.cache
def _vectors() -> tuple[np.ndarray, ...]:
    """Returns the body's angles as weights of joints.

    Returns:
        f32[26, 12] twice, the two vectors of each angle (0 for the vertical); bool[26, 12], which
        joints each needs; offset f32[12]; sign f32[12].
    """
    shoulders, hips = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
    trunk, head = (hips, shoulders), (shoulders, ("left_ear", "right_ear"))
    rows = [angles.get(name) for name in angles.JOINT_ANGLE_NAMES]
    pairs = [*(row.segments for row in rows), (trunk, ()), (head, trunk)]
    weights = np.zeros((2, len(get(CANON)), len(pairs)), np.float32)
    needed = np.zeros(weights.shape[1:], bool)
    for k, pair in enumerate(pairs):
        for which, ends in enumerate(pair):
            for end, sign in zip(ends, (-1.0, 1.0), strict=False):
                joints = (end,) if isinstance(end, str) else end
                for joint in joints:
                    weights[which, index(CANON, joint), k] += sign / len(joints)
                    needed[index(CANON, joint), k] = True
    middle = len(pairs) - len(rows)
    offset = np.asarray([*(row.offset for row in rows), *[0.0] * middle], np.float32)
    sign = np.asarray([*(row.sign for row in rows), *[1.0] * middle], np.float32)
    return weights[0], weights[1], needed, offset, sign


def _upper(x: jnp.ndarray, tail: float) -> jnp.ndarray:
    """Returns the value that a share `tail` of the finite entries along axis 0 exceeds.

    Equals `scale.upper_percentile` at 100 (1 - tail), with only the greatest entries sorted.
    """
    n = x.shape[0]
    seen = jnp.isfinite(x)
    most = min(int(tail * (n - 1)) + 2, n)
    ordered = jax.lax.top_k(jnp.moveaxis(jnp.where(seen, x, -jnp.inf), 0, -1), most)[0]
    count = seen.sum(0)
    rank = tail * jnp.maximum(count - 1, 0)
    first = jnp.floor(rank).astype(jnp.int32)
    second = jnp.clip(jnp.minimum(first + 1, count - 1), 0, most - 1)
    high, low = (
        jnp.take_along_axis(ordered, at[..., None], axis=-1)[..., 0] for at in (first, second)
    )
    some = count > 0
    high, low = jnp.where(some, high, 0.0), jnp.where(some, low, 0.0)
    return jnp.where(some, high + (rank - first) * (low - high), jnp.nan)


@functools.partial(jax.jit, static_argnames=("tail", "wrapped"))
def range_of_motion(
    theta: jnp.ndarray, time_s: jnp.ndarray, tail: float = 0.01, *, wrapped: bool = True
) -> jnp.ndarray:
    """Returns the range of an angle, without its extreme frames.

        ROM = p99(theta) - p1(theta)   of the unwrapped angle

    Args:
        theta: [T, ...] radians; NaN where missing.
        time_s: [T] seconds.
        tail: share of the seen frames that is left out at either end, below 0.5.
        wrapped: whether the angle may jump by whole turns; joint angles never do.

    Returns:
        [...] radians; NaN where it was seen for less than `LEAST_S`.
    """
    smooth = unwrap(theta) if wrapped else theta
    width = _upper(smooth, tail) + _upper(-smooth, tail)
    seconds = time_weights(jnp.isfinite(theta), time_s).sum(0)
    return jnp.where(long_enough(seconds, LEAST_S), width, jnp.nan)


@jax.jit
def soft_range(theta: jnp.ndarray, time_s: jnp.ndarray, temperature: float = 0.02) -> jnp.ndarray:
    """Returns a smooth range whose gradient reaches every frame, for rewards.

        R = tau log sum_t p_t exp(theta_t / tau) + tau log sum_t p_t exp(-theta_t / tau)

    p_t is the share of seen time of frame t, so the frame rate does not matter. It lies below the
    difference of the extremes, and comes to it as tau goes to 0.

    Args:
        theta: [T, ...] radians, wrapped or not; NaN where missing.
        time_s: [T] seconds.
        temperature: tau, radians.

    Returns:
        [...] radians; NaN where it was seen for less than `LEAST_S`.
    """
    smooth = unwrap(theta)
    seen = jnp.isfinite(smooth)
    weight = time_weights(seen, time_s)
    total = weight.sum(0)
    good = long_enough(total, LEAST_S)
    share = weight / jnp.where(good, total, 1.0)

    def top(value: jnp.ndarray) -> jnp.ndarray:
        """Soft maximum, shifted by the true one so that nothing overflows."""
        peak = jax.lax.stop_gradient(jnp.max(jnp.where(share > 0, value, -jnp.inf), axis=0))
        peak = jnp.where(good, peak, 0.0)
        above = jnp.where(share > 0, value - peak, 0.0)
        mass = (share * jnp.exp(above / temperature)).sum(0)
        return peak + temperature * jnp.log(jnp.where(good, mass, 1.0))

    value = finite_or(smooth)
    return jnp.where(good, top(value) + top(-value), jnp.nan)


@jax.jit
def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Returns the range of motion of every joint in degrees, by the keys of `MEASURES`."""
    theta = body_angles(moved.pose)
    width = jnp.rad2deg(range_of_motion(theta, moved.time_s, wrapped=False))
    out = {f"range.{name}": width[i] for i, name in enumerate(BODY_ANGLE_NAMES)}
    main = [f"range.{side}_{name}" for name in _MAIN for side in ("left", "right")]
    out["range.mean"] = sum(out[key] for key in main) / len(main)
    return out


_PARTS = {
    "elbow": ("arms",),
    "shoulder": ("arms", "trunk"),
    "hip": ("trunk", "legs"),
    "knee": ("legs",),
    "ankle": ("legs", "feet"),
}


def _row(name: str, label: str, what: str, parts: tuple[str, ...]) -> MeasureDef:
    meaning = f"99th less 1st percentile of {what} over the clip; larger = the joint moved further"
    return MeasureDef(f"range.{name}", label, "deg", meaning, parts=parts, min_s=LEAST_S)


MEASURES: tuple[MeasureDef, ...] = (
    *(
        _row(
            name,
            f"{angles.get(name).label}, range",
            f"{angles.get(name).label.lower()} ({angles.get(name).meaning})",
            _PARTS[name.split("_")[1]],
        )
        for name in angles.JOINT_ANGLE_NAMES
    ),
    _row(
        "trunk_tilt",
        "Trunk tilt, range",
        "the trunk's angle from the vertical, to whichever side",
        ("trunk",),
    ),
    _row(
        "neck",
        "Neck bend, range",
        "the head's angle from the line of the trunk",
        ("face", "trunk"),
    ),
    MeasureDef(
        "range.mean",
        "Mean range of motion",
        "deg",
        "mean range of the shoulders, elbows, hips and knees; larger = bigger movement",
        min_s=LEAST_S,
    ),
)
"""What `summarise` returns."""
