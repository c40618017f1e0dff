"""Every movement measure in one table and one function: features, rewards and reports share it."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from dance_jax.biomech import (
    balance,
    body_shape,
    composites,
    coordination,
    effort,
    energy,
    flight,
    inverse_dynamics,
    joint_limits,
    range_of_motion,
    smoothness,
    symmetry,
)
from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement

_MODULES = (
    balance,
    flight,
    energy,
    inverse_dynamics,
    smoothness,
    range_of_motion,
    symmetry,
    coordination,
    joint_limits,
    effort,
    body_shape,
    composites,
)

_WITH_MASSES = (balance, flight, energy, inverse_dynamics)

MEASURES: Mapping[str, MeasureDef] = {row.key: row for m in _MODULES for row in m.MEASURES}
"""Key -> row of every measure, in the order of the report."""

PARTS = len(_MODULES)
"""Number of parts that `compute_part` knows."""

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(row.group for row in MEASURES.values()))
"""The sections: "balance", "energy", ..."""


def compute(moved: Movement, anthropometry: str = "de_leva_mean") -> dict[str, jnp.ndarray]:
    """Returns every measure of one clip; pure; for whole corpora see `corpus.compute_corpus`.

    Args:
        moved: one dancer's movement.
        anthropometry: table of segment masses, a key of `anthropometry.ANTHROPOMETRY`.

    Returns:
        key -> scalar, the keys of `MEASURES`; NaN where a measure has no meaning for this clip
        (too short, joints missing, unit unknown, nothing moved).
    """
    found: dict[str, jnp.ndarray] = {}
    for part in range(PARTS):
        found |= compute_part(part, moved, anthropometry)
    return {key: found[key] for key in MEASURES}


def compute_part(
    part: int, moved: Movement, anthropometry: str = "de_leva_mean"
) -> dict[str, jnp.ndarray]:
    """Returns the measures of one of the `PARTS` rooms, for smaller programs than `compute`.

    Args:
        part: 0 to `PARTS` - 1.
        moved: one dancer's movement.
        anthropometry: table of segment masses.
    """
    module = _MODULES[part]
    masses = (anthropometry,) if module in _WITH_MASSES else ()
    found = module.summarise(moved, *masses)
    coordinates = moved.pose.shape[-1]
    return {
        row.key: found[row.key]
        if coordinates in row.dims
        else jnp.full_like(found[row.key], jnp.nan)
        for row in module.MEASURES
    }


compute_jitted = functools.partial(jax.jit, static_argnames="anthropometry")(compute)

COMPILER_OPTIONS: dict[str, bool | str] = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_experimental_ynn_fusion_type": "",
    # It cuts every sum into windows of 16 terms, a pass over memory and a call for each.
    "xla_disable_hlo_passes": "tree_reduction_rewriter",
}
"""For corpora on a CPU; `corpus.compute_corpus` uses them. Values change by rounding only. JAX
takes options at the outermost `jit` alone, so that `compute_jitted`, which may stand inside another
transformation, has none."""
