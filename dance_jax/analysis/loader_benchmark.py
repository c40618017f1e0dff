"""Clips and frames a second of the loader, against plain readers and what a model consumes."""

from __future__ import annotations

import functools
import pathlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dance_jax.analysis import benchmark_loops as loops
from dance_jax.analysis import loader_peers as poses
from dance_jax.analysis import loader_video_peers as videos

POSE_REACH = 10.0  # times what the pose model consumes
VIDEO_REACH = 0.75  # of the faster bare decoding
VIDEO_AIM = 0.9
MODEL = "consumed: a 2-layer BiLSTM's train steps (stand-in)"
POSE_PEERS = ("peer: threads open npz files", "peer: array_record and Grain, as with tf.data")
VIDEO_PEERS = ("peer: PyAV decodes, resizes, crops", "peer: OpenCV decodes, resizes, crops")
Runs = Mapping[str, Callable[[], dict[str, Any]]]


def pose_runs(folder: pathlib.Path) -> Runs:
    """Returns what hands out, or consumes, batches of poses: name -> a run in a fresh process."""
    ways = {
        "ours: poses held in memory": "held",
        "ours: a file read for every window": "files",
        "ours: cache on disk": "cache",
        "ours: cache on disk, 2 worker processes": "workers",
    }
    run = functools.partial(functools.partial, loops.in_fresh_process, folder=str(folder))
    return {
        MODEL: run(poses.model),
        POSE_PEERS[0]: run(poses.thread_pool),
        POSE_PEERS[1]: run(poses.records),
        **{name: run(poses.ours, way=way) for name, way in ways.items()},
    }


def video_runs(folder: pathlib.Path) -> Runs:
    """Returns what decodes the same videos: name -> a run in a fresh process."""
    ways = {
        f"ours: windows of {videos.CLIP_FRAMES} frames, whole clips": "whole",
        f"ours: windows of {videos.SHORT} frames, shuffled": "short",
        "ours: first epoch, which fills a cache": "first",
        "ours: later epochs, from the cache": "cache",
    }
    run = functools.partial(functools.partial, loops.in_fresh_process, folder=str(folder))
    return {
        VIDEO_PEERS[0]: run(videos.pyav),
        VIDEO_PEERS[1]: run(videos.opencv),
        **{name: run(videos.ours, way=way) for name, way in ways.items()},
    }


def batches_against_peers(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Suite `loader`: batches of poses and of videos.

    Args:
        config: `configs/benchmark.py` (`corpus_clips`, `corpus_frames`, `repeats`, `seed`, and the
            video).
        workdir: keeps the corpora for the next run.
    """
    from dance_jax.analysis.benchmark import interleave, video

    folder = workdir / f"loader_{config.corpus_clips}x{config.corpus_frames}_seed{config.seed}"
    poses.write_poses(folder, config.corpus_clips, config.corpus_frames, config.seed)
    # Uncounted runs of what others need: the cache on disk, and compiled programs.
    first = (MODEL, "ours: cache on disk")
    rows = pose_rows(interleave(dict(pose_runs(folder)), config.repeats, first))
    film = video(config, workdir)
    cut = workdir / f"loader_{film.stem}"
    videos.write_videos(cut, film)
    return rows + video_rows(interleave(dict(video_runs(cut)), config.repeats))


def pose_rows(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Brings the pose runs to rows: `ratio` is a reader's rate over what the model consumes."""
    speeds = {name: _speeds(found) for name, found in results.items()}
    rows = []
    for name, found in results.items():
        row = {"benchmark": "loader", "what": name, "clips_per_s": statistics.median(speeds[name])}
        if name != MODEL:
            row |= _ratio(speeds[name], speeds[MODEL]) | {"reach": POSE_REACH}
            row["to_thread_pool"] = _ratio(speeds[name], speeds[POSE_PEERS[0]])["ratio"]
            row["to_array_record"] = _ratio(speeds[name], speeds[POSE_PEERS[1]])["ratio"]
        rows.append(row | _size(found))
    return rows


def video_rows(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Brings the video runs to rows: `ratio` is a rate over the faster peer's of that round."""
    speeds = {name: _speeds(found) for name, found in results.items()}
    fastest = [max(pair) for pair in zip(*(speeds[name] for name in VIDEO_PEERS), strict=True)]
    cost = {name: [r["cpu_s"] / r["rows"] for r in found] for name, found in results.items()}
    cheapest = [min(pair) for pair in zip(*(cost[name] for name in VIDEO_PEERS), strict=True)]
    rows = []
    for name, found in results.items():
        row = {"benchmark": "loader", "what": name, "frames_per_s": statistics.median(speeds[name])}
        row |= _ratio(speeds[name], fastest)
        row["cpu_ratio"] = _ratio(cheapest, cost[name])["ratio"]
        if name not in VIDEO_PEERS:
            row |= {"reach": VIDEO_REACH, "aim": VIDEO_AIM}
        rows.append(row | _size(found))
    return rows


def _speeds(found: Sequence[Mapping[str, Any]]) -> list[float]:
    return [run["rows"] / run["seconds"] for run in found]


def _ratio(ours: Sequence[float], peer: Sequence[float]) -> dict[str, Any]:
    """Returns the median and the range of the ratios of each round."""
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return {"ratio": statistics.median(ratios), "ratio_range": [min(ratios), max(ratios)]}


def _size(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    memory = max(run["peak_rss_mib"] for run in found)
    return {"peak_rss_mib": memory, "threads": poses.cores(), "n": len(found)}
