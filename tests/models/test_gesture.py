"""The gesture classifier: its sizes by hand, its numbers by plain loops and by torch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax.models import gesture
from tests.seeds import fresh


def test_sizes_by_hand() -> None:
    net = gesture.GestureCNN()
    image = jnp.zeros((1, 120, 320, 1), jnp.uint8)
    (found, kept), made = jax.eval_shape(lambda: net.init_with_output(jax.random.key(0), image))
    counts = {
        name: sum(a.size for a in jax.tree.leaves(part)) for name, part in made["params"].items()
    }
    assert counts == {
        "conv_0": 5 * 5 * 1 * 32 + 32,
        "conv_1": 3 * 3 * 32 * 64 + 64,
        "conv_2": 3 * 3 * 64 * 64 + 64,
        "hidden": 5 * 18 * 64 * 128 + 128,
        "out": 128 * 10 + 10,
    }
    assert sum(counts.values()) == gesture.PARAMETERS
    assert {k: a.shape[1:] for k, a in kept.items()} == {
        "conv_0": (58, 158, 32),
        "conv_1": (27, 77, 64),
        "conv_2": (11, 36, 64),
        "hidden": (128,),
    }
    assert found["gesture"].shape == (1, 10)


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """A valid convolution of [H,W,C] and the ReLU, place by place."""
    size = kernel.shape[0]
    high, wide = ((n - size) // stride + 1 for n in x.shape[:2])
    out = np.empty((high, wide, kernel.shape[-1]))
    for r in range(high):
        for c in range(wide):
            part = x[r * stride : r * stride + size, c * stride : c * stride + size]
            out[r, c] = np.tensordot(part, kernel, 3) + bias
    return np.maximum(out, 0)


def pooled(x: np.ndarray) -> np.ndarray:
    high, wide = (n // 2 for n in x.shape[:2])
    return x[: 2 * high, : 2 * wide].reshape(high, 2, wide, 2, -1).max((1, 3))


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_it_is_what_the_blog_stacks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (2, 52, 60, 1), np.uint8)  # smaller pictures: the same layers
    net = gesture.GestureCNN(classes=4)
    shapes = jax.eval_shape(net.init, jax.random.key(0), images)
    params = jax.tree.map(
        lambda a: (rng.normal(size=a.shape) * a.size**-0.25).astype(np.float32), shapes
    )["params"]
    found = jax.jit(net.apply)({"params": params}, images)[0]["gesture"]
    for image, logits in zip(images, found, strict=True):
        x = image / 255.0
        for n, stride in enumerate((2, 1, 1)):
            layer = params[f"conv_{n}"]
            x = pooled(convolved(x, layer["kernel"].astype(np.float64), layer["bias"], stride))
        x = np.maximum(x.reshape(-1) @ params["hidden"]["kernel"] + params["hidden"]["bias"], 0)
        wanted = x @ params["out"]["kernel"] + params["out"]["bias"]
        np.testing.assert_allclose(logits, wanted, atol=1e-4 * np.abs(wanted).max())
    as_floats = jax.jit(net.apply)({"params": params}, images.astype(np.float32))[0]["gesture"]
    np.testing.assert_allclose(as_floats, found, rtol=1e-6)
