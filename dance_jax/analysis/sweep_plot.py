"""Draws a sweep: validation accuracy against what was swept, every seed, and chance."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
LABELS = {"learning_rate": "learning rate", "class_count": "number of classes"}
_LOG_FROM = 20.0  # largest over smallest value from which the axis is logarithmic


def write(path: pathlib.Path, found: Mapping[str, Any]) -> pathlib.Path:
    """Draws sweep.json as PNG.

    Args:
        path: the file.
        found: what sweep.json holds.

    Returns:
        The path.
    """
    return plot_style.save(figure(found), path)


def figure(found: Mapping[str, Any]) -> Any:
    """Returns the figure: one point a seed, a line through the medians, dashes for chance.

    Args:
        found: what sweep.json holds; the first swept key is the axis, the second the colour.
    """
    key, *others = found["swept"]
    fig, axes = plot_style.grid(1, 1, row_height_in=3.4, top_in=0.75)
    axis = axes[0, 0]
    place = _places(axis, key, [row["values"][key] for row in found["points"]])
    series: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["points"]:
        name = f"{others[0]}={row['values'][others[0]]}" if others else ""
        series.setdefault(name, []).append(row)
    for number, (name, rows) in enumerate(series.items()):
        _series(axis, place, key, rows, name, COLOURS[number % len(COLOURS)])
    chance = {place[_text(r["values"][key])]: 1 / r["classes"] for r in found["points"]}
    x = sorted(chance)
    label = "chance: 1 / classes"
    axis.plot(x, [chance[at] for at in x], color=palette.GAP, ls="--", lw=1, label=label)
    axis.set_ylim(-0.03, 1.03)
    axis.margins(x=0.04)
    axis.set_ylabel("accuracy on validation clips")
    axis.set_xlabel(LABELS.get(key, key))
    axis.legend(loc="best", frameon=False, fontsize=8)
    fig.subplots_adjust(bottom=0.15)
    data, seeds = found["data"], sorted({row["seed"] for row in found["points"]})
    stamp = plot_style.SYNTHETIC if data["synthetic"] else ""
    clips = sorted({row["clips"] for row in found["points"] if not row["failed"]})
    size = f"{clips[0]} to {clips[-1]}" if len(clips) > 1 else f"{clips[0] if clips else 0}"
    note = f"{data['source']}: {size} validation clips, {len(seeds)} seeds; no test clip was used"
    few = [r for r in found["points"] if not r["failed"] and r["classes_validated"] < r["classes"]]
    if few:
        note += f"; in {len(few)} of {len(found['points'])} trainings they lack some of the classes"
    title = f"{stamp}{found['config']['network']}: accuracy against {LABELS.get(key, key)}"
    plot_style.title(fig, title, note)
    return fig


def by_point(found: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Returns the rows of each point of a sweep by its values, "learning_rate=0.001"."""
    out: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["points"]:
        name = ", ".join(f"{k}={v}" for k, v in row["values"].items())
        out.setdefault(name, []).append(row)
    return out


def _text(value: Any) -> str:
    return repr(value)


def _places(axis: Any, key: str, values: Sequence[Any]) -> dict[str, float]:
    """Returns value -> place on the axis, which is made linear, logarithmic, or of names."""
    kinds = {_text(v): str(v) for v in values}
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numbers:
        axis.set_xticks(range(len(kinds)), list(kinds.values()))
        return {kind: float(k) for k, kind in enumerate(kinds)}
    place = {_text(v): float(v) for v in values}
    low, high = min(place.values()), max(place.values())
    if low > 0 and (key == "learning_rate" or high >= _LOG_FROM * low):
        axis.set_xscale("log")
    elif all(isinstance(v, int) for v in values):
        axis.set_xticks(sorted(set(place.values())))
    return place


def _series(
    axis: Any,
    place: Mapping[str, float],
    key: str,
    rows: Sequence[Mapping[str, Any]],
    name: str,
    colour: str,
) -> None:
    """Draws the seeds of one series, the medians, and crosses where numbers were not finite."""
    by: dict[float, list[float]] = {}
    for row in rows:
        at = place[_text(row["values"][key])]
        if row["failed"]:
            axis.plot([at], [0.0], "x", color=colour, ms=7, clip_on=False)
        else:
            by.setdefault(at, []).append(row["accuracy"])
    for at, given in by.items():
        for value in set(given):  # the area of a point is the number of seeds that lie there
            size = 4.5 * given.count(value) ** 0.5
            axis.plot([at], [value], "o", color=colour, ms=size, alpha=0.6, mew=0)
    x = sorted(by)
    label = f"{name}, median of seeds" if name else "median of seeds"
    axis.plot(x, [float(np.median(by[at])) for at in x], color=colour, lw=1.5, label=label)
    if any(row["failed"] for row in rows):
        axis.plot([], [], "x", color=colour, label="not finite")
