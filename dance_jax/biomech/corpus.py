"""All movement measures of many clips of equal length at once, at this machine's full speed."""

from __future__ import annotations

import concurrent.futures
import functools
import os
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import catalogue
from dance_jax.biomech.movement import Movement
from dance_jax.errors import InputError

BATCH = 16
"""Clips in one call of the compiled program: the cheapest of 8, 16, 24 and 25 for ten seconds at 30
frames a second. A likely reason is that what a call works on then stays below 32 MiB; larger blocks
go back to Linux after each call."""


@functools.cache
def program(
    anthropometry: str, shapes: Movement, dtypes: Movement
) -> tuple[tuple[str, ...], Callable[[Movement], jax.Array]]:
    """Returns the measures, and the compiled function of a batch of movements [B, ...] to [B, K].

    One array of all: in a picture's plane a hundred small ones cost a tenth of the whole.

    Args:
        anthropometry: table of segment masses, a key of `anthropometry.ANTHROPOMETRY`.
        shapes: tuples in the place of the batch's arrays.
        dtypes: likewise.
    """
    batch = Movement(*map(jax.ShapeDtypeStruct, shapes, dtypes))
    clip = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), batch)
    of_one = functools.partial(catalogue.compute, anthropometry=anthropometry)
    keys = tuple(jax.eval_shape(of_one, clip))

    def row(moved: Movement) -> jax.Array:
        found = of_one(moved)
        return jnp.stack([found[key] for key in keys])

    options = catalogue.COMPILER_OPTIONS if jax.default_backend() == "cpu" else None
    return keys, jax.jit(jax.vmap(row), compiler_options=options).lower(batch).compile()


def _starts(clips: int, size: int) -> list[int]:
    """Returns where each batch starts; the last one may overlap the one before."""
    return [min(start, clips - size) for start in range(0, clips, size)]


def compute_corpus(
    movements: Movement, anthropometry: str = "de_leva_mean", batch: int = BATCH
) -> dict[str, np.ndarray]:
    """Computes every measure of many clips; equals `catalogue.compute` clip by clip.

    On the host: the corpus is cut into batches, and each core of a CPU runs one at a time, since
    XLA keeps most of a small graph on one thread; on other devices the batches go one after the
    other. The first call for a length, batch size and number of coordinates compiles (some 20 s).
    Not for use inside `jit`, `vmap` or `grad`: there take `catalogue.compute`.

    Args:
        movements: arrays with the clips in front, NumPy or JAX: pose [N, T, 26, C] in body heights,
            y up, NaN where missing; time_s [N, T] seconds, or [T] for all; height_m [N] metres, or
            one for all, NaN where unknown. Pad shorter clips with missing (NaN) frames and a time
            that goes on.
        anthropometry: table of segment masses, a key of `anthropometry.ANTHROPOMETRY`.
        batch: clips in one call.

    Returns:
        key of `catalogue.MEASURES` -> [N]; NaN where a measure has no meaning for a clip.

    Raises:
        InputError: the poses are not [N, T, 26, 2 or 3], the other shapes do not fit them, or the
            batch is not positive.
    """
    pose = np.asarray(movements.pose)
    if pose.ndim != 4 or pose.shape[2] != 26 or pose.shape[3] not in (2, 3):
        fix = "stack clips of equal length, HALPE-26 joints"
        raise InputError(f"poses are {list(pose.shape)}, not [N, T, 26, 2 or 3]", "pose", fix)
    if batch < 1:
        raise InputError(f"a batch of {batch} clips is not possible", "batch", f"use {BATCH}")
    clips, frames = pose.shape[:2]
    try:
        time_s = np.broadcast_to(np.asarray(movements.time_s), (clips, frames))
        height_m = np.broadcast_to(np.asarray(movements.height_m, pose.dtype), (clips,))
    except ValueError as error:
        fix = f"give time_s [{clips}, {frames}] or [{frames}] and height_m [{clips}] or one number"
        raise InputError("times or heights do not fit the poses", "movements", fix) from error
    if not clips:
        return {key: np.empty(0, np.float32) for key in catalogue.MEASURES}
    size = min(batch, clips)
    kinds = Movement(*(jax.dtypes.canonicalize_dtype(x.dtype) for x in (pose, time_s, height_m)))
    shapes = Movement((size, *pose.shape[1:]), (size, frames), (size,))
    keys, run = program(anthropometry, shapes, kinds)

    def of_batch(start: int) -> np.ndarray:
        arrays = (x[start : start + size] for x in (pose, time_s, height_m))
        return np.asarray(run(Movement(*map(np.asarray, arrays, kinds))))

    starts = _starts(clips, size)
    with concurrent.futures.ThreadPoolExecutor(_workers()) as pool:
        found = list(pool.map(of_batch, starts))
    table = np.empty((clips, len(keys)), found[0].dtype)
    for start, values in zip(starts, found, strict=True):
        table[start : start + size] = values
    return dict(zip(keys, table.T.copy(), strict=True))


def _workers() -> int:
    """Returns how many batches run at a time."""
    if jax.default_backend() != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
