"""Figures of predicted styles: right by style, confusion, and what a confidence is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.analysis import evaluation, palette, plot_style
from dance_jax.analysis.evaluation import Evaluation

MODEL, OTHER = palette.INK[palette.LEFT], palette.INK[palette.RIGHT]
_WRITTEN = 16  # classes up to which every cell has its number
_NAME, _BELOW = 26, 16  # characters of a name


def style_figure(found: Evaluation, *, synthetic: bool = False) -> Any | None:
    """Draws how many clips of each style were told rightly, and the scores' errors by style.

    Args:
        found: what was measured.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None without styles.
    """
    table = found.table("style") if found.first.styles else {}
    if not table:
        return None
    errors = [s for s in found.first.truth if any(f"{s}_mae" in row for row in table.values())]
    wanted = [("accuracy", "told rightly, share")] * found.styled
    wanted += [(f"{s}_mae", f"{palette.plain(s)}: MAE, points") for s in errors[:2]]
    if not wanted:
        return None
    figure, axes = plot_style.grid(1, len(wanted), 0.24 * len(table) + 0.2, 0.62, share_x=False)
    figure.subplots_adjust(left=0.24, wspace=0.12)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}By style",
        "mean over seeds" * (len(found.by_seed) > 1),
    )
    kinds = list(table)
    for at, (axis, (key, what)) in enumerate(zip(axes.flat, wanted, strict=True)):
        value = [table[k].get(key, np.nan) for k in kinds]
        axis.barh(range(len(kinds)), value, color=MODEL, height=0.62)
        for row, v in enumerate(value):
            if np.isfinite(v):
                axis.text(v, row, f" {v:.2f}", va="center", size=7.5)
        labels = [f"{short(k)} (n={table[k]['count']:.0f})" for k in kinds]
        axis.set_yticks(range(len(kinds)), labels if not at else [])
        axis.set_ylim(len(kinds) - 0.4, -0.6)
        axis.set_xlim(0, 1.12 if key == "accuracy" else 1.2 * max(np.nanmax(value), 0.1))
        axis.grid(True, axis="x", color=palette.GRID, linewidth=0.5)
        axis.grid(False, axis="y")
        axis.set_xlabel(what)
    return figure


def confusion_figure(found: Evaluation, *, synthetic: bool = False) -> Any | None:
    """Draws which style was taken for which; a row adds up to one.

    Args:
        found: what was measured.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None without styles.
    """
    if not found.styled:
        return None
    table, styles = found.confusion(), found.first.styles
    size = len(styles)
    cell = 0.6 if size <= 6 else 0.42 if size <= _WRITTEN else 0.2
    height = max(cell * size, 1.2) + 1.55
    figure, axes = plot_style.grid(1, 1, height - 0.9, 0.62, share_x=False)
    seeds = len(found.by_seed)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Which style was taken for which",
        f"share of the row's true style; numbers: clips{f', over {seeds} seeds' * (seeds > 1)}",
    )
    axis = axes[0, 0]
    axis.grid(False)
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    box = figure.get_size_inches()
    side = min(max(cell * size, 1.2), box[0] - 3.4)
    bottom = 1.25
    axis.set_position(
        (2.6 / box[0], bottom / box[1], side / box[0], (box[1] - bottom - 0.6) / box[1])
    )
    drawn = axis.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    names = [short(style) for style in styles]
    below = [short(style, _BELOW) for style in styles]
    axis.set_xticks(range(size), below, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(size), names)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if size <= _WRITTEN:
        for i, j in np.argwhere(table > 0):
            colour = "white" if share[i, j] > 0.55 else palette.TEXT
            axis.text(j, i, str(table[i, j]), ha="center", va="center", size=8, color=colour)
    edge = (2.6 + side + 0.15) / box[0]
    bar = figure.colorbar(
        drawn, cax=figure.add_axes((edge, bottom / box[1], 0.012, (box[1] - bottom - 0.6) / box[1]))
    )
    bar.outline.set_visible(False)
    return figure


def reliability_figure(found: Evaluation, *, synthetic: bool = False) -> Any | None:
    """Draws whether confidences come true: of the styles, and of the scores' intervals.

    Args:
        found: what was measured.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None where the model tells no confidence.
    """
    coverage = {k: v for k, v in found.coverage().items() if np.isfinite(list(v.values())).all()}
    kinds = [kind for kind, there in (("style", found.styled), ("score", coverage)) if there]
    if not kinds:
        return None
    figure, axes = plot_style.grid(1, 2, 2.9, 0.72, share_x=False)
    figure.subplots_adjust(wspace=0.22)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Can a confidence be believed?",
        "on the dashed line it comes true as often as it says; below it, less often",
    )
    for axis, kind in zip(axes.flat, kinds, strict=False):
        axis.plot([0, 1], [0, 1], color="#777777", linewidth=0.9, linestyle=(0, (4, 2)))
        if kind == "style":
            _styles(axis, found)
        else:
            _scores(axis, coverage)
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1.03)
        axis.legend(frameon=False, fontsize=8, loc="upper left")
    for axis in list(axes.flat)[len(kinds) :]:
        axis.set_visible(False)
    return figure


def _styles(axis: Any, found: Evaluation) -> None:
    lines = [("after the temperature" if evaluation.tempered(found) else "styles", False, MODEL)]
    lines += [("before it", True, "#999999")] * evaluation.tempered(found)
    for label, raw, colour in lines:
        x, y, n = np.array(found.reliability(raw=raw)).T
        width = 6 + 120 * n / n.sum()
        axis.plot(x, y, color=colour, linewidth=1.2, zorder=2 - raw)
        axis.scatter(x, y, s=width, color=colour, label=label, zorder=2 - raw, linewidth=0)
    axis.set_xlabel("probability of the predicted style")
    axis.set_ylabel("share told rightly (size: clips)")


def _scores(axis: Any, coverage: dict[str, dict[float, float]]) -> None:
    marks = "osD^v"
    for k, (name, row) in enumerate(coverage.items()):
        axis.plot(
            list(row),
            list(row.values()),
            marker=marks[k % len(marks)],
            markersize=4.5,
            linewidth=1.1,
            label=palette.plain(name),
        )
    axis.set_xlabel("level of the predicted interval")
    axis.set_ylabel("share of the given scores inside")


def short(name: str, most: int = _NAME) -> str:
    """Returns a name that fits beside a bar."""
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
