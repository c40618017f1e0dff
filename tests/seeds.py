"""Fresh random seeds, the same in every worker of one run; DANCE_JAX_TEST_SEED repeats a run."""

from __future__ import annotations

import os
import zlib

import numpy as np


def fresh(name: str, count: int) -> list[int]:
    """Returns `count` seeds of this run for one test module; conftest.py draws the run's own."""
    run = int(os.environ["DANCE_JAX_TEST_SEED"])
    state = np.random.SeedSequence([run, zlib.crc32(name.encode())]).generate_state(count)
    return [int(seed) for seed in state]
