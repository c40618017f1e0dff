"""A small network with everything that devices could change: BatchNorm, masks, ranks, dropout."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dance_jax import losses, optim, parallel
from dance_jax.data.batch import Batch
from dance_jax.metrics import Mean, streaming
from dance_jax.models.norm import BatchNorm
from dance_jax.training import state as states
from dance_jax.training import step

B, T, J, S = 16, 3, 4, 3
TARGETS = (
    losses.Target("score", "gaussian", "score", "score", 1.0, (("log_variance", "spread"),)),
    losses.Target("style", "cross_entropy", "style", "style", 0.5),
    losses.Target("order", "ranking", "score", "score", 0.2),
)
WEIGHTS = losses.weights_of(TARGETS)


class Small(nn.Module):
    """Dense, BatchNorm over valid frames, mean over time, heads."""

    norm: bool = True
    axis_name: str | None = None
    dropout: float = 0.0
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, pose: jax.Array, frame_mask: jax.Array, *, train: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        dense = functools.partial(nn.Dense, dtype=self.dtype, param_dtype=self.param_dtype)
        x = jnp.where(jnp.isnan(pose), 0, pose).reshape(*pose.shape[:2], -1)
        x = jnp.where(frame_mask[..., None], x, 0)
        x = dense(8, name="encoder")(x)
        if self.norm:
            flat = BatchNorm(axis_name=self.axis_name, momentum=0.8, dtype=self.dtype, name="bn")(
                x.reshape(-1, 8), frame_mask.reshape(-1), train=train
            )
            x = flat.reshape(x.shape)
        x = nn.Dropout(self.dropout, deterministic=not train)(nn.tanh(x))
        count = jnp.maximum(frame_mask.sum(1), 1)[:, None]
        x = jnp.where(frame_mask[..., None], x, 0).sum(1) / count
        heads = {n: dense(1, name=n)(x)[:, 0] for n in ("score", "spread")}
        return {**heads, "style": dense(S, name="style")(x)}, {"pooled": x}


def batch(seed: int, rows: int = B, valid: int = 11, dtype: Any = np.float32) -> Batch:
    """Returns a batch whose last rows are padding, so that some devices have none at all."""
    rng = np.random.default_rng(seed)
    mask = np.arange(rows) < valid
    frames = (np.arange(T) < rng.integers(1, T + 1, (rows, 1))) & mask[:, None]
    pose = rng.normal(0.5, 1, (rows, T, J, 2)).astype(dtype)
    there = frames[..., None] & (rng.random((rows, T, J)) < 0.9)
    score = np.where(rng.random(rows) < 0.7, rng.normal(0, 1, rows), np.nan).astype(dtype)
    return Batch(
        frames=None,
        pose=np.where(there[..., None], pose, np.nan),
        joint_mask=there,
        frame_mask=frames,
        labels={
            "score": np.where(mask, score, np.nan).astype(dtype),
            "style": np.where(mask, rng.integers(-1, S, rows), -1).astype(np.int32),
        },
        mask=mask,
        clip_id=np.where(mask, 100 + np.arange(rows), -1).astype(np.int32),
        time_s=np.tile(np.arange(T, dtype=np.float32), (rows, 1)),
        window=np.where(mask, np.arange(rows), -1).astype(np.int32),
    )


def padded(made: Batch, rows: int) -> Batch:
    """Returns the batch with more rows of padding, which hold what must not be looked at."""

    def pad(x: np.ndarray) -> np.ndarray:
        fill = {"b": False, "i": -1, "f": np.nan}[x.dtype.kind]
        return np.concatenate([x, np.full((rows - len(x), *x.shape[1:]), fill, x.dtype)])

    return jax.tree.map(pad, made)


def bound(axis_name: str | None, **network: Any) -> dict[str, Any]:
    """Returns apply_fn, loss_fn, metrics_fn and weights of a step."""
    module = Small(axis_name=axis_name, **network)

    def apply_fn(variables: Any, part: Batch, *, train: bool, **options: Any) -> Any:
        return module.apply(variables, part.pose, part.frame_mask, train=train, **options)

    def loss_fn(predictions: Any, part: Batch) -> dict[str, losses.Term]:
        return losses.parts(
            predictions, part.labels, TARGETS, row_mask=part.mask, axis_name=axis_name
        )

    def metrics_fn(predictions: Any, part: Batch) -> dict[str, Mean]:
        return {
            "score_mse": streaming.squared_error(predictions["score"], part.labels["score"]),
            "accuracy": streaming.accuracy(predictions["style"], part.labels["style"]),
        }

    return {
        "apply_fn": apply_fn,
        "loss_fn": loss_fn,
        "metrics_fn": metrics_fn,
        "weights": WEIGHTS,
    }


def start(
    options: optim.OptimOptions, seed: int = 3, *, ema: bool = False, **network: Any
) -> tuple[states.TrainState, Any]:
    """Returns the state before the first step, and the optimiser."""
    made = batch(0)
    init = jax.jit(Small(**network).init)
    variables = init(jax.random.key(seed), made.pose, made.frame_mask)
    tx = optim.make(options)
    return states.create(variables, tx, seed, ema=ema), tx


def trainer(options: optim.OptimOptions, tx: Any, **network: Any) -> Any:
    """Returns (state, batch) -> (state, (means, health)), mapped on one device."""
    run = functools.partial(
        step.train_step,
        tx=tx,
        schedule=optim.learning_rate(options),
        ema_decay=0.9,
        **bound(parallel.AXIS, **network),
    )
    return parallel.mapped(run, parallel.data_mesh(1))
