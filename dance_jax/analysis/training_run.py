"""Reads what the task `train` left in its folder: every fold's outcome, its facts and its steps."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dance_jax import logs, rundir
from dance_jax.errors import InputError
from dance_jax.training import evaluate, outcome_file
from dance_jax.training.evaluate import Outcome
from dance_jax.training.train import RESULTS

_NAMED = 6  # trainings that an error names


@dataclasses.dataclass(frozen=True, eq=False)
class FoldFacts:
    """What is known of one training beside its outcome.

    Attributes:
        fold: its name.
        seed: of it.
        clips: that were tested.
        temperature: of the class probabilities, 1 where none was fitted.
        steps: that were done.
        seconds: that they took.
        best: "metric", "mode", "step" and "value" of the parameters that were taken.
        stopped: why it ended before its last step, "" where it did not.
        left_out: test clips that were not counted.
        stamp: of its split.
        rows: of `metrics.jsonl`, [] where the file is not there.
    """

    fold: str
    seed: int
    clips: int
    temperature: float
    steps: int
    seconds: float
    best: Mapping[str, Any]
    stopped: str
    left_out: tuple[str, ...]
    stamp: str
    rows: tuple[Mapping[str, Any], ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A training that has ended.

    Attributes:
        folder: of the run.
        config: it was started with.
        versions: of what computed it.
        results: what results.json holds.
        by_seed: seed -> the clips of all folds.
        temperatures: seed -> temperature of each clip's probabilities, in the same order.
        folds: of every fold and seed.
    """

    folder: pathlib.Path
    config: Mapping[str, Any]
    versions: Mapping[str, Any]
    results: Mapping[str, Any]
    by_seed: Mapping[int, Outcome]
    temperatures: Mapping[int, list[float]]
    folds: tuple[FoldFacts, ...]


def read_run(path: str | pathlib.Path) -> Run:
    """Reads the folder of a training; nothing is trained or predicted.

    Args:
        path: workdir of the task `train`.

    Raises:
        InputError: it is none, has no outcome, or is not finished: the trainings that are not are
            named.
    """
    folder = pathlib.Path(path)
    config = run_config(folder)
    places = sorted(p for p in (folder / "folds").glob("*") if p.is_dir())
    wanted = [(place, int(seed)) for place in places for seed in config["seeds"]]
    open_ones = [
        f"{place.name}, seed {seed}"
        for place, seed in wanted
        if not (place / f"seed_{seed}" / outcome_file.NAME).is_file()
    ]
    go_on = "give its command again: it goes on where it was"
    if len(open_ones) == len(wanted):
        raise InputError("no fold of it has an outcome yet", folder, go_on)
    if open_ones:
        more = f" and {len(open_ones) - _NAMED} more" if len(open_ones) > _NAMED else ""
        named = "; ".join(open_ones[:_NAMED]) + more
        raise InputError(f"it is not finished: no outcome of {named}", folder, go_on)
    if not (folder / RESULTS).is_file():
        # A fold that was not begun has no folder; the file of the results comes last.
        what = f"it is not finished: {len(places)} folds have an outcome, and no {RESULTS} is there"
        raise InputError(what, folder, go_on)
    parts: dict[int, list[Outcome]] = {int(seed): [] for seed in config["seeds"]}
    temperatures: dict[int, list[float]] = {seed: [] for seed in parts}
    facts = []
    for place, seed in wanted:
        file = place / f"seed_{seed}" / outcome_file.NAME
        found = outcome_file.read(file)
        told = _facts(file, len(found), place.name, seed)
        parts[seed].append(found)
        temperatures[seed] += [told.temperature] * len(found)
        facts.append(told)
    try:
        by_seed = {seed: evaluate.together(found) for seed, found in parts.items()}
    except ValueError as error:
        raise InputError(str(error), folder / "folds", "train again in a new folder") from error
    return Run(
        folder,
        config,
        _json(folder / rundir.VERSIONS_FILE),
        _json(folder / RESULTS),
        by_seed,
        temperatures,
        tuple(facts),
    )


def run_config(folder: pathlib.Path) -> dict[str, Any]:
    """Returns the config of a run of the task `train`.

    Raises:
        InputError: the folder holds none.
    """
    fix = "give the workdir of the task train"
    if not (folder / rundir.CONFIG_FILE).is_file():
        raise InputError(f"it holds no {rundir.CONFIG_FILE}", folder, fix)
    config = _json(folder / rundir.CONFIG_FILE)
    if config.get("task") != "train" or not config.get("seeds"):
        raise InputError(f"it is a run of the task {config.get('task')!r}", folder, fix)
    return config


def _facts(file: pathlib.Path, clips: int, fold: str, seed: int) -> FoldFacts:
    held = _json(file)
    steps = file.with_name(logs.METRICS_FILE)
    try:
        return FoldFacts(
            fold,
            seed,
            clips,
            float(held["temperature"]),
            int(held["steps"]),
            float(held["seconds"]),
            dict(held["best"]),
            str(held["stopped"] or ""),
            tuple(held["left_out"]),
            str(held["stamp"]),
            tuple(logs.read_metrics(steps)) if steps.is_file() else (),
        )
    except (KeyError, TypeError, ValueError) as error:
        what = f"it is not the outcome of a fold ({error})"
        raise InputError(what, file, "remove it: the fold is trained again") from error


def _json(path: pathlib.Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read ({error})", path, "copy the run again") from error
    if not isinstance(held, dict):
        raise InputError("it holds no JSON object", path, "copy the run again")
    return held
