"""Figures of predicted scores: against the given ones, their errors, and beside human raters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.evaluation import Evaluation
from dance_jax.analysis.human_raters import Raters

MODEL, OTHER = palette.INK[palette.LEFT], palette.INK[palette.RIGHT]
_COLUMNS = 3
_BIN = 0.5  # points


def scatter_figure(found: Evaluation, *, synthetic: bool = False) -> Any | None:
    """Draws each predicted score against the given one, of the first seed.

    Args:
        found: what was measured.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None without scores.
    """
    names = [name for name, truth in found.first.truth.items() if np.isfinite(truth).any()]
    if not names:
        return None
    figure, panels = _panels(len(names), 2.75, share_x=False)
    has_bars = any(name in found.first.deviation for name in names)
    bars = "; bars: predicted standard deviation" * has_bars
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Predicted against given scores",
        f"a dot is a tested clip; line: predicted = given{bars}",
    )
    for axis, name in zip(panels, names, strict=False):
        truth, score = found.first.truth[name], found.first.score[name]
        known = np.isfinite(truth)
        low, high = _range(truth[known], score[known])
        axis.plot([low, high], [low, high], color="#777777", linewidth=0.9, linestyle=(0, (4, 2)))
        if name in found.first.deviation:
            axis.errorbar(
                truth[known],
                score[known],
                yerr=found.first.deviation[name][known],
                fmt="none",
                ecolor=MODEL,
                elinewidth=0.6,
                alpha=0.3,
            )
        axis.scatter(truth[known], score[known], s=13, color=MODEL, alpha=0.75, linewidth=0)
        axis.set_xlim(low, high)
        axis.set_ylim(low, high)
        axis.set_title(f"{palette.plain(name)} (n={int(known.sum())})", loc="left", size=9, pad=3)
        axis.set_xlabel("given score, 0 to 10", labelpad=1)
        axis.set_ylabel("predicted", labelpad=1)
    return figure


def error_figure(found: Evaluation, *, synthetic: bool = False) -> Any | None:
    """Draws how often which error was made, each score for itself, of the first seed.

    Args:
        found: what was measured.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None without scores.
    """
    names = [name for name, truth in found.first.truth.items() if np.isfinite(truth).any()]
    if not names:
        return None
    figure, panels = _panels(len(names), 1.75, share_x=False)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Errors of the scores",
        "predicted minus true, points; dashed: no error; line: their mean",
    )
    for axis, name in zip(panels, names, strict=False):
        known = np.isfinite(found.first.truth[name])
        error = (found.first.score[name] - found.first.truth[name])[known]
        reach = max(_BIN * np.ceil(np.abs(error).max() / _BIN), 2 * _BIN)
        edges = np.arange(-reach, reach + _BIN / 2, _BIN)
        axis.hist(error, edges, color=MODEL, alpha=0.75, edgecolor="white", linewidth=0.6)
        axis.axvline(0, color="#777777", linewidth=0.9, linestyle=(0, (4, 2)))
        axis.axvline(error.mean(), color=OTHER, linewidth=1.4)
        text = f"{palette.plain(name)}: mean {error.mean():+.2f}, SD {error.std():.2f}"
        axis.set_title(text, loc="left", size=9, pad=3)
        axis.set_ylabel("clips", labelpad=1)
        axis.yaxis.get_major_locator().set_params(integer=True)
    return figure


def raters_figure(raters: Mapping[str, Raters], *, synthetic: bool = False) -> Any | None:
    """Draws each rater, and the model, against the mean of the other raters.

    Args:
        raters: score -> people on the clips.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None where no score can be compared.
    """
    shown = {k: v for k, v in raters.items() if np.isfinite(v.rater_r).any()}
    if not shown:
        return None
    high = 0.3 * len(shown) + 0.35
    figure, axes = plot_style.grid(1, 2, high, 0.75, share_x=False)
    figure.subplots_adjust(left=0.13, wspace=0.08)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}The model among the raters",
        "orange: each rater against the mean of the others; blue: the model against the same "
        "means; black bar: noise ceiling of the raters' mean",
    )
    names = list(shown)
    for at, (axis, key, what) in enumerate(
        zip(
            axes.flat,
            ("r", "mae"),
            ("correlation (right is better)", "mean absolute error, points (left is better)"),
            strict=True,
        )
    ):
        for row, name in enumerate(names):
            one = shown[name]
            people, model = getattr(one, f"rater_{key}"), getattr(one, f"model_{key}")
            axis.scatter(
                people, [row + 0.12] * len(people), s=26, color=OTHER, marker="D", alpha=0.8
            )
            axis.scatter(model, [row - 0.12] * len(model), s=30, color=MODEL, alpha=0.8)
            ceiling = one.agreement.ceiling
            if key == "r" and np.isfinite(ceiling):
                axis.plot([ceiling] * 2, [row - 0.32, row + 0.32], color="black", linewidth=2)
        axis.set_yticks(range(len(names)), [palette.plain(n) for n in names] if not at else [])
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.grid(True, axis="x", color=palette.GRID, linewidth=0.5)
        axis.set_xlabel(what)
        axis.margins(x=0.06)
    axes[0, 0].set_xlim(right=1.02)
    axes[0, 1].set_xlim(left=0)
    return figure


def _panels(count: int, height: float, *, share_x: bool) -> tuple[Any, list[Any]]:
    """Returns a figure and as many panels as wanted, three a row."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    # A few panels keep the shape that they have in a full row.
    figure, axes = plot_style.grid(rows, _COLUMNS, height, 0.78, share_x=share_x)
    figure.subplots_adjust(hspace=0.42, wspace=0.25, left=0.06)
    for axis in list(axes.flat)[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat)[:count]


def _range(*values: np.ndarray) -> tuple[float, float]:
    """Returns limits around all values, within 0 to 10 as far as they are."""
    both = np.concatenate(values)
    room = max(float(np.ptp(both)), 1.0)
    return float(both.min() - 0.06 * room), float(both.max() + 0.06 * room)
