"""The benchmark's peer, balance: contacts, base of support and flight in NumPy and SciPy."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist
from scipy.special import expit

from dance_jax.analysis.measures_peer_body import Body

G = 9.80665
SIDES = ("left_", "right_")
SOLE = ("heel", "big_toe", "small_toe")


@dataclasses.dataclass(frozen=True)
class Feet:
    """The feet over time.

    Attributes:
        points: [T, 6, C] heel, big and small toe of the left, then the right foot.
        level: [T] height of the floor, body heights.
        stands: bool[T, 6] which points stand.
        weight: [T, 2] how surely each foot stands, 0 to 1.
        air: bool[T] every point is clear of the floor.
    """

    points: np.ndarray
    level: np.ndarray
    stands: np.ndarray
    weight: np.ndarray
    air: np.ndarray

    @classmethod
    def of(cls, body: Body) -> Feet:
        """Tells contacts: by point over a level floor, or by foot over the picture's floor."""
        columns = [body.index[side + name] for side in SIDES for name in SOLE]
        points = body.pose[:, columns]
        y = points[..., 1].reshape(-1, 2, 3)
        velocity = body.velocity[:, columns]
        if points.shape[-1] == 3:
            floor = np.percentile(y, 5, axis=(0, 1))
            level = np.full(len(y), floor.min())
            height, speed = (y - floor).reshape(-1, 6), np.linalg.norm(velocity, axis=-1)
            fast, slow = 0.25, 0.15
        else:
            slant = 0.2 * body.time[:, None, None]
            before = np.minimum.accumulate(y - slant) + slant
            after = np.minimum.accumulate((y + slant)[::-1])[::-1] - slant
            own = np.minimum(before, after)
            floor = np.minimum(own, own.min(1, keepdims=True) + 0.06)
            level = floor.min((1, 2))
            height = (y - floor).min(2)
            speed = np.linalg.norm(velocity.reshape(-1, 2, 3, 2).mean(2), axis=-1)
            other = np.sqrt(speed[:, ::-1] + 0.02)
            fast, slow = 0.55 * other, 0.40 * other
        on = (height < 0.020) & (speed < slow)
        stands = held(on, on | (height > 0.035) | (speed > fast))
        if points.shape[-1] == 2:  # where no foot is still, the slower one carries
            carries = (speed < 0.6) & (speed <= speed[:, ::-1]) & (height < 0.035)
            stands |= ~stands.any(1, keepdims=True) & carries
        without_short_runs(stands, body.time)
        sure = expit(4 * (1 - height / 0.0275)) * expit(4 * (1 - 2 * speed / (fast + slow)))
        weight = 1 - np.prod(1 - sure.reshape(len(y), 2, -1), axis=2)
        stands = np.repeat(stands, 6 // stands.shape[1], axis=1)
        return cls(points, level, stands, weight, (y - floor > 0.035).all((1, 2)))


def held(on: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Returns the state [T, K] with hysteresis: in between the last decided one holds."""
    n = len(on)
    here = np.arange(n)[:, None]
    last = np.maximum.accumulate(np.where(decided, here, -1), axis=0)
    following = np.minimum.accumulate(np.where(decided, here, n - 1)[::-1], axis=0)[::-1]
    return np.take_along_axis(on, np.where(last >= 0, last, following), axis=0)


def without_short_runs(state: np.ndarray, time: np.ndarray) -> None:
    """Closes gaps below 0.06 s in contacts [T, K], then drops contacts below 0.08 s, in place."""
    for k in range(state.shape[1]):
        for value, shorter in ((False, 0.06), (True, 0.08)):
            change = np.flatnonzero(np.diff(state[:, k])) + 1
            for a, b in itertools.pairwise(change):
                if state[a, k] == value and time[b] - time[a] < shorter:
                    state[a:b, k] = not value


def leg_length(body: Body) -> float:
    """Returns the height of the hips over the floor of a straight leg, body heights."""
    total = 0.039
    for a, b in (("hip", "knee"), ("knee", "ankle")):
        lengths = [np.linalg.norm(body.at(s + a) - body.at(s + b), axis=1) for s in SIDES]
        total += np.percentile(lengths, 90, axis=1).max()
    return total


def to_segment(q: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Returns the distance of a place from the line between two points."""
    along = np.dot(b - a, b - a)
    part = min(max(np.dot(q - a, b - a) / along, 0.0), 1.0) if along > 0 else 0.0
    return math.dist(q, a + part * (b - a))


def base(points: np.ndarray, places: tuple[np.ndarray, ...], v: np.ndarray) -> list[float]:
    """Returns width and area of one frame's base, and margin and time to it for each place."""
    width, area, hull = (pdist(points).max() if len(points) > 1 else 0.0), 0.0, None
    if len(points) > 2:
        try:
            hull = ConvexHull(points)
        except QhullError:  # points in line
            hull = None
    if hull is None:
        far = points
        if len(points) > 2:
            along = points @ (points[np.argmax(((points - points[0]) ** 2).sum(1))] - points[0])
            far = points[[along.argmin(), along.argmax()]]
        margins = [-to_segment(q, far[0], far[-1]) for q in places]
        return [width, 0.0] + [x for margin in margins for x in (margin, np.nan)]
    area = hull.volume  # in the plane Qhull's volume is the area
    out = [width, area]
    normal, offset = hull.equations[:, :2], hull.equations[:, 2]
    for q in places:
        room = -(normal @ q + offset)
        if room.min() <= 0:
            out += [-min(to_segment(q, *points[ends]) for ends in hull.simplices), np.nan]
            continue
        rate = normal @ v
        towards = rate > 0
        leave = (room[towards] / rate[towards]).min() if towards.any() else 10.0
        out += [room.min(), min(leave, 10.0)]
    return out


def balance(body: Body, feet: Feet) -> dict[str, float]:
    """Centre of mass and extrapolated centre of mass over the base of support."""
    stands, floor = feet.stands, feet.points[..., 0::2]
    velocity = body.derivative(body.com)
    place, v = body.com[:, 0::2], velocity[:, 0::2]
    xcom = place + v / np.sqrt(G / body.height_m / (1.24 * leg_length(body)))
    any_stand = stands.any(1)
    series = np.full((len(stands), 6), np.nan)  # width, area, margin, time, margin, time
    if floor.shape[-1] == 1:
        low = np.where(stands, floor[..., 0], np.inf).min(1)
        high = np.where(stands, floor[..., 0], -np.inf).max(1)
        series[:, 0] = high - low
        for column, x in ((2, place[:, 0]), (4, xcom[:, 0])):
            series[:, column] = np.minimum(x - low, high - x)
            with np.errstate(divide="ignore", invalid="ignore"):
                leave = np.where(v[:, 0] > 0, high - x, low - x) / v[:, 0]
            inside = series[:, column] > 0
            series[:, column + 1] = np.where(inside, np.minimum(leave, 10.0), np.nan)
        series[~any_stand] = np.nan
    else:
        for t in np.flatnonzero(any_stand):
            series[t] = base(floor[t, stands[t]], (place[t], xcom[t]), v[t])
    both = stands.reshape(-1, 2, 3).any(2).sum(1)
    count = np.maximum(stands.sum(1), 1)[:, None]
    away = place - (floor * stands[..., None]).sum(1) / count
    y = body.com[:, 1]
    width, area, inside, leave, margin, temporal = (
        np.median(x[~np.isnan(x)]) if not np.isnan(x).all() else np.nan for x in series.T
    )
    standing = series[any_stand]
    steps = np.linalg.norm(np.diff(body.com, axis=0), axis=1)
    return {
        "balance.com_height_mean": (y - feet.level).mean(),
        "balance.com_height_range": np.subtract(*np.percentile(y, [95, 5])),
        "balance.com_path_rate": steps.sum() / body.time[-1],
        "balance.sway": np.sqrt((away[any_stand] ** 2).sum(1).mean()),
        "balance.com_margin_median": inside,
        "balance.share_outside": (standing[:, 2] < 0).mean(),
        "balance.margin_median": margin,
        "balance.margin_low": np.percentile(standing[:, 4], 5),
        "balance.time_to_contact_median": leave,
        "balance.temporal_margin_median": temporal,
        "balance.base_width_median": width,
        "balance.base_area_median": area,
        "balance.double_support_share": (both == 2).mean(),
        "balance.single_support_share": (both == 1).mean(),
        "balance.flight_share": feet.air.mean(),
    }


def flight(body: Body, feet: Feet) -> dict[str, float]:
    """Longest time off the floor in which the centre of mass falls freely, by a fitted parabola."""
    out = dict.fromkeys(("longest_s", "rise", "takeoff_speed", "fitted_gravity"), np.nan)
    change = np.flatnonzero(np.diff(feet.air)) + 1
    runs = [(a, b) for a, b in itertools.pairwise(change) if feet.air[a]]
    if runs:
        time = body.time
        a, b = max(runs, key=lambda run: time[run[1]] - time[run[0]])
        start, stop = 0.5 * (time[a - 1] + time[a]), 0.5 * (time[b - 1] + time[b])
        if b - a >= 5 and time[b] - time[a] >= 0.1:
            curve, slope, _ = np.polyfit(time[a:b] - start, body.com[a:b, 1], 2)
            fall = -2 * curve
            if 0.6 * G / 2.2 < fall < 1.4 * G:
                rise = max(slope, 0.0) ** 2 / (2 * fall)
                metres = body.height_m
                values = (stop - start, rise, slope * metres, fall * metres)
                out = dict(zip(out, values, strict=True))
    return {f"flight.{name}": value for name, value in out.items()}
