"""What a body does at each instant, whichever way it looks and wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.types import Clip

FAMILIES = ("speed", "acceleration", "turning", "posture")

_LIMBS = (
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("hip", "knee"),
    ("knee", "ankle"),
)
_SIDES = ("left", "right")
_STILL = {"speed": 0.02, "acceleration": 0.2, "turning": 0.2}
"""What a logarithm takes as rest: body heights/s, body heights/s2, rad/s."""


def motion_channels(clip: Clip, *, mirrored: bool = False) -> Mapping[str, np.ndarray]:
    """Returns the channels of one clip, family by family.

        speed         log(|d(p - hips)/dt| + 0.02) of each joint
        acceleration  log(|d2(p - hips)/dt2| + 0.2) of each joint
        turning       log(angle between a limb's directions in neighbouring frames / dt + 0.2)
        posture       height above the hips and horizontal distance from them of each joint, angles
                      of elbows and knees, the trunk against the vertical, the hips above the lowest
                      joint, the distances of ankles and of wrists

    In the plane a limb's directions are those of the picture. A joint that is never seen is NaN.

    Args:
        clip: as `prepared.prepared` gives it: one person, y up, body heights.
        mirrored: of the mirror image: sides are exchanged.

    Returns:
        family -> f64[T,K], NaN where not known; K depends on the skeleton alone.

    Raises:
        ValueError: it lasts less than two frames.
    """
    if len(clip.pose) < 2:
        raise ValueError("a clip of one frame does not move")
    own = skeletons.get(clip.skeleton)
    pose = np.asarray(clip.pose[:, 0], np.float64)
    if mirrored:  # the sign of x has no influence on any channel
        pose = pose[:, np.asarray(own.flip)]
    place = {name: skeletons.index(own, name) for name in _joints()}
    step = float(np.median(np.diff(clip.time_s)))
    hips = 0.5 * (pose[:, place["left_hip"]] + pose[:, place["right_hip"]])
    neck = 0.5 * (pose[:, place["left_shoulder"]] + pose[:, place["right_shoulder"]])
    around = pose - hips[:, None]
    speed = np.gradient(around, step, axis=0)
    change = np.gradient(speed, step, axis=0)
    limbs = np.stack(
        [
            pose[:, place[f"{s}_{b}"]] - pose[:, place[f"{s}_{a}"]]
            for s in _SIDES
            for a, b in _LIMBS
        ],
        axis=1,
    )
    turned = _angle(limbs[1:], limbs[:-1]) / step
    up = np.zeros(pose.shape[-1])
    up[1] = 1.0
    flat = np.delete(around, 1, axis=-1)
    seen = np.isfinite(pose[..., 1])
    low = np.where(seen, pose[..., 1], np.inf).min(1)
    low = np.where(np.isfinite(low), low, np.nan)
    posture = [
        around[..., 1],
        np.linalg.norm(flat, axis=-1),
        _angle(limbs[:, 0::2], limbs[:, 1::2]),
        _angle(neck - hips, np.broadcast_to(up, hips.shape))[:, None],
        (hips[:, 1] - low)[:, None],
        *(
            np.linalg.norm(pose[:, place[f"left_{j}"]] - pose[:, place[f"right_{j}"]], axis=-1)[
                :, None
            ]
            for j in ("ankle", "wrist")
        ),
    ]
    return {
        "speed": _log("speed", np.linalg.norm(speed, axis=-1)),
        "acceleration": _log("acceleration", np.linalg.norm(change, axis=-1)),
        "turning": _log("turning", np.concatenate([turned[:1], turned])),
        "posture": np.concatenate(posture, axis=1),
    }


def _joints() -> set[str]:
    return {f"{side}_{name}" for side in _SIDES for limb in _LIMBS for name in limb}


def _log(family: str, size: np.ndarray) -> np.ndarray:
    return np.log(size + _STILL[family])


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the angle between vectors [...,C] in rad; NaN where one has no length."""
    size = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(size > 0, (a * b).sum(-1) / size, np.nan)
    return np.arccos(np.clip(cosine, -1.0, 1.0))
