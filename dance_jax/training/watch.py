"""What a run looks at while it trains: figures of the validation part, and the best so far."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from dance_jax import optim, parallel
from dance_jax.data.batch import Batch
from dance_jax.data.loader import Loader
from dance_jax.errors import InputError
from dance_jax.logs import MetricWriter
from dance_jax.metrics import streaming
from dance_jax.optim import Plateau
from dance_jax.training import step
from dance_jax.training.predict import Predictions, predict
from dance_jax.training.state import Best, TrainState
from dance_jax.training.task import Task

Evaluate = Callable[[Predictions], Mapping[str, float]]


class Watch:
    """Evaluates a state, and remembers the best one.

    Args:
        task: what is learnt.
        mesh: of the devices.
        metric: that decides, "loss" or a figure of `evaluate`.
        mode: "min" or "max".
        val: makes the loader of one epoch of the validation part; None evaluates nothing.
        evaluate: predictions of the validation part -> figures.
        plateau: lowers the learning rate; None without.
    """

    def __init__(
        self,
        task: Task,
        mesh: Any,
        *,
        metric: str = "loss",
        mode: str = "min",
        val: Callable[[], Loader] | None = None,
        evaluate: Evaluate | None = None,
        plateau: Plateau | None = None,
    ) -> None:
        self._task, self._val, self._evaluate = task, val, evaluate
        self._place: Callable[[Batch], Batch] = functools.partial(parallel.shard, mesh=mesh)
        self.best = Best(metric, mode)
        self.plateau = plateau
        self.history: list[dict[str, float]] = []
        self._kept: dict[str, Any] | None = None
        self._run = eval_run(task, mesh)

    def look(self, state: TrainState, done: int, writer: MetricWriter | None) -> TrainState:
        """Evaluates the state, remembers it where it is the best; returns it, its rate lowered."""
        if self._val is None:
            return state
        variables = state.variables(ema=True)
        found = predict(self._run, variables, self._val(), self._place)
        weights = {t.name: t.weight for t in self._task.targets}
        row = {"loss": step.loss_of(found.means, weights)}
        row |= streaming.compute(found.means)
        row |= dict(self._evaluate(found)) if self._evaluate else {}
        if self.best.metric not in row:
            what = f"no metric {self.best.metric!r} was measured"
            raise InputError(what, "--config.metric", f"one of: {', '.join(sorted(row))}")
        value = float(row[self.best.metric])
        self.best = self.best.update(value, done)
        if self.best.step == done and self.best.value is not None:
            self._kept = jax.tree.map(np.array, jax.tree.map(parallel.host_value, variables))
        self.history.append({"step": done, **row})
        if writer is not None:
            writer.write(done, {f"val_{name}": number for name, number in row.items()})
        if self.plateau is not None:
            self.plateau = self.plateau.update(value)
            opt_state = optim.with_host_scale(state.opt_state, self.plateau.scale)
            state = state.replace(opt_state=opt_state)
        return state

    def variables(self, state: TrainState) -> dict[str, Any]:
        """Returns the best variables, those of now where none was evaluated."""
        if self._kept is not None:
            return self._kept
        return jax.tree.map(parallel.host_value, state.variables(ema=True))

    def values(self) -> dict[str, Any]:
        """Returns JSON values of all but the variables."""
        lowered = None if self.plateau is None else self.plateau.as_dict()
        return {"best": self.best.as_dict(), "plateau": lowered, "history": self.history}

    def take(self, values: Mapping[str, Any], kept: dict[str, Any] | None) -> None:
        """Goes on from `values`, and the variables of the best."""
        self.best = Best(**values["best"])
        self.plateau = Plateau(**values["plateau"]) if values["plateau"] else None
        self.history, self._kept = list(values["history"]), kept


def eval_run(task: Task, mesh: Any) -> Any:
    """Returns the mapped evaluation step of a task."""
    axis = parallel.AXIS
    one = functools.partial(
        step.eval_step,
        apply_fn=task.apply_fn(),
        loss_fn=task.loss_fn(axis),
        metrics_fn=task.metrics_fn(),
    )
    spread = (parallel.REPLICATED, parallel.SHARDED)
    return parallel.mapped(one, mesh, inputs=spread, outputs=spread, donate=())
