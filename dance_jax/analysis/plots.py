"""The plots of one analysis: angles, angular velocities, speeds, presence, and the pose strip."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.plot_balance import balance_figure
from dance_jax.analysis.plot_body import pose_strip_figure, presence_figure
from dance_jax.analysis.plot_effort import effort_figure
from dance_jax.analysis.plot_energy import energy_figure
from dance_jax.analysis.plot_phase import phase_figure
from dance_jax.analysis.plot_rhythm import rhythm_figure
from dance_jax.analysis.result import Analysis, PersonAnalysis
from dance_jax.kinematics.angles import ANGLES

PLOT_NAMES = (
    *("angles", "angular_velocity", "speeds", "presence", "pose_strip"),
    *("balance", "energy", "phase", "rhythm", "effort"),
    *("network", "cam", "saliency"),
)
_LABELS = {definition.name: definition.label for definition in ANGLES}
_BAND = 0.075  # height of one validity strip, as a fraction of the panel


def plot_files(folder: pathlib.Path, analysis: Analysis) -> dict[int, dict[str, pathlib.Path]]:
    """Names the plots of every chosen person: `angles.png`, or `angles_person2.png` for several.

    Args:
        folder: the plots folder.
        analysis: the analysis.

    Returns:
        person id -> plot name -> path.
    """
    several = len(analysis.people) > 1
    return {
        person.person_id: {
            name: folder / f"{name}{f'_person{person.person_id}' if several else ''}.png"
            for name in PLOT_NAMES
        }
        for person in analysis.people
    }


def write_plots(folder: str | pathlib.Path, analysis: Analysis) -> list[pathlib.Path]:
    """Writes every plot of every chosen person.

    Args:
        folder: destination (`plots/` of a run directory); made where it is missing.
        analysis: the analysis.

    Returns:
        The files written.
    """
    makers = [angles_figure, angular_velocity_figure, speeds_figure, presence_figure]
    makers += [pose_strip_figure, balance_figure, energy_figure, phase_figure, rhythm_figure]
    makers += [effort_figure]
    if any(person.learned is not None for person in analysis.people):
        from dance_jax.analysis import learned_pictures as learned

        makers += [learned.network_figure, learned.cam_figure, learned.saliency_figure]
    files = plot_files(pathlib.Path(folder), analysis)
    written = []
    for person in analysis.people:
        for maker in makers:
            name = maker.__name__.removesuffix("_figure")
            figure = maker(person, synthetic=analysis.synthetic, unit=analysis.clip.unit)
            if figure is not None:  # there is nothing to show, and the report says why
                written.append(plot_style.save(figure, files[person.person_id][name]))
    return written


def panels(names: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Groups angles into panels, in the table's order: left and right of one joint share one."""
    out: dict[str, list[str]] = {}
    for definition in ANGLES:
        if definition.name in names:
            out.setdefault(palette.without_side(definition.name), []).append(definition.name)
    return list(out.items())


def same_turn(raw: np.ndarray, filtered: np.ndarray) -> np.ndarray:
    """Moves unwrapped raw angles by whole turns to lie beside the filtered ones.

    An outlier can send the unwrapping of the raw series round another way; the angle is the same.

    Args:
        raw: [T] degrees.
        filtered: [T] degrees.

    Returns:
        [T] degrees, equal to `raw` modulo 360.
    """
    turns = np.round((filtered - raw) / 360.0)
    known = np.flatnonzero(np.isfinite(turns))
    if not known.size:
        return raw
    # Where only the raw angle is known, the turn of the frame before it holds.
    held = known[np.maximum(np.searchsorted(known, np.arange(len(raw)), side="right") - 1, 0)]
    return raw + 360.0 * turns[held]


def angles_figure(person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px") -> Any:
    """Draws raw against filtered angles, left over right, with gaps and out-of-plane spans.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip; unused here.

    Returns:
        A matplotlib Figure.
    """
    note = (
        "pale: raw; strong: filtered, its band the key points' scatter (95 %); thin: out of plane. "
        "Strips: L, R"
    )
    return _angle_grid(
        person,
        f"{plot_style.SYNTHETIC * synthetic}Joint and segment angles, "
        f"dancer {person.person_id} (degrees)",
        note,
        person.angles,
        person.angles_raw,
        20.0,
    )


def angular_velocity_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any:
    """Draws angular velocities of the filtered angles, left over right.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip, "px" or "m".

    Returns:
        A matplotlib Figure.
    """
    return _angle_grid(
        person,
        f"{plot_style.SYNTHETIC * synthetic}Angular velocities, "
        f"dancer {person.person_id} (degrees/s)",
        "from the filtered angles; thin: out of plane. Strips: L left, R right",
        person.angular_velocity,
        None,
        100.0,
    )


def _angle_grid(person, heading, note, series, raw, floor) -> Any:
    rows = panels(person.angle_names)
    figure, axes = plot_style.grid(-(-len(rows) // 2), 2, 1.35, 0.78)
    plot_style.title(figure, heading, note)
    for axis, (_, names) in zip(axes.flat, rows, strict=False):
        _angle_panel(axis, person, names, series, raw, floor)
    _finish(figure, axes, len(rows), lines=True, states=True)
    return figure


def _angle_panel(axis, person, names, series, raw, floor) -> None:
    time_s, width = person.time_s, plot_style.WIDTH_IN / 2
    shown, refused = [], []
    low_strip = len(names) * _BAND + 0.02
    for strip, name in enumerate(names):
        column = person.angle_names.index(name)
        side = palette.side(name)
        theta = series[:, column]
        known, flat = np.isfinite(theta), person.in_plane[:, column]
        shown.append(theta)
        if person.angle_status[name][0] != "ok":
            refused.append(side if side != palette.CENTRE else "")
        if raw is not None:
            t, y = plot_style.thin(time_s, same_turn(raw[:, column], theta), width)
            axis.plot(t, y, color=palette.INK[side], alpha=0.3, linewidth=0.6, rasterized=True)
        if raw is not None and person.angle_sd is not None:
            reach = np.where(flat, 1.96 * person.angle_sd[:, column], np.nan)
            axis.fill_between(
                time_s,
                theta - reach,
                theta + reach,
                color=palette.INK[side],
                alpha=0.22,
                linewidth=0,
            )
        t, y = plot_style.thin(time_s, theta, width)
        axis.plot(t, y, color=palette.INK[side], linewidth=0.5, alpha=0.7)
        t, y = plot_style.thin(time_s, np.where(flat, theta, np.nan), width)
        style = palette.LINE_STYLE[side]
        axis.plot(t, y, color=palette.INK[side], linestyle=style, linewidth=1.3)
        bottom = (len(names) - 1 - strip) * _BAND
        _state_strip(axis, time_s, ~known, known & ~flat, bottom, side)
    unseen = ~np.isfinite(np.array(shown)).any(0)
    if unseen.any():
        for start, length in plot_style.spans(unseen, time_s):
            axis.axvspan(start, start + length, color="#F0F0F0", linewidth=0, zorder=0)
    low, high = plot_style.limits(shown, floor)
    low -= (high - low) * low_strip / (1 - low_strip)
    axis.set_ylim(low, high)
    label = _LABELS[names[0]] if len(names) == 1 else _LABELS[names[0]].partition(" ")[2]
    label = label[:1].upper() + label[1:]
    if refused:
        sides = " and ".join(s for s in refused if s)
        label += f" ({sides + ' ' if sides else ''}refused)"
    axis.set_title(label, loc="left", pad=3, size=plot_style.PANEL_TITLE)


def _state_strip(axis, time_s, missing, away, bottom, side) -> None:
    where = axis.get_xaxis_transform()
    box = (bottom, _BAND * 0.85)
    if missing.any():
        runs = plot_style.spans(missing, time_s)
        axis.broken_barh(runs, box, transform=where, facecolor=palette.GAP, linewidth=0)
    if away.any():
        runs = plot_style.spans(away, time_s)
        axis.broken_barh(
            runs,
            box,
            transform=where,
            facecolor="white",
            edgecolor=palette.INK[side],
            hatch="////",
            linewidth=0.3,
        )
    if side != palette.CENTRE:
        axis.text(
            -0.008,
            bottom + _BAND * 0.4,
            side[0].upper(),
            transform=axis.transAxes,
            size=6.5,
            ha="right",
            va="center",
            color=palette.INK[side],
            weight="bold",
        )


def speeds_figure(person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px") -> Any:
    """Draws joint speeds, left over right, with gaps shaded.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip, "px" or "m".

    Returns:
        A matplotlib Figure.
    """
    groups: dict[str, list[str]] = {}
    for name in person.speed_names:
        groups.setdefault(palette.without_side(name), []).append(name)
    rows = list(groups.items())
    figure, axes = plot_style.grid(-(-len(rows) // 2), 2, 1.35, 0.78)
    label = {"height/s": "body heights per second"}.get(person.speed_unit, person.speed_unit)
    plane = "in the image plane" if unit == "px" else "in space"
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Speeds, dancer {person.person_id} ({label})",
        f"{plane}, from the filtered pose; grey strip: not seen",
    )
    for axis, (part, names) in zip(axes.flat, rows, strict=False):
        top = 0.0
        for strip, name in enumerate(names):
            value = person.speeds[:, person.speed_names.index(name)]
            side = palette.side(name)
            t, y = plot_style.thin(person.time_s, value, plot_style.WIDTH_IN / 2)
            style = palette.LINE_STYLE[side]
            axis.plot(t, y, color=palette.INK[side], linestyle=style, linewidth=1.1)
            missing = ~np.isfinite(value)
            bottom = (len(names) - 1 - strip) * _BAND
            _state_strip(axis, person.time_s, missing, np.zeros_like(missing), bottom, side)
            if not missing.all():
                top = max(top, float(np.percentile(value[~missing], 99.8)))
        top = 1.1 * top or 1.0
        axis.set_ylim(-top * (len(names) * _BAND + 0.03), top)
        heading = "Whole body" if part == "body" else part.capitalize()
        axis.set_title(heading, loc="left", pad=3, size=plot_style.PANEL_TITLE)
    _finish(figure, axes, len(rows), lines=True, states=False)
    return figure


def _finish(figure, axes, used: int, *, lines: bool, states: bool) -> None:
    columns = axes.shape[1]
    for at, axis in enumerate(axes.flat):
        if at >= used:
            axis.set_visible(False)
        elif at + columns >= used:
            axis.set_xlabel("time (s)", labelpad=1)
            axis.tick_params(labelbottom=True)
    plot_style.legend(figure, lines=lines, states=states)
