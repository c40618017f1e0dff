"""Which arrays a network is given of its examples: a source of windows, and the batches of it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.clip_source import ClipSource
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.data.paired_clips import PairedClips, Row, clock, in_picture
from dance_jax.data.pose_clips import PoseClips
from dance_jax.errors import ConfigError, InputError
from dance_jax.training import networks
from dance_jax.training.examples import Example, Examples


def uses(config: Any, stream: str) -> bool:
    """True where a config's network has a stream: "frames", "pose", "measures" or "beats"."""
    return stream in config.streams


def picture_size(config: Any) -> tuple[int, int] | None:
    """Returns (height, width) of the pictures in a batch; None without, or encoded beforehand."""
    shown = uses(config, "frames") and not config.encoder_cached
    return (config.frame_height, config.frame_width) if shown else None


def in_pictures(config: Any, examples: Examples) -> bool:
    """True where frames and poses go in together and all poses are placed in their pictures.

    Then one geometry moves both in training; else the frames stay where they are.
    """
    if not (picture_size(config) and uses(config, "pose") and config.axes == 2):
        return False
    shown = [row for row in examples.rows if row.clip is not None and row.video is not None]
    alone = any(row.clip is not None and row.video is None for row in examples.rows)
    return bool(shown) and not alone and all(in_picture(row.clip) for row in shown)


def cache_of(config: Any) -> ClipCache | None:
    """Returns where decoded videos and estimated poses are kept between runs; None for nowhere."""
    return ClipCache(pathlib.Path(config.cache)) if config.cache else None


def source_of(config: Any, examples: Examples, *, pixels: bool = False) -> ClipSource:
    """Returns what windows of the examples are read from.

    Args:
        config: keys `streams`, `fps`, `skeleton`, `axes`, `frame_*`, `cache`.
        examples: with what the streams need.
        pixels: of `in_pictures`, over all the examples of a run.

    Raises:
        InputError: a video cannot be read.
        ConfigError: no example has what the streams need.
    """
    if (other := networks.other(config)) is not None:
        return other.source(config, examples)
    size = picture_size(config)
    if size is None and not any(row.streams for row in examples.rows):
        return PoseClips([row.clip for row in examples.rows], config.skeleton, config.axes)
    if size is not None and not any(row.video for row in examples.rows):
        raise ConfigError("no clip has a video", "--config.streams", 'take streams=("pose",)')
    rows = [_row(row, config.fps, size is not None) for row in examples.rows]
    return PairedClips(
        rows,
        size=size,
        skeleton=config.skeleton,
        axes=config.axes if uses(config, "pose") else 0,
        pixels=pixels,
        cache=cache_of(config),
        fps=config.fps,
    )


def _row(example: Example, fps: float, pictures: bool) -> Row:
    clip, video = example.clip, example.video if pictures else None
    return Row(example.name, clock_of(example, fps), video, clip, example.streams)


def clock_of(example: Example, fps: float) -> np.ndarray:
    """Returns f64[T], the clock of an example: of its poses, else of its video at one rate.

    Raises:
        InputError: it has neither.
    """
    if example.clip is not None:
        return example.clip.time_s + float(example.clip.source.get("start_s", 0.0))
    if example.video is None:
        raise InputError("it has neither poses nor a video", example.name, "leave it out")
    return clock(example.video, fps)


def labels_of(config: Any, examples: Examples, styles: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the labels of each example, with flags of which streams it has.

    Args:
        config: key `streams`.
        examples: all of a part.
        styles: the model's classes.
    """
    out = examples.labels(styles)
    for label, row in zip(out, examples.rows, strict=True):
        if uses(config, "frames"):
            label["has_frames"] = np.float32(row.video is not None)
            if uses(config, "pose"):
                label["has_pose"] = np.float32(row.clip is not None)
        if row.measures is not None:
            label["measures"] = row.measures
    return out


def window_frames(config: Any) -> tuple[int, int]:
    """Returns (length, stride) of the windows in frames.

    Args:
        config: keys `window_s`, `stride_s`, `fps`, and of another network its own.

    Raises:
        ConfigError: windows would leave frames out between them.
    """
    other = networks.other(config)
    length = other.frames(config) if other else max(round(config.window_s * config.fps), 2)
    stride = max(round(config.stride_s * config.fps), 1) if config.stride_s else length
    if stride > length:
        what = f"{config.stride_s:g} s from window to window leave frames out between windows"
        fix = f"take at most {length / config.fps:g}, or 0: windows do not overlap"
        raise ConfigError(what, "--config.stride_s", fix)
    return length, stride


def loader_of(
    config: Any,
    examples: Examples,
    styles: Sequence[str],
    *,
    train: bool,
    seed: int = 0,
    pixels: bool = False,
    whole: bool = False,
) -> Loader:
    """Returns the batches of a part of the examples.

    Args:
        config: keys `batch_size`, `window_s`, `stride_s`, `fps`, `skeleton`, and of `source_of`.
        examples: of the part.
        styles: the model's classes.
        train: shuffled and for ever; else each window once, in order.
        seed: of the order.
        pixels: of `in_pictures`.
        whole: every process gets all windows.
    """
    length, stride = window_frames(config)
    options = LoaderOptions(
        batch_size=config.batch_size,
        length=length,
        stride=stride,
        tail="back",
        shuffle=train,
        seed=seed,
        epochs=None if train else 1,
        shard_index=0 if whole else jax.process_index(),
        shard_count=1 if whole else jax.process_count(),
    )
    source = source_of(config, examples, pixels=pixels)
    return Loader(source, options, labels_of(config, examples, styles))
