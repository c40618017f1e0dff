"""The pose estimator contract: one picture in, the landmarks of every person in it out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dance_jax.errors import InputError

N_LANDMARKS = 33
ESTIMATORS = ("auto", "mediapipe", "blazepose")
EXECUTORS = ("auto", "litert", "jax")


@dataclasses.dataclass(frozen=True, eq=False)
class FramePoses:
    """The people found in one frame, in the order the estimator gave them (not stable over time).

    Attributes:
        landmarks: f32[P,33,3]; x, y in pixels of the upright picture (y down), z in pixels
            relative to the middle of the hips, smaller nearer to the camera.
        visibility: f32[P,33] in [0, 1]; likelihood that the landmark is in the picture and not
            hidden.
        presence: f32[P,33] in [0, 1]; likelihood that the landmark is in the picture.
        world: f32[P,33,3]; metres, hip-centred, y UP, z towards the viewer; depth is a guess.
    """

    landmarks: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray
    world: np.ndarray

    def __post_init__(self) -> None:
        people = np.asarray(self.landmarks).shape[0]
        shapes = {
            "landmarks": (people, N_LANDMARKS, 3),
            "visibility": (people, N_LANDMARKS),
            "presence": (people, N_LANDMARKS),
            "world": (people, N_LANDMARKS, 3),
        }
        for name, shape in shapes.items():
            value = np.asarray(getattr(self, name), np.float32)
            if value.shape != shape:
                raise ValueError(f"FramePoses.{name} must be {shape}, got {value.shape}")
            object.__setattr__(self, name, value)

    @classmethod
    def empty(cls) -> FramePoses:
        """Returns a frame in which nobody was found."""
        flat, solid = np.zeros((0, N_LANDMARKS)), np.zeros((0, N_LANDMARKS, 3))
        return cls(landmarks=solid, visibility=flat, presence=flat, world=solid)

    @property
    def n_people(self) -> int:
        """Number of people P."""
        return self.landmarks.shape[0]


@runtime_checkable
class Estimator(Protocol):
    """Finds people in the successive frames of one video; one instance per video.

    Attributes:
        name: "mediapipe" or "blazepose".
        model: JSON-able record: file, sha256, variant (lite | full | heavy | custom), executor.
    """

    name: str
    model: Mapping[str, Any]

    def __call__(self, rgb: np.ndarray, time_s: float) -> FramePoses:
        """Returns the poses of one frame.

        Args:
            rgb: u8[H,W,3], upright.
            time_s: presentation time in seconds, strictly increasing from call to call.

        Returns:
            The people found; `FramePoses.empty()` where there is none.
        """
        ...

    def close(self) -> None:
        """Releases the model; later calls are errors."""
        ...


def create_estimator(
    name: str = "auto",
    model: str | os.PathLike[str] | None = None,
    num_people: int = 4,
    executor: str = "auto",
    *,
    allow_unknown_model: bool = False,
) -> Estimator:
    """Returns a pose estimator for one video; nothing is downloaded here.

    Args:
        name: "mediapipe" (needs a `.task` bundle), "blazepose" (a `.task` bundle or two
            `.tflite` files), or "auto": mediapipe where a `.task` is present, else blazepose.
        model: a `.task` file, a folder that holds one, or a folder with a detector and a
            landmark `.tflite`; by default the cache (`assets.cache_dir()`).
        num_people: the most people to look for, at least 1.
        executor: for blazepose "litert" (CPU), "jax" (accelerator) or "auto"; mediapipe has its
            own and takes "auto" only.
        allow_unknown_model: accept a model file whose sha256 is not in `assets.ASSETS`; a file
            under the name of a known model must match its sha256 all the same.

    Returns:
        The estimator; close it after the last frame.

    Raises:
        InputError: an unknown name, a missing, unreadable or altered model.
    """
    from dance_jax.pose import model_files

    if name not in ESTIMATORS:
        raise InputError(
            f"unknown estimator {name!r}", "--config.estimator", f"use {', '.join(ESTIMATORS)}"
        )
    if executor not in EXECUTORS:
        raise InputError(
            f"unknown executor {executor!r}", "--config.executor", f"use {', '.join(EXECUTORS)}"
        )
    if isinstance(num_people, bool) or int(num_people) != num_people or num_people < 1:
        what = f"must be a whole number >= 1, got {num_people!r}"
        raise InputError(what, "--config.num_people")

    files = model_files.load(
        model, need_task=name == "mediapipe", allow_unknown=allow_unknown_model
    )
    if name == "mediapipe" or (name == "auto" and files.task is not None and executor == "auto"):
        if executor != "auto":
            raise InputError(
                f"mediapipe has no executor {executor!r}",
                "--config.executor",
                "use --config.estimator=blazepose for it",
            )
        from dance_jax.pose.mediapipe import MediaPipeEstimator

        return MediaPipeEstimator(files, num_people=num_people)
    from dance_jax.pose.blazepose import BlazePoseEstimator

    return BlazePoseEstimator(files, num_people=num_people, executor=executor)
