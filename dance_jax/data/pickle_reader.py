"""Reads pickles of arrays in a restricted child process, and converts them to npz.

A pickle is a program; nothing here runs one unless the caller says `allow_pickle=True`, and then
`pickle_child` interprets it: an own process, 14 names, limits on memory and time. What comes
back is checked again as if the child were hostile.

    python -m dance_jax.data.pickle_reader keypoints.pkl keypoints.npz --allow_pickle
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from dance_jax.data import npz_file, pickle_values
from dance_jax.errors import InputError

CHILD = pathlib.Path(__file__).with_name("pickle_child.py")


@dataclasses.dataclass(frozen=True)
class PickleLimits:
    """The largest pickle that is read.

    Attributes:
        max_bytes: size of the file, and of all its arrays together.
        max_values: dicts, lists, numbers, texts and arrays in it.
        max_members: arrays of one npz.
        cpu_s: processor time of the child, seconds.
        wall_s: time until the child is ended, seconds.
    """

    max_bytes: int = 2 << 30
    max_values: int = 4_000_000
    max_members: int = 1000
    cpu_s: int = 120
    wall_s: float = 300.0


def read(
    path: str | os.PathLike[str],
    *,
    allow_pickle: bool = False,
    limits: PickleLimits | None = None,
) -> Any:
    """Reads a pickle of arrays, dicts, lists and plain values; anything else in it is refused.

    Two more kinds of object are known: scikit-learn's `StandardScaler` and `MinMaxScaler` become
    dicts of their numbers with their name under "class". scikit-learn itself is not needed.

    Args:
        path: the file, or the zip that `torch.save` makes with a pickle in it (no tensors).
        allow_pickle: must be True: a pickle may be made to harm, however well it is read.
        limits: None for the usual ones.

    Returns:
        dicts, lists (tuples too), numbers, text, bytes, and arrays, which may not be written to.

    Raises:
        InputError: not allowed, not a pickle, over a limit, or it asks for anything but arrays.
    """
    limits = PickleLimits() if limits is None else limits
    if not allow_pickle:
        raise InputError(
            "it is a pickle, which can hold a program",
            path,
            "if you trust where it comes from, convert it: python -m dance_jax.data.pickle_reader "
            "IN.pkl OUT.npz --allow_pickle",
        )
    try:
        with _opened(path) as source:
            size = os.fstat(source.fileno()).st_size
            if size > limits.max_bytes:
                raise InputError(f"it has over {limits.max_bytes} bytes", path, "split it")
            with tempfile.TemporaryFile() as made, tempfile.TemporaryFile() as said:
                _run(path, source, made, said, size, limits)
                return pickle_values.decode(made, path)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check the name") from error


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a pickle, also the one in a zip of `torch.save`."""
    with open(path, "rb", 0, opener=_regular) as source:  # the child reads on from here
        if source.read(4) != b"PK\x03\x04":
            source.seek(0)
            yield source
            return
    with npz_file.open_zip(path) as archive, tempfile.TemporaryFile() as inside:
        names = [name for name in archive.namelist() if name.split("/")[-1] == "data.pkl"]
        if len(names) != 1:
            raise InputError(f"it is a zip with {len(names)} pickles", path, "give the pickle")
        try:
            with archive.open(names[0]) as packed:
                shutil.copyfileobj(packed, inside)
        except (*npz_file.DAMAGE, NotImplementedError, RuntimeError) as error:
            raise InputError(f"it is damaged ({error})", path, "copy the file again") from error
        inside.seek(0)
        yield inside


def _regular(path: str, flags: int) -> int:
    """Opens a regular file only: a pipe would wait for ever."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError("it is not a regular file", path, "give the file's own name")
    return handle


def _run(
    path: object, source: BinaryIO, made: BinaryIO, said: BinaryIO, size: int, limits: PickleLimits
) -> None:
    """Runs the child from one open file to another, and turns its end into an error."""
    # The unpickled bytes, their copy where they were text, the values, and the interpreter.
    memory = (256 << 20) + 6 * size + 200 * min(limits.max_values, size)
    numbers = (memory, limits.cpu_s, limits.max_values, min(limits.max_bytes, 8 * size + 4096))
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(CHILD), *map(str, numbers)],
        stdin=source,
        stdout=made,
        stderr=said,
        cwd="/",
        env={},
        start_new_session=True,
    )
    try:
        code = child.wait(limits.wall_s)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"reading it takes over {limits.wall_s:g} s", path, "it may be made to harm"
        ) from None
    finally:
        child.kill()  # does nothing where it has ended
        child.wait()
    if code == 0:
        return
    said.seek(0)
    why = "".join(c for c in said.read(400).decode("ascii", "replace") if c.isprintable())
    if code < 0:
        why = f"the process that read it was ended by {signal.Signals(-code).name}"
    elif code != 3:
        why = f"the process that read it failed: {why}"
    raise InputError(why, path, "it is damaged, made to harm, or not a pickle of arrays")


def arrays(tree: Any, path: object = "") -> dict[str, np.ndarray]:
    """Flattens what `read` gave to named arrays; a plain value becomes an array of no dimension.

    Args:
        tree: result of `read`.
        path: the file, for the message.

    Returns:
        "a/b/0" -> array: keys of dicts and places in lists, joined by "/".

    Raises:
        InputError: a name occurs twice, or a value is None.
    """
    out: dict[str, np.ndarray] = {}

    def visit(name: str, value: Any) -> None:
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                visit(f"{name}/{key}" if name else str(key), item)
            return
        if isinstance(value, bytes):
            value = np.frombuffer(value, np.uint8)
        if value is None or name in out:
            what = "has no value" if value is None else "occurs twice"
            raise InputError(f"{name!r} {what}", path, "an npz cannot hold it")
        out[name or "value"] = np.asarray(value)

    visit("", tree)
    return out


def to_npz(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    allow_pickle: bool = False,
    limits: PickleLimits | None = None,
) -> dict[str, np.ndarray]:
    """Converts a pickle of arrays to an npz, written whole or not at all.

    Args:
        path: the pickle.
        out: the npz to make.
        allow_pickle: see `read`; so are the errors.
        limits: None for the usual ones.

    Returns:
        The arrays, by name as in `arrays`.
    """
    limits = PickleLimits() if limits is None else limits
    found = arrays(read(path, allow_pickle=allow_pickle, limits=limits), path)
    if len(found) > limits.max_members:
        raise InputError(
            f"it holds {len(found)} arrays and values, over {limits.max_members}",
            path,
            "convert it by a reader of its own format",
        )
    bad = [name for name in found if not _is_member(name)]
    if bad:
        raise InputError(f"{bad[0][:60]!r} cannot name a member of an npz", path, "rename it")
    if sum(array.nbytes for array in found.values()) > limits.max_bytes:
        raise InputError(f"its arrays have over {limits.max_bytes} bytes", path, "split it")
    save(out, found)
    return found


def _is_member(name: str) -> bool:
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and not {"", ".", "..", "file"} & set(parts)


def save(out: str | os.PathLike[str], found: dict[str, np.ndarray]) -> None:
    """Writes an npz whole or not at all."""
    out = pathlib.Path(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **found)
        os.replace(partial, out)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", out, "choose another") from error
    finally:
        partial.unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    """Command line: IN OUT --allow_pickle; prints what was converted."""
    parser = argparse.ArgumentParser(prog="python -m dance_jax.data.pickle_reader")
    parser.add_argument("input", help="pickle of arrays (AIST++)")
    parser.add_argument("output", help="npz to make")
    parser.add_argument("--allow_pickle", action="store_true", help="you trust the file's source")
    given = parser.parse_args(argv)
    try:
        found = to_npz(given.input, given.output, allow_pickle=given.allow_pickle)
    except InputError as error:
        print(error.line(), file=sys.stderr)
        return 2
    for name, array in found.items():
        print(f"{name}: {array.dtype} {list(array.shape)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
