"""The task `validate`: exit codes, files, and a page that holds all and runs nothing."""

from __future__ import annotations

import csv
import json
import re

import pytest

from dance_jax import launch
from tests.data.media import make_video, steady

HEADER = "video_file,aesthetic_score,style,rater_id,licence,consent"


@pytest.fixture
def corpus(tmp_path):
    """Six clips, rated by two raters."""
    root = tmp_path / "corpus"
    (root / "videos").mkdir(parents=True)
    (root / "annotations").mkdir()
    rows = [HEADER]
    for k in range(6):
        make_video(root / "videos" / f"v{k}.mp4", steady(5 + k))
        rows += [f"v{k}.mp4,{3 + k * 0.7 + 0.5 * r},waltz,r{r},CC BY,yes" for r in (1, 2)]
    (root / "annotations" / "all.csv").write_text("\n".join(rows))
    return root


def validate(corpus, workdir, *more: str) -> int:
    words = ["--config=configs/validate.py", f"--config.input={corpus}"]
    return launch.main(["launch", *words, *([f"--workdir={workdir}"] if workdir else []), *more])


def test_a_clean_corpus_exits_with_0(corpus, tmp_path, capsys) -> None:
    assert validate(corpus, tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "6 clips, no problem" in said.out and said.err == ""
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert (
        "None was found." in page
        and "ICC(2,1)" in page
        and "Noise ceiling" in page.replace("noise", "Noise")
    )
    assert "<script" not in page and not re.search(r"(?:src|href)=\"(?!#)", page)
    content = json.loads((tmp_path / "out" / "corpus.json").read_text("utf-8"))
    assert content["clean"] is True and content["statistics"]["clips"] == 6
    assert content["statistics"]["agreement"]["aesthetic_score"]["icc"]["ICC(3,1)"][
        0
    ] == pytest.approx(1)
    assert (tmp_path / "out" / "problems.csv").read_text().count("\n") == 1
    assert validate(corpus, None) == 0


def test_problems_exit_with_2_and_are_all_written(corpus, tmp_path, capsys) -> None:
    table = corpus / "annotations" / "all.csv"
    evil = '=HYPERLINK("x")<script>alert(1)</script>'
    table.write_text(
        table.read_text()
        .replace("v5.mp4,7", "v5.mp4,77")
        .replace(",waltz,", f',"{evil.replace(chr(34), chr(34) * 2)}",')
    )
    assert validate(corpus, tmp_path / "out") == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "errors and" in said.err and "problems.csv" in said.err
    assert "error   unknown style" in said.out and "score out of range" in said.out
    rows = list(csv.DictReader((tmp_path / "out" / "problems.csv").open(encoding="utf-8")))
    assert {r["kind"] for r in rows} == {"unknown style", "score out of range"}
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert validate(corpus, None, "--config.show=0") == 2
    assert "unknown style" in capsys.readouterr().out


def test_keys_reach_the_validator(corpus, tmp_path, capsys) -> None:
    table = corpus / "annotations" / "all.csv"
    table.write_text(table.read_text().replace("waltz", "zouk").replace("licence,consent", "a,b"))
    assert validate(corpus, None) == 2
    capsys.readouterr()
    mine = tmp_path / "mine.json"
    mine.write_text('[{"name": "zouk"}]')
    more = ("--config.require_licence=0", "--config.require_consent=0", f"--config.styles={mine}")
    assert validate(corpus, None, *more) == 0
    assert validate(tmp_path / "nothing", None) == 2


def test_the_stamp_of_a_given_split_is_shown(corpus, tmp_path) -> None:
    text = (corpus / "annotations" / "all.csv").read_text().splitlines()
    (corpus / "annotations" / "all.csv").unlink()
    (corpus / "annotations" / "train.csv").write_text("\n".join(text[:9]))
    (corpus / "annotations" / "test.csv").write_text("\n".join([HEADER, *text[9:]]))
    assert validate(corpus, tmp_path / "out") == 0
    assert "given split: not made here" in (tmp_path / "out" / "report.html").read_text("utf-8")
    content = json.loads((tmp_path / "out" / "corpus.json").read_text("utf-8"))
    assert len(content["split"]["parts"]["test"]) == 2


def test_the_prepare_task(corpus, tmp_path, capsys) -> None:
    words = ["--config=configs/prepare.py", f"--config.input={corpus}", "--config.seconds=0.2"]
    words += ["--config.min_seconds=0.1", "--config.side=64", f"--workdir={tmp_path / 'clips'}"]
    assert launch.main(["launch", *words]) == 0
    first = capsys.readouterr().out
    assert "6 videos, 0 kept as made" in first
    assert launch.main(["launch", *words]) == 0  # goes on: nothing is left to do
    assert "6 videos, 6 kept as made" in capsys.readouterr().out
    (corpus / "videos" / "v0.mp4").write_bytes(b"broken")
    other = [w for w in words if "workdir" not in w] + [f"--workdir={tmp_path / 'other'}"]
    assert launch.main(["launch", *other]) == 2
    assert "1 videos could not be read" in capsys.readouterr().err
    assert (tmp_path / "other" / "manifest.csv").is_file()
