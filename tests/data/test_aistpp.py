"""AIST names, AIST++ cameras, key points and motions: made files, OpenCV, real sequences."""

from __future__ import annotations

import json
import pickle

import cv2
import numpy as np
import pytest

from dance_jax.data import aist_names, aistpp, pickle_reader
from dance_jax.errors import InputError
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)
NAME = "gBR_sBM_cAll_d04_mBR2_ch08"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gBR_sBM_c01_d04_mBR3_ch04.mp4", ("BR", "BM", 1, (4,), "BR3", 4, 110)),
        ("x/y.z/gHO_sFM_cAll_d19_mHO5_ch01.pkl", ("HO", "FM", None, (19,), "HO5", 1, 135)),
        ("gBR_sGR_c05_d01_d02_d03_mBR0_ch09", ("BR", "GR", 5, (1, 2, 3), "BR0", 9, 80)),
        ("gBR_sBA_c01_d03_mBR3_ch04.2M.mp4", ("BR", "BA", 1, (3,), "BR3", 4, 110)),
        ("sSH_c01_v0", ("", "SH", 1, (), "", 0, None)),
        ("sCY_cAll_v3.mp4", ("", "CY", None, (), "", 3, None)),
        ("sBT_c01_d21_d31_v5", ("", "BT", 1, (21, 31), "", 5, None)),
    ],
)
def test_names(text, expected):
    found = aist_names.parse_name(text)
    got = (found.genre, found.situation, found.camera, found.dancers, found.music, found.number)
    assert (*got, found.bpm) == expected
    assert aist_names.parse_name(found.seen_by(7)).camera == 7
    assert found.seen_by(found.camera) == found.name
    assert found.labels["situation"] and None not in found.labels.values()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dance.mp4",
        "gBR_sBM_c1_d04_mBR3_ch04",
        "gBR_sXX_c01_d04_mBR3_ch04",
        "sSH_c01",
        NAME + "x",
    ],
)
def test_other_names_are_refused(text):
    with pytest.raises(InputError, match="AIST file name"):
        aist_names.parse_name(text)


def setting(rng, folder):
    """Writes a setting of nine cameras about the middle; returns its path and rows."""
    rows = []
    for k in range(9):
        rows.append(
            {
                "name": f"c{k + 1:02d}",
                "size": [1920, 1080],
                "matrix": [[1400 + 9 * k, 0, 960], [0, 1400 + 9 * k, 540], [0, 0, 1]],
                "rotation": (rng.normal(size=3) if k else np.zeros(3)).tolist(),
                "translation": [*rng.normal(0, 20, 2), rng.uniform(400, 600)],
                "distortions": rng.normal(0, 0.05, 5).tolist(),
            }
        )
    file = folder / "setting1.json"
    file.write_text(json.dumps(rows))
    return file, rows


@pytest.mark.parametrize("seed", SEEDS)
def test_projection_is_that_of_opencv(seed, tmp_path):
    rng = np.random.default_rng(seed)
    file, rows = setting(rng, tmp_path)
    points = rng.normal(0, 60, (40, 17, 3))
    for camera, row in zip(aistpp.read_cameras(file), rows, strict=True):
        turn, place = np.array(row["rotation"]), np.array(row["translation"])
        expected, _ = cv2.projectPoints(
            points.reshape(-1, 3), turn, place, camera.matrix, camera.distortions
        )
        assert np.allclose(camera.project(points).reshape(-1, 2), expected[:, 0], atol=1e-6)
        assert np.allclose(camera.rotation, cv2.Rodrigues(turn)[0], atol=1e-12)
        assert np.allclose(camera.view(camera.position), 0, atol=1e-9)
        assert (camera.view(points)[..., 2] < 0).all()  # in front of the camera, z to the viewer
        behind = camera.position - 50 * camera.rotation[2]
        assert np.isnan(camera.project(behind)).all()


@pytest.mark.parametrize("text", ["{", "{}", "[]x", '[{"name": "c01"}]', "[1]", "[" * 9999])
def test_broken_cameras_are_one_line(text, tmp_path):
    (tmp_path / "setting1.json").write_text(text)
    if text == "{}":
        assert aistpp.read_cameras(tmp_path / "setting1.json") == ()
        return
    with pytest.raises(InputError, match="camera file"):
        aistpp.read_cameras(tmp_path / "setting1.json")


def test_mapping(tmp_path):
    (tmp_path / "mapping.txt").write_text("a setting1\nb setting2\n\n")
    assert aistpp.read_mapping(tmp_path / "mapping.txt") == {"a": "setting1", "b": "setting2"}
    (tmp_path / "mapping.txt").write_text("a setting1\nb\n")
    with pytest.raises(InputError, match=r"mapping.txt:2"):
        aistpp.read_mapping(tmp_path / "mapping.txt")


def write(folder, kind, content, npz):
    """Writes a sequence's file as AIST++ does, or the npz made from it."""
    file = folder / kind / f"{NAME}.pkl"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(pickle.dumps(content, 4))
    if npz:
        out = file.with_suffix(".npz")
        pickle_reader.to_npz(file, out, allow_pickle=True)
        return out
    return file


@pytest.mark.parametrize("npz", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_key_points_and_motions(seed, npz, tmp_path):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 1000, (9, 20, 17, 3)).astype(np.float32)
    points[..., 2] = rng.uniform(0.1, 1.1, (9, 20, 17))
    points[3, 4, 5] = np.nan
    points[3, 4, 6, 2] = 0
    stamps = np.round(np.arange(20) * 1e6 / 60).astype(np.int64)
    body = rng.normal(0, 40, (20, 17, 3))
    body[2, 3] = np.nan
    found = aistpp.keypoints2d(
        write(
            tmp_path,
            "keypoints2d",
            {"keypoints2d": points, "det_scores": points[..., 0, 0], "timestamps": stamps},
            npz,
        ),
        allow_pickle=not npz,
    )
    assert len(found) == 9
    for k, clip in enumerate(found):
        assert clip.skeleton == "coco17" and clip.unit == "px" and clip.n_people == 1
        assert np.allclose(clip.time_s, np.arange(20) / 60, atol=1e-6)
        assert clip.source["camera"] == f"c0{k + 1}" and f"_c0{k + 1}_" in clip.source["name"]
        assert clip.labels["genre"] == "break" and clip.labels["bpm"] == 100
        there = np.isfinite(clip.pose[:, 0]).all(-1)
        assert (~there).sum() == (2 if k == 3 else 0)
        assert np.array_equal(clip.pose[:, 0][there], points[k, ..., :2][there])
        assert (clip.confidence[:, 0][~there] == 0).all() and clip.confidence.max() <= 1
    file = write(tmp_path, "keypoints3d", {"keypoints3d_optim": body, "keypoints3d": body + 1}, npz)
    size = {"smpl_poses": rng.normal(size=(20, 72)), "smpl_scaling": np.array([92.5])}
    size["smpl_trans"] = body[:, 0]
    motion = aistpp.motion(write(tmp_path, "motions", size, npz), allow_pickle=not npz)
    assert motion.poses.shape == (20, 24, 3) and motion.scaling == 92.5
    metres = aistpp.keypoints3d(file, smpl_scaling=motion.scaling, allow_pickle=not npz)
    assert metres.unit == "m" and np.isnan(metres.pose[2, 0, 3]).all()
    assert np.allclose(metres.pose[:, 0], body / 92.5, equal_nan=True, atol=1e-6)
    raw = aistpp.keypoints3d(file, optimised=False, smpl_scaling=1.0, allow_pickle=not npz)
    assert np.allclose(raw.pose[:, 0], body + 1, equal_nan=True, atol=1e-4)
    heights = aistpp.keypoints3d(file, time_s=found[0].time_s, allow_pickle=not npz)
    ratio = heights.pose[:, 0] / body
    assert heights.unit == "height" and np.nanstd(ratio) < 1e-6 * np.nanmean(ratio)
    if not npz:
        with pytest.raises(InputError, match="--allow_pickle"):
            aistpp.keypoints3d(file)


def test_files_of_another_shape_are_refused(tmp_path):
    stamps = np.arange(5) * 16667
    good = {"keypoints2d": np.zeros((9, 5, 17, 3)), "timestamps": stamps}
    for change, what in (
        ({"keypoints2d": np.zeros((9, 5, 18, 3))}, "has shape"),
        ({"keypoints2d": np.zeros((9, 5, 17))}, "has shape"),
        ({"keypoints2d": np.full((9, 5, 17, 3), "x")}, "has shape"),
        ({"timestamps": stamps[:4]}, "has shape"),
        ({"timestamps": stamps[::-1]}, "do not increase"),
        ({"timestamps": stamps * 0}, "do not increase"),
    ):
        file = write(tmp_path, "keypoints2d", good | change, False)
        with pytest.raises(InputError, match=what):
            aistpp.keypoints2d(file, allow_pickle=True)
    with pytest.raises(InputError, match="is not there"):
        aistpp.keypoints3d(file, allow_pickle=True)
    with pytest.raises(InputError, match="is not there"):
        aistpp.motion(file, allow_pickle=True)
    broken = tmp_path / f"{NAME}.npz"
    broken.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match="npz"):
        aistpp.keypoints3d(broken)


def test_real_sequences_fit_their_cameras(shared_data):
    """Our projection of the optimised 3D points lies on the 2D detections of each view."""
    folder = shared_data / "aistpp_samples"
    setting_of = aistpp.read_mapping(folder / "cameras" / "mapping.txt")
    files = sorted((folder / "keypoints2d").glob("*.pkl"))
    assert len(files) >= 3
    for file in files:
        views = aistpp.keypoints2d(file, allow_pickle=True)
        motion = aistpp.motion(folder / "motions" / file.name, allow_pickle=True)
        body = aistpp.keypoints3d(
            folder / "keypoints3d" / file.name, smpl_scaling=motion.scaling, allow_pickle=True
        )
        cameras = aistpp.read_cameras(folder / "cameras" / f"{setting_of[file.stem]}.json")
        assert len(views) == len(cameras) == 9 and len(body.time_s) == len(views[0].time_s)
        hip, knee, ankle = (body.pose[:, 0, k] for k in (11, 13, 15))
        leg = np.linalg.norm(hip - knee, axis=-1) + np.linalg.norm(knee - ankle, axis=-1)
        assert 0.7 < np.median(leg) < 0.95  # metres
        floor = np.percentile(body.pose[:, 0, :, 1], 1)
        assert cameras[0].position[1] / motion.scaling > floor + 0.5  # y is up
        for clip, camera in zip(views, cameras, strict=True):
            assert clip.source["camera"] == camera.name
            seen = camera.project(body.pose[:, 0] * motion.scaling)
            far = np.linalg.norm(seen - clip.pose[:, 0], axis=-1)[clip.confidence[:, 0] > 0.3]
            assert np.nanmedian(far) < 10 and far.size > 2000  # of some 400 px of body
