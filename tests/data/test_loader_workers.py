"""Processes that read ahead: the same batches, the user's own errors, nothing left behind."""

from __future__ import annotations

import ast
import json
import multiprocessing
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from dance_jax.data.clip_source import PoseClips
from dance_jax.data.loader import Loader, LoaderOptions
from dance_jax.errors import InputError, TooShort
from tests.data.test_loader import SEEDS, clips, equal, loader


class Watched(PoseClips):
    """Notes what reads it, and fails in one clip."""

    def __init__(self, notes: pathlib.Path, failure: object) -> None:
        super().__init__(clips(SEEDS[0]))
        self.notes, self.failure = notes, failure

    def read(self, clip: int, person: int, frames: slice) -> dict[str, np.ndarray]:
        import jax
        from jax._src import xla_bridge

        told = {
            "worker": multiprocessing.parent_process() is not None,
            "backend": xla_bridge.backends_are_initialized(),
            "platforms": jax.config.jax_platforms,
            "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        }
        (self.notes / f"{os.getpid()}.json").write_text(json.dumps(told))
        if clip == 2 and isinstance(self.failure, Exception):
            raise self.failure
        if clip == 2:
            os.kill(os.getpid(), self.failure)
        return super().read(clip, person, frames)


def watched(folder: pathlib.Path, failure: object, workers: int, threads: int = 0) -> Loader:
    """Returns a loader in the clips' order, whose clip 2 fails."""
    options = LoaderOptions(3, 10, shuffle=False, epochs=1, workers=workers, threads=threads)
    return Loader(Watched(folder, failure), options)


def test_two_workers_give_the_same_batches_and_places() -> None:
    first = loader(SEEDS[0], epochs=2)
    expected = [next(first) for _ in range(3)]
    middle = json.loads(json.dumps(first.state()))
    assert first.batches_per_epoch > 4  # the first epoch has not ended
    expected += list(first)
    many = loader(SEEDS[0], epochs=2, workers=2)
    many.restore(middle)
    assert equal(next(many), expected[3])
    later = json.loads(json.dumps(many.state()))
    rest = list(many)
    assert len(rest) == len(expected) - 4 and all(map(equal, expected[4:], rest))
    assert not multiprocessing.active_children()
    plain = loader(SEEDS[0], epochs=2)
    plain.restore(later)
    assert equal(next(plain), expected[4])


def test_an_error_in_a_worker_is_the_one_without_workers(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")  # as the trainer has it
    failure = TooShort("it has 3 frames", "line 7", "record for longer")
    caught = []
    for workers in (0, 2):
        one = watched(tmp_path, failure, workers)
        with pytest.raises(InputError) as error:
            list(one)
        caught.append((error.value, one.state()["batch"]))
        assert not hasattr(error.value, "__notes__")  # of Grain
        assert not multiprocessing.active_children()
    (plain, place), (told, place_there) = caught
    assert type(told) is type(plain) and place == place_there > 0
    assert vars(told) == vars(plain) and str(told) == str(plain) == told.line()
    assert (told.what, told.fix) == ("it has 3 frames", "record for longer")
    assert told.where.startswith("clip 2, ") and told.where.endswith("line 7")
    notes = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    of_workers = [note for note in notes if note.pop("worker")]
    # No device of the trainer's is touched, and Ctrl-C is left to the loader's own process.
    assert of_workers == [{"backend": False, "platforms": "cpu", "interrupt": True}] * 2


def test_after_an_error_the_same_batch_is_asked_for_again(tmp_path: pathlib.Path) -> None:
    for threads in (0, 2):
        one = watched(tmp_path, InputError("it is damaged", "line 7"), 0, threads)
        place = 0
        for _ in range(3):
            with pytest.raises(InputError, match="it is damaged"):
                while True:
                    next(one)
                    place += 1
            assert one.state()["batch"] == place > 0
        one.source.failure = ValueError("another kind of error is a bug, and stays what it is")
        with pytest.raises(ValueError, match="stays what it is"):
            next(one)


@pytest.fixture
def only_full(full_size: bool) -> None:
    """Skips what takes long to start: launch/accept.sh runs it."""
    if not full_size:
        pytest.skip("launch/accept.sh runs it")


@pytest.mark.full
@pytest.mark.usefixtures("only_full")
def test_a_worker_that_is_killed_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"died .*exit code -9.*; take fewer workers"):
        list(watched(tmp_path, signal.SIGKILL, 2))
    assert not multiprocessing.active_children()


ORPHANS = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from tests.data.test_loader import loader
from tests.data.test_loader_workers import pids

if __name__ == "__main__":
    many = loader(0, workers=2)
    for _ in range(4):
        next(many)
    print(*pids(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def pids() -> list[int]:
    """Returns the processes that this one started."""
    return [child.pid for child in multiprocessing.active_children()]


@pytest.mark.full
@pytest.mark.usefixtures("only_full")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "orphans.py"  # a file: spawned processes import it again
    script.write_text(ORPHANS)
    root = pathlib.Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, script, root], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    left = [int(pid) for pid in done.stdout.split()]
    assert len(left) == 2
    end = time.monotonic() + 30
    while left and time.monotonic() < end:
        left = [pid for pid in left if alive(pid)]
        time.sleep(0.1)
    assert not left


def alive(pid: int) -> bool:
    """Says whether a process runs (a dead one that nobody asked after does not)."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"


def test_readers_load_no_jax_by_themselves() -> None:
    code = (
        "import sys\nfrom dance_jax.data import sampling, clip_source, worker\n"
        "print('jax' in sys.modules, 'flax' in sys.modules, 'grain' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] * 3


HOST = """
import sys

import jax

jax.distributed.initialize(sys.argv[2], 2, int(sys.argv[3]))
sys.path.insert(0, sys.argv[1])
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from dance_jax.data.loader import OnDevice
from tests.data.test_loader import loader

mesh = jax.make_mesh((2,), ("data",))
own = loader(7, shard_index=jax.process_index(), shard_count=2, batch_size=2, epochs=1)
seen = []
for batch in OnDevice(own, place=NamedSharding(mesh, PartitionSpec("data"))):
    assert batch.pose.shape == (4, 10, 26, 3) and not batch.pose.is_fully_addressable
    total = jax.jit(lambda b: b.window.sum())(batch)  # over the rows of both hosts
    mine = np.asarray(batch.window.addressable_shards[0].data)
    assert mine.shape == (2,)
    seen.append((mine.tolist(), int(total)))
print(seen)
"""


@pytest.mark.full
@pytest.mark.usefixtures("only_full")
def test_two_hosts_hand_in_their_rows_of_one_batch() -> None:
    root = pathlib.Path(__file__).resolve().parents[2]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", HOST, str(root), address, str(k)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]
    said = [host.communicate(timeout=300)[0].splitlines()[-1] for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0]
    told = [ast.literal_eval(line) for line in said]
    for (a, total_a), (b, total_b) in zip(*told, strict=True):
        assert total_a == total_b == sum(a) + sum(b)
    windows = sorted(w for host in told for rows, _ in host for w in rows if w >= 0)
    assert windows == list(range(len(loader(7).windows)))
