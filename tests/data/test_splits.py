"""Splits keep groups whole, are the same every time, and stay put when clips are added."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from dance_jax.data import splits
from dance_jax.data.groups import components, hashed, linked
from dance_jax.data.split import RANDOM_STAMP, Member, given_split, load_split
from dance_jax.errors import InputError
from tests.data.corpora import members
from tests.seeds import fresh

SEEDS = fresh(__name__, 4)
BYS = (("dancer",), ("music",), ("dancer", "source"))


def check_whole(split, corpus, by) -> None:
    part = split.part_of()
    assert set(part) == {m.clip for m in corpus}
    for key in by:
        for a, b in itertools.combinations(corpus, 2):
            if a.groups[key] == b.groups[key]:
                assert part[a.clip] == part[b.clip], (key, a, b)


@pytest.mark.parametrize("by", BYS, ids="+".join)
@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_groups_stay_whole_and_every_part_has_clips(seed, by, stratify) -> None:
    corpus = members(np.random.default_rng(seed))
    if len(set(components(corpus, by).values())) < 3:
        pytest.skip("the drawn corpus hangs together")
    split = splits.holdout(corpus, by, seed=seed, stratify=stratify)
    check_whole(split, corpus, by)
    assert all(split.parts[p] for p in ("train", "val", "test"))
    assert split == splits.holdout(corpus[::-1], by, seed=seed, stratify=stratify)
    assert split.stamp == "" and split.by == by


@pytest.mark.parametrize("seed", SEEDS)
def test_two_keys_join_into_components(seed) -> None:
    corpus = members(np.random.default_rng(seed), dancers=20, music=30)
    found = components(corpus, ("dancer", "music"))
    # Oracle: scipy's connected components of the graph of clips that share a value.
    csgraph = pytest.importorskip("scipy.sparse.csgraph")
    share = np.array(
        [
            [any(a.groups[k] == b.groups[k] for k in ("dancer", "music")) for b in corpus]
            for a in corpus
        ]
    )
    count, label = csgraph.connected_components(share)
    assert len(set(found.values())) == count
    names = [found[m.clip] for m in corpus]
    assert len(set(zip(names, label, strict=True))) == count
    for group in set(names):
        inside = [m for m in corpus if found[m.clip] == group]
        assert group == min(f"{k}={m.groups[k]}" for m in inside for k in ("dancer", "music"))


@pytest.mark.parametrize("seed", SEEDS)
def test_added_clips_move_nothing(seed) -> None:
    rng = np.random.default_rng(seed)
    corpus = members(rng, dancers=60)
    first = splits.holdout(corpus, "dancer", seed=seed).part_of()
    more = [Member(f"new{i}", {"dancer": f"d{i:02d}"}, "style9") for i in range(40, 120)]
    second = splits.holdout([*corpus, *more], "dancer", seed=seed).part_of()
    assert {clip: second[clip] for clip in first} == first
    folds = [s.part_of() for s in splits.kfold(corpus, "dancer", 4, seed=seed)]
    later = [s.part_of() for s in splits.kfold([*corpus, *more], "dancer", 4, seed=seed)]
    for a, b in zip(folds, later, strict=True):
        assert {clip: b[clip] for clip in a} == a


@pytest.mark.parametrize("seed", SEEDS)
def test_keep_pins_an_earlier_split(seed) -> None:
    corpus = members(np.random.default_rng(seed), dancers=15)
    first = splits.holdout(corpus, "dancer", stratify=True, seed=seed)
    more = [Member(f"new{i}", {"dancer": f"e{i:02d}"}, "style1") for i in range(15)]
    second = splits.holdout([*corpus, *more], "dancer", stratify=True, seed=seed + 1, keep=first)
    assert {c: second.part_of()[c] for c in first.part_of()} == first.part_of()
    torn = given_split({"train": [corpus[0].clip], "test": ["new99"]})
    joined = [*corpus, Member("new99", corpus[0].groups)]
    with pytest.raises(InputError, match="of the kept split"):
        splits.holdout(joined, "dancer", keep=torn)


@pytest.mark.parametrize("seed", SEEDS)
def test_shares_hold_on_average_and_stratified_ones_closely(seed) -> None:
    rng = np.random.default_rng(seed)
    corpus = [
        Member(f"c{d}_{t}", {"dancer": f"d{d}"}, f"style{d % 4}")
        for d in range(200)
        for t in range(int(rng.integers(1, 6)))
    ]
    plain = splits.holdout(corpus, "dancer", seed=seed)
    even = splits.holdout(corpus, "dancer", seed=seed, stratify=True)
    for part, share in splits.SHARES.items():
        assert len(plain.parts[part]) / len(corpus) == pytest.approx(share, abs=0.15)
        assert len(even.parts[part]) / len(corpus) == pytest.approx(share, abs=0.03)
        label = {m.clip: m.label for m in corpus}
        count = Counter(label[c] for c in even.parts[part])
        for kind, total in Counter(label.values()).items():
            assert count[kind] / total == pytest.approx(share, abs=0.05)
    assert any(note.startswith("shares of the clips") for note in even.notes)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_every_clip_is_tested_once(k) -> None:
    corpus = members(np.random.default_rng(SEEDS[0]))
    for stratify in (False, True):
        folds = splits.kfold(corpus, "dancer", k, seed=1, stratify=stratify)
        assert sorted(c for s in folds for c in s.parts["test"]) == sorted(m.clip for m in corpus)
        for s in folds:
            check_whole(s, corpus, ("dancer",))
            assert ("val" in s.parts) == (k > 2) and all(s.parts.values())


def test_leave_one_group_out_tells_labels_that_training_lacks() -> None:
    corpus = [Member(f"c{i}", {"source": f"s{i % 3}"}, f"style{i % 3}") for i in range(9)]
    out = splits.leave_one_group_out(corpus, ("source",))
    assert [s.kind for s in out] == ["without source=s0", "without source=s1", "without source=s2"]
    assert "train has no clip of style0" in out[0].notes
    for s in out:
        check_whole(s, corpus, ("source",))


def test_random_clips_need_the_flag_and_are_stamped(tmp_path) -> None:
    corpus = members(np.random.default_rng(SEEDS[1]))
    for make in (splits.holdout, splits.kfold):
        with pytest.raises(InputError, match="allow_random_clips=True"):
            make(corpus, "clip")
        with pytest.raises(InputError, match="allow_random_clips=True"):
            make(corpus, ("dancer", "clip"), allow_random_clips=True)
    split = splits.holdout(corpus, "clip", allow_random_clips=True)
    assert split.stamp == RANDOM_STAMP == "random clips: leaks"
    assert split.sentence().startswith("RANDOM CLIPS: LEAKS.")
    split.save(tmp_path / "split.json")
    assert '"stamp": "random clips: leaks"' in (tmp_path / "split.json").read_text("utf-8")
    assert load_split(tmp_path / "split.json") == split


def test_unknown_groups_are_refused_or_treated_as_asked() -> None:
    corpus = [
        Member(f"c{i}", {"dancer": "d1" if i < 2 else "", "music": f"m{i}"}) for i in range(5)
    ]
    with pytest.raises(InputError, match=r"3 of 5 clips have no dancer \(first: c2\).*music"):
        splits.holdout(corpus, "dancer")
    together = components(corpus, "dancer", unknown="together")
    assert sorted(Counter(together.values()).values()) == [2, 3]
    apart = components(corpus, "dancer", unknown="apart")
    assert sorted(Counter(apart.values()).values()) == [1, 1, 1, 2]
    with pytest.raises(InputError, match=r"2 group\(s\) by dancer, too few for 3 parts"):
        splits.holdout(corpus, "dancer", unknown="together")
    with pytest.raises(InputError, match="two clips are named 'c0'"):
        components([corpus[0], corpus[0]], "dancer")


def test_a_split_file_is_checked(tmp_path) -> None:
    path = tmp_path / "split.json"
    for text, says in (
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not the file of a split"),
        ('{"schema": "dance_jax.split.1"}', "incomplete"),
    ):
        path.write_text(text, "utf-8")
        with pytest.raises(InputError, match=says):
            load_split(path)
    with pytest.raises(InputError, match="'c1' is in train and in test"):
        given_split({"train": ["c1"], "test": ["c1"]})
    given = given_split({"train": ["c2", "c1"], "test": ["c3"]})
    assert given.parts["train"] == ("c1", "c2") and given.stamp.startswith("given split")


def test_hashes_are_pinned() -> None:
    """A changed hash would move every published split."""
    assert hashed("dancer=d04", 0) == pytest.approx(0.4674898064123062, abs=1e-12)
    draws = [hashed(f"x{i}", 3) for i in range(2000)]
    assert abs(np.mean(draws) - 0.5) < 0.03 and min(draws) >= 0 and max(draws) < 1


def test_linked_clips() -> None:
    found = linked(["d", "c", "b", "a"], [("d", "b"), ("b", "c")])
    assert found == {"d": "b", "c": "b", "b": "b", "a": "a"}
