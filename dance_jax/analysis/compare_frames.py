"""Where a compared dancer is drawn, and the frames of the video that lie behind."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np

from dance_jax.analysis import face_blur
from dance_jax.analysis.result import Analysis, PersonAnalysis

HEIGHT, MAX_WIDTH = 480, 640
_LIMIT_KEYS = ("max_width", "max_height", "max_fps", "max_duration_s")


class Stage(NamedTuple):
    """Where one dancer is drawn.

    Attributes:
        person: the dancer, in pixels of the source picture from the box's corner.
        size: (width, height) of the source picture in pixels.
        video: the source; None draws on an empty ground.
        analysis: the whole analysis.
        flip: the picture is shown mirrored.
        box: (left, top, right, bottom) in pixels of the part that is shown.
    """

    person: PersonAnalysis
    size: tuple[int, int]
    video: str | pathlib.Path | None
    analysis: Analysis
    flip: bool
    box: tuple[int, int, int, int]

    @property
    def shown(self) -> tuple[int, int]:
        """(width, height) in pixels at which it is drawn, both even."""
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        return max(2, round(width * self.scale / 2) * 2), max(2, round(height * self.scale / 2) * 2)

    @property
    def scale(self) -> float:
        """Shown pixels per pixel of the source."""
        left, top, right, bottom = self.box
        return min(HEIGHT / (bottom - top), MAX_WIDTH / (right - left))


def stage(analysis: Analysis, video: str | pathlib.Path | None, flip: bool) -> Stage:
    """Prepares one dancer for drawing; poses without pixels get a ground of their own."""
    person, clip = analysis.people[0], analysis.clip
    if clip.unit == "px" and clip.image_size:
        box = _box(person.pose[..., :2], clip.image_size)
        shifted = dataclasses.replace(
            person, pose=person.pose[..., :2] - np.array(box[:2], np.float32)
        )
        return Stage(shifted, clip.image_size, video, analysis, flip, box)
    pose = person.pose[..., :2] * ((1, 1) if clip.unit == "px" else (1, -1))
    known = pose[np.isfinite(pose).all(-1)]
    low, high = known.min(0), known.max(0)
    factor = 0.84 * HEIGHT / max(float(high[1] - low[1]), 1e-9)
    size = (max(160, int((high[0] - low[0]) * factor + 0.16 * HEIGHT)), HEIGHT)
    placed = (pose - low) * factor + 0.08 * HEIGHT
    person = dataclasses.replace(
        person, pose=placed.astype(np.float32), height_px=person.height_px * factor
    )
    return Stage(person, size, None, analysis, flip, (0, 0, *size))


def _box(pose: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of the picture in which the dancer moves, with room about it."""
    known = pose[np.isfinite(pose).all(-1)]
    low, high = np.percentile(known, (0.5, 99.5), axis=0)
    room = 0.12 * (high[1] - low[1])
    low, high = np.maximum(low - room, 0), np.minimum(high + room, size)
    return int(low[0]), int(low[1]), int(np.ceil(high[0])), int(np.ceil(high[1]))


def limits(analysis: Analysis) -> Any:
    """Returns the limits on the input under which it was analysed."""
    from dance_jax.data import video as videos

    settings = analysis.settings
    asked = {k: settings[k] for k in _LIMIT_KEYS if settings.get(k) is not None}
    return videos.Limits(**asked)


class Frames:
    """Hands out the frame nearest to a time; starts again when asked for an earlier one."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._source: Any = None
        self._frames: Iterator[Any] = iter(())
        self._held: list[Any] = []
        self._regions = None
        if stage.video is not None and stage.analysis.settings["blur_faces"]:
            clips = [stage.analysis.clip]
            clips += [] if stage.analysis.sightings is None else [stage.analysis.sightings]
            each = [face_blur.head_regions(clip) for clip in clips]
            self._regions = [list(itertools.chain(*parts)) for parts in zip(*each, strict=True)]

    def __call__(self, time_s: float) -> np.ndarray:
        """Returns u8[H,W,3] of the stage's size, to be drawn on."""
        width, height = self.stage.shown
        if self.stage.video is None:
            return np.full((height, width, 3), 40, np.uint8)
        if not self._held or time_s < self._held[0].time_s:
            self._open()
        for frame in self._frames:
            self._held = [*self._held[-1:], frame]
            if frame.time_s >= time_s:
                break
        frame = min(self._held, key=lambda f: abs(f.time_s - time_s))
        part = frame.rgb.shape[1] / self.stage.size[0]
        rgb = frame.rgb
        if self._regions is not None:
            rgb = rgb.copy()
            near = int(np.abs(self.stage.analysis.clip.time_s - frame.time_s).argmin())
            face_blur.blur(rgb, self._regions[near], part)
        left, top, right, bottom = (round(v * part) for v in self.stage.box)
        return cv2.resize(
            rgb[top:bottom, left:right], (width, height), interpolation=cv2.INTER_AREA
        )

    def _open(self) -> None:
        from dance_jax.data import video as videos

        self.close()
        analysis = self.stage.analysis
        self._source = videos.open_video(
            self.stage.video,
            fps=analysis.settings.get("fps"),
            limits=limits(analysis),
            max_side=round(max(self.stage.size) * min(1.0, self.stage.scale)) + 1,
        )
        self._frames, self._held = iter(self._source), []

    def close(self) -> None:
        """Frees the decoder; safe to call twice."""
        if self._source is not None:
            self._source.close()
            self._source = None
