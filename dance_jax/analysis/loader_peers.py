"""What the loader is timed against, each as a plain user would write it, and a model to be fed.

tf.data is part of TensorFlow, which this project neither needs nor installs. In its place stands
what reads the same files without it: array_record through tensorflow-datasets' data source and
Grain's lazy datasets, the interface after tf.data's (a source, shuffle, map, batch, prefetch).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

SECONDS = 2.0  # that a candidate is timed for
BATCH, LENGTH = 16, 100
D, JOINTS, AXES = 256, 26, 3


def cores() -> int:
    """Returns the cores of this process: as many threads read ahead, for every candidate."""
    return len(os.sched_getaffinity(0))


def rate(batches: Iterator[Any], rows: int = BATCH) -> dict[str, Any]:
    """Times batches for `SECONDS`, the start (first batch) left out.

    Args:
        batches: without an end.
        rows: of a batch.

    Returns:
        Of `timed`.
    """

    def one() -> int:
        next(batches)
        return rows

    one()
    return timed(one)


def timed(work: Callable[[], int]) -> dict[str, Any]:
    """Repeats work for `SECONDS`.

    Args:
        work: returns how many clips or frames it gave.

    Returns:
        {"seconds", "cpu_s", "rows"}: wall time, processor time of this process, clips or frames.
    """
    start, cpu, rows = time.perf_counter(), time.process_time(), 0
    while (seconds := time.perf_counter() - start) < SECONDS:
        rows += work()
    return {"seconds": seconds, "cpu_s": time.process_time() - cpu, "rows": rows}


def write_poses(folder: pathlib.Path, clips: int, frames: int, seed: int) -> None:
    """Writes synthetic clips as npz, a file each, and as one array_record dataset.

    Args:
        folder: made where it is not there; one that is there is taken as it is.
        clips: how many.
        frames: of each, at 30 frames a second.
        seed: of the first dancer.
    """
    if (folder / "done").exists():
        return
    from dance_jax.analysis.measures_benchmark import corpus
    from dance_jax.data import clip_npz
    from dance_jax.types import Clip

    (folder / "npz").mkdir(parents=True, exist_ok=True)
    poses, times, _ = corpus(clips, frames, AXES, seed)
    for k, (pose, time_s) in enumerate(zip(poses, times, strict=True)):
        sure = np.ones((frames, 1, JOINTS), np.float32)
        clip = Clip(pose[:, None], sure, time_s.astype(np.float64), unit="height")
        clip_npz.write(folder / "npz" / f"{k:05d}.npz", clip)
    _write_records(folder / "records", poses, times)
    (folder / "done").write_text(json.dumps({"clips": clips, "frames": frames}))


def _write_records(folder: pathlib.Path, poses: np.ndarray, times: np.ndarray) -> None:
    import tensorflow_datasets as tfds

    class Poses(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        url_infos: ClassVar[Mapping[str, Any]] = {}

        def _info(self) -> tfds.core.DatasetInfo:
            f = tfds.features
            features = f.FeaturesDict(
                {
                    "pose": f.Tensor(shape=(None, JOINTS, AXES), dtype=np.float32),
                    "time_s": f.Tensor(shape=(None,), dtype=np.float64),
                }
            )
            return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            del dl_manager
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Any:
            for k, (pose, time_s) in enumerate(zip(poses, times, strict=True)):
                yield k, {"pose": pose, "time_s": time_s.astype(np.float64)}

    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(try_download_gcs=False, compute_stats="skip")
    with contextlib.redirect_stdout(sys.stderr):  # standard output is the user's
        builder = Poses(data_dir=os.fspath(folder), file_format="array_record")
        builder.download_and_prepare(download_config=config)


def _table(folder: pathlib.Path) -> list[tuple[int, int]]:
    """Returns (clip, first frame) of every window, as the loader's own table has them."""
    made = json.loads((folder / "done").read_text())
    return [(k, at) for k in range(made["clips"]) for at in range(0, made["frames"], LENGTH)]


def _row(pose: np.ndarray, time_s: np.ndarray) -> dict[str, np.ndarray]:
    """Pads a window and marks what is there: what the loader hands out."""
    count = len(pose)
    out = np.full((LENGTH, JOINTS, AXES), np.nan, np.float32)
    out[:count] = pose
    clock = np.arange(LENGTH) / 30.0
    clock[:count] = time_s - time_s[0]
    clock[count:] = clock[count - 1] + np.arange(1, LENGTH - count + 1) / 30.0
    return {
        "pose": out,
        "joint_mask": np.isfinite(out).all(-1),
        "frame_mask": np.arange(LENGTH) < count,
        "time_s": clock.astype(np.float32),
    }


def _stacked(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def thread_pool(folder: str) -> dict[str, Any]:
    """The peer: a thread a core opens the npz of each window, pads it, and rows are stacked."""
    root = pathlib.Path(folder)
    table, order = _table(root), random.Random(0)

    def read(window: tuple[int, int]) -> dict[str, np.ndarray]:
        clip, at = window
        with np.load(root / "npz" / f"{clip:05d}.npz") as file:
            here = slice(at, at + LENGTH)
            return _row(file["pose"][here, 0], file["time_s"][here])

    def batches() -> Iterator[dict[str, np.ndarray]]:
        with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
            waiting = [pool.submit(read, order.choice(table)) for _ in range(2 * BATCH)]
            while True:
                now, waiting = waiting[:BATCH], waiting[BATCH:]
                waiting += [pool.submit(read, order.choice(table)) for _ in range(BATCH)]
                yield _stacked([one.result() for one in now])

    made = batches()
    try:
        return rate(made)
    finally:
        made.close()


def records(folder: str) -> dict[str, Any]:
    """The peer in the manner of tf.data: array_record, Grain's shuffle, map, batch, prefetch."""
    import grain
    import tensorflow_datasets as tfds

    root = pathlib.Path(folder)
    table = _table(root)
    builder = tfds.builder_from_directory(root / "records" / "poses" / "1.0.0")
    source = builder.as_data_source("train")

    def read(at: int) -> dict[str, np.ndarray]:
        clip, start = table[at]
        held = source[clip]
        here = slice(start, start + LENGTH)
        return _row(held["pose"][here], held["time_s"][here])

    rows = grain.MapDataset.range(len(table)).shuffle(0).repeat().map(read).batch(BATCH)
    ahead = grain.ReadOptions(num_threads=cores(), prefetch_buffer_size=2 * cores())
    return rate(iter(rows.to_iter_dataset(ahead)))


def ours(folder: str, way: str) -> dict[str, Any]:
    """The loader on the same files.

    Args:
        folder: of `write_poses`.
        way: "held" in memory, as it comes; "files": each window reads its file, by a thread a
            core; "cache": a cache on disk; "workers": that, read by two processes.
    """
    from dance_jax.data.clip_cache import ClipCache
    from dance_jax.data.clip_source import PoseClips
    from dance_jax.data.loader import Loader, LoaderOptions

    root = pathlib.Path(folder)
    cache = ClipCache(root / "cache") if way in ("cache", "workers") else None
    held_bytes = 0 if way == "files" else 512 << 20
    clips = PoseClips(sorted((root / "npz").iterdir()), cache=cache, held_bytes=held_bytes)
    threads = cores() if way == "files" else 0
    workers = 2 if way == "workers" else 0
    loader = Loader(clips, LoaderOptions(BATCH, LENGTH, threads=threads, workers=workers))
    try:
        return rate(loader)
    finally:
        loader.close()


def model(folder: str) -> dict[str, Any]:
    """What a pose model consumes: train steps of a stand-in, on one batch that is there already.

    The networks of this project are not built yet; this one has the size that they are to have: a
    2-layer bidirectional LSTM, 256 wide each way, 100 frames, batches of 16, mean squared error,
    Adam. The inputs' product stands outside the scan and both ways share one.
    """
    import jax
    import jax.numpy as jnp
    import optax

    del folder
    rng = np.random.default_rng(0)

    def weight(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape) / np.sqrt(shape[-2]), jnp.float32)

    wide = [JOINTS * AXES, 2 * D]
    layers = [{"w": weight(2, n, 4 * D), "u": weight(2, D, 4 * D)} for n in wide]
    params = {"layers": layers, "head": weight(2 * D, 1)}
    adam = optax.adam(1e-3)

    def lstm(layer: dict[str, jax.Array], x: jax.Array) -> jax.Array:  # [B,T,N] -> [B,T,2D]
        both = jnp.stack([x, x[:, ::-1]])
        inputs = jnp.einsum("wbtn,wnd->twbd", both, layer["w"])

        def step(held: tuple, now: jax.Array) -> tuple:
            h, c = held
            i, f, g, o = jnp.split(now + jnp.einsum("wbd,wdk->wbk", h, layer["u"]), 4, axis=-1)
            c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        none = jnp.zeros((2, x.shape[0], D))
        out = jax.lax.scan(step, (none, none), inputs)[1]
        return jnp.concatenate([out[:, 0], out[::-1, 1]], -1).swapaxes(0, 1)

    def loss(params: dict, pose: jax.Array, score: jax.Array) -> jax.Array:
        x = jnp.nan_to_num(pose).reshape(BATCH, LENGTH, -1)
        for layer in params["layers"]:
            x = lstm(layer, x)
        return jnp.mean((x.mean(1) @ params["head"] - score) ** 2)

    @jax.jit
    def train(params: dict, state: Any, pose: jax.Array, score: jax.Array) -> tuple:
        change, state = adam.update(jax.grad(loss)(params, pose, score), state, params)
        return optax.apply_updates(params, change), state

    pose = jnp.asarray(rng.normal(size=(BATCH, LENGTH, JOINTS, AXES)), jnp.float32)
    score = jnp.asarray(rng.uniform(0, 10, (BATCH, 1)), jnp.float32)

    def steps() -> Iterator[Any]:
        held = params, adam.init(params)
        for _ in itertools.count():
            held = jax.block_until_ready(train(*held, pose, score))
            yield held

    return rate(steps())
