"""The report of a comparison: one HTML file that runs no script and links to the overlays."""

from __future__ import annotations

import pathlib
from typing import Any

from dance_jax.analysis import compare_outputs, compare_parts, compare_places, compare_words, report
from dance_jax.analysis import detectable_change as change
from dance_jax.analysis.compare_channels import channels
from dance_jax.analysis.compare_differences import Difference
from dance_jax.analysis.compare_result import INDEX_WORDS, SCHEMA_VERSION, Comparison
from dance_jax.analysis.report_text import joined, number, printable

TOLD = 12  # sentences; the table has all
_LEAD_S = 0.5  # a link starts the overlay a little before the moment
_PLOTS = {
    "map": "Where and when the student differs, in times of the smallest difference that can be "
    "told; white: none can be told, grey: not comparable.",
    "differences": "The things that differ most, teacher and student on the teacher's time.",
    "alignment": "How the student's time runs along the teacher's, and how early or late it is.",
}


def write_report(
    path: pathlib.Path, found: Comparison, *, folder: pathlib.Path | None = None
) -> pathlib.Path:
    """Writes the report.

    Args:
        path: the .html file to write.
        found: the comparison.
        folder: where `plots/`, `compare.mp4`, `teacher/` and `student/` lie; that of `path` by
            default.

    Returns:
        The path.
    """
    folder = path.parent if folder is None else folder
    video = report._overlay(folder / "compare.mp4", report.EMBED_LIMIT_MB)
    overlays = {s: (folder / s / "overlay.mp4").is_file() for s in ("teacher", "student")}
    names = [
        printable(a.source.get("name", side))
        for side, a in (("teacher", found.teacher), ("student", found.student))
    ]
    context = {
        "title": f"{'SYNTHETIC: ' * found.synthetic}Comparison: {names[1]} with {names[0]}",
        "names": names,
        "found": found,
        "cards": cards(found),
        "headline": headline(found),
        "told": [_told(found, d, overlays) for d in found.differences[:TOLD]],
        "more": max(0, len(found.differences) - TOLD),
        "pairs": _pairs(found, folder),
        "plots": [
            {"name": name, "alt": alt, "src": report._data_uri(file, "image/png")}
            for name, alt in _PLOTS.items()
            if (file := folder / "plots" / f"{name}.png").is_file()
        ],
        "rows": [_row(found, k) for k in range(len(channels()))],
        "places": compare_parts.overview(found),
        "ranges": _ranges(found),
        "video": video,
        "reports": {s: (folder / s / "report.html").is_file() for s in ("teacher", "student")},
        "made": change.table()["made"],
        "sources": change.table()["sources"],
        "limits": limit_rows(),
        "index_words": INDEX_WORDS,
        "schema_version": SCHEMA_VERSION,
        "version": found.teacher.versions.get("dance_jax", ""),
    }
    media = "data: file: 'self'" if video.get("link") else "data:"
    path.write_text(report._render("compare.html.j2", context, media), "utf-8")
    return path


def headline(found: Comparison) -> list[str]:
    """States the outcome in one or two sentences."""
    if not found.matched:
        return [found.reason]
    moments = [d for d in found.differences if d.kind not in ("range", "timing")]
    compared = len(channels()) - len(found.refused)
    if not compared:
        return ["Nothing could be compared; the reasons are listed below."]
    if not found.differences:
        return [
            f"No difference is larger than the smallest that can be told, in any of {compared} "
            "things compared. Smaller differences may exist."
        ]
    out = []
    if moments:
        parts = list(dict.fromkeys(compare_words.body_part(d.joint) for d in moments))
        shown = joined([f"the {part}" for part in parts[:4]])
        rest = f" and {len(parts) - 4} more" if len(parts) > 4 else ""
        out.append(f"The student differs from the teacher most at {shown}{rest}.")
    late = [d for d in found.differences if d.kind == "timing"]
    if late:
        out.append(f"The timing differs in {len(late)} {'place' if len(late) == 1 else 'places'}.")
    return out


def cards(found: Comparison) -> list[tuple[str, str]]:
    """Returns the figures at the top: (value, what it is)."""
    if not found.matched:
        return [("no match", "of the two movements")]
    a = found.alignment
    share = compare_outputs.agreement(found)["value"]
    return [
        (f"{a.time_s[-1] - a.time_s[0]:.1f} s", "of the teacher's dance compared"),
        (f"{a.tempo:.2f}", "student's tempo over the teacher's"),
        (str(len(found.differences)), "differences that can be told"),
        (number(share, 0) + " %", f"of what was compared shows no difference ({INDEX_WORDS})"),
    ]


def _told(found: Comparison, d: Difference, overlays: dict[str, bool]) -> dict[str, Any]:
    links = []
    for side, analysis, at in (
        ("teacher", found.teacher, d.start_s),
        ("student", found.student, d.student_start_s),
    ):
        if overlays[side]:
            from_start = max(0.0, at - float(analysis.clip.time_s[0]) - _LEAD_S)
            links.append((side, f"./{side}/overlay.mp4#t={from_start:.2f}"))
    return {"text": compare_words.sentence(d, found.places), "links": links}


def _pairs(found: Comparison, folder: pathlib.Path) -> list[dict[str, Any]]:
    from dance_jax.analysis import compare_pictures

    out = []
    for n, (t, s, marks) in enumerate(compare_pictures.moments(found), 1):
        file = folder / "plots" / f"pair{n}.png"
        if file.is_file():
            text = f"teacher {compare_places.clock(t)}, student {compare_places.clock(s)}"
            if marks:
                listed = "; ".join(compare_words.what(d) for d in marks[:3])
                text = f"{listed}: {text}"
            out.append({"src": report._data_uri(file, "image/png"), "alt": f"{text}."})
    return out


def _row(found: Comparison, k: int) -> dict[str, Any]:
    row = compare_outputs._channel(found, k)
    share = row["marked_fraction"]
    row["verdict"] = (
        row["reason"]
        if row["status"] != "ok"
        else "none that can be told"
        if not share
        else "differs"
    )
    return row


def _ranges(found: Comparison) -> list[dict[str, Any]]:
    out = []
    for channel in channels():
        row, least = found.ranges.get(channel.key), change.limit(channel.group, "range")
        if row is None or channel.kind != "angle":
            continue
        value = row.student - row.teacher
        out.append(
            {
                "label": channel.label,
                "teacher": row.teacher,
                "student": row.student,
                "difference": value,
                "limit": least,
                "told": None if least is None else abs(value) > least,
            }
        )
    return out


def limit_rows() -> list[dict[str, Any]]:
    """Returns the limits with what each source measured: one row a group."""
    table = change.table()
    out = []
    for group, row in table["limits"].items():
        if "moment" not in row:
            continue
        unit = next((c.unit for c in channels() if c.group == group), "s")
        cells = []
        for source in table["sources"].values():
            cell = source["groups"].get(group, {}).get("moment", {})
            cells.append(cell.get("mdc95" if group == "timing" else "mdc99"))
        out.append(
            {
                "label": group.replace(".", ", ").replace("_", " ").capitalize(),
                "unit": unit,
                "limit": row["moment"],
                "cells": cells,
            }
        )
    return out
