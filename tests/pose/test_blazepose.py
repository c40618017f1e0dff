from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator

import jax
import numpy as np
import pytest

from dance_jax.errors import InputError
from dance_jax.pose import batch, executors, model_files, tflite
from dance_jax.pose.blazepose import BlazePoseEstimator
from dance_jax.pose.estimator import Estimator, FramePoses

STEP_S = 1 / 30


@pytest.fixture(scope="module")
def files(pose_models: pathlib.Path) -> model_files.ModelFiles:
    return model_files.load(pose_models / "pose_landmarker_lite.task")


def frames(shared_data: pathlib.Path, name: str, count: int) -> Iterator[np.ndarray]:
    import cv2

    capture = cv2.VideoCapture(str(shared_data / "videos" / name))
    for _ in range(count):
        ok, bgr = capture.read()
        if not ok:
            return
        yield np.ascontiguousarray(bgr[..., ::-1])


def run(estimator: Estimator, pictures: Iterator[np.ndarray]) -> list[FramePoses]:
    found = [estimator(rgb, i * STEP_S) for i, rgb in enumerate(pictures)]
    estimator.close()
    return found


def elbows_and_knees(xy: np.ndarray) -> np.ndarray:
    """Degrees between upper and lower limb, f32[...,4]."""
    angles = []
    for a, b, c in ((11, 13, 15), (12, 14, 16), (23, 25, 27), (24, 26, 28)):
        u, v = xy[..., b, :] - xy[..., a, :], xy[..., c, :] - xy[..., b, :]
        cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
        angles.append(np.degrees(np.arctan2(np.abs(cross), (u * v).sum(-1))))
    return np.stack(angles, -1)


def compare(ours: list[FramePoses], theirs: list[FramePoses]) -> dict[str, float]:
    """Distances of nearest people: in the picture over body height, angles, metres."""
    distance, angle, world, visible, same = [], [], [], [], []
    for mine, other in zip(ours, theirs, strict=True):
        same.append(mine.n_people == other.n_people)
        for i in range(other.n_people if mine.n_people else 0):
            xy = other.landmarks[i, :, :2]
            gaps = np.linalg.norm(mine.landmarks[:, :, :2] - xy, axis=-1)
            best = int(gaps.mean(1).argmin())
            distance.append(gaps[best] / np.ptp(xy[:, 1]))
            angle.append(
                np.abs(elbows_and_knees(mine.landmarks[best, :, :2]) - elbows_and_knees(xy))
            )
            world.append(np.abs(mine.world[best] - other.world[i]))
            visible.append(np.abs(mine.visibility[best] - other.visibility[i]))
    return {
        "frames": len(ours),
        "same number of people": float(np.mean(same)),
        "distance / height": float(np.median(distance)),
        "angle_deg": float(np.median(angle)),
        "world_m": float(np.median(world)),
        "visibility": float(np.median(visible)),
    }


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "num_people", "limit"),
    [
        ("choreai_afro8.mp4", 4, 0.001),
        ("kathak_benchmark_dance.mp4", 1, 0.02),
        ("kathak_twice.mp4", 4, 0.001),
        ("folk_cucanj1.mp4", 1, 0.02),
    ],
)
def test_parity_with_mediapipe(
    shared_data: pathlib.Path,
    files: model_files.ModelFiles,
    figures: dict[str, object],
    full_size: bool,
    name: str,
    num_people: int,
    limit: float,
) -> None:
    """While the detector sees the dancer the two agree to rounding; a tracked region feeds its

    own rounding back, so that two runs drift apart by some thousandths of the height.
    """
    from dance_jax.pose.mediapipe import MediaPipeEstimator

    count = 100 if full_size else 25
    estimator = BlazePoseEstimator(files, num_people, "litert", steady=False)
    ours = run(estimator, frames(shared_data, name, count))
    theirs = run(MediaPipeEstimator(files, num_people), frames(shared_data, name, count))
    result = compare(ours, theirs)
    figures[f"blazepose against mediapipe, {name}, num_people {num_people}"] = result
    assert result["same number of people"] >= 0.97
    assert result["distance / height"] <= limit
    assert result["angle_deg"] <= 5
    assert result["world_m"] <= 0.05
    assert result["visibility"] <= 0.02


def test_jax_executor_agrees(shared_data: pathlib.Path, files: model_files.ModelFiles) -> None:
    """Agrees to rounding where one look does not depend on the last one."""
    estimators = [BlazePoseEstimator(files, 2, e, steady=False) for e in ("litert", "jax")]
    pictures = list(frames(shared_data, "kathak_twice.mp4", 3))
    assert len(pictures) == 3
    for rgb in pictures:
        regions = estimators[0].detect(rgb)
        np.testing.assert_allclose(estimators[1].detect(rgb), regions, rtol=1e-4, atol=1e-3)
        results = [estimator.locate(rgb, regions)[0] for estimator in estimators]
        assert results[0].n_people == results[1].n_people == 2
        result = compare(results[:1], results[1:])
        assert result["distance / height"] < 1e-5
        assert result["world_m"] < 1e-5


def test_jax_executor_follows_the_same_people(
    shared_data: pathlib.Path, files: model_files.ModelFiles
) -> None:
    """A look at a person starts from the last one, at pixels of eight bits: rounding grows, by an

    amount that depends on the processor (1.2 mm over these frames where it was largest).
    """
    results = [
        run(BlazePoseEstimator(files, 2, executor), frames(shared_data, "kathak_twice.mp4", 3))
        for executor in ("litert", "jax")
    ]
    result = compare(*results)
    assert result["same number of people"] == 1 and results[0][0].n_people == 2
    assert result["distance / height"] < 5e-3
    assert result["world_m"] < 5e-3


def test_batch_pipeline_agrees_with_the_runner(
    shared_data: pathlib.Path, files: model_files.ModelFiles
) -> None:
    pictures = np.stack(list(itertools.islice(frames(shared_data, "kathak_twice.mp4", 8), 0, 8, 7)))
    params, pose_fn = batch.make_pipeline(
        tflite.read(files.detector), tflite.read(files.landmarker), num_people=2
    )
    got = jax.jit(pose_fn)(params, pictures)
    assert got.landmarks.shape == (2, 2, 33, 3) and (np.asarray(got.score) > 0.9).all()
    for i, rgb in enumerate(pictures):
        (want,) = run(BlazePoseEstimator(files, 2, "litert", steady=False), iter([rgb]))
        mine = FramePoses(*(np.asarray(part[i]) for part in got[:4]))
        assert compare([mine], [want])["distance / height"] < 0.002


def test_nobody_and_wrong_input(files: model_files.ModelFiles) -> None:
    estimator = BlazePoseEstimator(files, 2, "litert")
    assert isinstance(estimator, Estimator)
    assert estimator.model["executor"] == "litert" and estimator.model["variant"] == "lite"
    grey = np.full((120, 90, 3), 127, np.uint8)
    assert estimator(grey, 0.0).n_people == 0
    with pytest.raises(ValueError, match="increase"):
        estimator(grey, 0.0)
    with pytest.raises(ValueError, match="u8"):
        estimator(grey[..., 0], 1.0)
    with pytest.raises(ValueError, match="u8"):
        estimator(grey.astype(np.float32), 2.0)
    estimator.close()
    estimator.close()
    with pytest.raises(ValueError, match="closed"):
        estimator(grey, 3.0)
    with pytest.raises(ValueError, match="single person"):
        BlazePoseEstimator(files, 2, "litert", smooth=True)


def test_wrong_models_are_input_errors(files: model_files.ModelFiles) -> None:
    import dataclasses

    swapped = dataclasses.replace(files, detector=files.landmarker)
    with pytest.raises(InputError, match="detector"):
        BlazePoseEstimator(swapped, 1, "litert")
    broken = dataclasses.replace(files, landmarker=files.landmarker[:50_000])
    with pytest.raises(InputError, match="landmarks"):
        BlazePoseEstimator(broken, 1, "litert")
    with pytest.raises(InputError, match="executor"):
        executors.choose("cuda")


def test_smoothing_only_for_one(shared_data: pathlib.Path, files: model_files.ModelFiles) -> None:
    raw, smooth = (
        run(
            BlazePoseEstimator(files, 1, "litert", smooth=smooth),
            frames(shared_data, "choreai_afro8.mp4", 4),
        )
        for smooth in (False, None)
    )
    np.testing.assert_array_equal(raw[0].landmarks, smooth[0].landmarks)
    shift = np.abs(raw[3].landmarks - smooth[3].landmarks)
    assert 0.01 < np.median(shift) < 20
    # Tracking goes on from the raw landmarks, so presence, which is not smoothed, is the same.
    np.testing.assert_array_equal(raw[3].presence, smooth[3].presence)


def test_detector_rests_between_looks(
    shared_data: pathlib.Path, files: model_files.ModelFiles
) -> None:
    estimator = BlazePoseEstimator(files, 2, "litert", redetect_s=0.1)
    looks = []
    detect = estimator.detect
    estimator.detect = lambda rgb: looks.append(1) or detect(rgb)
    found = run(estimator, frames(shared_data, "kathak_benchmark_dance.mp4", 8))
    assert all(poses.n_people == 1 for poses in found)
    assert len(looks) == 3  # at 0.00, 0.10 and 0.20 s


@pytest.mark.parametrize("num_people", [1, 3])
def test_a_body_at_rest_is_cut_out_alike_in_every_frame(
    shared_data: pathlib.Path, files: model_files.ModelFiles, num_people: int
) -> None:
    """The same picture again and again: the regions of old wander, those of today do not."""
    (rgb,) = itertools.islice(frames(shared_data, "choreai_afro8.mp4", 1), 1)
    spread = {}
    for steady in (True, False):
        estimator = BlazePoseEstimator(files, num_people, "litert", smooth=False, steady=steady)
        found = run(estimator, itertools.repeat(rgb, 12))
        assert {poses.n_people for poses in found} == {1}
        spread[steady] = np.ptp([poses.landmarks for poses in found], axis=0).max()
    assert spread[True] < 1e-3
    if num_people == 1:  # with more to look for, MediaPipe's detector gives the same one anew
        assert spread[False] > 1


def test_a_dancer_is_followed_as_before(
    shared_data: pathlib.Path, files: model_files.ModelFiles
) -> None:
    """A held region follows a moving dancer, who is found where MediaPipe's steps find her."""
    results = [
        run(
            BlazePoseEstimator(files, 1, "litert", steady=steady),
            frames(shared_data, "choreai_afro8.mp4", 40),
        )
        for steady in (True, False)
    ]
    result = compare(*results)
    assert result["same number of people"] == 1
    assert result["distance / height"] < 0.01 and result["angle_deg"] < 3


def test_two_people_keep_their_regions(
    shared_data: pathlib.Path, files: model_files.ModelFiles
) -> None:
    """The detector goes on looking for a third, and takes neither of the two for one."""
    estimator = BlazePoseEstimator(files, 3, "litert")
    found = run(estimator, frames(shared_data, "kathak_twice.mp4", 8))
    assert [poses.n_people for poses in found] == [2] * 8
