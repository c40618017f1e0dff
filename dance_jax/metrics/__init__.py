"""Metrics: (sum, count) pairs during training, exact figures with intervals afterwards."""

from dance_jax.metrics.bootstrap import Interval, group_bootstrap, per_group
from dance_jax.metrics.figure import Figure
from dance_jax.metrics.streaming import Mean, compute, merge, on_host, psum

__all__ = [
    "Figure",
    "Interval",
    "Mean",
    "compute",
    "group_bootstrap",
    "merge",
    "on_host",
    "per_group",
    "psum",
]
