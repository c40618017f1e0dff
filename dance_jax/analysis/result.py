"""What an analysis holds in memory, before any file is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dance_jax.types import Clip

if TYPE_CHECKING:
    from dance_jax.analysis.learned_result import Learned

SCHEMA_VERSION = "1.3"

NOT_ASSESSED = (
    ("hands and fingers", "the body model ends at the wrist"),
    ("face and gaze", "five face points are used for identity and direction only"),
    ("spine shape", "there is no joint between hip and neck"),
    ("turnout", "rotation of the thigh about its own axis does not move its end points"),
    ("forces and muscle activity", "a camera does not measure them"),
    (
        "camera movement and zoom",
        "the camera is taken to stand still; a change of the dancer's apparent size is warned of, "
        "nothing else",
    ),
)


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number of the report with its unit, what it rests on, and whether it may be trusted.

    Attributes:
        key: stable machine name ("left_knee.range").
        label: what a reader sees ("Left knee, range of motion").
        group: section of the report ("angles", "speed", "presence").
        value: the number; None where refused.
        unit: its unit ("deg", "deg/s", "height/s", "m/s", "%").
        status: "ok" or "refused".
        reason: why it was refused; "" when ok.
        frames: number of frames that it rests on.
        fraction: the same as a fraction of the clip's frames.
        band: half-width of the error band in the same unit (median absolute error), None where not
            measured.
        note: how it was computed, in one sentence.
        band_p90: 90th percentile of the same error.
        kind: "measured", "proxy" (rests on forces that were not measured) or "index" (kinematic
            index, not validated against human ratings).
        low: lower end of the 95 % interval that the uncertainty of the key points gives, None
            where it was not computed.
        high: its upper end.
        noisy: a large part of the value is the key points' own scatter.
        source: paper or table that the measure is taken from; "" for a plain definition.
    """

    key: str
    label: str
    group: str
    value: float | None
    unit: str
    status: str = "ok"
    reason: str = ""
    frames: int = 0
    fraction: float = 0.0
    band: float | None = None
    note: str = ""
    band_p90: float | None = None
    kind: str = "measured"
    low: float | None = None
    high: float | None = None
    noisy: bool = False
    source: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class PartQuality:
    """How well one body part was seen.

    Attributes:
        name: "face", "arms", "trunk", "legs" or "feet".
        joints: names of its joints.
        seen: fraction of the frames in which at least half of the part's joints were seen.
        confidence: mean joint confidence over all frames.
        status: "ok", "partial" or "unseen".
    """

    name: str
    joints: tuple[str, ...]
    seen: float
    confidence: float
    status: str


@dataclasses.dataclass(frozen=True, eq=False)
class PersonAnalysis:
    """Everything computed for one dancer.

    Attributes:
        person_id: identity from tracking, from 1.
        time_s: f64[T] seconds.
        pose_raw: f32[T,J,C] HALPE-26 in the clip's unit (pixels: y down), NaN where missing.
        pose: f32[T,J,C] the same after outlier removal, gap filling and low-pass.
        confidence: f32[T,J] in [0, 1].
        filled: bool[T,J] True where a gap was filled.
        pose_world: f32[T,J,3] or None; estimated metres, hip-centred, y up.
        angle_names: A names out of `dance_jax.kinematics.angles`.
        angles_raw: f32[T,A] degrees from pose_raw; NaN where missing.
        angles: f32[T,A] degrees from the filtered pose; NaN where missing, kept where out of plane.
        in_plane: bool[T,A] False where the limb moves too far out of the picture plane for 2D.
        in_plane_ratio: f32[T,A] apparent segment length over the clip's robust maximum.
        angle_status: a mapping name -> ("ok" | "refused", reason).
        angular_velocity: f32[T,A] degrees/s from filtered angles.
        speed_names: S names ("body", "left_wrist", ...).
        speeds: f32[T,S] in `speed_unit`.
        speed_unit: "m/s" where a body height was given, else "height/s".
        height_px: body height in pixels (robust, from segment lengths), NaN where legs or trunk are
            unseen.
        metres_per_px: scale, None without a given body height.
        parts: quality by body part.
        measures: the numbers of the report.
        frames_with_pose: number of frames in which this dancer was found.
        view: int8[T] position in `validity.VIEWS` (front, oblique, side), -1 unknown; None in 3D.
        events: moments found in the movement: {"kind", "label", "time_s", "value", "unit"}.
        series: movement measures by frame, name -> [T] or [T,k]; units in `SERIES`.
        rhythm: beats of the movement and of the music, and how they meet; empty where not computed.
        cutoff: the low-pass chosen for the movement measures and what hangs on it.
        angle_sd: f32[T,A] degrees, standard error of `angles` from the key points' own scatter.
        smoothness: smoothness by parts of the dance (`phrase_smoothness`); empty where not
            computed.
        learned: what a trained network says of the dancer; None without a run.
    """

    person_id: int
    time_s: np.ndarray
    pose_raw: np.ndarray
    pose: np.ndarray
    confidence: np.ndarray
    filled: np.ndarray
    pose_world: np.ndarray | None
    angle_names: tuple[str, ...]
    angles_raw: np.ndarray
    angles: np.ndarray
    in_plane: np.ndarray
    in_plane_ratio: np.ndarray
    angle_status: Mapping[str, tuple[str, str]]
    angular_velocity: np.ndarray
    speed_names: tuple[str, ...]
    speeds: np.ndarray
    speed_unit: str
    height_px: float
    metres_per_px: float | None
    parts: tuple[PartQuality, ...]
    measures: tuple[Measure, ...]
    frames_with_pose: int
    events: tuple[Mapping[str, Any], ...] = ()
    view: np.ndarray | None = None
    series: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    rhythm: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cutoff: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    angle_sd: np.ndarray | None = None
    smoothness: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    learned: Learned | None = None


SERIES: Mapping[str, tuple[str, str]] = {
    "com_x": ("height", "centre of mass, to the picture's right"),
    "com_y": ("height", "centre of mass, up"),
    "com_z": ("height", "centre of mass, towards the viewer (3D only)"),
    "com_sd": ("height", "standard error of the centre of mass from the key points' uncertainty"),
    "xcom_x": ("height", "extrapolated centre of mass (Hof), to the right"),
    "support_low": ("height", "left edge of the feet on the floor, in the picture's plane"),
    "support_high": ("height", "right edge of the feet on the floor, in the picture's plane"),
    "com_margin": ("height", "centre of mass to the edge of the support; positive inside"),
    "margin_of_stability": ("height", "extrapolated centre of mass to that edge; positive inside"),
    "time_to_contact": ("s", "time until the centre of mass would reach that edge"),
    "contact_left": ("", "left foot on the floor (1) or not (0)"),
    "contact_right": ("", "right foot on the floor (1) or not (0)"),
    "energy_kinetic": ("J/kg", "kinetic energy of all segments"),
    "energy_potential": ("J/kg", "potential energy above its lowest"),
    "energy_total": ("J/kg", "their sum"),
    "moment_left_ankle": ("body weight x height", "joint moment, a proxy: no force was measured"),
    "moment_right_ankle": ("body weight x height", "joint moment, a proxy"),
    "moment_left_knee": ("body weight x height", "joint moment, a proxy"),
    "moment_right_knee": ("body weight x height", "joint moment, a proxy"),
    "moment_left_hip": ("body weight x height", "joint moment, a proxy"),
    "moment_right_hip": ("body weight x height", "joint moment, a proxy"),
    "phase_arms": ("deg", "relative phase of the left and the right shoulder"),
    "phase_knees": ("deg", "relative phase of the left and the right knee"),
    "phase_left_leg": ("deg", "relative phase of the left hip and knee"),
    "phase_right_leg": ("deg", "relative phase of the right hip and knee"),
}
"""Name -> (unit, meaning) of the series of a dancer; `movement.csv` has the same columns."""


@dataclasses.dataclass(frozen=True, eq=False)
class Analysis:
    """The result of `dance_jax.analyze`.

    Attributes:
        clip: the tracked clip, raw HALPE-26 pixels of every person that was found.
        people: the chosen dancers, analysed.
        sightings: everything the estimator took for a person, also what was dropped later, one
            place on axis P without identity; kept only where faces are to be blurred.
        source: path, name, sha256, size, rate, codec, frames read, ... (JSON-able).
        estimator: name, model file, sha256, executor, settings (JSON-able).
        settings: the options used (JSON-able).
        tracks: one row a person found: id, frames, fraction, first_s, last_s, median_height_px,
            chosen.
        warnings: plain sentences for the reader.
        synthetic: True when the input is known to be rendered.
        timings_s: seconds by stage.
        versions: versions of the software that made it.
        exports: what was written, by file name, with notes (filled, left out).
        learned: the trained network that was used, what it was trained on and measured at
            (JSON-able); None without a run.
    """

    clip: Clip
    people: tuple[PersonAnalysis, ...]
    source: Mapping[str, Any]
    estimator: Mapping[str, Any]
    settings: Mapping[str, Any]
    tracks: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...] = ()
    synthetic: bool = False
    timings_s: Mapping[str, float] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exports: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sightings: Clip | None = None
    learned: Mapping[str, Any] | None = None
