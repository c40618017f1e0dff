"""Outside files the program needs: found or fetched by name, always held to their sha256."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from dance_jax.assets import sources
from dance_jax.assets.table import (
    ALIASES,
    ASSETS,
    WHEEL,
    Asset,
    cache_dir,
    get,
    known,
    known_file,
    sha256_of,
)
from dance_jax.errors import InputError

__all__ = [
    "ALIASES",
    "ASSETS",
    "COMMAND",
    "WHEEL",
    "Asset",
    "cache_dir",
    "fetch",
    "find",
    "get",
    "known",
    "known_file",
    "run",
    "sha256_of",
]

COMMAND = "python -m dance_jax.launch --config=configs/assets.py"


def find(name: str, path: str | os.PathLike[str] | None = None) -> pathlib.Path | None:
    """Returns where an asset lies on this machine, verified, or None; nothing is fetched.

    Args:
        name: a name of `ASSETS`.
        path: a file or a folder to look in; by default the cache.

    Raises:
        InputError: a file under that name is there but its sha256 differs, or cannot be read.
    """
    asset = get(name)
    place = cache_dir() if path is None else pathlib.Path(path)
    place = place / asset.file if place.is_dir() else place
    if not place.is_file() or (path is None and place.name != asset.file):
        return None
    try:
        data = place.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", place, "check its permissions"
        ) from error
    if not asset.matches(sha256_of(data)):
        raise InputError(
            f"sha256 differs from the official {asset.name}", place, f"fetch it again: {COMMAND}"
        )
    return place


def fetch(
    name: str,
    path: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    note: Callable[[str], None] | None = None,
) -> pathlib.Path:
    """Puts one asset into the cache and returns its place there.

    Sources, in order: the given path (the file, a `.task` or wheel that holds it, or a folder of
    these), the cache, the official address, the official wheel through pip. Every source is held
    to the same sha256; the file appears in the cache whole or not at all.

    Args:
        name: a name of `ASSETS`.
        path: a place to take it from.
        force: fetch again though the cache has it.
        note: told in one line each which source failed, and which one served.

    Raises:
        InputError: no source had it; the message lists why each failed.
    """
    asset = get(name)
    note = note or (lambda line: None)
    target = cache_dir() / asset.file
    failures: list[str] = []
    for source, take in _sources(asset, path, force):
        try:
            data = take()
            sources.check(asset, data)
            if source != "cache":
                sources.store(target, data)
        except sources.Refused as error:
            failures.append(f"{source}: {error}")
            note(f"{asset.name}: {source}: {error}")
            continue
        note(f"{asset.name}: from {source}")
        return target
    raise InputError(
        f"could not be fetched ({'; '.join(failures)})",
        asset.name,
        "download it by hand and give its place with --config.path=FILE_OR_FOLDER",
    )


def run(config: Any, workdir: pathlib.Path) -> None:
    """The task `assets`: fetches what `config.names` asks for and prints where it came from.

    Args:
        config: `names` (each a name or alias; "a|b" takes the first that can be had), `path` (a
            place to take them from, or ""), `force`.
        workdir: the run's folder; not used.

    Raises:
        InputError: something asked for could not be had.
    """
    del workdir
    rows: list[tuple[str, str, str, str]] = []
    failed: list[InputError] = []
    for wish in config.names:
        errors: list[InputError] = []
        for choice in str(wish).split("|"):
            try:
                rows += [_row(name, config) for name in ALIASES.get(choice, (choice,))]
                errors = []
                break
            except InputError as error:
                errors.append(error)
        failed += errors
    width = [max(len(row[i]) for row in [*rows, _HEAD]) for i in range(4)]
    for row in [_HEAD, *rows] if rows else []:
        print("  ".join(cell.ljust(size) for cell, size in zip(row, width, strict=True)).rstrip())
    if failed:
        raise (
            failed[0]
            if len(failed) == 1
            else InputError("; ".join(error.line() for error in failed), "assets", failed[0].fix)
        )


_HEAD = ("name", "file", "sha256", "source")


def _row(name: str, config: Any) -> tuple[str, str, str, str]:
    lines: list[str] = []

    def note(line: str) -> None:
        lines.append(line)
        print(line, file=sys.stderr, flush=True)

    place = fetch(name, config.path or None, force=bool(config.force), note=note)
    source = lines[-1].rsplit(": from ", 1)[-1]
    return name, str(place), sha256_of(place.read_bytes())[:12], source


def _sources(
    asset: Asset, path: str | os.PathLike[str] | None, force: bool
) -> list[tuple[str, Callable[[], bytes]]]:
    cached = cache_dir() / asset.file
    out: list[tuple[str, Callable[[], bytes]]] = []
    if path is not None:
        out.append((f"path {path}", lambda: sources.from_path(asset, pathlib.Path(path))))
    if not force:
        out.append(("cache", lambda: sources.read(cached, asset)))
    if asset.bundle:
        out.append((f"bundle {asset.bundle}", lambda: sources.from_zip(asset, fetch(asset.bundle))))
    if asset.url:
        out.append((f"address {asset.url}", lambda: sources.from_url(asset)))
    if asset.wheel_member:
        out.append((f"wheel {WHEEL}", lambda: sources.from_wheel(asset)))
    return out
