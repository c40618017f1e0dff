"""Decoding of the BlazePose landmark network: 39 points, refined by the heatmap, and metres."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dance_jax.pose import roi
from dance_jax.pose.detection import logistic

INPUT_SIZE = 256
N_POINTS = 39  # 33 landmarks, 2 that give the next region of interest, 4 of no use here
N_LANDMARKS = 33
CENTRE, EDGE = 33, 34
KERNEL = 7
MIN_PRESENCE = 0.5  # of the person
MIN_CONFIDENCE = 0.5  # of the heatmap, to move a point


class CropPose(NamedTuple):
    """A person as the network sees it, in a cut-out; leading axes are those of its outputs.

    Attributes:
        points: f32[...,39,3]; x, y as fractions of the cut-out, z in the same scale.
        visibility: f32[...,39] in [0, 1].
        presence: f32[...,39] in [0, 1].
        world: f32[...,33,3]; metres, hip-centred, y down, z away from the viewer, turned with
            the cut-out.
        score: f32[...] in [0, 1]; likelihood that there is a person.
    """

    points: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray
    world: np.ndarray
    score: np.ndarray


def decode(
    raw: np.ndarray,
    score: np.ndarray,
    heatmap: np.ndarray,
    world: np.ndarray,
    *,
    soft: bool = False,
) -> CropPose:
    """Turns the network's outputs into points; works on NumPy and on JAX arrays.

    Args:
        raw: f32[B,195]: (x, y, z in pixels of the cut-out, visibility and presence as logits).
        score: f32[B,1].
        heatmap: f32[B,64,64,39], logits.
        world: f32[B,117].
        soft: see `refine`.

    Returns:
        CropPose with the leading axis B.

    Source: MediaPipe, `TensorsToLandmarksCalculator`; `pose_landmarks_detector_graph.cc`.
    """
    xp = raw.__array_namespace__()
    raw = raw.reshape(-1, N_POINTS, 5)
    chance = logistic(raw[..., 3:])
    xy = refine(raw[..., :2] / INPUT_SIZE, heatmap, soft=soft)
    return CropPose(
        points=xp.concatenate([xy, raw[..., 2:3] / INPUT_SIZE], axis=-1),
        visibility=chance[..., 0],
        presence=chance[..., 1],
        world=world.reshape(-1, N_POINTS, 3)[:, :N_LANDMARKS],
        score=score.reshape(-1),
    )


def refine(xy: np.ndarray, heatmap: np.ndarray, *, soft: bool = False) -> np.ndarray:
    """Moves points to the centre of mass of the heatmap around them, where it is sure.

    xy = sum(w sigmoid(h) (column, row)) / sum(w sigmoid(h)) / size over the 7 x 7 cells around the
    point, if the greatest w sigmoid(h) there is at least 0.5; cells outside count nothing. w is 1,
    and the window jumps from cell to cell with the point, and what it finds with it (2 degrees of a
    pelvis at rest). Soft, the window moves with the point itself: the outermost of then 8 x 8 cells
    weigh as much as the window covers of them. In the middle of a cell both are the same.

    Args:
        xy: f32[B,N,2], fractions of the cut-out.
        heatmap: f32[B,H,W,N], logits.
        soft: let the window move continuously, unlike MediaPipe.

    Returns:
        f32[B,N,2].

    Source: MediaPipe, `RefineLandmarksFromHeatmapCalculator`.
    """
    xp = xy.__array_namespace__()
    batch, height, width, points = heatmap.shape
    size = np.array([width, height], np.float32)
    place = xp.clip(xy * size, -1e6, 1e6)
    # Truncation, not floor: a point less than one cell outside still counts as in cell 0.
    cell = xp.trunc(place).astype(np.int32)
    inside = xp.all((cell >= 0) & (cell < size), axis=-1)
    reach = np.arange(KERNEL + soft) - KERNEL // 2
    if soft:
        first = xp.floor(place - 0.5)
        cell, beyond = first.astype(np.int32), (place - 0.5 - first)[..., None]
        shares = xp.where(reach == reach[0], 1 - beyond, xp.where(reach == reach[-1], beyond, 1.0))
    columns, rows = cell[..., 0:1] + reach, cell[..., 1:2] + reach
    valid = ((rows >= 0) & (rows < height))[..., :, None]
    valid = valid & ((columns >= 0) & (columns < width))[..., None, :]
    window = heatmap[
        np.arange(batch)[:, None, None, None],
        xp.clip(rows, 0, height - 1)[..., :, None],
        xp.clip(columns, 0, width - 1)[..., None, :],
        np.arange(points)[None, :, None, None],
    ]
    weight = xp.where(valid, logistic(window), 0)
    if soft:
        weight = weight * shares[..., 1, :, None] * shares[..., 0, None, :]
    total = xp.sum(weight, axis=(-2, -1))
    share = weight / xp.where(total > 0, total, 1)[..., None, None]
    moved = xp.stack(
        [
            xp.sum(share * columns[..., None, :], axis=(-2, -1)) / width,
            xp.sum(share * rows[..., :, None], axis=(-2, -1)) / height,
        ],
        axis=-1,
    )
    sure = inside & (xp.max(weight, axis=(-2, -1)) >= MIN_CONFIDENCE) & (total > 0)
    return xp.where(sure[..., None], moved, xy)


class PicturePose(NamedTuple):
    """A person in the picture.

    Attributes:
        landmarks: f32[B,33,3], px; z in the scale of x, smaller nearer to the camera.
        world: f32[B,33,3], metres, y UP, z towards the viewer.
        next_region: f32[B,4], where to look in the next frame.
    """

    landmarks: np.ndarray
    world: np.ndarray
    next_region: np.ndarray


def to_picture(pose: CropPose, regions: np.ndarray) -> PicturePose:
    """Carries poses from their cut-outs back into the picture; NumPy or JAX arrays.

    Args:
        pose: as `decode` gives, leading axis B.
        regions: f32[B,4], the region that each was cut from.

    Source: MediaPipe, `LandmarkProjectionCalculator`, `WorldLandmarkProjectionCalculator`.
    """
    xp = pose.points.__array_namespace__()
    xy = roi.to_picture(regions, pose.points[..., :2])
    z = pose.points[..., 2] * regions[..., 2:3]
    cos, sin = xp.cos(regions[..., 3:4]), xp.sin(regions[..., 3:4])
    x, y = pose.world[..., 0], pose.world[..., 1]
    world = xp.stack([cos * x - sin * y, -(sin * x + cos * y), -pose.world[..., 2]], axis=-1)
    return PicturePose(
        landmarks=xp.concatenate([xy, z[..., None]], axis=-1)[:, :N_LANDMARKS],
        world=world,
        next_region=roi.from_points(xy[:, CENTRE], xy[:, EDGE]),
    )
