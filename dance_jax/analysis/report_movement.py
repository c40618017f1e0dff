"""The report's movement sections: measures by group with their intervals, and the summary."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dance_jax.analysis import report_text
from dance_jax.analysis.result import Measure, PersonAnalysis
from dance_jax.biomech.measure import KINDS

SECTIONS: Mapping[str, tuple[str, str]] = {
    "balance": (
        "Balance",
        "The feet on the floor are told by height and speed. A margin is positive while the centre "
        "of mass is between the outer edges of the feet that stand.",
    ),
    "flight": (
        "Longest jump",
        "The longest time with both feet clear of the floor in which the body falls freely.",
    ),
    "energy": (
        "Energy",
        "From the movement of the segments and a table of body segment masses, for one kilogram "
        "of body mass. It is mechanical energy, not what the body used.",
    ),
    "dynamics": (
        "Joint moments",
        "A proxy. No force was measured: the floor's force is inferred from the movement of the "
        "body and shared between the feet that stand.",
    ),
    "smoothness": (
        "Smoothness",
        "Described, not scored: sharp stops are part of popping, krump and many other styles. "
        "Values near 0 are smoother, more negative ones have more stops and starts.",
    ),
    "symmetry": (
        "Left and right",
        "A choreography that uses one side more is a choice, not a fault.",
    ),
    "coordination": ("Coordination", "How two joints move in relation to one another."),
    "limits": ("Use of the joints' ranges", "Against tables of usual ranges, not this dancer's."),
    "effort": ("Effort", "After Laban, computed from positions alone."),
    "shape": ("Body, shape and space", "After Laban, computed from positions alone."),
    "composite": (
        "Composites",
        "Each is a documented combination of measures, in points from 0 to 10. They share their "
        "names with columns of annotated data sets, not their meaning: no rater was asked.",
    ),
    "rhythm": (
        "Rhythm",
        "The movement's beats are the moments at which the body slows down. Chance is what beats "
        "unrelated to the music would score.",
    ),
}
"""Group -> (heading, what a reader must know), in the order of the report."""

PLOTS: Mapping[str, tuple[str, ...]] = {
    "balance": ("balance",),
    "energy": ("energy",),
    "coordination": ("phase",),
    "effort": ("effort",),
    "rhythm": ("rhythm",),
}
"""Group -> plots shown under it."""

OWN = "No published source: plain definitions of this program, told with each measure"

KIND_WORDS: Mapping[str, str] = {
    "measured": "",
    **{kind: KINDS[kind] for kind in ("proxy", "index")},
}


def sections(person: PersonAnalysis) -> list[dict[str, Any]]:
    """Arranges the movement measures of one dancer by group.

    Args:
        person: an analysed dancer.

    Returns:
        {"group", "heading", "note", "kind", "rows", "notes", "plots", "banded", "refused"}; groups
        without a value are left out, as what was refused is listed apart; "refused" counts those.
    """
    out = []
    for group, (heading, note) in SECTIONS.items():
        rows = [m for m in person.measures if m.group == group]
        known = [m for m in rows if m.status == "ok"]
        if not known:
            continue
        kinds = {m.kind for m in known}
        out.append(
            {
                "group": group,
                "heading": heading,
                "note": note,
                "kind": KIND_WORDS[kinds.pop()] if len(kinds) == 1 else "",
                "rows": [_row(m) for m in known],
                "notes": _notes(known),
                "plots": PLOTS.get(group, ()),
                "banded": any(m.low is not None for m in known),
                "refused": len(rows) - len(known),
            }
        )
    return out


def _row(m: Measure) -> dict[str, Any]:
    factor = 100.0 if m.unit == "share" else 1.0
    return {
        "label": m.label,
        "value": _text(m.value, factor),
        "unit": "%" if m.unit == "share" else m.unit,
        "low": None if m.low is None else _text(m.low, factor),
        "high": None if m.high is None else _text(m.high, factor),
        "kind": KIND_WORDS[m.kind],
    }


def _text(value: float | None, factor: float = 1.0) -> str:
    """Writes a value with three significant figures, small ones too."""
    if value is None:
        return report_text.DASH
    value = factor * value
    small = 0 < abs(value) < 1
    text = f"{value:.3g}" if small and abs(value) >= 1e-4 else report_text.number(value)
    return text


def _notes(known: Sequence[Measure]) -> list[tuple[str, str]]:
    """Lists how the measures are computed and whence; those computed alike share one entry."""
    shared: dict[str, list[str]] = {}
    for m in known:
        note = f"{m.note} Source: {m.source}." if m.source else m.note
        shared.setdefault(note, []).append(m.label)
    return [(report_text.joined(labels), note) for note, labels in shared.items()]


def sources(people: Iterable[PersonAnalysis]) -> list[tuple[str, str]]:
    """Lists the papers and tables that the stated measures are taken from.

    Args:
        people: the dancers of a report.

    Returns:
        (source, the measures taken from it), in the order of the report; what is a plain
        definition of this library is listed last.
    """
    found: dict[str, dict[str, None]] = {}
    for person in people:
        for m in person.measures:
            if m.group in SECTIONS and m.status == "ok":
                found.setdefault(m.source, {})[m.label] = None
    plain = found.pop("", None)
    out = [(source, report_text.joined(list(labels))) for source, labels in found.items()]
    if plain:
        out.append((OWN, report_text.joined(list(plain))))
    return out


def cutoff_note(person: PersonAnalysis) -> str:
    """States which low-pass the movement measures rest on, and how much hangs on it."""
    found = person.cutoff
    if not found:
        return ""
    text = (
        f"The measures of this part rest on the pose low-passed at {found['cutoff_hz']:.1f} Hz, "
        f"{found['how']}."
    )
    text += (
        " Another clip may have another cut-off; effort, jerk and curvature grow with it, so clips "
        "of different cut-offs must not be compared in them."
    )
    spread = found.get("sensitivity")
    if spread:
        low, high = spread["range"]
        text += (
            f" Smoothness of the body (SPARC) would read {report_text.number(low)} to "
            f"{report_text.number(high)} with cut-offs from {spread['low_hz']:g} to "
            f"{spread['high_hz']:g} Hz."
        )
    return text


def summary(person: PersonAnalysis) -> list[str]:
    """States the movement measures in plain words with their evidence.

    Proxies stay out of it, and so does what is largely the key points' own scatter.

    Args:
        person: an analysed dancer.

    Returns:
        Sentences; every figure is one of the measures.
    """
    by_key = {
        m.key: m
        for m in person.measures
        if m.status == "ok" and m.value is not None and m.kind != "proxy" and not m.noisy
    }
    out: list[str] = []
    _balance(by_key, out)
    _energy(by_key, person.pose.shape[-1] == 2, out)
    _smoothness(by_key, out)
    _rhythm(by_key, person, out)
    _indices(by_key, out)
    return out


def _figure(m: Measure, digits: int | None = None) -> str:
    if m.unit == "share":
        ends = (None, None) if m.low is None else (100 * m.low, 100 * m.high)
        m = dataclasses.replace(m, value=100 * m.value, low=ends[0], high=ends[1], unit="%")
    text = report_text.number(m.value, digits)
    unit = {"": "", "%": " %", "deg": " degrees", "height": " body heights"}.get(
        m.unit, f" {report_text.unit(m.unit)}"
    )
    if m.low is not None and m.high is not None:
        low, high = report_text.number(m.low, digits), report_text.number(m.high, digits)
        return f"{text}{unit} (95 % by the key points' scatter: {low} to {high})"
    return f"{text}{unit}"


def _balance(by_key: Mapping[str, Measure], out: list[str]) -> None:
    outside = by_key.get("balance.share_outside")
    if outside is not None:
        out.append(
            "The centre of mass was beyond the outer edges of the standing feet in "
            f"{_figure(outside, 0)} of the time in which a foot stood, as happens at every step; "
            "it is no loss of balance."
        )
    single, double = (by_key.get(f"balance.{n}_support_share") for n in ("single", "double"))
    if single is not None and double is not None:
        out.append(
            f"One foot stood for {_figure(single, 0)} of the time, both for {_figure(double, 0)}."
        )


def _energy(by_key: Mapping[str, Measure], planar: bool, out: list[str]) -> None:
    power = by_key.get("energy.positive_work_rate")
    if power is not None:
        where = ", in the picture's plane alone" if planar else ""
        out.append(
            "Raising and speeding up the body and its limbs took mechanical work of "
            f"{_figure(power)} on average{where}."
        )


def _smoothness(by_key: Mapping[str, Measure], out: list[str]) -> None:
    whole = by_key.get("smoothness.sparc_body")
    if whole is not None:
        out.append(
            f"Smoothness of the whole body (SPARC) was {_figure(whole)}; this describes the "
            "movement and is no score."
        )


def _rhythm(by_key: Mapping[str, Measure], person: PersonAnalysis, out: list[str]) -> None:
    rate = by_key.get("rhythm.beat_rate")
    if rate is not None:
        out.append(
            f"The movement had {report_text.number(rate.value, 0)} beats of its own a minute."
        )
    score = by_key.get("rhythm.f1")
    chance = by_key.get("rhythm.f1_p_value")
    if score is not None and chance is not None:
        sure = chance.value < 0.05
        told = "more often than chance" if sure else "not shown to be more often than chance"
        out.append(
            f"Beats of movement and music within 70 ms of each other: {told} "
            f"(F = {_figure(score)}, p = {report_text.number(chance.value)})."
        )
        if person.rhythm.get("music_doubtful"):
            out.append("The pulse of that sound is one that speech reaches too: listen to it.")
    elif person.rhythm.get("reason"):
        out.append(f"Music: {person.rhythm['reason']}.")


def _indices(by_key: Mapping[str, Measure], out: list[str]) -> None:
    names = ("fluidity", "expressiveness", "precision")
    known = [by_key.get(f"composite.{name}") for name in names]
    found = [(n, m) for n, m in zip(names, known, strict=True) if m is not None]
    if found:
        listed: Sequence[str] = [f"{name} {report_text.number(m.value, 1)}" for name, m in found]
        out.append(
            f"Composites in points of 10: {report_text.joined(listed)} ({KIND_WORDS['index']})."
        )
