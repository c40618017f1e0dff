"""The page and the table of a corpus show its audit: groups by name, poses, the split's stamp."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax import launch
from dance_jax.analysis import corpus_page
from dance_jax.config_keys import KEYS
from dance_jax.data import splits
from dance_jax.data.corpus_audit import GROUP_BY
from dance_jax.data.corpus_poses import FRAMES
from dance_jax.data.layout import load_corpus
from dance_jax.data.statistics import summarise
from dance_jax.data.validate_corpus import validate
from tests.data.corpora import dance
from tests.data.pose_corpora import lay_out, posed


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Eight clips of four sources by name; the last holds movement of the first."""
    rng = np.random.default_rng(0)
    names = [f"film{k % 4}_{10 * k}_1" for k in range(8)]
    rows = [(name, ("waltz", "tango")[k % 2], posed(dance(rng, 3))) for k, name in enumerate(names)]
    first = rows[0][2].pose[:, 0]
    mixed = np.concatenate([first[10:60], rows[-1][2].pose[:40, 0]])
    mixed[:3] = np.nan
    rows[-1] = (*rows[-1][:2], posed(mixed))
    return lay_out(tmp_path_factory.mktemp("page") / "corpus", rows)


def written(found, folder) -> str:
    folder.mkdir()
    detection = found.poses.detection if found.poses else None
    corpus_page.write(folder, found, summarise(found.corpus, found.files, detection))
    return (folder / "report.html").read_text("utf-8")


def test_groups_and_poses_are_shown(corpus, tmp_path) -> None:
    found = validate(corpus)
    page = written(found, tmp_path / "out")
    lines = "\n".join(corpus_page.table_lines(found, 40))
    for text in (page.replace("&#39;", "'"), lines):
        assert "No dancer or source is annotated: grouped by the name's first part" in text
        assert "Poses: 8 of 8 clips compared" in text
        assert "tied clips: copied movement" in text and "The corpus is in one piece" in text
    assert "By source (by name)" in page and ">film0<" in page
    assert "the corpus</bdi>" in page  # the place of a problem, as seen from the corpus
    assert "1</b><span>warning</span>" in page and "0</b><span>ratings</span>" in page
    rows = list(csv.DictReader((tmp_path / "out" / "groups.csv").open()))
    assert [r["group"] for r in rows] == [f"film{k}" for k in (0, 0, 1, 1, 2, 2, 3, 3)]
    tied = {r["video_file"]: r["together"] for r in rows}
    assert tied["film0_0_1.mp4"] == tied["film3_70_1.mp4"] and len(set(tied.values())) == 7
    content = json.loads((tmp_path / "out" / "corpus.json").read_text("utf-8"))
    assert content["group"] == "source (by name)"
    assert content["groups_by_name"]["film2_20_1.mp4"] == {"source (by name)": "film2"}
    assert content["statistics"]["detection"]["n"] == 8
    assert content["statistics"]["detection"]["low"] == pytest.approx(87 / 90)
    assert content["audit"]["copies"]["found"] > 0


def test_the_stamp_of_random_clips_is_on_the_page_and_in_the_table(corpus, tmp_path) -> None:
    members = load_corpus(corpus)[0].members()
    split = splits.holdout(members, "clip", allow_random_clips=True)
    found = validate(corpus, split=split, poses=False)
    page = written(found, tmp_path / "out")
    assert '<div class="banner" role="note">random clips: leaks</div>' in page
    lines = corpus_page.table_lines(found, 40)
    assert any(line.startswith("audit: RANDOM CLIPS: LEAKS.") for line in lines)
    assert "Poses were not looked at" in page and "leak: random clips" in page
    content = json.loads((tmp_path / "out" / "corpus.json").read_text("utf-8"))
    assert content["split"]["stamp"] == "random clips: leaks"


def test_long_and_flat_tables_are_told_in_words() -> None:
    many = {f"d{k}": 60 - k for k in range(60)}
    table = corpus_page._table("dancer", many)
    assert len(table["rows"]) == 40 and table["note"] == "20 more values with 210 clips."
    assert corpus_page._table("camera", {"front": 9})["said"] == "front: all 9 clips."
    flat = corpus_page._table("source", {f"s{k}": 1 for k in range(24)})
    assert flat["said"] == "24 values, one clip each." and flat["rows"] == []


def test_the_keys_of_the_task(corpus, tmp_path, capsys) -> None:
    assert configs.load("configs/validate.py").pose_frames == FRAMES
    assert KEYS["validate"]["group_by"].choices == GROUP_BY
    members = load_corpus(corpus)[0].members()
    splits.holdout(members, "clip", allow_random_clips=True).save(tmp_path / "split.json")
    words = ["launch", "--config=configs/validate.py", f"--config.input={corpus}"]
    for more, said in (
        ("poses=0", "Poses were not looked at"),
        ("pose_frames=1000", "8 of 8 clips compared"),
        ("group_by=none", "Clips are not grouped"),
        (r"group_by=^(film)\d", "grouped by what"),
        (f"split={tmp_path / 'split.json'}", "audit: RANDOM CLIPS: LEAKS."),
    ):
        launch.main([*words, f"--config.{more}"])
        assert said in capsys.readouterr().out, more
    assert launch.main([*words, "--config.group_by=colour"]) == 2
    assert "group_by" in capsys.readouterr().err
