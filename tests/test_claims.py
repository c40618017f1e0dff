"""The table of claims is up to date, every figure in it is measured, and no claim becomes one."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from tests import claims_page, claims_table

CONTENT = json.loads(claims_table.CLAIMS.read_text("utf-8"))
STORED = {
    "versions": {"commit": "0123456789"},
    "data": "ten made clips",
    "command": "python -m made",
    "n": 10,
    "made": {
        "deep": {"value": 0.5, "interval": [0.25, 0.75], "interval_is": "95 %", "n": 7},
        "bare": {"value": 3.0},
    },
    "rows": [
        {"what": "a", "seconds": 2.0, "frames": 8, "n": 5},
        {"what": "b", "seconds": 4.0, "frames": 8, "n": 5},
    ],
}
POINTER = {"what": "made", "file": "docs/made.json", "key": ["made", "deep"]}


def one_claim(**changed: Any) -> dict[str, Any]:
    """The content with one claim, which points to STORED."""
    claim = {
        "id": "made",
        "group": "style",
        "quantity": "accuracy",
        "value": 12.5,
        "unit": "%",
        "source": [{"document": "choreai", "section": "Abstract"}],
        "measured": [POINTER | {"stored_unit": "share"}],
    }
    return CONTENT | {"claims": [{k: v for k, v in (claim | changed).items() if v is not None}]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "made.json").write_text(json.dumps(STORED), "utf-8")
    return tmp_path


def row(content: dict[str, Any], folder) -> dict[str, Any]:
    return claims_table.table(content, folder)[0]["claims"][0]


def test_the_page_is_that_of_its_inputs() -> None:
    """After a change of a figure or a claim: python -m tests.claims_table."""
    page, values, _ = claims_table.texts()
    assert claims_table.PAGE.read_text("utf-8") == page
    assert claims_table.PAGE.with_suffix(".json").read_text("utf-8") == values


def test_every_claim_is_shown_with_its_source() -> None:
    page, values, _ = claims_table.texts()
    rows = json.loads(values)["claims"]
    assert [r["id"] for r in rows] == [c["id"] for c in CONTENT["claims"]]
    lines = page.splitlines()
    for claim in CONTENT["claims"]:
        names = [CONTENT["documents"][s["document"]]["name"] for s in claim["source"]]
        start = f"| {claim['quantity']} | {claims_page.claimed(claim)} | {names[0]}: "
        assert any(line.startswith(start) for line in lines), start
    for text in (page, values, claims_table.CLAIMS.read_text("utf-8")):
        assert not re.search(r"/work|/home|/tmp|seeds/", text)


def test_every_figure_has_n_data_command() -> None:
    found, _ = claims_table.table(CONTENT)
    figures = [one for r in found["claims"] for one in r["measured"]]
    assert figures
    for one in figures:
        assert one["n"] and one["data"] and one["command"] and one["file"].startswith("docs/")
    for r in found["claims"]:
        assert r["measured"] or r["not_measured"]
    counts = found["counts"]
    assert sum(counts.values()) == 2 * counts["claimed"] == 2 * len(CONTENT["claims"])


def test_no_claimed_number_reaches_the_measured_column() -> None:
    """With every claim changed, the figures are the same; without a figure there is no digit."""
    changed = copy.deepcopy(CONTENT)
    for claim in changed["claims"]:
        claim["value"] = 987654.25
    before, after = (claims_table.table(c)[0] for c in (CONTENT, changed))
    assert [r["measured"] for r in before["claims"]] == [r["measured"] for r in after["claims"]]
    measured = {}
    for found in (before, after):
        page = claims_page.page(found)
        tables = [t for t in page.split("\n\n") if t.startswith("| quantity")]
        cells = [
            [cell.strip() for cell in line.split("|")[4:-1]]
            for t in tables
            for line in t.splitlines()[2:]
        ]
        assert len(cells) == sum(
            len(r["measured"]) + len(r["not_measured"]) for r in found["claims"]
        )
        with_figure = [c for c in cells if len(c) > 1 and c[0] != "–"]
        measured[id(found)] = with_figure
        assert len(with_figure) == sum(len(r["measured"]) for r in found["claims"])
        assert "987,654" not in str(with_figure)
    assert measured[id(before)] == measured[id(after)]


def test_a_figure_is_read_in_the_claims_unit(folder) -> None:
    (one,) = row(one_claim(), folder)["measured"]
    assert (one["value"], one["interval"], one["n"]) == (50.0, [25.0, 75.0], 7)
    assert (one["data"], one["command"]) == (STORED["data"], STORED["command"])
    page = claims_page.page(claims_table.table(one_claim(), folder)[0])
    wanted = "| 12.5 % | choreAI 2024: Abstract | 50.0 % (25.0 to 75.0) | 7 | made. Data: ten made"
    assert wanted in page
    assert "1. `python -m made` (commit 0123456), kept in docs/made.json. Intervals: 95 %." in page


def test_rows_ratios_and_what_stands_further_out(folder) -> None:
    rows = {"what": "made", "file": "docs/made.json", "key": ["rows", {"what": "b"}]}
    speed = rows | {"value": {"over": ["frames", "seconds"]}, "n": {"rounds": "n"}}
    (one,) = row(one_claim(unit="frames/s", measured=[speed]), folder)["measured"]
    assert (one["value"], one["n"], one["interval"]) == (2.0, {"rounds": 5}, None)
    bare = POINTER | {"key": ["made", "bare"]}
    (one,) = row(one_claim(unit="", measured=[bare]), folder)["measured"]
    assert (one["value"], one["n"], one["interval"]) == (3.0, 10, None)


def test_what_is_pending_fills_itself_in(folder) -> None:
    waits = POINTER | {"pending": "not measured yet", "stored_unit": "share"}
    elsewhere = waits | {"key": ["made", "later"]}
    found, odd = claims_table.table(one_claim(measured=[waits, elsewhere]), folder)
    (r,) = found["claims"]
    assert [one["value"] for one in r["measured"]] == [50.0]
    assert r["not_measured"] == [{"what": "made", "reason": "not measured yet"}]
    assert len(odd) == 1 and "'later'" in odd[0]
    stored = json.dumps(STORED).replace('"value": 0.5', '"value": null')
    (folder / "docs" / "made.json").write_text(stored, "utf-8")
    found, odd = claims_table.table(one_claim(measured=[waits]), folder)
    assert found["counts"]["measured"] == 0 and "null" in odd[0]
    (folder / "docs" / "made.json").unlink()
    found, odd = claims_table.table(one_claim(measured=[waits]), folder)
    assert found["counts"]["measured"] == 0 and found["counts"]["not measured yet"] == 1
    assert not odd


SHARE = {"stored_unit": "share"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no source": ({"source": []}, "needs a source"),
    "unknown document": ({"source": [{"document": "x", "section": "y"}]}, "a source is"),
    "no section": ({"source": [{"document": "shen", "section": " "}]}, "a source is"),
    "no number claimed": ({"value": None}, "value"),
    "a word claimed": ({"value": "62"}, "is no number"),
    "neither figure nor reason": ({"measured": []}, "figures or a reason"),
    "figure and reason": ({"reason": "not measured yet"}, "figures or a reason"),
    "own reason": ({"measured": [], "reason": "later"}, "a reason begins"),
    "own pending reason": ({"measured": [POINTER | {"pending": "soon"}]}, "a reason begins"),
    "number in the pointer": ({"measured": [POINTER | {"value": 62}]}, "no number of its own"),
    "number within": ({"measured": [POINTER | {"n": {"clips": 9}}]}, "no number of its own"),
    "the claims as figures": (
        {"measured": [POINTER | {"file": "docs/claims/claimed.json"}]},
        "no file of measured figures",
    ),
    "the table as figures": (
        {"measured": [POINTER | {"file": "docs/claimed_vs_measured.json"}]},
        "no file of measured figures",
    ),
    "a claim in a file": ({"measured": [POINTER | {"value": "claimed_h"}]}, "is a claim in"),
    "a claim on the way": ({"measured": [POINTER | {"key": ["claims", "a"]}]}, "is a claim in"),
    "outside": ({"measured": [POINTER | {"file": "../made.json"}]}, "no file of measured"),
    "no such file": ({"measured": [POINTER | {"file": "docs/no.json"}]}, "is not there"),
    "no such key": ({"measured": [POINTER | {"key": ["made", "no"]}]}, "no 'no'"),
    "no such row": ({"measured": [POINTER | {"key": ["rows", {"n": "5"}]}]}, "0 rows are"),
    "unknown unit": ({"unit": "kg", "measured": [POINTER | SHARE]}, "cannot be told"),
    "said twice": ({"measured": [POINTER | {"data": "mine"}]}, "by the file and by the pointer"),
    "no scalar": ({"measured": [POINTER | {"value": ["interval"]}]}, "no finite number"),
    "unknown key": ({"mesured": []}, "unknown keys"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(name, folder) -> None:
    changed, said = WRONG[name]
    with pytest.raises((claims_table.ClaimError, KeyError), match=said):
        claims_table.table(one_claim(**changed), folder)


@pytest.mark.parametrize("lost", ["n", "data", "command", "interval_is", "value"])
def test_a_figure_that_lacks_something_is_refused_even_if_pending(lost, folder) -> None:
    stored = copy.deepcopy(STORED)
    for place in (stored, stored["made"]["deep"]):
        place.pop(lost, None)
    if lost == "value":
        stored["made"]["deep"]["value"] = "0.5"
    (folder / "docs" / "made.json").write_text(json.dumps(stored), "utf-8")
    pointer = POINTER | SHARE | {"pending": "not measured yet"}
    with pytest.raises(claims_table.ClaimError, match=r"missing|finite"):
        claims_table.table(one_claim(measured=[pointer]), folder)


def test_an_id_is_given_once(folder) -> None:
    content = one_claim()
    content["claims"] *= 2
    with pytest.raises(claims_table.ClaimError, match="id"):
        claims_table.table(content, folder)


def test_numbers_are_readable() -> None:
    shown = {0.85: "0.850", 59.53: "59.5", 100.0: "100", 999.6: "1,000", 1234.5: "1,234"}
    shown |= {-3.04e-05: "-3.04e-05", 0.0: "0.00"}
    assert {value: claims_page.number(value) for value in shown} == shown
