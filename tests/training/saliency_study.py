"""Whether the saliency of a trained network tells what its score rests on, on dancers held out.

    python -m tests.training.saliency_study --folder=DIR [--folds=4]

Trains the variant "pose" of `tests.training.synthetic_learning` fold by fold (once), takes the
aesthetic score of every held-out clip apart as `analyze` does, and compares deletion and insertion
curves with those of random orders. Writes `docs/saliency.json` and `docs/saliency.md`.
"""

from __future__ import annotations

import argparse
import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dance_jax
from dance_jax import rundir
from dance_jax.analysis.learned_programs import STEPS, Programs, known
from dance_jax.data.batch import Batch
from dance_jax.data.synthetic_design import LABEL
from dance_jax.models import faithfulness, saliency
from dance_jax.models.saliency import Score
from dance_jax.training import model, outcome_file, train
from dance_jax.training.model import Model
from dance_jax.training.task import inputs_of
from tests.training.saliency_page import page
from tests.training.synthetic_learning import DESIGN
from tests.training.zoo_weights import trained

OUT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "saliency.json"
COMMAND = "python -m tests.training.saliency_study --folder=DIR"
SCORE = "aesthetic"
DRAWS, POINTS = 8, 16  # random orders, and intervals of a curve
OURS, BLIND, PEER = "integrated gradients", "of random weights", "speed of the joints"
"""Whose maps are compared: `analyze`'s, the same of a network that learnt nothing, and a peer."""

SECONDS, JOINTS = ", seconds of a joint", ", whole joints"
"""End the name of a map whose cells come in blocks: a joint for a second, or for the whole clip."""

Aucs = dict[str, tuple[np.ndarray, np.ndarray]]


def speed(pose: jax.Array, mask: jax.Array, time_s: jax.Array) -> jax.Array:
    """Returns how fast each joint moves, f32[B,T,J]; 0 where it is not seen twice in a row.

    Args:
        pose: [B,T,J,C]; anything where masked.
        mask: bool[B,T,J].
        time_s: [B,T], increasing.
    """
    there = mask[:, 1:] & mask[:, :-1]
    step = jnp.where(there[..., None], pose[:, 1:] - pose[:, :-1], 0)
    fast = jnp.linalg.norm(step, axis=-1) / (time_s[:, 1:] - time_s[:, :-1])[..., None]
    return jnp.concatenate([fast[:, :1], fast], axis=1)


def in_blocks(value: jax.Array, mask: jax.Array, frames: int) -> jax.Array:
    """Returns a map with every cell at the sum of its joint over a block of time, [B,T,J].

    Args:
        value: [B,T,J].
        mask: bool[B,T,J]; other cells do not count.
        frames: of a block, the last one shorter; T for whole joints.
    """
    block = np.arange(value.shape[1]) // frames
    inside = jnp.asarray(block[:, None] == np.arange(block[-1] + 1), jnp.float32)
    total = jnp.einsum("btj,tk->bkj", jnp.where(mask, value, 0), inside)
    return total[:, block]


def aucs(
    score: Score,
    x: jax.Array,
    maps: Mapping[str, jax.Array],
    mask: jax.Array,
    key: jax.Array,
    *,
    block: int,
    draws: int = DRAWS,
    steps: int = POINTS,
) -> dict[str, tuple[jax.Array, jax.Array]]:
    """Returns the deletion and the insertion AUC of maps, and of random orders of the same clips.

    Args:
        score: [B,T,J,F] -> [B].
        x: [B,T,J,F].
        maps: name -> [B,T,J].
        mask: bool[B,T,J].
        key: of the random orders; every map is compared with the same.
        block: frames of a second.
        draws: random orders that are averaged.
        steps: intervals of a curve.

    Returns:
        name -> ([B], [B]), also of "random cells", "random joints" and "random seconds of a joint".
    """

    def of_map(value: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = faithfulness.curves(score, x, value, mask, steps=steps)
        return found.deletion_auc, found.insertion_auc

    pairs = jax.lax.map(of_map, jnp.stack(list(maps.values())))
    out = {name: (pairs[0][k], pairs[1][k]) for k, name in enumerate(maps)}
    first, value = next(iter(maps.items()))
    *keys, last = jax.random.split(key, 3)
    for kind, own in zip(faithfulness.RANDOM, keys, strict=True):
        gain = faithfulness.against_random(
            score, x, value, mask, own, draws=draws, steps=steps, random=kind
        )
        out[f"random {kind}"] = (out[first][0] + gain.deletion, out[first][1] - gain.insertion)

    def of_blocks(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        place = np.arange(x.shape[1]) // block
        order = jax.random.uniform(key, (len(x), place[-1] + 1, x.shape[2]))
        return of_map(order[:, place])

    blocks = jax.lax.map(of_blocks, jax.random.split(last, draws))
    return out | {"random seconds of a joint": (blocks[0].mean(0), blocks[1].mean(0))}


def better(found: Mapping[str, Sequence[np.ndarray]], ours: str, other: str) -> dict[str, Any]:
    """Returns by how much a map's curves are better than another's, clip by clip, f[N] each."""
    return {
        "deletion": np.asarray(found[other][0]) - np.asarray(found[ours][0]),
        "insertion": np.asarray(found[ours][1]) - np.asarray(found[other][1]),
    }


def summary(values: np.ndarray, groups: Sequence[str]) -> dict[str, float]:
    """Returns the mean, its 95 % interval over groups, and how many clips are above 0."""
    mean, low, high = faithfulness.bootstrap_interval(values, np.asarray(groups))
    above = int((np.asarray(values) > 0).sum())
    return {"mean": mean, "low": low, "high": high, "positive": above, "clips": len(values)}


def verdict(row: Mapping[str, float]) -> str:
    """Returns "better", "worse" or "no difference", by the interval."""
    if row["low"] > 0:
        return "better"
    return "worse" if row["high"] < 0 else "no difference"


def comparisons() -> list[tuple[str, str]]:
    """Returns (map, what it is compared with), in the order of the page."""
    out = []
    for name in (OURS, BLIND, PEER):
        out += [(name + JOINTS, "random joints")]
        out += [(name + SECONDS, "random seconds of a joint")]
        out += [(name, "random cells"), (name, "random joints")]
    for other in (BLIND, PEER):
        out += [(OURS + form, other + form) for form in (JOINTS, SECONDS, "")]
    return out


def told(found: Aucs, groups: Sequence[str]) -> list[dict[str, Any]]:
    """Returns one row a comparison and curve.

    Args:
        found: name -> AUCs of all clips.
        groups: the dancer of each.
    """
    rows = []
    for ours, other in comparisons():
        for curve, values in better(found, ours, other).items():
            row = summary(values, groups)
            rows.append(
                {"map": ours, "against": other, "curve": curve, "verdict": verdict(row)} | row
            )
    return rows


def of_fold(place: pathlib.Path, number: int) -> tuple[list[str], Aucs, dict[str, np.ndarray]]:
    """Returns what is found on the clips that the network of one fold did not see.

    Args:
        place: of the fold and seed, with `model` and `outcome.json`.
        number: of the fold, for the random orders.

    Returns:
        The dancer of each clip, the AUCs of every map, and "score", "still" (of the dancer
        standing still) and "gap" (what the map leaves unexplained), in points.
    """
    network, out = (
        dance_jax.load_run(place / model.FOLDER),
        outcome_file.read(place / "outcome.json"),
    )
    held = train.examples_of(network.config).named(out.names)
    group = dict(zip(out.names, out.groups, strict=True))
    programs, drawn = Programs(network), None
    run = jax.jit(functools.partial(_measured, network))
    rows: list[tuple[int, dict[str, Any]]] = []
    for count, batch in enumerate(network.batches(held)):
        if drawn is None:
            key = jax.random.fold_in(jax.random.key(1), number)
            # What standardises the movement measures is not learnt by the network, and stays.
            params = network.task.init(key, batch)["params"]
            drawn = {**network.variables, "params": params}
        picture, none = network.task.picture, jnp.int32(-1)
        maps = [
            programs.explained(variables, batch, None, none, picture, SCORE)
            for variables in (network.variables, drawn)
        ]
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), number), count)
        made = jax.tree.map(np.asarray, run(network.variables, batch, *maps, key))
        for row in np.flatnonzero(batch.mask):
            one = jax.tree.map(lambda value, row=row: value[row], made)
            rows.append((int(batch.clip_id[row]), one))
    clips = sorted({clip for clip, _ in rows})
    whole = [
        jax.tree.map(lambda *v: np.mean(v), *(one for at, one in rows if at == clip))
        for clip in clips
    ]
    found = jax.tree.map(lambda *v: np.array(v, np.float64), *whole)
    dancers = [group[held.rows[clip].name] for clip in clips]
    return dancers, found["aucs"], {k: v for k, v in found.items() if k != "aucs"}


def _measured(
    network: Model, variables: Any, batch: Batch, own: jax.Array, blind: jax.Array, key: jax.Array
) -> dict[str, Any]:
    inputs = inputs_of(batch, network.task.picture)

    def score(pose: jax.Array) -> jax.Array:
        said, _ = network.task.module.apply(variables, inputs.replace(pose=pose), train=False)
        return said[SCORE]

    x, mask = inputs.pose, known(batch)
    maps = {OURS: own, BLIND: blind, PEER: speed(x, mask, batch.time_s)}
    second = round(network.config.fps)
    for form, frames in ((SECONDS, second), (JOINTS, x.shape[1])):
        maps |= {name + form: in_blocks(maps[name], mask, frames) for name in (OURS, BLIND, PEER)}
    still = jnp.where(mask[..., None], saliency.clip_mean(x, mask), x)
    value, base = score(x), score(still)
    return {
        "aucs": aucs(score, x, maps, mask, key, block=second),
        "score": value,
        "still": base,
        "gap": jnp.abs(value - base - own.sum((1, 2))),
    }


def study(folder: pathlib.Path, *, folds: int = 4) -> dict[str, Any]:
    """Returns what `docs/saliency.json` holds.

    Args:
        folder: of the corpus and the run; what is there is not made again.
        folds: of the dancers.
    """
    run = trained(folder, folds=folds)
    dancers: list[str] = []
    parts = []
    for number, place in enumerate(sorted(run.glob("folds/*/seed_0"))):
        groups, found, more = of_fold(place, number)
        dancers += groups
        parts.append({"aucs": found, **more})
        print(f"{place.parent.name}: {len(groups)} clips", flush=True)
    whole = jax.tree.map(lambda *v: np.concatenate(v), *parts)
    return {
        "command": COMMAND,
        "data": f"{LABEL}; {DESIGN.dancers} dancers x {len(DESIGN.styles)} styles, "
        f"{DESIGN.seconds:g} s, poses estimated by blazepose",
        "explains": SCORE,
        "map": OURS,
        "unit": "points of the score, 0 to 10",
        "n": {"clips": len(dancers), "dancers": len(set(dancers)), "folds": len(parts)},
        "interval_is": "95 %, over dancers",
        "random_orders": DRAWS,
        "points_of_a_curve": POINTS + 1,
        "steps_of_the_path": STEPS,
        "means": {k: float(np.mean(whole[k])) for k in ("score", "still", "gap")},
        "auc": {
            name: {"deletion": float(np.mean(pair[0])), "insertion": float(np.mean(pair[1]))}
            for name, pair in whole["aucs"].items()
        },
        "rows": told(whole["aucs"], dancers),
    }


def main(argv: list[str] | None = None) -> None:
    """Measures, and writes the figures and their page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--folds", default=4, type=int)
    parser.add_argument("--out", default=OUT, type=pathlib.Path)
    asked = parser.parse_args(argv)
    found = study(asked.folder, folds=asked.folds)
    rundir.write_json(asked.out, found)
    asked.out.with_suffix(".md").write_text(page(found), "utf-8")
    print(json.dumps(found["rows"], indent=1))


if __name__ == "__main__":
    main()
