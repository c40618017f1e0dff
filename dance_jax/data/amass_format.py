"""AMASS motions (SMPL-H, SMPL-X, SMPL npz): rotations as they are, positions from rest joints.

The licensed body model is not here, and joint positions depend on it: whoever has it makes one
array of its 24 joints at rest, J = J_regressor (v_template + shapedirs betas), and `to_clip` poses
it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from dance_jax import skeleton
from dance_jax.data import mocap_frame, npz_file
from dance_jax.data.aistpp import SmplMotion
from dance_jax.data.formats import Format, Head, ReadOptions
from dance_jax.errors import InputError
from dance_jax.kinematics.forward import Rig, frames
from dance_jax.kinematics.rotations import axis_angle_to_matrix
from dance_jax.types import Clip

MODELS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
BODY = 22  # joints that all three models have in common and in one order
MAX_NUMBER = 1e9
_BETAS = 1000
_RATES = ("mocap_framerate", "mocap_frame_rate")


@dataclasses.dataclass(frozen=True, eq=False)
class AmassMotion(SmplMotion):
    """An AMASS motion: `poses` f32[T,24,3], `translation` f32[T,3] metres, z up.

    Attributes:
        fps: frames per second.
        model: "SMPL", "SMPL-H" or "SMPL-X".
        gender: as the file says; "" where it does not.
        betas: f32[K] shape of the body.
    """

    fps: float
    model: str
    gender: str
    betas: np.ndarray


def sniff(head: Head) -> str | None:
    """Returns "AMASS motion" where an npz holds `poses` and `trans`."""
    if {"poses.npy", "trans.npy"} <= set(head.members) and not head.is_folder:
        return "AMASS motion"
    return None


def read_amass(path: str | os.PathLike[str], fps: float | None = None) -> AmassMotion:
    """Reads an AMASS npz.

    Args:
        path: the file.
        fps: frames per second, where the file does not say.

    Returns:
        The root's and 21 body joints' rotations; those of the hands (SMPL joints 22 and 23) are
        none, since SMPL-H and SMPL-X have fingers in their place.

    Raises:
        InputError: it has no such arrays, they do not fit together, or the rate is not known.
    """
    data = npz_file.read_npz(path, ("poses", "trans", "betas", "gender", *_RATES))
    poses, trans = data.get("poses"), data.get("trans")
    fix = "give the npz as AMASS has it"
    if poses is None or trans is None:
        raise InputError("it has no arrays poses and trans", path, fix)
    if poses.ndim != 2 or poses.shape[1] not in MODELS or poses.dtype.kind not in "fiu":
        what = f"poses has shape {list(poses.shape)}, not [T,{'|'.join(map(str, MODELS))}]"
        what += "" if poses.dtype.kind in "fiu" else f", and holds {poses.dtype}, not numbers"
        raise InputError(what, f"{path}: poses", fix)
    if trans.shape != (len(poses), 3) or not len(poses) or trans.dtype.kind not in "fiu":
        what = f"trans has shape {list(trans.shape)}, not {[len(poses), 3]}"
        what += "" if trans.dtype.kind in "fiu" else f", and holds {trans.dtype}, not numbers"
        raise InputError(what, f"{path}: trans", fix)
    for name, value in (("poses", poses), ("trans", trans)):
        bad = ~(np.abs(value) <= MAX_NUMBER).all(1)
        if bad.any():
            what = f"row {int(np.argmax(bad))} is not finite or beyond 1e9"
            raise InputError(what, f"{path}: {name}", fix)
    rates = [data[key] for key in _RATES if key in data]
    if fps is None:
        if not rates or rates[0].size != 1 or rates[0].dtype.kind not in "fiu":
            raise InputError("the file does not say its frame rate", path, "give it: fps=120")
        fps = float(rates[0].reshape(()))
    if not 0 < fps <= 10_000:
        raise InputError(f"its frame rate is {fps:g}", path, "give it: fps=120")
    body = np.zeros((len(poses), 24, 3), np.float32)
    count = 24 if poses.shape[1] == 72 else BODY
    body[:, :count] = poses[:, : 3 * count].reshape(-1, count, 3)
    gender = data.get("gender", np.array(""))
    word = gender.reshape(-1)[0] if gender.size else ""
    text = word.decode("ascii", "replace") if isinstance(word, bytes) else str(word)
    text = text.removeprefix("b'").removesuffix("'")  # written as str(bytes)
    betas = data.get("betas", np.zeros(0))
    if betas.dtype.kind not in "fiu" or betas.size > _BETAS:
        what = f"betas is {betas.dtype} {list(betas.shape)}, not up to {_BETAS} numbers"
        raise InputError(what, f"{path}: betas", fix)
    betas = betas.astype(np.float32).reshape(-1)
    return AmassMotion(
        body, trans.astype(np.float32), 1.0, float(fps), MODELS[poses.shape[1]], text, betas
    )


def rest_joints(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads a .npy of rest joints, f64[24,3] or more rows, of which the first 24 are taken."""
    try:
        if pathlib.Path(path).stat().st_size > 1 << 20:
            raise InputError("it is larger than 1 MiB", path, "give J.npy of [24,3]")
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error
    return _rest(npz_file.array(data, path), path)


def _rest(rest: np.ndarray, where: object) -> np.ndarray:
    rest = np.asarray(rest, np.float64)
    if rest.ndim != 2 or rest.shape[1] != 3 or len(rest) < 24 or not np.isfinite(rest).all():
        what = f"rest joints have shape {list(rest.shape)}, not [24,3] of finite numbers"
        raise InputError(what, where, "give J_regressor @ vertices in metres")
    return rest[:24]


def to_clip(
    motion: AmassMotion | SmplMotion,
    rest: np.ndarray,
    *,
    fps: float | None = None,
    path: object = "",
    up: str = "+z",
) -> Clip:
    """Returns joint positions: the rest joints posed by the motion.

    The root turns about its own rest place: p_0 = J_0 + translation / scaling.

    Args:
        motion: from `read_amass` or `aistpp.motion`.
        rest: f[24,3] metres, places of the SMPL joints at rest (not offsets from the parent).
        fps: frames per second; None for the motion's own.
        path: where it comes from.
        up: the axis that points up: "+z" in AMASS, "+y" in AIST++.

    Returns:
        smpl24 in metres, y up. Of SMPL-H and SMPL-X motions the joints left_hand and right_hand
        are missing: there the model has fingers.

    Raises:
        InputError: rest joints of another shape, or no frame rate.
    """
    names = skeleton.get("smpl24")
    rest = _rest(rest, path or "rest joints")
    rate = ReadOptions(fps=fps).need_fps(path, getattr(motion, "fps", None))
    above = np.asarray([max(parent, 0) for parent in names.parents])
    offsets = rest - rest[above]
    turns = np.asarray(axis_angle_to_matrix(motion.poses), np.float64)
    # `frames` turns the segment that ends at a joint; SMPL turns those that begin there.
    ending = turns[:, above]
    ending[:, 0] = np.eye(3)
    root = motion.translation.astype(np.float64) / motion.scaling + rest[0]
    # Children of the root need its rotation, which `ending` gives them as their parent's.
    pose, _ = frames(Rig(offsets, names.joints, names.parents), ending, root, xp=np)
    pose = pose @ np.array(mocap_frame.TURNS[up], float).T
    model = getattr(motion, "model", "SMPL")
    if model != "SMPL":
        pose[:, BODY:] = np.nan
    sure = np.isfinite(pose).all(-1)
    return Clip(
        pose[:, None],
        sure[:, None],
        np.arange(len(pose)) / rate,
        skeleton="smpl24",
        unit="m",
        source={
            "path": str(path),
            "format": "amass",
            "found": f"{model} motion, {len(pose)} frames at {rate:g} frames/s, posed on given "
            f"rest joints; {up} up" + (" turned to y up" if up != "+y" else ""),
            "dropped": ("finger rotations",) if model != "SMPL" else (),
        },
    )


def read(path: pathlib.Path, options: ReadOptions) -> Iterator[Clip]:
    """Raises InputError: positions need the licensed body model; says what to do."""
    motion = read_amass(path, options.fps)
    yield from ()
    raise InputError(
        f"it holds {len(motion.poses)} frames of {motion.model} joint rotations"
        f"{f' ({motion.gender})' if motion.gender else ''}, and positions need the licensed body "
        "model",
        path,
        "save its joints at rest as J.npy [24,3] and call dance_jax.data.amass_format."
        "to_clip(read_amass(path), rest_joints('J.npy'))",
    )


FORMAT = Format("amass", "AMASS motion (SMPL npz)", sniff, read)
