"""The benchmark's peer, feet: floor, contacts with hysteresis, and who is in the air, in NumPy."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from scipy.special import expit

from dance_jax.analysis.measures_peer_body import Body, norm, quantiles

SIDES = ("left_", "right_")
POINTS = ("heel", "big_toe", "small_toe", "ankle")
SOLE, ANKLE = slice(0, 3), 3
EASE = np.array([1.0, 1.0, 1.0, 2.0])  # the ankle rises with the heel while the toes stand


@dataclasses.dataclass(frozen=True)
class Feet:
    """The feet over time.

    Attributes:
        points: [T, 2, 4, C] heel, big and small toe, ankle of the left, then the right foot.
        level: [T] height of the floor, body heights; NaN where no foot was ever seen.
        seen: bool[T, 2, 4] which points tell whether their foot stands.
        stands: bool[T, 2, 4] which points stand.
        weight: [T, 2] how surely each foot stands, 0 to 1; NaN where it is not seen.
        air: [T] 1 where every point is clear of the floor, else 0; NaN where a foot is not seen.
        air_by_slow_floor: [T] the same over a floor that follows the picture more slowly.
    """

    points: np.ndarray
    level: np.ndarray
    seen: np.ndarray
    stands: np.ndarray
    weight: np.ndarray
    air: np.ndarray
    air_by_slow_floor: np.ndarray

    @classmethod
    def of(cls, body: Body) -> Feet:
        """Tells contacts: by point over a level floor, or by foot over the picture's floor."""
        columns = [[body.index[side + name] for name in POINTS] for side in SIDES]
        points, velocity = body.pose[:, columns], body.velocity[:, columns]
        y = points[..., 1]
        planar = points.shape[-1] == 2
        slow_air = None
        if planar:
            floor, lowest = picture_floor(y, body.time, 0.3), 1
            slow_air = airborne(*usable(y - picture_floor(y, body.time, 0.1), velocity))
        else:
            floor, lowest = np.broadcast_to(quantiles(y, 5, axis=(0, 1)), y.shape), (0, 1)
        height, seen = usable(y - floor, velocity)
        stands, weight = (by_foot if planar else by_point)(height, velocity, seen, body.time)
        air = airborne(height, seen)
        known = np.where(np.isfinite(floor), floor, np.inf).min(lowest)
        level = known[..., SOLE].min(-1)
        level = np.where(np.isfinite(level), level, known[..., ANKLE] - 0.039)
        level = np.where(np.isfinite(level), level, np.nan)
        slow = air if slow_air is None else slow_air
        return cls(points, level, seen, stands & seen, weight, air, slow)


def picture_floor(y: np.ndarray, time: np.ndarray, drift: float) -> np.ndarray:
    """Returns the slanting lower envelope of heights [T, 2, 4], one foot at most .1 above other."""
    slant = drift * time[:, None, None]
    filled = np.where(np.isfinite(y), y, np.inf)
    before = np.minimum.accumulate(filled - slant) + slant
    after = np.minimum.accumulate((filled + slant)[::-1])[::-1] - slant
    own = np.minimum(before, after)
    floor = np.minimum(own, own.min(1, keepdims=True) + 0.1)
    return np.where(np.isfinite(y).any(0), floor, np.nan)


def usable(height: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns heights [T, 2, 4], inf where not known, and which are: the ankle's only alone."""
    seen = np.isfinite(height) & np.isfinite(velocity[..., 0])
    seen[..., ANKLE] &= ~seen[..., SOLE].any(-1)
    return np.where(seen, height, np.inf), seen


def airborne(height: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns [T] 1 where all seen points are clear of the floor; NaN where a foot is unseen."""
    clear = (height > 0.035 * EASE).all((1, 2))
    return np.where(seen.any(2).all(1), clear, np.nan)


def by_point(
    height: np.ndarray, velocity: np.ndarray, seen: np.ndarray, time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns contacts bool[T, 2, 4] and the feet's weights [T, 2] in space."""
    height = height / EASE
    speed = np.where(seen, norm(velocity), 0.0)
    on = seen & (height < 0.020) & (speed < 0.15)
    off = seen & ((height > 0.035) | (speed > 0.25))
    stands = without_short_runs(held(on, off, seen), seen, time)
    sure = expit(4 * (1 - height / 0.0275)) * expit(4 * (1 - speed / 0.2))
    weight = 1 - np.prod(np.where(seen, 1 - sure, 1.0), axis=2)
    return stands, np.where(seen.any(2), weight, np.nan)


def by_foot(
    height: np.ndarray, velocity: np.ndarray, seen: np.ndarray, time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns contacts bool[T, 2, 4] and weights [T, 2] in a picture: a foot by its lowest point.

    Its speed is that of its points' mean, beside the other foot's; where no foot is still, the
    slower one carries.
    """
    count = seen.sum(2)
    known = count > 0
    lowest = (height / EASE).min(2)
    mean = np.where(seen[..., None], velocity, 0.0).sum(2) / np.maximum(count, 1)[..., None]
    speed = norm(mean)
    unit = np.sqrt(np.where(known, speed, 0.10)[:, ::-1] + 0.02)
    on = known & (lowest < 0.020) & (speed < 0.40 * unit)
    off = known & ((lowest > 0.035) | (speed > 0.55 * unit))
    stands = held(on, off, known)
    slower = (speed < 0.6) & (speed <= speed[:, ::-1]) & (lowest < 0.035)
    stands |= known.all(1, keepdims=True) & ~stands.any(1, keepdims=True) & slower
    stands = without_short_runs(stands, known, time)
    sure = expit(4 * (1 - lowest / 0.0275)) * expit(4 * (1 - speed / (0.475 * unit)))
    return np.repeat(stands[..., None], 4, axis=2), np.where(known, sure, np.nan)


def held(on: np.ndarray, off: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns the state [T, ...]: in between the last decided one holds; after a gap, the next."""
    n = len(on)
    here = np.arange(n).reshape((-1,) + (1,) * (on.ndim - 1))
    decided = on | off | ~seen
    last = np.maximum.accumulate(np.where(decided, here, -1), axis=0)
    following = np.minimum.accumulate(np.where(decided, here, n)[::-1], axis=0)[::-1]
    before, after = np.maximum(last, 0), np.minimum(following, n - 1)
    has_before = (last >= 0) & np.take_along_axis(seen, before, axis=0)
    has_after = (following < n) & np.take_along_axis(seen, after, axis=0)
    then = has_after & np.take_along_axis(on, after, axis=0)
    return seen & np.where(has_before, np.take_along_axis(on, before, axis=0), then)


def whole_runs(state: np.ndarray, seen: np.ndarray) -> list[tuple[int, int]]:
    """Returns first and following frame of the runs of a state [T] between two known others."""
    code = np.where(seen, state, 2)
    change = np.flatnonzero(np.diff(code)) + 1
    ends = itertools.pairwise(change)
    return [(a, b) for a, b in ends if code[a] != 2 and seen[a - 1] and seen[b]]


def without_short_runs(state: np.ndarray, seen: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Closes gaps below 0.06 s in contacts [T, ...], then drops contacts below 0.08 s."""
    out = state.reshape(len(state), -1).copy()
    known = seen.reshape(len(seen), -1)
    for k in range(out.shape[1]):
        for value, shorter in ((False, 0.06), (True, 0.08)):
            for a, b in whole_runs(out[:, k], known[:, k]):
                if out[a, k] == value and time[b] - time[a] < shorter:
                    out[a:b, k] = not value
    return out.reshape(state.shape)
