"""Measures when a 2D angle may be believed: rendered dancers at every yaw, known true angles.

Synthetic dancers dance on a turntable that goes round once a clip, so every pose style is seen from
every side. Their video goes through the real estimator and the real filters; each 2D angle is then
compared with the true 3D angle of the same frame, by yaw, joint and apparent segment length.
Segment directions are compared with the true direction in the picture plane of the camera.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dance_jax import skeleton
from dance_jax.analysis import movement, truth, validity
from dance_jax.analysis.estimate import Clock, estimate
from dance_jax.analysis.options import Options
from dance_jax.analysis.quality import joint_seen
from dance_jax.data import camera as cameras
from dance_jax.data import render, synthetic
from dance_jax.kinematics import angles

RATIO_EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 9.0)
YAW_EDGES = tuple(range(0, 361, 45))
LIMIT_DEG = 10.0
MIN_FRAMES = 30


def turntable(seed: int, seconds: float, fps: float) -> tuple[synthetic.SyntheticDance, np.ndarray]:
    """Makes a dance on a turntable.

    Args:
        seed: the dancer; styles follow from it.
        seconds: one whole turn.
        fps: frames per second.

    Returns:
        (dance, yaw [T] in degrees from 0 to 360, 0 = facing the camera at the start of the dance).
    """
    dance = synthetic.generate(seed, None, seconds, fps)
    yaw = 360.0 * dance.time_s / seconds
    return dance.moved(yaw_deg=yaw), yaw


def facing_deg(pose: np.ndarray) -> np.ndarray:
    """Direction that the hips face: 0 = the camera, 90 = the picture's right, in [0, 360).

    Args:
        pose: [T,26,3] metres, y up, z to the viewer.

    Returns:
        [T] degrees.
    """
    across = (
        pose[:, skeleton.index("halpe26", "left_hip")]
        - pose[:, skeleton.index("halpe26", "right_hip")]
    )
    return np.degrees(np.arctan2(-across[:, 2], across[:, 0])) % 360


def in_camera(pose: np.ndarray, camera: Any) -> np.ndarray:
    """Turns room coordinates to the camera's: x right, y up, z to the viewer."""
    seen = cameras.view(pose, camera)
    return (seen * np.array([1.0, -1.0, -1.0])).astype(np.float32)


def one_clip(
    folder: pathlib.Path,
    seed: int,
    seconds: float,
    fps: float,
    size: tuple[int, int],
    opts: Options,
) -> dict[str, np.ndarray]:
    """Renders, estimates and compares one dancer; the result is kept in the folder.

    Args:
        folder: where clips and results lie.
        seed: the dancer.
        seconds: length of the clip and of the turn.
        fps: frames per second.
        size: (width, height) in pixels.
        opts: the analysis options.

    Returns:
        error [T,A], world_error [T,A], ratio [T,A], yaw [T] in degrees; NaN where not seen.
    """
    stored = folder / f"seed{seed}.npz"
    if stored.exists():
        with np.load(stored, allow_pickle=False) as data:
            return dict(data)
    dance, _ = turntable(seed, seconds, fps)
    video = folder / f"seed{seed}.mp4"
    known = render.render_video(video, dance, width=size[0], height=size[1])
    found = estimate(video, opts, Clock())
    clip = found.clip
    pose, confidence = skeleton.convert(
        clip.pose[..., :2], clip.confidence, clip.skeleton, "halpe26"
    )
    world, _ = skeleton.convert(clip.pose_world, clip.confidence, clip.skeleton, "halpe26")
    pose, confidence, world = pose[:, 0], np.nan_to_num(confidence[:, 0]), world[:, 0]
    at = truth.match_frames(clip.time_s, known.time_s - known.time_s[0])
    true_pose = in_camera(known.pose[at, 0], known.camera)
    true_deg = np.degrees(movement.angle_series(true_pose))

    seen = joint_seen(pose, confidence, opts.min_confidence, clip.image_size)
    pose[~seen] = np.nan
    smooth, _ = movement.clean(np.asarray(angles.image_to_y_up(pose)), clip.time_s, opts)
    world[~seen] = np.nan
    smooth_world, _ = movement.clean(world, clip.time_s, opts)
    result = {
        "error": truth.angle_errors(np.degrees(movement.angle_series(smooth)), true_deg),
        "world_error": truth.angle_errors(
            np.degrees(movement.angle_series(smooth_world)), true_deg
        ),
        "ratio": movement.in_plane_ratio(smooth, clip.time_s),
        "yaw": facing_deg(true_pose),
        "estimator": np.array(
            f"{found.estimator['name']} {found.estimator.get('variant', '')}".strip()
        ),
    }
    partial = folder / f".seed{seed}.partial.npz"
    np.savez_compressed(partial, **result)
    partial.replace(stored)
    video.unlink()
    return result


def _cell(error: np.ndarray) -> dict[str, Any]:
    error = error[np.isfinite(error)]
    if error.size < MIN_FRAMES:
        return {"median": None, "p90": None, "n": int(error.size)}
    return {
        "median": round(float(np.median(error)), 2),
        "p90": round(float(np.percentile(error, 90)), 2),
        "n": int(error.size),
    }


def tabulate(clips: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    """Turns the clips' errors into the stored table.

    Args:
        clips: results of `one_clip`.

    Returns:
        The content of `angle_validity.json`, without "made".
    """
    names = angles.ANGLE_NAMES
    error, world, ratio = (
        np.concatenate([clip[key] for clip in clips]) for key in ("error", "world_error", "ratio")
    )
    side = np.concatenate([validity.view(clip["ratio"], names) for clip in clips])
    yaw = np.concatenate([clip["yaw"] for clip in clips])
    yaw_bin = np.clip(np.digitize(yaw, YAW_EDGES[1:-1]), 0, len(YAW_EDGES) - 2)
    ratio_bin = np.digitize(ratio, RATIO_EDGES[1:-1])
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        groups.setdefault(validity.group(name), []).append(column)
    content: dict[str, Any] = {
        "limit_deg": LIMIT_DEG,
        "ratio_edges": list(RATIO_EDGES),
        "yaw_edges": list(YAW_EDGES),
        "cells": {},
        "threshold": {},
        "by_yaw": {},
        "by_ratio": {},
        "in_plane": {},
        "out_of_plane": {},
        "world": {},
    }
    for name, columns in groups.items():
        e, b, r = error[:, columns], ratio_bin[:, columns], ratio[:, columns]
        bins = range(len(RATIO_EDGES) - 1)
        cells = {
            where: [_cell(e[side == k][b[side == k] == n]) for n in bins]
            for k, where in enumerate(validity.VIEWS)
        }
        content["cells"][name] = cells
        content["threshold"][name] = {
            where: choose_threshold(cells[where]) for where in validity.VIEWS
        }
        content["by_ratio"][name] = [_cell(e[b == n]) for n in bins]
        content["by_yaw"][name] = [_cell(e[yaw_bin == n]) for n in range(len(YAW_EDGES) - 1)]
        content["world"][name] = _cell(world[:, columns])
        least = [content["threshold"][name][where] for where in validity.VIEWS]
        least = np.array([np.inf if t is None else t for t in least] + [np.inf])
        with np.errstate(invalid="ignore"):
            flat = r >= least[side][:, None]
        content["in_plane"][name] = _cell(e[flat]) | {"kept": round(float(flat.mean()), 3)}
        content["out_of_plane"][name] = _cell(e[~flat])
    return content


def choose_threshold(cells: list[dict[str, Any]], limit_deg: float = LIMIT_DEG) -> float | None:
    """Returns the lowest ratio edge from which every bin keeps its median error within the limit.

    Bins with too few frames at the long end are passed over; below a bin that is known, an unknown
    one ends the search, since nothing vouches for it.

    Args:
        cells: one cell a ratio bin, short to long.
        limit_deg: greatest median absolute error, degrees.

    Returns:
        An edge of RATIO_EDGES, or None where even the longest known bin is over the limit.
    """
    chosen = None
    for k in range(len(cells) - 1, -1, -1):
        median = cells[k]["median"]
        if median is None:
            if chosen is not None:
                break
            continue
        if median > limit_deg:
            break
        chosen = RATIO_EDGES[k]
    return chosen


def study(
    folder: pathlib.Path,
    seeds: list[int],
    seconds: float,
    fps: float,
    size: tuple[int, int],
    options: dict[str, Any],
    progress: Callable[[str, int, int | None], None] | None = None,
) -> dict[str, Any]:
    """Runs the whole study; finished clips are kept, so it can be interrupted and resumed.

    Args:
        folder: where clips and results lie.
        seeds: one clip each.
        seconds: length of a clip.
        fps: frames per second.
        size: (width, height) in pixels.
        options: fields of `Options` (estimator, model).
        progress: called as ("clip", done, total).

    Returns:
        The content of `angle_validity.json`.
    """
    opts = Options.make({"num_people": 1} | options)
    clips = []
    for n, seed in enumerate(seeds, 1):
        clips.append(one_clip(folder, seed, seconds, fps, size, opts))
        if progress is not None:
            progress("clip", n, len(seeds))
    frames = sum(len(clip["yaw"]) for clip in clips)
    made = {
        "estimator": str(clips[0]["estimator"]),
        "data": "synthetic dancers on a turntable, rendered",
        "clips": len(clips),
        "frames": frames,
        "seconds": seconds,
        "fps": fps,
        "size": list(size),
        "filter_cutoff_hz": opts.filter_cutoff_hz,
    }
    table = tabulate(clips) | {"made": made}
    (folder / "angle_validity.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    return table
