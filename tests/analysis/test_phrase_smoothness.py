"""Smoothness by part of the dance: the windows, their values, and where they are written."""

from __future__ import annotations

import csv
import dataclasses
import math

import numpy as np
import pytest

from dance_jax.analysis import exports, phrase_smoothness, report_phrases
from dance_jax.analysis.intervals import Draws
from dance_jax.biomech import smoothness
from dance_jax.biomech.movement import movement
from dance_jax.biomech.smoothness_rows import PARTS, WINDOW_S
from dance_jax.rhythm import counts
from tests.analysis import moving
from tests.analysis.page import assert_inert, make
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]


def grid(bpm: float, start_s: float, end_s: float, first: int = 0) -> dict:
    return {"beats_s": np.arange(start_s, end_s, 60 / bpm), "first": first, "source": "music"}


def dancing(seconds: float = 20.0, seed: int = SEED):
    """A dancer in space and the padded movement, with a clock that starts at 3 s."""
    dance = moving.dance(seed, seconds)
    found = dataclasses.replace(
        moving.person("space"), time_s=dance.time_s + 3.0, pose=np.asarray(dance.pose, np.float32)
    )
    size = 1024
    pose = np.full((size, 26, 3), np.nan, np.float32)
    pose[: len(dance.pose)] = dance.pose
    moved = movement(pose, (np.arange(size) / 30).astype(np.float32))
    return found, moved


@pytest.fixture(scope="module")
def dancer():
    return dancing()


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_windows_are_whole_named_and_on_the_beats(seed):
    rng = np.random.default_rng(seed)
    bpm, first = rng.uniform(70, 170), int(rng.integers(0, 8))
    beats = grid(bpm, 5.0, 60.0, first)
    found = phrase_smoothness.windows(beats, 4.0, 60.0)
    for kind, length in phrase_smoothness.KINDS.items():
        same = [w for w in found if w.kind == kind]
        assert same and len(same) <= len(beats["beats_s"][first:]) // length
        for n, window in enumerate(same):
            assert window.start_s == beats["beats_s"][first + n * length]
            assert window.end_s - window.start_s == pytest.approx(length * 60 / bpm)
            middle = window.start_s + 30 / bpm
            name = counts.label(middle, counts.grid_of_beats(beats["beats_s"], first))
            assert name.startswith(window.name) and name.count(",") >= window.name.count(",")
    assert phrase_smoothness.rests_on(beats, found)[0] == "music"


def test_what_the_end_cuts_short_is_left_out():
    beats = grid(120, 0.0, 20.0)  # 40 beats: a phrase and a quarter
    kinds = [w.kind for w in phrase_smoothness.windows(beats, 0.0, 20.0)]
    assert [kinds.count(k) for k in ("phrase", "eight", "beat")] == [1, 5, 40]
    cut = phrase_smoothness.windows(beats, 0.0, 19.0)
    assert [w.name for w in cut if w.kind == "eight"][-1] == "phrase 1, eight 4"
    assert all(w.end_s <= 19.0 + phrase_smoothness._FRAME_S for w in cut)


@pytest.mark.parametrize("beats", [{}, {"reason": "no tempo"}, grid(120, 0.0, 3.0)])
def test_without_an_eight_count_there_are_windows_of_two_seconds(beats):
    found = phrase_smoothness.windows(beats, 1.0, 10.97)
    assert [(w.start_s, w.end_s) for w in found] == [(1 + 2 * k, 3 + 2 * k) for k in range(5)]
    assert {w.kind for w in found} == {"window"}
    source, words = phrase_smoothness.rests_on(beats, found)
    assert source == "clock" and f"{WINDOW_S:g} s" in words
    assert beats.get("reason", "eight-count") in words


def test_values_are_those_of_the_measures(dancer):
    """The median over windows of 2 s is the measure of the catalogue, for every part."""
    person, moved = dancer
    person = dataclasses.replace(person, rhythm={})
    found = phrase_smoothness.with_phrases(person, moved).smoothness
    assert found["source"] == "clock" and len(found["windows"]) == 10
    whole = smoothness.summarise(moved)
    for measure, key in (("sparc", "sparc_window"), ("ldlj", "ldlj")):
        for part in PARTS:
            values = [row[measure][part] for row in found["windows"]]
            values = sorted(v for v in values if v is not None)
            middle = np.percentile(values, 50, method="linear")
            assert middle == pytest.approx(float(whole[f"smoothness.{key}_{part}"]), abs=0.02)


@pytest.mark.parametrize("seed", fresh(__name__ + "shaken", 2))
def test_a_shaken_part_of_a_smooth_dance_is_told_by_its_place(dancer, seed):
    person, moved = dancer
    rng = np.random.default_rng(seed)
    person = dataclasses.replace(person, rhythm={"grid": grid(120, 3.0, 23.0)})
    time_s = np.asarray(moved.time_s)
    phase = rng.uniform(0, 2 * np.pi, (26, 3))
    swing = 0.1 * np.sin(2 * np.pi * rng.uniform(0.3, 0.6) * time_s[:, None, None] + phase)
    pose = (np.asarray(moved.pose[:1]) + swing).astype(np.float32)
    shaken = pose.copy()
    part = slice(30 * 8, 30 * 12)  # the third eight-count of 4 s
    shaken[part, :, 0] += 0.03 * np.sin(2 * np.pi * 4 * time_s[part])[:, None]
    calm, rough = (
        phrase_smoothness.with_phrases(person, moved._replace(pose=p)).smoothness["windows"]
        for p in (pose, shaken)
    )
    eights = [k for k, row in enumerate(calm) if row["kind"] == "eight"]
    for measure in phrase_smoothness.MEASURES:
        drop = [rough[k][measure]["body"] - calm[k][measure]["body"] for k in eights]
        assert np.argmin(drop) == 2 and drop[2] < -0.5
        assert max(drop[0], drop[-1]) < 0.05 and min(drop[0], drop[-1]) > -0.05


def test_still_unseen_and_slow_parts_have_no_value(dancer):
    person, moved = dancer
    pose = np.array(moved.pose)
    pose[:, 9] = pose[0, 9]  # the left wrist in place
    pose[100, 10] = np.nan  # the right wrist missing in one window
    bare = dataclasses.replace(person, rhythm={})
    found = phrase_smoothness.with_phrases(bare, moved._replace(pose=pose)).smoothness
    assert all(row["sparc"]["left_wrist"] is None for row in found["windows"])
    missing = [row["sparc"]["right_wrist"] is None for row in found["windows"]]
    assert missing == [k == 1 for k in range(10)]
    slow = dataclasses.replace(bare, time_s=3.0 + np.arange(100) / 10, pose=person.pose[:100])
    refused = phrase_smoothness.with_phrases(slow, moved).smoothness
    assert set(refused["refused"]) == set(PARTS)
    assert all("frames a second" in why for why in refused["refused"].values())
    assert all(v is None for row in refused["windows"] for v in row["sparc"].values())


def test_intervals_hold_the_values_and_grow_with_scatter(dancer):
    person, moved = dancer
    bare = dataclasses.replace(person, rhythm={})
    widths = []
    for sd in (0.0005, 0.003):
        error = np.full(moved.pose.shape[:2], sd, np.float32)
        draws = Draws(moved, error, 6.0)
        found = phrase_smoothness.with_phrases(bare, moved, draws).smoothness["windows"]
        for row in found:
            low, value, high = (row[k]["body"] for k in ("sparc_low", "sparc", "sparc_high"))
            assert low <= value <= high <= 0
        widths.append(np.mean([r["sparc_high"]["body"] - r["sparc_low"]["body"] for r in found]))
    assert widths[1] > 2 * widths[0] > 0
    none = phrase_smoothness.with_phrases(bare, moved).smoothness["windows"]
    assert all(row["sparc_low"]["body"] is None for row in none)


def test_csv_has_every_window_and_value(tmp_path, dancer):
    person, moved = dancer
    person = dataclasses.replace(person, rhythm={"grid": grid(120, 3.0, 23.0)})
    person = phrase_smoothness.with_phrases(person, moved)
    exports.write_smoothness(tmp_path / "s.csv", person)
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(person.smoothness["windows"]) == 1 + 5 + 40
    for row, window in zip(rows, person.smoothness["windows"], strict=True):
        assert (row["kind"], row["name"]) == (window["kind"], window["name"])
        for part, value in window["sparc"].items():
            told = row[f"sparc_{part}"]
            assert (told == "") == (value is None)
            assert value is None or math.isclose(float(told), value)


def test_the_page_has_the_table_with_links_into_the_overlay(tmp_path):
    analysis = moving.analysed("space")
    _, page = make(tmp_path, analysis)
    assert "Smoothness by part of the dance" in page.text and "Described, not scored" in page.text
    assert not [x for x in page.attributes("href") if "overlay" in x]  # no overlay, no link
    (tmp_path / "overlay.mp4").write_bytes(b"no video")
    _, page = make(tmp_path, analysis)
    assert_inert(page)
    rows = analysis.people[0].smoothness["windows"]
    shown = [r for r in rows if r["kind"] in ("eight", "window")]
    links = [x for x in page.attributes("href") if x.startswith("./overlay.mp4#t=")]
    starts = [max(0.0, r["start_s"] - float(analysis.clip.time_s[0]) - 0.5) for r in shown]
    assert links == [f"./overlay.mp4#t={t:.2f}" for t in starts]


def test_many_eights_are_shown_by_phrase_and_none_is_an_empty_table(dancer):
    person, moved = dancer
    person = dataclasses.replace(person, rhythm={"grid": grid(120, 3.0, 23.0)})
    person = phrase_smoothness.with_phrases(person, moved)
    assert report_phrases.table(person, 3.0, True)["heading"] == "Eight-count"
    rows = person.smoothness["windows"]
    many = [row for row in rows if row["kind"] == "eight"] * 9
    many += [row for row in rows if row["kind"] == "phrase"]
    long = dataclasses.replace(person, smoothness=dict(person.smoothness) | {"windows": many})
    table = report_phrases.table(long, 3.0, True)
    assert table["heading"] == "Phrase" and len(table["rows"]) == 1
    assert table["rows"][0]["time"] == "0:00.0" and table["rows"][0]["end"] == "0:16.0"
    assert report_phrases.table(dataclasses.replace(person, smoothness={}), 3.0, True) == {}
