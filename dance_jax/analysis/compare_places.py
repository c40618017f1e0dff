"""Names the parts of a dance in which a difference lies: eight-counts and phrases, or quarters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_QUARTERS = ("first quarter", "second quarter", "third quarter", "last quarter")


@dataclasses.dataclass(frozen=True)
class Place:
    """One part of the teacher's dance.

    Attributes:
        kind: "phrase", "eight", "count" or "quarter".
        name: what a reader sees ("eight 3", "third quarter").
        start_s: where it begins, teacher's time, seconds.
        end_s: where it ends (exclusive).
    """

    kind: str
    name: str
    start_s: float
    end_s: float


def quarters(start_s: float, end_s: float) -> tuple[Place, ...]:
    """Cuts a span into four equal parts.

    Args:
        start_s: teacher's time, seconds.
        end_s: teacher's time, seconds.
    """
    edges = np.linspace(start_s, end_s, 5)
    return tuple(
        Place("quarter", name, float(a), float(b))
        for name, a, b in zip(_QUARTERS, edges[:-1], edges[1:], strict=True)
    )


def counted(grid: Mapping[str, Any], start_s: float, end_s: float) -> tuple[Place, ...]:
    """Cuts a span into phrases, eight-counts and counts, named as `rhythm.counts.label` does.

    Args:
        grid: "beats_s", "first" of the teacher's counted beats; without them the span is quartered.
        start_s: teacher's time, seconds.
        end_s: teacher's time, seconds.

    Returns:
        The parts that overlap the span, cut to it.
    """
    from dance_jax.rhythm import counts

    beats = np.asarray(grid.get("beats_s", ()), np.float64)
    first = int(grid.get("first", 0))
    out: list[Place] = []
    kinds = (("phrase", counts.PHRASE), ("eight", counts.EIGHT), ("count", 1))
    for kind, length in kinds:
        period = {"phrase": None, "eight": counts.PHRASE // counts.EIGHT, "count": counts.EIGHT}
        for n, (a, b) in enumerate(counts.bounds(beats, first, length)):
            within = n if period[kind] is None else n % period[kind]
            low, high = max(float(a), start_s), min(float(b), end_s)
            if high > low:
                out.append(Place(kind, f"{kind} {within + 1}", low, high))
    return tuple(out) or quarters(start_s, end_s)


def rests_on(grid: Mapping[str, Any], places: Sequence[Place]) -> str:
    """Says in a sentence what the names of the parts rest on."""
    from dance_jax.rhythm import counts

    if all(place.kind == "quarter" for place in places):
        why = grid.get("reason")
        return "The dance is cut into quarters: " + (
            f"it cannot be counted ({why})." if why else "no beats were found to count by."
        )
    return (
        f"Counts follow the teacher's {counts.SOURCES.get(grid.get('source'), 'beats')}. The first "
        "beat found is called 1, so that counts may be off by whole beats from the dancers' own."
    )


def clock(seconds: float) -> str:
    """Writes a time as a player shows it: 0:12.4."""
    tenths = round(max(seconds, 0.0) * 10)
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"


def where(places: Sequence[Place], time_s: float) -> str:
    """Names the parts that hold a moment, the longest first: "phrase 2, eight-count 3, count 5".

    Args:
        places: parts of the dance.
        time_s: teacher's time, seconds.

    Returns:
        The names; "" outside all parts.
    """
    held = [p for p in places if p.start_s <= time_s < p.end_s]
    if not held and places:
        last = max(places, key=lambda p: p.end_s)
        held = [p for p in places if p.end_s == last.end_s] if time_s == last.end_s else []
    return ", ".join(p.name for p in sorted(held, key=lambda p: p.start_s - p.end_s))
