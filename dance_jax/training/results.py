"""What all folds and seeds say together, beside baselines of the same folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.metrics import classification, per_group
from dance_jax.training import baselines, evaluate
from dance_jax.training.evaluate import FEW_GROUPS, Outcome
from dance_jax.training.examples import Examples
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
        "by_band" of the first seed; "group_mean" of the accuracy; "baselines": name -> figures,
        and "difference" of each group's accuracy (mean over seeds minus the baseline's).
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
    if first.styles:
        each = [_right_by_group(one) for one in pooled.values()]
        table = {g: (float(np.mean([e[g][0] for e in each])), each[0][g][1]) for g in each[0]}
        out["by_group"] = {g: {"accuracy": a, "count": n} for g, (a, n) in table.items()}
        out["group_mean"] = float(np.mean([a for a, _ in table.values()]))
        for name, one in base.items():
            of_base = _right_by_group(one)
            out["baselines"][name] = {
                **{k: _plain(v) for k, v in _flat(one).items()},
                "group_mean": float(np.mean([a for a, _ in of_base.values()])),
                "difference": {g: table[g][0] - of_base[g][0] for g in table},
            }
    return out


def style_baselines(examples: Examples, folds: Sequence[Fold], *, by: str) -> dict[str, Outcome]:
    """Returns "majority" and "pose statistics + ridge" on the same folds.

    The majority is that of the training part; the ridge's penalty is chosen by leaving each of its
    groups out in turn.

    Args:
        examples: with poses and styles.
        folds: as the model's; validation clips are trained on too.
        by: key of the groups.
    """
    features = {row.name: baselines.pose_statistics(row.clip) for row in examples.rows}
    label = {row.name: row.style for row in examples.rows}
    group = {row.name: row.groups.get(by, row.name) for row in examples.rows}
    styles = examples.styles
    parts: dict[str, list[Outcome]] = {"majority": [], "pose statistics + ridge": []}
    for fold in folds:
        seen = [name for name in (*fold.train, *fold.val) if label[name]]
        test = [name for name in fold.test if label[name]]
        if not test:
            continue
        x = np.stack([features[name] for name in seen])
        asked = np.stack([features[name] for name in test])
        known, groups = [label[n] for n in seen], [group[n] for n in seen]
        alpha = baselines.select_alpha(x, known, groups)
        guess = {
            "majority": [baselines.majority(known)] * len(test),
            "pose statistics + ridge": list(baselines.classify(x, known, asked, alpha)),
        }
        for name, said in guess.items():
            parts[name].append(
                Outcome(
                    tuple(test),
                    tuple(group[n] for n in test),
                    styles,
                    np.array([styles.index(label[n]) for n in test]),
                    baselines.one_hot(said, styles),
                    {},
                    {},
                    {},
                )
            )
    return {name: evaluate.together(found) for name, found in parts.items() if found}


def lines(found: Mapping[str, Any]) -> list[str]:
    """Returns what a summary says, for the terminal."""
    held = f"{found['clips']} test clips of {found['groups']} groups"
    out = [f"{found['stamp'].upper()}. {held}" if found["stamp"] else held]
    mean, spread, seeds = found["mean"], found["spread"], len(found["seeds"])
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "ece"):
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
        out.append(f"baseline {name}: accuracy {row['accuracy']:.3f}")
    if found["groups"] < FEW_GROUPS:
        for group, row in found["by_group"].items():
            text = f"group {group}: accuracy {row['accuracy']:.3f} of {row['count']}"
            for name, base in found["baselines"].items():
                text += f", {base['difference'][group]:+.3f} against {name}"
            out.append(text)
    return out


def _flat(out: Outcome) -> dict[str, float]:
    """Returns every figure of an outcome by name."""
    found = {name: float(value) for name, value in evaluate.style_figures(out).items()}
    for score, row in evaluate.score_figures(out).items():
        found |= {f"{score}_{name}": float(value) for name, value in row.items()}
    return found


def _right_by_group(out: Outcome) -> dict[str, tuple[float, int]]:
    guess = out.probability.argmax(1)

    def share(rows: np.ndarray) -> float:
        table = classification.confusion(guess[rows], out.style[rows], len(out.styles))
        return float(classification.accuracy(table))

    return per_group(share, out.groups)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
