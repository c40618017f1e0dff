"""The demo's scorer: a small network trained on synthetic dancers whose scores are known."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dance_jax import config as configs
from dance_jax import rundir
from dance_jax.data.synthetic_corpus import fill_corpus, load_truth
from dance_jax.data.synthetic_design import LABEL, Design
from dance_jax.metrics import regression
from dance_jax.training import outcome_file, train

CORPUS, RUN, KNOWN = "corpus", "training", "known_truth.json"
DANCERS, SECONDS = 32, 4.0

_SETTINGS = {
    "streams": ("frames", "pose"),
    "poses": "annotated",  # true ones: to find them again would take as long as all the rest
    "fps": 12.5,
    "window_s": SECONDS,
    "stride_s": 0.0,
    "split": "holdout",
    "group_by": ("dancer",),
    "val_share": 0.0,
    "test_share": 0.25,
    "min_class_clips": 1,
    "frame_height": 48,
    "frame_width": 36,
    "encoder": "resnet10",
    "encoder_width": 8,
    "pose_features": ("position", "velocity"),
    "pose_width": 8,
    "pose_depth": 1,
    "features": 16,
    "hidden": 16,
    "statistics": True,
    "stream_drop": 0.1,
    "dropout": 0.1,
    "weight_style": 0.0,
    "weight_aesthetic": 1.0,
    "weight_map": 0.5,
    "weight_attributes": 0.2,
    "score_loss": "gaussian",
    "batch_size": 6,
    "learning_rate": 5e-4,
    "total_epochs": 6.0,
    "seeds": (0,),
    "devices": 1,
    "mirror_test": False,
    "report": "quick",
    "log_steps": 3,
    "tensorboard": False,
}
_STILL = ("mirror", "rotate_deg", "scale", "shift", "turn_deg", "tilt_deg", "warp", "tempo")
_STILL += ("drop", "noise")


def settings(corpus: pathlib.Path, **changes: Any) -> Any:
    """Returns the config of the scorer's training.

    Args:
        corpus: of `design_of`.
        **changes: of further keys.
    """
    config = configs.training()
    still = {f"augment_{name}": 0.0 for name in _STILL} | {"augment_crop": 1.0}
    config.update(still | _SETTINGS | {"data": str(corpus)} | changes)
    return configs.validate(config.lock(), ready=True)


def design_of(seed: int) -> Design:
    """Returns the dancers that the scorer learns from; the demo's own dancer is none of them."""
    return Design(
        dancers=DANCERS,
        styles=("ballet_like",),
        seconds=SECONDS,
        fps=25.0,
        common=0.9,  # else a score's mean would hardly differ from dancer to dancer
        pictures="rendered",
        width=96,
        height=128,
        seed=1000 + seed,
    )


def scorer(
    folder: pathlib.Path,
    *,
    seed: int = 0,
    design: Design | None = None,
    launch: Callable[[Any, pathlib.Path], None] = train.run,
    **changes: Any,
) -> tuple[pathlib.Path, dict[str, Any]]:
    """Makes the dancers, trains on three quarters of them, and compares the others with the truth.

    What is there already is not made again.

    Args:
        folder: of the corpus and the training.
        seed: of the dancers.
        design: of other dancers.
        launch: trains; `train_and_report.run` writes a page as well.
        **changes: of keys of the training.

    Returns:
        The run directory, and the row of `known_truth.json`: "clips" that were held out, "pearson"
        and "mse" of the aesthetic score against the true one and against the raters' mean, and
        "label", which says that all of it is synthetic.
    """
    corpus, run = folder / CORPUS, folder / RUN
    fill_corpus(corpus, design or design_of(seed))
    config = settings(corpus, **changes)
    launch(config, run)
    out = outcome_file.read(run / "folds" / "holdout" / f"seed_{config.seeds[0]}" / "outcome.json")
    truth = load_truth(corpus).scores["aesthetic_score"]
    said = out.score["aesthetic"]
    true = np.array([truth[name] for name in out.names])
    row = {
        "clips": len(out),
        "trained_on": len(truth) - len(out),
        "pearson": regression.pearson(said, true).value,
        "mse": regression.mse(said, true).value,
        "raters_pearson": regression.pearson(said, out.truth["aesthetic"]).value,
        "raters_mse": regression.mse(said, out.truth["aesthetic"]).value,
        "label": LABEL,
    }
    rundir.write_json(folder / KNOWN, row)
    return run, row


def line(row: dict[str, Any]) -> str:
    """Returns what the comparison says, for the terminal."""
    return (
        f"{row['label']}: {row['clips']} dancers that the scorer did not see, trained on "
        f"{row['trained_on']}: aesthetic score against the known one: "
        f"Pearson {row['pearson']:.2f}, MSE {row['mse']:.2f} points squared "
        f"(against the raters' mean {row['raters_pearson']:.2f}, {row['raters_mse']:.2f})"
    )
