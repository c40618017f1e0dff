"""Measures and qualities of a faked dancer, for tests of what is written about them."""

from __future__ import annotations

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis.result import Measure, PartQuality
from dance_jax.kinematics.angles import ANGLES

JOINTS = skeleton.get("halpe26").joints
AT = {name: i for i, name in enumerate(JOINTS)}
PARTS = {
    "face": ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    "trunk": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "arms": ("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    "legs": ("left_knee", "right_knee", "left_ankle", "right_ankle"),
    "feet": ("left_heel", "right_heel", "left_big_toe", "right_big_toe"),
}
SPEEDS = ("body", "hip", "left_wrist", "right_wrist", "left_ankle", "right_ankle")
VIEWS = {"front": 0.96, "oblique": 0.04, "side": 0.0}


def part(name: str, seen: np.ndarray, confidence: np.ndarray) -> PartQuality:
    at = [AT[j] for j in PARTS[name]]
    share = float((seen[:, at].mean(-1) >= 0.5).mean())
    status = "ok" if share >= 0.7 else "partial" if share >= 0.3 else "unseen"
    return PartQuality(name, PARTS[name], share, float(confidence[:, at].mean()), status)


def measures(names, status, theta, omega, speeds, parts) -> tuple[Measure, ...]:
    rows = [
        Measure(f"presence.{p.name}", f"{p.name.capitalize()} seen", "presence", 100 * p.seen, "%",
                fraction=p.seen, frames=round(p.seen * len(theta)),
                note="share of the frames in which at least half of its joints were seen")
        for p in parts
    ]  # fmt: skip
    rows += [
        Measure(f"view.{name}", f"Seen {name}", "presence", 100 * share, "%", fraction=share)
        for name, share in VIEWS.items()
    ]
    kinds = {definition.name: definition.kind for definition in ANGLES}
    labels = {definition.name: definition.label for definition in ANGLES}
    for column, name in enumerate(names):
        ok = status[name][0] == "ok"
        series = theta[:, column][np.isfinite(theta[:, column])]
        rate = np.abs(omega[:, column][np.isfinite(omega[:, column])])
        low, high = np.percentile(series, (1, 99))
        for key, label, value, unit in (
            ("min", "lowest", low, "deg"),
            ("max", "highest", high, "deg"),
            ("range", "range of motion", high - low, "deg"),
            ("peak_rate", "peak angular speed", np.percentile(rate, 99), "deg/s"),
        ):
            rows.append(
                Measure(
                    f"{name}.{key}",
                    f"{labels[name]}, {label}",
                    "angles",
                    float(value) if ok else None,
                    unit,
                    *status[name],
                    len(series),
                    len(series) / len(theta),
                    4.2 if ok and unit == "deg" else None,
                    f"{kinds[name]} range note" if key == "range" else "percentile",
                )
            )
    for column, name in enumerate(SPEEDS):
        series = speeds[:, column][np.isfinite(speeds[:, column])]
        for key, value in (("mean", series.mean()), ("peak", np.percentile(series, 99))):
            rows.append(
                Measure(
                    f"speed.{name}.{key}",
                    f"{name.replace('_', ' ').capitalize()} speed, {key}",
                    "speed",
                    float(value),
                    "height/s",
                    frames=len(series),
                    fraction=len(series) / len(theta),
                    note=f"{key}; speed in the image plane from the filtered pose",
                )
            )
    rows.append(
        Measure(
            "balance",
            "Balance",
            "balance",
            None,
            "",
            "refused",
            "it rests on the legs and feet, and they were not seen (feet in 12 % of the frames)",
        )
    )
    return tuple(rows)
