"""What all folds and seeds say together, beside baselines of the same folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.metrics import Interval, classification, group_bootstrap, regression
from dance_jax.training import evaluate
from dance_jax.training.evaluate import FEW_GROUPS, Outcome
from dance_jax.training.folds import Fold


def summary(
    by_seed: Mapping[int, Sequence[Outcome]], base: Mapping[str, Outcome], folds: Sequence[Fold]
) -> dict[str, Any]:
    """Returns JSON values: pooled figures of every seed, their mean, groups, and baselines.

    Args:
        by_seed: seed -> the outcome of each fold.
        base: name of a baseline -> its outcome over the same clips; {} for none.
        folds: of all.

    Returns:
        "clips", "groups", "left_out", "stamp"; "seeds": seed -> figures; "mean" and "spread" over
        seeds; "intervals" of the first seed, or {} with few groups; "by_style", "by_group",
        "by_band" of the first seed; "group_mean": mean over groups of each group's accuracy, AUC
        (of two classes) and absolute error of a score; "baselines": name -> figures, its own
        "group_mean", and "difference": figure -> group -> mean over seeds minus the baseline's.
    """
    pooled = {seed: evaluate.together(parts) for seed, parts in by_seed.items()}
    first = next(iter(pooled.values()))
    rows = {seed: _flat(out) for seed, out in pooled.items()}
    names = sorted(set.intersection(*(set(row) for row in rows.values())))
    out: dict[str, Any] = {
        "clips": len(first),
        "groups": len(set(first.groups)),
        "left_out": sorted(name for fold in folds for name in fold.left_out),
        "stamp": next((fold.stamp for fold in folds if fold.stamp), ""),
        "seeds": {str(seed): {k: _plain(v) for k, v in row.items()} for seed, row in rows.items()},
        "mean": {k: _plain(np.mean([row[k] for row in rows.values()])) for k in names},
        "spread": {k: _plain(np.std([row[k] for row in rows.values()])) for k in names},
        "intervals": {k: v.as_dict() for k, v in evaluate.intervals(first).items()},
        "by_style": evaluate.by_key(first, "style") if first.styles else {},
        "by_band": evaluate.by_key(first, "band") if "aesthetic" in first.truth else {},
        "by_group": {},
        "baselines": {},
    }
    each = [_by_group(one) for one in pooled.values()]
    table = _mean_of(each)
    out["by_group"] = {g: {**row, "count": first.groups.count(g)} for g, row in table.items()}
    out["group_mean"] = _over_groups(table)
    for name, one in base.items():
        of_base = _by_group(one)
        out["baselines"][name] = {
            **{k: _plain(v) for k, v in _flat(one).items()},
            "group_mean": _over_groups(of_base),
            "difference": _difference(table, of_base),
            "intervals": {k: v.as_dict() for k, v in _paired(pooled, one).items()},
        }
    return out


def _mean_of(tables: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Returns group -> figure -> mean over tables."""
    return {
        g: {k: float(np.mean([t[g][k] for t in tables])) for k in row}
        for g, row in tables[0].items()
    }


def _over_groups(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Returns figure -> mean over the groups that have it."""
    names = sorted({k for row in table.values() for k in row})
    return {k: float(np.mean([row[k] for row in table.values() if k in row])) for k in names}


def _difference(
    table: Mapping[str, Mapping[str, float]], base: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Returns figure -> group -> ours minus the baseline's."""
    out: dict[str, dict[str, float]] = {}
    for group, row in table.items():
        for name, value in row.items():
            if name in base.get(group, {}):
                out.setdefault(name, {})[group] = value - base[group][name]
    return out


def _paired(pooled: Mapping[int, Outcome], base: Outcome) -> dict[str, Interval]:
    """Returns intervals over groups of the paired difference to a baseline; {} with few groups."""
    first = next(iter(pooled.values()))
    if len(set(first.groups)) < FEW_GROUPS or first.names != base.names:
        return {}
    gain: dict[str, np.ndarray] = {}
    if first.styles and (base.style >= 0).all():
        ours = np.mean([one.probability.argmax(1) == one.style for one in pooled.values()], axis=0)
        gain["accuracy"] = ours - (base.probability.argmax(1) == base.style)
    for score, truth in first.truth.items():
        if score in base.score:
            ours = np.mean([np.abs(one.score[score] - truth) for one in pooled.values()], axis=0)
            gain[f"{score}_mae"] = ours - np.abs(base.score[score] - truth)
    return {
        name: group_bootstrap(lambda rows, g=g: float(np.nanmean(g[rows])), first.groups)
        for name, g in gain.items()
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """Returns what a summary says, for the terminal."""
    held = f"{found['clips']} test clips of {found['groups']} groups"
    out = [f"{found['stamp'].upper()}. {held}" if found["stamp"] else held]
    mean, spread, seeds = found["mean"], found["spread"], len(found["seeds"])
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "auc", "ece"):
        if mean.get(name) is not None:
            text = f"{name} {mean[name]:.3f} (sd over {seeds} seeds {spread[name]:.3f})"
            if (interval := found["intervals"].get(name)) and interval["low"] is not None:
                text += (
                    f", 95 % interval over groups {interval['low']:.3f} to {interval['high']:.3f}"
                )
            out.append(text)
    for name, value in mean.items():
        if name.endswith(("_mse", "_pearson", "_mae")) and value is not None:
            out.append(f"{name} {value:.3f} (sd over {seeds} seeds {spread[name]:.3f})")
    for name, row in found["baselines"].items():
        told = [f"{k} {row[k]:.3f}" for k in row if k == "accuracy" or k.endswith("_mae")]
        out.append(f"baseline {name}: {', '.join(told)}")
    if found["groups"] < FEW_GROUPS:
        for group, row in found["by_group"].items():
            for figure, value in row.items():
                if figure == "count":
                    continue
                text = f"group {group}: {figure} {value:.3f} of {row['count']}"
                for name, base in found["baselines"].items():
                    if (gain := base["difference"].get(figure, {}).get(group)) is not None:
                        text += f", {gain:+.3f} against {name}"
                out.append(text)
    return out


def _flat(out: Outcome) -> dict[str, float]:
    """Returns every figure of an outcome by name."""
    found = {name: float(value) for name, value in evaluate.style_figures(out).items()}
    for score, row in evaluate.score_figures(out).items():
        found |= {f"{score}_{name}": float(value) for name, value in row.items()}
    return found


def _by_group(out: Outcome) -> dict[str, dict[str, float]]:
    """Returns group -> accuracy, AUC (two classes, where both occur), absolute error of scores."""
    table: dict[str, dict[str, float]] = {}
    groups = np.asarray(out.groups)
    for group in sorted(set(out.groups)):
        rows = np.flatnonzero(groups == group)
        row: dict[str, float] = {}
        if out.styles:
            truth, said = out.style[rows], out.probability[rows]
            counted = classification.confusion(said.argmax(1), truth, len(out.styles))
            row["accuracy"] = float(classification.accuracy(counted))
            if len(out.styles) == 2:
                row["auc"] = float(classification.auc(said[:, 1], truth))
        for score, truth in out.truth.items():
            row[f"{score}_mae"] = float(regression.mae(out.score[score][rows], truth[rows]))
        table[group] = {k: v for k, v in row.items() if not math.isnan(v)}
    return table


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
