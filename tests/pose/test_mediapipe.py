"""Tests of the MediaPipe estimator on a real dancer: units, axes, times, quiet, errors."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from dance_jax.errors import InputError
from dance_jax.pose import model_files
from dance_jax.pose.estimator import create_estimator
from dance_jax.pose.mediapipe import MediaPipeEstimator
from dance_jax.pose.plausibility import fit_scale
from tests.pose import people


@pytest.fixture(scope="module")
def model(pose_models):
    return pose_models / "pose_landmarker_lite.task"


@pytest.fixture(scope="module")
def pictures(shared_data) -> list[np.ndarray]:
    """Twelve frames of one dancer who faces the camera, u8[720,1280,3], one in three."""
    import cv2

    capture = cv2.VideoCapture(str(shared_data / "videos" / "folk_cucanj1.mp4"))
    out = []
    for i in range(36):
        ok, bgr = capture.read()
        assert ok
        if i % 3 == 0:
            out.append(cv2.cvtColor(cv2.resize(bgr, (1280, 720)), cv2.COLOR_BGR2RGB))
    return out


@pytest.fixture
def make(model):
    made = []

    def build(**options):
        made.append(create_estimator("mediapipe", model, **options))
        return made[-1]

    yield build
    for one in made:
        one.close()


def test_units_and_axes(make, pictures) -> None:
    estimator = make()
    found = [estimator(rgb, i / 10) for i, rgb in enumerate(pictures)][-1]
    assert found.n_people == 1
    pose, world = found.landmarks[0], found.world[0]
    assert (pose[:, 0] > 0).all() and (pose[:, 0] < 1280).all() and pose[:, 0].max() > 2
    assert (pose[:, 1] > 0).all() and (pose[:, 1] < 720).all()
    # y: down in the picture, up in the world
    assert pose[0, 1] < pose[23, 1] < pose[27, 1]
    assert world[0, 1] > world[23, 1] > world[27, 1]
    # hip-centred metres of a grown person
    assert np.abs(world[23:25].mean(0)).max() < 0.05
    assert 0.6 < world[0, 1] - world[27:29, 1].mean() + 0.12 < 2.0
    # she faces the camera: her left is at the picture's right, her nose before her ears and hips
    assert pose[11, 0] > pose[12, 0] and world[11, 0] > world[12, 0]
    assert world[0, 2] > world[7:9, 2].mean() and pose[0, 2] < pose[7:9, 2].mean()
    # the picture is a view of the world landmarks: x and y agree after one scale
    scale, rest = fit_scale(
        found.landmarks[..., :2].astype(float), found.world[..., :2] * (1.0, -1.0), np.ones((1, 33))
    )
    assert rest[0] < 0.12 and 100 < scale[0] < 1000
    # z of the picture is in pixels too: its spread over the body fits that of the world in metres
    assert np.corrcoef(pose[:, 2], -world[:, 2])[0, 1] > 0.8
    assert 0.3 < np.std(pose[:, 2]) / (np.std(world[:, 2]) * scale[0]) < 6
    for sure in (found.visibility, found.presence):
        assert sure.min() >= 0 and sure.max() <= 1 and sure.mean() > 0.8


def test_the_record(make) -> None:
    estimator = make()
    assert estimator.name == "mediapipe"
    assert estimator.model["file"] == "pose_landmarker_lite.task"
    assert estimator.model["variant"] == "lite" and estimator.model["executor"] == "mediapipe-cpu"


def test_an_empty_picture_is_nobody(make) -> None:
    assert make()(np.zeros((120, 160, 3), np.uint8), 0.0).n_people == 0


def test_more_than_a_thousand_frames_a_second(make, pictures) -> None:
    estimator = make()
    for i in range(12):
        assert estimator(pictures[0], 100.0 + i * 1e-4).n_people == 1
    assert estimator(pictures[0], 101.0).n_people == 1


def test_odd_beginnings(make, pictures) -> None:
    for start in (-3.0, 0.0, 1e6):
        estimator = make()
        assert estimator(pictures[0], start).n_people == 1
        assert estimator(pictures[1], start + 0.04).n_people == 1


def test_times_must_increase(make, pictures) -> None:
    estimator = make()
    estimator(pictures[0], 1.0)
    for wrong in (1.0, 0.5, float("nan")):
        with pytest.raises(ValueError, match="time_s must increase"):
            estimator(pictures[0], wrong)


@pytest.mark.parametrize("shape", [(90, 120), (90, 120, 4), (90, 120, 1)])
def test_pictures_must_be_rgb(make, shape) -> None:
    with pytest.raises(ValueError, match="rgb"):
        make()(np.zeros(shape, np.uint8), 0.0)
    with pytest.raises(ValueError, match="rgb"):
        make()(np.zeros((90, 120, 3), np.float32), 0.0)


def test_strided_pictures_are_read_right(make, pictures) -> None:
    straight, mirrored = make(), make()
    rgb = pictures[0]
    a = straight(rgb, 0.0).landmarks[0]
    b = mirrored(np.ascontiguousarray(rgb[:, ::-1])[:, ::-1], 0.0).landmarks[0]
    np.testing.assert_array_equal(a, b)


def test_closing_twice_is_harmless(make, pictures) -> None:
    estimator = make()
    estimator.close()
    estimator.close()
    with pytest.raises(ValueError, match="closed"):
        estimator(pictures[0], 0.0)


def test_closing_leaves_the_proxy_settings(make, monkeypatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    before = dict(os.environ)
    make().close()
    assert dict(os.environ) == before


def test_a_bundle_that_mediapipe_cannot_read(tmp_path) -> None:
    graph = b"\x1c\x00\x00\x00TFL3" + bytes(200)
    files = model_files.ModelFiles("x.task", "0", "custom", graph, graph, task=b"not a bundle" * 9)
    with pytest.raises(InputError, match="MediaPipe cannot read this model") as caught:
        MediaPipeEstimator(files)
    assert "\n" not in caught.value.line()
    with pytest.raises(InputError, match=r"no \.task"):
        MediaPipeEstimator(model_files.ModelFiles("a + b", "0", "lite", graph, graph))


def test_it_is_quiet_and_errors_are_not(model, pictures, tmp_path) -> None:
    np.save(tmp_path / "rgb.npy", np.stack(pictures[:3]))
    code = """if True:
        import sys, os, numpy as np
        from dance_jax.pose.estimator import create_estimator
        estimator = create_estimator("mediapipe", sys.argv[1])
        for i, rgb in enumerate(np.load(sys.argv[2])):
            assert estimator(rgb, i / 10).n_people == 1
        os.write(2, b"our own line\\n")
        from dance_jax.pose import native_log
        try:
            with native_log.chatter_held():
                os.write(2, b"I0000 chatter\\n")
                os.write(2, b"E0000 an error\\n")
                raise RuntimeError
        except RuntimeError:
            pass
        with native_log.chatter_held():
            os.write(2, b"W0000 chatter that is never shown\\nE0000 a second error\\n")
        estimator.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(model), str(tmp_path / "rgb.npy")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stderr.splitlines() == [
        "our own line",
        "I0000 chatter",
        "E0000 an error",
        "E0000 a second error",
    ]


def test_people_side_by_side(make, shared_data) -> None:
    import cv2

    from dance_jax.pose import tracking

    capture = cv2.VideoCapture(str(shared_data / "videos" / "kathak_twice.mp4"))
    estimator, frames, times = make(num_people=4), [], []
    for i in range(30):
        _, bgr = capture.read()
        frames.append(estimator(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), i / 30))
        times.append(i / 30)
    assert [frame.n_people for frame in frames] == [2] * 30
    clip = tracking.track(frames, np.array(times), (720, 720))
    side = clip.pose[:, :, 23:25, 0].mean(-1) > 360  # left or right half of the picture
    assert clip.n_people == 2 and (side == side[0]).all() and side[0].sum() == 1
    alone = make(num_people=1)
    assert alone(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), 0.0).n_people == 1


def test_the_made_person_has_the_models_proportions(make, pictures) -> None:
    found = make()(pictures[0], 0.0)
    pairs = np.array([(11, 12), (23, 24), (11, 23), (23, 25), (25, 27)])
    real, made = (
        np.linalg.norm(w[pairs[:, 0]] - w[pairs[:, 1]], axis=-1)
        for w in (found.world[0], people.standing())
    )
    np.testing.assert_allclose(made, real, rtol=0.2)
