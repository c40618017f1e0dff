"""The benchmark's peer, qualities: Laban effort and body shape in plain NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d

from dance_jax.analysis.measures_peer_body import Body, cross, mean_over_time, norm, sd_over_time

SIDES = ("left_", "right_")


def mean_where(x: np.ndarray, known: np.ndarray, time: np.ndarray) -> float:
    """Returns the mean over the time that the known frames stand for."""
    weight = np.gradient(time)
    weight[[0, -1]] *= 0.5
    return (weight * x)[known].sum() / weight[known].sum()


def effort(body: Body) -> dict[str, float]:
    """Laban effort after Larboulette & Gibet 2015, in windows of 1 s about every frame."""
    names = ("neck", "hip", *(s + p for s in SIDES for p in ("elbow", "wrist", "knee", "ankle")))
    columns = [body.index[name] for name in names]
    points, velocity = body.pose[:, columns], body.velocity[:, columns]
    acceleration = body.derivative(velocity)
    jerk = body.derivative(acceleration)
    half = int(np.floor(0.5 * body.rate + 1e-4))
    n = len(points)
    first = np.maximum(np.arange(n) - half, 0)
    last = np.minimum(np.arange(n) + half, n - 1)
    weight = np.gradient(body.time)
    weight[[0, -1]] *= 0.5
    sizes = np.column_stack([norm(acceleration).mean(1), norm(jerk).mean(1), np.ones(n)])
    running = np.vstack([np.zeros(3), np.cumsum(weight[:, None] * sizes, axis=0)])
    total = running[last + 1] - running[first]
    strength = maximum_filter1d((velocity**2).sum(-1).mean(1), 2 * half + 1, mode="nearest")
    steps = np.vstack([np.zeros(len(names)), np.cumsum(norm(np.diff(points, axis=0)), axis=0)])
    path = steps[last] - steps[first]
    net = norm(points[last] - points[first])
    ratio = np.divide(path, np.maximum(net, path / 10), out=np.ones_like(path), where=path > 1e-6)
    share = path**2 / (path**2 + 0.03**2)
    moving = share.sum(1) > 0.1
    space = (share * np.maximum(ratio, 1)).sum(1) / np.where(moving, share.sum(1), 1)
    enough = moving.mean() >= 0.2
    return {
        "effort.weight": mean_over_time(strength, body.time),
        "effort.time": mean_over_time(total[:, 0] / total[:, 2], body.time),
        "effort.space": mean_where(space, moving, body.time) if enough else np.nan,
        "effort.flow": mean_over_time(total[:, 1] / total[:, 2], body.time),
    }


def shape(body: Body) -> dict[str, float]:
    """Distances, spread, levels, and the paths of the hands."""
    time, at = body.time, body.at
    dims = body.pose.shape[-1]
    neck, hip = at("neck"), at("hip")
    wrists = np.stack([at(s + "wrist") for s in SIDES], axis=1)
    shoulders = np.stack([at(s + "shoulder") for s in SIDES], axis=1)
    ankles = np.stack([at(s + "ankle") for s in SIDES], axis=1)
    ends = np.concatenate([wrists, ankles, neck[:, None]], axis=1)
    joints = [at(s + name) for name in ("elbow", "knee") for s in SIDES]
    limbs = np.concatenate([ends, np.stack(joints, axis=1)], axis=1)
    hips = np.stack([at("left_hip"), at("right_hip"), hip], axis=1)
    cloud = np.concatenate([limbs, shoulders, hips], axis=1)
    cloud = cloud - cloud.mean(1, keepdims=True)
    cov = np.einsum("tki,tkj->tij", cloud, cloud) / cloud.shape[1] + 0.02**2 * np.eye(dims)
    spread = norm(limbs - body.com[:, None]).mean(1)
    feet = [at(s + name)[:, 1] for name in ("ankle", "heel", "big_toe") for s in SIDES]
    above = hip[:, 1] - np.percentile(np.min(feet, axis=0), 25)
    level = hip[:, 0::2]
    hands = wrists - hip[:, None]
    v = body.derivative(hands)
    a = body.derivative(v)
    turning = norm(cross(v, a)) / ((v**2).sum(-1) + 0.1**2)
    went = mean_over_time(norm(v), time)
    curved = np.where(went > 0.1, mean_over_time(turning, time) / went, np.nan)
    size = norm(a)
    sd = sd_over_time(size, time)
    over = size > mean_over_time(size, time) + sd
    starts = (over[1:] & ~over[:-1]).sum(0) / time[-1]
    series = {
        "hand_shoulder": norm(wrists - shoulders).mean(1),
        "hands": norm(wrists[:, 0] - wrists[:, 1]),
        "hands_neck": norm(wrists - neck[:, None]).mean(1),
        "feet": norm(ankles[:, 0] - ankles[:, 1]),
        "dispersion": norm(ends - 0.5 * (neck + hip)[:, None]).mean(1),
        "expansion": spread,
        "ellipsoid": np.linalg.det(cov) ** (0.5 / dims),
        "hip_height": above,
        "low_level": (above < 0.9 * 0.530) * 1.0,
        "high_level": (above > 1.06 * 0.530) * 1.0,
        "travel": norm(body.derivative(level)),
    }
    means = mean_over_time(np.column_stack(list(series.values())), time)
    out = {f"shape.{name}": x for name, x in zip(series, means, strict=True)}
    return out | {
        "shape.expansion_change": sd_over_time(spread, time),
        "shape.hand_curvature": curved.mean(),
        "shape.hand_initiations": np.where(sd > 0.05, starts, np.nan).mean(),
    }
