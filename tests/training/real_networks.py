"""Trains the pose network on real jumps, both ways in time and causally; writes a table and JSON.

python -m tests.training.real_networks --folder=DIR [--data=../shared/data] [--only="NAME;NAME"]

`fs_jump3d`, every skater held out once, the settings of `configs/pose_style.py` at 30
frames a second: what a network reaches beside the closed form of `real_learning`, and what is lost
where it looks back only. Nothing is chosen: the last parameters are tested.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dance_jax import config as configs
from dance_jax import rundir
from dance_jax.training import train

OUT = pathlib.Path("docs/real_networks.json")
COMMAND = "python -m tests.training.real_networks --folder=DIR"
FILE = "fs_jump3d/fs_jump3d_h36m17.npz"
BASE: dict[str, Any] = {
    "label": "jump",
    "group_by": ("skater",),
    "fps": 30.0,
    "axes": 3,
    "mirror_test": False,  # a mirrored jump is another jump
    "augment_mirror": 0.0,
    "augment_tilt_deg": 0.0,
    "report": "none",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "pose network, both ways": {},
    "pose network, causal": {"causal": True},
    "pose network, both ways, with statistics": {"statistics": True},
}
KEPT = ("clips", "groups", "seeds", "mean", "spread", "by_group", "group_mean", "baselines")


def settings(name: str, data: pathlib.Path, **changes: Any) -> Any:
    """Returns the config of a variant."""
    config = configs.load("configs/pose_style.py")
    for key, value in ({"data": str(data / FILE)} | BASE | VARIANTS[name] | changes).items():
        config[key] = value
    return configs.validate(config.lock(), ready=True)


def page(found: Mapping[str, Any]) -> str:
    """Returns the page: one row a variant, its skaters, and the baselines of the same folds."""
    variants, seeds = found["variants"], found["seeds"].replace(",", ", ")
    skaters = sorted({group for row in variants.values() for group in row["by_group"]})
    head = ("network", "accuracy, pooled (sd)", "macro-F1", *skaters, "mean of skaters")
    lines = [
        "# The pose network on real jumps",
        "",
        f"Made by `{found['command']}`:",
        f"{found['data']} at {BASE['fps']:g} frames a second. Every skater is held out once;",
        f"figures are means over the seeds {seeds}, sd over seeds; so are",
        "a skater's. Nothing is chosen on any part, and nothing was tuned on these folds. A causal",
        "network sees what came before a frame only, as streams and control need it. The baselines",
        "are computed in the same run on the same folds. The closed form, whose features were",
        "designed for these jumps, stands in [real_learning.md](real_learning.md), with the names",
        "that look exchanged in [experiments.md](experiments.md).",
        "",
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
    ]
    for name, row in variants.items():
        each = [_number(row["by_group"][skater].get("accuracy")) for skater in skaters]
        pooled = f"{row['mean']['accuracy']:.3f} ({row['spread']['accuracy']:.3f})"
        cells = [name, pooled, _number(row["mean"].get("macro_f1")), *each]
        lines.append("| " + " | ".join([*cells, _number(row["group_mean"].get("accuracy"))]) + " |")
    for name, row in next(iter(variants.values()))["baselines"].items():
        cells = [
            name,
            _number(row["accuracy"]),
            _number(row.get("macro_f1")),
            *["-"] * len(skaters),
        ]
        cells.append(_number(row["group_mean"].get("accuracy")))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main(argv: list[str] | None = None) -> None:
    """Trains the variants that are asked for, and writes what all of them reach."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--data", default=pathlib.Path("../shared/data"), type=pathlib.Path)
    parser.add_argument("--only", default=";".join(VARIANTS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", default=OUT, type=pathlib.Path)
    told = parser.parse_args(argv)
    seeds = tuple(int(part) for part in told.seeds.split(","))
    if not (told.data / FILE).is_file():
        raise SystemExit(f"{told.data / FILE} is not here: name the folder of the sets by --data")
    found = json.loads(told.out.read_text("utf-8")) if told.out.is_file() else {"variants": {}}
    for name in (part.strip() for part in told.only.split(";")):
        run = told.folder / name.replace(", ", "_").replace(" ", "_")
        train.run(settings(name, told.data, seeds=seeds), run)
        result = json.loads((run / "results.json").read_text("utf-8"))
        clips = f"{result['clips']} clips of {result['groups']} skaters"
        found |= {"command": COMMAND, "data": f"`fs_jump3d`, {clips}", "seeds": told.seeds}
        found["variants"][name] = {key: result[key] for key in KEPT}
        kept = found["variants"]
        found["variants"] = {key: kept[key] for key in VARIANTS if key in kept}
        rundir.write_json(told.out, found)
        told.out.with_suffix(".md").write_text(page(found), "utf-8")


if __name__ == "__main__":
    main()
