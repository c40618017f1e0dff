"""Geometry of the base of support: distance to its border, time to reach it, and its size.

The base is the convex hull of at most a handful of points on the floor, some of them absent. All of
it follows from the support function h(n) = max_k n . p_k of that hull:

    signed distance = min_n (h(n) - n . q),   positive inside,

whose minimum lies at the normal of a line through two of the points, or points from one of them to
q. So no hull is built, nothing branches, and points in line or in one place need no special case.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.vectors import all_finite, component_sum, finite_or, safe_norm, safe_unit

_FAR = 1e6  # stands for "no such point"
_SAME = 1e-6  # points nearer than this are one
NOWHERE = 1.0  # body heights: where the soft version puts a point that does not support
DIRECTIONS = 36  # of the soft version


def _pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(n, 1)


def _dots(n: jnp.ndarray, p: jnp.ndarray) -> jnp.ndarray:
    """Returns n . p for normals [..., D, 2] and points [..., N, 2] as [..., D, N]."""
    return n[..., :, None, 0] * p[..., None, :, 0] + n[..., :, None, 1] * p[..., None, :, 1]


def _planar(points: jnp.ndarray) -> jnp.ndarray:
    """Returns points [..., G] of a line (G = 1) or a plane (G = 2) as points of a plane."""
    if points.shape[-1] == 2:
        return points
    return jnp.concatenate([points, jnp.zeros_like(points)], axis=-1)


def _normals(points: jnp.ndarray, there: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns the unit normals of the lines through two points [..., D, 2], and which exist."""
    i, j = _pairs(points.shape[-2])
    edge = points[..., j, :] - points[..., i, :]
    normal = jnp.stack([edge[..., 1], -edge[..., 0]], axis=-1)
    exists = there[..., i] & there[..., j] & (component_sum(edge * edge) > _SAME**2)
    return safe_unit(jnp.where(exists[..., None], normal, 0.0)), exists


def _greatest(x: jnp.ndarray) -> jnp.ndarray:
    """Returns the maximum over the last axis, by rounds of pairs.

    The ends of an edge reach equally far but for rounding, and the gradient of `max` looks for the
    greatest again: in a fused graph it may find none, or two. A choice between two finds one.
    """
    while x.shape[-1] > 1:
        n = x.shape[-1]
        half = (n + 1) // 2
        a, b = x[..., :half], x[..., n - half :]  # of an odd number the middle one plays twice
        x = jnp.where(a >= b, a, b)
    return x[..., 0]


def _reach(n: jnp.ndarray, p: jnp.ndarray, there: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns h(n) and h(-n), [..., D], point by point: long rows in memory, and few."""
    ahead = behind = jnp.full((), -_FAR, p.dtype)
    for k in range(p.shape[-2]):
        x, y, here = (v[..., k, None] for v in (p[..., 0], p[..., 1], there))
        dot = n[..., 0] * x + n[..., 1] * y
        for_ahead, for_behind = jnp.where(here, dot, -_FAR), jnp.where(here, -dot, -_FAR)
        ahead = jnp.where(for_ahead > ahead, for_ahead, ahead)
        behind = jnp.where(for_behind > behind, for_behind, behind)
    return ahead, behind


def signed_distance(points: jnp.ndarray, there: jnp.ndarray, q: jnp.ndarray) -> jnp.ndarray:
    """Returns the distance of a place to the border of the points' convex hull.

        d = min_n (h(n) - n . q)

    Args:
        points: [..., N, G] places on the floor; G = 1 (a picture's horizontal) or 2.
        there: bool[..., N] which of them exist.
        q: [..., G] the place.

    Returns:
        [...] in the points' unit, positive inside, negative outside (also of a hull that is a line
        or a point); NaN where there is no point, or q is missing.
    """
    known = there.any(-1) & all_finite(q)
    p = finite_or(points)
    q = finite_or(q)
    if p.shape[-1] == 1:
        x = p[..., 0]
        right = jnp.where(there, x, -_FAR).max(-1) - q[..., 0]
        left = q[..., 0] - jnp.where(there, x, _FAR).min(-1)
        return jnp.where(known, jnp.minimum(left, right), jnp.nan)
    n, exists = _normals(p, there)
    ahead, behind = _reach(n, p, there)
    along = n[..., 0] * q[..., None, 0] + n[..., 1] * q[..., None, 1]
    sides = -_greatest(jnp.where(exists, -jnp.minimum(ahead - along, behind + along), -_FAR))
    away = q[..., None, :] - p
    apart = there & (component_sum(away * away) > _SAME**2)
    m = safe_unit(jnp.where(apart[..., None], away, 0.0))
    reach, _ = _reach(m, p, there)
    corner = reach - (m[..., 0] * q[..., None, 0] + m[..., 1] * q[..., None, 1])
    corners = -_greatest(jnp.where(apart, -corner, -_FAR))
    value = jnp.minimum(sides, corners)
    return jnp.where(known, jnp.where(value < _FAR / 2, value, 0.0), jnp.nan)


def time_to_border(
    points: jnp.ndarray, there: jnp.ndarray, q: jnp.ndarray, v: jnp.ndarray, longest: float
) -> jnp.ndarray:
    """Returns when a place that moves on at its velocity leaves the hull.

        t = min_n (h(n) - n . q) / (n . v)   over the sides n that it moves towards

    Args:
        points: [..., N, G] places on the floor.
        there: bool[..., N] which of them exist.
        q: [..., G] the place.
        v: [..., G] its velocity, in units per second.
        longest: seconds; what is longer, or never happens, counts as this.

    Returns:
        [...] seconds; NaN where the place is outside, or anything is missing.
    """
    inside = signed_distance(points, there, q) > 0
    known = inside & all_finite(v)
    p, place, speed = (_planar(finite_or(x)) for x in (points, q, v))
    if points.shape[-1] == 1:
        n = jnp.broadcast_to(jnp.asarray([[1.0, 0.0]], p.dtype), (*p.shape[:-2], 1, 2))
        exists = known[..., None]
    else:
        n, exists = _normals(p, there)
    ahead, behind = _reach(n, p, there)
    along = n[..., 0] * place[..., None, 0] + n[..., 1] * place[..., None, 1]
    rate = n[..., 0] * speed[..., None, 0] + n[..., 1] * speed[..., None, 1]
    room = jnp.where(rate > 0, ahead - along, behind + along)
    fast = exists & (room > 0) & (jnp.abs(rate) * longest > room)  # so the rate is not 0
    time = jnp.where(fast, room / jnp.where(fast, jnp.abs(rate), 1.0), longest)
    return jnp.where(known, jnp.clip(time.min(-1), 0.0, longest), jnp.nan)


def extent(points: jnp.ndarray, there: jnp.ndarray) -> jnp.ndarray:
    """Returns the greatest distance between two of the points, [...]; NaN for none, 0 for one."""
    i, j = _pairs(points.shape[-2])
    p = finite_or(points)
    apart = safe_norm(p[..., j, :] - p[..., i, :])
    widest = jnp.where(there[..., i] & there[..., j], apart, 0.0).max(-1)
    return jnp.where(there.any(-1), widest, jnp.nan)


def area(points: jnp.ndarray, there: jnp.ndarray) -> jnp.ndarray:
    """Returns the area of the convex hull.

        A = 1/2 sum over its sides (a, b) of a x b

    A line through two points is a side where no other point lies to its right; of points in line,
    the outermost two.

    Args:
        points: [..., N, 2].
        there: bool[..., N].

    Returns:
        [...] in square units; 0 for a line or a point, NaN where there is none.
    """
    p = finite_or(points)
    first = finite_or(jnp.where(there[..., None], points, jnp.nan))
    count = jnp.maximum(there.sum(-1), 1)[..., None, None]
    p = p - jnp.sum(first, axis=-2, keepdims=True) / count  # near the origin: no lost digits
    n = p.shape[-2]
    same = safe_norm(p[..., :, None, :] - p[..., None, :, :]) < _SAME
    earlier = np.tril(np.ones((n, n), bool), -1)
    there_once = there & ~(same & earlier & there[..., None, :]).any(-1)
    i, j = _pairs(n)
    a, edge = p[..., i, :], p[..., j, :] - p[..., i, :]
    length = safe_norm(edge)
    unit = safe_unit(edge)
    rel = p[..., None, :, :] - a[..., :, None, :]
    off = unit[..., None, 0] * rel[..., 1] - unit[..., None, 1] * rel[..., 0]
    on = unit[..., None, 0] * rel[..., 0] + unit[..., None, 1] * rel[..., 1]
    within = (on > -_SAME) & (on < length[..., None] + _SAME)
    absent = ~there_once[..., None, :]
    both = there_once[..., i] & there_once[..., j]
    forth = both & ((off > _SAME) | ((off > -_SAME) & within) | absent).all(-1)
    back = both & ((off < -_SAME) | ((off < _SAME) & within) | absent).all(-1)
    twice = p[..., i, 0] * p[..., j, 1] - p[..., i, 1] * p[..., j, 0]
    sides = jnp.where(forth, twice, 0.0) - jnp.where(back, twice, 0.0)
    total = 0.5 * sides.sum(-1)
    return jnp.where(there.any(-1), jnp.maximum(total, 0.0), jnp.nan)


def soft_signed_distance(
    points: jnp.ndarray, weights: jnp.ndarray, q: jnp.ndarray, sharpness: float = 200.0
) -> jnp.ndarray:
    """Returns a smooth `signed_distance` in which each point counts by its weight.

        x_k(n) = w_k n . (p_k - q) - (1 - w_k) R,   R = `NOWHERE`
        h(n) = 1/b log sum_k exp(b x_k(n)),   d = -1/b log mean_n exp(-b h(n))

    over `DIRECTIONS` fixed directions: a point of weight 0 lies R behind the place whichever way
    one looks, so without any support d = -R. Differentiable everywhere, in the weights too. For
    whole weights it is above the hard distance by at most (log N + log `DIRECTIONS`) / b and by
    sin(pi / `DIRECTIONS`) = 9 % of half the hull's longest side.

    Args:
        points: [..., N, G] in body heights.
        weights: [..., N] in [0, 1]; NaN counts as 0.
        q: [..., G].
        sharpness: b, per body height.

    Returns:
        [...] in the points' unit; NaN where q is missing.
    """
    angle = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    n = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    if points.shape[-1] == 1:
        n = np.asarray([[1.0, 0.0], [-1.0, 0.0]])
    rel = _planar(finite_or(points)) - _planar(finite_or(q))[..., None, :]
    gap = _dots(jnp.broadcast_to(jnp.asarray(n, rel.dtype), (*rel.shape[:-2], *n.shape)), rel)
    w = finite_or(weights)[..., None, :]
    reach = jax.nn.logsumexp(sharpness * (w * gap - (1.0 - w) * NOWHERE), axis=-1)
    value = (np.log(n.shape[0]) - jax.nn.logsumexp(-reach, axis=-1)) / sharpness
    return jnp.where(all_finite(q), value, jnp.nan)
