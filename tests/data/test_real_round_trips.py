"""Real movement written as TRC, C3D, BVH, MOT and COCO: it comes back, and others read the same."""

from __future__ import annotations

import itertools
import pathlib

import numpy as np
import pytest

from dance_jax import skeleton
from dance_jax.data import bvh, bvh_kinematics, coco, load, trc_format
from dance_jax.data.bvh_writer import fit, write_bvh
from dance_jax.data.c3d_writer import write_c3d
from dance_jax.data.mot import read_mot, write_mot
from dance_jax.types import Clip

BAR = 1e-4  # metres, or pixels
WRITERS = {"trc": trc_format.write, "c3d": write_c3d, "bvh": write_bvh}
SPACE = {  # folder -> which of its clips: the first, and every so many
    "aistpp_samples": 1,
    "bandai_namco_style": 300,
    "fs_jump3d": 19,
    "irds_rehab": 24,
    "tang2018_ballroom3d": 12,
}
PICTURE = {"streetdance4": 30, "vn_dance_trends": 10}


def clips_of(data: pathlib.Path, name: str, step: int) -> list[Clip]:
    if name == "aistpp_samples":
        files = sorted((data / name / "keypoints3d").iterdir())
        return [load.load_clip(file, allow_pickle=True) for file in files]
    return list(itertools.islice(load.load_clips(data / name), 0, None, step))


def apart(found: Clip, clip: Clip) -> float:
    """The largest distance in any coordinate, over every joint and frame; gaps must be the same."""
    names = skeleton.get(clip.skeleton).joints
    at = [names.index(name) for name in skeleton.get(found.skeleton).joints]
    assert sorted(at) == list(range(len(names)))
    wanted = clip.pose[:, :, at]
    assert found.pose.shape == wanted.shape and found.unit == clip.unit
    np.testing.assert_array_equal(np.isnan(found.pose), np.isnan(wanted))
    elapsed = clip.time_s - clip.time_s[0]
    np.testing.assert_allclose(found.time_s - found.time_s[0], elapsed, atol=1e-6)
    return float(np.nanmax(np.abs(found.pose - wanted)))


@pytest.fixture
def wanted(full_size):
    if not full_size:
        pytest.skip("launch/accept.sh writes and reads dozens of real clips")


@pytest.mark.full
@pytest.mark.parametrize("name", SPACE)
def test_metric_movement_comes_back(name, wanted, shared_data, figures, tmp_path) -> None:
    worst = dict.fromkeys(WRITERS, 0.0)
    clips = clips_of(shared_data, name, SPACE[name])
    assert len(clips) >= 3
    for clip, (kind, write) in itertools.product(clips, WRITERS.items()):
        path = tmp_path / f"a.{kind}"
        write(path, clip)
        worst[kind] = max(worst[kind], apart(load.load_clip(path), clip))
    figures[f"{name}: {len(clips)} clips, worst m"] = {k: f"{v:.1e}" for k, v in worst.items()}
    assert max(worst.values()) <= BAR


@pytest.mark.full
@pytest.mark.parametrize("name", SPACE)
def test_rotations_of_real_movement_as_mot(name, wanted, shared_data, figures, tmp_path) -> None:
    """Every channel of the motion that was fitted to the positions, in degrees, through MOT."""
    worst, count = 0.0, 0
    for clip in clips_of(shared_data, name, SPACE[name])[:3]:
        body = skeleton.get(clip.skeleton)
        pose = clip.pose[:, 0].astype(float)
        motion = fit(body.joints, list(body.parents), pose, 1 / 60, rigid=True)
        keys = [
            f"{joint}_{channel}"
            for joint, row in zip(motion.names, motion.channels, strict=True)
            for channel in row
        ]
        columns = dict(zip(keys, motion.values.T, strict=True))
        assert len(columns) == motion.values.shape[1]
        write_mot(tmp_path / "a.mot", columns, clip.time_s, in_degrees=True)
        back = read_mot(tmp_path / "a.mot")
        assert back.in_degrees and list(back.columns) == keys
        found = np.stack([back.columns[key] for key in keys], 1)
        worst = max(worst, float(np.abs(found - motion.values).max()))
        np.testing.assert_allclose(back.time_s, clip.time_s, atol=1e-6)
        count += len(keys)
    figures[f"{name}: MOT, {count} columns, worst degree"] = f"{worst:.1e}"
    assert worst <= BAR


@pytest.mark.full
@pytest.mark.parametrize("name", SPACE)
def test_others_read_the_same_in_space(name, wanted, shared_data, figures, tmp_path) -> None:
    """ezc3d reads our C3D; pymotion, with its own kinematics, our BVH of rotations alone."""
    ezc3d = pytest.importorskip("ezc3d")
    reader = pytest.importorskip("pymotion.io.bvh")
    kinematics = pytest.importorskip("pymotion.ops.skeleton_np")
    worst = {"ezc3d": 0.0, "pymotion": 0.0}
    for clip in clips_of(shared_data, name, SPACE[name])[:5]:
        joints = skeleton.get(clip.skeleton).joints
        write_c3d(tmp_path / "a.c3d", clip)
        other = ezc3d.c3d(str(tmp_path / "a.c3d"))
        labels = other["parameters"]["POINT"]["LABELS"]["value"]
        assert labels == list(joints)
        points = other["data"]["points"][:3].transpose(2, 1, 0) / 1000  # written in millimetres
        worst["ezc3d"] = max(worst["ezc3d"], float(np.nanmax(np.abs(points - clip.pose[:, 0]))))
        assert other["header"]["points"]["frame_rate"] == pytest.approx(
            (clip.n_frames - 1) / clip.duration_s, rel=1e-6
        )
        write_bvh(tmp_path / "a.bvh", clip, rigid=True, unit="m")
        motion = bvh.read_bvh(tmp_path / "a.bvh")
        theirs = reader.BVH()
        theirs.load(str(tmp_path / "a.bvh"))
        turns, moves, parents, _, _, _ = theirs.get_data()
        places, _ = kinematics.fk_quat(turns, moves[:, 0], moves, parents)
        is_end = np.array([bvh.END in joint for joint in motion.names])
        ours = bvh_kinematics.positions(motion)[:, ~is_end]
        worst["pymotion"] = max(worst["pymotion"], float(np.abs(ours - places).max()))
    figures[f"{name}: others, worst m"] = {k: f"{v:.1e}" for k, v in worst.items()}
    assert max(worst.values()) <= BAR


@pytest.mark.full
@pytest.mark.parametrize("name", PICTURE)
def test_pictures_come_back_and_others_read_the_same(
    name, wanted, shared_data, figures, tmp_path
) -> None:
    """TRC in pixels, and COCO's 17 points: back, and as pycocotools reads them."""
    api = pytest.importorskip("pycocotools.coco")
    worst = {"trc": 0.0, "coco": 0.0, "pycocotools": 0.0}
    points = 0
    for clip in clips_of(shared_data, name, PICTURE[name]):
        trc_format.write(tmp_path / "a.trc", clip)
        back = load.load_clip(tmp_path / "a.trc", image_size=clip.image_size)
        worst["trc"] = max(worst["trc"], apart(back, clip))
        body, _ = skeleton.convert(clip.pose, clip.confidence, clip.skeleton, "coco17")
        coco.write(tmp_path / "a.json", clip)
        ours = load.load_clip(tmp_path / "a.json")
        np.testing.assert_allclose(ours.time_s, clip.time_s - clip.time_s[0], atol=1e-6)
        np.testing.assert_array_equal(np.isnan(ours.pose), np.isnan(body))
        worst["coco"] = max(worst["coco"], float(np.nanmax(np.abs(ours.pose - body))))
        theirs = api.COCO(str(tmp_path / "a.json"))
        for t, image in enumerate(sorted(theirs.getImgIds())):
            rows = theirs.loadAnns(theirs.getAnnIds(imgIds=[image]))
            assert len(rows) == int(np.isfinite(body[t]).any())
            for row in rows:
                table = np.array(row["keypoints"]).reshape(17, 3)
                seen = table[:, 2] > 0
                np.testing.assert_array_equal(seen, np.isfinite(body[t, 0]).all(-1))
                far = np.abs(table[seen, :2] - body[t, 0, seen]).max()
                worst["pycocotools"] = max(worst["pycocotools"], float(far))
                points += int(seen.sum())
    figures[f"{name}: {points:,} points, worst px"] = {k: f"{v:.1e}" for k, v in worst.items()}
    assert points > 10_000 and max(worst.values()) <= BAR
