"""The benchmark's peer, composites: the parts and the three scores in plain NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_banded
from scipy.special import expit

from dance_jax.analysis.measures_peer_body import (
    LIMBS,
    Body,
    angle,
    norm,
    quantiles,
    running_max,
    window,
)

SIDES = ("left_", "right_")


def powers(body: Body, s: np.ndarray) -> tuple[float, float, float]:
    """Returns the mean squares of [T, F] about its mean, of its first and second differences."""
    known = np.isfinite(s[:, 0])
    step = np.diff(body.time)
    slope = np.diff(s, axis=0) / step[:, None]
    wide = 0.5 * (step[1:] + step[:-1])
    bend = np.diff(slope, axis=0) / wide[:, None]
    step = np.where(known[1:] & known[:-1], step, 0.0)
    wide = np.where((step[1:] > 0) & (step[:-1] > 0), wide, 0.0)
    if not wide.any():
        return 0.0, 0.0, 0.0
    return (
        (body.sd(s, 0.0) ** 2).sum(),
        np.nansum(step * (slope**2).sum(1)) / step.sum(),
        np.nansum(wide * (bend**2).sum(1)) / wide.sum(),
    )


def low_pass(s: np.ndarray, time: np.ndarray, cutoff: float) -> np.ndarray:
    """Runs two exponential means over [T, F], there and back, from each known frame to the next.

    y_t = x_t + k_t (y_{t-1} - x_t) with k_t = exp(-2 pi cutoff dt) is one banded system.
    """
    known = np.isfinite(s).all(1)
    keep = np.exp(-2 * np.pi * cutoff * np.diff(time[known]))
    out, x = np.full_like(s, np.nan), s[known]
    for k in (keep, keep[::-1]):
        bands = np.ones((2, len(x)))
        bands[1, :-1], bands[1, -1] = -k, 0.0
        gain = np.append(1.0, 1.0 - k)[:, None]
        for _ in range(2):
            x = solve_banded((1, 0), bands, gain * x)
        x = x[::-1]
    out[known] = x
    return out


def plausibility(body: Body) -> float:
    """Returns the product of exp(-(excess / fall)^2) over what bodies and floors do not allow."""
    time = body.time
    columns = [*LIMBS, body.index["neck"], body.index["hip"]]
    main = body.pose[:, columns]
    foot_names = [s + p for s in SIDES for p in ("ankle", "heel", "big_toe", "small_toe")]
    foot_columns = [body.index[name] for name in foot_names]
    solid = body.pose.shape[-1] == 3
    way, step = norm(np.diff(main, axis=0)), np.diff(time)
    steps = step[np.isfinite(way).all(1)]
    third = np.diff(main, 3, axis=0)
    jitter = np.sqrt(np.nansum(third**2) / (20 * max(np.isfinite(third).sum(), 1)))
    jitter /= max(1.0, 30 * (steps.mean() if len(steps) else 0.0)) ** 3
    usual = {
        ("shoulder", "elbow"): 0.188,
        ("elbow", "wrist"): 0.145,
        ("hip", "knee"): 0.245,
        ("knee", "ankle"): 0.246,
    }
    lengths = np.column_stack(
        [norm(body.at(s + b) - body.at(s + a)) for s in SIDES for a, b in usual]
    )
    middle = quantiles(lengths, 50 if solid else 90)
    good = middle > 1e-4
    ratio = np.log(np.where(good, middle, 1.0) / np.array(list(usual.values()) * 2))
    if solid:
        ratio = np.maximum(ratio, 0.6 * np.maximum(-ratio, 0))
    slip = np.fmin.reduce(norm(body.velocity[:, foot_columns, 0::2]), axis=1)
    found = {
        "speed": (np.nansum(np.maximum(way - 6.0 * step[:, None], 0)), 0.0, 0.2),
        "jitter": (jitter, 0.0025, 0.002),
        "slip": (or_zero(body.mean(slip, 0.0)), 0.35, 0.15),
        "proportion": (np.where(good, ratio, float(solid)).max(), 0.40, 0.15),
    }
    if solid:
        change = body.mean(np.abs(lengths / np.where(good, middle, 1.0) - 1), 0.0)
        change = np.where(good & np.isfinite(change), change, 1.0).max()
        seen = np.isfinite(main[..., 0]).all(1)
        lowest = np.fmin.reduce(body.pose[:, columns + foot_columns, 1], axis=1)
        lowest = np.where(seen, lowest, np.nan)
        above = lowest - quantiles(lowest, 25)
        hover = -running_max(-above, *window(time, 1.0))
        bent = 0.0
        for s in SIDES:
            for a, b, c in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
                flexion = angle(body.at(s + b) - body.at(s + a), body.at(s + c) - body.at(s + b))
                bent += or_zero(body.mean(np.maximum(flexion - np.deg2rad(160), 0), 0.0))
        found |= {
            "bones": (change, 0.13, 0.04),
            "floor": (or_zero(body.mean(np.maximum(-above, 0), 0.0)), 0.02, 0.02),
            "float": (or_zero(body.mean(np.maximum(hover, 0), 0.0)), 0.05, 0.05),
            "hinges": (bent, 0.02, 0.05),
        }
    beyond = [max(value - free, 0) / fall for value, free, fall in found.values()]
    return float(np.exp(-(np.minimum(beyond, 6.0) ** 2).sum()))


def or_zero(x: float) -> float:
    """Returns x, 0 where it is not known."""
    return 0.0 if np.isnan(x) else x


def signature(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Returns the body's shape over time [T, 22], and each limb's columns of it [5, 22]."""
    names = ["neck", *(s + p for s in SIDES for p in ("elbow", "wrist", "knee", "ankle"))]
    arm = body.pose[:, [body.index[name] for name in names]] - body.at("hip")[:, None]
    away = arm[..., 0]
    if arm.shape[-1] == 3:
        away = np.sqrt(arm[..., 0] ** 2 + arm[..., 2] ** 2 + 0.02**2)
    pairs = (
        ("left_wrist", "right_wrist"),
        ("left_wrist", "right_shoulder"),
        ("right_wrist", "left_shoulder"),
        ("left_ankle", "right_ankle"),
    )
    gaps = [np.sqrt(((body.at(b) - body.at(a)) ** 2).sum(1) + 0.02**2) for a, b in pairs]
    owner = np.zeros((5, 22))
    limbs = (
        ("neck",),
        *((s + a, s + b) for a, b in (("elbow", "wrist"), ("knee", "ankle")) for s in SIDES),
    )
    for k, parts in enumerate(limbs):
        for part in parts:
            owner[k, [names.index(part), 9 + names.index(part)]] = 1
    seen = np.isfinite(body.pose[:, [*LIMBS, body.index["neck"], body.index["hip"]], 0]).all(1)
    shape = np.column_stack([arm[..., 1], away, *gaps])
    return np.where(seen[:, None], shape, np.nan), owner


def agreement(body: Body, limb_speed: np.ndarray) -> float:
    """Returns the mean correlation of the limbs' speeds [T, 5]."""
    variance = body.sd(limb_speed, 0.0) ** 2
    z = limb_speed - body.mean(limb_speed, 0.0)
    z = z / np.sqrt(variance + 0.02 * variance.mean())
    return (body.mean(z.sum(1) ** 2, 0.0) - body.mean(z**2, 0.0).sum()) / 20


def composites(body: Body) -> dict[str, float]:
    """Fluidity, expressiveness and precision, and what they are made of."""
    time = body.time
    s, owner = signature(body)
    known = np.isfinite(s[:, 0])
    weight = np.where(known, body.weight, 0.0)
    seen = weight.sum() / body.weight.sum() if body.weight.sum() > 0 else np.nan
    names = ("repertoire", "bandwidth", "pace_hz", "steadiness", "contrast", "agreement")
    names += ("size", "change", "plausibility", "seen")
    part = dict.fromkeys(names, np.nan) | {"seen": seen}
    spread, first_speed, first_bend = powers(body, s)
    moves = spread > 0 and first_speed > 1e-6
    speed, smooth, tempo = first_speed, s, 1.0 / 3.0
    if moves:
        for _ in range(2):
            smooth = low_pass(s, time, 3 * np.sqrt(speed / spread) / (2 * np.pi))
            spread, speed, bend = powers(body, smooth)
        tempo = np.sqrt(speed / spread) / (2 * np.pi)
        rate = body.derivative(smooth)
        pace = norm(rate)
        part["bandwidth"] = np.sqrt(spread * bend) / speed
        part["pace_hz"] = np.sqrt(first_bend / first_speed) / (2 * np.pi)
        part["steadiness"] = np.sqrt(speed / first_speed)
        part["contrast"] = body.sd(pace, 0.0) / body.mean(pace, 0.0)
        part["agreement"] = agreement(body, np.sqrt(rate**2 @ owner.T))
    columns = [body.index["neck"]]
    columns += [body.index[q + p] for q in SIDES for p in ("elbow", "wrist", "knee", "ankle")]
    far = norm(body.pose[:, columns] - body.com[:, None]).mean(1)
    if np.isfinite(far).any():
        far = low_pass(far[:, None], time, 3 * tempo)[:, 0]
    part["size"] = size = body.mean(far)
    part["change"] = body.sd(far) / size
    if seen > 0:
        cov = np.cov(smooth[known].T, aweights=weight[known], ddof=0)
        part["repertoire"] = 0.5 * np.linalg.slogdet(np.eye(len(cov)) + cov / 0.03**2)[1]
        part["plausibility"] = plausibility(body)
    part |= scores(part, moves)
    return {f"composite.{name}": float(value) for name, value in part.items()}


def scores(part: dict[str, float], moves: bool) -> dict[str, float]:
    """Returns the three composites of their parts; 0 at rest, NaN where too little was seen."""
    names = ("fluidity", "expressiveness", "precision")
    if not part["seen"] >= 0.8 or np.isnan(part["size"]):
        return dict.fromkeys(names, np.nan)
    if not moves:
        return dict.fromkeys(names, 0.0)
    outside = max(np.log(part["pace_hz"] / 3.2), np.log(0.25 / part["pace_hz"]), 0.0)
    cubed = part["repertoire"] ** 3
    common = 10 * part["plausibility"] * part["seen"] ** 2 * np.exp(-((outside / 0.5) ** 2))
    common *= cubed / (cubed + 6.0**3)
    steady = 1 - np.exp(-((part["steadiness"] / 0.3) ** 2))
    contrast = part["contrast"] / (part["contrast"] + 0.5)
    change = part["change"] / (part["change"] + 0.04)
    large, agree = expit((part["size"] - 0.36) / 0.05), expit((part["agreement"] - 0.15) / 0.12)
    values = (
        steady * np.exp(-max(part["bandwidth"] - 1, 0) / 1.6),
        (large + change + contrast) / 3,
        steady * (agree + contrast) / 2,
    )
    return {name: common * value for name, value in zip(names, values, strict=True)}
