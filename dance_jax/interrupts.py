"""Interrupts: signals that end a run cleanly, wait while files are moved, and are never lost."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

_stop_signal: int | None = None  # what arrived inside `interruptible`
_waiting = 0  # depth of `signals_wait`


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; handled like an interrupt from the keyboard, with exit code 143."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turns SIGINT and SIGTERM into exceptions inside the block, so that clean-up runs.

    SIGINT gives KeyboardInterrupt also in a job that a script put into the background, where the
    shell had it ignored; SIGTERM gives `Terminated`. The signal is also kept, for
    `check_interrupt`.
    """
    global _stop_signal
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _stop_signal = None
    hook = sys.unraisablehook

    def report(dropped: sys.UnraisableHookArgs) -> None:
        """Says nothing of a dropped interrupt, since `check_interrupt` raises it again."""
        if _stop_signal is None or not isinstance(dropped.exc_value, KeyboardInterrupt):
            hook(dropped)

    sys.unraisablehook = report
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        sys.unraisablehook = hook
        _stop_signal = None


def check_interrupt() -> None:
    """Raises what a signal that arrived inside `interruptible` asked for, if one did.

    Python drops an exception that a signal handler raises inside a destructor or a callback of the
    garbage collector, and the run would go on. Loops and the commit of outputs ask here.

    Raises:
        Terminated: SIGTERM arrived.
        KeyboardInterrupt: SIGINT arrived.
    """
    if _stop_signal == signal.SIGTERM:
        raise Terminated
    if _stop_signal is not None:
        raise KeyboardInterrupt


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Delays SIGINT and SIGTERM until the end of the block.

    The mask is this thread's alone, and a signal may reach another one; `_stop` then waits too.
    """
    global _waiting
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main = threading.current_thread() is threading.main_thread()
    known = _stop_signal
    _waiting += main
    try:
        yield
    finally:
        _waiting -= main
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if main and known is None:
        check_interrupt()


def _stop(number: int, frame: object) -> None:
    """Keeps the signal, and raises unless files are being moved."""
    global _stop_signal
    _stop_signal = number
    if not _waiting:
        check_interrupt()
