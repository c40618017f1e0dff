"""AIST++: cameras, 2D and 3D key points, SMPL motions, as clips and arrays.

AIST++ stores pickles: convert them once (`pickle_reader.to_npz`), or read them with
`allow_pickle=True`. World coordinates are y up with z towards camera c01; their unit is about a
centimetre, not exactly: `smpl_scaling` of the motion file is the scale of a metric body in them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.data import npz_file, pickle_reader
from dance_jax.data.aist_names import parse_name
from dance_jax.data.textfile import read_lines, read_text
from dance_jax.errors import InputError
from dance_jax.kinematics import scale
from dance_jax.types import Clip

FPS = 60.0
MAX_NUMBER = 1e9
_CAMERA_BYTES = 1 << 20
_KEYS = ("name", "size", "matrix", "rotation", "translation", "distortions")


@dataclasses.dataclass(frozen=True, eq=False)
class AistCamera:
    """A calibrated camera: x_image = K distort(R X + t), x right, y down.

    Attributes:
        name: "c01" to "c09".
        size: (width, height) in pixels.
        matrix: f64[3,3] K, pixels.
        rotation: f64[3,3] R, world to camera (x right, y down, z ahead).
        translation: f64[3] t, in the world's unit.
        distortions: f64[5] k1, k2, p1, p2, k3.
    """

    name: str
    size: tuple[int, int]
    matrix: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    distortions: np.ndarray

    @property
    def position(self) -> np.ndarray:
        """f64[3] the camera's place in the world, -R^T t."""
        return -self.rotation.T @ self.translation

    def view(self, points: np.ndarray) -> np.ndarray:
        """World [..., 3] to camera: x to the picture's right, y UP, z towards the viewer."""
        seen = np.asarray(points, float) @ self.rotation.T + self.translation
        return seen * np.array([1.0, -1.0, -1.0])

    def project(self, points: np.ndarray) -> np.ndarray:
        """World [..., 3] to pixels [..., 2], y down, with the lens; NaN behind the camera.

        Source: the model of OpenCV's `projectPoints` (Brown's radial and tangential terms).
        """
        seen = self.view(points) * np.array([1.0, -1.0, -1.0])
        depth = np.where(seen[..., 2] > 1e-9, seen[..., 2], np.nan)
        x, y = seen[..., 0] / depth, seen[..., 1] / depth
        k1, k2, p1, p2, k3 = self.distortions
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.stack([u, v, np.ones_like(u)], -1) @ self.matrix[:2].T


def read_cameras(path: str | os.PathLike[str]) -> tuple[AistCamera, ...]:
    """Reads one `cameras/setting*.json`.

    Raises:
        InputError: it is not such a file.
    """
    try:
        rows = json.loads(read_text(path, _CAMERA_BYTES))
        return tuple(_camera(*(row[key] for key in _KEYS)) for row in rows)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("it is not an AIST++ camera file", path, "give setting*.json") from error


def _camera(name: Any, size: Any, matrix: Any, turn: Any, place: Any, lens: Any) -> AistCamera:
    turn, place = np.array(turn, float).reshape(3), np.array(place, float).reshape(3)
    matrix, lens = np.array(matrix, float).reshape(3, 3), np.array(lens, float).reshape(5)
    if not all(np.isfinite(part).all() for part in (turn, place, matrix, lens)):
        raise ValueError("not finite")
    # Rodrigues in float64: the library's JAX version would round to float32.
    angle = float(np.linalg.norm(turn))
    x, y, z = turn / angle if angle > 0 else turn
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    width, height = (int(n) for n in size)
    return AistCamera(str(name), (width, height), matrix, rotation, place, lens)


def read_mapping(path: str | os.PathLike[str]) -> dict[str, str]:
    """Reads `cameras/mapping.txt`: name of a sequence -> name of its camera setting."""
    rows = [line.split() for line in read_lines(path) if line.strip()]
    bad = [n for n, row in enumerate(rows, 1) if len(row) != 2]
    if bad:
        raise InputError("a line has not two words", f"{path}:{bad[0]}", "give mapping.txt")
    return dict(rows)


def load(path: str | os.PathLike[str], *, allow_pickle: bool = False) -> dict[str, np.ndarray]:
    """Reads the arrays of one AIST++ file: the pickle, or the npz converted from it.

    Args:
        path: a .npz, or else a pickle.
        allow_pickle: needed for a pickle (`pickle_reader.read`).

    Raises:
        InputError: it cannot be read.
    """
    if pathlib.Path(path).suffix != ".npz" and not npz_file.is_zip(path):
        return pickle_reader.arrays(pickle_reader.read(path, allow_pickle=allow_pickle), path)
    return npz_file.read_npz(path)


def _take(data: dict[str, np.ndarray], key: str, shape: tuple[int, ...], path: object) -> Any:
    """Returns one array whose shape must agree, -1 for any size."""
    found = data.get(key)
    if found is None or found.ndim != len(shape) or found.dtype.kind not in "fiu":
        got = "is not there" if found is None else f"has shape {found.shape}"
        raise InputError(f"{key} {got}, {list(shape)} is needed", path, "give the AIST++ file")
    if any(want not in (-1, have) for want, have in zip(shape, found.shape, strict=True)):
        raise InputError(f"{key} has shape {found.shape}, not {list(shape)}", path, "mend it")
    if key != "timestamps" and (np.abs(found.astype(np.float64)) > MAX_NUMBER).any():
        raise InputError(f"{key} holds a number beyond 1e9", path, "give the AIST++ file")
    return found


def keypoints2d(path: str | os.PathLike[str], *, allow_pickle: bool = False) -> tuple[Clip, ...]:
    """Reads the 2D detections of a sequence, one clip a camera view.

    Args:
        path: `keypoints2d/*.pkl`, or the npz made from it.
        allow_pickle: see `load`.

    Returns:
        Nine clips in the order c01 to c09: coco17, pixels, with the file's own timestamps.
    """
    data, name = load(path, allow_pickle=allow_pickle), parse_name(path)
    points = _take(data, "keypoints2d", (-1, -1, 17, 3), path)
    time_s = 1e-6 * _take(data, "timestamps", (points.shape[1],), path).astype(np.float64)
    if len(time_s) < 2 or (np.diff(time_s) <= 0).any():
        raise InputError("the timestamps do not increase", path, "they are microseconds")
    pose, sure = points[..., :2].astype(np.float32), np.nan_to_num(points[..., 2]).clip(0, 1)
    seen = np.isfinite(points).all(-1) & (sure > 0)
    pose, sure = np.where(seen[..., None], pose, np.nan), np.where(seen, sure, 0)
    return tuple(
        Clip(
            *(pose[k][:, None], sure[k][:, None], time_s),
            skeleton="coco17",
            unit="px",
            source={"path": str(path), "name": name.seen_by(k + 1), "camera": f"c{k + 1:02d}"},
            labels=name.labels,
        )
        for k in range(len(points))
    )


def keypoints3d(
    path: str | os.PathLike[str],
    *,
    optimised: bool = True,
    smpl_scaling: float | None = None,
    time_s: np.ndarray | None = None,
    allow_pickle: bool = False,
) -> Clip:
    """Reads the 3D key points of a sequence: y up, z towards camera c01.

    Args:
        path: `keypoints3d/*.pkl`, or the npz made from it.
        optimised: the points after bundle adjustment and smoothing, else as triangulated.
        smpl_scaling: from `motion`: lengths are divided by it and become metres of the fitted body;
            None divides by the body height instead.
        time_s: f64[T] seconds, of the 2D file; None: 60 frames/s.
        allow_pickle: see `load`.

    Returns:
        coco17, unit "m" or "height".
    """
    data, name = load(path, allow_pickle=allow_pickle), parse_name(path)
    key = "keypoints3d_optim" if optimised else "keypoints3d"
    points = np.asarray(_take(data, key, (-1, 17, 3), path), np.float64)
    if smpl_scaling is None:
        halpe, _ = skeleton.convert(points, None, "coco17", "halpe26")
        size = float(scale.body_height(halpe))
    else:
        size = float(smpl_scaling)
    if not size > 0:
        raise InputError("the dancer's size is not known", path, "trunk and legs must be there")
    seen = np.isfinite(points).all(-1)
    pose = np.where(seen[..., None], points / size, np.nan)
    time_s = np.arange(len(points)) / FPS if time_s is None else time_s
    return Clip(
        *(pose[:, None], seen[:, None], time_s),
        skeleton="coco17",
        unit="height" if smpl_scaling is None else "m",
        source={"path": str(path), "name": name.name, "points": key},
        labels=name.labels,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class SmplMotion:
    """An SMPL motion.

    Attributes:
        poses: f32[T,24,3] axis-angle, radians; joint 0 is the root.
        translation: f32[T,3] in the world's unit.
        scaling: the world's units in one metre of the fitted body.
    """

    poses: np.ndarray
    translation: np.ndarray
    scaling: float


def motion(path: str | os.PathLike[str], *, allow_pickle: bool = False) -> SmplMotion:
    """Reads `motions/*.pkl`, or the npz made from it."""
    data = load(path, allow_pickle=allow_pickle)
    poses = _take(data, "smpl_poses", (-1, 72), path)
    place = _take(data, "smpl_trans", (len(poses), 3), path)
    size = float(np.ravel(_take(data, "smpl_scaling", (1,), path))[0])
    return SmplMotion(poses.reshape(-1, 24, 3), place, size)
