"""Whether a network has met a clip while it was trained: by content, not by name alone."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax import logs
from dance_jax.analysis import report_text
from dance_jax.data import layout
from dance_jax.errors import InputError
from dance_jax.training import examples as reading
from dance_jax.training import outcome_file, train
from dance_jax.training.examples import Example, Examples
from dance_jax.training.model import Model

_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Overlap:
    """What clips have in common with those that a network was trained on, or chosen with.

    Attributes:
        checked: whether the training data could be read.
        seen: clips whose content it was trained on, or chosen with.
        held_out: clips whose content is in the training data, in the part that was tested.
        same_name: clips with the name of another training clip, and other content.
        shared_groups: values of the training's groups that occur here too.
        sentences: what is said of it.
    """

    checked: bool
    seen: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    same_name: tuple[str, ...] = ()
    shared_groups: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Returns JSON values."""
        found = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}


def overlap(model: Model, asked: Examples) -> Overlap:
    """Compares clips with the training data of a network, which are read from where they were.

    Copies are found byte by byte: the poses as they were prepared, and the video's file. A clip
    that was cut, encoded again or filmed from another side is not found.

    Args:
        model: of a training; its run directory tells which clips were held out.
        asked: the clips, read as the network's own.
    """
    try:
        known = _training_data(model)
    except InputError as error:
        why = f"The training data could not be read again ({error.line()})"
        told = f"{why}: whether these clips were trained on is not known."
        return Overlap(False, sentences=(told,))
    spared = held_out(model)
    names = {row.name for row in known.rows}
    own: dict[str, str] = {}
    for row in known.rows:
        for key in content(row):
            # Content that is trained on under any name is trained on.
            if key not in own or own[key] in spared:
                own[key] = row.name
    seen, kept, alike = [], [], []
    for row in asked.rows:
        found = [own[key] for key in content(row) if key in own]
        if any(name not in spared for name in found):
            seen.append(row.name)
        elif found:
            kept.append(row.name)
        elif row.name in names:
            alike.append(row.name)
    by = str(model.config.group_by[0])
    groups = {row.groups[by] for row in known.rows if by in row.groups}
    new = [row for row in asked.rows if row.name not in {*seen, *kept}]
    shared = sorted({row.groups[by] for row in new if by in row.groups} & groups)
    parts = (tuple(seen), tuple(kept), tuple(alike), tuple(shared))
    return Overlap(True, *parts, _sentences(len(asked), parts, by))


def _sentences(clips: int, parts: tuple[tuple[str, ...], ...], by: str) -> tuple[str, ...]:
    seen, kept, alike, shared = parts
    out = [
        f"None of the {clips} clips was trained on or chosen with (compared by content with the "
        "training data)."
        if not seen
        else f"{len(seen)} of the {clips} clips were trained on or chosen with."
    ]
    if kept:
        out.append(f"{len(kept)} are of the same data, from the part that was held out.")
    if alike:
        out.append(f"{len(alike)} have the name of a training clip, with other content.")
    if shared:
        shown = ", ".join(shared[:5]) + (", ..." if len(shared) > 5 else "")
        out.append(
            f"{len(shared)} names of a {by} of the new clips occur in the training data too "
            f"({shown}): the same {by}, unless two share a name."
        )
    return tuple(out)


def held_out(model: Model) -> set[str]:
    """Returns the clips of its own data that a network was neither trained on nor chosen with."""
    for place in _outcomes_of(model):
        facts = outcome_file.read(place)
        return {*facts.names, *_left_out(place)}
    return set()


def run_folder(model: Model) -> pathlib.Path | None:
    """Returns the workdir of the training that a network's folder lies in; None outside one."""
    for folder in model.path.resolve().parents:
        if (folder / "folds").is_dir() and (folder / "config.json").is_file():
            return folder
    return None


def _outcomes_of(model: Model) -> list[pathlib.Path]:
    """Returns the outcome of the fold that a network is of; [] where it was trained on all."""
    beside = model.path / ".." / outcome_file.NAME
    if beside.is_file():
        return [beside]
    folder = run_folder(model)
    if folder is None or (folder / "final").is_dir():
        return []
    # The network of a run with one fold is that of the first seed.
    seed = int(model.config.seeds[0])
    found = sorted(folder.glob(f"folds/*/seed_{seed}/{outcome_file.NAME}"))
    return found if len(found) == 1 else []


def _left_out(place: pathlib.Path) -> list[str]:
    import json

    return list(json.loads(place.read_text("utf-8")).get("left_out", []))


def _training_data(model: Model) -> Examples:
    """Reads what a network was trained on; estimated poses are not estimated again.

    Raises:
        InputError: it is gone, or has changed in size.
    """
    config = model.config
    if not pathlib.Path(config.data).exists():
        raise InputError("there is nothing any more", report_text.pathless(config.data))
    if config.poses == "estimated" and pathlib.Path(config.data).is_dir():
        found = reading.from_corpus(
            config.data, fps=config.fps, skeleton=config.skeleton, axes=config.axes, poses=False
        )
    else:
        found = train.read(config)
    told: Mapping[str, Any] = model.facts["data"]
    if told.get("sha256") and found.sha256 and told["sha256"] != found.sha256:
        raise InputError("it is another file than was trained on", config.data, "put it back")
    if len(found) < int(told["clips"]):
        what = f"it holds {len(found)} clips, fewer than the {told['clips']} that were trained on"
        raise InputError(what, config.data, "put them back")
    return found


def content(row: Example) -> set[str]:
    """Returns hashes of a clip's poses and of its video, of those it has."""
    keys = set()
    if row.clip is not None:
        values = np.round(np.nan_to_num(row.clip.pose, nan=-999.0), 4) + 0.0
        keys.add("pose " + hashlib.sha256(values.tobytes()).hexdigest())
    if row.video is not None and row.video.is_file():
        digest = hashlib.sha256()
        with row.video.open("rb") as file:
            while part := file.read(_CHUNK):
                digest.update(part)
        keys.add("video " + digest.hexdigest())
    return keys


def corpus_of(data: str) -> Any | None:
    """Returns the corpus that a training's data are, with its raters; None where it is none now."""
    if not pathlib.Path(data).is_dir():
        return None
    try:
        return layout.read_corpus(data)
    except InputError as error:
        logs.note(f"raters are not shown: {error.line()}")
        return None
