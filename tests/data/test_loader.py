"""The loader: every window once, exact masks, a state that resumes bit for bit, named errors."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import jax
import numpy as np
import pytest

from dance_jax.data import batch as batches
from dance_jax.data import clip_npz
from dance_jax.data.batch import Batch
from dance_jax.data.clip_source import PoseClips
from dance_jax.data.loader import Loader, LoaderOptions, OnDevice
from dance_jax.data.sampling import order
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)
SIZES = ((23, 1), (7, 2), (40, 1), (1, 1), (16, 1))


def clips(seed: int) -> list[Clip]:
    """Returns clips of those sizes with uneven times and some joints missing."""
    rng = np.random.default_rng(seed)
    out = []
    for frames, people in SIZES:
        pose = rng.normal(size=(frames, people, 26, 3)).astype(np.float32)
        pose[rng.random(pose.shape[:3]) < 0.1] = np.nan
        sure = np.isfinite(pose).all(-1).astype(np.float32)
        time_s = 5 + np.cumsum(rng.uniform(0.02, 0.05, frames))
        out.append(Clip(pose, sure, time_s, unit="m"))
    return out


def loader(seed: int, labels: Any = None, **changes: Any) -> Loader:
    """Returns a loader of windows of 10 frames, 6 apart, in batches of 3."""
    options = {"batch_size": 3, "length": 10, "stride": 6, "seed": seed, **changes}
    return Loader(PoseClips(clips(SEEDS[0])), LoaderOptions(**options), labels)


def equal(a: Batch, b: Batch) -> bool:
    """Says whether two batches hold the same bits."""
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        np.asarray(x).tobytes() == np.asarray(y).tobytes()
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shards", [1, 4])
def test_every_window_comes_once_an_epoch_and_holds_its_clip(seed: int, shards: int) -> None:
    held, seen, orders = clips(SEEDS[0]), [], []
    for shard in range(shards):
        one = loader(seed, epochs=2, shard_index=shard, shard_count=shards)
        for at, batch in enumerate(one):
            batches.check(batch)
            for row in np.flatnonzero(batch.mask):
                window = one.windows[batch.window[row]]
                seen.append((at // one.batches_per_epoch, int(batch.window[row])))
                clip, stretch = held[window.clip], slice(window.start, window.start + window.frames)
                assert batch.clip_id[row] == window.clip
                assert batch.frame_mask[row].sum() == window.frames
                pose = clip.pose[stretch, window.person]
                assert batch.pose[row, : window.frames].tobytes() == pose.tobytes()
                time_s = clip.time_s[stretch] - clip.time_s[window.start]
                np.testing.assert_allclose(batch.time_s[row, : window.frames], time_s, atol=1e-6)
        assert at + 1 == 2 * one.batches_per_epoch
    count = len(one.windows)
    for epoch in (0, 1):
        orders.append([w for e, w in seen if e == epoch])
        assert sorted(orders[-1]) == list(range(count))
    assert orders[0] != orders[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restored_state_gives_the_same_next_batches(seed: int) -> None:
    first = loader(seed)  # without an end
    for _ in range(first.batches_per_epoch + 2):
        next(first)
    state = json.loads(json.dumps(first.state()))
    rest = [next(first) for _ in range(5)]
    other = loader(seed)
    next(other)
    other.restore(state)
    assert all(equal(a, next(other)) for a in rest)
    threaded = loader(seed, threads=2)
    threaded.restore(state)
    assert all(equal(a, next(threaded)) for a in rest)
    threaded.close()
    assert threaded.state() == other.state()  # closing loses no place
    assert equal(next(threaded), next(other))
    threaded.close()


def test_worker_processes_give_the_same_batches() -> None:
    plain = loader(SEEDS[0], epochs=1)
    many = loader(SEEDS[0], epochs=1, workers=1)
    expected = list(plain)
    got = [next(many) for _ in range(2)]
    state = many.state()
    got += list(many)
    assert len(got) == len(expected) and all(map(equal, expected, got))
    plain.restore(state)
    assert equal(next(plain), expected[2])


def test_a_state_of_something_else_is_refused() -> None:
    state = loader(1).state()
    for other in (
        loader(2),
        loader(1, stride=5),
        loader(1, batch_size=2),
        loader(1, [{"a": 1}] * 5),
    ):
        with pytest.raises(InputError, match="the state is of other"):
            other.restore(state)
    with pytest.raises(InputError, match="names batch"):
        loader(1).restore({**state, "batch": -1})
    loader(1, threads=1, epochs=7).restore(state)


def test_batches_are_copied_ahead_and_the_state_is_the_consumers() -> None:
    host, device = loader(3, epochs=1), OnDevice(loader(3, epochs=1), depth=2)
    states = [host.state()]
    for expected in host:
        assert device.state() == states[-1]
        states.append(host.state())
        got = next(device)
        assert isinstance(got.pose, jax.Array) and equal(expected, got)
    with pytest.raises(StopIteration):
        next(device)
    device.restore(states[1])
    host.restore(states[1])
    assert equal(next(device), next(host))
    device.close()
    assert equal(next(device), next(host))


def test_labels_follow_their_clips_and_what_is_missing_is_marked() -> None:
    labels = [
        {"style": 3, "score": 7.5},
        {"style": 1},
        {"score": 2.0},
        {},
        {"style": 0, "score": 1},
    ]
    for batch in loader(0, labels, epochs=1):
        for row, clip in enumerate(batch.clip_id):
            given = labels[clip] if clip >= 0 else {}
            assert batch.labels["style"][row] == given.get("style", -1)
            score = given.get("score", np.nan)
            np.testing.assert_equal(batch.labels["score"][row], np.float32(score))
    with pytest.raises(InputError, match="clip 1: the label style"):
        loader(0, [{"style": 1}, {"style": "house"}, {}, {}, {}])


def test_dropping_and_too_few_windows() -> None:
    one = loader(0, epochs=1, last="drop", batch_size=4)
    many = list(one)
    assert all(batch.mask.all() for batch in many) and len(many) == len(one.windows) // 4
    with pytest.raises(InputError, match="make no batch of 1 x 99"):
        loader(0, last="drop", batch_size=99)


def test_a_shard_without_a_window_has_the_same_fields() -> None:
    made = [
        next(loader(0, shard_index=i, shard_count=30, batch_size=1, shuffle=False)) for i in (0, 29)
    ]
    assert made[0].mask.all() and not made[1].mask.any()
    assert made[0].pose.shape == made[1].pose.shape
    batches.check(made[1])


def test_a_clip_that_is_gone_is_named(tmp_path: pathlib.Path) -> None:
    paths = [tmp_path / f"clip_{k}.npz" for k in range(5)]
    for path, clip in zip(paths, clips(1), strict=True):
        clip_npz.write(path, clip)
    source = PoseClips(paths)
    one = Loader(source, LoaderOptions(3, 10, shuffle=False, epochs=1))
    next(one)
    source._held = None  # as another process has it
    paths[2].unlink()
    with pytest.raises(InputError, match=r"clip 2, .*clip_2\.npz"):
        list(one)
    with pytest.raises(InputError, match=r"clip_2\.npz"):
        PoseClips(paths)


def test_the_order_is_a_permutation_that_never_changes() -> None:
    assert order(0, 0, 8).tolist() == order(0, 0, 8).tolist()
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (2**62, 5)):
        assert sorted(order(seed, epoch, 1000).tolist()) == list(range(1000))
    assert order(0, 0, 8).tolist() == ORDER  # what was shuffled yesterday is so tomorrow
    spread = np.mean([order(s, 0, 100) for s in range(400)], axis=0)
    assert np.abs(spread - 49.5).max() < 8  # 5.5 standard errors


ORDER = [4, 6, 3, 7, 1, 0, 2, 5]
