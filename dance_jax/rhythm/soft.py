"""A differentiable beat alignment, for losses and rewards."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or
from dance_jax.rhythm import alignment
from dance_jax.rhythm.speed_curve import SMOOTH_S, Moved, even_clock, gaussian, mean_speed

_AROUND_S = 0.25
_LEAST_SPEED = 0.02  # body heights per second
_EVIDENCE = 0.1  # summed weight over one second that counts as much as chance


def soft_alignment(
    moved: Moved,
    music_s: jnp.ndarray,
    *,
    sigma_s: float = alignment.SIGMA_S,
    sharpness: float = 3.0,
) -> jnp.ndarray:
    """Returns a smooth beat alignment from the motion to the music, corrected for chance.

        d_t = max(0, 1 - s_t / (S_t + s0)),   w_t = d_t^k
        score = (sum_t w_t K_t + e c) / (sum_t w_t + e),   result = (score - c) / (1 - c)

    s is the speed smoothed over 5/60 s and S over 0.25 s, so d is how deep the speed dips below
    its surroundings; K_t = exp(-min_j (t - r_j)^2 / 2 sigma^2). The average runs over the motion's
    dips, so more of them do not help; e draws a motion without dips (frozen, or at a steady speed)
    to chance, that is to 0. It is not the beat alignment score: dips have a width, so even perfect
    timing stays below 1.

    Args:
        moved: pose [T, 26, C] in body heights.
        music_s: [M] seconds; NaN where none; no gradient through them.
        sigma_s: tolerance in seconds.
        sharpness: k; larger counts only the bottom of a dip.

    Returns:
        scalar, at most 1; about 0 for unrelated or no motion; NaN where there is no music beat in
        the clip or nothing was seen.
    """
    return _soft(mean_speed(moved), moved.time_s, music_s, sigma_s, sharpness)


@jax.jit
def _soft(
    speed: jnp.ndarray,
    time_s: jnp.ndarray,
    music_s: jnp.ndarray,
    sigma_s: float,
    sharpness: float,
) -> jnp.ndarray:
    """`soft_alignment` of a mean joint speed [T]."""
    curve, weight = even_clock(speed, time_s)
    speed = gaussian(curve.value, weight, curve.step_s, SMOOTH_S)
    around = gaussian(curve.value, weight, curve.step_s, _AROUND_S)
    known = jnp.isfinite(speed) & jnp.isfinite(around)
    floor = jnp.maximum(finite_or(around), 0.0) + _LEAST_SPEED
    dip = jnp.maximum(1.0 - jnp.maximum(finite_or(speed), 0.0) / floor, 0.0)
    # A still body has the dip 1 - 0 / s0: its depth counts only against real surroundings.
    real = jnp.maximum(floor - _LEAST_SPEED, 0.0) / floor
    share = jnp.where(known, (dip * real) ** sharpness, 0.0)
    start, end = curve.time_s[0], curve.time_s[-1]
    music = alignment.within(music_s, finite_or(start), finite_or(end))
    offset = finite_or(alignment.offsets(curve.time_s, music))
    kernel = jnp.exp(-0.5 * (offset / sigma_s) ** 2)
    chance = alignment.expected_alignment(music, start, end, sigma_s)
    told = jnp.isfinite(chance)
    chance = finite_or(chance)  # a NaN here would reach the gradient of a refused clip
    step = finite_or(curve.step_s)
    evidence = jnp.sum(share) * step
    score = (jnp.sum(share * kernel) * step + _EVIDENCE * chance) / (evidence + _EVIDENCE)
    return jnp.where(told, alignment.chance_corrected(score, chance), jnp.nan)
