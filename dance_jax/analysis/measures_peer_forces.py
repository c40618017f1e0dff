"""The benchmark's peer, mechanics: energy and joint moments in plain NumPy."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit

from dance_jax.analysis.measures_peer_body import Body, cross, known_mean, norm, quantiles

G = 9.80665
SIDES = ("left_", "right_")
# Joint -> the segments beyond it; the wrists are left out, as hands are not seen.
BEYOND = {
    "neck": ("head",),
    **{
        side + joint: tuple(side + name for name in names)
        for side in SIDES
        for joint, names in (
            ("shoulder", ("upper_arm", "forearm", "hand")),
            ("elbow", ("forearm", "hand")),
            ("hip", ("thigh", "shank", "foot")),
            ("knee", ("shank", "foot")),
            ("ankle", ("foot",)),
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
        for stick in sticks:  # without its ends a head or a foot is a point
            rate = body.derivative(stick)
            turning[:, k] += 0.5 * mass[k] * np.nan_to_num((rate**2).sum(1))
            spin[:, k] += mass[k] * np.nan_to_num(cross(stick, body.derivative(rate)))
    return energy(body, mass, centre, velocity, turning) | moments(
        body, names, mass, centre, acceleration, spin, foot_weight
    )


def positive_work(x: np.ndarray) -> np.ndarray:
    """Returns the sum of all rises over axis 0 between known frames."""
    return np.nansum(np.maximum(np.diff(x, axis=0), 0), axis=0)


def known_steps(body: Body, known: np.ndarray) -> np.ndarray:
    """Returns the time steps [T - 1] with both ends known, else 0."""
    return np.where(known[1:] & known[:-1], np.diff(body.time), 0.0)


def long_enough(body: Body, known: np.ndarray) -> bool:
    """Says whether half a second and half of the clip are known."""
    whole = body.weight.sum()
    share = body.weight[known].sum() / whole if whole > 0 else 0.0
    return bool(known_steps(body, known).sum() >= 0.5 and share >= 0.5)


def energy(
    body: Body, mass: np.ndarray, centre: np.ndarray, velocity: np.ndarray, turning: np.ndarray
) -> dict[str, float]:
    """Kinetic and potential energy per kg, positive work, cost of transport and inefficiency."""
    names = ("kinetic_mean", "kinetic_peak", "rotational_share", "potential_range")
    names += ("positive_work_rate", "external_work_rate", "internal_work_rate")
    names += ("cost_of_transport", "efficiency", "inefficiency", "inefficiency.internal")
    names += ("inefficiency.unexchanged", "inefficiency.unsteady")
    out = dict.fromkeys((f"energy.{name}" for name in names), np.nan)
    known = np.isfinite(velocity[..., 0]).all(1) & np.isfinite(body.height_m)
    if not long_enough(body, known):
        return out
    square = body.height_m**2
    velocity = np.where(known[:, None, None], velocity, np.nan)
    kinetic = square * (0.5 * mass * (velocity**2).sum(-1) + turning)
    raised = G * body.height_m * mass * np.where(known[:, None], centre[..., 1], np.nan)
    total_kinetic, potential = kinetic.sum(1), raised.sum(1)
    whole = (mass[:, None] * velocity).sum(1)
    external = potential + 0.5 * square * (whole**2).sum(1)
    relative = velocity - whole[:, None]
    internal = square * (0.5 * mass * (relative**2).sum(-1) + turning).sum(1)
    steps = known_steps(body, known)
    seconds = steps.sum()
    done = positive_work(total_kinetic + potential)
    outer, inner = positive_work(external), positive_work(internal)
    apart = positive_work(kinetic).sum() + positive_work(raised).sum()
    mean = body.mean(total_kinetic)
    rotational = body.mean(np.where(known, square * turning.sum(1), np.nan))
    values = [mean, quantiles(total_kinetic, 95), np.nan]
    values += [np.subtract(*quantiles(potential, [95, 5])), done / seconds, outer / seconds]
    values += [inner / seconds] + [np.nan] * 6
    if done / seconds > 0.05:
        values[2] = rotational / mean
        first, last = np.flatnonzero(known)[[0, -1]]
        travel = norm(np.delete(body.com[last] - body.com[first], 1))
        if travel > 1:
            work = done / seconds * (body.time[last] - body.time[first])
            values[7] = work / (G * body.height_m * travel)
        root = np.sqrt(total_kinetic)
        path = np.nansum(steps * 0.5 * (root[1:] + root[:-1]))
        area = np.nansum(steps * 0.5 * (total_kinetic[1:] + total_kinetic[:-1]))
        parts = [inner / (inner + outer), done / apart, 1 - path**2 / (seconds * area)]
        values[8:] = [1 - parts[0], np.mean(parts), *parts]
    return dict(zip(out, values, strict=True))


def ground(
    body: Body,
    com: np.ndarray,
    needed: np.ndarray,
    rate: np.ndarray,
    weight: np.ndarray,
    g: float,
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
        moment = rate - cross(point - com, needed)
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
    """Net joint moments: what lies beyond a joint, cut free (Winter's link-segment model)."""
    g = G / body.height_m
    inertial = mass[:, None] * acceleration
    inertial[..., 1] += mass * g
    needed = inertial.sum(1)
    arms = centre - (mass[:, None] * centre).sum(1, keepdims=True)
    rate = (cross(arms, mass[:, None] * acceleration) + spin).sum(1)
    com = (mass[:, None] * centre).sum(1)
    force_on, point = ground(body, com, needed, rate, foot_weight, g)

    def moment_about(at: np.ndarray, beyond: tuple[str, ...] | list[str]) -> np.ndarray:
        """Returns the moment [T, D] that the segments beyond a place need."""
        rows = [names.index(name) for name in beyond]
        total = (spin[:, rows] + cross(centre[:, rows] - at[:, None], inertial[:, rows])).sum(1)
        for k, side in enumerate(SIDES):
            if side + "foot" in beyond:
                total = total - cross(point[:, k] - at, force_on[:, k])
        return total

    def upper(size: np.ndarray) -> float:
        return quantiles(size, 95) if long_enough(body, np.isfinite(size)) else np.nan

    out = {
        f"dynamics.{joint}_moment": upper(norm(moment_about(body.at(joint), beyond)) / g)
        for joint, beyond in BEYOND.items()
    }
    out["dynamics.ground_force"] = upper(norm(needed) / g)
    rest = norm(moment_about(body.at("hip"), names)) / g
    told = long_enough(body, np.isfinite(rest))
    upright = np.nansum(force_on[..., 1], axis=0) / g
    carried = told and upright.sum() > 1e-6
    out["dynamics.left_load"] = upright[0] / upright.sum() if carried else np.nan
    out["dynamics.unexplained_moment"] = known_mean(rest) if told else np.nan
    return out
