"""The benchmark's peer, left with right: symmetry, lags and relative phase in NumPy and SciPy."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import signal

from dance_jax.analysis.measures_peer_angles import LIMB_JOINTS, MAIN, SIDES
from dance_jax.analysis.measures_peer_body import Body, mean_seen, norm, seen_weights

PAIRS = {
    "knees": (("left_knee", "right_knee"),),
    "arms": (("left_shoulder", "right_shoulder"),),
    "hip_knee": (("left_hip", "left_knee"), ("right_hip", "right_knee")),
    "arm_leg": (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")),
}


@dataclasses.dataclass(frozen=True)
class Even:
    """Series on an even clock from the first frame with any of them to the last.

    Attributes:
        value: [T, K], gaps along straight lines, ends held.
        seen: bool[T, K], false in gaps.
        share: [K] of the span's frames that were seen.
        clock: [T] seconds.
    """

    value: np.ndarray
    seen: np.ndarray
    share: np.ndarray
    clock: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, time: np.ndarray) -> Even | None:
        """Interpolates [T, K]; None where fewer than two frames show anything."""
        known = np.isfinite(x)
        some = np.flatnonzero(known.any(1))
        if len(some) < 2:
            return None
        first, last = some[[0, -1]]
        clock = np.linspace(time[first], time[last], len(time))
        value, seen = np.zeros(x.shape), np.zeros(x.shape, bool)
        left = np.clip(np.searchsorted(time, clock + 1e-9, side="right") - 1, 0, len(time) - 2)
        part = (clock - time[left]) / (time[left + 1] - time[left])
        for k in np.flatnonzero(known.any(0)):
            value[:, k] = np.interp(clock, time[known[:, k]], x[known[:, k], k])
            before, after = known[left, k], known[left + 1, k]
            seen[:, k] = (before | (part > 0.999)) & (after | (part < 0.001))
        return cls(value, seen, known.sum(0) / (last - first + 1), clock)


def symmetry(body: Body, theta: dict[str, np.ndarray], width: dict[str, float]) -> dict[str, float]:
    """The left side against the right."""
    out, floor = {}, np.deg2rad(5.0)
    for name in MAIN:
        left, right = width[f"left_{name}"], width[f"right_{name}"]
        part = (45.0 - np.rad2deg(np.arctan2(left, right))) / 90.0 * 100.0
        out[f"symmetry.{name}_range"] = part if max(left, right) >= floor else np.nan
    left, right = (np.mean([width[f"{side}_{name}"] for name in MAIN]) for side in SIDES)
    index = 100 * abs(left - right) / (0.5 * (left + right))
    out["symmetry.range_index"] = index if min(left, right) >= floor else np.nan
    a, b = (np.column_stack([theta[f"{side}_{name}"] for name in MAIN]) for side in SIDES)
    both = np.isfinite(a) & np.isfinite(b)
    even = Even.of(np.where(np.hstack([both, both]), np.hstack([a, b]), np.nan), body.time)
    seconds = seen_weights(both, body.time).sum(0)
    for limb, columns in (("arms", [0, 1]), ("legs", [2, 3])):
        found = (np.nan, np.nan)
        if even is not None and (seconds[columns] >= 1.0 - 1e-3).all():
            found = alike(even, columns)
        out[f"symmetry.{limb}_correlation"], out[f"symmetry.{limb}_lag"] = found
    out["symmetry.mirror_distance"] = mirror_distance(body)
    return out


def alike(even: Even, columns: list[int]) -> tuple[float, float]:
    """Returns the correlation of both sides' series, and the lag of their closest match."""
    seen = even.seen[:, columns]
    sides = []
    for at in (columns, [4 + k for k in columns]):
        value = even.value[:, at]
        sides.append(value - (value * seen).sum(0) / np.maximum(seen.sum(0), 1))
    a, b = sides
    n, least = len(a), np.deg2rad(0.5) ** 2
    r = np.nan
    size_a, size_b = (((x * seen) ** 2).sum() for x in sides)
    if min(size_a, size_b) > n * least:
        r = (a * b * seen).sum() / np.sqrt(size_a * size_b)
    if (even.share[columns] < 0.8).any():
        return r, np.nan
    step = even.clock[1] - even.clock[0]
    power_a, power_b = (np.append(0, np.cumsum((x**2).sum(1))) for x in sides)
    product = sum(signal.correlate(b[:, k], a[:, k]) for k in range(a.shape[1]))
    reach = min(n // 2, int((1.0 + 1e-6) / step))
    lags = np.arange(-reach, reach + 1)
    first, last = np.maximum(-lags, 0), n - np.maximum(lags, 0)
    ours = power_a[last] - power_a[first]
    theirs = power_b[last + lags] - power_b[first + lags]
    moved = np.minimum(ours, theirs) > n // 2 * least
    curve = np.where(moved, product[n - 1 + lags] / np.sqrt(ours * theirs), -np.inf)
    best = int(np.argmax(curve - 1e-3 * np.abs(lags) / (n // 2)))  # of equals the nearest to 0
    if not (0 < best < len(lags) - 1 and curve[best] >= 0.5):
        return r, np.nan
    before, here, after = curve[best - 1 : best + 2]
    if not (np.isfinite(before + after) and here >= max(before, after)):
        return r, np.nan
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return r, (lags[best] + shift) * step


def mirror_distance(body: Body) -> float:
    """Returns the mean distance of the limbs' joints from the pose's own mirror image."""
    middle = 0.5 * (body.at("left_hip") + body.at("right_hip"))
    axis = np.zeros_like(middle)
    axis[:, 0] = 1.0
    if middle.shape[1] == 3:
        lines = [body.at(f"left_{name}") - body.at(f"right_{name}") for name in ("hip", "shoulder")]
        axis = sum(line / norm(line)[:, None] for line in lines)
        axis[(axis**2).sum(1) <= 0.1] = np.nan  # twisted by half a turn: no middle plane
        axis /= norm(axis)[:, None]
    limbs = [body.index[f"{s}_{j}"] for s in SIDES for j in LIMB_JOINTS]
    other = [body.index[f"{s}_{j}"] for s in SIDES[::-1] for j in LIMB_JOINTS]
    swapped = body.pose[:, other]
    away = np.einsum("tjc,tc->tj", swapped - middle[:, None], axis)
    image = swapped - 2 * away[..., None] * axis[:, None]
    apart = norm(image - body.pose[:, limbs]).mean(1)
    return mean_seen(apart, body.time)


def coordination(body: Body, theta: dict[str, np.ndarray]) -> dict[str, float]:
    """Continuous relative phase by the Hilbert transform, over the inner eight tenths."""
    names = sorted({name for row in PAIRS.values() for pair in row for name in pair})
    x = np.column_stack([theta[name] for name in names])
    phasors = dict(zip(names, analytic(x, body.time).T, strict=True))
    out = {}
    for key, row in PAIRS.items():
        sizes, spreads = [], []
        for a, b in row:
            turn = inner(phasors[a] * np.conj(phasors[b]), body.time)
            turn = turn / np.abs(turn)
            sizes.append(mean_seen(np.abs(np.angle(turn)), body.time))
            mean = mean_seen(turn.real, body.time) + 1j * mean_seen(turn.imag, body.time)
            spreads.append(np.sqrt(-2 * np.log(np.abs(mean))))
        out[f"coordination.{key}_phase"] = np.rad2deg(np.mean(sizes))
        out[f"coordination.{key}_variability"] = np.rad2deg(np.mean(spreads))
    return out


def analytic(x: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Returns the analytic signals of angles [T, K] about the middle of their ranges.

    NaN where an angle is missing, and all of one that rests, misses a fifth, or is seen too short.
    """
    known = np.isfinite(x)
    low = np.where(known, x, np.inf).min(0)
    high = np.where(known, x, -np.inf).max(0)
    even = Even.of(x - 0.5 * (low + high), time)
    if even is None:
        return np.full(x.shape, np.nan + 0j)
    good = (even.share >= 0.8) & (high - low >= np.deg2rad(5.0))
    good &= seen_weights(known, time).sum(0) >= 1.0 - 1e-3
    found = signal.hilbert(even.value, axis=0)
    out = np.full(x.shape, np.nan + 0j)
    for k in np.flatnonzero(good):
        at = known[:, k]
        out[at, k] = np.interp(time[at], even.clock, found[:, k])
    return out


def inner(phasor: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Returns [T] without the first and the last tenth of what is seen."""
    seen = np.flatnonzero(np.isfinite(phasor))
    if not len(seen):
        return phasor
    first, last = time[seen[[0, -1]]]
    cut = 0.1 * (last - first) - 1e-6
    return np.where((time >= first + cut) & (time <= last - cut), phasor, np.nan)
