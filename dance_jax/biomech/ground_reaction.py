"""Ground reaction forces that were not measured: what the movement needs, shared by the feet."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech.linkage import SegmentMotion
from dance_jax.kinematics.vectors import (
    all_finite,
    component_sum,
    cross,
    finite_or,
    safe_norm,
    safe_unit,
)
from dance_jax.skeleton import CANON, index

_FEET = tuple(tuple(index(CANON, s + j) for s in ("left_", "right_")) for j in ("heel", "big_toe"))
_TILT = 0.01  # height difference of heel and toe, in body heights, over which the load shifts
_HALF_BREADTH = 0.055 / 2  # half a foot's breadth (Drillis & Contini 1966, in Winter)
_LEAST = 0.1  # of body weight: below this vertical force the feet carry less and less
_NOTHING = 1e-9  # sum of the contact weights: far below, the feet share alike
_SLIDING = 1e-4  # contact weight from which on a foot carries
_APART = 0.02  # body heights: feet nearer to each other than this are one place


class GroundReaction(NamedTuple):
    """Forces of the ground on the feet, left and right; per body mass, lengths in body heights.

    Attributes:
        force: [T, 2, C] in heights per second squared (divide by g for body weights).
        point: [T, 2, C] where they act.
        needed: [T, C] the force that the movement needs, whatever carries it: M (a - g).
    """

    force: jnp.ndarray
    point: jnp.ndarray
    needed: jnp.ndarray


def _upright(force: jnp.ndarray, moment: jnp.ndarray) -> jnp.ndarray:
    """Returns the level shift [T, C] of a force's point that makes a moment [T, D].

    x = M_z / F_y,  z = -M_x / F_y
    """
    x = moment[..., -1] / force
    if moment.shape[-1] == 1:
        return jnp.stack([x, jnp.zeros_like(x)], axis=-1)
    return jnp.stack([x, jnp.zeros_like(x), -moment[..., 0] / force], axis=-1)


def _level(v: jnp.ndarray) -> jnp.ndarray:
    return v * jnp.ones(v.shape[-1], v.dtype).at[1].set(0.0)


def ground_reaction(
    pose: jnp.ndarray, body: SegmentMotion, contacts: jnp.ndarray, g: jnp.ndarray
) -> GroundReaction:
    """Shares the force that the movement needs between the feet on the floor.

        F = sum_i m_i (a_i - g),   dL/dt = sum_i [(c_i - c) x m_i a_i + dH_i/dt]

    In free fall F is 0 by itself. It is left out, as carried by something else, where both feet
    are clearly off the floor: the feet carry w / (w + 1e-4) of it, w the sum of the contact
    weights, so that a foot that slides still carries. Both feet's forces point the same way (how
    they oppose each other along the floor cannot be told from movement). With both feet down each
    one's share follows from the moment balance: the centre of pressure that gives dL/dt, as a
    place between the feet; with one, that foot carries all; a smooth blend in between. Within each
    foot the force then moves from the middle of the sole (or from the lower end, on tiptoe or on
    the heel) towards that centre of pressure, at most to the foot's edge. The feet carry no free
    moment about the vertical.

    Args:
        pose: [T, 26, C] in body heights.
        body: the same movement's segments.
        contacts: [T, 2] weights in [0, 1] of the left and right foot standing on the floor.
        g: gravity in body heights per second squared.

    Returns:
        The forces; NaN where a segment or a foot was not seen.

    Source: Newton-Euler; centre of pressure as in Winter, Biomechanics and Motor Control of Human
        Movement; the split is this library's own.
    """
    mass = body.mass[:, None]
    up = jnp.zeros(pose.shape[-1], pose.dtype).at[1].set(1.0)
    needed = jnp.sum(mass * (body.acceleration + g * up), axis=1)
    com = jnp.sum(mass * body.centre, axis=1)
    whole = all_finite(needed) & all_finite(contacts)
    arms = finite_or(body.centre) - finite_or(com)[:, None]
    rate = jnp.sum(cross(arms, mass * finite_or(body.acceleration)) + finite_or(body.spin), axis=1)

    heel, toe = pose[:, _FEET[0], :], pose[:, _FEET[1], :]
    whole &= jnp.isfinite(heel + toe).all((-1, -2))
    heel, toe, force, com = finite_or(heel), finite_or(toe), finite_or(needed), finite_or(com)
    low_toe = jax.nn.sigmoid((heel[..., 1] - toe[..., 1]) / _TILT)[..., None]
    sole = heel + low_toe * (toe - heel)
    least = _LEAST * finite_or(g, 1.0)
    vertical = jnp.maximum(force[..., 1], least)

    def off(point: jnp.ndarray) -> jnp.ndarray:
        """How far level from `point` the centre of pressure is."""
        return _upright(vertical, rate - cross(point - com, force))

    weight = jnp.clip(finite_or(contacts), 0.0, 1.0)
    total = component_sum(weight, keepdims=True)
    # Weights may be as small as 1e-30, whose square, in the gradient of a quotient, is 0.
    share = (weight + 0.5 * _NOTHING) / (total + _NOTHING)
    both = 4.0 * share[:, :1] * share[:, 1:]  # 1 where the weights are equal, 0 with one foot
    line = _level(sole[:, 1] - sole[:, 0])
    middle = 0.5 * (sole[:, 0] + sole[:, 1])
    along = component_sum(off(middle) * line)
    to_right = 0.5 + along / jnp.maximum(component_sum(line * line), _APART**2)
    to_right = jnp.clip(to_right, 0.0, 1.0)[:, None]
    balanced = jnp.concatenate([1.0 - to_right, to_right], axis=-1)
    share = (1.0 - both) * share + both * balanced

    place = jnp.sum(share[..., None] * sole, axis=1)
    shift = off(place)[:, None]
    length = _level(toe - heel)
    axis = safe_unit(length)
    reach = _HALF_BREADTH + 2.0 * (low_toe * (1.0 - low_toe)) * safe_norm(length, keepdims=True)
    forwards = component_sum(shift * axis, keepdims=True)
    across = shift - forwards * axis
    width = safe_norm(across, keepdims=True)
    narrow = _HALF_BREADTH / jnp.maximum(width, _HALF_BREADTH)
    point = sole + jnp.clip(forwards, -reach, reach) * axis + across * narrow

    carried = total / (total + _SLIDING)
    carried = carried * jnp.clip(force[:, 1:2] / least, 0.0, 1.0)  # the floor does not pull
    on_feet = (carried * share)[..., None] * force[:, None]
    seen = whole[:, None, None]
    return GroundReaction(
        jnp.where(seen, on_feet, jnp.nan), jnp.where(seen, point, jnp.nan), needed
    )
