"""Fluidity, expressiveness and precision, 0 to 10: documented composites, not ratings.

The centre of mass is always that of the sex-free de Leva table, whichever segments are chosen.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import averages, plausible, segments
from dance_jax.biomech.composite_rows import MEASURES
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.own_tempo import KEPT, low_pass, on_own_tempo, powers, root
from dance_jax.kinematics import motion
from dance_jax.kinematics.vectors import all_finite, component_sum, finite_or, safe_norm
from dance_jax.skeleton import CANON, index

__all__ = ["MEASURES", "Parts", "Scores", "parts", "scores", "signature", "summarise"]

_SIDED = [f"{s}_{p}" for s in plausible.SIDES for p in ("elbow", "wrist", "knee", "ankle")]
_POINTS = ("neck", *_SIDED)
_PAIRS = (
    ("left_wrist", "right_wrist"),
    ("left_wrist", "right_shoulder"),
    ("right_wrist", "left_shoulder"),
    ("left_ankle", "right_ankle"),
)
_P = np.array([index(CANON, name) for name in _POINTS])
_FROM, _TO = (np.array([index(CANON, pair[k]) for pair in _PAIRS]) for k in (0, 1))
_HIP = index(CANON, "hip")
# Trunk, two arms, two legs: which columns of the signature (vertical, then horizontal) are whose.
_LIMBS = ((0,), (1, 2), (5, 6), (3, 4), (7, 8))
_OF_LIMB = np.zeros((5, 2 * len(_POINTS) + len(_PAIRS)))
for _k, _columns in enumerate(_LIMBS):
    for _c in _columns:
        _OF_LIMB[_k, [_c, _c + len(_POINTS)]] = 1.0
_NEAR = 0.02  # heights; keeps the gradient of a distance finite at 0

# Constants, from the distribution of the parts over 88 clips of 8-10 s; "p50" is its median. They
# set the scale only; no person rated anything. See `POPULATION`.
POPULATION = (
    "40 synthetic dances in 4 styles, 27 takes of Bandai-Namco (dance and everyday motions), "
    "21 of Tang 2018 (ballroom)"
)
RESOLUTION = 0.03  # heights: a difference of pose that counts as one (5 cm in an adult)
REPERTOIRE = 6.0  # nats; p50 5.1, p75 6.8
BANDWIDTH = 1.6  # of (bandwidth - 1); p50 0.69, p99 1.22
CONTRAST = 0.5  # p50
AGREEMENT = (0.15, 0.12)  # p50 0.14
SIZE = (0.36, 0.05)  # heights; p25 .32, p75 .39
CHANGE = 0.04  # p50
STEADY = 0.3  # p1 .25, p50 .45
PACE = (0.25, 3.2, 0.5)  # Hz, free between; fall to 1/e at that much in ln beyond; p1 1.0, p99 4.1
LEAST_SEEN = 0.8  # share of the time; below it the composites are refused


class Parts(NamedTuple):
    """What the composites are made of; scalars, NaN where the body was not seen or did not move.

    Attributes:
        repertoire: nats, 1/2 ln det(I + cov(s) / r^2): how many poses, told apart at `RESOLUTION`.
        bandwidth: rms(s) rms(d2s) / rms(ds)^2 on the motion's own clock; 1 for one swing.
        pace_hz: rms(d2s) / (2 pi rms(ds)), of the motion as it is.
        steadiness: rms(ds) of the motion on its own clock over that of the motion as it is.
        contrast: standard deviation over mean of the speed |ds|.
        agreement: mean correlation of the speeds of trunk, arms and legs.
        size: heights, mean distance of limbs and neck from the centre of mass.
        change: standard deviation over mean of that distance, over time.
        plausibility: 0-1, of `plausible.plausibility`.
        seen: share of the time in which all of `plausible.BODY` was seen.
    """

    repertoire: jnp.ndarray
    bandwidth: jnp.ndarray
    pace_hz: jnp.ndarray
    steadiness: jnp.ndarray
    contrast: jnp.ndarray
    agreement: jnp.ndarray
    size: jnp.ndarray
    change: jnp.ndarray
    plausibility: jnp.ndarray
    seen: jnp.ndarray


class Scores(NamedTuple):
    """The three composites, each in [0, 10] or NaN."""

    fluidity: jnp.ndarray
    expressiveness: jnp.ndarray
    precision: jnp.ndarray


def signature(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns what shape the body has, whatever its place and heading.

    For neck, elbows, wrists, knees and ankles: height above the hip, and distance from the vertical
    through it (in 2D the signed x from it); and the distances wrist to wrist, wrist to the other
    shoulder, ankle to ankle.

    Args:
        pose: [T, 26, C] body heights.

    Returns:
        [T, 22] heights; NaN in frames where a joint of `plausible.BODY` is missing.
    """
    seen = plausible.body_seen(pose)
    safe = finite_or(pose)
    arm = safe[:, _P] - safe[:, _HIP][:, None]
    if pose.shape[-1] == 3:
        away = jnp.sqrt(arm[..., 0] ** 2 + arm[..., 2] ** 2 + _NEAR**2)
    else:
        away = arm[..., 0]
    apart = safe[:, _TO] - safe[:, _FROM]
    apart = jnp.sqrt(component_sum(apart * apart) + _NEAR**2)
    out = jnp.concatenate([arm[..., 1], away, apart], axis=-1)
    return jnp.where(seen[:, None], out, jnp.nan)


def _repertoire(s: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
    """Returns 1/2 ln det(I + cov / r^2) of s [T, F], over time."""
    weight = jnp.where(all_finite(s), weight, 0.0)
    share = weight / jnp.maximum(jnp.sum(weight), 1e-6)
    safe = finite_or(s)
    away = safe - jnp.sum(share[:, None] * safe, axis=0)
    spread = (share[:, None] * away).T @ away / RESOLUTION**2
    # A hundred-thousandth of the trace keeps the matrix positive definite in float32 at any size.
    ridge = 1.0 + 1e-5 * jnp.trace(spread)
    lower = jnp.linalg.cholesky(ridge * jnp.eye(s.shape[1], dtype=s.dtype) + spread)
    return jnp.sum(jnp.log(jnp.diagonal(lower)))


def _agreement(rate: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
    """Returns the mean correlation between the limbs' speeds, from rates [T, F]."""
    speed = root(finite_or(rate) ** 2 @ jnp.asarray(_OF_LIMB.T, rate.dtype))
    known = all_finite(rate)[:, None]
    speed = jnp.where(known, speed, jnp.nan)
    mean = finite_or(averages.time_mean(speed, weight, 0.0))
    spread = finite_or(averages.time_variance(speed, weight, 0.0))
    # A limb that hardly moves agrees with none: its noise is not raised to a standard deviation.
    scale = root(spread + 0.02 * jnp.mean(spread))
    moving = known & (scale > 0)
    unit = jnp.where(moving, (finite_or(speed) - mean) / jnp.where(scale > 0, scale, 1.0), 0.0)
    k = unit.shape[1]
    both = averages.time_mean(
        jnp.where(known[:, 0], jnp.sum(unit, axis=1) ** 2, jnp.nan), weight, 0.0
    )
    each = averages.time_mean(jnp.where(known, unit**2, jnp.nan), weight, 0.0)
    return (both - jnp.sum(each)) / (k * (k - 1))


def parts(moved: Movement) -> Parts:
    """Returns what the composites are made of.

    Every part that enters with weight is free of the unit of time: playing a motion faster or
    slower hardly changes it, so that neither can be used to win.
    """
    time = jnp.asarray(moved.time_s)
    weight = averages.frame_weights(moved.pose, time)
    s = signature(moved.pose)
    _, speed, bend = powers(s, time, weight)
    own = on_own_tempo(s, time, weight)
    moves = own.moves & (bend > 0)
    _, slower, _ = powers(own.smooth, time, weight)
    speed, bend = jnp.where(moves, speed, 1.0), jnp.where(moves, bend, 1.0)
    rate = motion.velocity(own.smooth, time)
    known = all_finite(rate)
    pace = jnp.where(known, safe_norm(finite_or(rate)), jnp.nan)
    mean = averages.time_mean(pace, weight, 0.0)
    some = moves & (mean > 0)
    unsteady = root(averages.time_variance(pace, weight, 0.0))
    centre = segments.centre_of_mass(moved.pose)
    limbs = moved.pose[:, _P] - centre[:, None]
    far = jnp.where(all_finite(limbs), safe_norm(finite_or(limbs)), jnp.nan).mean(1)
    # Smoothed as the motion is, lest noise counts as change of size.
    far = low_pass(far[:, None], time, KEPT * jnp.where(moves, finite_or(own.tempo_hz), 1.0))[:, 0]
    size = averages.time_mean(far, weight)
    breathing = root(averages.time_variance(far, weight))
    large = size > 1e-3

    def if_moving(x: jnp.ndarray) -> jnp.ndarray:
        return jnp.where(some, x, jnp.nan)

    seen = averages.share_seen(all_finite(s), weight)
    return Parts(
        repertoire=jnp.where(seen > 0, _repertoire(own.smooth, weight), jnp.nan),
        bandwidth=if_moving(own.bandwidth),
        pace_hz=if_moving(root(bend / speed) / (2 * jnp.pi)),
        steadiness=if_moving(root(slower / speed)),
        contrast=if_moving(unsteady / jnp.where(some, mean, 1.0)),
        agreement=if_moving(_agreement(rate, weight)),
        size=size,
        change=jnp.where(large, breathing / jnp.where(large, size, 1.0), jnp.nan),
        plausibility=jnp.where(seen > 0, plausible.plausibility(plausible.terms(moved)), jnp.nan),
        seen=seen,
    )


def scores(p: Parts) -> Scores:
    """Returns the composites from their parts.

        common         = plausibility * seen^2 * pace band * n^3 / (n^3 + N^3)
        fluidity       = 10 common steady exp(-(bandwidth - 1) / B)
        expressiveness = 10 common (size' + change' + contrast') / 3
        precision      = 10 common steady (agreement' + contrast') / 2
        steady         = 1 - exp(-(steadiness / S)^2)
        pace band      = exp(-(max(ln(pace / 3.2 Hz), ln(.25 Hz / pace), 0) / .5)^2)

    with n the repertoire, x' = x / (x + X) for change and contrast, x' = 1 / (1 + exp(-(x - m)/d))
    for size and agreement, and the constants of this module. A body at rest has 0 of each. `seen`
    is squared so that hiding frames cannot pay. Little movement scores little of anything: were it
    not so, standing still or one gesture repeated would be the smoothest and the most precise.

    Returns:
        Each in [0, 10]; NaN where less than `LEAST_SEEN` of the time was seen.
    """
    moves = jnp.isfinite(p.bandwidth) & jnp.isfinite(p.pace_hz) & jnp.isfinite(p.agreement)
    known = (p.seen >= LEAST_SEEN) & jnp.isfinite(p.size) & jnp.isfinite(p.plausibility)
    p = Parts(*(finite_or(x) for x in p))
    slow, quick, fall = PACE
    pace = jnp.log(jnp.where(moves, p.pace_hz, 1.0))
    outside = jnp.maximum(jnp.maximum(pace - np.log(quick), np.log(slow) - pace), 0.0)
    band = jnp.exp(-(jnp.minimum(outside / fall, 6.0) ** 2))
    content = p.repertoire**3 / (p.repertoire**3 + REPERTOIRE**3)
    steady = 1.0 - jnp.exp(-((p.steadiness / STEADY) ** 2))
    common = 10.0 * p.plausibility * p.seen**2 * band * content
    contrast = p.contrast / (p.contrast + CONTRAST)
    change = p.change / (p.change + CHANGE)
    size = jax.nn.sigmoid((p.size - SIZE[0]) / SIZE[1])
    agreement = jax.nn.sigmoid((p.agreement - AGREEMENT[0]) / AGREEMENT[1])
    values = (
        steady * jnp.exp(-jnp.maximum(p.bandwidth - 1.0, 0.0) / BANDWIDTH),
        (size + change + contrast) / 3.0,
        steady * (agreement + contrast) / 2.0,
    )
    values = (jnp.where(moves, common * value, 0.0) for value in values)
    return Scores(*(jnp.where(known, value, jnp.nan) for value in values))


def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Returns the composites and every part of them, by the keys of `MEASURES`."""
    found = parts(moved)
    rows = scores(found)._asdict() | found._asdict()
    return {f"composite.{name}": value for name, value in rows.items()}
