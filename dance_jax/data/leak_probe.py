"""A probe for leaks: can the label be told from frame rate, length and detection rate alone?

Such numbers say nothing of the dance. Where a linear classifier tells the label from them, and only
while clips of one source lie on both sides of the split, the labels are confounded with the source.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.errors import InputError

ALPHA = 1.0
SIGNIFICANT = 0.05
_LEAVE_ONE_OUT_UP_TO = 20


@dataclasses.dataclass(frozen=True)
class Tally:
    """How often the probe was right under one way of splitting.

    Attributes:
        accuracy: share of clips, 0 to 1.
        low: lower end of the 95 % interval, bootstrapped over groups.
        high: upper end.
        p_value: share of label permutations that do at least as well (the observed one counted).
        n: clips that were predicted.
        folds: parts that were held out in turn.
    """

    accuracy: float
    low: float
    high: float
    p_value: float
    n: int
    folds: int


@dataclasses.dataclass(frozen=True)
class Probe:
    """What the probe found.

    Attributes:
        features: the columns it saw.
        random: with random clips held out.
        grouped: with whole groups held out; None where there are fewer than two groups.
        majority: share of the most frequent label; what a constant answer reaches.
        labels: how many labels.
        groups: how many groups.
        one_label_groups: share of clips in groups that hold one label alone.
        single_group_labels: labels that one group alone holds: held out, they cannot be predicted.
        leak: the verdict: random clips tell the label beyond the majority and beyond permutation.
    """

    features: tuple[str, ...]
    random: Tally
    grouped: Tally | None
    majority: float
    labels: int
    groups: int
    one_label_groups: float
    single_group_labels: tuple[str, ...]
    leak: bool

    def sentence(self) -> str:
        """Says the outcome in plain words."""
        seen, r, g = ", ".join(self.features), self.random, self.grouped
        text = (
            f"From {seen} alone a linear probe tells the label of {r.accuracy:.3f} "
            f"[{r.low:.3f}, {r.high:.3f}] of {r.n} clips when random clips are held out "
            f"(most frequent label {self.majority:.3f}, p = {r.p_value:.3f})"
        )
        if g is not None:
            text += (
                f", and of {g.accuracy:.3f} [{g.low:.3f}, {g.high:.3f}] when whole groups are "
                f"(p = {g.p_value:.3f}, {self.groups} groups)"
            )
        if 1 < self.groups < r.n and self.one_label_groups == 1.0:
            text += "; every group has one label alone, so label and group are confounded"
        return text + "."

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict that JSON can hold, with the sentence."""
        return {**dataclasses.asdict(self), "sentence": self.sentence()}


def probe(
    features: Mapping[str, Sequence[float] | np.ndarray],
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    folds: int = 5,
    permutations: int = 500,
    bootstraps: int = 1000,
    seed: int = 0,
) -> Probe:
    """Predicts labels from a few numbers of each clip, with random and with grouped hold-out.

    A ridge classifier: Y = X W with one-hot Y, standardised X (training part only), alpha = 1; the
    prediction is the largest column. Missing numbers become the training mean, with a column that
    says so. Up to 20 groups are each left out in turn; more are dealt into `folds` parts.

    Args:
        features: name -> f64[N], such as fps, seconds, detection rate; NaN where unknown.
        labels: label of each clip.
        groups: source, dancer or other group of each clip.
        folds: parts of the random split, and of the grouped one with more than 20 groups.
        permutations: of labels, for the p values. With groups of one label each, the grouped ones
            move labels between groups.
        bootstraps: resamples of groups, for the intervals.
        seed: of all three.

    Raises:
        InputError: fewer than two labels, fewer clips than folds, or columns of other lengths.
    """
    label = np.asarray([str(x) for x in labels])
    group = np.asarray([str(x) for x in groups])
    names = tuple(features)
    columns = [np.asarray(features[name], np.float64) for name in names]
    n = len(label)
    if not columns or any(c.shape != (n,) for c in (*columns, group)):
        raise InputError("the columns differ in length, or there is none", "leak probe", "mend it")
    kinds, y = np.unique(label, return_inverse=True)
    rooms, g = np.unique(group, return_inverse=True)
    if len(kinds) < 2 or n < max(folds, 4):
        what = f"{n} clips with {len(kinds)} labels cannot be probed"
        raise InputError(what, "leak probe", "give more clips, of two labels or more")
    x, missing = _design(columns)
    rng = np.random.default_rng(seed)
    random_part = _stratified_parts(y, folds, rng)
    random = _tally(x, missing, y, random_part, g, permutations, bootstraps, rng, None)
    one_label = np.array([len(set(y[g == k])) == 1 for k in range(len(rooms))])
    grouped = None
    if len(rooms) > 1:
        part = g if len(rooms) <= _LEAVE_ONE_OUT_UP_TO else rng.permutation(len(rooms))[g] % folds
        per_group = g if one_label.all() else None
        grouped = _tally(x, missing, y, part, g, permutations, bootstraps, rng, per_group)
    majority = float(np.bincount(y).max() / n)
    return Probe(
        features=names,
        random=random,
        grouped=grouped,
        majority=majority,
        labels=len(kinds),
        groups=len(rooms),
        one_label_groups=float(one_label[g].mean()),
        single_group_labels=tuple(
            str(kind) for k, kind in enumerate(kinds) if len(set(g[y == k])) == 1
        ),
        leak=random.p_value < SIGNIFICANT and random.accuracy > majority,
    )


def _design(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns f64[N,D] with 0 for missing numbers, and bool[N,D] where they were missing."""
    x = np.stack(columns, 1)
    missing = ~np.isfinite(x)
    return np.where(missing, 0.0, x), missing


def _weights(x: np.ndarray, missing: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Returns f64[test, train]: what turns centred training targets into predictions."""
    count = np.maximum((~missing[train]).sum(0), 1)
    mean = x[train].sum(0) / count
    filled = np.where(missing, mean, x) - mean
    told = missing[:, missing.any(0)].astype(np.float64)
    told = told - told[train].mean(0)
    z = np.concatenate([filled, told], 1)
    spread = z[train].std(0)
    z = z / np.where(spread > 1e-12, spread, 1.0) * (spread > 1e-12)
    a = z[train]
    inverse = np.linalg.inv(a.T @ a + ALPHA * np.eye(z.shape[1]))
    return z[test] @ inverse @ a.T


def _stratified_parts(y: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Deals the clips of each label into parts, in random order."""
    part = np.empty(len(y), np.int64)
    start = 0
    for kind in range(y.max() + 1):
        at = rng.permutation(np.flatnonzero(y == kind))
        part[at] = (np.arange(len(at)) + start) % folds
        start += len(at)
    return part


def _tally(
    x: np.ndarray,
    missing: np.ndarray,
    y: np.ndarray,
    part: np.ndarray,
    group: np.ndarray,
    permutations: int,
    bootstraps: int,
    rng: np.random.Generator,
    per_group: np.ndarray | None,
) -> Tally:
    """Cross-validates the labels and their permutations with the same weights in one pass."""
    drawn = [y, *(_shuffled(y, per_group, rng) for _ in range(permutations))]
    targets = np.stack(drawn, 1)  # [N, 1 + permutations]
    onehot = np.eye(y.max() + 1)[targets]  # [N, 1 + permutations, labels]
    right = np.zeros(targets.shape, bool)
    parts = np.unique(part)
    for held in parts:
        train, test = np.flatnonzero(part != held), np.flatnonzero(part == held)
        w = _weights(x, missing, train, test)
        seen = onehot[train]
        mean = seen.mean(0)
        score = mean + np.einsum("ab,bpk->apk", w, seen - mean)
        right[test] = score.argmax(-1) == targets[test]
    accuracy = right.mean(0)
    better = int((accuracy[1:] >= accuracy[0] - 1e-12).sum())
    low, high = _interval(right[:, 0], group, bootstraps, rng)
    p_value = (1 + better) / (1 + permutations) if permutations else math.nan
    return Tally(float(accuracy[0]), low, high, p_value, len(y), len(parts))


def _shuffled(y: np.ndarray, group: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Returns labels moved between clips, or between whole groups."""
    if group is None:
        return rng.permutation(y)
    first = np.array([y[np.flatnonzero(group == k)[0]] for k in range(group.max() + 1)])
    return rng.permutation(first)[group]


def _interval(
    right: np.ndarray, group: np.ndarray, bootstraps: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Returns the 95 % percentile interval of the mean, whole groups resampled."""
    total = np.bincount(group, right.astype(np.float64))
    count = np.bincount(group).astype(np.float64)
    draws = rng.integers(0, len(total), (bootstraps, len(total)))
    means = total[draws].sum(1) / count[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
