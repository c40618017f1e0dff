"""The measures of balance as rows: labels, units, meanings and needs."""

from __future__ import annotations

from dance_jax.biomech.measure import MeasureDef

LONGEST_S = 10.0  # a time to contact above this is not told apart from "never"

_HOF = "Hof, Gazendam & Sinke 2005, J. Biomech. 38:1-8"
_ALL = ("arms", "trunk", "legs", "feet")
_DRILLIS = "breadth of a foot: Drillis & Contini 1966, in Winter"
_PICTURE = (
    "; in a picture, along its horizontal only, with a standing foot taken to lie flat; a camera"
    " tilted by 2 degrees moves the centre of mass over the feet by 0.02 body heights"
)
_SEEN = "no frame shows trunk, arms and legs together"
_BASE = "no frame shows both feet, with heel and toes of one that stands, and the body above them"
_STATE = "no two frames in a row show both feet"
_LEGS = "; or no thigh or no shank was seen"


def _row(key: str, label: str, unit: str, meaning: str, **more: object) -> MeasureDef:
    return MeasureDef(f"balance.{key}", label, unit, meaning, **{"parts": _ALL, **more})


MEASURES: tuple[MeasureDef, ...] = (
    _row(
        "com_height_mean",
        "Height of the centre of mass",
        "height",
        "mean height of the body's centre of mass above the floor",
        source="segment table: de Leva 1996 or Winter, as chosen",
        undefined="no frame shows trunk, arms and legs together, or no foot was seen",
    ),
    _row(
        "com_height_range",
        "Rise and fall of the centre of mass",
        "height",
        "95th less 5th percentile of the height of the centre of mass",
        parts=("arms", "trunk", "legs"),
        undefined=_SEEN,
    ),
    _row(
        "com_path_rate",
        "Path of the centre of mass per second",
        "height/s",
        "length of the path of the centre of mass over the time in which it was seen",
        parts=("arms", "trunk", "legs"),
        undefined="no two frames in a row show trunk, arms and legs",
    ),
    _row(
        "sway",
        "Sway over the feet",
        "height",
        "root mean square distance of the centre of mass from the middle of the soles that stand"
        + _PICTURE,
        undefined=_BASE,
    ),
    _row(
        "com_margin_median",
        "Centre of mass inside the base",
        "height",
        "median distance of the centre of mass to the border of the base of support, positive"
        " inside; the base is the outline of the soles that stand, from heel to toes and .055 body"
        " heights broad" + _PICTURE,
        source=_DRILLIS,
        undefined=_BASE,
    ),
    _row(
        "share_outside",
        "Time with the centre of mass outside the base",
        "share",
        "share of the time on the feet with the centre of mass outside the base, as at every step;"
        " no loss of balance" + _PICTURE,
        source=_DRILLIS,
        undefined=_BASE,
    ),
    _row(
        "margin_median",
        "Margin of stability, median",
        "height",
        "median distance of the extrapolated centre of mass (x + v / sqrt(g / l)) to the border of"
        " the base of support, positive inside" + _PICTURE,
        needs_scale=True,
        source=_HOF,
        undefined=_BASE + _LEGS,
    ),
    _row(
        "margin_low",
        "Margin of stability, lowest",
        "height",
        "5th percentile of the margin of stability" + _PICTURE,
        needs_scale=True,
        source=_HOF,
        undefined=_BASE + _LEGS,
    ),
    _row(
        "time_to_contact_median",
        "Time to the border of the base",
        "s",
        "median time after which the centre of mass, going on as it does, would leave the base; of"
        f" the frames with it inside, at most {LONGEST_S:.0f} s" + _PICTURE,
        undefined="the centre of mass is never inside the base; or " + _BASE,
    ),
    _row(
        "temporal_margin_median",
        "Temporal margin of stability",
        "s",
        "the same for the extrapolated centre of mass" + _PICTURE,
        needs_scale=True,
        source=_HOF,
        undefined="the extrapolated centre of mass is never inside the base; or " + _BASE + _LEGS,
    ),
    _row(
        "base_width_median",
        "Width of the base of support",
        "height",
        "median of the greatest distance between two corners of the soles that stand" + _PICTURE,
        source=_DRILLIS,
        undefined="no frame shows both feet, with heel and toes of one that stands",
    ),
    _row(
        "base_area_median",
        "Area of the base of support",
        "height^2",
        "median area of the convex hull of the soles that stand",
        source=_DRILLIS,
        dims=(3,),
        undefined="no frame shows both feet, with heel and toes of one that stands",
    ),
    _row(
        "double_support_share",
        "Time on both feet",
        "share",
        "share of the time with both feet seen in which both stand still on the floor",
        parts=("feet",),
        undefined=_STATE,
    ),
    _row(
        "single_support_share",
        "Time on one foot",
        "share",
        "share of the time with both feet seen in which one of them stands still on the floor, or"
        " in a picture carries the body while both slide",
        parts=("feet",),
        undefined=_STATE,
    ),
    _row(
        "flight_share",
        "Time in the air",
        "share",
        "share of the time with both feet seen in which both are clear of the floor; in a picture,"
        " hops below about 0.09 body heights are not seen",
        parts=("feet",),
        undefined=_STATE,
    ),
)
"""Whole-clip measures; `summarise` gives their values."""
