"""A dance as a plan: keyed tracks, steps of each foot, beats and turns, all in exact seconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

LEFT, RIGHT = 0, 1
CHUNK = 2048  # samples evaluated at a time


def smoothstep(x: np.ndarray) -> np.ndarray:
    """Quintic ease 10x^3 - 15x^4 + 6x^5 on [0, 1], constant outside; two continuous derivatives."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (10.0 + x * (6.0 * x - 15.0))


class Track:
    """A quantity that moves from key to key; overlapping changes add up.

    Args:
        value: [D] value before the first key.
    """

    def __init__(self, value: Sequence[float]) -> None:
        self.start = np.asarray(value, float)
        self.last = self.start
        self.keys: list[tuple[float, np.ndarray, float]] = []

    def add(self, time_s: float, value: Sequence[float], change_s: float) -> None:
        """Adds a key.

        Args:
            time_s: when it is reached, seconds.
            value: [D] the value there.
            change_s: how long the change to it takes, seconds.
        """
        value = np.asarray(value, float)
        self.keys.append((time_s, value - self.last, max(change_s, 1e-3)))
        self.last = value

    def at(self, time_s: np.ndarray) -> np.ndarray:
        """Returns [T,D] values at increasing times."""
        out = np.broadcast_to(self.start, (len(time_s), len(self.start))).copy()
        if not self.keys:
            return out
        reached, steps, lasts = (np.asarray(x) for x in zip(*self.keys, strict=True))
        for k in range(0, len(time_s), CHUNK):  # a long dance has many keys, few of them at work
            part = time_s[k : k + CHUNK]
            done = reached <= part[0]
            live = ~done & (reached - lasts < part[-1])
            ease = smoothstep((part[:, None] - (reached - lasts)[live]) / lasts[live])
            out[k : k + CHUNK] += steps[done].sum(0) + ease @ steps[live]
        return out


@dataclasses.dataclass(frozen=True)
class Swing:
    """One foot leaves the floor at `start_s` and lands at `end_s`.

    Attributes:
        start_s: lift-off, seconds.
        end_s: landing, seconds.
        goal: (x, z, yaw) of the ball of the foot where it lands, metres and radians.
        lift: height of the path in metres.
        reach: (x, y, z) metres added at the middle of the path, in the room's axes.
        push: heel rise at lift-off, radians.
    """

    start_s: float
    end_s: float
    goal: tuple[float, float, float]
    lift: float
    reach: tuple[float, float, float] = (0.0, 0.0, 0.0)
    push: float = 0.3


@dataclasses.dataclass(eq=False)
class Plan:
    """What a dance will do; `body_motion` turns it into joint rotations.

    Attributes:
        beats_s: the music's beats; moves_s: when the dancer meets them (timing error included).
        swings: for each foot its swings, in time order; home: for each foot where it starts.
        arms, trunk, head, drop, heel, heading, weight: tracks, in degrees, fractions of the leg
            length (drop), radians (heel, heading) and share of weight on the left foot.
        turns: (start_s, end_s, radians) of whole-body turns.
        bounce: lowering on each beat, fraction of the leg length.
    """

    beats_s: np.ndarray
    moves_s: np.ndarray
    home: tuple[tuple[float, float, float], tuple[float, float, float]]
    swings: tuple[list[Swing], list[Swing]]
    arms: tuple[Track, Track]
    trunk: Track
    head: Track
    drop: Track
    heel: Track
    heading: Track
    weight: Track
    turns: list[tuple[float, float, float]]
    bounce: float
