"""How a stored picture is shown: its rotation flag and the shape of its pixels."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Orientation:
    """How to turn a stored picture upright: transpose, then flip x, then flip y."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: np.ndarray) -> Orientation:
        """Reads a display matrix (x' = a x + c y, y' = b x + d y), snapped to quarter turns.

        Args:
            matrix: i32[9], (a, b, u, c, d, v, x, y, w), 16.16 fixed point.

        Returns:
            The nearest of the eight orientations.
        """
        a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @property
    def mirrored(self) -> bool:
        """The picture is flipped, not only turned."""
        return (self.transpose + self.flip_x + self.flip_y) % 2 == 1

    @property
    def rotation(self) -> int:
        """Clockwise degrees, 0, 90, 180 or 270 (of a mirrored one: after a flip of x)."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Returns the image [H,W,3] upright and contiguous."""
        import cv2

        if not self.transpose and not self.flip_x and not self.flip_y:
            return np.ascontiguousarray(image)
        if not self.mirrored:
            turn = {
                90: cv2.ROTATE_90_CLOCKWISE,
                180: cv2.ROTATE_180,
                270: cv2.ROTATE_90_COUNTERCLOCKWISE,
            }
            return cv2.rotate(image, turn[self.rotation])
        if self.transpose:
            image = cv2.transpose(image)
        if self.flip_x or self.flip_y:
            code = -1 if self.flip_x and self.flip_y else int(self.flip_x)
            image = cv2.flip(image, code)
        return image


def orientation_of(frame: Any) -> Orientation:
    """Reads the rotation flag (the display matrix) of a decoded frame."""
    from av.sidedata.sidedata import Type

    for item in frame.side_data:
        if item.type == Type.DISPLAYMATRIX:
            return Orientation.from_matrix(np.frombuffer(bytes(item), np.int32))
    return Orientation()


def square_size(stream: Any, width: int, height: int) -> tuple[int, int]:
    """Returns the stored size with its width stretched to square pixels (angles depend on it).

    Args:
        stream: PyAV video stream, for its sample aspect ratio.
        width: stored width in pixels.
        height: stored height in pixels.

    Returns:
        (width, height) in square pixels.
    """
    aspect = stream.sample_aspect_ratio
    if not aspect or not Fraction(1, 4) <= aspect <= 4 or abs(float(aspect) - 1) < 0.005:
        return width, height
    return max(1, round(width * float(aspect))), height
