"""A sweep: trains at every value with every seed, and looks at validation clips alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax import config_sweep, logs, rundir
from dance_jax.config_sweep import Grid
from dance_jax.errors import ConfigError, InputError
from dance_jax.training import model, train
from dance_jax.training.examples import Examples
from dance_jax.training.fold_run import trained
from dance_jax.training.folds import Fold, folds_of
from dance_jax.training.health import NotFinite

SCHEMA = "dance_jax.sweep.1"
RESULT, DONE = "sweep.json", "validation.json"
NOTE = "validation clips alone: no test clip was given to a network"


def run_sweep(config: Any, workdir: pathlib.Path, grid: Grid) -> dict[str, Any]:
    """Trains at every point of a grid; what is done is not done again.

    Every seed of the config trains at every point. Where the number of classes is swept, each seed
    draws other classes. A training whose numbers stop being finite is a point without a figure.

    Args:
        config: of the task `train`, whose validation part is not empty.
        workdir: of the sweep.
        grid: of `config_sweep.grid_of`.

    Returns:
        What sweep.json holds: "swept", "points" (one an entry of the grid and seed: "values",
        "seed", "accuracy", "log_loss", "clips", "classes", "classes_validated", "failed"),
        "chosen" ({} where the number of classes is swept), "data".

    Raises:
        ConfigError: there is no validation part, or fewer than two classes.
        InputError: the data cannot be used, or the folder holds another sweep.
    """
    keys = config_sweep.swept(grid)
    reader = _Reader()
    rows: list[dict[str, Any]] = []
    points = config_sweep.points(grid)
    total = len(points) * len(config.seeds)
    progress = logs.Progress("sweep", unit="trainings")
    for values in points:
        for seed in config.seeds:
            own = {"seeds": (seed,), **values}
            if "class_count" in values:
                own.setdefault("class_seed", int(seed))
            one = config_sweep.at(config, own)
            place = workdir / "runs" / config_sweep.name_of(values, keys) / f"seed_{seed}"
            found = _point(one, reader, seed, place)
            rows.append({"values": {k: values[k] for k in keys}, "seed": int(seed), **found})
            progress.update(len(rows), total, "train")
    result = {
        "schema": SCHEMA,
        "note": NOTE,
        "config": rundir.as_json(config),
        "grid": {key: list(given) for key, given in grid.items()},
        "swept": list(keys),
        "points": rows,
        # Tasks of different numbers of classes are not one better than the other.
        "chosen": {} if "class_count" in keys else chosen(rows),
        "data": model.data_facts(reader(config)),
    }
    rundir.write_json(workdir / RESULT, result)
    return result


def chosen(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the values whose median accuracy over seeds is the highest; {} without any.

    The lower median log loss decides between equal accuracies, then the order of the grid. A
    failed seed counts as accuracy 0 and an endless loss.
    """
    by: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by.setdefault(json.dumps(row["values"], sort_keys=True), []).append(row)
    best: tuple[float, float] | None = None
    out: dict[str, Any] = {}
    for held in by.values():
        right = [0.0 if row["failed"] else row["accuracy"] for row in held]
        loss = [np.inf if row["failed"] else row["log_loss"] for row in held]
        rank = (float(np.median(right)), -float(np.median(loss)))
        if not all(row["failed"] for row in held) and (best is None or rank > best):
            best, out = rank, {"values": held[0]["values"], "median_accuracy": rank[0]}
    return out


class _Reader:
    """Reads the data of a config; one that differs in other keys alone is not read again."""

    def __init__(self) -> None:
        self._held: dict[str, Examples] = {}

    def __call__(self, config: Any) -> Examples:
        text = json.dumps({k: rundir.as_json(config)[k] for k in _READING}, sort_keys=True)
        if text not in self._held:
            self._held[text] = train.examples_of(config)
        return self._held[text]


_READING = (
    *("network", "data", "label", "group_by", "file_fps", "fps", "axes", "skeleton", "streams"),
    *("poses", "estimator", "encoder", "encoder_width", "encoder_norm", "encoder_small"),
    *("encoder_weights", "encoder_cached", "frame_height", "frame_width", "clip_frames"),
    *("class_count", "class_seed", "val_share", "allow_pickle", "dtype", "cache", "raters"),
)


def _point(config: Any, read: Callable[[Any], Examples], seed: int, place: pathlib.Path) -> Any:
    """Returns the figures of one point and seed, from its file where it is done."""
    digest = hashlib.sha256(json.dumps(rundir.as_json(config), sort_keys=True).encode()).hexdigest()
    done = place / DONE
    if done.is_file():
        return _read(done, digest)
    examples = read(config)
    if len(examples.styles) < 2:
        raise ConfigError("a sweep looks at the accuracy of styles", "--sweep", "label two or more")
    right, loss, clips, failed = 0.0, 0.0, 0, ""
    looked_at: set[str] = set()
    for fold in folds_of(config, examples):
        if not fold.val:
            what = "there is no validation part, and a sweep never looks at test clips"
            raise ConfigError(what, "--config.val_share", "such as --config.val_share=0.2")
        # Nothing of the test part is handed on from here.
        fold = dataclasses.replace(fold, test=(), left_out=())
        try:
            row = _fold(config, examples, fold, seed, place / fold.name)
        except NotFinite as error:
            failed = str(error)
            break
        count = len(fold.val)
        right += count * row["clip_accuracy"]
        loss += count * row["clip_log_loss"]
        clips += count
        looked_at |= {row.style for row in examples.named(fold.val).rows} - {""}
    found = {
        "accuracy": None if failed else right / clips,
        "log_loss": None if failed else loss / clips,
        "clips": clips,
        "classes": len(examples.styles),
        "classes_validated": len(looked_at),
        "styles": list(examples.styles),
        "failed": failed,
    }
    place.mkdir(parents=True, exist_ok=True)
    rundir.write_json(done, {"schema": SCHEMA, "config_sha256": digest, **found})
    return found


def _fold(
    config: Any, examples: Examples, fold: Fold, seed: int, place: pathlib.Path
) -> Mapping[str, float]:
    """Returns the figures of the validation part at the step that is chosen."""
    place.mkdir(parents=True, exist_ok=True)
    with logs.open_metrics(place, tensorboard=False) as writer:
        _, fitted = trained(config, examples, fold, seed, place, writer=writer)
    return next(row for row in fitted.history if row["step"] == fitted.best.step)


def _read(done: pathlib.Path, digest: str) -> dict[str, Any]:
    try:
        held = json.loads(done.read_text("utf-8"))
        if held.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        if held.pop("config_sha256") != digest:
            raise InputError("it is of another config", done, "choose another --workdir")
        return held
    except (OSError, ValueError, KeyError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        what = f"it is not the result of a training ({error})"
        raise InputError(what, done, "remove it: it is trained again") from error
