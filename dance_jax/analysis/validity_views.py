"""One view of an AIST++ sequence: its 2D angles against those of the 3D key points in its axes."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import movement
from dance_jax.analysis.options import Options
from dance_jax.analysis.quality import joint_seen
from dance_jax.analysis.validity_study import facing_deg
from dance_jax.data import aistpp
from dance_jax.errors import InputError
from dance_jax.kinematics import angles
from dance_jax.types import Clip

MAX_SHIFT = 2
STEEP_DEG = 60.0  # the hip line's slope beyond which it shows no facing


class Sequence(NamedTuple):
    """One sequence: nine clips and nine cameras in one order, and the points in the world's unit.

    Attributes:
        name: file name without ending.
        views: the 2D detections.
        cameras: their cameras.
        points: f64[T,17,3] optimised 3D key points.
    """

    name: str
    views: tuple[Clip, ...]
    cameras: tuple[aistpp.AistCamera, ...]
    points: np.ndarray


def read(folder: pathlib.Path, *, allow_pickle: bool = False) -> list[Sequence]:
    """Reads every sequence of which detections, 3D key points and cameras are there.

    Args:
        folder: has keypoints2d, keypoints3d and cameras (with mapping.txt), of pkl or npz files.
        allow_pickle: see `aistpp.load`.

    Raises:
        InputError: there is none, or a file is broken.
    """
    setting_of = aistpp.read_mapping(folder / "cameras" / "mapping.txt")
    found = []
    for file in sorted((folder / "keypoints2d").glob("*.[pn][kp][lz]")):
        other, setting = folder / "keypoints3d" / file.name, setting_of.get(file.stem)
        if not other.is_file() or setting is None:
            continue
        views = aistpp.keypoints2d(file, allow_pickle=allow_pickle)
        body = aistpp.keypoints3d(other, smpl_scaling=1.0, allow_pickle=allow_pickle)
        cameras = aistpp.read_cameras(folder / "cameras" / f"{setting}.json")
        if len(cameras) != len(views) or abs(len(body.time_s) - len(views[0].time_s)) > 1:
            raise InputError("views, cameras and 3D frames do not agree", file, "mend the files")
        found.append(Sequence(file.stem, views, cameras, body.pose[:, 0].astype(np.float64)))
    if not found:
        raise InputError("no sequence of AIST++ is there", folder, "see FOLDER in --help")
    return found


def shift(seen: np.ndarray, projected: np.ndarray, sure: np.ndarray) -> int:
    """Finds by how many frames a view's video lags: 3D frame t + shift belongs to its frame t.

    Args:
        seen: [T,17,2] pixels, detected.
        projected: [T,17,2] pixels, of the 3D points.
        sure: bool[T,17] detections that count.

    Returns:
        The whole number in -MAX_SHIFT to MAX_SHIFT of least median distance.
    """
    found = {}
    for lag in sorted(range(-MAX_SHIFT, MAX_SHIFT + 1), key=abs):
        a, b = _overlap(len(seen), len(projected), lag)
        far = np.linalg.norm(seen[a] - projected[b], axis=-1)[sure[a]]
        far = far[np.isfinite(far)]
        found[lag] = float(np.median(far)) if far.size else np.inf
    return min(found, key=lambda lag: found[lag])


def _overlap(seen: int, points: int, lag: int) -> tuple[slice, slice]:
    """Returns the frames of a view and of the 3D points that belong together."""
    start = max(0, -lag)
    count = min(seen - start, points - start - lag)
    return slice(start, start + count), slice(start + lag, start + lag + count)


def azimuth_deg(pose: np.ndarray) -> np.ndarray:
    """Direction that the hips face as `validity_study.facing_deg`; NaN where the hip line is steep.

    Args:
        pose: [T,26,3] camera axes, y up, z to the viewer.

    Returns:
        [T] degrees in [0, 360); 0 = the camera.
    """
    left, right = (skeleton.index("halpe26", f"{side}_hip") for side in ("left", "right"))
    across = pose[:, left] - pose[:, right]
    slope = np.degrees(np.arctan2(np.abs(across[:, 1]), np.hypot(across[:, 0], across[:, 2])))
    return np.where(slope <= STEEP_DEG, facing_deg(pose), np.nan)


def compare(
    pixels: np.ndarray,
    confidence: np.ndarray,
    true_pose: np.ndarray,
    time_s: np.ndarray,
    size: tuple[int, int],
    opts: Options,
) -> dict[str, np.ndarray]:
    """Compares the angles of one view with the true ones, as the report would give them.

    Args:
        pixels: [T,17,2] y down.
        confidence: [T,17] in [0, 1].
        true_pose: [T,26,3] camera axes, y up, z to the viewer.
        time_s: f64[T] seconds.
        size: (width, height) pixels.
        opts: filters and the least confidence.

    Returns:
        As `validity_study.one_clip`; "world" is NaN.
    """
    pose, sure = skeleton.convert(pixels, confidence, "coco17", "halpe26")
    pose[~joint_seen(pose, sure, opts.min_confidence, size)] = np.nan
    smooth, _ = movement.clean(np.asarray(angles.image_to_y_up(pose)), time_s, opts)
    ratio, side = movement.in_plane_ratio(smooth, time_s)
    angle = np.degrees(movement.angle_series(smooth))
    return {
        "angle": angle,
        "world": np.full_like(angle, np.nan),
        "true": np.degrees(movement.angle_series(true_pose)),
        "ratio": ratio,
        "side": side,
        "yaw": azimuth_deg(true_pose),
    }


def views_of(
    sequence: Sequence, opts: Options
) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]], list[dict[str, Any]]]:
    """Compares all views of one sequence.

    Args:
        sequence: from `read`.
        opts: filters and the least confidence.

    Returns:
        `compare` of the detections, of the projected points, and what was found of each view.
    """
    detected, projected, about = [], [], []
    for clip, camera in zip(sequence.views, sequence.cameras, strict=True):
        pixels, sure = clip.pose[:, 0], clip.confidence[:, 0]
        ideal = camera.project(sequence.points)
        lag = shift(pixels, ideal, sure >= opts.min_confidence)
        a, b = _overlap(len(pixels), len(ideal), lag)
        pixels, sure, ideal, time_s = pixels[a], sure[a], ideal[b], clip.time_s[a]
        body, _ = skeleton.convert(camera.view(sequence.points[b]), None, "coco17", "halpe26")
        detected.append(compare(pixels, sure, body, time_s, camera.size, opts))
        whole = np.isfinite(ideal).all(-1).astype(float)
        projected.append(compare(ideal, whole, body, time_s, camera.size, opts))
        far = np.linalg.norm(pixels - ideal, axis=-1)[sure >= opts.min_confidence]
        about.append(
            {
                "view": f"{sequence.name} {camera.name}",
                "frames": len(time_s),
                "shift": lag,
                "distance_px": round(float(np.nanmedian(far)), 2),
                "sure": round(float((sure >= opts.min_confidence).mean()), 3),
            }
        )
    return detected, projected, about
