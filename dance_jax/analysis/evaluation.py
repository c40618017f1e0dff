"""What a model is worth, as numbers: everything that `evaluation.json` and the report say."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.analysis import seed_intervals
from dance_jax.analysis.human_raters import Raters
from dance_jax.metrics import Figure, Interval, classification, regression
from dance_jax.training import evaluate
from dance_jax.training.evaluate import Outcome

SCHEMA = "dance_jax.evaluation.1"
BINS = 10
"""Bins of the reliability curve."""

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Of the predicted intervals of the scores."""


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Truth and predictions of clips, and what is known of them.

    Attributes:
        by_seed: seed -> outcome; the same clips in the same order in each.
        group_by: key of the groups.
        temperatures: seed -> temperature of each clip's probabilities.
        stamp: of a split that leaks, "" for none.
        left_out: clips that are not counted.
        baselines: name -> figures of a baseline on the same clips, with "difference".
        raters: score -> people on the same clips.
    """

    by_seed: Mapping[int, Outcome]
    group_by: str
    temperatures: Mapping[int, Sequence[float]] = dataclasses.field(default_factory=dict)
    stamp: str = ""
    left_out: tuple[str, ...] = ()
    baselines: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    raters: Mapping[str, Raters] = dataclasses.field(default_factory=dict)

    @property
    def first(self) -> Outcome:
        """The outcome of the first seed, which the pictures show."""
        return next(iter(self.by_seed.values()))

    @property
    def styled(self) -> bool:
        """Whether any clip has a style that the model can say."""
        return bool(self.first.styles) and bool((self.first.style >= 0).any())

    def figures(self) -> dict[int, dict[str, Figure]]:
        """Returns seed -> name -> figure: "accuracy", "aesthetic_mse", ..."""
        return {seed: flat(out) for seed, out in self.by_seed.items()}

    def mean(self) -> dict[str, tuple[float, float]]:
        """Returns name -> mean over seeds and standard deviation (of n, as results.json)."""
        rows = list(self.figures().values())
        names = [name for name in rows[0] if all(name in row for row in rows)]
        found = {name: [row[name].value for row in rows] for name in names}
        return {name: (float(np.mean(v)), float(np.std(v))) for name, v in found.items()}

    def intervals(self) -> dict[str, Interval]:
        """Returns 95 % intervals over groups, of the mean over seeds; {} with few groups."""
        return self._intervals

    @functools.cached_property
    def _intervals(self) -> dict[str, Interval]:
        return seed_intervals.intervals(list(self.by_seed.values()))

    def table(self, key: str) -> dict[str, dict[str, float]]:
        """Returns the figures of each "style", "group" or "band", the mean over seeds."""
        each = [evaluate.by_key(out, key) for out in self.by_seed.values()]
        out: dict[str, dict[str, float]] = {}
        for kind, first in each[0].items():
            rows = [one[kind] for one in each]
            names = [name for name in first if all(name in row for row in rows)]
            out[kind] = {name: float(np.mean([row[name] for row in rows])) for name in names}
            out[kind]["count"] = int(first["count"])
            if key == "group" and len(self.first.styles) == 2:
                rows_of = np.array([group == kind for group in self.first.groups])
                found = [seed_intervals.auc(one, rows_of) for one in self.by_seed.values()]
                out[kind] |= {"auc": float(np.mean(found))} if np.isfinite(found).all() else {}
        return out

    def confusion(self) -> np.ndarray:
        """Returns i64[S,S], row the true style, column the predicted one, added over seeds."""
        return sum(
            classification.confusion(out.probability.argmax(1), out.style, len(out.styles))
            for out in self.by_seed.values()
        )

    def reliability(self, *, raw: bool = False) -> list[tuple[float, float, int]]:
        """Returns (mean confidence, share right, count) of each bin, over all seeds.

        Args:
            raw: of the probabilities before the temperature.
        """
        confidence, right = [], []
        for seed, out in self.by_seed.items():
            known = out.style >= 0
            p = out.probability[known]
            if raw:
                p = uncalibrated(p, np.asarray(self.temperatures[seed])[known])
            confidence.append(p.max(1))
            right.append(p.argmax(1) == out.style[known])
        return classification.calibration_bins(
            np.concatenate(confidence), np.concatenate(right), BINS
        )

    def coverage(self) -> dict[str, dict[float, float]]:
        """Returns score -> level -> share of the given scores inside the predicted interval."""
        out: dict[str, dict[float, float]] = {}
        for name in self.first.deviation:
            found = [
                regression.coverage(one.score[name], one.deviation[name], one.truth[name], LEVELS)
                for one in self.by_seed.values()
            ]
            out[name] = {
                level: float(np.mean([row[level].value for row in found])) for level in LEVELS
            }
        return out

    def differences(self) -> dict[str, dict[str, dict[str, float]]]:
        """Returns figure -> baseline -> group -> the model's minus the baseline's."""
        out: dict[str, dict[str, dict[str, float]]] = {}
        for name, row in self.baselines.items():
            for figure, found in row.get("difference", {}).items():
                if isinstance(found, Mapping):  # earlier runs tell the accuracy alone, bare
                    out.setdefault(figure, {})[name] = dict(found)
        return out

    def most_frequent(self) -> tuple[str, float]:
        """Returns the style that most of these clips have, and its share; "", NaN for none."""
        count = Counter(int(k) for k in self.first.style if k >= 0)
        if not self.first.styles or not count:
            return "", math.nan
        style, n = count.most_common(1)[0]
        return self.first.styles[style], n / sum(count.values())

    def as_dict(self) -> dict[str, Any]:
        """Returns JSON values; what has no meaning is null, with its reason beside it."""
        mean = self.mean()
        out: dict[str, Any] = {
            "clips": len(self.first),
            "groups": len(set(self.first.groups)),
            "group_by": self.group_by,
            "stamp": self.stamp,
            "left_out": list(self.left_out),
            "seeds": {
                str(seed): {name: figure.as_dict() for name, figure in row.items()}
                for seed, row in self.figures().items()
            },
            "mean": {name: value for name, (value, _) in mean.items()},
            "spread": {name: spread for name, (_, spread) in mean.items()},
            "intervals": {name: one.as_dict() for name, one in self.intervals().items()},
            "by_group": self.table("group"),
            "by_band": self.table("band"),
            "baselines": dict(self.baselines),
            "coverage": {
                name: {str(level): share for level, share in row.items()}
                for name, row in self.coverage().items()
            },
            "raters": {name: one.as_dict() for name, one in self.raters.items()},
            "predictions": rows(self),
        }
        if self.styled:
            out |= {
                "by_style": self.table("style"),
                "confusion": {
                    "styles": list(self.first.styles),
                    "rows": "true",
                    "table": self.confusion().tolist(),
                },
                "reliability": [list(one) for one in self.reliability()],
                "most_frequent_style": dict(
                    zip(("style", "share"), self.most_frequent(), strict=True)
                ),
            }
            if tempered(self):
                out["reliability_before_temperature"] = [
                    list(one) for one in self.reliability(raw=True)
                ]
        return plain(out)


def flat(out: Outcome) -> dict[str, Figure]:
    """Returns every figure of an outcome by name."""
    found = dict(evaluate.style_figures(out))
    for score, row in evaluate.score_figures(out).items():
        found |= {f"{score}_{name}": figure for name, figure in row.items()}
    return found


def tempered(found: Evaluation) -> bool:
    """True where a temperature other than 1 was fitted for any clip."""
    return any(t != 1.0 for row in found.temperatures.values() for t in row)


def uncalibrated(probability: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Returns the probabilities before the temperature T: p^T, brought to a sum of 1.

    softmax(z / T)^T is proportional to exp(z), so nothing but the probabilities is needed.

    Args:
        probability: f64[N,S].
        temperature: f64[N].
    """
    # A probability that has underflowed is taken as the smallest there is.
    logit = np.log(np.maximum(probability, 1e-300)) * temperature[:, None]
    p = np.exp(logit - logit.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def rows(found: Evaluation) -> list[dict[str, Any]]:
    """Returns one row a clip: name, group, styles, scores; means over seeds."""
    first, out = found.first, []
    outcomes = list(found.by_seed.values())
    p = np.mean([one.probability for one in outcomes], axis=0)
    score = {s: np.mean([one.score[s] for one in outcomes], axis=0) for s in first.truth}
    deviation = {
        s: np.mean([one.deviation[s] for one in outcomes], axis=0) for s in first.deviation
    }
    for k, name in enumerate(first.names):
        row: dict[str, Any] = {"clip": name, "group": first.groups[k]}
        if first.styles:
            row["style"] = first.styles[first.style[k]] if first.style[k] >= 0 else None
            row["predicted_style"] = first.styles[int(p[k].argmax())]
            row["probability"] = float(p[k].max())
        for s in first.truth:
            row[s] = {"true": float(first.truth[s][k]), "predicted": float(score[s][k])}
            if s in deviation:
                row[s]["deviation"] = float(deviation[s][k])
        out.append(row)
    return out


def plain(value: Any) -> Any:
    """Returns JSON values: a number that is not finite is None, NumPy's numbers are Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
