"""What is learnt, as data and pure functions: a network, its targets, changes of its batches."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dance_jax import losses
from dance_jax.data.batch import Batch
from dance_jax.losses import Target, Term
from dance_jax.metrics import Mean, streaming
from dance_jax.models.heads import angle_targets
from dance_jax.models.inputs import Inputs

Augment = Callable[[jax.Array, Batch], Batch]


def upright(batch: Batch, picture: int) -> Batch:
    """Returns a batch with y up and heights of the picture for pixels.

    Args:
        batch: of the loader.
        picture: height of the pictures that its poses are placed in, pixels; 0 for other poses.
    """
    if not picture or batch.pose is None:
        return batch
    return batch.replace(pose=batch.pose * jnp.array([1.0, -1.0], jnp.float32) / picture)


def inputs_of(batch: Batch, picture: int = 0) -> Inputs:
    """Returns a batch as a network sees it.

    Labels named `measures`, `beats` and `encoded` are streams; `has_frames` and `has_pose` (1 or 0)
    say which rows have theirs.

    Args:
        batch: of the loader.
        picture: as of `upright`.
    """
    batch, told = upright(batch, picture), batch.labels

    def flag(name: str) -> jax.Array | None:
        return told[name] > 0 if name in told else None

    return Inputs(
        frame_mask=batch.frame_mask,
        time_s=batch.time_s,
        frames=batch.frames,
        encoded=told.get("encoded"),
        pose=batch.pose,
        joint_mask=batch.joint_mask,
        measures=told.get("measures"),
        beats=told.get("beats"),
        has_frames=flag("has_frames"),
        has_pose=flag("has_pose"),
    )


def apply(
    module: nn.Module, picture: int, variables: Mapping[str, Any], batch: Batch, **options: Any
) -> Any:
    """Returns what the network makes of a batch; with the first two bound a `step.ApplyFn`."""
    return module.apply(variables, inputs_of(batch, picture), **options)


def labels_of(
    batch: Batch, angle_names: Sequence[str] = (), skeleton: str = "halpe26"
) -> dict[str, jax.Array]:
    """Returns the labels of a batch, with those that its poses give.

    Args:
        batch: with poses where angles are asked for.
        angle_names: joint angles that a network predicts at each frame.
        skeleton: of the poses.

    Returns:
        name -> [B,...]; "joint_angles" f32[B,T,A,2] (sin, cos), NaN where not available.
    """
    found = dict(batch.labels)
    if angle_names and batch.pose is not None:
        both, known = angle_targets(
            batch.pose, batch.frame_mask, tuple(angle_names), skeleton=skeleton
        )
        found["joint_angles"] = jnp.where(known[..., None], both, jnp.nan)
    return found


def loss(
    predictions: Mapping[str, jax.Array],
    batch: Batch,
    *,
    targets: Sequence[Target],
    angle_names: Sequence[str] = (),
    picture: int = 0,
    skeleton: str = "halpe26",
    axis_name: str | None = None,
) -> dict[str, Term]:
    """Returns the parts of the loss, as `step.LossFn`; bind what stands behind the star by partial.

    Args:
        predictions: of the network.
        batch: as it was given to the network.
        targets: the parts.
        angle_names: as of `labels_of`.
        picture: as of `upright`.
        skeleton: of the poses.
        axis_name: of the mapped axis, for losses of pairs.
    """
    return losses.parts(
        predictions,
        labels_of(upright(batch, picture), angle_names, skeleton),
        targets,
        row_mask=batch.mask,
        frame_mask=batch.frame_mask,
        axis_name=axis_name,
    )


def measured(
    predictions: Mapping[str, jax.Array], batch: Batch, *, scores: Mapping[str, str]
) -> dict[str, Mean]:
    """Returns the pairs that are followed while training, of windows: MSE, MAE, accuracy.

    Args:
        predictions: of the network.
        batch: with labels.
        scores: prediction -> label.
    """
    out = {}
    for prediction, label in scores.items():
        if prediction in predictions and label in batch.labels:
            pair = (predictions[prediction], batch.labels[label], batch.mask)
            out[f"{prediction}_mse"] = streaming.squared_error(*pair)
            out[f"{prediction}_mae"] = streaming.absolute_error(*pair)
    if "style_logits" in predictions and "style" in batch.labels:
        pair = (predictions["style_logits"], batch.labels["style"], batch.mask)
        out["accuracy"] = streaming.accuracy(*pair)
    return out


SCORE_LABELS: Mapping[str, str] = {
    "aesthetic": "aesthetic_score",
    "biomechanical": "biomech_score",
    "fluidity": "fluidity",
    "expressiveness": "expressiveness",
    "precision": "precision",
}
"""Prediction -> label of the scores, 0 to 10."""


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A network and what it is trained for.

    Attributes:
        module: takes `Inputs`, returns (predictions, intermediates).
        targets: the parts of the loss.
        augment: changes a batch on the device, (key, batch) -> batch; None for none.
        styles: classes of the style head, in order.
        streams: names of random keys that the network takes.
        start: puts weights from elsewhere into the variables that were drawn; None for none.
        picture: height of the pictures that the poses of a batch are placed in; 0 for others.
        skeleton: of the poses.
    """

    module: nn.Module
    targets: tuple[Target, ...]
    augment: Augment | None = None
    styles: tuple[str, ...] = ()
    streams: tuple[str, ...] = ("dropout",)
    start: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    picture: int = 0
    skeleton: str = "halpe26"

    @property
    def angle_names(self) -> tuple[str, ...]:
        """Joint angles that the network predicts at each frame."""
        return tuple(getattr(self.module, "angle_names", ()))

    @property
    def scores(self) -> tuple[str, ...]:
        """The scores that are trained; the other heads of a network mean nothing."""
        named = {target.prediction for target in self.targets}
        return tuple(name for name in SCORE_LABELS if name in named)

    def apply_fn(self) -> Callable[..., Any]:
        """Returns the network as `step.ApplyFn`."""
        return functools.partial(apply, self.module, self.picture)

    def loss_fn(self, axis_name: str | None) -> Callable[..., Any]:
        """Returns the loss as `step.LossFn`."""
        return functools.partial(
            loss,
            targets=self.targets,
            angle_names=self.angle_names,
            picture=self.picture,
            skeleton=self.skeleton,
            axis_name=axis_name,
        )

    def metrics_fn(self) -> Callable[..., Any]:
        """Returns what is followed while training, as `step.MetricsFn`."""
        return functools.partial(measured, scores={n: SCORE_LABELS[n] for n in self.scores})

    def init(self, key: jax.Array, batch: Batch) -> dict[str, Any]:
        """Draws the variables, and loads those of `start` where there is one.

        Args:
            key: of parameters.
            batch: an example; its values do not matter.
        """
        given = inputs_of(jax.tree.map(np.asarray, batch), self.picture)
        drawn = dict(jax.jit(self.module.init)({"params": key}, given))
        return dict(self.start(drawn)) if self.start is not None else drawn
