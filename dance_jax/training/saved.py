"""The checkpoints of a run: all that it takes to go on exactly where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from dance_jax import parallel
from dance_jax.checkpoint import Checkpoints
from dance_jax.data.loader import OnDevice
from dance_jax.training.state import TrainState
from dance_jax.training.watch import Watch


class Saved:
    """Saves and restores a run; without a folder it does nothing.

    Args:
        folder: of the checkpoints, or None.
        batches: of the training; their place is saved with the state.
        keep: last checkpoints that are kept beside the best.
        mode: "min" or "max", of the metric.
        config: what a checkpoint must have been made with.

    Raises:
        InputError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: Any,
        batches: OnDevice,
        *,
        keep: int = 2,
        mode: str = "min",
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self._batches = batches
        self._all = (
            None
            if folder is None
            else Checkpoints(folder, keep=keep, mode=mode, config=dict(config or {}))
        )

    def restore(self, state: TrainState, watch: Watch, say: Callable[[str], None]) -> TrainState:
        """Returns the state of the last checkpoint, or the one given where there is none.

        Args:
            state: as it was created.
            watch: takes what it knew then.
            say: takes one line a note.

        Raises:
            InputError: the checkpoint is of another config, of other data, or damaged.
        """
        if self._all is None or self._all.latest() is None:
            return state
        items = state.items()
        found = self._all.restore(items)
        best = found.extra["watch"]["best"]
        kept = None
        if best["value"] is not None:
            name = "ema" if state.ema else "variables"
            held = self._all.restore({name: items[name]}, best["step"]).items[name]
            kept = {key: tree for key, tree in held.items() if tree}
        watch.take(found.extra["watch"], kept)
        self._batches.restore(found.extra["data"])
        say(f"going on from step {found.step} in {self._all.folder}")
        return state.with_items(found.items)

    def save(self, state: TrainState, watch: Watch, *, evaluated: bool = False) -> None:
        """Writes a checkpoint beside what follows.

        Args:
            state: between two steps. One that a step has taken over, because an interrupt came
                right then, is gone: nothing is written.
            watch: of the run.
            evaluated: the state was evaluated just now.
        """
        gone = any(x.is_deleted() for x in jax.tree.leaves(state) if isinstance(x, jax.Array))
        if self._all is None or gone:
            return
        number = int(parallel.host_value(state.step))
        metric = watch.history[-1].get(watch.best.metric) if evaluated and watch.history else None
        # One batch a step: the place in the data is told by the step, whenever an interrupt comes.
        place = {**self._batches.state(), "batch": number}
        self._all.save(
            number, state.items(), extra={"watch": watch.values(), "data": place}, metric=metric
        )

    def last(self, state: TrainState) -> TrainState | None:
        """Returns the state of the last checkpoint, None where there is none.

        Args:
            state: of the same structure; its arrays are not read.
        """
        if self._all is None or self._all.latest() is None:
            return None
        return state.with_items(self._all.restore(state.items()).items)

    def close(self) -> None:
        """Waits until all is written."""
        if self._all is not None:
            self._all.close()
