"""Positive work, cost of transport, and an index of how the mechanical work is spent."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech import segments
from dance_jax.biomech.averages import MIN_SEEN, frame_weights, share_seen, time_mean
from dance_jax.biomech.energy_series import Energies, energies, positive_work
from dance_jax.biomech.linkage import seen_steps
from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement, gravity
from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import finite_or, safe_norm

LEAST_S = 0.5
"""Seconds of seen time below which no whole-clip value is given."""
STILL_W_KG = 0.05
"""Positive work rate below which a dancer counts as still: raising the body 5 mm each second."""
TRAVEL = 1.0
"""Net ground travel in body heights from which on the movement counts as travelling."""


class Work(NamedTuple):
    """What the energies of a clip come to; scalars.

    Attributes:
        rate: positive work of the total energy, W/kg.
        external_rate: positive work of the centre of mass, W/kg.
        internal_rate: positive work of the movement about it, W/kg.
        cost_of_transport: positive work per weight and net ground travel; NaN below one height.
        efficiency: external / (external + internal) positive work, in [0, 1].
        internal: 1 - efficiency.
        unexchanged: positive work over the sum of all segments' own rises, in [0, 1].
        unsteady: share of the mean kinetic energy that a steady flow would not need, in [0, 1].
        inefficiency: mean of the last three.
    """

    rate: jnp.ndarray
    external_rate: jnp.ndarray
    internal_rate: jnp.ndarray
    cost_of_transport: jnp.ndarray
    efficiency: jnp.ndarray
    internal: jnp.ndarray
    unexchanged: jnp.ndarray
    unsteady: jnp.ndarray
    inefficiency: jnp.ndarray


def _ratio(a: jnp.ndarray, b: jnp.ndarray, ok: jnp.ndarray) -> jnp.ndarray:
    """Returns a / b where it has a meaning, NaN elsewhere, with a finite gradient."""
    ok &= b > 0
    return jnp.where(ok, a / jnp.where(ok, b, 1.0), jnp.nan)


def _net_travel(centre: jnp.ndarray, first: jnp.ndarray, last: jnp.ndarray) -> jnp.ndarray:
    """Returns the level distance in body heights between two frames."""
    level = finite_or(centre) * jnp.ones(centre.shape[-1], centre.dtype).at[1].set(0.0)
    return safe_norm(level[last] - level[first])


@functools.partial(jax.jit, static_argnames="anthropometry")
def work(moved: Movement, anthropometry: str = "de_leva_mean") -> Work:
    """Positive work of the whole clip and the index of biomechanical inefficiency.

        efficiency   = W+_ext / (W+_ext + W+_int)
        internal     = W+_int / (W+_ext + W+_int)
        unexchanged  = W+_total / sum_i (W+_kinetic,i + W+_potential,i)
        unsteady     = 1 - (mean sqrt K)^2 / mean K
        inefficiency = (internal + unexchanged + unsteady) / 3

    `internal` is the work that moves the limbs about the body's centre and not the body itself;
    `unexchanged` is 1 where no segment's rise in energy came from another segment or from its own
    other form (falling to moving), and small where swings pass energy on; `unsteady` is 0 at
    constant kinetic energy: by the Cauchy-Schwarz inequality no other timing of the same path in
    the same time has a smaller mean. All three lie in [0, 1].

    The efficiency is a share of mechanical work; metabolic energy is not seen. The index describes
    how the work is spent; dance has no reason to save work, and lower is not better. A dancer who
    stays still (below `STILL_W_KG`) has no index: nothing moved.

    Args:
        moved: the movement, filtered; its `height_m` must be known.
        anthropometry: table of segments.

    Returns:
        The work; NaN below `LEAST_S` seconds or half of the clip seen. Rates are over the time
        seen; the cost of transport takes that rate for the whole time from the first to the last
        frame seen.

    Source: Winter 1979, Journal of Applied Physiology 46:79 (exchange within and between segments);
        Willems, Cavagna & Heglund 1995, Journal of Experimental Biology 198:379; the index and
        `unsteady` are this library's own.
    """
    return _work(moved, energies(moved, anthropometry), anthropometry)


def _work(moved: Movement, energy: Energies, anthropometry: str) -> Work:
    known = jnp.isfinite(energy.total)
    steps = seen_steps(known, moved)
    seen_s = jnp.sum(steps)
    # The same steps count for every energy, or the shares could leave [0, 1].
    each = energy.segments.reshape(len(known), -1)
    three = jnp.stack([energy.total, energy.external, energy.internal], axis=1)
    rises = positive_work(jnp.concatenate([three, each], axis=1))
    total, external, internal, apart = rises[0], rises[1], rises[2], jnp.sum(rises[3:])
    share = share_seen(known, frame_weights(moved.pose, moved.time_s))
    long = (seen_s >= LEAST_S) & (share >= MIN_SEEN)
    rate = _ratio(total, seen_s, long)
    moves = long & (finite_or(rate) > STILL_W_KG)

    kinetic = finite_or(energy.kinetic)
    some = kinetic > 0
    root = jnp.where(some, jnp.sqrt(jnp.where(some, kinetic, 1.0)), 0.0)
    path = jnp.sum(steps * 0.5 * (root[1:] + root[:-1]))
    area = jnp.sum(steps * 0.5 * (kinetic[1:] + kinetic[:-1]))
    unsteady = 1.0 - _ratio(path**2, seen_s * area, moves)

    last = len(known) - 1 - jnp.argmax(known[::-1])
    first = jnp.argmax(known)
    distance = _net_travel(segments.centre_of_mass(moved.pose, anthropometry), first, last)
    time = jnp.asarray(moved.time_s, moved.pose.dtype)
    metres = finite_or(moved.height_m) ** 2  # J/kg over g and d in body heights
    weight_path = finite_or(gravity(moved)) * distance * metres
    inner = _ratio(internal, external + internal, moves)
    unexchanged = _ratio(total, apart, moves)
    return Work(
        rate=rate,
        external_rate=_ratio(external, seen_s, long),
        internal_rate=_ratio(internal, seen_s, long),
        cost_of_transport=_ratio(
            rate * (time[last] - time[first]), weight_path, moves & (distance > TRAVEL)
        ),
        efficiency=1.0 - inner,
        internal=inner,
        unexchanged=unexchanged,
        unsteady=unsteady,
        inefficiency=(inner + unexchanged + unsteady) / 3.0,
    )


def _measure(
    key: str, label: str, unit: str, meaning: str, kind: str = "measured", source: str = ""
) -> MeasureDef:
    return MeasureDef(
        key=f"energy.{key}",
        label=label,
        unit=unit,
        meaning=meaning,
        kind=kind,
        parts=("face", "arms", "trunk", "legs"),
        needs_scale=True,
        source=source,
    )


_WILLEMS = "Willems, Cavagna & Heglund 1995"
_PLANE = "From a picture, of the movement in its plane only."

MEASURES: tuple[MeasureDef, ...] = (
    _measure(
        "kinetic_mean",
        "Kinetic energy, mean",
        "J/kg",
        f"Mean over time of all segments' energy of moving and turning; larger is faster. {_PLANE}",
    ),
    _measure(
        "kinetic_peak",
        "Kinetic energy, upper range",
        "J/kg",
        f"95th percentile over time of the kinetic energy. {_PLANE}",
    ),
    _measure(
        "rotational_share",
        "Energy of turning segments",
        "share",
        "Share of the kinetic energy that is segments turning about their own centres.",
    ),
    _measure(
        "potential_range",
        "Energy of height, range",
        "J/kg",
        "95th less 5th percentile of g times the height of the centre of mass: larger goes higher"
        " or lower.",
    ),
    _measure(
        "positive_work_rate",
        "Positive work rate",
        "W/kg",
        f"All rises of the total mechanical energy over time; larger is more work. {_PLANE}",
        source="Winter 1979",
    ),
    _measure(
        "external_work_rate",
        "Work rate on the body's centre",
        "W/kg",
        "Rises of the energy of the centre of mass over time: raising and speeding up the body.",
        source=_WILLEMS,
    ),
    _measure(
        "internal_work_rate",
        "Work rate on the limbs",
        "W/kg",
        "Rises of the energy of moving relative to the centre of mass over time.",
        source=_WILLEMS,
    ),
    _measure(
        "cost_of_transport",
        "Cost of transport",
        "",
        "Positive work over weight times net travel across the floor, mechanical, not metabolic;"
        " only where the body's centre ends more than one body height from where it began.",
    ),
    _measure(
        "efficiency",
        "Share of work that moves the body's centre",
        "share",
        "External over external plus internal positive work: 1 where all work raises or speeds up"
        " the body as a whole; metabolic energy is not seen.",
        kind="index",
        source=_WILLEMS,
    ),
    _measure(
        "inefficiency",
        "Biomechanical inefficiency",
        "",
        "Mean of its three parts, 0 to 1: work on the limbs, work not exchanged, unsteadiness; it"
        " describes how work is spent, and lower is not better.",
        kind="index",
    ),
    _measure(
        "inefficiency.internal",
        "Part: work on the limbs",
        "share",
        "Internal over external plus internal positive work.",
        kind="index",
        source=_WILLEMS,
    ),
    _measure(
        "inefficiency.unexchanged",
        "Part: work not exchanged",
        "share",
        "Positive work over the sum of every segment's own rises in kinetic and potential energy:"
        " small where swings and falls pass energy on.",
        kind="index",
        source="Winter 1979",
    ),
    _measure(
        "inefficiency.unsteady",
        "Part: unsteadiness",
        "share",
        "Share of the mean kinetic energy that the same path in the same time at constant kinetic"
        " energy would not need: 0 for a steady flow, near 1 for rare bursts.",
        kind="index",
    ),
)


@functools.partial(jax.jit, static_argnames="anthropometry")
def summarise(moved: Movement, anthropometry: str = "de_leva_mean") -> dict[str, jnp.ndarray]:
    """Returns the whole-clip value of every one of `MEASURES`, by key; NaN without a meaning."""
    energy = energies(moved, anthropometry)
    done = _work(moved, energy, anthropometry)
    long = jnp.isfinite(done.rate)
    weight = frame_weights(moved.pose, moved.time_s)
    both = time_mean(jnp.stack([energy.kinetic, energy.rotational], axis=1), weight)
    kinetic, rotational = jnp.where(long, both, jnp.nan)
    spread = jnp.stack([energy.kinetic, energy.potential, -energy.potential], axis=1)
    peak, top, bottom = jnp.where(long, upper_percentile(spread, 95.0), jnp.nan)
    moves = finite_or(done.rate) > STILL_W_KG
    return {
        "energy.kinetic_mean": kinetic,
        "energy.kinetic_peak": peak,
        "energy.rotational_share": _ratio(rotational, finite_or(kinetic), moves),
        "energy.potential_range": top + bottom,
        "energy.positive_work_rate": done.rate,
        "energy.external_work_rate": done.external_rate,
        "energy.internal_work_rate": done.internal_rate,
        "energy.cost_of_transport": done.cost_of_transport,
        "energy.efficiency": done.efficiency,
        "energy.inefficiency": done.inefficiency,
        "energy.inefficiency.internal": done.internal,
        "energy.inefficiency.unexchanged": done.unexchanged,
        "energy.inefficiency.unsteady": done.unsteady,
    }
