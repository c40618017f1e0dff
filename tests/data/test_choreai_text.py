"""choreAI text: 100 rows a clip, label files of both kinds, two people in turns."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import choreai_text, load
from dance_jax.errors import InputError
from tests.data.people import people, same
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_round_trip(seed, tmp_path):
    clip, path = people(seed, duration_s=8.0), tmp_path / "X_train.txt"
    pose = clip.pose.copy()
    pose[5, 0, 9] = np.nan
    choreai_text.write(path, clip.replace(pose=pose))
    found = list(load.load_clips(path, fps=25))
    wanted, sure = skeleton.convert(pose, clip.confidence, "halpe26", "coco17")
    assert len(found) == 2 and [one.source["name"] for one in found] == ["0", "1"]
    assert same(np.concatenate([one.pose for one in found]), wanted)
    assert same(np.concatenate([one.confidence for one in found]), sure, 1e-6)
    assert all(one.source["dropped"] == () for one in found)  # nobody is interleaved
    assert load.load_clip(path, fps=25, clip="1").source["name"] == "1"


@pytest.mark.parametrize("each", [1, 100])
def test_labels_beside(each, tmp_path):
    path = tmp_path / "X_test.txt"
    choreai_text.write(path, people(SEEDS[0], duration_s=8.0))
    (tmp_path / "Y_test.txt").write_text("".join(f"{k}\r\n" * each for k in (3, 1)))
    assert [one.labels for one in load.load_clips(path, fps=25)] == [{"label": "3"}, {"label": "1"}]
    for text, what in (("1\n2\n3\n", "3 labels for 2 clips"), ("1\n2.5\n", "whole number")):
        (tmp_path / "Y_test.txt").write_text(text)
        with pytest.raises(InputError, match=what):
            list(load.load_clips(path, fps=25))
    (tmp_path / "Y_test.txt").write_text("1\n2\n" * 100)
    with pytest.raises(InputError, match="clip 0 has several labels"):
        list(load.load_clips(path, fps=25))


@pytest.mark.parametrize("seed", SEEDS)
def test_two_people_in_turns_are_told(seed, tmp_path):
    clip = people(seed, 2, duration_s=4.0)
    turns = clip.pose[np.arange(100) // 2 * 2, np.arange(100) % 2][:, None]
    made = clip.replace(pose=turns, confidence=clip.confidence[:, :1], person_ids=(1,))
    choreai_text.write(tmp_path / "x.txt", made)
    found = load.load_clip(tmp_path / "x.txt", fps=25)
    assert found.source["interleaved"] > 0.8 and "WARNING" in found.source["dropped"][0]
    assert choreai_text.interleaved(clip.pose[:, 0]) < 0.05


def test_other_texts(tmp_path):
    path = tmp_path / "a.txt"
    row = ",".join(["1"] * 51) + "\n"
    for text, what in (
        (row * 99, "has 99 rows"),
        (row * 50 + "1,2\n" + row * 49, "a.txt:51: the row has 2 numbers"),
        (row * 50 + row.replace("1", "x", 1) + row * 49, "a.txt:51, column 1: the cell 'x'"),
        (row * 50 + row.replace("1", "inf", 1) + row * 49, "a.txt:51, column 1: the cell 'inf'"),
        (row * 50 + row.replace("1", "2e9", 1) + row * 49, "a.txt:51, column 1: the number 2e9"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=what):
            list(load.load_clips(path, fps=25))
    for bad in (people(SEEDS[0]), people(SEEDS[0], 2, duration_s=4.0)):
        with pytest.raises(InputError, match="multiple of 100"):
            choreai_text.write(path, bad)
