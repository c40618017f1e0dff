"""BlazePose on one video: a person detector when needed, then a landmark network a person."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dance_jax.pose import detection, executors, landmarks, roi, tflite
from dance_jax.pose.anchors import INPUT_SIZE
from dance_jax.pose.estimator import FramePoses
from dance_jax.pose.model_files import ModelFiles
from dance_jax.pose.smoothing import Smoother
from dance_jax.pose.still import Still

MIN_TRACKING = 0.5  # overlap of a tracked and a detected region that makes them one person
SETTLING = 4  # looks at a new person's first frame before the one that counts


class BlazePoseEstimator:
    """Own runner of BlazePose's two networks, after MediaPipe's VIDEO mode.

    While fewer than `num_people` are tracked the detector looks at every frame; a tracked
    person's next region comes from its own landmarks. Unless `steady` is off, a region stays
    where it is while the body hardly moves (`roi.hold`), noise is averaged away where its picture
    stands still (`still.Still`), the heatmap's window moves with the point (`landmarks.refine`),
    detections only add people, and a new person's region is settled on its first frame; off, every
    step is MediaPipe's.

    Args:
        files: a verified model.
        num_people: the most people to look for.
        executor: "litert" (CPU), "jax" (all people of a frame in one batch) or "auto".
        smooth: smooth the landmarks over time (one person only); None does what MediaPipe does:
            smooth where `num_people` is 1. The tracking uses the raw landmarks in any case.
        redetect_s: least time between two looks of the detector while somebody is tracked but
            fewer than `num_people`; 0 is every frame, as MediaPipe does.
        steady: keep what is read of a body at rest at rest, see above.

    Raises:
        InputError: the model is damaged or another network.
    """

    name = "blazepose"

    def __init__(
        self,
        files: ModelFiles,
        num_people: int = 4,
        executor: str = "auto",
        *,
        smooth: bool | None = None,
        redetect_s: float = 0.0,
        steady: bool = True,
    ) -> None:
        chosen = executors.choose(executor)
        self.model: Mapping[str, Any] = files.record(chosen)
        self._num_people = int(num_people)
        self._redetect_s = float(redetect_s)
        self._steady = bool(steady)
        if smooth and self._num_people != 1:
            raise ValueError("only a single person can be smoothed: identities are not known here")
        self._smoother = Smoother() if (self._num_people == 1 and smooth is not False) else None
        self._detect = _runner(
            files.detector, INPUT_SIZE, executors.DETECTOR, f"{files.file} (detector)", chosen
        )
        self._locate = _runner(
            files.landmarker,
            landmarks.INPUT_SIZE,
            executors.LANDMARKER,
            f"{files.file} (landmarks)",
            chosen,
        )
        self._still = Still()
        self._tracked = np.zeros((0, 4), np.float32)
        self._last_s = self._looked_s = -math.inf
        self._closed = False

    def __call__(self, rgb: np.ndarray, time_s: float) -> FramePoses:
        """Returns the poses of one frame.

        Args:
            rgb: u8[H,W,3], upright.
            time_s: presentation time in seconds, strictly increasing.

        Returns:
            The people found, in no stable order.

        Raises:
            ValueError: wrong picture, or a time that does not increase.
        """
        if self._closed:
            raise ValueError("this estimator is closed")
        rgb = np.ascontiguousarray(rgb)
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(f"rgb must be u8[H,W,3], got {rgb.dtype}{list(rgb.shape)}")
        if not np.isfinite(time_s) or time_s <= self._last_s:
            raise ValueError(f"time_s must increase, got {time_s} after {self._last_s}")
        self._last_s = float(time_s)
        regions = self._tracked
        due = not len(regions) or time_s - self._looked_s >= self._redetect_s
        if len(regions) < self._num_people and due:
            self._looked_s = float(time_s)
            found = self.detect(rgb)
            if self._steady:
                found = self._settled(rgb, roi.newcomers(regions, found, MIN_TRACKING))
                found = roi.newcomers(regions, found, MIN_TRACKING)
            regions = roi.associate(
                regions, found, min_overlap=MIN_TRACKING, limit=self._num_people
            )
        poses, self._tracked = self.locate(rgb, regions, hold=self._steady)
        return poses if self._smoother is None else self._smoothed(poses, float(time_s))

    def _settled(self, rgb: np.ndarray, regions: np.ndarray) -> np.ndarray:
        # The detector's regions are rough; the landmarks' own, some steps on, hardly change.
        for _ in range(SETTLING):
            _, regions = self.locate(rgb, regions)
        return regions

    def _smoothed(self, poses: FramePoses, time_s: float) -> FramePoses:
        if not poses.n_people:
            self._smoother.reset()
            return poses
        landmarks_px, world, visibility = self._smoother(
            poses.landmarks[0],
            poses.world[0],
            poses.visibility[0],
            time_s,
            side=float(self._tracked[0, 2]),
        )
        return FramePoses(landmarks_px[None], visibility[None], poses.presence, world[None])

    def detect(self, rgb: np.ndarray) -> np.ndarray:
        """Returns the regions f32[N,4] of the people that the detector sees, best first."""
        height, width = rgb.shape[:2]
        region = roi.whole(width, height)
        picture = roi.crop(rgb, region, INPUT_SIZE, repeat_border=False)
        picture = picture * np.float32(2 / 255) - np.float32(1)
        raw, logits = self._detect(picture[None])
        found = detection.suppress(detection.decode(raw[0], logits[0, :, 0]))
        points = roi.to_picture(region, found.keypoints)
        regions = roi.from_points(points[:, 0], points[:, 1])
        return regions[roi.usable(regions)]

    def locate(
        self, rgb: np.ndarray, regions: np.ndarray, *, hold: bool = False
    ) -> tuple[FramePoses, np.ndarray]:
        """Finds the landmarks of the people in the given regions.

        Args:
            rgb: u8[H,W,3].
            regions: f32[N,4], see `roi`.
            hold: a frame of the video itself: keep the regions of those who hardly moved
                (`roi.hold`) and average what stands still in them (`still.Still`).

        Returns:
            (the people that are really there, f32[M,4] their regions in the next frame).
        """
        nobody = FramePoses.empty(), np.zeros((0, 4), np.float32)
        if not len(regions):
            return nobody
        size = landmarks.INPUT_SIZE
        crops = np.stack([roi.crop(rgb, region, size, repeat_border=True) for region in regions])
        if hold:
            crops = self._still(crops, regions)
        found = self._locate(crops * np.float32(1 / 255))
        pose = landmarks.decode(*found, soft=self._steady)
        placed = landmarks.to_picture(pose, regions)
        there = pose.score > landmarks.MIN_PRESENCE
        there &= np.isfinite(placed.landmarks).all((1, 2)) & roi.usable(placed.next_region)
        if not there.any():
            return nobody
        following = placed.next_region[there]
        if hold:
            following = roi.hold(regions[there], following)
        count = landmarks.N_LANDMARKS
        return FramePoses(
            landmarks=placed.landmarks[there],
            visibility=pose.visibility[there, :count],
            presence=pose.presence[there, :count],
            world=placed.world[there],
        ), following

    def close(self) -> None:
        """Releases the networks; calling it twice is harmless."""
        self._closed = True
        self._detect = self._locate = None


def _runner(
    data: bytes, size: int, wanted: dict[str, tuple[int, ...]], name: str, executor: str
) -> executors.Runner:
    # LiteRT gets the file only after the checked reader took it: it is native code.
    graph = tflite.read(data, name)
    places = executors.roles(graph, size, wanted, name)
    if executor == "jax":
        return executors.Jax(graph, places)
    return executors.LiteRt(data, graph, places, name)
