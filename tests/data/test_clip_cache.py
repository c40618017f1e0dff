"""The cache of clips: made once, whole, bounded in size, and never believed when damaged."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dance_jax.data import file_lock
from dance_jax.data.clip_cache import ClipCache
from dance_jax.errors import InputError
from dance_jax.types import Clip


class Maker:
    """Makes the same arrays and counts how often."""

    def __init__(self, size: int = 1000) -> None:
        self.size, self.calls = size, 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        rng = np.random.default_rng(self.size)
        return {
            "frames": rng.integers(0, 256, (self.size, 2, 3), np.uint8),
            "time_s": rng.uniform(size=7),
            "none": np.zeros((0, 3), np.float32),
        }


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Says whether two entries hold the same bits."""
    return list(a) == list(b) and all(
        a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and (a[k] == b[k]).all() for k in a
    )


def test_an_entry_is_made_once_and_comes_back_bit_for_bit(tmp_path: pathlib.Path) -> None:
    make = Maker()
    first = ClipCache(tmp_path).arrays("abc", {"height": 3}, make)
    again = ClipCache(tmp_path).arrays("abc", {"height": 3}, make)
    assert make.calls == 1 and same(first, Maker()()) and same(again, first)
    assert not again["frames"].flags.writeable
    ClipCache(tmp_path).arrays("abc", {"height": 4}, make)
    ClipCache(tmp_path).arrays("abd", {"height": 3}, make)
    assert make.calls == 3
    assert not [p.name for p in tmp_path.iterdir() if p.suffix not in (".entry", ".lock")]


@pytest.mark.parametrize("place", [3, 20, 50, 60, 200, 5000, -1])
def test_a_damaged_entry_is_made_anew(tmp_path: pathlib.Path, place: int) -> None:
    make, cache = Maker(), ClipCache(tmp_path)
    cache.arrays("abc", {}, make)
    path = cache.path("abc", {})
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert same(ClipCache(tmp_path).arrays("abc", {}, make), Maker()()) and make.calls == 2
    path.write_bytes(path.read_bytes()[: len(data) // 2])  # cut short, seen by this process too
    assert same(cache.arrays("abc", {}, make), Maker()()) and make.calls == 3


def test_the_entry_unused_for_longest_goes_first(tmp_path: pathlib.Path) -> None:
    cache = ClipCache(tmp_path, max_bytes=3 * 6400)
    makers = {name: Maker() for name in "abcd"}
    for name in "abc":
        held = cache.arrays(name, {}, makers[name])
    old = np.array(held["frames"])
    cache.arrays("a", {}, makers["a"])  # used again
    cache.arrays("d", {}, makers["d"])
    assert cache.size() <= cache.max_bytes
    there = {name for name in "abcd" if cache.path(name, {}).exists()}
    assert there == {"a", "c", "d"}
    ClipCache(tmp_path, max_bytes=1).shrink()
    assert cache.size() == 0 and (held["frames"] == old).all()  # still readable
    large = ClipCache(tmp_path, max_bytes=100)
    assert same(large.arrays("a", {}, makers["a"]), Maker()()) and large.size() == 0


def test_an_error_while_making_leaves_nothing(tmp_path: pathlib.Path) -> None:
    def fails() -> dict[str, np.ndarray]:
        raise FileNotFoundError("the video is gone")

    cache = ClipCache(tmp_path)
    with pytest.raises(FileNotFoundError, match="the video is gone"):
        cache.arrays("abc", {}, fails)
    with pytest.raises(ValueError, match="names holds"):
        cache.arrays("abc", {}, lambda: {"names": np.array(["a"])})
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        ClipCache(tmp_path / "file" / "cache")


CHILD = """
import sys
import numpy as np
from dance_jax.data import file_lock
from dance_jax.data.clip_cache import ClipCache

folder, counted = sys.argv[1:]
for name in "abcdef":

    def make():
        with open(counted, "a") as file:
            file.write(name)
        return {"x": np.full(50_000, ord(name))}

    assert (ClipCache(folder).arrays(name, {}, make)["x"] == ord(name)).all()
"""


def test_several_processes_make_an_entry_once(tmp_path: pathlib.Path) -> None:
    counted = tmp_path / "counted"
    command = [sys.executable, "-c", CHILD, str(tmp_path / "cache"), str(counted)]
    for child in [subprocess.Popen(command) for _ in range(3)]:
        assert child.wait() == 0
    assert sorted(counted.read_text()) == list("abcdef")


def test_several_threads_make_an_entry_once(tmp_path: pathlib.Path) -> None:
    makers = [Maker(n) for n in range(1, 20)]

    def work(_: int) -> bool:
        cache = ClipCache(tmp_path)
        return all(same(cache.arrays(str(m.size), {}, m), Maker(m.size)()) for m in makers)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert [m.calls for m in makers] == [1] * 19


def test_a_clip_keeps_all_its_fields(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(3)
    pose = rng.normal(size=(5, 2, 26, 2)).astype(np.float32)
    pose[1, 0, 3] = np.nan
    clip = Clip(
        pose=pose,
        confidence=np.isfinite(pose).all(-1).astype(np.float32),
        time_s=np.cumsum(rng.uniform(0.01, 0.1, 5)),
        image_size=(640, 480),
        source={"path": "a.mp4", "dropped": ("one", "two")},
        labels={"style": "house"},
    )
    calls = []
    for _ in range(2):
        again = ClipCache(tmp_path).clip("abc", {"model": "lite"}, lambda: calls.append(1) or clip)
        assert np.array_equal(again.pose, clip.pose, equal_nan=True)
        assert (again.time_s == clip.time_s).all() and again.image_size == clip.image_size
        assert again.source == clip.source and again.labels == clip.labels
    assert len(calls) == 1


KILLED = """
import sys, time
import numpy as np
from dance_jax.data import file_lock
from dance_jax.data.clip_cache import ClipCache

cache = ClipCache(sys.argv[1])


def slow():
    print("making", flush=True)
    time.sleep(60)


if sys.argv[2] == "clip":
    cache.clip("abc", {}, slow)
cache.arrays("abc", {}, slow)
"""


def age(folder: pathlib.Path, hours: float) -> None:
    """Makes everything in a folder look as if it was last changed some hours ago."""
    for path in folder.iterdir():
        os.utime(path, (time.time() - 3600 * hours,) * 2)


@pytest.mark.parametrize("what", ["clip", "arrays"])
def test_what_a_killed_writer_left_goes_a_day_later(tmp_path: pathlib.Path, what: str) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"making\n"
        left = sorted(tmp_path.iterdir())
        assert [path.suffix for path in left].count(".lock") == 1
        assert sum(path.is_dir() for path in left) == (what == "clip")
        age(tmp_path, 25)
        ClipCache(tmp_path)  # old, but in use
        assert sorted(tmp_path.iterdir()) == left
        child.send_signal(signal.SIGKILL)
    age(tmp_path, 23)
    ClipCache(tmp_path)  # free, but perhaps a writer is about to lock it
    assert sorted(tmp_path.iterdir()) == left
    age(tmp_path, 25)
    cache = ClipCache(tmp_path)
    assert not list(tmp_path.iterdir())
    assert same(cache.arrays("abc", {}, Maker()), Maker()())


def test_a_half_written_file_goes_and_entries_stay(tmp_path: pathlib.Path) -> None:
    cache = ClipCache(tmp_path)
    cache.arrays("a", {}, Maker())
    (tmp_path / ".partial_x").write_bytes(b"half")
    (tmp_path / "of_the_user.txt").write_text("")
    (tmp_path / ".partial_y").write_bytes(b"being written")
    cache.shrink()
    age(tmp_path, 30)
    with file_lock.in_use(tmp_path / ".partial_y"):
        ClipCache(tmp_path)
        assert (tmp_path / ".partial_y").exists() and not (tmp_path / ".partial_x").exists()
    ClipCache(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {cache.path("a", {}).name, "of_the_user.txt", "shrink.lock"}


def test_what_is_being_written_stays(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, seen = os.replace, []

    def slow_replace(made: str, path: pathlib.Path) -> None:
        age(tmp_path, 25)  # as if the writing had taken more than a day
        ClipCache(tmp_path)
        seen.append(pathlib.Path(made).exists())
        replace(made, path)

    cache = ClipCache(tmp_path)
    monkeypatch.setattr(os, "replace", slow_replace)
    cache.arrays("a", {}, Maker())
    assert seen == [True]


def test_the_cap_holds_while_several_write(tmp_path: pathlib.Path) -> None:
    def work(worker: int) -> None:
        cache = ClipCache(tmp_path, max_bytes=20_000)
        for at in range(15):
            make = Maker(100 * (at % 7 + 1))
            assert same(cache.arrays(f"{worker} {at}", {}, make), Maker(make.size)())

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    cache = ClipCache(tmp_path, max_bytes=20_000)
    assert 0 < cache.size() <= 20_000
    cache.arrays("x", {}, Maker())
    exact = cache.path("x", {}).stat().st_size
    for most in (exact, exact - 1):  # an entry that alone is too large is not kept
        small = ClipCache(tmp_path / str(most), max_bytes=most)
        small.arrays("x", {}, Maker())
        assert small.size() == (exact if most == exact else 0)
