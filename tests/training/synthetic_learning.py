"""What the full network learns of synthetic dancers, from rendered videos and estimated poses.

    python -m tests.training.synthetic_learning --folder=DIR [--only="both;pose"] [--seeds=0,1,2]

Makes the corpus (once), trains each variant in a folder of its own (goes on where it stopped),
holds the held-out dancers' scores against the true ones, and writes `docs/synthetic_learning.json`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dance_jax import rundir
from dance_jax.analysis import demo_scorer
from dance_jax.data import layout
from dance_jax.data.synthetic_corpus import fill_corpus, load_truth
from dance_jax.data.synthetic_design import LABEL, Design
from dance_jax.metrics import group_bootstrap, regression
from dance_jax.models.heads import SCALE
from dance_jax.training import (
    evaluate,
    fold_baselines,
    network,
    outcome_file,
    train,
    warm_start,
)
from dance_jax.training.examples import Examples
from dance_jax.training.folds import Fold, folds_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "synthetic_learning.json"
COMMAND = "python -m tests.training.synthetic_learning --folder=DIR"
SEEN = tuple(f"synthetic_rater_{k}" for k in (1, 3, 5, 7))
"""Raters who are learnt from; the others are held out."""

DESIGN = Design(
    dancers=64,
    styles=("ballet_like", "hip_hop_like"),
    seconds=8.0,
    raters=8,
    common=0.9,
    pictures="rendered",
    width=240,
    height=320,
    seed=9,
)

BASE: dict[str, Any] = {
    "poses": "estimated",
    "estimator": "blazepose",
    "raters": SEEN,
    "window_s": DESIGN.seconds,
    "split": "kfold",
    "folds": 4,
    "weight_style": 0.1,
    "weight_biomech": 0.2,
    "batch_size": 8,
    "total_epochs": 5.0,
    "report": "none",
}
"""What differs from the demo's scorer."""

BOTH = {"streams": ("frames", "pose"), "stream_drop": 0.1, "weight_map": 0.2}
# Without the statistics it has to learn all from 96 clips; a causal network cannot have them.
PLAIN = {"streams": ("pose",), "statistics": False, "total_epochs": 30.0}
VARIANTS: dict[str, dict[str, Any]] = {
    "both": BOTH,
    "pose": {"streams": ("pose",)},
    "frames": {"streams": ("frames",), "statistics": False, "weight_map": 0.2},
    "both, concat": BOTH | {"fusion": "concat"},
    "both, cross_attention": BOTH | {"fusion": "cross_attention"},
    "both, mfmhla": BOTH | {"fusion": "mfmhla"},
    "both, true poses": BOTH | {"poses": "annotated"},
    "pose, true poses": {"streams": ("pose",), "poses": "annotated"},
    "pose + measures": {"streams": ("pose", "measures")},
    "pose, no statistics": PLAIN,
    "pose, no statistics, causal": PLAIN | {"causal": True},
}
RIDGES = {"ridge": "estimated", "ridge, true poses": "annotated"}
"""What a network must beat: `fold_baselines`, and what its own scores start from, as ridges."""


def settings(name: str, corpus: pathlib.Path, cache: pathlib.Path, **changes: Any) -> Any:
    """Returns the config of a variant."""
    given = BASE | VARIANTS[name] | {"cache": str(cache)} | changes
    return demo_scorer.settings(corpus, **given)


def held_out_raters(corpus: pathlib.Path) -> dict[str, float]:
    """Returns clip -> mean aesthetic score of the raters that nothing was learnt from."""
    clips, raters, table = layout.read_corpus(corpus).table("aesthetic_score")
    held = [k for k, name in enumerate(raters) if name not in SEEN]
    return dict(zip(clips, np.nanmean(table[:, held], 1), strict=True))


def row_of(run: pathlib.Path, corpus: pathlib.Path, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Returns the figures of a run: against the truth, and against the raters held out."""
    truth = load_truth(corpus).scores["aesthetic_score"]
    others = held_out_raters(corpus)
    rows = []
    for seed in seeds:
        places = sorted(run.glob(f"folds/*/seed_{seed}/outcome.json"))
        out = evaluate.together([outcome_file.read(place) for place in places])
        said = out.score["aesthetic"]
        true = np.array([truth[name] for name in out.names])
        rated = np.array([others[name] for name in out.names])
        rows.append((said, true, rated, out.groups))
    return figures(rows)


def figures(
    rows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, Sequence[str]]],
) -> dict[str, Any]:
    """Returns figures of what was said, true and rated by others, of each seed."""
    said, true, rated, groups = rows[0]
    row: dict[str, Any] = {}
    for name in ("pearson", "mse", "mae"):
        one = getattr(regression, name)
        each = [float(one(s, t)) for s, t, _, _ in rows]
        interval = group_bootstrap(
            lambda rows, one=one: float(one(said[rows], true[rows])), groups, draws=1000, seed=0
        )
        row[name] = {
            "value": float(np.mean(each)),
            "spread": float(np.std(each)),
            "interval": [interval.low, interval.high],
            "raters_held_out": float(np.mean([float(one(s, r)) for s, _, r, _ in rows])),
            "ceiling": float(one(rated, true)),
        }
    return row | {"n": {"clips": len(said), "dancers": len(set(groups)), "seeds": len(rows)}}


def ridge_rows(name: str, corpus: pathlib.Path, cache: pathlib.Path) -> dict[str, Any]:
    """Returns the figures of two ridges on the networks' folds, by the poses of `RIDGES`.

    "pose statistics + ridge" is the baseline of every training; "start" is what the scores of a
    network with `statistics=true` start from, each penalty chosen inside the training part.
    """
    config = settings("pose", corpus, cache, poses=RIDGES[name])
    examples = train.examples_of(config)
    folds = folds_of(config, examples)
    truth = load_truth(corpus).scores["aesthetic_score"]
    others = held_out_raters(corpus)
    base = fold_baselines.score_baselines(
        examples, folds, by=config.group_by[0], scores=("aesthetic",)
    )[fold_baselines.RIDGE]
    out = {}
    for kind, (names, groups, said) in {
        name: (base.names, base.groups, base.score["aesthetic"]),
        f"{name} on the network's statistics": _start(config, examples, folds),
    }.items():
        true, rated = (np.array([table[n] for n in names]) for table in (truth, others))
        out[kind] = figures([(said, true, rated, groups)])
    return out


def _start(
    config: Any, examples: Examples, folds: Sequence[Fold]
) -> tuple[list[str], list[str], np.ndarray]:
    """Returns clips, their dancers, and what the ridge says from which a network starts."""
    options = network.pose_options(config, ("position",))
    values, known, place = warm_start.window_statistics(config, examples, options, 0)
    names = [examples.rows[k].name for k in place]  # one window a clip
    dancer = {row.name: row.groups[config.group_by[0]] for row in examples.rows}
    score = {row.name: row.scores["aesthetic_score"] for row in examples.rows}
    said = {}
    for fold in folds:
        rows = [k for k, name in enumerate(names) if name in fold.train]
        z = warm_start.standardised(values, known, *warm_start.standard(values[rows], known[rows]))
        given, groups = np.array([score[names[k]] for k in rows]), [dancer[names[k]] for k in rows]
        weight, bias = warm_start.ridge_of_score(z[rows], given, groups)
        told = SCALE / (1 + np.exp(-(z @ weight + bias)[:, 0]))
        said |= {name: told[k] for k, name in enumerate(names) if name in fold.test}
    return list(said), [dancer[name] for name in said], np.array(list(said.values()))


def page(found: dict[str, Any]) -> str:
    """Returns the figures as Markdown."""
    out = [
        "# Learning on synthetic dancers",
        "",
        "Made by `python -m tests.training.synthetic_learning`.",
        "",
        found["data"] + ".",
        "",
        "Dancers are held out in four folds; scores are learnt from four raters and held against",
        "the known true score, with a 95 % interval over dancers, and against four raters who were",
        "not learnt from. The ceiling is what the held-out raters' mean reaches itself. `ridge` is",
        "the baseline of every training (`pose statistics + ridge`); on the network's statistics",
        "it is what the scores of networks start from (not of `frames`, nor of those without",
        "statistics). The",
        "statistics were chosen by dancers left out inside the training parts (experiments.md).",
        "The stream of beats is not measured: the rendered videos have no sound.",
        "",
        "| variant | clips, dancers, seeds | Pearson r | MSE, points squared | r of other raters |",
        "|---|---|---|---|---|",
    ]
    for name, row in found["variants"].items():
        r, mse, n = row["pearson"], row["mse"], row["n"]
        told = [
            f"{one['value']:.3f} ({one['interval'][0]:.3f} to {one['interval'][1]:.3f})"
            for one in (r, mse)
        ]
        out.append(
            f"| {name} | {n['clips']}, {n['dancers']}, {n['seeds']} | {told[0]} | {told[1]} | "
            f"{r['raters_held_out']:.3f} (ceiling {r['ceiling']:.3f}, MSE {mse['ceiling']:.3f}) |"
        )
    missing = [name for name in (*RIDGES, *VARIANTS) if name not in found["variants"]]
    if missing:
        out += ["", f"Not measured yet: {'; '.join(missing)}."]
    return "\n".join(out) + "\n"


def write(found: dict[str, Any], out: pathlib.Path) -> None:
    """Writes the figures and the page."""
    order = [*RIDGES, *VARIANTS]
    kept = found["variants"]
    rank = {name: order.index(name.split(" on the")[0]) for name in kept}
    found["variants"] = {name: kept[name] for name in sorted(kept, key=lambda n: (rank[n], n))}
    rundir.write_json(out, found)
    out.with_suffix(".md").write_text(page(found), "utf-8")


def main(argv: list[str] | None = None) -> None:
    """Runs the variants that are asked for and writes their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--only", default=";".join((*RIDGES, *VARIANTS)))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", default=OUT, type=pathlib.Path)
    told = parser.parse_args(argv)
    corpus, seeds = told.folder / "corpus", tuple(int(k) for k in told.seeds.split(","))
    fill_corpus(corpus, DESIGN)
    found = json.loads(told.out.read_text("utf-8")) if told.out.is_file() else {}
    found |= {
        "command": COMMAND,
        "data": f"{LABEL}; {DESIGN.dancers} dancers x {len(DESIGN.styles)} styles, "
        f"{DESIGN.seconds:g} s rendered at {DESIGN.width}x{DESIGN.height}, poses estimated by "
        f"blazepose; {DESIGN.common:g} of a dancer's four scores is a common level",
        "interval_is": "95 %, over dancers",
        "design": dataclasses.asdict(DESIGN),
    }
    found.setdefault("variants", {})
    for name in (part.strip() for part in told.only.split(";")):
        if name in RIDGES:
            found["variants"] |= ridge_rows(name, corpus, told.folder / "cache")
            write(found, told.out)
            continue
        run = told.folder / "runs" / name.replace(", ", "_").replace(" ", "_")
        train.run(settings(name, corpus, told.folder / "cache", seeds=seeds), run)
        found["variants"][name] = row_of(run, corpus, seeds)
        if name == "both":
            found["full_network"] = found["variants"][name]
        write(found, told.out)
        print(name, json.dumps(found["variants"][name]), flush=True)


if __name__ == "__main__":
    main()
