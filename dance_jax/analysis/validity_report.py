"""Writes the angle validity study as a Markdown page and a figure."""

from __future__ import annotations

import itertools
import pathlib
from typing import Any

from dance_jax.analysis import validity, validity_aist_report
from dance_jax.analysis.validity import VIEWS

PAGE, FIGURE = "angle_validity.md", "angle_validity.png"
_SHOWN = ("elbow", "shoulder", "hip", "knee", "ankle")


def write(table: dict[str, Any], folder: pathlib.Path) -> None:
    """Writes `angle_validity.md` and `angle_validity.png`.

    Args:
        table: result of `validity_study.study`.
        folder: destination.
    """
    (folder / PAGE).write_text(page(table, validity.real()), "utf-8")
    figure(table).savefig(folder / FIGURE, dpi=110)


def _cell(cell: dict[str, Any]) -> str:
    return "-" if cell["median"] is None else f"{cell['median']:.1f} / {cell['p90']:.1f}"


def _bins(edges: list[float]) -> list[str]:
    inner = [f"{low:g}-{high:g}" for low, high in itertools.pairwise(edges[:-1])]
    return [*inner, f">= {edges[-2]:g}"]


def page(table: dict[str, Any], real: dict[str, Any]) -> str:
    """Returns the study as Markdown.

    Args:
        table: result of `validity_study.study`.
        real: result of `validity_aist.study`.

    Returns:
        The page.
    """
    made = table["made"]
    tighter, wider = validity_aist_report.changes(real, table)
    lines = [
        "# When may a 2D angle be believed?",
        "",
        f"Measured on **{made['data']}**: {made['clips']} clips of "
        f"{made['seconds']:g} s, {made['frames']} analysed frames, {made['fps']:g} frames/s, "
        f"{made['size'][0]}x{made['size'][1]}; estimators, pooled: {made['estimator']}; low-pass "
        f"{made['filter_cutoff_hz']:g} Hz. Nothing here is evidence about real dancers, and frames "
        "of one clip are alike: the number of clips says more than the number of frames.",
        "",
        "Each 2D angle is compared with the true 3D angle of the same frame, segment directions "
        "with the true direction in the camera's plane. Cells: median / 90th percentile of the "
        "absolute error in degrees; left and right pooled; '-' below 30 frames.",
        "",
        "```",
        "python -m dance_jax.launch --config=configs/benchmark.py "
        "--config.suites=\"('angle_validity',)\" --workdir=out/validity",
        "```",
        "",
        f"![Error by apparent length and view]({FIGURE})",
        "",
        "## Corrected by real dancers",
        "",
        f"The same was measured on {real['made']['views']} views of "
        f"{len(real['made']['sequences'])} real dances ([{validity_aist_report.PAGE}]"
        f"({validity_aist_report.PAGE})). Few dances, and errors that tend to be too low: a band "
        "of the report is the greater figure of the two, and a limit the stricter of the two. "
        "The tables below are those of the rendered dancers alone; in force are instead:",
        "",
        f"- limits: {'; '.join(tighter) or 'no other'};",
        f"- bands: {'; '.join(wider) or 'no other'}.",
        "",
        "## The rule that follows",
        "",
        "A frame's angle counts as in the picture plane when the apparent length of its shortest "
        "segment, over the clip's robust longest, reaches the ratio below. It is the lowest ratio "
        f"from which the median error stays within {table['limit_deg']:g} degrees in that view; "
        "'never' means that no ratio does. The view comes from the apparent width of shoulders and "
        "pelvis against a usual body (0.7 and more: front or back; below 0.35: side).",
        "",
        "| angle | " + " | ".join(VIEWS) + " | error where kept | error where refused | kept |",
        "|---" * (len(VIEWS) + 4) + "|",
    ]
    for name, by_view in table["threshold"].items():
        limits = ["never" if by_view[v] is None else f"{by_view[v]:g}" for v in VIEWS]
        kept = table["in_plane"][name]
        lines.append(
            f"| {name} | {' | '.join(limits)} | {_cell(kept)} | "
            f"{_cell(table['out_of_plane'][name])} | {100 * kept['kept']:.0f} % |"
        )
    lines += [
        "",
        "## Error of the numbers that a report gives",
        "",
        "A summary of an angle is given when it is known in half of the frames and no more than a "
        "fifth of those are out of the picture plane. Reported minus true number of the clip, "
        "absolute; n = clips, sides and estimators that gave one; '-' below 10.",
        "",
        "| angle | lowest | highest | range | n |",
        "|---|---|---|---|---|",
    ]
    for name, cells in table["reported"].items():
        shown = [_cell(cells[key]) if key in cells else "-" for key in ("min", "max", "range")]
        lines.append(f"| {name} | {' | '.join(shown)} | {cells.get('range', {'n': 0})['n']} |")
    for view in VIEWS:
        lines += ["", f"## By apparent length, seen from: {view}", ""]
        lines += _grid(_bins(table["ratio_edges"]), {n: c[view] for n, c in table["cells"].items()})
    lines += ["", "## By yaw alone, degrees (0 = facing the camera)", ""]
    edges = table["yaw_edges"]
    turns = [f"{low}-{high}" for low, high in itertools.pairwise(edges)]
    lines += _grid(turns, table["by_yaw"])
    lines += [
        "",
        "## Angles from the estimator's own 3D landmarks (`pose_world`)",
        "",
        "Depth is the estimator's guess. These angles are not shown in the report.",
        "",
        "| angle | error | n |",
        "|---|---|---|",
        *(f"| {name} | {_cell(cell)} | {cell['n']} |" for name, cell in table["world"].items()),
    ]
    return "\n".join(lines) + "\n"


def _grid(heads: list[str], rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = ["| angle | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(_cell(c) for c in cells)} |" for name, cells in rows.items()]
    return lines


def figure(table: dict[str, Any]) -> Any:
    """Draws the median error against apparent length, one panel a view, and against yaw.

    Args:
        table: result of `validity_study.study`.

    Returns:
        A matplotlib figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(12, 3.6), layout="constrained")
    FigureCanvasAgg(fig)
    axes = fig.subplots(1, len(VIEWS) + 1, sharey=True)
    bins = _bins(table["ratio_edges"])
    edges = table["yaw_edges"]
    centres = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    for name in _SHOWN:
        for axis, view in zip(axes, VIEWS, strict=False):
            medians = [_number(cell) for cell in table["cells"][name][view]]
            axis.plot(range(len(bins)), medians, marker="o", markersize=3, label=name)
        axes[-1].plot(
            centres, [_number(c) for c in table["by_yaw"][name]], marker="o", markersize=3
        )
    for axis, view in zip(axes, VIEWS, strict=False):
        axis.set_title(f"seen: {view}", fontsize=10)
        axis.set_xticks(range(len(bins)), bins, rotation=45, fontsize=8)
        axis.set_xlabel("apparent length ratio")
        axis.axhline(table["limit_deg"], color="0.5", linewidth=0.8, linestyle="--")
    axes[-1].set_title("by yaw", fontsize=10)
    axes[-1].set_xlabel("yaw (degrees)")
    axes[0].set_ylabel("median error (degrees)")
    axes[0].set_ylim(0, 60)
    axes[0].legend(fontsize=8)
    fig.suptitle("2D angle against true 3D angle, synthetic dancers", fontsize=11)
    return fig


def _number(cell: dict[str, Any]) -> float:
    return float("nan") if cell["median"] is None else cell["median"]
