"""Statistics of a movement over time, as a network sees it: where joints are, how they move."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from dance_jax.models.pose_features import PoseFeatures

POWERS = (0.5, 1.0)
"""Powers of the means of speed. Higher ones, and the jerk, tell an estimator's slips instead."""

QUANTILES = (0.05, 0.5, 0.95)
"""Of each coordinate: where a joint is at the ends of its path, and in the middle of its time."""

_CUT = 5.0  # deviations; a clip far outside cannot rule the network
_ORDERS = 2  # velocity, acceleration
_FLOORS = (1e-3, 1e-3, 1e-2)  # body heights, /s, /s2: below an estimator's noise
_MASKED = 1e30  # sorts behind every coordinate


def movement_statistics(
    features: PoseFeatures, time_s: jnp.ndarray, frame_mask: jnp.ndarray
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns what a linear model can tell movements apart by.

        of each coordinate: mean, quantiles of `QUANTILES`, log sd, log mean of the absolute
        velocity and acceleration;
        of each joint's speed and acceleration: log (mean v^p)^(1/p), p of `POWERS`;
        of the root: log sd, log mean of the absolute velocity and acceleration

    Args:
        features: of `pose_features` with the group "position" alone.
        time_s: f32[B,T] seconds.
        frame_mask: bool[B,T].

    Returns:
        f32[B,K], 0 where it is not known, and bool[B,K].
    """
    x = features.joint[..., 1:]
    axes = x.shape[-1]
    there = features.mask & frame_mask[..., None]
    values, known = [], []

    def keep(value: jnp.ndarray, seen: jnp.ndarray) -> None:
        rows = value.shape[0]
        seen = jnp.broadcast_to(
            seen.reshape(*seen.shape, *(1,) * (value.ndim - seen.ndim)), value.shape
        )
        values.append(jnp.where(seen, value, 0.0).reshape(rows, -1))
        known.append(seen.reshape(rows, -1))

    root = features.root[..., 1 : 1 + axes][:, :, None]
    root_there = (features.root_mask & frame_mask)[..., None]
    for series, mask, is_root in ((x, there, False), (root, root_there, True)):
        clock = time_s
        mean, count = _mean(series, mask)
        spread, _ = _mean((series - mean[:, None]) ** 2, mask)
        if not is_root:
            keep(mean, count > 1)
            for quantile in quantiles(series, mask, QUANTILES):
                keep(quantile, count > 1)
        keep(0.5 * jnp.log(spread + _FLOORS[0] ** 2), count > 1)
        for order in range(1, _ORDERS + 1):
            series, mask, clock = _difference(series, mask, clock)
            floor = _FLOORS[order]
            size, count = _mean(jnp.sqrt(series**2 + floor**2), mask)
            keep(jnp.log(jnp.maximum(size, floor)), count > 1)
            if is_root:
                continue
            speed = jnp.sqrt((series**2).sum(-1, keepdims=True) + floor**2)
            for power in POWERS:
                mean_power, count = _mean(speed**power, mask)
                keep(jnp.log(jnp.maximum(mean_power, floor**power)) / power, count > 1)
    return jnp.concatenate(values, -1), jnp.concatenate(known, -1)


def quantiles(x: jnp.ndarray, mask: jnp.ndarray, shares: Sequence[float]) -> jnp.ndarray:
    """Returns quantiles over time of what is there, linear between the ranks.

    Args:
        x: f32[B,T,J,C], finite.
        mask: bool[B,T,J].
        shares: Q numbers, 0 to 1.

    Returns:
        f32[Q,B,J,C]; 0 where nothing is there.
    """
    last = jnp.maximum(mask.sum(1) - 1, 0)  # [B,J]
    ordered = jnp.sort(jnp.where(mask[..., None], x, _MASKED), axis=1)
    out = []
    for share in shares:
        at = share * last
        below = jnp.floor(at).astype(jnp.int32)
        above = jnp.minimum(below + 1, last)
        low, high = (
            jnp.take_along_axis(ordered, rank[:, None, :, None], axis=1)[:, 0]
            for rank in (below, above)
        )
        out.append(low + (at - below)[..., None] * (high - low))
    return jnp.where(mask.any(1)[..., None], jnp.stack(out), 0.0)


class StatisticsStream(nn.Module):
    """Standardised statistics, wide beside the deep features ("wide and deep").

        z = 5 tanh((s - mean) / (5 sd))

    `mean` and `sd` are no parameters: they stand among "batch_stats", 0 and 1 until a training
    measures them on its clips.

    Attributes:
        dropout: rate while training (rng "dropout"); what a ridge penalty is to a linear model.

    Source: Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems".
    """

    dropout: float = 0.5

    @nn.compact
    def __call__(
        self,
        features: PoseFeatures,
        time_s: jnp.ndarray,
        frame_mask: jnp.ndarray,
        *,
        train: bool = False,
    ) -> jnp.ndarray:
        """Returns f32[B,K], 0 where a statistic is not known."""
        values, known = movement_statistics(features, time_s, frame_mask)
        width = values.shape[-1:]
        mean = self.variable("batch_stats", "mean", jnp.zeros, width).value
        spread = self.variable("batch_stats", "sd", jnp.ones, width).value
        z = jnp.where(known, self.squash((values - mean) / spread), 0.0)
        return nn.Dropout(self.dropout)(z, deterministic=not train)

    @staticmethod
    def squash(deviations: jnp.ndarray) -> jnp.ndarray:
        """Returns 5 tanh(z / 5)."""
        return _CUT * jnp.tanh(deviations / _CUT)


def _mean(x: jnp.ndarray, mask: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns the mean over time [B,J,C] of x [B,T,J,C] where mask [B,T,J], and the count [B,J]."""
    count = mask.sum(1)
    total = jnp.where(mask[..., None], x, 0).sum(1)
    return total / jnp.maximum(count, 1)[..., None], count


def _difference(
    x: jnp.ndarray, mask: jnp.ndarray, time_s: jnp.ndarray
) -> tuple[jnp.ndarray, jnp.ndarray, jnp.ndarray]:
    """Returns the rate of change between frames, where both are there, and its times."""
    step = jnp.maximum(jnp.diff(time_s, axis=1), 1e-4)[..., None, None]
    both = mask[:, 1:] & mask[:, :-1]
    rate = jnp.where(both[..., None], jnp.diff(jnp.where(mask[..., None], x, 0), axis=1), 0) / step
    return rate, both, 0.5 * (time_s[:, 1:] + time_s[:, :-1])
