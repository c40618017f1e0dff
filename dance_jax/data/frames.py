"""What every source of pictures hands out: frames, a read report, and a prefetch queue."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from dance_jax.data.probe import VideoInfo

Item = TypeVar("Item")

# An interval this far from the median one (as a fraction of it) makes a clip variable-rate; a
# container that counts milliseconds stays below it up to 100 frames/s.
VARIABLE_RATE_TOLERANCE = 0.1


class Frame(NamedTuple):
    """One upright picture.

    Attributes:
        index: position among the frames handed out, from 0 without gaps.
        time_s: presentation time in seconds; the first frame is at 0.
        rgb: u8[H,W,3], contiguous, red first, full range.
    """

    index: int
    time_s: float
    rgb: np.ndarray


@dataclasses.dataclass
class ReadReport:
    """What reading a source found so far; final once its iteration has ended.

    Attributes:
        frames_read: frames handed out.
        frames_declared: frames that the header promises, or None.
        dropped_timestamps: frames dropped since their time was not after the frame before.
        damaged_packets: packets that could not be decoded, and frames marked as damaged.
        truncated: the file ends before its header says it does.
        variable_frame_rate: the intervals between frames differ by more than 10 %.
        complete: the end of the source was reached.
    """

    frames_read: int = 0
    frames_declared: int | None = None
    dropped_timestamps: int = 0
    damaged_packets: int = 0
    truncated: bool = False
    variable_frame_rate: bool | None = None
    complete: bool = False

    def notes(self) -> list[str]:
        """Returns one sentence for each thing a reader of the results must know."""
        out = []
        if self.truncated:
            declared = f" of {self.frames_declared} declared" if self.frames_declared else ""
            out.append(f"the file is cut short: {self.frames_read}{declared} frames were read")
        if self.dropped_timestamps:
            out.append(f"{self.dropped_timestamps} frames without a later time were dropped")
        if self.damaged_packets:
            out.append(f"{self.damaged_packets} damaged packets or frames were met")
        if self.variable_frame_rate:
            out.append("the frame rate varies; every frame keeps its true time")
        return out


@runtime_checkable
class FrameSource(Protocol):
    """A video file or a folder of images, opened: a context manager that yields `Frame`s.

    Attributes:
        info: what the probe found.
        report: what reading found so far.
        width: width of the frames handed out, in pixels.
        height: height of the frames handed out, in pixels.
        scale: size handed out / size in the file; 1 unless `max_side` asked for less.
    """

    info: VideoInfo
    report: ReadReport
    width: int
    height: int
    scale: float

    def __enter__(self) -> FrameSource: ...

    def __exit__(self, *exception: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Frees the decoder; safe to call twice."""
        ...


def is_variable_rate(time_s: np.ndarray, tick_s: float = 0.0) -> bool:
    """Says whether the intervals of sorted times differ by more than 10 % (and one clock tick).

    Args:
        time_s: f64[T], seconds, increasing.
        tick_s: resolution of the clock, in seconds.

    Returns:
        True where any interval is further than that from the median interval.
    """
    steps = np.diff(np.asarray(time_s, np.float64))
    if steps.size < 2:
        return False
    middle = float(np.median(steps))
    allowed = max(VARIABLE_RATE_TOLERANCE * middle, 1.01 * tick_s)
    return bool(np.max(np.abs(steps - middle)) > allowed)


def reduced_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Returns the size at which a picture is decoded; never enlarges.

    Args:
        width: pixels.
        height: pixels.
        max_side: the most pixels of the longer side; None keeps the size.

    Returns:
        (width, height) in pixels.
    """
    longer = max(width, height)
    if max_side is None or longer <= max_side:
        return width, height
    if max_side < 1:
        raise ValueError(f"max_side must be at least 1 pixel, got {max_side}")
    factor = max_side / longer
    return max(1, round(width * factor)), max(1, round(height * factor))


def prefetch(iterable: Iterable[Item], n: int = 4) -> Iterator[Item]:
    """Runs an iterable in a thread, at most `n` items ahead of the consumer.

    The thread starts with the first `next`, ends when the consumer stops early (`close`, `break`),
    and its errors are raised again at the place in the order where they happened.

    Args:
        iterable: what to run ahead of; its iterator lives in the thread alone.
        n: how many items may wait.

    Yields:
        The items in order.
    """
    if n < 1:
        raise ValueError(f"prefetch needs room for at least 1 item, got {n}")
    waiting: queue.Queue = queue.Queue(n)
    stop = threading.Event()

    def put(kind: str, value: object) -> bool:
        while not stop.is_set():
            try:
                waiting.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        iterator = None
        try:
            iterator = iter(iterable)
            for item in iterator:
                if not put("item", item):
                    return
                del item  # the queue's copy must be the only one
            put("end", None)
        except BaseException as error:
            put("error", error)
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "item":
                yield value
                del value
            elif kind == "error":
                raise value
            else:
                return
    finally:
        stop.set()
        while not waiting.empty():
            waiting.get_nowait()
        thread.join()
