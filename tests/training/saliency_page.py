"""The figures of `saliency_study` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def page(found: Mapping[str, Any]) -> str:
    """Returns the page: one row a map and what it is compared with."""
    n, means = found["n"], found["means"]
    out = [
        "# Does the saliency tell what a score rests on?",
        "",
        "Made by `python -m tests.training.saliency_study`.",
        "",
        f"{found['data']}.",
        "",
        f"{n['clips']} clips of {n['dancers']} dancers, each explained by the network of the fold",
        f"({n['folds']} folds) that did not see this dancer. The network is the variant `pose` of",
        "[synthetic_learning.md](synthetic_learning.md); what is explained is its aesthetic score,",
        "by the function that `analyze --config.run` uses (integrated gradients, "
        f"{found['steps_of_the_path']} points).",
        "",
        "Cells (a joint at a moment) are taken in the order of a map, those that raise the score",
        "most first. *Deletion* puts the joint's mean place of the clip there; the lower the curve",
        "of the score, the better. *Insertion* starts with the dancer standing still in the mean",
        "pose and puts the cells back; the higher the better. A gain is the difference of the",
        f"areas under two curves, in {found['unit']}: positive where the map is better,",
        f"with its interval ({found['interval_is']}), and in how many clips it is positive.",
        f"Random orders are means of {found['random_orders']}. A map goes by single cells, by",
        "*seconds of a joint* or by *whole joints*, each by the sum over its cells; like is",
        "compared with like, and single cells with whole random joints too. (The seconds were",
        "added after a first look at cells and whole joints; nothing else was chosen by these",
        "figures.)",
        "",
        f"On average the score is {means['score']:.2f}, that of the same dancers standing still "
        f"{means['still']:.2f};",
        f"the map leaves {means['gap']:.3f} points of a clip's difference unexplained.",
        "",
        "| map | against | deletion | clips | insertion | clips |",
        "|---|---|---|---|---|---|",
    ]
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found["rows"]:
        pairs.setdefault((row["map"], row["against"]), {})[row["curve"]] = row
    for (name, other), row in pairs.items():
        cells = " | ".join(_cells(row[curve]) for curve in ("deletion", "insertion"))
        out.append(f"| {name} | {other} | {cells} |")
    own = [row for row in found["rows"] if row["map"].startswith(found["map"])]
    weak = [row for row in own if row["verdict"] != "better"]
    told = "; ".join(
        f"{row['map']} against {row['against']}, {row['curve']} ({row['verdict']})" for row in weak
    )
    out += ["", f"The map of `analyze` is not better in: {told or 'no comparison'}.", ""]
    out += [
        "The map *of random weights* is that of the same network with every parameter drawn anew;",
        "*speed of the joints* is no map of a network at all. Both order the cells of the trained",
        "network's clips.",
        "",
        "A cell that is replaced alone makes its joint jump, which no dancer does and the network,",
        "which sees velocities, has never seen: whole joints are the cleaner question, and the one",
        "behind what a report says each joint adds. The mean place is also where the path of the",
        "map starts, which favours it.",
    ]
    return "\n".join(out) + "\n"


def _cells(row: Mapping[str, Any]) -> str:
    told = f"{row['mean']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
    if row["verdict"] != "better":
        told += f", {row['verdict']}"
    return f"{told} | {row['positive']} of {row['clips']}"
