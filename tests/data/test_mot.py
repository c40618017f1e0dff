"""MOT motion files: layout, round trip, and errors with a line number."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax.data.mot import read_mot, write_mot
from dance_jax.errors import InputError


def sample(seed, frames=20):
    random = np.random.default_rng(seed)
    columns = {f"angle_{i}": random.uniform(-400, 400, frames) for i in range(4)}
    return columns, np.cumsum(random.uniform(0.01, 0.05, frames))


@pytest.mark.parametrize("in_degrees", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_round_trip(tmp_path, seed, in_degrees):
    columns, time_s = sample(seed)
    comments = ["angles by dance_jax", "mean rate = 30"]
    write_mot(
        tmp_path / "a.mot", columns, time_s, in_degrees=in_degrees, name="Walk", comments=comments
    )
    back = read_mot(tmp_path / "a.mot")
    assert back.name == "Walk" and back.in_degrees is in_degrees
    assert back.comments == tuple(comments)
    assert list(back.columns) == list(columns)
    for name, values in columns.items():
        np.testing.assert_allclose(back.columns[name], values, atol=1e-7)
    np.testing.assert_allclose(back.time_s, time_s, atol=1e-7)


def test_layout(tmp_path):
    write_mot(tmp_path / "walk.mot", {"knee": [1.5, 2], "hip": [3, 4]}, [0.0, 0.04])
    data = (tmp_path / "walk.mot").read_bytes()
    assert b"\r" not in data
    assert data.decode().split("\n") == [
        "walk",
        "version=1",
        "nRows=2",
        "nColumns=3",
        "inDegrees=yes",
        "",
        "endheader",
        "time\tknee\thip",
        "0.00000000\t1.50000000\t3.00000000",
        "0.04000000\t2.00000000\t4.00000000",
        "",
    ]


def test_misuse_is_refused(tmp_path):
    path = tmp_path / "a.mot"
    for columns, times, words in (
        ({}, [0.0], "at least one"),
        ({"a": [np.nan, 1]}, [0, 1], "finite"),
        ({"a": [1]}, [0, 1], "finite and"),
        ({"a b": [1, 2]}, [0, 1], "one word"),
        ({"time": [1, 2]}, [0, 1], "one word"),
        ({"a": [1, 2]}, [1, 1], "increasing"),
    ):
        with pytest.raises(ValueError, match=words):
            write_mot(path, columns, times)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        (7, "no end", "endheader"),
        (3, "nRows=9", "nRows=9"),
        (4, "nColumns=9", "nColumns=9"),
        (5, "inDegrees=maybe", "inDegrees"),
        (8, "a\tb\tc", "begin with time"),
        (9, "0.0\t1", "2 cells for 3"),
        (10, "0.1\tx\t1", "not a number"),
    ],
)
def test_errors_name_file_and_line(tmp_path, line, text, words):
    path = tmp_path / "a.mot"
    write_mot(path, {"knee": [1.5, 2], "hip": [3, 4]}, [0.0, 0.04])
    lines = path.read_text().split("\n")
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=words) as error:
        read_mot(path)
    assert "a.mot:" in str(error.value)
    if line > 7:
        assert f"a.mot:{line}" in str(error.value)
