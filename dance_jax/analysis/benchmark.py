"""Benchmarks: each figure is a ratio against a named peer in the same run, or a size in memory."""

from __future__ import annotations

import functools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from dance_jax import logs, rundir
from dance_jax.analysis import benchmark_loops as loops
from dance_jax.errors import InputError


def task_model(config: Any) -> str:
    """Finds the `.task` bundle that the MediaPipe peer needs.

    Raises:
        InputError: there is none.
    """
    from dance_jax import assets

    given = pathlib.Path(config.model) if config.model else None
    if given is not None and given.suffix == ".task" and given.is_file():
        return str(given)
    for name, asset in assets.ASSETS.items():
        if asset.file.endswith(".task") and (found := assets.find(name, given)):
            return str(found)
    raise InputError(
        "the peer is MediaPipe, and no .task bundle is here",
        "--config.model",
        "pass --config.model=pose_landmarker_lite.task",
    )


def video(config: Any, workdir: pathlib.Path) -> pathlib.Path:
    """Returns the given video, or renders a synthetic dancer once into the run directory."""
    from dance_jax.data import render, synthetic

    if config.input:
        return pathlib.Path(config.input)
    name = f"synthetic_{config.width}x{config.height}_{config.seconds:g}s_seed{config.seed}.mp4"
    file = workdir / name
    if not file.exists():
        logs.note(f"rendering {name}")
        dance = synthetic.generate(config.seed, None, config.seconds, config.fps)
        render.render_video(file, dance, width=config.width, height=config.height)
    return file


def analyze_against_bare_loop(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Whole `analyze` with and without the overlay, against decode + MediaPipe alone."""
    path, model = str(video(config, workdir)), task_model(config)
    options = {
        "estimator": config.estimator,
        "executor": config.executor,
        "model": config.model or model,
        "num_people": config.num_people,
    }
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "peer: OpenCV decode + MediaPipe": functools.partial(
            loops.in_fresh_process,
            loops.bare_loop,
            path=path,
            model=model,
            num_people=config.num_people,
        ),
        "analyze without overlay": functools.partial(
            loops.in_fresh_process,
            loops.whole_analysis,
            path=path,
            options=options | {"overlay": False},
        ),
        "analyze with overlay": functools.partial(
            loops.in_fresh_process, loops.whole_analysis, path=path, options=options
        ),
    }
    results = interleave(runs, config.repeats, warm_up=("analyze with overlay",))
    peer = results["peer: OpenCV decode + MediaPipe"]
    reach = {"analyze without overlay": 1.35, "analyze with overlay": 2.0}
    rows = []
    for name, found in results.items():
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(found, peer, strict=True)]
        rows.append(
            {
                "benchmark": "analyze",
                "what": name,
                "seconds": statistics.median(run["seconds"] for run in found),
                "ratio": statistics.median(ratios),
                "ratio_range": [min(ratios), max(ratios)],
                "reach": reach.get(name),
                "n": len(found),
                "frames": found[0]["frames"],
                "peak_rss_mib": max(run["peak_rss_mib"] for run in found),
                "stages": median_stages([run.get("stages", {}) for run in found]),
            }
        )
    return rows


def median_stages(runs: list[dict[str, float]]) -> dict[str, float]:
    """Returns the median seconds of every stage over the runs."""
    return {
        name: round(statistics.median(run[name] for run in runs if name in run), 3)
        for name in runs[0]
    }


def interleave(
    runs: dict[str, Callable[[], dict[str, Any]]], repeats: int, warm_up: tuple[str, ...] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Runs the candidates in turn, A B C A B C ..., since the machine's speed drifts.

    Args:
        runs: name -> what runs it.
        repeats: rounds that count.
        warm_up: names run once before, uncounted (disk cache, compilation cache).

    Returns:
        name -> one result a round.
    """
    for name in warm_up:
        runs[name]()
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
    for round_ in range(repeats):
        for name, run in runs.items():
            results[name].append(run())
            logs.note(f"round {round_ + 1}/{repeats} {name}: {results[name][-1]['seconds']:.2f} s")
    return results


def memory_of_long_video(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Peak resident memory of a whole analysis of a 10-minute 1080p video."""
    from dance_jax.analysis.long_video import ten_minutes

    path = ten_minutes(workdir)
    found = loops.in_fresh_process(
        loops.whole_analysis,
        path=str(path),
        options={k: config[k] for k in ("estimator", "executor", "model", "num_people")},
    )
    return [
        {
            "benchmark": "memory",
            "what": "analyze, 10 minutes of 1080p",
            "seconds": found["seconds"],
            "frames": found["frames"],
            "peak_rss_mib": found["peak_rss_mib"],
            "reach": 1536,
            "n": 1,
            "stages": found["stages"],
        }
    ]


def cold_start(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Wall time of `--help` in a new process."""
    seconds = []
    for _ in range(max(5, config.repeats)):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "dance_jax.launch", "--help"], check=True, capture_output=True
        )
        seconds.append(time.perf_counter() - start)
    return [
        {
            "benchmark": "startup",
            "what": "python -m dance_jax.launch --help",
            "seconds": statistics.median(seconds),
            "reach": 2.0,
            "n": len(seconds),
        }
    ]


def render_speed(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Frames rendered and written in a second at 480x640."""
    from dance_jax.data import render, synthetic

    rates = []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(config.repeats):
            dance = synthetic.generate(config.seed + k, None, 5.0, 30.0)
            start = time.perf_counter()
            render.render_video(pathlib.Path(folder, f"{k}.mp4"), dance, width=480, height=640)
            rates.append(len(dance.time_s) / (time.perf_counter() - start))
    return [
        {
            "benchmark": "render",
            "what": "rendered and encoded frames/s, 480x640",
            "frames_per_s": statistics.median(rates),
            "reach": 20.0,
            "n": len(rates),
        }
    ]


def pose_throughput(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Frames per second of the batched BlazePose graph on this machine's JAX device."""
    from dance_jax.analysis.pose_benchmark import batched_graph

    return batched_graph(config)


def measures(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """All movement measures of a corpus, jitted and vmapped, against a plain per-clip script."""
    from dance_jax.analysis.measures_benchmark import measures_against_plain_loop

    return measures_against_plain_loop(config, workdir)


def loader(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Batches of poses and of videos, against plain readers and what a model consumes."""
    from dance_jax.analysis.loader_benchmark import batches_against_peers

    return batches_against_peers(config, workdir)


def networks(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Train steps, inference and compilation of the networks, against the same in PyTorch."""
    from dance_jax.analysis.networks_benchmark import networks_against_pytorch

    return networks_against_pytorch(config, workdir)


def angle_validity(config: Any, workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Error of each 2D angle by yaw, joint and apparent segment length (synthetic dancers)."""
    from dance_jax import assets
    from dance_jax.analysis import validity_report, validity_study

    backends = [{"estimator": config.estimator, "model": config.model}]
    graphs = [assets.find(name) for name in assets.ALIASES["pose"]]
    if config.estimator != "blazepose" and all(graphs):
        # A machine without the .task bundle runs these; the table is to hold for both.
        backends.append({"estimator": "blazepose", "model": str(graphs[0].parent)})
    folder = workdir / "angle_validity"
    folder.mkdir(exist_ok=True)
    with logs.Progress("angle validity", unit="clips") as progress:
        table = validity_study.study(
            folder,
            seeds=[1000 + k for k in range(config.clips)],
            seconds=config.clip_seconds,
            fps=15.0,
            size=(480, 640),
            backends=backends,
            progress=lambda stage, done, total: progress.update(done, total, label=stage),
        )
    validity_report.write(table, folder)
    return [
        {
            "benchmark": "angle_validity",
            "what": f"{name}, in plane",
            "median_deg": cell["median"],
            "p90_deg": cell["p90"],
            "n": cell["n"],
        }
        for name, cell in table["in_plane"].items()
    ]


SUITES: dict[str, Callable[[Any, pathlib.Path], list[dict[str, Any]]]] = {
    "analyze": analyze_against_bare_loop,
    "startup": cold_start,
    "render": render_speed,
    "pose": pose_throughput,
    "memory": memory_of_long_video,
    "measures": measures,
    "loader": loader,
    "networks": networks,
    "angle_validity": angle_validity,
}


def run(config: Any, workdir: pathlib.Path) -> None:
    """Task `benchmark`: runs the suites, prints a table, writes benchmark.json.

    Args:
        config: `configs/benchmark.py`.
        workdir: run directory.
    """
    rows: list[dict[str, Any]] = []
    for suite in config.suites:
        rows.extend(SUITES[suite](config, workdir))
        content = {"hardware": loops.hardware(), "versions": rundir.versions(), "rows": rows}
        rundir.write_json(workdir / "benchmark.json", json.loads(json.dumps(content)))
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Formats the rows as text, the stages of each below it."""
    lines = []
    for row in rows:
        figures = [
            f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in row.items()
            if key not in ("benchmark", "what", "stages") and value is not None
        ]
        lines.append(f"{row['benchmark']:15s} {row['what']:45s} {'  '.join(figures)}")
        lines += [f"{'':15s}   {name}: {s:.2f} s" for name, s in row.get("stages", {}).items()]
    return "\n".join(lines)
