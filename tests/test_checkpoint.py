"""Checkpoints: exact, atomic under SIGKILL, damage found, and readable without the network."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dance_jax import optim, parallel
from dance_jax.checkpoint import Checkpoints, load_params
from dance_jax.errors import InputError
from tests.seeds import fresh
from tests.training import interrupted, small

ROOT = pathlib.Path(__file__).resolve().parents[1]


def same(a: object, b: object) -> bool:
    """Returns whether two trees are equal in structure, type and every bit."""
    x, y = (jax.tree.map(np.asarray, tree) for tree in (a, b))
    return jax.tree.structure(x) == jax.tree.structure(y) and all(
        p.dtype == q.dtype and p.shape == q.shape and p.tobytes() == q.tobytes()
        for p, q in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    )


def items(seed: int = 0) -> dict[str, object]:
    """Returns trees of all kinds of leaves: empty, scalar, bfloat16, integers, NaN."""
    rng = np.random.default_rng(seed)
    params = {"a": {"kernel": rng.normal(0, 1, (4, 3)).astype(np.float32), "bias": np.zeros(3)}}
    params["half"] = jnp.asarray(rng.normal(0, 1, 5), jnp.bfloat16)
    params["none"] = jnp.zeros((0, 3))
    tx = optim.make(optim.OptimOptions(frozen=("half",), weight_decay=0.1, clip_norm=1.0))
    return {
        "variables": {"params": params, "batch_stats": {}},
        "ema": {},
        "optimizer": tx.init(jax.tree.map(jnp.asarray, params)),
        "counters": {"step": jnp.int32(7), "odd": np.array([np.nan, -0.0, np.inf], np.float32)},
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with checkpoints, of which the best came early."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    with Checkpoints(folder, keep=2, config={"width": 3, "sizes": (1, 2)}) as checkpoints:
        for step, metric in enumerate((5.0, 1.0, 3.0, None, float("nan"), 1.0)):
            extra = {"data": {"batch": step}}
            checkpoints.save(step, items(step), extra=extra, metric=metric)
    return folder


def test_the_best_and_the_last_are_kept_and_read_back_exactly(saved: pathlib.Path) -> None:
    with Checkpoints(saved, config={"width": 3, "sizes": (1, 2)}) as checkpoints:
        assert checkpoints.steps() == [1, 4, 5]
        assert (checkpoints.best(), checkpoints.latest()) == (1, 5)
        for which, step, metric in (("best", 1, 1.0), ("latest", 5, 1.0), (4, 4, None)):
            found = checkpoints.restore(items(), which)
            assert (found.step, found.metric) == (step, metric)
            assert found.extra == {"data": {"batch": step}}
            assert same(found.items, items(step))
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), items())
        assert same(checkpoints.restore(shapes, 4).items, items(4))


def test_a_step_is_not_written_twice_and_max_keeps_the_highest(tmp_path: pathlib.Path) -> None:
    with Checkpoints(tmp_path / "c", keep=1, mode="max") as checkpoints:
        for step, metric in enumerate((1.0, 4.0, 2.0)):
            checkpoints.save(step, {"a": {"x": np.full(2, step)}}, metric=metric)
            checkpoints.save(step, {"a": {"x": np.full(2, -1)}}, metric=metric)
        assert checkpoints.best() == 1
        assert checkpoints.steps() == [1, 2]
        assert checkpoints.load("a")[0]["x"].tolist() == [1, 1]


def test_what_was_saved_is_what_was_there_when_it_was_saved(tmp_path: pathlib.Path) -> None:
    x = np.zeros(100_000)
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(0, {"a": {"x": x}})
        x[:] = 1  # as a donated buffer that the next step takes over
        assert not checkpoints.load("a")[0]["x"].any()


def test_parameters_are_read_alone(saved: pathlib.Path) -> None:
    variables, extra = load_params(saved, ema=True)
    assert same(variables["params"], items(1)["variables"]["params"])
    assert extra == {"data": {"batch": 1}}
    with pytest.raises(InputError, match="holds no checkpoints"):
        load_params(saved / "none")
    assert not (saved / "none").exists()


def test_what_differs_is_named(saved: pathlib.Path) -> None:
    with Checkpoints(saved, config={"width": 4, "sizes": (1, 2)}) as checkpoints:
        with pytest.raises(InputError, match="made with width=3 and this run has 4"):
            checkpoints.restore(items())
        wider, missing, other = items(), items(), items()
        wider["variables"]["params"]["a"]["kernel"] = np.zeros((4, 8), np.float32)
        del missing["variables"]["params"]["half"]
        other["counters"]["step"] = np.int64(7)
        for like, said in (
            (wider, r"variables/params/a/kernel is float32\[4, 3\] there and float32\[4, 8\]"),
            (missing, r"variables/params/half is bfloat16\[5\] there and missing in this run"),
            (other, r"counters/step is int32\[\] there and int64\[\] in this run"),
        ):
            with pytest.raises(InputError, match=said):
                checkpoints.restore(like, ignore=["width"])
        with pytest.raises(InputError, match="no such checkpoint; there are: 1, 4, 5"):
            checkpoints.restore(items(), 3, ignore=["width"])


def damaged(path: pathlib.Path) -> Iterator[str]:
    """Damages one file in several ways, one after another."""
    data = path.read_bytes()
    for how, changed in (
        ("half", data[: len(data) // 2]),
        ("bit", bytes([*data[:-1], data[-1] ^ 4]) if data else b"x"),
        ("middle", data[: len(data) // 2] + b"~" + data[len(data) // 2 + 1 :]),
    ):
        path.write_bytes(changed)
        yield how
    path.unlink()
    yield "gone"
    path.write_bytes(data)


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_damage_is_found_or_does_no_harm(
    saved: pathlib.Path, tmp_path: pathlib.Path, seed: int, full_size: bool
) -> None:
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    whole, found = items(1), 0
    files = sorted(p for p in (folder / "1").rglob("*") if p.is_file())
    # Some files of Orbax hold nothing that is read; these two are always needed.
    needed = [folder / "1" / name for name in ("record/metadata", "variables/manifest.ocdbt")]
    drawn = np.random.default_rng(seed).permutation(files)[:4]
    for path in files if full_size else [*needed, *drawn]:
        for how in damaged(path):
            try:
                with Checkpoints(folder, read_only=True) as checkpoints:
                    held = checkpoints.restore(whole, 1, ignore=["width", "sizes"])
                assert same(held.items, whole), (path, how)
            except InputError as error:
                found += 1
                assert str(folder) in error.line(), (path, how)
    assert found >= 6
    with Checkpoints(folder, read_only=True) as checkpoints:
        assert same(checkpoints.restore(whole, 1, ignore=["width", "sizes"]).items, whole)


def test_arrays_that_are_whole_but_not_those_of_the_record_are_refused(
    saved: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    shutil.rmtree(folder / "1" / "variables")
    shutil.copytree(folder / "5" / "variables", folder / "1" / "variables")
    with pytest.raises(InputError, match="variables/params/a/kernel is damaged: its checksum"):
        load_params(folder, 1)
    text = folder / "5" / "record" / "metadata"
    assert '"batch": 5' in text.read_text() or '"batch":5' in text.read_text()
    text.write_text(text.read_text().replace('"batch": 5', '"batch": 6').replace(":5}", ":6}"))
    with pytest.raises(InputError, match="its record is damaged"):
        load_params(folder, 5)


def test_5_steps_killed_while_saving_and_5_more_are_10_bit_for_bit(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "checkpoints"
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.training.interrupted", str(folder)],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    mesh = parallel.data_mesh(1)
    options, network = interrupted.OPTIONS, interrupted.NETWORK
    try:
        fresh_state, tx = small.start(options, seed=2**40 + 5, ema=True, **network)
        run = small.trainer(options, tx, **network)
        state, half = parallel.replicate(fresh_state, mesh), None
        for number in range(10):
            if number == 5:
                half = jax.tree.map(np.array, state)
            state, _ = run(state, parallel.shard(small.batch(number), mesh))
        assert child.stdout.readline() == "saved\n", child.communicate()[1]
        until = time.monotonic() + 60
        while time.monotonic() < until and not list(folder.glob("*tmp*")):
            time.sleep(0.001)  # a save has begun
        writing = list(folder.glob("*tmp*"))
    finally:
        child.kill()
        child.communicate()
    assert writing
    with Checkpoints(folder, config={"batch_size": 16}) as checkpoints:
        like = {**fresh_state.items(), "ballast": {"x": np.zeros(1_000_000)}}
        found = checkpoints.restore(like)
        ballast = np.random.default_rng(0).random(1_000_000) + found.extra["number"]
        assert np.array_equal(found.items["ballast"]["x"], ballast)
        assert found.step >= 5 and found.step == found.extra["number"]
        checkpoints.save(found.step + 1, {"a": {"x": np.zeros(1)}})
        checkpoints.wait()
        assert not set(writing) & set(folder.iterdir())
    again = fresh_state.with_items(found.items)
    assert same(again, half)
    again = parallel.replicate(again, mesh)
    for number in range(found.extra["batch"], 10):
        again, _ = run(again, parallel.shard(small.batch(number), mesh))
    assert same(again, state)
    assert not same(again.params, half.params)
