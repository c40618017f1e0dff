"""The task `evaluate`: reads a training again, or tests its network on other data, and tells it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from dance_jax import logs, rundir
from dance_jax.analysis import (
    command_words,
    error_links,
    evaluate_corpus,
    human_raters,
    model_examples,
    seen_clips,
    training_report,
    training_words,
)
from dance_jax.analysis.error_links import Links
from dance_jax.analysis.evaluate_corpus import Tested
from dance_jax.analysis.evaluation import Evaluation
from dance_jax.analysis.model_examples import Shown
from dance_jax.analysis.report_text import pathless
from dance_jax.analysis.training_report import Told
from dance_jax.analysis.training_run import Run, read_run
from dance_jax.data.corpus import Corpus
from dance_jax.errors import ConfigError, InputError
from dance_jax.training import model, outcome_file, train
from dance_jax.training.examples import Examples


def run(config: Any, workdir: str | pathlib.Path) -> None:
    """Writes `evaluation.json`, `report.html` and `plots/` of a training or of its network.

    Args:
        config: as `configs/evaluate.py`.
        workdir: the run directory.

    Raises:
        InputError: the run is not finished, or it or the data cannot be used.
    """
    if config.data:
        told = of_corpus(config)
    else:
        for key, usual in (("part", "all"), ("mirror", "auto"), ("keep_trained", False)):
            if config[key] != usual:
                what = "it has a meaning with other data alone"
                raise ConfigError(what, f"--config.{key}", "give --config.data=CORPUS too")
        told = of_run(config.run, measures=config.measures, examples=config.examples)
    with rundir.staging(workdir) as folder:
        training_report.write(folder, told, plots=config.plots)
    for line in (*told.seen, *told.notes[:5], *_lines(told)):
        logs.note(line)
    logs.note(f"see {pathlib.Path(workdir) / training_report.PAGE}")


def _lines(told: Told) -> list[str]:
    return training_words.sentences(told.found)


def of_run(
    path: str | pathlib.Path,
    *,
    measures: bool = True,
    examples: bool = True,
    command: Sequence[str] = (),
) -> Told:
    """Returns what a finished training says; nothing is trained, and no test clip predicted again.

    Args:
        path: workdir of the task `train`.
        measures: compute movement measures, to see which go with the errors.
        examples: run the network on two clips, to see what it looks at.
        command: that made the page; the task `evaluate` by default.

    Raises:
        InputError: it is not finished, or damaged.
    """
    found = read_run(path)
    outcomes = list(found.by_seed.values())
    corpus, notes = _raters_of(found), []
    data, why = _data_of(found, wanted=measures or examples)
    if why and (measures or examples):
        notes.append(f"the data were not read again: {why}")
    score = error_links.score_of(tuple(outcomes[0].truth))
    made = Evaluation(
        found.by_seed,
        str(found.config["group_by"][0]),
        found.temperatures,
        str(found.results.get("stamp", "")),
        tuple(sorted({name for one in found.folds for name in one.left_out})),
        dict(found.results.get("baselines", {})),
        human_raters.raters_of(corpus, outcomes),
    )
    links: Links | str = "it was not asked for"
    if measures:
        links = why or error_links.of_examples(outcomes, data, score)
    shown: list[Shown] | str = "it was not asked for"
    if examples:
        shown = why or _shown_of_run(found, data)
    words = command or command_words.evaluate_words({"run": str(path)})
    return Told(
        "Training",
        made,
        found.config,
        found.versions,
        dict(found.results.get("data", {})),
        words,
        folds=found.folds,
        links=links,
        shown=shown,
        notes=(*notes, *found.results.get("data", {}).get("notes", ())),
    )


def of_corpus(config: Any) -> Told:
    """Returns what a run's network is worth on other data.

    Args:
        config: of the task `evaluate`, with `data`.

    Raises:
        InputError: as `evaluate_corpus.test`.
    """
    tested = evaluate_corpus.test(config)
    outcomes = [tested.outcome]
    raters = human_raters.raters_of(_with_raters(tested.examples.corpus, config.raters), outcomes)
    temperature = [tested.model.temperature] * len(tested.outcome)
    seed = int(tested.model.config.seeds[0])
    made = Evaluation(
        {seed: tested.outcome},
        tested.group_by,
        {seed: temperature},
        left_out=tested.left_out,
        raters=raters,
    )
    score = error_links.score_of(tuple(tested.outcome.truth))
    links: Links | str = "it was not asked for"
    if config.measures:
        links = error_links.of_examples(outcomes, tested.examples, score)
    shown: list[Shown] | str = "it was not asked for"
    if config.examples:
        shown = model_examples.of_outcome(tested.model, tested.examples, tested.outcome)
    given = {key: value for key, value in config.items() if key != "task"}
    stamp = ""
    if tested.overlap.seen and config.keep_trained:
        stamp = (
            f"{len(tested.overlap.seen)} of these clips were trained on or chosen with: the "
            "figures flatter the network."
        )
    trained = tested.model.facts["data"]
    return Told(
        "Evaluation on other data",
        made,
        rundir.as_json(tested.model.config),
        _trained_versions(tested),
        {**model.data_facts(tested.examples), "source": config.data},
        command_words.evaluate_words(given),
        trained_on=trained,
        links=links,
        shown=shown,
        seen=tested.overlap.sentences,
        overlap=tested.overlap.as_dict(),
        stamp=stamp,
        notes=tested.notes,
    )


def _trained_versions(tested: Tested) -> Mapping[str, Any]:
    folder = seen_clips.run_folder(tested.model)
    file = folder / rundir.VERSIONS_FILE if folder else pathlib.Path()
    if not file.is_file():
        return {"dance_jax": "a version that is not told"}
    return json.loads(file.read_text("utf-8"))


def _raters_of(found: Run) -> Corpus | None:
    corpus = seen_clips.corpus_of(str(found.config["data"]))
    return _with_raters(corpus, found.config.get("raters", ()))


def _with_raters(corpus: Corpus | None, raters: Sequence[str]) -> Corpus | None:
    """Returns the corpus with the ratings of these raters alone; of all for none."""
    if corpus is None or not raters:
        return corpus
    kept = tuple(r for r in corpus.ratings if r.rater in raters)
    return dataclasses.replace(corpus, ratings=kept)


def _data_of(found: Run, *, wanted: bool) -> tuple[Examples | None, str]:
    """Reads a training's data again, as far as that is cheap; returns them, or why they are not."""
    config = found.config
    if not wanted:
        return None, "it was not asked for"
    if config.get("poses") == "estimated" and not config.get("cache"):
        return None, "its poses were estimated from the videos and not kept (--config.cache)"
    if not pathlib.Path(config["data"]).exists():
        return None, f"{pathless(config['data'])} is no longer where it was"
    try:
        whole = model.restored_config(config)
        examples = train.examples_of(whole)
    except InputError as error:
        return None, error.line()
    except ValueError as error:
        return None, f"the training is of another version ({error})"
    known = {row.name for row in examples.rows}
    missing = [n for out in found.by_seed.values() for n in out.names if n not in known]
    if missing:
        return None, f"{missing[0]} and {len(missing) - 1} more tested clips are no longer there"
    return examples, ""


def _shown_of_run(found: Run, examples: Examples) -> list[Shown] | str:
    """Explains two test clips by the network of a fold, whose test clips they are."""
    kept = sorted(found.folder.glob(f"folds/*/seed_*/{model.FOLDER}/{model.FACTS}"))
    outcome = next(iter(found.by_seed.values()))
    if kept:
        place = kept[0].parent
        outcome = outcome_file.read(place.parent / outcome_file.NAME)
    elif (found.folder / model.FOLDER / model.FACTS).is_file():
        place = found.folder / model.FOLDER
    else:
        return (
            "the run kept no network: it has several folds, and neither save_model nor final is set"
        )
    return model_examples.of_outcome(model.load(place), examples, outcome)
