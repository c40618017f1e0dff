from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import dance_jax
from dance_jax.analysis import batch, inputs
from dance_jax.analysis.options import Options
from dance_jax.data import alphapose, bvh_writer, clip_npz, openpose, synthetic
from dance_jax.errors import InputError
from dance_jax.types import Clip


@pytest.fixture(scope="module")
def dancer() -> Clip:
    dance = synthetic.generate(3, duration_s=4.0, fps=30.0)
    sure = np.ones(dance.pose.shape[:2], np.float32)
    return Clip(dance.pose[:, None], sure[:, None], dance.time_s, unit="m")


@pytest.fixture(scope="module")
def seen(dancer) -> Clip:
    """The same dancer in pixels."""
    return dancer.replace(pose=dancer.pose[..., :2] * [200, -200] + [320, 440], unit="px")


def test_pictures_and_poses_are_told_apart(dancer, seen, tmp_path, short_dance) -> None:
    alphapose.write(tmp_path / "a.json", seen, form="list", fps=30.0)
    bvh_writer.write_bvh(tmp_path / "b.mp4", dancer)  # a suffix says nothing
    openpose.write(tmp_path / "folder", seen)
    (tmp_path / "text.mp4").write_text("no poses")
    for name in ("a.json", "b.mp4", "folder"):
        assert inputs.has_poses(tmp_path / name) and not inputs.is_picture(tmp_path / name)
    video = next(short_dance.glob("*.mp4"))
    assert inputs.is_picture(video) and not inputs.has_poses(video)
    assert not inputs.has_poses(tmp_path / "text.mp4")
    assert not inputs.has_poses(tmp_path / "nothing.json")
    assert batch.find_inputs(str(tmp_path / "folder")) == [tmp_path / "folder"]


def test_a_part_of_the_time(dancer, tmp_path) -> None:
    clip_npz.write(tmp_path / "d.npz", dancer)
    part = inputs.read_poses(tmp_path / "d.npz", Options(start_s=1.0, end_s=2.5))
    time = dancer.time_s - dancer.time_s[0]
    kept = (time >= 1.0) & (time <= 2.5)
    assert np.array_equal(part.time_s, dancer.time_s[kept])
    assert np.array_equal(part.pose, dancer.pose[kept])
    with pytest.raises(InputError, match="nothing is left"):
        inputs.read_poses(tmp_path / "d.npz", Options(start_s=50.0))


def test_the_command_line_analyses_a_motion_file(dancer, tmp_path) -> None:
    bvh_writer.write_bvh(tmp_path / "d.bvh", dancer)
    command = [
        *(sys.executable, "-m", "dance_jax.launch", "--config=configs/analyze.py"),
        *(f"--config.input={tmp_path / 'd.bvh'}", f"--workdir={tmp_path / 'out'}"),
        "--config.plots=false",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out" / "analysis.json").read_text("utf-8"))
    assert content["estimator"]["name"] == "given poses"
    files = {"poses.bvh", "poses.c3d", "poses.trc", "smoothness.csv", "report.html"}
    assert files <= set(content["files"]) | {"report.html"}
    again = dance_jax.load_clip(tmp_path / "out" / "poses.c3d", skeleton="halpe26")
    assert again.n_frames == dancer.n_frames


def test_a_video_is_estimated(any_pose_model, short_dance) -> None:
    video = next(short_dance.glob("*.mp4"))
    clip = dance_jax.load_clip(video, model=str(any_pose_model), num_people=1)
    assert clip.unit == "px" and clip.n_frames == 45 and clip.n_people >= 1
    assert clip.source["estimator"]["name"] in ("mediapipe", "blazepose")
    with pytest.raises(InputError, match="unit is for files of poses"):
        dance_jax.load_clip(video, unit="m")
    with pytest.raises(InputError, match="unknown option"):
        dance_jax.load_clip(video, modle="x")
