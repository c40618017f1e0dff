"""Soft dynamic time warping: a differentiable distance of two sequences of unlike speed."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import floating

_FAR = 1e10  # stands for infinity: finite, so that no gradient becomes NaN


def squared_cost(a: jnp.ndarray, b: jnp.ndarray) -> jnp.ndarray:
    """Returns the mean squared difference of every pair of frames over what both show.

        cost_ij = mean_f (a_if - b_jf)^2

    Args:
        a: [N, F] features; NaN where missing.
        b: [M, F].

    Returns:
        [N, M]; a pair without a common feature gets the mean of all other pairs, so that missing
        frames neither attract nor repel the alignment; NaN where no pair has one.
    """
    a, b = floating(a), floating(b)
    known_a, known_b = jnp.isfinite(a), jnp.isfinite(b)
    both = known_a[:, None] & known_b[None]
    difference = jnp.where(both, finite_or(a)[:, None] - finite_or(b)[None], 0.0)
    count = both.sum(-1)
    cost = (difference**2).sum(-1) / jnp.maximum(count, 1)
    some = count > 0
    pairs = some.sum()
    mean = jnp.where(some, cost, 0.0).sum() / jnp.maximum(pairs, 1)
    return jnp.where(pairs > 0, jnp.where(some, cost, mean), jnp.nan)


def soft_dtw(
    cost: jnp.ndarray,
    gamma: jnp.ndarray | float = 1.0,
    n: jnp.ndarray | int | None = None,
    m: jnp.ndarray | int | None = None,
) -> jnp.ndarray:
    """Returns the soft minimum over all monotone alignments of their summed cost.

        r_ij = cost_ij + min_g(r_i-1,j-1, r_i-1,j, r_i,j-1),  min_g(x) = -g log sum exp(-x / g)

    As g -> 0 it becomes the DTW distance; with g > 0 it is smooth, and may be negative.

    Args:
        cost: [N, M] cost of matching frame i with frame j; what lies beyond n, m may be NaN.
        gamma: g > 0, in the unit of the cost.
        n: frames of the first sequence that count; None for N. May be traced.
        m: frames of the second.

    Returns:
        scalar in the unit of the cost; NaN where n, m or gamma is not positive, or where a cost
        that counts is NaN.

    Source: Cuturi & Blondel 2017, Soft-DTW: a differentiable loss function for time-series, ICML.
    """
    cost = floating(cost)
    rows, columns = cost.shape
    n = jnp.asarray(rows if n is None else n)
    m = jnp.asarray(columns if m is None else m)
    gamma = jnp.asarray(gamma, cost.dtype)
    i = jnp.arange(rows)
    counts = (i[:, None] < n) & (jnp.arange(columns)[None] < m)
    known = jnp.where(counts, jnp.isfinite(cost), True).all()
    good = known & (n > 0) & (m > 0) & (gamma > 0)
    g = jnp.where(gamma > 0, gamma, 1.0)
    safe = jnp.where(counts, finite_or(cost), 0.0)

    def step(carry: tuple, d: jnp.ndarray) -> tuple[tuple, None]:
        # One anti-diagonal, i + j = d, held by rows; the two before it are all that it needs.
        before, last, answer = carry
        j = d - i
        inside = (j >= 0) & (j < columns)
        here = safe[i, jnp.clip(j, 0, columns - 1)]
        above = jnp.concatenate([jnp.full((1,), _FAR, cost.dtype), last[:-1]])
        corner = jnp.concatenate([jnp.full((1,), _FAR, cost.dtype), before[:-1]])
        corner = jnp.where((d == 0) & (i == 0), 0.0, corner)
        three = jnp.stack([corner, above, last])
        least = three.min(0)
        soft = least - g * jnp.log(jnp.exp((least - three) / g).sum(0))
        now = jnp.where(inside, here + jnp.minimum(soft, _FAR), _FAR)
        answer = jnp.where(d == n + m - 2, now[jnp.clip(n - 1, 0, rows - 1)], answer)
        return (last, now, answer), None

    far = jnp.full((rows,), _FAR, cost.dtype)
    start = (far, far, jnp.zeros((), cost.dtype))
    (_, _, answer), _ = jax.lax.scan(step, start, jnp.arange(rows + columns - 1))
    return jnp.where(good, answer, jnp.nan)


def soft_alignment(
    cost: jnp.ndarray,
    gamma: jnp.ndarray | float = 1.0,
    n: jnp.ndarray | int | None = None,
    m: jnp.ndarray | int | None = None,
) -> jnp.ndarray:
    """Returns how strongly each pair of frames is matched, as a mean over all alignments.

        e_ij = d soft_dtw / d cost_ij

    Args:
        cost: [N, M], as `soft_dtw`.
        gamma: as `soft_dtw`.
        n: as `soft_dtw`.
        m: as `soft_dtw`.

    Returns:
        [N, M] in [0, 1]; 0 beyond n, m; it tends to the alignment path as gamma -> 0.

    Source: Cuturi & Blondel 2017, section 2.2.
    """
    return jax.grad(lambda c: soft_dtw(c, gamma, n, m))(floating(cost))


def soft_dtw_divergence(
    a: jnp.ndarray,
    b: jnp.ndarray,
    gamma: jnp.ndarray | float = 1.0,
    n: jnp.ndarray | int | None = None,
    m: jnp.ndarray | int | None = None,
) -> jnp.ndarray:
    """Returns soft-DTW without its bias: never negative, and 0 for equal sequences.

        D(a, b) = soft_dtw(a, b) - (soft_dtw(a, a) + soft_dtw(b, b)) / 2

    Args:
        a: [N, F] features; NaN where missing.
        b: [M, F].
        gamma: as `soft_dtw`.
        n: frames of `a` that count; None for all.
        m: frames of `b`.

    Returns:
        scalar in the squared unit of the features; NaN as `soft_dtw`.

    Source: Blondel, Mensch & Vert 2021, Differentiable divergences between time series, AISTATS.
    """
    own = soft_dtw(squared_cost(a, a), gamma, n, n) + soft_dtw(squared_cost(b, b), gamma, m, m)
    return soft_dtw(squared_cost(a, b), gamma, n, m) - 0.5 * own
