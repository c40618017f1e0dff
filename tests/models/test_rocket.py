"""Random kernels: what is pooled equals a plain double loop, and padding has no influence."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax import rng
from dance_jax.models import rocket
from tests.seeds import fresh

DILATION = (1, 2, 3)

# Compiled as a whole: operation by operation costs more compile time than all of it.
_draw = jax.jit(
    lambda key, channels, count, **k: rocket.draw_kernels(key, channels, count, DILATION, **k)[:3],
    static_argnums=(1, 2),
    static_argnames=("most", "smooth"),
)
_run = jax.jit(
    lambda drawn, x, mask, pooled=rocket.POOLED: rocket.transform(
        rocket.Kernels(*drawn, DILATION), x, mask, pooled
    ),
    static_argnums=3,
)
_respond = jax.jit(rocket.responses, static_argnums=2)
_set = jax.jit(
    lambda key, drawn, x, mask: rocket.with_bias(key, rocket.Kernels(*drawn, DILATION), x, mask)[2]
)


def _drawn(seed: int, channels: int = 4) -> rocket.Kernels:
    mix, taps, bias = _draw(rng.key(seed, "kernels"), channels, 9)
    bias = np.random.default_rng(seed).normal(0, 0.3, bias.shape).astype(np.float32)
    return rocket.Kernels(np.asarray(mix), np.asarray(taps), bias, DILATION)


def _ragged(seed: int, channels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(4, 14, channels)).astype(np.float32)
    mask = np.arange(14) < np.array([[14], [9], [1], [0]])
    return np.where(mask[..., None], x, np.nan), mask


def _plain(kernels: rocket.Kernels, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The five poolings of every kernel by loops over kernels and frames."""
    out = []
    for row, there in zip(x, mask, strict=True):
        series, found = row[there], []
        for k, d in enumerate(kernels.dilation):
            for n in range(kernels.bias.shape[1]):
                found += _pooled(kernels, k, n, d, series)
        out.append(found)
    return np.array(out)


def _pooled(kernels: rocket.Kernels, k: int, n: int, d: int, series: np.ndarray) -> list[float]:
    count = len(series)
    if not count:
        return [0.0] * 5
    e = []
    for t in range(count):
        total = 0.0
        for j in range(9):
            at = t + (j - 4) * d
            if 0 <= at < count:
                total += float(kernels.taps[k, n, j]) * float(series[at] @ kernels.mix[k, :, n])
        e.append(total - float(kernels.bias[k, n]))
    positive = [t for t in range(count) if e[t] > 0]
    run = longest = 0
    for value in e:
        run = run + 1 if value > 0 else 0
        longest = max(longest, run)
    along = [2 * t / max(count - 1, 1) - 1 for t in positive]
    top = max(e)
    return [
        len(positive) / count,
        np.log1p(np.mean([e[t] for t in positive])) if positive else 0.0,
        longest / count,
        float(np.mean(along)) if positive else 0.0,
        float(np.sign(top) * np.log1p(abs(top))),
    ]


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_it_is_the_plain_double_loop(seed: int) -> None:
    kernels, (x, mask) = _drawn(seed), _ragged(seed)
    got = np.asarray(_run(kernels[:3], x, mask))
    want = _plain(kernels, x, mask)
    assert got.shape == (4, kernels.bias.size * 5)
    # A response within rounding of its bias may fall on either side of it.
    close = np.isclose(got, want, atol=2e-5)
    assert close.mean() > 0.995
    assert (np.asarray(got[3]) == 0).all()
    some = _run(kernels[:3], x, mask, ("top", "share"))
    np.testing.assert_array_equal(
        np.asarray(some).reshape(4, -1, 2), got.reshape(4, -1, 5)[..., [4, 0]]
    )


@pytest.mark.parametrize("seed", fresh(__name__, 2))
def test_padding_has_no_influence(seed: int) -> None:
    kernels, (x, mask) = _drawn(seed), _ragged(seed)
    wide = np.full((4, 20, 4), np.inf, np.float32)
    wide[:, :14] = x
    more = np.zeros((4, 20), bool)
    more[:, :14] = mask
    got = _run(kernels[:3], wide, more)
    np.testing.assert_allclose(got, _run(kernels[:3], x, mask), atol=1e-6)


def test_kernels_are_what_is_said() -> None:
    kernels = rocket.Kernels(*_draw(rng.key(0, "k"), 30, 600, most=3, smooth=0.25), DILATION)
    assert kernels.mix.shape == (3, 30, 200) and kernels.dilation == DILATION
    number = (np.asarray(kernels.mix) != 0).sum(1)
    assert set(np.unique(number)) == {1, 2, 3}
    np.testing.assert_allclose((np.asarray(kernels.mix) ** 2).sum(1), 1.0, atol=1e-6)
    total = np.asarray(kernels.taps).sum(-1)
    level = np.isclose(total, 1.0, atol=1e-6)
    assert np.isclose(total[~level], 0.0, atol=1e-6).all()
    assert 0.15 < level.mean() < 0.35
    assert len(np.unique(np.asarray(kernels.taps[0]), axis=0)) > 100
    again = _draw(rng.key(0, "k"), 30, 600, most=3, smooth=0.25)
    np.testing.assert_array_equal(kernels.mix, again[0])
    other = _draw(rng.key(1, "k"), 30, 600, most=3, smooth=0.25)
    assert (np.asarray(kernels.taps) != np.asarray(other[1])).any()


def test_biases_are_quantiles_of_the_frames_that_are_there() -> None:
    kernels, (x, mask) = _drawn(5), _ragged(5)
    found = kernels._replace(bias=_set(rng.key(2, "bias"), kernels[:3], x, mask))
    shares = np.asarray(_run(found[:3], x, mask, ("share",)))[:2]
    assert 0.2 < shares.mean() < 0.8
    for k, d in enumerate(DILATION):
        r = np.asarray(_respond(kernels.mix[k], kernels.taps[k], d, x, mask))[mask]
        bias = np.asarray(found.bias[k])
        assert (bias >= r.min(0) - 1e-5).all() and (bias <= r.max(0) + 1e-5).all()


def test_dilations_and_wrong_names() -> None:
    assert rocket.dilations(100) == (1, 2, 3, 4, 7, 12)
    assert rocket.dilations(5) == (1,)
    kernels, (x, mask) = _drawn(0), _ragged(0)
    with pytest.raises(ValueError, match="unknown pooling"):
        rocket.transform(kernels, x, mask, pooled=("mean", "median"))
