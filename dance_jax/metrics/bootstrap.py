"""Intervals that respect groups: dancers, sources or takes are drawn again, never single clips."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval.

    Attributes:
        value: of all rows.
        low: lower end; NaN with a reason where there is no interval.
        high: upper end.
        level: of the interval.
        groups: how many groups were drawn from.
        draws: how many draws had a value.
        reason: why there is no interval, or a word of caution; empty otherwise.
    """

    value: float
    low: float
    high: float
    level: float
    groups: int
    draws: int
    reason: str = ""

    def as_dict(self) -> dict[str, object]:
        """Returns JSON values; a missing number is null."""
        found = dataclasses.asdict(self)
        for name in ("value", "low", "high"):
            found[name] = None if math.isnan(found[name]) else found[name]
        return found


def group_bootstrap(
    statistic: Callable[[np.ndarray], float],
    groups: Sequence[object] | np.ndarray,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Returns the percentile interval of a statistic under resampling of whole groups.

    G groups are drawn G times with replacement; the rows of a group that is drawn twice count
    twice. A paired difference is a statistic too: `lambda rows: a(rows) - b(rows)`.

    Args:
        statistic: of row numbers i64[M], with repeats, to a number; NaN where a draw has none.
        groups: N names, the group of each row.
        draws: how often.
        level: of the interval.
        seed: of the draws.

    Source: Davison and Hinkley 1997, Bootstrap Methods and their Application, §3.8 (hierarchical
    data).
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(place == g) for g in range(len(names))]
    value = float(statistic(np.arange(len(place)))) if len(place) else math.nan
    if len(names) < 2:
        why = "an interval needs two groups or more"
        return Interval(value, math.nan, math.nan, level, len(names), 0, why)
    rng = np.random.default_rng(seed)
    found = np.array(
        [
            float(statistic(np.concatenate([rows[g] for g in drawn])))
            for drawn in rng.integers(0, len(names), (draws, len(names)))
        ]
    )
    known = found[~np.isnan(found)]
    if len(known) < draws / 2:
        why = f"only {len(known)} of {draws} draws have a value"
        return Interval(value, math.nan, math.nan, level, len(names), len(known), why)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    why = f"{len(names)} groups: the interval is too narrow below ten" if len(names) < 10 else ""
    return Interval(value, float(low), float(high), level, len(names), len(known), why)


def per_group(
    statistic: Callable[[np.ndarray], float], groups: Sequence[object] | np.ndarray
) -> dict[str, tuple[float, int]]:
    """Returns group -> (the statistic of its rows, their number), to be shown with few groups.

    Args:
        statistic: as for `group_bootstrap`.
        groups: N names, the group of each row.
    """
    groups = np.asarray(groups)
    found = {str(name): np.flatnonzero(groups == name) for name in np.unique(groups)}
    return {name: (float(statistic(rows)), len(rows)) for name, rows in found.items()}
