"""The report's movement part: indices named as such, proxies out of the summary, no verdicts."""

from __future__ import annotations

import dataclasses
import re

import pytest

from dance_jax.analysis import plots, report_movement
from dance_jax.analysis.outputs import to_json
from dance_jax.biomech import catalogue
from dance_jax.biomech.measure import KINDS
from tests.analysis import moving
from tests.analysis.page import assert_inert, make

NOT_VALIDATED = "kinematic index, not validated against human ratings"
DISCLAIMER = "This is no medical device"
VERDICTS = re.compile(
    r"\b(injur\w*|health\w*|patholog\w*|diagnos\w*|disease\w*|patient\w*|pain|risk\w*|harm\w*|"
    r"damag\w*|unsafe|dangerous|disorder\w*|therap\w*|clinical\w*|wound\w*|impair\w*)\b",
    re.IGNORECASE,
)
KINDS_OF_CLIP = ("space", "picture", "measured picture")


def changed(person, **fields):
    """The person with every stated proxy or index changed."""
    return dataclasses.replace(
        person, measures=tuple(dataclasses.replace(m, **fields) for m in person.measures)
    )


@pytest.fixture(scope="module", params=KINDS_OF_CLIP)
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    analysis = moving.analysed(request.param)
    plots.write_plots(folder / "plots", analysis)
    return analysis, folder, *make(folder, analysis)


def test_the_page_opens_loads_nothing_and_runs_nothing(written):
    _, _, text, page = written
    assert_inert(page)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'") and "script-src" not in policy
    assert "unsafe" not in policy and "*" not in policy
    assert not re.search(r"\b(nan|None|inf|undefined)\b", page.text)
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)


def test_every_stated_measure_is_shown_and_every_refused_one_gives_its_reason(written):
    analysis, _, _, page = written
    for row in moving.movement_rows(analysis.people[0]).values():
        if row.status == "ok":
            assert row.label in page.text, row.key
        else:
            assert row.reason in page.text, row.key


def test_no_injury_and_no_health_statement_outside_the_disclaimer(written):
    text = written[3].text
    assert DISCLAIMER in text
    start = text.index(DISCLAIMER)
    end = min(start + 400, len(text))
    found = VERDICTS.findall(text[:start] + text[end:])
    assert not found, found


def test_every_index_is_called_one_in_page_and_json(written):
    analysis, _, _, page = written
    person = analysis.people[0]
    assert KINDS["index"] == NOT_VALIDATED
    for section in report_movement.sections(person):
        indices = {m.label for m in person.measures if m.kind == "index" and m.status == "ok"}
        for row in section["rows"]:
            assert (row["kind"] == NOT_VALIDATED) == (row["label"] in indices)
        if section["group"] in ("effort", "composite"):
            assert section["kind"] == NOT_VALIDATED
    assert NOT_VALIDATED in page.text and NOT_VALIDATED.capitalize() in page.text
    rows = to_json(analysis)["people"][0]["measures"]
    assert {row["kind_meaning"] for row in rows if row["kind"] == "index"} == {NOT_VALIDATED}
    assert all(row["kind_meaning"] == KINDS[row["kind"]] for row in rows)
    kinds = {row["key"]: row["kind"] for row in rows}
    for key in catalogue.MEASURES:
        if key.split(".")[0] in ("effort", "composite"):
            assert kinds[key] == "index", key


def test_every_measure_names_its_source_in_json_and_page(written):
    analysis, _, _, page = written
    rows = {row["key"]: row for row in to_json(analysis)["people"][0]["measures"]}
    for key, definition in moving.ROWS_STATED.items():
        assert rows[key]["source"] == definition.source
    listed = report_movement.sources(analysis.people)
    stated = [m for m in moving.movement_rows(analysis.people[0]).values() if m.status == "ok"]
    told = dict(listed)
    assert set(told) == {m.source or report_movement.OWN for m in stated}
    assert len(told) > 8 and listed[-1][0] == report_movement.OWN
    for m in stated:
        assert m.label in told[m.source or report_movement.OWN]
        assert m.source[1:] in page.text  # its first letter may be a capital there
    assert "Definitions and sources" in page.text
    folded = [k for k, (tag, _) in enumerate(page.tags) if tag == "details"]
    assert folded and all("open" not in page.tags[k][1] or k < folded[-1] for k in folded)


def test_proxies_stay_out_of_the_summary():
    person = moving.person("space")
    proxies = [m for m in person.measures if m.kind == "proxy" and m.status == "ok"]
    assert len(proxies) > 8
    told = report_movement.summary(person)
    without = tuple(m for m in person.measures if m.kind != "proxy")
    assert report_movement.summary(dataclasses.replace(person, measures=without)) == told
    # Nor does any measure enter once it is called a proxy.
    assert not [
        text
        for text in report_movement.summary(changed(person, kind="proxy"))
        if not text.startswith("Music")
    ]
    assert "moment" not in " ".join(told).lower() and "force" not in " ".join(told).lower()


def test_the_summary_rests_on_stated_measures_only():
    person = moving.person("space")
    told = report_movement.summary(person)
    assert len(told) >= 4
    refused = changed(person, status="refused", value=123456.0)
    left = report_movement.summary(refused)
    assert not any("123456" in text or "123,456" in text for text in left)
    assert len(left) <= 1  # the reason for no music


@pytest.mark.parametrize("share", [0.234, 0.0, 1.0])
def test_shares_are_told_in_percent(share):
    person = moving.person("space")
    measures = tuple(
        dataclasses.replace(m, value=share, low=max(share - 0.1, 0.0), high=min(share + 0.1, 1.0))
        if m.key == "balance.share_outside"
        else m
        for m in person.measures
    )
    person = dataclasses.replace(person, measures=measures)
    text = next(t for t in report_movement.summary(person) if "beyond the outer edges" in t)
    assert f"{100 * share:.0f} %" in text
    rows = next(s for s in report_movement.sections(person) if s["group"] == "balance")["rows"]
    row = next(r for r in rows if "outside" in r["label"])
    assert row["unit"] == "%" and float(row["value"]) == pytest.approx(100 * share, abs=0.1)


def test_no_section_without_a_stated_measure():
    person = moving.person("space")
    shown = [section["group"] for section in report_movement.sections(person)]
    order = [group for group in report_movement.SECTIONS if group in shown]
    assert shown == order and set(shown) >= {"balance", "energy", "dynamics", "effort", "rhythm"}
    assert not report_movement.sections(changed(person, status="refused", value=None))
    without = moving.person("picture")
    assert "energy" not in [section["group"] for section in report_movement.sections(without)]
    groups = {row.group for row in moving.ROWS_STATED.values()}
    assert groups == set(report_movement.SECTIONS)


def test_the_cutoff_and_what_hangs_on_it_are_told():
    person = moving.person("space")
    text = report_movement.cutoff_note(person)
    assert f"{person.cutoff['cutoff_hz']:.1f} Hz" in text and "residual analysis" in text
    assert "SPARC" in text and "4 to 12 Hz" in text
    assert report_movement.cutoff_note(dataclasses.replace(person, cutoff={})) == ""


def test_an_interval_is_shown_beside_its_value_and_none_is_invented():
    person = moving.person("space")
    by_label = {m.label: m for m in moving.movement_rows(person).values()}
    for section in report_movement.sections(person):
        for row in section["rows"]:
            measure = by_label[row["label"]]
            assert (row["low"] is None) == (measure.low is None)
    told = " ".join(report_movement.summary(changed(person, low=None, high=None)))
    assert "95 %" not in told
