"""The table of `real_learning` in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = (
    "# Learning on real poses",
    "",
    "Made by `python -m tests.training.real_learning`. Every group (source video, skater, subject,",
    "content, athlete) is held out once. Feature sets, penalties and whether all sets speak",
    "together are chosen by leaving groups out *inside* the training part. Three seeds draw the",
    "kernels; sd is over seeds. Majority and ridge are computed in the same run on the same folds.",
    "The reference is what the notes beside the data give. What was tried:",
    "[experiments.md](experiments.md).",
    "",
)


def page(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the page: one table of all sets, then each group of each set."""
    columns = (
        "data",
        "test clips",
        "groups",
        "figure",
        "ours, pooled (sd)",
        "mean of groups",
        "majority, or mean",
        "pose statistics + ridge",
        "reference",
        "aim",
    )
    head = [*_HEAD, "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    rows, parts = [], []
    for name, found in kept.items():
        figure = found["figure"]
        base = list(found["baselines"].values())
        rows.append(
            f"| {name} | {found['clips']} | {found['groups']} | {figure} "
            f"| {_number(found['mean'].get(figure))} ({_number(found['spread'].get(figure))}) "
            f"| {_number(found['group_mean'].get(figure))} "
            + "".join(f"| {_number(one.get(figure))} " for one in base)
            + f"| {found['reference']} | {found['aim']} |"
        )
        parts += _groups(name, found)
    return "\n".join([*head, *rows, *parts]) + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _groups(name: str, found: Mapping[str, Any]) -> list[str]:
    """Returns the groups of one set, its intervals, choices and command."""
    figure = found["figure"]
    out = ["", f"## {name}", ""]
    if found["note"]:
        out += [f"{found['note'][0].upper()}{found['note'][1:]}.", ""]
    names = list(found["baselines"])
    # Many groups have an interval; few are shown one by one.
    if len(found["by_group"]) < 10:
        out.append(
            f"| group | clips | {figure} | " + " | ".join(f"minus {n}" for n in names) + " |"
        )
        out.append("|---" * (3 + len(names)) + "|")
        for group, row in found["by_group"].items():
            gains = [found["baselines"][n]["difference"].get(figure, {}).get(group) for n in names]
            told = " | ".join("-" if g is None else f"{g:+.3f}" for g in gains)
            out.append(f"| {group} | {row['count']} | {_number(row.get(figure))} | {told} |")
        out.append("")
    for key, one in found["intervals"].items():
        if one["low"] is not None:
            out.append(
                f"- {key}: {one['value']:.3f}, 95 % interval over groups {one['low']:.3f} to "
                f"{one['high']:.3f} (seed 0)"
            )
    for base, row in found["baselines"].items():
        for key, one in row["intervals"].items():
            out.append(
                f"- {key} minus that of {base}: {one['value']:+.3f}, 95 % interval "
                f"{one['low']:+.3f} to {one['high']:+.3f}"
            )
    for key, one in found.get("beyond_the_mean", {}).items():
        out.append(
            f"- Spearman of {key} beyond the training mean: {one['value']:+.3f}, 95 % interval "
            f"over groups {one['low']:+.3f} to {one['high']:+.3f} (seed 0)"
        )
    rest = {k: v for k, v in found["mean"].items() if v is not None and k != figure}
    out.append("- also: " + ", ".join(f"{k} {v:.3f}" for k, v in rest.items()))
    picked = ", ".join(f"{k} {n}" for k, n in found["picked"].items())
    out.append(f"- chosen inside the folds of all seeds: {picked}")
    out.append(f"- {found['seconds']} s; `{found['command']}`")
    if found["left_out"]:
        out.append(
            f"- {len(found['left_out'])} clips are not tested: their style keeps too few clips"
        )
    return out
