"""One fold, one seed: trains, chooses on the validation part, predicts the test part once."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax

from dance_jax import config as configs
from dance_jax import optim, parallel, rundir
from dance_jax.data.augment_pose import NONE, augment_pose
from dance_jax.data.clip_source import PoseClips
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.logs import MetricWriter, Progress
from dance_jax.models import calibration
from dance_jax.optim import Plateau
from dance_jax.training import evaluate, outcome_file
from dance_jax.training.evaluate import Outcome
from dance_jax.training.examples import Examples
from dance_jax.training.folds import Fold
from dance_jax.training.loop import Fitted, LoopOptions, fit
from dance_jax.training.network import task_of
from dance_jax.training.predict import Predictions, predict
from dance_jax.training.task import Task
from dance_jax.training.watch import eval_run


def loader_of(
    config: Any, examples: Examples, styles: Sequence[str], axes: int, *, train: bool, seed: int = 0
) -> Loader:
    """Returns the batches of a part of the examples.

    Args:
        config: keys `batch_size`, `window_s`, `stride_s`, `fps`, `skeleton`.
        examples: with poses.
        styles: the model's classes.
        axes: coordinates.
        train: shuffled and for ever; else each window once, in order.
        seed: of the order.
    """
    length = max(round(config.window_s * config.fps), 2)
    options = LoaderOptions(
        batch_size=config.batch_size,
        length=length,
        stride=max(round(config.stride_s * config.fps), 1) if config.stride_s else length,
        tail="back",
        shuffle=train,
        seed=seed,
        epochs=None if train else 1,
        shard_index=jax.process_index(),
        shard_count=jax.process_count(),
    )
    source = PoseClips([row.clip for row in examples.rows], config.skeleton, axes)
    return Loader(source, options, examples.labels(styles))


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
        writer: takes the numbers of steps.
        progress: shows how far it is.

    Returns:
        Truth and prediction of the test clips; written to `outcome.json` last.
    """
    done = folder / outcome_file.NAME
    if done.is_file():
        return outcome_file.read(done)
    axes = config.axes
    train, test = examples.named(fold.train), examples.named(fold.test)
    task = task_of(config, train, axes)
    batches = loader_of(config, train, task.styles, axes, train=True, seed=seed)
    windows = len(batches.windows)
    options = loop_options(config, windows)
    size = config.batch_size * jax.process_count()
    tuning = optim.from_config(
        config, batch_size=size, dataset_size=windows, total_steps=options.total_steps
    )
    held = examples.named(fold.val) if fold.val else None
    val = None
    if held is not None:
        val = functools.partial(loader_of, config, held, task.styles, axes, train=False)
    found = fit(
        task,
        batches,
        options,
        tuning,
        seed,
        val=val,
        evaluate=functools.partial(figures_of, examples=held, task=task),
        folder=folder / "checkpoints",
        config=rundir.as_json(config),
        writer=writer,
        progress=progress,
    )
    temperature = 1.0
    if held is not None and task.styles:
        predicted = predicted_of(config, task, found, held, axes)
        truth = evaluate.outcome(predicted, held, task.styles).style
        temperature = float(calibration.fit_temperature(predicted.values["style_logits"], truth))
    predicted = predicted_of(config, task, found, test, axes)
    out = evaluate.outcome(
        predicted,
        test,
        task.styles,
        scores=task.scores,
        by=config.group_by[0],
        temperature=temperature,
    )
    outcome_file.write(done, out, found, fold, seed, temperature)
    return out


def predicted_of(
    config: Any, task: Task, found: Fitted, examples: Examples, axes: int
) -> Predictions:
    """Returns what the chosen network says of some examples.

    Args:
        config: keys `devices` and `mirror_test`: the mirror image counts as a second view.
        task: with the network.
        found: its variables.
        examples: with poses.
        axes: coordinates.
    """
    mesh = parallel.data_mesh(config.devices)
    place = functools.partial(parallel.shard, mesh=mesh)
    views = [_mirrored] if config.mirror_test else []
    batches = loader_of(config, examples, task.styles, axes, train=False)
    return predict(
        eval_run(task, mesh), parallel.replicate(found.variables, mesh), batches, place, views=views
    )


def _mirrored(batch: Any) -> Any:
    return augment_pose(jax.random.key(0), batch, NONE.replace(mirror=1.0))


def figures_of(found: Predictions, *, examples: Examples, task: Task) -> dict[str, float]:
    """Returns figures of whole clips that a run may be chosen by.

    They are named "clip_accuracy", "clip_log_loss", "clip_aesthetic_mse" and so on.
    """
    out = evaluate.outcome(found, examples, task.styles, scores=task.scores)
    made = {f"clip_{name}": float(value) for name, value in evaluate.style_figures(out).items()}
    for score, row in evaluate.score_figures(out).items():
        made |= {f"clip_{score}_{name}": float(value) for name, value in row.items()}
    return made
