"""MediaPipe Tasks PoseLandmarker on a video's frames; the only file that imports mediapipe."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dance_jax.errors import InputError
from dance_jax.pose.estimator import FramePoses
from dance_jax.pose.model_files import ModelFiles
from dance_jax.pose.native_log import chatter_held


class MediaPipeEstimator:
    """PoseLandmarker in VIDEO mode on the CPU, for one video.

    The bundle is handed over as bytes that were already checked, so the file cannot change
    between the check and its use. Order of people within a frame is not stable: use
    `pose.tracking.track`.

    Args:
        files: a verified model that has a `.task` bundle.
        num_people: the most people to look for.

    Raises:
        InputError: the bundle is missing, or MediaPipe cannot read it.
    """

    name = "mediapipe"

    def __init__(self, files: ModelFiles, num_people: int = 4) -> None:
        if files.task is None:
            fix = "use --config.estimator=blazepose for it"
            raise InputError("holds no .task bundle", files.file, fix)
        self.model: Mapping[str, Any] = files.record("mediapipe-cpu")
        self._last_ms: int | None = None
        self._origin_s = 0.0
        self._talked = False
        self._last_s = -np.inf
        with chatter_held(), _no_telemetry():
            import mediapipe
            from mediapipe.tasks.python import vision
            from mediapipe.tasks.python.core.base_options import BaseOptions

            options = vision.PoseLandmarkerOptions(
                base_options=BaseOptions(
                    model_asset_buffer=files.task, delegate=BaseOptions.Delegate.CPU
                ),
                running_mode=vision.RunningMode.VIDEO,
                num_poses=int(num_people),
            )
            try:
                self._landmarker = vision.PoseLandmarker.create_from_options(options)
            except (RuntimeError, ValueError, OSError) as error:
                raise InputError(
                    f"MediaPipe cannot read this model ({_first_line(error)})",
                    files.file,
                    "fetch it again with python -m dance_jax.launch --config=configs/assets.py",
                ) from error
            self._image = mediapipe.Image
            self._format = mediapipe.ImageFormat.SRGB

    def __call__(self, rgb: np.ndarray, time_s: float) -> FramePoses:
        """Returns the poses of one frame.

        MediaPipe counts whole milliseconds and wants them strictly increasing. Times are taken
        from the first frame on; two frames within the same millisecond (above 1000 frames/s)
        are told apart by one millisecond, which only its landmark smoothing can notice.

        Args:
            rgb: u8[H,W,3], upright.
            time_s: presentation time in seconds, strictly increasing.

        Returns:
            The people found, in no stable order.

        Raises:
            ValueError: wrong picture, or a time that does not increase.
        """
        if self._landmarker is None:
            raise ValueError("this estimator is closed")
        rgb = np.asarray(rgb)
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(f"rgb must be u8[H,W,3], got {rgb.dtype}{list(rgb.shape)}")
        if not np.isfinite(time_s) or time_s <= self._last_s:
            raise ValueError(f"time_s must increase, got {time_s} after {self._last_s}")
        if self._last_ms is None:
            self._origin_s, stamp = float(time_s), 0
        else:
            stamp = max(round((time_s - self._origin_s) * 1000), self._last_ms + 1)
        self._last_ms, self._last_s = stamp, float(time_s)
        rgb = np.ascontiguousarray(rgb)
        if not self._talked:  # it logs once more when it first sees somebody
            with chatter_held():
                found = self._detect(rgb, stamp)
            self._talked = found.n_people > 0
            return found
        return self._detect(rgb, stamp)

    def close(self) -> None:
        """Releases the graph; calling it twice is harmless."""
        if self._landmarker is not None:
            with chatter_held(), _no_telemetry():
                self._landmarker.close()
            self._landmarker = None

    def _detect(self, rgb: np.ndarray, stamp_ms: int) -> FramePoses:
        image = self._image(image_format=self._format, data=rgb)
        found = self._landmarker.detect_for_video(image, stamp_ms)
        if not found.pose_landmarks:
            return FramePoses.empty()
        height, width = rgb.shape[:2]
        # MediaPipe scales z like x: both are fractions of the picture's width.
        to_px = np.array([width, height, width], np.float32)
        pixels = np.array(
            [[(p.x, p.y, p.z) for p in one] for one in found.pose_landmarks], np.float32
        )
        world = np.array(
            [[(p.x, p.y, p.z) for p in one] for one in found.pose_world_landmarks], np.float32
        )
        return FramePoses(
            landmarks=pixels * to_px,
            visibility=np.array(
                [[p.visibility for p in one] for one in found.pose_landmarks], np.float32
            ).clip(0, 1),
            presence=np.array(
                [[p.presence for p in one] for one in found.pose_landmarks], np.float32
            ).clip(0, 1),
            # MediaPipe: y down, z away from the viewer. Here: y up, z towards the viewer.
            world=world * np.array([1, -1, -1], np.float32),
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


@contextlib.contextmanager
def _no_telemetry() -> Iterator[None]:
    """Leads MediaPipe's usage log into a closed local port.

    The wheels since 0.10.35 report to play.googleapis.com when a task closes, and have no switch
    for it (google-ai-edge/mediapipe issue 6291). Its HTTP client takes the proxy from the
    environment when it starts, so the variables are changed for that moment only.
    """
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
    before = {name: os.environ.get(name) for name in names}
    try:
        for name in names:
            os.environ[name] = "" if "no" in name.lower() else "http://127.0.0.1:9"
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
