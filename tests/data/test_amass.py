"""AMASS motions: variants of the npz, and rest joints posed as pymotion and the definition say."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton as sk
from dance_jax.data import amass_format
from dance_jax.data.aistpp import SmplMotion
from dance_jax.data.formats import ReadOptions, head
from dance_jax.errors import InputError
from tests.seeds import fresh

PARENTS = np.maximum(sk.get("smpl24").parents, 0)


def motion(seed, width, frames=6):
    random = np.random.default_rng(seed)
    return {
        "poses": random.normal(size=(frames, width)),
        "trans": random.normal(size=(frames, 3)),
        "betas": random.normal(size=16),
        "dmpls": np.zeros((frames, 8)),
    }


@pytest.mark.parametrize("seed", fresh(__name__, 2))
@pytest.mark.parametrize(("width", "model"), [(72, "SMPL"), (156, "SMPL-H"), (165, "SMPL-X")])
@pytest.mark.parametrize("key", ["mocap_framerate", "mocap_frame_rate"])
@pytest.mark.parametrize("gender", ["female", b"female", np.array([b"female"]), "b'female'"])
def test_variants_are_read(tmp_path, seed, width, model, key, gender):
    arrays = motion(seed, width)
    np.savez(tmp_path / "a.npz", **arrays, gender=gender, **{key: 120.0})
    found = amass_format.read_amass(tmp_path / "a.npz")
    assert isinstance(found, SmplMotion) and found.poses.shape == (6, 24, 3)
    assert (found.model, found.gender, found.fps, found.scaling) == (model, "female", 120, 1)
    np.testing.assert_allclose(
        found.poses[:, :22].reshape(6, -1), arrays["poses"][:, :66], atol=1e-6
    )
    hands = arrays["poses"][:, 66:72].reshape(6, 2, 3) if width == 72 else np.zeros((6, 2, 3))
    np.testing.assert_allclose(found.poses[:, 22:], hands, atol=1e-6)
    np.testing.assert_allclose(found.betas, arrays["betas"], atol=1e-6)
    assert amass_format.FORMAT.sniff(head(tmp_path / "a.npz")) == "AMASS motion"
    with pytest.raises(InputError, match=rf"6 frames of {model}.*licensed.*rest_joints"):
        next(amass_format.FORMAT.read(tmp_path / "a.npz", ReadOptions()))


@pytest.mark.parametrize("seed", fresh(__name__, 4))
def test_rest_joints_are_posed_as_pymotion_poses_them(tmp_path, seed):
    quat = pytest.importorskip("pymotion.rotations.quat_np")
    kinematics = pytest.importorskip("pymotion.ops.skeleton_np")
    random = np.random.default_rng(seed)
    rest = random.normal(size=(24, 3))
    arrays = motion(seed, 156)
    np.savez(tmp_path / "a.npz", **arrays, mocap_framerate=60)
    np.save(tmp_path / "J.npy", np.concatenate([rest, rest]))  # SMPL-H models have 52 rows
    found = amass_format.read_amass(tmp_path / "a.npz")
    clip = amass_format.to_clip(found, amass_format.rest_joints(tmp_path / "J.npy"))
    turns = quat.from_scaled_angle_axis(found.poses.astype(float))
    wanted, _ = kinematics.fk_quat(turns, arrays["trans"] + rest[0], rest - rest[PARENTS], PARENTS)
    wanted = wanted[..., [0, 2, 1]] * [1, 1, -1]  # z up -> y up
    np.testing.assert_allclose(clip.pose[:, 0, :22], wanted[:, :22], atol=1e-4)
    assert np.isnan(clip.pose[:, 0, 22:]).all() and clip.skeleton == "smpl24"
    assert clip.time_s[-1] == 5 / 60 and clip.unit == "m"


def test_the_rest_pose_stays_and_the_root_turns_about_its_own_place():
    rest = np.random.default_rng(3).normal(size=(24, 3))
    poses = np.zeros((2, 24, 3), np.float32)
    poses[1, 0] = [0, np.pi, 0]
    still = SmplMotion(poses, np.zeros((2, 3), np.float32), 1.0)
    clip = amass_format.to_clip(still, rest, fps=60, up="+y")
    np.testing.assert_allclose(clip.pose[0, 0], rest, atol=1e-6)
    turned = rest[0] + (rest - rest[0]) * [-1, 1, -1]
    np.testing.assert_allclose(clip.pose[1, 0], turned, atol=1e-5)
    moved = SmplMotion(poses, np.full((2, 3), 200.0, np.float32), 100.0)  # AIST++: centimetres
    again = amass_format.to_clip(moved, rest, fps=60, up="+y")
    np.testing.assert_allclose(again.pose, clip.pose + 2, atol=1e-5)
    with pytest.raises(InputError, match=r"not \[24,3\]"):
        amass_format.to_clip(still, rest[:20], fps=60)
    with pytest.raises(InputError, match="fps"):
        amass_format.to_clip(still, rest)


def test_rest_joints_that_are_none(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        amass_format.rest_joints(tmp_path / "none.npy")
    (tmp_path / "a.npy").write_bytes(b"not an array")
    with pytest.raises(InputError, match=r"no \.npy"):
        amass_format.rest_joints(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.full((24, 3), np.nan))
    with pytest.raises(InputError, match="finite"):
        amass_format.rest_joints(tmp_path / "b.npy")
