"""Which sightings in successive frames are one person: matching, and joining of broken tracks."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from dance_jax.pose import plausibility
from dance_jax.pose.estimator import FramePoses

# nose, ears, shoulders, elbows, wrists, hips, knees, ankles: so that the many points of the face
# and the hands do not outvote the rest of the body.
CORE = np.array(plausibility.CORE)
_FLIP = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13])  # left for right, in CORE
_REFUSED = 1e3  # a cost that no real pair reaches


@dataclasses.dataclass(frozen=True)
class Settings:
    """What tracking takes for granted.

    Lengths are metres of the estimator's own scale: a picture distance in px, divided by the px a
    metre of its world landmarks spans. This holds in close-ups, where a box of the visible part
    says nothing of the body's size.

    Attributes:
        max_gap_s: longest time a person may be unseen and still be continued.
        min_track_s: shortest time a person must be seen to be kept (half the clip if shorter).
        min_fraction: or this fraction of the clip, at most `max_required_s`.
        max_required_s: no track seen for longer than this is dropped for being short.
        duplicate_m: two poses of one frame nearer than this are one person.
        reach_m: how far a pose may lie from its prediction, at no gap.
        speed_m_s: how much the reach grows a second of gap.
        max_reach_m: the reach grows no further.
        size_ratio: largest change of size between two sightings.
        predict_s: velocity is carried forward at most this long.
        gap_cost_s: what a second unseen adds to the cost (1 is no overlap of boxes at all).
        memory: sightings that a track is compared by.
        rejoin_gap_s: longest time after which two tracks may still be joined into one person.
    """

    max_gap_s: float = 2.0
    min_track_s: float = 0.5
    min_fraction: float = 0.02
    max_required_s: float = 1.0
    duplicate_m: float = 0.15
    reach_m: float = 0.7
    speed_m_s: float = 2.0
    max_reach_m: float = 2.0
    size_ratio: float = 2.0
    predict_s: float = 0.15
    gap_cost_s: float = 1.0
    memory: int = 3
    rejoin_gap_s: float = 5.0


@dataclasses.dataclass(frozen=True, eq=False)
class Sight:
    """One frame's people, as tracking looks at them (P people, K core landmarks)."""

    rows: list[int]
    core: np.ndarray  # f64[P,K,2] px
    weight: np.ndarray  # f64[P,K]
    scale: np.ndarray  # f64[P] px a metre
    box: np.ndarray  # f64[P,4]
    centre: np.ndarray  # f64[P,2] px, weighted

    def take(self, picks: list[int]) -> Sight:
        """Returns these people only."""
        return Sight(
            [self.rows[p] for p in picks],
            *(a[picks] for a in (self.core, self.weight, self.scale, self.box, self.centre)),
        )


@dataclasses.dataclass(eq=False)
class Track:
    """One person so far: where seen (frame, row in that frame), and the last few sightings."""

    frames: list[int]
    rows: list[int]
    recent: list[tuple[float, Sight]]  # the latest last
    velocity: np.ndarray  # px/s

    @property
    def time_s(self) -> float:
        """When it was last seen."""
        return self.recent[-1][0]


def link(
    frames: Sequence[FramePoses], time_s: np.ndarray, settings: Settings
) -> tuple[list[Track], dict[str, int]]:
    """Returns every track, and the counts of what was mended on the way.

    Args:
        frames: T frames of people, in no stable order.
        time_s: [T] seconds, increasing.
        settings: the thresholds.

    Returns:
        The tracks, and counts by name; `dropped_short` and `not_a_body` are 0, for the caller to
        add to.
    """
    counts = dict.fromkeys(
        ("merged", "order_changes", "rejoined", "gaps", "dropped_short", "not_a_body"), 0
    )
    done: list[Track] = []
    alive: list[Track] = []
    for t, frame in enumerate(frames):
        now = float(time_s[t])
        done += [one for one in alive if now - one.time_s > settings.max_gap_s]
        alive = [one for one in alive if now - one.time_s <= settings.max_gap_s]
        if not frame.n_people:
            continue
        sight = look(frame)
        distinct = _distinct(sight, settings)
        counts["merged"] += len(sight.rows) - len(distinct)
        sight = sight.take(distinct)
        pairs = _assign(alive, sight, now, settings) if alive else {}
        before = sorted(
            (alive[i].rows[-1], sight.rows[j])
            for j, i in pairs.items()
            if alive[i].frames[-1] == t - 1
        )
        counts["order_changes"] += any(a[1] > b[1] for a, b in itertools.pairwise(before))
        for j, row in enumerate(sight.rows):
            seen = sight.take([j])
            if j not in pairs:
                alive.append(Track([t], [row], [(now, seen)], np.zeros(2)))
                continue
            one = alive[pairs[j]]
            moved = (seen.centre[0] - one.recent[-1][1].centre[0]) / (now - one.time_s)
            one.velocity = 0.5 * one.velocity + 0.5 * moved
            one.frames.append(t)
            one.rows.append(row)
            one.recent = [*one.recent[1 - settings.memory :], (now, seen)]
    return _rejoin(done + alive, frames, time_s, settings, counts), counts


def _rejoin(
    tracks: list[Track],
    frames: Sequence[FramePoses],
    time_s: np.ndarray,
    settings: Settings,
    counts: dict[str, int],
) -> list[Track]:
    """Joins tracks never seen together that meet in place and size where they take turns.

    An estimator that loses a person and finds them again, or flickers between two people, leaves
    several tracks of one person. They are joined when the median junction is within reach.
    """
    alive = dict(enumerate(tracks))

    def scores(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], float]:
        found = {p: _junction(alive[p[0]], alive[p[1]], frames, time_s, settings) for p in pairs}
        return {pair: score for pair, score in found.items() if score is not None}

    open_pairs = scores(itertools.combinations(alive, 2))
    while open_pairs:
        i, j = min(open_pairs, key=lambda pair: open_pairs[pair])
        one, two = alive[i], alive.pop(j)
        order = np.argsort([*one.frames, *two.frames])
        one.rows = [[*one.rows, *two.rows][k] for k in order]
        one.frames = [[*one.frames, *two.frames][k] for k in order]
        counts["rejoined"] += 1
        open_pairs = {pair: s for pair, s in open_pairs.items() if not {i, j} & set(pair)}
        open_pairs |= scores((i, k) for k in alive if k != i)
    return list(alive.values())


def _junction(
    one: Track, two: Track, frames: Sequence[FramePoses], time_s: np.ndarray, settings: Settings
) -> float | None:
    """Returns the median distance, over reach, where two tracks take turns; None if they cannot."""
    first, last = (one, two) if one.frames[0] <= two.frames[0] else (two, one)
    if time_s[last.frames[0]] - time_s[first.frames[-1]] > settings.rejoin_gap_s:
        return None
    if set(one.frames) & set(two.frames):
        return None
    turns = sorted(
        (t, row, who)
        for who, tr in enumerate((one, two))
        for t, row in zip(tr.frames, tr.rows, strict=True)
    )
    scores = []
    for (t, row, who), (t_next, row_next, who_next) in itertools.pairwise(turns):
        if who == who_next:
            continue
        gap = float(time_s[t_next] - time_s[t])
        pair = [look(frames[a]) for a in (t, t_next)]
        a, b = (s.take([s.rows.index(r)]) for s, r in zip(pair, (row, row_next), strict=True))
        ok, distance = _possible(a, b, np.array([gap]), settings)
        reach = min(settings.reach_m + settings.speed_m_s * gap, settings.max_reach_m)
        scores.append(distance[0, 0] / reach if ok[0, 0] else np.inf)
    score = float(np.median(scores))
    return score if score <= 1 else None


def look(frame: FramePoses) -> Sight:
    """Returns the people of a frame whose landmarks are finite, with weights and scales."""
    rows = [
        p
        for p in range(frame.n_people)
        if np.isfinite(frame.landmarks[p]).all() and np.isfinite(frame.world[p]).all()
    ]
    core = frame.landmarks[rows][:, CORE, :2].astype(np.float64)
    seen = np.minimum(frame.visibility[rows], frame.presence[rows])[:, CORE].astype(np.float64)
    weight = seen + 0.02  # a guessed landmark still counts a little, or nothing may be left
    world = frame.world[rows][:, CORE, :2].astype(np.float64) * (1, -1)
    scale, _ = plausibility.fit_scale(core, world, weight)
    centre = (core * weight[..., None]).sum(1) / weight.sum(1)[:, None]
    box = np.concatenate([core.min(1), core.max(1)], -1)
    return Sight(rows, core, weight, scale, box, centre)


def _distance(
    core: np.ndarray, weight: np.ndarray, others: np.ndarray, their_weight: np.ndarray
) -> np.ndarray:
    """Returns the weighted mean distance in px of poses [G,K,2] to others [P,K,2], as [G,P]."""
    both = weight[:, None] * their_weight
    return (np.linalg.norm(core[:, None] - others, axis=-1) * both).sum(-1) / both.sum(-1)


def _possible(
    past: Sight, sight: Sight, gap_s: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which of P people may be each of G seen `gap_s` ago, and their distance in m."""
    near, far = np.minimum.outer(past.scale, sight.scale), np.maximum.outer(past.scale, sight.scale)
    distance = _distance(past.core, past.weight, sight.core, sight.weight) / far
    reach = np.minimum(settings.reach_m + settings.speed_m_s * gap_s, settings.max_reach_m)
    return (distance <= reach[:, None]) & (far <= settings.size_ratio * near), distance


def _assign(alive: list[Track], sight: Sight, now: float, settings: Settings) -> dict[int, int]:
    """Returns {position among the frame's people: position in `alive`} of least total cost."""
    from scipy.optimize import linear_sum_assignment

    # Every track guesses by where its velocity leads, and by its latest sightings as they were:
    # one wild frame of the estimator must not end a track.
    owner, gaps, shifts, parts = [], [], [], []
    for i, one in enumerate(alive):
        ahead = one.velocity * min(now - one.time_s, settings.predict_s)
        still = np.zeros(2)
        for then, past, shift in [(*one.recent[-1], ahead), *((*r, still) for r in one.recent)]:
            owner.append(i)
            gaps.append(now - then)
            shifts.append(shift)
            parts.append(past)
    gap, shift = np.array(gaps), np.array(shifts)
    core, weight, scale, box, centre = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("core", "weight", "scale", "box", "centre")
    )
    box = box + np.concatenate([shift, shift], -1)
    guess = Sight(owner, core + shift[:, None], weight, scale, box, centre + shift)
    ok, distance = _possible(guess, sight, gap, settings)
    # The reach decides what is possible; the cost stays in fixed units, or a person long unseen,
    # whose reach is wide, would take the place of one who is there.
    each = 1 - _iou(box, sight.box) + distance / settings.reach_m
    each = np.where(ok, each + settings.gap_cost_s * gap[:, None], _REFUSED)
    cost = np.full((len(alive), len(sight.rows)), _REFUSED)
    np.minimum.at(cost, owner, each)
    places, people = linear_sum_assignment(cost)
    return {int(j): int(i) for i, j in zip(places, people, strict=True) if cost[i, j] < _REFUSED}


def _distinct(sight: Sight, settings: Settings) -> list[int]:
    """Returns the positions of different people; of two poses on one body the better seen."""
    if len(sight.rows) < 2:
        return list(range(len(sight.rows)))
    # one body found twice is at times found once facing away: compare mirrored as well
    straight, mirrored = (
        _distance(sight.core[:, order], sight.weight[:, order], sight.core, sight.weight)
        for order in (slice(None), _FLIP)
    )
    near = np.minimum(straight, mirrored) / np.maximum.outer(sight.scale, sight.scale)
    keep: list[int] = []
    for p in np.argsort(-sight.weight.mean(-1), kind="stable"):
        if not keep or near[p, keep].min() >= settings.duplicate_m:
            keep.append(int(p))
    return sorted(keep)


def _iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [G,4] with others [P,4], as [G,P]."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    area = np.add.outer(*((b[:, 2:] - b[:, :2]).prod(-1) for b in (boxes, others)))
    return shared / np.maximum(area - shared, 1e-9)
