"""How far each thing moves: ranges of teacher and student, and which differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import detectable_change as change
from dance_jax.analysis.compare_align import Alignment
from dance_jax.analysis.compare_channels import Performer, channels
from dance_jax.analysis.compare_differences import MIN_SHARE, Difference, sampled

_RANGE_PERCENTILES = (5.0, 95.0)


@dataclasses.dataclass(frozen=True)
class RangeRow:
    """Range of one channel, 5th to 95th percentile, over the moments that both show."""

    teacher: float
    student: float


def range_rows(
    teacher: Performer, student: Performer, alignment: Alignment | None
) -> dict[str, RangeRow]:
    """Returns the range of every joint angle and height over the moments that both show.

    Args:
        teacher: the dancer compared with.
        student: the dancer compared.
        alignment: of the two; None compares all that each shows.

    Returns:
        channel key -> ranges in the channel's unit, where at least a fifth of the time counts.
    """
    if alignment is None:
        mine, theirs = (np.where(p.valid, p.values, np.nan) for p in (teacher, student))
    else:
        mine, theirs = sampled(teacher, student, alignment)
        both = np.isfinite(mine) & np.isfinite(theirs)
        mine, theirs = np.where(both, mine, np.nan), np.where(both, theirs, np.nan)
    out = {}
    for k, channel in enumerate(channels()):
        if channel.kind not in ("angle", "height"):
            continue
        if min(np.isfinite(x[:, k]).mean() for x in (mine, theirs)) < MIN_SHARE:
            continue
        wide = [
            float(np.ptp(np.nanpercentile(x[:, k], _RANGE_PERCENTILES))) for x in (mine, theirs)
        ]
        out[channel.key] = RangeRow(*wide)
    return out


def marked_ranges(
    rows: dict[str, RangeRow], alignment: Alignment, refused: Sequence[str] = ()
) -> list[Difference]:
    """Returns the ranges that differ by more than can be explained by error."""
    out = []
    for channel in channels():
        row, least = rows.get(channel.key), change.limit(channel.group, "range")
        if row is None or least is None or channel.key in refused:
            continue
        value = row.student - row.teacher
        if abs(value) <= least:
            continue
        t, s = alignment.time_s, alignment.student_s
        own = skeleton.other_side(channel.joint) if alignment.mirrored else channel.joint
        out.append(
            Difference(
                kind="range",
                key=f"{channel.key}.range",
                joint=own,
                teacher_joint=channel.joint,
                start_s=float(t[0]),
                end_s=float(t[-1]),
                student_start_s=float(s[0]),
                student_end_s=float(s[-1]),
                peak_s=float(t[0]),
                student_peak_s=float(s[0]),
                value=value,
                limit=least,
                unit=channel.unit,
                ratio=row.student / row.teacher if row.teacher > 0 else None,
            )
        )
    return sorted(out, key=lambda d: -d.size)
