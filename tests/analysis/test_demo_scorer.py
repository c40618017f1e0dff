"""The demo's scorer learns dancers whose true scores are known; here of poses alone."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from dance_jax import load_run
from dance_jax.analysis import demo_scorer
from dance_jax.data.synthetic_corpus import load_truth
from dance_jax.training import outcome_file

SMALL = {
    "streams": ("pose",),
    "stream_drop": 0.0,
    "weight_map": 0.0,
    "total_epochs": None,
    "total_steps": 2.0,
    "features": 4,
    "hidden": 4,
    "pose_width": 4,
}


def test_it_is_held_against_the_known_scores(tmp_path) -> None:
    design = dataclasses.replace(
        demo_scorer.design_of(0), dancers=16, pictures="sticks", seconds=2.0, fps=12.5
    )
    run, row = demo_scorer.scorer(tmp_path, design=design, window_s=2.0, **SMALL)
    out = outcome_file.read(run / "folds" / "holdout" / "seed_0" / "outcome.json")
    truth = load_truth(tmp_path / "corpus").scores["aesthetic_score"]
    true = np.array([truth[name] for name in out.names])
    assert row["clips"] == len(true) == 4 and row["trained_on"] == 12
    np.testing.assert_allclose(row["mse"], np.mean((out.score["aesthetic"] - true) ** 2))
    np.testing.assert_allclose(row["pearson"], np.corrcoef(out.score["aesthetic"], true)[0, 1])
    assert "SYNTHETIC" in demo_scorer.line(row)
    assert json.loads((tmp_path / "known_truth.json").read_text()) == row
    assert load_run(run).scores[0] == "aesthetic"


def test_its_full_settings_are_a_valid_training(tmp_path) -> None:
    config = demo_scorer.settings(tmp_path)
    assert set(config.streams) == {"frames", "pose"} and config.weight_map > 0
    assert demo_scorer.design_of(3).dancers == demo_scorer.DANCERS
