"""Differences by part of the dance: every phrase, eight-count and beat, or every quarter."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from dance_jax.analysis.compare_channels import channels
from dance_jax.analysis.compare_differences import running_mean
from dance_jax.analysis.compare_places import clock, where
from dance_jax.analysis.compare_result import Comparison
from dance_jax.analysis.compare_words import what
from dance_jax.data import tables


def rows(found: Comparison) -> list[dict[str, Any]]:
    """Returns one row a part and a channel that is compared there.

    The value of a count is the mean of half a second about its middle, as the limits are; that of
    a longer part is its mean.

    Args:
        found: a comparison whose movements match.

    Returns:
        {"part", "kind", "start_s", "end_s", "student_start_s", "key", "unit", "difference",
        "compared_fraction", "later_s", "marked"}; "marked" where a difference that can be told
        lies in the part.
    """
    a = found.alignment
    run = running_mean(found.diff, a.rate_hz)
    out = []
    for place in found.places:
        inside = (a.time_s >= place.start_s) & (a.time_s < place.end_s)
        if not inside.any():
            continue
        middle = int(np.abs(a.time_s - 0.5 * (place.start_s + place.end_s)).argmin())
        late = float(a.lag_s[inside].mean())
        for k, channel in enumerate(channels()):
            known = found.diff[inside, k]
            known = known[np.isfinite(known)]
            if channel.key in found.refused or not known.size:
                continue
            value = float(run[middle, k]) if place.kind == "count" else float(known.mean())
            if not np.isfinite(value):
                continue
            marked = any(
                d.key == channel.key and d.start_s < place.end_s and d.end_s >= place.start_s
                for d in found.differences
            )
            out.append(
                {
                    "part": where(found.places, 0.5 * (place.start_s + place.end_s))
                    if place.kind == "count"
                    else _name(found, place),
                    "kind": place.kind,
                    "start_s": place.start_s,
                    "end_s": place.end_s,
                    "student_start_s": float(np.interp(place.start_s, a.time_s, a.student_s)),
                    "key": channel.key,
                    "unit": channel.unit,
                    "difference": value,
                    "compared_fraction": known.size / int(inside.sum()),
                    "later_s": late,
                    "marked": marked,
                }
            )
    return out


def _name(found: Comparison, place: Any) -> str:
    holders = [p for p in found.places if p.kind == "phrase" and place.kind == "eight"]
    outer = where(holders, 0.5 * (place.start_s + place.end_s))
    return ", ".join(part for part in (outer, place.name) if part)


def write(file: pathlib.Path, found: Comparison) -> None:
    """Writes the rows as CSV."""
    listed = rows(found)
    names = list(listed[0]) if listed else ["part", "kind", "key", "difference"]
    tables.write_csv(file, {name: [row[name] for row in listed] for name in names})


def overview(found: Comparison) -> list[dict[str, Any]]:
    """Returns one row an eight-count (or quarter) for the report: its name, times, what differs."""
    out = []
    for place in found.places:
        if place.kind not in ("eight", "quarter"):
            continue
        inside = [
            d
            for d in found.differences
            if d.kind != "range" and place.start_s <= d.peak_s < place.end_s
        ]
        out.append(
            {
                "name": _name(found, place),
                "time": f"{clock(place.start_s)}\N{EN DASH}{clock(place.end_s)}",
                "what": [what(d) for d in inside[:4]],
                "more": max(0, len(inside) - 4),
            }
        )
    return out
