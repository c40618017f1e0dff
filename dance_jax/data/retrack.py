"""Links people over time by their joints alone, where a file's ids lie or are missing.

`dance_jax.pose.tracking` links what the estimator gives, with metres and visibility; here there
are only joints, of any skeleton, in pixels or metres.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from dance_jax.errors import InputError
from dance_jax.types import Clip

_REFUSED = 1e3  # a cost that no real pair reaches
_MAX_ALIVE = 128  # tracks that a frame is compared with, the latest seen first
_MAX_JOINED = 1000  # tracks that may be joined, the longest first


@dataclasses.dataclass(frozen=True)
class Settings:
    """What linking takes for granted; lengths in sizes of the body (`size`).

    Attributes:
        reach: how far the joints may lie from where they are expected, on the mean.
        speed: how much the reach grows a second unseen.
        max_reach: the reach grows no further.
        max_gap_s: longest time a person may be unseen and still be continued.
        rejoin_gap_s: longest time after which two tracks may be joined.
        predict_s: velocity is carried forward at most this long.
        still_cost: what it costs to be where one was, not where one's velocity leads.
        min_track_s: a shorter track is dropped (half the clip, if shorter).
    """

    reach: float = 0.35
    speed: float = 1.0
    max_reach: float = 1.0
    max_gap_s: float = 2.0
    rejoin_gap_s: float = 5.0
    predict_s: float = 0.15
    still_cost: float = 0.05
    min_track_s: float = 0.25


@dataclasses.dataclass(frozen=True, eq=False)
class Linked:
    """Who is who.

    Attributes:
        column: i64[N] the person of each sighting, 0 the one seen longest and largest; -1 dropped.
        count: number of people.
        short: tracks dropped for being short.
        lost: sightings in them.
    """

    column: np.ndarray
    count: int
    short: int
    lost: int


@dataclasses.dataclass(eq=False)
class _Track:
    rows: list[int]
    time_s: float
    pose: np.ndarray  # [J,C] each joint's latest place
    velocity: np.ndarray  # [C] a second


def size(pose: np.ndarray) -> np.ndarray:
    """Returns the size of bodies [N,J,C] as [N]: the diagonal of the box around the joints."""
    seen = np.isfinite(pose).all(-1, keepdims=True)
    low = np.where(seen, pose, np.inf).min(1)
    high = np.where(seen, pose, -np.inf).max(1)
    span = np.where(np.isfinite(low) & np.isfinite(high), high - low, 0)
    return np.sqrt((span**2).sum(-1))


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean distance of the joints that two poses share, [...,J,C] and [...,J,C] to [...]."""
    apart = np.sqrt(((a - b) ** 2).sum(-1))
    both = np.isfinite(apart)
    count = both.sum(-1)
    total = np.where(both, apart, 0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def _frames(place: np.ndarray) -> list[tuple[int, np.ndarray]]:
    order = np.argsort(place, kind="stable")
    frames, starts = np.unique(place[order], return_index=True)
    return list(zip(frames.tolist(), np.split(order, starts[1:]), strict=True))


def _typical(pose: np.ndarray) -> np.ndarray:
    """Sizes [N], where a body half out of sight counts at least half the usual size."""
    each = size(pose)
    known = each[each > 0]
    usual = float(np.median(known)) if len(known) else 1.0
    return np.maximum(each, 0.5 * usual)


def swaps(
    pose: np.ndarray, place: np.ndarray, column: np.ndarray, time_s: np.ndarray, ratio: float = 0.4
) -> np.ndarray:
    """Returns the frames at which people of a file change places with their ids.

    Two ids seen in two successive frames have changed places where the crossed way is less than
    `ratio` of the way as the ids say, and that way is over a third of a body on the mean.

    Args:
        pose: f[N,J,C] sightings.
        place: i64[N] frame of each, 0 to T-1.
        column: i64[N] the file's person of each.
        time_s: f64[T] seconds.
        ratio: see above.

    Returns:
        i64[S] the later frame of each change.
    """
    found = []
    body = _typical(pose)
    for (_, rows), (t, later) in itertools.pairwise(_frames(place)):
        before = dict(zip(column[rows].tolist(), rows.tolist(), strict=True))
        both = [(before[c], r) for c, r in zip(column[later], later, strict=True) if c in before]
        if len(both) < 2:
            continue
        old, new = (np.array(side) for side in zip(*both, strict=True))
        ways = distance(pose[old][:, None], pose[new][None]) / body[new]
        own = np.diag(ways)
        cross = ways + ways.T
        same = own[:, None] + own[None]
        with np.errstate(invalid="ignore"):
            bad = (cross < ratio * same) & (same > 2 / 3) & np.isfinite(same)
        np.fill_diagonal(bad, False)
        if bad.any():
            found.append(t)
    return np.array(found, np.int64)


def link(
    pose: np.ndarray, place: np.ndarray, time_s: np.ndarray, settings: Settings | None = None
) -> Linked:
    """Links sightings into people.

    Frame by frame, the assignment of least total cost (Hungarian method) between the tracks seen
    within `max_gap_s` and the poses of the frame; cost = mean distance of the shared joints, over
    the body's size, to where the track was or would be. Then tracks never seen together that meet
    where they take turns are joined.

    Args:
        pose: f[N,J,C] sightings; NaN where missing.
        place: i64[N] frame of each, 0 to T-1.
        time_s: f64[T] seconds, increasing.
        settings: the thresholds.
    """
    settings = settings or Settings()
    pose = np.asarray(pose, np.float64)
    body = _typical(pose)
    tracks = _follow(pose, body, _frames(place), time_s, settings)
    tracks = _rejoin(tracks, pose, body, place, time_s, settings)
    used = np.unique(place)
    step = float(np.median(np.diff(time_s[used]))) if len(used) > 1 else 0.0
    need = min(settings.min_track_s, 0.5 * step * len(used))
    kept = [rows for rows in tracks if step * len(rows) >= need]
    kept.sort(key=lambda rows: (-float(body[rows].sum()), rows[0]))
    column = np.full(len(place), -1, np.int64)
    for at, rows in enumerate(kept):
        column[rows] = at
    return Linked(column, len(kept), len(tracks) - len(kept), int((column < 0).sum()))


def _follow(
    pose: np.ndarray,
    body: np.ndarray,
    frames: list[tuple[int, np.ndarray]],
    time_s: np.ndarray,
    settings: Settings,
) -> list[list[int]]:
    from scipy.optimize import linear_sum_assignment

    done: list[_Track] = []
    alive: list[_Track] = []
    for t, rows in frames:
        now = float(time_s[t])
        done += [one for one in alive if now - one.time_s > settings.max_gap_s]
        alive = [one for one in alive if now - one.time_s <= settings.max_gap_s]
        if len(alive) > _MAX_ALIVE:
            alive.sort(key=lambda one: -one.time_s)
            done, alive = done + alive[_MAX_ALIVE:], alive[:_MAX_ALIVE]
        pairs: dict[int, int] = {}
        if alive:
            gap = now - np.array([one.time_s for one in alive])
            ahead = np.stack([one.velocity for one in alive])
            ahead = ahead * np.minimum(gap, settings.predict_s)[:, None]
            past = np.stack([one.pose for one in alive])
            here = pose[rows][None]
            still, moved = (
                distance(guess[:, None], here) / body[rows]
                for guess in (past, past + ahead[:, None])
            )
            # Who walks on is likelier than who stands still where two people cross.
            ways = np.minimum(moved, still + settings.still_cost)
            near = np.minimum(moved, still)
            reach = np.minimum(settings.reach + settings.speed * gap, settings.max_reach)
            cost = np.where(near <= reach[:, None], ways + 0.1 * gap[:, None], _REFUSED)
            a, b = linear_sum_assignment(cost)
            pairs = {int(j): int(i) for i, j in zip(a, b, strict=True) if cost[i, j] < _REFUSED}
        for j, row in enumerate(rows.tolist()):
            if j not in pairs:
                alive.append(_Track([row], now, pose[row], np.zeros(pose.shape[2])))
                continue
            one = alive[pairs[j]]
            both = np.isfinite(one.pose).all(-1) & np.isfinite(pose[row]).all(-1)
            if both.any():
                moved = (pose[row] - one.pose)[both].mean(0) / (now - one.time_s)
                one.velocity = 0.5 * one.velocity + 0.5 * moved
            seen = np.isfinite(pose[row]).all(-1, keepdims=True)
            one.pose = np.where(seen, pose[row], one.pose)
            one.rows.append(row)
            one.time_s = now
    return [one.rows for one in done + alive]


def _rejoin(
    tracks: list[list[int]],
    pose: np.ndarray,
    body: np.ndarray,
    place: np.ndarray,
    time_s: np.ndarray,
    settings: Settings,
) -> list[list[int]]:
    """Joins tracks end to start, the nearest first, where one begins after the other ended."""
    long = sorted(range(len(tracks)), key=lambda i: -len(tracks[i]))[:_MAX_JOINED]
    first = np.array([time_s[place[tracks[i][0]]] for i in long])
    last = np.array([time_s[place[tracks[i][-1]]] for i in long])
    gaps = first[None] - last[:, None]
    open_ends = []
    for a, b in np.argwhere((gaps > 0) & (gaps <= settings.rejoin_gap_s)).tolist():
        i, j, gap = long[a], long[b], float(gaps[a, b])
        one, two = tracks[i][-1], tracks[j][0]
        way = float(distance(pose[one], pose[two]) / body[two])
        if way <= min(settings.reach + settings.speed * gap, settings.max_reach):
            open_ends.append((way + 0.1 * gap, i, j))
    before: dict[int, int] = {}
    after: dict[int, int] = {}
    for _, i, j in sorted(open_ends):
        if i not in after and j not in before:
            after[i], before[j] = j, i
    joined = []
    for start in (i for i in range(len(tracks)) if i not in before):
        rows, at = list(tracks[start]), start
        while at in after:
            at = after[at]
            rows += tracks[at]
        joined.append(rows)
    return joined


def relink(clip: Clip, settings: Settings | None = None) -> Clip:
    """Returns the clip with its people linked anew by their joints.

    Args:
        clip: people in any order in each frame.
        settings: the thresholds.

    Returns:
        People ordered by frames seen x size, ids 1 to P; `source["dropped"]` tells of short tracks.

    Raises:
        InputError: nobody is in it.
    """
    present = clip.present.any(-1)
    place, person = np.nonzero(present)
    if not len(place):
        raise InputError("there is nobody in the clip", clip.source.get("path", ""), "")
    linked = link(clip.pose[place, person], place, clip.time_s, settings)
    keep = linked.column >= 0

    def moved(values: np.ndarray, empty: float) -> np.ndarray:
        out = np.full((clip.n_frames, linked.count, *values.shape[2:]), empty, np.float32)
        out[place[keep], linked.column[keep]] = values[place[keep], person[keep]]
        return out

    said = tuple(clip.source.get("dropped", ()))
    if linked.short:
        said += (f"{linked.short} short tracks ({linked.lost} poses)",)
    return clip.replace(
        pose=moved(clip.pose, np.nan),
        confidence=moved(clip.confidence, 0.0),
        pose_world=None if clip.pose_world is None else moved(clip.pose_world, np.nan),
        person_ids=tuple(range(1, linked.count + 1)),
        source={**clip.source, "dropped": said, "relinked": True},
    )
