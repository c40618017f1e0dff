"""Measures when a 2D angle may be believed: rendered dancers at every yaw, known true angles.

Half of the synthetic dancers dance on a turntable that goes round once a clip, half keep one yaw.
Their video goes through the real estimator and the real filters; each 2D angle is then
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
from dance_jax.analysis.measures import MIN_KEPT, statistics
from dance_jax.analysis.options import Options
from dance_jax.analysis.quality import MIN_VALID_FRACTION, joint_seen
from dance_jax.data import camera as cameras
from dance_jax.data import render, synthetic
from dance_jax.kinematics import angles

RATIO_EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 9.0)
YAW_EDGES = tuple(range(0, 361, 45))
# The elbow seen from the front stays at 10 to 11 degrees however long it looks; it is to be shown.
LIMIT_DEG = 12.0
MIN_FRAMES = 30
MIN_REPORTS = 10


def dancer(seed: int, seconds: float, fps: float) -> synthetic.SyntheticDance:
    """Makes one dancer of the study.

    Even seeds stand on a turntable that goes round once, so that every pose is seen from every
    side. Odd seeds keep one yaw, as most filmed dancers do; it goes up by 15 degrees from seed to
    seed. A view must be told in both, though the second never shows the full width of the body.

    Args:
        seed: the dancer; body, style and dance follow from it.
        seconds: length of the clip.
        fps: frames per second.
    """
    dance = synthetic.generate(seed, None, seconds, fps)
    turn = 360.0 * dance.time_s / seconds if seed % 2 == 0 else 15.0 * (seed // 2 % 24)
    return dance.moved(yaw_deg=turn)


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
        seconds: length of the clip.
        fps: frames per second.
        size: (width, height) in pixels.
        opts: the analysis options; `estimator` is part of the stored file's name.

    Returns:
        angle, true, world [T,A] in degrees (NaN where not seen), ratio [T,A], side int8[T], yaw [T]
        in degrees, and the estimator's name.
    """
    stored = folder / f"seed{seed}_{opts.estimator}.npz"
    if stored.exists():
        with np.load(stored, allow_pickle=False) as data:
            return dict(data)
    video, truth_file = folder / f"seed{seed}.mp4", folder / f"seed{seed}_truth.npz"
    if not truth_file.exists():
        dance = dancer(seed, seconds, fps)
        render.render_video(video, dance, width=size[0], height=size[1], truth_path=truth_file)
    known = render.load_truth(truth_file)
    found = estimate(video, opts, Clock())
    clip = found.clip
    pose, confidence = skeleton.convert(
        clip.pose[..., :2], clip.confidence, clip.skeleton, "halpe26"
    )
    world, _ = skeleton.convert(clip.pose_world, clip.confidence, clip.skeleton, "halpe26")
    pose, confidence, world = pose[:, 0], np.nan_to_num(confidence[:, 0]), world[:, 0]
    at = truth.match_frames(clip.time_s, known.time_s - known.time_s[0])
    true_pose = in_camera(known.pose[at, 0], known.camera)

    seen = joint_seen(pose, confidence, opts.min_confidence, clip.image_size)
    pose[~seen] = np.nan
    world[~seen] = np.nan
    smooth, _ = movement.clean(np.asarray(angles.image_to_y_up(pose)), clip.time_s, opts)
    smooth_world, _ = movement.clean(world, clip.time_s, opts)
    ratio, side = movement.in_plane_ratio(smooth, clip.time_s)
    result = {
        "angle": np.degrees(movement.angle_series(smooth)),
        "world": np.degrees(movement.angle_series(smooth_world)),
        "true": np.degrees(movement.angle_series(true_pose)),
        "ratio": ratio,
        "side": side,
        "yaw": facing_deg(true_pose),
        "estimator": np.array(f"{found.estimator['name']} {found.estimator['variant']}"),
    }
    partial = folder / f".{stored.name}.partial.npz"
    np.savez_compressed(partial, **result)
    partial.replace(stored)
    return result


def _cell(error: np.ndarray, least: int = MIN_FRAMES) -> dict[str, Any]:
    error = error[np.isfinite(error)]
    if error.size < least:
        return {"median": None, "p90": None, "n": int(error.size)}
    return {
        "median": round(float(np.median(error)), 2),
        "p90": round(float(np.percentile(error, 90)), 2),
        "n": int(error.size),
    }


def tabulate(
    clips: list[dict[str, np.ndarray]],
    threshold: dict[str, dict[str, float | None]] | None = None,
) -> dict[str, Any]:
    """Turns the clips into the stored table.

    Args:
        clips: results of `one_clip`.
        threshold: the rule by which angles are kept; None: the one that follows from these clips.

    Returns:
        The content of `angle_validity.json`, without "made".
    """
    names = angles.ANGLE_NAMES
    error, world, ratio, side, yaw = (
        np.concatenate(parts)
        for parts in zip(
            *(
                (
                    truth.angle_errors(clip["angle"], clip["true"]),
                    truth.angle_errors(clip["world"], clip["true"]),
                    clip["ratio"],
                    clip["side"],
                    clip["yaw"],
                )
                for clip in clips
            ),
            strict=True,
        )
    )
    yaw_bin = np.where(np.isfinite(yaw), np.digitize(yaw, YAW_EDGES[1:-1]), -1)
    ratio_bin = np.digitize(ratio, RATIO_EDGES[1:-1])
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        groups.setdefault(validity.group(name), []).append(column)
    content: dict[str, Any] = {
        "limit_deg": LIMIT_DEG,
        "ratio_edges": list(RATIO_EDGES),
        "yaw_edges": list(YAW_EDGES),
        **{
            key: {}
            for key in (
                *("cells", "threshold", "by_yaw", "by_ratio"),
                *("in_plane", "out_of_plane", "world", "reported"),
            )
        },
    }
    for name, columns in groups.items():
        e, b, r = error[:, columns], ratio_bin[:, columns], ratio[:, columns]
        bins = range(len(RATIO_EDGES) - 1)
        cells = {
            where: [_cell(e[side == k][b[side == k] == n]) for n in bins]
            for k, where in enumerate(validity.VIEWS)
        }
        content["cells"][name] = cells
        chosen = {where: choose_threshold(cells[where]) for where in validity.VIEWS}
        content["threshold"][name] = chosen if threshold is None else threshold[name]
        content["by_ratio"][name] = [_cell(e[b == n]) for n in bins]
        content["by_yaw"][name] = [_cell(e[yaw_bin == n]) for n in range(len(YAW_EDGES) - 1)]
        content["world"][name] = _cell(world[:, columns])
        least = _least(content["threshold"][name])
        with np.errstate(invalid="ignore"):
            flat = r >= least[side][:, None]
        content["in_plane"][name] = _cell(e[flat]) | {"kept": round(float(flat.mean()), 3)}
        content["out_of_plane"][name] = _cell(e[~flat])
        content["reported"][name] = reported(clips, columns, least)
    return content


def _least(by_view: dict[str, float | None]) -> np.ndarray:
    """[views + 1] the ratio needed in each view; never where there is none, or no view is known."""
    values = [by_view[where] for where in validity.VIEWS]
    return np.array([np.inf if value is None else value for value in values] + [np.inf])


def reported(
    clips: list[dict[str, np.ndarray]], columns: list[int], least: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Compares the numbers that a report gives of a clip with the true ones of the whole clip.

    Args:
        clips: results of `one_clip`.
        columns: left and right column of one angle.
        least: [views + 1] ratio needed in each view.

    Returns:
        "min", "max", "range" -> error cell over clips and sides; n = how many gave a number.
    """
    errors: dict[str, list[float]] = {}
    for clip in clips:
        for column in columns:
            kind = angles.ANGLES[column].kind
            value, true = clip["angle"][:, column], clip["true"][:, column]
            known = np.isfinite(value)
            with np.errstate(invalid="ignore"):
                kept = known & (clip["ratio"][:, column] >= least[clip["side"]])
            enough = known.mean() >= MIN_VALID_FRACTION and kept.sum() >= MIN_KEPT * known.sum()
            if not enough or not kept.any():
                continue
            said, held = statistics(kind, value[kept]), statistics(kind, true)
            for key, number in said.items():
                errors.setdefault(key, []).append(abs(number - held[key]))
    return {key: _cell(np.array(found), MIN_REPORTS) for key, found in errors.items()}


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
    backends: list[dict[str, Any]],
    progress: Callable[[str, int, int | None], None] | None = None,
) -> dict[str, Any]:
    """Runs the whole study; finished clips are kept, so it can be interrupted and resumed.

    Args:
        folder: where clips and results lie.
        seeds: one clip each.
        seconds: length of a clip.
        fps: frames per second.
        size: (width, height) in pixels.
        backends: fields of `Options` (estimator, model), one dict an estimator; their errors are
            pooled, so that the table holds for either.
        progress: called as ("clip", done, total).

    Returns:
        The content of `angle_validity.json`.
    """
    clips = []
    for n, seed in enumerate(seeds, 1):
        for backend in backends:
            opts = Options.make({"num_people": 1} | backend)
            clips.append(one_clip(folder, seed, seconds, fps, size, opts))
        if progress is not None:
            progress("clip", n, len(seeds))
    made = {
        "estimator": ", ".join(sorted({str(clip["estimator"]) for clip in clips})),
        "data": "synthetic dancers, half of them on a turntable, half at one yaw, rendered",
        "clips": len(seeds),
        "frames": sum(len(clip["yaw"]) for clip in clips),
        "seconds": seconds,
        "fps": fps,
        "size": list(size),
        "filter_cutoff_hz": opts.filter_cutoff_hz,
    }
    table = tabulate(clips) | {"made": made}
    (folder / "angle_validity.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    return table
