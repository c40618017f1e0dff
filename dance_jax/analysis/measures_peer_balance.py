"""The benchmark's peer, balance: base of support, centre of mass over it, and flight, in SciPy."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from dance_jax.analysis.measures_peer_body import Body, known_mean, norm, quantiles
from dance_jax.analysis.measures_peer_feet import SIDES, SOLE, Feet, whole_runs

G = 9.80665


def leg_length(body: Body) -> float:
    """Returns the height of the hips over the floor of a straight leg, body heights."""
    total = 0.039
    for a, b in (("hip", "knee"), ("knee", "ankle")):
        lengths = np.column_stack([norm(body.at(s + a) - body.at(s + b)) for s in SIDES])
        each = quantiles(lengths, 90)
        total += each[np.isfinite(each)].max(initial=-np.inf)
    return total if np.isfinite(total) else np.nan


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
        if np.isnan(q).any():
            out += [np.nan, np.nan]
            continue
        room = -(normal @ q + offset)
        if room.min() <= 0:
            out += [-min(to_segment(q, *points[ends]) for ends in hull.simplices), np.nan]
            continue
        rate = normal @ v
        towards = rate > 0
        leave = (room[towards] / rate[towards]).min() if towards.any() else 10.0
        out += [room.min(), np.nan if np.isnan(v).any() else min(leave, 10.0)]
    return out


def base_in_space(
    floor: np.ndarray, stands: np.ndarray, place: np.ndarray, xcom: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Returns width, area, and margin and time of both places [T, 6], frame by frame."""
    series = np.full((len(floor), 6), np.nan)
    for t in np.flatnonzero(stands.any(1)):
        series[t] = base(floor[t, stands[t]], (place[t], xcom[t]), v[t])
    return series


def base_in_picture(
    floor: np.ndarray, stands: np.ndarray, place: np.ndarray, xcom: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Returns the same of the picture's horizontal alone; without an area."""
    series = np.full((len(floor), 6), np.nan)
    low = np.where(stands, floor[..., 0], np.inf).min(1)
    high = np.where(stands, floor[..., 0], -np.inf).max(1)
    some, v = stands.any(1), v[:, 0]
    low, high = np.where(some, low, np.nan), np.where(some, high, np.nan)
    series[:, 0] = high - low
    for column, x in ((2, place[:, 0]), (4, xcom[:, 0])):
        series[:, column] = np.minimum(x - low, high - x)
        with np.errstate(divide="ignore", invalid="ignore"):
            leave = np.where(v > 0, high - x, low - x) / v
        inside = (series[:, column] > 0) & np.isfinite(v)
        leave = np.where(v == 0, 10.0, leave)
        series[:, column + 1] = np.where(inside, np.minimum(leave, 10.0), np.nan)
    return series


def soles(feet: Feet) -> tuple[np.ndarray, np.ndarray]:
    """Returns the corners of both soles [T, 8, G] and which stand [T, 8].

    A sole is .055 body heights broad; on its toes or heel alone it is half as long.
    """
    points = feet.points[:, :, SOLE, 0::2]
    heel, toe_stands = points[:, :, 0], feet.stands[:, :, 1:3].any(2)
    heel_stands = feet.stands[:, :, 0]
    seen = np.isfinite(points[:, :, 1:]).all(-1, keepdims=True)
    toe = np.where(seen, points[:, :, 1:], 0.0).sum(2) / np.maximum(seen.sum(2), 1)
    axis = toe - heel
    length = norm(axis)[..., None]
    ahead = np.divide(axis, length, out=np.zeros_like(axis), where=length > 0)
    if points.shape[-1] == 1:
        across = 0.0275 * np.sqrt(np.maximum(1 - (axis / 0.152) ** 2, 0) + 0.01)
    else:
        across = 0.0275 * ahead[..., ::-1] * [-1, 1]
    rear = np.where(heel_stands[..., None], heel, toe - 0.0275 * ahead)
    front = np.where(toe_stands[..., None], toe, heel + 0.0275 * ahead)
    corners = np.stack([rear - across, rear + across, front - across, front + across], axis=2)
    stands = np.repeat(heel_stands | toe_stands, 4, axis=1)
    return corners.reshape(len(points), 8, -1), stands


def balance(body: Body, feet: Feet) -> dict[str, float]:
    """Centre of mass and extrapolated centre of mass over the base of support."""
    com = body.com_in_part
    velocity = body.derivative(com)
    place, v = com[:, 0::2], velocity[:, 0::2]
    xcom = place + v / np.sqrt(G / body.height_m / (1.24 * leg_length(body)))
    foot_seen, foot_stands = feet.seen.any(2), feet.stands.any(2)
    shown = feet.seen[..., 0] & feet.seen[..., 1:3].any(2)
    whole = foot_seen.all(1) & (shown | ~foot_stands).all(1)
    floor, stands = soles(feet)
    stands &= whole[:, None]
    floor = np.where(stands[..., None], floor, 0.0)
    find = base_in_space if floor.shape[-1] == 2 else base_in_picture
    series = find(floor, stands, place, xcom, v)
    away = place - floor.sum(1) / np.maximum(stands.sum(1), 1)[:, None]
    swayed = np.where(stands.any(1), (away**2).sum(1), np.nan)
    width, area, inside, leave, margin, temporal = quantiles(series, 50)
    outside = np.where(np.isnan(series[:, 2]), np.nan, series[:, 2] < 0)
    on = np.where(foot_seen.all(1), foot_stands.sum(1), np.nan)
    both, single = (np.where(np.isnan(on), np.nan, on == k) for k in (2, 1))
    step, way = np.diff(body.time), norm(np.diff(com, axis=0))
    seconds = step[np.isfinite(way)].sum()
    return {
        "balance.com_height_mean": known_mean(com[:, 1] - feet.level),
        "balance.com_height_range": np.subtract(*quantiles(com[:, 1], [95, 5])),
        "balance.com_path_rate": np.nansum(way) / seconds if seconds > 0 else np.nan,
        "balance.sway": np.sqrt(known_mean(swayed)),
        "balance.com_margin_median": inside,
        "balance.share_outside": known_mean(outside),
        "balance.margin_median": margin,
        "balance.margin_low": quantiles(series[:, 4], 5),
        "balance.time_to_contact_median": leave,
        "balance.temporal_margin_median": temporal,
        "balance.base_width_median": width,
        "balance.base_area_median": area,
        "balance.double_support_share": known_mean(both),
        "balance.single_support_share": known_mean(single),
        "balance.flight_share": known_mean(feet.air),
    }


def flight(body: Body, feet: Feet) -> dict[str, float]:
    """Longest time off the floor in which the centre of mass falls freely, by a fitted parabola."""
    out = dict.fromkeys(("longest_s", "rise", "takeoff_speed", "fitted_gravity"), np.nan)
    time, height = body.time, body.com_in_part[:, 1]
    up = feet.air_by_slow_floor == 1
    runs = [(a, b) for a, b in whole_runs(up, np.isfinite(feet.air_by_slow_floor)) if up[a]]
    if runs:
        a, b = max(runs, key=lambda run: time[run[1]] - time[run[0]])
        start, stop = 0.5 * (time[a - 1] + time[a]), 0.5 * (time[b - 1] + time[b])
        used = a + np.flatnonzero(np.isfinite(height[a:b]))
        if len(used) >= 5 and time[b] - time[a] >= 0.1:
            curve, slope, _ = np.polyfit(time[used] - start, height[used], 2)
            fall = -2 * curve
            if 0.6 * G / 2.2 < fall < 1.4 * G:
                rise = max(slope, 0.0) ** 2 / (2 * fall)
                metres = body.height_m
                values = (stop - start, rise, slope * metres, fall * metres)
                out = dict(zip(out, values, strict=True))
    return {f"flight.{name}": value for name, value in out.items()}
