"""Finds clips of one take: other cameras by AIST name, and cuts whose end meets a start."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.data.aist_names import parse_name
from dance_jax.data.windows_index import Motion
from dance_jax.errors import InputError

TOLERANCE = 0.02
"""RMS distance of two poses in one place, as a share of the body's RMS spread (about 1 cm)."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """Two clips of which the second starts where, and as, the first ends.

    Attributes:
        first: name of the clip that ends.
        second: name of the clip that starts.
        gap: RMS distance of the two poses, as a share of the body's spread.
    """

    first: str
    second: str
    gap: float


@dataclasses.dataclass(frozen=True)
class Cuts:
    """All cuts that were found.

    Attributes:
        pairs: mutual nearest ends and starts within the tolerance, closest first.
        by_chance: how many a random inner frame of each clip gives in place of its start.
        clips: how many clips were looked at.
        tolerance: share of the body's spread.
    """

    pairs: tuple[Cut, ...]
    by_chance: int
    clips: int
    tolerance: float

    @property
    def likely(self) -> bool:
        """At least twice as many, and three more, than inner frames give."""
        return len(self.pairs) >= max(2 * self.by_chance, self.by_chance + 3)

    def agreement(self, labels: Mapping[str, str]) -> tuple[float, float]:
        """Returns the share of pairs with one label, and the share among random pairs of clips."""
        known = [labels[c.first] == labels[c.second] for c in self.pairs]
        count = np.unique(list(labels.values()), return_counts=True)[1].astype(float)
        n = count.sum()
        chance = float((count * (count - 1)).sum() / (n * (n - 1))) if n > 1 else float("nan")
        return (float(np.mean(known)) if known else float("nan")), chance

    def sentence(self) -> str:
        """Says the outcome in plain words."""
        count = len(self.pairs)
        return (
            f"{count} pair{'s' * (count != 1)} among {self.clips} clips: one starts in the place "
            f"and pose in which the other ends (inner frames would give {self.by_chance})."
        )

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict that JSON can hold, with the sentence."""
        return {**dataclasses.asdict(self), "likely": self.likely, "sentence": self.sentence()}


def same_takes(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns take -> clips, for AIST names that differ in the camera alone.

    Args:
        names: file names; what is no AIST name is passed over.

    Returns:
        Takes with two clips or more, by the name with "cAll".
    """
    takes: dict[str, list[str]] = defaultdict(list)
    for name in names:
        try:
            found = parse_name(name)
        except InputError:
            continue
        takes[found.seen_by(None)].append(name)
    return {take: tuple(sorted(clips)) for take, clips in takes.items() if len(clips) > 1}


def find_cuts(motions: Sequence[Motion], *, tolerance: float = TOLERANCE, seed: int = 0) -> Cuts:
    """Looks for clips that start as another one ends: pose and place alike.

    An end is carried on by one frame at its speed; a pair counts where each is the other's nearest.
    Poses must hold the place in the room (or in
    the picture), so not be centred; for the chance level a random frame inside each clip stands for
    its start.

    Args:
        motions: sequences with the same joints; ends where a joint is missing are not looked at.
        tolerance: RMS distance over joints, as a share of the body's RMS spread.
        seed: of the inner frames.

    Raises:
        InputError: the sequences differ in joints.
    """
    if len({m.pose.shape[1:] for m in motions}) > 1:
        raise InputError("the sequences differ in joints", "cuts of one take", "convert them")
    whole = [m for m in motions if len(m.pose) > 2 and all(_seen(m, k) for k in (0, -2, -1))]
    if len(whole) < 2:
        return Cuts((), 0, len(whole), tolerance)
    rng = np.random.default_rng(seed)
    spread = float(np.median([_spread(m.pose[0]) for m in whole]))
    ends = np.stack([2 * _row(m, -1) - _row(m, -2) for m in whole]) / spread  # one frame on
    starts = np.stack([_row(m, 0) for m in whole]) / spread
    inner = []
    for m in whole:
        seen = np.flatnonzero(np.isfinite(m.pose).all((1, 2)))
        middle = seen[(seen > 0.2 * len(m.pose)) & (seen < 0.8 * len(m.pose))]
        inner.append(_row(m, int(rng.choice(middle if len(middle) else seen))))
    found = _mutual(ends, starts, tolerance)
    chance = _mutual(ends, np.stack(inner) / spread, tolerance)
    pairs = sorted(
        (Cut(whole[a].name, whole[b].name, gap) for a, b, gap in found),
        key=lambda c: (c.gap, c.first),
    )
    return Cuts(tuple(pairs), len(chance), len(whole), tolerance)


def _seen(motion: Motion, frame: int) -> bool:
    return bool(np.isfinite(motion.pose[frame]).all())


def _row(motion: Motion, frame: int) -> np.ndarray:
    pose = np.asarray(motion.pose[frame], np.float64)
    return pose.reshape(-1) / np.sqrt(len(pose))


def _spread(pose: np.ndarray) -> float:
    centred = np.asarray(pose, np.float64) - np.mean(pose, 0, dtype=np.float64)
    return float(np.sqrt((centred**2).sum(-1).mean()))


def _mutual(ends: np.ndarray, starts: np.ndarray, tolerance: float) -> list[tuple[int, int, float]]:
    """Returns (end, start, distance) of mutual nearest rows of different clips in reach."""
    gap, start_of = _nearest(ends, starts)
    _, end_of = _nearest(starts, ends)
    mutual = np.flatnonzero((end_of[start_of] == np.arange(len(ends))) & (gap <= tolerance))
    return [(int(a), int(start_of[a]), float(gap[a])) for a in mutual]


def _nearest(rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distance to, and the place of, the nearest row of another clip."""
    from scipy.spatial import cKDTree

    gap, near = cKDTree(others).query(rows, k=2)
    own = near[:, 0] == np.arange(len(rows))
    return np.where(own, gap[:, 1], gap[:, 0]), np.where(own, near[:, 1], near[:, 0])
