"""Use of the joints' usual ranges and the excess beyond them: tables, shares of time, an index."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.range_of_motion import BODY_ANGLE_NAMES, body_angles, range_of_motion
from dance_jax.biomech.sampling import time_mean
from dance_jax.errors import InputError
from dance_jax.kinematics.vectors import finite_or


@dataclasses.dataclass(frozen=True)
class Limit:
    """Range of one joint angle in this project's conventions (`kinematics.angle_table`).

    Attributes:
        low_deg: lower end.
        high_deg: upper end.
        low_counts: whether the lower end is a limit of the joint; not so for unsigned angles,
            whose 0 is the straight limb, where the definition ends and not the joint.
    """

    low_deg: float
    high_deg: float
    low_counts: bool = False


# Unsigned angles do not tell flexion from extension or abduction: the widest of them is taken.
# Shoulder 180 (flexion, abduction), elbow 150, hip flexion 120, knee 135, ankle 20 up and 50 down,
# neck 45 to each side: AAOS 1965 (second source found for shoulder and elbow; not found for the
# others as the AAOS's). Other tables agree within 15 degrees (Merck Manual: hip 125, knee 130,
# elbow 160, ankle 20 and 50; Boone & Azen 1979 measured 140-146 at the elbow).
_USUAL = {
    "shoulder": Limit(0.0, 180.0),
    "elbow": Limit(0.0, 150.0),
    "hip": Limit(0.0, 120.0),
    "knee": Limit(0.0, 135.0),
    "ankle": Limit(-50.0, 20.0, low_counts=True),
    "neck": Limit(0.0, 45.0),
}


def _degrees(low: float, high: float, low_counts: bool = False) -> Limit:
    """Returns a limit given in radians."""
    return Limit(float(np.rad2deg(low)), float(np.rad2deg(high)), low_counts)


# Shoulder +-3.14, elbow 0 to 2.7, hip -2 to .5, knee -2.5 to 0, ankle +-.5, neck +-.5 rad. There
# flexion of hip and knee is negative; here it is positive, and extension counts as positive too.
# Its wrist (+-1.5) and spine (+-.8) need joints that HALPE-26 has not.
_TRAINING = {
    "shoulder": _degrees(0.0, np.pi),
    "elbow": _degrees(0.0, 2.7),
    "hip": _degrees(0.0, 2.0),
    "knee": _degrees(0.0, 2.5),
    "ankle": _degrees(-0.5, 0.5, low_counts=True),
    "neck": _degrees(0.0, 0.5),
}

TABLES: dict[str, dict[str, Limit]] = {"usual": _USUAL, "training": _TRAINING}
"""Named tables: "usual" = usual ranges of adults (AAOS 1965); "training" = the ranges that an
earlier dance-training model kept its actions in, for comparison with it."""

_CORE = ("shoulder", "elbow", "hip", "knee")
_JOINTS = (*_CORE, "ankle")
NAMES: tuple[str, ...] = (
    *(f"{side}_{name}" for name in _JOINTS for side in ("left", "right")),
    "neck",
)
"""Angles with a limit, in the order of `limited_angles`."""
_COLUMNS = np.asarray([BODY_ANGLE_NAMES.index(name) for name in NAMES])
NEAR = 0.1
"""Share of a range that counts as near its end."""


def bounds(table: str = "usual", names: Sequence[str] = NAMES) -> tuple[np.ndarray, ...]:
    """Returns lower ends, upper ends (radians) and whether the lower counts, one for each name.

    Raises:
        InputError: there is no such table, or it has no such joint.
    """
    if table not in TABLES:
        fix = f"use one of {', '.join(TABLES)}"
        raise InputError(f"unknown table of joint ranges {table!r}", "", fix)
    rows = []
    for name in names:
        joint = name.removeprefix("left_").removeprefix("right_")
        if joint not in TABLES[table]:
            fix = f"use one of {', '.join(TABLES[table])}"
            raise InputError(f"no range is known for {name!r}", f"table {table}", fix)
        rows.append(TABLES[table][joint])
    low = np.deg2rad([row.low_deg for row in rows]).astype(np.float32)
    high = np.deg2rad([row.high_deg for row in rows]).astype(np.float32)
    return low, high, np.asarray([row.low_counts for row in rows])


def limited_angles(pose: jnp.ndarray) -> jnp.ndarray:
    """Returns the angles of `NAMES`: [T, 11] radians of poses [T, 26, C] with y up."""
    return body_angles(pose)[..., _COLUMNS]


def range_use(
    theta: jnp.ndarray,
    time_s: jnp.ndarray,
    table: str = "usual",
    names: Sequence[str] = NAMES,
) -> jnp.ndarray:
    """Returns the fraction of each joint's range that the clip uses.

        use = (p99(theta) - p1(theta)) / (high - low)

    Args:
        theta: [T, K] radians; NaN where missing.
        time_s: [T] seconds.
        table: a key of `TABLES`.
        names: the K angles.

    Returns:
        [K]; above 1 where the range is exceeded.
    """
    low, high, _ = bounds(table, names)
    return range_of_motion(theta, time_s, wrapped=False) / (high - low)


@functools.partial(jax.jit, static_argnames=("table", "names", "softness"))
def near_limit(
    theta: jnp.ndarray,
    time_s: jnp.ndarray,
    table: str = "usual",
    names: Sequence[str] = NAMES,
    softness: float = 0.0,
) -> jnp.ndarray:
    """Returns the share of seen time that each joint spends near the end of its range, or beyond.

    Near = within `NEAR` of the range from its upper end, and from its lower end where that is a
    limit of the joint.

    Args:
        theta: [T, K] radians; NaN where missing.
        time_s: [T] seconds.
        table: a key of `TABLES`.
        names: the K angles.
        softness: radians; above 0 the step becomes a logistic curve of that width, for gradients.

    Returns:
        [K] in [0, 1].
    """
    low, high, low_counts = bounds(table, names)
    edge = NEAR * (high - low)
    beyond = jnp.maximum(
        theta - (high - edge), jnp.where(low_counts, (low + edge) - theta, -jnp.inf)
    )
    seen = jnp.isfinite(theta)
    safe = jnp.where(seen, beyond, 0.0)
    inside = jax.nn.sigmoid(safe / softness) if softness > 0 else (safe >= 0).astype(safe.dtype)
    return time_mean(inside, time_s, seen=seen)


@functools.partial(jax.jit, static_argnames=("table", "names", "softness"))
def excess(
    theta: jnp.ndarray,
    time_s: jnp.ndarray,
    table: str = "training",
    names: Sequence[str] = NAMES,
    softness: float = 0.0,
) -> jnp.ndarray:
    """Returns how far each joint goes beyond its range, on the average over time.

        excess = mean_t (relu(theta - high) + relu(low - theta)) / (high - low)

    Args:
        theta: [T, K] radians; NaN where missing.
        time_s: [T] seconds.
        table: a key of `TABLES`.
        names: the K angles.
        softness: radians; above 0 relu(x) becomes s log(1 + exp(x / s)), which is positive inside
            the range too and has a gradient there.

    Returns:
        [K] in ranges; 0 = never beyond.
    """
    low, high, low_counts = bounds(table, names)

    def relu(x: jnp.ndarray) -> jnp.ndarray:
        return softness * jax.nn.softplus(x / softness) if softness > 0 else jax.nn.relu(x)

    seen = jnp.isfinite(theta)
    safe = finite_or(theta)
    over = relu(safe - high) + jnp.where(low_counts, relu(low - safe), 0.0)
    return time_mean(over / (high - low), time_s, seen=seen)


@functools.partial(jax.jit, static_argnames=("table", "softness"))
def stress(moved: Movement, table: str = "training", softness: float = 0.0) -> jnp.ndarray:
    """Returns the mean `excess` over the joints: a kinematic index for rewards.

    Shoulders, elbows, hips and knees must have been seen; ankles and neck count where they were.

    Args:
        moved: the movement.
        table: a key of `TABLES`.
        softness: radians, see `excess`.

    Returns:
        scalar in ranges; 0 = every joint stayed within the table.
    """
    each = excess(limited_angles(moved.pose), moved.time_s, table, NAMES, softness)
    seen = jnp.isfinite(each)
    core = seen[: 2 * len(_CORE)].all()
    mean = finite_or(each).sum() / jnp.maximum(seen.sum(), 1)
    return jnp.where(core, mean, jnp.nan)


@jax.jit
def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Returns the use of the joints' ranges over the clip, by the keys of `MEASURES`."""
    every = range_of_motion(body_angles(moved.pose), moved.time_s, wrapped=False)
    low, high, _ = bounds("usual")
    use = every[_COLUMNS] / (high - low)
    theta = limited_angles(moved.pose)
    near = near_limit(theta, moved.time_s)
    return {
        "limits.use_arms": use[:4].mean(),
        "limits.use_legs": use[4:8].mean(),
        "limits.near_arms": near[:4].mean(),
        "limits.near_legs": near[4:8].mean(),
        "limits.excess": stress(moved, "usual"),
        "limits.stress": stress(moved, "training"),
    }


_AAOS = "AAOS 1965, Joint Motion: Method of Measuring and Recording"


def _row(
    key: str, label: str, unit: str, meaning: str, parts: tuple[str, ...], **rest
) -> MeasureDef:
    return MeasureDef(f"limits.{key}", label, unit, meaning, parts=parts, **rest)


_WHICH = {
    "arms": ("shoulders and elbows", ("arms", "trunk")),
    "legs": ("hips and knees", ("trunk", "legs")),
}
_ALL = ("arms", "trunk", "legs")

MEASURES: tuple[MeasureDef, ...] = (
    *(
        _row(
            f"use_{name}",
            f"Range used, {name}",
            "",
            f"range of motion of the {which} over the usual range of adults, mean of the joints; "
            "larger = more of it is used",
            parts,
            source=_AAOS,
        )
        for name, (which, parts) in _WHICH.items()
    ),
    *(
        _row(
            f"near_{name}",
            f"Time near the end of the range, {name}",
            "share",
            f"share of the time that the {which} spend in the upper tenth of the usual range of "
            "adults or beyond, mean of the joints; large poses raise it",
            parts,
            source=_AAOS,
        )
        for name, (which, parts) in _WHICH.items()
    ),
    _row(
        "excess",
        "Excess beyond usual ranges",
        "",
        "mean over joints and time of the part of an angle beyond the usual range of adults, in "
        "ranges; trained dancers go beyond it, and so do errors of the pose",
        _ALL,
        kind="index",
        source=_AAOS,
    ),
    _row(
        "stress",
        "Excess beyond stated ranges",
        "",
        "mean over joints and time of the part of an angle beyond the stated training ranges, in "
        "ranges; 0 = always within",
        _ALL,
        kind="index",
    ),
)
"""What `summarise` returns."""
