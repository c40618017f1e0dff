"""The benchmark's peer: all measures of one clip as a plain NumPy and SciPy script computes them.

Written from the published definitions and the tables' meanings, not from this library's code; only
tables of constants (segment masses, joint ranges, joint order) are shared. It takes what the
library takes: missing joints and frames as NaN, uneven but increasing time stamps, an unknown
height in metres; and it gives NaN for the same reasons: too little seen, too short, at rest. It is
no reference for gradients, nor for batches of clips: it takes one clip after the other.
"""

from __future__ import annotations

import numpy as np

from dance_jax.analysis import (
    measures_peer_angles,
    measures_peer_balance,
    measures_peer_composites,
    measures_peer_forces,
    measures_peer_smoothness,
    measures_peer_style,
    measures_peer_symmetry,
)
from dance_jax.analysis.measures_peer_body import Body
from dance_jax.analysis.measures_peer_feet import Feet


def measures(pose: np.ndarray, time_s: np.ndarray, height_m: float) -> dict[str, float]:
    """Computes every measure of the catalogue for one clip.

    Args:
        pose: [T, 26, C] HALPE-26 in body heights, y up, C = 2 or 3; NaN where missing.
        time_s: [T] seconds, strictly increasing.
        height_m: metres of one body height; NaN where it is not known.

    Returns:
        key -> value; NaN where it has none.
    """
    # What is not known is NaN on its way through the arithmetic.
    with np.errstate(invalid="ignore", divide="ignore"):
        body = Body.of(pose, time_s, height_m)
        theta, feet = measures_peer_angles.joint_angles(body), Feet.of(body)
        width = measures_peer_angles.widths(body, theta)
        return {
            **measures_peer_balance.balance(body, feet),
            **measures_peer_balance.flight(body, feet),
            **measures_peer_forces.energy_and_dynamics(body, feet.weight),
            **measures_peer_smoothness.smoothness(body),
            **measures_peer_angles.ranges(width),
            **measures_peer_symmetry.symmetry(body, theta, width),
            **measures_peer_symmetry.coordination(body, theta),
            **measures_peer_angles.limits(body, theta, width),
            **measures_peer_style.effort(body),
            **measures_peer_style.shape(body),
            **measures_peer_composites.composites(body),
        }
