"""Shen's config from its documented layout to a stored network, on twelve made clips."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

import dance_jax
from configs import shen
from dance_jax import config as configs
from dance_jax.data.synthetic_corpus import write_corpus
from dance_jax.data.synthetic_design import Design
from dance_jax.training import outcome_file, train

SIZES = {
    "fps": 10.0,
    "window_s": 1.6,
    "stride_s": 1.6,
    "frame_height": 32,
    "frame_width": 32,
    "encoder": "resnet10",
    "encoder_width": 4,
    "features": 16,
    "pose_width": 4,
    "hidden": 8,
    "batch_size": 4,
    "total_epochs": 2.0,
    "seeds": (0,),
    "devices": 1,
    "remat": False,
    "dtype": "float32",
    "mirror_test": False,
    "tensorboard": False,
    "report": "none",
}
"""What a GPU is not needed for; everything else is as the config has it."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, quick_compilation: None) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("shen")
    styles = ("ballet_like", "hip_hop_like")
    write_corpus(folder / "corpus", Design(dancers=6, styles=styles, seconds=1.6, fps=20.0))
    made = shen.get_config()
    made.unlock()
    made.update(SIZES | {"data": str(folder / "corpus")})
    train.run(configs.validate(made.lock(), ready=True), folder / "run")
    return folder / "run"


def test_all_heads_of_the_paper_are_trained_and_tested(run: pathlib.Path) -> None:
    found = json.loads((run / "results.json").read_text("utf-8"))
    assert found["data"]["clips"] == 12 and found["data"]["synthetic"]
    assert 2 <= found["clips"] <= 4  # of one or two dancers, held out
    names = ("aesthetic", "biomechanical", "fluidity", "expressiveness", "precision")
    assert all(f"{name}_mse" in found["mean"] for name in names)
    assert "accuracy" in found["mean"]
    ridge = found["baselines"]["pose statistics + ridge"]
    assert "aesthetic_mse" in ridge and "accuracy" in ridge
    rows = [json.loads(line) for line in (run / "folds/holdout/seed_0/metrics.jsonl").open()]
    told = set().union(*rows)
    assert {"loss_aesthetic", "loss_biomechanical", "loss_joint", "loss_map"} <= told
    out = outcome_file.read(run / "folds/holdout/seed_0/outcome.json")
    held = {name.split("_d")[1][:2] for name in out.names}
    assert len(held) == len(set(out.groups)) < 6


def test_the_stored_network_reads_frames_and_poses(run: pathlib.Path) -> None:
    model = dance_jax.load_run(run)
    assert model.config.encoder == "resnet10" and model.config.attention_heads == 8
    leaves = [np.asarray(x) for x in _leaves(model.variables)]
    assert all(np.isfinite(x).all() for x in leaves) and len(leaves) > 50


def _leaves(tree: object) -> list[np.ndarray]:
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    return [np.asarray(tree)]
