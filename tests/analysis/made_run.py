"""Folders as the task `train` leaves them, of made outcomes: nothing is trained."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax import config as configs
from dance_jax import rundir
from dance_jax.training import outcome_file, results
from dance_jax.training.evaluate import Outcome
from dance_jax.training.folds import Fold
from dance_jax.training.loop import Fitted
from dance_jax.training.state import Best

STYLES = ("a & b", "<script>x</script>", "waltz")
BY = "dancer"


def outcome(
    rng: np.random.Generator, clips: int = 60, groups: int = 12, start: int = 0, sd: float = 0.7
) -> Outcome:
    """Returns clips of dancers with a style that is mostly told, and two scores; some unrated."""
    style = rng.integers(0, len(STYLES), clips)
    style[:3] = np.arange(3)
    logit = rng.normal(0, 1, (clips, len(STYLES))) + 1.5 * np.eye(len(STYLES))[style]
    p = np.exp(logit)
    truth = {"aesthetic": rng.uniform(2, 9, clips), "biomechanical": rng.uniform(2, 9, clips)}
    truth["biomechanical"][::7] = np.nan
    style[5] = -1
    score = {k: np.nan_to_num(v, nan=5.0) + rng.normal(0, sd, clips) for k, v in truth.items()}
    return Outcome(
        tuple(f"clip_{start + k:03d}.mp4" for k in range(clips)),
        tuple(f"dancer_{(start + k) % groups:02d}" for k in range(clips)),
        STYLES,
        style,
        p / p.sum(1, keepdims=True),
        truth,
        score,
        {k: rng.uniform(0.5, 1.0, clips) for k in truth},
    )


def again(found: Outcome, rng: np.random.Generator) -> Outcome:
    """Returns other predictions of the same clips, as of another seed."""
    logit = np.log(found.probability) + rng.normal(0, 0.4, found.probability.shape)
    p = np.exp(logit)
    score = {k: v + rng.normal(0, 0.2, len(v)) for k, v in found.score.items()}
    return Outcome(
        found.names,
        found.groups,
        found.styles,
        found.style,
        p / p.sum(1, keepdims=True),
        found.truth,
        score,
        found.deviation,
    )


def write_run(
    folder: pathlib.Path,
    parts: Mapping[int, list[Outcome]],
    *,
    data: str = "gone",
    stamp: str = "",
    temperature: float = 2.0,
    **keys: Any,
) -> pathlib.Path:
    """Writes a run of several folds and seeds, with baselines and curves.

    Args:
        folder: of the run.
        parts: seed -> the outcome of each fold.
        data: what the config names.
        stamp: of the split.
        temperature: of every fold.
        **keys: of the config.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = configs.training()
    config.update({"data": data, "group_by": (BY,), "seeds": tuple(parts), **keys})
    rundir.write_json(folder / "config.json", rundir.as_json(config))
    rundir.write_json(folder / "versions.json", rundir.versions())
    folds = []
    for number in range(len(next(iter(parts.values())))):
        fold = Fold(f"fold_{number + 1:02d}", (), (), (), ("few.mp4",), stamp)
        folds.append(fold)
        for seed, found in parts.items():
            place = folder / "folds" / fold.name / f"seed_{seed}"
            place.mkdir(parents=True)
            fitted = Fitted({}, Best("loss", "min", 1.0, 4), 6, (), 2.5)
            outcome_file.write(
                place / outcome_file.NAME, found[number], fitted, fold, seed, temperature
            )
            rows = [{"step": s, "loss": 3.0 / s, "val_loss": 4.0 / s + 0.1} for s in (2, 4, 6)]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (place / "metrics.jsonl").write_text(text)
    summary = results.summary(parts, {}, folds)
    groups = {g for found in next(iter(parts.values())) for g in found.groups}
    summary["baselines"] = {
        "majority": {
            "accuracy": 0.4,
            "difference": {"accuracy": dict.fromkeys(sorted(groups), 0.25)},
            "intervals": {"accuracy": {"value": 0.26, "low": 0.125, "high": 0.375}},
        }
    }
    facts = {"source": "/secret/place/made", "clips": 120, "licences": ["MIT"], "synthetic": True}
    rundir.write_json(folder / "results.json", {"data": facts, **summary})
    return folder
