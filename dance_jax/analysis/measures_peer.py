"""The benchmark's peer: all measures of one clip as a plain NumPy and SciPy script computes them.

Written from the published definitions and the tables' meanings, not from this library's code; only
tables of constants (segment masses, joint ranges, joint order) are shared. It takes whole clips
only: no missing joints, so it does less than the library.
"""

from __future__ import annotations

import numpy as np
from scipy import signal
from scipy.interpolate import CubicHermiteSpline

from dance_jax.analysis import (
    measures_peer_balance,
    measures_peer_composites,
    measures_peer_forces,
    measures_peer_style,
)
from dance_jax.analysis.measures_peer_body import LIMBS, Body, mean_over_time
from dance_jax.biomech.joint_limits import TABLES

SIDES = ("left", "right")
LIMB_JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def measures(pose: np.ndarray, time_s: np.ndarray, height_m: float) -> dict[str, float]:
    """Computes every measure of the catalogue for one clip in which everything was seen.

    Args:
        pose: [T, 26, C] HALPE-26 in body heights, y up, C = 2 or 3.
        time_s: [T] seconds.
        height_m: metres of one body height.

    Returns:
        key -> value; NaN where it has none.
    """
    body = Body.of(pose, time_s, height_m)
    theta, feet = joint_angles(body), measures_peer_balance.Feet.of(body)
    return {
        **measures_peer_balance.balance(body, feet),
        **measures_peer_balance.flight(body, feet),
        **measures_peer_forces.energy_and_dynamics(body, feet.weight),
        **smoothness(body),
        **ranges_and_symmetry(body, theta),
        **coordination(body, theta),
        **limits(body, theta),
        **measures_peer_style.effort(body),
        **measures_peer_style.shape(body),
        **measures_peer_composites.composites(body),
    }


def angle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Returns the angle between vectors [..., C], radians in [0, pi]."""
    dot = (u * v).sum(-1)
    if u.shape[-1] == 2:
        return np.arctan2(np.abs(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]), dot)
    return np.arctan2(np.linalg.norm(np.cross(u, v), axis=-1), dot)


def joint_angles(body: Body) -> dict[str, np.ndarray]:
    """Returns name -> [T] radians: 0 for the straight limb, the foot square, the trunk upright."""
    found = {}
    for side in SIDES:
        shoulder, elbow, wrist, hip, knee, ankle, heel, toe = (
            body.at(f"{side}_{name}") for name in (*LIMB_JOINTS, "heel", "big_toe")
        )
        found[f"{side}_elbow"] = angle(elbow - shoulder, wrist - elbow)
        found[f"{side}_shoulder"] = angle(hip - shoulder, elbow - shoulder)
        found[f"{side}_hip"] = angle(hip - shoulder, knee - hip)
        found[f"{side}_knee"] = angle(knee - hip, ankle - knee)
        found[f"{side}_ankle"] = np.pi / 2 - angle(toe - heel, knee - ankle)
    trunk = body.neck - body.hips
    found["trunk_tilt"] = angle(trunk, np.broadcast_to(np.eye(trunk.shape[1])[1], trunk.shape))
    ears = 0.5 * (body.at("left_ear") + body.at("right_ear"))
    found["neck"] = angle(ears - body.neck, trunk)
    return found


def spectral_arc_length(speed: np.ndarray, rate: float) -> float:
    """Computes SPARC as published (Balasubramanian et al. 2015): padding 4, 10 Hz, 0.05."""
    n = 2 ** (int(np.ceil(np.log2(len(speed)))) + 4)
    spectrum = np.abs(np.fft.rfft(speed, n))
    spectrum /= spectrum.max()
    frequency = np.arange(len(spectrum)) * rate / n
    within = np.flatnonzero((frequency <= 10.0 + 1e-9) & (spectrum >= 0.05))
    kept = slice(within[0], within[-1] + 1)
    f, v = frequency[kept], spectrum[kept]
    return -np.sqrt((np.diff(f) / (f[-1] - f[0])) ** 2 + np.diff(v) ** 2).sum()


def log_dimensionless_jerk(velocity: np.ndarray, rate: float) -> float:
    """Computes -ln(D^3 / v_peak^2 sum |d2v/dt2|^2 dt) of velocity [N, C]."""
    peak = np.linalg.norm(velocity, axis=1).max()
    jerk = np.diff(velocity, 2, axis=0) * rate**2
    return -np.log((len(velocity) / rate) ** 3 / peak**2 * (jerk**2).sum() / rate)


def smoothness(body: Body) -> dict[str, float]:
    """SPARC of the clip and of 2 s windows, log dimensionless jerk of 2 s windows, at 30 Hz."""
    rate, window, still = 30.0, 60, 0.05
    limb_speed = np.linalg.norm(body.velocity[:, LIMBS], axis=-1).mean(1)
    vectors = {"body": limb_speed[:, None]}
    for part, joint in (
        *((f"{side}_{name}",) * 2 for name in ("wrist", "ankle") for side in SIDES),
        ("hips", "hip"),
    ):
        vectors[part] = body.velocity[:, body.index[joint]]
    out: dict[str, float] = {}
    low_pass = signal.butter(4, min(6.0, 0.4 * body.rate), fs=body.rate, output="sos")
    starts = np.arange(0, body.time[-1] + 1 / body.rate - 2.0 + 1e-6, 2.0)
    clock = starts[:, None] + np.arange(window) / rate
    clock = np.minimum(clock, body.time[-1])
    for part, vector in vectors.items():
        speed = limb_speed if part == "body" else np.linalg.norm(vector, axis=1)
        filtered = signal.sosfiltfilt(low_pass, vector, axis=0)
        both = np.column_stack([speed, filtered])
        read = CubicHermiteSpline(body.time, both, body.derivative(both))(clock)
        moving = read[..., 0].max(1) > still
        arcs = [spectral_arc_length(w[:, 0], rate) for w in read[moving]]
        jerks = [log_dimensionless_jerk(w[:, 1:], rate) for w in read[moving]]
        moved = speed.max() > still
        out[f"smoothness.sparc_{part}"] = spectral_arc_length(speed, body.rate) if moved else np.nan
        out[f"smoothness.sparc_window_{part}"] = np.median(arcs) if arcs else np.nan
        out[f"smoothness.ldlj_{part}"] = np.median(jerks) if jerks else np.nan
    return out


def ranges_and_symmetry(body: Body, theta: dict[str, np.ndarray]) -> dict[str, float]:
    """Ranges of motion, and the left side against the right."""
    low, high = np.percentile(np.column_stack(list(theta.values())), [1, 99], axis=0)
    width = dict(zip(theta, np.rad2deg(high - low), strict=True))
    out = {f"range.{name}": value for name, value in width.items()}
    main = ("shoulder", "elbow", "hip", "knee")
    out["range.mean"] = np.mean([width[f"{side}_{name}"] for side in SIDES for name in main])
    for name in main:
        left, right = width[f"left_{name}"], width[f"right_{name}"]
        part = (45.0 - np.rad2deg(np.arctan2(left, right))) / 90.0 * 100.0
        out[f"symmetry.{name}_range"] = part if max(left, right) >= 5.0 else np.nan
    left, right = (np.mean([width[f"{side}_{name}"] for name in main]) for side in SIDES)
    index = 100 * abs(left - right) / (0.5 * (left + right))
    out["symmetry.range_index"] = index if min(left, right) >= 5.0 else np.nan
    for limb, names in (("arms", ("shoulder", "elbow")), ("legs", ("hip", "knee"))):
        a, b = (np.column_stack([theta[f"{side}_{name}"] for name in names]) for side in SIDES)
        out |= {f"symmetry.{limb}_{key}": x for key, x in alike(a, b, body.rate).items()}
    out["symmetry.mirror_distance"] = mirror_distance(body)
    return out


def alike(left: np.ndarray, right: np.ndarray, rate: float) -> dict[str, float]:
    """Returns the correlation of two sets of series [T, K], and the lag of their closest match."""
    n, least = len(left), np.deg2rad(0.5) ** 2
    a, b = left - left.mean(0), right - right.mean(0)
    power_a, power_b = (a**2).sum(1), (b**2).sum(1)
    if min(power_a.sum(), power_b.sum()) <= n * least:
        return {"correlation": np.nan, "lag": np.nan}
    r = (a * b).sum() / np.sqrt(power_a.sum() * power_b.sum())
    product = sum(signal.correlate(b[:, k], a[:, k]) for k in range(a.shape[1]))
    reach = min(n // 2, int(1.0 * rate + 1e-6))
    lags = np.arange(-reach, reach + 1)
    curve = np.full(len(lags), -np.inf)
    for i, lag in enumerate(lags):
        ours = power_a[max(-lag, 0) : n - max(lag, 0)].sum()
        theirs = power_b[max(lag, 0) : n - max(-lag, 0)].sum()
        if min(ours, theirs) > n // 2 * least:
            curve[i] = product[n - 1 + lag] / np.sqrt(ours * theirs)
    best = int(np.argmax(curve - 1e-3 * np.abs(lags) / (n // 2)))  # of equals the nearest to 0
    lag = np.nan
    if 0 < best < len(lags) - 1 and curve[best] >= 0.5:
        before, here, after = curve[best - 1 : best + 2]
        if here >= max(before, after):
            bend = before - 2 * here + after
            shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
            lag = (lags[best] + shift) / rate
    return {"correlation": r, "lag": lag}


def mirror_distance(body: Body) -> float:
    """Returns the mean distance of the limbs' joints from the pose's own mirror image."""
    middle = 0.5 * (body.at("left_hip") + body.at("right_hip"))
    axis = np.zeros_like(middle)
    axis[:, 0] = 1.0
    if middle.shape[1] == 3:
        lines = [body.at(f"left_{name}") - body.at(f"right_{name}") for name in ("hip", "shoulder")]
        axis = sum(line / np.linalg.norm(line, axis=1, keepdims=True) for line in lines)
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    limbs = [body.index[f"{s}_{j}"] for s in SIDES for j in LIMB_JOINTS]
    other = [body.index[f"{s}_{j}"] for s in SIDES[::-1] for j in LIMB_JOINTS]
    swapped = body.pose[:, other]
    away = np.einsum("tjc,tc->tj", swapped - middle[:, None], axis)
    image = swapped - 2 * away[..., None] * axis[:, None]
    apart = np.linalg.norm(image - body.pose[:, limbs], axis=-1).mean(1)
    return mean_over_time(apart, body.time)


def coordination(body: Body, theta: dict[str, np.ndarray]) -> dict[str, float]:
    """Continuous relative phase by the Hilbert transform, over the inner eight tenths."""
    pairs = {
        "knees": (("left_knee", "right_knee"),),
        "arms": (("left_shoulder", "right_shoulder"),),
        "hip_knee": (("left_hip", "left_knee"), ("right_hip", "right_knee")),
        "arm_leg": (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")),
    }
    names = sorted({name for row in pairs.values() for pair in row for name in pair})
    x = np.column_stack([theta[name] for name in names])
    low, high = x.min(0), x.max(0)
    phase = np.angle(signal.hilbert(x - 0.5 * (low + high), axis=0))
    phase[:, high - low < np.deg2rad(5.0)] = np.nan
    cut = 0.1 * body.time[-1]
    inner = (body.time >= cut - 1e-6) & (body.time <= body.time[-1] - cut + 1e-6)
    time = body.time[inner]
    out = {}
    for key, row in pairs.items():
        sizes, spreads = [], []
        for a, b in row:
            phi = np.exp(1j * (phase[:, names.index(a)] - phase[:, names.index(b)]))[inner]
            sizes.append(mean_over_time(np.abs(np.angle(phi)), time))
            spreads.append(np.sqrt(-2 * np.log(np.abs(mean_over_time(phi, time)))))
        out[f"coordination.{key}_phase"] = np.rad2deg(np.mean(sizes))
        out[f"coordination.{key}_variability"] = np.rad2deg(np.mean(spreads))
    return out


def limits(body: Body, theta: dict[str, np.ndarray]) -> dict[str, float]:
    """Use of the joints' usual ranges, time near their ends, and excess beyond them."""
    use, near = {}, {}
    excess: dict[str, list[float]] = {table: [] for table in TABLES}
    for name, x in theta.items():
        joint = name.removeprefix("left_").removeprefix("right_")
        if joint == "trunk_tilt":
            continue
        for table, rows in TABLES.items():
            low, high = np.deg2rad([rows[joint].low_deg, rows[joint].high_deg])
            over = np.maximum(x - high, 0)
            if rows[joint].low_counts:
                over = over + np.maximum(low - x, 0)
            excess[table].append(mean_over_time(over / (high - low), body.time))
            if table == "usual":
                use[name] = np.diff(np.percentile(x, [1, 99]))[0] / (high - low)
                near[name] = mean_over_time((x >= high - 0.1 * (high - low)) * 1.0, body.time)
    out = {}
    for limb, joints in (("arms", ("shoulder", "elbow")), ("legs", ("hip", "knee"))):
        keys = [f"{side}_{joint}" for side in SIDES for joint in joints]
        out[f"limits.use_{limb}"] = np.mean([use[key] for key in keys])
        out[f"limits.near_{limb}"] = np.mean([near[key] for key in keys])
    return out | {
        "limits.excess": np.mean(excess["usual"]),
        "limits.stress": np.mean(excess["training"]),
    }
