"""The search for tempo and offset, and the dynamic time warping, behind an alignment.

DTW is that of `dtaidistance` (Apache-2.0; a small C library with wheels that needs only NumPy).
"""

from __future__ import annotations

import numpy as np

from dance_jax.analysis.compare_channels import Performer, aligned_joints, channels

_COARSE = 240  # samples of the longer clip in the rigid search
_PLACE, _ANGLE = 0.12, 30.0  # a body height and degrees that weigh alike
_TEMPI = 2.0 ** (np.arange(-8, 9) / 8)
_MIN_OVERLAP = 0.6  # of the shorter clip, in its own time
_PENALTY = 0.15  # of the usual distance: a step that stops one of the two clocks
_SMOOTH_S = 0.4


def features(performer: Performer, grid_s: np.ndarray) -> np.ndarray:
    """Samples what the alignment looks at: places of the limbs, and angles where valid.

    Args:
        performer: the dancer.
        grid_s: f64[N] times in seconds of the dancer's clip.

    Returns:
        f64[N,F], in units that weigh alike; NaN where not seen.
    """
    places = performer.local[:, aligned_joints(), :2].reshape(len(performer.local), -1)
    columns = [k for k, c in enumerate(channels()) if c.kind == "angle"]
    theta = np.where(performer.valid, performer.values, np.nan)[:, columns]
    joined = np.concatenate([places / _PLACE, theta / _ANGLE], 1)
    return sample(joined, performer.time_s, grid_s)


def sample(values: np.ndarray, time_s: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """Interpolates between the two frames around each time; NaN where either is missing.

    Args:
        values: [T,K]; NaN where missing.
        time_s: f64[T] seconds.
        at_s: f64[N] seconds.

    Returns:
        f64[N,K]; NaN outside the clip too.
    """
    left = np.clip(np.searchsorted(time_s, at_s, side="right") - 1, 0, len(time_s) - 2)
    part = ((at_s - time_s[left]) / (time_s[left + 1] - time_s[left]))[:, None]
    a, b = values[left], values[left + 1]
    with np.errstate(invalid="ignore"):
        out = np.where(part == 0, a, np.where(part == 1, b, (1 - part) * a + part * b))
    outside = (at_s < time_s[0] - 1e-9) | (at_s > time_s[-1] + 1e-9)
    return np.where(outside[:, None], np.nan, out)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the root mean square difference of all pairs of frames over what both show.

    Args:
        a: [N,F]; NaN where missing.
        b: [M,F].

    Returns:
        [N,M]; NaN where fewer than a third of the features are known in both.
    """
    x, y = np.isfinite(a).astype(float), np.isfinite(b).astype(float)
    u, v = np.nan_to_num(a), np.nan_to_num(b)
    count = x @ y.T
    total = (u * u) @ y.T + x @ (v * v).T - 2.0 * (u @ v.T)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= a.shape[1] / 3, np.sqrt(np.maximum(total, 0.0) / count), np.nan)


def _rigid(cost: np.ndarray, tempi: np.ndarray, least: float) -> tuple[int, float, float]:
    """Tries every tempo and offset on a coarse matrix: (offset in samples, tempo, mean cost)."""
    n, m = cost.shape
    rows = np.arange(n)
    best = (0, 1.0, np.inf)
    for tempo in tempi:  # student samples per teacher sample
        run = np.rint(tempo * rows).astype(int)
        offsets = np.arange(-run[-1], m)
        columns = offsets[:, None] + run[None]
        inside = (columns >= 0) & (columns < m)
        picked = np.where(inside, cost[rows[None], np.clip(columns, 0, m - 1)], np.nan)
        known = np.isfinite(picked)
        count = known.sum(1)
        enough = count >= max(3.0, least * min(n, m / tempo))
        mean = np.where(known, picked, 0.0).sum(1) / np.maximum(count, 1)
        # Of equal fits the one at the teacher's own tempo and start is taken.
        score = np.where(enough, mean * (1 + 0.03 * abs(np.log2(tempo))), np.inf)
        score = score + 1e-3 * np.abs(offsets) / max(n, m)
        at = int(np.argmin(score))
        if score[at] < best[2]:
            best = (int(offsets[at]), float(tempo), float(score[at]))
    return best


def _filled(x: np.ndarray) -> np.ndarray:
    """Bridges what was not seen: the library's DTW needs every number."""
    out = x.copy()
    index = np.arange(len(x))
    for k in range(x.shape[1]):
        known = np.isfinite(x[:, k])
        if not known.all() and known.any():
            out[:, k] = np.interp(index, index[known], x[known, k])
    return out


def _path(a: np.ndarray, b: np.ndarray, window: int, open_ends: int) -> np.ndarray:
    """DTW of two equally long series: for each row of `a` the mean row of `b` matched with it."""
    from dtaidistance import dtw, dtw_ndim

    common = np.isfinite(a).any(0) & np.isfinite(b).any(0)
    common &= (np.isfinite(a) & np.isfinite(b)).mean(0) >= 0.3
    a, b = (np.ascontiguousarray(_filled(x[:, common])) for x in (a, b))
    usual = float(np.sqrt(np.median(((a - np.roll(b, len(b) // 2, 0)) ** 2).sum(1))))
    _, paths = dtw_ndim.warping_paths_fast(
        a, b, window=window + 1, penalty=_PENALTY * usual, psi=(open_ends,) * 4
    )
    pairs = np.array([p for p in dtw.best_path(paths) if min(p) >= 0], float)
    rows = pairs[:, 0].astype(int)
    count = np.bincount(rows, minlength=len(a))
    mean = np.bincount(rows, pairs[:, 1], minlength=len(a)) / np.maximum(count, 1)
    index = np.arange(len(a))
    known = count > 0
    # Beyond an open end the clocks run on side by side.
    shift = np.interp(index, index[known], (mean - index)[known])
    return np.maximum.accumulate(np.clip(index + shift, 0, len(b) - 1))


def _smooth(x: np.ndarray, half: int) -> np.ndarray:
    if half < 1:
        return x
    kernel = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(x, half, "edge"), kernel / kernel.sum(), "valid")


def warp(
    teacher: Performer, student: Performer, spans: tuple, window_s: float, rate: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Lays the student's time onto the teacher's.

    Args:
        teacher: the dancer to compare with.
        student: the dancer to compare.
        spans: for each, (first, last) second in which the dancer is seen.
        window_s: how far the student may be early or late about the steady tempo, seconds.
        rate: samples a second.

    Returns:
        (teacher's times f64[N], student's times f64[N], mean distance; infinite where nothing can
        be compared).
    """
    (t0, t1), (s0, s1) = spans
    coarse = min(rate, _COARSE / max(t1 - t0, s1 - s0))
    a = features(teacher, np.arange(t0, t1, 1 / coarse))
    b = features(student, np.arange(s0, s1, 1 / coarse))
    shift, slope, _ = _rigid(distances(a, b), _TEMPI, _MIN_OVERLAP)
    begin = max(t0, t0 - shift / coarse / slope)
    end = min(t1, t0 + ((s1 - s0) - shift / coarse) / slope)
    grid = np.arange(begin, end + 1e-9, 1 / rate)
    mapped = np.clip(s0 + shift / coarse + slope * (grid - t0), s0, s1)
    x, y = features(teacher, grid), features(student, mapped)
    window = max(2, round(window_s * rate))
    matched = _path(x, y, window, min(window // 2, len(grid) // 8))
    index = np.arange(len(grid))
    bend = _smooth(matched - index, round(_SMOOTH_S * rate / 2))
    student_s = np.interp(index + bend, index, mapped)
    student_s = np.maximum.accumulate(student_s)
    apart = pairwise(x, features(student, student_s))
    return grid, student_s, float(np.nanmean(apart)) if np.isfinite(apart).any() else np.inf


def pairwise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the root mean square difference of matched rows: [N]; NaN where too few are known."""
    both = np.isfinite(a) & np.isfinite(b)
    squared = np.where(both, np.nan_to_num(a) - np.nan_to_num(b), 0.0) ** 2
    count = both.sum(1)
    mean = squared.sum(1) / np.maximum(count, 1)
    return np.where(count >= a.shape[1] / 3, np.sqrt(mean), np.nan)
