"""Independent plain NumPy formulas that the tests compare with, and a generator of poses."""

from __future__ import annotations

import numpy as np

from dance_jax.skeleton import index


def joint(pose, name):
    return np.asarray(pose, np.float64)[..., index("halpe26", name), :]


def included(a, vertex, b):
    """Angle at a vertex by the law of cosines, degrees."""
    p, q = np.linalg.norm(a - vertex, axis=-1), np.linalg.norm(b - vertex, axis=-1)
    r = np.linalg.norm(a - b, axis=-1)
    return np.degrees(np.arccos(np.clip((p**2 + q**2 - r**2) / (2 * p * q), -1, 1)))


def angles_deg(pose):
    """Every angle of the table, by hand, in degrees."""
    out = {}
    for s in ("left_", "right_"):
        at = {
            n: joint(pose, s + n)
            for n in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "big_toe")
        }
        out[s + "elbow"] = 180 - included(at["shoulder"], at["elbow"], at["wrist"])
        out[s + "shoulder"] = included(at["hip"], at["shoulder"], at["elbow"])
        out[s + "hip"] = 180 - included(at["shoulder"], at["hip"], at["knee"])
        out[s + "knee"] = 180 - included(at["hip"], at["knee"], at["ankle"])
        shank = at["knee"] - at["ankle"]
        out[s + "ankle"] = 90 - included(at["big_toe"], at["heel"], at["heel"] + shank)
        for name, a, b in (
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
            ("thigh", "hip", "knee"),
            ("shank", "knee", "ankle"),
            ("foot", "heel", "big_toe"),
        ):
            v = at[b] - at[a]
            out[s + name] = np.degrees(np.angle(v[..., 0] + 1j * v[..., 1]))
    ears = (joint(pose, "left_ear") + joint(pose, "right_ear")) / 2
    for name, v in (
        ("pelvis", joint(pose, "left_hip") - joint(pose, "right_hip")),
        ("trunk", joint(pose, "neck") - joint(pose, "hip")),
        ("shoulders", joint(pose, "left_shoulder") - joint(pose, "right_shoulder")),
        ("head", ears - joint(pose, "neck")),
    ):
        out[name] = np.degrees(np.angle(v[..., 0] + 1j * v[..., 1]))
    return out


def standing(height=1.7):
    """A person of known stature facing +z, y up, arms hanging: [26, 3] metres."""
    rows = {
        "nose": (0, 0.93, 0.06), "head": (0, 1.0, 0), "neck": (0, 0.818, 0), "hip": (0, 0.530, 0),
    }  # fmt: skip
    for side, x in (("left_", 1), ("right_", -1)):
        rows |= {
            side + "eye": (x * 0.02, 0.94, 0.05),
            side + "ear": (x * 0.045, 0.93, 0),
            side + "shoulder": (x * 0.11, 0.818, 0),
            side + "elbow": (x * 0.11, 0.632, 0),
            side + "wrist": (x * 0.11, 0.486, 0),
            side + "hip": (x * 0.06, 0.530, 0),
            side + "knee": (x * 0.06, 0.285, 0),
            side + "ankle": (x * 0.06, 0.039, 0),
            side + "heel": (x * 0.06, 0.0, -0.03),
            side + "big_toe": (x * 0.05, 0.0, 0.12),
            side + "small_toe": (x * 0.08, 0.0, 0.10),
        }
    pose = np.zeros((26, 3))
    for name, xyz in rows.items():
        pose[index("halpe26", name)] = xyz
    return pose * height
