"""What a comparison writes: whole or not at all, a page without scripts, links to the moment."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

from dance_jax.analysis import compare_outputs, compare_parts, compare_places, compare_report
from dance_jax.analysis.compare_channels import channels
from dance_jax.data import video
from tests.analysis import compare_dancers as made
from tests.analysis.page import Page, assert_inert
from tests.seeds import fresh

SEED = fresh(__name__, 1)[0]
TIME = np.arange(180) / 30.0
BUMP = np.clip((TIME - 2.0) / 0.3, 0, 1) * np.clip((4.0 - TIME) / 0.3, 0, 1)


@pytest.fixture(scope="module")
def found():
    teacher = made.analysis(made.swing(TIME, SEED), TIME, name="<b>teacher</b>.mp4")
    pose = made.swing(TIME, SEED, left_elbow=np.radians(60) * BUMP)
    return made.between(teacher, made.analysis(pose, TIME, name="student.mp4"), same_dance=True)


@pytest.fixture(scope="module")
def written(found, tmp_path_factory):
    target = tmp_path_factory.mktemp("compare")
    with compare_outputs.folder_for(target) as folder:
        for side in ("teacher", "student"):
            (folder / side / "overlay.mp4").write_bytes(b"made")
        compare_outputs.write(found, folder, (None, None))
        assert not (target / "report.html").exists()
    return target


def test_everything_is_there_and_nothing_half_made(written) -> None:
    names = {p.relative_to(written).as_posix() for p in written.rglob("*") if p.is_file()}
    wanted = {"compare.json", "report.html", "differences.csv", "aligned.csv", "parts.csv"}
    wanted |= {"compare.mp4", *(f"plots/{n}.png" for n in ("alignment", "map", "differences"))}
    assert wanted <= names and "plots/pair1.png" in names
    assert not [name for name in names if "partial" in name]


def test_an_error_leaves_nothing(tmp_path) -> None:
    with pytest.raises(RuntimeError), compare_outputs.folder_for(tmp_path) as folder:
        (folder / "compare.json").write_text("{}")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_the_json_says_what_was_found(found, written) -> None:
    content = json.loads((written / "compare.json").read_text("utf-8"))
    assert content["status"] == "ok" and content["alignment"]["tempo_ratio"] == 1.0
    assert len(content["differences"]) == len(found.differences) > 0
    assert [row["key"] for row in content["channels"]] == [c.key for c in channels()]
    for row in content["channels"]:
        refused = row["status"] == "refused"
        assert refused == bool(row["reason"]) == (row["mean_difference"] is None)
    assert content["agreement"]["kind"].startswith("kinematic index, not validated")
    assert 0 < content["agreement"]["value"] < 100
    assert set(content["files"]) <= {
        p.relative_to(written).as_posix() for p in written.rglob("*") if p.is_file()
    }


def test_the_page_is_inert_and_links_to_the_moment(found, written) -> None:
    text = (written / "report.html").read_text("utf-8")
    page = Page(text)
    assert_inert(page)
    assert "<b>teacher</b>" in page.text and "Left elbow" in page.text
    links = [h for h in page.attributes("href") if "overlay.mp4" in h]
    assert links
    first = found.differences[0]
    wanted = {
        f"./teacher/overlay.mp4#t={max(0.0, first.start_s - 0.5):.2f}",
        f"./student/overlay.mp4#t={max(0.0, first.student_start_s - 0.5):.2f}",
    }
    assert wanted <= set(links)
    assert all(re.fullmatch(r"\./(teacher|student)/overlay\.mp4#t=\d+\.\d\d", h) for h in links)
    for word in ("injur", "pain", "posture correction", "wrong posture"):
        assert word not in page.text.replace("no advice on health, injury or treatment", "").lower()


def test_tables_read_back(found, written) -> None:
    rows = list(csv.DictReader((written / "differences.csv").open(encoding="utf-8")))
    assert [float(r["value"]) for r in rows] == [d.value for d in found.differences]
    parts = list(csv.DictReader((written / "parts.csv").open(encoding="utf-8")))
    elbow = [r for r in parts if r["key"] == "left_elbow" and r["marked"] == "true"]
    assert elbow and all(float(r["end_s"]) > 1.5 for r in elbow)


def test_the_video_runs_on_the_teachers_clock(found, written) -> None:
    info = video.probe(written / "compare.mp4")
    span = found.alignment.time_s[-1] - found.alignment.time_s[0]
    assert info.duration_s == pytest.approx(span, abs=0.1)


def test_movements_that_do_not_match_show_the_reason_and_no_number(tmp_path) -> None:
    for k in range(1, 6):
        pair = [made.analysis(made.swing(TIME, SEED + n), TIME) for n in (0, k)]
        if not (other := made.between(*pair)).matched:
            break
    with compare_outputs.folder_for(tmp_path) as folder:
        compare_outputs.write(other, folder, (None, None))
    content = json.loads((tmp_path / "compare.json").read_text("utf-8"))
    assert content["status"] == "refused" and "could not be matched" in content["reason"]
    assert content["differences"] == [] and content["agreement"]["value"] is None
    assert content["alignment"]["tempo_ratio"] is content["alignment"]["offset_s"] is None
    assert all(row["mean_difference"] is None for row in content["channels"])
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert_inert(page)
    assert "could not be matched" in page.text and not (tmp_path / "compare.mp4").exists()


def test_counts_name_the_parts() -> None:
    grid = {"beats_s": np.arange(40) * 0.5, "first": 0, "source": "music"}
    places = compare_places.counted(grid, 0.2, 19.0)
    assert compare_places.where(places, 4.2) == "phrase 1, eight 2, count 1"
    assert compare_places.where(places, 17.8) == "phrase 2, eight 1, count 4"
    assert min(p.start_s for p in places) == 0.2 and max(p.end_s for p in places) == 19.0
    quarters = compare_places.counted({"reason": "too short"}, 0.0, 8.0)
    assert [p.name for p in quarters][::3] == ["first quarter", "last quarter"]
    assert "too short" in compare_places.rests_on({"reason": "too short"}, quarters)
    assert compare_places.clock(71.96) == "1:12.0"


def test_parts_average_what_lies_in_them(found) -> None:
    rows = compare_parts.rows(found)
    k = [c.key for c in channels()].index("right_shoulder")
    t = found.alignment.time_s
    for row in (r for r in rows if r["key"] == "right_shoulder"):
        inside = (t >= row["start_s"]) & (t < row["end_s"])
        assert row["difference"] == pytest.approx(np.nanmean(found.diff[inside, k]))


def test_limits_are_listed_with_their_sources() -> None:
    rows = compare_report.limit_rows()
    assert {"Elbow", "Timing", "Wrist, height"} <= {row["label"] for row in rows}
    assert all(row["limit"] > 0 for row in rows)
