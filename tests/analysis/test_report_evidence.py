"""What the report says its numbers rest on: errors, scale, view, study."""

from __future__ import annotations

import dataclasses
import math

import pytest

from dance_jax.analysis import validity
from tests.analysis.fakes import fake_analysis
from tests.analysis.page import make


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


def test_errors_of_joints_and_segments_are_told_apart(tmp_path, analysis):
    person = analysis.people[0]
    bands = {"min": (1.5, 51.0), "max": (2.5, 52.0), "range": (3.5, 53.0)}
    measures = tuple(
        m if m.band is None else dataclasses.replace(m, band=b[0], band_p90=b[1])
        for m in person.measures
        for b in [bands.get(m.key.rpartition(".")[2])]
    )
    changed = dataclasses.replace(
        analysis, people=(dataclasses.replace(person, measures=measures),)
    )
    text, page = make(tmp_path, changed)
    assert "3.5 (53) degrees" in page.text  # of the range, not of the lowest or highest
    assert "(51)" not in page.text and "(52)" not in page.text
    assert "Error of the range of motion: half (9 of 10) of clips within" in page.text
    joint, segment = text.index(">Joint angles<"), text.index(">Segment directions<")
    assert joint < text.index("against the same figure from the joint's true 3D angle".replace(
        "'", "&#39;")) < segment  # fmt: skip
    assert text.index("true direction in the camera&#39;s plane, not in space") > segment
    by_table = [text[joint:segment], text[segment:]]
    for part, kind in zip(by_table, ("joint", "segment"), strict=True):
        assert f"{kind} range note" in part and part.count("range note") == 1


@pytest.mark.parametrize(
    ("height_m", "per_px", "words"),
    [(1.72, 0.004, "given body height (1.72 m) over"), (None, None, "One body height is")],
)
def test_the_report_says_where_its_scale_comes_from(tmp_path, analysis, height_m, per_px, words):
    person = dataclasses.replace(analysis.people[0], metres_per_px=per_px, height_px=431.4)
    settings = {**analysis.settings, "height_m": height_m}
    _, page = make(tmp_path, dataclasses.replace(analysis, people=(person,), settings=settings))
    assert words in page.text and "431 px" in page.text
    assert "may be off by several per cent" in page.text
    lost = dataclasses.replace(person, height_px=math.nan)
    _, page = make(tmp_path, dataclasses.replace(analysis, people=(lost,), settings=settings))
    assert "Scale" not in page.text


def test_view_study_and_analysed_time_are_stated(tmp_path, analysis):
    source = {**analysis.source, "analysed_s": 2.75, "duration_s": 61.5}
    _, page = make(tmp_path, dataclasses.replace(analysis, source=source))
    assert page.text.count("Seen from the front in 96 % of the frames, obliquely in 4 %.") == 2
    assert "Analysed (s) 2.75" in page.text and "Duration of the file (s) 61.5" in page.text
    made = validity.table()["made"]
    assert f"({made['clips']} clips, {made['frames']} frames, estimator " in page.text
