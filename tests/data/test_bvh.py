"""BVH motions: against pymotion and the library's own kinematics, round trips, fitted rotations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dance_jax import skeleton as sk
from dance_jax.data import bvh, bvh_kinematics, bvh_writer
from dance_jax.data.bvh_format import FORMAT, to_clip
from dance_jax.data.formats import ReadOptions, head
from dance_jax.data.synthetic import generate
from dance_jax.errors import InputError
from dance_jax.kinematics.forward import Rig, frames
from dance_jax.types import Clip
from tests.data.random_bvh import random_bvh
from tests.seeds import fresh

SEEDS = fresh(__name__, 6)


def clip_of(pose, time_s, **more):
    pose = np.asarray(pose, np.float32).reshape(len(pose), -1, *pose.shape[-2:])
    return Clip(pose, np.isfinite(pose).all(-1).astype(float), time_s, unit="m", **more)


def back(path, **options):
    """Returns the clip of a BVH file, in the joints of HALPE-26 that it names."""
    clip = next(FORMAT.read(path, ReadOptions(**options)))
    return clip, [sk.index("halpe26", name) for name in clip.skeleton.joints]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_motion_reads_back_as_it_was_written(tmp_path, seed):
    motion = random_bvh(seed, unit=100)
    bvh_writer.write_motion(tmp_path / "a.bvh", motion)
    found = bvh.read_bvh(tmp_path / "a.bvh")
    assert (found.names, found.parents, found.channels) == (
        motion.names,
        motion.parents,
        motion.channels,
    )
    np.testing.assert_allclose(found.values, motion.values, atol=1e-6)
    np.testing.assert_allclose(found.offsets, motion.offsets, atol=1e-5)
    assert found.frame_time == motion.frame_time  # exact, though the file has ten digits
    assert b"\r" not in (tmp_path / "a.bvh").read_bytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_positions_agree_with_pymotion(tmp_path, seed):
    reader = pytest.importorskip("pymotion.io.bvh")
    quat = pytest.importorskip("pymotion.rotations.quat_np")
    kinematics = pytest.importorskip("pymotion.ops.skeleton_np")
    bvh_writer.write_motion(tmp_path / "a.bvh", random_bvh(seed, joints=15))
    own = bvh.read_bvh(tmp_path / "a.bvh")
    places = bvh_kinematics.positions(own, chunk=7)
    other = reader.BVH()
    other.load(str(tmp_path / "a.bvh"))
    turns, moves, parents, _, ends, end_parents = other.get_data()
    joints, world = kinematics.fk_quat(turns, moves[:, 0], moves, parents)
    tips = joints[:, end_parents] + quat.mul_vec(
        world[:, end_parents], np.broadcast_to(ends, (len(joints), *ends.shape))
    )
    is_end = np.array([bvh.END in name for name in own.names])
    np.testing.assert_allclose(places[:, ~is_end], joints, atol=1e-5)
    np.testing.assert_allclose(places[:, is_end], tips, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_positions_agree_with_the_librarys_forward_kinematics(seed):
    motion = random_bvh(seed, moving=0.0)
    turns = np.stack(
        [bvh_kinematics.local_rotations(motion, j) for j in range(len(motion.names))], 1
    )
    # There a joint's rotation turns the segment that ends at it; here those that begin at it.
    shifted = turns[:, np.maximum(motion.parents, 0)]
    shifted[:, 0] = np.eye(3)
    rig = Rig(motion.offsets, motion.names, motion.parents)
    wanted, _ = frames(rig, shifted, motion.values[:, :3], xp=np)
    np.testing.assert_allclose(bvh_kinematics.positions(motion), wanted, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS[:3])
@pytest.mark.parametrize("kind", ["rigid", "shaken"])
def test_positions_come_back(tmp_path, seed, kind):
    dance = generate(seed, duration_s=1.5, fps=30)
    random = np.random.default_rng(seed)
    pose = dance.pose + (random.normal(size=dance.pose.shape) * 0.01 if kind == "shaken" else 0)
    notes = bvh_writer.write_bvh(tmp_path / "a.bvh", clip_of(pose, dance.time_s), unit="cm")
    found, at = back(tmp_path / "a.bvh")
    assert sorted(at) == list(range(26)) and notes["left_out"] == [] and notes["filled"] == {}
    np.testing.assert_allclose(found.pose[:, 0], pose[:, at], atol=1e-4)
    np.testing.assert_allclose(found.time_s, dance.time_s - dance.time_s[0], atol=1e-6)
    assert notes["max_error_m"] < 3e-5 and "unit cm" in found.source["found"]
    if kind == "rigid":  # one place that no rotation of the trunk reaches: the shoulder line bends
        assert len(notes["position_channels"]) < 10


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_fitted_rotations_turn_a_rigid_tree_as_it_turned(seed):
    """With three or more points a segment's rotation is unique, so it must come back."""
    random = np.random.default_rng(seed)
    parents, rest = [-1, 0, 0, 0, 1, 1, 1], random.normal(size=(7, 3))
    turn = np.linalg.qr(random.normal(size=(9, 2, 3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))[..., None, None]
    turn[0] = np.eye(3)  # frame 0 is the rest pose
    root = random.normal(size=(9, 3))
    pose = np.empty((9, 7, 3))
    pose[:, 0] = root
    for k in (1, 2, 3):
        pose[:, k] = root + turn[:, 0] @ rest[k]
    for k in (4, 5, 6):
        pose[:, k] = pose[:, 1] + turn[:, 0] @ turn[:, 1] @ rest[k]
    motion = bvh_writer.fit(tuple("abcdefg"), parents, pose, 0.1)
    assert motion.names[:2] == ("a", "b")
    np.testing.assert_allclose(bvh_kinematics.local_rotations(motion, 0), turn[:, 0], atol=1e-5)
    np.testing.assert_allclose(bvh_kinematics.local_rotations(motion, 1), turn[:, 1], atol=1e-5)
    assert not any(set(row) & set(bvh.POSITIONS) for row in motion.channels[1:])


def test_euler_angles_come_back_also_in_gimbal_lock():
    random = np.random.default_rng(5)
    given = random.uniform(-180, 180, (200, 3))
    given[:50, 1] = random.choice([-90.0, 90.0], 50)
    made = dataclasses.replace(
        random_bvh(0, joints=1),
        channels=(bvh_writer.ORDER, ()),
        values=given,
    )
    rotation = bvh_kinematics.local_rotations(made, 0)
    again = dataclasses.replace(made, values=bvh_writer.zxy(rotation))
    np.testing.assert_allclose(bvh_kinematics.local_rotations(again, 0), rotation, atol=1e-8)
    assert np.abs(np.diff(bvh_writer.zxy(rotation[50:]), axis=0)).max() <= 360


def test_gaps_and_uneven_times_are_told(tmp_path):
    dance = generate(SEEDS[0], duration_s=1.0, fps=30)
    pose = dance.pose.copy()
    pose[:, sk.index("halpe26", "nose")] = np.nan
    pose[3:6, sk.index("halpe26", "left_wrist")] = np.nan
    notes = bvh_writer.write_bvh(tmp_path / "a.bvh", clip_of(pose, dance.time_s))
    assert notes["left_out"] == ["nose"] and notes["filled"] == {"left_wrist": 3}
    found, at = back(tmp_path / "a.bvh")
    line = pose[2] + (pose[6] - pose[2]) / 4
    wrist = sk.index("halpe26", "left_wrist")
    np.testing.assert_allclose(found.pose[3, 0, at.index(wrist)], line[wrist], atol=1e-4)
    assert found.skeleton.parents[at.index(sk.index("halpe26", "left_eye"))] >= 0
    late = dance.time_s + 0.01 * (np.arange(len(pose)) % 2)
    notes = bvh_writer.write_bvh(tmp_path / "b.bvh", clip_of(pose, late))
    assert notes["resampled"]
    for bad in (clip_of(pose, late).replace(unit="px"), clip_of(np.nan * pose, late)):
        with pytest.raises(InputError, match="BVH export"):
            bvh_writer.write_bvh(tmp_path / "c.bvh", bad)
    with pytest.raises(InputError, match="no person 1"):
        bvh_writer.write_bvh(tmp_path / "c.bvh", clip_of(pose, late), 1)
    assert not (tmp_path / "c.bvh").exists()


def test_rigid_files_move_the_root_only(tmp_path):
    dance = generate(SEEDS[0], duration_s=1.0, fps=30)
    clip = clip_of(dance.pose, dance.time_s)
    notes = bvh_writer.write_bvh(tmp_path / "a.bvh", clip, rigid=True)
    found, at = back(tmp_path / "a.bvh")
    assert notes["position_channels"] == []
    worst = np.abs(found.pose[:, 0] - dance.pose[:, at]).max()
    assert worst == pytest.approx(notes["max_error_m"], abs=1e-5) and worst < 0.05


@pytest.mark.parametrize(("unit", "size"), [("cm", 100), ("m", 1), ("mm", 1000)])
@pytest.mark.parametrize("up", ["y", "z"])
def test_unit_and_up_are_told_by_the_figure(tmp_path, unit, size, up):
    dance = generate(SEEDS[1], style=None, duration_s=1.0, fps=30)
    pose = dance.pose if up == "y" else dance.pose[..., [0, 2, 1]] * [1, -1, 1]
    notes = bvh_writer.write_bvh(tmp_path / "a.bvh", clip_of(pose, dance.time_s), unit=unit)
    assert notes["unit"] == unit
    found, at = back(tmp_path / "a.bvh")
    assert (
        found.source["metres_per_unit"] == 1 / size
        and f"unit {unit}, since" in (found.source["found"])
    )
    np.testing.assert_allclose(found.pose[:, 0], dance.pose[:, at], atol=1e-4)
    assert head(tmp_path / "a.bvh") and FORMAT.sniff(head(tmp_path / "a.bvh")) == "BVH motion"


def test_a_unit_that_fits_nobody_is_asked_for(tmp_path):
    dance = generate(SEEDS[2], duration_s=1.0, fps=30)  # CMU's files have figures of 30 units
    clip = clip_of(dance.pose * 0.18, dance.time_s)
    bvh_writer.write_bvh(tmp_path / "a.bvh", clip)
    with pytest.raises(InputError, match=r"units tall.*unit='cm'"):
        back(tmp_path / "a.bvh")
    bvh_writer.write_bvh(tmp_path / "b.bvh", clip.replace(pose=clip.pose / 0.18 * 0.45))
    with pytest.raises(InputError, match=r"0\.\d\d m in cm or [12]\.\d\d m in inches; say it"):
        back(tmp_path / "b.bvh")
    found, at = back(tmp_path / "a.bvh", unit="in", fps=60)
    np.testing.assert_allclose(found.pose[:, 0], 0.18 * 2.54 * dance.pose[:, at], atol=1e-4)
    assert "unit in as given" in found.source["found"] and found.time_s[1] == 1 / 60
    halpe, sure = sk.convert(found.pose, found.confidence, found.skeleton, "halpe26")
    np.testing.assert_allclose(halpe[:, 0, at], found.pose[:, 0], atol=1e-6)
    assert (sure == 1).all()


def test_zero_position_channels_add_to_the_offset_and_it_is_told(tmp_path):
    dance = generate(SEEDS[0], duration_s=0.5, fps=30)
    bvh_writer.write_bvh(tmp_path / "a.bvh", clip_of(dance.pose, dance.time_s), rigid=True)
    motion = bvh.read_bvh(tmp_path / "a.bvh")
    wide = tuple(bvh.POSITIONS + row[-3:] if row else () for row in motion.channels)
    blocks = []
    for j, start in enumerate(motion.starts):
        rows = motion.values[:, start : start + len(motion.channels[j])]
        blocks.append(rows if j == 0 else np.concatenate([np.zeros((len(rows), 3)), rows], 1)
                      if motion.channels[j] else rows)  # fmt: skip
    other = dataclasses.replace(motion, channels=wide, values=np.concatenate(blocks, 1))
    np.testing.assert_allclose(bvh_kinematics.positions(other), bvh_kinematics.positions(motion))
    assert "added to the OFFSETs" in to_clip(other).source["found"]


def test_rounded_frame_times_are_the_rates_they_stand_for(tmp_path):
    bvh_writer.write_motion(tmp_path / "a.bvh", random_bvh(1))
    text = (tmp_path / "a.bvh").read_text()
    for written, step in (("0.0333333", 1 / 30), (".008333", 1 / 120), ("0.04", 0.04)):
        lines = [f"Frame Time: {written}" if "Frame Time" in line else line
                 for line in text.split("\n")]  # fmt: skip
        (tmp_path / "b.bvh").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
        assert bvh.read_bvh(tmp_path / "b.bvh").frame_time == step
