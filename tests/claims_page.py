"""The page of `tests.claims_table`: claims and figures in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

HEAD = """# Claimed and measured

Each number that earlier systems state about themselves, beside what was measured with dance_jax. A
claim is never a result: the column *measured* is filled from stored figures of this project alone,
each with its interval, N, data and command, and is empty where there is none.
`python -m tests.claims_table` writes this page and
[claimed_vs_measured.json](claimed_vs_measured.json) from `docs/claims/claimed.json`.

"""
CLAIM = ("quantity", "claimed", "by")
FIGURE = ("measured (interval)", "N", "what was measured, on which data")


def page(found: Mapping[str, Any]) -> str:
    """Returns the page of a table of `claims_table.table`."""
    commands: list[str] = []
    parts = [HEAD + _counts(found["counts"])]
    for key, title in found["groups"].items():
        rows = [row for row in found["claims"] if row["group"] == key]
        if rows:
            parts.append(_group(title, rows, found["documents"], commands))
    listed = [f"{i}. {text}" for i, text in enumerate(commands, 1)]
    parts.append("\n".join(["## Commands", "", *(listed or ["None yet."])]))
    parts.append(_documents(found))
    return "\n\n".join(parts) + "\n"


def _counts(counts: Mapping[str, int]) -> str:
    rest = [f"{n} {reason}" for reason, n in counts.items() if n]
    whole, measured = rest[0].split()[0], counts["measured"]
    others = ", ".join(r for r in rest if not r.endswith((" claimed", " measured")))
    return (
        f"{whole} numbers are claimed. Figures stand beside {measured} of them; of the others: "
        f"{others}. A figure on other data than the claim's says what this project reaches, "
        "not whether the claim is true."
    )


def _group(
    title: str, rows: list[Mapping[str, Any]], documents: Mapping[str, Any], commands: list[str]
) -> str:
    """Returns a table; one of claims without any figure has no columns for figures."""
    any_figure = any(row["measured"] for row in rows)
    heads = (*CLAIM, *(FIGURE if any_figure else ("why nothing was measured",)))
    lines = [f"## {title}", "", _line(heads), "|" + "---|" * len(heads)]
    for row in rows:
        by = _by(row["source"], documents)
        first = (row["quantity"], claimed(row), by)
        for cells in [*_measured(row, commands), *_not_measured(row, any_figure)]:
            lines.append(_line((*first, *cells)))
            first = ("", "", "")
    notes = [f"- {row['quantity']}, {claimed(row)}: {row['note']}" for row in rows if "note" in row]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _measured(row: Mapping[str, Any], commands: list[str]) -> Iterable[tuple[str, ...]]:
    for one in row["measured"]:
        at = f" (commit {one['commit'][:7]})" if one["commit"] else ""
        text = f"`{one['command']}`{at}, kept in {one['file']}."
        text += f" Intervals: {one['interval_is']}." if "interval_is" in one else ""
        if text not in commands:
            commands.append(text)
        how = f"[command {commands.index(text) + 1}](#commands)"
        what = f"{one['what']}. Data: {one['data']}; {how}"
        value = _with_unit(number(one["value"]), one["unit"])
        yield f"{value} ({_interval(one['interval'])})", _n(one["n"]), what


def _not_measured(row: Mapping[str, Any], wide: bool) -> Iterable[tuple[str, ...]]:
    for one in row["not_measured"]:
        what = f"{one['what']}: {one['reason']}" if one["what"] else one["reason"]
        yield ("–", "–", what) if wide else (what,)


def claimed(row: Mapping[str, Any]) -> str:
    """Returns the claimed value as the source puts it."""
    value = _with_unit(f"{row['value']:,}", row["unit"])
    return f"{row['bound']} {value}" if row.get("bound") else value


def number(value: float) -> str:
    """Returns three significant digits, without an exponent where that is readable."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def _with_unit(value: str, unit: str) -> str:
    return f"{value} {unit}".strip()


def _n(n: Any) -> str:
    if isinstance(n, Mapping):
        return ", ".join(f"{count:,} {word}" for word, count in n.items())
    return n if isinstance(n, str) else f"{n:,}"


def _interval(ends: Any) -> str:
    if ends is None:
        return "no interval stored"
    return ends if isinstance(ends, str) else f"{number(ends[0])} to {number(ends[1])}"


def _by(sources: Iterable[Mapping[str, str]], documents: Mapping[str, Any]) -> str:
    """Returns each document with its sections."""
    found: dict[str, list[str]] = {}
    for source in sources:
        found.setdefault(documents[source["document"]]["name"], []).append(source["section"])
    return "; ".join(f"{name}: {', '.join(sections)}" for name, sections in found.items())


def _documents(found: Mapping[str, Any]) -> str:
    lines = ["## Sources", ""]
    for key, document in found["documents"].items():
        n = sum(any(s["document"] == key for s in row["source"]) for row in found["claims"])
        said = f"{n} number" + "s" * (n != 1) if n else "no number"
        lines.append(
            f"- **{document['name']}**: {document['title']} ({said}). {document['states']}"
        )
    lines += [
        "",
        "Left out: settings (learning rates, sizes of layers, shots of an episode), which are no "
        "results, and numbers about the world outside.",
    ]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
