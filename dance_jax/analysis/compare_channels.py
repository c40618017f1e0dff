"""What is compared of one dancer: angles, heights and places of the limbs, each with its validity.

Lengths are body heights from the middle of the hips, so that the dancer's size, place in the
picture and distance from the camera drop out. Angles count only where the limb lies in the
picture's plane (`analysis.validity`).
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import palette
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.kinematics import angles, scale
from dance_jax.kinematics.angles import JOINT_ANGLE_NAMES

_LIMBS = ("wrist", "elbow", "knee", "ankle")
_SIDEWAYS = ("wrist", "ankle")
_LEANS = ("trunk", "head")
HIP = skeleton.index(skeleton.CANON, "hip")


@dataclasses.dataclass(frozen=True)
class Channel:
    """One thing that is compared over time.

    Attributes:
        key: stable machine name ("left_elbow", "left_wrist.height").
        kind: "angle" (joint angle), "lean" (direction of trunk or head), "height" or "sideways".
        joint: the body part in the words of the skeleton ("left_elbow").
        unit: "deg" or "height" (body heights).
    """

    key: str
    kind: str
    joint: str
    unit: str

    @property
    def group(self) -> str:
        """The key without its side: left and right share one detectable change."""
        return palette.without_side(self.key)

    @property
    def label(self) -> str:
        """What a reader sees: "Left elbow bend", "Left wrist height"."""
        noun = {"angle": "angle", "lean": "lean", "height": "height", "sideways": "place sideways"}
        text = f"{palette.plain(self.joint)} {noun[self.kind]}"
        return text[0].upper() + text[1:]


@functools.cache
def channels() -> tuple[Channel, ...]:
    """Returns every channel in the order of the columns."""
    sides = (palette.LEFT, palette.RIGHT)
    return (
        *(Channel(name, "angle", name, "deg") for name in JOINT_ANGLE_NAMES),
        *(Channel(name, "lean", name, "deg") for name in _LEANS),
        *(
            Channel(f"{side}_{limb}.height", "height", f"{side}_{limb}", "height")
            for limb in _LIMBS
            for side in sides
        ),
        *(
            Channel(f"{side}_{limb}.sideways", "sideways", f"{side}_{limb}", "height")
            for limb in _SIDEWAYS
            for side in sides
        ),
    )


@functools.cache
def flipped() -> tuple[int, ...]:
    """Returns for each channel the column of the same thing on the other side."""
    keys = [channel.key for channel in channels()]
    return tuple(keys.index(skeleton.other_side(key)) for key in keys)


@dataclasses.dataclass(frozen=True, eq=False)
class Performer:
    """One dancer, ready to be compared.

    Attributes:
        time_s: f64[T] seconds of the clip.
        local: f32[T,26,C] body heights from the middle of the hips, y up; NaN where missing.
        values: f64[T,K] the channels, degrees or body heights; NaN where missing.
        valid: bool[T,K] the value may be compared.
        view: int8[T] from which side the dancer is seen, -1 unknown; all -1 in 3D.
        height: body height in the clip's unit.
        mirrored: the movement is the mirror image of the one that was filmed.
    """

    time_s: np.ndarray
    local: np.ndarray
    values: np.ndarray
    valid: np.ndarray
    view: np.ndarray
    height: float
    mirrored: bool = False

    @property
    def planar(self) -> bool:
        """Whether only the picture's plane is known."""
        return self.local.shape[-1] == 2

    @property
    def present(self) -> np.ndarray:
        """bool[T]: at least half of the joints that are aligned were seen."""
        return np.isfinite(self.local[:, aligned_joints()]).all(-1).mean(-1) >= 0.5


@functools.cache
def aligned_joints() -> tuple[int, ...]:
    """Returns the joints whose places take part in the alignment."""
    names = ["nose"] + [
        f"{side}_{joint}"
        for joint in ("shoulder", *_LIMBS)
        for side in (palette.LEFT, palette.RIGHT)
    ]
    return tuple(skeleton.index(skeleton.CANON, name) for name in names)


def prepare(person: PersonAnalysis, unit: str) -> Performer:
    """Brings one analysed dancer to body heights and collects what is compared.

    Args:
        person: an analysed dancer.
        unit: of the clip, "px" or a length with y up.

    Returns:
        The performer; all NaN where no body height can be told.
    """
    pose = np.asarray(person.pose, np.float32)
    up = np.asarray(angles.image_to_y_up(pose)) if unit == "px" else pose
    tall = float(person.height_px)
    if not np.isfinite(tall):
        tall = float(scale.body_height_from_trunk(up))
    local = (up - up[:, HIP : HIP + 1]) / (tall if tall > 0 else np.nan)
    if local.shape[-1] == 3:
        local = _to_front(local)
    view = np.full(len(local), -1, np.int8) if person.view is None else person.view
    return Performer(person.time_s, local, *_channel_values(person, local, view), view, tall)


def mirror(performer: Performer) -> Performer:
    """Returns the mirror image: left limbs become right ones, and x changes its sign."""
    order = list(flipped())
    sign = np.array([-1.0 if c.kind in ("lean", "sideways") else 1.0 for c in channels()])
    return dataclasses.replace(
        performer,
        local=np.asarray(skeleton.mirror(performer.local, skeleton.CANON), np.float32),
        values=performer.values[:, order] * sign,
        valid=performer.valid[:, order],
        mirrored=not performer.mirrored,
    )


def _channel_values(
    person: PersonAnalysis, local: np.ndarray, view: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    values, valid = [], []
    for channel in channels():
        if channel.kind in ("angle", "lean"):
            column = person.angle_names.index(channel.joint)
            value = np.asarray(person.angles[:, column], np.float64)
            good = person.in_plane[:, column] & np.isfinite(value)
            if channel.kind == "lean":  # from upright; positive to the picture's right
                value = (90.0 - value + 180.0) % 360.0 - 180.0
        else:
            at = skeleton.index(skeleton.CANON, channel.joint)
            value = local[:, at, 1 if channel.kind == "height" else 0].astype(np.float64)
            good = np.isfinite(value)
        if channel.kind in ("lean", "sideways") and local.shape[-1] == 2:
            good = good & (view >= 0)
        values.append(value)
        valid.append(good)
    return np.stack(values, 1), np.stack(valid, 1)


def _to_front(local: np.ndarray) -> np.ndarray:
    """Turns a 3D dance about the vertical so that its usual facing is to the viewer (+z)."""
    left = skeleton.index(skeleton.CANON, "left_hip")
    right = skeleton.index(skeleton.CANON, "right_hip")
    across = local[:, left] - local[:, right]
    with np.errstate(invalid="ignore"):
        unit = across[:, [0, 2]] / np.linalg.norm(across[:, [0, 2]], axis=-1, keepdims=True)
    known = unit[np.isfinite(unit).all(-1)]
    if not len(known):
        return local
    x, z = known.mean(0)
    if np.hypot(x, z) < 0.2:  # turns all the time: there is no usual facing
        return local
    c, s = np.array([x, z]) / np.hypot(x, z)
    out = local.copy()
    out[..., 0] = c * local[..., 0] + s * local[..., 2]
    out[..., 2] = -s * local[..., 0] + c * local[..., 2]
    return out
