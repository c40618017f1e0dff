"""Uncertainty of the key points, carried to angles, centre of mass and any measure.

Only scatter is carried: how far a key point wanders about where the estimator sees it. What an
estimator places wrong in every frame (a systematic error) does not show in the clip itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech import segments
from dance_jax.biomech.movement import Movement
from dance_jax.kinematics import angles
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from dance_jax.kinematics.cutoff import HIGHEST, transmission
from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import all_finite, finite_or
from dance_jax.kinematics.windows import bucket, floating, is_concrete

CUTOFF_HZ = 6.0
WINDOW_S = 1.0  # over which a key point's scatter counts as steady
LEAST_CONFIDENCE = 0.1
FILLED = 2.0  # a filled sample is taken to be so many times as uncertain as its neighbours
_MAD_TO_SIGMA = 1.4826
_BATCH = 8  # samples drawn at the same time
_CLIP = 3.0  # robust standard deviations beyond which a residual counts as at the limit


def _rate(time_s: jnp.ndarray) -> jnp.ndarray:
    return (time_s.shape[0] - 1) / (time_s[-1] - time_s[0])


def _moving_mean(x: jnp.ndarray, time_s: jnp.ndarray, window_s: float) -> jnp.ndarray:
    """Means the finite entries of x[T, J] within half a window; NaN where there are none."""
    seen = jnp.isfinite(x)
    half = window_s / 2 + 1e-4
    start = jnp.searchsorted(time_s, time_s - half, side="left")
    stop = jnp.searchsorted(time_s, time_s + half, side="right")
    pad = [(1, 0), (0, 0)]
    level = jnp.max(finite_or(x), axis=0)  # sums of numbers up to 1 keep their digits
    scale = jnp.where(level > 0, level, 1.0)
    total = jnp.pad(jnp.cumsum(finite_or(x) / scale, axis=0), pad)
    count = jnp.pad(jnp.cumsum(seen, axis=0), pad)
    n = count[stop] - count[start]
    mean = jnp.maximum(total[stop] - total[start], 0.0) / jnp.maximum(n, 1) * scale
    return jnp.where(n > 0, mean, jnp.nan)


@jax.jit
def keypoint_sd(
    raw: jnp.ndarray,
    filtered: jnp.ndarray,
    confidence: jnp.ndarray,
    time_s: jnp.ndarray,
    cutoff_hz: jnp.ndarray | float = CUTOFF_HZ,
) -> jnp.ndarray:
    """Estimates the standard deviation of each filtered key point's coordinates.

        sd = sqrt(mean r^2 * kept / taken) / max(confidence, 0.1),   r = raw - filtered

    r is cut at three robust standard deviations of the joint and meaned over `WINDOW_S` and the
    coordinates; kept and taken are the parts of white noise's power on either side of the low-pass
    (`cutoff.transmission`). Movement above the cut-off counts as scatter. Division by confidence is
    an assumption: an estimator unsure of a joint is taken to err more than the joint wanders. A
    filled sample has twice the value of its surroundings.

    Args:
        raw: [T, J, C] before the low-pass, any unit; NaN where missing.
        filtered: [T, J, C] after it; NaN where missing.
        confidence: [T, J] in [0, 1].
        time_s: [T] seconds.
        cutoff_hz: the low-pass's; 0.4 of the frame rate where that is lower.

    Returns:
        [T, J] in the pose's unit, of one coordinate; NaN where `filtered` is.
    """
    raw, filtered = floating(raw), floating(filtered)
    time = (time_s - time_s[0]).astype(raw.dtype)
    rate = _rate(time)
    kept, taken = transmission(jnp.minimum(cutoff_hz, HIGHEST * rate), rate)
    residual = raw - filtered
    measured = all_finite(residual)
    flat = jnp.abs(jnp.where(measured[..., None], finite_or(residual), jnp.nan))
    # One robust scale a joint, of all its coordinates.
    robust = _MAD_TO_SIGMA * upper_percentile(
        jnp.moveaxis(flat, 1, 2).reshape(-1, raw.shape[1]), 50
    )
    limit = jnp.where(robust > 0, _CLIP * robust, jnp.inf)[:, None]
    squared = jnp.mean(jnp.minimum(flat, limit) ** 2, axis=-1)
    local = _moving_mean(squared, time, WINDOW_S)
    whole = jnp.sum(finite_or(squared), 0) / jnp.maximum(jnp.isfinite(squared).sum(0), 1)
    variance = jnp.where(jnp.isfinite(local), finite_or(local), whole)
    positive = variance > 0
    sd = jnp.where(positive, jnp.sqrt(jnp.where(positive, variance * kept / taken, 1.0)), 0.0)
    sd = sd / jnp.clip(jnp.where(measured, finite_or(confidence), 1.0), LEAST_CONFIDENCE, 1.0)
    sd = jnp.where(measured, sd, FILLED * sd)
    return jnp.where(all_finite(filtered), sd, jnp.nan)


def _delta(of: Callable, pose: jnp.ndarray, sd: jnp.ndarray) -> jnp.ndarray:
    """Carries sd[T, J] through a function of each frame by itself, one coordinate after another.

    Frames do not act on one another, so that one forward derivative (a column of `jax.jacfwd`)
    along a joint's coordinate serves all of them.
    """
    joints, dims = pose.shape[1:]
    safe = finite_or(sd)

    def add(total: jnp.ndarray, which: jnp.ndarray) -> tuple[jnp.ndarray, None]:
        joint, axis = which // dims, which % dims
        along = jnp.zeros_like(pose).at[:, joint, axis].set(1.0)
        _, rate = jax.jvp(of, (pose,), (along,))
        spread = rate.reshape(len(pose), -1) * safe[:, joint, None]
        return total + finite_or(spread).reshape(rate.shape) ** 2, None

    shape = jax.eval_shape(of, pose)
    zero = jnp.zeros(shape.shape, shape.dtype)
    total, _ = jax.lax.scan(add, zero, jnp.arange(joints * dims))
    positive = total > 0
    out = jnp.where(positive, jnp.sqrt(jnp.where(positive, total, 1.0)), 0.0)
    return jnp.where(jnp.isfinite(of(pose)), out, jnp.nan)


def _per_frame(of: Callable, pose: jnp.ndarray, sd: jnp.ndarray, *options: Any) -> jnp.ndarray:
    """Pads known frames to a bucket size with missing ones: few compilations."""
    pose, sd = floating(pose), jnp.asarray(sd)
    n = pose.shape[0]
    if not is_concrete(pose, sd):
        return of(pose, sd, *options)
    rows = [(0, bucket(n) - n)]
    pose = jnp.pad(pose, rows + [(0, 0)] * 2, constant_values=jnp.nan)
    return of(pose, jnp.pad(sd, [*rows, (0, 0)]), *options)[:n]


def angle_sd(
    pose: jnp.ndarray, sd: jnp.ndarray, names: Sequence[str] = angles.ANGLE_NAMES
) -> jnp.ndarray:
    """Carries the key points' uncertainty to joint and segment angles by the delta method.

        sd_angle^2 = sum_jc (d angle / d x_jc)^2 sd_j^2

    The errors of joints and coordinates count as independent. Linear, so good for an sd well below
    the segments' lengths; an unsigned joint angle within about one sd of 0 or 180 degrees has a
    smaller true spread, and at exactly 0 no derivative (0 here).

    Args:
        pose: [T, 26, C] y up; NaN where missing.
        sd: [T, 26] of one coordinate, in the pose's unit.
        names: angles wanted.

    Returns:
        [T, A] radians; NaN where the angle is.
    """
    return _per_frame(_angle_sd, pose, sd, tuple(names))


@functools.partial(jax.jit, static_argnames="names")
def _angle_sd(pose: jnp.ndarray, sd: jnp.ndarray, names: tuple[str, ...]) -> jnp.ndarray:
    return _delta(lambda p: angles.compute(p, names), pose, sd)


def com_sd(pose: jnp.ndarray, sd: jnp.ndarray, anthropometry: str = "de_leva_mean") -> jnp.ndarray:
    """Carries the key points' uncertainty to the centre of mass (linear, so exact).

    Args:
        pose: [T, 26, C]; NaN where missing.
        sd: [T, 26] of one coordinate, in the pose's unit.
        anthropometry: see `segments.centre_of_mass`.

    Returns:
        [T, C] in the pose's unit; NaN where the centre of mass is.
    """
    return _per_frame(_com_sd, pose, sd, anthropometry)


@functools.partial(jax.jit, static_argnames="anthropometry")
def _com_sd(pose: jnp.ndarray, sd: jnp.ndarray, anthropometry: str) -> jnp.ndarray:
    return _delta(lambda p: segments.centre_of_mass(p, anthropometry), pose, sd)


def scatter(
    key: jax.Array, pose: jnp.ndarray, sd: jnp.ndarray, time_s: jnp.ndarray, cutoff_hz: float
) -> jnp.ndarray:
    """Draws errors of a filtered pose: normal, of the given sd, correlated in time by the low-pass.

    White noise goes through the same zero-phase Butterworth as the pose did, so that its spectrum
    is g(f)^2 (a correlation time of about 0.4 / cut-off), and is scaled to the sd.

    Args:
        key: a random key.
        pose: [T, J, C], for its shape.
        sd: [T, J] of one coordinate.
        time_s: [T] seconds.
        cutoff_hz: the low-pass's; 0.4 of the frame rate where that is lower.

    Returns:
        [T, J, C] in the unit of sd; NaN where sd is.
    """
    rate = _rate(time_s)
    cutoff = jnp.minimum(cutoff_hz, HIGHEST * rate)
    kept, _ = transmission(cutoff, rate)
    white = jax.random.normal(key, pose.shape, pose.dtype)
    noise = butterworth_zero_phase(white, time_s, cutoff) / jnp.sqrt(kept)
    return noise * sd[..., None]


class Interval(NamedTuple):
    """The band of a measure; every field as the measure returns it.

    Attributes:
        low: lower end.
        high: upper end; low <= value <= high.
        value: the measure of the pose as it is.
        bias: by how much further errors move the value on average. Where it is larger than `sd`,
            the value rests largely on the key points' scatter, and the band is too narrow.
        sd: standard deviation of the value under further errors.
    """

    low: Any
    high: Any
    value: Any
    bias: Any
    sd: Any


@functools.partial(jax.jit, static_argnames=("fn", "n", "level", "cutoff_hz"))
def score_interval(
    fn: Callable[[Movement], Any],
    moved: Movement,
    sd: jnp.ndarray,
    key: jax.Array,
    n: int = 100,
    level: float = 0.95,
    cutoff_hz: float = CUTOFF_HZ,
) -> Interval:
    """Computes the band of a measure by sampling the key points' errors.

    Each of n samples adds fresh errors (`scatter`) to the pose. The errors that are already there
    have moved the value too, by as much as the fresh ones do (`bias`) where the measure bends
    evenly, by more where it levels off (a jerk, a logarithm); the band allows for none to twice:

        low = min(value, value - 2 bias) - (mean - quantile((1 - level) / 2)),
        high = max(value, value - 2 bias) + (quantile((1 + level) / 2) - mean)

    Args:
        fn: movement -> scalar, or dict of scalars; compiled once for each function and shape.
        moved: the movement, in body heights.
        sd: [T, 26] of one coordinate, in body heights (`keypoint_sd` over the body height).
        key: a random key.
        n: number of samples; 100 give a 95 % band to about a tenth of its width.
        level: probability of the band.
        cutoff_hz: the low-pass that the pose went through.

    Returns:
        The band; NaN where fn is NaN for the pose or for any sample.
    """
    time_s = moved.time_s - moved.time_s[0]
    rounds = -(-(n + 1) // _BATCH)
    keys = jax.random.split(key, rounds * _BATCH).reshape(rounds, _BATCH)
    size = jnp.ones((rounds, _BATCH), moved.pose.dtype).at[0, 0].set(0.0)  # the value itself

    def one(key: jax.Array, size: jnp.ndarray) -> Any:
        noise = finite_or(scatter(key, moved.pose, sd, time_s, cutoff_hz))
        return fn(moved._replace(pose=moved.pose + size * noise))

    def band(values: jnp.ndarray) -> Interval:
        values = values.reshape(rounds * _BATCH)[: n + 1]
        sound = jnp.isfinite(values).all()
        value, drawn = finite_or(values[0]), finite_or(values[1:])
        mean = jnp.mean(drawn)
        under, over = jnp.quantile(drawn, jnp.asarray([(1 - level) / 2, (1 + level) / 2])) - mean
        bias = mean - value
        low = value - jnp.maximum(2 * bias, 0.0) + jnp.minimum(under, 0.0)
        high = value - jnp.minimum(2 * bias, 0.0) + jnp.maximum(over, 0.0)
        fields = (low, high, value, bias, jnp.std(drawn))
        return Interval(*(jnp.where(sound, field, jnp.nan) for field in fields))

    drawn = jax.lax.map(lambda both: jax.vmap(one)(*both), (keys, size))
    bands = jax.tree.map(band, drawn)
    inner = jax.tree.structure(Interval(*range(5)))
    return jax.tree.transpose(jax.tree.structure(drawn), inner, bands)
