"""One fold, one seed: trains, chooses on the validation part, predicts the test part once."""

from __future__ import annotations

import functools
import pathlib
import time
from typing import Any

import jax

from dance_jax import config as configs
from dance_jax import optim, parallel, rundir
from dance_jax.logs import MetricWriter, Progress
from dance_jax.models import calibration
from dance_jax.optim import Plateau
from dance_jax.training import closed_form, evaluate, model, outcome_file
from dance_jax.training.augmentation import mirrored
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples
from dance_jax.training.folds import Fold
from dance_jax.training.loop import Fitted, LoopOptions, fit
from dance_jax.training.network import task_of
from dance_jax.training.predict import Predictions, predict
from dance_jax.training.side_streams import standard_for
from dance_jax.training.sources import in_pictures, loader_of
from dance_jax.training.task import Task
from dance_jax.training.watch import eval_run


def loop_options(config: Any, windows: int) -> LoopOptions:
    """Returns how long is trained, durations in steps.

    Args:
        config: with `total_*`, `eval_*`, `log_steps`, `save_*` and the options of the loop.
        windows: of the training part, an epoch.
    """
    size = config.batch_size * jax.process_count()
    total = configs.steps("total", config, batch_size=size, dataset_size=windows)

    def every(prefix: str) -> int:
        return configs.steps(
            prefix,
            config,
            batch_size=size,
            dataset_size=windows,
            total_steps=total,
            default=0,
        )

    lowered = None
    if config.schedule == "plateau":
        lowered = Plateau(patience=config.plateau_patience, mode=config.metric_mode)
    return LoopOptions(
        total_steps=total,
        eval_every=every("eval"),
        log_every=config.log_steps,
        save_every=every("save"),
        metric=config.metric,
        mode=config.metric_mode,
        early_stop=config.early_stop,
        ema_decay=config.ema_decay,
        accumulate=config.accumulate,
        remat=config.remat,
        halve_batch=config.halve_batch,
        keep=config.keep,
        devices=config.devices,
        plateau=lowered,
    )


def run_fold(
    config: Any,
    examples: Examples,
    fold: Fold,
    seed: int,
    folder: pathlib.Path,
    *,
    keep: bool = False,
    writer: MetricWriter | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Trains on a fold and predicts its test part; goes on, or reads what was done before.

    Args:
        config: of the training.
        examples: all of them.
        fold: which are in which part.
        seed: of parameters, order, dropout and augmentation.
        folder: of this fold and seed.
        keep: write the network as a `model` folder there.
        writer: takes the numbers of steps.
        progress: shows how far it is.

    Returns:
        Truth and prediction of the test clips; written to `outcome.json` last.
    """
    done = folder / outcome_file.NAME
    if done.is_file():
        return outcome_file.read(done)
    if config.network == "rocket":
        begun = time.monotonic()
        out, chosen = closed_form.fit_fold(config, examples, fold, seed)
        outcome_file.write_chosen(done, out, chosen, fold, seed, time.monotonic() - begun)
        return out
    scaled, standard = standard_for(examples, fold.train)
    test = scaled.named(fold.test)
    task, found = trained(config, examples, fold, seed, folder, writer=writer, progress=progress)
    temperature = 1.0
    if fold.val and task.styles:
        held = scaled.named(fold.val)
        predicted = predicted_of(config, task, found.variables, held)
        truth = evaluate.outcome(predicted, held, task.styles).style
        temperature = float(calibration.fit_temperature(predicted.values["style_logits"], truth))
    predicted = predicted_of(config, task, found.variables, test)
    out = evaluate.outcome(
        predicted,
        test,
        task.styles,
        scores=task.scores,
        by=config.group_by[0],
        temperature=temperature,
    )
    if keep:
        model.save(
            folder / model.FOLDER,
            config,
            task,
            found.variables,
            scaled.named(fold.train),
            temperature=temperature,
            standard=standard,
        )
    outcome_file.write(done, out, found, fold, seed, temperature)
    return out


def trained(
    config: Any,
    examples: Examples,
    fold: Fold,
    seed: int,
    folder: pathlib.Path,
    *,
    writer: MetricWriter | None = None,
    progress: Progress | None = None,
) -> tuple[Task, Fitted]:
    """Trains on a fold's training part, from its last checkpoint where there is one.

    Args:
        config: of the training.
        examples: all of them.
        fold: its validation part chooses; its test part is not read.
        seed: of parameters, order, dropout and augmentation.
        folder: of the checkpoints.
        writer: takes the numbers of steps.
        progress: shows how far it is.
    """
    pixels = in_pictures(config, examples)
    examples, _ = standard_for(examples, fold.train)
    train = examples.named(fold.train)
    task = task_of(config, train, pixels=pixels)
    batches = loader_of(config, train, task.styles, train=True, seed=seed, pixels=pixels)
    windows = len(batches.windows)
    options = loop_options(config, windows)
    size = config.batch_size * jax.process_count()
    tuning = optim.from_config(
        config, batch_size=size, dataset_size=windows, total_steps=options.total_steps
    )
    val, look = None, None
    if fold.val:
        held = examples.named(fold.val)
        val = functools.partial(loader_of, config, held, task.styles, train=False, pixels=pixels)
        look = functools.partial(figures_of, examples=held, task=task)
    found = fit(
        task,
        batches,
        options,
        tuning,
        seed,
        val=val,
        evaluate=look,
        folder=folder / "checkpoints",
        config=rundir.as_json(config),
        writer=writer,
        progress=progress,
    )
    return task, found


def predicted_of(config: Any, task: Task, variables: Any, examples: Examples) -> Predictions:
    """Returns what the chosen network says of some examples.

    Args:
        config: keys `devices` and `mirror_test`: the mirror image counts as a second view.
        task: with the network.
        variables: of the network, on the host.
        examples: with what its streams need.
    """
    mesh = parallel.data_mesh(config.devices)
    place = functools.partial(parallel.shard, mesh=mesh)
    pixels = bool(task.picture)
    views: list[Any] = []
    if config.mirror_test and not any(row.streams for row in examples.rows):
        views = [functools.partial(mirrored, pixels=pixels, skeleton=config.skeleton)]
    batches = loader_of(config, examples, task.styles, train=False, pixels=pixels)
    return predict(
        eval_run(task, mesh), parallel.replicate(variables, mesh), batches, place, views=views
    )


def figures_of(found: Predictions, *, examples: Examples, task: Task) -> dict[str, float]:
    """Returns figures of whole clips that a run may be chosen by.

    They are named "clip_accuracy", "clip_log_loss", "clip_aesthetic_mse" and so on.
    """
    out = evaluate.outcome(found, examples, task.styles, scores=task.scores)
    made = {f"clip_{name}": float(value) for name, value in evaluate.style_figures(out).items()}
    for score, row in evaluate.score_figures(out).items():
        made |= {f"clip_{score}_{name}": float(value) for name, value in row.items()}
    return made
