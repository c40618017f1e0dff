"""Arranges an analysis as the rows and columns that the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dance_jax.analysis import palette, report_text
from dance_jax.analysis.result import Analysis, Measure, PersonAnalysis
from dance_jax.kinematics.angles import ANGLES

_FACTS = (
    ("name", "File"),
    ("width", "Width (px)"),
    ("height", "Height (px)"),
    ("fps", "Frames per second"),
    ("frames", "Frames analysed"),
    ("analysed_s", "Analysed (s)"),
    ("duration_s", "Duration of the file (s)"),
    ("codec", "Codec"),
    ("container", "Container"),
    ("rotation", "Rotation flag (degrees)"),
    ("variable_frame_rate", "Variable frame rate"),
    ("has_audio", "Audio track"),
    ("mirrored", "Declared mirrored"),
    ("sha256", "SHA-256"),
)


def facts(analysis: Analysis) -> list[tuple[str, str]]:
    """Lists what is known of the input as (label, text), in reading order."""
    source = analysis.source
    return [
        (label, report_text.value_text(source[key]))
        for key, label in _FACTS
        if source.get(key) is not None
    ]


def table(measures: Sequence[Measure]) -> dict[str, Any]:
    """Arranges measures "subject, statistic" as one row a subject and one column a statistic.

    Args:
        measures: of one kind, in the order of the rows.

    Returns:
        {"columns", "rows", "banded", "error_of"}: a row's error is that of its range where it has
        one, else of its first measure with a band; "error_of" names that statistic.
    """
    columns: dict[str, dict[str, str]] = {}
    rows: dict[str, dict[str, Any]] = {}
    error_of = ""
    ranged = any(m.key.endswith(".range") for m in measures)
    for m in measures:
        subject, _, statistic = m.label.rpartition(", ")
        subject, statistic = (subject, statistic) if subject else (statistic, "value")
        heading = statistic[:1].upper() + statistic[1:]
        column = columns.setdefault(heading, {"heading": heading, "unit": m.unit, "note": m.note})
        if column["unit"] != m.unit:
            column["unit"] = ""
        row = rows.setdefault(
            subject, {"label": subject, "cells": {}, "fraction": m.fraction, "band": None}
        )
        row["cells"][heading] = m.value
        wanted = m.key.endswith(".range") if ranged else row["band"] is None
        if m.band is not None and wanted:
            row |= {"band": m.band, "band_p90": m.band_p90, "band_unit": m.unit}
            error_of = error_of or statistic
    return {
        "columns": list(columns.values()),
        "rows": list(rows.values()),
        "banded": any(row["band"] is not None for row in rows.values()),
        "error_of": error_of,
    }


def events(person: PersonAnalysis) -> list[dict[str, Any]]:
    """Groups the moments of one dancer by kind: label, count, unit, (time, value) items."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for event in person.events:
        groups.setdefault(event["label"], []).append(event)
    return [
        {
            "label": label[:1].upper() + label[1:],
            "count": len(events),
            "unit": events[0]["unit"],
            "items": [(event["time_s"], event["value"]) for event in events],
        }
        for label, events in groups.items()
    ]


def angle_table() -> list[dict[str, Any]]:
    """One row an angle; left and right of a joint share theirs."""
    rows: dict[str, dict[str, Any]] = {}
    for a in ANGLES:
        sided = palette.side(a.name) != palette.CENTRE
        row = {
            "label": a.label.partition(" ")[2].capitalize() if sided else a.label,
            "sides": "left, right" if sided else "",
            "kind": a.kind,
            "points": ", ".join(
                palette.without_side(p) if sided else p for p in map(_point, a.points)
            ),
            "range": " to ".join(report_text.number(v, 0) for v in a.range_deg),
            "meaning": a.meaning,
        }
        row["points"] = palette.plain(row["points"])
        rows.setdefault(palette.without_side(a.name) if sided else a.name, row)
    return list(rows.values())


def _point(point: str | Sequence[str]) -> str:
    joints = [point] if isinstance(point, str) else list(point)
    text = report_text.joined(joints)
    return text if len(joints) == 1 else f"middle of {text}"


def details(analysis: Analysis) -> list[tuple[str, list[tuple[str, str]]]]:
    """The record tables: name and rows of (key, value); empty ones are left out."""
    tables = (
        ("Pose model", analysis.estimator),
        ("Settings", analysis.settings),
        ("Files written", analysis.exports),
        ("Time by stage (s)", analysis.timings_s),
        ("Versions", analysis.versions),
    )
    out = []
    for title, mapping in tables:
        rows = []
        for key, value in mapping.items():
            if key == "credit":
                continue
            # A report is shared: it names files, not the folders of whoever made it.
            short = key in ("path", "file", "model", "run") and isinstance(value, str)
            shown = report_text.pathless(value) if short else value
            rows.append((report_text.printable(key), report_text.value_text(shown)))
        if rows:
            out.append((title, rows))
    return out
