"""The benchmark's peer, qualities: Laban effort and body shape in plain NumPy and SciPy."""

from __future__ import annotations

import numpy as np

from dance_jax.analysis.measures_peer_body import (
    Body,
    cross,
    norm,
    quantiles,
    running_max,
    window,
)

SIDES = ("left_", "right_")


def effort(body: Body) -> dict[str, float]:
    """Laban effort after Larboulette & Gibet 2015, in windows of 1 s about every frame."""
    names = ("neck", "hip", *(s + p for s in SIDES for p in ("elbow", "wrist", "knee", "ankle")))
    columns = [body.index[name] for name in names]
    points, velocity = body.pose[:, columns], body.velocity[:, columns]
    acceleration = body.derivative(velocity)
    jerk = body.derivative(acceleration)
    first, after = window(body.time, 1.0)
    energy = (velocity**2).sum(-1).mean(1)
    sizes = np.column_stack([norm(acceleration), norm(jerk), energy])
    known = np.isfinite(sizes)
    weight = np.where(known, body.weight[:, None], 0.0)
    held = windowed_sum(weight, first, after)
    enough = (held > 0) & (
        held >= 0.5 * (1 - 1e-4) * windowed_sum(body.weight, first, after)[:, None]
    )
    total = windowed_sum(weight * np.where(known, sizes, 0.0), first, after)
    means = np.where(enough, total / np.where(enough, held, 1.0), np.nan)
    told = enough[:, -1]
    k = len(names)
    strength = np.where(told, running_max(energy, first, after), np.nan)
    space = body.mean(directness(points, first, after, told), 0.2)
    found = {
        "effort.weight": body.mean(strength),
        "effort.time": body.mean(means[:, :k].mean(1)),
        "effort.space": space,
        "effort.flow": body.mean(means[:, k : 2 * k].mean(1)),
    }
    if np.isnan(found["effort.weight"]):
        found["effort.space"] = np.nan
    return found


def windowed_sum(x: np.ndarray, first: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Returns the sum of [T, ...] over each window."""
    running = np.concatenate([np.zeros((1, *x.shape[1:])), np.cumsum(x, axis=0)])
    return running[after] - running[first]


def directness(
    points: np.ndarray, first: np.ndarray, after: np.ndarray, told: np.ndarray
) -> np.ndarray:
    """Returns path over displacement [T] of the points [T, K, C] that move, within windows."""
    n = len(points)
    seen = np.isfinite(points[..., 0]).all(1)
    here = np.arange(n)
    first = np.minimum.accumulate(np.where(seen, here, n - 1)[::-1])[::-1][first]
    last = np.maximum.accumulate(np.where(seen, here, 0))[after - 1]
    points = np.where(seen[:, None, None], points, 0.0)
    step = norm(np.diff(points, axis=0)) * (seen[1:] & seen[:-1])[:, None]
    steps = np.vstack([np.zeros(points.shape[1]), np.cumsum(step, axis=0)])
    path = steps[last] - steps[first]
    net = norm(points[last] - points[first])
    ratio = np.divide(path, np.maximum(net, path / 10), out=np.ones_like(path), where=path > 1e-6)
    share = path**2 / (path**2 + 0.03**2)
    moving = told & (last > first) & (share.sum(1) > 0.1)
    space = (share * np.maximum(ratio, 1)).sum(1) / np.where(moving, share.sum(1), 1)
    return np.where(moving, space, np.nan)


def shape(body: Body) -> dict[str, float]:
    """Distances, spread, levels, and the paths of the hands."""
    at = body.at
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
    above = hip[:, 1] - quantiles(lowest_of_standing(body, ankles), 25)
    level = hip[:, 0::2]
    hands = wrists - hip[:, None]
    v = body.derivative(hands)
    a = body.derivative(v)
    speed = np.where(np.isfinite(a[..., 0]), norm(v), np.nan)
    turning = norm(cross(v, a)) / ((v**2).sum(-1) + 0.1**2)
    went = body.mean(speed)
    curved = np.divide(body.mean(turning), went, out=np.full(2, np.nan), where=went > 0.1)
    size = norm(a)
    sd = body.sd(size)
    over = size > body.mean(size) + sd
    known = np.isfinite(size)
    starts = (known[1:] & known[:-1] & over[1:] & ~over[:-1]).sum(0)
    seconds = (body.weight[:, None] * known).sum(0)
    often = np.divide(starts, seconds, out=np.full(2, np.nan), where=(sd > 0.05) & (seconds > 0))
    told = np.isfinite(above)
    series = {
        "hand_shoulder": norm(wrists - shoulders).mean(1),
        "hands": norm(wrists[:, 0] - wrists[:, 1]),
        "hands_neck": norm(wrists - neck[:, None]).mean(1),
        "feet": norm(ankles[:, 0] - ankles[:, 1]),
        "dispersion": norm(ends - 0.5 * (neck + hip)[:, None]).mean(1),
        "expansion": spread,
        "ellipsoid": np.linalg.det(cov) ** (0.5 / dims),
        "hip_height": above,
        "low_level": np.where(told, above < 0.9 * 0.530, np.nan),
        "high_level": np.where(told, above > 1.06 * 0.530, np.nan),
        "travel": norm(body.derivative(level)),
    }
    means = body.mean(np.column_stack(list(series.values())))
    out = {f"shape.{name}": x for name, x in zip(series, means, strict=True)}
    return out | {
        "shape.expansion_change": body.sd(spread),
        "shape.hand_curvature": curved.mean(),
        "shape.hand_initiations": often.mean(),
    }


def lowest_of_standing(body: Body, ankles: np.ndarray) -> np.ndarray:
    """Returns the height [T] of the feet's lowest point, where both show a sole and an ankle."""
    heel, toe = (
        np.column_stack([body.at(s + name)[:, 1] for s in SIDES]) for name in ("heel", "big_toe")
    )
    lowest = np.fmin(np.fmin(heel, toe), ankles[..., 1]).min(1)
    shown = (np.isfinite(heel) | np.isfinite(toe)).all(1) & np.isfinite(ankles[..., 1]).all(1)
    return np.where(shown, lowest, np.nan)
