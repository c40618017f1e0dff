"""What a run tells: metrics as JSON lines and TensorBoard events, notes, and progress."""

from __future__ import annotations

import json
import math
import os
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TextIO, TypeVar

from tqdm import tqdm

from dance_jax.errors import printable
from dance_jax.interrupts import check_interrupt

METRICS_FILE = "metrics.jsonl"
Item = TypeVar("Item")


class MetricWriter(Protocol):
    """Anything that takes the numbers of a step."""

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Records the numbers of one step."""

    def close(self) -> None:
        """Finishes the record."""


class JsonlWriter:
    """Appends one JSON object a step to a file, and survives being killed in the middle of one.

    A row is `{"step": 3, "time_s": 12.5, "loss": 0.25}`: seconds since the writer was made, and a
    number that is not finite as null, which JSON can say.

    Args:
        path: the file; an incomplete last line is cut off before the first row is added.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(self.path)
        self._file = self.path.open("a", encoding="utf-8")
        self._start = time.monotonic()

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Appends and flushes one row."""
        row: dict[str, Any] = {
            "step": int(step),
            "time_s": round(time.monotonic() - self._start, 3),
        }
        for name, value in metrics.items():
            number = float(value)
            row[name] = number if math.isfinite(number) else None
        self._file.write(json.dumps(row, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class TensorBoardWriter:
    """Writes scalars as `events.*` files through tensorboardX; TensorFlow is not needed.

    Args:
        folder: the run directory.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(logdir=str(folder))

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Records each number as a scalar."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, float(value), int(step))
        self._writer.flush()

    def close(self) -> None:
        """Closes the event file."""
        self._writer.close()


class Metrics:
    """Hands the numbers of a step to several writers; a context manager.

    Args:
        writers: where the numbers go.
    """

    def __init__(self, writers: Sequence[MetricWriter]) -> None:
        self._writers = tuple(writers)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Records the numbers of one step everywhere."""
        for writer in self._writers:
            writer.write(step, metrics)

    def close(self) -> None:
        """Closes every writer."""
        for writer in self._writers:
            writer.close()

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_metrics(workdir: str | os.PathLike[str], tensorboard: bool = True) -> Metrics:
    """Returns writers of `metrics.jsonl` and TensorBoard events in a run directory."""
    writers: list[MetricWriter] = [JsonlWriter(pathlib.Path(workdir, METRICS_FILE))]
    if tensorboard:
        writers.append(TensorBoardWriter(workdir))
    return Metrics(writers)


def read_metrics(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Returns the rows of a `metrics.jsonl`, an incomplete last line left out."""
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines if line]


def note(message: str, stream: TextIO | None = None) -> None:
    """Prints one line that announces a phase; standard error is kept for errors."""
    print(f"dance_jax: {printable(message)}", file=stream or sys.stdout, flush=True)


class Progress:
    """Percent, rate and remaining time: one line in place on a terminal, plain lines elsewhere.

    The clock of a stage starts at its first update, so compilation and warm-up are not in the rate:
    rate = (n - n_first) / (t - t_first), remaining = (total - n) / rate.
    Several stages may run side by side, also from several threads.

    Args:
        name: what is worked on ("clip.mp4").
        unit: what is counted ("frames").
        every_s: seconds between two plain lines; a terminal is updated ten times a second.
        stream: where it prints, standard output unless told.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        name: str = "",
        *,
        unit: str = "frames",
        every_s: float = 5.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.unit = printable(name), unit
        self._stream = stream or sys.stdout
        self._clock = clock
        self._in_place = self._stream.isatty()
        self._every_s = 0.1 if self._in_place else every_s
        self._stages: dict[str, _Stage] = {}
        self._latest = ""
        self._shown_at = clock()
        self._width = 0
        self._lock = threading.Lock()

    def update(self, done: int, total: int | None = None, label: str = "") -> None:
        """Says how many units of a stage are done; also where a lost interrupt is raised.

        Args:
            done: units done so far.
            total: of how many, where that is known.
            label: name of the stage.
        """
        check_interrupt()
        with self._lock:
            now = self._clock()
            stage = self._stages.get(label)
            if stage is None:
                self._end_stages()  # a stage of unknown length is over when the next one begins
                stage = self._stages[label] = _Stage(now, done)
            stage.now, stage.done, stage.total = now, done, total
            self._latest = label
            finished = total is not None and done >= total
            if finished and stage.shown == done:
                return
            if finished or now - self._shown_at >= self._every_s:
                self._show(now)
            if finished and self._in_place:
                self._end_line()

    def rate(self, label: str = "") -> float | None:
        """Returns units a second of a stage, None before its second update."""
        stage = self._stages.get(label)
        return stage.rate() if stage else None

    def line(self, label: str | None = None) -> str:
        """Returns the line of a stage, by default of the one updated last."""
        label = self._latest if label is None else label
        head = " ".join(part for part in (self.name, label) if part)
        stage = self._stages.get(label)
        if stage is None:
            return head
        count = f"{stage.done}"
        if stage.total:
            count += f"/{stage.total} ({min(100.0, 100 * stage.done / stage.total):.0f} %)"
        parts, rate = [f"{head}: {count}" if head else count], stage.rate()
        if rate:
            parts.append(f"{rate:.1f} {self.unit}/s")
            if stage.total and stage.done < stage.total:
                left = max(0, stage.total - stage.done) / rate
                parts.append(f"{tqdm.format_interval(left)} left")
        return ", ".join(parts)

    def close(self) -> None:
        """Prints the last line of every stage that was not shown to its end."""
        with self._lock:
            self._end_stages()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is None:
            self.close()
        elif self._in_place and self._width:
            self._end_line()

    def _end_stages(self) -> None:
        for label, stage in self._stages.items():
            on_line = bool(self._width) and label == self._latest
            if stage.shown == stage.done and not on_line:
                continue
            self._latest = label
            self._show(self._clock())
            if self._in_place:
                self._end_line()

    def _show(self, now: float) -> None:
        self._shown_at = now
        line = self.line()
        self._stages[self._latest].shown = self._stages[self._latest].done
        if self._in_place:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def _end_line(self) -> None:
        self._stream.write("\n")
        self._stream.flush()
        self._width = 0


class _Stage:
    """The counts of one stage, from its first update on."""

    def __init__(self, start: float, first: int) -> None:
        self.start, self.first = start, first
        self.now, self.done = start, first
        self.total: int | None = None
        self.shown: int | None = None

    def rate(self) -> float | None:
        if self.done <= self.first or self.now <= self.start:
            return None
        return (self.done - self.first) / (self.now - self.start)


def with_progress(
    items: Iterable[Item], total: int | None, name: str, unit: str = "items"
) -> Iterator[Item]:
    """Yields the items and shows the progress through them.

    Args:
        items: what is gone through.
        total: how many there are, or None.
        name: what is worked on.
        unit: what is counted.
    """
    with Progress(name, unit=unit) as progress:
        for count, item in enumerate(items, 1):
            yield item
            progress.update(count, total)


def _drop_torn_line(path: pathlib.Path) -> None:
    """Cuts off what a killed process wrote after the last whole line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
