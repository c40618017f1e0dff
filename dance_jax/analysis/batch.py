"""One input or many: a video, a folder of images, a folder of videos, or a glob of them."""

from __future__ import annotations

import glob
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

from dance_jax import logs, rundir
from dance_jax._version import __version__
from dance_jax.analysis import inputs
from dance_jax.analysis.analyze import analyze
from dance_jax.analysis.estimate import content_sha256
from dance_jax.analysis.options import Options
from dance_jax.errors import InputError

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
SUMMARY_COLUMNS = (
    "input",
    "outcome",
    "detail",
    "folder",
    "frames",
    "seconds",
    "people_found",
    "frames_with_pose",
    "speed_body_mean",
    "speed_unit",
    "angles_ok",
    "angles_refused",
)


def find_inputs(given: str) -> list[pathlib.Path]:
    """Lists what an input names.

    Args:
        given: a file, a folder of videos, a folder of images, or a glob.

    Returns:
        One path for a single input (also for a folder of images), else the videos, sorted.

    Raises:
        InputError: nothing is there.
    """
    if not given:
        raise InputError(
            "no input given", "--config.input", "pass --config.input=clip.mp4 (a video or a folder)"
        )
    path = pathlib.Path(given).expanduser()
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        videos = [p for p in files if p.suffix.lower() in VIDEO_SUFFIXES]
        if videos:
            return videos
        if any(p.suffix.lower() in IMAGE_SUFFIXES for p in files) or inputs.has_poses(path):
            return [path]
        raise InputError(
            "the folder is empty"
            if not files
            else "the folder holds no video, no image and no poses",
            path,
            f"put {', '.join(VIDEO_SUFFIXES)} files or images into it",
        )
    if not path.exists() and glob.has_magic(given):
        videos = sorted(pathlib.Path(name) for name in glob.glob(str(path), recursive=True))
        videos = [p for p in videos if p.is_file() and p.suffix.lower() in VIDEO_SUFFIXES]
        if not videos:
            raise InputError("no video matches", given, "check the pattern in --config.input")
        return videos
    if not path.exists():
        raise InputError("no such file or folder", path, "check --config.input")
    return [path]


def is_many(given: str, found: list[pathlib.Path]) -> bool:
    """Tells a folder or glob of videos (even of one) from a single input."""
    return found != [pathlib.Path(given).expanduser()]


def subfolder_names(paths: list[pathlib.Path]) -> list[str]:
    """Gives every input its own plain folder name."""
    names: list[str] = []
    for path in paths:
        base = re.sub(r"[^\w.-]+", "_", path.stem).strip("._") or "clip"
        name, n = base, 2
        while name.lower() in {used.lower() for used in names}:
            name, n = f"{base}_{n}", n + 1
        names.append(name)
    return names


def finished(workdir: pathlib.Path, path: pathlib.Path, options: dict[str, Any]) -> dict | None:
    """Returns the finished analysis of this input with these options, if the folder holds it.

    Args:
        workdir: where its outputs would be.
        path: the input.
        options: fields of `Options`.

    Returns:
        The content of `analysis.json`, or None where it is missing, of another input or version,
        made with other options, or without a file that it names.
    """
    file = workdir / "analysis.json"
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text("utf-8"))
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    wanted = {**Options.make(options).__dict__}
    missing = [name for name in content.get("files", {}) if not (workdir / name).exists()]
    left_out = [name for name in missing if content["files"][name].get("written", True)]
    settings = {key: content.get("settings", {}).get(key) for key in wanted}
    if wanted["run"]:  # a network that was trained again is another one
        from dance_jax.analysis import learned

        weights = learned.load(wanted["run"]).model.facts["weights_sha256"]
        if content.get("learned", {}).get("weights_sha256") != weights:
            return None
    same = (
        settings == wanted
        and not left_out
        and content.get("versions", {}).get("dance_jax") == __version__
        and content.get("source", {}).get("sha256") == content_sha256(path)
    )
    return content if same else None


def run_inputs(given: str, options: dict[str, Any], workdir: pathlib.Path) -> None:
    """Analyses what `given` names; results that are already there are kept.

    Args:
        given: see `find_inputs`.
        options: fields of `Options`.
        workdir: run directory; several inputs get a sub-folder each, `index.html` and
            `summary.csv`.

    Raises:
        InputError: as `analyze`; of several inputs only when none could be analysed.
    """
    paths = find_inputs(given)
    Options.make(options)
    if not is_many(given, paths):
        if (content := finished(workdir, paths[0], options)) is not None:
            keep_metrics(workdir, content)
            logs.note(f"{paths[0].name}: already analysed, see {workdir / 'report.html'}")
            return
        with logs.Progress(paths[0].name) as progress:
            analyze(paths[0], workdir=workdir, progress=_reporter(progress), **options)
        keep_metrics(workdir, json.loads((workdir / "analysis.json").read_text("utf-8")))
        logs.note(f"{paths[0].name}: report in {workdir / 'report.html'}")
        return

    rows: list[dict[str, Any]] = []
    for path, name in zip(paths, subfolder_names(paths), strict=True):
        rows.append(_one(path, workdir / name, options))
        logs.note(f"{len(rows)}/{len(paths)} {path.name}: {rows[-1]['outcome']}")
        write_summary(workdir, rows)
    failed = [row for row in rows if row["outcome"] != "ok"]
    if len(failed) == len(rows):
        raise InputError(
            f"none of {len(rows)} inputs could be analysed; the first, {failed[0]['input']}: "
            f"{failed[0]['detail']}",
            given,
        )
    logs.note(f"{len(rows) - len(failed)} of {len(rows)} analysed, see {workdir / 'index.html'}")


def keep_metrics(folder: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes the numbers of every person as `metrics.jsonl` and TensorBoard events.

    One row a person: the step is the id, the names are the keys of the measures that are ok. What
    is there and the same is kept.

    Args:
        folder: the clip's own folder; both files appear in it whole or not at all.
        content: its `analysis.json`.
    """
    wanted = []
    for person in content["people"]:
        ok = [m for m in person["measures"] if m["status"] == "ok" and m["value"] is not None]
        wanted.append((person["person_id"], {m["key"]: float(m["value"]) for m in ok}))
    file = folder / logs.METRICS_FILE
    held = logs.read_metrics(file) if file.is_file() else []
    if [(row.pop("step"), row) for row in held if row.pop("time_s") is not None] == wanted:
        return
    with rundir.staging(folder, last=(logs.METRICS_FILE,)) as partial:
        with logs.open_metrics(partial) as metrics:
            for person_id, numbers in wanted:
                metrics.write(person_id, numbers)
        for old in folder.glob("events.*"):
            old.unlink()


def _reporter(progress: logs.Progress) -> Callable[[str, int, int | None], None]:
    return lambda stage, done, total: progress.update(done, total, label=stage)


def _one(path: pathlib.Path, folder: pathlib.Path, options: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(SUMMARY_COLUMNS, "")
    row |= {"input": path.name, "folder": folder.name}
    content = finished(folder, path, options)
    if content is None:
        try:
            with logs.Progress(path.name) as progress:
                analyze(path, workdir=folder, progress=_reporter(progress), **options)
        except InputError as error:
            # Without where it happened: the row names the file, and a page names no folders.
            detail = InputError(error.what, fix=error.fix).line()
            return row | {"outcome": _outcome(error), "detail": detail, "folder": ""}
        content = json.loads((folder / "analysis.json").read_text("utf-8"))
    keep_metrics(folder, content)
    person = content["people"][0]
    speed = next(m for m in person["measures"] if m["key"] == "speed.body.mean")
    states = [angle["status"] for angle in person["angles"].values()]
    source = content["source"]
    return row | {
        "outcome": "ok",
        "frames": source["frames"],
        "seconds": source.get("analysed_s", source.get("duration_s")),
        "people_found": len(content["tracks"]),
        "frames_with_pose": person["frames_with_pose"],
        "speed_body_mean": speed["value"],
        "speed_unit": person["speed_unit"],
        "angles_ok": states.count("ok"),
        "angles_refused": states.count("refused"),
    }


def _outcome(error: InputError) -> str:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()
    return words if type(error) is not InputError else "unreadable"


def write_summary(workdir: pathlib.Path, rows: list[dict[str, Any]]) -> None:
    """Writes `summary.csv` and `index.html` of what is done so far, each whole or not at all."""
    from dance_jax.analysis import report
    from dance_jax.data import tables

    workdir.mkdir(parents=True, exist_ok=True)  # where the first input failed nobody made it
    # Both writers put a whole file in place of the old one or leave the old one.
    tables.write_csv(
        workdir / "summary.csv", {c: [row[c] for row in rows] for c in SUMMARY_COLUMNS}
    )
    report.write_index(workdir / "index.html", rows)
