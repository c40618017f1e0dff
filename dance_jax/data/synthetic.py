"""Synthetic dancers: any number from a seed, with exact times and everything about them known."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from dance_jax.data.body import Body, make_body
from dance_jax.data.body_motion import Mover, turn
from dance_jax.data.choreography import Composer
from dance_jax.data.dance_events import Events, find_events
from dance_jax.data.dances import STYLES
from dance_jax.errors import InputError
from dance_jax.kinematics.forward import Rig, frames
from dance_jax.types import Clip


@dataclasses.dataclass(frozen=True)
class Skill:
    """What the stated quality is made of; each is drawn from the seed.

    Attributes:
        timing_sd_s: spread of the dancer's moves about the beat, 0-0.10 s.
        amplitude: size of the movement against the style's, 0.7-1.
        wobble_m: sway of the hip, 0-0.03 m.
        tremor_deg: shaking of the arms, 0-6 degrees.
    """

    timing_sd_s: float
    amplitude: float
    wobble_m: float
    tremor_deg: float

    @property
    def quality(self) -> float:
        """Stated quality in [0, 10].

        10 (0.3 (1 - timing/0.10) + 0.3 (amplitude - 0.7)/0.3 + 0.2 (1 - wobble/0.03)
        + 0.2 (1 - tremor/6)): a definition for tests, not a claim about dance.
        """
        return 10.0 * (
            0.3 * (1 - self.timing_sd_s / 0.10)
            + 0.3 * (self.amplitude - 0.7) / 0.3
            + 0.2 * (1 - self.wobble_m / 0.03)
            + 0.2 * (1 - self.tremor_deg / 6.0)
        )


@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticDance:
    """One synthetic dance and its truth.

    Attributes:
        seed: what it was made from.
        style: a key of `dances.STYLES`.
        time_s: f64[T] seconds.
        pose: f64[T,26,3] HALPE-26 joint centres in metres, y up, z to the viewer, the floor at 0.
        rotations: f64[T,26,3,3] joint rotations, see `kinematics.forward.frames`.
        root: f64[T,3] metres, the hip.
        planted: bool[T,2] left and right foot stand still on the floor.
        body: stature, build and rig.
        bpm: tempo of the music.
        events: exact times of what happens.
        skill: the parameters behind the quality.
        quality: stated quality, 0-10.
        ratings: f64[K] what K simulated raters say of it, 0-10.
        rater_severity: f64[K] what each rater adds to every dance, points.
        label: says that it is synthetic.
    """

    seed: int
    style: str
    time_s: np.ndarray
    pose: np.ndarray
    rotations: np.ndarray
    root: np.ndarray
    planted: np.ndarray
    body: Body
    bpm: float
    events: Events
    skill: Skill
    quality: float
    ratings: np.ndarray
    rater_severity: np.ndarray
    label: str

    @property
    def rig(self) -> Rig:
        """The rig: tree and bone vectors."""
        return self.body.rig

    @functools.cached_property
    def orientations(self) -> np.ndarray:
        """f64[T,26,3,3] world orientation of the segment that ends at each joint."""
        return frames(self.rig, self.rotations, self.root, np)[1]

    @functools.cached_property
    def angles(self) -> np.ndarray:
        """f32[T,A] true 3D angles in radians, in the order of `kinematics.angles.ANGLE_NAMES`."""
        from dance_jax.kinematics import angles

        return np.asarray(angles.compute(np.asarray(self.pose, np.float32)))

    @functools.cached_property
    def centre_of_mass(self) -> np.ndarray:
        """f32[T,3] whole-body centre of mass in metres."""
        from dance_jax.biomech import segments

        return np.asarray(segments.centre_of_mass(np.asarray(self.pose, np.float32)))

    def moved(
        self, x_m: float = 0.0, z_m: float = 0.0, yaw_deg: float | np.ndarray = 0.0
    ) -> SyntheticDance:
        """Returns the dance turned to its left about the room's middle, then shifted.

        Args:
            x_m: shift along x, metres.
            z_m: shift along z, metres.
            yaw_deg: degrees; of shape [T] it turns frame by frame (a dancer on a turntable: the
                feet slide).
        """
        turned = turn(1, np.broadcast_to(np.deg2rad(yaw_deg), self.time_s.shape))
        back = turned.transpose(0, 2, 1)
        shift = np.array([x_m, 0.0, z_m])
        rotations = self.rotations.copy()
        rotations[:, self.rig.index("hip")] = turned @ rotations[:, self.rig.index("hip")]
        return dataclasses.replace(
            self,
            pose=self.pose @ back + shift,
            rotations=rotations,
            root=(self.root[:, None] @ back)[:, 0] + shift,
        )

    def to_clip(self) -> Clip:
        """Returns the true poses as a clip of one person in metres, labelled synthetic."""
        pose = self.pose[:, None]
        return Clip(
            pose=pose,
            confidence=np.ones(pose.shape[:3]),
            time_s=self.time_s,
            skeleton="halpe26",
            unit="m",
            source={"synthetic": True, "seed": self.seed, "label": self.label},
            labels={"style": self.style, "quality": self.quality, "ratings": list(self.ratings)},
        )


def timestamps(
    duration_s: float, fps: float, jitter: float = 0.0, seed: int = 0, start_s: float = 0.0
) -> np.ndarray:
    """Frame times; k/fps, or with a variable frame rate.

    Args:
        duration_s: length; the last frame lies before it.
        fps: mean frames a second.
        jitter: largest shift of a frame, as a fraction of the frame time, below 0.5.
        seed: draws the shifts.
        start_s: time of the first frame.

    Returns:
        f64[T] strictly increasing seconds.

    Raises:
        InputError: no frame fits, or the jitter would reorder frames.
    """
    if not (fps > 0 and duration_s * fps >= 1):
        raise InputError(f"{duration_s} s at {fps} frames/s has no frame", "synthetic", "raise one")
    if not 0 <= jitter < 0.5:
        raise InputError(f"jitter {jitter} is outside [0, 0.5)", "synthetic", "lower it")
    time_s = np.arange(int(np.floor(duration_s * fps + 1e-9))) / fps
    shift = np.random.default_rng([seed, 77]).uniform(-jitter, jitter, len(time_s)) / fps
    shift[0] = 0.0
    return start_s + time_s + shift


def generate(
    seed: int,
    style: str | None = None,
    duration_s: float = 10.0,
    fps: float = 30.0,
    *,
    time_s: np.ndarray | None = None,
    jitter: float = 0.0,
    height_m: float | None = None,
    skill: Skill | None = None,
    dancer: int | None = None,
    raters: int = 5,
) -> SyntheticDance:
    """Makes one synthetic dance; the same arguments always give the same dance.

    Body, skill, choreography and raters come from separate streams of the seed, so that fixing one
    of them leaves the others as they were; times only choose where the motion is looked at.

    Args:
        seed: any non-negative integer.
        style: a key of `dances.STYLES`; drawn among the dance styles where None.
        duration_s: length in seconds.
        fps: frames a second.
        time_s: f64[T] own strictly increasing, non-negative times; replaces duration and fps.
        jitter: variable frame rate, see `timestamps`.
        height_m: stature; drawn from 1.50-1.95 m where None.
        skill: what the quality is made of; drawn where None.
        dancer: seed of the body and of its trembling, so that one dancer can do the choreography of
            another seed; `seed` where None.
        raters: number of simulated raters.

    Returns:
        The dance with its truth.

    Raises:
        InputError: an unknown style, or times out of order.
    """
    body_rng, skill_rng, plan_rng, noise_rng, rater_rng = (
        np.random.default_rng([seed, k]) for k in range(5)
    )
    if dancer is not None:
        body_rng, noise_rng = (np.random.default_rng([dancer, k]) for k in (0, 3))
    if style is None:
        style = str(plan_rng.choice([s for s in STYLES if s not in ("walk", "calibration")]))
    if style not in STYLES:
        raise InputError(
            f"no synthetic style {style!r}", "synthetic", f"one of {', '.join(STYLES)}"
        )
    if time_s is None:
        time_s = timestamps(duration_s, fps, jitter, seed)
    time_s = np.asarray(time_s, np.float64)
    if time_s.ndim != 1 or not len(time_s) or time_s[0] < 0 or np.any(np.diff(time_s) <= 0):
        raise InputError(
            "times must be [T], from 0 on, strictly increasing", "synthetic", "sort them"
        )
    end_s = float(time_s[-1])
    body = make_body(body_rng, height_m)
    drawn = Skill(*(float(x) for x in skill_rng.uniform((0, 0.7, 0, 0), (0.10, 1, 0.03, 6))))
    skill = skill or drawn
    composer = Composer(
        STYLES[style],
        plan_rng,
        end_s,
        leg=body.leg_m,
        hip_width=2 * abs(body.rig.offsets[body.rig.index("left_hip")][0]),
        amplitude=skill.amplitude,
        timing_sd_s=skill.timing_sd_s,
    )
    plan = composer.compose()
    mover = Mover(plan, body, end_s, skill.wobble_m, skill.tremor_deg, noise_rng)
    rotations, root = mover(time_s)
    planted = np.ones((len(time_s), 2), bool)
    for k, swings in enumerate(plan.swings):
        for swing in swings:
            planted[:, k] &= ~((time_s > swing.start_s) & (time_s < swing.end_s))
    severity = rater_rng.normal(0.0, 0.5, raters)
    ratings = np.clip(skill.quality + severity + rater_rng.normal(0.0, 0.6, raters), 0.0, 10.0)
    return SyntheticDance(
        seed=int(seed),
        style=style,
        time_s=time_s,
        pose=frames(body.rig, rotations, root, np)[0],
        rotations=rotations,
        root=root,
        planted=planted,
        body=body,
        bpm=60.0 / composer.period,
        events=find_events(plan, mover, body.rig, float(time_s[0]), end_s),
        skill=skill,
        quality=skill.quality,
        ratings=ratings,
        rater_severity=severity,
        label=f"SYNTHETIC dancer, {STYLES[style].label}, seed {seed}",
    )
