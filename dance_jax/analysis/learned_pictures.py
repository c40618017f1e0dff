"""Pictures of what a trained network says: scores and styles, the contact sheet, the saliency."""

from __future__ import annotations

from typing import Any

import numpy as np

from dance_jax.analysis import learned_paint, palette, plot_style
from dance_jax.analysis.learned_result import SCORE_NAMES, Heat, Learned, Shares
from dance_jax.analysis.learned_shares import PARTS, part_of
from dance_jax.analysis.result import PersonAnalysis

LEARNT_FROM = "learnt from synthetic dancers"
_BAR, _ROW = 0.26, 0.17  # inches: a bar, a row of the saliency
_COLUMNS = 4


def network_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any | None:
    """Draws the scores with their intervals, and every style with its probability.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip; unused here.

    Returns:
        A matplotlib Figure; None without a network, or where it says neither.
    """
    learned = person.learned
    if learned is None or not (learned.scores or learned.styles):
        return None
    rows = [len(part) for part in (learned.scores, learned.styles) if part]
    figure, axes = plot_style.grid(len(rows), 1, 1.0, 0.62, share_x=False)
    head = 0.42 * len(rows)  # inches: the panels' titles and axes
    height = 0.62 + 0.1 + head + _BAR * sum(rows) + 0.3 * len(rows)
    figure.set_size_inches(plot_style.WIDTH_IN, height)
    top = 0.62 + 0.2
    for axis, count in zip(axes[:, 0], rows, strict=True):
        low = top + _BAR * count
        axis.set_position((0.3, 1 - low / height, 0.66, _BAR * count / height))
        top = low + 0.62
        axis.grid(visible=False)
        axis.set_ylim(count - 0.5, -0.5)
    panels = iter(axes[:, 0])
    if learned.scores:
        _score_bars(next(panels), learned)
    if learned.styles:
        _style_bars(next(panels), learned)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}What the network {learned.network} says, "
        f"dancer {person.person_id}",
        "; ".join(
            [LEARNT_FROM] * learned.synthetic
            + ["scores from 0 to 10, with 90 % intervals where there are any"]
        ),
    )
    return figure


def _score_bars(axis: Any, learned: Learned) -> None:
    for row, score in enumerate(learned.scores):
        axis.plot([0, 10], [row, row], color=palette.GRID, linewidth=0.6, zorder=0)
        if score.low is not None:
            axis.plot([score.low, score.high], [row, row], color="#0072B2", linewidth=5, alpha=0.35)
        axis.plot(score.value, row, "o", color="#0072B2", markersize=5)
        axis.text(10.15, row, f"{score.value:.1f}", va="center", ha="left", size=8, clip_on=False)
    names = [SCORE_NAMES.get(score.name, score.name) for score in learned.scores]
    axis.set_yticks(range(len(names)), names)
    axis.set_xlim(0, 10)
    axis.set_title("Scores (points)", loc="left", pad=3, size=plot_style.PANEL_TITLE)


def _style_bars(axis: Any, learned: Learned) -> None:
    for row, (_, share) in enumerate(learned.styles):
        axis.barh(row, share, height=0.62, color="#0072B2" if row == 0 else "#9CC7E0")
        axis.text(
            share + 0.01, row, f"{100 * share:.0f} %", va="center", ha="left", size=8, clip_on=False
        )
    axis.set_yticks(range(len(learned.styles)), [_short(name) for name, _ in learned.styles])
    axis.set_xlim(0, 1.0)
    axis.set_title(
        "Style: probability, calibrated where there were clips for that",
        loc="left",
        pad=3,
        size=plot_style.PANEL_TITLE,
    )


def _short(name: str, most: int = 34) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def cam_figure(person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px") -> Any | None:
    """Draws frames of the clip with the class activation map over them.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip; unused here.

    Returns:
        A matplotlib Figure; None without such a map.
    """
    learned = person.learned
    if learned is None or learned.heat is None:
        return None
    heat = learned.heat
    wide, high = heat.image_size
    columns = min(_COLUMNS if wide < 2 * high else 3, len(heat.pictures))
    rows = -(-len(heat.pictures) // columns)
    panel = (plot_style.WIDTH_IN - 0.3) / columns
    tall = panel * high / wide + 0.2
    figure, axes = plot_style.grid(rows, columns, tall, 0.66, share_x=False)
    height = 0.66 + rows * tall + 0.08
    figure.set_size_inches(plot_style.WIDTH_IN, height)
    for k, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if k >= len(heat.pictures):
            continue
        row, column = divmod(k, columns)
        bottom = 1 - (0.66 + (row + 1) * tall) / height
        axis.set_position(
            (
                (0.15 + column * panel) / plot_style.WIDTH_IN,
                bottom,
                (panel - 0.06) / plot_style.WIDTH_IN,
                (tall - 0.2) / height,
            )
        )
        picture = heat.pictures[k].copy()
        learned_paint.dim_unseen(picture, heat)
        learned_paint.paint(picture, heat, int(heat.picture_rows[k]))
        axis.imshow(picture, aspect="auto", interpolation="bilinear")
        moment = learned.time_s[heat.picture_rows[k]]
        axis.set_title(f"{moment:.1f} s", loc="left", pad=2, size=8)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}Where the network {learned.network} finds what "
        f"{'raises its score' if heat.mean is None else 'sets this dance apart'}",
        "; ".join([*[LEARNT_FROM] * learned.synthetic, *_key(heat)]),
    )
    return figure


def _key(heat: Heat) -> list[str]:
    if heat.mean is None:
        return ["class activation map; bright: raises the score of the pictures; dark: not seen"]
    return [
        "class activation map less that of the mean training window",
        "yellow, red: raises the score; blue: lowers it; dark: not seen",
    ]


def saliency_figure(
    person: PersonAnalysis, *, synthetic: bool = False, unit: str = "px"
) -> Any | None:
    """Draws what each joint adds to the prediction over time, joints grouped by body part.

    Args:
        person: the dancer.
        synthetic: marks the figure as made from a rendered dancer.
        unit: unit of the clip; unused here.

    Returns:
        A matplotlib Figure; None without a saliency.
    """
    learned = person.learned
    if learned is None or learned.shares is None:
        return None
    held = learned.shares
    order = [k for part in PARTS for k, joint in enumerate(held.joints) if part_of(joint) == part]
    values = held.map[:, order].T
    tall = _ROW * len(order)
    figure, axes = plot_style.grid(1, 1, tall, 0.66)
    height = 0.66 + tall + 0.45
    figure.set_size_inches(plot_style.WIDTH_IN, height)
    axis = axes[0, 0]
    axis.set_position((0.215, 0.45 / height, 0.68, tall / height))
    known = np.abs(values[np.isfinite(values)])
    limit = float(np.percentile(known, 99)) if known.size else 0.0
    limit = limit or 1.0
    axis.set_facecolor(palette.GAP)
    step = float(np.median(np.diff(learned.time_s)))
    image = axis.imshow(
        np.ma.masked_invalid(values),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
        extent=(
            learned.time_s[0] - step / 2,
            learned.time_s[-1] + step / 2,
            len(order) - 0.5,
            -0.5,
        ),
    )
    axis.grid(visible=False)
    axis.set_yticks(range(len(order)), [palette.plain(held.joints[k]) for k in order], size=7)
    parts = [part_of(held.joints[k]) for k in order]
    for row in range(1, len(parts)):
        if parts[row] != parts[row - 1]:
            axis.axhline(row - 0.5, color="#444444", linewidth=0.7)
    for part in dict.fromkeys(parts):
        middle = np.mean([row for row, of in enumerate(parts) if of == part])
        axis.text(
            -0.255,
            middle,
            palette.plain(part),
            transform=axis.get_yaxis_transform(),
            va="center",
            ha="left",
            size=8,
            weight="bold",
            color=palette.INK[palette.side(part)],
        )
    axis.set_xlabel("time (s)", labelpad=1)
    bar = figure.colorbar(image, cax=figure.add_axes((0.91, 0.45 / height, 0.014, tall / height)))
    bar.ax.tick_params(labelsize=7)
    plot_style.title(
        figure,
        f"{plot_style.SYNTHETIC * synthetic}What each joint adds to {_explained(held)}, "
        f"dancer {person.person_id} ({held.unit})",
        "; ".join(
            [LEARNT_FROM] * learned.synthetic
            + ["against the dancer standing still in the mean pose; grey: not seen, not explained"]
        ),
    )
    return figure


def _explained(held: Shares) -> str:
    if held.unit == "points":
        return f"the {SCORE_NAMES.get(held.explains, held.explains).lower()}"
    return f"the style {_short(held.explains)}"
