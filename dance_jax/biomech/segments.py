"""Where the segments' centres of mass are, and the whole body's centre of mass, seen or in part."""

from __future__ import annotations

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import anthropometry as tables
from dance_jax.biomech.anthropometry import ANTHROPOMETRY, Segment, get
from dance_jax.errors import InputError
from dance_jax.kinematics.vectors import all_finite, finite_or
from dance_jax.skeleton import CANON, index
from dance_jax.skeleton import get as skeleton

__all__ = [
    "ANTHROPOMETRY",
    "MIN_MASS",
    "NAMES",
    "Segment",
    "centre_of_mass",
    "get",
    "known_mass",
    "segment_centres",
    "segment_masses",
]

SIDES = ("left_", "right_")
NAMES = ("head", "trunk", *(side + name for side in SIDES for name in tables.PAIRED))
"""Segments of a body in the order of every array here."""

MIN_MASS = 0.85
"""Fraction of the mass that must be seen before `partial="fallback"` gives a centre of mass."""

_MEASURED = 2  # most ways to measure one segment
# A hidden head stands in line with the trunk: (ear .936 - shoulder .818) / (shoulder - hip .530) of
# stature (Drillis & Contini 1966, in Winter; the ears are level with the eyes).
_HEAD_ABOVE = (0.936 - 0.818) / (0.818 - 0.530)
PARTIAL = ("refuse", "fallback")
_MIDDLES = {
    "neck": ("left_shoulder", "right_shoulder"),
    "hip": ("left_hip", "right_hip"),
    "ear": ("left_ear", "right_ear"),
    "eye": ("left_eye", "right_eye"),
}
_Terms = tuple[tuple[str, float], ...]


def _kind(name: str) -> str:
    """Returns the row of the table that a segment belongs to: "left_thigh" -> "thigh"."""
    return name.removeprefix("left_").removeprefix("right_")


def _along(a: str, b: str, t: float) -> _Terms:
    return ((a, 1.0 - t), (b, t))


def _places(anthropometry: str) -> dict[str, tuple[list[_Terms], list[_Terms]]]:
    """Returns segment -> (ways to measure its centre, stated fallbacks), best first.

    A way is a weighted sum of joints; it applies where all of them are seen.
    """
    table, ends = get(anthropometry), tables.ends(anthropometry)
    out: dict[str, tuple[list[_Terms], list[_Terms]]] = {
        # The ears are level with de Leva's centre, and are where Winter puts it.
        "head": (
            [(("ear", 1.0),), _along("neck", "head", table["head"].centre)],
            [(("nose", 1.0),), (("eye", 1.0),), _along("neck", "hip", -_HEAD_ABOVE)],
        ),
        "trunk": ([_along("neck", "hip", table["trunk"].centre)], []),
    }
    for side in SIDES:

        def way(name: str, side: str = side) -> _Terms:
            a, b = ends[name]
            return _along(side + a, side + b, table[name].centre + (name == "hand"))

        def at(*joints: str, side: str = side) -> list[_Terms]:
            return [((side + joint, 1.0),) for joint in joints]

        out[side + "upper_arm"] = ([way("upper_arm")], at("shoulder"))
        out[side + "forearm"] = ([way("forearm")], at("elbow", "shoulder"))
        out[side + "hand"] = ([way("hand")], at("wrist", "elbow", "shoulder"))
        out[side + "thigh"] = ([way("thigh")], at("hip"))
        out[side + "shank"] = ([way("shank")], at("knee", "hip"))
        out[side + "foot"] = ([way("foot"), *at("ankle")], at("knee", "hip"))
    return out


def _row(terms: _Terms) -> np.ndarray:
    """Returns f64[26], the weight of each joint in one way."""
    row = np.zeros(len(skeleton(CANON)))
    for joint, weight in terms:
        for part in _MIDDLES.get(joint, (joint,)):
            row[index(CANON, part)] += weight / len(_MIDDLES.get(joint, (joint,)))
    return row


@functools.cache
def _ways(anthropometry: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the ways as arrays: weights f32[S, K, 26], exists bool[S, K], measured bool[S, K]."""
    places = _places(anthropometry)
    most = max(len(seen) + len(fallback) for seen, fallback in places.values())
    weights = np.zeros((len(NAMES), most, len(skeleton(CANON))), np.float32)
    exists, measured = np.zeros((2, len(NAMES), most), bool)
    for s, name in enumerate(NAMES):
        seen, fallback = places[name]
        for k, terms in enumerate((*seen, *fallback)):
            weights[s, k] = _row(terms)
            exists[s, k], measured[s, k] = True, k < len(seen)
    return weights, exists, measured


def segment_masses(anthropometry: str = "de_leva_mean") -> np.ndarray:
    """Returns f32[14] the segments' fractions of body mass in the order of `NAMES`; sum 1."""
    table = get(anthropometry)
    return np.asarray([table[_kind(name)].mass for name in NAMES], np.float32)


def _choice(
    pose: jnp.ndarray, anthropometry: str, fallback: bool, ways: int | None = None
) -> list[jnp.ndarray]:
    """Returns which way places each segment, K of bool[..., S]: the first whose joints are seen."""
    rows, exists, measured = (np.swapaxes(v[:, :ways], 0, 1) for v in _ways(anthropometry))
    allowed = exists if fallback else exists & measured
    missing = (~all_finite(pose)).astype(jnp.float32)
    needs = jnp.asarray(rows.reshape(-1, rows.shape[-1]).T != 0, jnp.float32)
    lacking = (missing @ needs).reshape(*missing.shape[:-1], *allowed.shape)
    good = (lacking < 0.5) & allowed
    before, first = jnp.zeros_like(good[..., 0, :]), []
    for k in range(good.shape[-2]):  # few; stacking them would cost more than it tells
        first.append(good[..., k, :] & ~before)
        before |= good[..., k, :]
    return first


def _any(flags: list[jnp.ndarray]) -> jnp.ndarray:
    return functools.reduce(operator.or_, flags)


def centres_by_coordinate(
    pose: jnp.ndarray, anthropometry: str = "de_leva_mean", names: tuple[str, ...] = NAMES
) -> jnp.ndarray:
    """Returns `segment_centres` as [..., C, S], which a processor sums and differentiates faster.

    Args:
        pose: [..., 26, C] HALPE-26, any unit; NaN where missing.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`.
        names: the S segments.
    """
    order = np.asarray([NAMES.index(name) for name in names])
    best = _choice(pose, anthropometry, fallback=False, ways=_MEASURED)
    rows = _ways(anthropometry)[0][order]
    safe = jnp.swapaxes(finite_or(pose), -1, -2)
    centres = jnp.nan
    for k in reversed(range(_MEASURED)):
        way = jnp.einsum("...cj,sj->...cs", safe, rows[:, k], precision="highest")
        centres = jnp.where(best[k][..., None, order], way, centres)
    return centres


@functools.partial(jax.jit, static_argnames="anthropometry")
def segment_centres(
    pose: jnp.ndarray, anthropometry: str = "de_leva_mean"
) -> dict[str, jnp.ndarray]:
    """Returns each segment's centre of mass.

        r = proximal + centre (distal - proximal)

    The head's is the mid-point of the ears (level with de Leva's figure), or a fraction of
    mid-shoulder -> vertex where no ears are given; the foot's is the ankle where heel or toe is
    missing (a foot weighs 1.3 % of the body).

    Args:
        pose: [..., 26, C] HALPE-26, any unit; NaN where missing.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`.

    Returns:
        name -> [..., C]; paired segments as "left_thigh", ...; NaN where a joint is missing.

    Raises:
        InputError: there is no such table.
    """
    centres = centres_by_coordinate(pose, anthropometry)
    return {name: centres[..., k] for k, name in enumerate(NAMES)}


@functools.partial(jax.jit, static_argnames="anthropometry")
def known_mass(pose: jnp.ndarray, anthropometry: str = "de_leva_mean") -> jnp.ndarray:
    """Returns the fraction of the body's mass whose place was seen.

    Args:
        pose: [..., 26, C] HALPE-26; NaN where missing.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`.

    Returns:
        [...] in [0, 1]: the mass of the segments that need no fallback.
    """
    best = _choice(pose, anthropometry, fallback=False, ways=_MEASURED)
    return jnp.sum(jnp.where(_any(best), segment_masses(anthropometry), 0.0), axis=-1)


@functools.partial(jax.jit, static_argnames=("anthropometry", "partial"))
def centre_of_mass(
    pose: jnp.ndarray, anthropometry: str = "de_leva_mean", partial: str = "refuse"
) -> jnp.ndarray:
    """Returns the whole body's centre of mass.

        r = sum_i m_i r_i / sum_i m_i

    With `partial="fallback"` a hidden segment is placed at the nearest seen joint of its own limb
    (hand at the wrist, forearm at the elbow or shoulder, shank at the knee or hip, ...), the head
    at the nose, the eyes, or in line with the trunk; its mass always counts. The trunk must be
    seen, and more than `MIN_MASS` of the mass. (Against mirroring the other side, or the mass seen
    alone, this has the smallest 95th percentile of error: 1.7 % of body height at worst.)

    Args:
        pose: [..., 26, C] HALPE-26, any unit; NaN where missing.
        anthropometry: "de_leva_mean" (sex-free), "de_leva_female", "de_leva_male" or "winter".
        partial: "refuse" or "fallback".

    Returns:
        [..., C] in the pose's unit; NaN where the head, the trunk or a limb was not seen whole
        ("refuse"), or where too little was seen ("fallback").

    Raises:
        InputError: there is no such table, or no such way with partial bodies.

    Source: de Leva 1996, Journal of Biomechanics 29:1223-1230; Winter (see `anthropometry`).
    """
    if partial not in PARTIAL:
        raise InputError(f"unknown partial {partial!r}", "partial", f"use one of {PARTIAL}")
    rows, _, measured = _ways(anthropometry)
    masses = segment_masses(anthropometry)
    fallback = partial == "fallback"
    best = _choice(pose, anthropometry, fallback, None if fallback else _MEASURED)
    share = sum(
        jnp.matmul(way.astype(rows.dtype), rows[:, k] * masses[:, None], precision="highest")
        for k, way in enumerate(best)
    )
    total = jnp.sum(share[..., None, :] * jnp.swapaxes(finite_or(pose), -1, -2), axis=-1)
    shown = _any([way & measured[:, k] for k, way in enumerate(best[:_MEASURED])])
    seen = jnp.sum(jnp.where(shown, masses, 0.0), axis=-1)
    enough = _any(best).all(-1) & (seen > MIN_MASS)
    return jnp.where(enough[..., None], total, jnp.nan)
