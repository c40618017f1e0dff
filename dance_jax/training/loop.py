"""The training loop: batches in, checkpoints and metrics out; goes on exactly where it stopped."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import optax

from dance_jax import optim, parallel, rng
from dance_jax.data.batch import Batch
from dance_jax.data.loader import Loader, OnDevice
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt
from dance_jax.logs import MetricWriter, Progress, note
from dance_jax.metrics import streaming
from dance_jax.optim import OptimOptions, Plateau
from dance_jax.training import health, recovery, step
from dance_jax.training.saved import Saved
from dance_jax.training.state import Best, TrainState, create
from dance_jax.training.task import Task
from dance_jax.training.watch import Evaluate, Watch


@dataclasses.dataclass(frozen=True)
class LoopOptions:
    """How long is trained, and what is looked at on the way; durations in steps.

    Attributes:
        total_steps: updates in all.
        eval_every: steps between evaluations, 0 for one at the end.
        log_every: steps between rows of metrics.
        save_every: steps between checkpoints beside those of evaluations; 0 for none.
        metric: of the evaluation that chooses the best checkpoint.
        mode: "min" or "max".
        early_stop: evaluations without a better one after which it ends; 0 never.
        ema_decay: of averages over steps, which are evaluated then; 0 for none.
        accumulate: micro-batches of a batch.
        remat: compute activations again in the backward pass.
        halve_batch: make micro-batches smaller where memory runs out.
        keep: last checkpoints that are kept beside the best.
        devices: how many share a batch; 0 for all.
        plateau: lowers the learning rate; None without.
    """

    total_steps: int
    eval_every: int = 0
    log_every: int = 50
    save_every: int = 0
    metric: str = "loss"
    mode: str = "min"
    early_stop: int = 0
    ema_decay: float = 0.0
    accumulate: int = 1
    remat: bool = False
    halve_batch: bool = False
    keep: int = 2
    devices: int = 0
    plateau: Plateau | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """What a training gives.

    Attributes:
        variables: of the best evaluation, arrays on the host.
        best: value and step of that evaluation.
        steps: updates that were made.
        history: one mapping an evaluation, with "step".
        seconds: of training, without compilation and evaluation; this process's share.
        stopped: why it ended before its last step, "" where it did not.
    """

    variables: dict[str, Any]
    best: Best
    steps: int
    history: tuple[dict[str, float], ...]
    seconds: float
    stopped: str = ""


def fit(
    task: Task,
    train: Loader,
    options: LoopOptions,
    tuning: OptimOptions,
    seed: int,
    *,
    val: Callable[[], Loader] | None = None,
    evaluate: Evaluate | None = None,
    folder: Any = None,
    config: Mapping[str, Any] | None = None,
    writer: MetricWriter | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = note,
) -> Fitted:
    """Trains a network, from the last checkpoint in `folder` where there is one.

    In this order: mesh, first batch, state, checkpoint, steps. Each step draws its randomness from
    (seed, name, step), so a run that was killed ends as if it had not been.

    Args:
        task: what is learnt.
        train: batches, for ever; its state is saved with the checkpoints.
        options: how long, and what is looked at.
        tuning: of the optimiser.
        seed: of parameters, dropout and augmentation.
        val: makes the loader of one epoch of the validation part; None evaluates nothing, and the
            last parameters are the result.
        evaluate: predictions of the validation part -> figures; `metric` is "loss" or among them.
        folder: of the checkpoints; None keeps the best in memory alone.
        config: what a checkpoint must have been made with.
        writer: takes the numbers of steps and evaluations.
        progress: shows how far it is.
        say: takes one line a note.

    Raises:
        NotFinite: a number of a step is not finite; it names the culprit.
        InputError: a checkpoint is of another config, or memory runs out for one row at a time.
    """
    mesh = parallel.data_mesh(options.devices)
    tx = optim.make(tuning)
    batches = OnDevice(train, place=parallel.batch_place(mesh))
    first = _example(train)
    state = create(task.init(rng.key(seed, "params"), first), tx, seed, ema=options.ema_decay > 0)
    watch = Watch(
        task,
        mesh,
        metric=options.metric,
        mode=options.mode,
        val=val,
        evaluate=evaluate,
        plateau=options.plateau,
    )
    saved = Saved(folder, batches, keep=options.keep, mode=options.mode, config=config)
    state = saved.restore(state, watch, say)
    again = _Again(state, mesh) if options.halve_batch else None
    state = parallel.replicate(state, mesh)
    run = _train_step(task, tx, tuning, options, mesh, first.size, again, say)
    begun, spent, waited = int(state.step), 0.0, 0.0
    pending, stopped = None, ""
    try:
        for number in range(begun, options.total_steps):
            if watch.best.stops(options.early_stop):
                stopped = f"no better {options.metric} in {options.early_stop} evaluations"
                break
            start = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - start
            if task.augment is not None:
                batch = task.augment(rng.key(seed, "augment", number), batch)
            state, (means, found) = run(state, batch)
            check_interrupt()
            if pending is not None:
                # One step late, so that the device is never waited for.
                health.stop_if_not_finite(pending[0], train.source.names, pending[1], state.params)
            pending = (found, number)
            done = number + 1
            if number == begun:
                jax.block_until_ready(state)
                if again is not None:
                    again.forget()
            else:
                spent += time.perf_counter() - start
            if done % options.log_every == 0 or done == options.total_steps:
                _write(writer, done, means)
            if progress is not None:
                progress.update(done, options.total_steps, "train")
            ends = done == options.total_steps
            if ends or (options.eval_every and done % options.eval_every == 0):
                health.stop_if_not_finite(found, train.source.names, number, state.params)
                state = watch.look(state, done, writer)
                saved.save(state, watch, evaluated=True)
            elif options.save_every and done % options.save_every == 0:
                saved.save(state, watch)
    except (KeyboardInterrupt, StopIteration) as error:
        if isinstance(error, StopIteration):
            raise InputError("the batches ended before the run", "loader", "epochs=None") from error
        if pending is None or bool(parallel.host_value(pending[0].finite)):
            saved.save(state, watch)
        raise
    finally:
        batches.close()
        saved.close()
    seen = max(int(parallel.host_value(state.step)) - begun - 1, 0)
    if seen >= 20 and (said := recovery.input_bound_warning(waited, spent)):
        say(said)
    return Fitted(
        watch.variables(state),
        watch.best,
        int(parallel.host_value(state.step)),
        tuple(watch.history),
        spent,
        stopped,
    )


class _Again:
    """Gives the state of the start once more, where the first step ran out of memory."""

    def __init__(self, state: TrainState, mesh: Any) -> None:
        self._state: TrainState | None = jax.tree.map(np.array, state)
        self._mesh = mesh

    def __call__(self) -> TrainState:
        if self._state is None:
            what = "memory ran out in the middle of the run"
            fix = "start it again with a larger --config.accumulate: it goes on where it was saved"
            raise InputError(what, "--config.batch_size", fix)
        return parallel.replicate(self._state, self._mesh)

    def forget(self) -> None:
        """Lets the copy go: later steps start from other states."""
        self._state = None


def _train_step(
    task: Task,
    tx: optax.GradientTransformation,
    tuning: OptimOptions,
    options: LoopOptions,
    mesh: Any,
    rows: int,
    again: _Again | None,
    say: Callable[[str], None],
) -> Any:
    """Returns the mapped step; one that makes its micro-batches smaller where that is asked for."""

    def build(accumulate: int) -> Any:
        one = functools.partial(
            step.train_step,
            tx=tx,
            schedule=optim.learning_rate(tuning),
            ema_decay=options.ema_decay,
            apply_fn=task.apply_fn(),
            loss_fn=task.loss_fn(parallel.AXIS),
            weights={t.name: t.weight for t in task.targets},
            metrics_fn=task.metrics_fn(),
            accumulate=accumulate,
            remat=options.remat,
            frozen=tuning.frozen,
            streams=task.streams,
        )
        return parallel.mapped(one, mesh)

    if again is None:
        return build(options.accumulate)
    each = rows // len(mesh.local_devices)
    return recovery.HalvingStep(build, each, options.accumulate, reload=again, note=say)


def _example(train: Loader) -> Batch:
    """Returns the batch that the loader gives next, and leaves the loader where it was."""
    state = train.state()
    batch = next(train)
    train.restore(state)
    return batch


def _write(writer: MetricWriter | None, done: int, means: Mapping[str, Any]) -> None:
    if writer is not None:
        writer.write(done, streaming.compute(streaming.on_host(jax.device_get(means))))
