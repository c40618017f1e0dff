"""The task `train`: reads the data, trains every fold and seed, and says what they are worth."""

from __future__ import annotations

import pathlib
from typing import Any

from dance_jax import logs, parallel, rundir
from dance_jax.errors import ConfigError, InputError
from dance_jax.training import (
    encoded,
    estimated,
    evaluate,
    fold_baselines,
    model,
    networks,
    results,
    side_streams,
    subset,
)
from dance_jax.training.estimated import Estimate
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples, from_corpus, from_file
from dance_jax.training.fold_run import run_fold, trained
from dance_jax.training.folds import Fold, folds_of
from dance_jax.training.sources import cache_of, uses, window_frames

RESULTS = "results.json"


def run(config: Any, workdir: str | pathlib.Path) -> None:
    """Runs the task: `results.json`, and a folder a fold and seed.

    Args:
        config: of `configs/pose_style.py`.
        workdir: the run directory; a run that was ended goes on there.
    """
    found = train(config, workdir)
    for line in results.lines(found):
        logs.note(line)


def train(config: Any, workdir: str | pathlib.Path) -> dict[str, Any]:
    """Trains and tests; a fold that is done is not done again.

    Args:
        config: keys of the task `train`.
        workdir: the run directory.

    Returns:
        What `results.json` holds.

    Raises:
        InputError: the data cannot be used.
        ConfigError: a key does not fit the data.
    """
    window_frames(config)  # a wrong one is told before the data are read
    parallel.initialize_distributed()
    folder = rundir.open_workdir(config, workdir)
    examples = examples_of(config)
    for line in examples.notes[:5]:
        logs.note(line)
    folds = folds_of(config, examples)
    logs.note(
        f"{len(examples)} clips of {len(examples.styles)} styles; {len(folds)} folds, "
        f"{len(config.seeds)} seeds"
    )
    by_seed: dict[int, list[Outcome]] = {seed: [] for seed in config.seeds}
    for fold in folds:
        for seed in config.seeds:
            place = folder / "folds" / fold.name / f"seed_{seed}"
            place.mkdir(parents=True, exist_ok=True)
            progress = logs.Progress(f"{fold.name}, seed {seed}", unit="steps")
            with logs.open_metrics(place, tensorboard=config.tensorboard) as writer:
                # One fold is no estimate of another network: its own network is the run's.
                keep = config.save_model or (len(folds) == 1 and seed == config.seeds[0])
                out = run_fold(
                    config,
                    examples,
                    fold,
                    seed,
                    place,
                    keep=keep,
                    writer=writer,
                    progress=progress,
                )
                by_seed[seed].append(out)
    first = evaluate.together(by_seed[config.seeds[0]])
    base = {}
    if all(row.clip is not None for row in examples.rows):
        base = fold_baselines.baselines_of(
            examples,
            folds,
            by=config.group_by[0],
            styles=bool(first.styles),
            scores=tuple(first.truth),
        )
    found = {
        "data": {**model.data_facts(examples), "source": examples.source},
        **results.summary(by_seed, base, folds),
    }
    rundir.write_json(folder / RESULTS, found)
    if config.final:
        _train_final(config, examples, folder, found)
    elif len(folds) == 1 and config.network != "rocket":
        place = folder / "folds" / folds[0].name / f"seed_{config.seeds[0]}"
        model.publish(place / model.FOLDER, folder / model.FOLDER, found)
    return found


def _train_final(config: Any, examples: Examples, folder: pathlib.Path, found: Any) -> None:
    """Trains on all clips; what it is worth is what the folds' networks are."""
    seed, place = config.seeds[0], folder / "final"
    if (folder / model.FOLDER / model.FACTS).is_file():
        return
    place.mkdir(exist_ok=True)
    fold = Fold("final", tuple(row.name for row in examples.rows), (), ())
    progress = logs.Progress("on all clips", unit="steps")
    with logs.open_metrics(place, tensorboard=config.tensorboard) as writer:
        task, fitted = trained(
            config, examples, fold, seed, place, writer=writer, progress=progress
        )
    examples, standard = side_streams.standard_for(examples, fold.train)
    model.save(place / model.FOLDER, config, task, fitted.variables, examples, standard=standard)
    model.publish(place / model.FOLDER, folder / model.FOLDER, found, of_folds=True)


def with_streams(config: Any, examples: Examples) -> Examples:
    """Returns the examples with the streams that a config asks for beside frames and poses."""
    if uses(config, "measures"):
        examples = side_streams.with_measures(examples)
    if uses(config, "beats"):
        examples = side_streams.with_beats(examples)
    return examples


def examples_of(config: Any) -> Examples:
    """Returns all that a training of a config is given, of the classes that it asks for.

    Args:
        config: of a training.

    Raises:
        InputError: the data cannot be used.
        ConfigError: a key does not fit the network or the data.
    """
    networks.check(config)
    found = read(config)
    needs = uses(config, "pose") and networks.other(config) is None
    if needs and all(row.clip is None for row in found.rows):
        fix = "; ".join(found.notes[:3]) or "give poses, or take --config.streams=\"('frames',)\""
        raise InputError("no clip of it has poses", config.data, fix)
    return with_streams(config, subset.of_config(config, found))


def _estimate(config: Any) -> Estimate | None:
    if config.poses != "estimated":
        return None
    return estimated.kept(cache_of(config), estimator=config.estimator)


def read(config: Any) -> Examples:
    """Reads the data that a config names: a corpus (a folder of `data.layout`), or poses.

    Args:
        config: keys `data`, `label`, `group_by`, `fps`, `file_fps`, `skeleton`, `axes`,
            `allow_pickle`.

    Raises:
        InputError: it cannot be read, or holds no poses.
        ConfigError: a key is missing that a file of poses needs.
    """
    if (found := networks.read(config)) is not None:
        return found
    found = _read(config)
    cached = config.encoder_cached and uses(config, "frames")
    return encoded.with_encoded(config, found) if cached else found


def _read(config: Any) -> Examples:
    form = {"fps": config.fps, "skeleton": config.skeleton, "axes": config.axes}
    progress = logs.Progress("reading", unit="clips")
    if not pathlib.Path(config.data).exists():
        fix = "give a corpus (a folder), or a file of clips of poses"
        raise InputError("there is no such file or folder", config.data, fix)
    if pathlib.Path(config.data).is_dir():
        return from_corpus(
            config.data,
            **form,
            poses=uses(config, "pose"),
            videos=uses(config, "frames") or uses(config, "beats"),
            estimate=_estimate(config) if uses(config, "pose") else None,
            raters=tuple(config.raters),
            progress=progress.update,
        )
    if not config.label:
        what = "a file of poses needs the name of the label that is learnt"
        raise ConfigError(what, "--config.label", "such as --config.label=style")
    return from_file(
        config.data,
        label=config.label,
        groups=tuple(config.group_by),
        rate=config.file_fps,
        progress=progress.update,
        allow_pickle=config.allow_pickle,
        **form,
    )
