"""Which foot stands on the floor: height and speed with hysteresis, and a soft version.

In a picture (C = 2) the height is the picture's: this assumes a level camera and feet at about one
distance from it. A foot that is not seen is unknown, never "off the floor".
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from dance_jax.biomech.movement import Movement
from dance_jax.kinematics import motion
from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import finite_or
from dance_jax.skeleton import CANON, index

SIDES = ("left_", "right_")
POINTS = ("heel", "big_toe", "small_toe", "ankle")
"""Points of one foot. The ankle speaks for a foot only where its heel and toes are unseen."""

# Joints as [foot, point].
JOINTS = tuple(tuple(index(CANON, side + point) for point in POINTS) for side in SIDES)

FLOOR_PERCENTILE = 5.0
# Body heights, and body heights per second: a foot lands below the first of each pair and leaves
# above the second; chosen on synthetic dancers with 0 to 1.5 % of body height of noise, after the
# default filter. The ankle's height is half as strict: it rises with the heel while the toes
# still stand.
LOW = (0.020, 0.035)
SLOW = (0.15, 0.25)
ANKLE = 2.0
# Seconds: shorter gaps in a contact are closed, then shorter contacts are dropped.
SHORTEST_GAP_S = 0.06
SHORTEST_CONTACT_S = 0.08


def foot_points(moved: Movement) -> jnp.ndarray:
    """Returns the points of the feet, [T, 2, 4, C] in body heights: (left, right) x `POINTS`."""
    return moved.pose[:, jnp.asarray(JOINTS), :]


@jax.jit
def floor_height(moved: Movement) -> jnp.ndarray:
    """Returns the height of each kind of point when it stands on the floor.

    A low percentile of both feet together over the clip, so one planted foot suffices; each kind
    has its own, since an ankle is higher than a toe, and a toe is lower in the picture of a camera
    that looks down.

    Args:
        moved: the movement.

    Returns:
        [4] body heights in the order of `POINTS`; NaN for points never seen.
    """
    height = foot_points(moved)[..., 1]
    return upper_percentile(height.reshape(-1, len(POINTS)), FLOOR_PERCENTILE, axis=0)


def point_motion(
    moved: Movement, floor: jnp.ndarray | None = None
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns height above the floor and speed of each foot point.

    Args:
        moved: the movement.
        floor: [4] as of `floor_height`, which is the default.

    Returns:
        height [T, 2, 4] in body heights and speed [T, 2, 4] in body heights per second; both NaN
        where either is, and the ankle's wherever another point of its foot is seen.
    """
    points = foot_points(moved)
    floor = floor_height(moved) if floor is None else floor
    height = points[..., 1] - floor
    speed = motion.speed(points, moved.time_s)
    usable = jnp.isfinite(height) & jnp.isfinite(speed)
    ankle = jnp.arange(len(POINTS)) == POINTS.index("ankle")
    others = (usable & ~ankle).any(-1, keepdims=True)
    usable &= ~ankle | ~others
    return jnp.where(usable, height, jnp.nan), jnp.where(usable, speed, jnp.nan)


def _latest(flag: jnp.ndarray, reverse: bool = False) -> jnp.ndarray:
    """Returns the index of the nearest True at or before (after) each frame; -1 (T) for none."""
    n = flag.shape[0]
    here = jnp.arange(n).reshape((n,) + (1,) * (flag.ndim - 1))
    if reverse:
        return jax.lax.cummin(jnp.where(flag, here, n), axis=0, reverse=True)
    return jax.lax.cummax(jnp.where(flag, here, -1), axis=0)


def _taken(x: jnp.ndarray, at: jnp.ndarray) -> jnp.ndarray:
    return jnp.take_along_axis(x, jnp.clip(at, 0, x.shape[0] - 1), axis=0)


def _hysteresis(on: jnp.ndarray, off: jnp.ndarray, seen: jnp.ndarray) -> jnp.ndarray:
    """Holds the last decided state in between; after a gap, the next decided one."""
    n = on.shape[0]
    decided = (on | off) | ~seen
    before, after = _latest(decided), _latest(decided, reverse=True)
    known_before = (before >= 0) & _taken(seen, before)
    known_after = (after < n) & _taken(seen, after)
    state = jnp.where(known_before, _taken(on, before), known_after & _taken(on, after))
    return seen & jnp.where(decided, on, state)


def runs(
    state: jnp.ndarray, seen: jnp.ndarray, time_s: jnp.ndarray
) -> tuple[jnp.ndarray, jnp.ndarray, jnp.ndarray]:
    """Returns the run of equal states around each frame.

    Args:
        state: bool[T, ...].
        seen: bool[T, ...] where the state is known; the unknown is a state of its own.
        time_s: [T] seconds.

    Returns:
        first i32[T, ...] frame of the run; following i32[T, ...] frame after it (T at the end);
        seconds [T, ...] from one to the other, inf for a run cut short by the clip or by unseen
        frames, since it may be longer.
    """
    n = state.shape[0]
    time = time_s.reshape((n,) + (1,) * (state.ndim - 1)) * jnp.ones_like(state, time_s.dtype)
    rows = [(1, 0)] + [(0, 0)] * (state.ndim - 1)
    code = jnp.where(seen, state.astype(jnp.int32), 2)
    change = code != jnp.pad(code[:-1], rows, constant_values=3)
    first = _latest(change)
    following = _latest(jnp.roll(change, -1, axis=0).at[-1].set(True), reverse=True) + 1
    whole = (first > 0) & (following < n)
    whole &= _taken(seen, first - 1) & _taken(seen, following)
    length = jnp.where(whole, _taken(time, following) - _taken(time, first), jnp.inf)
    return first, following, length


def _clean(state: jnp.ndarray, seen: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Closes short gaps in the contacts, then drops short contacts."""
    state |= seen & (runs(state, seen, time_s)[2] < SHORTEST_GAP_S)
    return state & (runs(state, seen, time_s)[2] >= SHORTEST_CONTACT_S)


@functools.partial(jax.jit, static_argnames=("low", "slow"))
def point_contacts(
    moved: Movement,
    floor: jnp.ndarray | None = None,
    low: tuple[float, float] = LOW,
    slow: tuple[float, float] = SLOW,
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Tells which points of the feet stand on the floor.

    on: height < low[0] and speed < slow[0]; off: height > low[1] or speed > slow[1]; in between
    the last state holds. Gaps below `SHORTEST_GAP_S` are closed and contacts below
    `SHORTEST_CONTACT_S` dropped, in true time.

    Args:
        moved: the movement, filtered.
        floor: [4] body heights; None takes `floor_height`.
        low: body heights above the floor, (on, off).
        slow: body heights per second, (on, off).

    Returns:
        contact bool[T, 2, 4] and seen bool[T, 2, 4], in the order of `POINTS`.
    """
    height, speed = point_motion(moved, floor)
    ease = jnp.where(jnp.arange(len(POINTS)) == POINTS.index("ankle"), ANKLE, 1.0)
    seen = jnp.isfinite(height)
    h, v = finite_or(height, jnp.inf), finite_or(speed, jnp.inf)
    on = (h < low[0] * ease) & (v < slow[0])
    off = (h > low[1] * ease) | (v > slow[1])
    return _clean(_hysteresis(on, off & seen, seen), seen, moved.time_s), seen


@jax.jit
def feet_seen(moved: Movement) -> jnp.ndarray:
    """Returns bool[T, 2]: at least one point of the left and right foot tells its state."""
    return jnp.isfinite(point_motion(moved)[0]).any(-1)


@jax.jit
def foot_contacts(moved: Movement, floor: jnp.ndarray | None = None) -> jnp.ndarray:
    """Returns bool[T, 2]: the left and right foot stand on the floor, by any of their points.

    False also where a foot is not seen: ask `feet_seen`, or take `contact_state`.
    """
    return point_contacts(moved, floor)[0].any(-1)


@jax.jit
def contact_state(moved: Movement, floor: jnp.ndarray | None = None) -> jnp.ndarray:
    """Returns [T, 2]: 1 where a foot stands on the floor, 0 where it does not, NaN where unseen."""
    contact, seen = point_contacts(moved, floor)
    return jnp.where(seen.any(-1), contact.any(-1).astype(moved.pose.dtype), jnp.nan)


@jax.jit
def airborne(moved: Movement, floor: jnp.ndarray | None = None) -> jnp.ndarray:
    """Returns [T]: 1 where every seen foot point is clear of the floor, else 0; NaN = unknown.

    Height alone: a foot that slides on the floor stands nowhere, yet is not in the air.
    """
    height, _ = point_motion(moved, floor)
    ease = jnp.where(jnp.arange(len(POINTS)) == POINTS.index("ankle"), ANKLE, 1.0)
    seen = jnp.isfinite(height)
    clear = (finite_or(height, jnp.inf) > LOW[1] * ease).all((-2, -1))
    return jnp.where(seen.any(-1).all(-1), clear.astype(height.dtype), jnp.nan)


@jax.jit
def point_weights(moved: Movement, floor: jnp.ndarray | None = None) -> jnp.ndarray:
    """Returns how surely each foot point stands on the floor, [T, 2, 4] in [0, 1]; NaN unseen.

        w = s((h0 - h) / a) s((v0 - v) / b),   s(x) = 1 / (1 + exp(-x))

    with h0, v0 in the middle of the hard rule's thresholds and a, b a quarter of them, so that
    value and gradient change where the hard rule switches.
    """
    height, speed = point_motion(moved, floor)
    ease = jnp.where(jnp.arange(len(POINTS)) == POINTS.index("ankle"), ANKLE, 1.0)
    middle, quick = sum(LOW) / 2 * ease, sum(SLOW) / 2
    low = jax.nn.sigmoid(4.0 * (1.0 - finite_or(height) / middle))
    slow = jax.nn.sigmoid(4.0 * (1.0 - finite_or(speed) / quick))
    return jnp.where(jnp.isfinite(height), low * slow, jnp.nan)


@jax.jit
def contact_weights(moved: Movement, floor: jnp.ndarray | None = None) -> jnp.ndarray:
    """Returns how surely each foot stands on the floor, differentiable: [T, 2] in [0, 1].

        w = 1 - prod_points (1 - w_point)

    Args:
        moved: the movement, filtered.
        floor: [4] body heights; None takes `floor_height`.

    Returns:
        [T, 2]; NaN where no point of that foot was seen.
    """
    each = point_weights(moved, floor)
    seen = jnp.isfinite(each)
    away = jnp.prod(1.0 - jnp.where(seen, finite_or(each), 0.0), axis=-1)
    return jnp.where(seen.any(-1), 1.0 - away, jnp.nan)
