"""Clips of the legs alone, hip-centred and scaled by the hips' width, as some CSV files hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.data.formats import ReadOptions
from dance_jax.errors import InputError
from dance_jax.types import Clip

SKELETON = "folkdance10"


def legs_clip(
    points: np.ndarray,
    time_s: np.ndarray,
    path: object,
    options: ReadOptions,
    found: Sequence[str],
    format_name: str,
    source: dict[str, Any],
) -> Clip:
    """Returns a clip of legs in body heights, y up, from landmarks of the picture.

    The picture's parts are wider than high, so its size is needed. Body height is thigh + shank
    over their fraction of stature, .491; lengths are medians over time, since a scale by the hips'
    width changes as the dancer turns.

    Args:
        points: f32[T,10,3] hip-centred, y down, x, y and z in parts of the picture over the hips'
            width; NaN where missing.
        time_s: f64[T].
        path: for messages.
        options: image_size is needed.
        found: sentences.
        format_name: for the source.
        source: more of the source.

    Source: Drillis & Contini 1966, in Winter (the fractions).
    """
    from dance_jax.kinematics.scale import FRACTION  # needs JAX, which telling a format does not

    if options.image_size is None:
        raise InputError(
            "its landmarks are parts of a picture of unknown size",
            path,
            "give the size: image_size=(1920, 1080)",
        )
    width, height = options.image_size
    pose = points * np.array([1, -height / width, -1], np.float32)
    lengths = []
    joints = skeletons.get(SKELETON).joints
    for parts in (("hip", "knee"), ("knee", "ankle")):
        bones = [
            np.linalg.norm(
                np.diff(pose[:, [joints.index(f"{side}_{p}") for p in parts]], axis=1), axis=-1
            )
            for side in ("left", "right")
        ]
        with np.errstate(all="ignore"):
            lengths.append(np.nanmedian(np.stack(bones)))
    size = float(sum(lengths)) / (FRACTION["thigh"] + FRACTION["shank"])
    if not size > 0:
        raise InputError("no leg is ever whole, so its scale is not known", path, "give other rows")
    pose = (pose / size)[:, None]
    seen = np.isfinite(pose).all(-1)
    return Clip(
        np.where(seen[..., None], pose, np.nan),
        seen,
        time_s,
        skeleton=SKELETON,
        unit="height",
        image_size=(round(width), round(height)),
        source={
            "path": str(path),
            "format": format_name,
            "found": "; ".join(
                [
                    *found,
                    "10 joints of the legs",
                    f"{len(pose)} frames",
                    "one person",
                    "hip-centred",
                ]
            ),
            "dropped": ("where the dancer is: every frame is centred on the hips",),
            **source,
        },
    )
