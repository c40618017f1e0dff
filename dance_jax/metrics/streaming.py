"""Metrics that add up: (sum, count) pairs, exact under padding, batches of any size and devices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import lax

Array = jax.Array


@struct.dataclass
class Mean:
    """A mean that is still being gathered: mean = sum / count.

    Attributes:
        sum: f32[...] weighted sum.
        count: f32[...] sum of the weights.
    """

    sum: Array
    count: Array

    @classmethod
    def of(cls, values: Array, weights: Array | None = None) -> Mean:
        """Returns the pair of these values; where the weight is 0, a value may be anything.

        Args:
            values: f32[...].
            weights: bool or f32, of the leading axes at least; None for all.
        """
        values = jnp.asarray(values).astype(jnp.float32)
        if weights is None:
            return cls(values.sum(), jnp.float32(values.size))
        weights = jnp.asarray(weights).astype(jnp.float32)
        weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        weights = jnp.broadcast_to(weights, values.shape)
        return cls((jnp.where(weights > 0, values, 0) * weights).sum(), weights.sum())

    def merge(self, other: Mean) -> Mean:
        """Returns the pair of both."""
        return Mean(self.sum + other.sum, self.count + other.count)

    def compute(self) -> float:
        """Returns the mean; NaN where nothing was counted."""
        count = float(self.count)
        return float(self.sum) / count if count else math.nan


Means = Mapping[str, Mean]


def squared_error(prediction: Array, label: Array, mask: Array | None = None) -> Mean:
    """Returns the pair of (p - y)^2: its mean is the MSE, the root of that the RMSE.

    Args:
        prediction: f32[...].
        label: f32[...], NaN where absent.
        mask: bool, of the leading axes at least.
    """
    return _error(prediction, label, mask, jnp.square)


def absolute_error(prediction: Array, label: Array, mask: Array | None = None) -> Mean:
    """Returns the pair of |p - y|: its mean is the MAE.

    Args:
        prediction: f32[...].
        label: f32[...], NaN where absent.
        mask: bool, of the leading axes at least.
    """
    return _error(prediction, label, mask, jnp.abs)


def accuracy(logits: Array, label: Array, mask: Array | None = None, top: int = 1) -> Mean:
    """Returns the pair of "the true class is among the `top` likeliest".

    Among classes of equal logits the lower number is the likelier.

    Args:
        logits: f32[...,S].
        label: i32[...], -1 where absent.
        mask: bool, of the leading axes at least.
        top: how many classes count.
    """
    there = label >= 0
    y = jnp.where(there, label, 0)
    own = jnp.take_along_axis(logits, y[..., None], -1)
    before = (logits > own) | ((logits == own) & (jnp.arange(logits.shape[-1]) < y[..., None]))
    # A logit that is NaN is above none and below none: it must not count as right.
    right = (before.sum(-1) < top) & ~jnp.isnan(logits).any(-1)
    return Mean.of(right, _and(there, mask))


def merge(first: Means | None, second: Means) -> dict[str, Mean]:
    """Returns the pairs of both; a name may be in one only.

    A long evaluation merges what `on_host` returns, which keeps float64.

    Args:
        first: name -> pair, or None at the start.
        second: name -> pair.
    """
    out = dict(first or {})
    for name, pair in second.items():
        out[name] = out[name].merge(pair) if name in out else pair
    return out


def on_host(means: Means) -> dict[str, Mean]:
    """Returns the pairs in float64 on the host, where a long evaluation keeps its digits."""
    return {n: Mean(np.float64(m.sum), np.float64(m.count)) for n, m in means.items()}


def psum(means: Means, axis_name: str | None) -> dict[str, Mean]:
    """Returns the pairs summed over the replicas."""
    return dict(means if axis_name is None else lax.psum(dict(means), axis_name))


def compute(means: Means) -> dict[str, float]:
    """Returns name -> mean; NaN where nothing was counted. "x_mse" is given as "x_rmse" too."""
    out = {name: mean.compute() for name, mean in means.items()}
    for name in [name for name in out if name.split("_")[-1] == "mse"]:
        out[f"{name[:-3]}rmse"] = math.sqrt(out[name])
    return out


def _error(prediction: Array, label: Array, mask: Array | None, size: Callable) -> Mean:
    if jnp.shape(prediction) != jnp.shape(label):
        raise ValueError(f"prediction {jnp.shape(prediction)} and label {jnp.shape(label)} differ")
    return Mean.of(size(prediction - label), _and(~jnp.isnan(label), mask))


def _and(there: Array, mask: Array | None) -> Array:
    if mask is None:
        return there
    return there & mask.reshape(mask.shape + (1,) * (there.ndim - mask.ndim))
