"""Motion-capture files through load_clip: told by content, in HALPE-26 on request, analysed."""

from __future__ import annotations

import numpy as np
import pytest

from dance_jax import skeleton as sk
from dance_jax.data import clip_npz, load, trc_format
from dance_jax.data.bvh_writer import write_bvh
from dance_jax.data.c3d_writer import write_c3d
from dance_jax.data.synthetic import generate
from dance_jax.errors import InputError
from dance_jax.types import Clip
from tests.seeds import fresh

WRITERS = {"bvh": write_bvh, "c3d": write_c3d, "trc": trc_format.write}


@pytest.fixture(scope="module")
def dancer():
    dance = generate(fresh(__name__, 1)[0], duration_s=1.0, fps=25)
    pose = dance.pose[:, None]
    return Clip(pose, np.ones(pose.shape[:3]), dance.time_s, unit="m")


@pytest.mark.parametrize("kind", WRITERS)
def test_the_content_tells_the_format_whatever_the_name(tmp_path, dancer, kind):
    path = tmp_path / "take.txt"
    WRITERS[kind](path, dancer)
    assert load.detect(path)[0].name == kind
    clip = load.load_clip(path)
    at = [sk.index("halpe26", name) for name in clip.skeleton.joints]
    np.testing.assert_allclose(clip.pose, dancer.pose[:, :, at], atol=1e-4)
    np.testing.assert_allclose(clip.time_s, dancer.time_s, atol=1e-6)
    assert clip.source["format"] == kind and len(clip.source["sha256"]) == 64
    halpe = load.load_clip(path, skeleton="halpe26")
    assert halpe.skeleton == "halpe26"
    np.testing.assert_allclose(halpe.pose, dancer.pose, atol=1e-4)
    clip_npz.FORMAT.write(tmp_path / "a.npz", clip)  # a custom skeleton is kept with the clip
    again = load.load_clip(tmp_path / "a.npz")
    assert again.skeleton == clip.skeleton
    assert sk.conversion(again.skeleton, "halpe26") == sk.conversion(clip.skeleton, "halpe26")


def test_files_without_positions_say_what_they_hold(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, poses=np.zeros((3, 156)), trans=np.zeros((3, 3)), mocap_framerate=60.0)
    with pytest.raises(InputError, match=r"SMPL-H joint rotations.*licensed body model"):
        load.load_clip(path)
    path = tmp_path / "b.txt"
    path.write_text("a\nnRows=1\nnColumns=2\ninDegrees=yes\nendheader\ntime\tknee_r\n0 1\n")
    with pytest.raises(InputError, match=r"angles of a model's joints.*read_mot"):
        load.load_clip(path)


def test_one_of_several_people_is_written(tmp_path, dancer):
    two = Clip(
        np.concatenate([dancer.pose, dancer.pose + np.float32(1)], 1),
        np.repeat(dancer.confidence, 2, 1),
        dancer.time_s,
        unit="m",
    )
    for kind, write in WRITERS.items():
        write(tmp_path / f"a.{kind}", two, 1)
        clip = load.load_clip(tmp_path / f"a.{kind}", skeleton="halpe26")
        np.testing.assert_allclose(clip.pose, two.pose[:, 1:], atol=1e-4)
    write_c3d(tmp_path / "b.c3d", two)
    both = load.load_clip(tmp_path / "b.c3d", skeleton="halpe26")
    np.testing.assert_allclose(both.pose, two.pose, atol=1e-4)
    assert both.source["subjects"] == ("P1", "P2")
