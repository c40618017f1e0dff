"""What a run does when it meets its limits: smaller micro-batches, and warnings that name a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from dance_jax.errors import InputError

# XLA's status, and what its allocators say where the status is lost on the way.
_MEMORY = re.compile(r"RESOURCE_EXHAUSTED|out of memory", re.IGNORECASE)
Step = Callable[..., Any]


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether a device, or the host, had too little memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, jax.errors.JaxRuntimeError) and bool(_MEMORY.search(str(error)))
    )


def next_accumulation(rows: int, accumulate: int) -> int | None:
    """Returns the smallest number of equal micro-batches that at least halves them.

    Args:
        rows: of a batch on one device.
        accumulate: micro-batches now.

    Returns:
        A divisor of `rows` from 2 accumulate on, or None where a micro-batch is one row already.
    """
    return next((n for n in range(2 * accumulate, rows + 1) if rows % n == 0), None)


class HalvingStep:
    """A train step that splits its batch further when the device has too little memory.

    The batch, and with it the gradient, stays what it was: only fewer rows are computed at a time.
    (BatchNorm then has statistics of fewer rows; a note says so.) The first call of each size waits
    for its result, since memory runs out while the step runs, not when it is asked for. It is for a
    run of one process: of several, one would halve while the others wait for it.

    Args:
        build: number of micro-batches -> the mapped step.
        rows: of a batch on one device.
        accumulate: micro-batches to start with.
        reload: returns the state again, where the failed step had already taken its memory over
            (it is donated); None raises an error instead.
        note: told of each change, in one line.

    Attributes:
        accumulate: micro-batches now.
    """

    def __init__(
        self,
        build: Callable[[int], Step],
        rows: int,
        accumulate: int = 1,
        *,
        reload: Callable[[], Any] | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        if jax.process_count() > 1:
            what = "a run of several processes cannot halve its batches by itself"
            raise InputError(what, "--config.halve_batch", "set --config.accumulate instead")
        if rows % accumulate:
            what = f"{accumulate} micro-batches do not divide {rows} rows a device"
            raise InputError(what, "--config.accumulate", f"give a divisor of {rows}")
        self.accumulate = accumulate
        self._build, self._rows, self._reload, self._note = build, rows, reload, note
        self._step, self._ran = build(accumulate), False

    def __call__(self, state: Any, batch: Any) -> Any:
        """Runs the step, again with smaller micro-batches where memory runs out.

        Args:
            state: of the run.
            batch: of the step.

        Raises:
            InputError: a micro-batch is one row and memory still runs out.
        """
        while True:
            try:
                out = self._step(state, batch)
                if not self._ran:
                    out = jax.block_until_ready(out)
                self._ran = True
                return out
            except (MemoryError, jax.errors.JaxRuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error)
                if _is_gone(state):
                    if self._reload is None:
                        raise
                    state = self._reload()

    def _halve(self, error: BaseException) -> None:
        now = next_accumulation(self._rows, self.accumulate)
        if now is None:
            what = "the memory of the device is too small for one row at a time"
            fix = "take shorter windows or smaller pictures, or set --config.remat=True"
            raise InputError(what, "--config.batch_size", fix) from error
        self._note(
            f"out of memory with {self._rows // self.accumulate} rows at a time on a device: "
            f"{self._rows // now} from now on, accumulate={now}, so the batch stays "
            f"{self._rows} rows a device (--config.accumulate={now} starts with it)"
        )
        self.accumulate = now
        # The failed program is let go before the next one is built, and its memory with it.
        self._step, self._ran = None, False
        self._step = self._build(now)


def plateau_warning(
    values: Sequence[float], patience: int, *, mode: str = "min", rtol: float = 1e-3
) -> str | None:
    """Returns a warning where the last `patience` values brought nothing, else None.

    Args:
        values: of the metric, one an evaluation, oldest first.
        patience: evaluations.
        mode: "min" or "max".
        rtol: relative improvement that counts.
    """
    x = np.asarray(values, np.float64) * {"min": 1, "max": -1}[mode]
    if len(x) <= patience or np.isnan(x).all():
        return None
    before, since = np.nanmin(x[:-patience], initial=np.inf), x[-patience:]
    if np.isnan(before) or np.nanmin(since, initial=np.inf) < before - rtol * abs(before):
        return None
    return (
        f"the metric has not improved in {patience} evaluations: lower --config.learning_rate, "
        "take --config.schedule=plateau, or end sooner with --config.early_stop"
    )


def scale_warning(
    name: str, sample: np.ndarray, key: str = "--config.normalize", *, most: float = 10.0
) -> str | None:
    """Returns a warning where an input is far from mean 0 and deviation 1, else None.

    Args:
        name: of the input, as in "poses".
        sample: some of it, as the network sees it; what is not finite is left out.
        key: that normalises it.
        most: size of the mean, or of the deviation or its inverse, that is still taken.
    """
    x = np.asarray(sample, np.float64)
    x = x[np.isfinite(x)]
    if not x.size:
        return None
    mean, deviation = float(x.mean()), float(x.std())
    if deviation == 0:
        return f"the {name} are all {mean:.4g}: check what is read"
    if abs(mean) <= most and 1 / most <= deviation <= most:
        return None
    found = f"mean {mean:.3g}, standard deviation {deviation:.3g}"
    return f"the {name} are not normalised ({found}): set {key}"


def input_bound_warning(
    wait_s: float, step_s: float, key: str = "--config.workers", *, most: float = 0.2
) -> str | None:
    """Returns a warning where steps wait for their data, else None.

    Args:
        wait_s: seconds that were spent waiting for batches.
        step_s: seconds of all, the waiting included.
        key: that reads more at a time.
        most: share of waiting that is still taken.
    """
    if step_s <= 0 or wait_s / step_s <= most:
        return None
    share = 100 * wait_s / step_s
    return f"{share:.0f} % of the time goes into waiting for data: raise {key}, or cache the frames"


def _is_gone(state: Any) -> bool:
    """Returns whether a donated state was taken over by the step that failed."""
    leaves = (leaf for leaf in jax.tree.leaves(state) if isinstance(leaf, jax.Array))
    return any(leaf.is_deleted() for leaf in leaves)
