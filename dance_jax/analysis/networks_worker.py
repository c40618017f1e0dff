"""A candidate in a process of its own: two frameworks stand ready and only one of them works."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import time
from collections.abc import Callable
from typing import Any

SECONDS = 0.4  # that a candidate works for in a round, at least once


class Worker:
    """An object that lives in a new process; its methods are called from here, one at a time.

    Both frameworks keep pools of threads: in one process the idle one's would get in the way of
    the other's. Closes with the context.
    """

    def __init__(self, make: Callable[..., Any], *arguments: Any) -> None:
        """Starts the process and makes the object there.

        Args:
            make: a module-level function or class.
            *arguments: of `make`.
        """
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, make, arguments))
        self._process.start()
        other.close()
        self._name = getattr(make, "__name__", str(make))
        try:
            self._received()
        except BaseException:
            self.close()
            raise

    def call(self, method: str, *arguments: Any) -> Any:
        """Returns what a method of the object returns.

        Raises:
            RuntimeError: it failed; its traceback is in the message.
        """
        self._connection.send((method, arguments))
        return self._received()

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _received(self) -> Any:
        try:
            kind, value = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join()
            code = self._process.exitcode
            raise RuntimeError(f"{self._name} died with exit code {code}") from error
        if kind == "traceback":
            raise RuntimeError(value)
        return value


def _serve(connection: Any, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    import traceback

    try:
        made = make(*arguments)
        connection.send(("value", None))
    except Exception:  # the parent raises it again, with this traceback
        connection.send(("traceback", traceback.format_exc()))
        return
    while True:
        try:
            method, given = connection.recv()
        except EOFError:
            return
        try:
            answer = ("value", getattr(made, method)(*given))
        except Exception:
            answer = ("traceback", traceback.format_exc())
        connection.send(answer)


def timed(work: Callable[[], Any], seconds: float = SECONDS) -> dict[str, float]:
    """Repeats work, which waits for its own result, for some seconds and at least once.

    Args:
        work: what is timed.
        seconds: that it is repeated for.

    Returns:
        "seconds" and "cpu_s" (of this process) of one call, "calls", and "others": the share of
        the machine that other processes took meanwhile, NaN where the system does not tell.
    """
    busy, start, cpu, calls = busy_s(), time.perf_counter(), time.process_time(), 0
    while not calls or time.perf_counter() - start < seconds:
        work()
        calls += 1
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    others = (busy_s() - busy - cpu) / (wall * (os.cpu_count() or 1))
    return {"seconds": wall / calls, "cpu_s": cpu / calls, "calls": calls, "others": others}


def busy_s() -> float:
    """Returns the seconds that the machine's cores have worked, or been taken away, since boot."""
    file = pathlib.Path("/proc/stat")
    if not file.is_file():
        return float("nan")
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, file.read_text().split()[1:11])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
