"""Energy of the movement and joint moments over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.result import PersonAnalysis

_ENERGY = (
    ("energy_total", "total", "#222222", "-"),
    ("energy_kinetic", "kinetic", "#009E73", "-"),
    ("energy_potential", "potential", "#E69F00", (0, (4, 1.5))),
)
_MOMENTS = ("ankle", "knee", "hip")


def energy_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any | None:
    """Draws energy per kilogram and the moments of ankle, knee and hip, left over right.

    Args:
        person: the dancer; needs its series "energy_*" (known only with a body height in metres).
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip, "px" or "m".

    Returns:
        A matplotlib Figure; None where the energy is not known.
    """
    series = person.series
    if "energy_total" not in series or not np.isfinite(series["energy_total"]).any():
        return None
    figure, axes = plot_style.grid(2, 2, 1.7, 0.78)
    plane = "in the picture's plane" if unit == "px" else "in space"
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Energy and joint moments, dancer {person.person_id}",
        f"{plane}; moments are a proxy: no force was measured",
    )
    axis = axes[0, 0]
    shown = []
    for name, label, colour, style in _ENERGY:
        t, y = plot_style.thin(person.time_s, series[name], plot_style.WIDTH_IN / 2)
        axis.plot(t, y, color=colour, linestyle=style, linewidth=1.1, label=label)
        shown.append(series[name])
    axis.set_ylim(*plot_style.limits(shown, 0.5))
    axis.legend(loc="upper right", ncols=3, frameon=False, fontsize=7.5)
    axis.set_title("Energy (J/kg)", loc="left", pad=3, size=plot_style.PANEL_TITLE)
    for axis, joint in zip((axes[0, 1], axes[1, 0], axes[1, 1]), _MOMENTS, strict=True):
        _moment(axis, person, joint)
    axes[0, 0].set_xlim(person.time_s[0], person.time_s[-1])
    for axis in axes[1]:
        axis.set_xlabel("time (s)", labelpad=1)
    plot_style.legend(figure, lines=True, states=False)
    return figure


def _moment(axis: Any, person: PersonAnalysis, joint: str) -> None:
    shown = []
    for side in (palette.LEFT, palette.RIGHT):
        value = person.series.get(f"moment_{side}_{joint}")
        if value is None:
            continue
        t, y = plot_style.thin(person.time_s, value, plot_style.WIDTH_IN / 2)
        style = palette.LINE_STYLE[side]
        axis.plot(t, y, color=palette.INK[side], linestyle=style, linewidth=1.1)
        shown.append(value)
    axis.axhline(0, color="#777777", linewidth=0.6)
    axis.set_ylim(*plot_style.limits([*shown, np.zeros(1)], 0.02))
    axis.set_title(
        f"{joint.capitalize()} moment, proxy (body weight x height)",
        loc="left",
        pad=3,
        size=plot_style.PANEL_TITLE,
    )
