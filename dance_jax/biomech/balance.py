"""Balance: the centre of mass, and where it is heading, over the base that the feet give it.

In a picture (C = 2) everything on the floor is the picture's horizontal alone: balance along the
line of sight cannot be seen. A foot that stands there is taken to lie flat: its heel and toes as
far as they are seen, since heel and toe of a flat foot differ in the picture's height wherever it
points towards the camera.

The base is made of soles, not of key points: each a rectangle from the heel to the middle of the
toes, as broad as a foot, since the weight may lie anywhere on it.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech import contacts, segments, support
from dance_jax.biomech.balance_rows import LONGEST_S, MEASURES
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.pendulum import ANKLE_HEIGHT, pendulum_rate
from dance_jax.kinematics import motion
from dance_jax.kinematics.scale import upper_percentile
from dance_jax.kinematics.vectors import (
    all_finite,
    component_sum,
    finite_or,
    safe_norm,
    safe_unit,
)

__all__ = ["MEASURES", "Balance", "balance", "on_floor", "soft_com_margin", "summarise"]

_SOLE = tuple(k for k, name in enumerate(contacts.POINTS) if name != "ankle")
_HEEL = contacts.POINTS.index("heel")
_TOES = tuple(contacts.POINTS.index(name) for name in ("big_toe", "small_toe"))
# Of a foot, in body heights (Drillis & Contini 1966, in Winter).
_BREADTH, _LENGTH = 0.055, 0.152
_SIDE_ON = 0.01  # keeps the slope finite where a foot is seen side on: .003 too broad


class Balance(NamedTuple):
    """Balance frame by frame; NaN where it cannot be told.

    The floor has G = 2 coordinates (x, z), or G = 1 (x) in a picture. Margins are positive inside
    the base; they are NaN where a foot is unseen, where none stands, and where a standing foot
    shows no heel or no toe.

    Attributes:
        com: [T, C] centre of mass, body heights.
        com_velocity: [T, C] body heights per second.
        com_height: [T] centre of mass above the floor (in a picture, of the moment), body heights.
        xcom: [T, G] extrapolated centre of mass, body heights; NaN without `height_m`.
        contacts: [T, 2] 1 where the left, right foot stands, 0 where not, NaN where unseen.
        flight: [T] 1 where both feet are clear of the floor, else 0.
        support: [T, 8, G] corners of both soles (rear two, front two); NaN where not standing.
        com_margin: [T] distance of the centre of mass to the base's border, body heights.
        margin: [T] margin of stability: the same of `xcom`.
        time_to_contact_s: [T] until the centre of mass, going on as it does, leaves the base; at
            most `LONGEST_S`, NaN outside.
        temporal_margin_s: [T] the same from `xcom` on (Hof's temporal margin of stability).
        base_width: [T] greatest distance between two points of the base, body heights.
        base_area: [T] area of the base, square body heights; NaN in a picture.
    """

    com: jnp.ndarray
    com_velocity: jnp.ndarray
    com_height: jnp.ndarray
    xcom: jnp.ndarray
    contacts: jnp.ndarray
    flight: jnp.ndarray
    support: jnp.ndarray
    com_margin: jnp.ndarray
    margin: jnp.ndarray
    time_to_contact_s: jnp.ndarray
    temporal_margin_s: jnp.ndarray
    base_width: jnp.ndarray
    base_area: jnp.ndarray


def on_floor(x: jnp.ndarray) -> jnp.ndarray:
    """Returns the floor coordinates of places: [..., 2] -> [..., 1] (x), [..., 3] -> [..., 2]."""
    return x[..., 0::2]


def _corners(points: jnp.ndarray, heel_stands: jnp.ndarray, toes_stand: jnp.ndarray) -> jnp.ndarray:
    """Returns the corners of the soles, [T, 2, 4, G]: the rear two, the front two.

    In a picture a sole that points at the camera shows its whole breadth, one seen from the side
    none. On the toes (or the heel) alone it reaches half a breadth back (forth).

    Args:
        points: [T, 2, 3, G] heel and toes on the floor.
        heel_stands: [T, 2] from 0 to 1 how far the heel stands.
        toes_stand: [T, 2] the same of the toes.
    """
    toes = points[:, :, jnp.asarray(_TOES)]
    count = jnp.maximum(all_finite(toes).sum(-1), 1)[..., None]
    heel, toe = finite_or(points[:, :, _HEEL]), finite_or(toes).sum(-2) / count
    axis = toe - heel
    ahead = safe_unit(axis)
    half = 0.5 * _BREADTH
    if points.shape[-1] == 1:
        turned = jnp.maximum(1.0 - (axis / _LENGTH) ** 2, 0.0)  # squared sine to the picture
        across = half * jnp.sqrt(turned + _SIDE_ON)
    else:
        across = half * jnp.stack([-ahead[..., 1], ahead[..., 0]], axis=-1)
    back, forth = toe - half * ahead, heel + half * ahead
    rear = back + heel_stands[..., None] * (heel - back)
    front = forth + toes_stand[..., None] * (toe - forth)
    return jnp.stack([rear - across, rear + across, front - across, front + across], axis=-2)


def _base(moved: Movement, floor: jnp.ndarray) -> tuple[jnp.ndarray, ...]:
    """Returns the soles' corners [T,8,G], which stand bool[T,8], states [T,2], whole bool[T]."""
    touching, seen = contacts.point_contacts(moved, floor)
    heel, toes = touching[..., _HEEL], touching[:, :, jnp.asarray(_TOES)].any(-1)
    foot_seen, foot_stands = seen.any(-1), touching.any(-1)
    shown = seen[..., _HEEL] & seen[:, :, jnp.asarray(_TOES)].any(-1)
    whole = foot_seen.all(-1) & (shown | ~foot_stands).all(-1)
    dtype = moved.pose.dtype
    points = on_floor(contacts.foot_points(moved)[:, :, jnp.asarray(_SOLE), :])
    corners = _corners(points, heel.astype(dtype), toes.astype(dtype))
    n = points.shape[0]
    states = jnp.where(foot_seen, foot_stands.astype(dtype), jnp.nan)
    stands = jnp.repeat(heel | toes, 4, axis=1)
    return corners.reshape(n, 8, -1), stands, states, whole


def _level(floor: jnp.ndarray) -> jnp.ndarray:
    """Returns the floor's one height, [] or [T]: the lowest of the soles', else by the ankles."""
    known = jnp.where(jnp.isfinite(floor), floor, jnp.inf)
    lower = known if floor.ndim == 1 else known.min(1)  # of both feet
    level = lower[..., jnp.asarray(_SOLE)].min(-1)
    ankle = lower[..., contacts.POINTS.index("ankle")] - ANKLE_HEIGHT
    level = jnp.where(jnp.isfinite(level), level, ankle)
    return jnp.where(jnp.isfinite(level), level, jnp.nan)


@functools.partial(jax.jit, static_argnames="anthropometry")
def balance(moved: Movement, anthropometry: str = "de_leva_mean") -> Balance:
    """Returns balance frame by frame.

        xcom = x + v / w0
        margin = distance of xcom to the border of the base, positive inside
        temporal margin = time for xcom to reach that border at the velocity v

    Args:
        moved: the movement, filtered.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`; hidden segments as in
            `segments.centre_of_mass(partial="fallback")`.

    Returns:
        The series, see `Balance`.

    Raises:
        InputError: there is no such table.

    Source: Hof, Gazendam & Sinke 2005, Journal of Biomechanics 38:1-8, equations 6, 7 and 9
        (second source not found for the numbers of the equations).
    """
    com = segments.centre_of_mass(moved.pose, anthropometry, "fallback")
    velocity = motion.velocity(com, moved.time_s)
    floor = contacts.floor_under(moved)
    level = _level(floor)
    points, stands, states, whole = _base(moved, floor)
    rate = pendulum_rate(moved)
    place, speed = on_floor(com), on_floor(velocity)
    known = (rate > 0) & jnp.isfinite(speed)
    xcom = place + finite_or(speed) / jnp.where(rate > 0, rate, 1.0)
    xcom = jnp.where(known, xcom, jnp.nan)
    usable = stands & whole[:, None]

    places = jnp.stack([place, xcom])
    room = support.signed_distance(points, usable, places)
    time = support.time_to_border(points, usable, places, speed, LONGEST_S)

    def told(x: jnp.ndarray) -> jnp.ndarray:
        return jnp.where(whole & stands.any(-1), x, jnp.nan)

    flat = points.shape[-1] == 2
    return Balance(
        com=com,
        com_velocity=velocity,
        com_height=com[..., 1] - level,
        xcom=xcom,
        contacts=states,
        flight=contacts.airborne(moved, floor),
        support=jnp.where(usable[..., None], points, jnp.nan),
        com_margin=told(room[0]),
        margin=told(room[1]),
        time_to_contact_s=told(time[0]),
        temporal_margin_s=told(time[1]),
        base_width=told(support.extent(points, usable)),
        base_area=told(support.area(points, usable))
        if flat
        else jnp.full_like(place[:, 0], jnp.nan),
    )


@functools.partial(jax.jit, static_argnames="anthropometry")
def soft_com_margin(moved: Movement, anthropometry: str = "de_leva_mean") -> jnp.ndarray:
    """Returns a smooth `com_margin` for losses and rewards: contacts count by their weight.

    Args:
        moved: the movement, filtered.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`.

    Returns:
        [T] body heights, at least -`support.NOWHERE` (nothing supports); NaN where the centre of
        mass or a foot is unseen.
    """
    com = segments.centre_of_mass(moved.pose, anthropometry, "fallback")
    weights = contacts.point_weights(moved)
    seen = jnp.isfinite(weights).any(-1).all(-1)
    points = on_floor(contacts.foot_points(moved)[:, :, jnp.asarray(_SOLE), :])
    heel = finite_or(weights[..., _HEEL])
    toes = finite_or(weights[:, :, jnp.asarray(_TOES)]).max(-1)
    # A sole counts as its surer end; the other end is where its own weight puts it.
    surer = jnp.maximum(jnp.maximum(heel, toes), 1e-6)
    corners = _corners(points, heel / surer, toes / surer)
    n = points.shape[0]
    shown = all_finite(points[:, :, _HEEL]) & all_finite(points[:, :, jnp.asarray(_TOES)]).any(-1)
    value = support.soft_signed_distance(
        corners.reshape(n, 8, -1),
        jnp.repeat(jnp.where(shown, surer, 0.0), 4, axis=1),
        on_floor(com),
    )
    return jnp.where(seen, value, jnp.nan)


def _mean(x: jnp.ndarray) -> jnp.ndarray:
    """Returns the mean over the finite entries; NaN where there are none."""
    seen = jnp.isfinite(x)
    count = seen.sum()
    return jnp.where(count > 0, finite_or(x).sum() / jnp.maximum(count, 1), jnp.nan)


@functools.partial(jax.jit, static_argnames="anthropometry")
def summarise(moved: Movement, anthropometry: str = "de_leva_mean") -> dict[str, jnp.ndarray]:
    """Returns the value of every measure of `MEASURES`, by key; NaN where it has none.

    Args:
        moved: the movement, filtered.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`.
    """
    series = balance(moved, anthropometry)
    margins = (series.com_margin, series.margin, series.base_width, series.base_area)
    times = (series.time_to_contact_s, series.temporal_margin_s)
    rows = jnp.stack([series.com[..., 1], *margins, *times])
    # Medians of all but the height, and the outer percentiles that are reported.
    wanted = jnp.concatenate([rows[1:], rows[:1], rows[:1], rows[2:3]])
    ranks = jnp.asarray([50.0] * 6 + [95.0, 5.0, 5.0])
    *middle, highest, lowest, low_margin = upper_percentile(wanted, ranks, axis=-1)
    stands = all_finite(series.support)
    count = jnp.maximum(stands.sum(-1), 1)[:, None]
    centre = jnp.where(stands[..., None], finite_or(series.support), 0.0).sum(-2) / count
    off = on_floor(series.com) - centre
    over = stands.any(-1) & all_finite(off)
    squared = _mean(jnp.where(over, component_sum(finite_or(off) ** 2), jnp.nan))
    swaying = squared > 0
    feet = series.contacts.sum(-1)
    outside = jnp.where(jnp.isfinite(series.com_margin), series.com_margin < 0, jnp.nan)

    def share(is_so: jnp.ndarray) -> jnp.ndarray:
        return _mean(jnp.where(jnp.isfinite(feet), is_so.astype(feet.dtype), jnp.nan))

    values = {
        "com_height_mean": _mean(series.com_height),
        "com_height_range": highest - lowest,
        "com_path_rate": _path_rate(series.com, moved.time_s),
        "sway": jnp.where(swaying, jnp.sqrt(jnp.where(swaying, squared, 1.0)), squared),
        "com_margin_median": middle[0],
        "share_outside": _mean(outside),
        "margin_median": middle[1],
        "margin_low": low_margin,
        "time_to_contact_median": middle[4],
        "temporal_margin_median": middle[5],
        "base_width_median": middle[2],
        "base_area_median": middle[3],
        "double_support_share": share(feet == 2),
        "single_support_share": share(feet == 1),
        "flight_share": _mean(series.flight),
    }
    return {f"balance.{key}": value for key, value in values.items()}


def _path_rate(com: jnp.ndarray, time_s: jnp.ndarray) -> jnp.ndarray:
    """Returns the length of the path over the time of the steps that were seen."""
    step, length = jnp.diff(time_s), safe_norm(finite_or(com[1:]) - finite_or(com[:-1]))
    seen = all_finite(com)
    good = seen[1:] & seen[:-1] & (step > 0)
    total = jnp.where(good, step, 0.0).sum()
    long = jnp.where(good, length, 0.0).sum()
    return jnp.where(total > 0, long / jnp.where(total > 0, total, 1.0), jnp.nan)
