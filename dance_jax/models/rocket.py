"""Random dilated convolutions over a series, pooled to features for a linear model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

TAPS = 9
"""Length of every kernel."""

POOLED = ("share", "mean", "stretch", "place", "top")
"""What is pooled of each kernel, in this order: `transform` says how."""


class Kernels(NamedTuple):
    """Random kernels; a JAX tree, but `dilation` is not traced.

    Attributes:
        mix: f32[D,F,K], how channels are summed before the convolution; few are not 0.
        taps: f32[D,K,9], the kernel over time.
        bias: f32[D,K], what a response must exceed to count.
        dilation: frames between two taps, D of them.
    """

    mix: jnp.ndarray
    taps: jnp.ndarray
    bias: jnp.ndarray
    dilation: tuple[int, ...]


def dilations(length: int, count: int = 6) -> tuple[int, ...]:
    """Returns up to `count` distances of the taps, spread evenly by their logarithm.

    Args:
        length: frames of a usual series; the widest kernel spans about as many.
        count: how many at most.
    """
    widest = max((length - 1) // (TAPS - 1), 1)
    return tuple(sorted({int(d) for d in np.geomspace(1, widest, count).round()}))


def draw_kernels(
    key: jax.Array,
    channels: int,
    count: int,
    dilation: Sequence[int],
    *,
    most: int = 3,
    smooth: float = 0.5,
) -> Kernels:
    """Draws kernels; every bias is 0 until `with_bias`.

    The taps are MiniRocket's: two values, 2 at three of nine places and -1 at the others, so that
    they sum to 0 and see changes alone. A share of kernels has 1/3 at three places and 0 at the
    others instead, and so sees levels: how fast, how high. Each kernel sums 1 to `most` channels
    with signs, fewer more often, scaled to a unit sum of squares.

    Args:
        key: a typed random key.
        channels: F of the series.
        count: kernels of all dilations together; rounded up to the same number of each.
        dilation: frames between taps.
        most: channels of one kernel.
        smooth: share of kernels that see levels.

    Source: Dempster, Petitjean, Webb 2020, Data Min. Knowl. Disc. 34, arXiv 1910.13051 (ROCKET);
    Dempster, Schmidt, Webb 2021, KDD, arXiv 2012.08791 (MiniRocket: taps, biases, dilations).
    """
    each, d = -(-count // len(dilation)), len(dilation)
    pick, order, sign, number, kind = jax.random.split(key, 5)
    place = jnp.argsort(jax.random.uniform(pick, (d, each, TAPS)), axis=-1)
    level = jax.random.uniform(kind, (d, each, 1)) < smooth
    high, low = jnp.where(level, 1.0 / 3.0, 2.0), jnp.where(level, 0.0, -1.0)
    taps = jnp.where(place < 3, high, low)
    rank = jnp.argsort(
        jnp.argsort(jax.random.uniform(order, (d, each, channels)), axis=-1), axis=-1
    )
    most = min(most, channels)
    wanted = jnp.floor(2.0 ** (jax.random.uniform(number, (d, each, 1)) * np.log2(most + 1)))
    wanted = jnp.clip(wanted, 1, most)
    signs = jax.random.rademacher(sign, (d, each, channels), jnp.float32)
    mix = jnp.where(rank < wanted, signs / jnp.sqrt(wanted), 0.0)
    bias = jnp.zeros((d, each), jnp.float32)
    return Kernels(jnp.swapaxes(mix, 1, 2), taps.astype(jnp.float32), bias, tuple(dilation))


def responses(
    mix: jnp.ndarray, taps: jnp.ndarray, dilation: int, series: jnp.ndarray, mask: jnp.ndarray
) -> jnp.ndarray:
    """Convolves series with the kernels of one dilation d.

        r_k(t) = sum_j taps[k,j] sum_c mix[c,k] x_c(t + (j - 4) d)

    Before the first and after the last frame, and where `mask` is False, the series counts as 0.

    Args:
        mix: f32[F,K].
        taps: f32[K,9].
        dilation: frames between taps.
        series: f32[B,T,F].
        mask: bool[B,T].

    Returns:
        f32[B,T,K], 0 on masked frames.
    """
    clean = jnp.where(mask[..., None], series, 0.0).astype(jnp.float32)
    mixed = clean @ mix
    half = TAPS // 2 * dilation
    wide = jnp.pad(mixed, ((0, 0), (half, half), (0, 0)))
    frames = mixed.shape[1]
    out = jnp.zeros_like(mixed)
    for j in range(TAPS):
        out = out + taps[:, j] * lax.slice_in_dim(wide, j * dilation, j * dilation + frames, axis=1)
    return jnp.where(mask[..., None], out, 0.0)


def with_bias(key: jax.Array, kernels: Kernels, series: jnp.ndarray, mask: jnp.ndarray) -> Kernels:
    """Sets every bias to a quantile, drawn in 0.1 to 0.9, of the kernel's responses to a series.

    Args:
        key: of the quantiles.
        kernels: drawn.
        series: f32[B,T,F], of the training part alone; the quantile is that of all their frames.
        mask: bool[B,T].
    """
    wanted = jax.random.uniform(key, kernels.bias.shape, minval=0.1, maxval=0.9)
    found = []
    for place, d in enumerate(kernels.dilation):
        r = responses(kernels.mix[place], kernels.taps[place], d, series, mask)
        r = jnp.where(mask[..., None], r, jnp.nan).reshape(-1, r.shape[-1])
        found.append(jax.vmap(jnp.nanquantile, (1, 0))(r, wanted[place]))
    return kernels._replace(bias=jnp.nan_to_num(jnp.stack(found)))


def transform(
    kernels: Kernels,
    series: jnp.ndarray,
    mask: jnp.ndarray,
    pooled: Sequence[str] = POOLED,
) -> jnp.ndarray:
    """Pools the responses of every kernel over the frames of each series.

    With e(t) = r(t) - bias, over the N frames that `mask` holds and the positive ones among them:

        share    number of positives / N
        mean     log(1 + mean of e over the positives), 0 without one
        stretch  longest unbroken run of positives / N
        place    mean of 2 t / (N - 1) - 1 over the positives, t the rank of the frame; 0 without
        top      signed log(1 + |e|) of the largest e

    Args:
        kernels: of `draw_kernels`, biases set.
        series: f32[B,T,F]; what stands on masked frames, NaN included, has no influence.
        mask: bool[B,T].
        pooled: which of them.

    Returns:
        f32[B,D*K*P], those of `pooled` of the first kernel, then of the next; 0 for an empty
        series.

    Raises:
        ValueError: an unknown name in `pooled`.

    Source: Tan, Dempster, Bergmeir, Webb 2022, Data Min. Knowl. Disc. 36, arXiv 2102.00457
    (MultiRocket); ROCKET has the largest response. The logarithms are ours: a linear model
    standardises its columns, and a few wild frames of an estimator must not fill them.
    """
    if wrong := set(pooled) - set(POOLED):
        raise ValueError(f"unknown pooling {sorted(wrong)}: use {POOLED}")
    rows = [
        _pooled(responses(kernels.mix[k], kernels.taps[k], d, series, mask) - kernels.bias[k], mask)
        for k, d in enumerate(kernels.dilation)
    ]
    found = jnp.stack([jnp.stack([row[name]() for name in pooled], -1) for row in rows], axis=1)
    return found.reshape(len(found), -1)


def _pooled(excess: jnp.ndarray, mask: jnp.ndarray) -> dict[str, Callable[[], jnp.ndarray]]:
    """Returns, of excess f32[B,T,K], what computes each pooling f32[B,K]."""
    there = mask[..., None]
    positive = there & (excess > 0)
    number = jnp.maximum(mask.sum(1), 1).astype(jnp.float32)[:, None]
    count = positive.sum(1).astype(jnp.float32)
    some = jnp.maximum(count, 1.0)

    def stretch() -> jnp.ndarray:
        def longer(state, frame):
            run, best = state
            run = jnp.where(frame, run + 1.0, 0.0)
            return (run, jnp.maximum(best, run)), None

        start = jnp.zeros_like(count)
        (_, longest), _ = lax.scan(longer, (start, start), jnp.swapaxes(positive, 0, 1))
        return longest / number

    def place() -> jnp.ndarray:
        rank = (jnp.cumsum(mask, axis=1) - 1).astype(jnp.float32)
        along = (2 * rank / jnp.maximum(number - 1, 1) - 1)[..., None]
        return jnp.where(positive, along, 0.0).sum(1) / some

    def top() -> jnp.ndarray:
        high = jnp.where(there, excess, -jnp.inf).max(1)
        return jnp.where(jnp.isfinite(high), jnp.sign(high) * jnp.log1p(jnp.abs(high)), 0.0)

    return {
        "share": lambda: count / number,
        "mean": lambda: jnp.log1p(jnp.where(positive, excess, 0.0).sum(1) / some),
        "stretch": stretch,
        "place": place,
        "top": top,
    }
