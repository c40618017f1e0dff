"""The largest value of windows: values and derivatives as PyTorch's, ties and NaN included."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models.pooling import max_pool
from tests.seeds import fresh

SHAPES = [(3, 2, 1, (9, 12)), (3, 2, 0, (11, 8)), (2, 2, 0, (6, 7)), (3, 1, 1, (5, 4))]


def drawn(size, *, ties):
    """Returns pictures f32[2,H,W,3]; with ties, of four values only."""
    rng = np.random.default_rng(fresh(__name__, 1)[0])
    x = rng.normal(size=(2, *size, 3))
    return np.float32(np.round(x) if ties else x), rng


@pytest.mark.parametrize(("window", "stride", "padding", "size"), SHAPES)
@pytest.mark.parametrize("ties", [False, True])
def test_values_are_those_of_flax(window, stride, padding, size, ties):
    x, _ = drawn(size, ties=ties)
    edge = ((padding, padding),) * 2
    theirs = nn.max_pool(jnp.asarray(x), (window,) * 2, (stride,) * 2, padding=edge)
    assert (max_pool(jnp.asarray(x), window, stride, padding) == theirs).all()


@pytest.mark.parametrize(("window", "stride", "padding", "size"), SHAPES)
@pytest.mark.parametrize("ties", [False, True])
def test_derivative_is_that_of_torch(window, stride, padding, size, ties):
    torch = pytest.importorskip(
        "torch", reason="PyTorch is the oracle: pip install dance-jax[bench]"
    )
    x, rng = drawn(size, ties=ties)
    theirs = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    out = torch.nn.functional.max_pool2d(theirs, window, stride, padding)
    pull = rng.normal(size=tuple(out.shape)).astype(np.float32)
    out.backward(torch.tensor(pull))
    _, back = jax.vjp(lambda x: max_pool(x, window, stride, padding), jnp.asarray(x))
    (ours,) = back(jnp.asarray(pull.transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(
        np.asarray(ours).transpose(0, 3, 1, 2), theirs.grad.numpy(), rtol=1e-5, atol=1e-6
    )


def test_derivative_goes_to_the_first_of_equal_values():
    """The same without PyTorch: one window of ones, with a larger one and without."""
    x = jnp.ones((1, 3, 3, 1))
    first = jax.grad(lambda x: max_pool(x).sum())
    assert np.flatnonzero(first(x)).tolist() == [0]
    for place in range(9):
        higher = x.at[0, place // 3, place % 3, 0].set(2.0).at[0, 2, 2, 0].set(2.0)
        assert np.flatnonzero(first(higher)).tolist() == [place]


@pytest.mark.parametrize("place", range(9))
def test_nan_stays(place):
    x = jnp.zeros((1, 3, 3, 1)).at[0, place // 3, place % 3, 0].set(jnp.nan)
    assert jnp.isnan(max_pool(x)).all()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_dtype_stays(dtype):
    x = jnp.full((1, 4, 4, 2), -3, dtype)
    y = max_pool(x, padding=1)
    assert y.dtype == dtype and (y == -3).all()


@pytest.mark.parametrize(
    ("size", "padding", "word"), [((2, 9), 0, "2x9"), ((9, 2), 0, "9x2"), ((9, 9), 2, "padding 2")]
)
def test_impossible_windows_are_refused(size, padding, word):
    with pytest.raises(ValueError, match=word):
        max_pool(jnp.zeros((1, *size, 1)), padding=padding)
