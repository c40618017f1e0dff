"""Figures of what a model goes by: measures beside its errors, joints, parts of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.error_links import Links
from dance_jax.analysis.model_examples import Shown
from dance_jax.analysis.plot_training_styles import short
from dance_jax.biomech import catalogue

MODEL, OTHER = palette.INK[palette.LEFT], palette.INK[palette.RIGHT]
_SHOWN = 12
_PICTURES = 4


def links_figure(found: Links, *, synthetic: bool = False) -> Any:
    """Draws the measures that go with a score's error, and how they go with the score itself.

    Args:
        found: from `error_links.links`.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure.
    """
    count = min(_SHOWN, len(found.keys))
    figure, axes = plot_style.grid(1, 2, 0.24 * count + 0.25, 0.72, share_x=False)
    figure.subplots_adjust(left=0.33, wspace=0.08)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Movement and the {palette.plain(found.score)} score, "
        f"{found.clips} clips",
        "rank correlations; beyond the dashed lines a link with the error is more than chance over "
        "all measures",
    )
    place = np.arange(count)
    rows = [catalogue.MEASURES[key] for key in found.keys[:count]]
    beyond = np.abs(found.error[:count]) > found.limit
    colours = [MODEL if b else "#A9C6DA" for b in beyond]
    axes[0, 0].barh(place, found.error[:count], color=colours, height=0.62)
    for end in (-found.limit, found.limit):
        axes[0, 0].axvline(end, color="#777777", linewidth=0.9, linestyle=(0, (4, 2)))
    axes[0, 0].set_xlabel("with the error (predicted minus true)")
    axes[0, 1].hlines(
        place, found.truth[:count], found.predicted[:count], color="#BBBBBB", linewidth=1
    )
    axes[0, 1].scatter(
        found.truth[:count], place, s=24, color=OTHER, marker="D", label="given score"
    )
    axes[0, 1].scatter(found.predicted[:count], place, s=26, color=MODEL, label="predicted score")
    axes[0, 1].set_xlabel("with the score")
    height = figure.get_size_inches()[1]
    figure.legend(
        loc="upper right",
        bbox_to_anchor=(0.995, 1 - 0.4 / height),
        ncols=2,
        frameon=False,
        fontsize=8,
    )
    for at, axis in enumerate(axes.flat):
        labels = [f"{row.group}: {short(row.label, 34)}" for row in rows]
        axis.set_yticks(place, labels if not at else [])
        axis.set_ylim(count - 0.4, -0.6)
        axis.set_xlim(-1, 1)
        axis.set_xticks([-1, -0.5, 0, 0.5, 1], ["", "-0.5", "0", "0.5", ""])
        axis.axvline(0, color="#888888", linewidth=0.6)
        axis.grid(True, axis="x", color=palette.GRID, linewidth=0.5)
        axis.grid(False, axis="y")
    return figure


def saliency_figure(shown: Sequence[Shown], *, synthetic: bool = False) -> Any | None:
    """Draws what each joint adds to a prediction at each moment, clip by clip.

    Args:
        shown: clips with a saliency map.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None where no clip has one.
    """
    given = [one for one in shown if one.saliency is not None]
    if not given:
        return None
    figure, axes = plot_style.grid(len(given), 1, 3.3, 0.72, share_x=False)
    figure.subplots_adjust(left=0.16, right=0.93, hspace=0.3)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}What each joint adds to the prediction, moment by "
        "moment",
        "integrated gradients against the clip's mean pose: purple raises, orange lowers; they add "
        "up to the difference of the two predictions",
    )
    for axis, one in zip(axes[:, 0], given, strict=True):
        rows = one.joints_shown()
        image = one.saliency[:, rows].T
        top = float(np.quantile(np.abs(image), 0.995)) or 1.0
        drawn = axis.imshow(
            image,
            aspect="auto",
            extent=(one.time_s[0], one.time_s[-1], len(rows) - 0.5, -0.5),
            cmap="PuOr",
            vmin=-top,
            vmax=top,
            interpolation="nearest",
        )
        axis.grid(False)
        names = [palette.plain(one.joints[k]) for k in rows]
        axis.set_yticks(range(len(rows)), names, fontsize=6.5)
        axis.set_title(f"{one.title()}; {one.unit}", loc="left", size=8.5, pad=3)
        bar = figure.colorbar(drawn, ax=axis, fraction=0.03, pad=0.012)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
    axes[-1, 0].set_xlabel("time of the window (s)")
    return figure


def cam_figure(shown: Sequence[Shown], *, synthetic: bool = False) -> Any | None:
    """Draws class activation maps over pictures of clips.

    Args:
        shown: clips with maps.
        synthetic: marks the figure.

    Returns:
        A matplotlib Figure; None where no clip has one.
    """
    given = [one for one in shown if one.cam is not None]
    if not given:
        return None
    figure, axes = plot_style.grid(len(given), _PICTURES, 2.5, 1.0, share_x=False)
    figure.subplots_adjust(left=0.01, right=0.99, hspace=0.2, wspace=0.03)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Where in the picture the aesthetic score comes from",
        "class activation map of the head that is linear on the encoder's last map, less the mean "
        "map of the training where the network has one: purple raises, orange lowers",
    )
    for row, one in zip(axes, given, strict=True):
        top = float(np.abs(one.cam).max()) or 1.0
        places = np.linspace(0, len(one.pictures) - 1, _PICTURES).round().astype(int)
        for axis, t in zip(row, places, strict=True):
            grey = one.pictures[t].mean(-1)
            axis.imshow(grey, cmap="gray", vmin=0, vmax=255, alpha=0.85)
            axis.imshow(one.cam[t], cmap="PuOr", vmin=-top, vmax=top, alpha=0.55)
            axis.set_axis_off()
            axis.set_title(f"{one.time_s[t]:.2f} s", size=8, pad=2)
        row[0].text(
            0,
            1.12,
            one.title(),
            transform=row[0].transAxes,
            size=8.5,
            va="bottom",
        )
    return figure
