"""The cache of clips: made once, whole, bounded in size, and never believed when damaged."""

from __future__ import annotations

import concurrent.futures
import pathlib
import subprocess
import sys

import numpy as np
import pytest

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
