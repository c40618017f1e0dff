"""Joint moments from movement alone: a proxy, as the forces of the ground were not measured."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech import contacts as foot_contacts
from dance_jax.biomech.averages import MIN_SEEN, frame_weights, share_seen
from dance_jax.biomech.ground_reaction import ground_reaction
from dance_jax.biomech.linkage import JOINTS, PARENTS, SEGMENTS, seen_steps, segment_motion
from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement, gravity
from dance_jax.biomech.newton_euler import newton_euler
from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import all_finite, finite_or, safe_norm

_LIMBS = ("shoulder", "elbow", "hip", "knee", "ankle")
MOMENT_NAMES: tuple[str, ...] = (
    "neck",
    *(side + joint for side in ("left_", "right_") for joint in _LIMBS),
)
"""Joints with a moment; the wrists have none here, as hands are not seen."""

_ROWS = tuple(JOINTS.index(name, 1) for name in MOMENT_NAMES)  # row 0, the root, is no joint
_FEET = (SEGMENTS.index("left_foot"), SEGMENTS.index("right_foot"))
_LEAST_S = 0.5  # of seen time


class JointMoments(NamedTuple):
    """Moments and forces over time, dimensionless.

    Attributes:
        moment: [T, M, D] of the part nearer the trunk on the part farther from it, over body
            weight x height, in the order of `MOMENT_NAMES`; D = 1 in the plane
            (counter-clockwise), 3 in space (the world's axes).
        magnitude: [T, M] length of `moment`.
        ground_force: [T, 2, C] of the ground on the left and right foot, in body weights.
        ground_point: [T, 2, C] where it acts, in body heights.
        needed_force: [T, C] whole force that the movement needs, in body weights; 0 in free fall.
        residual_force: [T, C] what of it the feet do not carry.
        residual_moment: [T, D] about the hip, over body weight x height: what neither the feet nor
            anything in the model supplies. Large where the split between the feet or the depth is
            wrong, or something else was touched.
    """

    moment: jnp.ndarray
    magnitude: jnp.ndarray
    ground_force: jnp.ndarray
    ground_point: jnp.ndarray
    needed_force: jnp.ndarray
    residual_force: jnp.ndarray
    residual_moment: jnp.ndarray


@functools.partial(jax.jit, static_argnames="anthropometry")
def joint_moments(
    moved: Movement,
    contacts: jnp.ndarray | None = None,
    anthropometry: str = "de_leva_mean",
) -> JointMoments:
    """Net joint moments by link-segment inverse dynamics, planar or in space.

        m = M / (body mass x g x height)

    Net moments of muscles, ligaments and contact together, with the hands empty and nothing but
    the floor touched. They are proxies: the ground reaction is what the movement needs, shared
    between the feet by `ground_reaction`. Body mass is not needed. Moments of the neck and the arms
    do not depend on the ground. Accelerations are second differences: filter first, and where
    segments lose their length (depth unseen) the plane's moments hold in that plane only.

    Args:
        moved: the movement, filtered; its `height_m` must be known.
        contacts: [T, 2] weights in [0, 1] of the left and right foot being on the floor; None takes
            `contacts.contact_weights`.
        anthropometry: table of segments.

    Returns:
        The moments; NaN where a segment beyond the joint was not seen, and for the legs wherever
        the whole body or a foot was not.

    Source: Winter, Biomechanics and Motor Control of Human Movement; de Leva 1996.
    """
    if contacts is None:
        contacts = foot_contacts.contact_weights(moved)
    g = gravity(moved)
    body = segment_motion(moved, anthropometry)
    ground = ground_reaction(moved.pose, body, contacts, g)
    down = jnp.zeros(moved.pose.shape[-1], moved.pose.dtype).at[1].set(-1.0)
    loads = newton_euler(
        PARENTS,
        body.mass,
        body.joint,
        body.centre,
        body.acceleration,
        body.spin,
        g * down,
        load=ground.force,
        load_point=ground.point,
        load_on=_FEET,
    )
    moment = loads.moment[:, _ROWS, :] / g
    return JointMoments(
        moment=moment,
        magnitude=_size(moment),
        ground_force=ground.force / g,
        ground_point=ground.point,
        needed_force=ground.needed / g,
        residual_force=loads.force[:, 0] / g,
        residual_moment=loads.moment[:, 0] / g,
    )


_CARRIED = 1e-6  # body weights, summed over the frames: less has no left and right share
_BODY = ("face", "arms", "trunk", "legs")
_WHOLE = (*_BODY, "feet")
_PEAK = (
    "95th percentile over time of the net moment's size, from masses, accelerations and an"
    " estimated split of the ground force; in a picture only what turns in its plane. Larger: the"
    " movement asks more of the joint."
)


def _peak(name: str) -> MeasureDef:
    parts = {"neck": ("face", "trunk"), "elbow": ("arms",), "shoulder": ("arms",)}
    return MeasureDef(
        key=f"dynamics.{name}_moment",
        label=f"{name.replace('_', ' ')} moment, upper range".capitalize(),
        unit="weight x height",
        meaning=_PEAK,
        kind="proxy",
        parts=parts.get(name.split("_")[-1], _WHOLE),
        needs_scale=True,
        source="Winter, link-segment model; segment table: de Leva 1996 or Winter, as chosen",
    )


MEASURES: tuple[MeasureDef, ...] = (
    *(_peak(name) for name in MOMENT_NAMES),
    MeasureDef(
        key="dynamics.ground_force",
        label="Ground force, upper range",
        unit="weight",
        meaning=(
            "95th percentile over time of the force that the movement needs from the ground, in"
            " body weights: 1 standing still, more when pushing off or landing."
        ),
        kind="proxy",
        parts=_BODY,
        needs_scale=True,
        source="Newton's second law on the centre of mass",
    ),
    MeasureDef(
        key="dynamics.left_load",
        label="Load on the left foot",
        unit="share",
        meaning=(
            "Share of the vertical ground force that the left foot carries over the clip; 0.5 means"
            " both carry the same."
        ),
        kind="proxy",
        parts=_WHOLE,
        needs_scale=True,
    ),
    MeasureDef(
        key="dynamics.unexplained_moment",
        label="Moment that the feet cannot supply",
        unit="weight x height",
        meaning=(
            "Mean over time of the moment left at the trunk once the feet have supplied what they"
            " can; larger means that the joint moments of the legs are less to be trusted."
        ),
        kind="proxy",
        parts=_WHOLE,
        needs_scale=True,
    ),
)


def _size(v: jnp.ndarray) -> jnp.ndarray:
    """Returns |v| along the last axis, NaN where v is."""
    return jnp.where(all_finite(v), safe_norm(finite_or(v)), jnp.nan)


@functools.partial(jax.jit, static_argnames="anthropometry")
def summarise(moved: Movement, anthropometry: str = "de_leva_mean") -> dict[str, jnp.ndarray]:
    """Returns the whole-clip value of every one of `MEASURES`, by key; NaN without a meaning."""
    found = joint_moments(moved, anthropometry=anthropometry)
    sizes = [found.magnitude, _size(found.needed_force)[:, None]]
    series = jnp.concatenate([*sizes, _size(found.residual_moment)[:, None]], axis=1)
    known = jnp.isfinite(series)
    long = jnp.sum(seen_steps(known, moved), axis=0) >= _LEAST_S
    long &= share_seen(known, frame_weights(moved.pose, moved.time_s)) >= MIN_SEEN
    peaks = jnp.where(long, upper_percentile(series, 95.0), jnp.nan)
    names = (*(f"dynamics.{name}_moment" for name in MOMENT_NAMES), "dynamics.ground_force")
    out = dict(zip(names, peaks[:-1], strict=True))

    upright = jnp.sum(finite_or(found.ground_force[..., 1]), axis=0)
    carried = jnp.sum(upright)
    some = long[-1] & (carried > _CARRIED)
    out["dynamics.left_load"] = jnp.where(some, upright[0] / jnp.where(some, carried, 1.0), jnp.nan)
    count = jnp.sum(known[:, -1])
    mean = jnp.sum(finite_or(series[:, -1])) / jnp.maximum(count, 1)
    out["dynamics.unexplained_moment"] = jnp.where(long[-1], mean, jnp.nan)
    return out
