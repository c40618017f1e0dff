"""The figures of `limb_scoring` summed up, as Markdown, and as a picture of a few clips."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dance_jax.metrics import group_bootstrap, regression
from tests.training.limb_dancers import LIMBS, PARTS

TOLD = (
    "Each limb is raised by a share that is drawn on its own; so are trunk, head, camera, body and",
    "clothes. A clip's score is ten times the mean share that one limb is raised. All scorers see",
    "the same videos: the score alone says which limb counts. A mask is what is seen of a limb; no",
    "pixel outside a limb changes with it.",
    "",
    "The map is that of the head behind `analyze`'s maps; the network sees frames only. Its energy",
    "is the distance from the mean map of the training clips: where zero lies in the map itself is",
    "not decided by training (the head's bias takes up any constant). This, the pictures' size and",
    "the length of the training were chosen on 160 clips of other dancers, the right arm scored",
    "(experiments.md says what had been seen of these dancers before).",
)

HALVES = {"lower half of the scores": (0.0, 5.0), "upper half of the scores": (5.0, 10.01)}


def summary(rows: Sequence[dict[str, Any]], limb: str, kinds: Sequence[str]) -> dict[str, Any]:
    """Returns the figures of one scorer, with 95 % intervals over dancers.

    Args:
        rows: of `limb_scoring.clip_row`, of held-out dancers.
        limb: that is scored.
        kinds: of energy.
    """
    dancers = [row["dancer"] for row in rows]

    def interval(statistic: Any, groups: Sequence[str] = dancers) -> dict[str, float]:
        found = group_bootstrap(statistic, groups, draws=1000, seed=0)
        return {"value": found.value, "low": found.low, "high": found.high}

    def share(
        inside: np.ndarray, area: np.ndarray, groups: Sequence[str] = dancers
    ) -> dict[str, Any]:
        known = np.isfinite(inside)  # a map without any energy has no share
        inside, area = np.where(known, inside, 0.0), np.where(known, area, 0.0)
        ratio = interval(lambda at: inside[at].sum() / area[at].sum(), groups)
        count = known.sum()
        return {"share": inside.sum() / count, "chance": area.sum() / count, "ratio": ratio}

    true = np.array([row["true"] for row in rows])
    out: dict[str, Any] = {
        "clips": len({row["clip"] for row in rows}),
        "dancers": len(set(dancers)),
        "seeds": len({row["seed"] for row in rows}),
        "best_possible_share": float(np.mean([row["best"] for row in rows])),
        "pearson": {},
        "mse": {},
        "energy": {},
        "analyze": {},
        "analyze_zero": {},
        "halves": {},
    }
    for name, key in (("score", "score"), ("map head", "map_score")):
        said = np.array([row[key] for row in rows])
        for figure in ("pearson", "mse"):
            one = getattr(regression, figure)
            out[figure][name] = interval(
                lambda at, one=one, said=said: float(one(said[at], true[at]))
            )
    area = {name: np.array([row["chance"][name] for row in rows]) for name in rows[0]["chance"]}
    for kind in kinds:
        inside = {name: np.array([row[kind][name] for row in rows]) for name in area}
        table = {name: share(inside[name], area[name]) for name in area}
        alone = share(inside[limb] / inside["dancer"], area[limb] / area["dancer"])
        out["energy"][kind] = {"parts": table, "of_the_dancer": alone}
    density = {k: np.array([r[kinds[0]][k] for r in rows]) / area[k] for k in LIMBS}
    most = np.max([density[k] for k in LIMBS], axis=0)
    out["first_of_limbs"] = interval(lambda at: float((density[limb] == most)[at].mean()))
    own, other = (np.array([r[kinds[0]][k] for r in rows]) for k in (limb, "stranger"))
    out["own_over_stranger"] = interval(
        lambda at: (
            (own[at].sum() / area[limb][at].sum()) / (other[at].sum() / area["stranger"][at].sum())
        )
    )
    for key in ("analyze", "analyze_zero"):
        for part in rows[0][key]:
            pair = np.array([row[key][part] for row in rows], float)
            out[key][part] = share(pair[:, 0], pair[:, 1])
    for kind in (kinds[0], "raw"):
        out["halves"][kind] = {}
        for name, (low, high) in HALVES.items():
            part = [row for row in rows if low <= row["true"] < high]
            inside = np.array([row[kind][limb] for row in part])
            chance = np.array([row["chance"][limb] for row in part])
            out["halves"][kind][name] = share(inside, chance, [row["dancer"] for row in part])
            out["halves"][kind][name]["clips"] = len(part)
    return out


def page(found: dict[str, Any], picture: str) -> str:
    """Returns the figures as Markdown.

    Args:
        found: what `cam_on_the_limb.json` holds.
        picture: the figure's place, as the page names it.
    """
    limbs, first = found["limbs"], found["chosen"]
    out = [
        "# Does the map lie on the limb that carries the score?",
        "",
        f"Made by `{found['command']}`.",
        "",
        f"{found['data']}.",
        "",
        *TOLD,
        "",
        f"![Maps of held-out dancers]({picture})",
        "",
        "## The scorers",
        "",
        "| scored limb | held-out clips, dancers, seeds | Pearson r, score | Pearson r, map head |",
        "|---|---|---|---|",
    ]
    for limb, row in limbs.items():
        each = [_told(row["pearson"][name], 3) for name in ("score", "map head")]
        counts = f"{row['clips']}, {row['dancers']}, {row['seeds']}"
        out.append(f"| {_words(limb)} | {counts} | {each[0]} | {each[1]} |")
    out += [
        "",
        "## Energy inside each part's true mask, over chance",
        "",
        "Share of the energy over the share of the picture that the part covers; 1 is chance.",
        "",
        _head(limbs, "part"),
        "|---" * (1 + len(limbs)) + "|",
    ]
    for part in (*PARTS, "dancer"):
        cells = [_cell(row["energy"][first]["parts"][part], part == k) for k, row in limbs.items()]
        name = "whole dancer" if part == "dancer" else _words(part)
        out.append(f"| {name} | {' | '.join(cells)} |")
    own = [row["energy"][first]["of_the_dancer"] for row in limbs.values()]
    cells = [_cell(one, False) for one in own]
    out.append(f"| scored limb, of the energy on the dancer | {' | '.join(cells)} |")
    best = [
        f"{100 * r['best_possible_share']:.1f} %: "
        f"{r['best_possible_share'] / r['energy'][first]['parts'][k]['chance']:.1f}"
        for k, r in limbs.items()
    ]
    out.append(f"| the best map of these cells, scored limb | {' | '.join(best)} |")
    cells = [_cell(row["energy"][first]["parts"]["stranger"], False) for row in limbs.values()]
    out.append(f"| the scored limb's mask of another dancer's clip | {' | '.join(cells)} |")
    for words, of in (("the scored limb", str), ("its twin", twin)):
        cells = [
            _cell(row["energy"][first]["parts"][f"reach of {of(k)}"], False)
            for k, row in limbs.items()
        ]
        out.append(f"| where {words} can be, raised or not | {' | '.join(cells)} |")
    out += [
        "",
        "A limb that hangs lowers the score by not being where it would be when raised; the map",
        "marks that empty place: hence the rows of where a limb can be. Cells stand 8 pixels apart",
        "and each sees 49 pixels around it, more than a limb is wide or long: evidence of a limb",
        "may stand beside it.",
        "",
        "Held-out clips in which the scored limb, of the four limbs, has the most energy for its",
        "area (chance 25 %): " + _each(limbs, "first_of_limbs", _percent) + ".",
        "",
        "The scored limb's own mask against the same limb's mask of another dancer's clip, energy",
        "for their area: " + _each(limbs, "own_over_stranger", lambda one: _told(one, 2)) + ".",
        "Where this is 1 the map tells which limb counts, but not how it is held.",
    ]
    out += ["", "## The scored limb, counted in other ways", "", _head(limbs, "energy")]
    out.append("|---" * (1 + len(limbs)) + "|")
    for kind, words in found["kinds"].items():
        cells = [_cell(row["energy"][kind]["parts"][k], False) for k, row in limbs.items()]
        out.append(f"| {words} | {' | '.join(cells)} |")
    for kind in (first, "raw"):
        for half in HALVES:
            each = [row["halves"][kind][half] for row in limbs.values()]
            cells = [f"{_cell(one, False)}, {one['clips']} clips" for one in each]
            out.append(f"| {found['kinds'][kind]}, {half} | {' | '.join(cells)} |")
    out += [
        "",
        "## What `analyze` reports",
        "",
        "Its table of energy by body part: soft regions about the joints, and the distance from",
        "the mean map of the training windows, which is stored with the network. Of a network that",
        "was stored without it is what lies above zero: what raises the score. Of clips that score",
        "low that says little: see the lower half above.",
        "",
        _head(limbs, "part"),
        "|---" * (1 + len(limbs)) + "|",
    ]
    for part in next(iter(limbs.values()))["analyze"]:
        cells = [_cell(row["analyze"][part], part == k) for k, row in limbs.items()]
        out.append(f"| {_words(part)} | {' | '.join(cells)} |")
    cells = [_cell(row["analyze_zero"][k], False) for k, row in limbs.items()]
    out.append(f"| scored limb, of a network stored without | {' | '.join(cells)} |")
    missing = [_words(limb) for limb in LIMBS if limb not in limbs]
    if missing:
        out += ["", f"Not measured: {', '.join(missing)}."]
    return "\n".join(out) + "\n"


def twin(limb: str) -> str:
    """Returns the same limb of the other side."""
    side, kind = limb.split("_")
    return f"{'left' if side == 'right' else 'right'}_{kind}"


def rounded(value: Any) -> Any:
    """Returns JSON values whose numbers have five figures."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _words(name: str) -> str:
    return name.replace("_", " ")


def _each(limbs: dict[str, Any], name: str, told: Callable[[dict[str, float]], str]) -> str:
    return ", ".join(f"{_words(limb)} {told(row[name])}" for limb, row in limbs.items())


def _percent(one: dict[str, float]) -> str:
    return "{:.0f} % ({:.0f} to {:.0f})".format(*(100 * one[k] for k in ("value", "low", "high")))


def _head(limbs: dict[str, Any], first: str) -> str:
    return f"| {first} | " + " | ".join(f"{_words(k)} scored" for k in limbs) + " |"


def _told(one: dict[str, float], digits: int) -> str:
    return f"{one['value']:.{digits}f} ({one['low']:.{digits}f} to {one['high']:.{digits}f})"


def _cell(one: dict[str, Any], strong: bool) -> str:
    text = f"{_told(one['ratio'], 1)}; {100 * one['share']:.1f} % of {100 * one['chance']:.1f} %"
    return f"**{text}**" if strong else text


def draw(path: pathlib.Path, rows: dict[str, Sequence[dict[str, Any]]]) -> None:
    """Draws clips with their maps and the outline of the limb that is scored.

    Args:
        path: of the picture.
        rows: limb -> clips: "picture" u8[H,W,3], "map" f32[H,W] less the usual map, "mask"
            bool[H,W], "true" and "map_score".
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    most = max(len(clips) for clips in rows.values())
    size = (1.7 * most, 2.5 * len(rows))
    figure, axes = pyplot.subplots(len(rows), most, figsize=size, squeeze=False)
    for line, (limb, clips) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.axis("off")
        strong = max(float(np.abs(clip["map"]).max()) for clip in clips)
        for axis, clip in zip(line, clips, strict=False):
            grey = clip["picture"].mean(-1)
            axis.imshow(grey, cmap="gray", vmin=0, vmax=255)
            alpha = np.clip(1.5 * np.abs(clip["map"]) / strong, 0, 0.8)
            axis.imshow(clip["map"], cmap="RdBu_r", vmin=-strong, vmax=strong, alpha=alpha)
            axis.contour(clip["mask"], [0.5], colors="black", linewidths=0.9)
            said = f"{_words(limb)}: {clip['true']:.1f}\nthe map says {clip['map_score']:.1f}"
            axis.set_title(said, fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75)
    pyplot.close(figure)
