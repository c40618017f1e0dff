"""The Clip: one take of people moving, as host arrays with true timestamps.

Axis letters everywhere: B batch, T time, P person, J joint, C coordinate, H W image.

Coordinate frames, by `Clip.unit`:
  * "px": image pixels, x to the right, y DOWN, origin at the upright picture's top left corner.
  * "m", "height": metres or body heights, y UP, x to the picture's right, z towards the viewer.
  * `pose_world`: metres, hip-centred, y UP, z towards the viewer; depth is the estimator's guess.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.errors import InputError

UNITS = ("px", "m", "height")


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """People moving through one take; a missing joint is NaN, never zero.

    Attributes:
        pose: f32[T,P,J,C], C = (x, y) or (x, y, z); NaN where missing.
        confidence: f32[T,P,J] in [0, 1]; 0 where missing.
        time_s: f64[T], strictly increasing presentation times in seconds.
        skeleton: name of a skeleton in `dance_jax.skeleton`, or a custom `Skeleton`.
        unit: "px", "m" or "height".
        pose_world: optional f32[T,P,J,3]; the estimator's own metres, depth estimated.
        image_size: optional (width, height) in pixels of the upright picture.
        person_ids: one id a person, in the order of axis P.
        source: where it came from: path, sha256, estimator, and what else is known.
        labels: what annotators said of it.
    """

    pose: np.ndarray
    confidence: np.ndarray
    time_s: np.ndarray
    skeleton: Any = "halpe26"
    unit: str = "px"
    pose_world: np.ndarray | None = None
    image_size: tuple[int, int] | None = None
    person_ids: tuple[int, ...] = ()
    source: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        pose = np.asarray(self.pose, np.float32)
        if pose.ndim != 4 or pose.shape[-1] not in (2, 3):
            raise ValueError(f"Clip.pose must be [T,P,J,2|3], got shape {pose.shape}")
        confidence = np.asarray(self.confidence, np.float32)
        if confidence.shape != pose.shape[:3]:
            raise ValueError(f"Clip.confidence must be {pose.shape[:3]}, got {confidence.shape}")
        time_s = np.asarray(self.time_s, np.float64)
        if time_s.shape != pose.shape[:1]:
            raise ValueError(f"Clip.time_s must be {pose.shape[:1]}, got {time_s.shape}")
        if np.any(np.diff(time_s) <= 0) or not np.all(np.isfinite(time_s)):
            raise InputError(
                "the times of its frames must be finite and strictly increasing (Clip.time_s)",
                self.source.get("path", ""),
                "sort the frames and drop repeated time stamps",
            )
        if self.unit not in UNITS:
            raise ValueError(f"Clip.unit must be one of {UNITS}, got {self.unit!r}")
        world = self.pose_world
        if world is not None:
            world = np.asarray(world, np.float32)
            if world.shape != (*pose.shape[:3], 3):
                raise ValueError(
                    f"Clip.pose_world must be {(*pose.shape[:3], 3)}, got {world.shape}"
                )
        ids = tuple(self.person_ids) or tuple(range(1, pose.shape[1] + 1))
        if len(ids) != pose.shape[1]:
            raise ValueError(f"Clip.person_ids must have {pose.shape[1]} entries, got {len(ids)}")
        for name, value in (
            ("pose", pose),
            ("confidence", confidence),
            ("time_s", time_s),
            ("pose_world", world),
            ("person_ids", ids),
        ):
            object.__setattr__(self, name, value)

    @property
    def n_frames(self) -> int:
        """Number of frames T."""
        return self.pose.shape[0]

    @property
    def n_people(self) -> int:
        """Number of people P."""
        return self.pose.shape[1]

    @property
    def duration_s(self) -> float:
        """Time from the first to the last frame, in seconds."""
        return float(self.time_s[-1] - self.time_s[0]) if self.n_frames else 0.0

    @property
    def present(self) -> np.ndarray:
        """bool[T,P,J]: the joint has finite coordinates."""
        return np.isfinite(self.pose).all(-1)

    def replace(self, **changes: Any) -> Clip:
        """Returns a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def person(self, index: int) -> Clip:
        """Returns the clip of one person, by position on axis P (P stays, with length 1)."""
        part = slice(index, index + 1)
        return self.replace(
            pose=self.pose[:, part],
            confidence=self.confidence[:, part],
            pose_world=None if self.pose_world is None else self.pose_world[:, part],
            person_ids=self.person_ids[part],
        )
