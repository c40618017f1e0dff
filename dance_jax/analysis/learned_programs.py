"""The compiled programs of a trained network: predictions, their mirror image, and saliency."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.data.batch import Batch
from dance_jax.models import saliency
from dance_jax.training import augmentation, training_set
from dance_jax.training.model import Model
from dance_jax.training.task import inputs_of

STEPS = 16
"""Points on the path of integrated gradients."""


class Explained(NamedTuple):
    """Which prediction a saliency map takes apart.

    Attributes:
        name: of a score, or of a class.
        kind: "score" or "style".
        place: of the class.
    """

    name: str
    kind: str
    place: int = -1


class Programs:
    """The programs of one network, compiled at their first use, once a shape.

    Args:
        model: the network.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def maps(self) -> bool:
        """True where a head of its pictures was trained, which its maps take apart exactly."""
        return training_set.has_maps(self.model.config, self.model.scores)

    @functools.cached_property
    def forward(self) -> Any:
        """(variables, batch, picture) -> predictions of windows; features, maps, pictures seen."""

        def run(variables: Any, batch: Batch, picture: int) -> tuple[dict, dict]:
            predictions, more = self._apply(variables, inputs_of(batch, picture))
            kept = {"pooled": more["pooled"]}
            if "maps" in more:
                kept["encoded"] = more["maps"].astype(jnp.float32).mean((2, 3))
                if self.maps:
                    kept["cam"] = training_set.activation(variables, more["maps"])
            return _of_windows(predictions), kept

        return jax.jit(run, static_argnums=2)

    @functools.cached_property
    def mirrored(self) -> Any:
        """(batch, picture) -> the batch's mirror image."""

        def run(batch: Batch, picture: int) -> Batch:
            skeleton = self.model.config.skeleton
            return augmentation.mirrored(batch, pixels=bool(picture), skeleton=skeleton)

        return jax.jit(run, static_argnums=1)

    @functools.cached_property
    def explained(self) -> Any:
        """(variables, batch, encoded, class, picture, score) -> f32[B,T,J], as `saliency`."""

        def run(variables, batch, encoded, place, picture, name):
            inputs = inputs_of(batch, picture)
            if encoded is not None:  # pictures are not seen again at every step of the path
                inputs = inputs.replace(frames=None, encoded=encoded)

            def score(pose: jax.Array) -> jax.Array:
                predictions, _ = self._apply(variables, inputs.replace(pose=pose))
                if name:
                    return predictions[name]
                return log_odds(predictions["style_logits"] / self.model.temperature, place)

            there = known(batch)
            still = saliency.clip_mean(inputs.pose, there)
            x, mask = inputs.pose, there[..., None]
            return saliency.integrated_gradients(score, x, still, mask, STEPS).sum(-1)

        return jax.jit(run, static_argnums=(4, 5))

    def _apply(self, variables: Any, inputs: Any) -> tuple[dict, dict]:
        return self.model.task.module.apply(variables, inputs, train=False)


def known(batch: Batch) -> jax.Array:
    """Returns bool[B,T,J], the joints that a batch shows."""
    return jnp.isfinite(batch.pose).all(-1) & batch.frame_mask[..., None]


def standing(batch: Batch) -> Batch:
    """Returns a batch whose dancers stand still, each in the mean pose of their window."""
    there = known(batch)
    still = saliency.clip_mean(jnp.asarray(batch.pose), there)
    return batch.replace(pose=np.asarray(jnp.where(there[..., None], still, batch.pose)))


def log_odds(logits: jax.Array, place: jax.Array) -> jax.Array:
    """Returns log(p / (1 - p)) of one class: its logit less the log-sum-exp of the others.

    Args:
        logits: [B,S].
        place: of the class.
    """
    own = jnp.arange(logits.shape[-1]) == place
    others = jax.nn.logsumexp(jnp.where(own, -jnp.inf, logits), axis=-1)
    return jnp.where(own, logits, 0).sum(-1) - others


def evenly(count: int, most: int) -> np.ndarray:
    """Returns i64[N], at most `most` places of 0 .. count - 1, evenly spread, ends included."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _of_windows(predictions: dict) -> dict:
    return {k: v for k, v in predictions.items() if v.ndim == 1 or k.endswith("_logits")}
