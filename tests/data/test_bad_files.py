"""Every bad file is one line: the file, the place in it and the cause; and nothing hangs."""

from __future__ import annotations

import time

import pytest

from dance_jax.data import load
from dance_jax.errors import InputError
from tests.data.bad_files import BAD


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_in_one_line(bad, tmp_path) -> None:
    path = bad.make(tmp_path)
    options = {"fps": 25, "image_size": (640, 480)} | bad.options
    begun = time.process_time()
    with pytest.raises(InputError) as told:
        list(load.load_clips(path, format=bad.format, **options))
    line = told.value.line()
    assert "\n" not in line and str(path) in line, line
    assert not [word for word in bad.words if word not in line], line
    assert time.process_time() - begun < 5  # a hang, not a benchmark


def test_there_are_enough_and_they_differ() -> None:
    assert len({bad.name for bad in BAD}) == len(BAD) >= 40
