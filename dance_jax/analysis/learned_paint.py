"""The class activation map of a clip, laid over pictures of the source."""

from __future__ import annotations

import cv2
import numpy as np

from dance_jax.analysis.learned_result import Heat
from dance_jax.data.fitting import fit

STRENGTH = 0.6
"""Greatest share of the colour in a pixel; the dancer stays visible."""

_DIM = 0.35  # of the light of what the network does not see


def placed(heat: Heat, row: int, width: int, height: int) -> np.ndarray:
    """Returns one map at the size of a picture of the whole source.

    Args:
        heat: of the clip.
        row: of the map.
        width: of the picture, pixels.
        height: of the picture.

    Returns:
        f32[height,width] from -1 (lowers the score) to 1 (raises it), without a mean map from 0; 0
        is nothing, or outside of what the network sees.
    """
    shape, known = fit(heat.image_size, *heat.size), heat.mean
    if heat.limit <= 0:
        return np.zeros((height, width), np.float32)
    grid = (np.arange(heat.size[1], dtype=np.float32), np.arange(heat.size[0], dtype=np.float32))
    at_x, at_y = np.meshgrid(*((axis - heat.grid[0]) / heat.grid[1] for axis in grid))
    large = cv2.remap(
        (heat.maps[row] if known is None else heat.maps[row] - known).astype(np.float32),
        at_x.astype(np.float32),
        at_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    canvas = np.zeros((shape.height, shape.width), np.float32)
    part = canvas[shape.top : shape.top + heat.size[0], shape.left : shape.left + heat.size[1]]
    np.clip(large / heat.limit, 0.0 if known is None else -1.0, 1.0, out=part)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_LINEAR)


def paint(rgb: np.ndarray, heat: Heat, row: int) -> None:
    """Lays one map over a picture of the whole source, in place.

    From purple to yellow what raises the score, from purple to light blue what lowers it.

    Args:
        rgb: u8[H,W,3].
        heat: of the clip.
        row: of the map.
    """
    value = placed(heat, row, rgb.shape[1], rgb.shape[0])
    size = np.abs(value)
    warm = cv2.applyColorMap((255 * size).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    colour = np.where(value[..., None] < 0, warm[..., ::-1], warm)  # red and blue exchanged
    share = (STRENGTH * size)[..., None]
    mixed = rgb * (1.0 - share) + colour * share
    np.copyto(rgb, mixed.astype(np.uint8))


def dim_unseen(rgb: np.ndarray, heat: Heat) -> None:
    """Darkens what the network does not see of a picture of the whole source, in place."""
    shape = fit(heat.image_size, *heat.size)
    light = np.full((shape.height, shape.width), _DIM, np.float32)
    light[shape.top : shape.top + heat.size[0], shape.left : shape.left + heat.size[1]] = 1.0
    light = cv2.resize(light, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    np.copyto(rgb, (rgb * light[..., None]).astype(np.uint8))
