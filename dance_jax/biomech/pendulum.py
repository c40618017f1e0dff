"""The body as an inverted pendulum: its length and eigenfrequency, after Hof."""

from __future__ import annotations

import jax.numpy as jnp

from dance_jax.biomech.movement import Movement, gravity
from dance_jax.kinematics.scale import segment_length, upper_percentile
from dance_jax.kinematics.vectors import finite_or

# Effective pendulum length over trochanteric height. Hof et al. 2005 give 1.20 or 1.24 in the
# sagittal plane (trunk upright, or in line with the legs) and 1.34 in the frontal; a dancer sways
# every way, so the middle one serves. The extremes change sqrt(l / g) by -1.6 % and +4 %.
PENDULUM = 1.24
ANKLE_HEIGHT = 0.039  # of stature, Drillis & Contini 1966, in Winter


def leg_length(moved: Movement) -> jnp.ndarray:
    """Returns the height of the hip joints over the floor of the straight leg, body heights.

    Thigh and shank, each the longer side's 90th percentile over the clip, and the ankle's height.

    Args:
        moved: the movement.

    Returns:
        scalar; NaN where no thigh or no shank was seen.
    """

    def longest(a: str, b: str) -> jnp.ndarray:
        both = [segment_length(moved.pose, s + a, s + b) for s in ("left_", "right_")]
        sides = upper_percentile(jnp.stack(both, axis=-1), 90.0, axis=0)
        return jnp.where(jnp.isfinite(sides).any(), finite_or(sides, -jnp.inf).max(), jnp.nan)

    return longest("hip", "knee") + longest("knee", "ankle") + ANKLE_HEIGHT


def pendulum_rate(moved: Movement) -> jnp.ndarray:
    """Returns the eigenfrequency of the body as an inverted pendulum.

        w0 = sqrt(g / l),   l = 1.24 x height of the hip joints

    Args:
        moved: the movement.

    Returns:
        scalar, 1/s; NaN where the height in metres or the legs are unknown.

    Source: Hof, Gazendam & Sinke 2005, Journal of Biomechanics 38:1-8.
    """
    pull, length = gravity(moved), PENDULUM * leg_length(moved)
    good = (pull > 0) & (length > 0)
    squared = jnp.where(good, pull, 1.0) / jnp.where(good, length, 1.0)
    return jnp.where(good, jnp.sqrt(squared), jnp.nan)
