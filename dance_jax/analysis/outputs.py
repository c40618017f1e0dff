"""Writes everything an analysis leaves behind: tables, plots, overlay, report, analysis.json."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import math
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from dance_jax import rundir
from dance_jax.analysis import exports
from dance_jax.analysis.estimate import Clock, Progress
from dance_jax.analysis.options import Options
from dance_jax.analysis.result import NOT_ASSESSED, SCHEMA_VERSION, Analysis, PersonAnalysis
from dance_jax.biomech.measure import KINDS


def write(
    analysis: Analysis,
    opts: Options,
    workdir: pathlib.Path,
    *,
    path: str | pathlib.Path | None,
    clock: Clock,
    progress: Progress | None = None,
    truth_rows: list[dict[str, Any]] | None = None,
) -> Analysis:
    """Writes the outputs into a hidden folder and moves them into place together at the end.

    Args:
        analysis: what was found.
        opts: which outputs are wanted.
        workdir: destination.
        path: the video, needed for the overlay.
        clock: stage times, added to.
        progress: called as (stage, done, total).
        truth_rows: for rendered dancers, the error against the known truth (report section).

    Returns:
        The analysis with `exports` and all stage times.
    """
    from dance_jax.analysis import plots, report

    with (
        rundir.staging(workdir) as folder,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        _set_on_error() as stop,
    ):
        overlay = None
        if opts.overlay and path is not None:
            # Its decoding, drawing and encoding run outside the interpreter lock, beside the plots.
            overlay = pool.submit(
                _overlay, folder / "overlay.mp4", path, analysis, opts, clock, progress, stop
            )
        with clock.stage("tables"):
            written = exports.write_tables(folder, analysis)
            written |= _write_learned(folder, analysis)
        if opts.plots or opts.report:
            with clock.stage("plots"):
                for file in plots.write_plots(folder / "plots", analysis):
                    written[f"plots/{file.name}"] = {}
        if overlay is not None:
            with clock.stage("wait for overlay"):
                written["overlay.mp4"] = overlay.result() | {"faces_blurred": opts.blur_faces}
        if opts.report:
            written["report.html"] = {}
        analysis = dataclasses.replace(analysis, timings_s=dict(clock.seconds), exports=written)
        if opts.report:
            with clock.stage("report"):
                report.write_report(
                    folder / "report.html", analysis, folder=folder, truth_rows=truth_rows
                )
        analysis = dataclasses.replace(analysis, timings_s=dict(clock.seconds))
        text = json.dumps(to_json(analysis, truth_rows), indent=1, allow_nan=False)
        (folder / "analysis.json").write_text(text + "\n", "utf-8")
    return analysis


@contextlib.contextmanager
def _set_on_error() -> Iterator[threading.Event]:
    """Gives an event that is set when the block ends by an error or an interrupt."""
    stop = threading.Event()
    try:
        yield stop
    except BaseException:
        stop.set()
        raise


def _overlay(
    file: pathlib.Path,
    path: str | pathlib.Path,
    analysis: Analysis,
    opts: Options,
    clock: Clock,
    progress: Progress | None,
    stop: threading.Event,
) -> dict[str, Any]:
    from dance_jax.analysis.overlay import write_overlay

    def tell(done: int, total: int) -> None:
        if stop.is_set():  # an interrupt must not wait for the rest of a long video
            raise concurrent.futures.CancelledError
        if progress is not None:
            progress("overlay", done, total)

    with clock.stage("overlay (beside the plots)"):
        return write_overlay(
            file,
            path,
            analysis,
            height=opts.overlay_height,
            blur_faces=opts.blur_faces,
            heat=opts.heat,
            progress=tell,
        )


def to_json(analysis: Analysis, truth_rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Returns the content of `analysis.json`; see docs/analysis_schema.md. NaN becomes null."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "synthetic": analysis.synthetic,
        "source": dict(analysis.source),
        "estimator": dict(analysis.estimator),
        "settings": dict(analysis.settings),
        "tracks": [dict(row) for row in analysis.tracks],
        "people": [_person(person) for person in analysis.people],
        "warnings": list(analysis.warnings),
        "not_assessed": [{"what": what, "why": why} for what, why in NOT_ASSESSED],
        "files": dict(analysis.exports),
        "timings_s": dict(analysis.timings_s),
        "versions": dict(analysis.versions),
    }
    if truth_rows is not None:
        content["truth"] = truth_rows
    if analysis.learned is not None:
        content["learned"] = dict(analysis.learned)
    return _plain(content)


def _write_learned(folder: pathlib.Path, analysis: Analysis) -> dict[str, Any]:
    """Writes the series of a trained network, where there is one."""
    written = {}
    for person in analysis.people:
        if person.learned is None or person.learned.refused:
            continue
        from dance_jax.analysis.learned_result import arrays

        suffix = f"_person{person.person_id}" if len(analysis.people) > 1 else ""
        held = arrays(person.learned)
        np.savez_compressed(folder / f"learned{suffix}.npz", **held)
        written[f"learned{suffix}.npz"] = {"arrays": sorted(held)}
    return written


def _person(person: PersonAnalysis) -> dict[str, Any]:
    out = {
        "person_id": person.person_id,
        "frames_with_pose": person.frames_with_pose,
        "height_px": person.height_px,
        "metres_per_px": person.metres_per_px,
        "speed_unit": person.speed_unit,
        "parts": [dataclasses.asdict(part) for part in person.parts],
        "angles": {
            name: {"status": status, "reason": reason}
            for name, (status, reason) in person.angle_status.items()
        },
        "measures": [
            dataclasses.asdict(measure) | {"kind_meaning": KINDS[measure.kind]}
            for measure in person.measures
        ],
        "rhythm": dict(person.rhythm),
        "cutoff": dict(person.cutoff),
        "smoothness": dict(person.smoothness),
        "events": [dict(event) for event in person.events],
    }
    if person.learned is not None:
        from dance_jax.analysis.learned_result import to_json as learned_json

        out["learned"] = learned_json(person.learned)
    return out


def _plain(value: Any) -> Any:
    """Turns NumPy values into JSON's own, and what is not finite into null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)
