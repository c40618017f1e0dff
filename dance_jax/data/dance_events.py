"""When things happen in a synthetic dance, in exact seconds."""

from __future__ import annotations

import dataclasses

import numpy as np

from dance_jax.data.body_motion import SIDES, Mover
from dance_jax.data.plan import CHUNK, Plan
from dance_jax.kinematics.forward import JOINTS, Rig, frames

EVENT_HZ = 120.0  # the parabola places a peak far finer than this
RAISE_M = 0.10  # an arm raise rises above the shoulder, and this far above the dips beside it


@dataclasses.dataclass(frozen=True, eq=False)
class Events:
    """When things happen, in exact seconds (not frame times), within the dance.

    Attributes:
        beats_s: f64[N] the music's beats.
        moves_s: f64[N] when the dancer meets each of them (timing error included).
        contacts: (side, landing_s) of each foot that lands; the foot is still from then on.
        lift_offs: (side, time_s) of each foot that leaves the floor.
        turns: (start_s, end_s, radians) of whole-body turns, positive to the dancer's left.
        arm_raises: (side, peak_s) where a wrist is highest, above its shoulder.
    """

    beats_s: np.ndarray
    moves_s: np.ndarray
    contacts: tuple[tuple[str, float], ...]
    lift_offs: tuple[tuple[str, float], ...]
    turns: tuple[tuple[float, float, float], ...]
    arm_raises: tuple[tuple[str, float], ...]


def _arm_raises(mover: Mover, rig: Rig, start_s: float, end_s: float) -> list[tuple[str, float]]:
    """Peaks of wrist height above the shoulder; a parabola refines each between samples."""
    from scipy.signal import find_peaks

    time_s = np.arange(start_s, end_s + 0.5 / EVENT_HZ, 1.0 / EVENT_HZ)
    joints = [JOINTS.index(f"{side}_{j}") for side in SIDES for j in ("wrist", "shoulder")]
    heights = np.concatenate(
        [
            frames(rig, *mover(time_s[k : k + CHUNK]), np)[0][:, joints, 1]
            for k in range(0, len(time_s), CHUNK)
        ]
    )
    out = []
    for n, side in enumerate(SIDES):
        up = heights[:, 2 * n] - heights[:, 2 * n + 1]
        for k in find_peaks(up, height=0.0, prominence=RAISE_M)[0]:
            a, b, c = up[k - 1 : k + 2]
            curve = a - 2 * b + c
            shift = 0.5 * (a - c) / curve if abs(curve) > 1e-12 else 0.0
            out.append((side, float(time_s[k] + shift / EVENT_HZ)))
    return sorted(out, key=lambda x: x[1])


def find_events(plan: Plan, mover: Mover, rig: Rig, start_s: float, end_s: float) -> Events:
    """Everything of the plan that falls inside the dance.

    Args:
        plan: what is danced.
        mover: who dances it, for the arm raises, which are found on the motion itself.
        rig: the dancer's rig.
        start_s: first time, seconds.
        end_s: last time, seconds.

    Returns:
        The events in time order.
    """
    steps = [(side, s) for side, swings in zip(SIDES, plan.swings, strict=True) for s in swings]
    inside = (plan.beats_s >= start_s) & (plan.beats_s <= end_s)

    def within(items):
        return tuple(sorted((x for x in items if start_s <= x[1] <= end_s), key=lambda x: x[1]))

    return Events(
        beats_s=plan.beats_s[inside],
        moves_s=plan.moves_s[inside],
        contacts=within((side, float(s.end_s)) for side, s in steps),
        lift_offs=within((side, float(s.start_s)) for side, s in steps),
        turns=tuple(t for t in plan.turns if start_s <= t[0] and t[1] <= end_s),
        arm_raises=tuple(_arm_raises(mover, rig, start_s, end_s)),
    )
