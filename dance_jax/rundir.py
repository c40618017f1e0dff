"""The run directory: whose it is, what made it, and outputs that appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dance_jax._version import __version__
from dance_jax.errors import InputError
from dance_jax.interrupts import Terminated as Terminated
from dance_jax.interrupts import check_interrupt, signals_wait
from dance_jax.interrupts import interruptible as interruptible

CONFIG_FILE, VERSIONS_FILE = "config.json", "versions.json"
PARTIAL = ".partial-"
_LAST = ("analysis.json", "summary.csv", "index.html", "report.html")
_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "numpy",
    "scipy",
    "mediapipe",
    "ai-edge-litert",
    "av",
    "opencv-contrib-python",
    "matplotlib",
    "ml_collections",
)


def open_workdir(config: Any, workdir: str | os.PathLike[str]) -> pathlib.Path:
    """Makes the folder of a run, or continues the run of the same config that it holds.

    Writes `config.json` and `versions.json`, and clears away what a killed run left half-written.

    Args:
        config: a ConfigDict or a mapping.
        workdir: the folder; it is made where it is missing.

    Returns:
        The folder.

    Raises:
        InputError: when it cannot be written, or is a file, or holds something else.
    """
    folder = pathlib.Path(workdir)
    where = f"--workdir={workdir}"
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file, not a folder", where, "choose another --workdir")
    made, new = not folder.exists(), as_json(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            remove_stale(folder)
        held = folder / CONFIG_FILE
        if held.exists():
            _refuse_other(held, new, where)
        elif not made and any(not p.name.startswith(PARTIAL) for p in folder.iterdir()):
            what = "is not empty and holds no run of dance_jax"
            raise InputError(what, where, "choose a new or empty --workdir")
        write_json(held, new)
        write_json(folder / VERSIONS_FILE, versions())
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise InputError(what, where, "choose a --workdir that you may write to") from error
    return folder


def abandon(workdir: pathlib.Path) -> bool:
    """Removes a run directory in which nothing was produced yet; returns whether it did.

    A run that failed before its first output then leaves nothing that would refuse the next try.
    """
    remove_stale(workdir)
    names = {p.name for p in workdir.iterdir()} if workdir.is_dir() else {""}
    if not names <= {CONFIG_FILE, VERSIONS_FILE}:
        return False
    for name in names:
        (workdir / name).unlink()
    workdir.rmdir()
    return True


@contextlib.contextmanager
def staging(workdir: str | os.PathLike[str], last: Sequence[str] = _LAST) -> Iterator[pathlib.Path]:
    """Gives a hidden folder for outputs, and moves them into the run directory at the end.

    On an error or an interrupt the folder is removed and the run directory is as it was. Each file
    is moved atomically; the files named in `last`, whose presence says that the rest is whole, go
    last, and their old versions go first. An interrupt that arrives while files are moved waits;
    after one that came earlier and was lost (see `check_interrupt`) nothing is moved.

    Args:
        workdir: the run directory, or a sub-folder of it; made where it is missing.
        last: names of the files that are moved last, in this order.

    Yields:
        The hidden folder, on the same file system.
    """
    target = pathlib.Path(workdir)
    target.mkdir(parents=True, exist_ok=True)
    remove_stale(target)
    # The lock, held by this process while it lives, tells another one that the folder is in use.
    handle, lock = tempfile.mkstemp(prefix=PARTIAL, suffix=".lock", dir=target)
    partial = pathlib.Path(lock.removesuffix(".lock"))
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        partial.mkdir()
        yield partial
        with signals_wait():
            check_interrupt()
            _commit(partial, target, last)
    finally:
        with signals_wait():
            shutil.rmtree(partial, ignore_errors=True)
            pathlib.Path(lock).unlink(missing_ok=True)
            os.close(handle)


def remove_stale(folder: pathlib.Path) -> int:
    """Removes the partial folders of processes that are gone; returns how many there were."""
    count = 0
    for lock in folder.glob(f"{PARTIAL}*.lock"):
        try:
            handle = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(str(lock).removesuffix(".lock"), ignore_errors=True)
            lock.unlink(missing_ok=True)
            count += 1
        finally:
            os.close(handle)
    for path in folder.glob(f"{PARTIAL}*"):
        # A single file that was being written: its writer replaces or removes it within moments.
        if path.is_dir() and not pathlib.Path(f"{path}.lock").exists():
            shutil.rmtree(path, ignore_errors=True)
            count += 1
    return count


def as_json(config: Any) -> dict[str, Any]:
    """Returns a config as plain JSON values, as `config.json` holds it."""
    plain = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    return json.loads(json.dumps(plain, sort_keys=True))


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes JSON so that the file is always whole: the old one, or the new one."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes UTF-8 text so that the file is always whole: the old one, or the new one."""
    path = pathlib.Path(path)
    handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


def versions() -> dict[str, Any]:
    """Returns the versions of what computes: this package, its commit, Python, libraries."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = None
    return {
        "dance_jax": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "executable": pathlib.Path(sys.executable).name,
        "packages": packages,
    }


def commit() -> str | None:
    """Returns the commit of the checkout that this code runs from, or None outside one."""
    git = pathlib.Path(__file__).resolve().parents[1] / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text().strip()
        for line in (git / "packed-refs").read_text().splitlines():
            if line.endswith(f" {name}"):
                return line.split()[0]
    except OSError:
        pass
    return None


def _refuse_other(held: pathlib.Path, new: Mapping[str, Any], where: str) -> None:
    """Raises InputError where the folder holds a run of another config."""
    try:
        old = json.loads(held.read_text(encoding="utf-8"))
    except ValueError as error:
        what = f"holds a {CONFIG_FILE} that cannot be read"
        raise InputError(what, where, "choose another --workdir") from error
    difference = first_difference(old, new)
    if difference:
        key, before, now = difference
        what = f"holds a run of another config ({key} is {before!r} there and {now!r} here)"
        raise InputError(what, where, "choose another --workdir, or remove that one")


def first_difference(old: Any, new: Any, name: str = "config") -> tuple[str, Any, Any] | None:
    """Returns the first differing key and both values ("absent" for a missing one), or None.

    Args:
        old: JSON value.
        new: JSON value.
        name: dotted name of the key that holds them.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=lambda k: (k != "task", k)):
            part = (old.get(key, "absent"), new.get(key, "absent"))
            found = first_difference(*part, f"{name}.{key}")
            if found:
                return found
        return None
    return None if old == new else (name, old, new)


def _commit(partial: pathlib.Path, target: pathlib.Path, last: Sequence[str]) -> None:
    """Moves every file of `partial` into `target`, the files named in `last` at the end."""
    files = sorted(p.relative_to(partial) for p in partial.rglob("*") if p.is_file())
    order = {name: n for n, name in enumerate(last, 1)}
    files.sort(key=lambda p: order.get(p.as_posix(), 0))
    for file in files:
        if file.as_posix() in order:
            (target / file).unlink(missing_ok=True)
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial / file, target / file)


def _umask() -> int:
    """Returns the process's file mode mask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
