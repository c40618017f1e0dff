"""Bare arrays of key points: told by their shape, read in pixels, refused where nothing is sure."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dance_jax
from dance_jax import skeleton
from dance_jax.analysis import inputs
from dance_jax.analysis.options import Options
from dance_jax.data import keypoints_npy, load, pickle_reader
from dance_jax.errors import InputError
from tests.data.people import people
from tests.fuzz.keypoint_seeds import MEAN, SCALE, coco_figure, npz, scaler_pickle
from tests.seeds import fresh

NAME = "gHO_sFM_cAll_d19_mHO0_ch01"  # 110 beats a minute: 64 of them last 34.9 s
ROWS = 1047
SEEDS = fresh(__name__, 2)


def dancer(seed: int, duration_s: float = 2.0) -> np.ndarray:
    """f64[T,17,2] pixels of a synthetic dancer."""
    clip = people(seed, duration_s=duration_s)
    pose, _ = skeleton.convert(clip.pose, clip.confidence, clip.skeleton, "coco17")
    return np.asarray(pose[:, 0], np.float64)


def standard(points: np.ndarray) -> np.ndarray:
    return ((points - MEAN) / SCALE).reshape(len(points), 34)


def refused(path, **options) -> str:
    with pytest.raises(InputError) as told:
        load.load_clip(path, **{"fps": 25} | options)
    assert told.value.fix and str(path.parent) in told.value.line()
    return told.value.line()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["<f8", "<f4", ">f4"])
def test_pixels_come_back(seed, dtype, tmp_path) -> None:
    points = dancer(seed)
    for name, array in (("flat", points.reshape(-1, 34)), ("deep", points)):
        np.save(tmp_path / f"{name}.npy", array.astype(dtype))
        clip = dance_jax.load_clip(tmp_path / f"{name}.npy", fps=25)
        np.testing.assert_allclose(clip.pose[:, 0], points, rtol=1e-6)
        assert (clip.skeleton, clip.unit, clip.n_people) == ("coco17", "px", 1)
        np.testing.assert_allclose(np.diff(clip.time_s), 1 / 25)
        assert (clip.confidence == 1).all() and "pixels by their size" in clip.source["found"]


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_and_gaps(seed, tmp_path) -> None:
    points = dancer(seed)
    score = np.random.default_rng(seed).uniform(0.1, 1, points.shape[:2])
    points[3, 4], points[5, 6, 0], score[7, 8] = 0, np.nan, 0
    points[11] = np.nan
    np.save(tmp_path / "a.npy", np.concatenate([points, score[..., None]], -1))
    clip = load.load_clip(tmp_path / "a.npy", fps=25)
    gone = ~clip.present[:, 0]
    assert gone[3, 4] and gone[5, 6] and gone[7, 8] and gone[11].all() and gone.sum() == 20
    np.testing.assert_allclose(clip.confidence[:, 0][~gone], score[~gone], rtol=1e-6)
    assert clip.source["dropped"] == ("1 frames have no person and are missing values",)


@pytest.mark.parametrize("seed", SEEDS)
def test_parts_of_a_picture_need_its_size(seed, tmp_path) -> None:
    points = dancer(seed)
    np.save(tmp_path / "a.npy", points / (1280, 720))
    assert "image_size=(1920, 1080)" in refused(tmp_path / "a.npy")
    clip = load.load_clip(tmp_path / "a.npy", fps=25, image_size=(1280, 720))
    np.testing.assert_allclose(clip.pose[:, 0], points, rtol=1e-5)
    assert clip.image_size == (1280, 720)


def test_standardised_key_points_ask_for_their_scaler(tmp_path) -> None:
    points = coco_figure(30)
    path = tmp_path / "a.npy"
    np.save(path, standard(points))
    assert "standardised" in refused(path) and "scaler=FILE" in refused(path)
    numbers = {"mean_": MEAN, "scale_": SCALE, "with_mean": True, "with_std": True}
    (tmp_path / "kps_scaler.pkl").write_bytes(scaler_pickle(**numbers))
    line = refused(path)
    for words in ("allow_pickle=True", "kps_scaler.pkl beside it", "--allow_pickle"):
        assert words in line
    read = load.load_clip(path, fps=25, allow_pickle=True)
    np.testing.assert_allclose(read.pose[:, 0], points, rtol=1e-5)
    assert read.source["scaler"] == str(tmp_path / "kps_scaler.pkl")
    with pytest.raises(InputError, match="or once: python -m"):  # an analysis reads no pickle
        inputs.read_poses(path, Options(fps=25.0))
    # What the message says, done: the npz beside is taken from then on, without leave.
    asked = re.search(r"pickle_reader (\S+) (\S+) --allow_pickle", line)
    pickle_reader.to_npz(tmp_path / asked[1], tmp_path / asked[2], allow_pickle=True)
    assert inputs.has_poses(path)
    again = inputs.read_poses(path, Options(fps=25.0))
    np.testing.assert_array_equal(again.pose, read.pose)
    # One that is named wins over one beside, also where the numbers look like pixels.
    np.save(path, standard(points) * 100)
    (tmp_path / "other.npz").write_bytes(npz(mean=MEAN, std=SCALE / 100))
    named = load.load_clip(path, fps=25, scaler=tmp_path / "other.npz")
    np.testing.assert_allclose(named.pose[:, 0], points, rtol=1e-4)


def test_a_scaler_that_is_not_there(tmp_path) -> None:
    np.save(tmp_path / "a.npy", standard(coco_figure()))
    for name in ("b.npz", "b.pkl"):
        assert f"{name}: there is no such scaler" in refused(
            tmp_path / "a.npy", scaler=str(tmp_path / name), allow_pickle=True
        )
    with pytest.raises(InputError, match="scaler=: it is 7"):
        load.load_clip(tmp_path / "a.npy", fps=25, scaler=7)
    (tmp_path / "c.npz").write_bytes(npz(mean=np.zeros(3), scale=np.ones(3)))
    with pytest.raises(InputError, match=r"c\.npz: it has 3 columns, not 2 or 34"):
        load.load_clip(tmp_path / "a.npy", fps=25, scaler=tmp_path / "c.npz")


def test_several_scalers_ask_which(tmp_path) -> None:
    np.save(tmp_path / "a.npy", standard(coco_figure()))
    for name in ("x_scaler.npz", "scaler_y.npz"):
        (tmp_path / name).write_bytes(npz(mean=MEAN, scale=SCALE))
    assert "scaler_y.npz, x_scaler.npz" in refused(tmp_path / "a.npy")
    assert load.load_clip(tmp_path / "a.npy", fps=25, scaler=tmp_path / "scaler_y.npz").n_frames


def test_an_aist_name_says_the_rate(tmp_path) -> None:
    """By the music's tempo and the beats of a take: 30 here, 60 where twice the frames are."""
    figure = coco_figure(1)[0]
    for frames, rate in ((ROWS, 30.0), (2 * ROWS, 60.0)):
        np.save(tmp_path / f"{NAME}.npy", np.tile(figure.ravel(), (frames, 1)))
        clip = load.load_clip(tmp_path / f"{NAME}.npy")
        np.testing.assert_allclose(1 / np.diff(clip.time_s), rate)
        assert clip.labels["genre"] == "house" and "64 beats at 110" in clip.source["found"]
        given = load.load_clip(tmp_path / f"{NAME}.npy", fps=59.94)
        np.testing.assert_allclose(1 / np.diff(given.time_s), 59.94)
    for frames, name in ((900, NAME), (ROWS, "walk"), (ROWS, NAME.replace("sFM", "sGR"))):
        np.save(tmp_path / f"{name}.npy", np.tile(figure.ravel(), (frames, 1)))
        assert "frame rate" in refused(tmp_path / f"{name}.npy", fps=None)


def _h36m() -> np.ndarray:
    """17 joints of Human3.6M: pelvis, legs, spine, head, arms."""
    nose, *rest = coco_figure(6).swapaxes(0, 1)
    order = [10, 11, 13, 15, 10, 12, 14, 4, 4, 0, 0, 5, 7, 9, 4, 6, 8]
    return np.stack([[nose, *rest][k] for k in order], 1)


GOOD = coco_figure()
BAD = {
    "joints of another order": (_h36m(), "not in the order of COCO-17"),
    "one place": (np.full((4, 17, 2), 90.0), "not in the order of COCO-17"),
    "35 columns": (np.ones((4, 35)), "nothing says what its numbers are"),
    "no frame": (np.ones((0, 34)), "nothing says what its numbers are"),
    "text": (np.full((4, 34), "1"), "nothing says what its numbers are"),
    "complex numbers": (np.full((4, 34), 1j), "nothing says what its numbers are"),
    "nan": (np.full((4, 34), np.nan), "no joint in it has a position"),
    "infinite": (np.where(GOOD > 400, np.inf, GOOD), "beyond 1e9"),
    "giant": (GOOD * 1e12, "beyond 1e9"),
    "neither of all": (GOOD / 20, "neither"),
    "depth, no score": (np.concatenate([GOOD, GOOD[..., :1]], -1), "no score"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_sure_is_refused(name, tmp_path) -> None:
    array, words = BAD[name]
    np.save(tmp_path / "a.npy", array)
    line = refused(tmp_path / "a.npy")
    assert (words if words != "neither" else "no pixels, nor parts of a picture") in line
    if words == "neither":
        assert load.load_clip(tmp_path / "a.npy", fps=25, unit="px").n_frames == 4
        assert "not in cm" in refused(tmp_path / "a.npy", unit="cm")


def test_damaged_arrays_and_objects(tmp_path) -> None:
    np.save(tmp_path / "a.npy", GOOD)
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:-9])
    assert "declares shape [4, 17, 2] but holds" in refused(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(whole[:40])
    assert "nothing says" in refused(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.full((4, 34), {}, object), allow_pickle=True)
    assert "nothing says" in refused(tmp_path / "a.npy", allow_pickle=True)
    line = refused(tmp_path / "a.npy", allow_pickle=True, format="keypoints_npy")
    assert "object, not numbers" in line


def test_an_array_too_large_is_refused_before_it_is_worked_on(tmp_path, monkeypatch) -> None:
    np.save(tmp_path / "a.npy", GOOD.astype("<i2"))
    monkeypatch.setattr(keypoints_npy, "MAX_VALUES", GOOD.size - 1)
    assert "over 135 numbers" in refused(tmp_path / "a.npy")
    monkeypatch.setattr(keypoints_npy, "MAX_VALUES", 20)
    assert "over 320 bytes" in refused(tmp_path / "a.npy")


def test_the_real_arrays(shared_data) -> None:
    """GenDance's nine: upright, as large as the same studio's own key points, 30 frames/s."""
    files = sorted((shared_data / "aistpp_samples" / "gendance_nor_k_feat").glob("*.npy"))
    assert len(files) == 9
    with pytest.raises(InputError, match=r"kps_scaler\.pth beside it"):
        dance_jax.load_clip(files[0])
    for file in files:
        clip = dance_jax.load_clip(file, allow_pickle=True)
        pose = clip.pose[:, 0]
        assert clip.n_frames == len(np.load(file)) and clip.present.all()
        np.testing.assert_allclose(np.diff(clip.time_s), 1 / 30)
        assert (pose[:, 15:, 1].mean(1) > pose[:, 0, 1]).mean() > 0.99  # feet below the nose
        lengths = np.linalg.norm(pose[:, [11, 13, 5]] - pose[:, [13, 15, 11]], axis=-1)
        thigh, shank, trunk = np.median(lengths, 0)
        assert 0.8 < thigh / shank < 1.25 and 1.1 < trunk / thigh < 1.7
        assert pose[..., 0].min() > 0 and pose[..., 0].max() < 1920
        assert pose[..., 1].min() > 250 and 830 < pose[..., 1].max() < 920
