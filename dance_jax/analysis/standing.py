"""Whether the feet that were found can have carried the body: if not, balance is not stated.

A body whose floor force acts under its feet falls over, ever faster, while its centre of mass is
beyond them. So it may pass the feet at a step, but it cannot stay there: where it seems to, a foot
or a hand on the floor was missed, something else held the body, or the places are off (a tilted
camera, a shifted key point).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dance_jax.analysis.quality import MIN_VALID_FRACTION
from dance_jax.biomech.balance import Balance
from dance_jax.biomech.movement import GRAVITY

KEYS = tuple(
    f"balance.{name}"
    for name in (
        *("sway", "com_margin_median", "share_outside", "margin_median", "margin_low"),
        *("time_to_contact_median", "temporal_margin_median"),
    )
)
"""The measures that compare the centre of mass with the feet."""

# Body heights: by so much the centre of mass may be off its feet all the time. A camera tilted by
# 2 degrees moves it by .57 tan 2 deg = .020, and hidden limbs move it by up to .017
# (`segments.centre_of_mass`). Through a pose estimator the margins of 30 rendered clips were off by
# -.019 to +.008 on average over a clip.
OFF = 0.02
# Body heights times seconds that a window may lack besides: a contact told 0.1 s too long while
# the centre of mass is 0.1 beyond it is .01, and so at either end.
SLACK = 0.02
SHORTEST_S = 1.0  # below, the two allowances above are no longer small against what a step does
MOST = 0.1  # of the time on the feet: so much may be impossible before nothing is stated
USUAL_HEIGHT_M = 1.7  # where none is known; 1.4 to 2.1 m: a quarter of what a velocity explains
IMPLAUSIBLE = "implausible: "
_DIRECTIONS = 16  # around a body in space


class Carried(NamedTuple):
    """What the feet can have carried.

    Attributes:
        known_s: seconds in which the centre of mass is compared with feet that stand.
        impossible_s: seconds of them in windows that no force under these feet explains.
        beyond: mean distance of the centre of mass beyond the feet in those windows, body heights.
    """

    known_s: float
    impossible_s: float
    beyond: float


def carried(stand: Balance, time_s: np.ndarray, height_m: float | None = None) -> Carried:
    """Compares the centre of mass with what a force under the feet does to it.

        (x - p) g = h dv/dt   with the force's place p at most at the edge b of the base, so that
        lack(t1, t2) = int (x - b) dt - h (v2 - v1) / g <= 0

    for each direction along the floor: the linear inverted pendulum, h the median height of the
    centre of mass. A window of `SHORTEST_S` or more, beyond the feet all the time, is impossible
    where the lack is above `OFF` (t2 - t1) + `SLACK`.

    Args:
        stand: balance frame by frame, as arrays of NumPy.
        time_s: [T] seconds.
        height_m: metres of one body height; None takes `USUAL_HEIGHT_M`.

    Returns:
        The times.

    Source: the pendulum is that of Hof, Gazendam & Sinke 2005, J. Biomech. 38:1-8; the allowances
        are this library's own.
    """
    count = len(time_s)
    time_s = np.asarray(time_s, np.float64)
    corners = np.asarray(stand.support, np.float64)[:count]
    place = np.asarray(stand.com, np.float64)[:count, 0::2]
    speed = np.asarray(stand.com_velocity, np.float64)[:count, 0::2]
    known = np.isfinite(np.asarray(stand.com_margin)[:count]) & np.isfinite(speed).all(-1)
    steps = np.diff(time_s)
    known_s = float(steps[known[1:] & known[:-1]].sum())
    high = np.asarray(stand.com_height)[:count][known]
    if not (high.size and np.isfinite(high).any()):
        return Carried(known_s, 0.0, 0.0)
    fall = float(np.nanmedian(high)) * (height_m or USUAL_HEIGHT_M) / GRAVITY  # h / g, s^2
    bad = np.zeros(count, bool)
    far = np.full(count, -np.inf)
    for n in _directions(place.shape[-1]):
        reach = np.where(np.isfinite(corners[..., 0]), np.nan_to_num(corners) @ n, -np.inf).max(1)
        beyond = np.where(known, place @ n - reach, -np.inf)
        out = np.concatenate([[False], beyond > 0, [False]])
        for start, stop in np.flatnonzero(out[1:] != out[:-1]).reshape(-1, 2):
            here = slice(start, stop)
            for a, b in _windows(time_s[here], beyond[here] - OFF, fall * (speed[here] @ n)):
                inside = slice(start + a, start + b)
                bad[inside] = True
                far[inside] = np.maximum(far[inside], beyond[inside])
    return Carried(
        known_s,
        float(steps[bad[1:] & bad[:-1]].sum()),
        float(far[bad].mean()) if bad.any() else 0.0,
    )


def _directions(floor: int) -> np.ndarray:
    if floor == 1:
        return np.array([[1.0], [-1.0]])
    angle = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _windows(time_s: np.ndarray, beyond: np.ndarray, gained: np.ndarray) -> list[tuple[int, int]]:
    """Returns impossible windows that do not overlap, the worst first: [start, stop) in frames."""
    area = np.concatenate([[0.0], np.cumsum(0.5 * (beyond[1:] + beyond[:-1]) * np.diff(time_s))])
    lack = area - gained
    out, left = [], [(0, len(time_s))]
    while left:
        a, b = left.pop()
        # The last frame that lies `SHORTEST_S` or more before each, within this part.
        until = np.searchsorted(time_s[a:b], time_s[a:b] - SHORTEST_S + 1e-6, side="right") - 1
        late = np.flatnonzero(until >= 0)
        if not late.size:
            continue
        least = np.minimum.accumulate(lack[a:b])
        lacking = lack[a:b][late] - least[until[late]]
        k = int(np.argmax(lacking))
        if lacking[k] <= SLACK:
            continue
        stop = int(late[k])
        start = int(np.argmin(lack[a : a + until[stop] + 1]))
        out.append((a + start, a + stop + 1))
        left += [(a, a + start + 1), (a + stop, b)]
    return out


def doubt(stand: Balance, time_s: np.ndarray, height_m: float | None, seen_s: float) -> str:
    """Says why the centre of mass may not be compared with the feet; "" where it may.

    Args:
        stand: balance frame by frame, as arrays of NumPy.
        time_s: [T] seconds.
        height_m: metres of one body height, None where not known.
        seen_s: seconds in which the dancer was seen.

    Returns:
        One clause.
    """
    found = carried(stand, time_s, height_m)
    if found.known_s <= 0:
        return ""  # the measures have no value, and say so
    if found.known_s < MIN_VALID_FRACTION * seen_s:
        return (
            f"the feet that carry the body were seen whole, and standing, for {found.known_s:.1f} s"
            f" of {seen_s:.1f} s; {100 * MIN_VALID_FRACTION:.0f} % are needed (jumps, floor work, "
            "sliding or hidden feet)"
        )
    if found.impossible_s > MOST * found.known_s:
        return (
            f"{IMPLAUSIBLE}for {found.impossible_s:.1f} s of the {found.known_s:.1f} s on the feet "
            f"the centre of mass stays beyond them (by {found.beyond:.2f} body heights on average) "
            "and does not fall, as no body on these feet can; a tilted camera, a support that was "
            "not seen (a hand, a partner, the other foot), wrong key points, or a figure that "
            "obeys no gravity"
        )
    return ""
