"""How two trains of beats meet: beat alignment score, its chance level, F1, lag.

All times are seconds. A train is f[K] with NaN where there is no beat, in any order, so that trains
of different lengths share one shape under `vmap`. Every train is first kept to the window in which
both could be heard and seen.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.kinematics.vectors import finite_or
from dance_jax.kinematics.windows import floating

SIGMA_S = 0.05  # 3 frames at 60 frames/s (AIST++)
TOLERANCE_S = 0.07  # of the F-measure in beat tracking
LAG_REACH_S = 0.15
_FAR = 1e9  # seconds: the place of a missing beat


class Lag(NamedTuple):
    """Mean signed offset of the motion's beats from the music's, in seconds.

    Attributes:
        mean_s: scalar; positive where the dancer is late.
        low_s: scalar, lower end of the 95 % interval of the mean.
        high_s: scalar, upper end.
        n: scalar, number of pairs.
    """

    mean_s: jnp.ndarray
    low_s: jnp.ndarray
    high_s: jnp.ndarray
    n: jnp.ndarray


def within(beats_s: jnp.ndarray, start_s: jnp.ndarray, end_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the beats of a window in order of time [K], NaN after the last."""
    beats = floating(beats_s)
    inside = (beats >= start_s) & (beats <= end_s)  # false for NaN
    return jnp.sort(jnp.where(inside, beats, jnp.nan))


def _padded(beats_s: jnp.ndarray) -> jnp.ndarray:
    """Puts missing beats of a sorted train far after the last."""
    return jnp.where(jnp.isfinite(beats_s), beats_s, _FAR)


@jax.jit
def offsets(beats_s: jnp.ndarray, reference_s: jnp.ndarray) -> jnp.ndarray:
    """Returns each beat's signed time from the nearest beat of the reference.

        o_i = t_i - r_j,   j = argmin_j |t_i - r_j|

    Args:
        beats_s: [K] seconds; NaN where none.
        reference_s: [M] seconds; NaN where none.

    Returns:
        [K] seconds, positive where the beat is late; NaN where there is no beat or no reference.
    """
    ref = _padded(jnp.sort(floating(reference_s)))
    here = jnp.isfinite(beats_s)
    beats = finite_or(floating(beats_s))
    after = jnp.clip(jnp.searchsorted(ref, beats), 0, ref.shape[0] - 1)
    before = jnp.maximum(after - 1, 0)
    late, early = beats - ref[before], beats - ref[after]
    nearest = jnp.where(jnp.abs(late) <= jnp.abs(early), late, early)
    return jnp.where(here & (ref[0] < _FAR), nearest, jnp.nan)


@jax.jit
def beat_alignment(
    beats_s: jnp.ndarray, reference_s: jnp.ndarray, sigma_s: float = SIGMA_S
) -> jnp.ndarray:
    """Returns the beat alignment score of a train against a reference, in [0, 1].

        BAS = 1/m sum_i exp(-min_j (t_i - r_j)^2 / (2 sigma^2))

    AIST++ scores the motion's beats against the music's; Bailando the music's against the motion's,
    which many motion beats raise by chance alone: read neither without `expected_alignment`.

    Args:
        beats_s: [K] seconds, the train that is averaged over; NaN where none.
        reference_s: [M] seconds, the train that is looked up; NaN where none.
        sigma_s: tolerance in seconds.

    Returns:
        scalar; NaN where either train is empty.

    Source: Li et al. 2021 (AIST++), sigma = 3 frames at 60 frames/s.
    """
    offset = offsets(beats_s, reference_s)
    seen = jnp.isfinite(offset)
    kernel = jnp.where(seen, jnp.exp(-0.5 * (finite_or(offset) / sigma_s) ** 2), 0.0)
    count = seen.sum()
    return jnp.where(count > 0, kernel.sum() / jnp.maximum(count, 1), jnp.nan)


@jax.jit
def expected_alignment(
    reference_s: jnp.ndarray,
    start_s: jnp.ndarray,
    end_s: jnp.ndarray,
    sigma_s: float = SIGMA_S,
) -> jnp.ndarray:
    """Returns the score that beats unrelated to the reference have on average (chance level).

        c = 1/(b - a) integral_a^b exp(-min_j (t - r_j)^2 / (2 sigma^2)) dt

    It is the mean over all circular shifts of any train within the window. For a steady reference
    with beats Delta apart, Delta >> sigma, it is sigma sqrt(2 pi) / Delta (`steady_chance`).

    Args:
        reference_s: [M] seconds; NaN where none; beats outside the window are left out.
        start_s: scalar, start of the window.
        end_s: scalar, its end.
        sigma_s: tolerance in seconds.

    Returns:
        scalar in (0, 1); NaN where the reference is empty or the window has no length.
    """
    ref = within(reference_s, start_s, end_s)
    seen = jnp.isfinite(ref)
    count = seen.sum()
    beat = finite_or(ref)
    has_next = jnp.concatenate([seen[1:], jnp.zeros(1, bool)])
    half_after = jnp.where(
        has_next, 0.5 * (jnp.concatenate([beat[1:], beat[-1:]]) - beat), end_s - beat
    )
    half_before = jnp.concatenate([(beat[:1] - start_s), half_after[:-1]])
    scale = 1.0 / (np.sqrt(2.0) * sigma_s)
    area = jax.scipy.special.erf(half_after * scale) + jax.scipy.special.erf(half_before * scale)
    total = jnp.sum(jnp.where(seen, area, 0.0)) * sigma_s * np.sqrt(np.pi / 2)
    length = end_s - start_s
    some = (count > 0) & (length > 0)
    return jnp.where(some, total / jnp.where(some, length, 1.0), jnp.nan)


def steady_chance(interval_s: jnp.ndarray, sigma_s: float = SIGMA_S) -> jnp.ndarray:
    """Returns c = sigma sqrt(2 pi) / Delta erf(Delta / (2 sqrt 2 sigma)) of a steady reference.

    Args:
        interval_s: seconds between two beats of the reference.
        sigma_s: tolerance in seconds.
    """
    part = jax.scipy.special.erf(interval_s / (2 * np.sqrt(2.0) * sigma_s))
    return sigma_s * np.sqrt(2 * np.pi) / interval_s * part


def chance_corrected(score: jnp.ndarray, chance: jnp.ndarray) -> jnp.ndarray:
    """Returns (score - c) / (1 - c): 1 for a perfect meeting, 0 on average for none.

    Args:
        score: in [0, 1].
        chance: c, the score of unrelated beats.

    Returns:
        at most 1; below 0 where worse than chance; NaN where chance is 1.
    """
    room = 1.0 - chance
    return jnp.where(room > 1e-6, (score - chance) / jnp.where(room > 1e-6, room, 1.0), jnp.nan)


@jax.jit
def matches(
    beats_s: jnp.ndarray, reference_s: jnp.ndarray, tolerance_s: float = TOLERANCE_S
) -> jnp.ndarray:
    """Returns the largest number of one-to-one pairs that lie within the tolerance.

    In order of time each beat takes the earliest free beat of the reference within reach, which on
    a line gives as many pairs as any assignment.

    Args:
        beats_s: [K] seconds; NaN where none.
        reference_s: [M] seconds; NaN where none.
        tolerance_s: largest distance in seconds.

    Returns:
        scalar i32.
    """
    beats = jnp.sort(floating(beats_s))
    ref = _padded(jnp.sort(floating(reference_s)))
    slack = tolerance_s + 1e-6
    low = jnp.searchsorted(ref, finite_or(beats) - slack)
    high = jnp.searchsorted(ref, finite_or(beats) + slack, side="right")
    high = jnp.where(jnp.isfinite(beats), high, 0)

    def take(free: jnp.ndarray, row: tuple) -> tuple[jnp.ndarray, jnp.ndarray]:
        first, past = row
        pick = jnp.maximum(first, free)
        hit = pick < past
        return jnp.where(hit, pick + 1, free), hit

    _, hit = jax.lax.scan(take, jnp.zeros((), low.dtype), (low, high))
    return hit.sum()


@jax.jit
def f_measure(
    beats_s: jnp.ndarray, reference_s: jnp.ndarray, tolerance_s: float = TOLERANCE_S
) -> tuple[jnp.ndarray, jnp.ndarray, jnp.ndarray]:
    """Returns F1, precision and recall of a train of beats against a reference.

        F1 = 2 n / (m + r),   precision = n / m,   recall = n / r,   n = `matches`

    Args:
        beats_s: [K] seconds, m of them beats; NaN elsewhere.
        reference_s: [M] seconds, r of them beats; NaN elsewhere.
        tolerance_s: largest distance in seconds.

    Returns:
        three scalars in [0, 1]; NaN where either train is empty.

    Source: Dixon 2007 ("Evaluation of the audio beat tracking system BeatRoot"), +-70 ms.
    """
    hit = matches(beats_s, reference_s, tolerance_s)
    m, r = jnp.isfinite(beats_s).sum(), jnp.isfinite(reference_s).sum()
    some = (m > 0) & (r > 0)
    values = 2 * hit / jnp.maximum(m + r, 1), hit / jnp.maximum(m, 1), hit / jnp.maximum(r, 1)
    return tuple(jnp.where(some, value, jnp.nan) for value in values)


@jax.jit
def lag(beats_s: jnp.ndarray, reference_s: jnp.ndarray, reach_s: float = LAG_REACH_S) -> Lag:
    """Returns how late the beats are on average, with a 95 % interval of the mean.

    Pairs are mutually nearest beats no farther apart than `reach_s` and than half of the
    reference's median interval. Unrelated beats average to about 0 with a wide interval; a lag
    beyond the reach cannot be told from the previous beat. The interval is Student's and takes the
    offsets as independent.

    Args:
        beats_s: [K] seconds; NaN where none.
        reference_s: [M] seconds; NaN where none.
        reach_s: seconds.

    Returns:
        The lag; NaN with fewer than 3 pairs.
    """
    beats, ref = jnp.sort(floating(beats_s)), jnp.sort(floating(reference_s))
    gaps = jnp.diff(ref)
    count = jnp.isfinite(gaps).sum()
    ordered = jnp.sort(gaps)
    middle = 0.5 * (ordered[jnp.maximum(count - 1, 0) // 2] + ordered[count // 2])
    reach = jnp.minimum(reach_s, jnp.where(count > 0, 0.5 * finite_or(middle), reach_s))
    forward = offsets(beats, ref)
    nearest = jnp.argmin(jnp.abs(_padded(ref)[None] - _padded(beats)[:, None]), axis=1)
    back = jnp.argmin(jnp.abs(_padded(ref)[:, None] - _padded(beats)[None]), axis=1)
    mutual = back[nearest] == jnp.arange(beats.shape[0])
    paired = mutual & (jnp.abs(forward) <= reach)
    n = paired.sum()
    offset = jnp.where(paired, finite_or(forward), 0.0)
    mean = offset.sum() / jnp.maximum(n, 1)
    square = jnp.sum(jnp.where(paired, (offset - mean) ** 2, 0.0)) / jnp.maximum(n - 1, 1)
    half = _student(jnp.maximum(n - 1, 1)) * jnp.sqrt(square / jnp.maximum(n, 1))
    some = n >= 3
    return Lag(*(jnp.where(some, v, jnp.nan) for v in (mean, mean - half, mean + half)), n)


def _student(freedom: jnp.ndarray) -> jnp.ndarray:
    """Returns the 97.5 % point of Student's t, within 1 % from 2 degrees of freedom on.

    Hill's expansion about the normal point (Abramowitz & Stegun 26.7.5), four terms.
    """
    z = 1.959964
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**k for k, term in enumerate(terms, start=1))
