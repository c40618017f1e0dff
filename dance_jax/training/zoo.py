"""The trained networks that come with the package: listed, found by name, checked by sha256."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from dance_jax import config as configs
from dance_jax.errors import InputError
from dance_jax.training import model
from dance_jax.training.model import Model

SCHEMA = "dance_jax.zoo.1"
LIST = pathlib.Path(__file__).parents[1] / "zoo.json"
PREFIX = "zoo:"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_FILES = {model.FACTS, model.WEIGHTS}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One trained network.

    Attributes:
        name: by which it is asked for.
        about: what it tells of a dance, in one sentence.
        folder: that holds it, from the list's own folder.
        files: name -> sha256 of each of its files.
        data: what it was trained on.
        data_licence: of those data, which allows to pass the weights on.
        synthetic: the data were generated.
        measured: figure -> value on clips that it was not trained on.
        command: that trains and measures it.
    """

    name: str
    about: str
    folder: str
    files: Mapping[str, str]
    data: str
    data_licence: str
    synthetic: bool
    measured: Mapping[str, Any]
    command: str


def entries(path: str | os.PathLike[str] = LIST) -> tuple[Entry, ...]:
    """Returns what the list holds, in its order.

    Args:
        path: of the list.

    Raises:
        InputError: it cannot be read, or an entry is not whole.
    """
    try:
        held = json.loads(pathlib.Path(path).read_text("utf-8"))
        if held["schema"] != SCHEMA:
            raise ValueError(f"its schema is {held['schema']!r}, not {SCHEMA!r}")
        found = tuple(_entry(row) for row in held["weights"])
        if len({entry.name for entry in found}) != len(found):
            raise ValueError("two entries have one name")
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"the list of trained networks cannot be read ({error})"
        raise InputError(what, path, "install the package again") from error
    return found


def _entry(row: Mapping[str, Any]) -> Entry:
    wanted = {field.name: field.type for field in dataclasses.fields(Entry)}
    if set(row) != set(wanted):
        odd = ", ".join(sorted(set(row) ^ set(wanted)))
        raise ValueError(f"an entry has other keys: {odd}")
    kinds = {"str": str, "bool": bool}
    for key, kind in wanted.items():
        if not isinstance(row[key], kinds.get(str(kind), dict)):
            raise ValueError(f"{key} of an entry is {row[key]!r}")
    if not _NAME.fullmatch(row["name"]):
        raise ValueError(f"{row['name']!r} is no name: small letters, digits, _ - and .")
    if set(row["files"]) != _FILES:
        raise ValueError(f"{row['name']} must have {' and '.join(sorted(_FILES))}")
    folder = pathlib.PurePosixPath(row["folder"])
    if folder.is_absolute() or ".." in folder.parts:
        raise ValueError(f"the folder of {row['name']} lies outside of the package")
    for what in ("data_licence", "command", "measured"):
        if not row[what]:
            raise ValueError(f"{row['name']} says nothing of its {what}")
    return Entry(**row)


def find(name: str, path: str | os.PathLike[str] = LIST) -> Entry:
    """Returns the entry of a name.

    Args:
        name: of the network, with or without "zoo:".
        path: of the list.

    Raises:
        InputError: there is none; the nearest name is told.
    """
    name = name.removeprefix(PREFIX)
    found = {entry.name: entry for entry in entries(path)}
    if name in found:
        return found[name]
    near = configs.nearest(name, found)
    if near:
        fix = f"did you mean {PREFIX}{near}?"
    elif found:
        fix = f"there are {', '.join(found)}"
    else:
        fix = "none comes with this version: train one (docs/training.md) and give its workdir"
    raise InputError(f"there is no trained network {name!r}", f"{PREFIX}{name}", fix)


def folder_of(entry: Entry, path: str | os.PathLike[str] = LIST) -> pathlib.Path:
    """Returns the folder of a network, each of its files checked by its sha256.

    Args:
        entry: of the list.
        path: of the list.

    Raises:
        InputError: a file is missing, or is another one.
    """
    folder = pathlib.Path(path).parent / entry.folder
    for name, wanted in entry.files.items():
        try:
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            what = f"a file of {PREFIX}{entry.name} cannot be read ({error.strerror})"
            raise InputError(what, folder / name, "install the package again") from error
        if digest != wanted:
            what = f"it is not the file of {PREFIX}{entry.name}: its sha256 is {digest[:12]}..."
            raise InputError(what, folder / name, "install the package again")
    return folder


def resolve(
    run: str | os.PathLike[str], path: str | os.PathLike[str] = LIST
) -> tuple[pathlib.Path, Entry | None]:
    """Returns the folder that a name of a run means.

    Args:
        run: a workdir of the task `train`, its folder `model`, "zoo:NAME", or the bare NAME where
            no folder is called so.
        path: of the list.

    Returns:
        The folder, and the entry where it is one of the list.

    Raises:
        InputError: there is no such folder and no such network.
    """
    text = os.fspath(run)
    if text.startswith(PREFIX):
        entry = find(text, path)
        return folder_of(entry, path), entry
    folder = pathlib.Path(text).expanduser()
    if folder.is_dir():
        return folder, None
    if folder.exists():
        what = "it is a file, and a trained network is a folder"
        raise InputError(what, text, "give the workdir of a training")
    if _NAME.fullmatch(text):
        entry = _bare(text, path)
        return folder_of(entry, path), entry
    what = "there is no such folder"
    raise InputError(what, text, f"give the workdir of a training, or {PREFIX}NAME")


def _bare(name: str, path: str | os.PathLike[str]) -> Entry:
    try:
        return find(name, path)
    except InputError as error:
        what = f"there is no such folder, and no trained network {name!r}"
        raise InputError(what, name, error.fix) from error


def load_run(run: str | os.PathLike[str]) -> Model:
    """Reads a trained network.

    Args:
        run: a workdir of the task `train`, or "zoo:NAME" for one that comes with the package.

    Returns:
        The network with its config, its classes and scores, and the data it was trained on.

    Raises:
        InputError: there is none, or it is damaged or of another version.
    """
    return model.load(resolve(run)[0])
