"""The design of a synthetic corpus: who dances what how well, and the scores that follow."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from dance_jax.data.dances import STYLES
from dance_jax.data.synthetic import Skill, SyntheticDance, generate
from dance_jax.errors import InputError

LABEL = "SYNTHETIC: no person was filmed, none rated it"
MAX_CLIPS, MAX_FRAMES = 10_000, 10_000_000
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
        common: share of the four scores that a dancer's level decides, 0 to 1; at 0 they are
            independent, and their mean hardly differs from dancer to dancer.
        raters: who rate every clip.
        bias_sd: sample standard deviation of the raters' biases, points.
        noise_sd: of each rating, points.
        pictures: "sticks" (quick line drawings) or "rendered" (the mannequin).
        width: of the video, pixels, even.
        height: of the video, pixels, even.
        seed: the same design and seed give the same poses and ratings to the byte, and the same
            drawings; the encoder's noise in the videos differs a little from run to run.
    """

    dancers: int = 6
    styles: tuple[str, ...] = tuple(s for s in STYLES if s not in ("walk", "calibration"))
    choreographies: int = 1
    takes: int = 1
    seconds: float = 4.0
    fps: float = 25.0
    common: float = 0.0
    raters: int = 4
    bias_sd: float = 0.4
    noise_sd: float = 0.5
    pictures: str = "sticks"
    width: int = 96
    height: int = 128
    seed: int = 0


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


def dances(design: Design) -> dict[str, tuple[SyntheticDance, dict[str, str]]]:
    """Returns clip -> (dance, its groups), in the order of the names."""
    out = {}
    own = np.random.default_rng([design.seed, 1]).uniform(_LOW, _HIGH, (design.dancers, 4))
    level = np.random.default_rng([design.seed, 6]).uniform(_LOW, _HIGH, (design.dancers, 1))
    own = (1 - design.common) * own + design.common * level
    seeds = np.random.default_rng([design.seed, 2]).integers(2**31, size=design.dancers)
    for s, style in enumerate(design.styles):
        for c in range(design.choreographies):
            plan = int(np.random.default_rng([design.seed, 3, s, c]).integers(2**31))
            for d in range(design.dancers):
                for t in range(design.takes):
                    take = np.random.default_rng([design.seed, 4, s, c, d, t])
                    points = take.uniform(_LOW, _HIGH, 4)
                    points = (1 - design.common) * points + design.common * take.uniform(
                        _LOW, _HIGH
                    )
                    points = _OWN * own[d] + (1 - _OWN) * points
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


def check(design: Design) -> None:
    """Raises InputError where a design makes no sense, or far too much."""
    counts = (design.dancers, design.choreographies, design.takes, len(design.styles))
    if min(counts) < 1 or max(counts) > 1000:
        raise InputError(f"the design {counts} has no clip, or far too many", "design", "1 to 1000")
    clips = math.prod(counts)
    frames = clips * design.seconds * design.fps
    if not 0 < frames <= MAX_FRAMES or clips > MAX_CLIPS or design.seconds * design.fps < 2:
        what = f"the design makes {clips} clips of {design.seconds:g} s at {design.fps:g} frames/s"
        fix = f"at most {MAX_CLIPS:,} clips and {MAX_FRAMES:,} frames, 2 or more in each"
        raise InputError(what, "design", fix)
    for style in design.styles:
        if style not in STYLES:
            raise InputError(f"no synthetic style {style!r}", "design", f"use {', '.join(STYLES)}")
    if design.pictures not in ("sticks", "rendered"):
        raise InputError(f"no pictures {design.pictures!r}", "design", "sticks or rendered")
    if design.width % 2 or design.height % 2 or min(design.width, design.height) < 16:
        raise InputError(f"{design.width}x{design.height}: H.264 needs even sides", "design", "")
    if not 0.0 <= design.common <= 1.0:
        raise InputError(f"common is {design.common:g}", "design", "give 0 to 1")
    if design.seed < 0 or design.noise_sd < 0 or design.bias_sd < 0:
        raise InputError("a seed or a spread is negative", "design", "give 0 or more")
