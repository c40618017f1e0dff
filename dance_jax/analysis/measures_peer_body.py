"""What every measure of the benchmark's peer starts from: joints, derivatives, centres of mass."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from dance_jax.biomech.anthropometry import PAIRED, Segment, ends, get
from dance_jax.skeleton import CANON
from dance_jax.skeleton import get as skeleton

JOINTS = skeleton(CANON).joints
LIMBS = [
    JOINTS.index(f"{side}_{name}")
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]
# Where a segment that is not seen is put, for the centre of mass in part: joints of its own limb.
NEAREST = {
    "upper_arm": ("shoulder",),
    "forearm": ("elbow", "shoulder"),
    "hand": ("wrist", "elbow", "shoulder"),
    "thigh": ("hip",),
    "shank": ("knee", "hip"),
    "foot": ("knee", "hip"),
}


@dataclasses.dataclass(frozen=True)
class Body:
    """One clip, with what several measures need computed once; NaN where not seen.

    Attributes:
        pose: f64[T, 26, C] body heights.
        time: f64[T] seconds from 0.
        weight: [T] seconds that each frame stands for, 0 outside the frames with anything in them.
        height_m: metres.
        rate: frames per second.
        index: joint name -> column of `pose`.
        velocity: [T, 26, C] heights per second.
        neck: [T, C] middle of the shoulders.
        hips: [T, C] middle of the hips.
        segments: segment name -> its row of the table of masses.
        centres: segment name -> [T, C] centre of mass.
        com: [T, C] whole body's centre of mass, where every segment is seen.
        com_in_part: [T, C] the same with at most 15 % of the mass placed at the nearest joints.
    """

    pose: np.ndarray
    time: np.ndarray
    weight: np.ndarray
    height_m: float
    rate: float
    index: dict[str, int]
    velocity: np.ndarray
    neck: np.ndarray
    hips: np.ndarray
    segments: dict[str, Segment]
    centres: dict[str, np.ndarray]
    com: np.ndarray
    com_in_part: np.ndarray

    @classmethod
    def of(cls, pose: np.ndarray, time_s: np.ndarray, height_m: float) -> Body:
        """Prepares a clip."""
        pose = np.array(pose, np.float64)
        pose[~np.isfinite(pose).all(-1)] = np.nan
        time = np.asarray(time_s, np.float64)
        time = time - time[0]
        index = {name: i for i, name in enumerate(JOINTS)}

        def middle(name: str) -> np.ndarray:
            return 0.5 * (pose[:, index[f"left_{name}"]] + pose[:, index[f"right_{name}"]])

        neck, hips = middle("shoulder"), middle("hip")
        table = get("de_leva_mean")
        segments, centres, nearest = {}, {}, {}
        segments["head"] = table["head"]
        along = neck + table["head"].centre * (pose[:, index["head"]] - neck)
        centres["head"] = first_known(middle("ear"), along)
        above = neck - (0.936 - 0.818) / (0.818 - 0.530) * (hips - neck)
        nearest["head"] = (pose[:, index["nose"]], middle("eye"), above)
        segments["trunk"] = table["trunk"]
        centres["trunk"] = neck + table["trunk"].centre * (hips - neck)
        nearest["trunk"] = ()
        for side in ("left_", "right_"):
            for name in PAIRED:
                a, b = (pose[:, index[side + end]] for end in ends()[name])
                start = b if name == "hand" else a  # the hand goes on beyond the wrist
                place = start + table[name].centre * (b - a)
                if name == "foot":
                    place = first_known(place, pose[:, index[side + "ankle"]])
                segments[side + name], centres[side + name] = table[name], place
                nearest[side + name] = [pose[:, index[side + joint]] for joint in NEAREST[name]]
        com = sum(segments[name].mass * centre for name, centre in centres.items())
        seen = sum(segments[k].mass * np.isfinite(centre[:, 0]) for k, centre in centres.items())
        placed = (segments[k].mass * first_known(c, *nearest[k]) for k, c in centres.items())
        in_part = np.where(seen[:, None] > 0.85, sum(placed), np.nan)
        rate = (len(time) - 1) / time[-1]
        return cls(
            pose=pose,
            time=time,
            weight=frame_weights(pose, time),
            height_m=height_m if height_m > 0 else np.nan,
            rate=rate,
            index=index,
            velocity=derivative(pose, time),
            neck=neck,
            hips=hips,
            segments=segments,
            centres=centres,
            com=com,
            com_in_part=in_part,
        )

    def at(self, joint: str) -> np.ndarray:
        """Returns a joint's path [T, C]."""
        return self.pose[:, self.index[joint]]

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """Returns dx/dt of [T, ...]."""
        return derivative(x, self.time)

    def mean(self, x: np.ndarray, least: float = 0.5) -> np.ndarray:
        """Returns the mean of [T, ...] over the time it is known, NaN below a share of the clip."""
        return weighted_mean(x, self.weight, least)

    def sd(self, x: np.ndarray, least: float = 0.5) -> np.ndarray:
        """Returns the standard deviation of [T, ...] over time, NaN where `mean` is."""
        return np.sqrt(self.mean((x - self.mean(x, least)) ** 2, least))


def first_known(place: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Returns [T, C], in each frame the first of the places that is known."""
    for other in others:
        place = np.where(np.isnan(place), other, place)
    return place


def derivative(x: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Returns dx/dt of [T, ...] by second-order differences, in every run without a gap.

    Inside a run as `np.gradient(x, time, axis=0, edge_order=2)`; a run of two has one slope.
    """
    if not np.isnan(x).any():
        return np.gradient(x, time, axis=0, edge_order=2)
    step = np.diff(time).reshape((-1,) + (1,) * (x.ndim - 1))
    slope = np.full((len(x) + 3, *x.shape[1:]), np.nan)
    slope[2:-2] = np.diff(x, axis=0) / step
    step = np.concatenate([step[:1], step[:1], step, step[-1:], step[-1:]])
    before2, before, after, after2 = (slope[k : k + len(x)] for k in range(4))
    g2, g, h, h2 = (step[k : k + len(x)] for k in range(4))
    out = (g * after + h * before) / (g + h)
    first = first_known(after - (after2 - after) * h / (h + h2), after)
    last = first_known(before + (before - before2) * g / (g + g2), before)
    return first_known(out, first, last)


def frame_weights(pose: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Returns the seconds [T] that each frame stands for, from the first seen to the last."""
    some = np.flatnonzero(np.isfinite(pose[..., 0]).any(1))
    weight = np.zeros(len(time))
    if len(some) > 1:
        half = 0.5 * np.diff(time[some[0] : some[-1] + 1])
        weight[some[0] : some[-1]] += half
        weight[some[0] + 1 : some[-1] + 1] += half
    return weight


def weighted_mean(x: np.ndarray, weight: np.ndarray, least: float) -> np.ndarray:
    """Returns the mean of known values [T, ...]; NaN where they hold less of the weight."""
    known = np.isfinite(x)
    w = np.where(known, weight.reshape((-1,) + (1,) * (x.ndim - 1)), 0.0)
    total = w.sum(0)
    enough = (total > 0) & (total >= least * weight.sum())
    mean = (w * np.where(known, x, 0.0)).sum(0) / np.where(enough, total, 1.0)
    return np.where(enough, mean, np.nan)


def seen_weights(known: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Returns the seconds [T, ...] of each known frame: half the steps to its known neighbours."""
    half = 0.5 * np.diff(time).reshape((-1,) + (1,) * (known.ndim - 1))
    half = np.where(known[1:] & known[:-1], half, 0.0)
    weight = np.zeros(known.shape)
    weight[:-1] += half
    weight[1:] += half
    return weight


def mean_seen(x: np.ndarray, time: np.ndarray, least_s: float = 0.5) -> np.ndarray:
    """Returns the trapezoid mean of [T, ...] over seen time; NaN for less than so many seconds."""
    known = np.isfinite(x)
    weight = seen_weights(known, time)
    total = weight.sum(0)
    enough = (total >= least_s - 1e-3) & (total > 0)
    mean = (weight * np.where(known, x, 0.0)).sum(0) / np.where(enough, total, 1.0)
    return np.where(enough, mean, np.nan)


def quantiles(x: np.ndarray, percent: float | list[float], axis: int = 0) -> np.ndarray:
    """Returns percentiles of what is known; NaN, without a word, where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanpercentile(x, percent, axis=axis)


def known_mean(x: np.ndarray) -> float:
    """Returns the mean of what is known; NaN where nothing is."""
    known = np.isfinite(x)
    return x[known].mean() if known.any() else np.nan


def norm(x: np.ndarray) -> np.ndarray:
    """Returns the length along the last axis."""
    return np.sqrt((x * x).sum(-1))


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns a x b: [..., 2] twice -> [..., 1], [..., 3] twice -> [..., 3]."""
    if a.shape[-1] == 2:
        return a[..., :1] * b[..., 1:] - a[..., 1:] * b[..., :1]
    return a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]


def angle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Returns the angle between vectors [..., C], radians in [0, pi]."""
    return np.arctan2(norm(cross(u, v)), (u * v).sum(-1))


def window(time: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first frame of the window about every frame, and the one after its last."""
    half, slack = 0.5 * seconds, 2e-6 + 1e-6 * time[-1]
    first = np.searchsorted(time, time - half - slack, side="left")
    return first, np.searchsorted(time, time + half + slack, side="right")


def running_max(x: np.ndarray, first: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Returns the greatest known value of [T] in each window; NaN where nothing is known."""
    padded = np.append(np.where(np.isfinite(x), x, -np.inf), -np.inf)
    most = np.maximum.reduceat(padded, np.column_stack([first, after]).ravel())[::2]
    return np.where(np.isfinite(most), most, np.nan)
