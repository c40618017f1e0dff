"""Writes everything a comparison leaves behind; all of it appears together, or nothing does."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax import rundir
from dance_jax.analysis import compare_parts, compare_places, compare_words
from dance_jax.analysis import detectable_change as change
from dance_jax.analysis.compare_channels import channels
from dance_jax.analysis.compare_result import INDEX_WORDS, SCHEMA_VERSION, Comparison
from dance_jax.analysis.outputs import _plain as plain
from dance_jax.analysis.result import Analysis
from dance_jax.data import tables

_LAST = ("compare.json", "report.html")


@contextlib.contextmanager
def folder_for(workdir: str | pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives the hidden folder in which a comparison and both its analyses are made."""
    with rundir.staging(workdir, last=_LAST) as folder:
        for side in ("teacher", "student"):
            (folder / side).mkdir()
        yield folder


def write(
    found: Comparison,
    folder: pathlib.Path,
    videos: tuple[str | pathlib.Path | None, str | pathlib.Path | None],
    *,
    progress: Any = None,
) -> Comparison:
    """Writes tables, pictures, the side by side video, the report and compare.json.

    Args:
        found: the comparison.
        folder: where to write; the analyses lie in `teacher/` and `student/`.
        videos: the two inputs, for pictures; None for poses alone.
        progress: called as (stage, done, total).

    Returns:
        The comparison with `files`.
    """
    from dance_jax.analysis import compare_pictures, compare_plots, compare_report

    settings = found.teacher.settings
    written: dict[str, Any] = {}
    write_differences(folder / "differences.csv", found)
    written["differences.csv"] = {}
    if found.matched:
        write_series(folder / "aligned.csv", found)
        compare_parts.write(folder / "parts.csv", found)
        written |= {"aligned.csv": {}, "parts.csv": {}}
    if settings["plots"] or settings["report"]:
        for file in compare_plots.write_plots(folder / "plots", found):
            written[f"plots/{file.name}"] = {}
        notes = compare_pictures.write(
            folder, found, videos, video=bool(found.settings["video"]), progress=progress
        )
        written |= notes
    if settings["report"]:
        written["report.html"] = {}
    found = dataclasses.replace(found, files=written)
    if settings["report"]:
        compare_report.write_report(folder / "report.html", found, folder=folder)
    text = json.dumps(to_json(found), indent=1, allow_nan=False)
    (folder / "compare.json").write_text(text + "\n", "utf-8")
    return found


def to_json(found: Comparison) -> dict[str, Any]:
    """Returns the content of `compare.json`; see docs/compare_schema.md. NaN becomes null."""
    alignment = None
    if found.alignment is not None:
        a = found.alignment
        alignment = {
            "matched": found.matched,
            "teacher_span_s": [a.time_s[0], a.time_s[-1]],
            "student_span_s": [a.student_s[0], a.student_s[-1]],
            "offset_s": a.offset_s,
            "tempo_ratio": a.tempo,
            "mirrored": a.mirrored,
            "distance": a.cost,
            "distance_other_mirroring": a.other_cost,
            "distance_shuffled": list(a.chance),
            "rate_hz": a.rate_hz,
            "latest_s": float(a.lag_s.max()),
            "earliest_s": float(a.lag_s.min()),
        }
        if not found.matched:  # without a match these would be numbers without a meaning
            alignment |= dict.fromkeys(("offset_s", "tempo_ratio", "latest_s", "earliest_s"))
    return plain(
        {
            "schema_version": SCHEMA_VERSION,
            "synthetic": found.synthetic,
            "teacher": _side(found.teacher, "teacher"),
            "student": _side(found.student, "student"),
            "status": "ok" if found.matched else "refused",
            "reason": found.reason,
            "alignment": alignment,
            "agreement": agreement(found),
            "channels": [_channel(found, k) for k in range(len(channels()))],
            "differences": [
                dataclasses.asdict(d)
                | {
                    "times_limit": d.size,
                    "place": compare_places.where(found.places, d.peak_s),
                    "sentence": compare_words.sentence(d, found.places),
                }
                for d in found.differences
            ],
            "places": [dataclasses.asdict(p) for p in found.places],
            "notes": list(found.notes),
            "limits": change.table()["limits"],
            "settings": dict(found.settings),
            "files": dict(found.files),
            "versions": rundir.versions(),
        }
    )


def agreement(found: Comparison) -> dict[str, Any]:
    """Returns the share of what could be compared in which no difference could be told."""
    out = {
        "value": None,
        "unit": "%",
        "status": "refused",
        "reason": found.reason,
        "kind": INDEX_WORDS,
        "meaning": "share of the comparable time of all channels in which the student's running "
        "mean lies within the smallest difference that can be told; says nothing of worth",
    }
    if not found.matched:
        return out
    within, known = 0, 0
    for ratio in limit_ratios(found).T:
        seen = np.isfinite(ratio)
        within, known = within + int((np.abs(ratio[seen]) <= 1).sum()), known + int(seen.sum())
    if not known:
        return out | {"reason": "no channel could be compared"}
    return out | {"value": 100.0 * within / known, "status": "ok", "reason": ""}


def limit_ratios(found: Comparison) -> np.ndarray:
    """Returns the running mean of every channel over its limit: [N,K]; NaN where refused."""
    from dance_jax.analysis.compare_differences import running_mean

    run = running_mean(found.diff, found.alignment.rate_hz)
    for k, channel in enumerate(channels()):
        least = change.limit(channel.group, "moment")
        run[:, k] = np.nan if least is None or channel.key in found.refused else run[:, k] / least
    return run


def _side(analysis: Analysis, folder: str) -> dict[str, Any]:
    person = analysis.people[0]
    return {
        "name": analysis.source.get("name", folder),
        "sha256": analysis.source.get("sha256"),
        "person_id": person.person_id,
        "frames": len(person.time_s),
        "duration_s": analysis.clip.duration_s,
        "analysis": f"{folder}/analysis.json",
    }


def _channel(found: Comparison, k: int) -> dict[str, Any]:
    channel = channels()[k]
    diff = found.diff[:, k]
    known = diff[np.isfinite(diff)]
    ok = channel.key not in found.refused and len(known) > 0
    row = found.ranges.get(channel.key)
    return {
        "key": channel.key,
        "label": channel.label,
        "unit": channel.unit,
        "status": "ok" if ok else "refused",
        "reason": "" if ok else found.refused.get(channel.key, found.reason),
        "compared_fraction": len(known) / len(diff) if ok else None,
        "mean_difference": known.mean() if ok else None,
        "rms_difference": math.sqrt((known**2).mean()) if ok else None,
        "limit_moment": change.limit(channel.group, "moment"),
        "limit_range": change.limit(channel.group, "range"),
        "marked_fraction": marked_fraction(found, k) if ok else None,
        "range_teacher": row.teacher if row else None,
        "range_student": row.student if row else None,
    }


def marked_fraction(found: Comparison, k: int) -> float | None:
    """Returns the share of the compared time of one channel that lies in marked spans."""
    seen = np.isfinite(found.diff[:, k])
    if not seen.any():
        return None
    t = found.alignment.time_s
    inside = np.zeros(len(t), bool)
    for d in found.differences:
        if d.key == channels()[k].key:
            inside |= (t >= d.start_s) & (t <= d.end_s)
    return float((inside & seen).sum() / seen.sum())


def write_differences(file: pathlib.Path, found: Comparison) -> None:
    """Writes one row a marked difference."""
    names = [f.name for f in dataclasses.fields(found.differences[0])] if found.differences else [
        "kind", "key", "joint", "start_s", "end_s", "value", "limit", "unit"
    ]  # fmt: skip
    columns: dict[str, list[Any]] = {
        name: [getattr(d, name) for d in found.differences] for name in names
    }
    columns["times_limit"] = [d.size for d in found.differences]
    columns["place"] = [compare_places.where(found.places, d.peak_s) for d in found.differences]
    columns["sentence"] = [compare_words.sentence(d, found.places) for d in found.differences]
    tables.write_csv(file, columns)


def write_series(file: pathlib.Path, found: Comparison) -> None:
    """Writes student minus teacher at every aligned moment; blank where not comparable."""
    a = found.alignment
    columns: dict[str, Any] = {
        "teacher_s": a.time_s,
        "student_s": a.student_s,
        "later_s": a.lag_s,
    }
    for k, channel in enumerate(channels()):
        if channel.key not in found.refused:
            columns[f"{channel.key}_{channel.unit}"] = found.diff[:, k]
    tables.write_csv(file, columns)
