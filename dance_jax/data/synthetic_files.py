"""Writes the files of one synthetic take, video, poses and motion capture, once and whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from typing import Any, NamedTuple

from dance_jax.data import clip_npz, render, trc_format
from dance_jax.data.camera import frame_dancers
from dance_jax.data.look import make_look
from dance_jax.data.media_facts import file_sha256
from dance_jax.data.stick_video import write_sticks
from dance_jax.data.synthetic import SyntheticDance
from dance_jax.data.textfile import read_text, write_text
from dance_jax.errors import InputError

MANIFEST = "manifest"
FOLDERS = ("videos", "pose_data", "mocap", "annotations", MANIFEST)
_SCHEMA = "dance_jax.synthetic_take.1"


class TakeFiles(NamedTuple):
    """What belongs to one take.

    Attributes:
        pose: name in `pose_data/`.
        mocap: name in `mocap/`.
        bytes: of all its files.
    """

    pose: str
    mocap: str
    bytes: int


def write_take(
    root: pathlib.Path, clip: str, dance: SyntheticDance, dancer: str, design: Any
) -> tuple[TakeFiles, bool]:
    """Writes `videos/`, `pose_data/` and `mocap/` of a take, and its manifest when they are there.

    Args:
        root: the corpus, with its folders.
        clip: name of the video.
        dance: the take.
        dancer: id that ends in "_" and a number; a dancer looks alike in every rendered clip.
        design: a `synthetic_corpus.Design`.

    Returns:
        The files, and whether they were there already.

    Raises:
        InputError: a manifest of this name is of another design.
    """
    stem = pathlib.PurePath(clip).stem
    places = (f"videos/{clip}", f"pose_data/{stem}.npz", f"mocap/{stem}.trc")
    manifest = root / MANIFEST / f"{stem}.json"
    key = design_key(design)
    kept = _kept(root, manifest, places, key)
    if not kept:
        taken = dance.to_clip()
        _picture(root / places[0], dance, dancer, design)
        clip_npz.write(root / places[1], taken)
        trc_format.write(root / places[2], taken)
        held = {place: file_sha256(root / place) for place in places}
        text = json.dumps({"schema": _SCHEMA, "key": key, "files": held}, indent=1, sort_keys=True)
        write_text(manifest, text + "\n")
    size = sum((root / place).stat().st_size for place in places)
    return TakeFiles(f"{stem}.npz", f"{stem}.trc", size + manifest.stat().st_size), kept


def design_key(design: Any) -> str:
    """Returns a hash of all that decides the bytes of the files."""
    text = json.dumps([_SCHEMA, dataclasses.asdict(design)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def remove_stale(folder: pathlib.Path) -> None:
    """Removes what writers left that were killed: hidden files that name a process now gone."""
    for path in folder.glob(".*.partial*"):
        parts = path.name.split(".partial")[0].split(".")
        if parts[-1].isdigit() and not pathlib.Path(f"/proc/{parts[-1]}").exists():
            path.unlink(missing_ok=True)


def _kept(root: pathlib.Path, manifest: pathlib.Path, places: tuple[str, ...], key: str) -> bool:
    if not manifest.is_file():
        return False
    try:
        held = json.loads(read_text(manifest))
        same, files = held["key"] == key, dict(held["files"])
    except (ValueError, TypeError, KeyError) as error:
        raise InputError("it is no manifest of a take", manifest, "move it away") from error
    if not same:
        raise InputError("it is of another design", manifest, "choose another folder")
    return all(
        (root / place).is_file() and file_sha256(root / place) == files.get(place)
        for place in places
    )


def _picture(path: pathlib.Path, dance: SyntheticDance, dancer: str, design: Any) -> None:
    camera = frame_dancers([dance.pose], design.width, design.height)
    if design.pictures == "sticks":
        write_sticks(path, dance, camera, design.fps)
        return
    look = make_look(int(dancer.rsplit("_", 1)[1]) + 1000 * design.seed)
    render.render_video(path, dance, camera, look, fps=design.fps)
