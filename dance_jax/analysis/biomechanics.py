"""From a dancer's cleaned poses to movement measures, their intervals, and series over time."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from dance_jax.analysis import (
    compiled,
    movement_rows,
    phrase_smoothness,
    programs,
    refusals,
    rhythm,
    standing,
)
from dance_jax.analysis.intervals import Draws, intervals
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.biomech import (
    balance,
    catalogue,
    coordination,
    inverse_dynamics,
    smoothness,
    uncertainty,
)
from dance_jax.biomech.movement import Movement
from dance_jax.kinematics import cutoff as cutoffs
from dance_jax.kinematics import scale
from dance_jax.kinematics.butterworth import butterworth_zero_phase

_TRIED_HZ = (4.0, 6.0, 8.0, 10.0, 12.0)
_PHASES = {
    ("left_shoulder", "right_shoulder"): "phase_arms",
    ("left_knee", "right_knee"): "phase_knees",
    ("left_hip", "left_knee"): "phase_left_leg",
    ("right_hip", "right_knee"): "phase_right_leg",
}


def body_height(pose_up: np.ndarray) -> float:
    """Returns the body height in the pose's unit; from the trunk where the legs were never seen."""
    height = float(scale.body_height(pose_up))
    if not np.isfinite(height):
        height = float(scale.body_height_from_trunk(pose_up))
    return height if height > 0 else np.nan


def movement_of(pose_up: np.ndarray, time_s: np.ndarray, height_m: float | None) -> Movement:
    """Brings a filtered pose to body heights, padded to one of few lengths.

    Args:
        pose_up: [T, 26, C] filtered, any unit, y up; NaN where missing.
        time_s: [T] seconds.
        height_m: the dancer's height in metres, None where not known.

    Returns:
        The movement; padded frames are NaN, their times go on in the clip's usual step.
    """
    n = len(pose_up)
    size = programs.padded_length(n)
    pose = np.full((size, *pose_up.shape[1:]), np.nan, np.float32)
    pose[:n] = pose_up / body_height(pose_up)
    clock = np.asarray(time_s, np.float64) - time_s[0]
    step = float(np.median(np.diff(clock)))
    clock = np.concatenate([clock, clock[-1] + step * np.arange(1, size - n + 1)])
    metres = np.nan if height_m is None else height_m
    return Movement(pose, clock.astype(np.float32), np.float32(metres))


def height_m(person: PersonAnalysis, options: Options, unit: str) -> float | None:
    """Returns the dancer's height in metres: measured in a clip in metres, else as given."""
    if unit == "m":
        return person.height_px if np.isfinite(person.height_px) else None
    return options.height_m if np.isfinite(person.height_px) else None


def series(found: Mapping[str, Any], n: int) -> dict[str, np.ndarray]:
    """Returns the movement measures that are followed over time, see `result.SERIES`.

    Args:
        found: what `programs.series` returned.
        n: frames of the clip.

    Returns:
        name -> f32[T]; a series without any value is left out.
    """
    followed = jax.tree.map(lambda x: np.asarray(x)[:n], dict(found))
    stand = balance.Balance(**followed["balance"])
    edges = np.where(np.isfinite(stand.support[..., 0]), stand.support[..., 0], np.inf)
    low = edges.min(-1)
    high = np.where(np.isfinite(edges), edges, -np.inf).max(-1)
    out = {f"com_{axis}": stand.com[:, i] for i, axis in enumerate("xyz"[: stand.com.shape[1]])}
    out |= {
        "xcom_x": stand.xcom[:, 0],
        "support_low": np.where(np.isfinite(low), low, np.nan),
        "support_high": np.where(np.isfinite(high), high, np.nan),
        "contact_left": stand.contacts[:, 0],
        "contact_right": stand.contacts[:, 1],
        "com_margin": stand.com_margin,
        "margin_of_stability": stand.margin,
        "time_to_contact": stand.time_to_contact_s,
    }
    for name, value in followed["energy"].items():
        out[f"energy_{name}"] = value
    for column, name in enumerate(inverse_dynamics.MOMENT_NAMES):
        if name.endswith(("ankle", "knee", "hip")):
            out[f"moment_{name}"] = followed["moment"][:, column]
    for column, pair in enumerate(coordination.PAIRS):
        if pair in _PHASES:
            out[_PHASES[pair]] = np.degrees(followed["phases"][:, column])
    out = {name: np.asarray(value, np.float32) for name, value in out.items()}
    return {name: value for name, value in out.items() if np.isfinite(value).any()}


def choose_cutoff(
    repaired: np.ndarray, time_s: np.ndarray, options: Options
) -> tuple[float, dict[str, Any]]:
    """Chooses the low-pass for the movement measures by residual analysis.

    Args:
        repaired: [T, 26, C] outliers removed and gaps filled, not low-passed.
        time_s: [T] seconds.
        options: the filter's order.

    Returns:
        (cut-off in Hz, what the report says of it).
    """
    found = cutoffs.residual_cutoff(repaired, time_s, order=options.filter_order)
    hertz = float(found.cutoff_hz)
    note = {
        "cutoff_hz": hertz,
        "how": "chosen for this clip by residual analysis (least estimated error)",
        "estimated_error": float(np.asarray(found.risk)[np.argmin(np.asarray(found.risk))]),
    }
    return hertz, note


def smoothness_range(
    repaired: np.ndarray, time_s: np.ndarray, options: Options
) -> dict[str, Any] | None:
    """Computes how the body's smoothness (SPARC) depends on the cut-off of the low-pass."""

    def measure(pose: np.ndarray) -> np.ndarray:
        moved = movement_of(np.asarray(pose), time_s, None)
        return _sparc(moved)

    rate = 1.0 / float(np.median(np.diff(time_s)))
    tried = np.array([hz for hz in _TRIED_HZ if hz <= cutoffs.HIGHEST * rate], np.float32)
    if not tried.size:
        return None
    found = cutoffs.sensitivity(measure, repaired, time_s, tried, options.filter_order)
    if not np.isfinite([float(found.low), float(found.high)]).all():
        return None
    return {
        "low_hz": float(tried[0]),
        "high_hz": float(tried[-1]),
        "range": (float(found.low), float(found.high)),
    }


@jax.jit
def _sparc(moved: Movement) -> Any:
    return smoothness.summarise(moved)["smoothness.sparc_body"]


@functools.partial(jax.jit, static_argnames="anthropometry")
def _spread(pose: Any, sd: Any, anthropometry: str) -> tuple[Any, Any]:
    return uncertainty.angle_sd(pose, sd), uncertainty.com_sd(pose, sd, anthropometry)


def with_movement(
    person: PersonAnalysis,
    repaired: np.ndarray,
    angles_pose: np.ndarray,
    options: Options,
    unit: str,
    music: rhythm.Music,
    count: int | None = None,
) -> PersonAnalysis:
    """Adds the movement measures of one dancer.

    Args:
        person: the dancer with angles, parts and scale.
        repaired: [T, 26, C] outliers removed and gaps filled, not low-passed; y up.
        angles_pose: [T, 26, C] low-passed as the angles are; y up.
        options: the analysis options.
        unit: unit of the clip.
        music: beats of the music.
        count: draws of the key points' errors behind an interval, see `intervals.Draws`.

    Returns:
        The same dancer with more `measures`, and with `series`, `rhythm`, `cutoff` and
        `smoothness`.
    """
    n, time_s = len(person.time_s), person.time_s
    planar = repaired.shape[-1] == 2
    compiled.spare(n)
    hertz, note = choose_cutoff(repaired, time_s, options)
    if not np.isfinite(hertz):  # no joint was seen long enough: every row says so
        found = dict.fromkeys(catalogue.MEASURES, np.nan)
        person = dataclasses.replace(
            person, measures=(*person.measures, *movement_rows.rows(person, found, planar))
        )
        moved = movement_of(repaired, time_s, None)
        return phrase_smoothness.with_phrases(rhythm.with_rhythm(person, moved, music), moved)
    smooth = np.asarray(butterworth_zero_phase(repaired, time_s, hertz, options.filter_order))
    metres = height_m(person, options, unit)
    moved = movement_of(smooth, time_s, metres)
    scale_of = 1.0 / body_height(smooth)
    note["sensitivity"] = smoothness_range(repaired, time_s, options)
    compiled.give_back()
    compiled.spare(n)

    def spread_of(filtered: np.ndarray, cutoff_hz: float) -> np.ndarray:
        sd = uncertainty.keypoint_sd(repaired, filtered, person.confidence, time_s, cutoff_hz)
        return _pad(np.asarray(sd) * scale_of, len(moved.pose))

    used = min(options.filter_cutoff_hz, cutoffs.HIGHEST / float(np.median(np.diff(time_s))))
    angle_sd, _ = _spread(
        _pad(angles_pose * scale_of, len(moved.pose)),
        spread_of(angles_pose, used),
        options.anthropometry,
    )
    sd = spread_of(smooth, hertz)
    _, com_sd = _spread(moved.pose, sd, options.anthropometry)
    compiled.spare(n)
    found = programs.values(moved, options.anthropometry)
    raw = programs.series(moved, options.anthropometry)
    followed = series(raw, n)
    stand = balance.Balance(**{k: np.asarray(v)[:n] for k, v in raw["balance"].items()})
    doubt = standing.doubt(stand, time_s, metres, refusals.seconds_seen(person))
    followed["com_sd"] = np.asarray(com_sd)[:n, 0]
    draws = Draws(moved, sd, hertz, count)
    measures = movement_rows.rows(
        person,
        found,
        planar,
        intervals(draws, found, options.anthropometry),
        dict.fromkeys(standing.KEYS, doubt),
    )
    person = dataclasses.replace(
        person,
        measures=(*person.measures, *measures),
        series=followed,
        angle_sd=np.degrees(np.asarray(angle_sd)[:n]),
        cutoff=note,
    )
    compiled.spare(n)
    person = rhythm.with_rhythm(person, moved, music, draws)
    return phrase_smoothness.with_phrases(person, moved, draws)


def _pad(x: np.ndarray, size: int) -> np.ndarray:
    rows = [(0, size - len(x))] + [(0, 0)] * (x.ndim - 1)
    return np.pad(np.asarray(x, np.float32), rows, constant_values=np.nan)
