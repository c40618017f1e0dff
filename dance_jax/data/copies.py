"""Finds windows of movement that occur in more than one sequence: exact, shifted or turned."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.data.windows_index import Motion, WindowIndex, index

TOLERANCE = 0.01
"""RMS distance of copies at most, as a share of the body's RMS spread (about 0.5 cm)."""

_STILL = 3.0  # a window that moves less than this many tolerances is a pose, not a movement
_NEIGHBOURS = (32, 256, 2048)
_PAIRS = 2048
_TABLE = 1 << 17  # neighbours held at once


@dataclasses.dataclass(frozen=True)
class Copy:
    """Two sequences that hold the same movement.

    Attributes:
        a: name of the one.
        b: name of the other.
        windows: windows of `a` that occur in `b`.
        share: of the moving windows of `a` that were looked for.
        at_a_s: start in `a` of the closest pair of windows, in seconds.
        at_b_s: start in `b`.
        rms: their distance, in the unit of the tolerance.
    """

    a: str
    b: str
    windows: int
    share: float
    at_a_s: float
    at_b_s: float
    rms: float


@dataclasses.dataclass(frozen=True)
class Copies:
    """All that was found.

    Attributes:
        pairs: most windows first; both directions are told.
        shares: sequence -> share of its windows with a copy in any other sequence; NaN where it
            holds no moving window.
        looked_for: windows that were looked for.
        found: of them, those with a copy in another sequence.
        still: windows left out since they hardly move.
        window_s: length of a window.
        tolerance: RMS distance allowed.
        notes: what was changed or left out.
    """

    pairs: tuple[Copy, ...]
    shares: Mapping[str, float]
    looked_for: int
    found: int
    still: int
    window_s: float
    tolerance: float
    notes: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of all windows looked for that have a copy in another sequence."""
        return self.found / self.looked_for if self.looked_for else float("nan")

    def sentence(self) -> str:
        """Says the outcome in plain words."""
        if not self.looked_for:
            return "No window moves enough to be looked for in other sequences."
        touched = sum(share > 0 for share in self.shares.values())
        return (
            f"{self.found} of {self.looked_for} windows of {self.window_s:g} s "
            f"({self.share:.3f}) occur in another sequence too; {touched} of {len(self.shares)} "
            "sequences are concerned."
        )

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict that JSON can hold."""
        shares = {name: s if np.isfinite(s) else None for name, s in self.shares.items()}
        return {**dataclasses.asdict(self), "shares": shares, "sentence": self.sentence()}


def find_copies(
    motions: Sequence[Motion],
    *,
    window_s: float = 1.0,
    step_s: float | None = None,
    tolerance: float = TOLERANCE,
    absolute: bool = False,
) -> Copies:
    """Looks for windows of every sequence in all others, at every shift.

    Each window is compared with all windows of the other sequences that start at any frame, after
    place, direction (3D) and size are taken out. Windows without movement are left out: standing
    still looks alike everywhere.

    Args:
        motions: sequences with the same joints; those of one name (the people of a clip) are not
            looked for in each other.
        window_s: length of a window in seconds.
        step_s: from one window that is looked for to the next; None for `window_s`.
        tolerance: RMS distance over frames and joints, below which two windows are copies.
        absolute: the tolerance is in the unit of the poses, and sizes are kept.

    Raises:
        InputError: the sequences differ in joints, or hold no window.
    """
    made = index(motions, window_s=window_s, absolute=absolute)
    step = max(1, round((step_s or window_s) * made.fps))
    asked = np.flatnonzero(made.start % step == 0)
    moving = made.moving[asked] >= _STILL * tolerance
    rows = asked[moving]
    names, of = np.unique([m.name for m in motions], return_inverse=True)
    made.owner_clip = of[made.owner]
    hits = _hits(made, rows, tolerance)
    count = np.bincount(made.owner_clip[rows], minlength=len(names))
    with_copy = np.unique(np.array([row for row, *_ in hits], np.int64))
    copied = np.bincount(made.owner_clip[with_copy], minlength=len(names))
    shares = {
        str(name): float(copied[k] / count[k]) if count[k] else float("nan")
        for k, name in enumerate(names)
    }
    return Copies(
        _pairs(made, hits, names, count),
        shares,
        len(rows),
        len(with_copy),
        int((~moving).sum()),
        window_s,
        tolerance,
        tuple(made.notes),
    )


def _hits(made: WindowIndex, rows: np.ndarray, tolerance: float) -> list[tuple[int, int, float]]:
    """Returns (window, its copy, distance): the closest copy in each other sequence."""
    asked, other = _candidates(made, rows, tolerance)
    out = []
    for at in range(0, len(asked), _PAIRS):
        a, b = asked[at : at + _PAIRS], other[at : at + _PAIRS]
        kinds, back = np.unique(a, return_inverse=True)
        gap = made.windows(kinds)[back] - made.windows(b)
        rms = np.sqrt((gap**2).sum(1))
        for k in np.flatnonzero(rms < tolerance):
            out.append((int(a[k]), int(b[k]), float(rms[k])))
    return out


def _candidates(
    made: WindowIndex, rows: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns windows and, for each, the nearest projection in every other sequence in reach."""
    from scipy.spatial import cKDTree

    tree = cKDTree(made.features, balanced_tree=False, compact_nodes=False)
    n, pending = len(made.owner), rows
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for k in _NEIGHBOURS:
        if not len(pending):
            break
        later = []
        rows_at_once = max(1, _TABLE // k)
        for at in range(0, len(pending), rows_at_once):
            part = pending[at : at + rows_at_once]
            gap, near = tree.query(
                made.features[part], k=min(k, n), distance_upper_bound=tolerance * 1.001
            )
            gap, near = gap.reshape(len(part), -1), near.reshape(len(part), -1)
            known = near < n
            owner = made.owner_clip[np.where(known, near, 0)]
            foreign = known & (owner != made.owner_clip[part][:, None])
            for i, j in zip(*np.nonzero(foreign), strict=True):
                key = (int(part[i]), int(owner[i, j]))
                found = (float(gap[i, j]), int(near[i, j]))
                best[key] = min(best.get(key, found), found)
            # All neighbours are windows of the same sequence: look further out.
            later.append(part[known.all(1) & ~foreign.any(1)])
        pending = np.concatenate(later)
    pairs = sorted((row, near) for (row, _), (_, near) in best.items())
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _pairs(
    made: WindowIndex,
    hits: Sequence[tuple[int, int, float]],
    names: Sequence[str],
    count: np.ndarray,
) -> tuple[Copy, ...]:
    both: dict[tuple[int, int], list[tuple[float, int, int]]] = defaultdict(list)
    for row, other, rms in hits:
        both[int(made.owner_clip[row]), int(made.owner_clip[other])].append((rms, row, other))
    out = []
    for (a, b), found in both.items():
        rms, row, other = min(found)
        at = (float(made.start[row] / made.fps), float(made.start[other] / made.fps))
        out.append(
            Copy(str(names[a]), str(names[b]), len(found), len(found) / int(count[a]), *at, rms)
        )
    return tuple(sorted(out, key=lambda c: (-c.windows, c.a, c.b)))
