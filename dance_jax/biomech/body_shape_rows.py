"""The rows of body, shape and space in the table of measures."""

from __future__ import annotations

from dance_jax.biomech.measure import MeasureDef

_LMA = "Aristidou et al. 2015, ACM JOCCH 8; Turab et al. 2025, arXiv 2504.21166"


def _row(
    name: str,
    label: str,
    unit: str,
    meaning: str,
    parts: tuple[str, ...] = ("arms", "trunk", "legs"),
    dims: tuple[int, ...] = (2, 3),
    source: str = _LMA,
) -> MeasureDef:
    return MeasureDef(
        f"shape.{name}", label, unit, meaning, "index", parts=parts, dims=dims, source=source
    )


MEASURES: tuple[MeasureDef, ...] = (
    _row(
        "hand_shoulder",
        "Hand to shoulder",
        "height",
        "Mean distance of wrist and shoulder of the same side; more is a longer reach.",
        ("arms",),
    ),
    _row("hands", "Hand to hand", "height", "Mean distance between the wrists.", ("arms",)),
    _row(
        "hands_neck",
        "Hands to neck",
        "height",
        "Mean distance of the wrists from the neck.",
        ("arms", "trunk"),
    ),
    _row("feet", "Foot to foot", "height", "Mean distance between the ankles.", ("legs",)),
    _row(
        "dispersion",
        "Dispersion about the spine",
        "height",
        "Mean distance of wrists, ankles and neck from the middle of the spine; more is opener.",
    ),
    _row(
        "expansion",
        "Expansiveness",
        "height",
        "Mean distance of limbs and neck from the centre of mass; more is larger in space.",
        ("face", "arms", "trunk", "legs"),
    ),
    _row(
        "expansion_change",
        "Change of expansiveness",
        "height",
        "Standard deviation over time of that distance; more is more opening and closing.",
        ("face", "arms", "trunk", "legs"),
    ),
    _row(
        "ellipsoid",
        "Size of the body's ellipsoid",
        "height",
        "Geometric mean of the spread of 14 joints along the principal axes of the body's shape.",
        source="",
    ),
    _row(
        "hip_height",
        "Height of the hip",
        "height",
        "Mean height of the hip over the level where the feet stand.",
        ("trunk", "legs", "feet"),
    ),
    _row(
        "low_level",
        "Time at the low level",
        "share",
        "Share of the time with the hip more than a tenth below upright.",
        ("trunk", "legs", "feet"),
    ),
    _row(
        "high_level",
        "Time at the high level",
        "share",
        "Share of the time with the hip above upright: on the toes or in the air.",
        ("trunk", "legs", "feet"),
    ),
    _row(
        "travel",
        "Travel",
        "height/s",
        "Mean horizontal speed of the hip (in 2D, along the picture).",
        ("trunk",),
    ),
    _row(
        "hand_curvature",
        "Curvature of the hands' paths",
        "rad/height",
        "Turning of the wrists' paths beside the hip, per length of path; 0 is straight, a circle "
        "of radius r is 1/r.",
        ("arms", "trunk"),
    ),
    _row(
        "hand_initiations",
        "Initiations of the hands",
        "1/s",
        "How often a wrist's acceleration rises above its mean plus one standard deviation.",
        ("arms", "trunk"),
    ),
)
