"""Newton-Euler equations of a tree of rigid segments: forces and moments at its joints."""

from __future__ import annotations

import functools
import operator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.vectors import all_finite, component_sum, cross, finite_or


class JointLoads(NamedTuple):
    """What the parent segment does to each segment through the joint between them.

    Attributes:
        force: [..., S, C].
        moment: [..., S, D] about the joint, D = 1 in the plane (counter-clockwise) and 3 in space;
            the root's row is what nothing in the model supplies: the residual.
    """

    force: jnp.ndarray
    moment: jnp.ndarray


def descendants(parents: tuple[int, ...]) -> np.ndarray:
    """Returns f32[S, S]: 1 where the column's segment is the row's or hangs on it.

    Args:
        parents: the parent of each segment, -1 for a root; parents come before their children.

    Raises:
        ValueError: a parent that does not come before its child.
    """
    below = np.eye(len(parents), dtype=np.float32)
    for child, parent in enumerate(parents):
        if parent >= child:
            raise ValueError(f"segment {child} comes before its parent {parent}")
    for child in range(len(parents) - 1, -1, -1):
        if parents[child] >= 0:
            below[parents[child]] += below[child]
    return below


def spin_rate(
    rotation: jnp.ndarray, omega: jnp.ndarray, alpha: jnp.ndarray, inertia: jnp.ndarray
) -> jnp.ndarray:
    """Rate of change of a rigid segment's angular momentum about its own centre of mass.

        dH/dt = I alpha + omega x (I omega),   I = R J R^T

    In the plane it is simply J alpha.

    Args:
        rotation: [..., 3, 3] from the segment's axes to the world's.
        omega: [..., 3] angular velocity in the world's axes, rad/s.
        alpha: [..., 3] angular acceleration in the world's axes, rad/s^2.
        inertia: [..., 3, 3] J, moments of inertia in the segment's axes about its centre of mass.

    Returns:
        [..., 3] in the unit of the inertia per second squared.
    """

    def apply(matrix: jnp.ndarray, v: jnp.ndarray) -> jnp.ndarray:
        return component_sum(matrix * v[..., None, :])

    def inertial(v: jnp.ndarray) -> jnp.ndarray:
        return apply(rotation, apply(inertia, apply(jnp.swapaxes(rotation, -1, -2), v)))

    return inertial(alpha) + cross(omega, inertial(omega))


def newton_euler(
    parents: tuple[int, ...],
    mass: jnp.ndarray,
    joint: jnp.ndarray,
    centre: jnp.ndarray,
    acceleration: jnp.ndarray,
    spin: jnp.ndarray,
    gravity: jnp.ndarray,
    *,
    load: jnp.ndarray | None = None,
    load_point: jnp.ndarray | None = None,
    load_on: tuple[int, ...] = (),
) -> JointLoads:
    """Inverse dynamics of a link-segment model: forces and moments at every joint, tips to root.

        F_i = m_i (a_i - g) - sum_e P_e + sum_{children k} F_k
        M_i = dH_i/dt + (c_i - p_i) x m_i (a_i - g) - sum_e (x_e - p_i) x P_e
              + sum_{children k} (M_k + (p_k - p_i) x F_k)

    The recursion is linear, so it is taken in one product: the forces, and the moments about one
    common point, of all that hangs on a joint are summed by the matrix of descendants, and then
    moved to the joint, M_i = M_i(o) - (p_i - o) x F_i.

    Args:
        parents: parent of each of the S segments, -1 for the root; parents first.
        mass: [S].
        joint: [..., S, C] position of each segment's joint with its parent; of the root: the point
            its residual moment is about.
        centre: [..., S, C] centres of mass.
        acceleration: [..., S, C] of the centres of mass.
        spin: [..., S, D] rate of change of each segment's angular momentum about its own centre of
            mass (`spin_rate`; in the plane D = 1, moment of inertia times angular acceleration).
        gravity: [C] the acceleration of free fall, pointing down.
        load: [..., E, C] forces from outside, such as the ground's.
        load_point: [..., E, C] where they act.
        load_on: the segment that each acts on.

    Returns:
        Forces and moments in the units of the input; NaN at a joint where a segment beyond it, or a
        load on one, is missing.

    Source: Winter, Biomechanics and Motor Control of Human Movement, link-segment model; Luh,
        Walker & Paul 1980, J. Dyn. Syst. Meas. Control 102:69-76 (recursive Newton-Euler).
    """
    below = jnp.asarray(descendants(parents), centre.dtype)
    mass = jnp.asarray(mass, centre.dtype)

    def turned(x: jnp.ndarray) -> jnp.ndarray:
        return jnp.swapaxes(x, -1, -2)

    # Coordinates before segments: long rows in memory.
    joint, centre, acceleration, spin = map(turned, (joint, centre, acceleration, spin))
    origin = finite_or(joint[..., :1])  # near the body: small lever arms keep their digits

    def total(values: jnp.ndarray, matrix: jnp.ndarray = below) -> jnp.ndarray:
        return jnp.einsum("...cj,ij->...ci", values, matrix, precision="highest")

    def missing(*parts: jnp.ndarray) -> jnp.ndarray:
        known = functools.reduce(operator.and_, (all_finite(part, axis=-2) for part in parts))
        return 1.0 - known[..., None, :].astype(centre.dtype)

    inertial = mass * (acceleration - gravity[..., None])
    gone = missing(inertial, centre, spin)
    inertial, rate = finite_or(inertial), finite_or(spin)
    force = total(inertial)
    moment = total(cross(finite_or(centre) - origin, inertial, axis=-2) + rate)
    lost = total(gone)
    if load is not None and load_point is not None:
        over = below[:, np.asarray(load_on)]
        load, load_point = turned(load), turned(load_point)
        lost = lost + total(missing(load, load_point), over)
        load = finite_or(load)
        force = force - total(load, over)
        moment = moment - total(cross(finite_or(load_point) - origin, load, axis=-2), over)
    moment = moment - cross(finite_or(joint) - origin, force, axis=-2)
    whole = lost == 0
    there = all_finite(joint, axis=-2)[..., None, :]
    return JointLoads(
        turned(jnp.where(whole, force, jnp.nan)), turned(jnp.where(whole & there, moment, jnp.nan))
    )
