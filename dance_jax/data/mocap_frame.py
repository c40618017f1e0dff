"""Units and axes of motion-capture files: told by the figure's size and stance, or asked for."""

from __future__ import annotations

import numpy as np

from dance_jax import skeleton
from dance_jax.errors import InputError
from dance_jax.kinematics.scale import FRACTION

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
HEIGHT_M = (0.5, 2.5)
_LOOKED_AT = 400

# What turns the named axis up, by a rotation: rows are the new x, y and z.
TURNS = {
    "+x": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "-x": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "+y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "-y": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "+z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "-z": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}


def canonical(pose: np.ndarray, names: skeleton.Skeleton) -> dict[str, np.ndarray] | None:
    """Returns HALPE-26 joint -> f[T,3] of some frames, None where no name is understood.

    Args:
        pose: f[T,J,3].
        names: its skeleton.
    """
    if names.aliases is not None and not names.aliases.rules:
        return None
    some = pose[:: max(1, len(pose) // _LOOKED_AT)]
    found, _ = skeleton.convert(some, None, names, "halpe26")
    return {joint: found[:, i] for i, joint in enumerate(skeleton.get("halpe26").joints)}


def _median(values: np.ndarray) -> float:
    seen = values[np.isfinite(values)]
    return float(np.median(seen)) if len(seen) else float("nan")


def figure_height(pose: np.ndarray, names: skeleton.Skeleton) -> tuple[float, str]:
    """Returns the figure's height in the file's unit, and what it rests on.

    height = (shank + thigh + trunk) / .779 where the names of these joints are understood
    (Drillis & Contini 1966, as in `kinematics.scale`), else the figure's greatest extent.

    Args:
        pose: f[T,J,3]; NaN where missing.
        names: its skeleton.

    Returns:
        NaN where nothing was seen.
    """
    at = canonical(pose, names)
    if at is not None:
        parts = {"shank": [], "thigh": [], "trunk": [_length(at["neck"] - at["hip"])]}
        for side in ("left_", "right_"):
            parts["thigh"].append(_length(at[side + "hip"] - at[side + "knee"]))
            parts["shank"].append(_length(at[side + "knee"] - at[side + "ankle"]))
        found = [max((v for v in part if v == v), default=float("nan")) for part in parts.values()]
        height = sum(found) / sum(FRACTION.values())
        if height == height:
            return height, "legs and trunk"
    some = np.asarray(pose[:: max(1, len(pose) // _LOOKED_AT)], np.float64)
    low = np.where(np.isfinite(some), some, np.inf).min(1)
    high = np.where(np.isfinite(some), some, -np.inf).max(1)
    extent = np.where(np.isfinite(high - low), high - low, np.nan).max(-1)
    return _median(extent), "its extent"


def _length(vectors: np.ndarray) -> float:
    return _median(np.linalg.norm(vectors, axis=-1))


def metres(
    pose: np.ndarray, names: skeleton.Skeleton, path: object, unit: str | None, stated: str | None
) -> tuple[float, str]:
    """Returns metres in one unit of the file, and a sentence that says how that is known.

    Args:
        pose: f[T,J,3] in the file's unit.
        names: its skeleton.
        path: the file.
        unit: what the caller says; believed.
        stated: what the file says; checked against the figure's height where its names are known.

    Raises:
        InputError: no unit makes the figure 0.5 to 2.5 m tall, cm and inches both do, or it is not
            the stated one.
    """
    height, basis = figure_height(pose, names)
    if unit is not None:
        if unit not in METRES:
            raise InputError(f"{unit!r} is no unit of length", path, f"use {', '.join(METRES)}")
        return METRES[unit], f"unit {unit} as given"
    fits = [
        name for name in ("m", "cm", "mm") if HEIGHT_M[0] <= height * METRES[name] <= HEIGHT_M[1]
    ]
    ask = "say it: unit='cm' (or m, mm, in)"
    size = f"the figure is {height:.4g} units tall by {basis}"
    if stated is not None:
        if stated not in METRES:
            raise InputError(f"its unit is {stated[:20]!r}", path, ask)
        tall = height * METRES[stated]
        if basis == "legs and trunk" and not HEIGHT_M[0] <= tall <= HEIGHT_M[1]:
            raise InputError(f"it says {stated}, but then the figure is {tall:.4g} m", path, ask)
        return METRES[stated], f"unit {stated} by the file"
    if fits == ["cm"] and 1.2 < height * METRES["in"] <= HEIGHT_M[1]:  # old BVH files are in inches
        both = f"{height * METRES['cm']:.2f} m in cm or {height * METRES['in']:.2f} m in inches"
        raise InputError(f"the file does not say its unit, and {size}: {both}", path, ask)
    if not fits:
        raise InputError(f"the file does not say its unit, and {size}", path, ask)
    return METRES[fits[0]], f"unit {fits[0]}, since {size}"


def upward(pose: np.ndarray, names: skeleton.Skeleton) -> str | None:
    """Returns the axis along which the figure mostly stands ("+y", "+z", ...), None if unclear."""
    at = canonical(pose, names)
    if at is None:
        return None
    legs = at["hip"] - 0.5 * (at["left_ankle"] + at["right_ankle"])
    trunk = at["neck"] - at["hip"]
    both = np.concatenate([legs, trunk])
    both = both[np.isfinite(both).all(-1) & both.any(-1)]
    both = both / np.linalg.norm(both, axis=-1, keepdims=True)
    if not len(both):
        return None
    mean = np.median(both, 0)
    axis = int(np.argmax(np.abs(mean)))
    if abs(mean[axis]) < 0.8:
        return None
    return ("+" if mean[axis] > 0 else "-") + "xyz"[axis]
