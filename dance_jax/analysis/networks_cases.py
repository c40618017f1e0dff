"""Which networks are timed against PyTorch, at which sizes, and the batches that both are given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

JOINTS, AXES, FPS = 26, 2, 25.0
GROUPS = ("position", "velocity", "bone")  # of the pose features, as in configs/pose_style.py
STYLES = 10
MISSING = 0.03  # of the joints, drawn one by one
ATTRIBUTES = ("fluidity", "expressiveness", "precision")
OPTIMIZER = {"optimizer": "adamw", "learning_rate": 2e-3, "weight_decay": 0.05, "clip_norm": 1.0}
_PATCHES = 4  # along each side of a picture
SMOOTHING = 0.1  # of the styles' labels
ANGLES = 10  # joint angles that the full network predicts at each frame
WEIGHTS = {"aesthetic": 1.0, "biomech": 0.5, "joint": 0.3, "style": 1.0}
"""Part of the loss -> weight, Shen's Eq. 12 with the style beside it."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One network and the sizes that it is timed at.

    Attributes:
        name: of the network.
        kind: "lstm" (a score of a sequence), "resnet" (a class of a picture) or "dance".
        frames: T of a window; 1 of pictures.
        image: side of the pictures; 0 without.
        train_rows: windows of a train step's batch; 0 where only inference is timed.
        predict_rows: windows of inference, one row of the table each.
        options: attributes of `DanceNet`, or "hidden", "layers" or "depth" of the other kinds.
        reach: of the train step's ratio; None where none is set.
    """

    name: str
    kind: str
    frames: int
    image: int
    train_rows: int
    predict_rows: tuple[int, ...]
    options: Mapping[str, Any]
    reach: float | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the loss."""
        if self.kind == "dance":
            return ("aesthetic", "biomech", "joint") if self.image else ("style",)
        return ("aesthetic",) if self.kind == "lstm" else ("style",)

    @property
    def programs(self) -> tuple[str, ...]:
        """What is compiled and timed."""
        return ("train step", "inference") if self.train_rows else ("inference",)


def cases(image: int, frames: int) -> dict[str, Case]:
    """Returns the networks by name.

    Args:
        image: side of the pictures.
        frames: of a window of the full network.
    """
    pose = {"features": 64, "hidden": 64, "layers": 1, "pose_width": 32, "n_styles": STYLES}
    full = {"features": 256, "hidden": 256, "layers": 2, "pose_width": 64, "n_styles": 0}
    rows = (1, 16)
    found = (
        Case("bilstm", "lstm", 100, 0, 16, rows, {"hidden": 256, "layers": 2}, 1.0),
        Case("resnet18", "resnet", 1, image, 8, rows, {"depth": 18}),
        # Its train step, which takes minutes to compile, is most of that of full50.
        Case("resnet50", "resnet", 1, image, 0, rows, {"depth": 50}),
        Case("pose", "dance", 100, 0, 16, rows, pose),
        Case("full", "dance", frames, image, 2, rows, full | {"encoder": "resnet18"}),
        Case("full50", "dance", frames, image, 2, rows, full | {"encoder": "resnet50"}),
    )
    return {case.name: case for case in found}


def batch(case: Case, rows: int, seed: int) -> dict[str, np.ndarray]:
    """Draws windows with all their labels; every window is full, single joints are missing.

    Args:
        case: the network.
        rows: B.
        seed: of the numbers.

    Returns:
        "sequence" f32[B,T,D] or "frames" u8[B,T,H,W,3] or "pose" f32[B,T,26,2] (y up, NaN where
        missing) with "time_s" f32[B,T], as the kind needs; "style" i32[B], "aesthetic" and
        "biomech" f32[B] from 0 to 10, "joint" f32[B,T,A,2] (sin, cos).
    """
    rng = np.random.default_rng([seed, rows])
    t = case.frames
    turned = rng.uniform(-np.pi, np.pi, (rows, t, ANGLES))
    made = {
        "style": rng.integers(0, STYLES, rows).astype(np.int32),
        "aesthetic": rng.uniform(0, 10, rows).astype(np.float32),
        "biomech": rng.uniform(0, 10, rows).astype(np.float32),
        "joint": np.stack([np.sin(turned), np.cos(turned)], -1).astype(np.float32),
    }
    if case.kind == "lstm":
        made["sequence"] = rng.normal(size=(rows, t, case.options["hidden"])).astype(np.float32)
    if case.image:
        made["frames"] = pictures(rng, rows * t, case.image).reshape(
            rows, t, case.image, case.image, 3
        )
    if case.kind == "dance":
        made["time_s"] = np.broadcast_to(np.arange(t) / FPS, (rows, t)).astype(np.float32)
        made["pose"] = poses(rng, rows, t)
    return made


def pictures(rng: np.random.Generator, count: int, side: int) -> np.ndarray:
    """Returns pictures of large coloured patches with noise, u8[N,H,W,3].

    Of noise alone a ResNet sees almost the same in every picture, and its BatchNorm then divides
    rounding errors by a deviation near 0.
    """
    patches = rng.integers(0, 206, (count, _PATCHES, _PATCHES, 3))
    place = np.arange(side) * _PATCHES // side
    noise = rng.integers(0, 50, (count, side, side, 3))
    return (patches[:, place[:, None], place] + noise).astype(np.uint8)


def poses(rng: np.random.Generator, rows: int, frames: int) -> np.ndarray:
    """Returns joints that swing about places of their own, f32[B,T,26,2], NaN where missing."""
    clock = np.arange(frames)[:, None, None] / FPS
    place = rng.normal(0, 0.4, (rows, 1, JOINTS, AXES))
    wide, rate, start = (
        rng.uniform(low, high, (rows, 1, JOINTS, AXES))
        for low, high in ((0.05, 0.3), (1.0, 8.0), (0.0, 2 * np.pi))
    )
    pose = (place + wide * np.sin(rate * clock + start)).astype(np.float32)
    pose[rng.random(pose.shape[:3]) < MISSING] = np.nan
    return pose
