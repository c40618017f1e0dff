"""Loss terms, element by element, with the weight that each element has.

A loss function returns a `Term`: the value of every element and its weight, 0 where the label is
absent (NaN, or -1 of whole numbers) or masked. An element of weight 0 has value 0 and gradient 0,
whatever the prediction or the label hold there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import struct
from jax import lax

Array = jax.Array

_LOG_VARIANCE = (-14.0, 14.0)  # beyond it exp(-s) is no weight but an overflow


@struct.dataclass
class Term:
    """One part of a loss, element by element.

    Attributes:
        values: f32[...]; 0 where the weight is 0.
        weights: f32[...], of the same shape; 0 excludes an element. Weights never depend on what is
            predicted.
    """

    values: Array
    weights: Array

    def sums(self) -> tuple[Array, Array]:
        """Returns (sum of weight times value, sum of the weights) of this replica."""
        return jnp.sum(self.values * self.weights), jnp.sum(self.weights)


def present(label: Array) -> Array:
    """Returns where a label is given: not NaN, or not negative where it is a whole number.

    An infinite label is no absent one: it is an error, which the step reports.
    """
    label = jnp.asarray(label)
    return ~jnp.isnan(label) if jnp.issubdtype(label.dtype, jnp.floating) else label >= 0


def squared(prediction: Array, label: Array, mask: Array | None = None) -> Term:
    """Returns (p - y)^2.

    Args:
        prediction: f32[...].
        label: f32[...], NaN where absent.
        mask: bool or weight[...], of the leading axes at least; None for all.
    """
    p, y, weights = _given(prediction, label, mask)
    return _term((p - y) ** 2, weights)


def huber(prediction: Array, label: Array, mask: Array | None = None, delta: float = 1.0) -> Term:
    """Returns e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2), with e = p - y.

    Args:
        prediction: f32[...].
        label: f32[...], NaN where absent.
        mask: as for `squared`.
        delta: where the parabola becomes a line.

    Source: Huber 1964, Annals of Mathematical Statistics 35(1), 73-101.
    """
    p, y, weights = _given(prediction, label, mask)
    size = jnp.abs(p - y)
    bent = jnp.minimum(size, delta)
    return _term(0.5 * bent**2 + delta * (size - bent), weights)


def gaussian(
    prediction: Array,
    label: Array,
    mask: Array | None = None,
    *,
    log_variance: Array,
    beta: float = 0.0,
) -> Term:
    """Returns the negative log-likelihood (s + (y - p)^2 exp(-s) + log 2 pi) / 2, s = log variance.

    Args:
        prediction: f32[...], the mean p.
        label: f32[...], NaN where absent.
        mask: as for `squared`.
        log_variance: f32[...], s, kept within -14 to 14.
        beta: each value is multiplied by the variance to this power, held constant, so that a
            large variance does not stop the mean from learning; 0 is the plain likelihood.

    Source: Seitzer et al. 2022, ICLR, arXiv 2203.09168 (beta).
    """
    p, y, weights, s = _given(prediction, label, mask, log_variance)
    s = jnp.clip(s, *_LOG_VARIANCE)
    values = 0.5 * (s + (y - p) ** 2 * jnp.exp(-s) + math.log(2 * math.pi))
    return _term(values * lax.stop_gradient(jnp.exp(beta * s)) if beta else values, weights)


def rated(
    prediction: Array,
    label: Array,
    mask: Array | None = None,
    *,
    severity: Sequence[float],
    variance: Sequence[float],
    log_variance: Array | None = None,
) -> Term:
    """Returns the likelihood of several ratings of one clip, by raters of known bias and noise.

    x_ij = q_i + b_j + e_ij with e_ij ~ N(0, v_j). Without `log_variance` the value is
    (x_ij - b_j - p_i)^2 with weight m / v_j, m the harmonic mean of the v_j: its minimum over p is
    the precision-weighted mean of the corrected ratings. With it the value is the negative
    log-likelihood under the variance v_j + exp(s_i), and every rating has weight 1.

    Args:
        prediction: f32[B] q_i as predicted.
        label: f32[B,R] ratings by rater, NaN where one did not rate.
        mask: bool[B] or [B,R].
        severity: R numbers b_j, what each rater adds.
        variance: R numbers v_j > 0.
        log_variance: f32[B], s_i.

    Raises:
        ValueError: a variance is not above 0, or the numbers of raters differ.
    """
    bias, noise = jnp.asarray(severity, jnp.float32), jnp.asarray(variance, jnp.float32)
    if bias.shape != noise.shape or jnp.shape(label)[-1:] != bias.shape:
        shapes = f"{bias.shape}, {noise.shape} and {jnp.shape(label)}"
        raise ValueError(f"severity, variance and ratings are of different raters: {shapes}")
    if min(variance) <= 0:
        raise ValueError(f"the variance of a rater must be above 0, got {min(variance)}")
    p = jnp.broadcast_to(prediction[..., None], jnp.shape(label))
    if log_variance is None:
        term = squared(p, label - bias, mask)
        return Term(term.values, term.weights * (len(variance) / jnp.sum(1 / noise)) / noise)
    s = jnp.broadcast_to(log_variance[..., None], jnp.shape(label))
    p, y, weights, s = _given(p, label - bias, mask, s)
    spread = noise + jnp.exp(jnp.clip(s, *_LOG_VARIANCE))
    return _term(
        0.5 * (jnp.log(spread) + (y - p) ** 2 / spread + math.log(2 * math.pi)),
        weights,
    )


def cross_entropy(
    prediction: Array,
    label: Array,
    mask: Array | None = None,
    *,
    smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
) -> Term:
    """Returns -sum_s t_s log softmax(z)_s with t = (1 - a) onehot(y) + a / S.

    Args:
        prediction: f32[...,S] logits z.
        label: i32[...] class y, -1 where absent.
        mask: as for `squared`.
        smoothing: a, from 0 to below 1.
        class_weights: S numbers that multiply the weight of an element by its true class.
    """
    label = jnp.asarray(label)
    weights = _weights(present(label), mask)
    there = weights > 0
    z = _float(jnp.where(there[..., None], prediction, 0))
    y = jnp.where(there, label, 0).astype(jnp.int32)
    log_p = jax.nn.log_softmax(z)
    picked = jnp.take_along_axis(log_p, y[..., None], -1)[..., 0]
    values = -(1 - smoothing) * picked - smoothing * log_p.mean(-1)
    if class_weights is not None:
        weights = weights * jnp.asarray(class_weights, weights.dtype)[y]
    return _term(values, weights)


def binary(
    prediction: Array, label: Array, mask: Array | None = None, *, smoothing: float = 0.0
) -> Term:
    """Returns the binary cross-entropy log(1 + exp(-|z|)) + max(z, 0) - z t, t = (1 - a) y + a / 2.

    Args:
        prediction: f32[...] logits z.
        label: f32 or i32[...] y from 0 to 1; NaN or -1 where absent.
        mask: as for `squared`.
        smoothing: a, from 0 to below 1.
    """
    z, y, weights = _given(prediction, label, mask)
    values = jax.nn.softplus(z) - z * ((1 - smoothing) * y + smoothing / 2)
    return _term(values, weights)


def angle(prediction: Array, label: Array, mask: Array | None = None) -> Term:
    """Returns 1 - cos(p - y), the same for every turn; e^2 / 2 near e = 0.

    Args:
        prediction: f32[...] radians.
        label: f32[...] radians, NaN where absent.
        mask: as for `squared`.
    """
    p, y, weights = _given(prediction, label, mask)
    # 1 - cos e = 2 sin(e / 2)^2, which keeps its digits at small angles.
    return _term(2 * jnp.sin((p - y) / 2) ** 2, weights)


def direction(prediction: Array, label: Array, mask: Array | None = None) -> Term:
    """Returns |u - (sin y, cos y)|^2 / 2, which is 1 - cos(p - y) for u = (sin p, cos p).

    Unlike `angle` of arctan2(u), its slope is bounded where u is near 0.

    Args:
        prediction: f32[...,2] u, of any length.
        label: f32[...] radians y, NaN where absent.
        mask: as for `squared`.
    """
    label = jnp.asarray(label)
    weights = _weights(present(label), mask)
    there = weights > 0
    y = _float(jnp.where(there, label, 0))
    u = _float(jnp.where(there[..., None], prediction, 0))
    values = 0.5 * ((u[..., 0] - jnp.sin(y)) ** 2 + (u[..., 1] - jnp.cos(y)) ** 2)
    return _term(values, weights)


def ranking(
    prediction: Array,
    label: Array,
    mask: Array | None = None,
    *,
    gap: float = 0.0,
    temperature: float = 1.0,
    axis_name: str | None = None,
) -> Term:
    """Returns log(1 + exp(-(p_i - p_j) / c)) of every pair of clips with y_i > y_j + gap.

    Pairs are of the whole batch on all devices. Under gradient accumulation they are of one
    micro-batch.

    Args:
        prediction: f32[B] scores.
        label: f32[B], NaN where absent.
        mask: bool[B]; a weight counts as True where it is not 0.
        gap: least difference of two labels that makes a pair.
        temperature: c, in points.
        axis_name: of the mapped axis; None where the batch is whole.

    Returns:
        Term of [B, all B].

    Source: Burges et al. 2005, ICML (RankNet).
    """
    p, y, weights = _given(prediction, label, mask)
    others = (p, y, weights)
    if axis_name is not None:
        others = tuple(lax.all_gather(x, axis_name, tiled=True) for x in others)
    all_p, all_y, all_weights = others
    counts = (weights[:, None] > 0) & (all_weights > 0) & (y[:, None] > all_y + gap)
    behind = jnp.where(counts, all_p - p[:, None], 0)
    values = jax.nn.softplus(behind / temperature)
    return _term(values, counts.astype(values.dtype))


def _given(prediction: Array, label: Array, mask: Array | None, *more: Array) -> tuple[Array, ...]:
    """Returns prediction, label and weights, equal (difference 0) where the weight is 0.

    Raises:
        ValueError: the shapes of prediction and label differ; they are never broadcast silently.
    """
    label = jnp.asarray(label)
    if jnp.shape(prediction) != label.shape:
        raise ValueError(f"prediction {jnp.shape(prediction)} and label {label.shape} differ")
    weights = _weights(present(label), mask)
    there = weights > 0
    safe = (_float(jnp.where(there, x, 0)) for x in (prediction, label))
    return (*safe, weights, *(_float(jnp.where(there, x, 0)) for x in more))


def _term(values: Array, weights: Array) -> Term:
    """Returns the term with value and gradient 0 where the weight is 0."""
    return Term(jnp.where(weights > 0, values, 0), weights)


def _weights(there: Array, mask: Array | None) -> Array:
    """Returns f32 weights: the mask, given for leading axes at least, where a label is there."""
    if mask is None:
        return there.astype(jnp.float32)
    mask = jnp.asarray(mask).reshape(jnp.shape(mask) + (1,) * (there.ndim - jnp.ndim(mask)))
    return jnp.where(there, jnp.broadcast_to(_float(mask), there.shape), 0)


def _float(x: Array) -> Array:
    """Returns float32, or float64 where it is that already."""
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)
