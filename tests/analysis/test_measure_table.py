"""The page of movement measures: every measure once, and as the code has it now."""

from __future__ import annotations

import re

from dance_jax.analysis import measure_table, reference_ranges, rhythm
from dance_jax.biomech import catalogue
from dance_jax.biomech.measure import KINDS, MeasureDef


def test_the_page_in_the_documents_is_up_to_date(tmp_path):
    text = measure_table.FILE.read_text("utf-8")
    assert text.count(measure_table.MARK) == 1
    copy = tmp_path / "page.md"
    copy.write_text(text, "utf-8")
    measure_table.write(copy)
    again = "run python -m dance_jax.analysis.measure_table"
    assert copy.read_text("utf-8") == text, again


def test_every_measure_stands_there_once_with_all_its_cells():
    lines = [line for line in measure_table.page().splitlines() if line.startswith("| `")]
    keys = [re.match(r"\| `([^`]+)`", line)[1] for line in lines]
    assert sorted(keys) == sorted([*catalogue.MEASURES, *(row.key for row in rhythm.ROWS)])
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == 8 and all(cells)
        assert cells[3] in KINDS


def test_figures_are_those_of_the_packaged_ranges():
    low, middle, high = reference_ranges.table()["3"]["shape.hands"]
    (line,) = [x for x in measure_table.page().splitlines() if x.startswith("| `shape.hands` ")]
    assert f"{low:.3g} / {middle:.3g} / {high:.3g}" in line
    assert catalogue.MEASURES["shape.hands"].meaning in line


def test_needs_are_told():
    row = MeasureDef("a.b", "A", "", "how", parts=("legs",), dims=(3,), needs_scale=True, min_s=2.0)
    assert measure_table.needs(row) == "legs, height in metres, 3D; 2 s"
    assert measure_table.needs(rhythm.ROWS[-1]).endswith("music; 4 s")


def test_the_head_says_what_the_numbers_are_not():
    head = measure_table.FILE.read_text("utf-8").partition(measure_table.MARK)[0]
    headings = ("Units", "In a picture (2D)", "What the numbers are worth", "Intervals", "Low-pass")
    for heading in headings:
        assert f"## {heading}\n" in head
    assert KINDS["index"] in head
