"""Left-right symmetry of magnitudes and of angle series; a matter of style as much as of skill."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.mirror import mirror_distance
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.range_of_motion import BODY_ANGLE_NAMES, body_angles, range_of_motion
from dance_jax.biomech.sampling import long_enough, time_mean, time_weights, to_uniform
from dance_jax.kinematics.vectors import finite_or, safe_atan2

LEAST_S = 1.0
"""Seconds below which two angle series are not compared."""
LEAST_RANGE = float(np.deg2rad(5.0))
"""Radians: a joint that moved less has no share of its own in the symmetry of ranges."""
LEAST_R = 0.5
"""Correlation at the best lag below which there is no lag to speak of."""
MOST_MISSING = 0.2
"""Share of the span that may be missing where a lag is looked for."""
MAX_LAG_S = 1.0
"""Largest lag that is looked for, seconds."""
_TINY = 1e-6
_JOINTS = ("shoulder", "elbow", "hip", "knee")
_LEFT, _RIGHT = (
    np.asarray([BODY_ANGLE_NAMES.index(f"{side}_{name}") for name in _JOINTS])
    for side in ("left", "right")
)


def symmetry_angle(left: jnp.ndarray, right: jnp.ndarray, floor: float = 0.0) -> jnp.ndarray:
    """Returns the symmetry angle: the direction of (right, left) from the line of equality.

        SA = (45 deg - arctan(L / R)) / 90 deg x 100 %,   less 200 % where above 100 %

    It is bounded by +-100 % (+-50 % for magnitudes, which are not negative) and needs no reference
    side: 0 = equal, positive = the right is larger. Two zeros are equal: 0.

    Args:
        left: values of the left side, any unit.
        right: values of the right side, same unit and shape.
        floor: where neither side reaches it, the result is NaN.

    Returns:
        percent in (-100, 100]; NaN where either side is.

    Source: Zifchock et al. 2008, Gait & Posture 27:622-627.
    """
    known = jnp.isfinite(left) & jnp.isfinite(right)
    a, b = finite_or(left), finite_or(right)
    size = jnp.maximum(jnp.abs(a), jnp.abs(b))
    known &= size >= floor
    moved = size > _TINY
    angle = jnp.pi / 4 - safe_atan2(jnp.where(moved, a, 1.0), jnp.where(moved, b, 1.0))
    half = jnp.pi / 2
    edge = 1e-6  # opposite equal values lie on the border of the fold: +100
    angle = jnp.where(angle > half + edge, angle - jnp.pi, angle)
    angle = jnp.where(angle < -half + edge, angle + jnp.pi, angle)
    return jnp.where(known, jnp.where(moved, angle, 0.0) / half * 100.0, jnp.nan)


def symmetry_index(left: jnp.ndarray, right: jnp.ndarray, floor: float) -> jnp.ndarray:
    """Returns the usual symmetry index, only where it is safe: positive magnitudes above a floor.

        SI = 100 |L - R| / ((L + R) / 2)

    Args:
        left: magnitudes of the left side, any unit.
        right: magnitudes of the right side.
        floor: positive; where either side is below it the result is NaN.

    Returns:
        percent in [0, 200); 0 = equal.

    Source: Robinson, Herzog & Nigg 1987, J. Manip. Physiol. Ther. 10:172-176.
    """
    good = (left >= floor) & (right >= floor) & (left > 0) & (right > 0)
    a, b = jnp.where(good, left, 1.0), jnp.where(good, right, 1.0)
    return jnp.where(good, 200.0 * jnp.abs(a - b) / (a + b), jnp.nan)


class _Pair(NamedTuple):
    """Both sides on one even grid, each channel about its mean, gaps along straight lines."""

    left: jnp.ndarray  # [T, K]
    right: jnp.ndarray  # [T, K]
    seen: jnp.ndarray  # bool[T, K]: both sides are
    share: jnp.ndarray  # [K] of the span's frames
    good: jnp.ndarray  # bool[K]: seen together for long enough
    step_s: jnp.ndarray


def _pair(left: jnp.ndarray, right: jnp.ndarray, time_s: jnp.ndarray) -> _Pair:
    both = jnp.isfinite(left) & jnp.isfinite(right)
    sides = jnp.concatenate([jnp.where(both, left, jnp.nan), jnp.where(both, right, jnp.nan)], 1)
    grid = to_uniform(sides, time_s)
    mean = (grid.value * grid.seen).sum(0) / jnp.maximum(grid.seen.sum(0), 1)
    about = grid.value - mean
    good = long_enough(time_weights(both, time_s).sum(0), LEAST_S)
    k = left.shape[1]
    return _Pair(about[:, :k], about[:, k:], grid.seen[:, :k], grid.share[:k], good, grid.step_s)


def _normalised(
    product: jnp.ndarray, power_a: jnp.ndarray, power_b: jnp.ndarray, n: int
) -> jnp.ndarray:
    """Divides by the root of both powers; NaN where a side's spread is below 0.5 degrees."""
    least = n * np.deg2rad(0.5) ** 2
    good = (power_a > least) & (power_b > least)
    both = jnp.where(good, power_a, 1.0) * jnp.where(good, power_b, 1.0)
    return jnp.where(good, product / jnp.sqrt(both), jnp.nan)


def _correlation(pair: _Pair) -> jnp.ndarray:
    a, b = pair.left * pair.seen, pair.right * pair.seen
    r = _normalised((a * b).sum(), (a * a).sum(), (b * b).sum(), a.shape[0])
    return jnp.where(pair.good.all(), r, jnp.nan)


@jax.jit
def correlation(left: jnp.ndarray, right: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the correlation of the left with the right angles at the same moments.

        r = sum_kt a_kt b_kt / sqrt(sum_kt a_kt^2 sum_kt b_kt^2),   a, b about each series' mean

    Args:
        left: [T, K] radians of K joints; NaN where missing.
        right: [T, K] radians of the same joints of the other side.
        time_s: [T] seconds.

    Returns:
        scalar in [-1, 1]: 1 = both sides together, -1 = in turn; NaN where seen for less than
        `LEAST_S`, or where a side stood still.
    """
    return _correlation(_pair(left, right, time_s))


@jax.jit
def lag(
    left: jnp.ndarray, right: jnp.ndarray, time_s: jnp.ndarray, max_lag_s: float = MAX_LAG_S
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns by how much the right follows the left, where the two are most alike.

    The normalised cross-correlation over the overlapping part, of all joints together, on an even
    grid; its greatest peak within `max_lag_s` and with at least half of the clip overlapping, to a
    fraction of a sample by a parabola. Gaps count as straight lines. Of equal peaks (movement in
    turn) the nearer to 0 counts.

    Args:
        left: [T, K] radians of K joints; NaN where missing.
        right: [T, K] radians.
        time_s: [T] seconds.
        max_lag_s: largest lag in seconds.

    Returns:
        the lag in seconds, positive = the right follows; the greatest correlation. The lag is NaN
        where that correlation is below `LEAST_R` or has no peak within the limit, or where a
        joint misses more than `MOST_MISSING` of the span.
    """
    return _lag(_pair(left, right, time_s), max_lag_s)


def _lag(pair: _Pair, max_lag_s: float) -> tuple[jnp.ndarray, jnp.ndarray]:
    a, b, step = pair.left, pair.right, pair.step_s
    n = a.shape[0]
    size = 1 << (2 * n - 1).bit_length()
    spectrum = jnp.conj(jnp.fft.rfft(a, size, axis=0)) * jnp.fft.rfft(b, size, axis=0)
    product = jnp.fft.irfft(spectrum.sum(1), size)
    reach = n // 2
    k = np.arange(-reach, reach + 1)
    power_a = jnp.pad(jnp.cumsum((a * a).sum(1)), (1, 0))
    power_b = jnp.pad(jnp.cumsum((b * b).sum(1)), (1, 0))
    first, last = np.maximum(-k, 0), n - np.maximum(k, 0)  # frames of the left that overlap
    r = _normalised(
        product[k % size],
        power_a[last] - power_a[first],
        power_b[last + k] - power_b[first + k],
        n // 2,
    )
    good = (pair.good & (pair.share >= 1.0 - MOST_MISSING)).all()
    near = (np.abs(k) * step <= max_lag_s + 1e-6) & good
    r = jnp.where(near & jnp.isfinite(r), r, -jnp.inf)
    best = jnp.argmax(r - 1e-3 * np.abs(k) / max(reach, 1))
    around = jnp.pad(r, (1, 1), constant_values=-jnp.inf)[best + jnp.arange(3)]
    inside = jnp.isfinite(around).all()
    low, mid, high = jnp.where(inside, around, 0.0)
    bend = low - 2 * mid + high
    shift = jnp.where(bend < 0, 0.5 * (low - high) / jnp.where(bend < 0, bend, 1.0), 0.0)
    peak = inside & (mid >= low) & (mid >= high) & (mid >= LEAST_R)
    seconds = (jnp.asarray(k)[best] + jnp.clip(shift, -0.5, 0.5)) * step
    greatest = jnp.max(r)
    return (
        jnp.where(peak, seconds, jnp.nan),
        jnp.where(jnp.isfinite(greatest), greatest, jnp.nan),
    )


@jax.jit
def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Returns the symmetry measures of the whole clip, by the keys of `MEASURES`."""
    theta = body_angles(moved.pose)  # all of them, as the other measures do: computed once
    width = range_of_motion(theta, moved.time_s, wrapped=False)
    left, right = width[_LEFT], width[_RIGHT]
    by_joint = symmetry_angle(left, right, LEAST_RANGE)
    out = {f"symmetry.{name}_range": by_joint[i] for i, name in enumerate(_JOINTS)}
    out["symmetry.range_index"] = symmetry_index(left.mean(), right.mean(), LEAST_RANGE)
    pair = _pair(theta[:, _LEFT], theta[:, _RIGHT], moved.time_s)
    halves = _Pair(  # shoulder and elbow; hip and knee
        pair.left.reshape(-1, 2, 2).swapaxes(0, 1),
        pair.right.reshape(-1, 2, 2).swapaxes(0, 1),
        pair.seen.reshape(-1, 2, 2).swapaxes(0, 1),
        pair.share.reshape(2, 2),
        pair.good.reshape(2, 2),
        jnp.broadcast_to(pair.step_s, (2,)),
    )
    r = jax.vmap(_correlation)(halves)
    seconds = jax.vmap(lambda half: _lag(half, MAX_LAG_S)[0])(halves)
    for i, name in enumerate(("arms", "legs")):
        out[f"symmetry.{name}_correlation"] = r[i]
        out[f"symmetry.{name}_lag"] = seconds[i]
    out["symmetry.mirror_distance"] = time_mean(mirror_distance(moved.pose), moved.time_s)
    return out


_STYLE = "one-sided choreography is style, not a fault"
_NEEDS = {
    "shoulder": ("arms", "trunk"),
    "elbow": ("arms",),
    "hip": ("trunk", "legs"),
    "knee": ("legs",),
    "arms": ("arms", "trunk"),
    "legs": ("trunk", "legs"),
}


def _limb_rows(name: str) -> tuple[MeasureDef, MeasureDef]:
    which = {"arms": "shoulder and elbow", "legs": "hip and knee"}[name]
    return (
        MeasureDef(
            f"symmetry.{name}_correlation",
            f"{name.capitalize()}, left with right",
            "",
            f"correlation of the left with the right {which} angles at the same moments: 1 = "
            f"together, -1 = in turn, 0 = unrelated; {_STYLE}",
            parts=_NEEDS[name],
            min_s=LEAST_S,
        ),
        MeasureDef(
            f"symmetry.{name}_lag",
            f"{name.capitalize()}, right after left",
            "s",
            f"lag within {MAX_LAG_S:g} s at which the {which} angles of the two sides are most "
            f"alike (correlation at least {LEAST_R:g}); positive = the right follows; {_STYLE}",
            parts=_NEEDS[name],
            min_s=LEAST_S,
        ),
    )


MEASURES: tuple[MeasureDef, ...] = (
    *(
        MeasureDef(
            f"symmetry.{name}_range",
            f"{name.capitalize()} range, left against right",
            "%",
            "symmetry angle of the ranges of motion, -50 to 50: 0 = equal, positive = the right "
            f"moved further; {_STYLE}",
            parts=_NEEDS[name],
            source="Zifchock et al. 2008",
        )
        for name in _JOINTS
    ),
    MeasureDef(
        "symmetry.range_index",
        "Symmetry index of range",
        "%",
        "difference of the mean ranges of motion of the two sides over their mean, where both "
        f"reach 5 degrees; 0 = equal; {_STYLE}",
        source="Robinson et al. 1987",
    ),
    *_limb_rows("arms"),
    *_limb_rows("legs"),
    MeasureDef(
        "symmetry.mirror_distance",
        "Distance from the mirrored pose",
        "height",
        "mean distance of the limbs' joints from the pose's own mirror image (2D: about the "
        f"picture's vertical, so for front and back views); 0 = symmetric poses; {_STYLE}",
    ),
)
"""What `summarise` returns."""
