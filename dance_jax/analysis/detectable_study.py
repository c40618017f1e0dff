"""Measures the smallest difference that can be told, on movements that were the same.

The same movement is recorded twice, and the two recordings are compared as teacher and student;
whatever differs then is error. Two sources enter the limits: synthetic dances rendered twice, with
another camera, look and picture size, through the pose estimator; and takes of real dancers, each
filmed by several cameras at once, where neighbouring cameras are compared.

    SEM = sqrt(mean(d^2) / 2),   MDC95 = 1.96 sqrt(2) SEM,   MDC99 = 2.576 sqrt(2) SEM

d is the difference of the two recordings, its bias included. Errors of key points have heavy tails,
so that the 95th (99th) percentile of |d| is used where it is larger. Ranges and means of a clip are
looked at once, at 95 %; moments are searched in their hundreds, at 99 %.

Source: Weir 2005, J. Strength Cond. Res. 19:231, for the standard error of measurement and the
minimal difference.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from dance_jax.analysis import compare_align, compare_channels, compare_differences, compare_ranges
from dance_jax.analysis.compare_channels import Performer
from dance_jax.types import Clip

STEP_S = 0.5  # running means this far apart share no frame
MIN_WINDOWS, MIN_PAIRS = 40, 4
_AZIMUTH_LIMIT_DEG = 60.0


def pair_statistics(first: Performer, second: Performer) -> dict[str, dict[str, np.ndarray]]:
    """Compares two recordings of one movement as teacher and student.

    Args:
        first: one recording.
        second: the other.

    Returns:
        group -> statistic -> differences, in the channels' units; "timing" in seconds.
    """
    found = compare_align.align(first, second, test=False, matched=True)
    diff = compare_differences.series(first, second, found)
    run = compare_differences.running_mean(diff, found.rate_hz)
    step = max(1, round(STEP_S * found.rate_hz))
    ranges = compare_ranges.range_rows(first, second, found)
    out: dict[str, dict[str, list[float]]] = {}
    for k, channel in enumerate(compare_channels.channels()):
        rows = out.setdefault(channel.group, {"moment": [], "range": [], "whole": []})
        known = run[::step, k]
        rows["moment"] += known[np.isfinite(known)].tolist()
        if (row := ranges.get(channel.key)) is not None:
            rows["range"].append(row.student - row.teacher)
        if np.isfinite(diff[:, k]).mean() >= compare_differences.MIN_SHARE:
            rows["whole"].append(float(np.nanmean(diff[:, k])))
    out["timing"] = {"moment": found.lag_s[::step].tolist()}
    return {g: {s: np.array(v) for s, v in rows.items()} for g, rows in out.items()}


def summarise(pairs: Iterable[Mapping[str, Mapping[str, np.ndarray]]]) -> dict[str, Any]:
    """Pools pairs into standard error, MDC95 and 95th percentile of every group.

    Args:
        pairs: of `pair_statistics`.

    Returns:
        group -> statistic -> {"sem", "mdc95", "p95", "n", "pairs"}; None where too few.
    """
    pooled: dict[str, dict[str, list[np.ndarray]]] = {}
    for pair in pairs:
        for group, rows in pair.items():
            for statistic, values in rows.items():
                pooled.setdefault(group, {}).setdefault(statistic, []).append(values)
    out: dict[str, Any] = {}
    for group, rows in pooled.items():
        for statistic, parts in rows.items():
            d = np.concatenate(parts)
            count = sum(len(part) > 0 for part in parts)
            least = MIN_WINDOWS if statistic == "moment" else 2 * MIN_PAIRS
            row: dict[str, Any] = {"n": len(d), "pairs": count}
            if len(d) >= least and count >= MIN_PAIRS:
                sem = float(np.sqrt(np.mean(d**2) / 2))
                row |= {
                    "sem": round(sem, 4),
                    "mdc95": round(1.96 * math.sqrt(2) * sem, 4),
                    "mdc99": round(2.576 * math.sqrt(2) * sem, 4),
                    "p95": round(float(np.percentile(np.abs(d), 95)), 4),
                    "p99": round(float(np.percentile(np.abs(d), 99)), 4),
                }
            out.setdefault(group, {})[statistic] = row
    return out


def limits(sources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Takes the largest of MDC and percentile over the sources that enter.

    Moments of the channels count at 99 %; the timing, one curve, and all else at 95 %.

    Args:
        sources: name -> {"enters": bool, "groups": of `summarise`}.

    Returns:
        group -> statistic -> limit.
    """
    out: dict[str, dict[str, float]] = {}
    for source in sources.values():
        if not source["enters"]:
            continue
        for group, rows in source["groups"].items():
            for statistic, row in rows.items():
                if "mdc95" in row:
                    held = out.setdefault(group, {})
                    level = "99" if statistic == "moment" and group != "timing" else "95"
                    found = row[f"mdc{level}"], row[f"p{level}"]
                    held[statistic] = max(held.get(statistic, 0.0), *found)
    return out


def performer(clip: Clip, **options: Any) -> Performer:
    """Analyses the first person of a clip with the default cleaning, ready to be compared."""
    from dance_jax.analysis.analyze import analyze_clip

    return compare_channels.prepare(analyze_clip(clip, **options).people[0], clip.unit)


def rendered_pairs(
    folder: pathlib.Path,
    seeds: Iterable[int],
    seconds: float = 8.0,
    fps: float = 25.0,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> list[dict[str, dict[str, np.ndarray]]]:
    """Renders each dance twice, with another camera, look and size, and estimates both.

    Args:
        folder: where videos and poses are kept; what is there is taken.
        seeds: the dancers; the direction that they face goes round in steps of 30 degrees.
        seconds: length of a take.
        fps: frames per second.
        progress: called with the number of dancers done.
        **options: of the analysis.

    Returns:
        One row of differences a dancer.
    """
    out = []
    for done, seed in enumerate(seeds):
        first, second = (_take(folder, seed, k, seconds, fps, options) for k in (0, 1))
        out.append(pair_statistics(performer(first), performer(second)))
        if progress is not None:
            progress(done + 1)
    return out


def _take(
    folder: pathlib.Path, seed: int, take: int, seconds: float, fps: float, options: dict[str, Any]
) -> Clip:
    from dance_jax.analysis.estimate import Clock, estimate
    from dance_jax.analysis.options import Options
    from dance_jax.data import camera, look, render, synthetic

    stored = folder / f"seed{seed}_take{take}.npz"
    if not stored.exists():
        dance = synthetic.generate(seed, None, seconds, fps).moved(yaw_deg=30.0 * (seed % 12))
        size = ((480, 640), (720, 720))[take]
        rng = np.random.default_rng([seed, take, 11])
        eye = camera.frame_dancers(
            [dance.pose],
            *size,
            yaw_deg=float(rng.uniform(-15, 15)),
            height_m=float(rng.uniform(0.9, 1.6)),
            fov_deg=float(rng.uniform(28, 50)),
        )
        video = folder / f"seed{seed}_take{take}.mp4"
        render.render_video(video, dance, eye, look.make_look(seed + 5000 * take))
        clip = estimate(video, Options.make({"num_people": 1} | options), Clock()).clip
        partial = folder / f".{stored.name}.partial.npz"
        np.savez_compressed(
            partial,
            pose=clip.pose[:, :1, :, :2],
            confidence=clip.confidence[:, :1],
            time_s=clip.time_s,
            skeleton=np.array(clip.skeleton),
            image_size=np.array(size),
        )
        partial.replace(stored)
    with np.load(stored, allow_pickle=False) as data:
        return Clip(
            pose=data["pose"],
            confidence=data["confidence"],
            time_s=data["time_s"],
            skeleton=str(data["skeleton"]),
            image_size=tuple(int(x) for x in data["image_size"]),
            source={"synthetic": True},
        )


def camera_pairs(
    views: Mapping[str, Clip], azimuth_deg: Mapping[str, float], **options: Any
) -> list[dict[str, dict[str, np.ndarray]]]:
    """Compares neighbouring cameras of one take, filmed at the same time.

    Args:
        views: camera -> clip of the same movement with the same clock.
        azimuth_deg: camera -> where it stands around the dancer.
        **options: of the analysis.

    Returns:
        One row of differences for each pair of neighbours at most 60 degrees apart.
    """
    order = sorted(views, key=lambda name: azimuth_deg[name] % 360)
    ready = {name: performer(views[name], **options) for name in order}
    out = []
    for a, b in zip(order, [*order[1:], order[0]], strict=True):
        apart = abs((azimuth_deg[a] - azimuth_deg[b] + 180) % 360 - 180)
        if a != b and apart <= _AZIMUTH_LIMIT_DEG:
            out.append(pair_statistics(ready[a], ready[b]))
    return out
