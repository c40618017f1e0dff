"""Custom skeletons: sides by name, and the joint names of motion-capture programs in HALPE-26."""

from __future__ import annotations

import dataclasses
import json

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from dance_jax import joint_names
from dance_jax import skeleton as sk
from dance_jax.errors import InputError
from tests.mocap_names import PROGRAMS, WORDS, sides
from tests.seeds import fresh

HALPE = sk.get("halpe26").joints


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_is_read(program):
    names, left, dialect = PROGRAMS[program]
    found = sk.custom(names)
    rules = dict(found.aliases.rules)
    assert found.aliases.dialect == dialect
    wanted = [f"left_{w.lower()}" for w in WORDS]
    assert [rules[joint] for joint in wanted] == [(name,) for name in left]
    assert rules["neck"] == rules["left_shoulder"] + rules["right_shoulder"]
    for joint, sources in rules.items():  # the other side is the mirror image
        there = {names[found.flip[names.index(name)]] for name in sources}
        assert there == set(rules[sk.other_side(joint)]), joint
    assert dialect == sk.get(found).aliases.dialect
    assert "no name for" not in sk.describe(found)


def test_bvh_shoulder_is_the_collar_bone_and_arm_the_shoulder_joint():
    names = PROGRAMS["lafan1"][0]
    pose = np.arange(len(names) * 3, dtype=float).reshape(-1, 3)
    out, sure = sk.convert(pose, None, sk.custom(names), "halpe26")
    at = {joint: out[i] for i, joint in enumerate(HALPE)}
    np.testing.assert_array_equal(at["left_shoulder"], pose[names.index("LeftArm")])
    np.testing.assert_array_equal(at["left_knee"], pose[names.index("LeftLeg")])
    arms = [names.index("LeftArm"), names.index("RightArm")]
    np.testing.assert_array_equal(at["neck"], pose[arms].mean(0))
    assert np.isnan(at["left_heel"]).all() and sure[HALPE.index("left_heel")] == 0
    assert "base of the toes" in sk.approximate(sk.custom(names))["left_big_toe"]


@pytest.mark.parametrize("seed", fresh(__name__, 3))
@pytest.mark.parametrize("program", ["cmu", "h36m", "plugin_gait", "unreal"])
def test_converting_commutes_with_mirroring_and_order(program, seed):
    random = np.random.default_rng(seed)
    names = list(PROGRAMS[program][0])
    random.shuffle(names)
    custom = sk.custom(names)
    assert [custom.flip[custom.flip[i]] for i in range(len(names))] == list(range(len(names)))
    pose = random.normal(size=(4, len(names), 3)).astype(np.float32)
    out, sure = sk.convert(pose, None, custom, "halpe26")
    flipped, again = sk.convert(sk.mirror(pose, custom), None, custom, "halpe26")
    np.testing.assert_allclose(flipped, sk.mirror(out, "halpe26"), atol=1e-6)
    np.testing.assert_array_equal(again, sk.swap_sides(sure, "halpe26", -1))
    back, _ = sk.convert(out, None, "halpe26", custom)
    kept = np.isfinite(back).all(-1)
    np.testing.assert_allclose(back[kept], pose[kept], atol=1e-6)
    assert kept[0].sum() >= 4


def test_names_of_a_listed_skeleton_follow_its_own_rules():
    for name in ("bandai21", "kinect25", "body25", "smpl24"):
        table = sk.get(name)
        for words in (table.joints, table.file_names):
            custom = sk.custom(words)
            assert custom.aliases.dialect == name and custom.flip == table.flip
            assert sk.conversion(custom, "halpe26") == sk.conversion(name, "halpe26")
            assert sk.approximate(custom) == sk.approximate(name)


def test_a_custom_skeleton_comes_back_from_its_parts():
    custom = sk.custom(PROGRAMS["lafan1"][0], source="a file")
    parts = dataclasses.asdict(custom)
    lists = {**parts, "aliases": json.loads(json.dumps(parts["aliases"]))}
    assert sk.Skeleton(**parts) == custom == sk.Skeleton(**lists)
    for bad in ({"rules": [["left_knee", ["none"]]]}, {"rules": 3}):
        with pytest.raises(ValueError, match="aliases"):
            sk.Skeleton(**parts | {"aliases": parts["aliases"] | bad})


def test_half_a_name_is_told_and_not_guessed():
    names = sides("{S}{n}", ("Shoulder", "ForeArm", "Hand", "UpLeg", "Leg", "Foot"), ["Hips"])
    said = sk.describe(sk.custom(names))  # LeftShoulder without LeftArm: joint or collar bone?
    assert "LeftShoulder (left_shoulder?)" in said and "no name for left_shoulder" in said
    assert sk.conversion(sk.custom(names), "halpe26")[HALPE.index("left_shoulder")] == ()
    with pytest.raises(InputError, match=r"cannot be told by name.*mapping="):
        sk.convert(np.zeros((2, 3)), None, sk.custom(["m1", "m2"]), "halpe26")
    custom = sk.custom(["m1", "m2"], mapping={"left_knee": "m1", "hip": ("m1", "m2")})
    out, _ = sk.convert(np.array([[0.0, 1, 2], [4, 5, 6]]), None, custom, "halpe26")
    np.testing.assert_array_equal(out[HALPE.index("hip")], [2, 3, 4])
    same = sk.custom(["Left Knee", "left_knee", "RightKnee", "LeftHip", "RightHip"])
    assert "left out: Left Knee, left_knee" in sk.describe(same)
    both = sides("{S}{n}", ("Elbow", "Knee", "ForeArm", "Leg"))
    assert sk.custom(both).aliases.dialect  # two full namings that agree are no contradiction


def test_one_name_at_two_joints_is_refused(monkeypatch):
    monkeypatch.setitem(joint_names.DIALECTS, "other", ("another", "left_elbow: L.arm"))
    monkeypatch.setitem(joint_names.DIALECTS, "segments", ("one", "left_shoulder: L.arm"))
    joint_names._rows.cache_clear()
    joint_names.match.cache_clear()
    try:
        found = joint_names.match(("LeftArm", "RightArm"))
        assert not found.rules and "fit two namings: LeftArm" in found.doubts[0]
    finally:
        joint_names._rows.cache_clear()
        joint_names.match.cache_clear()


def test_augmented_markers_beside_key_points_take_the_key_points_and_lose_none():
    """Pose2Sim writes 22 key points and 43 markers of OpenCap into one file: both are whole."""
    points = PROGRAMS["pose2sim"][0]
    study = "{l}_{n}_study"
    marks = sides(study, ("knee", "mknee", "ankle", "mankle", "toe", "calc", "5meta", "shoulder"))
    marks += sides(study, ("lelbow", "melbow", "lwrist", "mwrist"), ("RHJC_study", "LHJC_study"))
    both, alone = sk.custom([*points, *marks]), sk.custom(marks)
    assert both.aliases.dialect == "joints" and alone.aliases.dialect == "opencap"
    assert dict(both.aliases.rules)["left_knee"] == ("LKnee",)
    assert dict(alone.aliases.rules)["left_knee"] == ("l_knee_study", "l_mknee_study")
    assert dict(alone.aliases.rules)["right_hip"] == ("RHJC_study",)
    assert not both.aliases.doubts and not alone.aliases.doubts


WORD = st.sampled_from(["Left", "Right", "L", "r", "_", ":", "Arm", "Leg", "foot", "5", " ", "hip"])


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(st.lists(st.lists(WORD, max_size=5).map("".join), min_size=1, max_size=20))
def test_any_names_make_a_skeleton_whose_sides_exchange(names):
    names = list(dict.fromkeys(name for name in names if name.strip())) or ["a"]
    custom = sk.custom(names)
    assert [custom.flip[custom.flip[i]] for i in range(len(names))] == list(range(len(names)))
    sources = [name for joint, row in custom.aliases.rules if joint not in ("hip", "neck")
               for name in row]  # fmt: skip
    assert len(set(sources)) == len(sources) and set(sources) <= set(names)
    assert sk.describe(custom)


def test_sides_of_odd_names():
    n = ["L5", "LASI", "RASI", "Lumbar", "hand.l", "hand.r"]
    parsed = dict(zip(n, joint_names.parse(n), strict=True))
    assert parsed["L5"] == ("", "l5") and parsed["Lumbar"] == ("", "lumbar")
    assert parsed["LASI"] == ("L", "asi") and parsed["hand.r"] == ("R", "hand")
    assert joint_names.flips(n) == (0, 2, 1, 3, 5, 4)
    assert joint_names.flips(["LeftArm", "Head"]) == (0, 1)


@pytest.mark.parametrize(
    ("names", "parents", "what"),
    [
        ([], None, "0 joints"),
        (["a", "a"], None, "'a' occurs twice"),
        (["a", " "], None, "no name"),
        (["a", "b"], [0], "one index or -1"),
        (["a", "b"], [-1, 2], "one index or -1"),
        (["a", "b"], [1, 0], "circle"),
        (["a"] * 2001, None, "2001 joints"),
    ],
)
def test_mistakes_are_named(names, parents, what):
    with pytest.raises(InputError, match=what):
        sk.custom(names, parents)
    with pytest.raises(InputError, match="left_kne"):
        sk.custom(["a"], mapping={"left_kne": "a"})
    with pytest.raises(InputError, match="'b'"):
        sk.custom(["a"], mapping={"left_knee": "b"})


def test_real_bandai_names_give_a_body_that_faces_its_toes(shared_data):
    z = np.load(shared_data / "bandai_namco_style" / "bandai_namco_joints21_30fps.npz")
    # one name more than the table has, so that the aliases are taken and not the table
    names = [*z["joint_names"].tolist(), "joint_Root"]
    pose = np.concatenate([z["rel"][::2000], z["rel"][::2000, :1]], 1).astype(np.float32)
    custom = sk.custom(names)
    assert custom.aliases.dialect == "segments"
    out, _ = sk.convert(pose, None, custom, "halpe26")
    table, _ = sk.convert(pose[:, :21], None, "bandai21", "halpe26")
    other = [i for i, joint in enumerate(HALPE) if joint != "hip"]
    np.testing.assert_array_equal(out[:, other], table[:, other])
    at = {joint: out[:, i] for i, joint in enumerate(HALPE)}
    assert np.linalg.norm(at["hip"] - table[:, HALPE.index("hip")], axis=-1).max() < 4  # cm
    for a, b in (("shoulder", "elbow"), ("hip", "knee"), ("knee", "ankle")):
        left, right = (
            np.median(np.linalg.norm(at[s + a] - at[s + b], axis=-1)) for s in ("left_", "right_")
        )
        assert 20 < left < 55 and abs(left / right - 1) < 0.05
    ahead = sum(at[s + "big_toe"] - at[s + "ankle"] for s in ("left_", "right_"))
    left = np.cross([0.0, 1.0, 0.0], ahead)
    assert (np.einsum("nc,nc->n", at["left_hip"] - at["right_hip"], left) > 0).mean() > 0.95
