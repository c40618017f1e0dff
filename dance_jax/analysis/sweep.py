"""A sweep from the command line: trains, writes sweep.json, and draws the validation accuracy."""

from __future__ import annotations

import pathlib
from typing import Any

from dance_jax import config_sweep, logs
from dance_jax.analysis import sweep_plot
from dance_jax.errors import ConfigError
from dance_jax.training import sweep


def run(config: Any, workdir: pathlib.Path, text: str, path: str) -> None:
    """Runs a sweep: sweep.json, sweep.png, and a folder a training; goes on where it stopped.

    Args:
        config: of the task `train`.
        workdir: the run directory.
        text: of `--sweep`: a name from the config's `sweep()`, or "KEY=VALUE,VALUE".
        path: of `--config`.

    Raises:
        ConfigError: the config is of another task, or the text is wrong.
    """
    if config.task != "train":
        what = f"the task {config.task!r} has no validation clips"
        raise ConfigError(what, "--sweep", "sweep a config of the task train")
    grid = config_sweep.grid_of(text, config, config_sweep.sweeps(path))
    found = sweep.run_sweep(config, workdir, grid)
    for line in lines(found):
        logs.note(line)
    logs.note(str(sweep_plot.write(workdir / "sweep.png", found)))


def lines(found: dict[str, Any]) -> list[str]:
    """Returns what a sweep says, for the terminal: a line a point."""
    out = [found["note"]]
    for name, rows in sweep_plot.by_point(found).items():
        given = [row["accuracy"] for row in rows if not row["failed"]]
        lost = len(rows) - len(given)
        text = f"{name}: accuracy " + (" ".join(f"{a:.3f}" for a in given) or "none")
        out.append(text + (f", {lost} not finite" if lost else ""))
    if found["chosen"]:
        values = ", ".join(f"{k}={v}" for k, v in found["chosen"]["values"].items())
        out.append(f"highest median: {values}, {found['chosen']['median_accuracy']:.3f}")
    return out
