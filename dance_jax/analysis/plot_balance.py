"""The balance map: the centre of mass over the feet that stand, and its margin, over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style, standing
from dance_jax.analysis.result import PersonAnalysis

_COM, _XCOM, _SUPPORT = "#222222", "#CC79A7", "#C7E3C9"


def balance_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any | None:
    """Draws where the centre of mass was against the feet on the floor, and by what margin.

    Args:
        person: the dancer; its series "com_x", "support_low", "support_high", "com_margin" are
            needed, "xcom_x" and "margin_of_stability" are drawn where they are known.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip, "px" or "m".

    Returns:
        A matplotlib Figure; None where no foot was seen on the floor.
    """
    series = person.series
    if "com_margin" not in series or not np.isfinite(series["com_margin"]).any():
        return None
    figure, axes = plot_style.grid(3, 1, 1.45, 0.78)
    plane = "in the picture's plane" if unit == "px" else "to the side"
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Balance map, dancer {person.person_id} (body heights)",
        f"{plane}; green: between the outer edges of the feet on the floor"
        + "; IMPLAUSIBLE, see the refusals" * _implausible(person),
    )
    _place(axes[0, 0], person)
    _margin(axes[1, 0], person)
    _contacts(axes[2, 0], person)
    axes[2, 0].set_xlabel("time (s)", labelpad=1)
    figure.subplots_adjust(hspace=0.45)
    return figure


def _implausible(person: PersonAnalysis) -> bool:
    """Says whether the report does not believe what is drawn."""
    return any(
        m.key in standing.KEYS and m.reason.startswith(standing.IMPLAUSIBLE)
        for m in person.measures
    )


def _line(axis: Any, time_s: np.ndarray, value: np.ndarray, **style: Any) -> None:
    t, y = plot_style.thin(time_s, value, plot_style.WIDTH_IN)
    axis.plot(t, y, **style)


def _place(axis: Any, person: PersonAnalysis) -> None:
    time_s, series = person.time_s, person.series
    if "support_low" in series:
        low, high = series["support_low"], series["support_high"]
        known = np.isfinite(low) & np.isfinite(high)
        axis.fill_between(
            time_s, low, high, where=known, color=_SUPPORT, linewidth=0, label="feet on the floor"
        )
    sd = series.get("com_sd")
    if sd is not None and np.isfinite(sd).any():
        x = series["com_x"]
        axis.fill_between(
            time_s,
            x - 1.96 * sd,
            x + 1.96 * sd,
            color=_COM,
            alpha=0.25,
            linewidth=0,
            label="95 % of it",
        )
    _line(axis, time_s, series["com_x"], color=_COM, linewidth=1.3, label="centre of mass")
    if "xcom_x" in series and np.isfinite(series["xcom_x"]).any():
        _line(
            axis,
            time_s,
            series["xcom_x"],
            color=_XCOM,
            linewidth=1.0,
            linestyle=(0, (4, 1.5)),
            label="extrapolated centre of mass",
        )
    shown = [series[k] for k in ("com_x", "support_low", "support_high") if k in series]
    axis.set_ylim(*plot_style.limits(shown, 0.2))
    axis.set_title("Place to the right", loc="left", pad=3, size=plot_style.PANEL_TITLE)
    axis.legend(loc="upper right", bbox_to_anchor=(1, 1.3), ncols=4, frameon=False, fontsize=7.5)


def _margin(axis: Any, person: PersonAnalysis) -> None:
    series, time_s = person.series, person.time_s
    names = [("com_margin", _COM, "-"), ("margin_of_stability", _XCOM, (0, (4, 1.5)))]
    shown = []
    for name, colour, style in names:
        if name in series and np.isfinite(series[name]).any():
            _line(axis, time_s, series[name], color=colour, linewidth=1.1, linestyle=style)
            shown.append(series[name])
    axis.axhline(0, color="#555555", linewidth=0.7)
    low, high = plot_style.limits([*shown, np.zeros(1)], 0.1)
    axis.set_ylim(low, high)
    axis.axhspan(low, 0, color="#F2F2F2", linewidth=0, zorder=0)
    axis.set_title(
        "Margin to the edge of the feet (grey: beyond it)",
        loc="left",
        pad=3,
        size=plot_style.PANEL_TITLE,
    )


def _contacts(axis: Any, person: PersonAnalysis) -> None:
    """Two strips: which foot was on the floor; hatched where it was not seen."""
    for row, side in enumerate((palette.LEFT, palette.RIGHT)):
        value = person.series[f"contact_{side}"]
        down, unseen = value > 0.5, ~np.isfinite(value)
        box = (1 - row - 0.35, 0.7)
        for runs, style in (
            (plot_style.spans(down, person.time_s), {"facecolor": palette.INK[side]}),
            (
                plot_style.spans(unseen, person.time_s),
                {"facecolor": "white", "edgecolor": "#777777", "hatch": "////"},
            ),
        ):
            if runs:
                axis.broken_barh(runs, box, linewidth=0, **style)
    axis.set_yticks([1, 0], [palette.LEFT, palette.RIGHT])
    axis.set_ylim(-0.6, 1.6)
    axis.grid(False)
    axis.set_title(
        "Feet on the floor (hatched: not seen)", loc="left", pad=3, size=plot_style.PANEL_TITLE
    )
