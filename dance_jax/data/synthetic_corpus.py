"""Writes a corpus of synthetic dancers in the annotation layout, with known scores and raters."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from dance_jax.data import synthetic_files
from dance_jax.data.dances import STYLES
from dance_jax.data.synthetic_design import FORMULA, LABEL, Design, check, dances, true_scores
from dance_jax.data.synthetic_raters import biases, designed_icc, rate
from dance_jax.data.tables import write_csv
from dance_jax.data.textfile import read_text, write_text
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt

LICENCE, CONSENT = "MIT (synthetic)", "not needed (synthetic, no person)"
SCHEMA = "dance_jax.synthetic_corpus.1"
MAX_BYTES = 2_000_000_000


@dataclasses.dataclass(frozen=True)
class Truth:
    """What is known about a corpus (truth.json).

    Attributes:
        design: as it was made.
        scores: column -> clip -> true score, 0-10, by `FORMULA`.
        bias: rater -> points added to every score.
        icc: column -> form -> designed intraclass correlation.
        clipped: column -> ratings that had to be kept within 0 to 10.
        label: says that it is synthetic.
    """

    design: Design
    scores: dict[str, dict[str, float]]
    bias: dict[str, float]
    icc: dict[str, dict[str, float]]
    clipped: dict[str, int]
    label: str = LABEL


def write_corpus(
    folder: str | os.PathLike[str],
    design: Design | None = None,
    *,
    say: Callable[[str], None] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Truth:
    """Makes the corpus, whole or not at all.

    `videos/`, `pose_data/` (our npz, metres, true joint centres), `mocap/` (the same as TRC),
    `annotations/clips.csv` (one row a clip and rater), `styles.json` (for `validate`'s key
    `styles`), `truth.json`, `README.txt`, and `manifest/` (sha256 of every file). Everything says
    that it is synthetic.

    Args:
        folder: missing or empty.
        design: what to make.
        say: called with one line a clip.
        max_bytes: the largest corpus that is made.

    Returns:
        What is known about it.

    Raises:
        InputError: the folder is in use, the design makes no sense, or the corpus gets too large.
    """
    design, folder = design or Design(), pathlib.Path(folder)
    check(design)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("it is not an empty folder", folder, "choose another")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        truth = fill_corpus(part, design, say=say, max_bytes=max_bytes)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return truth


def fill_corpus(
    folder: str | os.PathLike[str],
    design: Design | None = None,
    *,
    say: Callable[[str], None] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Truth:
    """Makes the corpus in a folder that may hold part of it already; goes on where a run stopped.

    Every file appears whole or not at all, and the table of annotations last. A clip is kept where
    its manifest names this design and the files still have the hashes in it.

    Args:
        folder: of the corpus; made where it is missing.
        design: what to make.
        say: called with one line a clip.
        max_bytes: the largest corpus that is made.

    Returns:
        What is known about it.

    Raises:
        InputError: the design makes no sense, a clip of another design is there, or the corpus gets
            too large; what was made stays.
    """
    design, folder = design or Design(), pathlib.Path(folder)
    check(design)
    for name in synthetic_files.FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        synthetic_files.remove_stale(folder / name)
    return _fill(folder, design, say or (lambda line: None), max_bytes)


def run(config: Any, workdir: pathlib.Path) -> None:
    """Makes the corpus in the run directory.

    Args:
        config: as `configs/synthetic_corpus.py`.
        workdir: the run directory; it becomes a corpus in the layout of annotations.

    Raises:
        InputError: as `fill_corpus`.
    """
    names = (field.name for field in dataclasses.fields(Design))
    given = {name: config[name] for name in names if config[name]}
    given |= {name: float(config[name]) for name in ("bias_sd", "noise_sd", "common")}
    given |= {"seed": int(config.seed)}
    if "styles" in given:
        given["styles"] = tuple(given["styles"])
    truth = fill_corpus(workdir, Design(**given), say=print, max_bytes=round(config.max_gb * 1e9))
    clips = len(truth.scores["aesthetic_score"])
    print(f"{clips} clips, {len(truth.bias)} raters. {LABEL}.")
    print(
        f"check it: --config=configs/validate.py --config.input={workdir} "
        f"--config.styles={workdir / 'styles.json'}"
    )


def load_truth(folder: str | os.PathLike[str]) -> Truth:
    """Reads truth.json of a synthetic corpus.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = pathlib.Path(folder) / "truth.json"
    try:
        held = json.loads(read_text(path, 16 << 20))
        if held.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        held.pop("formula")
        design = dict(held.pop("design"))
        design["styles"] = tuple(design["styles"])
        return Truth(Design(**design), **held)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"it is no truth.json ({error!r})", path, "write it again") from error


def _fill(root: pathlib.Path, design: Design, say: Callable[[str], None], max_bytes: int) -> Truth:
    made = dances(design)
    bias = biases(design.raters, design.bias_sd)
    raters = [f"synthetic_rater_{k + 1}" for k in range(design.raters)]
    truth = {clip: true_scores(dance.skill) for clip, (dance, _) in made.items()}
    ratings, icc, clipped = {}, {}, {}
    for k, column in enumerate(FORMULA):
        true = np.array([truth[clip][column] for clip in made])
        rng = np.random.default_rng([design.seed, 5, k])
        ratings[column], clipped[column] = rate(true, bias, design.noise_sd, rng)
        icc[column] = designed_icc(true, bias, design.noise_sd)
    rows: list[dict[str, Any]] = []
    written = 0
    for i, (clip, (dance, groups)) in enumerate(made.items()):
        check_interrupt()
        files, kept = synthetic_files.write_take(root, clip, dance, groups["dancer_id"], design)
        written += files.bytes
        if written > max_bytes:
            what = f"{i + 1} of {len(made)} clips take {written / 1e9:.3f} GB already"
            raise InputError(what, "max_gb", "make fewer or shorter clips, or allow more")
        facts = {
            **groups,
            "style": STYLES[dance.style].label,
            "camera": "synthetic_front",
            "fps": design.fps,
            "licence": LICENCE,
            "consent": CONSENT,
            "mocap_file": files.mocap,
            "pose_file": files.pose,
        }
        for j, rater in enumerate(raters):
            given = {column: float(ratings[column][i, j]) for column in FORMULA}
            rows.append({"video_file": clip, "rater_id": rater, **given, **facts})
        say(f"{clip}: {'kept as made; ' if kept else ''}{LABEL}")
    scores = {column: {clip: truth[clip][column] for clip in made} for column in FORMULA}
    known = Truth(design, scores, dict(zip(raters, bias.tolist(), strict=True)), icc, clipped)
    held = {"schema": SCHEMA, "formula": FORMULA, **dataclasses.asdict(known)}
    write_text(root / "truth.json", json.dumps(held, indent=1, sort_keys=True) + "\n")
    styles = [
        {"name": STYLES[s].label, "tradition": "synthetic", "note": LABEL} for s in design.styles
    ]
    write_text(root / "styles.json", json.dumps(styles, indent=1) + "\n")
    write_text(root / "README.txt", f"{LABEL}. Made by dance_jax; see truth.json.\n")
    # Last: a folder with its table is whole.
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    write_csv(root / "annotations" / "clips.csv", columns)
    return known
