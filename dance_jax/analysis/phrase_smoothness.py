"""Smoothness by phrase, eight-count and beat of a dance, or by windows where nothing counts it."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.analysis import compiled, intervals, refusals
from dance_jax.analysis.result import PersonAnalysis
from dance_jax.biomech import catalogue, smoothness
from dance_jax.biomech.movement import Movement
from dance_jax.biomech.smoothness_rows import CUTOFF_HZ, LEAST_HZ, PARTS, RATE_HZ, STILL, WINDOW_S
from dance_jax.kinematics import motion
from dance_jax.kinematics.butterworth import butterworth_zero_phase
from dance_jax.kinematics.vectors import finite_or, safe_norm
from dance_jax.rhythm import counts
from dance_jax.skeleton import CANON, index

KINDS = {"phrase": counts.PHRASE, "eight": counts.EIGHT, "beat": 1}
"""Kind of a window -> its number of beats; "window" is one of `WINDOW_S` seconds."""
MEASURES = ("sparc", "ldlj")
_LIMITS = {"sparc": (-np.inf, 0.0), "ldlj": (-np.inf, np.inf)}
_LIMBS = tuple(
    index(CANON, f"{side}_{joint}")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
_SINGLE = tuple(index(CANON, joint) for _, joint, _ in PARTS.values() if joint)
_EIGHTS = counts.PHRASE // counts.EIGHT
_FRAME_S = 0.05  # by which a window may pass the last frame: that frame lasts too


@dataclasses.dataclass(frozen=True)
class Window:
    """One whole part of a dance.

    Attributes:
        kind: a key of `KINDS`, or "window".
        name: what a reader sees ("phrase 1, eight 2").
        start_s: where it begins, on the clip's clock, seconds.
        end_s: where it ends (exclusive).
    """

    kind: str
    name: str
    start_s: float
    end_s: float


def windows(grid: Mapping[str, Any], start_s: float, end_s: float) -> tuple[Window, ...]:
    """Cuts a clip into its whole phrases, eight-counts and beats, or into equal windows.

    What the clip's end cuts short is left out: smoothness falls with the length of a window, so
    that only windows of like length compare.

    Args:
        grid: "beats_s" and "first" of the counted beats; without a whole eight-count of them the
            clip is cut into windows of `WINDOW_S` seconds.
        start_s: first frame, seconds.
        end_s: last frame, seconds.
    """
    beats = np.asarray(grid.get("beats_s", ()), np.float64)
    first = int(grid.get("first", 0))
    out = [w for kind in KINDS for w in _counted(kind, beats, first, end_s + _FRAME_S)]
    if any(w.kind == "eight" for w in out):
        return tuple(out)
    whole = int((end_s + _FRAME_S - start_s) / WINDOW_S)
    edges = start_s + WINDOW_S * np.arange(whole + 1)
    return tuple(
        Window("window", f"window {n}", float(a), float(b))
        for n, (a, b) in enumerate(itertools.pairwise(edges), 1)
    )


def _counted(kind: str, beats: np.ndarray, first: int, end_s: float) -> Iterator[Window]:
    length = KINDS[kind]
    whole = len(beats[first:]) // length
    for n, (a, b) in enumerate(counts.bounds(beats, first, length)[:whole]):
        if b > end_s:
            continue
        name = f"phrase {n * length // counts.PHRASE + 1}"
        if kind != "phrase":
            name += f", eight {n * length // counts.EIGHT % _EIGHTS + 1}"
        if kind == "beat":
            name += f", count {n % counts.EIGHT + 1}"
        yield Window(kind, name, float(a), float(b))


def rests_on(grid: Mapping[str, Any], found: tuple[Window, ...]) -> tuple[str, str]:
    """Says what the windows rest on: ("music", "motion" or "clock", one sentence)."""
    if any(w.kind == "eight" for w in found):
        source = str(grid.get("source", "given"))
        return source, (
            f"Counted by the {counts.SOURCES[source]}. The first beat found is called 1, so that "
            "counts may be off by whole beats from the dancers' own."
        )
    why = grid.get("reason") or "the beats make no whole eight-count"
    return "clock", f"Windows of {WINDOW_S:g} s, as {why}."


def with_phrases(
    person: PersonAnalysis,
    moved: Movement,
    draws: intervals.Draws | None = None,
) -> PersonAnalysis:
    """Adds the smoothness of one dancer by parts of the dance.

    Args:
        person: the dancer with `rhythm`.
        moved: the movement, padded; its clock starts at the clip's first frame.
        draws: the movement under fresh errors of its key points; None gives no intervals.

    Returns:
        The same dancer with `smoothness`.
    """
    start, end = float(person.time_s[0]), float(person.time_s[-1])
    grid = person.rhythm.get("grid", {})
    found = windows(grid, start, end)
    source, words = rests_on(grid, found)
    refused = _refused(person)
    table: dict[str, Any] = {"source": source, "rests_on": words, "refused": refused}
    rows: list[dict[str, Any]] = []
    for kind in dict.fromkeys(w.kind for w in found):
        same = [w for w in found if w.kind == kind]
        values = _values(moved, same, start)
        compiled.give_back()
        values_of = functools.partial(_values, same=same, start_s=start)
        drawn = [] if draws is None else draws.over(values_of)
        for n, window in enumerate(same):
            rows.append(dataclasses.asdict(window) | _row(values, drawn, n, refused))
    table["windows"] = rows
    return dataclasses.replace(person, smoothness=table)


def _row(
    values: np.ndarray, drawn: list[np.ndarray], n: int, refused: Mapping[str, str]
) -> dict[str, Any]:
    """Values and intervals of window n by measure and part: {"sparc": {"body": ...}, ...}."""
    out: dict[str, Any] = {}
    for k, measure in enumerate(MEASURES):
        for end in ("", "_low", "_high"):
            out[measure + end] = {}
        for p, part in enumerate(PARTS):
            value = math.nan if part in refused else float(values[k, p, n])
            sample = [float(again[k, p, n]) for again in drawn]
            found = intervals.Band(math.nan, math.nan, False)
            if sample:
                found = intervals.band(value, sample, _LIMITS[measure])
            for end, number in (("", value), ("_low", found.low), ("_high", found.high)):
                out[measure + end][part] = number if math.isfinite(number) else None
    return out


def _refused(person: PersonAnalysis) -> dict[str, str]:
    """Part -> why its smoothness is not stated in any window."""
    planar = person.pose.shape[-1] == 2
    rate = (len(person.time_s) - 1) / float(person.time_s[-1] - person.time_s[0])
    out = {}
    for part in PARTS:
        row = catalogue.MEASURES[f"smoothness.sparc_window_{part}"]
        reason = refusals.beforehand(row, person, planar)
        if not reason and rate < LEAST_HZ * (1 - 1e-3):
            reason = f"it needs {LEAST_HZ:g} frames a second, and there are {rate:.1f}"
        if reason:
            out[part] = reason
    return out


def _values(moved: Movement, same: list[Window], start_s: float) -> np.ndarray:
    """Smoothness [2, P, W] by measure, part and window; NaN where there is none."""
    edges = np.array([*(w.start_s for w in same), same[-1].end_s]) - start_s
    # A power of two of samples and of windows: few shapes, so that few programs are compiled.
    samples = max(np.diff(edges).max() * RATE_HZ - 1e-3, 8.0)
    longest = 2.0 ** math.ceil(math.log2(samples)) / RATE_HZ
    room = max(16, 1 << (len(edges) - 1).bit_length()) + 1 - len(edges)
    padded = np.pad(edges, (0, room), constant_values=np.nan).astype(np.float32)
    time_s = np.asarray(moved.time_s, np.float32)
    found = _compiled(np.asarray(moved.pose, np.float32), time_s, padded, longest)
    return np.asarray(found)[..., : len(same)]


@functools.partial(jax.jit, static_argnames="longest_s")
def _compiled(
    pose: jnp.ndarray, time_s: jnp.ndarray, edges_s: jnp.ndarray, longest_s: float
) -> jnp.ndarray:
    """As `smoothness.summarise` forms them: mean speed of the limbs, and speeds of single parts."""
    velocity = motion.velocity(pose[:, np.asarray(_LIMBS + _SINGLE)], time_s)
    moving = jnp.isfinite(velocity).all(-1)
    speed = jnp.where(moving, safe_norm(finite_or(velocity)), jnp.nan)
    limbs = moving[:, : len(_LIMBS)].sum(-1)
    mean = jnp.sum(finite_or(speed[:, : len(_LIMBS)]), -1) / jnp.maximum(limbs, 1)
    body = jnp.where(2 * limbs >= len(_LIMBS), mean, jnp.nan)
    speeds = jnp.concatenate([body[:, None], speed[:, len(_LIMBS) :]], axis=1)
    alone = jnp.zeros((len(pose), 1, pose.shape[-1]), pose.dtype).at[:, 0, 0].set(body)
    vectors = jnp.concatenate([alone, velocity[:, len(_LIMBS) :]], axis=1)
    rate = (len(time_s) - 1) / (time_s[-1] - time_s[0])
    vectors = butterworth_zero_phase(vectors, time_s, jnp.minimum(CUTOFF_HZ, 0.4 * rate))

    later = jnp.where(jnp.isfinite(edges_s), edges_s, jnp.inf)
    at = jnp.searchsorted(later, time_s, side="right") - 1  # outside all windows: dropped

    def of_part(signals: tuple[jnp.ndarray, jnp.ndarray]) -> tuple[jnp.ndarray, jnp.ndarray]:
        one, vector = signals
        arcs = smoothness.windowed_smoothness(one, time_s, edges_s, max_s=longest_s)
        jerks = smoothness.windowed_ldlj(vector, time_s, edges_s, cutoff_hz=None, max_s=longest_s)
        peak = jax.ops.segment_max(finite_or(one), at, num_segments=len(edges_s) - 1)
        still = peak <= STILL
        return jnp.where(still, jnp.nan, arcs), jnp.where(still, jnp.nan, jerks)

    return jnp.stack(jax.lax.map(of_part, (speeds.T, jnp.moveaxis(vectors, 1, 0))))
