"""One look for every plot: sizes, gaps, hatching, lines that keep to pixel resolution."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from dance_jax.analysis import palette

DPI = 110
WIDTH_IN = 9.0
PANEL_TITLE = 9.5
SYNTHETIC = "SYNTHETIC - "
_POINTS_PER_INCH = 120  # more samples than this per inch of axis cannot be told apart
_RC = {
    "font.size": 9,
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.6,
    "axes.labelcolor": palette.TEXT,
    "text.color": palette.TEXT,
    "xtick.color": palette.TEXT,
    "ytick.color": palette.TEXT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "hatch.linewidth": 0.7,
    "path.simplify": True,
    "path.simplify_threshold": 0.6,
    "agg.path.chunksize": 0,
}


def grid(
    rows: int,
    columns: int,
    row_height_in: float = 1.55,
    top_in: float = 0.62,
    *,
    share_x: bool = True,
) -> tuple[Any, np.ndarray]:
    """Makes a figure on the Agg canvas, without pyplot and without a window.

    Args:
        rows: rows of panels.
        columns: columns of panels.
        row_height_in: height of one row in inches.
        top_in: room for title and legend in inches.
        share_x: all panels have one x axis.

    Returns:
        (Figure, axes [rows, columns]).
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bottom_in = 0.45
    height = top_in + bottom_in + rows * row_height_in
    with rc_context(_RC):
        figure = Figure(figsize=(WIDTH_IN, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        figure.subplots_adjust(
            left=0.075,
            right=0.985,
            top=1 - top_in / height,
            bottom=bottom_in / height,
            hspace=0.38,
            wspace=0.16,
        )
        axes = figure.subplots(rows, columns, sharex=share_x, squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(True, axis="y", color=palette.GRID, linewidth=0.5)
        axis.set_axisbelow(True)
        axis.margins(x=0)
    return figure, axes


def title(figure: Any, text: str, note: str = "") -> None:
    """Writes the figure's title at the top left, with a smaller note under it.

    Args:
        figure: a matplotlib Figure.
        text: the title.
        note: the note, "" for none.
    """
    height = figure.get_size_inches()[1]
    figure.text(0.012, 1 - 0.08 / height, text, va="top", size=11, weight="bold")
    if note:
        figure.text(0.012, 1 - 0.29 / height, note, va="top", size=8, color="#555555")


def save(figure: Any, file: pathlib.Path) -> pathlib.Path:
    """Writes the figure as PNG and returns the path."""
    from matplotlib import rc_context

    file.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(_RC):
        figure.savefig(file, format="png", pil_kwargs={"compress_level": 4})
    return file


def thin(time_s: np.ndarray, value: np.ndarray, width_in: float) -> tuple[np.ndarray, np.ndarray]:
    """Keeps the lowest and highest sample of every bin, so that a long clip draws fast.

    Args:
        time_s: [T] seconds.
        value: [T], NaN in gaps.
        width_in: width of the axis in inches.

    Returns:
        (time, value) of at most about 120 samples an inch; gaps stay gaps.
    """
    bins = max(8, int(width_in * _POINTS_PER_INCH / 2))
    size = -(-len(value) // bins)
    if size <= 2:
        return time_s, value
    extra = -len(value) % size
    padded = np.concatenate([value, np.full(extra, np.nan, value.dtype)]).reshape(-1, size)
    known = np.isfinite(padded)
    low = np.where(known, padded, np.inf).argmin(1)
    high = np.where(known, padded, -np.inf).argmax(1)
    start = np.arange(len(padded)) * size
    keep = np.unique(np.concatenate([start + np.minimum(low, high), start + np.maximum(low, high)]))
    # A short gap inside a bin must still break the line.
    broken = np.flatnonzero(~known.all(1) & known.any(1))
    holes = start[broken] + (~known[broken]).argmax(1)
    keep = np.unique(np.concatenate([keep, holes[holes < len(value)]]))
    return time_s[keep], value[keep]


def spans(flag: np.ndarray, time_s: np.ndarray) -> list[tuple[float, float]]:
    """Turns a mask into (start, length) in seconds, each frame as wide as its interval.

    Args:
        flag: bool[T].
        time_s: [T] seconds.

    Returns:
        One pair a run of True.
    """
    if not len(flag):
        return []
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.04
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flag.astype(np.int8), [0]])))
    return [
        (float(time_s[a] - step / 2), float(time_s[b - 1] - time_s[a] + step))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def limits(values: list[np.ndarray], floor: float) -> tuple[float, float]:
    """Chooses y limits around the data, at least `floor` wide, robust to single spikes.

    Args:
        values: series to show.
        floor: smallest width of the axis.

    Returns:
        (low, high).
    """
    known = np.concatenate([v[np.isfinite(v)] for v in values]) if values else np.array([])
    if not known.size:
        return 0.0, floor
    low, high = np.percentile(known, (0.2, 99.8))
    room = max(high - low, floor)
    middle = (low + high) / 2
    return float(middle - 0.56 * room), float(middle + 0.56 * room)


def legend(figure: Any, *, lines: bool, states: bool) -> None:
    """Adds one legend for the whole figure.

    Args:
        figure: a matplotlib Figure.
        lines: explain the lines of the sides.
        states: explain the marks of validity.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    if lines:
        handles += [
            Line2D(
                [],
                [],
                color=palette.INK[s],
                linestyle=palette.LINE_STYLE[s],
                linewidth=1.6,
                label=s,
            )
            for s in (palette.LEFT, palette.RIGHT)
        ]
    if states:
        handles.append(Patch(facecolor=palette.GAP, label="not seen"))
        handles.append(
            Patch(facecolor="white", edgecolor="#555555", hatch="////", label="out of plane")
        )
    height = figure.get_size_inches()[1]
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(0.995, 1 - 0.03 / height),
        ncols=len(handles),
        frameon=False,
        fontsize=8,
        handlelength=2.2,
        columnspacing=1.2,
    )
