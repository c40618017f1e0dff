"""Smoothing of one person's landmarks from frame to frame, as MediaPipe's VIDEO mode does."""

from __future__ import annotations

import math

import numpy as np

VISIBILITY_ALPHA = 0.1


class OneEuro:
    """One-Euro filter of an array that comes in frame by frame.

    y = y' + a(c) (x - y'), a(c) = 1 / (1 + 1 / (2 pi c dt)), c = min_cutoff + beta |v|, and v the
    speed (x - x') scale / dt, itself smoothed with a(speed_cutoff).

    Args:
        min_cutoff_hz: cutoff at rest.
        beta: gain of the cutoff with speed.
        speed_cutoff_hz: cutoff of the speed.

    Source: Casiez, Roussel, Vogel 2012; MediaPipe, `one_euro_filter.cc`.
    """

    def __init__(self, min_cutoff_hz: float, beta: float, speed_cutoff_hz: float = 1.0) -> None:
        self._min_cutoff, self._beta, self._speed_cutoff = min_cutoff_hz, beta, speed_cutoff_hz
        self.reset()

    def reset(self) -> None:
        """Forgets the past."""
        self._raw = self._smooth = self._speed = None
        self._time_s = math.nan

    def __call__(self, x: np.ndarray, time_s: float, scale: float) -> np.ndarray:
        """Returns x smoothed.

        Args:
            x: the new values.
            time_s: their time, greater than the last.
            scale: what makes a speed comparable: 1 / the person's size, in the unit of x.
        """
        x = np.asarray(x, np.float64)
        if self._raw is None:
            self._smooth, self._speed = x, np.zeros_like(x)
        else:
            step = time_s - self._time_s
            speed = (x - self._raw) * (scale / step)
            self._speed = self._speed + _alpha(self._speed_cutoff, step) * (speed - self._speed)
            cutoff = self._min_cutoff + self._beta * np.abs(self._speed)
            self._smooth = self._smooth + _alpha(cutoff, step) * (x - self._smooth)
        self._raw, self._time_s = x, time_s
        return self._smooth.astype(np.float32)


def _alpha(cutoff_hz: np.ndarray | float, step_s: float) -> np.ndarray | float:
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))


class Smoother:
    """The three filters of one person: landmarks in the picture, in metres, and visibility.

    Source: MediaPipe, `pose_landmarks_detector_graph.cc` (used for a single person only).
    """

    def __init__(self) -> None:
        self._landmarks = OneEuro(min_cutoff_hz=0.05, beta=80)
        self._world = OneEuro(min_cutoff_hz=0.1, beta=40)
        self._visibility: np.ndarray | None = None

    def reset(self) -> None:
        """Forgets the past; to be called when the person was lost."""
        self._landmarks.reset()
        self._world.reset()
        self._visibility = None

    def __call__(
        self,
        landmarks: np.ndarray,
        world: np.ndarray,
        visibility: np.ndarray,
        time_s: float,
        side: float,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns landmarks, world and visibility smoothed.

        Args:
            landmarks: f32[33,3], px.
            world: f32[33,3], metres.
            visibility: f32[33].
            time_s: time of the frame.
            side: side of the person's region of interest in pixels.
        """
        if self._visibility is None:
            self._visibility = np.asarray(visibility, np.float32)
        self._visibility = self._visibility + np.float32(VISIBILITY_ALPHA) * (
            visibility - self._visibility
        )
        size = float(np.ptp(world[:, :2], axis=0).mean())
        return (
            self._landmarks(landmarks, time_s, 1 / max(side, 1e-6)),
            self._world(world, time_s, 1 / max(size, 1e-6)),
            self._visibility,
        )
