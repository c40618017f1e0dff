"""The task `evaluate` on finished runs: files, an inert page, and one line for what it refuses."""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest
from ml_collections import config_dict

from dance_jax import launch, rundir
from dance_jax.analysis import evaluate, seed_intervals, train_and_report, training_report
from tests.analysis.made_run import again, outcome, write_run
from tests.analysis.page import Page, assert_inert

STAMP = "random clips: the same dancers are on both sides, which leaks"


@pytest.fixture(autouse=True)
def few_draws(monkeypatch) -> None:
    monkeypatch.setattr(seed_intervals, "_DRAWS", 50)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    rng = np.random.default_rng(1)
    parts = [outcome(rng, 30, 12, 0), outcome(rng, 30, 12, 100)]
    by_seed = {0: parts, 3: [again(part, rng) for part in parts]}
    return write_run(tmp_path_factory.mktemp("runs") / "run", by_seed, stamp=STAMP)


def call(run: object, out: object, *more: str) -> int:
    words = [f"--config.run={run}", f"--workdir={out}", *more]
    return launch.main(["launch", "--config=configs/evaluate.py", *words])


def test_a_run_is_told_without_its_data(run, tmp_path, capsys) -> None:
    assert call(run, tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "told rightly" in said.out and said.err == ""
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    assert found["clips"] == 60 and found["groups"] == 12 and found["synthetic"]
    assert found["mean"] == pytest.approx(results_of(run)["mean"])
    assert found["left_out"] == ["few.mp4"] and found["stamp"] == STAMP
    assert [(one["fold"], one["seed"]) for one in found["folds"]] == [
        ("fold_01", 0),
        ("fold_01", 3),
        ("fold_02", 0),
        ("fold_02", 3),
    ]
    assert found["links"] == "gone is no longer where it was"
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    page = Page(text)
    assert_inert(page)
    gain = "ours +0.260 (+0.125 to +0.375)"
    for words in (STAMP, "SYNTHETIC DATA", "dancer_03", "+0.250", gain, "few.mp4", "a & b"):
        assert words in page.text, words
    assert "--config.run=run" in page.text and "It was trained by" in page.text
    assert "/secret/place" not in text and str(run.parent) not in text
    names = {f.stem for f in (tmp_path / "out" / "plots").iterdir()}
    drawn = ("scatter", "errors", "styles", "confusion", "reliability", "groups", "learning")
    assert names == {f"training_{name}" for name in drawn}
    assert text.count("data:image/png;base64,") == len(drawn)
    assert "<script" not in text  # a style is called so


def results_of(run: pathlib.Path) -> dict:
    return json.loads((run / "results.json").read_text("utf-8"))


def test_a_training_ends_with_its_page(run, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "trained"
    shutil.copytree(run, folder)
    monkeypatch.setattr(train_and_report.train, "run", lambda config, workdir: None)
    monkeypatch.setattr(training_report, "draw", lambda folder, told: {})
    config = config_dict.ConfigDict(json.loads((folder / "config.json").read_text("utf-8")))
    train_and_report.run(config, folder)
    text = (folder / "report.html").read_text("utf-8")
    assert "--workdir=out/train" in text and "--config.data=gone" in text
    assert results_of(folder) == results_of(run) and (folder / "evaluation.json").is_file()


def test_scores_alone_and_one_group_are_told(tmp_path) -> None:
    rng = np.random.default_rng(2)
    one = outcome(rng, 8, 1)
    bare = type(one)(
        one.names,
        one.groups,
        (),
        np.full(8, -1),
        np.zeros((8, 0)),
        {"aesthetic": one.truth["aesthetic"]},
        {"aesthetic": one.score["aesthetic"]},
        {},
    )
    folder = write_run(tmp_path / "run", {0: [bare]}, temperature=1.0)
    told = evaluate.of_run(folder, measures=False, examples=False)
    training_report.write(tmp_path, told)
    assert_inert(Page((tmp_path / "report.html").read_text("utf-8")))
    drawn = {f.stem for f in (tmp_path / "plots").iterdir()}
    assert drawn == {"training_scatter", "training_errors", "training_learning"}


def test_many_groups_do_not_make_an_endless_page(tmp_path) -> None:
    folder = write_run(tmp_path / "run", {0: [outcome(np.random.default_rng(5), 90, 90)]})
    told = evaluate.of_run(folder, measures=False, examples=False)
    training_report.write(tmp_path, told, plots=False)
    page = Page((tmp_path / "report.html").read_text("utf-8")).text
    assert "30 more are in evaluation.json" in page and "dancer_89" not in page
    assert len(json.loads((tmp_path / "evaluation.json").read_text())["by_group"]) == 90
    assert not (tmp_path / "plots").exists()


def broken(run: pathlib.Path, to: pathlib.Path, case: str) -> pathlib.Path:
    if case == "nothing":
        return to
    shutil.copytree(run, to)
    first = to / "folds" / "fold_01" / "seed_3" / "outcome.json"
    if case == "one fold is open":
        first.unlink()
    elif case == "no outcome":
        for file in to.glob("folds/*/*/outcome.json"):
            file.unlink()
    elif case == "no results":
        (to / "results.json").unlink()
    elif case == "cut outcome":
        first.write_text(first.read_text()[:200])
    elif case == "outcome of another kind":
        held = json.loads(first.read_text())
        rundir.write_json(first, {k: v for k, v in held.items() if k != "temperature"})
    elif case == "other scores":
        held = json.loads(first.read_text())
        column = {"other": [1.0] * len(held["names"])}
        rundir.write_json(first, held | {"truth": column, "score": column, "deviation": {}})
    elif case == "another task":
        rundir.write_json(to / "config.json", {"task": "validate"})
    elif case == "not a run":
        (to / "config.json").unlink()
    return to


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("nothing", "holds no config.json"),
        ("one fold is open", "no outcome of fold_01, seed 3; give its command again"),
        ("no outcome", "no fold of it has an outcome yet"),
        ("no results", "no results.json"),
        ("cut outcome", "not the outcome of a fold"),
        ("outcome of another kind", "not the outcome of a fold"),
        ("other scores", "other classes or scores"),
        ("another task", "the task 'validate'"),
        ("not a run", "holds no config.json"),
    ],
)
def test_what_cannot_be_told_is_one_line(run, tmp_path, capsys, case, words) -> None:
    assert call(broken(run, tmp_path / "run", case), tmp_path / "out") == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and words in said.err, said.err
    assert not (tmp_path / "out").exists()


def test_keys_of_other_data_need_other_data(run, tmp_path, capsys) -> None:
    for more in ("--config.part=test", "--config.mirror=yes", "--config.keep_trained=true"):
        assert call(run, tmp_path / "out", more) == 2
        assert "--config.data" in capsys.readouterr().err
    assert call(run, tmp_path / "out", f"--config.data={tmp_path}") == 2
    assert "kept no network" in capsys.readouterr().err
