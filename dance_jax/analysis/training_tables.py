"""Tables of the page of a training: figures, baselines, raters, groups, links, worst clips."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dance_jax.analysis import palette
from dance_jax.analysis.error_links import Links
from dance_jax.analysis.evaluation import Evaluation, rows
from dance_jax.analysis.human_raters import typical
from dance_jax.analysis.report_text import number, percent
from dance_jax.biomech import catalogue
from dance_jax.metrics import Figure, Interval

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auc": "AUC, mean of each style against the rest",
    "log_loss": "log loss",
    "brier": "Brier score, 0 to 2",
    "ece": "calibration error, 15 equal bins",
    "adaptive_ece": "calibration error, bins of equal count",
    "mse": "MSE, points squared",
    "rmse": "RMSE, points",
    "mae": "MAE, points",
    "r2": "R2",
    "pearson": "Pearson r",
    "spearman": "Spearman rho",
    "r_l2": "R-l2, scale 0 to 10",
    "coverage_90": "given scores inside the 90 % interval",
}
"""Figure -> how it is written."""

_KEPT = 8  # clips with the largest errors
_LINKS = 12
_ROWS = 60  # groups in the page; the JSON has all
_MAIN = ("mse", "mae", "r2", "pearson", "spearman")


def label(name: str, score: str = "") -> str:
    """Returns a figure's name as a reader knows it."""
    return NAMES.get(name.removeprefix(f"{score}_") if score else name, palette.plain(name))


def score_of(name: str, scores: Sequence[str]) -> str:
    """Returns the score that a figure's name begins with, "" for one of the styles."""
    return next((score for score in scores if name.startswith(f"{score}_")), "")


def style_table(
    mean: Mapping[str, tuple[float, float]],
    intervals: Mapping[str, Interval],
    each: Mapping[int, Mapping[str, Figure]],
    scores: Sequence[str],
) -> list[dict[str, Any]]:
    """Returns one row a figure of the styles: value, spread, interval, count and reason."""
    first = next(iter(each.values()))
    return [
        {
            "name": label(name),
            "cell": _cell(mean[name], intervals.get(name), len(each) > 1),
            "n": first[name].count,
            "reason": first[name].reason,
        }
        for name in mean
        if not score_of(name, scores)
    ]


def score_table(
    mean: Mapping[str, tuple[float, float]],
    intervals: Mapping[str, Interval],
    each: Mapping[int, Mapping[str, Figure]],
    scores: Sequence[str],
) -> dict[str, Any]:
    """Returns one row a figure, a column a score; how many clips have each, and what is missing."""
    first = next(iter(each.values()))
    names = list(dict.fromkeys(n.removeprefix(f"{s}_") for n in mean if (s := score_of(n, scores))))
    rows = []
    for name in names:
        cells = []
        for score in scores:
            key = f"{score}_{name}"
            known = key in mean
            cells.append(_cell(mean[key], intervals.get(key), len(each) > 1) if known else ("", ""))
        rows.append({"name": label(name), "cells": cells})
    reasons = sorted({f"{palette.plain(n)}: {f.reason}" for n, f in first.items() if f.reason})
    return {
        "heads": [palette.plain(score) for score in scores],
        "rows": rows,
        "n": [first[f"{score}_mse"].count for score in scores],
        "reasons": reasons,
    }


def _cell(value: tuple[float, float], one: Interval | None, several: bool) -> tuple[str, str]:
    """Returns the value with its spread over seeds, and its interval."""
    text = number(value[0], 3)
    if several and math.isfinite(value[0]):
        text += f" \N{PLUS-MINUS SIGN} {number(value[1], 3)}"
    if one is None or not math.isfinite(one.low):
        return text, ""
    return text, f"{number(one.low, 3)} to {number(one.high, 3)}"


def baseline_table(found: Evaluation) -> dict[str, Any]:
    """Returns the model beside baselines: figures that all of them have."""
    mean = found.mean()
    bases = {name: row for name, row in found.baselines.items() if isinstance(row, Mapping)}
    wanted = ("accuracy", "balanced_accuracy", "macro_f1", "auc", "log_loss")
    wanted += tuple(f"{s}_{m}" for s in found.first.truth for m in _MAIN)
    there = [
        n
        for n in wanted
        if n in mean and any(isinstance(r.get(n), float | int) for r in bases.values())
    ]
    scores = tuple(found.first.truth)
    table = [
        {
            "name": full_label(n, scores),
            "model": number(mean[n][0], 3),
            "bases": [(number(row.get(n), 3), _gain(row, n)) for row in bases.values()],
        }
        for n in there
    ]
    return {"names": list(bases), "rows": table}


def _gain(row: Mapping[str, Any], name: str) -> str:
    """Returns the paired difference to a baseline with its interval over groups, "" for none."""
    found = row.get("intervals", {}).get(name, {})
    if found.get("low") is None or found.get("value") is None:
        return ""
    ends = f"{_signed(found['low'])} to {_signed(found['high'])}"
    return f"ours {_signed(found['value'])} ({ends})"


def rater_rows(found: Evaluation) -> list[dict[str, Any]]:
    """Returns one row a score: agreement of its raters, ceiling, and the model beside them."""
    out = []
    for name, one in found.raters.items():
        icc = one.agreement.icc.get("ICC(2,1)")
        out.append(
            {
                "score": palette.plain(name),
                "raters": len(one.names),
                "clips": one.clips,
                "alpha": number(one.agreement.alpha, 3),
                "icc": f"{number(icc[0], 3)} ({number(icc[1])} to {number(icc[2])})" if icc else "",
                "ceiling": number(one.agreement.ceiling, 3),
                "people_r": number(typical(one.rater_r), 3),
                "model_r": number(typical(one.model_r), 3),
                "people_mae": number(typical(one.rater_mae)),
                "model_mae": number(typical(one.model_mae)),
                "reason": one.agreement.reason,
            }
        )
    return out


def kind_table(found: Evaluation, key: str) -> dict[str, Any]:
    """Returns the table of each style, group or band, with differences to baselines for groups."""
    table = found.table(key)
    there = dict.fromkeys(c for row in table.values() for c in row)
    columns = [c for c in there if c in ("accuracy", "auc") or c.endswith("_mae")]
    scores = tuple(found.first.truth)
    # Which of the model and a baseline is better is told of the first figures; the JSON has all.
    shown = [c for c in columns if c in ("accuracy", "auc")] or columns[:1]
    gaps = found.differences() if key == "group" else {}
    against = [(f, name, gaps[f][name]) for f in shown if f in gaps for name in gaps[f]]
    lines = [
        {
            "name": kind,
            "count": int(row["count"]),
            "values": [number(row.get(name), 3) for name in columns],
            "gaps": [_signed(gap.get(kind)) for *_, gap in against],
        }
        for kind, row in list(table.items())[:_ROWS]
    ]
    means = [_mean([row[c] for row in table.values() if c in row]) for c in columns]
    return {
        "heads": [full_label(name, scores) for name in columns],
        "gap_heads": [f"{full_label(f, scores)} against {name}" for f, name, _ in against],
        "rows": lines,
        "more": len(table) - len(lines),
        "mean": [number(m, 3) for m in means],
        "gap_mean": [_signed(_mean(list(gap.values()))) for *_, gap in against],
    }


def full_label(name: str, scores: Sequence[str]) -> str:
    """Returns a figure's name with the score that it is of."""
    score = score_of(name, scores)
    return f"{palette.plain(score)}: {label(name, score)}" if score else label(name)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _signed(value: Any) -> str:
    return f"{value:+.3f}" if isinstance(value, float | int) and math.isfinite(value) else ""


def worst(found: Evaluation) -> dict[str, Any]:
    """Returns the clips on which the first score, or else the style, was furthest off."""
    table = rows(found)
    score = next(iter(found.first.truth), "")
    if score:
        known = [r for r in table if math.isfinite(r[score]["true"])]
        known.sort(key=lambda r: -abs(r[score]["predicted"] - r[score]["true"]))
        lines = [
            (r["clip"], number(r[score]["true"]), number(r[score]["predicted"]))
            for r in known[:_KEPT]
        ]
        return {"what": f"{palette.plain(score)} score", "rows": lines}
    wrong = [r for r in table if r.get("style") and r["style"] != r["predicted_style"]]
    wrong.sort(key=lambda r: -r["probability"])
    lines = [
        (r["clip"], r["style"], f"{r['predicted_style']} ({percent(r['probability'])})")
        for r in wrong[:_KEPT]
    ]
    return {"what": "style, the surest mistakes", "rows": lines}


def link_rows(links: Links | str) -> list[dict[str, str]]:
    """Returns the measures that go with the error most."""
    if isinstance(links, str):
        return []
    return [
        {
            "measure": catalogue.MEASURES[key].label,
            "group": catalogue.MEASURES[key].group,
            "error": number(float(links.error[k])),
            "truth": number(float(links.truth[k])),
            "predicted": number(float(links.predicted[k])),
            "beyond": "yes" if abs(links.error[k]) > links.limit else "no",
        }
        for k, key in enumerate(links.keys[:_LINKS])
    ]
