"""The report: self-contained, inert to hostile text, complete, and free of stray NaN and None."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
import re

import numpy as np
import pytest

from dance_jax.analysis import plots, report, report_text
from dance_jax.analysis.result import NOT_ASSESSED
from tests.analysis.fakes import fake_analysis
from tests.analysis.page import Page, assert_inert, make

HOSTILE = [
    "<script>alert(1)</script>.mp4",
    '"><img src=x onerror=alert(1)>.mp4',
    "' onload='alert(1).mp4",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "{{ 7*7 }}{% raw %}.mp4",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "\u202egpj.4pm\u2066evil\u2069.mp4",
    "a\x00b\x1b[31m\r\nc.mp4",
    "\udcff\udc80undecodable.mp4",
    "x" * 5000 + ".mp4",
    "../../etc/passwd",
    "%3Cscript%3E.mp4",
    "&lt;script&gt;&#x3c;script>.mp4",
    "רקדן مقطع 舞蹈 🕺.mp4",
    "=cmd|'/c calc'!A1.mp4",
    "<svg/onload=alert(1)>.mp4",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    '<a href="javascript:alert(1)">x</a>.mp4',
    "<style>@import url(//x/y)</style>",
    "<base href=//x/><form action=//x/>",
    '<meta http-equiv="refresh" content="0;url=//x/">',
    "</script><script>alert(1)</script>",
]


@pytest.fixture(scope="module")
def analysis():
    return fake_analysis(3.0)


def test_self_contained_with_plots_and_video(tmp_path, analysis):
    files = plots.write_plots(tmp_path / "plots", analysis)
    video = np.random.default_rng(1).bytes(40_000)
    (tmp_path / "overlay.mp4").write_bytes(video)
    text, page = make(tmp_path, analysis)
    assert_inert(page)
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
    assert "url(" not in text and "@import" not in text
    movies = [a["src"] for tag, a in page.tags if tag == "video"]
    assert [base64.b64decode(m.removeprefix("data:video/mp4;base64,")) for m in movies] == [video]
    pictures = [a for tag, a in page.tags if tag == "img"]
    shown = [file for file in files if file.stem != "phase"]  # no measure of its section is known
    assert len(pictures) == len(shown) >= 5
    stored = {file.read_bytes() for file in shown}
    assert {base64.b64decode(p["src"].partition(",")[2]) for p in pictures} == stored
    assert all(len(p["alt"]) > 20 for p in pictures)


def test_policy_allows_own_style_only(tmp_path, analysis):
    text, page = make(tmp_path, analysis)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy and "unsafe" not in policy and "*" not in policy
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_large_overlay_is_linked_and_said_so(tmp_path, analysis):
    (tmp_path / "overlay.mp4").write_bytes(b"\0" * 1_200_000)
    _, page = make(tmp_path, analysis, embed_limit_mb=1.0)
    assert_inert(page)
    assert [a["src"] for tag, a in page.tags if tag == "video"] == ["./overlay.mp4"]
    assert "keep that file beside this page" in page.text
    _, page = make(tmp_path, analysis, embed_limit_mb=2.0)
    assert page.attributes("src")[0].startswith("data:video/mp4")


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_is_inert_everywhere(tmp_path, payload):
    plain = fake_analysis(3.0)
    person = plain.people[0]
    measures = tuple(
        dataclasses.replace(m, label=f"{payload}, {payload}", note=payload)
        for m in person.measures[:9]
    )
    refused = dataclasses.replace(person.measures[-1], status="refused", reason=payload, value=None)
    event = {"kind": "x", "label": payload, "time_s": 1.0, "value": 2.0, "unit": payload}
    person = dataclasses.replace(
        person, measures=(*measures, refused), events=(event,), speed_unit="m/s"
    )
    hostile = dataclasses.replace(
        plain,
        people=(person,),
        source={**plain.source, "name": payload, "path": payload, "codec": payload},
        estimator={"name": payload, payload: payload, "credit": payload},
        settings={**plain.settings, "person": payload, "model": payload},
        warnings=(payload,),
        versions={"dance_jax": payload, payload: payload},
        exports={payload: {payload: [payload]}},
    )
    truth = [
        {
            "what": payload,
            "value": 1.0,
            "p90": None,
            "unit": payload,
            "n": 3,
            "limit": None,
            "ok": None,
        }
    ]
    text, page = make(tmp_path, hostile, truth_rows=truth)
    assert_inert(page)
    calm, _ = make(tmp_path, dataclasses.replace(hostile, source=plain.source), truth_rows=truth)
    assert text.count("<h2") == calm.count("<h2")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", text)
    assert "49" not in payload or "{{" in payload or "7*7" in page.text

    rows = [
        {"input": payload, "outcome": payload, "detail": payload, "folder": payload, "frames": 3}
    ]
    file = report.write_index(tmp_path / "index.html", rows)
    index = Page(file.read_text("utf-8"))
    assert_inert(index)
    assert sum(tag == "a" for tag, _ in index.tags) == 1


def test_names_that_are_safe_are_kept_readable(tmp_path):
    name = "Probe Müller & Söhne <2> 舞蹈.mp4"
    _, page = make(tmp_path, fake_analysis(3.0, name=name))
    assert page.text.count(name) >= 2


def test_sections_measures_and_refusals(tmp_path, analysis):
    _, page = make(tmp_path, analysis)
    text = page.text
    for what, why in NOT_ASSESSED:
        assert what.lower() in text.lower() and why in text
    for phrase in (
        "This is no medical device",
        "Key findings",
        "Who was found",
        "--config.person=NUMBER",
        "How angles are defined",
        "Refused for lack of evidence",
        "BlazePose",
        "Apache License 2.0",
        "python -m dance_jax.launch --config=configs/analyze.py",
        "2 people were found",
    ):
        assert phrase in text, phrase
    person = analysis.people[0]
    for m in person.measures:
        if m.status == "refused":
            assert m.reason in text
            assert m.label.split(", ")[0] in text
        elif m.group == "angles":
            assert f"{m.value:.0f}".replace("-0", "0") in text
        elif m.group == "speed":
            assert report_text.number(m.value) in text
    assert "SYNTHETIC" not in text
    assert "Error against the known truth" not in text


def test_refused_measures_never_show_a_number(tmp_path, analysis):
    person = analysis.people[0]
    trap = 98765.4321
    measures = tuple(
        dataclasses.replace(m, status="refused", reason="not enough seen", value=trap, band=trap)
        for m in person.measures
    )
    changed = dataclasses.replace(
        analysis, people=(dataclasses.replace(person, measures=measures),)
    )
    text, _ = make(tmp_path, changed)
    assert "98765" not in text and "98,765" not in text
    assert "No angle has enough evidence" in text


def test_synthetic_banner_and_truth(tmp_path):
    keys = ("what", "value", "p90", "unit", "n", "limit", "ok")
    truth = [
        dict(zip(keys, row, strict=True))
        for row in (
            ("frames with a pose", 99.7, None, "%", 300, 98.0, True),
            ("left knee", 2.41, 6.3, "deg", 299, None, None),
            ("left elbow", 8.2, 20.0, "deg", 299, 7.0, False),
        )
    ]
    _, page = make(tmp_path, fake_analysis(3.0, synthetic=True), truth_rows=truth)
    assert page.text.startswith("SYNTHETIC") or "SYNTHETIC: this video" in page.text
    assert "Error against the known truth" in page.text
    for shown in ("99.7", "2.41", "6.30", "8.20", "no bar is set"):
        assert shown in page.text


@pytest.mark.parametrize("chosen", [1, 2])
def test_missing_numbers_never_leak(tmp_path, chosen):
    analysis = fake_analysis(3.0, chosen=chosen)
    people = []
    for person in analysis.people:
        measures = tuple(
            dataclasses.replace(m, value=math.nan, band=None, fraction=0.0) for m in person.measures
        )
        parts = tuple(dataclasses.replace(p, seen=0.0, confidence=math.nan) for p in person.parts)
        people.append(
            dataclasses.replace(
                person, measures=measures, parts=parts, height_px=math.nan, events=()
            )
        )
    source = {**analysis.source, "fps": math.nan, "codec": None}
    broken = dataclasses.replace(
        analysis,
        people=tuple(people),
        source=source,
        exports={"poses.trc": {"x": math.nan, "y": None}},
    )
    _, page = make(tmp_path, broken)
    assert not re.search(r"\b(nan|NaN|None|inf|undefined)\b", page.text)
    assert page.text.count("Key findings") == chosen


def test_a_report_names_no_folder_of_its_maker(tmp_path):
    analysis = fake_analysis(3.0)
    source = {**analysis.source, "path": "/home/someone/private/clip.mp4"}
    model = "/home/someone/models/pose.task"
    shared = dataclasses.replace(
        analysis,
        source=source,
        settings={**analysis.settings, "model": model},
        estimator={**analysis.estimator, "file": model},
    )
    text, _ = make(tmp_path, shared)
    assert "someone" not in text and "pose.task" in text


def test_index_links_and_outcomes(tmp_path):
    done = {"frames": 120, "seconds": 4.0, "people_found": 1, "frames_with_pose": 119}
    done |= {"input": "a.mp4", "outcome": "ok", "detail": "", "folder": "a b#1"}
    done |= {"angles_ok": 20, "angles_refused": 4}
    failed = {
        "input": "b.mp4",
        "outcome": "no dancer found",
        "detail": "nobody; film the whole body",
        "folder": "",
    }
    rows = [done, failed]
    page = Page(report.write_index(tmp_path / "index.html", rows).read_text("utf-8"))
    assert_inert(page)
    assert page.attributes("href") == ["./a%20b%231/report.html"]
    assert "1 of 2 clips analysed" in page.text and "no dancer found" in page.text
