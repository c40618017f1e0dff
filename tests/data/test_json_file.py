"""Bounded JSON: the same values as the standard library, one element at a time, typed errors."""

from __future__ import annotations

import json
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dance_jax.data import json_file
from dance_jax.errors import InputError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
WHOLE = st.lists(VALUES, max_size=6) | st.dictionaries(st.text(), VALUES, max_size=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("json") / "a"


def has_infinity(value):
    if isinstance(value, float):
        return math.isinf(value)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_infinity, parts))


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    whole=WHOLE, window=st.integers(60, 200), indent=st.sampled_from([None, 1]), bom=st.booleans()
)
def test_the_same_as_the_standard_library(path, whole, window, indent, bom) -> None:
    hypothesis.assume(not has_infinity(whole))
    text = json.dumps(whole, indent=indent, ensure_ascii=bom)
    try:
        path.write_text(text, "utf-8-sig" if bom else "utf-8")
    except UnicodeEncodeError:
        hypothesis.reject()  # half a surrogate pair is no UTF-8
    assert json_file.read_json(path) == whole
    parts = list(enumerate(whole) if isinstance(whole, list) else whole.items())
    assert list(json_file.elements(path)) == parts
    small = json_file._Window(path, window)
    longest = max((len(json.dumps([v], indent=indent)) for _, v in parts), default=0)
    if isinstance(whole, list) and 2 * longest < window:  # the window moves over the file
        assert [value for _, value in json_file._elements(small)] == whole


def plain(text):
    """What the standard library reads, without what only this reader refuses; else None."""
    try:
        known = json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs))
        again = json.loads(text)
    except ValueError:
        return None
    return again if once(known) and isinstance(again, list | dict) else None


def once(value):
    if isinstance(value, tuple):
        names = [name for name, _ in value[1]]
        return len(set(names)) == len(names) and all(once(part) for _, part in value[1])
    return all(map(once, value)) if isinstance(value, list) else True


@hypothesis.settings(max_examples=120)
@hypothesis.given(text=st.text('[]{},:"\\ntrue0123e-. \n', max_size=40) | st.text(max_size=20))
def test_any_text_is_read_as_json_or_refused(path, text) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))
    try:
        found = json_file.read_json(path)
    except InputError:
        found = None
    assert found == plain(path.read_bytes())


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "the end of the file"),
        ("[1,\n2", 2, "the end of the file"),
        ("[\n\n1 2]", 3, "'2' where one of"),
        ('{"a": 1,\n"a": 2}', 2, "'a' occurs twice"),
        ('[{"b": 1, "b": 2}]', 1, "'b' occurs twice in one object"),
        ("[" * 70 + "]" * 70, 1, "nested over 64 deep"),
        ("[" * 1_000_000, 1, "nested over 64 deep"),
        ("[Infinity]", 1, "Infinity"),
        ("[" + "9" * 5000 + "]", 1, "4300 digits"),
        ("[1]\n[2]", 2, "follows the end"),
        ("[\n'a']", 2, "Expecting value"),
        ('["' + "a" * (7 << 20) + '"]', 1, "over 6 MiB"),
    ],
)
def test_errors_say_the_line(path, text, line, what) -> None:
    path.write_text(text)
    with pytest.raises(InputError, match=what) as told:
        list(json_file.elements(path))
    assert told.value.where.split(", ")[0] == f"{path}:{line}"


def test_errors_say_the_column(path) -> None:
    path.write_text('[1,\n {"é": 2, "b": Infinity}]')
    with pytest.raises(InputError) as told:
        json_file.read_json(path)
    assert told.value.where == f"{path}:2, column 16"
    path.write_text("[" + "123456, " * 50 + "x, 1]")  # the window has moved on by then
    with pytest.raises(InputError) as told:
        list(json_file._elements(json_file._Window(path, 60)))
    assert told.value.where == f"{path}:1, column 402"


def test_not_utf8_a_folder_and_too_much(path, tmp_path, monkeypatch) -> None:
    path.write_bytes(b'["\xff"]')
    with pytest.raises(InputError, match="UTF-8"):
        json_file.read_json(path)
    for bad, what in ((tmp_path, "regular file"), (tmp_path / "none", "regular file")):
        with pytest.raises(InputError, match=what):
            json_file.read_json(bad)
    path.write_text("[" + "[]," * 200 + "1]")
    monkeypatch.setattr(json_file, "MAX_MEMORY", 20_000)
    with pytest.raises(InputError, match="would take over"):
        json_file.read_json(path)
    assert sum(1 for _ in json_file.elements(path)) == 201  # one at a time is no trouble


@pytest.mark.parametrize(
    ("values", "count", "what"),
    [
        ({}, None, "an object, not a list"),
        ("12", None, "text, not a list"),
        ([1, 2], 3, "has 2 numbers, not 3"),
        ([1, "2"], None, "number 1 is text"),
        ([1, True], None, "number 1 is true or false"),
        ([1e10], None, "beyond 1e9"),
        ([10**400], None, "beyond 1e9"),
        ([float("inf")], None, "beyond 1e9"),
    ],
)
def test_numbers_refused(values, count, what) -> None:
    with pytest.raises(InputError, match=what):
        json_file.numbers(values, "here", count)


def test_numbers() -> None:
    found = json_file.numbers([1, None, 2.5, float("nan")], "here")
    assert np.array_equal(found, [1, np.nan, 2.5, np.nan], equal_nan=True)
