"""The speed curve that beats are read from: mean joint speed on an even clock, smoothed in seconds.

The curve has as many samples as the clip has frames, evenly spaced from the first to the last
frame seen, so that one static shape serves every frame rate, uneven clocks and padded frames.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics import motion
from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import floating
from dance_jax.skeleton import CANON, index

# One point for the head, and the joints of trunk and limbs: five points of the face and six of the
# feet would outweigh the arms.
JOINTS = np.array(
    [index(CANON, "nose")]
    + [
        index(CANON, f"{side}_{joint}")
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ],
    np.int32,
)
SMOOTH_S = 5 / 60
LEAST_SUPPORT = 0.3  # of the kernel's weight: the clip's ends have 1/2, a gap of 2 sigma has 0.32


class Moved(Protocol):
    """A movement: `pose` [T, 26, C] in body heights, NaN where missing, and `time_s` [T]."""

    @property
    def pose(self) -> jnp.ndarray:
        """[T, 26, C]."""

    @property
    def time_s(self) -> jnp.ndarray:
        """[T] seconds, increasing."""


class Curve(NamedTuple):
    """A signal on an even clock.

    Attributes:
        time_s: [N] seconds, evenly spaced; NaN all through where nothing was seen.
        value: [N]; NaN where too little was seen nearby.
        step_s: scalar, seconds between two samples.
    """

    time_s: jnp.ndarray
    value: jnp.ndarray
    step_s: jnp.ndarray


@jax.jit
def _mean_speed(each: jnp.ndarray) -> jnp.ndarray:
    """Averages speeds [T, J] over the joints seen."""
    seen = jnp.isfinite(each)
    each = finite_or(each)
    count = seen.sum(0)
    usual = jnp.where(count > 0, each.sum(0) / jnp.maximum(count, 1), 0.0)
    total = usual.sum()
    moving = total > 0
    even = jnp.where(count > 0, 1.0 / jnp.maximum((count > 0).sum(), 1), 0.0)
    share = jnp.where(moving, usual / jnp.where(moving, total, 1.0), even)
    weight = jnp.sum(jnp.where(seen, share, 0.0), axis=1)
    some = (seen.sum(1) >= len(JOINTS) / 2) & (weight > 1e-3)
    joints = jnp.maximum((count > 0).sum(), 1)  # a joint never seen has no share
    return jnp.where(some, each.sum(1) / jnp.where(some, weight, 1.0) / joints, jnp.nan)


def mean_speed(moved: Moved) -> jnp.ndarray:
    """Returns the mean speed of 13 joints (head, shoulders to ankles) in every frame.

        s_t = 1/J sum_seen |v_jt| / sum_seen r_j,   r_j = mean_t |v_j| / sum_j mean_t |v_j|

    With every joint seen this is the plain mean; where some are missing it is divided by the share
    of the speed that the seen ones usually have, so that a hand that is lost makes no false dip.

    Args:
        moved: pose [T, 26, C] in body heights.

    Returns:
        [T] body heights per second; NaN where fewer than half of the joints have a speed.

    Source: kinematic beats of AIST++ (Li et al. 2021, "AI Choreographer"), mean over joints.
    """
    return _mean_speed(motion.speed(floating(moved.pose)[:, JOINTS], moved.time_s))


@jax.jit
def even_clock(value: jnp.ndarray, time_s: jnp.ndarray) -> tuple[Curve, jnp.ndarray]:
    """Spreads a series onto an even clock by linear interpolation.

    Args:
        value: [T]; NaN where missing.
        time_s: [T] seconds, increasing.

    Returns:
        the curve, whose value is 0 where nothing is known and times the weight elsewhere; the
        weight [T] in [0, 1], the share of each sample that was seen.
    """
    value = floating(value)
    time = jnp.asarray(time_s, value.dtype)
    n = value.shape[0]
    seen = jnp.isfinite(value) & jnp.isfinite(time)
    first = jnp.min(jnp.where(seen, time, jnp.inf))
    last = jnp.max(jnp.where(seen, time, -jnp.inf))
    some = last > first
    first, last = jnp.where(some, first, 0.0), jnp.where(some, last, 1.0)
    step = (last - first) / max(n - 1, 1)
    grid = first + step * jnp.arange(n, dtype=value.dtype)
    left = jnp.clip(jnp.searchsorted(time, grid, side="right") - 1, 0, max(n - 2, 0))
    right = jnp.minimum(left + 1, n - 1)
    gap = time[right] - time[left]
    part = jnp.where(gap > 0, (grid - time[left]) / jnp.where(gap > 0, gap, 1.0), 0.0)
    part = jnp.clip(part, 0.0, 1.0)
    known = jnp.where(seen & some, 1.0, 0.0).astype(value.dtype)
    held = jnp.where(seen, finite_or(value), 0.0) * known
    weight = (1 - part) * known[left] + part * known[right]
    spread = (1 - part) * held[left] + part * held[right]
    nothing = jnp.where(some, 0.0, jnp.nan)
    return Curve(grid + nothing, spread, step + nothing), weight


@jax.jit
def gaussian(
    spread: jnp.ndarray, weight: jnp.ndarray, step_s: jnp.ndarray, sigma_s: float
) -> jnp.ndarray:
    """Smooths weighted samples on an even clock by a Gaussian, each by what was seen around it.

        y = (g * wx) / (g * w),   g the normal density of standard deviation sigma

    Args:
        spread: [N] samples times their weight.
        weight: [N] in [0, 1].
        step_s: scalar seconds between samples.
        sigma_s: standard deviation in seconds; 0 leaves the samples as they are.

    Returns:
        [N]; NaN where less than 0.3 of the kernel's weight was seen.
    """
    n = spread.shape[0]
    step = jnp.where(step_s > 0, step_s, 1.0)
    freq = jnp.arange(n + 1) / (2 * n * step)
    pass_band = jnp.exp(-2 * (np.pi * sigma_s * freq) ** 2).astype(spread.dtype)
    both = jnp.pad(jnp.stack([spread, weight]), [(0, 0), (0, n)])
    top, under = jnp.fft.irfft(jnp.fft.rfft(both) * pass_band, n=2 * n)[:, :n]
    enough = (under >= LEAST_SUPPORT) & (step_s > 0)
    return jnp.where(enough, top / jnp.where(enough, under, 1.0), jnp.nan)


@jax.jit
def smoothed(value: jnp.ndarray, time_s: jnp.ndarray, sigma_s: float = SMOOTH_S) -> Curve:
    """Returns a series on an even clock, smoothed by a Gaussian of `sigma_s` seconds.

    Args:
        value: [T]; NaN where missing. Gaps up to about 2 sigma are bridged, longer ones stay.
        time_s: [T] seconds, increasing.
        sigma_s: standard deviation in seconds; 5/60 is 5 frames at 60 frames/s.

    Returns:
        The curve [T]; all NaN where less than 4 sigma of time are seen.

    Source: Gaussian of 5 frames at 60 frames/s, Bailando (Siyao et al. 2022), beat_align_score.py.
    """
    curve, weight = even_clock(value, time_s)
    even = gaussian(curve.value, weight, curve.step_s, sigma_s)
    long = (curve.value.shape[0] - 1) * curve.step_s >= 4 * sigma_s
    return curve._replace(value=jnp.where(long, even, jnp.nan))


def speed_curve(moved: Moved, sigma_s: float = SMOOTH_S) -> Curve:
    """Returns the smoothed mean joint speed (`mean_speed`, `smoothed`), body heights per second."""
    return smoothed(mean_speed(moved), moved.time_s, sigma_s)
