"""What is written: analysis.json as documented and strict, all files together or none."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import numpy as np
import pytest

from dance_jax.analysis import exports, outputs, plots, report
from dance_jax.analysis.analyze import analyze, analyze_clip
from dance_jax.analysis.estimate import Clock
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import NOT_ASSESSED, SCHEMA_VERSION, SERIES
from dance_jax.data import synthetic
from tests.analysis.conftest import plain_video
from tests.analysis.fakes import fake_analysis

NAME = re.compile(r"`([a-z][\w.]*)(?:\[\])?`")


def documented(root) -> dict[str, set[str]]:
    """Section of docs/analysis_schema.md -> names in the first column, or before the prose."""
    text = (root / "docs" / "analysis_schema.md").read_text("utf-8")
    out: dict[str, set[str]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.strip("# `")
        elif line.startswith("| `"):
            out.setdefault(section, set()).update(NAME.findall(line.split("|")[1]))
        elif section in ("estimator", "tracks[]") and line.strip():
            plain = re.sub(r"\([^)]*(\)|$)", "", re.sub(r"^[^(]*\)", "", line))
            out.setdefault(section, set()).update(NAME.findall(plain))
    return out


@pytest.fixture(scope="module")
def schema():
    from tests.conftest import ROOT

    return documented(ROOT)


def strict(text):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def content(made, tmp_path):
    """analysis.json of a video with two people, both analysed."""
    made(2)
    path = plain_video(tmp_path / "room.mp4", 40, 20.0, (320, 120))
    analyze(path, workdir=tmp_path / "out", person="all", plots=False, report=False, height_m=1.7)
    return strict((tmp_path / "out" / "analysis.json").read_text("utf-8"))


def test_keys_are_those_documented_and_all_of_them(content, schema):
    assert set(content) == schema[""] - {"truth", "learned"}
    assert schema["source"] <= set(content["source"])
    assert set(content["estimator"]) <= schema["estimator"]
    assert {"name", "file", "sha256", "variant", "executor"} <= set(content["estimator"])
    assert len(content["people"]) == len(content["tracks"]) == 2
    for row in content["tracks"]:
        assert set(row) == schema["tracks[]"]
    for person in content["people"]:
        assert set(person) == schema["people[]"] - {"learned"}
        assert {key for m in person["measures"] for key in m} == schema["people[].measures[]"]
        assert {key for a in person["angles"].values() for key in a} == {"status", "reason"}
        assert {key for part in person["parts"] for key in part} == {
            "name", "joints", "seen", "confidence", "status"
        }  # fmt: skip
        assert set(person["rhythm"]) <= schema["people[].rhythm"]
        smooth = person["smoothness"]
        assert set(smooth) == schema["people[].smoothness"]
        assert {key for row in smooth["windows"] for key in row} <= schema[
            "people[].smoothness.windows[]"
        ]
        assert set(person["cutoff"]) == schema["people[].cutoff"] - {"range", "low_hz", "high_hz"}
        assert person["events"]
        for event in person["events"]:
            assert set(event) == {"kind", "label", "time_s", "value", "unit"}


def test_the_content_is_what_was_analysed(content):
    assert content["schema_version"] == SCHEMA_VERSION and content["synthetic"] is False
    assert content["settings"] == dataclasses.asdict(
        Options(person="all", plots=False, report=False, height_m=1.7)
    ) | {"filter_cutoff_used_hz": 6.0}
    assert [row["what"] for row in content["not_assessed"]] == [what for what, _ in NOT_ASSESSED]
    assert {"poses_person1.csv", "poses_person2.csv", "overlay.mp4"} <= set(content["files"])
    assert content["people"][0]["speed_unit"] == "m/s"
    assert all(seconds >= 0 for seconds in content["timings_s"].values())


def test_tables_named_in_the_document_are_written(schema, tmp_path):
    written = set(exports.write_tables(tmp_path, fake_analysis(2.0)))
    in_space = {"poses.c3d", "poses.bvh"}  # written for poses in metres only
    assert written | in_space == schema["Tables beside it"] and not written & in_space
    assert schema["Columns of movement.csv"] == {"time_s", *SERIES}


def test_truth_stands_there_only_for_rendered_dancers():
    analysis = fake_analysis(2.0)
    assert "truth" not in outputs.to_json(analysis)
    assert outputs.to_json(analysis, [{"what": "x", "value": math.nan}])["truth"] == [
        {"what": "x", "value": None}
    ]


def test_numbers_become_plain_and_what_is_not_finite_null():
    given = {
        1: np.float32(0.5), "nan": np.nan, "inf": -np.inf, "n": np.int64(3), "b": np.bool_(True),
        "list": (np.float64("nan"), None, True, 2), "text": "NaN", "path": Options,
    }  # fmt: skip
    plain = outputs._plain(given)
    assert plain["1"] == 0.5 and plain["nan"] is plain["inf"] is None
    assert plain["list"] == [None, None, True, 2] and plain["b"] is True and plain["n"] == 3
    assert isinstance(plain["n"], int) and plain["text"] == "NaN"
    strict(json.dumps(plain, allow_nan=False))


def test_a_measure_that_is_nan_is_null_never_zero(tmp_path):
    analysis = fake_analysis(2.0)
    person = analysis.people[0]
    measures = (dataclasses.replace(person.measures[0], value=math.nan), *person.measures[1:])
    person = dataclasses.replace(person, measures=measures, height_px=math.nan)
    row = outputs.to_json(dataclasses.replace(analysis, people=(person,)))["people"][0]
    assert row["measures"][0]["value"] is None and row["height_px"] is None


@pytest.fixture(scope="module")
def clip():
    return synthetic.generate(1, "ballet_like", 2.0, 30.0).to_clip()


def test_files_listed_are_the_files_there(clip, tmp_path):
    analysis = analyze_clip(clip, workdir=tmp_path)
    there = {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file()}
    assert there == set(analysis.exports) | {"analysis.json"}
    assert "report.html" in there and any(name.startswith("plots/") for name in there)
    assert analysis.synthetic and strict((tmp_path / "analysis.json").read_text())["synthetic"]
    nothing = analyze_clip(clip)
    assert nothing.exports == {}


@pytest.mark.parametrize("options", [{"plots": False}, {"report": False}], ids=str)
def test_what_is_not_wanted_is_not_written(clip, tmp_path, options):
    analyze_clip(clip, workdir=tmp_path, **options)
    names = {file.name for file in tmp_path.iterdir()}
    assert "analysis.json" in names
    assert ("report.html" in names) == options.get("report", True)
    if not options.get("plots", True) and not options.get("report", True):
        assert "plots" not in names


FAILURES = [
    (exports, "write_tables", OSError("disk full")),
    (plots, "write_plots", KeyboardInterrupt()),
    (report, "write_report", RuntimeError("report")),
    (outputs, "to_json", SystemExit(1)),
]


@pytest.mark.parametrize(("room", "name", "error"), FAILURES, ids=lambda x: str(x)[:12])
def test_a_failed_write_leaves_nothing_that_looks_whole(
    clip, tmp_path, monkeypatch, room, name, error
):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(room, name, fail)
    with pytest.raises(type(error)):
        analyze_clip(clip, workdir=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failed_second_run_keeps_the_first_whole(clip, tmp_path, monkeypatch):
    analyze_clip(clip, workdir=tmp_path, plots=False, report=False)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    monkeypatch.setattr(outputs, "to_json", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        analyze_clip(clip, workdir=tmp_path, plots=False, report=False)
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_a_failed_overlay_fails_the_run(made, tmp_path, monkeypatch):
    from dance_jax.analysis import overlay

    made()
    path = plain_video(tmp_path / "room.mp4")
    monkeypatch.setattr(overlay, "write_overlay", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        analyze(path, workdir=tmp_path / "out", report=False, plots=False)
    assert list((tmp_path / "out").iterdir()) == []


def test_stage_times_are_kept(clip, tmp_path):
    clock = Clock()
    analysis = analyze_clip(clip)
    done = outputs.write(
        analysis, Options(plots=False, report=False), tmp_path, path=None, clock=clock
    )
    assert done.timings_s == clock.seconds and set(clock.seconds) == {"tables"}
