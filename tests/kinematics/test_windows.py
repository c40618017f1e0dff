"""Windows in seconds over irregular clocks, and the sizes that shapes are padded to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.kinematics import motion, windows


@pytest.mark.parametrize("start", [0.0, 3600.0])
def test_bounds_hold_exactly_the_frames_in_the_window(start):
    t = start + np.cumsum(np.random.default_rng(0).uniform(0.01, 0.08, 80))
    first, stop, half = windows.window_bounds(t, 0.25)
    for i in range(80):
        inside = np.flatnonzero(np.abs(t - t[i]) <= 0.125)
        assert (first[i], stop[i]) == (inside[0], inside[-1] + 1)
        assert max(i - inside[0], inside[-1] - i) <= half


def test_frames_on_the_edge_belong_to_the_window():
    first, stop, half = windows.window_bounds(np.arange(3000) / 30, 0.2)
    assert half == 3 and (np.asarray(stop - first)[3:-3] == 7).all()


def test_traced_clock_needs_a_bound_and_then_agrees():
    t = np.arange(40, dtype=np.float32) / 30
    traced = jax.jit(lambda c: windows.window_bounds(c, 0.2, 3)[:2])(t)
    for a, b in zip(traced, windows.window_bounds(t, 0.2)[:2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_windowed_gathers_with_fill():
    x = jnp.arange(5.0)
    out = windows.windowed(x, jnp.array([0, 0, 1, 2, 3]), jnp.array([2, 3, 4, 5, 5]), 1, fill=-1.0)
    np.testing.assert_array_equal(out, [[-1, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, -1]])


def test_buckets_are_few_and_large_enough():
    sizes = [windows.bucket(n) for n in range(1, 40000)]
    assert all(size >= n for n, size in enumerate(sizes, 1)) and sizes == sorted(sizes)
    assert len(set(sizes)) < 22
    assert max(size / n for n, size in enumerate(sizes, 1) if n > 64) < 1.51


@pytest.mark.parametrize("n", [2, 3, 63, 64, 65])
def test_padding_never_shows(n):
    t = np.cumsum(np.random.default_rng(n).uniform(0.02, 0.05, n))
    x = np.sin(5 * t)
    want = np.gradient(x, t, edge_order=2 if n > 2 else 1)
    np.testing.assert_allclose(motion.velocity(x, t), want, atol=1e-4)
