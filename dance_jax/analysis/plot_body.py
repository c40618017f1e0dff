"""Plots of the body: what was seen of it over time, and its poses along time."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import palette, plot_style
from dance_jax.analysis.result import PersonAnalysis

STRIP_POSES = 12


def presence_figure(person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px") -> Any:
    """Draws the mean confidence of each body part over time; hatched where it was not seen.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip, "px" or "m".

    Returns:
        A matplotlib Figure.
    """
    figure, axes = plot_style.grid(1, 1, 0.36 * len(person.parts) + 0.25, 0.62)
    axis = axes[0, 0]
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}What was seen, dancer {person.person_id}",
        "colour: mean joint confidence of the body part; hatched: not seen",
    )
    step = float(np.median(np.diff(person.time_s))) if len(person.time_s) > 1 else 0.04
    edges = np.append(person.time_s - step / 2, person.time_s[-1] + step / 2)
    rows, seen_rows = [], []
    for part in person.parts:
        at = [skeleton.index("halpe26", joint) for joint in part.joints]
        rows.append(np.nan_to_num(person.confidence[:, at]).mean(1))
        seen_rows.append(np.isfinite(person.pose_raw[:, at]).all(-1).mean(1) >= 0.5)
    heights = np.arange(len(person.parts) + 1) - 0.5
    mesh = axis.pcolormesh(
        edges, heights, np.array(rows), cmap="cividis", vmin=0, vmax=1, rasterized=True
    )
    for at, seen in enumerate(seen_rows):
        runs = plot_style.spans(~seen, person.time_s)
        if runs:
            axis.broken_barh(
                runs,
                (at - 0.5, 1),
                facecolor="white",
                edgecolor="#777777",
                hatch="////",
                linewidth=0,
            )
    axis.hlines(heights[1:-1], edges[0], edges[-1], color="white", linewidth=2)
    axis.set_yticks(
        range(len(person.parts)),
        [f"{part.name}  {100 * part.seen:.0f} %" for part in person.parts],
    )
    axis.invert_yaxis()
    axis.tick_params(length=0)
    axis.grid(False)
    axis.set_xlabel("time (s)")
    figure.subplots_adjust(left=0.1, right=0.93)
    box = axis.get_position()
    bar = figure.colorbar(mesh, cax=figure.add_axes((0.945, box.y0, 0.012, box.height)))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=0)
    return figure


def pose_strip_figure(person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px") -> Any:
    """Draws evenly spaced stick figures along time, all at one scale, left and right coloured.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip, "px" or "m".

    Returns:
        A matplotlib Figure.
    """
    from matplotlib.collections import LineCollection

    rows = strip_rows(np.isfinite(person.pose).all(-1))
    pose = person.pose[rows][..., :2] * (np.array([1, -1]) if unit == "px" else 1)
    known = np.isfinite(pose).all(-1)
    pairs = list(zip(pose, known, strict=True))
    low = np.array([p[k].min(0) if k.any() else np.zeros(2) for p, k in pairs])
    high = np.array([p[k].max(0) if k.any() else np.zeros(2) for p, k in pairs])
    size = float((high - low)[:, 1].max()) or 1.0
    step = max(1.08 * float((high - low)[:, 0].max()), 0.5 * size)
    # One scale for x and y: the panel is as tall as the figures at full width, within bounds.
    width_in = 0.976 * plot_style.WIDTH_IN
    height_in = min(max(width_in * 1.1 * size / (len(rows) * step), 0.9), 2.2)
    aspect = width_in / height_in
    figure, axes = plot_style.grid(1, 1, height_in, 0.62)
    figure.subplots_adjust(left=0.012, right=0.988)
    axis = axes[0, 0]
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Poses along time, dancer {person.person_id}",
        "filtered pose, the same scale throughout; grey cross: not seen",
    )
    segments, colours = [], []
    for cell, (p, k) in enumerate(pairs):
        if not k.any():
            axis.plot(cell * step, 0.5 * size, "x", color=palette.GAP, markersize=9)
            continue
        shift = np.array([cell * step - (low[cell, 0] + high[cell, 0]) / 2, -low[cell, 1]])
        for a, b in palette.DRAWN_BONES:
            i, j = skeleton.index("halpe26", a), skeleton.index("halpe26", b)
            if k[i] and k[j]:
                segments.append((p[i] + shift, p[j] + shift))
                colours.append(palette.INK[palette.bone_side(a, b)])
    axis.add_collection(LineCollection(segments, colors=colours, linewidths=1.6, capstyle="round"))
    tall = max(1.1 * size, len(rows) * step / aspect)
    middle = (len(rows) - 1) * step / 2
    axis.set_xlim(middle - tall * aspect / 2, middle + tall * aspect / 2)
    axis.set_ylim(-0.03 * size, tall - 0.03 * size)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    ticks = np.arange(len(rows)) * step
    axis.set_xticks(ticks, [f"{person.time_s[row]:.1f}" for row in rows])
    axis.set_xlabel("time (s)")
    plot_style.legend(figure, lines=True, states=False)
    return figure


def strip_rows(known: np.ndarray, count: int = STRIP_POSES) -> np.ndarray:
    """Chooses evenly spaced frames; each may move by a quarter of the spacing to a fuller pose.

    Args:
        known: bool[T,J] the joint has coordinates.
        count: poses wanted.

    Returns:
        int rows, increasing, at most `count`.
    """
    even = np.linspace(0, len(known) - 1, count).round().astype(int)
    reach = max((len(known) - 1) // (4 * count), 1)
    full = known.mean(-1)
    rows = []
    for row in np.unique(even):
        near = np.arange(max(row - reach, 0), min(row + reach, len(known) - 1) + 1)
        # A tenth of the joints outweighs the whole way to the edge of the reach.
        rows.append(near[np.argmax(full[near] - 0.1 * np.abs(near - row) / reach)])
    return np.unique(rows)
