"""How a process that reads ahead starts: without an accelerator, and to end with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from typing import Any


def start(index: int, count: int) -> None:
    """Prepares a new worker process; Grain calls it before the first batch.

    Args:
        index: of this worker, from 0.
        count: of all workers.
    """
    del index, count
    # Ctrl-C reaches every process of a terminal; the loader's own process ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Grain imports jax. Whatever a reader calls, the accelerator and its memory are the trainer's.
    os.environ["JAX_PLATFORMS"] = "cpu"
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_platforms", "cpu")
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    """Ends this process when its parent is gone, killed without a word perhaps."""
    parent.join()
    os._exit(1)
