"""The validator's audit of poses, of groups by name and of a split that is given."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dance_jax.data import splits
from dance_jax.data.corpus_audit import grouping
from dance_jax.data.layout import load_corpus
from dance_jax.data.name_groups import BY_NAME
from dance_jax.data.split import RANDOM_STAMP, given_split
from dance_jax.data.validate_corpus import validate
from dance_jax.errors import InputError
from tests.data.corpora import dance
from tests.data.pose_corpora import lay_out, posed
from tests.seeds import fresh

SEEDS = fresh(__name__, 3)


def rows(rng, names, seconds=6.0):
    return [(name, "waltz", posed(dance(rng, seconds))) for name in names]


def shared_movement(rng, names):
    """Clips of their own movement, but the last holds 2.8 s of the first, moved and zoomed."""
    made = rows(rng, names)
    first, last = (made[k][2].pose[:, 0] for k in (0, -1))
    piece = first[30:100] * np.float32(1.2) + np.float32(0.4)
    mixed = np.concatenate([last[:50], piece, last[50:]])
    return [*made[:-1], (names[-1], "waltz", posed(mixed))]


def kinds(found) -> list[str]:
    return sorted(p.kind for p in found.problems)


@pytest.mark.parametrize("seed", SEEDS)
def test_movement_copied_between_sources_is_a_problem_within_one_is_none(seed, tmp_path) -> None:
    rng = np.random.default_rng(seed)
    apart = ["ann_0_1", "ann_9_1", "bob_0_1", "bob_9_1"]  # the videos are shorter than 1 s
    found = validate(lay_out(tmp_path / "apart", shared_movement(rng, apart)))
    assert kinds(found) == ["tied clips: copied movement"]
    (problem,) = found.problems
    assert "ann_0_1.mp4" in problem.text and "bob_9_1.mp4" in problem.text
    assert problem.text.startswith(
        f"1 pair of clips that the groups by source {BY_NAME} keep apart, 2 clips in all"
    )
    assert found.audit.together["ann_0_1.mp4"] == found.audit.together["bob_9_1.mp4"]
    assert "4 of 4 clips compared, 670 frames" in found.poses.sentence
    said = found.audit.sentences()
    assert said[0].startswith("The corpus is in one piece") and not any("parts," in s for s in said)

    one = ["ann_0_1", "bob_0_1", "bob_9_1", "ann_9_1"]
    found = validate(lay_out(tmp_path / "one", shared_movement(rng, one)))
    assert found.clean and found.audit.copies.found > 0
    assert found.group == f"source {BY_NAME}" and found.names.rule == "SOURCE_START_DURATION"


def test_cuts_of_one_take_and_place(tmp_path) -> None:
    """Clips that end where the next starts; without the place in the room there is no telling."""
    take = dance(np.random.default_rng(SEEDS[0]), 48)
    cuts = [(f"k{k:02d}", "waltz", posed(take[k * 100 : k * 100 + 100])) for k in range(12)]
    found = validate(lay_out(tmp_path / "placed", cuts))
    assert kinds(found) == ["tied clips: cut of one take"]
    assert found.poses.placed and len(found.audit.cuts.pairs) >= 8
    hip = [(n, s, posed(c.pose[:, 0] - c.pose[:, 0, :1])) for n, s, c in cuts]
    found = validate(lay_out(tmp_path / "centred", hip))
    assert not found.poses.placed and found.audit.cuts is None
    assert any("Not looked at: one clip starts where" in line for line in found.audit.sentences())


def test_a_corpus_without_poses_says_so_and_the_switch_is_heeded(tmp_path) -> None:
    root = lay_out(tmp_path / "c", shared_movement(np.random.default_rng(0), ["a", "b", "c"]))
    off = validate(root, poses=False)
    assert off.clean and off.poses is None and off.audit.copies is None
    for path in (root / "pose_data").iterdir():
        path.unlink()
    none = validate(root)
    assert none.clean and none.audit.copies is None
    assert none.poses.sentence.startswith("the corpus holds no poses")
    assert any("Not looked at: one movement" in line for line in none.audit.sentences())


def test_the_bound_holds_and_is_told(tmp_path) -> None:
    root = lay_out(tmp_path / "c", rows(np.random.default_rng(0), [f"v{k}" for k in range(6)]))
    found = validate(root, pose_frames=400)
    frames = sum(len(m.pose) for m in found.poses.motions)
    assert 400 <= frames < 400 + 150 and len(found.poses.detection) == 3
    assert "3 clips lie beyond the bound of 400 frames" in found.poses.sentence
    assert [m.name for m in validate(root, pose_frames=400).poses.motions] == [
        m.name for m in found.poses.motions
    ]


def test_poses_that_cannot_be_read_or_compared(tmp_path) -> None:
    made = rows(np.random.default_rng(0), ["a", "b", "c", "d"])
    flat = posed(made[2][2].pose[:, 0, :, :2], unit="px")
    short = posed(made[3][2].pose[:10, 0])
    root = lay_out(tmp_path / "c", [*made[:2], ("c", "waltz", flat), ("d", "waltz", short)])
    (root / "pose_data" / "b.npz").write_bytes(b"PK\x03\x04 broken")
    (root / "pose_data" / "notes.txt").write_text("of nobody")
    found = validate(root)
    (problem,) = found.problems
    assert problem.kind == "unreadable poses" and problem.where.endswith("b.npz")
    assert problem.text and problem.fix
    said = found.poses.sentence
    assert "1 files could not be read" in said and "1 clips have other axes" in said
    assert "1 tracks are shorter than 1 s" in said and "poses: 1 of 4 clips compared" in said


def test_other_skeletons_are_put_to_one(tmp_path) -> None:
    rng = np.random.default_rng(SEEDS[1])
    whole, half = dance(rng, 4, joints=26), dance(rng, 4, joints=17)
    options = {"skeleton": "coco17"}
    made = [
        ("a", "waltz", posed(whole, skeleton="halpe26")),
        ("b", "waltz", posed(half, **options)),
    ]
    found = validate(lay_out(tmp_path / "c", made))
    assert "several skeletons: put to halpe26" in found.poses.sentence
    assert {m.pose.shape[1] for m in found.poses.motions} == {26}


def test_labels_told_by_the_detection_rate(tmp_path) -> None:
    rng = np.random.default_rng(SEEDS[2])
    made = []
    for k in range(24):
        pose = dance(rng, 2)
        pose[: (8, 20)[k % 2]] = np.nan
        made.append((f"v{k:02d}", ("waltz", "tango")[k % 2], posed(pose)))
    found = validate(lay_out(tmp_path / "c", made))
    assert kinds(found) == ["leak: told by metadata"]
    assert found.audit.probe.features == ("detection rate",)  # rate and length are all the same
    assert found.poses.detection["v00.mp4"] == pytest.approx(42 / 50)
    assert found.audit.probe.random.accuracy == 1.0


def test_a_split_of_random_clips_is_stamped(tmp_path) -> None:
    rng = np.random.default_rng(SEEDS[0])
    names = [f"{name}_{k}_1" for name in ("ann", "bob", "cleo") for k in range(4)]
    root = lay_out(tmp_path / "c", rows(rng, names, 2.0))
    corpus = load_corpus(root)[0]
    random = splits.holdout(corpus.members(), "clip", allow_random_clips=True)
    found = validate(root, split=random)
    assert found.split.stamp == RANDOM_STAMP
    assert found.audit.sentences()[0].startswith("RANDOM CLIPS: LEAKS.")
    assert {"leak: random clips", "leak: shared group"} <= set(kinds(found))
    shared = next(p for p in found.problems if p.kind == "leak: shared group")
    assert f"source {BY_NAME} " in shared.text
    json.dumps(found.audit.as_dict(), allow_nan=False)
    names_told = found.names.grouped(corpus.members())
    held = splits.holdout(names_told, found.group)
    assert validate(root, split=held).clean
    with pytest.raises(InputError, match="names 1 clips that the corpus lacks"):
        validate(root, split=given_split({"train": ["nobody"]}))


def test_what_clips_are_grouped_by(tmp_path) -> None:
    names = [f"take_{k}_{s}" for k in range(2) for s in (6, 7)]
    made = rows(np.random.default_rng(0), names, 1.2)
    plain = load_corpus(lay_out(tmp_path / "plain", made))[0]
    assert grouping(plain)[0] == f"source {BY_NAME}"
    assert grouping(plain, "none")[0] == "" and not grouping(plain, "none")[1]
    key, found = grouping(plain, r"_(\d)_")
    assert key == f"source {BY_NAME}" and found.groups["take_0_6.mp4"] == {key: "0"}
    with pytest.raises(InputError, match="4 of 4 clips have no dancer"):
        grouping(plain, "dancer")
    told = load_corpus(lay_out(tmp_path / "told", made, extra=["dancer_id", *"aabb"]))[0]
    assert grouping(told) == ("dancer", grouping(told, "dancer")[1]) and not grouping(told)[1]
    part = load_corpus(lay_out(tmp_path / "part", made, extra=["dancer_id", "a", "", "", ""]))[0]
    assert grouping(part)[0] == "" and not grouping(part)[1]  # what is annotated is not overruled
