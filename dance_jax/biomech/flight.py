"""Flight: the longest time off the floor, and whether the centre of mass falls as it must there."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dance_jax.biomech import contacts, segments
from dance_jax.biomech.measure import MeasureDef
from dance_jax.biomech.movement import GRAVITY, Movement
from dance_jax.kinematics.vectors import finite_or

SHORTEST_S = 0.1  # what is off the floor for less is not told from noise
# Body heights per second: as `contacts.DRIFT`, but lower, so that low jumps are seen; what only
# comes nearer does not fall, and is passed over.
DRIFT = 0.1
FEWEST = 5  # frames in the air that a parabola is fitted to
# Fall in body heights per second squared that counts as flight: 0.6 to 1.4 g for statures of 1.0 to
# 2.2 m. A handstand, or a dancer lying down, has both feet off the floor and does not fall.
FALL = (0.6 * GRAVITY / 2.2, 1.4 * GRAVITY / 1.0)


class Flight(NamedTuple):
    """The longest flight of a clip; every value NaN where there is none.

    Attributes:
        start_s: seconds, half-way between the last frame on the floor and the first off it.
        stop_s: seconds, likewise at landing.
        time_s: seconds between the two.
        takeoff_speed: vertical speed of the centre of mass at the start, body heights per second.
        landing_speed: the same at the end (negative).
        rise: height that the centre of mass gains from the start to its peak, body heights.
        fall: downward acceleration of the fitted parabola, body heights per second squared.
        residual: root mean square distance from that parabola, body heights.
    """

    start_s: jnp.ndarray
    stop_s: jnp.ndarray
    time_s: jnp.ndarray
    takeoff_speed: jnp.ndarray
    landing_speed: jnp.ndarray
    rise: jnp.ndarray
    fall: jnp.ndarray
    residual: jnp.ndarray


class _Parabola(NamedTuple):
    middle_s: jnp.ndarray
    slope: jnp.ndarray
    curve: jnp.ndarray
    residual: jnp.ndarray


def _parabola(time_s: jnp.ndarray, y: jnp.ndarray, used: jnp.ndarray) -> _Parabola:
    """Fits y = y0 + slope t + curve t^2, t from the middle, over the used frames.

    Least squares by orthogonal polynomials; NaN for fewer than `FEWEST` frames.
    """
    w = used.astype(y.dtype)
    n = w.sum()
    good = n >= FEWEST
    count = jnp.maximum(n, 1.0)
    middle = jnp.sum(jnp.where(used, time_s, 0.0)) / count
    t = jnp.where(used, time_s - middle, 0.0)
    y = jnp.where(used, y - jnp.sum(jnp.where(used, y, 0.0)) / count, 0.0)
    s2, s3 = jnp.sum(t**2), jnp.sum(t**3)
    spread = jnp.where(s2 > 0, s2, 1.0)
    bend = jnp.where(used, t**2 - s3 / spread * t - s2 / count, 0.0)
    power = jnp.sum(bend**2)
    bent = power > 1e-4 * s2**2 / count  # else the times are two clusters, or one
    good &= (s2 > 0) & bent
    straight = jnp.sum(t * y) / spread
    curve = jnp.sum(bend * y) / jnp.where(bent, power, 1.0)
    rest = jnp.sum(jnp.where(used, y - straight * t - curve * bend, 0.0) ** 2) / count
    some = rest > 1e-20
    residual = jnp.where(some, jnp.sqrt(jnp.where(some, rest, 1.0)), 0.0)
    slope = straight - curve * s3 / spread
    return _Parabola(middle, *(jnp.where(good, x, jnp.nan) for x in (slope, curve, residual)))


@functools.partial(jax.jit, static_argnames="anthropometry")
def longest_flight(moved: Movement, anthropometry: str = "de_leva_mean") -> Flight:
    """Returns the longest time that both feet are clear of the floor, and the fall during it.

        y(t) = y0 + v t - a t^2 / 2,   fitted to the height of the centre of mass in the air

    In true flight a = g / stature whatever the body does, so a tells whether poses, times and
    stature agree. A run that the clip's ends or an unseen foot cut short is passed over, as is one
    in which the body does not fall (see `FALL`).

    Args:
        moved: the movement; unfiltered, or filtered lightly.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`.

    Returns:
        The flight.

    Raises:
        InputError: there is no such table.
    """
    height = segments.centre_of_mass(moved.pose, anthropometry, "fallback")[:, 1]
    planar = moved.pose.shape[-1] == 2
    state = contacts.airborne(moved, contacts.local_floor(moved, DRIFT) if planar else None)
    seen, up = jnp.isfinite(state), state == 1
    first, following, length = contacts.runs(up, seen, moved.time_s)
    length = jnp.where(up & jnp.isfinite(length), length, 0.0)
    best = jnp.argmax(length)
    start, stop = first[best], following[best]
    here = jnp.arange(height.shape[0])
    used = (here >= start) & (here < stop) & jnp.isfinite(height)
    fit = _parabola(moved.time_s, finite_or(height), used)
    n = height.shape[0]
    start_s = 0.5 * (moved.time_s[jnp.maximum(start - 1, 0)] + moved.time_s[start])
    stop_s = 0.5 * (moved.time_s[stop - 1] + moved.time_s[jnp.minimum(stop, n - 1)])
    fall = -2.0 * fit.curve
    takeoff = fit.slope - fall * (start_s - fit.middle_s)
    falls = (fall > FALL[0]) & (fall < FALL[1])
    is_flight = (length[best] >= SHORTEST_S) & falls
    values = Flight(
        start_s=start_s,
        stop_s=stop_s,
        time_s=stop_s - start_s,
        takeoff_speed=takeoff,
        landing_speed=fit.slope - fall * (stop_s - fit.middle_s),
        rise=jnp.maximum(jnp.where(falls, takeoff, 0.0), 0.0) ** 2
        / (2.0 * jnp.where(falls, fall, 1.0)),
        fall=fall,
        residual=fit.residual,
    )
    return Flight(*(jnp.where(is_flight, value, jnp.nan) for value in values))


_NONE = (
    f"at no time are both feet seen clear of the floor for {SHORTEST_S:g} s or more, from take-off"
    " to landing, while the body falls freely"
)

MEASURES: tuple[MeasureDef, ...] = (
    MeasureDef(
        "flight.longest_s",
        "Longest flight",
        "s",
        "longest time with both feet clear of the floor while the centre of mass falls freely",
        parts=("arms", "trunk", "legs", "feet"),
        undefined=_NONE,
    ),
    MeasureDef(
        "flight.rise",
        "Rise in flight",
        "height",
        "height that the centre of mass gains in the longest flight, from the fitted parabola",
        parts=("arms", "trunk", "legs", "feet"),
        undefined=_NONE,
    ),
    MeasureDef(
        "flight.takeoff_speed",
        "Take-off speed",
        "m/s",
        "vertical speed of the centre of mass as the longest flight begins",
        parts=("arms", "trunk", "legs", "feet"),
        undefined=_NONE,
        needs_scale=True,
    ),
    MeasureDef(
        "flight.fitted_gravity",
        "Fall in flight",
        "m/s^2",
        "downward acceleration of the centre of mass in the longest flight; 9.81 where poses, times"
        " and the stated body height agree",
        parts=("arms", "trunk", "legs", "feet"),
        undefined=_NONE,
        needs_scale=True,
    ),
)
"""Whole-clip measures; `summarise` gives their values."""


def summarise(moved: Movement, anthropometry: str = "de_leva_mean") -> dict[str, jnp.ndarray]:
    """Returns the value of every measure of `MEASURES`, by key; NaN where there is no flight.

    Args:
        moved: the movement.
        anthropometry: a key of `anthropometry.ANTHROPOMETRY`.
    """
    found = longest_flight(moved, anthropometry)
    known = moved.height_m > 0
    metres = jnp.where(known, moved.height_m, 1.0)
    return {
        "flight.longest_s": found.time_s,
        "flight.rise": found.rise,
        "flight.takeoff_speed": jnp.where(known, found.takeoff_speed * metres, jnp.nan),
        "flight.fitted_gravity": jnp.where(known, found.fall * metres, jnp.nan),
    }
