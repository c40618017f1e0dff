"""Locks on files and folders, among threads and processes alike; they end with their process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
from collections.abc import Iterator


def acquire(path: pathlib.Path) -> int:
    """Makes a lock file where it is not there and waits until it is free.

    Returns:
        what `release` takes.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        # The one who held it before may have removed the file from under this handle.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        os.close(handle)


def release(handle: int, remove: pathlib.Path | None = None) -> None:
    """Ends a lock.

    Args:
        handle: of `acquire`.
        remove: its file, where that is to go.
    """
    if remove is not None:
        remove.unlink(missing_ok=True)
    os.close(handle)


@contextlib.contextmanager
def in_use(path: str | os.PathLike[str]) -> Iterator[None]:
    """Marks a file or folder that is there as in use, so that `remove_if_free` leaves it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_if_free(path: pathlib.Path) -> bool:
    """Removes a file or folder unless a process holds its lock.

    Returns:
        whether it was removed.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
