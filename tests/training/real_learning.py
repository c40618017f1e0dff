"""Learns on real poses by the splits that their makers' notes ask for; writes a table and JSON.

python -m tests.training.real_learning --data=../shared/data --out=docs [--only="NAME;NAME"]

Every group is held out once; features, penalties and the mean of them are chosen by leaving groups
out inside the training part. Three seeds draw the kernels. What was measured before stays in the
JSON file, so that sets may be run one by one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from dance_jax import config as configs
from dance_jax.metrics import group_bootstrap, regression
from dance_jax.training import evaluate, fold_baselines, results
from dance_jax.training.closed_form import fit_fold
from dance_jax.training.examples import Example, Examples, from_file
from dance_jax.training.folds import folds_of
from tests.training.real_learning_page import page

SEEDS = (0, 1, 2)
DANCE = ("statistics", "speeds", "accelerations", "levels", "rocket")
JUMPS = ("statistics", "levels", "rocket", "flight", "flight_directions", "flight_travel")


@dataclasses.dataclass(frozen=True)
class Setup:
    """One set of clips and how it is learnt.

    Attributes:
        file: under the data folder.
        label: the style.
        group: what is held out.
        fps: that the clips are brought to.
        axes: coordinates.
        sets: feature sets to choose among.
        figure: that is quoted, and `aim`, which of them is "pooled" or "group_mean".
        reference: of the notes beside the data.
        keys: further keys of the config.
        rate: frames a second, where the file does not say.
        change: of an example, None to leave it out.
        note: said in the table.
    """

    file: str
    label: str
    group: str
    fps: float
    axes: int
    sets: tuple[str, ...]
    figure: str
    reference: str
    aim: str
    keys: tuple[tuple[str, Any], ...] = ()
    rate: float | None = None
    change: Callable[[Example], Example | None] | None = None
    note: str = ""


def _quality(row: Example) -> Example:
    style = {"1": "correct", "2": "incorrect"}[row.style]
    return dataclasses.replace(row, style=style)


def _content(row: Example) -> Example | None:
    told = row.clip.labels
    if str(told["dataset"]) != "2":
        return None
    group = str(told["content"]).split("-")[0]
    return dataclasses.replace(row, groups={"content": group})


def _exchanged(row: Example) -> Example:
    names = {"Salchow": "Toeloop", "Toeloop": "Salchow"}
    if row.groups["skater"] != "Skater_A" or row.style not in names:
        return row
    return dataclasses.replace(row, style=names[row.style])


def _judged(row: Example) -> Example:
    marks = [float(row.clip.labels[f"judge{k}"]) for k in "ABCDE"]
    score = sum(marks) / len(marks) / 2.0  # 0 to 20 points as 0 to 10
    return dataclasses.replace(row, style="", scores={"aesthetic_score": score})


_STREET = Setup(
    "streetdance4/streetdance4_mediapipe33.npz",
    "style",
    "source_video",
    25.0,
    2,
    DANCE,
    "accuracy",
    "0.78",
    "0.88 (pooled)",
)
_JUMPS = Setup(
    "fs_jump3d/fs_jump3d_h36m17.npz",
    "jump",
    "skater",
    60.0,
    3,
    JUMPS,
    "accuracy",
    "0.87 (mean of four skaters)",
    "0.95",
    keys=(("mirror_test", False),),
)
SETUPS = {
    "streetdance4": _STREET,
    "fs_jump3d": _JUMPS,
    "fs_jump3d, A's two names exchanged": dataclasses.replace(
        _JUMPS,
        change=_exchanged,
        reference="-",
        aim="-",
        note="a check of the labels, not a claim: skater A's Salchow and Toeloop exchanged",
    ),
    "irds_rehab": Setup(
        "irds_rehab/irds_kinect25_30fps.npz",
        "label_1correct_2incorrect",
        "subject",
        30.0,
        3,
        ("departure", "condition", "statistics", "levels", "rocket"),
        "auc",
        "0.81, 0.64, 0.83 (subjects 101, 215, 217)",
        "0.88 (mean of subjects)",
        keys=(("condition", "gesture"),),
        change=_quality,
        note="three subjects; what folds say is not on one scale, so the mean of subjects counts",
    ),
    "bandai_namco_style": Setup(
        "bandai_namco_style/bandai_namco_joints21_30fps.npz",
        "style",
        "content",
        30.0,
        3,
        ("statistics", "levels", "rocket"),
        "accuracy",
        "raise 0.985, run 0.394, walk 0.678, wave 0.946",
        "-",
        keys=(("kernels", 300),),
        change=_content,
    ),
    "skijump_judged": Setup(
        "skijump_judged/skijump_kp23.npz",
        "surname",
        "surname",
        30.0,
        2,
        ("statistics", "levels", "rocket"),
        "aesthetic_mae",
        "no signal (0.35 to 0.44; mean 0.33)",
        "a null result",
        keys=(("weight_style", 0.0),),
        rate=30.0,
        change=_judged,
        note="five judges' mean on 0 to 10, half of their points; the rate of the frames is not "
        "recorded, 30/s assumed. Correlations are below zero as those of the mean itself are: who "
        "leaves a high mark out has a lower mean left. What is said beyond that mean is the test",
    ),
}


def read(setup: Setup, data: pathlib.Path) -> Examples:
    """Returns the examples of a set, changed as it says."""
    found = from_file(
        data / setup.file,
        label=setup.label,
        groups=(setup.group,),
        fps=setup.fps,
        axes=setup.axes,
        rate=setup.rate,
    )
    if setup.change is None:
        return found
    rows = [setup.change(row) for row in found.rows]
    return dataclasses.replace(found, rows=tuple(row for row in rows if row is not None))


def config_of(setup: Setup) -> Any:
    """Returns the config of a set."""
    config = configs.load("configs/pose_quality.py")
    config.group_by = (setup.group,)
    config.feature_sets = setup.sets
    config.weight_aesthetic = 1.0
    for key, value in setup.keys:
        config[key] = value
    return config


def learn(name: str, data: pathlib.Path, seeds: tuple[int, ...] = SEEDS) -> dict[str, Any]:
    """Learns one set and returns what is kept of it.

    Args:
        name: of `SETUPS`.
        data: the folder of the sets.
        seeds: of the kernels.
    """
    setup, begun = SETUPS[name], time.monotonic()
    examples, config = read(setup, data), config_of(SETUPS[name])
    folds = folds_of(config, examples)
    by_seed, picked = {seed: [] for seed in seeds}, Counter()
    for fold in folds:
        for seed in seeds:
            out, chosen = fit_fold(config, examples, fold, seed)
            by_seed[seed].append(out)
            picked.update(choice.picked for choice in chosen.values())
            print(name, seed, fold.name, len(out), [c.picked for c in chosen.values()], flush=True)
    if config.weight_style and len(examples.styles) > 1:
        base = fold_baselines.style_baselines(examples, folds, by=setup.group)
    else:
        scores = tuple(evaluate.together(by_seed[seeds[0]]).truth)
        base = fold_baselines.score_baselines(examples, folds, by=setup.group, scores=scores)
    found = results.summary(by_seed, base, folds)
    return {
        **found,
        "beyond_the_mean": beyond(evaluate.together(by_seed[seeds[0]]), base.get("mean")),
        "styles": dict(Counter(row.style for row in examples.rows)),
        "picked": dict(picked.most_common()),
        "feature_sets": list(setup.sets),
        "figure": setup.figure,
        "reference": setup.reference,
        "aim": setup.aim,
        "note": setup.note,
        "seconds": round(time.monotonic() - begun),
        "command": f'python -m tests.training.real_learning --only="{name}"',
    }


def beyond(out: evaluate.Outcome, mean: evaluate.Outcome | None) -> dict[str, Any]:
    """Returns score -> correlation of what is said beyond the training mean with the truth.

    Both are taken from that mean, as it differs from fold to fold; intervals are over groups.
    """
    found = {}
    for score, truth in out.truth.items() if mean is not None else ():
        said, aim = out.score[score] - mean.score[score], truth - mean.score[score]
        found[score] = group_bootstrap(
            lambda rows, said=said, aim=aim: float(regression.spearman(said[rows], aim[rows])),
            out.groups,
        ).as_dict()
    return found


def main() -> None:
    """Runs the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs"))
    parser.add_argument("--only", default="", help="names, split by semicolons")
    given = parser.parse_args()
    if not given.data.is_dir():
        raise SystemExit(f"{given.data} is not here: name the folder of the sets by --data")
    path = given.out / "real_learning.json"
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    for name in given.only.split(";") if given.only else SETUPS:
        kept[name] = learn(name, given.data)
        kept = {key: kept[key] for key in SETUPS if key in kept}
        path.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        (given.out / "real_learning.md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
