"""The numbers of the report, each with its unit, what it rests on, and a reason where refused."""

from __future__ import annotations

import dataclasses

import numpy as np

from dance_jax.analysis import validity
from dance_jax.analysis.quality import MIN_VALID_FRACTION
from dance_jax.analysis.result import Measure, PersonAnalysis
from dance_jax.kinematics import angles

_SPEED_LABEL = {
    "body": "Whole body, mean joint speed",
    "hip": "Hip centre speed",
    "left_wrist": "Left wrist speed",
    "right_wrist": "Right wrist speed",
    "left_ankle": "Left ankle speed",
    "right_ankle": "Right ankle speed",
}


def with_measures(person: PersonAnalysis) -> PersonAnalysis:
    """Adds the measures of one dancer.

    Args:
        person: the dancer, with angles in degrees, speeds and qualities.

    Returns:
        The same dancer with `measures`.
    """
    rows = [*_presence(person), *_angles(person), *_speeds(person), *_balance(person)]
    return dataclasses.replace(person, measures=tuple(rows))


def _presence(person: PersonAnalysis) -> list[Measure]:
    frames = len(person.time_s)
    fraction = person.frames_with_pose / max(frames, 1)
    rows = [
        Measure(
            "presence.dancer",
            "Dancer found",
            "presence",
            100 * fraction,
            "%",
            frames=person.frames_with_pose,
            fraction=fraction,
            note="share of the frames in which the pose estimator found this dancer",
        )
    ]
    if person.view is not None:
        for k, name in enumerate(validity.VIEWS):
            share = float((person.view == k).mean())
            rows.append(
                Measure(
                    f"view.{name}",
                    f"Seen from the {name}" if name != "oblique" else "Seen obliquely",
                    "presence",
                    100 * share,
                    "%",
                    frames=int((person.view == k).sum()),
                    fraction=share,
                    note="by the apparent width of shoulders and pelvis; a back view is a front",
                )
            )
    for part in person.parts:
        rows.append(
            Measure(
                f"presence.{part.name}",
                f"{part.name.capitalize()} seen",
                "presence",
                100 * part.seen,
                "%",
                frames=round(part.seen * frames),
                fraction=part.seen,
                note="share of the frames in which at least half of its joints were seen",
            )
        )
    return rows


def circular_range(theta_deg: np.ndarray) -> float:
    """Returns how far a direction swings: p99 - p1 about its circular mean, at most 360 degrees.

    Where a limb passes through the line of sight its direction in the picture may jump by half a
    turn either way, so the number of whole turns is not known and is not counted.

    Args:
        theta_deg: [N] degrees, wrapped or not.

    Returns:
        Degrees.
    """
    turn = np.exp(1j * np.radians(theta_deg))
    about = np.degrees(np.angle(turn * np.conj(turn.mean())))
    low, high = np.percentile(about, (1, 99))
    return float(high - low)


def _angles(person: PersonAnalysis) -> list[Measure]:
    rows: list[Measure] = []
    frames = max(len(person.time_s), 1)
    for definition in angles.ANGLES:
        column = person.angle_names.index(definition.name)
        status, reason = person.angle_status[definition.name]
        valid = np.isfinite(person.angles[:, column]) & person.in_plane[:, column]
        count = int(valid.sum())
        theta = person.angles[valid, column]
        omega = np.abs(person.angular_velocity[valid, column])
        omega = omega[np.isfinite(omega)]
        band = None
        if person.view is not None:
            ratio = person.in_plane_ratio[valid, column]
            band = validity.band(definition.name, ratio, person.view[valid])
        for key, label, unit, series, percentiles, note in (
            ("min", "lowest", "deg", theta, (1,), "1st percentile of the filtered angle"),
            ("max", "highest", "deg", theta, (99,), "99th percentile of the filtered angle"),
            (
                "range",
                "range of motion",
                "deg",
                theta,
                (1, 99),
                "99th minus 1st percentile of the filtered angle",
            ),
            (
                "peak_rate",
                "peak angular speed",
                "deg/s",
                omega,
                (99,),
                "99th percentile of the absolute angular velocity",
            ),
        ):
            if definition.kind == "segment" and key in ("min", "max"):
                continue
            ok = status == "ok" and len(series) > 0
            value = None
            if ok and key == "range" and definition.kind == "segment":
                value = circular_range(series)
            elif ok:
                points = np.percentile(series, percentiles)
                value = float(points[-1] - points[0] if len(points) == 2 else points[0])
            rows.append(
                Measure(
                    f"{definition.name}.{key}",
                    f"{definition.label}, {label}",
                    "angles",
                    value,
                    unit,
                    "ok" if ok else "refused",
                    "" if ok else reason or "no frame supports it",
                    count,
                    count / frames,
                    band.median if ok and band and unit == "deg" else None,
                    note,
                    band.p90 if ok and band and unit == "deg" else None,
                )
            )
    return rows


def _speeds(person: PersonAnalysis) -> list[Measure]:
    rows: list[Measure] = []
    frames = max(len(person.time_s), 1)
    for column, name in enumerate(person.speed_names):
        series = person.speeds[:, column]
        series = series[np.isfinite(series)]
        fraction = len(series) / frames
        reason = ""
        if not np.isfinite(person.height_px):
            reason = "no body scale: trunk and legs were never seen together"
        elif fraction < MIN_VALID_FRACTION:
            reason = (
                f"seen in {100 * fraction:.0f} % of the frames, "
                f"{100 * MIN_VALID_FRACTION:.0f} % are needed"
            )
        for key, label, function, note in (
            ("mean", "mean", np.mean, "mean over the frames where it was seen"),
            ("peak", "peak", lambda x: np.percentile(x, 99), "99th percentile"),
        ):
            rows.append(
                Measure(
                    f"speed.{name}.{key}",
                    f"{_SPEED_LABEL[name]}, {label}",
                    "speed",
                    None if reason else float(function(series)),
                    person.speed_unit,
                    "refused" if reason else "ok",
                    reason,
                    len(series),
                    fraction,
                    note=f"{note}; speed in the image plane from the filtered pose",
                )
            )
    return rows


def _balance(person: PersonAnalysis) -> list[Measure]:
    """Refuses balance by name where the feet it must rest on were not seen."""
    parts = {part.name: part for part in person.parts}
    unseen = [name for name in ("legs", "feet") if parts[name].status == "unseen"]
    if not unseen:
        return []
    seen = ", ".join(f"{name} in {100 * parts[name].seen:.0f} %" for name in unseen)
    return [
        Measure(
            "balance",
            "Balance",
            "balance",
            None,
            "",
            "refused",
            f"it rests on the legs and feet, and they were not seen ({seen} of the frames)",
        )
    ]
