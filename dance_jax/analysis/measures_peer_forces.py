"""The benchmark's peer, mechanics: energy and joint moments in plain NumPy."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit

from dance_jax.analysis.measures_peer_body import Body, cross, mean_over_time

G = 9.80665
SIDES = ("left_", "right_")
# Segment -> (the joint it hangs on, the segment it hangs on), tips first: the order of summing up.
CHAIN = {
    "head": ("neck", "trunk"),
    **{
        side + name: (side + joint, parent if parent == "trunk" else side + parent)
        for side in SIDES
        for name, joint, parent in (
            ("hand", "wrist", "forearm"),
            ("forearm", "elbow", "upper_arm"),
            ("upper_arm", "shoulder", "trunk"),
            ("foot", "ankle", "shank"),
            ("shank", "knee", "thigh"),
            ("thigh", "hip", "trunk"),
        )
    },
}


def rods(body: Body) -> dict[str, list[np.ndarray]]:
    """Returns segment -> rods [T, C] whose ends carry its moments of inertia: limbs one, trunk two.

    The trunk is a plate: a rod along it, and one along the line of the shoulders (0.7 trunks long).
    """
    found = {}
    for name, row in body.segments.items():
        sagittal, transverse, long = row.gyration
        k = math.sqrt((sagittal**2 + transverse**2) / 2)
        side = name[: name.index("_") + 1] if name.startswith(SIDES) else ""
        kind = name.removeprefix(side)
        if kind == "trunk":
            along = math.sqrt((sagittal**2 + transverse**2 - long**2) / 2)
            across = math.sqrt((sagittal**2 + long**2 - transverse**2) / 2) / 0.7
            shoulders = body.at("left_shoulder") - body.at("right_shoulder")
            found[name] = [along * (body.at("hip") - body.at("neck")), across * shoulders]
        elif kind == "head":
            found[name] = [k * (body.at("head") - body.at("neck"))]
        else:
            a, b = {
                "upper_arm": ("shoulder", "elbow"),
                "forearm": ("elbow", "wrist"),
                "hand": ("elbow", "wrist"),
                "thigh": ("hip", "knee"),
                "shank": ("knee", "ankle"),
                "foot": ("heel", "big_toe"),
            }[kind]
            found[name] = [k * (body.at(side + b) - body.at(side + a))]
    return found


def energy_and_dynamics(body: Body, foot_weight: np.ndarray) -> dict[str, float]:
    """Energies, work and joint moments.

    Args:
        body: the clip.
        foot_weight: [T, 2] how surely each foot stands.
    """
    names = list(body.centres)
    mass = np.array([body.segments[name].mass for name in names])
    centre = np.stack([body.centres[name] for name in names], axis=1)
    velocity = body.derivative(centre)
    acceleration = body.derivative(velocity)
    turning = np.zeros(centre.shape[:2])
    spin = np.zeros((*centre.shape[:2], 1 if centre.shape[2] == 2 else 3))
    for name, sticks in rods(body).items():
        k = names.index(name)
        for stick in sticks:
            rate = body.derivative(stick)
            turning[:, k] += 0.5 * mass[k] * (rate**2).sum(1)
            spin[:, k] += mass[k] * cross(stick, body.derivative(rate))
    return energy(body, mass, centre, velocity, turning) | moments(
        body, names, mass, centre, acceleration, spin, foot_weight
    )


def positive_work(x: np.ndarray) -> np.ndarray:
    """Returns the sum of all rises over axis 0."""
    return np.maximum(np.diff(x, axis=0), 0).sum(0)


def energy(
    body: Body, mass: np.ndarray, centre: np.ndarray, velocity: np.ndarray, turning: np.ndarray
) -> dict[str, float]:
    """Kinetic and potential energy per kg, positive work, cost of transport and inefficiency."""
    square = body.height_m**2
    kinetic = square * (0.5 * mass * (velocity**2).sum(-1) + turning)
    raised = G * body.height_m * mass * centre[..., 1]
    total_kinetic, potential = kinetic.sum(1), raised.sum(1)
    whole = body.derivative(body.com)
    external = potential + 0.5 * square * (whole**2).sum(1)
    relative = velocity - whole[:, None]
    internal = square * (0.5 * mass * (relative**2).sum(-1) + turning).sum(1)
    seconds = body.time[-1]
    done = positive_work(total_kinetic + potential)
    outer, inner = positive_work(external), positive_work(internal)
    apart = positive_work(kinetic).sum() + positive_work(raised).sum()
    moves = done / seconds > 0.05
    mean = mean_over_time(total_kinetic, body.time)
    parts = [np.nan] * 3
    if moves:
        steady = mean_over_time(np.sqrt(total_kinetic), body.time) ** 2 / mean
        parts = [inner / (inner + outer), done / apart, 1 - steady]
    level = np.delete(body.com[-1] - body.com[0], 1)
    travel = np.linalg.norm(level)
    cost = done / (G * body.height_m * travel) if moves and travel > 1 else np.nan
    rotational = square * mean_over_time(turning.sum(1), body.time)
    return {
        "energy.kinetic_mean": mean,
        "energy.kinetic_peak": np.percentile(total_kinetic, 95),
        "energy.rotational_share": rotational / mean if moves else np.nan,
        "energy.potential_range": np.subtract(*np.percentile(potential, [95, 5])),
        "energy.positive_work_rate": done / seconds,
        "energy.external_work_rate": outer / seconds,
        "energy.internal_work_rate": inner / seconds,
        "energy.cost_of_transport": cost,
        "energy.efficiency": 1 - parts[0],
        "energy.inefficiency": np.mean(parts),
        "energy.inefficiency.internal": parts[0],
        "energy.inefficiency.unexchanged": parts[1],
        "energy.inefficiency.unsteady": parts[2],
    }


def ground(
    body: Body, needed: np.ndarray, rate: np.ndarray, weight: np.ndarray, g: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shares the needed force between the feet by the moment balance.

    Returns:
        force [T, 2, C] and where it acts [T, 2, C].
    """
    heel, toe = (
        np.stack([body.at(side + name) for side in SIDES], axis=1) for name in ("heel", "big_toe")
    )
    flat = np.ones(heel.shape[-1])
    flat[1] = 0.0
    lean = expit((heel[..., 1] - toe[..., 1]) / 0.01)[..., None]
    sole = heel + lean * (toe - heel)
    least = 0.1 * g
    upright = np.maximum(needed[:, 1], least)

    def pressure_from(point: np.ndarray) -> np.ndarray:
        """Level vector from a point to where the force would act without a free moment."""
        moment = rate - cross(point - body.com, needed)
        shift = np.zeros_like(point)
        shift[:, 0] = moment[:, -1] / upright
        if point.shape[1] == 3:
            shift[:, 2] = -moment[:, 0] / upright
        return shift

    total = weight.sum(1, keepdims=True)
    share = np.divide(weight, total, out=np.full_like(weight, 0.5), where=total > 0)
    both = 4 * share[:, :1] * share[:, 1:]
    line = (sole[:, 1] - sole[:, 0]) * flat
    along = (pressure_from(sole.mean(1)) * line).sum(1)
    right = np.clip(0.5 + along / np.maximum((line**2).sum(1), 0.02**2), 0, 1)
    share = (1 - both) * share + both * np.column_stack([1 - right, right])
    shift = pressure_from((share[..., None] * sole).sum(1))[:, None]
    foot = (toe - heel) * flat
    length = np.linalg.norm(foot, axis=-1, keepdims=True)
    axis = foot / np.where(length > 0, length, 1)
    reach = 0.0275 + 2 * lean * (1 - lean) * length
    forwards = (shift * axis).sum(-1, keepdims=True)
    across = shift - forwards * axis
    width = np.linalg.norm(across, axis=-1, keepdims=True)
    point = sole + np.clip(forwards, -reach, reach) * axis
    point += across * 0.0275 / np.maximum(width, 0.0275)
    carried = total / (total + 1e-4) * np.clip(needed[:, 1:2] / least, 0, 1)
    return (carried * share)[..., None] * needed[:, None], point


def moments(
    body: Body,
    names: list[str],
    mass: np.ndarray,
    centre: np.ndarray,
    acceleration: np.ndarray,
    spin: np.ndarray,
    foot_weight: np.ndarray,
) -> dict[str, float]:
    """Net joint moments, recursively from the tips to the trunk (Winter's link-segment model)."""
    g = G / body.height_m
    inertial = mass[:, None] * acceleration
    inertial[..., 1] += mass * g
    needed = inertial.sum(1)
    arms = centre - body.com[:, None]
    rate = (cross(arms, mass[:, None] * acceleration) + spin).sum(1)
    force_on, point = ground(body, needed, rate, foot_weight, g)

    force = {name: inertial[:, k] for k, name in enumerate(names)}
    moment = {}
    joint = {name: body.at(at) for name, (at, _) in CHAIN.items()} | {"trunk": body.at("hip")}
    for k, name in enumerate(names):
        moment[name] = spin[:, k] + cross(centre[:, k] - joint[name], inertial[:, k])
    for k, side in enumerate(SIDES):
        name = side + "foot"
        force[name] = force[name] - force_on[:, k]
        moment[name] = moment[name] - cross(point[:, k] - joint[name], force_on[:, k])
    for name, (_, parent) in CHAIN.items():
        force[parent] = force[parent] + force[name]
        lever = cross(joint[name] - joint[parent], force[name])
        moment[parent] = moment[parent] + moment[name] + lever
    out = {}
    for name, (at, _) in CHAIN.items():
        if not at.endswith("wrist"):
            size = np.linalg.norm(moment[name], axis=1) / g
            out[f"dynamics.{at}_moment"] = np.percentile(size, 95)
    upright = force_on[..., 1].sum(0)
    out["dynamics.ground_force"] = np.percentile(np.linalg.norm(needed, axis=1), 95) / g
    out["dynamics.left_load"] = upright[0] / upright.sum() if upright.sum() > 0 else np.nan
    out["dynamics.unexplained_moment"] = np.linalg.norm(moment["trunk"], axis=1).mean() / g
    return out
