"""The measured validity of 2D angles: when one may be believed, and how far it may be off.

The figures come from `dance_jax.analysis.validity_study`, which renders synthetic dancers at every
yaw, estimates their pose, and compares each 2D angle with its true 3D angle
(`docs/angle_validity.md`). They are about rendered figures, not about real dancers. They depend on
two things that a picture shows: the apparent length of the limb against its longest, and the side
from which the dancer is seen (a knee bends out of the plane when seen from the front).
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

VIEWS = ("front", "oblique", "side")
# Apparent width of shoulders and pelvis over their longest, about |cos yaw|; back counts as front.
VIEW_EDGES = (0.7, 0.35)


class Band(NamedTuple):
    """Error to expect of an angle, in degrees: median and 90th percentile of the absolute error."""

    median: float
    p90: float


@functools.cache
def table() -> dict[str, Any]:
    """Reads the stored result of the study; `docs/angle_validity.md` says what is in it."""
    file = importlib.resources.files("dance_jax.analysis").joinpath("angle_validity.json")
    return json.loads(file.read_text("utf-8"))


def group(name: str) -> str:
    """Returns the name of an angle without its side: the study pools left and right."""
    return name.removeprefix("left_").removeprefix("right_")


def view(ratio: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Tells from which side the dancer is seen, by the apparent width of shoulders and pelvis.

    Args:
        ratio: [T,A] apparent length ratios (`kinematics.angles.in_plane_ratio`).
        names: A angle names; "shoulders" and "pelvis" among them.

    Returns:
        int8[T]: position in VIEWS, -1 where neither width was seen.
    """
    widths = ratio[:, [names.index("shoulders"), names.index("pelvis")]]
    seen = np.isfinite(widths)
    mean = np.where(seen, widths, 0.0).sum(1) / np.maximum(seen.sum(1), 1)
    side = np.where(mean >= VIEW_EDGES[0], 0, np.where(mean >= VIEW_EDGES[1], 1, 2))
    return np.where(seen.any(1), side, -1).astype(np.int8)


def threshold(name: str, side: str) -> float | None:
    """Returns the apparent length ratio below which an angle is called out of plane in a view.

    Args:
        name: an angle.
        side: one of VIEWS.

    Returns:
        The ratio; None where no ratio keeps the error within the limit.
    """
    return table()["threshold"][group(name)][side]


def in_plane(ratio: np.ndarray, side: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Tells where the 2D angles may be believed.

    Args:
        ratio: [T,A] apparent length ratios.
        side: int8[T] from `view`.
        names: A angle names.

    Returns:
        bool[T,A].
    """
    least = np.full((len(VIEWS) + 1, len(names)), np.inf)  # the last row is for unknown views
    for row, where in enumerate(VIEWS):
        for column, name in enumerate(names):
            least[row, column] = np.inf if (t := threshold(name, where)) is None else t
    with np.errstate(invalid="ignore"):
        return ratio >= least[side]


def band(name: str, ratio: np.ndarray, side: np.ndarray) -> Band | None:
    """Returns the error band of one angle over the frames that a measure rests on.

    Args:
        name: an angle of `dance_jax.kinematics.angles`.
        ratio: [N] apparent length ratios of those frames.
        side: int8[N] views of those frames.

    Returns:
        The study's median and 90th percentile of the absolute error, averaged over the clip's own
        frames; None where the study holds no figure for any of them.
    """
    content = table()
    at = np.digitize(ratio, content["ratio_edges"][1:-1])
    known = [
        (cell["median"], cell["p90"])
        for k, s in zip(at, side, strict=True)
        if s >= 0 and (cell := content["cells"][group(name)][VIEWS[s]][k])["median"] is not None
    ]
    return Band(*(float(x) for x in np.mean(known, axis=0))) if known else None
