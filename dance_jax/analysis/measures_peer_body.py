"""What every measure of the benchmark's peer starts from: joints, derivatives, centres of mass."""

from __future__ import annotations

import dataclasses

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


@dataclasses.dataclass(frozen=True)
class Body:
    """One clip, with what several measures need computed once.

    Attributes:
        pose: f64[T, 26, C] body heights.
        time: f64[T] seconds from 0.
        height_m: metres.
        rate: frames per second.
        index: joint name -> column of `pose`.
        velocity: [T, 26, C] heights per second.
        neck: [T, C] middle of the shoulders.
        hips: [T, C] middle of the hips.
        segments: segment name -> its row of the table of masses.
        centres: segment name -> [T, C] centre of mass.
        com: [T, C] whole body's centre of mass.
    """

    pose: np.ndarray
    time: np.ndarray
    height_m: float
    rate: float
    index: dict[str, int]
    velocity: np.ndarray
    neck: np.ndarray
    hips: np.ndarray
    segments: dict[str, Segment]
    centres: dict[str, np.ndarray]
    com: np.ndarray

    @classmethod
    def of(cls, pose: np.ndarray, time_s: np.ndarray, height_m: float) -> Body:
        """Prepares a clip."""
        pose = np.asarray(pose, np.float64)
        time = np.asarray(time_s, np.float64)
        time = time - time[0]
        index = {name: i for i, name in enumerate(JOINTS)}
        neck = 0.5 * (pose[:, index["left_shoulder"]] + pose[:, index["right_shoulder"]])
        hips = 0.5 * (pose[:, index["left_hip"]] + pose[:, index["right_hip"]])
        table = get("de_leva_mean")
        segments, centres = {}, {}
        segments["head"] = table["head"]
        centres["head"] = 0.5 * (pose[:, index["left_ear"]] + pose[:, index["right_ear"]])
        segments["trunk"] = table["trunk"]
        centres["trunk"] = neck + table["trunk"].centre * (hips - neck)
        for side in ("left_", "right_"):
            for name in PAIRED:
                a, b = (pose[:, index[side + end]] for end in ends()[name])
                start = b if name == "hand" else a  # the hand goes on beyond the wrist
                segments[side + name] = table[name]
                centres[side + name] = start + table[name].centre * (b - a)
        com = sum(segments[name].mass * centre for name, centre in centres.items())
        velocity = np.gradient(pose, time, axis=0, edge_order=2)
        rate = (len(time) - 1) / time[-1]
        return cls(pose, time, height_m, rate, index, velocity, neck, hips, segments, centres, com)

    def at(self, joint: str) -> np.ndarray:
        """Returns a joint's path [T, C]."""
        return self.pose[:, self.index[joint]]

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """Returns dx/dt of [T, ...] by second-order differences."""
        return np.gradient(x, self.time, axis=0, edge_order=2)


def mean_over_time(x: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Returns the mean of [T, ...] over time, by the trapezoid rule."""
    return np.trapezoid(x, time, axis=0) / (time[-1] - time[0])


def sd_over_time(x: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Returns the standard deviation of [T, ...] over time."""
    return np.sqrt(mean_over_time((x - mean_over_time(x, time)) ** 2, time))


def norm(x: np.ndarray) -> np.ndarray:
    """Returns the length along the last axis."""
    return np.sqrt((x * x).sum(-1))


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns a x b: [..., 2] twice -> [..., 1], [..., 3] twice -> [..., 3]."""
    if a.shape[-1] == 2:
        return a[..., :1] * b[..., 1:] - a[..., 1:] * b[..., :1]
    return a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
