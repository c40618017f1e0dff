"""Batches of windows, in an order that a seed decides, with a state that resumes bit for bit."""

from __future__ import annotations

import collections
import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.data import windows, worker
from dance_jax.data.batch import Batch
from dance_jax.data.clip_source import ClipSource
from dance_jax.data.sampling import Plan, Reader, label_columns
from dance_jax.errors import InputError

# What Grain says when a worker process is gone.
_DIED = "Worker process was terminated unexpectedly"


@dataclasses.dataclass(frozen=True)
class LoaderOptions:
    """How batches are cut and ordered.

    Attributes:
        batch_size: rows of a batch on this host.
        length: frames T of a window.
        stride: frames from window to window; 0 takes the length.
        tail: of `windows.starts`: "pad" or "back".
        shuffle: a new order each epoch.
        seed: of the order.
        epochs: how many; None goes on for ever.
        last: of `Plan`: "pad" or "drop".
        shard_index: this host, as `jax.process_index()` has it.
        shard_count: number of hosts.
        workers: processes that read ahead; 0 reads in this one. They are spawned, so a script
            needs its `if __name__ == "__main__":`.
        threads: threads of each process that read whole batches ahead; 0 reads when asked.
        ahead: batches that each process holds ready, beside those that its threads work on.
    """

    batch_size: int
    length: int
    stride: int = 0
    tail: str = "pad"
    shuffle: bool = True
    seed: int = 0
    epochs: int | None = None
    last: str = "pad"
    shard_index: int = 0
    shard_count: int = 1
    workers: int = 0
    threads: int = 0
    ahead: int = 2


class Loader:
    """Iterates over batches on the host.

    Each batch is a function of its number alone, so that workers, threads and resuming change
    nothing in it. In each epoch every window comes once over all shards (`last="pad"`).

    Args:
        source: the clips.
        options: how they are cut and ordered.
        labels: name -> number(s), one mapping a clip.

    Raises:
        InputError: there are no windows or too few, or a label is no number.
    """

    def __init__(
        self,
        source: ClipSource,
        options: LoaderOptions,
        labels: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        self.source, self.options = source, options
        stride = options.stride or options.length
        self.windows = windows.table(source.sizes, options.length, stride, options.tail)
        plan = Plan(
            len(self.windows),
            options.batch_size,
            options.seed,
            options.shuffle,
            options.shard_index,
            options.shard_count,
            options.last,
        )
        columns = label_columns(labels, len(source.names))
        self._reader = Reader(source, self.windows, columns, plan, options.length)
        self._digest = self._reader.digest()
        self._next = 0
        self._batches: Any = None

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch on this host, as on every other."""
        return self._reader.plan.batches

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._batches is None:
            self._batches = self._start()
        try:
            made = next(self._batches)
        except BaseException as error:
            # What was read ahead is dropped, so that the next call asks for this batch again.
            self.close()
            if _DIED in str(error):
                what = f"a process that reads ahead died ({str(error).split('. ')[0]})"
                fix = "take fewer workers, smaller batches, or workers=0: batches wait in /dev/shm"
                raise InputError(what, "loader", fix) from error
            if isinstance(error, InputError):
                # As it was raised in the worker, without Grain's note on the frames it hid.
                error.__dict__.pop("__notes__", None)
            raise
        self._next += 1
        if self.options.workers:
            made = _copied(made)
        return Batch(**made)

    def _start(self) -> Iterator[dict[str, Any]]:
        """Starts Grain at the next batch."""
        import grain

        epochs = self.options.epochs
        total = sys.maxsize if epochs is None else epochs * self.batches_per_epoch
        if self._next >= total:
            return iter(())
        options = self.options
        numbers = grain.MapDataset.range(self._next, total)
        reading = grain.ReadOptions(
            num_threads=options.threads,
            prefetch_buffer_size=options.ahead + options.threads if options.threads else 0,
        )
        _let_grain_read_its_flags()
        made = numbers.map(self._reader).to_iter_dataset(reading)
        if options.workers:
            made = made.mp_prefetch(
                grain.MultiprocessingOptions(
                    num_workers=options.workers, per_worker_buffer_size=options.ahead
                ),
                worker_init_fn=worker.start,
            )
        return iter(made)

    def state(self) -> dict[str, Any]:
        """Returns the place in the data after the last batch handed out, as JSON values."""
        return {"batch": self._next, "plan": self._digest}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes to a place in the data: the next batch is the one that came next there.

        Workers, threads and the number of epochs may differ from those of the state.

        Raises:
            InputError: the state is of other clips, windows, batches, shards, or another seed.
        """
        if state.get("plan") != self._digest:
            what = "the state is of other clips, windows, batch sizes, shards or another seed"
            raise InputError(what, "loader", "restore it with the data and options it came from")
        batch = state.get("batch")
        if not isinstance(batch, int) or batch < 0:
            raise InputError(f"the state names batch {batch!r}", "loader", "take another")
        self.close()
        self._next = batch

    def close(self) -> None:
        """Ends threads and worker processes; iterating again starts them where it stopped."""
        batches, self._batches = self._batches, None
        if hasattr(batches, "close"):
            batches.close()


def _copied(value: Any) -> Any:
    """Copies a batch out of the memory shared with its worker, which then is free at once."""
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    return None if value is None else np.array(value)


def _let_grain_read_its_flags() -> None:
    """Lets worker processes start in a program that has no command line of absl.

    Grain defines flags and reads them as it starts a process; absl refuses that until a command
    line was parsed, which a notebook or a test never does. Grain's own flags keep their defaults.
    """
    from absl import flags

    if not flags.FLAGS.is_parsed():
        for name in flags.FLAGS:
            if name.startswith("grain_"):
                flags.FLAGS[name].present = 1


class OnDevice:
    """Iterates over batches on the device, a few copied ahead of the one in use.

    Args:
        loader: batches on the host.
        depth: batches on the device, the one handed out included.
        place: device or sharding, as `jax.device_put` takes it; None for the default device. Where
            a sharding spans several hosts, each hands in its own rows of the global batch.
    """

    def __init__(self, loader: Loader, depth: int = 2, place: Any = None) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self._loader, self._depth, self._place = loader, depth, place
        self._waiting: collections.deque[tuple[Batch, dict[str, Any]]] = collections.deque()
        self._state, self._ended = loader.state(), False

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        while len(self._waiting) < self._depth and not self._ended:
            try:
                batch = next(self._loader)
            except StopIteration:
                self._ended = True
                break
            # Copies run beside the computation: the call returns at once.
            self._waiting.append((self._put(batch), self._loader.state()))
        if not self._waiting:
            raise StopIteration
        batch, self._state = self._waiting.popleft()
        return batch

    def _put(self, batch: Batch) -> Batch:
        import jax

        place = self._place
        if isinstance(place, jax.sharding.Sharding) and not place.is_fully_addressable:
            return jax.tree.map(
                lambda rows: jax.make_array_from_process_local_data(place, rows), batch
            )
        return jax.device_put(batch, place)

    def state(self) -> dict[str, Any]:
        """Returns the place after the last batch handed out, not after those copied ahead."""
        return self._state

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Loader.restore`; what was copied ahead is dropped."""
        self._loader.restore(state)
        self._waiting.clear()
        self._state, self._ended = self._loader.state(), False

    def close(self) -> None:
        """Ends threads and worker processes; the next batch is the one after the last one given."""
        self._loader.restore(self._state)
        self._waiting.clear()
        self._ended = False
