"""Lays a student's movement onto a teacher's: offset, tempo, then dynamic time warping.

First every tempo and offset is tried rigidly; then dynamic time warping finds the local timing
within a window around that (`compare_warp`).
Whether the two are the same dance at all is tested against shuffles of the student's own movement:
where they fit no worse, no moment can be compared with another.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from dance_jax.analysis import compare_warp
from dance_jax.analysis.compare_channels import Performer, mirror
from dance_jax.errors import TooShort

MAX_SAMPLES, MAX_RATE_HZ = 3600, 30.0
_SHUFFLE_S, _SHUFFLES = 1.5, 19
MIN_OVERLAP_S = 1.0
MATCH_RATIO = 0.75


@dataclasses.dataclass(frozen=True, eq=False)
class Alignment:
    """How the student's time runs along the teacher's.

    Attributes:
        time_s: f64[N] teacher's time of the aligned samples, uniform, seconds.
        student_s: f64[N] student's time at each, not decreasing, seconds.
        lag_s: f64[N] how much later the student is than the steady offset and tempo, seconds.
        offset_s: student's time when the teacher's is 0, at the steady tempo, seconds.
        tempo: teacher's duration of a movement over the student's: 1.1 = the student is faster.
        cost: mean distance along the path, 1 is a limb 0.12 body heights or 30 degrees away.
        chance: the same for each shuffle of the student's movement, f64[S]; empty without a test.
        matched: whether the two are the same dance, by that test.
        rate_hz: samples a second.
        mirrored: the student was mirrored.
        other_cost: cost of the other choice of mirroring, NaN where it was not tried.
    """

    time_s: np.ndarray
    student_s: np.ndarray
    lag_s: np.ndarray
    offset_s: float
    tempo: float
    cost: float
    chance: np.ndarray
    matched: bool
    rate_hz: float
    mirrored: bool
    other_cost: float = float("nan")

    @property
    def chance_ratio(self) -> float:
        """Cost over the median cost of the shuffles; NaN without a test."""
        return self.cost / float(np.median(self.chance)) if self.chance.size else float("nan")


def _seen_span(performer: Performer, who: str) -> tuple[float, float]:
    seen = np.flatnonzero(performer.present)
    if not seen.size or performer.time_s[seen[-1]] - performer.time_s[seen[0]] < MIN_OVERLAP_S:
        raise TooShort(
            f"the {who} is seen well enough to compare for less than {MIN_OVERLAP_S:g} s",
            who,
            "give a clip that shows the arms and the trunk for longer",
        )
    return float(performer.time_s[seen[0]]), float(performer.time_s[seen[-1]])


def _steady(time_s: np.ndarray, student_s: np.ndarray) -> tuple[float, float]:
    """Fits student = offset + slope teacher; a drift that cannot be told from none is none."""
    slope, offset = np.polyfit(time_s, student_s, 1)
    if abs(slope - 1.0) * (time_s[-1] - time_s[0]) < 0.2:
        return float(np.median(student_s - time_s)), 1.0
    return float(offset), float(slope)


def _shuffled(performer: Performer, span: tuple[float, float], seed: int) -> Performer:
    """Cuts the movement into pieces of about 1.5 s and joins them in another order."""
    rng = np.random.default_rng([seed, 1907])
    rows = np.flatnonzero((performer.time_s >= span[0]) & (performer.time_s <= span[1]))
    step = float(np.median(np.diff(performer.time_s[rows])))
    pieces = max(4, round((span[1] - span[0]) / _SHUFFLE_S))
    even = np.arange(1, pieces) + rng.uniform(-0.3, 0.3, pieces - 1)
    parts = np.split(rows, np.rint(even * len(rows) / pieces).astype(int))
    order = rng.permutation(len(parts))
    taken = np.concatenate([parts[k][:: rng.choice((-1, 1))] for k in order])
    return dataclasses.replace(
        performer,
        time_s=span[0] + step * np.arange(len(taken)),
        local=performer.local[taken],
        values=performer.values[taken],
        valid=performer.valid[taken],
        view=performer.view[taken],
    )


def align(
    teacher: Performer,
    student: Performer,
    *,
    window_s: float = 1.0,
    test: bool = True,
    matched: bool | None = None,
) -> Alignment:
    """Finds the student's time for every moment of the teacher's that both show.

    Args:
        teacher: the dancer to compare with.
        student: the dancer to compare; mirror it first where wanted.
        window_s: how far the student may be early or late about the steady tempo, seconds.
        test: test against shuffles whether the two are the same dance.
        matched: takes the answer of that test as given.

    Returns:
        The alignment; at least one second long.

    Raises:
        TooShort: one of the two is not seen for long enough, or too little of them overlaps.
    """
    spans = _seen_span(teacher, "teacher"), _seen_span(student, "student")
    frames = [1 / float(np.median(np.diff(p.time_s))) for p in (teacher, student)]
    longest = max(b - a for a, b in spans)
    rate = min(MAX_RATE_HZ, max(frames), MAX_SAMPLES / longest)
    grid, student_s, cost = compare_warp.warp(teacher, student, spans, window_s, rate)
    if len(grid) < 2 or grid[-1] - grid[0] < 0.99 * MIN_OVERLAP_S:
        raise TooShort("too little of teacher and student overlaps", "compare", "give longer clips")
    chance = np.array([])
    if test:
        low = min(rate, 15.0)
        real = compare_warp.warp(teacher, student, spans, window_s, low)[2]
        chance = np.array(
            [
                compare_warp.warp(teacher, _shuffled(student, spans[1], k), spans, window_s, low)[2]
                for k in range(_SHUFFLES)
            ]
        )
        if matched is None:
            matched = bool(real < chance.min() and real < MATCH_RATIO * np.median(chance))
    offset, slope = _steady(grid, student_s)
    return Alignment(
        time_s=grid,
        student_s=student_s,
        lag_s=student_s - (offset + slope * grid),
        offset_s=offset,
        tempo=1.0 / slope,
        cost=cost,
        chance=chance,
        matched=bool(matched) if matched is not None else True,
        rate_hz=rate,
        mirrored=student.mirrored,
    )


def choose_mirroring(
    teacher: Performer,
    student: Performer,
    mirrored: str,
    *,
    window_s: float = 1.0,
    same: bool = False,
) -> tuple[Performer, Alignment]:
    """Aligns the student as filmed, mirrored, or whichever fits clearly better.

    A student who faces the teacher copies the mirror image.

    Args:
        teacher: the dancer to compare with.
        student: the dancer to compare, as filmed.
        mirrored: "auto", "yes" or "no"; "auto" mirrors only where that lowers the cost by 10 %.
        window_s: see `align`.
        same: the two are known to do the same dance.

    Returns:
        (the student as compared, the alignment).
    """
    other = mirror(student)
    if mirrored != "auto":
        chosen = other if mirrored == "yes" else student
        return chosen, align(teacher, chosen, window_s=window_s, matched=same or None)
    plain = align(teacher, student, window_s=window_s, test=False)
    flip = align(teacher, other, window_s=window_s, test=False)
    chosen, rest = (other, plain) if flip.cost < 0.9 * plain.cost else (student, flip)
    found = align(teacher, chosen, window_s=window_s, matched=same or None)
    return chosen, dataclasses.replace(found, other_cost=rest.cost)
