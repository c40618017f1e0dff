"""Body shapes of the synthetic dancers: a rig from a seed, by fractions of stature."""

from __future__ import annotations

import dataclasses

import numpy as np

from dance_jax.kinematics.forward import Rig


@dataclasses.dataclass(frozen=True)
class Body:
    """One body: its stature, build and rig.

    Attributes:
        height_m: stature without shoes, metres.
        girth: breadth of the limbs and trunk against the mean build, 1 = mean.
        rig: bone vectors in metres.
    """

    height_m: float
    girth: float
    rig: Rig

    def rest(self, joint: str) -> np.ndarray:
        """Returns f64[3] metres from the hip to a joint in the rest pose."""
        place, k = np.zeros(3), self.rig.index(joint)
        while k >= 0:
            place, k = place + np.asarray(self.rig.offsets)[k], self.rig.parents[k]
        return place

    def length(self, joint: str) -> float:
        """Returns the length of the bone that ends at a joint, in metres."""
        return float(np.linalg.norm(np.asarray(self.rig.offsets)[self.rig.index(joint)]))

    @property
    def leg_m(self) -> float:
        """Thigh and shank together, metres."""
        return self.length("left_knee") + self.length("left_ankle")


# Bone vectors as fractions of stature for the left side and the middle: x to the dancer's left,
# y up, z to the front. Joint centres; after Drillis & Contini (1966), as printed in Winter,
# Biomechanics and Motor Control of Human Movement (thigh .245, shank .246, foot .152, upper arm
# .186, forearm .146, ankle height .039); shoulder and hip centres lie inside the breadths.
BONES: dict[str, tuple[float, float, float]] = {
    "left_hip": (0.052, -0.010, 0.0),
    "neck": (0.0, 0.282, 0.0),
    "head": (0.0, 0.180, 0.004),
    "nose": (0.0, -0.072, 0.062),
    "left_eye": (0.0185, 0.015, -0.014),
    "left_ear": (0.024, -0.007, -0.050),
    "left_shoulder": (0.101, 0.0, 0.0),
    "left_elbow": (0.0, -0.178, 0.0),
    "left_wrist": (0.0, -0.148, 0.0),
    "left_knee": (0.0, -0.245, 0.0),
    "left_ankle": (0.0, -0.246, 0.0),
    "left_heel": (0.0, -0.030, -0.034),
    "left_big_toe": (-0.012, -0.031, 0.098),
    "left_small_toe": (0.020, -0.031, 0.080),
}
SOLE = 0.009  # height of the toe and heel centres above the floor, fraction of stature


def make_body(rng: np.random.Generator, height_m: float | None = None) -> Body:
    """Draws a body: stature 1.50-1.95 m, each bone's share within +-4 % (breadths +-8 %).

    Args:
        rng: the generator to draw from.
        height_m: stature in metres; drawn where None.

    Returns:
        The body.
    """
    drawn = rng.uniform(1.50, 1.95)
    height = drawn if height_m is None else float(height_m)
    girth = rng.uniform(0.88, 1.16)
    legs, arms = rng.uniform(0.97, 1.03, 2)
    breadth = rng.uniform(0.92, 1.08, 2)
    scale = {
        "left_hip": breadth[0],
        "left_shoulder": breadth[1],
        "left_knee": legs * rng.uniform(0.99, 1.01),
        "left_ankle": legs * rng.uniform(0.99, 1.01),
        "neck": 2.0 - legs,
        "left_elbow": arms * rng.uniform(0.99, 1.01),
        "left_wrist": arms * rng.uniform(0.99, 1.01),
    }
    rig = Rig(offsets=np.zeros((26, 3)))
    offsets = np.zeros((26, 3))
    for joint, bone in BONES.items():
        vector = np.asarray(bone) * scale.get(joint, 1.0) * height
        offsets[rig.index(joint)] = vector
        if joint.startswith("left_"):
            offsets[rig.index(joint.replace("left_", "right_"))] = vector * (-1.0, 1.0, 1.0)
    return Body(height, girth, Rig(offsets=offsets))
