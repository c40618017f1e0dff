"""Physical plausibility of a motion in [0, 1]: what a body and a floor do not allow lowers it."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import averages
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.own_tempo import root
from dance_jax.kinematics import angles, motion, scale
from dance_jax.kinematics.vectors import all_finite, finite_or, safe_norm
from dance_jax.skeleton import CANON, index

SIDES = ("left", "right")
BODY: tuple[str, ...] = (
    "neck",
    "hip",
    *(
        f"{side}_{part}"
        for side in SIDES
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ),
)
"""The joints without which the composites are refused."""
_BODY = np.array([index(CANON, name) for name in BODY])
_FEET = np.array(
    [index(CANON, f"{s}_{p}") for s in SIDES for p in ("ankle", "heel", "big_toe", "small_toe")]
)
# Limb bones with their usual length in body heights (Drillis & Contini 1966, in Winter: shoulder
# .818, elbow .630, wrist .485, hip .530, knee .285, ankle .039 of stature).
_BONES = (
    ("shoulder", "elbow", 0.818 - 0.630),
    ("elbow", "wrist", 0.630 - 0.485),
    ("hip", "knee", 0.530 - 0.285),
    ("knee", "ankle", 0.285 - 0.039),
)
_A = np.array([index(CANON, f"{s}_{a}") for s in SIDES for a, _, _ in _BONES])
_B = np.array([index(CANON, f"{s}_{b}") for s in SIDES for _, b, _ in _BONES])
_USUAL = np.array([x for _ in SIDES for _, _, x in _BONES])
_HINGES = ("left_elbow", "right_elbow", "left_knee", "right_knee")
FLOOR_PERCENTILE = 25.0  # of the lowest joint's height over time: where the floor is taken to be

# What is free of penalty, and by how much more the term falls to 1/e. Free values lie above the
# 99th percentile of the dances of `composites.POPULATION` (the docstring of `Terms` says of what).
FREE_AND_FALL: dict[str, tuple[float, float]] = {
    "speed": (0.0, 0.2),
    "jitter": (0.0025, 0.002),
    "bones": (0.13, 0.04),
    "proportion": (0.40, 0.15),
    "slip": (0.35, 0.15),
    "floor": (0.02, 0.02),
    "float": (0.05, 0.05),
    "hinges": (0.02, 0.05),
}
TOO_SHORT = 0.6  # a log ratio below usual counts so much: some files have the wrist mid-forearm
MAX_SPEED = 6.0  # heights per second, about 10 m/s: the hand of a fast throw
MAX_FLEXION = np.deg2rad(160.0)  # of elbow and knee


class Terms(NamedTuple):
    """What is measured, before it is weighed; scalars.

    Attributes:
        speed: heights travelled beyond `MAX_SPEED`, all joints and frames summed.
        jitter: heights, sd of frame-to-frame noise that would explain the third differences.
        bones: greatest mean relative change of a limb bone's length over time (0 in 2D).
        proportion: greatest |log| of a limb bone's length over the usual one (only "too long" in
            2D, where bones look shortened).
        slip: heights/s, mean horizontal speed of that point of the feet which is slowest.
        floor: heights, mean depth of the deepest joint below the floor (0 in 2D: no floor there).
        float: heights, mean height over the floor that is never left for 1 s (0 in 2D).
        hinges: radians, mean flexion of elbows and knees beyond `MAX_FLEXION` (0 in 2D).
    """

    speed: jnp.ndarray
    jitter: jnp.ndarray
    bones: jnp.ndarray
    proportion: jnp.ndarray
    slip: jnp.ndarray
    floor: jnp.ndarray
    float: jnp.ndarray
    hinges: jnp.ndarray


def body_seen(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns bool[T]: all joints of `BODY` are there."""
    return jnp.isfinite(pose[:, _BODY]).all((1, 2))


def _speed_and_jitter(moved: Movement) -> tuple[jnp.ndarray, jnp.ndarray]:
    body = moved.pose[:, _BODY]
    time = jnp.asarray(moved.time_s, body.dtype)
    rise = body[1:] - body[:-1]
    both = all_finite(rise)
    step = jnp.maximum(time[1:] - time[:-1], 0.0)
    seen_step = both.all(-1)
    far = safe_norm(finite_or(rise)) - MAX_SPEED * step[:, None]
    speed = jnp.sum(jnp.where(both, jnp.maximum(far, 0.0), 0.0))
    if body.shape[0] < 4:
        return speed, jnp.zeros((), body.dtype)
    third = body[3:] - 3 * body[2:-1] + 3 * body[1:-2] - body[:-3]
    known = jnp.isfinite(third)
    # Third differences of white noise of variance s^2 have variance (1 + 9 + 9 + 1) s^2.
    count = jnp.maximum(jnp.sum(known), 1)
    noise = root(jnp.sum(jnp.where(known, finite_or(third) ** 2, 0.0)) / (20.0 * count))
    # Below 30 frames/s the body's own jerk fills them: it grows with the third power of the step.
    frames = jnp.maximum(jnp.sum(seen_step), 1)
    mean_step = jnp.sum(jnp.where(seen_step, step, 0.0)) / frames
    return speed, noise / jnp.maximum(1.0, 30.0 * mean_step) ** 3


def _bones(pose: jnp.ndarray, weight: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    across = pose[:, _B] - pose[:, _A]
    seen = all_finite(across)
    length = jnp.where(seen, safe_norm(finite_or(across)), jnp.nan)
    solid = pose.shape[-1] == 3
    usual = scale.upper_percentile(length, 50.0 if solid else 90.0)
    good = usual > 1e-4
    safe = jnp.where(good, usual, 1.0)
    off = jnp.where(seen, jnp.abs(jnp.where(seen, length, safe) / safe - 1.0), jnp.nan)
    change = averages.time_mean(off, weight, 0.0)
    change = jnp.where(good & jnp.isfinite(change), finite_or(change), 1.0)
    ratio = jnp.log(safe / jnp.asarray(_USUAL, pose.dtype))
    # A bone of no length is as far out of proportion as can be.
    short = TOO_SHORT * jnp.maximum(-ratio, 0.0) if solid else 0.0
    # A bone of no length is as far out of proportion as can be.
    ratio = jnp.where(good, jnp.maximum(ratio, short), float(solid))
    return jnp.max(change) if solid else jnp.zeros((), pose.dtype), jnp.max(ratio)


def _slip(moved: Movement, weight: jnp.ndarray) -> jnp.ndarray:
    axes = np.array([0, 2] if moved.pose.shape[-1] == 3 else [0])
    rate = motion.velocity(moved.pose[:, _FEET][:, :, axes], moved.time_s)
    seen = all_finite(rate)
    slowest = jnp.min(jnp.where(seen, safe_norm(finite_or(rate)), jnp.inf), axis=1)
    mean = averages.time_mean(jnp.where(seen.any(1), slowest, jnp.nan), weight, 0.0)
    return finite_or(mean)


def _floor(moved: Movement, weight: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    where = np.concatenate([_BODY, _FEET])
    height = moved.pose[:, where, 1]
    seen = body_seen(moved.pose)
    lowest = jnp.min(jnp.where(jnp.isfinite(height), height, jnp.inf), axis=1)
    lowest = jnp.where(seen, lowest, jnp.nan)
    floor = scale.upper_percentile(lowest, FLOOR_PERCENTILE)
    above = jnp.where(seen & jnp.isfinite(floor), finite_or(lowest) - finite_or(floor), jnp.nan)
    below = averages.time_mean(jnp.maximum(-above, 0.0), weight, 0.0)
    bounds = averages.sliding_bounds(moved.time_s, 1.0, height.shape[0])
    least = -averages.sliding_max(-above, bounds)  # the lowest it came within the second
    hover = averages.time_mean(jnp.maximum(least, 0.0), weight, 0.0)
    return finite_or(below), finite_or(hover)


def _hinges(pose: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
    excess = jnp.maximum(angles.compute(pose, _HINGES) - MAX_FLEXION, 0.0)
    mean = averages.time_mean(excess, weight, 0.0)
    return jnp.sum(finite_or(mean))


def terms(moved: Movement) -> Terms:
    """Returns what speaks against a motion being a body's upon a floor; see `Terms`.

    The floor's terms and the bones' constancy need depth and are 0 in 2D.
    """
    weight = averages.frame_weights(moved.pose, moved.time_s)
    speed, jitter = _speed_and_jitter(moved)
    bones, proportion = _bones(moved.pose, weight)
    zero = jnp.zeros((), moved.pose.dtype)
    solid = moved.pose.shape[-1] == 3
    below, hover = _floor(moved, weight) if solid else (zero, zero)
    hinges = _hinges(moved.pose, weight) if solid else zero
    return Terms(speed, jitter, bones, proportion, _slip(moved, weight), below, hover, hinges)


def plausibility(found: Terms) -> jnp.ndarray:
    """Returns one number in [0, 1] from the terms.

        plausibility = prod_i exp(-(max(x_i - free_i, 0) / fall_i)^2)

    Flat at 1 over what people do, smooth beyond.

    Args:
        found: of `terms`.
    """
    penalty = jnp.zeros((), found.speed.dtype)
    for name, value in found._asdict().items():
        free, fall = FREE_AND_FALL[name]
        # Beyond 6 falls the term is exp(-36): nothing is lost, and squares stay finite.
        penalty += jnp.minimum(jnp.maximum(value - free, 0.0) / fall, 6.0) ** 2
    return jnp.exp(-penalty)
