"""The loader: every window once, exact masks, a state that resumes bit for bit, named errors."""

from __future__ import annotations

import json
import pathlib
import pickle
from typing import Any

import jax
import numpy as np
import pytest

from dance_jax.data import batch as batches
from dance_jax.data import clip_npz, load
from dance_jax.data.batch import Batch
from dance_jax.data.clip_cache import ClipCache
from dance_jax.data.clip_source import PoseClips
from dance_jax.data.loader import Loader, LoaderOptions, OnDevice
from dance_jax.data.sampling import all_there, order
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
    source = pickle.loads(pickle.dumps(PoseClips(paths)))  # as another process has it
    one = Loader(source, LoaderOptions(3, 10, shuffle=False, epochs=1))
    next(one)
    paths[2].unlink()
    with pytest.raises(InputError, match=r"clip 2, .*clip_2\.npz"):
        list(one)
    with pytest.raises(InputError, match=r"clip_2\.npz"):
        PoseClips(paths)


def test_poses_of_files_are_the_same_held_read_anew_and_from_a_cache(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"clip_{k}.npz" for k in range(5)]
    for path, clip in zip(paths, clips(1), strict=True):
        clip_npz.write(path, clip)
    calls = []
    read = load.load_clip
    monkeypatch.setattr(
        load, "load_clip", lambda path, **how: calls.append(path) or read(path, **how)
    )
    options = LoaderOptions(3, 10, 6, seed=1, epochs=2)

    def batches_of(**how: Any) -> tuple[list[Batch], int]:
        calls.clear()
        made = list(Loader(PoseClips(paths, **how), options))
        return made, len(calls)

    held, reads = batches_of()
    assert reads == 5
    anew, reads = batches_of(held_bytes=0)  # the clip read last stays
    assert reads > 5 and all(map(equal, held, anew))
    cache = ClipCache(tmp_path / "cache")
    for expected in (5, 0):  # another run finds what the first one kept
        kept, reads = batches_of(cache=cache, held_bytes=0)
        assert reads == expected and all(map(equal, held, kept))
    flat, reads = batches_of(cache=cache, axes=2)  # other parameters are another entry
    assert reads == 5 and flat[0].pose.tobytes() == held[0].pose[..., :2].tobytes()
    clip_npz.write(paths[0], clips(2)[0])
    changed, reads = batches_of(cache=cache)
    assert reads == 1 and not all(map(equal, held, changed))


def test_what_is_held_is_bounded_and_not_copied_to_others() -> None:
    source = PoseClips(clips(1), held_bytes=26 * 3 * 4 * 50)  # about 50 of 94 frames
    for clip, (frames, _) in enumerate(source.sizes):
        source.read(clip, 0, slice(0, frames))
        assert source._held.bytes <= source._held.most
        assert source._held.bytes == sum(
            a.nbytes for row in source._held.rows.values() for a in row
        )
    assert list(source._held.rows) == [2, 3, 4][-len(source._held.rows) :]
    assert not pickle.loads(pickle.dumps(source))._held.rows


def test_a_joint_is_there_with_all_its_coordinates_only() -> None:
    pose = np.random.default_rng(SEEDS[0]).normal(size=(50, 4, 3)).astype(np.float32)
    pose[np.random.default_rng(SEEDS[1]).random(pose.shape) < 0.3] = np.nan
    for axes in (1, 2, 3):
        assert (all_there(pose[..., :axes]) == np.isfinite(pose[..., :axes]).all(-1)).all()


def test_the_order_is_a_permutation_that_never_changes() -> None:
    assert order(0, 0, 8).tolist() == order(0, 0, 8).tolist()
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (2**62, 5)):
        assert sorted(order(seed, epoch, 1000).tolist()) == list(range(1000))
    assert order(0, 0, 8).tolist() == ORDER  # what was shuffled yesterday is so tomorrow
    spread = np.mean([order(s, 0, 100) for s in range(400)], axis=0)
    assert np.abs(spread - 49.5).max() < 8  # 5.5 standard errors


ORDER = [4, 6, 3, 7, 1, 0, 2, 5]
