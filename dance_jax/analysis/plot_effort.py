"""The Laban radar: four effort factors of a dancer against a stated reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.analysis import plot_style, reference_ranges
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.biomech.measure import KINDS

FACTORS = (
    ("effort.weight", "weight", "light", "strong"),
    ("effort.time", "time", "sustained", "sudden"),
    ("effort.space", "space", "direct", "indirect"),
    ("effort.flow", "flow", "free", "bound"),
)


def effort_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any | None:
    """Draws the four effort factors as a radar on logarithmic axes between two percentiles.

    Args:
        person: the dancer; needs the measures "effort.*".
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip; unused here.

    Returns:
        A matplotlib Figure; None where no factor is known.
    """
    by_key = {m.key: m for m in person.measures if m.status == "ok"}
    if not all(key in by_key for key, *_ in FACTORS):
        return None
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9}):
        figure = Figure(figsize=(plot_style.WIDTH_IN, 4.4), dpi=plot_style.DPI, facecolor="white")
        FigureCanvasAgg(figure)
        axis = figure.add_axes((0.28, 0.13, 0.44, 0.62), projection="polar")
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Effort after Laban, dancer {person.person_id}",
        f"{KINDS['index']}; rings: 5th and 95th percentile of synthetic dancers (logarithmic)",
    )
    around = np.linspace(0, 2 * np.pi, len(FACTORS), endpoint=False)
    ranges = reference_ranges.table()[str(person.pose.shape[-1])]
    value, low, high = np.array([_place(by_key[key], ranges[key]) for key, *_ in FACTORS]).T
    closed = np.append(around, around[0])
    axis.fill_between(
        closed,
        np.append(low, low[0]),
        np.append(high, high[0]),
        color="#0072B2",
        alpha=0.25,
        linewidth=0,
    )
    axis.plot(closed, np.append(value, value[0]), color="#0072B2", linewidth=1.6, marker="o")
    axis.set_theta_offset(np.pi / 2)
    axis.set_xticks(around, [f"{name}\n{less} < {more}" for _, name, less, more in FACTORS])
    axis.set_yticks([0.25, 0.75], ["5 %", "95 %"], color="#777777", size=7)
    axis.set_ylim(0, 1)
    axis.grid(color="#D9D9D9", linewidth=0.6)
    axis.tick_params(axis="x", pad=14)
    axis.spines["polar"].set_visible(False)
    return figure


def _place(measure: Any, scale: list[float]) -> tuple[float, float, float]:
    """Where a value and its interval lie on an axis: 0.25 and 0.75 are the two percentiles."""
    first, last = np.log(scale[0]), np.log(scale[2])

    def at(x: float | None) -> float:
        if x is None or x <= 0:
            x = measure.value
        return float(np.clip(0.25 + 0.5 * (np.log(max(x, 1e-9)) - first) / (last - first), 0, 1))

    return at(measure.value), at(measure.low), at(measure.high)
