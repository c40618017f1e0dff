"""Trains five steps and then saves without end, until tests/test_checkpoint.py kills it.

python -m tests.training.interrupted FOLDER
"""

from __future__ import annotations

import itertools
import sys

import jax
import numpy as np

from dance_jax import optim, parallel
from dance_jax.checkpoint import Checkpoints
from tests.training import small

OPTIONS = optim.OptimOptions(optimizer="adamw", learning_rate=0.02, weight_decay=0.01)
NETWORK = {"dropout": 0.3}


def main(folder: str) -> None:
    """Trains and saves; prints one line at the first save after the training."""
    state, tx = small.start(OPTIONS, seed=2**40 + 5, ema=True, **NETWORK)
    run = small.trainer(OPTIONS, tx, **NETWORK)
    mesh = parallel.data_mesh(1)
    state = parallel.replicate(state, mesh)
    for number in range(5):
        state, _ = run(state, parallel.shard(small.batch(number), mesh))
    state = jax.tree.map(parallel.host_value, state)
    ballast = np.random.default_rng(0).random(1_000_000)  # a save takes a while
    with Checkpoints(folder, config={"batch_size": 16}) as checkpoints:
        for number in itertools.count(5):
            items = {**state.items(), "ballast": {"x": ballast + number}}
            checkpoints.save(number, items, extra={"batch": 5, "number": number}, metric=1 / number)
            if number == 6:
                print("saved", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
