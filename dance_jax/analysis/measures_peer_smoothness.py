"""The benchmark's peer, smoothness: spectral arc length and log dimensionless jerk in SciPy."""

from __future__ import annotations

import numpy as np
from scipy import signal

from dance_jax.analysis.measures_peer_body import LIMBS, Body, derivative, norm

RATE, WINDOW, STILL = 30.0, 60, 0.05  # Hz and samples of a window; heights per second


def spectral_arc_length(speed: np.ndarray, rate: float, samples: int) -> float:
    """Computes SPARC as published (Balasubramanian et al. 2015): padding 4, 10 Hz, 0.05.

    Args:
        speed: uniform samples.
        rate: of them, Hz.
        samples: number from which the transform's length follows.
    """
    n = 2 ** (int(np.ceil(np.log2(samples))) + 4)
    spectrum = np.abs(np.fft.rfft(speed, n))
    if not spectrum.max() > 0:
        return np.nan
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


def runs(seen: np.ndarray) -> list[tuple[int, int]]:
    """Returns start and stop of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(int)))
    return list(zip(edges[::2], edges[1::2], strict=True))


def filtered(x: np.ndarray, low_pass: np.ndarray) -> np.ndarray:
    """Low-passes every run of [T, C] without phase shift; NaN where x is."""
    out = np.full_like(x, np.nan)
    for a, b in runs(np.isfinite(x).all(1)):
        out[a:b] = signal.sosfiltfilt(low_pass, x[a:b], axis=0, padlen=min(15, b - a - 1))
    return out


def read(x: np.ndarray, time: np.ndarray, when: np.ndarray) -> np.ndarray:
    """Reads [T, D] at times [N] by cubic Hermite pieces; NaN beside a missing sample."""
    slope = np.where(np.isfinite(x), np.nan_to_num(derivative(x, time)), np.nan)
    left = np.clip(np.searchsorted(time, when, side="right") - 1, 0, len(time) - 2)
    step = (time[left + 1] - time[left])[:, None]
    f = (when - time[left])[:, None] / step
    a, b, u, v = x[left], x[left + 1], step * slope[left], step * slope[left + 1]
    out = a + f * (u + f * (3 * (b - a) - 2 * u - v + f * (u + v - 2 * (b - a))))
    out[(f[:, 0] < -0.01) | (f[:, 0] > 1.01)] = np.nan
    out = np.where(np.isnan(out) & (np.abs(f) <= 0.01), a + f * u, out)
    return np.where(np.isnan(out) & (np.abs(f - 1) <= 0.01), b - (1 - f) * v, out)


def whole_arc(speed: np.ndarray, time: np.ndarray) -> float:
    """Returns the arc length of the longest run of [T] without a gap, on an even clock."""
    a, b = max(runs(np.isfinite(speed)), key=lambda run: run[1] - run[0], default=(0, 0))
    if b - a < 4:
        return np.nan
    even = read(speed[:, None], time, np.linspace(time[a], time[b - 1], b - a))[:, 0]
    rate = (b - a - 1) / (time[b - 1] - time[a])
    return spectral_arc_length(np.nan_to_num(even), rate, len(speed))


def smoothness(body: Body) -> dict[str, float]:
    """SPARC of the clip and of 2 s windows, log dimensionless jerk of 2 s windows, at 30 Hz."""
    speeds = norm(body.velocity[:, LIMBS])
    seen = np.isfinite(speeds).sum(1)
    mean = np.nansum(speeds, axis=1) / np.maximum(seen, 1)
    limb_speed = np.where(seen >= 6, mean, np.nan)
    vectors = {"body": limb_speed[:, None]}
    for part, joint in (
        *((f"{side}_{name}",) * 2 for name in ("wrist", "ankle") for side in ("left", "right")),
        ("hips", "hip"),
    ):
        vectors[part] = body.velocity[:, body.index[joint]]
    starts = np.arange(0, body.time[-1] + 1 / body.rate - 2.0 + 1e-6, WINDOW / RATE)
    clock = (starts[:, None] + np.arange(WINDOW) / RATE).ravel()
    low_pass = signal.butter(4, min(6.0, 0.4 * body.rate), fs=body.rate, output="sos")
    out: dict[str, float] = {}
    for part, vector in vectors.items():
        speed = limb_speed if part == "body" else norm(vector)
        arc, found = np.nan, (np.nan, np.nan)
        if body.rate >= 15.0 * (1 - 1e-3):
            both = np.column_stack([speed, filtered(vector, low_pass)])
            windows = read(both, body.time, clock).reshape(len(starts), WINDOW, -1)
            good = np.isfinite(windows).all((1, 2)) & (windows[..., 0].max(1) > STILL)
            arcs = [spectral_arc_length(w[:, 0], RATE, WINDOW) for w in windows[good]]
            jerks = [log_dimensionless_jerk(w[:, 1:], RATE) for w in windows[good]]
            moves = (speed[np.isfinite(speed)] > STILL).any()
            arc = whole_arc(speed, body.time) if moves else np.nan
            found = [np.median(x) if x else np.nan for x in (arcs, jerks)]
        names = (f"smoothness.{kind}_{part}" for kind in ("sparc", "sparc_window", "ldlj"))
        out |= dict(zip(names, (arc, *found), strict=True))
    return out
