"""Values of all movement measures of a dancer, and the intervals that the key points leave."""

from __future__ import annotations

import concurrent.futures
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import jax
import numpy as np

from dance_jax.analysis import compiled, programs
from dance_jax.analysis.movement_rows import bounds
from dance_jax.biomech import catalogue, uncertainty
from dance_jax.biomech.movement import Movement

SAMPLES = 40  # of the key points' errors behind every interval
FEWER = 16  # for a clip of more than `compiled.LONG` frames
_ROUNDING = 1e-6  # of single precision, against measures that scatter does not move at all
SEED = 0  # of those errors, so that a report can be made again

NOISE_SHARE = 0.25  # of the value: where fresh errors move it by more, it rests on scatter


Found = TypeVar("Found")


class Band(NamedTuple):
    """The 95 % interval of a value, and whether scatter makes a large part of it."""

    low: float
    high: float
    noisy: bool


_scatter = jax.jit(uncertainty.scatter)


class Draws:
    """A movement under fresh errors of its key points, the same every time.

    A draw is made once and kept for everything that is measured on it; of a long movement it is
    made again each time, as there memory counts for more.
    """

    def __init__(
        self, moved: Movement, sd: np.ndarray, cutoff_hz: float, count: int | None = None
    ) -> None:
        """Says what is drawn.

        Args:
            moved: the movement, padded.
            sd: [T, 26] standard error of the key points in body heights.
            cutoff_hz: of the low-pass that the pose went through.
            count: only so many of the draws; None for `SAMPLES` of them, for `FEWER` where the
                movement is long.
        """
        self._moved, self._sd, self._cutoff_hz = moved, sd, np.float32(cutoff_hz)
        self._long = len(moved.pose) > compiled.LONG
        most = FEWER if self._long else SAMPLES
        self._keys = jax.random.split(jax.random.key(SEED), most)
        self._count = min(count or most, most)
        self._kept: dict[int, np.ndarray] = {}

    def over(self, function: Callable[[Movement], Found]) -> list[Found]:
        """Calls a function on the movement of every draw.

        Two draws are in work at once: one compiled program keeps less than two cores busy.

        Args:
            function: of a movement.

        Returns:
            What the function gave, draw by draw.
        """

        def one(at: int) -> Found:
            return function(self._moved._replace(pose=self._pose(at)))

        with concurrent.futures.ThreadPoolExecutor(1 if self._long else 2) as pool:
            return list(pool.map(one, range(self._count)))

    def _pose(self, at: int) -> np.ndarray:
        if at in self._kept:
            return self._kept[at]
        moved = self._moved
        noise = _scatter(self._keys[at], moved.pose, self._sd, moved.time_s, self._cutoff_hz)
        pose = moved.pose + np.nan_to_num(np.asarray(noise))
        if not self._long:
            self._kept[at] = pose
        return pose


def intervals(
    draws: Draws, found: Mapping[str, float], anthropometry: str = "de_leva_mean"
) -> dict[str, Band]:
    """Computes the 95 % interval of every measure by drawing the key points' errors.

    The interval of `uncertainty.score_interval`, sample by sample, so that the compiled measures
    serve the value and its interval; kept to what the measure can be. It allows for the errors
    already in the poses having moved the value by none to twice as much as fresh ones do.

    Args:
        draws: the movement under fresh errors.
        found: value of every measure.
        anthropometry: table of segment masses.

    Returns:
        key -> its band; NaN ends where some sample has no value.
    """
    drawn = draws.over(functools.partial(programs.values, anthropometry=anthropometry))
    return {
        name: band(found[name], [values[name] for values in drawn], bounds(row))
        for name, row in catalogue.MEASURES.items()
    }


def band(value: float, sample: Sequence[float], limits: tuple[float, float]) -> Band:
    """Computes the 95 % interval of one value from its values under fresh errors.

    Args:
        value: as measured.
        sample: the same under each draw of errors.
        limits: lowest and highest value that it can have by its definition.

    Returns:
        The interval; NaN ends where the value or some draw has no value.
    """
    if not np.isfinite([value, *sample]).all():
        return Band(np.nan, np.nan, False)
    mean = float(np.mean(sample))
    low, high = np.quantile(sample, (0.025, 0.975)) - mean
    straightened = 2 * value - mean  # the value without one round of errors, twice the bias
    straightened -= mean - value
    low = min(value, straightened) + float(low)
    high = max(value, straightened) + float(high)
    lowest, highest = limits
    low, high = max(low, min(lowest, value)), min(high, max(highest, value))
    return Band(low, high, abs(mean - value) > NOISE_SHARE * abs(value) + _ROUNDING)
