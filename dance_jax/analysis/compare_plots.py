"""The plots of a comparison: alignment path, timing, joint by time map, and single differences."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from dance_jax.analysis import detectable_change as change
from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.compare_channels import channels
from dance_jax.analysis.compare_differences import sampled
from dance_jax.analysis.compare_result import Comparison

TEACHER, STUDENT, MARK = "#444444", "#0072B2", "#F0E442"
_MAP_LIMIT = 3.0  # times the limit at which the colour is full
_SHOWN = 6


def write_plots(folder: pathlib.Path, found: Comparison) -> list[pathlib.Path]:
    """Writes the plots that the comparison has the data for.

    Args:
        folder: destination; made where it is missing.
        found: the comparison.

    Returns:
        The files written; none where the movements could not be laid beside each other.
    """
    if not found.matched:
        return []
    return [
        plot_style.save(alignment_figure(found), folder / "alignment.png"),
        plot_style.save(map_figure(found), folder / "map.png"),
        *(
            [plot_style.save(series_figure(found), folder / "differences.png")]
            if any(d.kind != "timing" for d in found.differences)
            else []
        ),
    ]


def alignment_figure(found: Comparison) -> Any:
    """Draws the student's time along the teacher's, and how early or late the student is."""
    a = found.alignment
    figure, axes = plot_style.grid(2, 1, 1.9, 0.7)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * found.synthetic}How the student's time runs along the teacher's",
        "dashed: the steady offset and tempo; yellow: later or earlier than can be told from none",
    )
    top, low = axes[:, 0]
    top.plot(a.time_s, a.student_s, color=STUDENT, linewidth=1.6)
    top.plot(
        a.time_s, a.offset_s + a.time_s / a.tempo, color=TEACHER, linestyle="--", linewidth=0.9
    )
    top.set_ylabel("student (s)")
    low.axhline(0, color=TEACHER, linewidth=0.8, linestyle="--")
    low.plot(a.time_s, a.lag_s, color=STUDENT, linewidth=1.4)
    least = change.limit("timing", "moment")
    if least is not None:
        low.axhspan(-least, least, color="#EEEEEE", zorder=0, linewidth=0)
    for d in found.differences:
        if d.kind == "timing":
            low.axvspan(d.start_s, d.end_s, color=MARK, alpha=0.6, linewidth=0, zorder=0)
    room = max(1.4 * (least or 0.1), 1.1 * float(np.abs(a.lag_s).max()))
    low.set_ylim(-room, room)
    low.set_ylabel("student later by (s)")
    low.set_xlabel("teacher's time (s)")
    return figure


def map_figure(found: Comparison) -> Any:
    """Draws every channel over time: student minus teacher, in times of what can be told."""
    from matplotlib.colors import ListedColormap

    from dance_jax.analysis.compare_outputs import limit_ratios

    ratio = limit_ratios(found)
    shown = [k for k in range(len(channels())) if np.isfinite(ratio[:, k]).any()]
    figure, axes = plot_style.grid(1, 1, 0.6 + 0.2 * max(len(shown), 3), 0.7)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * found.synthetic}Where and when the student differs",
        "student minus teacher over the smallest difference that can be told; "
        "white: no difference can be told; grey: not comparable",
    )
    axis = axes[0, 0]
    figure.subplots_adjust(left=0.2, right=0.9)
    t = found.alignment.time_s
    axis.grid(False)
    if not shown:
        axis.text(0.5, 0.5, "nothing could be compared", transform=axis.transAxes, ha="center")
        return figure
    image = np.where(np.abs(ratio[:, shown]) <= 1, 0.0, ratio[:, shown]).T
    colours = _diverging()
    cmap = ListedColormap(colours).with_extremes(bad=palette.GAP)
    drawn = axis.imshow(
        np.ma.masked_invalid(image),
        aspect="auto",
        extent=(t[0], t[-1], len(shown) - 0.5, -0.5),
        cmap=cmap,
        vmin=-_MAP_LIMIT,
        vmax=_MAP_LIMIT,
        interpolation="nearest",
    )
    axis.set_yticks(range(len(shown)), [channels()[k].label for k in shown], fontsize=7.5)
    for place in found.places:
        if t[0] < place.start_s < t[-1]:
            axis.axvline(place.start_s, color="#777777", linewidth=0.5, linestyle=":")
    axis.set_xlabel("teacher's time (s); names are the teacher's sides")
    bar = figure.colorbar(drawn, ax=axis, fraction=0.025, pad=0.01)
    bar.set_ticks([-3, -1, 0, 1, 3], labels=["-3", "-1", "0", "+1", "+3"])
    return figure


def _diverging() -> np.ndarray:
    """Blue below, white in the middle third, orange above: safe under colour blindness."""
    ends = {-1: (0x00, 0x72, 0xB2), 1: (0xD5, 0x5E, 0x00)}
    rows = []
    for x in np.linspace(-1, 1, 255):
        depth = min(1.0, max(0.0, (abs(x) - 1 / _MAP_LIMIT) / (1 - 1 / _MAP_LIMIT)))
        strength = 0.0 if abs(x) < 1 / _MAP_LIMIT else 0.35 + 0.65 * depth
        end = np.array(ends[1 if x > 0 else -1]) / 255
        rows.append(1 + strength * (end - 1))
    return np.array(rows)


def series_figure(found: Comparison) -> Any:
    """Draws the channels with the largest marked differences: both dancers over time."""
    keys = list(dict.fromkeys(d.key.removesuffix(".range") for d in found.differences))
    names = [c.key for c in channels()]
    columns = [names.index(key) for key in keys if key in names][:_SHOWN]
    figure, axes = plot_style.grid(len(columns), 1, 1.35, 0.7)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * found.synthetic}Teacher and student on the teacher's time",
        "grey: teacher; blue: student; yellow: the difference is larger than can be told from none",
    )
    mine, theirs = sampled(*found.performers, found.alignment)
    t = found.alignment.time_s
    for axis, k in zip(axes[:, 0], columns, strict=True):
        for value, colour, style in ((mine, TEACHER, "-"), (theirs, STUDENT, (0, (5, 1.2)))):
            x, y = plot_style.thin(t, value[:, k], plot_style.WIDTH_IN)
            axis.plot(x, y, color=colour, linestyle=style, linewidth=1.3)
        for d in found.differences:
            if d.key == names[k]:
                axis.axvspan(d.start_s, d.end_s, color=MARK, alpha=0.55, linewidth=0, zorder=0)
        channel = channels()[k]
        unit = "degrees" if channel.unit == "deg" else "body heights"
        axis.set_title(f"{channel.label} ({unit})", loc="left", pad=3, size=plot_style.PANEL_TITLE)
        floor = 20.0 if channel.unit == "deg" else 0.1
        axis.set_ylim(*plot_style.limits([mine[:, k], theirs[:, k]], floor))
    axes[-1, 0].set_xlabel("teacher's time (s)")
    return figure
