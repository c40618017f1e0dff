"""The page of all movement measures: writes the generated part of docs/movement_measures.md.

Made again by `python -m dance_jax.analysis.measure_table`; the head above the mark is kept.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from dance_jax.analysis import reference_ranges, report_movement, rhythm
from dance_jax.biomech import catalogue
from dance_jax.biomech.measure import MeasureDef

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "movement_measures.md"
MARK = "<!-- From here on: python -m dance_jax.analysis.measure_table -->\n"
_HEADINGS = {
    "range": (
        "Ranges of motion",
        "Used by losses and rewards; the report states ranges among the angles, with measured "
        "errors.",
    ),
    **report_movement.SECTIONS,
}


def rows() -> list[MeasureDef]:
    """Returns every measure of the catalogue and of the rhythm, in the order of the report."""
    return [*catalogue.MEASURES.values(), *rhythm.ROWS]


def needs(row: MeasureDef) -> str:
    """Says in a few words what must be seen or known for a measure to be stated."""
    words = list(row.parts)
    if row.needs_scale:
        words.append("height in metres")
    if row.dims == (3,):
        words.append("3D")
    if row.dims == (2,):
        words.append("2D")
    if row in rhythm.ROWS and row.key in rhythm.OF_MUSIC:
        words.append("music")
    return f"{', '.join(words)}; {row.min_s:g} s"


def page() -> str:
    """Returns the generated part: one table a group."""
    made = reference_ranges.table()["made"]
    ranges = [reference_ranges.table()[coordinates] for coordinates in ("3", "2")]
    groups: dict[str, list[MeasureDef]] = {}
    for row in rows():
        groups.setdefault(row.group, []).append(row)
    parts = [
        "## All measures\n",
        f"{sum(map(len, groups.values()))} measures. The two columns of figures are the 5th, 50th "
        f"and 95th percentile over {made['dancers']} synthetic dancers of {made['seconds']:g} s at "
        f"{made['fps']:g} frames a second, with true poses: in space, and in their picture from "
        "the front. A scale to read a value on, and no norm: made dancers are not people.\n",
    ]
    for group, found in groups.items():
        heading, note = _HEADINGS[group]
        parts += [
            f"### {heading}\n",
            f"{note}\n",
            _line(("Key", "Measure", "Unit", "Kind", "Needs", "In space", "In a picture", "How")),
            _line(["---"] * 8),
            *(_line(_cells(row, ranges)) for row in found),
            "",
        ]
    return "\n".join(parts).rstrip() + "\n"


def _cells(row: MeasureDef, ranges: Sequence[dict[str, list[float]]]) -> tuple[str, ...]:
    figures = [
        " / ".join(f"{value:.3g}" for value in table[row.key]) if row.key in table else "–"
        for table in ranges
    ]
    how = row.meaning + (f" ({row.source})" if row.source else "")
    label = row.label[:1].upper() + row.label[1:]
    unit = row.unit or "–"
    return f"`{row.key}`", label, unit, row.kind, needs(row), *figures, how


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def write(file: pathlib.Path = FILE) -> None:
    """Rewrites what stands below the mark.

    Args:
        file: the page.
    """
    head = file.read_text("utf-8").partition(MARK)[0]
    file.write_text(head + MARK + "\n" + page(), "utf-8")


if __name__ == "__main__":
    write()
