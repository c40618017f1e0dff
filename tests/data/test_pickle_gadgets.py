"""Hostile pickles run nothing and break nothing: 250 gadgets, bombs, and random damage."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

from dance_jax.data import pickle_reader
from dance_jax.errors import InputError
from tests.data.pickle_gadgets import BOMBS, PROTOCOLS, calls, dumps, files
from tests.seeds import fresh

SMALL = pickle_reader.PickleLimits(cpu_s=20, wall_s=60)
PLAIN = """
import io, os, pathlib, pickle, sys
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.pkl")):
    kept = pickle.loads(file.read_bytes())
    print(file.name, os.path.lexists(file.with_suffix(".marker")), flush=True)
"""


def outcome(file: pathlib.Path):
    """Returns the InputError of one file, None where it was read; any other error comes through."""
    try:
        pickle_reader.read(file, allow_pickle=True, limits=SMALL)
    except InputError as error:
        return error
    return None


def outcomes(paths):
    """Reads the files, two at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(outcome, paths))


def named(folder, kind):
    return folder / (kind.replace(" ", "_").replace("*", "") + ".pkl")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_gadgets_run_nothing(protocol, tmp_path):
    marker = tmp_path / "marker"
    hostile = files(protocol, str(marker))
    assert len(hostile) >= 33 and (protocol or len(hostile) >= 64)
    for kind, data in hostile.items():
        named(tmp_path, kind).write_bytes(data)
    found = outcomes(named(tmp_path, kind) for kind in hostile)
    assert not os.path.lexists(marker)
    for kind, error in zip(hostile, found, strict=True):
        assert error is not None, kind
        if kind in calls(""):
            assert "not allowed" in error.what, (kind, error.what)
        # Never a crash of the process, never the audit hook: the first wall held.
        assert "the process that" not in error.what and "event" not in error.what, (
            kind,
            error.what,
        )
    assert sorted(tmp_path.iterdir()) == sorted(named(tmp_path, kind) for kind in hostile)


def test_there_are_200_gadget_files():
    assert sum(len(files(protocol, "m")) for protocol in PROTOCOLS) >= 200


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_the_gadgets_work_in_a_plain_unpickler(protocol, tmp_path):
    """Else the test above would show nothing."""
    for kind in calls(""):
        file = named(tmp_path, kind)
        call = calls(str(file.with_suffix(".marker")))[kind]
        file.write_bytes(dumps({"a": [call]}, protocol))
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.endswith((" True", " False"))]
    assert len(rows) == len(calls("")) and all(row.endswith("True") for row in rows), rows


def test_bombs_are_refused_in_bounded_time(tmp_path):
    for kind, data in BOMBS.items():
        named(tmp_path, kind).write_bytes(data())
    start = time.monotonic()
    found = outcomes(named(tmp_path, kind) for kind in BOMBS)
    for kind, error in zip(BOMBS, found, strict=True):
        assert error is not None, kind
        assert "answered nonsense" not in error.what and "failed" not in error.what, (kind, error)
    assert time.monotonic() - start < SMALL.wall_s * len(BOMBS) / 2  # none ran into the wall time


def made(rng) -> bytes:
    """Pickles a small tree of arrays in a random protocol."""
    tree = {
        "keypoints": rng.normal(size=(3, 4, 2)).astype(rng.choice(["f4", "f8"])),
        "times": np.arange(5),
        "names": ["a", "b", None, 1.5, {"x": (1, 2)}],
        "score": np.float32(rng.random()),
        "turned": np.asfortranarray(rng.integers(0, 9, (2, 3))),
    }
    return pickle.dumps(tree, int(rng.integers(0, 6)))


def damaged(rng) -> bytes:
    """Flips, deletes, repeats or exchanges some bytes; now and then an opcode is put in."""
    data = bytearray(made(rng))
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(data)))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            data[at] = int(rng.integers(0, 256))
        elif kind == 2:
            del data[at : at + int(rng.integers(1, 9))]
        elif kind == 3:
            data[at:at] = data[at : at + int(rng.integers(1, 40))]
        elif kind == 4:
            data[at:at] = rng.choice(
                [b"R", b"b", b"o", b"\x81", b"\x93", b"\x92", b"Q", b"0", b"("]
            )
        else:
            data[at : at + 8] = b"\xff" * 8
        if not data:
            data = bytearray(b".")
    return bytes(data)


def fuzz(seed, folder, count=None, seconds=None):
    """Reads damaged pickles; returns how many, and how many of them were ended by a signal."""
    rng = np.random.default_rng(seed)
    start, done, killed = time.monotonic(), 0, 0
    while done < count if count else time.monotonic() - start < seconds:
        batch = [folder / f"{k}.pkl" for k in range(20)]
        content = [damaged(rng) for _ in batch]
        for file, data in zip(batch, content, strict=True):
            file.write_bytes(data)
        for data, error in zip(content, outcomes(batch), strict=True):
            if error is not None:
                assert "failed" not in error.what and "nonsense" not in error.what, (error, data)
                assert "event" not in error.what, (error, data)
                killed += "ended by" in error.what
        done += len(batch)
    return done, killed


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_damaged_pickles_are_read_or_refused(seed, tmp_path):
    assert fuzz(seed, tmp_path, count=60)[0] == 60
    assert len(list(tmp_path.iterdir())) == 20


@pytest.mark.full
@pytest.mark.timeout(900)
def test_ten_minutes_of_damaged_pickles(tmp_path, full_size, figures):
    if not full_size:
        pytest.skip("ten minutes; launch/accept.sh runs it")
    seed = fresh(__name__, 2)[1]
    done, killed = fuzz(seed, tmp_path, seconds=600)
    figures.update(pickles=done, ended_by_a_signal=killed, seed=seed)
    assert done > 1000 and len(list(tmp_path.iterdir())) == 20
