"""Body segment tables as data: masses, centres of mass and radii of gyration, with their sources.

* de Leva 1996, "Adjustments to Zatsiorsky-Seluyanov's segment inertia parameters", Journal of
  Biomechanics 29:1223-1230, table 4 (gamma-ray scans of 100 men and 15 women, students).
* Winter, "Biomechanics and Motor Control of Human Movement", table 4.1 (after Dempster 1955,
  cadavers of 8 men).

The joints at hand are HALPE-26; where a table's ends are other landmarks, the numbers are carried
over to ends that exist, as said beside each.
"""

from __future__ import annotations

import dataclasses

from dance_jax.errors import InputError

PAIRED = ("upper_arm", "forearm", "hand", "thigh", "shank", "foot")
"""Segments of which a body has a left and a right one; `head` and `trunk` are single."""


@dataclasses.dataclass(frozen=True)
class Segment:
    """One body segment.

    The length L that `centre` and `gyration` are fractions of is the distance from the proximal to
    the distal end; the hand's is the forearm's (there are no hand joints), from the wrist on.

    Attributes:
        mass: fraction of body mass, of one side where the segment is paired.
        centre: place of its centre of mass from the proximal end on, fraction of L.
        gyration: radii of gyration about its centre of mass, fractions of L, about its sagittal
            (front-to-back), transverse (side-to-side) and longitudinal (along L) axes.
    """

    mass: float
    centre: float
    gyration: tuple[float, float, float]


# Ends in joints of either side; "neck" is the middle of the shoulders and "hip" that of the hips.
# The hand lies beyond its "distal" end, in line with the forearm.
_ENDS = {
    "head": ("neck", "head"),
    "trunk": ("neck", "hip"),
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
    "hand": ("elbow", "wrist"),
    "thigh": ("hip", "knee"),
    "shank": ("knee", "ankle"),
    "foot": ("heel", "big_toe"),
}

# de Leva's table 4: length in mm, mass %, centre % and radii % (sagittal, transverse, longitudinal)
# between the ends named. The rows are those whose ends are nearest to the joints at hand.
_DE_LEVA_MALE = {
    "head": (242.9, 6.94, 50.02, (30.3, 31.5, 26.1)),  # vertex -> cervicale
    "trunk": (515.5, 43.46, 43.10, (38.4, 35.8, 19.7)),  # mid-shoulder -> mid-hip
    "upper_arm": (281.7, 2.71, 57.72, (28.5, 26.9, 15.8)),  # shoulder -> elbow
    "forearm": (268.9, 1.62, 45.74, (27.6, 26.5, 12.1)),  # elbow -> wrist
    "hand": (86.2, 0.61, 79.00, (62.8, 51.3, 40.1)),  # wrist -> third knuckle
    "thigh": (422.2, 14.16, 40.95, (32.9, 32.9, 14.9)),  # hip -> knee
    "shank": (434.0, 4.33, 44.59, (25.5, 24.9, 10.3)),  # knee -> lateral malleolus
    "foot": (258.1, 1.37, 44.15, (25.7, 24.5, 12.4)),  # heel -> tip of the longest toe
}
_DE_LEVA_FEMALE = {
    "head": (243.7, 6.68, 48.41, (27.1, 29.5, 26.1)),
    "trunk": (497.9, 42.57, 37.82, (37.9, 36.1, 18.2)),
    "upper_arm": (275.1, 2.55, 57.54, (27.8, 26.0, 14.8)),
    "forearm": (264.3, 1.38, 45.59, (26.1, 25.7, 9.4)),
    "hand": (78.0, 0.56, 74.74, (53.1, 45.4, 33.5)),
    "thigh": (368.5, 14.78, 36.12, (36.9, 36.4, 16.2)),
    "shank": (432.3, 4.81, 44.16, (27.1, 26.7, 9.3)),
    "foot": (228.3, 1.29, 40.14, (29.9, 27.9, 13.9)),
}
# Cervicale -> mid-hip in mm, the trunk's other row: with the row above it tells how far the
# cervicale lies above the middle of the shoulders.
_CERVICALE = {"male": 603.3, "female": 614.8}

# Winter's table 4.1: mass, centre and the one radius that he gives (about the transverse axis);
# the trunk's radius from the same table of his second edition (second source not found).
_WINTER = {
    "head": (0.081, None, None),  # C7-T1 -> ear canal, centre at the ear
    "trunk": (0.497, 0.50, 0.406),  # greater trochanter -> shoulder
    "upper_arm": (0.028, 0.436, 0.322),
    "forearm": (0.016, 0.430, 0.303),
    "hand": (0.006, None, None),  # wrist -> second knuckle of the middle finger: no such joint
    "thigh": (0.100, 0.433, 0.323),  # greater trochanter -> femoral condyles
    "shank": (0.0465, 0.433, 0.302),  # femoral condyles -> medial malleolus
    "foot": (0.0145, 0.50, 0.475),  # lateral malleolus -> second metatarsal head
}
# Height of the ear canal between mid-shoulder (.818) and vertex (1): that of the eyes, .936 of
# stature (Drillis & Contini 1966, in Winter), as the two lie level in the Frankfurt plane.
_WINTER_HEAD = (0.936 - 0.818) / (1.0 - 0.818)

_Row = tuple[float, float, tuple[float, float, float]]


def _scaled(radii: tuple[float, ...], by: float) -> tuple[float, float, float]:
    a, b, c = (r * by for r in radii)
    return (a, b, c)


def _de_leva(rows: dict, cervicale_mm: float) -> dict[str, _Row]:
    """Brings the paper's rows to the ends at hand: fractions of L from the proximal end."""
    out = {name: (m / 100, c / 100, _scaled(r, 0.01)) for name, (_, m, c, r) in rows.items()}
    # Head: its centre lies (1 - c) of vertex-cervicale above the cervicale, which lies above the
    # middle of the shoulders, where the neck is here.
    long, mass, centre, radii = rows["head"]
    above = cervicale_mm - rows["trunk"][0]
    place = (above + long * (1 - centre / 100)) / (above + long)
    out["head"] = (mass / 100, place, _scaled(radii, 0.01 * long / (above + long)))
    # Hand: in forearm lengths beyond the wrist.
    long, mass, centre, radii = rows["hand"]
    ratio = 0.01 * long / rows["forearm"][0]
    out["hand"] = (mass / 100, centre * ratio, _scaled(radii, ratio))
    return out


def _mean(a: dict[str, _Row], b: dict[str, _Row]) -> dict[str, _Row]:
    return {
        name: (
            (a[name][0] + b[name][0]) / 2,
            (a[name][1] + b[name][1]) / 2,
            _scaled([(p + q) / 2 for p, q in zip(a[name][2], b[name][2], strict=True)], 1.0),
        )
        for name in a
    }


def _winter(mean: dict[str, _Row]) -> dict[str, _Row]:
    """Winter's rows; what he does not give (longitudinal radii, head, hand) is de Leva's mean."""
    out = {}
    for name, (mass, centre, radius) in _WINTER.items():
        _, other, radii = mean[name]
        if name == "head":
            centre = _WINTER_HEAD
        if radius is not None:
            radii = (radius, radius, radii[2])
        out[name] = (mass, other if centre is None else centre, radii)
    return out


def _table(rows: dict[str, _Row]) -> dict[str, Segment]:
    """Builds segments whose masses sum to 1 exactly (de Leva's female ones sum to .9999)."""
    total = sum(row[0] * (2 if name in PAIRED else 1) for name, row in rows.items())
    return {name: Segment(mass / total, c, radii) for name, (mass, c, radii) in rows.items()}


_MALE = _de_leva(_DE_LEVA_MALE, _CERVICALE["male"])
_FEMALE = _de_leva(_DE_LEVA_FEMALE, _CERVICALE["female"])

ANTHROPOMETRY: dict[str, dict[str, Segment]] = {
    "de_leva_mean": _table(_mean(_MALE, _FEMALE)),
    "de_leva_female": _table(_FEMALE),
    "de_leva_male": _table(_MALE),
    "winter": _table(_winter(_mean(_MALE, _FEMALE))),
}
"""Name -> segment -> its row; "de_leva_mean" is the sex-free mean of the two, the default."""


def get(anthropometry: str) -> dict[str, Segment]:
    """Returns a table of segments by name.

    Raises:
        InputError: there is no such table.
    """
    if anthropometry not in ANTHROPOMETRY:
        fix = f"use one of {', '.join(ANTHROPOMETRY)}"
        raise InputError(f"unknown anthropometry {anthropometry!r}", "anthropometry", fix)
    return ANTHROPOMETRY[anthropometry]


def ends(anthropometry: str = "de_leva_mean") -> dict[str, tuple[str, str]]:
    """Returns segment -> (proximal, distal) joint names, without the side of a paired segment.

    "neck" stands for the middle of the shoulders and "hip" of single segments for that of the hips.
    Winter's foot runs from the ankle; the big toe stands for its second metatarsal head, which is
    no joint here (2 cm on 1.5 % of the mass: 0.3 mm).

    Raises:
        InputError: there is no such table.
    """
    get(anthropometry)
    return {**_ENDS, "foot": ("ankle", "big_toe")} if anthropometry == "winter" else dict(_ENDS)
