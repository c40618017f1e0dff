"""How a student differs from a teacher: over time, in range and in timing, above what can be told.

All differences are student minus teacher. Only moments in which both show the thing well enough
are compared; everything else is missing, with a reason, never zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import detectable_change as change
from dance_jax.analysis.compare_align import Alignment
from dance_jax.analysis.compare_channels import Channel, Performer, channels
from dance_jax.analysis.compare_warp import sample

WINDOW_S = 0.5  # of the running mean
MIN_SPAN_S = 0.5  # a difference lasts at least so long: shorter ones are mostly error
_JOIN_S = 0.5  # spans of one sign nearer than this are one
MIN_SHARE = 0.2  # of the aligned time in which a channel must be comparable
_KNOWN_SHARE = 0.6  # of a running mean's frames


@dataclasses.dataclass(frozen=True)
class Difference:
    """One difference that is larger than the smallest that can be told.

    Attributes:
        kind: "angle", "lean", "height", "sideways", "timing" or "range".
        key: the channel, "timing", or the channel with ".range".
        joint: the student's body part ("left_elbow"); "" for timing.
        teacher_joint: the teacher's, the other side where the student is mirrored.
        start_s: teacher's time at which it begins, seconds.
        end_s: teacher's time at which it ends.
        student_start_s: student's time at which it begins.
        student_end_s: student's time at which it ends.
        peak_s: teacher's time at which it is largest.
        student_peak_s: the student's time then.
        value: mean over the span, student minus teacher (later is positive).
        limit: the smallest difference that can be told, same unit.
        unit: "deg", "height" or "s".
        ratio: student's range over the teacher's; only of kind "range".
    """

    kind: str
    key: str
    joint: str
    teacher_joint: str
    start_s: float
    end_s: float
    student_start_s: float
    student_end_s: float
    peak_s: float
    student_peak_s: float
    value: float
    limit: float
    unit: str
    ratio: float | None = None

    @property
    def size(self) -> float:
        """How many times the limit it is."""
        return abs(self.value) / self.limit


def series(teacher: Performer, student: Performer, alignment: Alignment) -> np.ndarray:
    """Returns student minus teacher at every aligned moment.

    Args:
        teacher: the dancer compared with.
        student: the dancer compared, mirrored where wanted.
        alignment: of the two.

    Returns:
        f64[N,K] degrees or body heights; NaN where one of the two cannot be compared there: not
        seen, out of plane, or, for leans and places sideways in 2D, seen from another side.
    """
    mine, theirs = sampled(teacher, student, alignment)
    diff = theirs - mine
    if teacher.planar:
        at_mine = _nearest(teacher.time_s, alignment.time_s)
        at_theirs = _nearest(student.time_s, alignment.student_s)
        same = teacher.view[at_mine] == student.view[at_theirs]
        for k, channel in enumerate(channels()):
            if channel.kind in ("lean", "sideways"):
                diff[~same, k] = np.nan
    return diff


def sampled(
    teacher: Performer, student: Performer, alignment: Alignment
) -> tuple[np.ndarray, np.ndarray]:
    """Returns both dancers' valid channels at the aligned moments: two f64[N,K]."""
    pair = ((teacher, alignment.time_s), (student, alignment.student_s))
    mine, theirs = (sample(np.where(p.valid, p.values, np.nan), p.time_s, at_s) for p, at_s in pair)
    return mine, theirs


def running_mean(diff: np.ndarray, rate_hz: float) -> np.ndarray:
    """Averages over half a second; NaN where under 60 % of it is known.

    Args:
        diff: [N,K]; NaN where missing.
        rate_hz: samples a second.

    Returns:
        f64[N,K].
    """
    half = max(1, round(WINDOW_S * rate_hz / 2))
    known = np.isfinite(diff)
    total = np.cumsum(np.pad(np.where(known, diff, 0.0), ((half + 1, half), (0, 0))), 0)
    count = np.cumsum(np.pad(known, ((half + 1, half), (0, 0))), 0)
    width = 2 * half + 1
    sums, counts = total[width:] - total[:-width], count[width:] - count[:-width]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts >= _KNOWN_SHARE * width, sums / counts, np.nan)


def reasons(
    teacher: Performer, student: Performer, alignment: Alignment, diff: np.ndarray
) -> dict[str, str]:
    """Says for each channel that is comparable for too little of the time why that is so.

    Args:
        teacher: the dancer compared with.
        student: the dancer compared.
        alignment: of the two.
        diff: of `series`.

    Returns:
        channel key -> reason.
    """
    mine, theirs = sampled(teacher, student, alignment)
    out = {}
    for k, channel in enumerate(channels()):
        share = float(np.isfinite(diff[:, k]).mean())
        if share >= MIN_SHARE and change.limit(channel.group, "moment") is not None:
            continue
        own = [float(np.isfinite(x[:, k]).mean()) for x in (mine, theirs)]
        if share >= MIN_SHARE:
            out[channel.key] = "the smallest difference that can be told has not been measured"
        elif min(own) < MIN_SHARE:
            who = "teacher" if own[0] <= own[1] else "student"
            what = "seen well enough, in the picture's plane," if teacher.planar else "known"
            out[channel.key] = f"in the {who} it is {what} in {100 * min(own):.0f} % of the time"
        else:
            out[channel.key] = (
                f"both show it at the same moment, from the same side, in {100 * share:.0f} % of "
                "the time"
            )
    return out


def marked(alignment: Alignment, diff: np.ndarray, refused: Sequence[str] = ()) -> list[Difference]:
    """Finds the spans in which the running mean of a channel exceeds its limit.

    Args:
        alignment: of the two dancers.
        diff: [N,K] of `series`.
        refused: keys of channels that are left out.

    Returns:
        The differences, the largest in terms of their limit first.
    """
    run = running_mean(diff, alignment.rate_hz)
    out: list[Difference] = []
    for k, channel in enumerate(channels()):
        least = change.limit(channel.group, "moment")
        if least is None or channel.key in refused:
            continue
        for first, last in _spans(run[:, k], least, alignment.rate_hz):
            out.append(_difference(alignment, channel, run[:, k], first, last, least))
    least = change.limit("timing", "moment")
    if least is not None:
        lag = alignment.lag_s
        timing = Channel("timing", "timing", "", "s")
        for first, last in _spans(lag, least, alignment.rate_hz):
            out.append(_difference(alignment, timing, lag, first, last, least))
    return sorted(out, key=lambda d: -d.size)


def _spans(value: np.ndarray, least: float, rate_hz: float) -> list[tuple[int, int]]:
    """Rows [first, last] where |value| > least with one sign, joined where near, long enough."""
    out = []
    for sign in (1.0, -1.0):
        beyond = np.nan_to_num(sign * value) > least
        edges = np.flatnonzero(np.diff(np.concatenate([[0], beyond.astype(np.int8), [0]])))
        runs: list[list[int]] = []
        for first, stop in zip(edges[::2], edges[1::2], strict=True):
            gap = value[runs[-1][1] + 1 : first] if runs else value[:0]
            near = runs and (first - runs[-1][1] - 1) / rate_hz < _JOIN_S
            if near and np.isfinite(gap).all() and (sign * gap > 0).all():
                runs[-1][1] = int(stop - 1)
            else:
                runs.append([int(first), int(stop - 1)])
        out += [(a, b) for a, b in runs if (b - a + 1) / rate_hz >= MIN_SPAN_S]
    return out


def _difference(
    alignment: Alignment, channel: Channel, run: np.ndarray, first: int, last: int, least: float
) -> Difference:
    part = run[first : last + 1]
    peak = first + int(np.nanargmax(np.abs(part)))
    own = skeleton.other_side(channel.joint) if alignment.mirrored else channel.joint
    return Difference(
        kind=channel.kind,
        key=channel.key,
        joint=own,
        teacher_joint=channel.joint,
        start_s=float(alignment.time_s[first]),
        end_s=float(alignment.time_s[last]),
        student_start_s=float(alignment.student_s[first]),
        student_end_s=float(alignment.student_s[last]),
        peak_s=float(alignment.time_s[peak]),
        student_peak_s=float(alignment.student_s[peak]),
        value=float(np.nanmean(part)),
        limit=least,
        unit=channel.unit,
    )


def _nearest(time_s: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    right = np.clip(np.searchsorted(time_s, at_s), 1, len(time_s) - 1)
    return np.where(at_s - time_s[right - 1] < time_s[right] - at_s, right - 1, right)
