"""The clip of any input: a video's poses are estimated, a file of poses is read."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from dance_jax.analysis.options import Options
from dance_jax.data import damage, formats, load, no_clips
from dance_jax.data.container import VIDEO_SUFFIXES, container_of
from dance_jax.data.formats import ReadOptions
from dance_jax.data.image_folder import IMAGE_SUFFIXES
from dance_jax.errors import InputError
from dance_jax.types import Clip

# What the video reader answers for, though it cannot open it: it says how to convert it.
_OTHER_VIDEOS = (".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".vob", ".ogv", ".gif")
_OTHER_VIDEO_STARTS = (b"FLV\x01", b"\x30\x26\xb2\x75", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
_ONLY_POSES = (".json", ".bvh", ".trc", ".c3d", ".mot", ".sto", ".npz", ".pkl")


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Tells videos (by their first bytes) and folders of images from files of poses."""
    path = pathlib.Path(path)
    if path.is_dir():
        return any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())
    try:
        return bool(container_of(path))
    except InputError:
        return False


def has_poses(path: str | os.PathLike[str]) -> bool:
    """Tells what the pose readers are for: they read it, or say what is wrong with it.

    Content counts first: a video or a pose file is one by any name. Else what begins like a pose
    file, or is named like one, is a damaged pose file, and what is named like a video a damaged
    video.

    Returns:
        False for pictures, a damaged video, and what is not there.

    Raises:
        InputError: it is neither, by its content or its name; what it is instead is said.
    """
    path = pathlib.Path(path)
    if not path.exists() or is_picture(path):
        return False
    head = formats.head(path)
    if any(one.sniff(head) for one in formats.formats()):
        return True
    if head.is_folder:
        names = [name.lower() for name in head.members]
        videos = any(name.endswith(VIDEO_SUFFIXES) for name in names)
        return not videos and any(name.endswith(_ONLY_POSES) for name in names)
    suffix = path.suffix.lower()
    if suffix in (*VIDEO_SUFFIXES, *_OTHER_VIDEOS) or head.start.startswith(_OTHER_VIDEO_STARTS):
        return bool(damage.begins_with_text(head))
    if suffix in damage.SUFFIXES or damage.begins_like(head):
        return True
    if why := no_clips.reason(head):
        raise InputError(*why)
    if not head.size:
        raise InputError("it is empty (0 bytes)", path, "copy the file again")
    raise InputError(
        f"it is neither a video nor a file of poses in a known format; {load.looks_like(head)}",
        path,
        "give a video (mp4, mov, mkv, webm, avi) or a pose file that docs/formats.md lists",
    )


def read_poses(path: str | os.PathLike[str], opts: Options) -> Clip:
    """Reads the one clip of a file of poses, from `opts.start_s` to `opts.end_s`.

    Args:
        path: a file or folder for which `has_poses` is true.
        opts: `fps` counts where the file does not say its own.

    Raises:
        InputError: the file is damaged, holds many clips, or nothing is in that time.
    """
    clip = load.load_clip(path, fps=opts.fps)
    time = clip.time_s - clip.time_s[0] if clip.n_frames else clip.time_s
    start = 0.0 if opts.start_s is None else opts.start_s
    end = np.inf if opts.end_s is None else opts.end_s
    kept = (time >= start) & (time <= end)
    if not kept.any():
        raise InputError(
            f"nothing is left between {start:g} and {end:g} s", path, f"it lasts {time[-1]:.1f} s"
        )
    return clip.replace(
        source={"path": os.fspath(path), **clip.source},
        pose=clip.pose[kept],
        confidence=clip.confidence[kept],
        time_s=clip.time_s[kept],
        pose_world=None if clip.pose_world is None else clip.pose_world[kept],
    )


def load_clip(path: str | os.PathLike[str], *, format: str | None = None, **options: Any) -> Clip:
    """Gives the poses of one input: estimated from a video, read from a pose or motion file.

    Args:
        path: a video, a folder of images (then `fps` is required), or a file or folder of poses
            in any format of `docs/formats.md`.
        format: name of a pose format, where the content does not tell it.
        **options: for pictures, fields of `dance_jax.analysis.options.Options`; for poses, fields
            of `dance_jax.data.formats.ReadOptions`.

    Returns:
        Every person of the take; `Clip.source` says where the poses come from, what was found and
        what was dropped.

    Raises:
        InputError: the input cannot be read, shows nobody, or holds many clips (they are named).
    """
    of_poses = format is not None or has_poses(path)
    if of_poses or not (is_picture(path) or pathlib.Path(path).is_file()):
        return load.load_clip(path, format=format, **options)
    strange = set(options) & ({f.name for f in dataclasses.fields(ReadOptions)} - {"fps"})
    if strange:
        raise InputError(
            f"{', '.join(sorted(strange))} is for files of poses", path, "this one shows pictures"
        )
    from dance_jax.analysis.estimate import Clock, estimate

    found = estimate(path, Options.make(options), Clock())
    return found.clip.replace(
        source={**found.source, "path": os.fspath(path), "estimator": found.estimator}
    )
