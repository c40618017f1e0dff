"""The report's table of smoothness by part of the dance, with links into the overlay video."""

from __future__ import annotations

from typing import Any

from dance_jax.analysis import compare_places, report_text
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.biomech.smoothness_rows import PARTS

MOST_ROWS = 40
LEAD_S = 0.5  # a link starts the overlay a little before the moment
_KINDS = {"eight": "Eight-count", "phrase": "Phrase", "window": "Window"}
_HEADINGS = {"body": "Body", "hips": "Hips"} | {
    f"{side}_{joint}": f"{side.capitalize()} {joint}"
    for joint in ("wrist", "ankle")
    for side in ("left", "right")
}


def link(time_s: float, first_s: float) -> str:
    """Returns the address of a moment in the overlay video beside the report.

    Args:
        time_s: the moment on the clip's clock, seconds.
        first_s: the clip's first frame, seconds.
    """
    return f"./overlay.mp4#t={max(0.0, time_s - first_s - LEAD_S):.2f}"


def table(person: PersonAnalysis, first_s: float, linked: bool) -> dict[str, Any]:
    """Arranges the smoothness of one dancer by eight-counts; by phrases where those are many.

    Args:
        person: an analysed dancer.
        first_s: the clip's first frame, seconds.
        linked: the overlay video lies beside the report.

    Returns:
        {"heading", "rests_on", "columns", "rows", "more", "refused", "linked"}; empty where no
        window has a value. A row is {"name", "time", "end", "link", "cells", "jerk"}; a cell is
        {"value", "low", "high"} as text, "low" None where there is no interval.
    """
    found = person.smoothness.get("windows", ())
    kinds = {kind: [row for row in found if row["kind"] == kind] for kind in _KINDS}
    chosen = "eight" if kinds["eight"] else "window"
    if len(kinds[chosen]) > MOST_ROWS and kinds["phrase"]:
        chosen = "phrase"
    parts = [p for p in PARTS if any(row["sparc"][p] is not None for row in kinds[chosen])]
    if not parts:
        return {}
    rows = [
        {
            "name": row["name"],
            "time": compare_places.clock(row["start_s"] - first_s),
            "end": compare_places.clock(row["end_s"] - first_s),
            "link": link(row["start_s"], first_s) if linked else "",
            "cells": [_cell(row, "sparc", part) for part in parts],
            "jerk": _cell(row, "ldlj", "body"),
        }
        for row in kinds[chosen][:MOST_ROWS]
    ]
    return {
        "heading": _KINDS[chosen],
        "rests_on": person.smoothness["rests_on"],
        "columns": [_HEADINGS[part] for part in parts],
        "rows": rows,
        "more": len(kinds[chosen]) - len(rows),
        "refused": [(_HEADINGS[part], why) for part, why in person.smoothness["refused"].items()],
        "linked": linked,
    }


def _cell(row: dict[str, Any], measure: str, part: str) -> dict[str, str | None]:
    ends = [row[measure + end][part] for end in ("_low", "_high")]
    low, high = (None if end is None else report_text.number(end, 2) for end in ends)
    return {"value": report_text.number(row[measure][part], 2), "low": low, "high": high}
