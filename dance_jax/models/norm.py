"""Normalisation of frame encoders: BatchNorm that leaves padding out, and GroupNorm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

KINDS = ("batch", "group")
GROUPS = 32


def rows_like(mask: jax.Array, x: jax.Array) -> jax.Array:
    """Returns a row mask bool[N] as bool[N,1,...,1], for use with x [N,...]."""
    return mask.reshape(mask.shape[0], *(1,) * (x.ndim - 1))


class BatchNorm(nn.Module):
    """Batch normalisation over the rows that are frames, exact across devices.

        y = scale (x - mean) / sqrt(var + epsilon) + bias
        mean = sum(x) / n,  var = sum((x - mean)^2) / n  over the valid rows and all places

    With `axis_name` the sums and the counts are added over the devices before they are divided
    (`psum`), so any split of the rows gives the statistics of the whole batch. Flax's own
    `nn.BatchNorm` takes a mask too, but averages the devices' means (`pmean` of mean(x) and of
    mean(x^2)): with 5 valid frames on one device and 1 on another the single frame would weigh as
    much as the five, and a device without any would make the mean NaN. That is the reason for this
    module. The variance is that of the residuals, not mean(x^2) - mean(x)^2, which loses its digits
    where the mean is large.

    Running statistics are Flax's: new = momentum old + (1 - momentum) batch, with the biased
    variance (divided by n). PyTorch keeps the unbiased one (divided by n - 1) and names the other
    share momentum (its 0.1 is 0.9 here); on n = frames x places >= 1000 values the difference is
    below 0.1 %, and statistics that were trained in PyTorch are used as they are. A batch without
    any valid row, over all devices, is normalised by the running statistics and leaves them as
    they were.

    Attributes:
        momentum: share of the old running statistics that is kept.
        epsilon: added to the variance.
        dtype: of the result; statistics are float32 or wider.
        axis_name: mapped axis over which to synchronise; None for one device.
        use_scale: learn a scale.
        scale_init: of the scale.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: Any = jnp.float32
    axis_name: str | None = None
    use_scale: bool = True
    scale_init: Callable[..., jax.Array] = nn.initializers.ones

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        """Normalises.

        Args:
            x: [N,...,C], such as [N,H,W,C].
            mask: bool[N], the row is a frame; None where all are. What masked rows hold, NaN
                included, has no influence; their result is finite.
            train: use the statistics of this batch and update the running ones.

        Returns:
            [N,...,C] of `dtype`.
        """
        channels = x.shape[-1]
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,), jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,), jnp.float32)
        wide = jnp.promote_types(x.dtype, jnp.float32)
        x = x.astype(wide)
        if mask is not None:
            x = jnp.where(rows_like(mask, x), x, 0)
        mean, var = running_mean.value.astype(wide), running_var.value.astype(wide)
        if train:
            batch_mean, batch_var, count = self._statistics(x, mask)
            # Zero rows have no statistics: keep the running ones.
            mean = jnp.where(count > 0, batch_mean, mean)
            var = jnp.where(count > 0, batch_var, var)
            if not self.is_initializing():
                for running, batch in ((running_mean, mean), (running_var, var)):
                    kept = self.momentum * running.value + (1 - self.momentum) * batch
                    running.value = jnp.where(count > 0, kept, running.value).astype(
                        running.value.dtype
                    )
        factor = jax.lax.rsqrt(var + self.epsilon)
        if self.use_scale:
            factor *= self.param("scale", self.scale_init, (channels,), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (channels,), jnp.float32)
        return ((x - mean) * factor + bias).astype(self.dtype)

    def _statistics(
        self, x: jax.Array, mask: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns mean [C], biased variance [C] and number of values, over all devices."""
        axes = tuple(range(x.ndim - 1))
        places = math.prod(x.shape[1:-1])
        rows = jnp.asarray(x.shape[0], x.dtype) if mask is None else mask.sum(dtype=x.dtype)
        total, count = self._added((x.sum(axes), rows * places))
        safe = jnp.maximum(count, 1)
        mean = total / safe
        residual = x - mean
        if mask is not None:
            residual = jnp.where(rows_like(mask, x), residual, 0)
        return mean, self._added(jnp.square(residual).sum(axes)) / safe, count

    def _added(self, values: Any) -> Any:
        # While parameters are made there is no mapped axis yet.
        if self.axis_name is None or self.is_initializing():
            return values
        return jax.lax.psum(values, self.axis_name)


class GroupNorm(nn.Module):
    """Group normalisation of each row by itself: no batch, no running statistics, no padding.

    Attributes:
        epsilon: added to the variance.
        dtype: of the result; statistics are float32 or wider.
        scale_init: of the scale.

    Source: Wu and He 2018, "Group Normalization", with their 32 groups; fewer, gcd(32, C), where
    C is not a multiple of 32.
    """

    epsilon: float = 1e-5
    dtype: Any = jnp.float32
    scale_init: Callable[..., jax.Array] = nn.initializers.ones

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        """Normalises x [N,...,C]; `train` changes nothing, masked rows are taken as zeros."""
        del train
        if mask is not None:
            x = jnp.where(rows_like(mask, x), x, 0)
        return nn.GroupNorm(
            num_groups=math.gcd(GROUPS, x.shape[-1]),
            epsilon=self.epsilon,
            dtype=self.dtype,
            scale_init=self.scale_init,
            use_fast_variance=False,
            name="groups",
        )(x)


def make(kind: str, *, dtype: Any, axis_name: str | None, **options: Any) -> nn.Module:
    """Returns the normalisation of one kind of `KINDS`; `options` go to the module.

    Raises:
        ValueError: the kind is not known.
    """
    if kind == "batch":
        return BatchNorm(dtype=dtype, axis_name=axis_name, **options)
    if kind == "group":
        return GroupNorm(dtype=dtype, **options)
    raise ValueError(f"norm must be one of {KINDS}, got {kind!r}")
