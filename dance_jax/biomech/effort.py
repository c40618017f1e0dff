"""Laban effort from positions alone: weight, time, space and flow, in sliding windows."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech import averages
from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import Movement
from dance_jax.kinematics import motion
from dance_jax.kinematics.vectors import all_finite, component_sum, finite_or, safe_norm
from dance_jax.skeleton import CANON, index

# Equal weights over the ends and middles of the limbs and the two ends of the spine. The paper
# leaves alpha to the user; segment masses would make the arms, which carry most of a dance's
# gesture, all but vanish beside the trunk.
PARTS: tuple[str, ...] = (
    "neck",
    "hip",
    *(f"{side}_{part}" for side in ("left", "right") for part in ("elbow", "wrist", "knee")),
    "left_ankle",
    "right_ankle",
)
ALPHA: float = 1.0 / len(PARTS)
WINDOW_S = 1.0  # about two beats of most dance music
SPACE_CAP = 10.0  # greatest path / displacement counted: it diverges on a closed path
STILL = 0.03  # heights of path in a window at which a part counts half towards space
_JOINTS = tuple(index(CANON, part) for part in PARTS)


class Effort(NamedTuple):
    """The four effort factors about every frame; NaN where less than half a window was seen.

    Attributes:
        weight: [T] heights^2/s^2, greatest summed squared speed in the window.
        time: [T] heights/s^2, mean acceleration.
        space: [T] path over displacement, 1 (direct) to `SPACE_CAP` (indirect).
        flow: [T] heights/s^3, mean jerk.
    """

    weight: jnp.ndarray
    time: jnp.ndarray
    space: jnp.ndarray
    flow: jnp.ndarray


def _magnitude(x: jnp.ndarray) -> jnp.ndarray:
    return jnp.where(all_finite(x), safe_norm(finite_or(x)), jnp.nan)


def _space(
    points: jnp.ndarray, bounds: tuple[jnp.ndarray, jnp.ndarray], known: jnp.ndarray
) -> jnp.ndarray:
    """Returns weighted path over displacement [T] of points [T, K, C], within windows."""
    start, stop = bounds
    n = points.shape[0]
    seen = jnp.isfinite(points).all((1, 2))
    here = jnp.arange(n)
    # First seen frame at or after the start, last seen frame before the stop.
    first = jax.lax.cummin(jnp.where(seen, here, n - 1), reverse=True)[start]
    last = jax.lax.cummax(jnp.where(seen, here, 0))[stop - 1]
    safe = finite_or(points)
    net = safe_norm(safe[last] - safe[first])
    steps = safe_norm(safe[1:] - safe[:-1])
    steps = jnp.where((seen[1:] & seen[:-1])[:, None], steps, 0.0)
    run = jnp.pad(jnp.cumsum(steps, axis=0), [(1, 0), (0, 0)])
    path = run[last] - run[first]
    moving = path > 1e-6
    longest = jnp.where(moving, jnp.maximum(net, path / SPACE_CAP), 1.0)
    ratio = jnp.where(moving, jnp.where(moving, path, 1.0) / longest, 1.0)
    part = path**2 / (path**2 + STILL**2)
    total = jnp.sum(part, axis=1)
    some = known & (last > first) & (total > 0.1)
    mean = jnp.sum(part * jnp.maximum(ratio, 1.0), axis=1) / jnp.where(some, total, 1.0)
    return jnp.where(some, mean, jnp.nan)


def effort(moved: Movement, window_s: float = WINDOW_S) -> Effort:
    """Returns the four Laban effort factors about every frame.

        weight = max_t sum_k a_k |v_k(t)|^2          time = sum_k a_k mean_t |acc_k(t)|
        space  = sum_k a_k path_k / |displacement_k|  flow = sum_k a_k mean_t |jerk_k(t)|

    over the window about the frame, a_k = `ALPHA` for each of `PARTS`. Two departures: space is
    capped at `SPACE_CAP`, and a part weighs path^2 / (path^2 + `STILL`^2) in it, since path over
    displacement of a part that rests is noise over noise; NaN where every part rests.

    Args:
        moved: the movement; filtered, as jerk magnifies noise.
        window_s: whole width of the window in seconds.

    Returns:
        Four series of [T].

    Source: Larboulette & Gibet 2015, A review of computable expressive descriptors of human
    motion, MOCO '15, doi 10.1145/2790994.2790998 (equations of the four factors).
    """
    points = moved.pose[:, _JOINTS, :]
    weight = averages.frame_weights(moved.pose, moved.time_s)
    bounds = averages.sliding_bounds(moved.time_s, window_s, points.shape[0])
    rate = motion.velocity(points, moved.time_s)
    second = motion.velocity(rate, moved.time_s)
    third = motion.velocity(second, moved.time_s)
    squared = component_sum(finite_or(rate) ** 2)
    energy = ALPHA * jnp.sum(jnp.where(all_finite(rate), squared, jnp.nan), axis=1)
    mean_energy = averages.sliding_mean(energy, weight, bounds)
    known = jnp.isfinite(mean_energy)
    greatest = averages.sliding_max(energy, bounds)
    sizes = jnp.stack([_magnitude(second), _magnitude(third)], axis=-1)
    mean = ALPHA * jnp.sum(averages.sliding_mean(sizes, weight, bounds), axis=1)
    return Effort(
        weight=jnp.where(known, finite_or(greatest), jnp.nan),
        time=mean[:, 0],
        space=_space(points, bounds, known),
        flow=mean[:, 1],
    )


_SOURCE = "Larboulette & Gibet 2015, doi 10.1145/2790994.2790998"


def _row(name: str, label: str, unit: str, meaning: str) -> MeasureDef:
    return MeasureDef(
        f"effort.{name}", label, unit, meaning, kind="index", min_s=WINDOW_S, source=_SOURCE
    )


MEASURES: tuple[MeasureDef, ...] = (
    _row(
        "weight",
        "Effort: weight",
        "height²/s²",
        "Mean over 1 s windows of the greatest summed squared speed of ten body points; more is "
        "stronger, less is lighter.",
    ),
    _row(
        "time",
        "Effort: time",
        "height/s²",
        "Mean acceleration of ten body points; more is sudden, less is sustained.",
    ),
    _row(
        "space",
        "Effort: space",
        "",
        "Path over displacement of the moving body points within 1 s, at most 10; 1 is direct, "
        "more is indirect.",
    ),
    _row(
        "flow",
        "Effort: flow",
        "height/s³",
        "Mean jerk of ten body points; more is bound or abrupt, less is free. Depends on the "
        "filter and the frame rate.",
    ),
)


def summarise(moved: Movement) -> dict[str, jnp.ndarray]:
    """Returns the mean over time of each effort factor, by the keys of `MEASURES`."""
    weight = averages.frame_weights(moved.pose, moved.time_s)
    series = effort(moved)
    found = {name: averages.time_mean(x, weight) for name, x in series._asdict().items()}
    # Space has no value while the body rests: a fifth of the clip in motion is enough for it.
    space = averages.time_mean(series.space, weight, 0.2)
    found["space"] = jnp.where(jnp.isfinite(found["weight"]), space, jnp.nan)
    return {f"effort.{name}": value for name, value in found.items()}
