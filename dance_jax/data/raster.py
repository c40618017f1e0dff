"""Draws meshes into a picture: back faces dropped, the rest painted from far to near."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from dance_jax.data.camera import Camera, view
from dance_jax.data.mesh import Mesh
from dance_jax.data.room import LIGHT

SUBPIXEL_BITS = 4


def _facets(mesh: Mesh, points: np.ndarray, camera: Camera, scale: int):
    """Corners in pixels, depth and shaded colour of the faces that look at the camera."""
    seen = view(points, camera)
    px = seen[:, :2] / seen[:, 2:] * (camera.focal_px * scale)
    px = np.add(px, (camera.width * scale / 2, camera.height * scale / 2))
    corners = px[mesh.faces]
    a, b = corners[:, 2] - corners[:, 0], corners[:, -1] - corners[:, 1]
    # y is down in the picture: an outside that looks at the camera has a negative area.
    front = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0
    front &= (seen[:, 2][mesh.faces] > 0.05).all(1)
    faces = mesh.faces[front]
    room = points[faces]
    normal = np.cross(room[:, 2] - room[:, 0], room[:, -1] - room[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    facing = np.abs(normal @ camera.axes[2])
    tone = 0.56 + 0.40 * np.maximum(normal @ LIGHT, 0) + 0.10 * facing
    colour = np.clip(mesh.colour[front] * tone[:, None], 0, 255)
    depth = seen[:, 2][faces].mean(1) - mesh.nearer[front]
    return corners[front], depth, colour


def draw(
    canvas: np.ndarray,
    meshes: Sequence[tuple[Mesh, np.ndarray]],
    camera: Camera,
    scale: int,
) -> tuple[int, int, int, int] | None:
    """Paints meshes over a picture, in place.

    Args:
        canvas: u8[H*scale,W*scale,3] RGB.
        meshes: pairs of a mesh and its vertices in the room [N,3].
        camera: the camera, for a picture of H by W.
        scale: see canvas.

    Returns:
        (left, top, right, bottom) of what was painted in canvas pixels, or None.
    """
    polygons: list[np.ndarray] = []
    depths, colours = [], []
    for mesh, points in meshes:
        corners, depth, colour = _facets(mesh, points, camera, scale)
        # Pixel centres lie at +0.5; OpenCV's integers name centres.
        fixed = np.rint((corners - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        polygons.extend(fixed)
        depths.append(depth)
        colours.append(colour)
    if not polygons:
        return None
    depth = np.concatenate(depths)
    colour = np.concatenate(colours).tolist()
    fill = cv2.fillConvexPoly
    for k in np.argsort(-depth, kind="stable").tolist():
        fill(canvas, polygons[k], colour[k], cv2.LINE_8, SUBPIXEL_BITS)
    every = np.concatenate([p.reshape(-1, 2) for p in polygons]) >> SUBPIXEL_BITS
    low, high = every.min(0) - 2, every.max(0) + 3
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
