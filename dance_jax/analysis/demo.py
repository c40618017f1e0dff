"""The demo: render a dancer whose every joint is known, analyse the video, show the error."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

from dance_jax import logs
from dance_jax.analysis import demo_scorer, train_and_report, truth
from dance_jax.analysis.analyze import finish
from dance_jax.analysis.estimate import Clock, estimate
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import Analysis
from dance_jax.data import render, synthetic

SCORER = "scorer"
VIDEO, TRUTH = "synthetic_dance.mp4", "synthetic_truth.npz"


def rendered(
    workdir: pathlib.Path,
    *,
    seed: int,
    style: str | None,
    duration_s: float,
    fps: float,
    width: int,
    height: int,
) -> tuple[pathlib.Path, render.RenderTruth]:
    """Renders a dance into the run directory, or takes the one that is already there.

    Args:
        workdir: where the video and its truth lie.
        seed: the dancer.
        style: a style of `data.dances`, None lets the seed choose.
        duration_s: seconds.
        fps: frames per second.
        width: pixels.
        height: pixels.

    Returns:
        (video, truth).
    """
    video, known = workdir / VIDEO, workdir / TRUTH
    if not (video.exists() and known.exists()):
        dance = synthetic.generate(seed, style, duration_s, fps)
        # The truth is written after the video, so that its presence says that both are whole.
        render.render_video(video, dance, width=width, height=height, truth_path=known)
    return video, render.load_truth(known)


def demo(
    workdir: pathlib.Path,
    *,
    seed: int = 0,
    style: str | None = None,
    duration_s: float = 10.0,
    fps: float = 30.0,
    width: int = 480,
    height: int = 640,
    progress: Any = None,
    **options: Any,
) -> tuple[Analysis, list[dict[str, Any]]]:
    """Renders, analyses and compares with the truth.

    Args:
        workdir: destination of video, truth and every output of `analyze`.
        seed: the dancer.
        style: see `rendered`.
        duration_s: seconds.
        fps: frames per second.
        width: pixels.
        height: pixels.
        progress: see `analyze`.
        **options: fields of `Options`.

    Returns:
        (analysis, rows of the error against the truth; see `truth.compare`).
    """
    workdir.mkdir(parents=True, exist_ok=True)
    opts = Options.make({"num_people": 1} | options)
    clock = Clock()
    with clock.stage("render"):
        video, known = rendered(
            workdir,
            seed=seed,
            style=style,
            duration_s=duration_s,
            fps=fps,
            width=width,
            height=height,
        )
    found = estimate(video, opts, clock, progress)
    found.source.update(synthetic=True, label=known.label)
    rows: list[dict[str, Any]] = []

    def against_truth(analysis: Analysis) -> list[dict[str, Any]]:
        rows.extend(truth.compare(analysis, known.joints_px[:, 0], known.time_s, known.pose[:, 0]))
        return rows

    analysis = finish(
        found,
        opts,
        clock,
        workdir=workdir,
        path=video,
        progress=progress,
        truth_rows=against_truth,
    )
    return analysis, rows


def run(config: Any, workdir: pathlib.Path) -> None:
    """Task `demo`.

    Args:
        config: `configs/demo.py`.
        workdir: run directory.

    Raises:
        InputError: no pose model can be found or fetched.
    """
    options = {key: value for key, value in config.to_dict().items() if key != "task"}
    options["style"] = options["style"] or None
    row = None
    if options.pop("scorer"):
        folder, row = demo_scorer.scorer(
            workdir / SCORER, seed=options["seed"], launch=train_and_report.run
        )
        options["run"] = str(folder)
    with logs.Progress("demo") as progress:
        analysis, rows = demo(
            workdir,
            progress=lambda stage, done, total: progress.update(done, total, label=stage),
            **options,
        )
    print(table(rows, f"{analysis.source['label']}: error against the known truth"))
    if row is not None:
        print(demo_scorer.line(row))
    logs.note(f"report in {workdir / 'report.html'}")
    sys.stdout.flush()


def table(rows: list[dict[str, Any]], title: str) -> str:
    """Formats the rows of `truth.compare` as text."""
    lines = [title, f"{'what':42s} {'value':>8s} {'p90':>8s} {'bar':>7s} {'n':>7s}  unit"]
    for row in rows:
        value = "-" if row["value"] is None else f"{row['value']:.2f}"
        p90 = "" if row["p90"] is None else f"{row['p90']:.2f}"
        bar = "" if row["limit"] is None else f"{row['limit']:g}"
        mark = "" if row["ok"] is None else "  ok" if row["ok"] else "  MISSED"
        lines.append(
            f"{row['what']:42s} {value:>8s} {p90:>8s} {bar:>7s} {row['n']:7d}  {row['unit']}{mark}"
        )
    return "\n".join(lines)
