"""MediaPipe landmarks as clips: units, axes, confidence and times, whatever file they came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dance_jax.data.formats import ReadOptions
from dance_jax.data.sightings import Sightings, to_clip
from dance_jax.errors import InputError
from dance_jax.types import Clip

SKELETON, LANDMARKS = "mediapipe33", 33
_NORMALISED = 8.0  # landmarks leave the picture, but never by so many pictures


def times(
    stamps: np.ndarray | None,
    key: str,
    count: int,
    options: ReadOptions,
    fps: float | None,
    path: object,
) -> tuple[np.ndarray, str]:
    """Returns times f64[T] in seconds, and a sentence on where they are from.

    Args:
        stamps: f64[T] of the file, None where it has none.
        key: what the file calls them: its ending _ms, _us or _s is believed, "timestamp" alone is
            in milliseconds where its steps are 1 or more.
        count: T.
        options: fps is used where the file has no times, or only frame numbers.
        fps: of the file, None where it has none.
        path: for messages.

    Raises:
        InputError: times that do not increase, or none and no fps.
    """
    if stamps is None:
        rate = options.need_fps(path, fps)
        where = "as given" if options.fps is not None else "of the file"
        return np.arange(count) / rate, f"{rate:g} frames/s {where}"
    steps = np.diff(stamps)
    if not np.isfinite(stamps).all() or (steps <= 0).any():
        good = np.isfinite(stamps) & np.append(True, steps > 0)
        at = int(np.argmin(good))
        said = "does not increase" if np.isfinite(stamps[at]) else "is missing"
        raise InputError(f"{key} {said} at frame {at}", path, "mend the file")
    name = key.lower()
    if "frame" in name:
        rate = options.need_fps(path, fps)
        return stamps / rate, f"{rate:g} frames/s by the column {key}"
    factor, unit = 1.0, "s"
    typical = float(np.median(steps)) if len(steps) else 0.0
    if name.endswith(("_us", "micros", "microseconds")):
        factor, unit = 1e-6, "us"
    elif name.endswith(("_ms", "millis", "milliseconds")):
        factor, unit = 1e-3, "ms"
    elif "stamp" in name and typical >= 1:
        factor, unit = (1e-6, "us") if typical >= 4000 else (1e-3, "ms")
    return stamps * factor, f"times from {key} ({unit})"


def landmark_clip(
    frame: np.ndarray,
    person: np.ndarray,
    image: np.ndarray | None,
    world: np.ndarray | None,
    confidence: np.ndarray,
    time_s: np.ndarray,
    *,
    path: object,
    options: ReadOptions,
    size: tuple[float, float] | None,
    found: Sequence[str],
    dropped: Sequence[str],
    format_name: str,
    source: dict[str, Any] | None = None,
) -> Clip:
    """Returns the clip of N sightings of 33 landmarks.

    Image landmarks in parts of the picture become pixels by the picture's size; without it the
    world landmarks are the pose, and without those the size is asked for: a picture's width is not
    its height, and no angle is right before both are known.

    Args:
        frame: i64[N] place in `time_s`.
        person: i64[N] the file's id, -1 where it has none.
        image: f32[N,33,2|3] x, y of the picture, or None.
        world: f32[N,33,3] metres, y down, z away from the viewer, or None.
        confidence: f32[N,33].
        time_s: f64[T].
        path: the file.
        options: image_size is used before the file's.
        size: (width, height) that the file gives.
        found: sentences.
        dropped: sentences.
        format_name: for the source.
        source: more of the source.
    """
    found, dropped, unit = list(found), list(dropped), "px"
    sides = options.image_size or size
    if image is not None and image.shape[-1] > 2:
        if np.isfinite(image[..., 2]).any():
            dropped.append("z of the image landmarks (depth relative to the hips)")
        image = image[..., :2]
    if world is not None:
        world = world * np.array([1, -1, -1], np.float32)
    if image is not None and not _in_pixels(image):
        if sides is not None:
            image = image * np.array(sides, np.float32)
            found.append(f"parts of the picture scaled to {sides[0]:g} x {sides[1]:g} px")
        elif world is None:
            raise InputError(
                "its landmarks are parts of a picture of unknown size",
                path,
                "give the size: image_size=(1920, 1080)",
            )
        else:
            image = None
            dropped.append("image landmarks (the picture's size is not known: image_size=)")
    if image is None:
        image, world, unit = world, None, "m"
        found.append("world landmarks: metres, hips at 0, y turned up")
    if sides is not None:
        options = _with_size(options, sides)
    return to_clip(
        Sightings(frame, person, image, confidence, world),
        path=path,
        fps=None,
        skeleton=SKELETON,
        options=options,
        format_name=format_name,
        found=found,
        dropped=dropped,
        unit=unit,
        time_s=time_s,
        source=source,
    )


def _in_pixels(image: np.ndarray) -> bool:
    values = np.abs(image[np.isfinite(image)])
    return len(values) > 0 and float(np.quantile(values, 0.9)) > _NORMALISED


def _with_size(options: ReadOptions, sides: tuple[float, float]) -> ReadOptions:
    import dataclasses

    return dataclasses.replace(options, image_size=(round(sides[0]), round(sides[1])))
