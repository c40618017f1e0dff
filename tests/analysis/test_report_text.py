"""The words and figures of the report: short numbers, and findings that follow the measures."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from dance_jax.analysis import report_tables, report_text
from dance_jax.analysis.result import Measure
from tests.analysis.fakes import fake_analysis


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (math.nan, "–"), (math.inf, "–"), (0.0, "0"), (-0.001, "0.00"), (12.345, "12.3"),
     (1.2345, "1.23"), (1234.5, "1234"), (True, "yes"), (np.float32(2.5), "2.50")],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert report_text.number(value) == text


def test_percent_never_hides_a_gap():
    assert report_text.percent(1.0) == "100 %"
    assert report_text.percent(0.9999) == "over 99 %"
    assert report_text.percent(0.0001) == "under 1 %"
    assert report_text.percent(0.0) == "0 %"


def test_findings_follow_the_numbers(analysis):
    person = analysis.people[0]
    known = [
        m if m.band is None else dataclasses.replace(m, band_p90=3 * m.band)
        for m in person.measures
    ]
    person = dataclasses.replace(person, measures=tuple(known))

    def edit(key, value, band=2.0):
        return tuple(
            dataclasses.replace(m, value=value, band=band, band_p90=3 * band) if m.key == key else m
            for m in person.measures
        )

    measures = edit("left_knee.range", 170.0)
    text = " ".join(report_text.findings(dataclasses.replace(person, measures=measures)))
    assert "left knee: 170 degrees" in text
    assert "differ most at the knee" in text and "as filmed, not the dancer's body" in text
    wide = tuple(dataclasses.replace(m, band=500.0, band_p90=900.0) for m in person.measures)
    text = " ".join(report_text.findings(dataclasses.replace(person, measures=wide)))
    assert "No left-right difference" in text
    poor = tuple(
        dataclasses.replace(p, status="unseen", seen=0.12) if p.name == "feet" else p
        for p in person.parts
    )
    text = " ".join(report_text.findings(dataclasses.replace(person, parts=poor)))
    assert "the feet in 12 %" in text
    banned = ("injur", "risk", "patholog", "disease", "healthy", "pain", "abnormal")
    assert not any(word in text.lower() for word in banned)


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ({"front": 100.0, "oblique": 0.0, "side": 0.0},
         "Seen from the front in 100 % of the frames."),
        ({"front": 20.0, "oblique": 30.0, "side": 50.0},
         "Seen from the side in 50 % of the frames, obliquely in 30 %, from the front in 20 %."),
        ({"front": 0.0, "oblique": 75.0, "side": 0.0},
         "Seen obliquely in 75 % of the frames, from an unknown side in 25 %."),
        ({}, ""),
    ],
)  # fmt: skip
def test_views_are_told_largest_first(analysis, shares, text):
    person = analysis.people[0]
    others = [m for m in person.measures if not m.key.startswith("view.")]
    seen = [Measure(f"view.{k}", k, "presence", v, "%") for k, v in shares.items()]
    person = dataclasses.replace(person, measures=(*others, *seen))
    assert report_text.views(person) == text
    assert (text in report_text.findings(person)) == bool(text)


def test_a_table_takes_the_error_of_the_range():
    rows = [
        Measure("left_knee.range", "Left knee, range of motion", "angles", 90.0, "deg", band=5.0),
        Measure("left_knee.max", "Left knee, highest", "angles", 95.0, "deg", band=3.0),
        Measure("left_hip.max", "Left hip, highest", "angles", 80.0, "deg", band=2.0),
    ]
    table = report_tables.table(rows)
    assert table["error_of"] == "range of motion" and table["banded"]
    assert [row["band"] for row in table["rows"]] == [5.0, None]
    assert not report_tables.table([dataclasses.replace(rows[1], band=None)])["banded"]


def test_given_metres_are_not_rescaled(analysis):
    text = report_text.scale(analysis.people[0], "m", None)
    assert "given poses" in text and "per cent" not in text
