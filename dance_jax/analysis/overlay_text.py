"""Small outlined texts for video frames, rendered once and blended many times."""

from __future__ import annotations

import functools

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
# OpenCV draws the degree sign from version 5 on (TrueType); the older stroke font shows "??".
DEGREES = "\N{DEGREE SIGN}" if int(cv2.__version__.split(".")[0]) >= 5 else " deg"


@functools.lru_cache(maxsize=4096)
def sprite(
    text: str, rgb: tuple[int, int, int], scale: float, outline: int = 1, bold: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Renders a text with a dark outline.

    Args:
        text: what to write.
        rgb: its colour.
        scale: OpenCV font scale; 0.45 is about 10 px tall capitals.
        outline: width of the dark outline in pixels.
        bold: True for a heavier stroke.

    Returns:
        (premultiplied colour u16[h,w,3] times 255, remaining background u16[h,w,1] in 0..255).
    """
    thickness = 2 if bold else 1
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, thickness)
    pad = outline + 2
    mask = np.zeros((height + baseline + 2 * pad, width + 2 * pad), np.uint8)
    cv2.putText(mask, text, (pad, pad + height), FONT, scale, 255, thickness, cv2.LINE_AA)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * outline + 1,) * 2)
    dark = cv2.GaussianBlur(cv2.dilate(mask, kernel), (3, 3), 0)
    ink, halo = (
        mask.astype(np.uint32)[..., None],
        np.maximum(dark, mask).astype(np.uint32)[..., None],
    )
    colour = ink * np.asarray(rgb, np.uint32) + (halo - ink) * 16
    return colour.astype(np.uint16), (255 - halo).astype(np.uint16)


def size(text: str, scale: float, outline: int = 1, bold: bool = False) -> tuple[int, int]:
    """Returns (width, height) in pixels of the sprite of a text.

    Args:
        text: the text.
        scale: size of the font.
        outline: width of its dark edge in pixels.
        bold: drawn with a heavier stroke.
    """
    colour, _ = sprite(text, (255, 255, 255), scale, outline, bold)
    return colour.shape[1], colour.shape[0]


def blend(rgb: np.ndarray, picture: tuple[np.ndarray, np.ndarray], x: float, y: float) -> None:
    """Blends a sprite into a frame, in place, shifted to lie inside it where it can.

    Args:
        rgb: u8[H,W,3] frame.
        picture: a result of `sprite`.
        x: left edge in pixels.
        y: top edge in pixels.
    """
    colour, rest = picture
    height, width = min(colour.shape[0], rgb.shape[0]), min(colour.shape[1], rgb.shape[1])
    left = int(min(max(x, 0), rgb.shape[1] - width))
    top = int(min(max(y, 0), rgb.shape[0] - height))
    part = rgb[top : top + height, left : left + width]
    mixed = part.astype(np.uint16) * rest[:height, :width] + colour[:height, :width]
    np.copyto(part, (mixed >> 8).astype(np.uint8))


def write(
    rgb: np.ndarray,
    text: str,
    x: float,
    y: float,
    colour: tuple[int, int, int],
    scale: float,
    *,
    bold: bool = False,
    centred: bool = False,
) -> int:
    """Writes a text into a frame, in place.

    Args:
        rgb: u8[H,W,3] frame.
        text: what to write.
        x: left edge in pixels, or the middle where `centred`.
        y: top edge in pixels, or the middle where `centred`.
        colour: RGB.
        scale: OpenCV font scale.
        bold: True for a heavier stroke.
        centred: True where (x, y) is the middle of the text.

    Returns:
        The width of the text in pixels.
    """
    picture = sprite(text, colour, scale, 1 if scale < 0.7 else 2, bold)
    height, width = picture[0].shape[:2]
    if centred:
        x, y = x - width / 2, y - height / 2
    blend(rgb, picture, x, y)
    return width
