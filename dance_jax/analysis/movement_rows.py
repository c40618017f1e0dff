"""The rows of the movement measures: each stated in its unit, or refused with its reason."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dance_jax.analysis import refusals
from dance_jax.analysis.result import Measure, PersonAnalysis
from dance_jax.biomech import catalogue
from dance_jax.biomech.measure import MeasureDef

NOISY = "; here a large part of it is the key points' own scatter"
# Ranges of motion have rows of their own among the angles, with measured errors.
_ELSEWHERE = ("range",)
_BOUNDED = {"share": (0.0, 1.0), "0-1": (0.0, 1.0), "0-10": (0.0, 10.0)}
# What may be negative, and how far; every other measure is a size.
_SIGNED = {
    **dict.fromkeys(("balance.com_margin_median", "balance.margin_median"), (-np.inf, np.inf)),
    **dict.fromkeys(("balance.margin_low", "composite.repertoire"), (-np.inf, np.inf)),
    **dict.fromkeys(
        (f"symmetry.{joint}_range" for joint in ("shoulder", "elbow", "hip", "knee")), (-50.0, 50.0)
    ),
    **dict.fromkeys(("symmetry.arms_correlation", "symmetry.legs_correlation"), (-1.0, 1.0)),
    **dict.fromkeys(("symmetry.arms_lag", "symmetry.legs_lag"), (-1.0, 1.0)),
    "composite.agreement": (-1.0, 1.0),
}


_SCORES = ("composite.fluidity", "composite.expressiveness", "composite.precision")
MIN_PLAUSIBLE = 0.5


def _implausible(found: Mapping[str, float]) -> str:
    """Says why composites are not stated: a pose that no body can have is no dance to describe."""
    share = found["composite.plausibility"]
    if share >= MIN_PLAUSIBLE:
        return ""
    return (
        f"the key points move as no body does (plausibility {share:.2f} of 1, {MIN_PLAUSIBLE:g} is "
        "needed): lost or exchanged joints, floor work, or a moving camera"
    )


def bounds(row: MeasureDef) -> tuple[float, float]:
    """Returns the values that a measure can have by its definition.

    Args:
        row: a measure of the catalogue.

    Returns:
        (lowest, highest), infinite where there is no limit.
    """
    if row.group == "smoothness":
        return -np.inf, (0.0 if ".sparc" in row.key else np.inf)
    if row.unit == "deg":
        return 0.0, (180.0 if row.key.endswith("_phase") else np.inf)
    return _SIGNED.get(row.key) or _BOUNDED.get(row.unit) or (0.0, np.inf)


def rows(
    person: PersonAnalysis,
    found: Mapping[str, float],
    planar: bool,
    spread: Mapping[str, tuple[float, float, bool]] | None = None,
    doubts: Mapping[str, str] | None = None,
) -> list[Measure]:
    """Turns values into rows of the report, each stated or refused with its reason.

    Args:
        person: the dancer.
        found: key -> value, NaN where it has none.
        planar: the poses are a picture.
        spread: key -> (low, high, noisy): the 95 % interval from the key points' scatter, and
            whether scatter makes a large part of the value.
        doubts: key -> why its value is not to be stated.

    Returns:
        One row a measure of the catalogue, in its order.
    """
    frames = len(person.time_s)
    seen = np.isfinite(person.pose).all(-1).any(-1).sum()
    out = []
    for key, row in catalogue.MEASURES.items():
        if row.group in _ELSEWHERE:
            continue
        reason = refusals.beforehand(row, person, planar)
        value = found[key]
        if not reason:
            reason = (doubts or {}).get(key, "")
        if not reason and not np.isfinite(value):
            reason = refusals.afterwards(row)
        low, high, noisy = (spread or {}).get(key, (np.nan, np.nan, False))
        banded = not reason and np.isfinite([low, high]).all()
        noisy = bool(noisy) and not reason
        if not reason and key in _SCORES:
            reason = _implausible(found)
            banded, noisy = banded and not reason, noisy and not reason
        out.append(
            Measure(
                key,
                row.label,
                row.group,
                None if reason else value,
                row.unit,
                "refused" if reason else "ok",
                reason,
                int(seen),
                float(seen / max(frames, 1)),
                note=f"{row.meaning}{NOISY * noisy}",
                kind=row.kind,
                low=float(low) if banded else None,
                high=float(high) if banded else None,
                noisy=noisy,
                source=row.source,
            )
        )
    return out
