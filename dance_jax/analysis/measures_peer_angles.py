"""The benchmark's peer, joint angles: their ranges, and their use of the usual ranges, in NumPy."""

from __future__ import annotations

import numpy as np

from dance_jax.analysis.measures_peer_body import Body, angle, mean_seen, quantiles, seen_weights
from dance_jax.biomech.joint_limits import TABLES

SIDES = ("left", "right")
LIMB_JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
MAIN = ("shoulder", "elbow", "hip", "knee")


def joint_angles(body: Body) -> dict[str, np.ndarray]:
    """Returns name -> [T] radians: 0 for the straight limb, the foot square, the trunk upright."""
    found = {}
    for side in SIDES:
        shoulder, elbow, wrist, hip, knee, ankle, heel, toe = (
            body.at(f"{side}_{name}") for name in (*LIMB_JOINTS, "heel", "big_toe")
        )
        found[f"{side}_elbow"] = angle(elbow - shoulder, wrist - elbow)
        found[f"{side}_shoulder"] = angle(hip - shoulder, elbow - shoulder)
        found[f"{side}_hip"] = angle(hip - shoulder, knee - hip)
        found[f"{side}_knee"] = angle(knee - hip, ankle - knee)
        found[f"{side}_ankle"] = np.pi / 2 - angle(toe - heel, knee - ankle)
    trunk = body.neck - body.hips
    found["trunk_tilt"] = angle(trunk, np.broadcast_to(np.eye(trunk.shape[1])[1], trunk.shape))
    ears = 0.5 * (body.at("left_ear") + body.at("right_ear"))
    found["neck"] = angle(ears - body.neck, trunk)
    return found


def widths(body: Body, theta: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns each angle's 99th less its 1st percentile, radians; NaN below half a second seen."""
    columns = np.column_stack(list(theta.values()))
    low, high = quantiles(columns, [1, 99])
    seconds = seen_weights(np.isfinite(columns), body.time).sum(0)
    return dict(zip(theta, np.where(seconds >= 0.5 - 1e-3, high - low, np.nan), strict=True))


def ranges(width: dict[str, float]) -> dict[str, float]:
    """Ranges of motion in degrees."""
    out = {f"range.{name}": np.rad2deg(value) for name, value in width.items()}
    mean = np.mean([width[f"{side}_{name}"] for side in SIDES for name in MAIN])
    return out | {"range.mean": np.rad2deg(mean)}


def limits(body: Body, theta: dict[str, np.ndarray], width: dict[str, float]) -> dict[str, float]:
    """Use of the joints' usual ranges, time near their ends, and excess beyond them."""
    use, near = {}, {}
    excess: dict[str, dict[str, float]] = {table: {} for table in TABLES}
    for name, x in theta.items():
        joint = name.removeprefix("left_").removeprefix("right_")
        if joint == "trunk_tilt":
            continue
        for table, rows in TABLES.items():
            low, high = np.deg2rad([rows[joint].low_deg, rows[joint].high_deg])
            over = np.maximum(x - high, 0)
            if rows[joint].low_counts:
                over = over + np.maximum(low - x, 0)
            excess[table][name] = mean_seen(over / (high - low), body.time)
            if table == "usual":
                use[name] = width[name] / (high - low)
                inside = np.where(np.isnan(x), np.nan, x >= high - 0.1 * (high - low))
                near[name] = mean_seen(inside, body.time)
    out = {}
    for limb, joints in (("arms", ("shoulder", "elbow")), ("legs", ("hip", "knee"))):
        keys = [f"{side}_{joint}" for side in SIDES for joint in joints]
        out[f"limits.use_{limb}"] = np.mean([use[key] for key in keys])
        out[f"limits.near_{limb}"] = np.mean([near[key] for key in keys])
    return out | {
        "limits.excess": over_joints(excess["usual"]),
        "limits.stress": over_joints(excess["training"]),
    }


def over_joints(each: dict[str, float]) -> float:
    """Returns the mean over what was seen; NaN unless that holds the limbs' main joints."""
    if any(np.isnan(each[f"{side}_{name}"]) for side in SIDES for name in MAIN):
        return np.nan
    return np.nanmean(list(each.values()))
