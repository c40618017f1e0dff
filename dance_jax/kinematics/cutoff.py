"""Chooses the low-pass cut-off of a clip by residual analysis; shows how much a value rests on it.

The raw signal is filtered at many cut-offs. What a filter takes away, the residual, is noise plus,
below some cut-off, movement. The noise's part is known from the filter's transmission once the
noise's power has been read off the residual at the highest cut-off, so that the error that is left
(movement taken away plus noise let through) can be told for every cut-off and made least.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.errors import InputError
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import floating, is_concrete

LOWEST_HZ = 2.0
HIGHEST = 0.4  # of the frame rate
CANDIDATES = 24
_FREQUENCIES = 512  # of the integrals over the filter's transmission
_TAIL = 0.6  # of the highest cut-off: where Winter's straight line starts
METHODS = ("risk", "winter")


class ResidualCutoff(NamedTuple):
    """What residual analysis found.

    Attributes:
        cutoff_hz: scalar, the cut-off chosen; NaN where nothing was seen.
        candidates_hz: [F] cut-offs tried.
        residual: [F] root mean square of what each takes away, in the pose's unit.
        risk: [F] estimated root mean square error of the filtered pose, in the pose's unit.
    """

    cutoff_hz: jnp.ndarray
    candidates_hz: jnp.ndarray
    residual: jnp.ndarray
    risk: jnp.ndarray


class Sensitivity(NamedTuple):
    """A measure at several cut-offs.

    Attributes:
        cutoffs_hz: [F].
        values: what the measure returned, every leaf with F in front.
        low: least value over the cut-offs, as the measure returns it; NaN where none is known.
        high: greatest value.
    """

    cutoffs_hz: jnp.ndarray
    values: Any
    low: Any
    high: Any


def transmission(
    cutoff_hz: jnp.ndarray | float, rate_hz: jnp.ndarray | float, order: int = 4
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Computes which part of white noise's power the zero-phase Butterworth keeps and takes away.

        g(w) = 1 / (1 + (tan(w / 2) / tan(w_c / 2))^(2 order)),   kept = mean g^2,
        taken = mean (1 - g)^2   over 0 < w < pi

    Args:
        cutoff_hz: scalar or [F], below half the rate.
        rate_hz: frames per second.
        order: of one pass.

    Returns:
        (kept, taken), fractions of the noise's variance, of the cut-off's shape; what is kept is
        the variance after the filter over that before.
    """
    ratio = jnp.asarray(cutoff_hz) / rate_hz
    edge = jnp.tan(jnp.pi * ratio)[..., None]
    w = (np.arange(_FREQUENCIES) + 0.5) * np.pi / _FREQUENCIES
    # 1 / (1 + x) with x huge near w = pi: written so that nothing overflows in float32.
    power = jnp.exp(jnp.minimum(2 * order * jnp.log(np.tan(w / 2) / edge), 60.0))
    gain = 1.0 / (1.0 + power)
    return jnp.mean(gain**2, -1), jnp.mean((1.0 - gain) ** 2, -1)


def _rate(time_s: jnp.ndarray) -> jnp.ndarray | float:
    if is_concrete(time_s):
        return 1.0 / float(np.median(np.diff(np.asarray(time_s, np.float64))))
    return (time_s.shape[0] - 1) / (time_s[-1] - time_s[0])


def _filtered(pose: jnp.ndarray, time_s: jnp.ndarray, cutoffs: jnp.ndarray, of: Callable, order):
    """Applies `of` to the pose filtered at each cut-off and stacks the results."""
    if is_concrete(pose, time_s, cutoffs):
        out = [
            of(butterworth_zero_phase(pose, time_s, float(cutoff), order))
            for cutoff in np.asarray(cutoffs)
        ]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *out)
    return jax.lax.map(lambda c: of(butterworth_zero_phase(pose, time_s, c, order)), cutoffs)


def residual_cutoff(
    pose: jnp.ndarray,
    time_s: jnp.ndarray,
    candidates_hz: jnp.ndarray | None = None,
    *,
    order: int = 4,
    method: str = "risk",
) -> ResidualCutoff:
    """Chooses the cut-off of the zero-phase Butterworth low-pass for one clip.

        noise^2 = residual(highest)^2 / taken(highest)
        risk(f)^2 = residual(f)^2 - noise^2 taken(f) + noise^2 kept(f)

    "risk" takes the cut-off of the least risk (Mallows' C_p, Stein's unbiased risk estimate of a
    linear filter): within 1 % of the best fixed choice in hindsight under white noise. "winter"
    draws a straight line through the residuals of the upper cut-offs and takes the lowest cut-off
    whose residual is under that line's height at 0 Hz; it smooths more, which is safer where the
    noise of neighbouring frames is alike, as then both read too little noise off the residual.
    Remove outliers and fill short gaps first. Values of all joints are pooled.

    Args:
        pose: [T, ...] raw positions, any unit; NaN where missing.
        time_s: [T] seconds.
        candidates_hz: [F] increasing, F >= 4; by default 24 from 2 Hz to 0.4 of the frame rate, in
            equal ratios. Higher ones than that bound are lowered to it.
        order: of one pass.
        method: "risk" or "winter".

    Returns:
        The cut-off and the curves.

    Raises:
        InputError: an unknown method.

    Source: Winter 2009, Biomechanics and Motor Control of Human Movement (residual analysis);
        Mallows 1973, Technometrics 15:661; Stein 1981, Annals of Statistics 9:1135.
    """
    if method not in METHODS:
        raise InputError(f"no method {method!r}", "method", f"use one of {', '.join(METHODS)}")
    pose = floating(pose)
    rate = _rate(time_s)
    top = HIGHEST * rate
    if candidates_hz is None:
        low = jnp.minimum(LOWEST_HZ, 0.5 * top)
        steps = jnp.linspace(0.0, 1.0, CANDIDATES)
        candidates = low * (top / low) ** steps
    else:
        candidates = jnp.minimum(jnp.asarray(candidates_hz, pose.dtype), top)
    size = jnp.isfinite(pose).sum()

    def mean_square(smooth: jnp.ndarray) -> jnp.ndarray:
        return jnp.sum(finite_or(pose - smooth) ** 2) / jnp.maximum(size, 1)

    squared = _filtered(pose, time_s, candidates, mean_square, order)
    kept, taken = transmission(candidates, rate, order)
    noise = squared[-1] / taken[-1]
    risk = jnp.maximum(squared - noise * taken + noise * kept, 0.0)
    residual = jnp.sqrt(squared)
    if method == "risk":
        chosen = jnp.argmin(risk)
    else:
        weight = (candidates >= _TAIL * candidates[-1]).astype(pose.dtype)
        mean_f = jnp.sum(weight * candidates) / jnp.sum(weight)
        mean_r = jnp.sum(weight * residual) / jnp.sum(weight)
        spread = jnp.sum(weight * (candidates - mean_f) ** 2)
        slope = jnp.sum(weight * (candidates - mean_f) * residual) / spread
        under = residual <= mean_r - slope * mean_f
        chosen = jnp.where(under.any(), jnp.argmax(under), len(candidates) - 1)
    cutoff = jnp.where(size > 0, candidates[chosen], jnp.nan)
    return ResidualCutoff(cutoff, candidates, residual, jnp.sqrt(risk))


def sensitivity(
    measure: Callable[[jnp.ndarray], Any],
    pose: jnp.ndarray,
    time_s: jnp.ndarray,
    cutoffs_hz: jnp.ndarray,
    order: int = 4,
) -> Sensitivity:
    """Computes a measure at several cut-offs of the low-pass, to be reported beside its value.

    Args:
        measure: filtered pose [T, ...] -> scalar, or dict of scalars.
        pose: [T, ...] raw positions (outliers removed, short gaps filled).
        time_s: [T] seconds.
        cutoffs_hz: [F]; higher ones than 0.4 of the frame rate are lowered to it.
        order: of one pass.

    Returns:
        The values, the least and the greatest.
    """
    cutoffs = jnp.minimum(jnp.asarray(cutoffs_hz, jnp.float32), HIGHEST * _rate(time_s))
    values = _filtered(floating(pose), time_s, cutoffs, measure, order)

    def extreme(value: jnp.ndarray, sign: float) -> jnp.ndarray:
        known = jnp.isfinite(value)
        best = sign * jnp.max(jnp.where(known, sign * value, -jnp.inf), axis=0)
        return jnp.where(known.any(axis=0), best, jnp.nan)

    low = jax.tree.map(lambda v: extreme(v, -1.0), values)
    high = jax.tree.map(lambda v: extreme(v, 1.0), values)
    return Sensitivity(cutoffs, values, low, high)
