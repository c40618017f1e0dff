"""The filters of this room under one name: outliers, gaps, low-pass, streams."""

from __future__ import annotations

from dance_jax.kinematics.butterworth import butterworth_zero_phase
from dance_jax.kinematics.one_euro import (
    OneEuroState,
    one_euro,
    one_euro_init,
    one_euro_step,
)
from dance_jax.kinematics.outliers import gap_fill, hampel

__all__ = [
    "OneEuroState",
    "butterworth_zero_phase",
    "gap_fill",
    "hampel",
    "one_euro",
    "one_euro_init",
    "one_euro_step",
]
