"""The task `evaluate` on other data: what was trained on is found, left out, and said."""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from dance_jax import config as configs
from dance_jax import launch, rundir
from dance_jax.analysis import evaluate_corpus, seen_clips
from dance_jax.data.synthetic_corpus import write_corpus
from dance_jax.data.synthetic_design import Design
from dance_jax.errors import InputError
from dance_jax.training import evaluate, model, outcome_file, train, training_set
from dance_jax.training.examples import from_corpus
from dance_jax.training.folds import Fold
from dance_jax.training.loop import Fitted
from dance_jax.training.network import task_of
from dance_jax.training.sources import loader_of
from dance_jax.training.state import Best
from dance_jax.training.task import inputs_of
from tests.analysis.page import Page, assert_inert

SMALL = {
    "fps": 10.0,
    "window_s": 1.0,
    "stride_s": 0.5,
    "group_by": ("dancer",),
    "pose_features": ("position", "velocity"),
    "pose_width": 4,
    "pose_depth": 1,
    "features": 4,
    "hidden": 4,
    "batch_size": 8,
    "seeds": (0,),
    "devices": 1,
    "weight_aesthetic": 1.0,
    "mirror_test": False,
}
STYLES = ("ballet_like", "hip_hop_like")
HELD = "synthetic_dancer_01"


def made(folder: pathlib.Path, seed: int, dancers: int = 3) -> pathlib.Path:
    size = {"width": 32, "height": 48, "seconds": 1.5, "fps": 20.0}
    design = Design(dancers=dancers, styles=STYLES, seed=seed, **size)
    write_corpus(folder, design)
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> pathlib.Path:
    return made(tmp_path_factory.mktemp("own") / "own", 0)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> pathlib.Path:
    return made(tmp_path_factory.mktemp("other") / "other", 5, 2)


@pytest.fixture(scope="module")
def run(own, tmp_path_factory) -> pathlib.Path:
    """A run with one fold whose network is as it was drawn: dancer 1 is its test part."""
    folder = tmp_path_factory.mktemp("run") / "run"
    config = configs.training()
    config.update({"data": str(own), "split": "holdout"} | SMALL)
    rundir.open_workdir(config, folder)
    examples = train.read(config)
    test = tuple(row.name for row in examples.rows if row.groups["dancer"] == HELD)
    learnt = examples.named({row.name for row in examples.rows} - set(test))
    task = task_of(config, learnt)
    batch = next(iter(loader_of(config, learnt, task.styles, train=False)))
    shapes = jax.eval_shape(
        lambda: task.module.init({"params": jax.random.key(0)}, inputs_of(batch))
    )
    rng = np.random.default_rng(1)
    variables = jax.tree.map(lambda x: rng.normal(0, 0.5, x.shape).astype(np.float32), shapes)
    place = folder / "folds" / "holdout" / "seed_0"
    place.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        alone = training_set.Seen(np.zeros((1, 1)), np.zeros(1, int), None)
        # What it sees of its training set is not asked here, and dear.
        patch.setattr(training_set, "seen", lambda *_, **__: alone)
        model.save(place / "model", config, task, variables, learnt, temperature=1.5)
    network = model.load(place)
    held = examples.named(test)
    said = evaluate_corpus.predictions(network, network.config, held, mirror=False)
    out = evaluate.outcome(said, held, network.styles, scores=network.scores, by="dancer")
    fitted = Fitted({}, Best("loss"), 1, (), 1.0)
    fold = Fold("holdout", (), (), test)
    outcome_file.write(place / outcome_file.NAME, out, fitted, fold, 0, 1.5)
    shutil.copytree(place / "model", folder / "model")
    return folder


def call(run, data, out, *more: str) -> int:
    still = ("--config.measures=false", "--config.examples=false", "--config.plots=false")
    words = ["--config=configs/evaluate.py", f"--config.run={run}", f"--config.data={data}"]
    return launch.main(["launch", *words, f"--workdir={out}", *still, *more])


def told(out: pathlib.Path) -> dict:
    assert_inert(Page((out / "report.html").read_text("utf-8")))
    return json.loads((out / "evaluation.json").read_text("utf-8"))


def test_new_clips_are_tested_whatever_their_names(run, own, other, tmp_path, capsys) -> None:
    assert call(run, other, tmp_path / "out") == 0
    assert "None of the 4 clips was trained on" in capsys.readouterr().out
    found = told(tmp_path / "out")
    assert found["clips"] == 4 and found["overlap"]["checked"] and not found["overlap"]["seen"]
    # The same dances of a generator with another seed: names alike, content not.
    assert len(found["overlap"]["same_name"]) == 4
    assert found["overlap"]["shared_groups"] == [HELD, "synthetic_dancer_02"]
    assert set(found["raters"]) == {"aesthetic"} and found["trained_on"]["clips"] == 4
    page = Page((tmp_path / "out" / "report.html").read_text("utf-8")).text
    assert "Were these clips trained on?" in page and "Evaluation on other data" in page
    assert str(own.parent) not in page and str(run.parent) not in page


def test_clips_that_were_trained_on_are_left_out_under_any_name(run, own, tmp_path) -> None:
    assert call(run, own, tmp_path / "a") == 0
    found = told(tmp_path / "a")
    assert found["clips"] == 2 and {row["group"] for row in found["predictions"]} == {HELD}
    assert len(found["left_out"]) == len(found["overlap"]["seen"]) == 4
    assert len(found["overlap"]["held_out"]) == 2
    held = json.loads((run / "folds/holdout/seed_0/outcome.json").read_text())
    for row, score in zip(found["predictions"], held["score"]["aesthetic"], strict=True):
        assert row["aesthetic"]["predicted"] == pytest.approx(score, abs=1e-5)
    copy = tmp_path / "copy"
    shutil.copytree(own, copy)
    rename(copy)
    network = model.load(run)
    config = evaluate_corpus._changed(network.config, as_given(copy))
    met = seen_clips.overlap(network, train.read(config))
    assert len(met.seen) == 4 and len(met.held_out) == 2 and not met.same_name
    assert all(name.startswith("renamed_") for name in met.seen)


def rename(corpus: pathlib.Path) -> None:
    """Gives every clip another name, in its files and in the table."""
    table = corpus / "annotations" / "clips.csv"
    table.write_text(table.read_text().replace("synthetic_ballet", "renamed_ballet"))
    table.write_text(table.read_text().replace("synthetic_hip", "renamed_hip"))
    for file in [*corpus.glob("*/synthetic_ballet*"), *corpus.glob("*/synthetic_hip*")]:
        file.rename(file.with_name(file.name.replace("synthetic_", "renamed_", 1)))


def as_given(data: pathlib.Path, **more):
    config = configs.load("configs/evaluate.py")
    config.update({"data": str(data), **more})
    return config


def test_kept_clips_are_stamped_and_gone_data_are_said(run, own, tmp_path, capsys) -> None:
    kept = tmp_path / "run"
    shutil.copytree(run, kept)
    only = tmp_path / "only"
    shutil.copytree(own, only)
    choose(only, lambda row: row["dancer_id"] != HELD)
    assert call(kept, only, tmp_path / "out") == 2
    assert "all of its clips were trained on" in capsys.readouterr().err
    assert call(kept, only, tmp_path / "out", "--config.keep_trained=true") == 0
    found = told(tmp_path / "out")
    assert found["clips"] == 4 and "flatter" in found["stamp"]
    facts = json.loads((kept / "model" / "model.json").read_text())
    facts["config"]["data"] = str(tmp_path / "moved")
    rundir.write_json(kept / "model" / "model.json", facts)
    met = seen_clips.overlap(
        model.load(kept),
        train.read(evaluate_corpus._changed(model.load(kept).config, as_given(only))),
    )
    assert not met.checked and "is not known" in met.sentences[0]


def choose(corpus: pathlib.Path, keep, change=None) -> None:
    """Keeps rows of the table of clips, changed where asked."""
    table = corpus / "annotations" / "clips.csv"
    rows = [row for row in csv.DictReader(table.open(encoding="utf-8")) if keep(row)]
    rows = [change(row) if change else row for row in rows]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for name in {p.name for p in (corpus / "videos").iterdir()} - {r["video_file"] for r in rows}:
        (corpus / "videos" / name).unlink()


def test_styles_that_were_not_taught_are_listed(run, other, tmp_path) -> None:
    data = tmp_path / "data"
    shutil.copytree(other, data)

    def change(row: dict) -> dict:
        return {**row, "style": "tango" if row["dancer_id"] == HELD else row["style"]}

    choose(data, lambda row: True, change)
    tested = evaluate_corpus.test(as_given(data, run=str(run)))
    assert len(tested.outcome) == 2 and len(tested.left_out) == 2
    assert tested.notes[0].startswith("2 clips of 'tango'")


def test_one_part_of_a_split_that_came_with_the_data(own) -> None:
    whole = from_corpus(own, fps=10.0, poses=False)
    entries = [
        dataclasses.replace(e, part="test" if e.groups["dancer"] == HELD else "train")
        for e in whole.corpus.clips
    ]
    corpus = dataclasses.replace(whole.corpus, clips=tuple(entries))
    given = dataclasses.replace(whole, corpus=corpus)
    found = evaluate_corpus._of_part(given, "test")
    assert len(found) == 2 and {row.groups["dancer"] for row in found.rows} == {HELD}
    with pytest.raises(InputError, match="its parts are test, train"):
        evaluate_corpus._of_part(given, "val")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no labels", "no clip of it has a label that the network predicts"),
        ("no such part", "came without a part 'test'"),
        ("no data", "no such file or folder"),
        ("no network", "model.json"),
    ],
)
def test_what_cannot_be_tested_is_one_line(run, other, tmp_path, capsys, case, words) -> None:
    data, more, asked = other, [], run
    if case == "no labels":
        data = tmp_path / "data"
        shutil.copytree(other, data)
        scores = ("precision", "expressiveness", "biomech_score", "aesthetic_score")
        bare = ("style", "rater_id", *scores)
        choose(
            data,
            lambda row: row["rater_id"].endswith("1"),
            lambda row: {k: v for k, v in row.items() if k not in bare},
        )
    elif case == "no such part":
        more = ["--config.part=test"]
    elif case == "no data":
        data = tmp_path / "nothing"
    else:
        asked = tmp_path / "empty"
        asked.mkdir()
    assert call(asked, data, tmp_path / "out", *more) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and words in said, said
    assert not (tmp_path / "out").exists()
