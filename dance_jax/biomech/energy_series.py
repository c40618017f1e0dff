"""Mechanical energy of the movement over time, and the positive work of any energy."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech.linkage import segment_motion
from dance_jax.biomech.movement import GRAVITY, Movement
from dance_jax.kinematics.vectors import component_sum, finite_or


class Energies(NamedTuple):
    """Mechanical energy over time, J per kg of body mass.

    Attributes:
        kinetic: [T] of all segments, moving and turning.
        rotational: [T] the part of `kinetic` that is turning about the segments' own centres.
        potential: [T] of height, above the lowest place of the centre of mass in the clip.
        total: [T] kinetic + potential.
        external: [T] of the centre of mass: potential, and kinetic as if all mass were there.
        internal: [T] of the segments' movement relative to the centre of mass: total - external.
        segments: [T, S, 2] kinetic and potential energy of each segment.
    """

    kinetic: jnp.ndarray
    rotational: jnp.ndarray
    potential: jnp.ndarray
    total: jnp.ndarray
    external: jnp.ndarray
    internal: jnp.ndarray
    segments: jnp.ndarray


@functools.partial(jax.jit, static_argnames="anthropometry")
def energies(moved: Movement, anthropometry: str = "de_leva_mean") -> Energies:
    """Kinetic and potential energy of the segments.

        K = sum_i m_i |v_i|^2 / 2 + K_turning,   U = g (y - min y),   E = K + U
        external = U + |v|^2 / 2,   internal = E - external  (Koenig's theorem)

    From two coordinates it is the energy of the movement in the picture's plane only. Spin of a
    limb about its own axis is left out (`linkage.segment_motion`).

    Args:
        moved: the movement, filtered; its `height_m` must be known.
        anthropometry: table of segments.

    Returns:
        The energies; NaN in frames where the body was not seen whole, and all where metres are
        unknown.

    Source: Winter, Biomechanics and Motor Control of Human Movement; Willems, Cavagna & Heglund
        1995, Journal of Experimental Biology 198:379 (external and internal).
    """
    body = segment_motion(moved, anthropometry)
    metres = jnp.where(moved.height_m > 0, moved.height_m, jnp.nan)
    whole = jnp.isfinite(body.velocity).all((-1, -2)) & jnp.isfinite(metres)
    metres = finite_or(metres)
    velocity, turning = finite_or(body.velocity), finite_or(body.rotation_energy)
    kinetic = 0.5 * body.mass * component_sum(velocity**2) + turning
    height = finite_or(body.centre[..., 1])
    com = jnp.sum(body.mass * height, axis=-1)
    lowest = jnp.min(jnp.where(whole, com, jnp.inf))
    lowest = finite_or(lowest)
    raised = body.mass * (height - lowest)
    mean_velocity = jnp.sum(body.mass[:, None] * velocity, axis=1)
    # The movement relative to the centre of mass directly: no small difference of large numbers.
    relative = velocity - mean_velocity[:, None]
    internal = jnp.sum(0.5 * body.mass * component_sum(relative**2) + turning, axis=-1)
    potential = GRAVITY * metres * jnp.sum(raised, axis=-1)
    external = potential + metres**2 * 0.5 * component_sum(mean_velocity**2)

    def seen(value: jnp.ndarray) -> jnp.ndarray:
        return jnp.where(whole.reshape((-1,) + (1,) * (value.ndim - 1)), value, jnp.nan)

    internal = metres**2 * internal
    kinetic, raised = metres**2 * kinetic, GRAVITY * metres * raised
    return Energies(
        kinetic=seen(jnp.sum(kinetic, axis=-1)),
        rotational=seen(metres**2 * jnp.sum(turning, axis=-1)),
        potential=seen(potential),
        total=seen(internal + external),
        external=seen(external),
        internal=seen(internal),
        segments=seen(jnp.stack([kinetic, raised], axis=-1)),
    )


def positive_work(energy: jnp.ndarray) -> jnp.ndarray:
    """Sum of all rises of an energy.

        W+ = integral of max(dE/dt, 0) dt = sum_t max(E_{t+1} - E_t, 0)

    Args:
        energy: [T, ...]; NaN where missing: steps into and out of a gap count for nothing.

    Returns:
        [...] in the energy's unit.
    """
    rise = energy[1:] - energy[:-1]
    return jnp.sum(jnp.maximum(finite_or(rise), 0.0), axis=0)
