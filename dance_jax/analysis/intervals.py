"""Values of all movement measures of a dancer, and the intervals that the key points leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from dance_jax.analysis import programs
from dance_jax.analysis.movement_rows import bounds
from dance_jax.biomech import catalogue, uncertainty
from dance_jax.biomech.movement import Movement

SAMPLES = 40  # of the key points' errors behind every interval
FEWER, LONG = 16, 4096  # samples for a clip of more frames than this
_ROUNDING = 1e-6  # of single precision, against measures that scatter does not move at all
SEED = 0  # of those errors, so that a report can be made again

NOISE_SHARE = 0.25  # of the value: where fresh errors move it by more, it rests on scatter


class Band(NamedTuple):
    """The 95 % interval of a measure, and whether scatter makes a large part of its value."""

    low: float
    high: float
    noisy: bool


_scatter = jax.jit(uncertainty.scatter)


def intervals(
    moved: Movement,
    found: Mapping[str, float],
    sd: np.ndarray,
    cutoff_hz: float,
    anthropometry: str = "de_leva_mean",
) -> dict[str, Band]:
    """Computes the 95 % interval of every measure by drawing the key points' errors.

    The interval of `uncertainty.score_interval`, sample by sample, so that the compiled measures
    serve the value and its interval; kept to what the measure can be. It allows for the errors
    already in the poses having moved the value by none to twice as much as fresh ones do.

    Args:
        moved: the movement, padded.
        found: value of every measure.
        sd: [T, 26] standard error of the key points in body heights.
        cutoff_hz: of the low-pass that the pose went through.
        anthropometry: table of segment masses.

    Returns:
        key -> its band; NaN ends where some sample has no value.
    """
    drawn: dict[str, list[float]] = {key: [] for key in found}
    count = SAMPLES if len(moved.pose) <= LONG else FEWER
    for key in jax.random.split(jax.random.key(SEED), count):
        noise = np.asarray(_scatter(key, moved.pose, sd, moved.time_s, np.float32(cutoff_hz)))
        again = programs.values(
            moved._replace(pose=moved.pose + np.nan_to_num(noise)), anthropometry
        )
        for name, value in again.items():
            drawn[name].append(value)
    out = {}
    for name, sample in drawn.items():
        value = found[name]
        if not np.isfinite([value, *sample]).all():
            out[name] = Band(np.nan, np.nan, False)
            continue
        mean = float(np.mean(sample))
        low, high = np.quantile(sample, (0.025, 0.975)) - mean
        straightened = 2 * value - mean  # the value without one round of errors, twice the bias
        straightened -= mean - value
        low = min(value, straightened) + float(low)
        high = max(value, straightened) + float(high)
        lowest, highest = bounds(catalogue.MEASURES[name])
        low, high = max(low, min(lowest, value)), min(high, max(highest, value))
        noisy = abs(mean - value) > NOISE_SHARE * abs(value) + _ROUNDING
        out[name] = Band(low, high, noisy)
    return out
