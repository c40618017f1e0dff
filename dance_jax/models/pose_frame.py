"""The body's own frame of reference: root, size and heading of one clip, also from the past alone.

Every function takes one clip, NaN where a joint is missing, and is differentiable. With
`causal=True` what is returned for frame t depends on frames up to t only.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from dance_jax.kinematics.scale import FRACTION, upper_percentile
from dance_jax.kinematics.vectors import all_finite, finite_or, root, safe_norm, safe_unit
from dance_jax.skeleton import CANON, Skeleton, conversion, index

_BONES = (
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
    ("left_hip", "left_knee"),
    ("right_hip", "right_knee"),
    ("hip", "neck"),
)
_PERCENTILE = 90.0  # as in kinematics.scale: foreshortening only ever makes a segment look shorter
_POWER = 4  # of the running mean that stands for the percentile where the future is not known
_REACH = 2.0  # body heights per distance from the root to the farthest joint: coarse


class Root(NamedTuple):
    """Where the body is.

    Attributes:
        position: [T,C] in the pose's unit; NaN where no joint is seen.
        kind: i32[T], which of the fallbacks gave it; a change is no movement.
    """

    position: jnp.ndarray
    kind: jnp.ndarray


def to_canon(pose: jnp.ndarray, skeleton: str | Skeleton) -> jnp.ndarray:
    """Converts poses to HALPE-26; a joint is the mean of its source joints (`skeleton.convert`).

    Args:
        pose: [...,J,C]; NaN where missing.
        skeleton: its skeleton.

    Returns:
        [...,26,C]; NaN where the skeleton has no such joint or one of its sources is missing.

    Raises:
        InputError: the skeleton's joints cannot be told by name.
    """
    if skeleton == CANON:
        return pose
    rules = conversion(skeleton, CANON)
    widest = max(len(rule) for rule in rules)
    place = np.zeros((len(rules), widest), np.int32)
    weight = np.zeros((len(rules), widest, 1), np.float32)
    for k, rule in enumerate(rules):
        if rule:  # padded by its own first joint, which is missing only where the mean is
            place[k] = [*rule, *[rule[0]] * (widest - len(rule))]
            weight[k, : len(rule)] = 1.0 / len(rule)
    mean = jnp.sum(pose[..., place, :] * weight.astype(pose.dtype), axis=-2)
    known = np.asarray([bool(rule) for rule in rules])
    return jnp.where(known[:, None], mean, jnp.nan)


def mean_over_time(x: jnp.ndarray, *, causal: bool) -> jnp.ndarray:
    """Returns the mean of the finite entries of x[T,...]: of all frames, or up to each frame.

    Returns:
        [1,...] or, if causal, [T,...]; NaN where there is none.
    """
    seen = jnp.isfinite(x)
    values, count = finite_or(x), seen.astype(x.dtype)
    if causal:
        total, number = jnp.cumsum(values, axis=0), jnp.cumsum(count, axis=0)
    else:
        total, number = values.sum(0, keepdims=True), count.sum(0, keepdims=True)
    return jnp.where(number > 0, total / jnp.maximum(number, 1), jnp.nan)


def find_root(pose: jnp.ndarray, canon: jnp.ndarray, *, causal: bool) -> Root:
    """Returns the middle of the hips, or what stands for it where the hips are not seen.

    In turn: the hip joint, the mean of both hips, one hip, the neck, the mean of all joints seen.
    To a fallback its mean distance from the middle of the hips (over the frames that show both) is
    added, so that the root does not leap when the hips are hidden.

    Args:
        pose: [T,J,C]; NaN where missing.
        canon: [T,26,C], the same in HALPE-26.
        causal: use frames up to t only.
    """
    left, right = (canon[:, index(CANON, side + "_hip")] for side in ("left", "right"))
    hip = canon[:, index(CANON, "hip")]
    seen = all_finite(pose)[..., None]
    number = jnp.sum(seen, axis=1)
    middle = jnp.sum(jnp.where(seen, finite_or(pose), 0.0), axis=1) / jnp.maximum(number, 1)
    middle = jnp.where(number > 0, middle, jnp.nan)
    hips = 0.5 * (left + right)
    best = jnp.where(all_finite(hip)[:, None], hip, hips)
    places = jnp.stack([hip, hips, left, right, canon[:, index(CANON, "neck")], middle], axis=1)
    offset = finite_or(mean_over_time(best[:, None] - places, causal=causal))
    available = all_finite(places)
    kind = jnp.argmax(available, axis=1)
    one = jnp.arange(places.shape[1]) == kind[:, None]
    chosen = jnp.sum(jnp.where(one[..., None], finite_or(places) + offset, 0.0), axis=1)
    return Root(jnp.where(available.any(1)[:, None], chosen, jnp.nan), kind)


def _median_of_three(x: jnp.ndarray) -> jnp.ndarray:
    """Returns the median of x[t-2..t]; a missing past counts as x[t]: one wild frame is ignored."""
    before, earlier = (jnp.pad(x, [(k, 0), (0, 0)], constant_values=jnp.nan)[:-k] for k in (1, 2))
    before, earlier = (jnp.where(jnp.isfinite(y), y, x) for y in (before, earlier))
    low, high = jnp.minimum(before, earlier), jnp.maximum(before, earlier)
    return jnp.maximum(jnp.minimum(x, high), low)


def _typical_length(lengths: jnp.ndarray, *, causal: bool) -> jnp.ndarray:
    """Returns upper lengths of [T,N]: the percentile [1,N], or a running power mean [T,N]."""
    if not causal:
        return upper_percentile(lengths, _PERCENTILE, axis=0)[None]
    seen, middle = jnp.isfinite(lengths), finite_or(_median_of_three(lengths))
    mean = mean_over_time(jnp.where(seen, middle**_POWER, jnp.nan), causal=True)
    size = root(root(finite_or(mean)))
    return jnp.where(jnp.isfinite(mean), size, jnp.nan)


def body_size(
    pose: jnp.ndarray, canon: jnp.ndarray, root_position: jnp.ndarray, *, causal: bool
) -> jnp.ndarray:
    """Estimates body height in the pose's unit, as `kinematics.scale.body_height` does.

        height = (shank + thigh + trunk) / (.246 + .245 + .288)

    Where one of these was never seen: from the trunk alone, from the leg alone, else twice the
    distance from the root to the farthest joint (coarse, but scales with the picture).
    With `causal` the 90th percentile over the clip becomes the mean of the fourth power up to the
    frame, of lengths from which single wild frames have been removed.

    Args:
        pose: [T,J,C]; NaN where missing.
        canon: [T,26,C], the same in HALPE-26.
        root_position: [T,C] of `find_root`.
        causal: use frames up to t only.

    Returns:
        [T]; NaN where it is not known.
    """
    near, far = (np.asarray([index(CANON, bone[k]) for bone in _BONES]) for k in range(2))
    v = canon[:, far] - canon[:, near]
    lengths = jnp.where(all_finite(v), safe_norm(finite_or(v)), jnp.nan)
    away = pose - root_position[:, None]
    reach = jnp.where(all_finite(away), safe_norm(finite_or(away)), -jnp.inf).max(1)
    reach = jnp.where(jnp.isfinite(reach), reach, jnp.nan)[:, None]
    typical = _typical_length(jnp.concatenate([lengths, reach], axis=1), causal=causal)
    shank, thigh = (_greater(typical[:, k], typical[:, k + 1]) for k in (0, 2))
    trunk, reach = typical[:, 4], typical[:, 5]
    leg = FRACTION["shank"] + FRACTION["thigh"]
    size = jnp.full_like(trunk, jnp.nan)
    for guess in (
        _REACH * reach,
        (shank + thigh) / leg,
        trunk / FRACTION["trunk"],
        (shank + thigh + trunk) / (leg + FRACTION["trunk"]),
    ):
        size = jnp.where(guess > 0, guess, size)
    return jnp.broadcast_to(size, pose.shape[:1])


def _greater(a: jnp.ndarray, b: jnp.ndarray) -> jnp.ndarray:
    """Returns the greater of two lengths, the finite one where the other is NaN."""
    both = jnp.maximum(finite_or(a, -jnp.inf), finite_or(b, -jnp.inf))
    return jnp.where(jnp.isfinite(both), both, jnp.nan)


def heading(canon: jnp.ndarray) -> jnp.ndarray:
    """Returns the horizontal direction from the right hip to the left: [T,2] unit (x, z).

    The shoulder line stands in where a hip is missing; NaN where neither is seen or it is vertical.

    Args:
        canon: [T,26,3], y up.
    """
    out = jnp.full((canon.shape[0], 2), jnp.nan, canon.dtype)
    for pair in (("right_shoulder", "left_shoulder"), ("right_hip", "left_hip")):
        a, b = (index(CANON, joint) for joint in pair)
        line = (canon[:, b] - canon[:, a])[:, ::2]
        unit = safe_unit(finite_or(line))
        known = all_finite(line) & (unit != 0).any(-1)
        out = jnp.where(known[:, None], unit, out)
    return out


def facing(direction: jnp.ndarray, yaw: str, *, causal: bool) -> jnp.ndarray:
    """Returns the direction that is turned onto the x axis: [T,2] unit (x, z).

    Args:
        direction: [T,2] of `heading`; NaN where not known.
        yaw: "clip": its mean over the clip; "start": the first one known; "frame": each frame's
            own, the latest known where it is hidden.
        causal: frames before the first known direction are not turned; otherwise they take the
            first.
    """
    known = all_finite(direction)
    ahead = jnp.asarray([1.0, 0.0], direction.dtype)
    if yaw == "clip":
        mean = safe_unit(jnp.sum(jnp.where(known[:, None], finite_or(direction), 0.0), axis=0))
        return jnp.broadcast_to(jnp.where((mean != 0).any(), mean, ahead), direction.shape)
    first = jnp.argmax(known)
    latest = lax.cummax(jnp.where(known, jnp.arange(len(known)), -1), axis=0)
    place = jnp.where(latest >= 0, first if yaw == "start" else latest, -1 if causal else first)
    found = finite_or(direction)[jnp.maximum(place, 0)]
    return jnp.where(((place >= 0) & known.any())[:, None], found, ahead)


def turn(v: jnp.ndarray, direction: jnp.ndarray) -> jnp.ndarray:
    """Turns vectors about the vertical so that `direction` comes to lie along x.

    Args:
        v: [T,...,3], y up.
        direction: [T,2] unit (x, z).
    """
    shape = (-1,) + (1,) * (v.ndim - 2)
    c, s = (direction[:, k].reshape(shape) for k in range(2))
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    return jnp.stack([c * x + s * z, y, c * z - s * x], axis=-1)
