"""Figures over groups and over the training: each group beside baselines, and how it was learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.evaluation import Evaluation
from dance_jax.analysis.plot_training_styles import short
from dance_jax.analysis.training_run import FoldFacts

MODEL, OTHER = palette.INK[palette.LEFT], palette.INK[palette.RIGHT]
_GROUPS = 40
_MARKS = ("D", "s", "^", "v")
_BASE = (OTHER, "#009E73", "#CC79A7", "#999999")


def group_figure(found: Evaluation, *, synthetic: bool = False) -> Any | None:
    """Draws each group's own figure: styles told rightly beside the baselines, or scores' errors.

    Args:
        found: what was measured.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None with a single group, or more than forty.
    """
    table = found.table("group")
    key = "accuracy" if found.styled else next((f"{s}_mae" for s in found.first.truth), "")
    kinds = [g for g, row in table.items() if key in row]
    if not 1 < len(kinds) <= _GROUPS:
        return None
    figure, axes = plot_style.grid(1, 1, 0.21 * len(kinds) + 0.2, 0.8, share_x=False)
    figure.subplots_adjust(left=0.25)
    axis = axes[0, 0]
    what = "told rightly" if key == "accuracy" else f"{palette.plain(key[:-4])}: MAE, points"
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Each {found.group_by} for itself: {what}",
        "not trained on while it was tested, unless the page has a stamp; mean over seeds",
    )
    value = np.array([table[g][key] for g in kinds])
    place = np.arange(len(kinds))
    axis.hlines(place, 0, value, color=MODEL, linewidth=1, alpha=0.35)
    axis.scatter(value, place, s=30, color=MODEL, label="this model", zorder=3)
    highest = float(value.max())
    for k, (name, gap) in enumerate(found.differences().get(key, {}).items()):
        x = [table[g][key] - gap[g] if g in gap else np.nan for g in kinds]
        look = {"s": 22, "marker": _MARKS[k % 4], "edgecolor": _BASE[k % 4]}
        axis.scatter(x, place, facecolor="none", label=name, zorder=2, **look)
        highest = max([highest, *(v for v in x if np.isfinite(v))])
    axis.set_yticks(place, [f"{short(g)} (n={table[g]['count']:.0f})" for g in kinds])
    axis.set_ylim(len(kinds) - 0.4, -0.6)
    axis.set_xlim(-0.02, 1.04 if key == "accuracy" else 1.05 * highest)
    axis.grid(True, axis="x", color=palette.GRID, linewidth=0.5)
    axis.grid(False, axis="y")
    _legend(figure, axis)
    return figure


def learning_figure(folds: Sequence[FoldFacts], *, synthetic: bool = False) -> Any | None:
    """Draws the loss of every fold and seed over its steps, and what its parameters were chosen by.

    Args:
        folds: with the rows of their metrics.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None where nothing was recorded.
    """
    loss = [_series(one, "loss") for one in folds]
    if not any(len(steps) > 1 for steps, _ in loss):
        return None
    metric = str(folds[0].best.get("metric", "loss"))
    held = [_series(one, f"val_{metric}") for one in folds]
    checked = any(len(steps) for steps, _ in held)
    figure, axes = plot_style.grid(1, 1 + checked, 2.3, 0.72, share_x=False)
    figure.subplots_adjust(wspace=0.22)
    chosen = "; ring: the step that was taken" * checked
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Learning curves",
        f"a line is a fold and seed ({len(folds)} in all){chosen}",
    )
    strength = max(0.25, min(0.9, 4 / len(folds)))
    for steps, value in loss:
        axes[0, 0].plot(steps, value, color=MODEL, linewidth=1, alpha=strength)
    axes[0, 0].set_title("training loss", loc="left", size=9, pad=3)
    if checked:
        axis = axes[0, 1]
        for one, (steps, value) in zip(folds, held, strict=True):
            axis.plot(steps, value, color=OTHER, linewidth=1, alpha=strength)
            best = one.best.get("step")
            at = np.flatnonzero(steps == best) if best is not None else []
            if len(at):
                look = {"facecolor": "none", "edgecolor": "black", "s": 30, "zorder": 3}
                axis.scatter(steps[at[-1:]], value[at[-1:]], **look)
        axis.set_title(f"validation: {palette.plain(metric)}", loc="left", size=9, pad=3)
        axis.margins(x=0.03)
    for axis in axes.flat:
        axis.set_xlabel("step")
    return figure


def _series(one: FoldFacts, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the steps and values of one metric; a run that went on has steps twice: the last."""
    found: Mapping[int, float] = {
        int(row["step"]): float(row[name]) for row in one.rows if row.get(name) is not None
    }
    steps = np.array(sorted(found))
    return steps, np.array([found[int(step)] for step in steps])


def _legend(figure: Any, axis: Any) -> None:
    height = figure.get_size_inches()[1]
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="upper right",
        bbox_to_anchor=(0.995, 1 - 0.3 / height),
        ncols=len(labels),
        frameon=False,
        fontsize=8,
    )
