"""Does the class activation map of a scorer lie on the limb that carries the score?

    python -m tests.training.limb_scoring --folder=DIR [--limb="right_arm;left_leg"] [--seeds=0,1]

Makes the dancers (once), trains a scorer a limb on the same videos (goes on where it stopped),
looks where the maps of held-out dancers have their energy, and writes `docs/cam_on_the_limb.json`
and `.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from dance_jax import rundir
from dance_jax.analysis import demo_scorer, learned, learned_network
from dance_jax.analysis.options import Options
from dance_jax.data import render
from dance_jax.data.synthetic_design import LABEL
from dance_jax.models import cam
from dance_jax.training import outcome_file, train
from tests.training import limb_page
from tests.training.limb_dancers import (
    FPS,
    FRAMES,
    LIMBS,
    PARTS,
    Design,
    Take,
    masks,
    pictures,
    reach,
    score_of,
    write_corpus,
    write_videos,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "cam_on_the_limb.json"
COMMAND = "python -m tests.training.limb_scoring --folder=DIR"
HEIGHT, WIDTH = 96, 80
PICTURE = "images/cam_on_the_limb.png"
KINDS = {
    "from_training": "distance from the mean map (chosen, and what `analyze` has)",
    "above_training": "above the mean map",
    "raw": "above zero",
}
"""What is taken for the energy of a map; the first was chosen on other dancers, of other seeds."""

SETTINGS: dict[str, Any] = {
    "streams": ("frames",),
    "statistics": False,
    "stream_drop": 0.0,
    "fps": FPS,
    "window_s": FRAMES / FPS,
    "val_share": 0.0,
    "test_share": 0.25,
    "frame_height": HEIGHT,
    "frame_width": WIDTH,
    "encoder_small": True,
    "features": 16,
    "hidden": 16,
    "score_loss": "squared",
    "weight_map": 1.0,
    "weight_aesthetic": 0.1,
    "weight_attributes": 0.0,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "total_epochs": 20.0,
    "report": "none",
    "log_steps": 30,
}
"""What differs from the demo's scorer."""


def settings(corpus: pathlib.Path, cache: pathlib.Path, **changes: Any) -> Any:
    """Returns the config of a training on frames alone, the left never exchanged for the right."""
    return demo_scorer.settings(corpus, **(SETTINGS | {"cache": str(cache)} | changes))


def energy_of(maps: np.ndarray, usual: np.ndarray, kind: str) -> np.ndarray:
    """Returns what of a map counts as energy, cell by cell, 0 or more.

    A constant that is added to the map and taken from the head's bias changes no score, so where
    zero lies is not a thing that training decides. From the mean map of the training clips it does
    not matter: mean over the cells of (map - usual) = logit - mean logit of the training clips.
    What lowers a score is as much a reason for it as what raises it.

    Args:
        maps: f32[T,h,w], signed.
        usual: f32[h,w], mean map of the training clips.
        kind: "from_training": the distance from `usual`; "above_training": what lies above it;
            "raw": what lies above zero.
    """
    if kind == "from_training":
        return np.abs(maps - usual)
    return np.maximum(maps - (usual if kind == "above_training" else 0.0), 0.0)


def best_map(region: np.ndarray, cells: tuple[int, int], grid: tuple[float, float]) -> np.ndarray:
    """Returns the map [T,h,w] of a region that a network could have at best: its share of a cell.

    Args:
        region: bool[T,H,W].
        cells: (h, w) of the map.
        grid: (start, stride) of the cells' centres in pixels.
    """
    height, width = region.shape[1:]
    spread = np.eye(cells[0] * cells[1], dtype=np.float32).reshape(-1, *cells)
    weight = np.array(cam.upsample(spread, height, width, grid))  # each cell's part of a pixel
    weight /= weight.sum((1, 2), keepdims=True)
    share = np.einsum("chw,thw->tc", weight, region.astype(np.float32))
    return share.reshape(-1, *cells)


def shares_of(
    energy: np.ndarray, regions: Mapping[str, np.ndarray], grid: tuple[float, float]
) -> dict[str, float]:
    """Returns each region's share of the energy of a clip, mean over its frames.

    Args:
        energy: [T,h,w] of `energy_of`.
        regions: name -> bool[T,H,W].
        grid: of the cells.
    """
    size = next(iter(regions.values())).shape[1:]
    large = cam.upsample(energy, *size, grid)
    return {
        name: float(np.mean(np.asarray(cam.energy_inside(large, region)[0])))
        for name, region in regions.items()
    }


class Scorer(NamedTuple):
    """A trained scorer and what is needed to look at its maps.

    Attributes:
        limb: that is scored.
        network: of `learned_network.load`.
        usual: f32[h,w], mean map of its training windows.
        said: held-out clip -> its score.
        takes: all clips by name.
        videos: their folder.
    """

    limb: str
    network: Any
    usual: np.ndarray
    said: dict[str, float]
    takes: Mapping[str, Take]
    videos: pathlib.Path

    def heat(self, take: Take, *, from_mean: bool = True) -> Any:
        """Returns what `analyze` computes of a clip's maps, given its true joints in pixels.

        Args:
            take: of the clip.
            from_mean: with the mean map that is stored with the network; else as of a network that
                was stored without.
        """
        clip = render.truth(take.dance, take.camera).to_clip()
        kept = self.network.model
        if not from_mean:
            kept = dataclasses.replace(kept, mean_map=None)
        network = dataclasses.replace(self.network, model=kept)
        return learned.of_person(network, clip, Options(), path=self.videos / take.name).heat


def scorer_of(
    run: pathlib.Path, seed: int, takes: Mapping[str, Take], videos: pathlib.Path
) -> Scorer:
    """Reads the scorer of one seed of a run, which is named after its limb."""
    place = run / "folds" / "holdout" / f"seed_{seed}"
    out = outcome_file.read(place / outcome_file.NAME)
    network = learned_network.load(place / "model")
    if network.model.mean_map is None:
        raise SystemExit(f"{place}: trained before networks held their mean map; use a new folder")
    said = dict(zip(out.names, map(float, out.score["aesthetic"]), strict=True))
    return Scorer(run.name, network, network.model.mean_map, said, takes, videos)


def clip_row(scorer: Scorer, design: Design, name: str, stranger: str) -> dict[str, Any]:
    """Returns where the energy of a held-out clip's map lies.

    Args:
        scorer: of the limb.
        design: of the takes.
        name: of the clip.
        stranger: a clip of another dancer, whose limb's mask is laid on this map too.
    """
    take, limb = scorer.takes[name], scorer.limb
    heat = scorer.heat(take)
    where = masks(take, HEIGHT, WIDTH)
    where["dancer"] = np.any([where[part] for part in PARTS], axis=0)
    for other in (limb, limb_page.twin(limb)):
        whole = reach(design, take, other, HEIGHT, WIDTH)
        where[f"reach of {other}"] = np.repeat(whole[None], FRAMES, 0)
    where["stranger"] = masks(scorer.takes[stranger], HEIGHT, WIDTH)[limb]
    row: dict[str, Any] = {
        "clip": name,
        "dancer": take.dancer,
        "true": score_of(take.shares, limb),
        "score": scorer.said[name],
        "map_score": heat.score,
        "chance": {part: float(where[part].mean()) for part in where},
    }
    for key, one in (("analyze", heat), ("analyze_zero", scorer.heat(take, from_mean=False))):
        row[key] = {p["part"]: [p["share"], p["chance"]] for p in one.parts}
    for kind in KINDS:
        row[kind] = shares_of(energy_of(heat.maps, scorer.usual, kind), where, heat.grid)
    best = best_map(where[limb], heat.maps.shape[1:], heat.grid)
    row["best"] = shares_of(best, {limb: where[limb]}, heat.grid)[limb]
    return row


def with_strangers(names: list[str], takes: Mapping[str, Take]) -> list[tuple[str, str]]:
    """Returns each clip with the next one that is of another dancer."""
    return [
        (name, next(n for n in names[k:] + names[:k] if takes[n].dancer != takes[name].dancer))
        for k, name in enumerate(names)
    ]


def shown(scorer: Scorer, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns what `limb_page.draw` shows of a scorer: clips evenly over the true scores."""
    order = sorted(rows, key=lambda row: row["true"])
    out = []
    for at in np.linspace(0.05, 0.95, 6):
        row = order[round(at * (len(order) - 1))]
        take = scorer.takes[row["clip"]]
        heat = scorer.heat(take)
        large = cam.upsample(heat.maps[0] - scorer.usual, HEIGHT, WIDTH, heat.grid)
        picture = cv2.resize(pictures(take)[0], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        mask = masks(take, HEIGHT, WIDTH)[scorer.limb][0]
        out.append(row | {"picture": picture, "map": np.asarray(large), "mask": mask})
    return out


def main(argv: list[str] | None = None) -> None:
    """Trains what is asked for, measures it, and writes its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--limb", default=";".join(LIMBS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", default=OUT, type=pathlib.Path)
    told = parser.parse_args(argv)
    seeds = tuple(int(seed) for seed in told.seeds.split(","))
    design = Design()
    videos = told.folder / "videos"
    made = {take.name: take for take in write_videos(videos, design)}
    found: dict[str, Any] = {
        "command": COMMAND,
        "data": f"{LABEL}; {design.dancers} dancers x {design.clips} clips of {FRAMES} frames, "
        f"rendered at {design.width}x{design.height} and seen at {WIDTH}x{HEIGHT}; a quarter of "
        "the dancers is held out",
        "interval_is": "95 %, over dancers",
        "chosen": next(iter(KINDS)),
        "kinds": KINDS,
        "design": dataclasses.asdict(design),
        "settings": SETTINGS,
        "limbs": {},
    }
    drawn = {}
    for limb in (part.strip() for part in told.limb.split(";")):
        run = told.folder / "runs" / limb
        write_corpus(told.folder / limb, videos, list(made.values()), limb)
        config = settings(told.folder / limb, told.folder / "cache", seeds=seeds, save_model=True)
        train.run(config, run)
        rows, scorer = [], None
        for seed in seeds:
            scorer = scorer_of(run, seed, made, videos)
            pairs = with_strangers(list(scorer.said), made)
            rows += [clip_row(scorer, design, *pair) | {"seed": seed} for pair in pairs]
        found["limbs"][limb] = limb_page.summary(rows, limb, tuple(KINDS))
        rundir.write_json(told.folder / f"{limb}.json", rows)
        drawn[limb] = shown(scorer, [row for row in rows if row["seed"] == seeds[-1]])
        rundir.write_json(told.out, limb_page.rounded(found))
        told.out.with_suffix(".md").write_text(limb_page.page(found, PICTURE), "utf-8")
        limb_page.draw(told.out.parent / PICTURE, drawn)


if __name__ == "__main__":
    main()
