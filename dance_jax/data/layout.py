"""Finds how a corpus is laid out: annotation tables, ready-made parts, or a folder a style."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dance_jax.data.annotations import Annotations
from dance_jax.data.container import VIDEO_SUFFIXES
from dance_jax.data.corpus import Corpus, Entry
from dance_jax.data.image_folder import IMAGE_SUFFIXES
from dance_jax.data.problems import Problem
from dance_jax.errors import InputError

PARTS = ("train", "val", "test")
_PART_NAMES = {"validation": "val", "valid": "val", "dev": "val", **{p: p for p in PARTS}}
MAX_FILES = 1_000_000
_EXPECTED = (
    "give a folder with annotations/*.csv and videos/, with videos/STYLE/*, or images/STYLE/CLIP/*"
)


class Layout(NamedTuple):
    """Where things are.

    Attributes:
        kind: "annotations", "class folders" or "image folders".
        tables: (CSV file, part) in order; part is "" for a corpus in one piece.
        media: the folder of videos or of images; file names in tables are relative to it.
        parts: part -> folder of its videos, where they lie apart.
    """

    kind: str
    tables: tuple[tuple[pathlib.Path, str], ...]
    media: pathlib.Path
    parts: dict[str, pathlib.Path]


def find_layout(root: str | os.PathLike[str]) -> Layout:
    """Tells the layout of a folder by what is in it.

    `annotations/*.csv` (or CSV files beside `videos/`) win; then `images/STYLE/CLIP/`; then
    `videos/STYLE/`, or the styles right in the folder. Parts are sub-folders, or tables, named
    train, val (validation, valid, dev) and test.

    Args:
        root: the folder; one named `data` inside it is taken where it has nothing else.

    Raises:
        InputError: it is no folder, or in none of these layouts.
    """
    root = pathlib.Path(root)
    if not root.is_dir():
        raise InputError("there is no such folder", root, "check the name")
    names = _folders(root)
    if "data" in names and not {"videos", "images", "annotations"} & set(names):
        root, names = root / "data", _folders(root / "data")
    media = root / "videos" if "videos" in names else root
    places = [root / "annotations"] if "annotations" in names else [root, media]
    tables = [p for place in places for p in sorted(place.glob("*.csv")) if p.is_file()]
    if "annotations" not in names:
        tables = [p for p in tables if _names_videos(p)]
    if tables:
        parts = dict(_parts(media))
        known = tuple((p, _PART_NAMES.get(p.stem.lower(), "")) for p in dict.fromkeys(tables))
        return Layout("annotations", known, media, parts)
    if "images" in names:
        return Layout("image folders", (), root / "images", dict(_parts(root / "images")))
    parts = dict(_parts(media))
    if any(_styles(folder) for folder in (parts.values() or [media])):
        return Layout("class folders", (), media, parts)
    raise InputError("it holds no tables and no folders of styles", root, _EXPECTED)


def load_corpus(root: str | os.PathLike[str]) -> tuple[Corpus, list[Problem]]:
    """Reads a corpus whole, whatever its layout, with every problem of its tables.

    Args:
        root: the folder.

    Returns:
        The corpus, and the problems that were met; no media file is opened.

    Raises:
        InputError: it is no corpus, or a table cannot be read at all.
    """
    layout = find_layout(root)
    if layout.kind == "annotations":
        return _annotated(layout)
    entries = list(_by_folder(layout))
    notes = (f"{layout.kind}: {len(entries)} clips, the style from the folder's name",)
    if not entries:
        raise InputError("its folders of styles hold no clip", layout.media, _EXPECTED)
    return Corpus(pathlib.Path(root), layout.kind, tuple(entries), notes=notes), []


def read_corpus(root: str | os.PathLike[str]) -> Corpus:
    """Reads a corpus that must be right: the first error of its tables is raised.

    Raises:
        InputError: as `load_corpus`, or the first problem that is an error.
    """
    corpus, problems = load_corpus(root)
    for problem in problems:
        if problem.level == "error":
            raise problem.as_error()
    return corpus


def media_files(layout: Layout) -> Iterator[pathlib.Path]:
    """Yields every video under the folder of videos, in the order of their names."""
    count = 0
    for folder, folders, names in os.walk(layout.media):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(tuple(VIDEO_SUFFIXES)) and not name.startswith("."):
                count += 1
                if count > MAX_FILES:
                    what = f"it holds more than {MAX_FILES:,} videos"
                    raise InputError(what, layout.media, "split the corpus")
                yield pathlib.Path(folder) / name


def _annotated(layout: Layout) -> tuple[Corpus, list[Problem]]:
    def find(name: str, part: str) -> pathlib.Path | None:
        places = [layout.parts[part]] if part in layout.parts else []
        for place in (*places, layout.media, layout.media.parent):
            if (place / name).exists():
                return place / name
        return None

    read = Annotations(find)
    for path, part in layout.tables:
        read.add(path, part)
    entries = read.entries()
    parts = sorted({part for _, part in layout.tables if part})
    tables = len(layout.tables)
    notes = [f"annotations: {tables} table{'s' * (tables != 1)}, {len(entries)} clips"]
    if parts:
        notes.append(f"it came split into {', '.join(parts)}; that split is kept as it is")
    for top in sorted(set(read.scales.values())):
        names = [score for score, upper in read.scales.items() if upper == top]
        notes.append(f"on a scale of 0 to {top:g}: {', '.join(names)}")
    corpus = Corpus(
        layout.media.parent if layout.media.name == "videos" else layout.media,
        layout.kind,
        tuple(entries),
        tuple(read.ratings),
        dict(read.scales),
        tuple(notes),
    )
    return corpus, read.problems


def _names_videos(path: pathlib.Path) -> bool:
    """A table beside the videos is one of annotations where its header names them."""
    with path.open("rb") as file:
        return b"video_file" in file.read(4096).partition(b"\n")[0].lower()


def _by_folder(layout: Layout) -> Iterator[Entry]:
    images = layout.kind == "image folders"
    for part, folder in (layout.parts or {"": layout.media}).items():
        for style in _styles(folder):
            place = folder / style
            names = _folders(place) if images else _files(place, VIDEO_SUFFIXES)
            for name in names:
                path = place / name
                if images and not _files(path, IMAGE_SUFFIXES):
                    continue
                clip = path.relative_to(layout.media).as_posix()
                yield Entry(clip, path, style, part=part, where=str(place))


def _parts(folder: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    for name in _folders(folder):
        if name.lower() in _PART_NAMES:
            yield _PART_NAMES[name.lower()], folder / name


def _styles(folder: pathlib.Path) -> list[str]:
    """Names of sub-folders that hold clips, or folders of images."""
    return [
        name
        for name in _folders(folder)
        if name.lower() not in _PART_NAMES
        and (_files(folder / name, VIDEO_SUFFIXES) or _folders(folder / name))
    ]


def _folders(folder: pathlib.Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(folder: pathlib.Path, suffixes: Sequence[str]) -> list[str]:
    ends = tuple(suffixes)
    return sorted(
        p.name
        for p in folder.iterdir()
        if p.is_file() and p.name.lower().endswith(ends) and not p.name.startswith(".")
    )
