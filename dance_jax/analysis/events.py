"""Moments found in the movement: hands at their highest, knees at their deepest bend."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis.result import PersonAnalysis

MIN_RISE_HEIGHTS = 0.15
MIN_BEND_DEG = 20.0
MIN_SPACING_S = 0.25


def peaks(
    value: np.ndarray, time_s: np.ndarray, prominence: float, spacing_s: float = MIN_SPACING_S
) -> list[tuple[float, float]]:
    """Finds the maxima that stand out, between frames where need be.

    The peak is the vertex of the parabola through the highest sample and its two neighbours.

    Args:
        value: [T]; NaN where unknown; no peak is sought beside a gap.
        time_s: [T] seconds.
        prominence: how far a peak must rise above its surroundings, in the unit of value.
        spacing_s: least time between two peaks, in seconds.

    Returns:
        (time in seconds, height) of every peak, in order of time.
    """
    from scipy import signal

    finite = np.isfinite(value)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], finite.astype(int), [0]])))
    found: list[tuple[float, float]] = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < 5:
            continue
        y, t = value[start:stop].astype(float), time_s[start:stop]
        step = float(np.median(np.diff(t)))
        at, _ = signal.find_peaks(
            y, prominence=prominence, distance=max(1, round(spacing_s / step))
        )
        for i in at:
            a, b, c = np.polyfit(t[i - 1 : i + 2] - t[i], y[i - 1 : i + 2], 2)
            shift = float(np.clip(-b / (2 * a), t[i - 1] - t[i], t[i + 1] - t[i])) if a < 0 else 0.0
            found.append((float(t[i] + shift), float(a * shift**2 + b * shift + c)))
    return found


def with_events(person: PersonAnalysis, pose_up: np.ndarray) -> PersonAnalysis:
    """Adds the moments of one dancer.

    Args:
        person: the dancer; angles in degrees.
        pose_up: [T,J,C] cleaned pose, y up, in the clip's unit.

    Returns:
        The same dancer with `events`, in order of time.
    """
    rows: list[dict[str, Any]] = []
    hip_y = pose_up[:, skeleton.index("halpe26", "hip"), 1]
    for side in ("left", "right"):
        wrist = pose_up[:, skeleton.index("halpe26", f"{side}_wrist"), 1]
        rise = (wrist - hip_y) / person.height_px
        for time, height in peaks(rise, person.time_s, MIN_RISE_HEIGHTS):
            rows.append(
                {
                    "kind": f"{side}_hand_high",
                    "label": f"{side} hand at its highest",
                    "time_s": time,
                    "value": height,
                    "unit": "height above hip",
                }
            )
        name = f"{side}_knee"
        if person.angle_status[name][0] != "ok":
            continue
        column = person.angle_names.index(name)
        bend = np.where(person.in_plane[:, column], person.angles[:, column], np.nan)
        for time, angle in peaks(bend, person.time_s, MIN_BEND_DEG):
            rows.append(
                {
                    "kind": f"{side}_knee_bent",
                    "label": f"{side} knee at its deepest bend",
                    "time_s": time,
                    "value": angle,
                    "unit": "deg",
                }
            )
    return dataclasses.replace(person, events=tuple(sorted(rows, key=lambda row: row["time_s"])))
