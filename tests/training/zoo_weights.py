"""Makes the network that comes with the package: poses of synthetic dancers, scores and style.

    python -m tests.training.zoo_weights --folder=DIR [--out=dance_jax/zoo.json]

Makes the corpus of `tests.training.synthetic_learning` (once), trains its variant "pose" on four
folds of dancers and then on all clips, measures the folds' networks on the dancers that they did
not see, and writes the network of all clips beside the list, with its entry in it.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import pathlib
import shutil
from typing import Any

from dance_jax import rundir
from dance_jax.data.synthetic_corpus import LICENCE, fill_corpus
from dance_jax.data.synthetic_design import LABEL
from dance_jax.training import model, train, zoo
from tests.training.synthetic_learning import DESIGN, row_of, settings

NAME = "synthetic_pose"
COMMAND = "python -m tests.training.zoo_weights --folder=DIR"
ABOUT = (
    "Scores (aesthetic, biomechanical, fluidity, expressiveness, precision) and two styles of "
    "synthetic dancers, from poses that BlazePose finds in a video; of a real dancer it says "
    "nothing that is evidence."
)
_ELSEWHERE = {"data": "corpus", "cache": "", "start_from": ""}
"""Keys of the config that name folders of the machine it was trained on."""


def trained(folder: pathlib.Path, *, folds: int = 4) -> pathlib.Path:
    """Returns the run of the variant "pose", with the network of every fold and of all clips.

    What is there already is not made again.

    Args:
        folder: of the corpus, the cache and the run.
        folds: of the dancers.
    """
    corpus, run = folder / "corpus", folder / "runs" / f"{NAME}_{folds}"
    fill_corpus(corpus, DESIGN)
    config = settings("pose", corpus, folder / "cache", folds=folds, save_model=True, final=True)
    train.run(config, run)
    return run


def measured(run: pathlib.Path, corpus: pathlib.Path) -> dict[str, Any]:
    """Returns what the networks of the folds are worth on the dancers that they did not see.

    Args:
        run: of `trained`.
        corpus: that it was trained on.
    """
    row = row_of(run, corpus, (0,))
    found = json.loads((run / train.RESULTS).read_text("utf-8"))
    peer = found["baselines"]["pose statistics + ridge"]
    return {
        "aesthetic_pearson": row["pearson"]["value"],
        "aesthetic_pearson_interval": row["pearson"]["interval"],
        "aesthetic_mse": row["mse"]["value"],
        "aesthetic_mse_interval": row["mse"]["interval"],
        "style_accuracy": found["mean"]["accuracy"],
        "aesthetic_mae_raters": found["mean"]["aesthetic_mae"],
        "aesthetic_mae_raters_of_a_ridge_on_pose_statistics": peer["aesthetic_mae"],
        "clips": row["n"]["clips"],
        "dancers": row["n"]["dancers"],
        "against": "the known true score (raters: the mean of those learnt from) of synthetic "
        "dancers held out in folds; this network itself was trained on all of them; intervals are "
        "95 %, over dancers",
    }


def publish(run: pathlib.Path, figures: dict[str, Any], out: pathlib.Path) -> zoo.Entry:
    """Copies the network of all clips beside a list, and puts its entry into the list.

    Args:
        run: of `trained`.
        figures: of `measured`.
        out: the list, zoo.json.

    Returns:
        The entry.
    """
    folder = out.parent / "zoo" / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = run / model.FOLDER
    shutil.copyfile(made / model.WEIGHTS, folder / model.WEIGHTS)
    facts = json.loads((made / model.FACTS).read_text("utf-8"))
    facts["config"] |= _ELSEWHERE
    facts["measured"]["of_folds"] = True  # this network was trained on all of the clips
    rundir.write_json(folder / model.FACTS, facts)
    design = f"{DESIGN.dancers} dancers x {len(DESIGN.styles)} styles, {DESIGN.seconds:g} s each"
    files = (model.FACTS, model.WEIGHTS)
    entry = zoo.Entry(
        name=NAME,
        about=ABOUT,
        folder=f"zoo/{NAME}",
        files={name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
        data=f"{LABEL}; {facts['data']['clips']} rendered videos of {design}, made by this project",
        data_licence=LICENCE,
        synthetic=True,
        measured=figures,
        command=COMMAND,
    )
    kept = [e for e in (zoo.entries(out) if out.is_file() else ()) if e.name != NAME]
    rows = [dataclasses.asdict(e) for e in (*kept, entry)]
    rundir.write_json(out, {"schema": zoo.SCHEMA, "weights": rows})
    return entry


def main(argv: list[str] | None = None) -> None:
    """Trains, measures, and writes the network and its entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--out", default=zoo.LIST, type=pathlib.Path)
    told = parser.parse_args(argv)
    run = trained(told.folder)
    entry = publish(run, measured(run, told.folder / "corpus"), told.out)
    print(json.dumps(dataclasses.asdict(entry), indent=2))


if __name__ == "__main__":
    main()
