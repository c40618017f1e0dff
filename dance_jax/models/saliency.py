"""Joint x time saliency of a score by integrated gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Score = Callable[[jnp.ndarray], jnp.ndarray]


class Saliency(NamedTuple):
    """What each joint adds to a score at each moment.

    Attributes:
        map: f32[B,T,J], in the score's unit; 0 where a joint is missing.
        score: f32[B], of the clip.
        baseline_score: f32[B], of the baseline.
    """

    map: jnp.ndarray
    score: jnp.ndarray
    baseline_score: jnp.ndarray

    @property
    def gap(self) -> jnp.ndarray:
        """f32[B]: by how much the map misses score - baseline_score (0 with enough steps)."""
        return self.score - self.baseline_score - self.map.sum((1, 2))


def clip_mean(x: jnp.ndarray, mask: jnp.ndarray) -> jnp.ndarray:
    """Returns each joint's mean over the frames that show it: [B,T,J,F], the same in every frame.

    Of positions this is the dancer standing still in the clip's mean pose; of features, the
    clip's mean features.

    Args:
        x: [B,T,J,F]; anything where masked.
        mask: bool[B,T,J].
    """
    there = mask[..., None]
    total = jnp.sum(jnp.where(there, x, 0), axis=1, keepdims=True)
    mean = total / jnp.maximum(jnp.sum(there, axis=1, keepdims=True), 1)
    return jnp.broadcast_to(mean, x.shape)


def integrated_gradients(
    score: Score, x: jnp.ndarray, baseline: jnp.ndarray, mask: jnp.ndarray, steps: int = 32
) -> jnp.ndarray:
    """Attributes score(x) - score(baseline) to the entries of x.

        a_i = (x_i - b_i) * integral_0^1 dscore/dx_i (b + alpha (x - b)) dalpha

    by Gauss-Legendre quadrature; the attributions of a row add up to the difference of its scores
    (completeness) as far as the score is smooth along the path. Memory is that of one gradient.

    Args:
        score: x -> [B]; each row's score depends on that row alone.
        x: [B,...].
        baseline: [B,...].
        mask: bool, broadcast to x: entries that are explained; others keep x's own content, be it
            NaN, all along the path, and are given 0.
        steps: points on the path.

    Returns:
        [B,...] in the score's unit.

    Source: Sundararajan, Taly, Yan 2017, Axiomatic Attribution for Deep Networks.
    """
    mask = jnp.broadcast_to(mask, x.shape)
    start = jnp.where(mask, baseline, x)
    change = jnp.where(mask, x - baseline, 0)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    slope = jax.grad(lambda point: jnp.sum(score(point)))

    def add(total: jnp.ndarray, node: tuple[jax.Array, jax.Array]) -> tuple[jnp.ndarray, None]:
        alpha, weight = node
        return total + weight * jnp.where(mask, slope(start + alpha * change), 0), None

    path = tuple(jnp.asarray(v, x.dtype) for v in ((nodes + 1) / 2, weights / 2))
    total, _ = lax.scan(add, jnp.zeros_like(change), path)
    return change * total


def joint_time_saliency(
    score: Score,
    x: jnp.ndarray,
    mask: jnp.ndarray,
    baseline: jnp.ndarray | None = None,
    steps: int = 32,
) -> Saliency:
    """Computes what each joint adds to a score at each moment, against a baseline.

    x may be positions, or features of joints (`PoseFeatures.joint`, with its `root` held as it is):
    along the path of features the body keeps its size, while a mean pose may have short limbs.

    Args:
        score: x -> [B]; each row's score depends on that row alone.
        x: [B,T,J,F]; anything where masked.
        mask: bool[B,T,J], the joints that are there.
        baseline: [B,T,J,F]; by default `clip_mean`: what is explained is how the clip differs from
            its own mean, so a joint that never moves is given 0.
        steps: points on the path.

    Returns:
        The map, with both scores.
    """
    base = clip_mean(x, mask) if baseline is None else baseline
    there = mask[..., None]
    given = integrated_gradients(score, x, base, there, steps)
    return Saliency(given.sum(-1), score(x), score(jnp.where(there, base, x)))
