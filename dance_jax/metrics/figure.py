"""One measured figure: the value, on how many, and why there is none where it is NaN."""

from __future__ import annotations

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Figure:
    """A number with what it rests on.

    Attributes:
        value: the number; NaN where it has no meaning.
        count: elements that it rests on.
        reason: why it is NaN; empty otherwise.
    """

    value: float
    count: int
    reason: str = ""

    def __float__(self) -> float:
        return self.value

    def as_dict(self) -> dict[str, object]:
        """Returns JSON values; a missing number is null."""
        value = None if math.isnan(self.value) else self.value
        return {"value": value, "count": self.count, "reason": self.reason}


def none(count: int, reason: str) -> Figure:
    """Returns a figure that has no value."""
    return Figure(math.nan, count, reason)


def paired(prediction: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns f64[N] of both where the label is given; all shapes are flattened.

    Raises:
        ValueError: shapes differ, or a prediction of a given label is not finite: that is a failed
            model, and leaving it out would flatter it.
    """
    p, y = np.asarray(prediction, np.float64), np.asarray(label, np.float64)
    if p.shape != y.shape:
        raise ValueError(f"prediction {p.shape} and label {y.shape} differ")
    there = ~np.isnan(y)
    p, y = p[there], y[there]
    if not (np.isfinite(p).all() and np.isfinite(y).all()):
        raise ValueError(f"{int((~np.isfinite(p)).sum())} predictions are not finite")
    return p, y
