"""The task `train` as it is launched: the training, and then the page that tells its result."""

from __future__ import annotations

import pathlib
from typing import Any

import jax

from dance_jax import logs, rundir
from dance_jax.analysis import command_words, evaluate, training_report
from dance_jax.training import train

_LAST = (training_report.JSON, training_report.PAGE)


def run(config: Any, workdir: str | pathlib.Path) -> None:
    """Trains every fold and seed, and writes `evaluation.json`, `plots/` and `report.html`.

    Args:
        config: of a training.
        workdir: the run directory; a run that was ended goes on there.
    """
    train.run(config, workdir)
    if config.report == "none" or jax.process_index():
        return  # one process writes the page
    folder, full = pathlib.Path(workdir), config.report == "full"
    words = command_words.train_words(config.to_dict())
    told = evaluate.of_run(folder, measures=full, examples=full, command=words)
    with rundir.staging(folder, _LAST) as staged:
        training_report.write(staged, told)
    logs.note(f"see {folder / training_report.PAGE}")
