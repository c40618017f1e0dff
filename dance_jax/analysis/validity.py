"""The measured validity of 2D angles: when one may be believed, and how far it may be off.

The figures come from two studies. `validity_study` renders synthetic dancers at every yaw,
estimates their pose, and compares each 2D angle with its true 3D angle (`docs/angle_validity.md`);
`validity_aist` does the same with real dancers seen by nine calibrated cameras
(`docs/angle_validity_real.md`). The real ones are few, and their 3D points come from the same
detections, so they only ever make a band wider or a limit stricter.

The error depends on two things that a picture shows: the apparent length of the limb against its
longest, and the side from which the dancer is seen (a knee bends out of the plane when seen from
the front).
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

VIEWS = ("front", "oblique", "side")
# Apparent width of shoulders and pelvis over a usual body's, about |cos yaw|; back is front.
VIEW_EDGES = (0.7, 0.35)
# The most that tables of usual ranges give an elbow: 150 (AAOS 1965) to 160 (Merck Manual). Of the
# knee they give 130 to 135, and kneeling dancers bend it further; other joints have no such end.
MOST_BENT_DEG = {"elbow": 160.0}


class Band(NamedTuple):
    """Error to expect of a reported number: median and 90th percentile, in degrees."""

    median: float
    p90: float


@functools.cache
def table() -> dict[str, Any]:
    """Reads the stored result of the study; `docs/angle_validity.md` says what is in it."""
    file = importlib.resources.files("dance_jax.analysis").joinpath("angle_validity.json")
    return json.loads(file.read_text("utf-8"))


@functools.cache
def real() -> dict[str, Any]:
    """Reads the stored result on real dancers; `docs/angle_validity_real.md` says what is in it."""
    file = importlib.resources.files("dance_jax.analysis").joinpath("angle_validity_real.json")
    return json.loads(file.read_text("utf-8"))


def group(name: str) -> str:
    """Returns the name of an angle without its side: the study pools left and right."""
    return name.removeprefix("left_").removeprefix("right_")


def view(frontality: np.ndarray) -> np.ndarray:
    """Tells from which side the dancer is seen.

    Args:
        frontality: [T] from `kinematics.angles.frontality`, about |cos yaw|.

    Returns:
        int8[T]: position in VIEWS, -1 where it is not known.
    """
    side = np.where(frontality >= VIEW_EDGES[0], 0, np.where(frontality >= VIEW_EDGES[1], 1, 2))
    return np.where(np.isfinite(frontality), side, -1).astype(np.int8)


def threshold(name: str, side: str) -> float | None:
    """Returns the apparent length ratio below which an angle is called out of plane in a view.

    Args:
        name: an angle.
        side: one of VIEWS.

    Returns:
        The ratio; None where no ratio keeps the error within the limit.
    """
    return real()["threshold"][group(name)][side]


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


def possible(theta: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Tells which 2D angles a body can have.

    An elbow that bends further than any elbow does (`MOST_BENT_DEG`) is not seen in its plane: the
    forearm comes towards the camera, and its picture falls on that of the upper arm. The ratio of
    apparent lengths misses this where both keep most of their length.

    Args:
        theta: [T,A] radians.
        names: A angle names.

    Returns:
        bool[T,A]; True where the angle is unknown.
    """
    most = np.array([np.radians(MOST_BENT_DEG.get(group(name), np.inf)) for name in names])
    with np.errstate(invalid="ignore"):
        return ~(np.abs(theta) > most)


def wider(rendered: dict[str, Any], *seen: dict[str, Any] | None) -> Band | None:
    """Returns the greatest figures of some cells; real dancers count where enough sequences speak.

    Args:
        rendered: "median", "p90" of the rendered dancers; None where too few gave a number.
        *seen: the same of the real ones, with "enough"; None where none gave a number.
    """
    if rendered["median"] is None:
        return None
    cells = [rendered, *(cell for cell in seen if cell is not None and cell["enough"])]
    return Band(*(max(float(cell[key]) for cell in cells) for key in ("median", "p90")))


def seen_cells(found: dict[str, Any], name: str, statistic: str) -> list[dict[str, Any] | None]:
    """Returns the cells of one reported number of the real dancers, at both limits of the score.

    Args:
        found: result of `validity_aist.study`.
        name: an angle without its side.
        statistic: "min", "max" or "range".
    """
    return [found[part]["reported"][name].get(statistic) for part in ("detected", "strict")]


def band(name: str, statistic: str) -> Band | None:
    """Returns the error to expect of one reported number.

    Args:
        name: an angle of `dance_jax.kinematics.angles`.
        statistic: "min", "max" or "range".

    Returns:
        Median and 90th percentile, over the clips of a study, of the absolute difference between
        the number that the report gives and the true one; of the rendered and the real dancers the
        greater of each. None where too few rendered clips gave it.
    """
    cell = table()["reported"][group(name)].get(statistic)
    if cell is None:
        return None
    return wider(cell, *seen_cells(real(), group(name), statistic))
