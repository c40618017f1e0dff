"""The readers under a coverage-guided fuzzer, and the fuzzer itself on readers with defects."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

from dance_jax.data import formats
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.conftest import ROOT
from tests.fuzz import mutate, targets
from tests.fuzz.seeds import BETWEEN, SEEDS
from tests.seeds import fresh

HAS_ATHERIS = importlib.util.find_spec("atheris") is not None
needs_atheris = pytest.mark.skipif(
    not HAS_ATHERIS, reason="atheris is not here (it is made for Linux on x86-64 only)"
)
RUNS = 150  # of each target; launch/accept.sh fuzzes for minutes
REFUSED = {("aistpp", 2), *(("aistpp_pickle", at) for at in (6, 7, 8))}  # SMPL: no body model


def fuzzed(folder: pathlib.Path, *arguments: str, code: str = "") -> tuple[int, str]:
    """Runs the fuzzer in a process; returns its exit status and output."""
    how = ["-c", code] if code else ["-m", "tests.fuzz.run"]
    done = subprocess.run(
        [sys.executable, *how, str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def rows(said: str) -> dict[str, dict[str, float]]:
    found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return {row.pop("target"): row for row in found}


def test_every_format_is_fuzzed() -> None:
    assert {one.name for one in formats.formats()} <= set(targets.TARGETS)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_the_seeds_are_sound(name, tmp_path) -> None:
    for at, data in enumerate(targets.TARGETS[name].seeds()):
        said = targets.fuzz_one(name, data, tmp_path)
        assert (said == "read") != ((name, at) in REFUSED), (at, said)


@needs_atheris
def test_a_few_seconds_of_every_target(tmp_path) -> None:
    code, said = fuzzed(tmp_path, f"--runs={RUNS}", "--seconds=60")
    found = rows(said)
    assert code == 0, said
    assert set(found) == set(targets.TARGETS)
    assert all(row["executions"] == RUNS for row in found.values()), found


PLANT = """
import sys
import atheris
from tests.fuzz import run

def planted(defect):
    @atheris.instrument_func
    def read(path):
        data = path.read_bytes()
        if data[:1] == b"B" and data[1:2] == b"A" and data[2:3] == b"D":
            defect()
    return read

def plant(targets):
    targets.CPU_S = 0.2
    for name, defect in (
        ("error", lambda: {}[1]),
        ("memory", lambda: bytearray(600 << 20)),
        ("hang", lambda: sum(range(100_000_000))),
    ):
        targets.TARGETS[name] = targets.Target("", lambda: [b"DAB"], read=planted(defect))

sys.exit(run.main(plant=plant))
"""


@needs_atheris
def test_planted_defects_are_found(tmp_path) -> None:
    defects = {"error": "KeyError: 1", "memory": "MemoryError", "hang": "Hang:"}
    code, said = fuzzed(tmp_path, *defects, "--runs=200000", code=PLANT)
    assert code == 1, said
    for name, words in defects.items():
        assert words in said.partition(f"{name}: exit status")[2], said
        (crash,) = (tmp_path / name).glob("crash-*")
        assert crash.read_bytes().startswith(b"BAD")


def test_what_is_a_defect(tmp_path, monkeypatch) -> None:
    def planted(error: Exception | None = None, clip: Clip | None = None) -> str:
        def read(path):
            if error is not None:
                raise error
            return [clip]

        found = targets.Target("", lambda: [b""], read=read)
        monkeypatch.setitem(targets.TARGETS, "planted", found)
        return targets.fuzz_one("planted", b"", tmp_path)

    assert planted(InputError("a", tmp_path, "b")).endswith(": a; b")
    for bad in (InputError("a", tmp_path), InputError("a", "", "b"), ValueError("a")):
        with pytest.raises((AssertionError, ValueError)):
            planted(bad)
    clip = Clip(np.zeros((2, 1, 26, 2)), np.ones((2, 1, 26)), [0, 1],
                source={"path": "a", "format": "b", "found": "c", "dropped": ()})  # fmt: skip
    assert planted(clip=clip) == "read"
    for change in (
        {"confidence": 2 * clip.confidence},
        {"pose": clip.pose + np.nan},
        {"pose": clip.pose + 1e12},
        {"source": clip.source | {"dropped": "c"}},
    ):
        with pytest.raises(AssertionError):
            planted(clip=clip.replace(**change))


@pytest.mark.parametrize("seed", fresh(__name__, 1))
def test_an_npz_is_changed_from_within(seed) -> None:
    """Most changes leave a zip that opens, and reach every member."""
    data = SEEDS["npz_collection"]()[0]
    rng = np.random.default_rng(seed)

    def change(part: bytes, most: int) -> bytes:
        out = bytearray(part[:most] or b"a")
        out[int(rng.integers(len(out)))] ^= 1 << int(rng.integers(8))
        return bytes(out)

    made = [mutate.change_zip(data, 1 << 16, int(k), change) for k in rng.integers(2**31, size=300)]
    sound = [mutate.members(one.partition(BETWEEN)[0]) for one in made]
    before = mutate.members(data.partition(BETWEEN)[0])
    assert sum(found is not None for found in sound) > 200
    assert sum(found is not None and found != before for found in sound) > 100
    assert sum(one.partition(BETWEEN)[2] != data.partition(BETWEEN)[2] for one in made) > 20
    assert max(map(len, made)) <= 1 << 16


@needs_atheris
@pytest.mark.full
@pytest.mark.timeout(0)
def test_ten_minutes_of_every_reader(tmp_path, full_size, figures) -> None:
    """DANCE_JAX_FUZZ_SECONDS makes it longer: a million executions of each take some hours."""
    if not full_size:
        pytest.skip("ten minutes; launch/accept.sh runs it")
    seconds = float(os.environ.get("DANCE_JAX_FUZZ_SECONDS", "600")) / len(targets.TARGETS)
    seed, begun = fresh(__name__, 2)[1], time.monotonic()
    code, said = fuzzed(tmp_path, f"--seconds={seconds:.1f}", f"--seed={seed}")
    found = rows(said)
    figures.update({name: int(row["executions"]) for name, row in found.items()})
    figures["executions"] = int(sum(row["executions"] for row in found.values()))
    figures["slowest_s"] = max(row["slowest_s"] for row in found.values())
    figures["minutes"] = round((time.monotonic() - begun) / 60, 1)
    figures["seed"] = seed
    assert code == 0, said
    assert set(found) == set(targets.TARGETS)
    assert all(row["executions"] > 200 for row in found.values()), found
