"""Analyses of synthetic dancers in pixels for the tests of `compare`, with no estimator."""

from __future__ import annotations

import dataclasses

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import compare
from dance_jax.analysis.compare_options import Wishes
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import Analysis
from dance_jax.kinematics import angles
from dance_jax.types import Clip
from tests.analysis.fakes import fake_person

SIZE = (640, 640)


def joint(name: str) -> int:
    return skeleton.index("halpe26", name)


def pixels(pose: np.ndarray, scale: float = 300.0, x: float = 320.0) -> np.ndarray:
    """Drops the depth of a pose in metres: [T,26,2], y down."""
    return pose[..., :2] * scale * np.array([1, -1]) + np.array([x, 0.9 * SIZE[1]])


def swing(time_s: np.ndarray, seed: int, **moved) -> np.ndarray:
    """A dancer who faces the camera, stands, and moves both arms in the picture's plane.

    Args:
        time_s: [T] seconds.
        seed: draws the movement: sums of three sines for each of four arm angles, and a sway.
        **moved: "left_elbow" etc. -> [T] radians that are added.

    Returns:
        [T,26,2] pixels, y down.
    """
    rng = np.random.default_rng(seed)
    pose = np.full((len(time_s), 26, 2), np.nan)
    place = {
        **{"hip": (0, 0.53), "neck": (0, 0.82), "head": (0, 1.0), "nose": (0, 0.92)},
        **{f"{s}_{n}": (k * x, y) for s, k in (("left", 1), ("right", -1)) for n, x, y in (
            ("eye", 0.02, 0.94), ("ear", 0.045, 0.93), ("shoulder", 0.12, 0.81),
            ("hip", 0.08, 0.53), ("knee", 0.09, 0.28), ("ankle", 0.09, 0.05),
            ("heel", 0.085, 0.01), ("big_toe", 0.13, 0.0), ("small_toe", 0.15, 0.0),
        )},
    }  # fmt: skip

    def wave(size: float) -> np.ndarray:
        hertz, phase = rng.uniform(0.15, 0.9, 3), rng.uniform(0, 6.3, 3)
        return size * np.sin(2 * np.pi * hertz * time_s[:, None] + phase).sum(1) / 1.7

    sway = wave(0.02)
    for name, (px, py) in place.items():
        pose[:, joint(name)] = np.stack([px + sway * py, np.full(len(time_s), py)], 1)
    for side, sign in (("left", 1), ("right", -1)):
        lift = 1.2 + wave(0.7) + moved.get(f"{side}_shoulder", 0.0)
        bend = 0.9 + wave(0.5) + moved.get(f"{side}_elbow", 0.0)
        for end, start, angle in (("elbow", "shoulder", lift), ("wrist", "elbow", lift + bend)):
            step = 0.17 * np.stack([sign * np.sin(angle), -np.cos(angle)], 1)
            pose[:, joint(f"{side}_{end}")] = pose[:, joint(f"{side}_{start}")] + step
    return pixels(pose, 500.0)


def analysis(
    pose: np.ndarray, time_s: np.ndarray, view: int = 0, height: float = 500.0, **source
) -> Analysis:
    """Wraps poses [T,26,2] in pixels as an analysis of one dancer."""
    pose = np.asarray(pose, np.float32)
    known = np.isfinite(pose).all(-1)
    confidence = known.astype(np.float32)
    clip = Clip(pose[:, None], confidence[:, None], time_s, image_size=SIZE)
    person = fake_person(1, time_s, pose.copy(), confidence)
    person = dataclasses.replace(
        person, view=np.full(len(time_s), view, np.int8), height_px=height, pose=pose
    )
    return Analysis(
        clip=clip,
        people=(person,),
        source={"name": "made.mp4"} | source,
        estimator={"name": "given poses"},
        settings=dataclasses.asdict(Options(overlay=False)),
        tracks=(),
        versions={"dance_jax": "test"},
    )


def between(teacher: Analysis, student: Analysis, **wishes):
    return compare.between(teacher, student, Wishes(**wishes))


def mirrored(pose: np.ndarray) -> np.ndarray:
    return skeleton.mirror(pose, "halpe26", float(SIZE[0]))


def blinded(whole: Analysis, name: str) -> Analysis:
    """The same dancer without one joint."""
    person = whole.people[0]
    pose, theta, flat = person.pose.copy(), person.angles.copy(), person.in_plane.copy()
    pose[:, joint(name)] = np.nan
    for k, row in enumerate(angles.ANGLES):
        if name in row.joints:
            theta[:, k], flat[:, k] = np.nan, False
    person = dataclasses.replace(person, pose=pose, angles=theta, in_plane=flat)
    return dataclasses.replace(whole, people=(person,))
