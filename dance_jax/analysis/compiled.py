"""Keeps traced programs between runs, so that a new process neither traces nor compiles again.

Tracing and lowering the movement measures takes longer than running them a hundred times. JAX keeps
what it compiled; this keeps what it traced, beside it, as StableHLO with a checksum.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import functools
import gc
import hashlib
import os
import pathlib
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.export

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
_ROOMS = ("kinematics", "biomech", "skeleton.py", "skeleton_tables.py")
_DIGEST = 32

LONG = 4096
"""Frames beyond which the memory of a clip counts for more than the time of compiling again."""


@functools.cache
def source_hash() -> str:
    """Returns a hash of all code that a program can be traced from, and of JAX's version."""
    digest = hashlib.sha256(f"{jax.__version__} {jax.default_backend()}".encode())
    for room in _ROOMS:
        place = _PACKAGE / room
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def folder() -> pathlib.Path | None:
    """Returns where programs are kept: beside JAX's own cache; None where that is off."""
    cache = jax.config.jax_compilation_cache_dir
    return pathlib.Path(cache) / "traced" if cache else None


def program(name: str, function: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """Returns a compiled function, traced only where no earlier run has left its trace.

    Args:
        name: what the function computes, with everything static in it.
        function: pure; arrays in, dicts, lists or tuples of arrays out.
        *example: arrays of the shapes and types that it will be called with.

    Returns:
        The compiled function; its results are those of `jax.jit(function)`.
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), example)
    place = folder()
    if place is None:
        return _compiled(jax.jit(function), shapes)
    key = hashlib.sha256(f"{source_hash()} {name} {shapes}".encode()).hexdigest()
    file = place / f"{key[:40]}.stablehlo"
    blob = _read(file)
    if blob is None:
        blob = bytes(jax.export.export(jax.jit(function))(*shapes).serialize())
        _write(file, blob)
    exported = jax.export.deserialize(bytearray(blob))
    return _compiled(jax.jit(exported.call), shapes)


def _compiled(function: Any, shapes: tuple[Any, ...]) -> Callable[..., Any]:
    program = function.lower(*shapes).compile()
    give_back()
    return program


def give_back() -> None:
    """Returns freed memory to the system, where the C library can.

    The compiler leaves hundreds of MiB of freed blocks behind, which glibc keeps; beside a long
    video they count.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def spare(frames: int) -> None:
    """Returns what JAX keeps of programs that ran to the system, beside a long clip.

    Results stay, and programs that are held (`program`); others are compiled again, or read from
    JAX's cache on the disk, where they are called again.

    Args:
        frames: of the clip; up to `LONG` of them nothing is done.
    """
    if frames > LONG:
        jax.clear_caches()
        gc.collect()
        give_back()


def _read(file: pathlib.Path) -> bytes | None:
    """Returns what a file holds; None where it is missing, cannot be read, or was cut short."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, blob = content[:_DIGEST], content[_DIGEST:]
    return blob if hashlib.sha256(blob).digest() == digest else None


def _write(file: pathlib.Path, blob: bytes) -> None:
    """Writes a file whole; where that cannot be, the next run traces again."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(hashlib.sha256(blob).digest() + blob)
        part.replace(file)
    except OSError:  # a full or read-only disk costs time, not results
        return


class Ahead:
    """Runs preparations, one after another, beside other work."""

    def __init__(self, *steps: Callable[[], Any]) -> None:
        """Starts the first step in a thread of its own; the others follow."""
        self._stop = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._future = self._pool.submit(self._run, steps)
        self._pool.shutdown(wait=False)

    def _run(self, steps: tuple[Callable[[], Any], ...]) -> Any:
        found = None
        for step in steps:
            if self._stop.is_set():
                break
            found = step()
        return found

    def cancel(self) -> None:
        """Leaves out the steps that have not begun: nobody needs them any more."""
        self._stop.set()

    def result(self) -> Any:
        """Waits for the steps; returns what the last one returned, raises what one raised."""
        return self._future.result()
