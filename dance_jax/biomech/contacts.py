"""Which foot stands on the floor: height and speed with hysteresis, and a soft version.

In space (C = 3) the floor has one height and each point of a foot stands by itself. In a picture
(C = 2) the floor rises with the distance from the camera, which must stand still: its height is
followed over time under each foot; a foot's speed is judged beside the other's, since estimators
drag the key points of a standing foot along with the moving one; and a foot that stands is taken
to stand on all its points. A foot that is not seen is unknown, never "off the floor".
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech.movement import Movement
from dance_jax.kinematics import motion
from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import finite_or, root, safe_norm
from dance_jax.skeleton import CANON, index

SIDES = ("left_", "right_")
POINTS = ("heel", "big_toe", "small_toe", "ankle")
"""Points of one foot. The ankle speaks for a foot only where its heel and toes are unseen."""

# Joints as [foot, point].
JOINTS = tuple(tuple(index(CANON, side + point) for point in POINTS) for side in SIDES)

FLOOR_PERCENTILE = 5.0
# Body heights, and body heights per second: a foot lands below the first and leaves above the
# second; chosen on synthetic dancers with 0 to 1.5 % of body height of noise, after the default
# filter. The ankle's height is half as strict: it rises with the heel while the toes stand.
LOW = (0.020, 0.035)
SLOW = (0.15, 0.25)
ANKLE = 2.0
# In a picture; chosen on rendered dancers, as MediaPipe Pose lite sees them, in three cameras.
DRIFT = 0.3  # body heights per second: the floor under a foot rises in the picture no faster
BEHIND = 0.10  # body heights: a foot that stands farther away is no higher than this over the other
STILL = (0.40, 0.55)  # (on, off): a speed over sqrt(the other foot's speed + REST)
REST = 0.02  # body heights per second: what a still foot seems to move
OTHER = 0.10  # body heights per second: stands for the speed of an unseen foot
CARRIES = 0.60  # body heights per second: a foot that slides faster carries nothing
# Seconds: shorter gaps in a contact are closed, then shorter contacts are dropped.
SHORTEST_GAP_S = 0.06
SHORTEST_CONTACT_S = 0.08

_IS_ANKLE = np.arange(len(POINTS)) == POINTS.index("ankle")
_NOWHERE = 1e6  # body heights: stands for the height of an unseen point


def _planar(moved: Movement) -> bool:
    return moved.pose.shape[-1] == 2


def foot_points(moved: Movement) -> jnp.ndarray:
    """Returns the points of the feet, [T, 2, 4, C] in body heights: (left, right) x `POINTS`."""
    return moved.pose[:, jnp.asarray(JOINTS), :]


@jax.jit
def floor_height(moved: Movement) -> jnp.ndarray:
    """Returns the height of each kind of point when it stands on a floor of one height.

    A low percentile of both feet together over the clip, so one planted foot suffices; each kind
    has its own, since an ankle is higher than a toe.

    Args:
        moved: the movement.

    Returns:
        [4] body heights in the order of `POINTS`; NaN for points never seen.
    """
    height = foot_points(moved)[..., 1]
    return upper_percentile(height.reshape(-1, len(POINTS)), FLOOR_PERCENTILE, axis=0)


@functools.partial(jax.jit, static_argnames="drift")
def local_floor(moved: Movement, drift: float = DRIFT) -> jnp.ndarray:
    """Returns the height of the floor in the picture under each foot point, over time.

        own_t = min_s (y_s + drift |t - s|),   floor = min(own, lower foot's own + `BEHIND`)

    A slanting lower envelope: it follows a dancer who comes nearer, and stays below a jump.
    [T, 2, 4] body heights; NaN for points never seen.
    """
    y = foot_points(moved)[..., 1]
    seen = jnp.isfinite(y)
    slant = (drift * moved.time_s)[:, None, None]
    filled = jnp.where(seen, finite_or(y), _NOWHERE)
    before = jax.lax.cummin(filled - slant, axis=0) + slant
    after = jax.lax.cummin(filled + slant, axis=0, reverse=True) - slant
    own = jnp.minimum(before, after)
    floor = jnp.minimum(own, own.min(1, keepdims=True) + BEHIND)
    return jnp.where(seen.any(0), floor, jnp.nan)


def floor_under(moved: Movement) -> jnp.ndarray:
    """Returns `floor_height` [4] in space, `local_floor` [T, 2, 4] in a picture."""
    return local_floor(moved) if _planar(moved) else floor_height(moved)


def point_motion(
    moved: Movement, floor: jnp.ndarray | None = None
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns height above the floor and velocity of each foot point.

    Args:
        moved: the movement.
        floor: [4] or [T, 2, 4] body heights; None takes `floor_under`.

    Returns:
        height [T, 2, 4] in body heights and velocity [T, 2, 4, C] in body heights per second; NaN
        where either is, and the ankle's wherever another point of its foot is seen.
    """
    points = foot_points(moved)
    floor = floor_under(moved) if floor is None else floor
    height = points[..., 1] - floor
    velocity = motion.velocity(points, moved.time_s)
    # A plain reduction: it is computed once, where a chain of slices would be repeated, with the
    # derivative below it, in each of its many users.
    usable = jnp.isfinite(height) & jnp.isfinite(velocity).all(-1)
    others = (usable & ~_IS_ANKLE).any(-1, keepdims=True)
    usable &= ~_IS_ANKLE | ~others
    return jnp.where(usable, height, jnp.nan), jnp.where(usable[..., None], velocity, jnp.nan)


def _relative(
    moved: Movement, floor: jnp.ndarray | None
) -> tuple[jnp.ndarray, jnp.ndarray, jnp.ndarray, jnp.ndarray]:
    """Returns height over `ANKLE`'s ease, speed, what speed is judged by, and seen bool[T, 2, 4].

    By point [T, 2, 4] in space, by foot [T, 2, 1] in a picture: the lowest point's height and the
    speed of the points' mean.
    """
    height, velocity = point_motion(moved, floor)
    seen = jnp.isfinite(height)
    height = finite_or(height, jnp.inf) / jnp.where(_IS_ANKLE, ANKLE, 1.0)
    if not _planar(moved):
        return height, root(jnp.sum(finite_or(velocity) ** 2, axis=-1)), jnp.ones_like(height), seen
    count = seen.sum(-1, keepdims=True)
    mean = jnp.where(seen[..., None], finite_or(velocity), 0.0).sum(-2)
    speed = safe_norm(mean / jnp.maximum(count, 1))[..., None]
    other = jnp.where(count > 0, speed, OTHER)[:, ::-1]
    return height.min(-1, keepdims=True), speed, jnp.sqrt(other + REST), seen


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
        first i32[T, ...] frame of the run; following i32[T, ...] frame after it, T at the end;
        seconds [T, ...] between, inf for a run that the clip or unseen frames may cut short.
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


@jax.jit
def point_contacts(
    moved: Movement, floor: jnp.ndarray | None = None
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Tells which points of the feet stand on the floor.

    on: height < `LOW`[0] and speed < `SLOW`[0]; off: height > `LOW`[1] or speed > `SLOW`[1]; in
    between the last state holds. Gaps below `SHORTEST_GAP_S` are closed and contacts below
    `SHORTEST_CONTACT_S` dropped, in true time. In a picture the same by foot, with `STILL`
    sqrt(other foot's speed + `REST`) for `SLOW`; and where neither foot is still, the slower one
    carries a body that is not in the air, unless it is faster than `CARRIES`.

    Args:
        moved: the movement, filtered.
        floor: see `point_motion`.

    Returns:
        contact bool[T, 2, 4] and seen bool[T, 2, 4], in the order of `POINTS`; in a picture a
        standing foot stands on every point seen.
    """
    height, speed, unit, seen = _relative(moved, floor)
    slow = STILL if _planar(moved) else SLOW
    known = seen.any(-1, keepdims=True) if _planar(moved) else seen
    on = known & (height < LOW[0]) & (speed < slow[0] * unit)
    off = known & ((height > LOW[1]) | (speed > slow[1] * unit))
    state = _hysteresis(on, off, known)
    if _planar(moved):  # two moving feet
        slower = (speed < CARRIES) & (speed <= speed[:, ::-1]) & (height < LOW[1])
        state |= known.all(1, keepdims=True) & ~state.any(1, keepdims=True) & slower
    return _clean(state, known, moved.time_s) & seen, seen


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
    seen = jnp.isfinite(height)
    limit = LOW[1] * jnp.where(_IS_ANKLE, ANKLE, 1.0)
    clear = (finite_or(height, jnp.inf) > limit).all((-2, -1))
    return jnp.where(seen.any(-1).all(-1), clear.astype(height.dtype), jnp.nan)


@jax.jit
def point_weights(moved: Movement, floor: jnp.ndarray | None = None) -> jnp.ndarray:
    """Returns how surely each foot point stands on the floor, [T, 2, 4] in [0, 1]; NaN unseen.

        w = s((h0 - h) / a) s((v0 - v) / b),   s(x) = 1 / (1 + exp(-x))

    with h0, v0 in the middle of the hard rule's thresholds and a, b a quarter of them: the hard
    rule without its memory and, in a picture, without what it says of two moving feet.
    """
    height, speed, unit, seen = _relative(moved, floor)
    quick = sum(STILL if _planar(moved) else SLOW) / 2 * unit
    height = jnp.where(jnp.isfinite(height), height, 0.0)
    low = jax.nn.sigmoid(4.0 * (1.0 - height / (sum(LOW) / 2)))
    slow = jax.nn.sigmoid(4.0 * (1.0 - speed / quick))
    return jnp.where(seen, low * slow, jnp.nan)


@jax.jit
def contact_weights(moved: Movement, floor: jnp.ndarray | None = None) -> jnp.ndarray:
    """Returns how surely each foot stands on the floor: [T, 2] in [0, 1]; NaN where unseen.

    w = 1 - prod_points (1 - w_point); in a picture that of its points, which is one.
    """
    each = point_weights(moved, floor)
    seen = jnp.isfinite(each)
    each = jnp.where(seen, finite_or(each), 0.0)
    either = each.max(-1) if _planar(moved) else 1.0 - jnp.prod(1.0 - each, axis=-1)
    return jnp.where(seen.any(-1), either, jnp.nan)
