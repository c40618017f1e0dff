"""How pictures of any size are brought to one: scaled to cover it, then cropped at the middle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Fit(NamedTuple):
    """How a picture is brought to a size.

    Attributes:
        width: of the scaled picture, at least that of the crop.
        height: of the scaled picture.
        left: columns cut off at the left.
        top: rows cut off at the top.
    """

    width: int
    height: int
    left: int
    top: int

    def pixels(self, places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Returns places [..., 2] of the picture of size (width, height) in pixels of the crop."""
        scale = np.array([self.width / size[0], self.height / size[1]])
        return (places * scale - [self.left, self.top]).astype(np.float32)


def fit(size: tuple[int, int], height: int, width: int) -> Fit:
    """Returns how an upright picture covers height x width, its middle kept."""
    scale = max(width / size[0], height / size[1])
    wide, high = max(width, round(size[0] * scale)), max(height, round(size[1] * scale))
    return Fit(wide, high, (wide - width) // 2, (high - height) // 2)
