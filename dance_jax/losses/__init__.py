"""Losses: per element first, then masked sums and counts that padding does not change."""

from dance_jax.losses.targets import EQUATION_12, LOSSES, Target, parts, total, weights_of
from dance_jax.losses.terms import (
    Term,
    angle,
    binary,
    cross_entropy,
    direction,
    gaussian,
    huber,
    present,
    ranking,
    rated,
    squared,
)

__all__ = [
    "EQUATION_12",
    "LOSSES",
    "Target",
    "Term",
    "angle",
    "binary",
    "cross_entropy",
    "direction",
    "gaussian",
    "huber",
    "parts",
    "present",
    "ranking",
    "rated",
    "squared",
    "total",
    "weights_of",
]
