"""Regions of interest: the turned square around a person, cut out of a picture and back."""

from __future__ import annotations

import functools
import math

import numpy as np

MARGIN = 1.25  # side of the square over the diameter of the circle around the body
MIN_SIDE_PX = 2.0
# A region stays where it is while the next one differs by less. At rest (7 real frames) it wanders
# with standard deviations of up to 0.2 % of the side, 1 % and 0.65 degrees. Limits twice as wide
# cost nothing on rendered dancers, but lost a fast real one in 4 of 181 frames; these lost none.
HOLD = (0.01, 0.02, math.radians(1.5))  # of the side, of the side, radians

# A region is f32[4]: x and y of its centre and its side in pixels, and its rotation in radians,
# clockwise on the screen; 0 is an upright person.


def from_points(centre: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Returns the regions whose circle has the given centre and goes through the given point.

    side = 2 * 1.25 * |edge - centre|; rotation = 90 degrees - the angle of (edge - centre), with
    y up, in [-pi, pi). Works on NumPy and on JAX arrays.

    Args:
        centre: f32[...,2], px: the middle of the hips.
        edge: f32[...,2], px.

    Returns:
        f32[...,4] regions.

    Source: MediaPipe, `AlignmentPointsRectsCalculator` and `RectTransformationCalculator`.
    """
    xp = centre.__array_namespace__()
    reach = edge - centre
    side = 2 * MARGIN * xp.sqrt(xp.sum(reach * reach, axis=-1))
    angle = math.pi / 2 - xp.arctan2(-reach[..., 1], reach[..., 0])
    angle = angle - 2 * math.pi * xp.floor((angle + math.pi) / (2 * math.pi))
    return xp.concatenate([centre, side[..., None], angle[..., None]], axis=-1)


def usable(regions: np.ndarray) -> np.ndarray:
    """Returns bool[...]: the region is finite and has an area."""
    xp = regions.__array_namespace__()
    return xp.all(xp.isfinite(regions), axis=-1) & (regions[..., 2] >= MIN_SIDE_PX)


def whole(width: int, height: int) -> np.ndarray:
    """Returns the upright square around a whole picture, with equal bars at two sides."""
    return np.array([width / 2, height / 2, max(width, height), 0], np.float32)


def corners(regions: np.ndarray) -> np.ndarray:
    """Returns f32[...,4], the boxes of the squares as if they were not turned (like MediaPipe)."""
    xp = regions.__array_namespace__()
    half = regions[..., 2:3] / 2
    return xp.concatenate([regions[..., :2] - half, regions[..., :2] + half], axis=-1)


def to_picture(region: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Carries points of the square (0 to 1) into the picture: c + side R(rotation) (xy - 1/2).

    Args:
        region: f32[...,4].
        xy: f32[...,N,2], fractions of the square.

    Returns:
        f32[...,N,2], px.
    """
    xp = xy.__array_namespace__()
    cos, sin = xp.cos(region[..., 3])[..., None], xp.sin(region[..., 3])[..., None]
    x, y = xy[..., 0] - 0.5, xy[..., 1] - 0.5
    turned = xp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
    return region[..., None, :2] + region[..., 2, None, None] * turned


def crop(rgb: np.ndarray, region: np.ndarray, size: int, *, repeat_border: bool) -> np.ndarray:
    """Cuts a region out of a picture, bilinear at positions rounded to 1/32 pixel.

    The rounding is that of the OpenCV in MediaPipe; without it landmarks differ by 0.2 to 1 pixel
    on real dancers, with it by 0.002 to 0.01.

    Args:
        rgb: u8[H,W,3].
        region: f32[4], see above.
        size: side of the cut-out in pixels.
        repeat_border: outside of the picture repeat its border pixels, else black.

    Returns:
        u8[size,size,3].
    """
    import cv2

    whole_pixels, fractions = _positions(tuple(float(v) for v in region), size)
    return cv2.remap(
        rgb,
        whole_pixels,
        fractions,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if repeat_border else cv2.BORDER_CONSTANT,
    )


@functools.lru_cache(maxsize=4)
def _positions(region: tuple[float, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of a cut-out lies: OpenCV's i16[size,size,2] and u16[size,size] maps."""
    x, y, side, angle = region
    a, b = math.cos(angle) * side / size, math.sin(angle) * side / size
    along = np.arange(size) - size / 2
    columns = np.rint(32 * (x + a * along[None, :] - b * along[:, None])).astype(np.int64)
    rows = np.rint(32 * (y + b * along[None, :] + a * along[:, None])).astype(np.int64)
    cells = np.stack([columns >> 5, rows >> 5], -1).clip(-32768, 32767).astype(np.int16)
    return cells, ((rows & 31) * 32 + (columns & 31)).astype(np.uint16)


def hold(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Keeps regions that hardly changed, so that a body at rest is cut out alike in every frame.

    Landmarks depend a little on the cut-out, and the next cut-out on the landmarks: left to itself
    that loop wanders in slow waves, which no low-pass of the movement can take away.

    Args:
        before: f32[N,4], where the people were cut out.
        after: f32[N,4], where their landmarks say that they are.

    Returns:
        f32[N,4]: `before` where centre, side and rotation are all within `HOLD` of it.
    """
    shift = np.hypot(*(after[:, :2] - before[:, :2]).T) / before[:, 2]
    growth = np.abs(after[:, 2] / before[:, 2] - 1)
    turn = np.abs((after[:, 3] - before[:, 3] + math.pi) % (2 * math.pi) - math.pi)
    near = (shift < HOLD[0]) & (growth < HOLD[1]) & (turn < HOLD[2])
    return np.where(near[:, None], before, after)


def newcomers(tracked: np.ndarray, detected: np.ndarray, min_overlap: float) -> np.ndarray:
    """Returns the f32[M,4] detected regions that belong to nobody who is tracked."""
    from dance_jax.pose.detection import overlap

    boxes = corners(tracked)
    new = [r for r in detected if not (overlap(corners(r), boxes) > min_overlap).any()]
    return np.array(new, np.float32).reshape(-1, 4)


def associate(
    tracked: np.ndarray, detected: np.ndarray, min_overlap: float, limit: int
) -> np.ndarray:
    """Joins tracked and newly detected regions; of two that overlap, the later one stays.

    Args:
        tracked: f32[N,4], from the last frame's landmarks.
        detected: f32[M,4], from the detector, best first.
        min_overlap: intersection over union of the unturned squares above which two are one person.
        limit: the most regions to return.

    Returns:
        f32[<=limit,4].

    Source: MediaPipe, `AssociationNormRectCalculator` and `pose_landmarker_graph.cc`.
    """
    from dance_jax.pose.detection import overlap

    kept: list[np.ndarray] = []
    for region in (*tracked, *detected):
        box = corners(region)
        kept = [other for other in kept if overlap(box, corners(other)) <= min_overlap]
        kept.append(region)
    return np.array(kept[:limit], np.float32).reshape(-1, 4)
