"""What an analysis writes of the movement: analysis.json, movement.csv, metrics.csv, plots."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

from dance_jax.analysis.analyze import analyze_clip
from dance_jax.analysis.plots import PLOT_NAMES
from dance_jax.analysis.result import SCHEMA_VERSION, SERIES
from tests.analysis import moving


@pytest.fixture(scope="module", params=["space", "picture"])
def folder(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    analysis = analyze_clip(moving.clip(request.param != "space"), workdir=out, music="none")
    return analysis, out


def texts(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def refuse(name):
    raise AssertionError(f"{name} is no JSON")


def test_json_is_plain_and_holds_no_array_as_text(folder):
    analysis, out = folder
    content = json.loads((out / "analysis.json").read_text("utf-8"), parse_constant=refuse)
    assert content["schema_version"] == SCHEMA_VERSION == "1.3"
    for text in texts(content):
        assert not re.match(r"[\[<]|\(\d|[Aa]rray\(", text), text[:80]
        assert "dtype" not in text and "object at 0x" not in text
    (person,) = content["people"]
    found = analysis.people[0]
    assert person["rhythm"]["motion_beats_s"] == pytest.approx(list(found.rhythm["motion_beats_s"]))
    assert person["rhythm"]["reason"] == "no music was asked for"
    assert person["cutoff"]["cutoff_hz"] == pytest.approx(found.cutoff["cutoff_hz"])
    low, high = person["cutoff"]["sensitivity"]["range"]
    assert isinstance(low, float) and low <= high
    assert content["settings"]["anthropometry"] == "de_leva_mean"
    assert content["settings"]["music"] == "none"
    by_key = {row["key"]: row for row in person["measures"]}
    for key in moving.ROWS_STATED:
        row = by_key[key]
        assert (row["value"] is None) == (row["status"] == "refused") == bool(row["reason"]), key


def test_movement_csv_has_the_series_in_their_units(folder):
    analysis, out = folder
    person = analysis.people[0]
    with (out / "movement.csv").open(newline="", encoding="utf-8") as file:
        names, units, *rows = csv.reader(file)
    assert names == ["time_s", *person.series]
    assert units == ["s", *(SERIES[name][0] for name in person.series)]
    assert len(rows) == len(person.time_s)
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    for name, value in person.series.items():
        read = np.array([float(x) if x else np.nan for x in columns[name]])
        np.testing.assert_allclose(read, value, rtol=1e-4, atol=1e-6)
    listed = json.loads((out / "analysis.json").read_text("utf-8"))["files"]["movement.csv"]
    assert listed["units"] == {name: unit for name, unit in zip(names, units, strict=True) if unit}


def test_metrics_csv_has_every_measure_once(folder):
    analysis, out = folder
    with (out / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(analysis.people[0].measures)
    for key, row in moving.movement_rows(analysis.people[0]).items():
        assert row.kind == rows[key]["kind"] and row.status == rows[key]["status"]
        assert (rows[key]["value"] == "") == (row.status == "refused")
        assert (rows[key]["low"] == "") == (row.low is None)


def test_plots_are_written_or_their_measures_are_refused(folder):
    analysis, out = folder
    there = {file.stem for file in (out / "plots").glob("*.png")}
    assert there <= set(PLOT_NAMES)
    assert {"balance", "phase", "rhythm", "effort"} <= there
    rows = moving.movement_rows(analysis.people[0])
    assert ("energy" in there) == (rows["energy.kinetic_mean"].status == "ok")
    assert ("energy" in there) == (analysis.clip.unit == "m")
    listed = {name for name in analysis.exports if name.startswith("plots/")}
    assert listed == {f"plots/{name}.png" for name in there}
