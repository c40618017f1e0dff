"""The auditor sees each planted leak, and none in a clean split; the probe equals its oracle."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from dance_jax.data import leakage, splits
from dance_jax.data.leak_probe import _stratified_parts, probe
from dance_jax.data.split import Member, given_split
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.data.corpora import dance, members, motion
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clean_split_is_clean(seed) -> None:
    rng = np.random.default_rng(seed)
    corpus = [Member(f"c{i}", {"dancer": f"d{i // 3}"}, f"s{i % 3}") for i in range(24)]
    split = splits.holdout(corpus, "dancer", seed=seed)
    found = leakage.audit(
        split,
        corpus,
        hashes={m.clip: f"{i:064x}" for i, m in enumerate(corpus)},
        motions=[motion(m.clip, dance(rng, 4)) for m in corpus],
        placed=True,
    )
    assert found.clean and found.findings == ()
    assert set(found.looked_at) == set(leakage.KINDS) - {"told by metadata"}
    said = found.sentences()
    assert any(line.startswith("Not looked at: frame rate") for line in said)
    assert sum(line.startswith("None: ") for line in said) == 6
    assert set(found.together) == {m.clip for m in corpus}
    json.dumps(found.as_dict(), allow_nan=False)


def test_each_planted_leak_is_seen() -> None:
    rng = np.random.default_rng(SEEDS[0])
    names = [f"gBR_sBM_c0{k}_d04_mBR{k // 3}_ch08.mp4" for k in range(1, 7)]
    corpus = [Member(f"c{k}", {"dancer": "d04" if k in (0, 3) else f"e{k}"}) for k in range(6)]
    take = dance(rng, 12)
    motions = [motion(m.clip, dance(rng, 4)) for m in corpus]
    motions[1] = motion("c1", take[:100])
    motions[4] = motion("c4", take[100:200])  # cut from where c1 ends
    motions[5] = motion("c5", take[20:130] + np.float32(0.3))  # copied, moved elsewhere
    split = given_split({"train": ["c0", "c1", "c2"], "test": ["c3", "c4", "c5"]})
    found = leakage.audit(
        split,
        corpus,
        hashes={m.clip: "same" if m.clip in ("c2", "c5") else m.clip for m in corpus},
        names={m.clip: name for m, name in zip(corpus, names, strict=True)},
        motions=motions,
        placed=True,
    )
    clips = {
        f.kind: {frozenset(g.clips) for g in found.findings if g.kind == f.kind}
        for f in found.findings
    }
    assert clips["same content"] == {frozenset({"c2", "c5"})}
    assert clips["shared group"] == {frozenset({"c0", "c3"})}
    assert frozenset({"c1", "c5"}) in clips["copied movement"]
    assert clips["same take"] == {frozenset({"c2", "c3"})}  # takes of mBR1: c2, c3 and c4
    assert found.split.startswith("GIVEN SPLIT: NOT MADE HERE.")
    assert not found.clean
    assert found.together["c1"] == found.together["c2"] == found.together["c5"]


def test_cuts_across_parts_are_told() -> None:
    rng = np.random.default_rng(SEEDS[1])
    take = dance(rng, 30)
    motions = [motion(f"c{k}", take[k * 75 : k * 75 + 75]) for k in range(10)]
    corpus = [Member(m.name, {}) for m in motions]
    split = given_split(
        {"train": [f"c{k}" for k in range(5)], "test": [f"c{k}" for k in range(5, 10)]}
    )
    found = leakage.audit(split, corpus, motions=motions, placed=False)
    assert "cut of one take" not in found.looked_at
    found = leakage.audit(split, corpus, motions=motions, placed=True)
    told = [f.clips for f in found.findings if f.kind == "cut of one take"]
    assert {(c.first, c.second) for c in found.cuts.pairs} <= {
        (f"c{k}", f"c{k + 1}") for k in range(9)
    }
    assert len(found.cuts.pairs) >= 6 and told == [
        (c.first, c.second) for c in found.cuts.pairs if c.first == "c4"
    ]


def test_random_clips_are_told_and_unknown_clips_refused() -> None:
    corpus = members(np.random.default_rng(SEEDS[0]))
    split = splits.holdout(corpus, "clip", allow_random_clips=True)
    found = leakage.audit(split, corpus)
    assert found.counts["random clips"] == 1 and found.counts["shared group"] > 0
    assert found.sentences()[0].startswith("RANDOM CLIPS: LEAKS.")
    with pytest.raises(InputError, match="names 1 clips that the corpus lacks"):
        leakage.audit(given_split({"train": ["nobody"]}), corpus)


def test_motions_of_a_clip() -> None:
    pose = np.random.default_rng(0).normal(size=(50, 2, 26, 2)).astype(np.float32)
    clip = Clip(pose, np.ones((50, 2, 26)), np.arange(50) / 25)
    found = leakage.motions_of("a", clip)
    assert [m.name for m in found] == ["a", "a"] and found[0].fps == pytest.approx(25)
    assert (
        leakage.motions_of(
            "a", clip.replace(pose=pose[:1], confidence=np.ones((1, 2, 26)), time_s=[0])
        )
        == []
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_probe_is_a_ridge_classifier(seed) -> None:
    """Oracle: scikit-learn's RidgeClassifier on standardised columns, fold by fold."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(seed)
    n = 90
    y = rng.integers(0, 3, n)
    group = rng.integers(0, 12, n)
    x = rng.normal(size=(n, 3)) + np.eye(3)[y] * 0.8
    features = {f"f{k}": x[:, k] for k in range(3)}
    found = probe(features, y.astype(str), group.astype(str), permutations=20, seed=seed)
    parts = {"random": _stratified_parts(y, 5, np.random.default_rng(seed)), "grouped": group}
    for name, part in parts.items():
        right = 0
        for held in np.unique(part):
            train, test = part != held, part == held
            mean, std = x[train].mean(0), x[train].std(0)
            model = linear_model.RidgeClassifier(alpha=1.0).fit((x[train] - mean) / std, y[train])
            right += int((model.predict((x[test] - mean) / std) == y[test]).sum())
        assert getattr(found, name).accuracy == pytest.approx(right / n, abs=1e-9)
    assert found.grouped.folds == len(np.unique(group)) and found.groups == found.grouped.folds
    assert found.random.low <= found.random.accuracy <= found.random.high


@pytest.mark.parametrize("seed", SEEDS)
def test_the_probe_tells_a_confound_from_none(seed) -> None:
    """One rate a source, one label a source: told at random, not from other sources."""
    rng = np.random.default_rng(seed)
    source = np.repeat(np.arange(12), 12)
    label = np.array([f"s{k % 3}" for k in range(12)])[source]
    fps = rng.permutation(np.linspace(20, 60, 12))[source]
    # The label's mean rate is the same, so that only the sources' own rates tell it.
    for kind in np.unique(label):
        fps[label == kind] -= fps[label == kind].mean() - 40
    detected = rng.uniform(0.9, 1, 144)
    onehot = {f"fps{k}": (source == k).astype(float) for k in range(12)}
    found = probe({**onehot, "detected": detected}, label, source.astype(str), seed=seed)
    assert found.leak and found.random.accuracy > 0.95 and found.random.p_value < 0.01
    assert found.grouped.accuracy < 0.6 and found.one_label_groups == 1.0
    assert "confounded" in found.sentence()
    shuffled = probe(
        {"fps": fps, "detected": detected}, rng.permutation(label), np.arange(144).astype(str)
    )
    assert shuffled.random.p_value > 0.001 and shuffled.random.accuracy < 0.55


def test_missing_numbers_and_bad_columns() -> None:
    rng = np.random.default_rng(SEEDS[2])
    y = np.repeat(["a", "b"], 30)
    gap = np.where(y == "a", np.nan, rng.normal(size=60))
    found = probe({"rate": gap, "flat": np.ones(60)}, y, np.arange(60).astype(str), permutations=99)
    assert found.random.accuracy == 1.0 and found.leak  # that a number is missing tells the label
    assert found.as_dict()["random"]["p_value"] == pytest.approx(0.01)
    with pytest.raises(InputError, match="differ in length"):
        probe({"rate": gap[:-1]}, y, y)
    with pytest.raises(InputError, match="1 labels"):
        probe({"rate": gap}, ["a"] * 60, y)
    one = probe({"rate": gap}, y, ["g"] * 60, permutations=9)
    assert one.grouped is None and one.single_group_labels == ("a", "b")


def test_the_confound_of_streetdance4_is_found(shared_data, figures) -> None:
    """The corpus' notes state 0.44 against 0.13 to 0.31, on 65 clips more than are here."""
    rows = list(csv.DictReader((shared_data / "streetdance4" / "clips.csv").open()))
    corpus = [Member(r["clip"], {"source": r["source_video"]}, r["style"]) for r in rows]
    features = {
        "frames/s": [float(r["fps"]) for r in rows],
        "detection rate": [float(r["detected_frac"]) for r in rows],
    }
    split = splits.leave_one_group_out(corpus, ("source",))[0]
    found = leakage.audit(split, corpus, features=features, probe_by="source")
    figures["probe on random clips, p"] = [found.probe.random.accuracy, found.probe.random.p_value]
    figures["probe on held-out sources, p"] = [
        found.probe.grouped.accuracy,
        found.probe.grouped.p_value,
    ]
    assert len(rows) == 209 and found.counts == {"told by metadata": 1}
    assert found.probe.random.accuracy > 0.5 and found.probe.random.p_value < 0.01
    assert found.probe.grouped.accuracy < 0.314 and found.probe.grouped.p_value > 0.05
    assert found.probe.one_label_groups == 1.0 and "confounded" in found.probe.sentence()
