"""The base of support against SciPy's convex hull, on random points."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.spatial import ConvexHull

from dance_jax.biomech import support
from tests.seeds import fresh

signed_distance = jax.jit(support.signed_distance)
area_of = jax.jit(support.area)
extent = jax.jit(support.extent)
time_to_border = jax.jit(support.time_to_border, static_argnums=4)
soft_signed_distance = jax.jit(support.soft_signed_distance, static_argnums=3)


def to_segment(a, b, q):
    long = np.dot(b - a, b - a)
    t = np.clip(np.dot(q - a, b - a) / long, 0, 1) if long > 0 else 0.0
    return np.linalg.norm(q - a - t * (b - a))


def by_hand(points, q, v, longest):
    """Signed distance, area and time to the border by SciPy's hull, or by segments."""
    if len(points) < 3:
        return -min(to_segment(a, b, q) for a in points for b in points), 0.0, np.nan
    hull = ConvexHull(points)
    normals, offsets = hull.equations[:, :2], hull.equations[:, 2]
    room = -(normals @ q + offsets)
    if room.min() < 0:
        away = min(to_segment(points[i], points[j], q) for i, j in hull.simplices)
        return -away, hull.volume, np.nan
    rate = normals @ v
    times = [a / b for a, b in zip(room, rate, strict=True) if b > 0]
    return room.min(), hull.volume, min([longest, *times])


def draw(seed, n=400):
    rng = np.random.default_rng(seed)
    points = rng.normal(scale=0.15, size=(n, 6, 2)).astype(np.float32)
    there = rng.random((n, 6)) < 0.7
    q = rng.normal(scale=0.10, size=(n, 2)).astype(np.float32)
    v = rng.normal(scale=0.3, size=(n, 2)).astype(np.float32)
    points[~there] = np.nan  # what is not there may be anything
    return points, there, q, v


@pytest.mark.parametrize("seed", fresh(__name__, 3))
def test_equals_scipy(seed):
    points, there, q, v = draw(seed)
    distance = np.asarray(signed_distance(points, there, q))
    area = np.asarray(area_of(points, there))
    time = np.asarray(time_to_border(points, there, q, v, 10.0))
    inside = 0
    for k in range(len(points)):
        here = points[k][there[k]].astype(np.float64)
        if not len(here):
            assert np.isnan([distance[k], area[k], time[k]]).all()
            continue
        d, a, t = by_hand(here, q[k].astype(np.float64), v[k].astype(np.float64), 10.0)
        assert distance[k] == pytest.approx(d, abs=1e-6)
        assert area[k] == pytest.approx(a, abs=1e-6)
        assert time[k] == pytest.approx(t, rel=1e-3, abs=1e-5, nan_ok=True)
        inside += d > 0
    assert inside > 20


@pytest.mark.parametrize("seed", fresh(__name__ + "line", 2))
def test_line_of_a_picture(seed):
    """G = 1: an interval."""
    points, there, q, v = (x[..., :1] if x.ndim > 1 else x for x in draw(seed))
    there = np.isfinite(points[..., 0])
    distance = np.asarray(signed_distance(points, there, q))
    time = np.asarray(time_to_border(points, there, q, v, 10.0))
    for k in np.flatnonzero(there.any(-1)):
        low, high = np.nanmin(points[k]), np.nanmax(points[k])
        d = min(high - q[k, 0], q[k, 0] - low)
        assert distance[k] == pytest.approx(d, abs=1e-6)
        room = high - q[k, 0] if v[k, 0] > 0 else q[k, 0] - low
        t = min(10.0, room / abs(v[k, 0])) if d > 0 else np.nan
        assert time[k] == pytest.approx(t, rel=1e-4, nan_ok=True)


def test_special_places():
    square = jnp.asarray([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5], [0.5, 0]], jnp.float32)
    there = jnp.ones(6, bool)

    def at(x, y, mask=there, points=square):
        return float(signed_distance(points, mask, jnp.asarray([x, y], jnp.float32)))

    assert at(0.5, 0.5) == pytest.approx(0.5)  # on an inner point
    assert at(0, 0) == pytest.approx(0, abs=1e-6)  # on a corner
    assert at(2, 2) == pytest.approx(-np.sqrt(2), rel=1e-5)  # a corner is nearest
    assert float(area_of(square, there)) == pytest.approx(1)  # points in line count once
    assert float(extent(square, there)) == pytest.approx(np.sqrt(2))
    one = there.at[1:].set(False)
    assert at(0, 0, one) == 0 and at(3, 4, one) == pytest.approx(-5)
    assert float(area_of(square, one)) == 0 and float(extent(square, one)) == 0
    alike = jnp.zeros_like(square)
    assert at(3, 4, there, alike) == pytest.approx(-5)
    assert float(area_of(alike, there)) == 0
    two = there.at[2:].set(False)
    assert at(0.5, 0.0, two) == pytest.approx(0, abs=1e-6) and at(0.5, 1, two) == pytest.approx(-1)
    assert np.isnan(at(0, 0, ~there)) and np.isnan(at(np.nan, 0))
    still = time_to_border(square, there, jnp.asarray([0.2, 0.5]), jnp.zeros(2), 10.0)
    assert float(still) == 10.0


@hypothesis.settings(max_examples=15)
@hypothesis.given(st.integers(0, 2**31), st.floats(0, 6.3), st.floats(0.2, 5))
def test_turns_and_scales(seed, angle, scale):
    points, there, q, v = draw(seed, 8)
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points2, q2 = (np.asarray(x @ turn + 1, np.float32) for x in (points, q))
    v2 = np.asarray(v @ turn, np.float32)
    d = np.asarray(signed_distance(points, there, q))
    d2 = np.asarray(signed_distance(points2, there, q2))
    np.testing.assert_allclose(d2, d * scale, atol=2e-5 * scale)
    a, a2 = (np.asarray(area_of(p, there)) for p in (points, points2))
    np.testing.assert_allclose(a2, a * scale**2, atol=2e-5 * scale**2)
    t = np.asarray(time_to_border(points, there, q, v, 10.0))
    t2 = np.asarray(time_to_border(points2, there, q2, v2, 10.0))
    sure = np.abs(d) > 1e-3
    np.testing.assert_allclose(t2[sure], t[sure], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("seed", fresh(__name__ + "soft", 2))
def test_soft_distance_is_near_and_differentiable(seed):
    points, there, q, _ = draw(seed)
    hard = np.asarray(signed_distance(points, there, q))
    soft = np.asarray(soft_signed_distance(points, there.astype(np.float32), q))
    some = there.any(-1)
    gap = (soft - hard)[some]
    side = np.asarray(extent(points, there))[some]
    bound = (np.log(6) + np.log(support.DIRECTIONS)) / 200 + 0.0875 * side / 2
    assert gap.min() > -1e-5 and (gap < bound + 1e-5).all()
    assert soft[~some] == pytest.approx(-support.NOWHERE, abs=0.03)
    inside, w = jnp.asarray(np.nan_to_num(points[:5])), jnp.full((5, 6), 0.6)
    value = lambda p, w, q: soft_signed_distance(p, w, q, 20.0).sum()  # noqa: E731
    check_grads(value, (inside, w, jnp.asarray(q[:5])), 1, ["rev"], atol=2e-2, rtol=2e-2)


def test_gradients_are_finite_everywhere():
    """At rest, in one place, in line, outside, with nothing there."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 6, 2)).astype(np.float32)
    points[1] = 0
    points[2, :, 1] = 0
    points[3] = np.nan
    points[4, 2:] = np.nan
    there = np.isfinite(points).all(-1)
    q = np.zeros((6, 2), np.float32)
    q[5] = np.nan
    v = np.zeros((6, 2), np.float32)
    points = np.concatenate([points, points + 9])  # and all of it outside
    there, q, v = (np.concatenate([x, x]) for x in (there, q, v))

    def total(p, q, v):
        t = time_to_border(p, there, q, v, 10.0)
        values = [signed_distance(p, there, q), t, area_of(p, there)]
        values += [extent(p, there), soft_signed_distance(p, 1.0 * there, q)]
        return sum(jnp.nansum(x) for x in values)

    for gradient in jax.jit(jax.grad(total, (0, 1, 2)))(
        jnp.asarray(points), jnp.asarray(q), jnp.asarray(v)
    ):
        assert bool(jnp.isfinite(gradient).all())
