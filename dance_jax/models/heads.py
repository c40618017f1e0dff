"""Heads: scores with their uncertainty, attributes, joint angles and style from fused features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics import angles
from dance_jax.models.pose_frame import to_canon
from dance_jax.skeleton import CANON, Skeleton

ATTRIBUTES = ("fluidity", "expressiveness", "precision")
SCALE = 10.0  # every score lies between 0 and this
_LOG_VAR = (-2.0, 4.0)  # middle and half width: a standard deviation from 0.05 to 2.7 points


def masked_mean(x: jnp.ndarray, mask: jnp.ndarray) -> jnp.ndarray:
    """Returns the mean of x [B,T,...,D] over all axes of mask bool[B,T,...]: f32[B,D].

    0 for a row without anything; what is masked may hold anything.
    """
    axes = tuple(range(1, mask.ndim))
    total = jnp.sum(jnp.where(mask[..., None], x, 0).astype(jnp.float32), axis=axes)
    return total / jnp.maximum(mask.sum(axes), 1)[:, None]


def bounded_score(logit: jnp.ndarray) -> jnp.ndarray:
    """Returns 10 sigmoid(logit): a score between 0 and 10."""
    return SCALE * nn.sigmoid(logit.astype(jnp.float32))


def score_bias(mean: float) -> np.float32:
    """Returns the bias of a logit whose score is `mean`, 0 < mean < 10.

    Raises:
        ValueError: the mean lies outside.
    """
    if not 0 < mean < SCALE:
        raise ValueError(f"a mean score lies between 0 and {SCALE:g}, got {mean}")
    return np.float32(math.log(mean / (SCALE - mean)))


class ScoreHead(nn.Module):
    """A score with its predictive uncertainty, to be trained by the Gaussian likelihood.

        mean = 10 sigmoid(w . h + b),   log var = -2 + 4 tanh((v . h + c) / 4 + atanh(1/2))

    with h = x, or gelu(W x) where `hidden` is given; the log variance is 0 at first. The mean is
    bounded because ratings are: an unbounded one scores better than 10 on a clip unlike the
    training set. The variance is of one rating, in points squared; its bounds (a standard deviation
    from 0.05 to 2.7) keep the likelihood from growing without end where a score is met exactly.

    Attributes:
        hidden: width of the hidden layer; 0 for none.
        start: score at first, best the mean of the training set; 0 < start < 10.
        dropout: rate before each linear layer.
        dtype: of the hidden layer; what is returned is float32.
    """

    hidden: int = 0
    start: float = SCALE / 2
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jnp.ndarray, *, train: bool = False
    ) -> tuple[jnp.ndarray, jnp.ndarray, jnp.ndarray]:
        """Maps x [B,D] to mean f32[B], log variance f32[B] and the logit of the mean f32[B]."""
        h = nn.Dropout(self.dropout)(x, deterministic=not train)
        if self.hidden:
            h = nn.gelu(nn.Dense(self.hidden, dtype=self.dtype, name="hidden")(h))
            h = nn.Dropout(self.dropout)(h, deterministic=not train)
        bias = nn.initializers.constant(score_bias(self.start))
        logit = nn.Dense(1, dtype=jnp.float32, bias_init=bias, name="logit")(h)[:, 0]
        raw = nn.Dense(1, dtype=jnp.float32, kernel_init=nn.initializers.zeros, name="log_var")(h)[
            :, 0
        ]
        return bounded_score(logit), bounded_log_var(raw), logit


def bounded_log_var(raw: jnp.ndarray) -> jnp.ndarray:
    """Returns a log variance between -6 and 2 that is 0 at 0: -2 + 4 tanh(raw / 4 + atanh(1/2))."""
    middle, half = _LOG_VAR
    return middle + half * jnp.tanh(raw / half + math.atanh(-middle / half))


class MapScoreHead(nn.Module):
    """A linear score of averaged maps, which a class activation map takes apart exactly.

        logit = w . mean_{t,h,w} maps + b = mean_{t,h,w} (w . maps) + b,   score = 10 sigmoid(logit)

    The kernel is the parameter `logit/kernel` [D,1], the bias `logit/bias` [1].
    """

    @nn.compact
    def __call__(self, maps: jnp.ndarray, mask: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
        """Scores maps.

        Args:
            maps: [B,T,H,W,D] (or any axes between B and D).
            mask: bool[B,T] or bool of all axes but the last: what counts.

        Returns:
            score f32[B] and its logit f32[B]; the bias alone decides a row without a frame.
        """
        shape = mask.shape + (1,) * (maps.ndim - 1 - mask.ndim)
        mask = jnp.broadcast_to(mask.reshape(shape), maps.shape[:-1])
        logit = nn.Dense(1, dtype=jnp.float32, name="logit")(masked_mean(maps, mask))[:, 0]
        return bounded_score(logit), logit


class AngleHead(nn.Module):
    """Joint angles of every frame as (sin, cos), supervised by `angle_targets`.

    Attributes:
        names: angles of `kinematics.angles`.
        dtype: of the computation.
    """

    names: tuple[str, ...] = angles.ANGLE_NAMES
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jnp.ndarray, mask: jnp.ndarray) -> jnp.ndarray:
        """Maps x [B,T,D] to f32[B,T,A,2], 0 where mask bool[B,T] is False."""
        x = jnp.where(mask[..., None], x, 0)
        y = nn.Dense(2 * len(self.names), dtype=self.dtype, name="angles")(x)
        y = y.reshape(*x.shape[:-1], len(self.names), 2).astype(jnp.float32)
        return jnp.where(mask[..., None, None], y, 0)


def angle_targets(
    pose: jnp.ndarray,
    mask: jnp.ndarray,
    names: Sequence[str] = angles.ANGLE_NAMES,
    *,
    skeleton: str | Skeleton = CANON,
    image: bool = False,
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Computes what `AngleHead` is trained on.

    Args:
        pose: [B,T,J,C], y up; NaN where missing.
        mask: bool[B,T], the frames that count.
        names: angles of `kinematics.angles`.
        skeleton: of the poses.
        image: y points down (pixels).

    Returns:
        (sin, cos) f32[B,T,A,2], 0 where not available, and bool[B,T,A], the angle is available.
    """
    pose = jnp.where(mask[..., None, None], pose, jnp.nan)
    if image:
        pose = angles.image_to_y_up(pose)
    theta = angles.compute(to_canon(pose, skeleton), tuple(names))
    known = jnp.isfinite(theta)
    theta = jnp.where(known, theta, 0.0)
    both = jnp.stack([jnp.sin(theta), jnp.cos(theta)], axis=-1)
    return jnp.where(known[..., None], both, 0.0), known


def decode_angles(sin_cos: jnp.ndarray) -> jnp.ndarray:
    """Returns radians in (-pi, pi] of (sin, cos) [...,2], of any length but 0."""
    return jnp.arctan2(sin_cos[..., 0], sin_cos[..., 1])


class Heads(nn.Module):
    """All heads of the network on fused features.

    Attributes:
        n_styles: number of style classes; 0 leaves the head out.
        attributes: names of scores between 0 and 10 beside the two main ones.
        angle_names: angles predicted for every frame; () leaves the head out.
        hidden: width of each score's hidden layer; 0 for none.
        start: every score at first.
        dropout: rate before each linear layer of the scores and of the style.
        dtype: of hidden layers; what is returned is float32.
    """

    n_styles: int = 0
    attributes: tuple[str, ...] = ATTRIBUTES
    angle_names: tuple[str, ...] = angles.JOINT_ANGLE_NAMES
    hidden: int = 0
    start: float = SCALE / 2
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, pooled: jnp.ndarray, sequence: jnp.ndarray, mask: jnp.ndarray, *, train: bool = False
    ) -> dict[str, jnp.ndarray]:
        """Predicts everything.

        Args:
            pooled: [B,D] of the clip.
            sequence: [B,T,D'] of its frames.
            mask: bool[B,T].
            train: dropout is on (rng "dropout").

        Returns:
            NAME, NAME_log_var and NAME_logit f32[B] for "aesthetic", "biomechanical" and each
            attribute; "style_logits" f32[B,S]; "angles" f32[B,T,A,2].
        """
        out = {}
        for name in ("aesthetic", "biomechanical", *self.attributes):
            head = ScoreHead(self.hidden, self.start, self.dropout, self.dtype, name=name)
            parts = head(pooled, train=train)
            keys = (name, f"{name}_log_var", f"{name}_logit")
            out |= dict(zip(keys, parts, strict=True))
        if self.n_styles:
            x = nn.Dropout(self.dropout)(pooled, deterministic=not train)
            out["style_logits"] = nn.Dense(self.n_styles, dtype=jnp.float32, name="style")(x)
        if self.angle_names:
            out["angles"] = AngleHead(self.angle_names, self.dtype, name="angles")(sequence, mask)
        return out
