"""The benchmark's peer, composites: the parts and the three scores in plain NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from scipy import signal
from scipy.ndimage import minimum_filter1d
from scipy.special import expit

from dance_jax.analysis.measures_peer_body import (
    LIMBS,
    Body,
    cross,
    mean_over_time,
    norm,
    sd_over_time,
)

SIDES = ("left_", "right_")


def powers(s: np.ndarray, time: np.ndarray) -> tuple[float, float, float]:
    """Returns the mean squares of [T, F] about its mean, of its first and second differences."""
    step = np.diff(time)
    slope = np.diff(s, axis=0) / step[:, None]
    wide = 0.5 * (step[1:] + step[:-1])
    bend = np.diff(slope, axis=0) / wide[:, None]
    return (
        (sd_over_time(s, time) ** 2).sum(),
        (step * (slope**2).sum(1)).sum() / step.sum(),
        (wide * (bend**2).sum(1)).sum() / wide.sum(),
    )


def low_pass(s: np.ndarray, rate: float, cutoff: float) -> np.ndarray:
    """Runs two exponential means over [T, F], there and back."""
    keep = np.exp(-2 * np.pi * cutoff / rate)
    for _ in range(2):
        for _ in range(2):
            s = signal.lfilter([1 - keep], [1, -keep], s, axis=0, zi=keep * s[:1])[0]
        s = s[::-1]
    return s


def plausibility(body: Body) -> float:
    """Returns the product of exp(-(excess / fall)^2) over what bodies and floors do not allow."""
    time = body.time
    columns = [*LIMBS, body.index["neck"], body.index["hip"]]
    main = body.pose[:, columns]
    foot_names = [s + p for s in SIDES for p in ("ankle", "heel", "big_toe", "small_toe")]
    foot_columns = [body.index[name] for name in foot_names]
    solid = body.pose.shape[-1] == 3
    far = norm(np.diff(main, axis=0)) - 6.0 * np.diff(time)[:, None]
    jitter = np.sqrt((np.diff(main, 3, axis=0) ** 2).mean() / 20)
    jitter /= max(1.0, 30 * np.diff(time).mean()) ** 3
    usual = {
        ("shoulder", "elbow"): 0.188,
        ("elbow", "wrist"): 0.145,
        ("hip", "knee"): 0.245,
        ("knee", "ankle"): 0.246,
    }
    lengths = np.column_stack(
        [norm(body.at(s + b) - body.at(s + a)) for s in SIDES for a, b in usual]
    )
    middle = np.percentile(lengths, 50 if solid else 90, axis=0)
    ratio = np.log(middle / np.array(list(usual.values()) * 2))
    slip = norm(body.velocity[:, foot_columns, 0::2]).min(1)
    found = {
        "speed": (np.maximum(far, 0).sum(), 0.0, 0.2),
        "jitter": (jitter, 0.0025, 0.002),
        "slip": (mean_over_time(slip, time), 0.35, 0.15),
        "proportion": (ratio.max(), 0.40, 0.15),
    }
    if solid:
        ratio = np.maximum(ratio, 0.6 * np.maximum(-ratio, 0))
        lowest = body.pose[:, columns + foot_columns, 1].min(1)
        above = lowest - np.percentile(lowest, 25)
        half = int(np.floor(0.5 * body.rate + 1e-4))
        hover = minimum_filter1d(above, 2 * half + 1, mode="nearest")
        bent = 0.0
        for s in SIDES:
            for a, b, c in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
                u, v = body.at(s + b) - body.at(s + a), body.at(s + c) - body.at(s + b)
                flexion = np.arctan2(norm(cross(u, v)), (u * v).sum(-1))
                bent += mean_over_time(np.maximum(flexion - np.deg2rad(160), 0), time)
        change = mean_over_time(np.abs(lengths / middle - 1), time).max()
        found |= {
            "proportion": (ratio.max(), 0.40, 0.15),
            "bones": (change, 0.13, 0.04),
            "floor": (mean_over_time(np.maximum(-above, 0), time), 0.02, 0.02),
            "float": (mean_over_time(np.maximum(hover, 0), time), 0.05, 0.05),
            "hinges": (bent, 0.02, 0.05),
        }
    beyond = [max(value - free, 0) / fall for value, free, fall in found.values()]
    return float(np.exp(-(np.minimum(beyond, 6.0) ** 2).sum()))


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
    return np.column_stack([arm[..., 1], away, *gaps]), owner


def composites(body: Body) -> dict[str, float]:
    """Fluidity, expressiveness and precision, and what they are made of."""
    time = body.time
    s, owner = signature(body)
    spread, first_speed, first_bend = powers(s, time)
    speed = first_speed
    for _ in range(2):
        tempo = np.sqrt(speed / spread) / (2 * np.pi)
        smooth = low_pass(s, body.rate, 3 * tempo)
        spread, speed, bend = powers(smooth, time)
    tempo = np.sqrt(speed / spread) / (2 * np.pi)
    rate = body.derivative(smooth)
    pace = norm(rate)
    limb_speed = np.sqrt(rate**2 @ owner.T)
    variance = sd_over_time(limb_speed, time) ** 2
    z = (limb_speed - mean_over_time(limb_speed, time)) / np.sqrt(variance + 0.02 * variance.mean())
    alike = mean_over_time(z.sum(1) ** 2, time) - mean_over_time(z**2, time).sum()
    columns = [body.index["neck"]]
    columns += [body.index[q + p] for q in SIDES for p in ("elbow", "wrist", "knee", "ankle")]
    far = norm(body.pose[:, columns] - body.com[:, None]).mean(1)
    far = low_pass(far[:, None], body.rate, 3 * tempo)[:, 0]
    size = mean_over_time(far, time)
    weight = np.gradient(time)
    weight[[0, -1]] *= 0.5
    cov = np.cov(smooth.T, aweights=weight, ddof=0)
    part = {
        "repertoire": 0.5 * np.linalg.slogdet(np.eye(len(cov)) + cov / 0.03**2)[1],
        "bandwidth": np.sqrt(spread * bend) / speed,
        "pace_hz": np.sqrt(first_bend / first_speed) / (2 * np.pi),
        "steadiness": np.sqrt(speed / first_speed),
        "contrast": sd_over_time(pace, time) / mean_over_time(pace, time),
        "agreement": alike / 20,
        "size": size,
        "change": sd_over_time(far, time) / size,
        "plausibility": plausibility(body),
        "seen": 1.0,
    }
    outside = max(np.log(part["pace_hz"] / 3.2), np.log(0.25 / part["pace_hz"]), 0.0)
    cubed = part["repertoire"] ** 3
    common = 10 * part["plausibility"] * np.exp(-((outside / 0.5) ** 2)) * cubed / (cubed + 6.0**3)
    steady = 1 - np.exp(-((part["steadiness"] / 0.3) ** 2))
    contrast = part["contrast"] / (part["contrast"] + 0.5)
    change = part["change"] / (part["change"] + 0.04)
    large, agree = expit((size - 0.36) / 0.05), expit((part["agreement"] - 0.15) / 0.12)
    part["fluidity"] = common * steady * np.exp(-(part["bandwidth"] - 1) / 1.6)
    part["expressiveness"] = common * (large + change + contrast) / 3
    part["precision"] = common * steady * (agree + contrast) / 2
    return {f"composite.{name}": float(value) for name, value in part.items()}
