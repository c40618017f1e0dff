"""Why a movement measure has no value for a clip, in words that say how to mend it."""

from __future__ import annotations

import numpy as np

from dance_jax.analysis import apparent_size
from dance_jax.analysis.quality import MIN_VALID_FRACTION
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.biomech.measure import MeasureDef

# Measures that rest on joint angles; in a picture they fall with the angles they rest on.
_ANGLE_GROUPS = ("range", "symmetry", "coordination", "limits")
_JOINTS_OF = {
    "arms": ("shoulder", "elbow"),
    "arm": ("shoulder",),
    "legs": ("hip", "knee"),
    "leg": ("hip",),
    "knees": ("knee",),
    **{joint: (joint,) for joint in ("shoulder", "elbow", "hip", "knee", "ankle")},
}


def angles_behind(row: MeasureDef) -> tuple[str, ...]:
    """Names the joint angles that a measure rests on, from the words of its key.

    Args:
        row: a measure.

    Returns:
        Names out of `ANGLE_NAMES`; empty for a measure that rests on positions.
    """
    if row.group not in _ANGLE_GROUPS or row.key == "symmetry.mirror_distance":
        return ()
    words = row.key.split(".", 1)[1].split("_")
    sides = tuple(s for s in ("left", "right") if s in words) or ("left", "right")
    joints = {joint for word in words for joint in _JOINTS_OF.get(word, ())}
    if not joints and row.key not in ("range.neck", "range.trunk_tilt"):
        joints = {"shoulder", "elbow", "hip", "knee"}  # a mean over the whole body
    return tuple(f"{side}_{joint}" for side in sides for joint in sorted(joints))


def seconds_seen(person: PersonAnalysis) -> float:
    """Returns the time between frames that both show the dancer, in seconds."""
    seen = np.isfinite(person.pose).all(-1).any(-1)
    return float(np.diff(person.time_s)[seen[1:] & seen[:-1]].sum())


def beforehand(row: MeasureDef, person: PersonAnalysis, planar: bool) -> str:
    """Says why a measure may not be stated for a dancer whatever its value; "" where it may.

    Args:
        row: the measure.
        person: the dancer, with parts and angle states.
        planar: the poses are a picture, not in space.

    Returns:
        One clause.
    """
    if (2 if planar else 3) not in row.dims:
        return "it is defined in space, and this clip is a picture" if planar else "planar only"
    parts = {part.name: part for part in person.parts}
    unseen = [
        f"{name} seen in {100 * parts[name].seen:.0f} %"
        for name in row.parts
        if parts[name].seen < MIN_VALID_FRACTION
    ]
    if unseen:
        return (
            f"it rests on parts that were not seen enough ({', '.join(unseen)} of the frames; "
            f"{100 * MIN_VALID_FRACTION:.0f} % are needed)"
        )
    if row.needs_scale and not (person.metres_per_px and np.isfinite(person.metres_per_px)):
        return "it needs metres: give the dancer's body height, --config.height_m"
    seconds = seconds_seen(person)
    if seconds < row.min_s:
        return f"it needs {row.min_s:g} s, and {seconds:.2f} s were seen"
    if planar:
        refused = [n for n in angles_behind(row) if person.angle_status[n][0] != "ok"]
        if refused:
            return (
                f"it rests on {', '.join(n.replace('_', ' ') for n in refused)}, refused in this "
                "view"
            )
        if row.key in apparent_size.ONE_SCALE:
            less = apparent_size.smaller_by(person.pose, person.time_s, person.pose_world)
            if less > apparent_size.LIMIT:
                return (
                    f"it needs one scale and one floor for the whole clip, and the dancer looks up "
                    f"to {100 * less:.0f} % smaller at some times (depth or zoom); cut the clip "
                    "where the size stays"
                )
    return ""


def afterwards(row: MeasureDef) -> str:
    """Says why a measure that may be stated came out without a value."""
    return f"it is not defined here: {row.undefined}"
