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

# A summary needs nearly all frames in which the angle is known: those left out are the bent ones.
MIN_KEPT = 0.8
_RATE_NOTE = "99th percentile of the absolute angular velocity"
_NOTES = {
    "joint": {
        "min": "1st percentile of the filtered angle",
        "max": "99th percentile of the filtered angle",
        "range": "99th minus 1st percentile of the filtered angle",
        "peak_rate": _RATE_NOTE,
    },
    "segment": {
        "range": "smallest arc that holds 98 % of the frames; whole turns are not counted",
        "peak_rate": _RATE_NOTE,
    },
}
_STATISTICS = {
    "min": ("lowest", "deg"),
    "max": ("highest", "deg"),
    "range": ("range of motion", "deg"),
    "peak_rate": ("peak angular speed", "deg/s"),
}


def with_measures(person: PersonAnalysis) -> PersonAnalysis:
    """Adds the measures of one dancer.

    Args:
        person: the dancer, with angles in degrees, speeds and qualities.

    Returns:
        The same dancer with `measures`.
    """
    rows = [*_presence(person), *_angles(person), *_speeds(person)]
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


def smallest_arc(theta_deg: np.ndarray, share: float = 0.98) -> float:
    """Returns the smallest arc of the circle that holds a share of the directions, in degrees.

    Where a limb passes through the line of sight its direction in the picture may jump either way,
    so whole turns are not counted: the arc is at most 360 degrees.

    Args:
        theta_deg: [N] degrees, wrapped or not.
        share: in (0, 1].
    """
    around = np.sort(np.asarray(theta_deg, float) % 360)
    hold = max(int(np.ceil(share * len(around))), 1)
    start = np.arange(len(around))
    end = start + hold - 1
    return float(np.min(around[end % len(around)] + 360 * (end >= len(around)) - around))


def statistics(kind: str, theta_deg: np.ndarray) -> dict[str, float]:
    """Returns the summary of one angle over the frames that support it, in degrees.

    Args:
        kind: "joint" or "segment".
        theta_deg: [N] filtered angle, at least one frame.

    Returns:
        "min" and "max" (1st and 99th percentile) and "range" (their difference) of a joint angle;
        "range" (the smallest arc that holds 98 % of the frames) of a segment direction.
    """
    if kind == "segment":
        return {"range": smallest_arc(theta_deg)}
    low, high = np.percentile(theta_deg, (1, 99))
    return {"min": float(low), "max": float(high), "range": float(high - low)}


def _angles(person: PersonAnalysis) -> list[Measure]:
    rows: list[Measure] = []
    frames = max(len(person.time_s), 1)
    for definition in angles.ANGLES:
        column = person.angle_names.index(definition.name)
        status, reason = person.angle_status[definition.name]
        known = np.isfinite(person.angles[:, column])
        valid = known & person.in_plane[:, column]
        count = int(valid.sum())
        if status == "ok" and count < MIN_KEPT * known.sum():
            left_out = 100 * (1 - count / known.sum())
            status, reason = (
                "refused",
                f"{left_out:.0f} % of the frames are out of the picture plane and may hold the "
                f"extremes; at most {100 * (1 - MIN_KEPT):.0f} % are allowed",
            )
        values: dict[str, float] = {}
        if status == "ok" and count:
            values = statistics(definition.kind, person.angles[valid, column])
            omega = np.abs(person.angular_velocity[valid, column])
            if np.isfinite(omega).any():
                values["peak_rate"] = float(np.nanpercentile(omega, 99))
        for key in _NOTES[definition.kind]:
            label, unit = _STATISTICS[key]
            band = None
            if key in values and person.view is not None:
                band = validity.band(definition.name, key)
            rows.append(
                Measure(
                    f"{definition.name}.{key}",
                    f"{definition.label}, {label}",
                    "angles",
                    values.get(key),
                    unit,
                    "ok" if key in values else "refused",
                    "" if key in values else reason or "no frame supports it",
                    count,
                    count / frames,
                    band.median if band else None,
                    _NOTES[definition.kind][key],
                    band.p90 if band else None,
                )
            )
    return rows


def _speeds(person: PersonAnalysis) -> list[Measure]:
    rows: list[Measure] = []
    frames = max(len(person.time_s), 1)
    where = "in space" if person.pose.shape[-1] == 3 else "in the image plane"
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
                    note=f"{note}; speed {where} from the filtered pose",
                )
            )
    return rows
