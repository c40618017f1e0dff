"""A Clip as the features of an example, and back."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from dance_jax import skeleton as skeletons
from dance_jax.types import Clip


def clip_features() -> dict[str, Any]:
    """Returns the features of a clip; every array may have any length, all are compressed."""
    f = tfds.features
    zlib = f.Encoding.ZLIB
    return {
        "pose": f.Tensor(shape=(None, None, None, None), dtype=np.float32, encoding=zlib),
        "confidence": f.Tensor(shape=(None, None, None), dtype=np.float32, encoding=zlib),
        "time_s": f.Tensor(shape=(None,), dtype=np.float64, encoding=zlib),
        "pose_world": f.Tensor(shape=(None, None, None, None), dtype=np.float32, encoding=zlib),
        "person_ids": f.Tensor(shape=(None,), dtype=np.int64),
        "about": f.Text(),
    }


def from_clip(clip: Clip | None) -> dict[str, Any]:
    """Returns a clip's part of an example; None gives a clip of no frame ("about" is "").

    Arrays stay as they are, bit for bit. Source and labels go through JSON: a tuple or an array
    becomes a list. Of the source's path only the file name is kept, since datasets are shared.
    """
    if clip is None:
        return {
            "pose": np.zeros((0, 0, 0, 2), np.float32),
            "confidence": np.zeros((0, 0, 0), np.float32),
            "time_s": np.zeros(0),
            "pose_world": np.zeros((0, 0, 0, 3), np.float32),
            "person_ids": np.zeros(0, np.int64),
            "about": "",
        }
    custom = isinstance(clip.skeleton, skeletons.Skeleton)
    about = {
        "skeleton": dataclasses.asdict(clip.skeleton) if custom else str(clip.skeleton),
        "unit": clip.unit,
        "image_size": clip.image_size,
        "source": _without_folders(clip.source),
        "labels": dict(clip.labels),
    }
    world = clip.pose_world
    return {
        "pose": clip.pose,
        "confidence": clip.confidence,
        "time_s": clip.time_s,
        "pose_world": np.zeros((0, 0, 0, 3), np.float32) if world is None else world,
        "person_ids": np.array(clip.person_ids, np.int64),
        "about": json.dumps(about, default=_plain),
    }


def to_clip(example: Mapping[str, Any]) -> Clip | None:
    """Returns the clip of an example, None where it has none."""
    text = example["about"]
    text = text.decode() if isinstance(text, bytes) else str(text)
    if not text:
        return None
    about = json.loads(text)
    body = about["skeleton"]
    if isinstance(body, dict):
        body = skeletons.Skeleton(**{key: _tuples(value) for key, value in body.items()})
    size = about["image_size"]
    return Clip(
        example["pose"],
        example["confidence"],
        example["time_s"],
        skeleton=body,
        unit=about["unit"],
        pose_world=example["pose_world"] if len(example["pose_world"]) else None,
        image_size=None if size is None else tuple(size),
        person_ids=tuple(int(one) for one in example["person_ids"]),
        source=about["source"],
        labels=about["labels"],
    )


def _without_folders(source: Mapping[str, Any]) -> dict[str, Any]:
    held = dict(source)
    if held.get("path"):
        held["path"] = pathlib.PurePath(str(held["path"])).name
    return held


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)
