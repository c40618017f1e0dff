"""Optimisers, learning rates, weight decay, frozen parameters and averages, built with optax."""

from dance_jax.optim.options import OPTIMIZERS, SCHEDULES, OptimOptions, check, from_config
from dance_jax.optim.plateau import Plateau
from dance_jax.optim.transform import (
    FROZEN,
    TRAIN,
    average,
    decay_mask,
    host_scale,
    labels,
    learning_rate,
    make,
    norm,
    path_name,
    with_host_scale,
)

__all__ = [
    "FROZEN",
    "OPTIMIZERS",
    "SCHEDULES",
    "TRAIN",
    "OptimOptions",
    "Plateau",
    "average",
    "check",
    "decay_mask",
    "from_config",
    "host_scale",
    "labels",
    "learning_rate",
    "make",
    "norm",
    "path_name",
    "with_host_scale",
]
