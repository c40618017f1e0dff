"""Body segment masses and centres of mass (de Leva 1996), and the whole body's centre of mass."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp

from dance_jax.errors import InputError
from dance_jax.kinematics.vectors import finite_or
from dance_jax.skeleton import CANON, index


@dataclasses.dataclass(frozen=True)
class Segment:
    """One body segment.

    Attributes:
        mass: fraction of body mass, of one side where the segment is paired.
        centre: place of its centre of mass, as a fraction of the way from the proximal to the
            distal end used here; the hand's is counted beyond the wrist in forearm lengths.
    """

    mass: float
    centre: float


# de Leva 1996 (J. Biomech. 29:1223), adjusted Zatsiorsky-Seluyanov: table 4.
# Trunk: mid-shoulder -> mid-hip. The paper gives one centre against three upper ends; they agree:
#   male   515.5 (1 - .4310) = 531.9 (1 - .4486) = 603.3 (1 - .5138) = 293.3 mm above mid-hip
#   female 497.9 (1 - .3782) = 529.3 (1 - .4151) = 614.8 (1 - .4964) = 309.6 mm
# Head: cervicale -> vertex (.4998 / .5159 from the neck's end), about the level of the ears.
# Hand: wrist -> third knuckle (86.2 mm, .7900 / 78.0 mm, .7474); there being no hand joints here,
# in forearm lengths (268.9 / 264.3 mm) beyond the wrist along the forearm.
# Foot: heel -> tip of the longest toe.
_MALE = {
    "head": (0.0694, 1 - 0.5002),
    "trunk": (0.4346, 0.4310),
    "upper_arm": (0.0271, 0.5772),
    "forearm": (0.0162, 0.4574),
    "hand": (0.0061, 86.2 * 0.7900 / 268.9),
    "thigh": (0.1416, 0.4095),
    "shank": (0.0433, 0.4459),
    "foot": (0.0137, 0.4415),
}
_FEMALE = {
    "head": (0.0668, 1 - 0.4841),
    "trunk": (0.4257, 0.3782),
    "upper_arm": (0.0255, 0.5754),
    "forearm": (0.0138, 0.4559),
    "hand": (0.0056, 78.0 * 0.7474 / 264.3),
    "thigh": (0.1478, 0.3612),
    "shank": (0.0481, 0.4416),
    "foot": (0.0129, 0.4014),
}
_PAIRED = ("upper_arm", "forearm", "hand", "thigh", "shank", "foot")


def _table(rows: dict[str, tuple[float, float]]) -> dict[str, Segment]:
    """Builds segments whose masses sum to 1 exactly (the printed female ones sum to .9999)."""
    total = sum(mass * (2 if name in _PAIRED else 1) for name, (mass, _) in rows.items())
    return {name: Segment(mass / total, centre) for name, (mass, centre) in rows.items()}


_MEAN = {
    name: tuple((m + f) / 2 for m, f in zip(_MALE[name], _FEMALE[name], strict=True))
    for name in _MALE
}

ANTHROPOMETRY: dict[str, dict[str, Segment]] = {
    "de_leva_male": _table(_MALE),
    "de_leva_female": _table(_FEMALE),
    "de_leva_mean": _table(_MEAN),
}


def get(anthropometry: str) -> dict[str, Segment]:
    """Returns a table of segments by name.

    Raises:
        InputError: there is no such table.
    """
    if anthropometry not in ANTHROPOMETRY:
        fix = f"use one of {', '.join(ANTHROPOMETRY)}"
        raise InputError(f"unknown anthropometry {anthropometry!r}", "anthropometry", fix)
    return ANTHROPOMETRY[anthropometry]


def segment_centres(pose: jnp.ndarray, anthropometry: str = "de_leva_mean") -> dict:
    """Returns each segment's centre of mass.

        r = proximal + centre (distal - proximal)

    The head's is the mid-point of the ears (level with de Leva's figure), or a fraction of
    neck -> head where no ears are given; the foot's is the ankle where heel or toe is missing
    (a foot weighs 1.3 % of the body).

    Args:
        pose: [..., 26, C] HALPE-26, any unit; NaN where missing.
        anthropometry: "de_leva_mean" (sex-free), "de_leva_male" or "de_leva_female".

    Returns:
        name -> [..., C]; paired segments as "left_thigh", ...; NaN where a joint is missing.
    """
    table = get(anthropometry)

    def joint(name: str) -> jnp.ndarray:
        return pose[..., index(CANON, name), :]

    def along(name: str, proximal: str, distal: str) -> jnp.ndarray:
        a, b = joint(proximal), joint(distal)
        return a + table[name].centre * (b - a)

    def first_known(value: jnp.ndarray, other: jnp.ndarray) -> jnp.ndarray:
        known = jnp.isfinite(value).all(-1, keepdims=True)
        return jnp.where(known, finite_or(value), other)

    ears = 0.5 * (joint("left_ear") + joint("right_ear"))
    shoulders = 0.5 * (joint("left_shoulder") + joint("right_shoulder"))
    hips = 0.5 * (joint("left_hip") + joint("right_hip"))
    out = {
        "head": first_known(ears, along("head", "neck", "head")),
        "trunk": shoulders + table["trunk"].centre * (hips - shoulders),
    }
    for side in ("left_", "right_"):
        elbow, wrist = joint(side + "elbow"), joint(side + "wrist")
        out[side + "upper_arm"] = along("upper_arm", side + "shoulder", side + "elbow")
        out[side + "forearm"] = along("forearm", side + "elbow", side + "wrist")
        out[side + "hand"] = wrist + table["hand"].centre * (wrist - elbow)
        out[side + "thigh"] = along("thigh", side + "hip", side + "knee")
        out[side + "shank"] = along("shank", side + "knee", side + "ankle")
        foot = along("foot", side + "heel", side + "big_toe")
        out[side + "foot"] = first_known(foot, joint(side + "ankle"))
    return out


@functools.partial(jax.jit, static_argnames="anthropometry")
def centre_of_mass(pose: jnp.ndarray, anthropometry: str = "de_leva_mean") -> jnp.ndarray:
    """Returns the whole body's centre of mass.

        r = sum_i m_i r_i / sum_i m_i

    Args:
        pose: [..., 26, C] HALPE-26, any unit; NaN where missing.
        anthropometry: "de_leva_mean" (sex-free), "de_leva_male" or "de_leva_female".

    Returns:
        [..., C] in the pose's unit; NaN where the head, the trunk or a limb was not seen whole.

    Source: de Leva 1996, Journal of Biomechanics 29:1223-1230.
    """
    table = get(anthropometry)
    total = jnp.zeros_like(pose[..., 0, :])
    known = jnp.ones(total.shape[:-1], bool)
    for name, centre in segment_centres(pose, anthropometry).items():
        known &= jnp.isfinite(centre).all(-1)
        mass = table[name.removeprefix("left_").removeprefix("right_")].mass
        total += mass * finite_or(centre)
    return jnp.where(known[..., None], total, jnp.nan)
