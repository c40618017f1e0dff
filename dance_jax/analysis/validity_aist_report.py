"""Writes the angle validity on real dancers, beside rendered ones, as a page and a figure."""

from __future__ import annotations

import itertools
import pathlib
from typing import Any

from dance_jax.analysis import validity
from dance_jax.analysis.validity_aist_figure import figure
from dance_jax.analysis.validity_study import YAW_EDGES

PAGE, FIGURE = "angle_validity_real.md", "angle_validity_real.png"
_JOINTS = ("elbow", "shoulder", "hip", "knee", "ankle")
_TURNS = [f"{low}-{high}" for low, high in itertools.pairwise(YAW_EDGES)]


def write(real: dict[str, Any], folder: pathlib.Path) -> None:
    """Writes `angle_validity_real.md` and `angle_validity_real.png`.

    Args:
        real: result of `validity_aist.study`.
        folder: destination.
    """
    (folder / PAGE).write_text(page(real, validity.table()), "utf-8")
    figure(real, validity.table()).savefig(folder / FIGURE, dpi=110)


def covered(real: dict[str, Any]) -> list[str]:
    """Returns the angle groups of which there are detections (COCO-17 has no feet)."""
    return [name for name, cell in real["detected"]["in_plane"].items() if cell["n"]]


def _cell(cell: dict[str, Any] | None, count: bool = False) -> str:
    if cell is None or cell["median"] is None:
        return "-"
    return f"{cell['median']:.1f} / {cell['p90']:.1f}" + (f" ({cell['n']})" if count else "")


def _ratio(value: float | None) -> str:
    return "never" if value is None else f"{value:g}"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def page(real: dict[str, Any], rendered: dict[str, Any]) -> str:
    """Returns the study as Markdown.

    Args:
        real: result of `validity_aist.study`.
        rendered: result of `validity_study.study`.

    Returns:
        The page.
    """
    made, names = real["made"], covered(real)
    detected, projected = real["detected"], real["projected"]
    lines = [
        "# 2D angles of real dancers",
        "",
        f"Measured on **{made['data']}** ({made['licence']}): {len(made['sequences'])} sequences "
        f"({', '.join(made['sequences'])}), each seen by nine calibrated cameras: {made['views']} "
        f"views, {made['frames']} frames of 1920x1080 at 60 frames/s; detections with a score of "
        f"{made['min_confidence']:g} and more; low-pass {made['filter_cutoff_hz']:g} Hz.",
        "",
        "Each 2D angle of a view, after the report's own filters, is compared with the angle of "
        "the optimised 3D key points of the same frame, segment directions with their direction in "
        "that camera's plane. Cells: median / 90th percentile of the absolute error in degrees; "
        "left and right pooled; '-' below 30 frames.",
        "",
        "What this can and cannot say:",
        "",
        f"- {len(made['sequences'])} sequences are {len(made['sequences'])} dances: frames and "
        "views of one dance are alike, and the number of dances says how far this carries. Break "
        "dance (gBR) near the floor is harder than most.",
        "- The 3D points were computed from the same detections of all nine views, so an error "
        "that the views share is not seen: **the errors tend to be too low**. An error of a 3D "
        "point, on the other hand, counts as one of the angle. They may therefore widen a band or "
        "tighten a limit, never the reverse.",
        "- The detector is that of AIST++, not one of those that `analyze` runs. *Projected* is "
        "the error without a detector: the 3D points through the calibrated camera with its lens.",
        "- COCO-17 has no heel and no toe: nothing is said of ankles and feet.",
        "",
        "```",
        "python -m dance_jax.analysis.validity_aist FOLDER OUT --allow_pickle",
        "```",
        "",
        f"![Error by the direction from which the camera sees the dancer]({FIGURE})",
        "",
        *_short(real, rendered, names),
        "## By camera azimuth, degrees (0 = the dancer faces the camera)",
        "",
        "The azimuth is the direction of the hip line in the camera's axes, frame by frame; frames "
        "with a hip line steeper than 60 degrees are left out. *Rendered*: the same of the "
        "synthetic dancers ([angle_validity.md](angle_validity.md)).",
        "",
    ]
    rows = []
    sources = (("real", detected), ("projected", projected), ("rendered", rendered))
    for name in names:
        for label, source in sources:
            rows.append([name, label, *(_cell(cell) for cell in source["by_yaw"][name])])
        counts = [str(cell["n"]) for cell in detected["by_yaw"][name]]
        rows.append([name, "real, frames x sides", *counts])
    lines += _table(["angle", "of", *_TURNS], rows)
    lines += [
        "## Under the rule in force",
        "",
        "Frames that the rule of the report keeps and refuses.",
        "",
    ]
    head = ["angle", "real, kept (n)", "real, refused (n)", "kept", "projected, kept"]
    rows = [
        [
            name,
            _cell(detected["in_plane"][name], True),
            _cell(detected["out_of_plane"][name], True),
            f"{100 * detected['in_plane'][name]['kept']:.0f} %",
            _cell(projected["in_plane"][name]),
            _cell(rendered["in_plane"][name]),
        ]
        for name in names
    ]
    lines += _table([*head, "rendered, kept"], rows)
    lines += ["Kept frames by sequence:", ""]
    head = [name.split("_c")[0] + " " + name.split("_")[3] for name in made["sequences"]]
    rows = [[n, *(_cell(each[n], True) for each in real["sequences"])] for n in names]
    lines += _table(["angle", *head], rows)
    lines += _rule(real, rendered, names)
    lines += _bands(real, rendered)
    lines += [
        "## The views",
        "",
        "AIST++ videos may lag by a frame. The shift is the whole number of frames that brings the "
        "projected 3D points nearest to the detections; the distance is the median of those "
        "detections that count, after it.",
        "",
    ]
    rows = [
        [
            each["view"],
            str(each["frames"]),
            f"{each['shift']:+d}" if each["shift"] else "0",
            f"{each['distance_px']:.1f}",
            f"{100 * each['sure']:.0f} %",
        ]
        for each in real["views"]
    ]
    lines += _table(["view", "frames", "shift", "distance (px)", "detections that count"], rows)
    return "\n".join(lines).rstrip() + "\n"


def changes(real: dict[str, Any], rendered: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Says what the real dancers change.

    Args:
        real: result of `validity_aist.study`.
        rendered: result of `validity_study.study`.

    Returns:
        limits that they tighten, and bands that they widen, in words.
    """
    tighter, wider = [], []
    for name, by_view in rendered["threshold"].items():
        for view, ratio in by_view.items():
            used = real["threshold"][name][view]
            if used != ratio:
                tighter.append(f"{name} seen {view} {_ratio(ratio)} -> {_ratio(used)}")
        for key, cell in rendered["reported"][name].items():
            alone = validity.wider(cell)
            band = validity.wider(cell, *validity.seen_cells(real, name, key))
            if alone is not None and band != alone:
                figures = f"{_cell(cell)} -> {band.median:.1f} / {band.p90:.1f}"
                wider.append(f"{name} {key} {figures}")
    return tighter, wider


def _short(real: dict[str, Any], rendered: dict[str, Any], names: list[str]) -> list[str]:
    """Returns the section of what follows, from the figures."""
    tighter, wider = changes(real, rendered)
    kept = {
        key: {name: source["in_plane"][name]["median"] for name in names}
        for key, source in (
            *(("real", real["detected"]), ("projected", real["projected"])),
            ("rendered", rendered),
        )
    }
    joints = [name for name in names if name in _JOINTS]
    rest = [name for name in names if name not in _JOINTS]

    def spread(key: str, group: list[str]) -> str:
        values = [kept[key][name] for name in group]
        return f"{min(values):.1f} to {max(values):.1f}"

    above = {
        key: [
            name
            for name in names
            if real["detected"]["in_plane"][name][key] > rendered["in_plane"][name][key]
        ]
        for key in ("median", "p90")
    }
    sides = 2 * real["made"]["views"]
    counts = {
        name: real["detected"]["reported"][name].get("range", {"n": 0})["n"] for name in joints
    }
    told = ", ".join(f"{name} {n}" for name, n in counts.items())
    return [
        "## In short",
        "",
        f"- Where the rule keeps a frame, the median error of joint angles is "
        f"{spread('real', joints)} degrees (rendered dancers: {spread('rendered', joints)}; 3D "
        f"points projected, without a detector: {spread('projected', joints)}); of segment "
        f"directions {spread('real', rest)} (rendered: {spread('rendered', rest)}; projected: "
        f"{spread('projected', rest)}).",
        f"- Kept frames are worse than rendered ones, by the median, for: "
        f"{', '.join(above['median']) or 'none'}; by the 90th percentile, for: "
        f"{', '.join(above['p90']) or 'none'}.",
        f"- Limits that become stricter: {'; '.join(tighter) or 'none'}.",
        f"- Bands of the report that become wider: {'; '.join(wider) or 'none'}.",
        f"- Of {sides} views and sides, a report would give the range of: {told}. The rest "
        "are refused: limbs out of the picture plane, or too few detections that count.",
        "",
    ]


def _rule(real: dict[str, Any], rendered: dict[str, Any], names: list[str]) -> list[str]:
    """Returns the section on the refusal limit."""
    rows = []
    for name in names:
        for view in validity.VIEWS:
            made = rendered["threshold"][name][view]
            alone, used = real["alone"][name][view], real["threshold"][name][view]
            if made == alone == used:
                continue
            says = "would allow more" if _looser(alone, made) else "would refuse more"
            done = "no" if used == made else "yes"
            rows.append([name, view, _ratio(made), _ratio(alone), says, done, _ratio(used)])
    return [
        "## The refusal limit",
        "",
        f"The least apparent length from which the median error stays within "
        f"{rendered['limit_deg']:g} degrees, where the two studies differ. In force is what both "
        "allow: a cell of the real dancers counts from 50 frames in each of two sequences, and "
        "then the worse median of the two studies decides. Where real dancers would allow more, "
        "they are not followed, since their errors tend to be too low; where they would refuse "
        "more, they are as far as two sequences say so.",
        "",
        *_table(["angle", "view", "rendered", "real alone", "real", "followed", "in force"], rows),
    ]


def _looser(a: float | None, b: float | None) -> bool:
    return (9.0 if a is None else a) < (9.0 if b is None else b)


def _bands(real: dict[str, Any], rendered: dict[str, Any]) -> list[str]:
    """Returns the section on the numbers of a report."""
    rows = []
    for name, cells in rendered["reported"].items():
        for key, cell in cells.items():
            seen = validity.seen_cells(real, name, key)
            band = validity.wider(cell, *seen)
            wider = "yes" if band is not None and band != validity.wider(cell) else ""
            shown = "-" if band is None else f"{band.median:.1f} / {band.p90:.1f}"
            both = [f"{_cell(one)} ({one['n'] if one else 0})" for one in seen]
            rows.append([name, key, *both, _cell(cell), shown, wider])
    return [
        "## Error of the numbers that a report gives",
        "",
        "Reported minus true number of the view's whole clip, absolute, as in "
        "[angle_validity.md](angle_validity.md); in brackets how many views and sides gave one; "
        "'-' below 10. The scores of this detector are not those of another, so two limits are "
        "tried. The band that a report prints is the greatest of each figure; real dancers count "
        "where at least two sequences gave numbers.",
        "",
        *_table(
            [
                *("angle", "number", f"real, score {real['made']['min_confidence']:g} (n)"),
                f"real, score {real['strict']['min_confidence']:g} (n)",
                *("rendered", "band printed", "widened"),
            ],
            rows,
        ),
    ]
