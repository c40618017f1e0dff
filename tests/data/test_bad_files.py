"""Every bad file is one line: the file, the place in it and the cause; and nothing hangs."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dance_jax.data import load
from dance_jax.errors import InputError
from tests.data.bad_files import BAD
from tests.data.bad_kinds import KIND_BAD, MARK
from tests.fuzz.seeds import BETWEEN, SEEDS

EVERY = [*BAD, *KIND_BAD]


@pytest.mark.parametrize("bad", EVERY, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_in_one_line(bad, tmp_path) -> None:
    path = bad.make(tmp_path)
    options = {"fps": 25, "image_size": (640, 480)} | bad.options
    begun = time.process_time()
    with pytest.raises(InputError) as told:
        list(load.load_clips(path, format=bad.format, **options))
    line = told.value.line()
    assert line.isprintable() and str(tmp_path) in line, line
    assert told.value.what and told.value.fix, line
    assert not [word for word in bad.words if word not in line], line
    assert time.process_time() - begun < 5  # a hang, not a benchmark


def test_there_are_enough_and_they_differ() -> None:
    assert len({bad.name for bad in EVERY}) == len(EVERY) >= 130


TEXT = ("alphapose", "openpose", "coco", "mediapipe_json", "mediapipe_csv", "choreai_text", "bvh",
        "trc")  # fmt: skip


@pytest.mark.parametrize("name", TEXT)
def test_a_mark_and_other_line_ends_change_nothing(name, tmp_path) -> None:
    data = SEEDS[name]()[0].split(BETWEEN)[0]
    read = []
    for k, made in enumerate((data, MARK + data.replace(b"\n", b"\r\n"))):
        path = tmp_path / f"{k}" / "a_1.json"
        path.parent.mkdir()
        path.write_bytes(made)
        clips = load.load_clips(path, format=name, fps=25, image_size=(640, 480))
        read.append(list(clips))
    assert len(read[0]) == len(read[1]) > 0
    for one, other in zip(*read, strict=True):
        np.testing.assert_array_equal(one.pose, other.pose)
        np.testing.assert_array_equal(one.time_s, other.time_s)
