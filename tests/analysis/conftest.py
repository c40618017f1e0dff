"""Shared by the tests of the analysis: a pose model, a rendered dance, and a made estimator."""

from __future__ import annotations

import pathlib

import cv2
import numpy as np
import pytest

from dance_jax import assets
from dance_jax.data import render, synthetic
from dance_jax.data.video_writer import VideoWriter
from tests.pose import people

TASK = "pose_landmarker_lite.task"
SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "pose_models"


@pytest.fixture(scope="session")
def pose_model() -> str:
    """A pose model: the cache's, or the one beside the real recordings; skips without either."""
    for name, asset in assets.ASSETS.items():
        if asset.file.endswith(".task") and (place := assets.find(name)) is not None:
            return str(place)
    if not (SHARED / TASK).is_file():
        pytest.skip("no pose model: neither in the cache nor in ../shared/data/pose_models")
    return str(SHARED / TASK)


@pytest.fixture(scope="session")
def rendered(tmp_path_factory) -> tuple[pathlib.Path, render.RenderTruth]:
    """(video, truth) of a rendered dancer: 2.4 s, 15 frames/s, 240x320."""
    folder = tmp_path_factory.mktemp("rendered")
    dance = synthetic.generate(3, "hip_hop_like", 2.4, 15.0)
    return folder / "dance.mp4", render.render_video(
        folder / "dance.mp4", dance, width=240, height=320
    )


@pytest.fixture(scope="session")
def image_folder(rendered, tmp_path_factory) -> pathlib.Path:
    """The rendered dance as a folder of images, numbered without leading zeros."""
    folder = tmp_path_factory.mktemp("images")
    capture = cv2.VideoCapture(str(rendered[0]))
    number = 0
    while (read := capture.read())[0]:
        number += 1
        cv2.imwrite(str(folder / f"frame{number}.png"), read[1])
    capture.release()
    assert number == len(rendered[1].time_s)
    return folder


def plain_video(path: pathlib.Path, frames: int = 40, fps: float = 20.0, size=(160, 120)):
    """Writes a video of a drifting shade, with nobody in it."""
    with VideoWriter(path, *size, fps=fps) as video:
        for n in range(frames):
            video.write(np.full((size[1], size[0], 3), 90 + n % 40, np.uint8), n / fps)
    return path


class MadeEstimator:
    """Reports the people it was given, wherever the picture is."""

    name = "mediapipe"
    model = {"file": "made.task", "sha256": "0" * 64, "variant": "custom", "executor": "none"}  # noqa: RUF012

    def __init__(self, count: int = 1, visibility: float = 0.95) -> None:
        self.count, self.visibility = count, visibility
        self.times: list[float] = []
        self.sizes: set[tuple[int, int]] = set()
        self.asked: tuple = ()
        self.settings: dict = {}
        self.closed = False

    def __call__(self, rgb, time_s):
        self.times.append(time_s)
        self.sizes.add(rgb.shape[1::-1])
        height, width = rgb.shape[:2]
        found = []
        for k in range(self.count):
            body = people.dancing(time_s, phase=0.7 * k, size=1 - 0.2 * k)
            place = ((k + 0.5) * width / self.count, 0.5 * height)
            found.append((people.seen(body, place, 0.5 * height), body))
        return people.frame(found, self.visibility)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def made(monkeypatch):
    """Puts a made estimator in place of the real one; call it with the number of people."""

    def install(count: int = 1, visibility: float = 0.95) -> MadeEstimator:
        estimator = MadeEstimator(count, visibility)

        def create(*asked, **settings):
            estimator.asked, estimator.settings = asked, settings
            return estimator

        monkeypatch.setattr("dance_jax.pose.estimator.create_estimator", create)
        return estimator

    return install


@pytest.fixture(scope="session")
def pose_run(tmp_path_factory) -> pathlib.Path:
    """The run of a small network of poses; its parameters are drawn, not trained."""
    from tests.analysis import learned_runs

    return learned_runs.stored(tmp_path_factory.mktemp("pose_run"))


@pytest.fixture(scope="session")
def frames_run(rendered, tmp_path_factory) -> pathlib.Path:
    """The run of a small network of pictures and poses."""
    from tests.analysis import learned_runs

    return learned_runs.stored(tmp_path_factory.mktemp("frames_run"), rendered[0])
