"""The state of a training run: one tree on the devices, and the best result so far on the host."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

Tree = Any


@struct.dataclass
class TrainState:
    """All that a step changes, as one tree.

    Attributes:
        step: i32[], updates made.
        params: f32 parameters.
        batch_stats: running statistics of BatchNorm; {} without any.
        opt_state: of the optimiser.
        ema: {"params", "batch_stats"} averaged over steps; {} without.
        seed: u32[2], low and high half of the run's seed. It is data, not a constant of the
            compiled step, so that runs with other seeds share the step.
    """

    step: jax.Array
    params: Tree
    batch_stats: Tree
    opt_state: Tree
    ema: Tree
    seed: jax.Array

    def variables(self, *, ema: bool = False) -> dict[str, Tree]:
        """Returns what a linen module's `apply` takes.

        Args:
            ema: the averages; the plain ones where none are kept.
        """
        held = self.ema if ema and self.ema else self
        params, stats = (
            (held["params"], held["batch_stats"])
            if isinstance(held, Mapping)
            else (held.params, held.batch_stats)
        )
        return {"params": params, **({"batch_stats": stats} if stats else {})}

    def items(self) -> dict[str, Tree]:
        """Returns the state as items of a checkpoint; `variables` can be read without the rest."""
        return {
            "variables": {"params": self.params, "batch_stats": self.batch_stats},
            "ema": self.ema,
            "optimizer": self.opt_state,
            "counters": {"step": self.step, "seed": self.seed},
        }

    def with_items(self, items: Mapping[str, Tree]) -> TrainState:
        """Returns the state that `items` were made from."""
        return self.replace(
            **items["variables"],
            **items["counters"],
            ema=items["ema"],
            opt_state=items["optimizer"],
        )


def create(
    variables: Mapping[str, Tree],
    tx: optax.GradientTransformation,
    seed: int,
    *,
    ema: bool = False,
) -> TrainState:
    """Returns the state before the first step.

    Args:
        variables: what a linen module's `init` returned.
        tx: the optimiser.
        seed: of the run, 0 to 2^63 - 1.
        ema: keep averages of parameters and statistics.

    Raises:
        ValueError: a parameter is of less than float32, or the seed is out of range.
    """
    if not 0 <= seed < 2**63:
        raise ValueError(f"a seed is a whole number from 0 to 2^63 - 1, got {seed}")
    params, stats = variables["params"], variables.get("batch_stats", {})
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        if leaf.dtype not in (jnp.float32, jnp.float64):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            raise ValueError(f"the parameter {name} is {leaf.dtype}; parameters are float32")
    copied = jax.tree.map(jnp.array, {"params": params, "batch_stats": stats}) if ema else {}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=stats,
        opt_state=tx.init(params),
        ema=copied,
        seed=jnp.asarray([seed & 0xFFFFFFFF, seed >> 32], jnp.uint32),
    )


def parameter_count(params: Tree) -> int:
    """Returns how many numbers the parameters hold."""
    return sum(math.prod(np.shape(leaf)) for leaf in jax.tree.leaves(params))


@dataclasses.dataclass(frozen=True)
class Best:
    """The best evaluation so far; a pure state of the host, saved with every checkpoint.

    Attributes:
        metric: its name.
        mode: "min" or "max".
        value: None before the first evaluation.
        step: of that evaluation.
        waited: evaluations since.
    """

    metric: str
    mode: str = "min"
    value: float | None = None
    step: int = 0
    waited: int = 0

    def update(self, value: float, step: int) -> Best:
        """Returns the state after an evaluation; one that is NaN is never better."""
        sign = {"min": 1, "max": -1}[self.mode]
        if not math.isnan(value) and (self.value is None or sign * value < sign * self.value):
            return dataclasses.replace(self, value=float(value), step=step, waited=0)
        return dataclasses.replace(self, waited=self.waited + 1)

    def stops(self, patience: int) -> bool:
        """Returns whether training should end: `patience` evaluations in a row were no better.

        Args:
            patience: 0 never stops.
        """
        return bool(patience) and self.waited >= patience

    def as_dict(self) -> dict[str, Any]:
        """Returns JSON values, which `Best(**values)` takes."""
        return dataclasses.asdict(self)
