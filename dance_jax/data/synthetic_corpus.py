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

from dance_jax.data import clip_npz, render
from dance_jax.data.camera import frame_dancers
from dance_jax.data.dances import STYLES
from dance_jax.data.look import make_look
from dance_jax.data.stick_video import write_sticks
from dance_jax.data.synthetic import Skill, SyntheticDance, generate
from dance_jax.data.synthetic_raters import biases, designed_icc, rate
from dance_jax.data.tables import write_csv
from dance_jax.data.textfile import read_text, write_text
from dance_jax.errors import InputError
from dance_jax.interrupts import check_interrupt

LABEL = "SYNTHETIC: no person was filmed, none rated it"
LICENCE, CONSENT = "MIT (synthetic)", "not needed (synthetic, no person)"
SCHEMA = "dance_jax.synthetic_corpus.1"
FORMULA = {
    "precision": "10 (1 - timing_sd_s / 0.10)",
    "expressiveness": "10 (amplitude - 0.7) / 0.3",
    "biomech_score": "10 (1 - wobble_m / 0.03)",
    "fluidity": "10 (1 - tremor_deg / 6)",
    "aesthetic_score": ("0.3 precision + 0.3 expressiveness + 0.2 biomech_score + 0.2 fluidity"),
}
_LOW, _HIGH, _OWN = 2.0, 8.0, 0.6  # range of the scores; the dancer's share, the rest is the take's


@dataclasses.dataclass(frozen=True)
class Design:
    """What the corpus is made of; every dancer dances every choreography, `takes` times.

    Attributes:
        dancers: how many.
        styles: keys of `dances.STYLES`.
        choreographies: of each style; each has a tempo, and so a metronome track, of its own.
        takes: of each dancer and choreography.
        seconds: length of a clip.
        fps: frames a second.
        raters: who rate every clip.
        bias_sd: sample standard deviation of the raters' biases, points.
        noise_sd: of each rating, points.
        pictures: "sticks" (quick line drawings) or "rendered" (the mannequin).
        width: of the video, pixels, even.
        height: of the video, pixels, even.
        seed: the same design and seed give the same bytes.
    """

    dancers: int = 6
    styles: tuple[str, ...] = tuple(s for s in STYLES if s not in ("walk", "calibration"))
    choreographies: int = 1
    takes: int = 1
    seconds: float = 4.0
    fps: float = 25.0
    raters: int = 4
    bias_sd: float = 0.4
    noise_sd: float = 0.5
    pictures: str = "sticks"
    width: int = 96
    height: int = 128
    seed: int = 0


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


def true_scores(skill: Skill) -> dict[str, float]:
    """Returns the scores that define a take, 0-10 each, by `FORMULA`.

    They are definitions for tests on the generator's own parameters, and no claim about dance.
    """
    return {
        "aesthetic_score": skill.quality,
        "fluidity": 10 * (1 - skill.tremor_deg / 6.0),
        "expressiveness": 10 * (skill.amplitude - 0.7) / 0.3,
        "precision": 10 * (1 - skill.timing_sd_s / 0.10),
        "biomech_score": 10 * (1 - skill.wobble_m / 0.03),
    }


def write_corpus(
    folder: str | os.PathLike[str],
    design: Design | None = None,
    *,
    say: Callable[[str], None] | None = None,
) -> Truth:
    """Makes the corpus, whole or not at all.

    `videos/`, `pose_data/` (our npz, metres, true joint centres), `annotations/clips.csv` (one row
    a clip and rater), `styles.json` (for `validate`'s key `styles`), `truth.json`, `README.txt`.
    Everything says that it is synthetic.

    Args:
        folder: missing or empty.
        design: what to make.
        say: called with one line a clip.

    Returns:
        What is known about it.

    Raises:
        InputError: the folder is in use, or the design makes no sense.
    """
    design, folder = design or Design(), pathlib.Path(folder)
    _check(design)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("it is not an empty folder", folder, "choose another")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        for name in ("videos", "pose_data", "annotations"):
            (part / name).mkdir(parents=True)
        truth = _fill(part, design, say or (lambda line: None))
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return truth


def load_truth(folder: str | os.PathLike[str]) -> Truth:
    """Reads truth.json of a synthetic corpus.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = pathlib.Path(folder) / "truth.json"
    try:
        held = json.loads(read_text(path))
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


def dances(design: Design) -> dict[str, tuple[SyntheticDance, dict[str, str]]]:
    """Returns clip -> (dance, its groups), in the order of the names."""
    out = {}
    own = np.random.default_rng([design.seed, 1]).uniform(_LOW, _HIGH, (design.dancers, 4))
    seeds = np.random.default_rng([design.seed, 2]).integers(2**31, size=design.dancers)
    for s, style in enumerate(design.styles):
        for c in range(design.choreographies):
            plan = int(np.random.default_rng([design.seed, 3, s, c]).integers(2**31))
            for d in range(design.dancers):
                for t in range(design.takes):
                    take = np.random.default_rng([design.seed, 4, s, c, d, t])
                    points = _OWN * own[d] + (1 - _OWN) * take.uniform(_LOW, _HIGH, 4)
                    dance = generate(
                        plan,
                        style,
                        design.seconds,
                        design.fps,
                        skill=_skill(points / 10.0),
                        dancer=int(seeds[d]),
                    )
                    name = f"synthetic_{style}_c{c + 1:02d}_d{d + 1:02d}_t{t + 1:02d}"
                    groups = {
                        "dancer_id": f"synthetic_dancer_{d + 1:02d}",
                        "choreography_id": f"synthetic_{style}_{c + 1:02d}",
                        "music_id": f"synthetic_metronome_{style}_{c + 1:02d}_{dance.bpm:.1f}",
                        "source_id": name,
                    }
                    out[f"{name}.mp4"] = (dance, groups)
    return dict(sorted(out.items()))


def _skill(share: np.ndarray) -> Skill:
    """The parameters of four scores, each as a share of 10."""
    precise, large, steady, fluid = (float(x) for x in share)
    return Skill(0.10 * (1 - precise), 0.7 + 0.3 * large, 0.03 * (1 - steady), 6.0 * (1 - fluid))


def _fill(root: pathlib.Path, design: Design, say: Callable[[str], None]) -> Truth:
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
    for i, (clip, (dance, groups)) in enumerate(made.items()):
        check_interrupt()
        pose = f"{pathlib.PurePath(clip).stem}.npz"
        clip_npz.write(root / "pose_data" / pose, dance.to_clip())
        _picture(root / "videos" / clip, dance, groups, design)
        facts = {
            **groups,
            "style": STYLES[dance.style].label,
            "camera": "synthetic_front",
            "fps": design.fps,
            "licence": LICENCE,
            "consent": CONSENT,
            "pose_file": pose,
        }
        for j, rater in enumerate(raters):
            given = {column: float(ratings[column][i, j]) for column in FORMULA}
            rows.append({"video_file": clip, "rater_id": rater, **given, **facts})
        say(f"{clip}: {LABEL}")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    write_csv(root / "annotations" / "clips.csv", columns)
    scores = {column: {clip: truth[clip][column] for clip in made} for column in FORMULA}
    known = Truth(design, scores, dict(zip(raters, bias.tolist(), strict=True)), icc, clipped)
    held = {"schema": SCHEMA, "formula": FORMULA, **dataclasses.asdict(known)}
    write_text(root / "truth.json", json.dumps(held, indent=1, sort_keys=True) + "\n")
    styles = [
        {"name": STYLES[s].label, "tradition": "synthetic", "note": LABEL} for s in design.styles
    ]
    write_text(root / "styles.json", json.dumps(styles, indent=1) + "\n")
    write_text(root / "README.txt", f"{LABEL}. Made by dance_jax; see truth.json.\n")
    return known


def _picture(
    path: pathlib.Path, dance: SyntheticDance, groups: dict[str, str], design: Design
) -> None:
    camera = frame_dancers([dance.pose], design.width, design.height)
    if design.pictures == "sticks":
        write_sticks(path, dance, camera, design.fps)
        return
    # One dancer looks alike in every clip.
    look = make_look(int(groups["dancer_id"].rsplit("_", 1)[1]) + 1000 * design.seed)
    render.render_video(path, dance, camera, look, fps=design.fps)


def _check(design: Design) -> None:
    counts = (design.dancers, design.choreographies, design.takes, len(design.styles))
    if min(counts) < 1 or max(counts) > 1000:
        raise InputError(f"the design {counts} has no clip, or far too many", "design", "1 to 1000")
    for style in design.styles:
        if style not in STYLES:
            raise InputError(f"no synthetic style {style!r}", "design", f"use {', '.join(STYLES)}")
    if design.pictures not in ("sticks", "rendered"):
        raise InputError(f"no pictures {design.pictures!r}", "design", "sticks or rendered")
    if design.width % 2 or design.height % 2 or min(design.width, design.height) < 16:
        raise InputError(f"{design.width}x{design.height}: H.264 needs even sides", "design", "")
    if design.seed < 0 or design.noise_sd < 0 or design.bias_sd < 0:
        raise InputError("a seed or a spread is negative", "design", "give 0 or more")
