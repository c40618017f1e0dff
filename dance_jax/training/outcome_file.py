"""The outcome of one fold as a JSON file, whose presence says that the fold is done."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax import rundir
from dance_jax.errors import InputError
from dance_jax.training.evaluate import Outcome
from dance_jax.training.folds import Fold
from dance_jax.training.loop import Fitted
from dance_jax.training.nested_ridge import Choice

SCHEMA = "dance_jax.outcome.1"
NAME = "outcome.json"


def write(
    path: pathlib.Path,
    out: Outcome,
    found: Fitted,
    fold: Fold,
    seed: int,
    temperature: float,
) -> None:
    """Writes what a fold gave, whole or not at all.

    Args:
        path: the file.
        out: truth and prediction of its test clips.
        found: the training.
        fold: which clips were in which part.
        seed: of the training.
        temperature: of the class probabilities.
    """
    how = {
        "steps": found.steps,
        "best": found.best.as_dict(),
        "stopped": found.stopped,
        "seconds": found.seconds,
        "temperature": temperature,
    }
    rundir.write_json(path, {**_held(out, fold, seed), **how})


def write_chosen(
    path: pathlib.Path,
    out: Outcome,
    chosen: Mapping[str, Choice],
    fold: Fold,
    seed: int,
    seconds: float,
) -> None:
    """Writes what a fold gave that was fitted in one go, with what was chosen for it.

    Args:
        path: the file.
        out: truth and prediction of its test clips.
        chosen: of "style" and each score.
        fold: which clips were in which part.
        seed: of the fit.
        seconds: that it took.
    """
    how = {
        "seconds": seconds,
        "chosen": {name: dataclasses.asdict(one) for name, one in chosen.items()},
    }
    rundir.write_json(path, {**_held(out, fold, seed), **how})


def _held(out: Outcome, fold: Fold, seed: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "fold": fold.name,
        "seed": seed,
        "stamp": fold.stamp,
        "left_out": list(fold.left_out),
        "names": list(out.names),
        "groups": list(out.groups),
        "styles": list(out.styles),
        "style": out.style.tolist(),
        "probability": out.probability.tolist(),
        "truth": _lists(out.truth),
        "score": _lists(out.score),
        "deviation": _lists(out.deviation),
    }


def _lists(columns: Mapping[str, np.ndarray]) -> dict[str, list[float | None]]:
    return {k: [None if np.isnan(x) else float(x) for x in v] for k, v in columns.items()}


def read(path: pathlib.Path) -> Outcome:
    """Reads what `write` wrote.

    Raises:
        InputError: it is damaged.
    """
    try:
        held = json.loads(path.read_text("utf-8"))
        if held["schema"] != SCHEMA:
            raise ValueError(f"its schema is {held['schema']!r}")
        columns = {
            name: {k: np.array(v, float) for k, v in held[name].items()}
            for name in ("truth", "score", "deviation")
        }
        rows = len(held["names"])
        return Outcome(
            tuple(held["names"]),
            tuple(held["groups"]),
            tuple(held["styles"]),
            np.array(held["style"], int),
            np.array(held["probability"], float).reshape(rows, -1),
            **columns,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"it is not the outcome of a fold ({error})"
        raise InputError(what, path, "remove it: the fold is trained again") from error
