"""The poses of a video as the estimator finds them, kept so that they are looked for once."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable

import numpy as np

from dance_jax import assets
from dance_jax._version import __version__
from dance_jax.data import video
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.pose_clips import content_hash
from dance_jax.errors import InputError, NoEstimator
from dance_jax.types import Clip

MAX_SIDE = 1280
"""Longer side of the pictures that the estimator is given, as in `analyze`."""

Estimate = Callable[[pathlib.Path], Clip]


def estimate(path: pathlib.Path, *, estimator: str = "auto", model: str = "") -> Clip:
    """Finds everybody in a video.

    Args:
        path: a video, or a folder of images.
        estimator: name of `pose.estimator.ESTIMATORS`, or "auto".
        model: its file; empty for the one that is installed.

    Returns:
        Tracked people, in pixels of the video, on its own clock.

    Raises:
        NoEstimator: there is no model to look with.
        InputError: it cannot be read, or shows nobody.
    """
    from dance_jax.pose import tracking
    from dance_jax.pose.estimator import create_estimator

    with video.open_video(path, max_side=MAX_SIDE) as reader:
        found, times, size = [], [], (1, 1)
        try:
            running = create_estimator(estimator, model or None)
        except InputError as error:
            fix = f"fetch the models with {assets.COMMAND}, or learn from the corpus's own poses"
            fix += ": --config.poses=annotated"
            raise NoEstimator(error.what, error.where, fix) from error
        try:
            for frame in video.prefetch(reader, 4):
                size = (frame.rgb.shape[1], frame.rgb.shape[0])
                found.append(running(frame.rgb, frame.time_s))
                times.append(frame.time_s)
        finally:
            running.close()
        whole = (reader.info.width, reader.info.height)
    clip = tracking.track(found, np.asarray(times, np.float64), size)
    if not clip.n_people:
        raise InputError("the estimator finds nobody in it", path, "leave it out")
    scale = np.array([whole[0] / size[0], whole[1] / size[1]], np.float32)
    pose = clip.pose[..., :2] * scale
    source = {**clip.source, "name": path.stem, "path": str(path), "estimator": running.name}
    return clip.replace(pose=pose, pose_world=None, image_size=whole, source=source)


def kept(cache: ClipCache | None, *, estimator: str = "auto", model: str = "") -> Estimate:
    """Returns `estimate` with a memory on the disk.

    Args:
        cache: where poses are kept; None keeps none.
        estimator: of `estimate`.
        model: of `estimate`.
    """
    run = functools.partial(estimate, estimator=estimator, model=model)
    if cache is None:
        return run

    def found(path: pathlib.Path) -> Clip:
        key = {"estimator": estimator, "model": model, "version": __version__}
        return cache.clip(content_hash(path), key, lambda: run(path))

    return found
