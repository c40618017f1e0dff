"""The table of joint and segment angles on HALPE-26: one row an angle, with its convention.

Joint angles are unsigned and mean the same in 2D and 3D: the angle between two directed segments,
times `sign`, plus `offset`. 0 degrees is the straight limb; the foot at right angles to the shank
for the ankle; the arm along the trunk for the shoulder.

Segment angles are the direction in which a segment points from its proximal end, counter-clockwise
from the picture's horizontal (x to the right, y up), in (-180, 180]: a hanging arm or leg is at
-90, an upright trunk at +90, a level pelvis facing the camera at 0. In 3D they are taken in the x-y
plane.
Head: the mid-point of the ears against the neck (mid-point of the shoulders), which every
estimator gives, unlike the vertex.
"""

from __future__ import annotations

import dataclasses
import math

from dance_jax import skeleton

Point = str | tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class AngleDef:
    """One angle.

    Attributes:
        name: machine name ("left_knee").
        label: what a reader sees ("Left knee flexion").
        kind: "joint" (between two segments) or "segment" (against the horizontal).
        points: for drawing: (end, vertex, end) of a joint, (proximal, distal) of a segment; a tuple
            in the place of a name means the mid-point of those joints.
        segments: the directed segments (from, to) that are measured: two of a joint, one else.
        offset: radians, added last.
        sign: +1 or -1, multiplies the angle between the segments.
        range_deg: values possible by the definition, in degrees.
        meaning: the convention in one sentence.
        side: "left", "right" or "" for the middle of the body.
    """

    name: str
    label: str
    kind: str
    points: tuple[Point, ...]
    segments: tuple[tuple[Point, Point], ...]
    offset: float
    sign: float
    range_deg: tuple[float, float]
    meaning: str
    side: str

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of all joints that the angle needs, without repetition."""
        flat: list[str] = []
        for ends in self.segments:
            for point in ends:
                flat += [point] if isinstance(point, str) else list(point)
        return tuple(dict.fromkeys(flat))


# name: segments, points, offset, sign, range, label, meaning; "~" stands for "left_" or "right_".
_JOINT = {
    "~elbow": (
        (("~shoulder", "~elbow"), ("~elbow", "~wrist")),
        ("~shoulder", "~elbow", "~wrist"),
        (0.0, 1.0, (0.0, 180.0)),
        ("elbow flexion", "0 = straight arm; grows as the forearm folds to the upper arm"),
    ),
    "~shoulder": (
        (("~shoulder", "~hip"), ("~shoulder", "~elbow")),
        ("~hip", "~shoulder", "~elbow"),
        (0.0, 1.0, (0.0, 180.0)),
        ("shoulder elevation", "0 = upper arm along the trunk; 180 = overhead"),
    ),
    "~hip": (
        (("~shoulder", "~hip"), ("~hip", "~knee")),
        ("~shoulder", "~hip", "~knee"),
        (0.0, 1.0, (0.0, 180.0)),
        (
            "hip flexion",
            "0 = thigh in line with the trunk; unsigned, back and side raises count too",
        ),
    ),
    "~knee": (
        (("~hip", "~knee"), ("~knee", "~ankle")),
        ("~hip", "~knee", "~ankle"),
        (0.0, 1.0, (0.0, 180.0)),
        ("knee flexion", "0 = straight leg; grows as the heel comes to the thigh"),
    ),
    "~ankle": (
        (("~heel", "~big_toe"), ("~ankle", "~knee")),
        ("~knee", "~ankle", "~big_toe"),
        (math.pi / 2, -1.0, (-90.0, 90.0)),
        ("ankle dorsiflexion", "0 = foot at right angles to the shank; pointed foot negative"),
    ),
}
_SEGMENT = {
    "~upper_arm": ("~shoulder", "~elbow", "upper arm", "-90 = hanging, 90 = raised"),
    "~forearm": ("~elbow", "~wrist", "forearm", "-90 = pointing down, 90 = up"),
    "~thigh": ("~hip", "~knee", "thigh", "-90 = hanging, 0 or 180 = level"),
    "~shank": ("~knee", "~ankle", "shank", "-90 = hanging"),
    "~foot": ("~heel", "~big_toe", "foot", "0 or 180 = level, -90 = toes straight down"),
}
_MIDDLE = {
    "pelvis": ("right_hip", "left_hip", "Pelvis", "0 = level, facing the camera; 180 = back to it"),
    "trunk": ("hip", "neck", "Trunk", "90 = upright; less = leaning to the picture's right"),
    "shoulders": (
        "right_shoulder",
        "left_shoulder",
        "Shoulder line",
        "0 = level, facing the camera",
    ),
    "head": ("neck", ("left_ear", "right_ear"), "Head", "90 = upright above the shoulders"),
}


def _sided(value: object, side: str) -> object:
    """Returns the value with "~" replaced by the side, in nested tuples too."""
    if isinstance(value, str):
        return value.replace("~", side + "_")
    return tuple(_sided(part, side) for part in value)


def _table() -> tuple[AngleDef, ...]:
    rows = []
    for name, (segments, points, (offset, sign, bounds), (label, meaning)) in _JOINT.items():
        for side in ("left", "right"):
            ends = (_sided(points, side), _sided(segments, side), offset, sign, bounds)
            text = f"{side.capitalize()} {label}"
            rows.append(AngleDef(_sided(name, side), text, "joint", *ends, meaning, side))
    sided = [
        (_sided(name, side), _sided(a, side), _sided(b, side), f"{side} {label}", meaning, side)
        for name, (a, b, label, meaning) in _SEGMENT.items()
        for side in ("left", "right")
    ]
    for name, a, b, label, meaning, side in sided + [
        (name, *row, "") for name, row in _MIDDLE.items()
    ]:
        text = f"{label[0].upper()}{label[1:]} direction"
        bounds = (-180.0, 180.0)
        rows.append(
            AngleDef(name, text, "segment", (a, b), ((a, b),), 0.0, 1.0, bounds, meaning, side)
        )
    return tuple(rows)


ANGLES: tuple[AngleDef, ...] = _table()
ANGLE_NAMES: tuple[str, ...] = tuple(row.name for row in ANGLES)
JOINT_ANGLE_NAMES: tuple[str, ...] = tuple(row.name for row in ANGLES if row.kind == "joint")
SEGMENT_ANGLE_NAMES: tuple[str, ...] = tuple(row.name for row in ANGLES if row.kind == "segment")
BY_NAME: dict[str, AngleDef] = {row.name: row for row in ANGLES}


def flip_angle(name: str) -> str:
    """Returns the angle of the other side ("left_knee" -> "right_knee", "trunk" -> "trunk")."""
    return skeleton.other_side(name)


def indices(point: Point) -> tuple[int, ...]:
    """Returns the HALPE-26 indices whose mean is the point."""
    names = (point,) if isinstance(point, str) else point
    return tuple(skeleton.index(skeleton.CANON, name) for name in names)
