"""Many inputs: folders, globs, bad files beside good ones, resuming, safe names, summaries."""

from __future__ import annotations

import html
import json
import pathlib

import numpy as np
import pytest

from dance_jax import logs
from dance_jax.analysis import batch
from dance_jax.data import tables
from dance_jax.errors import InputError, NoDancerFound
from tests.analysis.conftest import plain_video

QUIET = {"overlay": False, "plots": False, "report": False}


def test_one_file_a_folder_of_images_or_videos_or_a_glob(tmp_path):
    for name in ("b.mp4", "a.MOV", "c.webm", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.mkv").write_bytes(b"")
    images = tmp_path / "images"
    images.mkdir()
    (images / "1.PNG").write_bytes(b"")
    names = [path.name for path in batch.find_inputs(str(tmp_path))]
    assert names == ["a.MOV", "b.mp4", "c.webm"]
    assert batch.find_inputs(str(images)) == [images]
    assert batch.find_inputs(str(tmp_path / "b.mp4")) == [tmp_path / "b.mp4"]
    assert [p.name for p in batch.find_inputs(str(tmp_path / "*.mp4"))] == ["b.mp4"]
    everywhere = batch.find_inputs(str(tmp_path / "**" / "*.mk*"))
    assert [p.name for p in everywhere] == ["d.mkv"]
    cases = {tmp_path: True, images: False, tmp_path / "b.mp4": False, tmp_path / "b*": True}
    for given, many in cases.items():
        assert batch.is_many(str(given), batch.find_inputs(str(given))) is many


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path):
    (tmp_path / "take[1].mp4").write_bytes(b"")
    (tmp_path / "take1.mp4").write_bytes(b"")
    assert batch.find_inputs(str(tmp_path / "take[1].mp4")) == [tmp_path / "take[1].mp4"]


def test_nothing_there_is_one_line_with_a_mend(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_bytes(b"x")
    for given, words in (
        ("", "no input given"),
        (str(tmp_path / "empty"), "the folder is empty"),
        (str(tmp_path / "text"), "no video, no image and no poses"),
        (str(tmp_path / "none.mp4"), "no such file"),
        (str(tmp_path / "*.avi"), "no video matches"),
    ):
        with pytest.raises(InputError, match=words) as error:
            batch.find_inputs(given)
        assert "\n" not in error.value.line() and error.value.fix


def test_folder_names_are_unique_and_plain():
    paths = [
        pathlib.Path(name)
        for name in (
            "a.mp4", "x/a.mov", "A.avi", "../..mp4", "a b/c?d.mp4", "....mp4", "été 舞.mp4",
            "-rf.mp4", "a_2.mp4", "con<script>.mp4", ".mp4",
        )
    ]  # fmt: skip
    names = batch.subfolder_names(paths)
    assert len({name.lower() for name in names}) == len(paths)
    for name in names:
        assert name and not name.startswith(".") and not set(name) & set("/\\?*<>:| \"'")
    assert names[:3] == ["a", "a_2", "A_3"]


@pytest.fixture
def folder(tmp_path):
    """Two videos that can be read and one that cannot."""
    videos = tmp_path / "videos"
    videos.mkdir()
    plain_video(videos / "first.mp4", 30, 20.0)
    (videos / "middle.mp4").write_text("this is no video")
    plain_video(videos / "second.mp4", 36, 20.0)
    return videos


def test_one_bad_file_is_reported_and_the_others_are_done(made, folder, tmp_path):
    made()
    out = tmp_path / "out"
    batch.run_inputs(str(folder), QUIET, out)
    summary = tables.read_csv(out / "summary.csv").columns
    assert tuple(summary) == batch.SUMMARY_COLUMNS
    assert summary["input"] == ["first.mp4", "middle.mp4", "second.mp4"]
    assert summary["outcome"] == ["ok", "unreadable", "ok"]
    assert summary["folder"] == ["first", "", "second"]
    assert summary["detail"][1] and summary["detail"][0] == ""
    for shown in (summary["detail"][1], (out / "index.html").read_text("utf-8")):
        assert str(folder) not in shown
    assert [summary["frames"][k] for k in (0, 2)] == [30, 36]
    content = json.loads((out / "first" / "analysis.json").read_text())
    speed = next(m for m in content["people"][0]["measures"] if m["key"] == "speed.body.mean")
    assert summary["speed_body_mean"][0] == pytest.approx(speed["value"])
    states = [a["status"] for a in content["people"][0]["angles"].values()]
    assert summary["angles_ok"][0] == states.count("ok")
    assert not (out / "middle").exists()
    page = html.unescape((out / "index.html").read_text("utf-8"))
    assert all(name in page for name in ("first.mp4", "middle.mp4", "second.mp4"))


def rows_of(folder):
    return {row["step"]: row for row in logs.read_metrics(folder / "metrics.jsonl")}


def test_the_numbers_of_every_person_are_kept_as_metrics(made, folder, tmp_path):
    made(2)
    (folder / "middle.mp4").unlink()
    out = tmp_path / "out"
    options = QUIET | {"person": "all"}
    batch.run_inputs(str(folder), options, out)
    for name in ("first", "second"):
        people = json.loads((out / name / "analysis.json").read_text())["people"]
        rows = rows_of(out / name)
        assert sorted(rows) == [person["person_id"] for person in people] == [1, 2]
        for person in people:
            wanted = {m["key"]: m["value"] for m in person["measures"] if m["status"] == "ok"}
            row = rows[person["person_id"]]
            assert wanted and wanted.items() <= row.items()
            assert set(row) == set(wanted) | {"step", "time_s"}
        (events,) = (out / name).glob("events.*")
        assert b"speed.body.mean" in events.read_bytes()
    assert not (out / "metrics.jsonl").exists()


def test_metrics_follow_the_analysis(made, folder, tmp_path):
    made()
    out = tmp_path / "out"
    video = str(folder / "first.mp4")
    batch.run_inputs(video, QUIET, out)
    before = (out / "metrics.jsonl").read_bytes()
    batch.run_inputs(video, QUIET, out)
    assert (out / "metrics.jsonl").read_bytes() == before
    (out / "metrics.jsonl").write_text('{"step": 1, "time_s": 0.0, "old": 1.0}\n')
    batch.run_inputs(video, QUIET, out)  # as after a kill between the two
    assert "old" not in rows_of(out)[1] and "speed.body.mean" in rows_of(out)[1]
    (out / "metrics.jsonl").unlink()
    batch.run_inputs(video, QUIET, out)
    assert "speed.body.mean" in rows_of(out)[1] and len(list(out.glob("events.*"))) == 1
    assert not [p for p in out.iterdir() if p.name.startswith(".")]


def test_finished_clips_are_kept_and_changed_ones_done_again(made, folder, tmp_path):
    out = tmp_path / "out"
    first = made()
    batch.run_inputs(str(folder), QUIET, out)
    assert len(first.times) == 66
    kept = (out / "first" / "analysis.json").read_bytes()
    again = made()
    batch.run_inputs(str(folder), QUIET, out)
    assert again.times == [] and (out / "first" / "analysis.json").read_bytes() == kept
    assert tables.read_csv(out / "summary.csv").columns["outcome"] == ["ok", "unreadable", "ok"]

    plain_video(folder / "second.mp4", 40, 20.0)  # another video under the same name
    batch.run_inputs(str(folder), QUIET, out)
    assert len(again.times) == 40
    other = made()
    batch.run_inputs(str(folder), QUIET | {"filter_cutoff_hz": 5.0}, out)
    assert len(other.times) == 70
    (out / "first" / "analysis.json").write_text("{ broken")
    last = made()
    batch.run_inputs(str(folder), QUIET | {"filter_cutoff_hz": 5.0}, out)
    assert len(last.times) == 30


def test_an_interrupted_batch_goes_on_where_it_stopped(made, folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    estimator = made()
    plain = type(estimator).__call__

    def interrupted(self, rgb, time_s):
        if len(self.times) == 40:
            raise KeyboardInterrupt
        return plain(self, rgb, time_s)

    with monkeypatch.context() as patch:
        patch.setattr(type(estimator), "__call__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            batch.run_inputs(str(folder), QUIET, out)
    assert (out / "first" / "analysis.json").is_file()
    assert not (out / "second" / "analysis.json").exists()
    assert tables.read_csv(out / "summary.csv").columns["outcome"] == ["ok", "unreadable"]
    rest = made()
    batch.run_inputs(str(folder), QUIET, out)
    assert len(rest.times) == 36


def test_all_bad_is_an_error_that_quotes_the_first(made, folder, tmp_path):
    made(0)
    (folder / "middle.mp4").unlink()
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"none of 2 inputs.*no dancer found in 30 frames"):
        batch.run_inputs(str(folder), QUIET, out)
    summary = tables.read_csv(out / "summary.csv").columns
    assert summary["outcome"] == ["no dancer found"] * 2
    assert (out / "index.html").is_file()


def test_a_defect_is_not_taken_for_a_bad_file(made, folder, tmp_path, monkeypatch):
    estimator = made()
    monkeypatch.setattr(type(estimator), "__call__", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        batch.run_inputs(str(folder), QUIET, tmp_path / "out")


def test_a_wrong_option_stops_before_the_first_file(made, folder, tmp_path):
    estimator = made()
    with pytest.raises(InputError, match="persn"):
        batch.run_inputs(str(folder), QUIET | {"persn": "all"}, tmp_path / "out")
    assert estimator.times == []


def test_a_single_input_goes_into_the_run_directory_itself(made, folder, tmp_path):
    estimator = made()
    out = tmp_path / "out"
    batch.run_inputs(str(folder / "first.mp4"), QUIET, out)
    assert (out / "analysis.json").is_file() and not (out / "summary.csv").exists()
    batch.run_inputs(str(folder / "first.mp4"), QUIET, out)
    assert len(estimator.times) == 30
    made(0)
    with pytest.raises(NoDancerFound):
        batch.run_inputs(str(folder / "second.mp4"), QUIET, tmp_path / "other")


def test_a_hostile_file_name_stays_text(made, tmp_path):
    made()
    videos = tmp_path / "videos"
    videos.mkdir()
    name = "=1+1 <script>alert(1)<&.mp4"
    plain_video(videos / "ok.mp4", 20, 20.0).rename(videos / name)
    batch.run_inputs(str(videos), QUIET, tmp_path / "out")
    assert "<script>alert(1)" not in (tmp_path / "out" / "index.html").read_text("utf-8")
    raw = (tmp_path / "out" / "summary.csv").read_text("utf-8").splitlines()[1]
    assert not raw.lstrip('"').startswith("=")
    summary = tables.read_csv(tmp_path / "out" / "summary.csv").columns
    assert summary["input"] == [name] and np.asarray(summary["frames"]).tolist() == [20]
