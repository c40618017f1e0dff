"""Joint and segment angles in 2D and 3D from the table in `angle_table`."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.errors import InputError
from dance_jax.kinematics.angle_table import (
    ANGLE_NAMES,
    ANGLES,
    BY_NAME,
    JOINT_ANGLE_NAMES,
    SEGMENT_ANGLE_NAMES,
    AngleDef,
    Point,
    flip_angle,
    indices,
)
from dance_jax.kinematics.in_plane import frontality, in_plane_ratio
from dance_jax.kinematics.vectors import all_finite, angle_between, finite_or, safe_atan2
from dance_jax.kinematics.windows import bucket, floating, is_concrete

__all__ = [
    "ANGLES",
    "ANGLE_NAMES",
    "JOINT_ANGLE_NAMES",
    "SEGMENT_ANGLE_NAMES",
    "AngleDef",
    "compute",
    "flip_angle",
    "frontality",
    "get",
    "image_to_y_up",
    "in_plane_ratio",
]


def get(name: str) -> AngleDef:
    """Returns one row of the table.

    Raises:
        InputError: there is no such angle; the nearest one is named.
    """
    if name not in BY_NAME:
        near = difflib.get_close_matches(name, ANGLE_NAMES, 1, 0.3)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(ANGLE_NAMES)}"
        raise InputError(f"unknown angle {name!r}", "", fix)
    return BY_NAME[name]


def image_to_y_up(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns a pixel pose (y down) with y negated, as every angle here expects (y up).

    Args:
        pose: [..., J, C] with y at position 1 of C; NumPy or JAX.
    """
    sign = np.ones(pose.shape[-1], np.float32)
    sign[1] = -1.0
    return pose * sign


def _ends(pose: jnp.ndarray, points: Sequence[Point]) -> jnp.ndarray:
    """Gathers points [..., N, C]; a point of several joints is their mean."""
    first = [indices(point)[0] for point in points]
    last = [indices(point)[-1] for point in points]
    return 0.5 * (pose[..., first, :] + pose[..., last, :])


def compute(pose: jnp.ndarray, names: Sequence[str] = ANGLE_NAMES) -> jnp.ndarray:
    """Computes angles of HALPE-26 poses.

        joint:    offset + sign * atan2(|u x v|, u . v)
        segment:  atan2(d_y, d_x)

    A segment of exactly zero length has no direction: its angle counts as 0 with zero gradient,
    and `in_plane_ratio` is 0 there, by which an analysis refuses it.

    Args:
        pose: [..., 26, C], C = 2 or 3, y UP (pixels: `image_to_y_up` first), any unit; NaN where
            missing.
        names: angles wanted, by default all.

    Returns:
        radians [..., A]; NaN where a needed joint is missing. Segment angles are wrapped to
        (-pi, pi]: `motion.unwrap` makes them continuous in time.

    Raises:
        InputError: an unknown angle.
    """
    names = tuple(get(name).name for name in names)
    shape = pose.shape
    if len(shape) < 2 or shape[-2] != 26 or shape[-1] not in (2, 3):
        raise ValueError(f"pose must be [..., 26, 2|3] (halpe26), got {shape}")
    flat = floating(pose).reshape(-1, *shape[-2:])
    n = flat.shape[0]
    if is_concrete(pose):  # few shapes: one compilation serves clips of many lengths
        flat = jnp.pad(flat, [(0, bucket(n) - n), (0, 0), (0, 0)])
    return _compute(flat, names)[:n].reshape(*shape[:-2], len(names))


@functools.partial(jax.jit, static_argnames="names")
def _compute(pose: jnp.ndarray, names: tuple[str, ...]) -> jnp.ndarray:
    """Computes angles [N, A] of poses [N, 26, C]."""
    rows = [BY_NAME[name] for name in names]
    present = all_finite(pose)
    safe = finite_or(pose)
    columns: list[jnp.ndarray | None] = [None] * len(rows)
    for kind in ("joint", "segment"):
        where = [i for i, row in enumerate(rows) if row.kind == kind]
        if not where:
            continue
        parts = [[rows[i].segments[k] for i in where] for k in range(2 if kind == "joint" else 1)]
        vectors = [
            _ends(safe, [b for _, b in part]) - _ends(safe, [a for a, _ in part]) for part in parts
        ]
        if kind == "joint":
            sign = np.asarray([rows[i].sign for i in where], np.float32)
            offset = np.asarray([rows[i].offset for i in where], np.float32)
            values = offset + sign * angle_between(*vectors)
        else:
            values = safe_atan2(vectors[0][..., 1], vectors[0][..., 0])
        for k, i in enumerate(where):
            needed = [indices(joint)[0] for joint in rows[i].joints]
            columns[i] = jnp.where(present[..., needed].all(-1), values[..., k], jnp.nan)
    return jnp.stack(columns, axis=-1)
