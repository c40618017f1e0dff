"""The arc tangent of two arguments against NumPy's, with its gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.vectors import arctan2, safe_atan2
from tests.seeds import fresh


def plane(n: int) -> np.ndarray:
    """Returns y, x: all directions and sizes, and the axes and diagonals."""
    rng = np.random.default_rng(fresh(__name__, 1)[0])
    both = rng.normal(size=(2, n)) * 10.0 ** rng.uniform(-12, 6, (2, n))
    on_axes = np.array([[1, 0, -1, 0, 2, -3, 1, -4], [0, 1, 0, -1, 2, -3, -1, 4]], float)
    return np.concatenate([both, on_axes], axis=1).astype(np.float32)


def test_arc_tangent_equals_numpys():
    y, x = plane(20000)
    want = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    got = np.asarray(jax.jit(arctan2)(y, x), np.float64)
    np.testing.assert_allclose(got, want, rtol=3e-7, atol=3e-7 * np.pi / 4)
    small = np.abs(want) < 1e-3  # keeps its digits near 0
    np.testing.assert_allclose(got[small], want[small], rtol=3e-7)


def test_gradient_is_that_of_the_arc_tangent():
    y, x = plane(500)
    seen = np.hypot(x, y) > 1e-6  # squares that float32 holds
    y, x = y[seen], x[seen]
    got = jax.vmap(jax.grad(arctan2, argnums=(0, 1)))(y, x)
    want = jax.vmap(jax.grad(jnp.arctan2, argnums=(0, 1)))(y, x)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_at_nothing_the_value_and_the_gradient_are_0():
    zero = jnp.zeros(())
    assert float(safe_atan2(zero, zero)) == 0.0
    assert all(float(g) == 0.0 for g in jax.grad(safe_atan2, argnums=(0, 1))(zero, zero))
    tiny = jnp.float32(1e-30)
    assert all(bool(jnp.isfinite(g)) for g in jax.grad(safe_atan2, argnums=(0, 1))(tiny, tiny))
    assert bool(jnp.isnan(arctan2(jnp.float32(jnp.nan), jnp.float32(1.0))))
