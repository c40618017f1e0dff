"""Stored networks for the tests of what a network says: drawn, not trained, and small."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jax
import numpy as np

from dance_jax import config as configs
from dance_jax.data import synthetic
from dance_jax.training import model, network, sources, training_set
from dance_jax.training.examples import Example, Examples
from dance_jax.training.prepared import prepared
from dance_jax.training.task import inputs_of
from dance_jax.types import Clip

STYLES = ("ballet_like", "hip_hop_like")
SMALL = {
    "fps": 10.0,
    "window_s": 1.0,
    "stride_s": 0.5,
    "pose_features": ("position",),
    "fusion": "concat",
    "pooling": "mean",
    "pose_width": 4,
    "pose_depth": 1,
    "features": 4,
    "hidden": 4,
    "batch_size": 4,
    "mirror_test": False,
    "frame_height": 16,
    "frame_width": 16,
    "encoder_width": 4,
    "weight_style": 1.0,
    "weight_aesthetic": 1.0,
    "weight_map": 0.5,
    "score_loss": "gaussian",
}
MEASURED = {
    "clips": 2,
    "groups": 2,
    "mean": {
        "accuracy": 0.5,
        "ece": 0.2,
        "aesthetic_mae": 1.1,
        "aesthetic_rmse": 1.3,
        "aesthetic_coverage_90": 0.75,
    },
    "spread": {},
    "intervals": {},
    "stamp": "",
}


@contextlib.contextmanager
def quick_compilation() -> Iterator[None]:
    """Compiles without most optimisations: what is computed is looked at, not how fast."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def dance(seed: int, style: str, seconds: float = 2.0, start_s: float = 0.0) -> Clip:
    """A synthetic dancer seen from the front: HALPE-26 pixels of a picture of 240x320."""
    made = synthetic.generate(seed, style, seconds, 20.0)
    pose = made.pose[..., :2] * [120.0, -120.0] + [120.0, 300.0]
    return Clip(
        pose[:, None].astype(np.float32),
        np.ones((len(pose), 1, 26), np.float32),
        made.time_s + start_s,
        image_size=(240, 320),
        source={"name": f"{style} {seed}"},
    )


def corpus(config: Any, video: pathlib.Path | None) -> Examples:
    """Three clips of two styles with an aesthetic score."""
    rows = []
    for k in range(3):
        clip = dance(k, STYLES[k % 2])
        made = prepared(clip, fps=config.fps, skeleton=config.skeleton, axes=config.axes)
        groups = {"source": f"dancer {k}"}
        scores = {"aesthetic_score": 4.0 + k}
        rows.append(Example(f"clip {k}", made, video, STYLES[k % 2], groups, scores))
    return Examples(tuple(rows), "made", licences=("MIT (synthetic)",), synthetic=True)


def drawn(task: Any, batch: Any) -> Any:
    """Variables of a network without the compilation of its `init`."""
    given = inputs_of(jax.tree.map(np.asarray, batch), task.picture)
    shapes = jax.eval_shape(task.module.init, jax.random.key(0), given)
    rng = np.random.default_rng(3)

    def value(path: Any, leaf: Any) -> np.ndarray:
        name = path[-1].key
        if name in ("scale", "var"):
            return np.ones(leaf.shape, np.float32)
        fan = max(int(np.prod(leaf.shape[:-1])), 1)
        return (rng.normal(size=leaf.shape) / np.sqrt(fan)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(value, shapes)


def alone(task: Any, variables: Any, batch: Any) -> training_set.Seen:
    """What is seen of a training set of one clip, its mean map drawn."""
    given = inputs_of(jax.tree.map(np.asarray, batch), task.picture)
    _, more = jax.eval_shape(task.module.apply, variables, given)
    cells = more["maps"].shape[2:4]
    mean = np.random.default_rng(4).normal(size=cells).astype(np.float32)
    return training_set.Seen(np.zeros((1, 1), np.float32), np.zeros(1, int), mean)


def stored(folder: pathlib.Path, video: pathlib.Path | None = None, **more: Any) -> pathlib.Path:
    """Writes the run of a network whose parameters are drawn; with a video it sees pictures."""
    config = configs.training()
    streams = ("pose",) if video is None else ("frames", "pose")
    if video is None:
        more = {"weight_map": 0.0, **more}
    config.update(SMALL | {"streams": streams} | more)
    examples = corpus(config, video)
    task = network.task_of(config, examples)
    batch = next(iter(sources.loader_of(config, examples, task.styles, train=False)))
    with contextlib.ExitStack() as stack:
        stack.enter_context(quick_compilation())
        variables = drawn(task, batch)
        if video is not None:  # its program would take long: as of a training set of one clip
            seen = alone(task, variables, batch)
            stack.enter_context(mock.patch.object(training_set, "seen", return_value=seen))
        model.save(folder / "made", config, task, variables, examples, temperature=1.5)
    model.publish(folder / "made", folder / "run" / "model", MEASURED)
    return folder / "run"
