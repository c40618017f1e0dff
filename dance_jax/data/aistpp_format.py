"""AIST++ files as a format of `load_clip`: 2D and 3D key points, and SMPL motions refused."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator

from dance_jax.data.aist_names import parse_name
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.errors import InputError
from dance_jax.types import Clip

_KEYS = ("keypoints2d", "keypoints3d", "smpl_poses")


def _sniff(head: Head) -> str | None:
    if head.is_folder:
        return None
    if head.members:
        names = {name.removesuffix(".npy") for name in head.members}
    elif head.start.startswith(b"\x80"):
        found = re.findall(rb"(keypoints2d|keypoints3d_optim|keypoints3d|smpl_poses)", head.start)
        names = {key.decode() for key in found}
        if not names:  # the names of a large pickle may stand at its end
            names = {head.path.parent.name} & {"keypoints2d", "keypoints3d"}
    else:
        return None
    kind = "npz" if head.members else "pickle"
    if "keypoints2d" in names:
        return f"AIST++ 2D key points, {kind}"
    if names & {"keypoints3d", "keypoints3d_optim"}:
        return f"AIST++ 3D key points, {kind}"
    return f"AIST++ SMPL motion, {kind}" if "smpl_poses" in names else None


def _scaling(path: pathlib.Path, options: ReadOptions) -> tuple[float | None, str]:
    """Returns the scale of the motion file beside a 3D file, and a sentence."""
    from dance_jax.data import aistpp  # needs JAX, which telling a format does not

    for beside in (path.parent.parent / "motions" / path.name,):
        if beside.is_file():
            found = aistpp.motion(beside, allow_pickle=options.allow_pickle).scaling
            return found, f"metres by smpl_scaling of motions/{beside.name}"
    return None, "body heights: no motion file beside it says the scale"


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Gives nine clips of a 2D file, one a camera, or the one of a 3D file.

    Args:
        path: a pickle (allow_pickle=True) or the npz made from one.
        options: camera= picks one view ("c01"); fps replaces 60 of a 3D file.

    Raises:
        InputError: it is not such a file, or an SMPL motion, whose joints need the body model.
    """
    from dance_jax.data import aistpp

    arrays = aistpp.load(path, allow_pickle=options.allow_pickle)
    name = parse_name(path).name
    if "keypoints2d" in arrays:
        clips = aistpp.keypoints2d(path, allow_pickle=options.allow_pickle)
        cameras = [clip.source["camera"] for clip in clips]
        if options.camera is not None and options.camera not in cameras:
            raise InputError(f"it has no camera {options.camera!r}", path, f"use {cameras}")
        for clip in clips:
            if options.camera in (None, clip.source["camera"]):
                said = f"AIST++ 2D key points, camera {clip.source['camera']}"
                yield _told(clip, path, said, "times of the file", ())
    elif "keypoints3d" in arrays or "keypoints3d_optim" in arrays:
        scaling, said = _scaling(path, options)
        optimised = "keypoints3d_optim" in arrays
        clip = aistpp.keypoints3d(
            path,
            optimised=optimised,
            smpl_scaling=scaling,
            allow_pickle=options.allow_pickle,
        )
        if options.fps is not None:
            clip = clip.replace(time_s=clip.time_s * (aistpp.FPS / options.fps))
        rate = f"{options.fps or aistpp.FPS:g} frames/s"
        rate += " as given" if options.fps else ", the rate of AIST++"
        left = ("keypoints3d (before smoothing)",) if optimised else ()
        yield _told(clip, path, f"AIST++ 3D key points; {said}", rate, left)
    elif "smpl_poses" in arrays:
        frames = len(arrays["smpl_poses"])
        raise InputError(
            f"it is an AIST++ SMPL motion of {frames} frames: joint angles without the body model",
            path,
            f"give keypoints3d/{name}, or read it with dance_jax.data.aistpp.motion",
        )
    else:
        raise InputError(f"it has none of {', '.join(_KEYS)}", path, "give an AIST++ file")


def _told(clip: Clip, path: pathlib.Path, said: str, rate: str, left: tuple[str, ...]) -> Clip:
    missing = int((~clip.present.any(-1)).sum())
    if missing:
        left += (f"{missing} frames have no person and are missing values",)
    found = f"{said}; 17 joints (coco17); {clip.n_frames} frames; one person; {rate}"
    about = {"path": str(path), "format": FORMAT.name, "found": found, "dropped": left}
    return clip.replace(source={**clip.source, **about})


FORMAT = Format("aistpp", "AIST++", _sniff, read)
