"""Time of all movement measures over a corpus, against a plain per-clip script in the same run."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from dance_jax.analysis import benchmark_loops as loops

DANCERS = 20  # different synthetic dancers; the corpus repeats them, each turned another way
PEER_CLIPS = 10  # of the corpus, timed by the peer in each round
FPS = 30.0
REACH = 0.05  # of the peer's time per clip
COMPILE_REACH_S = 30.0


def corpus(clips: int, frames: int, coordinates: int, seed: int) -> tuple[np.ndarray, ...]:
    """Returns synthetic clips: pose f32[N, T, 26, C] in body heights, time f32[N, T], metres [N].

    Args:
        clips: N.
        frames: T, at 30 frames a second.
        coordinates: C, 2 for the picture's plane or 3.
        seed: of the first dancer.
    """
    from dance_jax.data import synthetic

    poses = np.empty((clips, frames, 26, coordinates), np.float32)
    metres = np.empty(clips, np.float32)
    seconds = (frames + 1) / FPS
    dancers = [synthetic.generate(seed + k, None, seconds, FPS) for k in range(min(DANCERS, clips))]
    for k in range(clips):
        dancer = dancers[k % len(dancers)]
        turn = 2 * np.pi * (k // len(dancers)) * len(dancers) / clips
        turned = dancer.pose[:frames].copy()
        x, z = turned[..., 0].copy(), turned[..., 2].copy()
        turned[..., 0] = np.cos(turn) * x + np.sin(turn) * z
        turned[..., 2] = np.cos(turn) * z - np.sin(turn) * x
        metres[k] = dancer.body.height_m
        poses[k] = turned[..., :coordinates] / dancer.body.height_m
    clock = np.arange(frames, dtype=np.float32) / np.float32(FPS)
    return poses, np.broadcast_to(clock, (clips, frames)).copy(), metres


def timed(clips: int, frames: int, coordinates: int, repeats: int, seed: int) -> dict[str, Any]:
    """Compiles, then times the corpus and the peer in turn; for a fresh process of its own.

    Args:
        clips: in the corpus.
        frames: of each.
        coordinates: 2 or 3.
        repeats: rounds, in each the whole corpus and `PEER_CLIPS` clips of the peer.
        seed: of the first dancer.

    Returns:
        Wall and CPU seconds of the compilation (tracing and all), and of each round for both,
        those of the peer for one clip.
    """
    import jax

    from dance_jax.analysis import measures_peer
    from dance_jax.biomech import catalogue
    from dance_jax.biomech.corpus import BATCH, compute_corpus
    from dance_jax.biomech.movement import Movement

    jax.config.update("jax_enable_compilation_cache", False)
    poses, times, metres = corpus(clips, frames, coordinates, seed)
    whole = Movement(poses, times, metres)
    wall, cpu = time.perf_counter(), time.process_time()
    compute_corpus(Movement(*(array[:BATCH] for array in whole)))  # compiles, and runs one batch
    compilation = {
        "compile_s": time.perf_counter() - wall,
        "compile_cpu_s": time.process_time() - cpu,
    }

    def peer(clip: int) -> None:
        measures_peer.measures(poses[clip], times[clip], float(metres[clip]))

    rounds: list[dict[str, float]] = []
    peer(0)
    for k in range(repeats):
        row: dict[str, float] = {}
        wall, cpu = time.perf_counter(), time.process_time()
        compute_corpus(whole)
        row["seconds"], row["cpu_s"] = time.perf_counter() - wall, time.process_time() - cpu
        wall, cpu = time.perf_counter(), time.process_time()
        for i in range(PEER_CLIPS):
            peer((k * PEER_CLIPS + i) % clips)
        row["peer_clip_s"] = (time.perf_counter() - wall) / PEER_CLIPS
        row["peer_clip_cpu_s"] = (time.process_time() - cpu) / PEER_CLIPS
        rounds.append(row)
    return compilation | {"rounds": rounds, "measures": len(catalogue.MEASURES)}


def measures_against_plain_loop(config: Any, workdir: Any) -> list[dict[str, Any]]:
    """Suite `measures`: one row in space and one in the picture's plane.

    Args:
        config: `configs/benchmark.py` (`corpus_clips`, `corpus_frames`, `repeats`, `seed`).
        workdir: not needed.
    """
    rows = []
    for coordinates in (3, 2):
        found = loops.in_fresh_process(
            timed,
            clips=config.corpus_clips,
            frames=config.corpus_frames,
            coordinates=coordinates,
            repeats=config.repeats,
            seed=config.seed,
        )
        rows.append(row(found, config.corpus_clips, config.corpus_frames, coordinates))
    return rows


def row(found: dict[str, Any], clips: int, frames: int, coordinates: int) -> dict[str, Any]:
    """Brings what `timed` found to a row: medians, and ratios ours over the peer's of each round.

    Args:
        found: of `timed`, with "peak_rss_mib".
        clips: in the corpus.
        frames: of each.
        coordinates: 2 or 3.
    """
    rounds = found["rounds"]
    ratios = [r["seconds"] / (r["peer_clip_s"] * clips) for r in rounds]

    def median(key: str) -> float:
        return statistics.median(r[key] for r in rounds)

    cpu_ratios = [r["cpu_s"] / (r["peer_clip_cpu_s"] * clips) for r in rounds]
    return {
        "benchmark": "measures",
        "what": f"{found['measures']} measures, {clips} x {frames} frames, {coordinates}D",
        "seconds": median("seconds"),
        "cpu_s": median("cpu_s"),
        "peer_s": median("peer_clip_s") * clips,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "cpu_ratio": statistics.median(cpu_ratios),
        "reach": REACH,
        "compile_s": found["compile_s"],
        "compile_cpu_s": found["compile_cpu_s"],
        "compile_reach_s": COMPILE_REACH_S,
        "peak_rss_mib": found["peak_rss_mib"],
        "n": len(rounds),
        "peer_clips": PEER_CLIPS,
    }
