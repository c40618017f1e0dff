"""The room behind the dancers: wall, skirting board, floor boards, and the floor's shadow."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from dance_jax.data.camera import Camera, project
from dance_jax.data.look import Look
from dance_jax.kinematics.forward import JOINTS

LIGHT = np.array([0.38, 0.80, 0.46]) / np.linalg.norm([0.38, 0.80, 0.46])
SHADOW_SLOPE = np.array([0.42, 1.0, 0.30])  # steeper than the shading's light: a short shadow
SKIRTING_M = 0.11
BOARD_M = 0.14
# Limbs that throw the shadow: (joint, joint, radius in fractions of stature).
SHADOW_LIMBS = tuple(
    (JOINTS.index(a), JOINTS.index(b), r)
    for a, b, r in (
        ("hip", "neck", 0.075),
        ("left_shoulder", "right_shoulder", 0.05),
        ("left_hip", "right_hip", 0.055),
        ("neck", "head", 0.035),
        *(
            (f"{s}_{a}", f"{s}_{b}", r)
            for s in ("left", "right")
            for a, b, r in (
                ("shoulder", "elbow", 0.027),
                ("elbow", "wrist", 0.021),
                ("hip", "knee", 0.042),
                ("knee", "ankle", 0.028),
                ("heel", "big_toe", 0.022),
            )
        ),
    )
)


def paint_room(camera: Camera, look: Look, behind_m: float, seed: int = 0) -> np.ndarray:
    """The empty room as seen by the camera.

    Args:
        camera: the camera; the wall stands across its view.
        look: colours of wall and floor.
        behind_m: distance of the wall behind the camera's target, along the floor.
        seed: draws the tone of the floor boards.

    Returns:
        u8[H,W,3] RGB.
    """
    h, w = camera.height, camera.width
    u, v = np.meshgrid(np.arange(w) + 0.5 - w / 2, np.arange(h) + 0.5 - h / 2)
    rays = np.stack([u, v, np.full_like(u, camera.focal_px)], -1) @ camera.axes
    eye = np.asarray(camera.position)
    ahead = camera.axes[2] * (1.0, 0.0, 1.0)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, (0.0, 1.0, 0.0))
    wall_at = float((np.asarray(camera.target) - eye) @ ahead) + behind_m
    to_wall = wall_at / np.maximum(rays @ ahead, 1e-6)
    to_floor = np.where(rays[..., 1] < -1e-9, -eye[1] / np.minimum(rays[..., 1], -1e-9), np.inf)
    floor = to_floor < to_wall
    hit = eye + rays * np.minimum(to_wall, to_floor)[..., None]
    across, along = (hit - eye) @ right, (hit - eye) @ ahead
    wall_tone = (
        1.03 - 0.05 * np.clip(hit[..., 1] / 3.0, 0, 1) - 0.025 * np.clip(across, -2.5, 2.5) / 2.5
    )
    picture = np.asarray(look.wall) * wall_tone[..., None]
    board = hit[..., 1] < SKIRTING_M
    edge = np.abs(hit[..., 1] - SKIRTING_M) < 0.008
    picture = np.where(board[..., None], np.array([226.0, 224.0, 220.0]), picture)
    picture = np.where(edge[..., None], picture * 0.86, picture)
    rng = np.random.default_rng([seed, 55])
    tones = rng.uniform(0.93, 1.05, (64, 16))
    column = np.floor(across / BOARD_M).astype(int)
    row = np.floor(along / 1.3 + 0.37 * (column % 5)).astype(int)
    tone = tones[column % 64, row % 16]
    # Seams fade where a board is narrower than a pixel or two.
    width_px = BOARD_M * camera.focal_px / np.maximum(along, 0.1)
    seam = np.abs(across / BOARD_M - np.round(across / BOARD_M)) * width_px
    tone = tone * (1 - 0.30 * np.clip(1.2 - seam, 0, 1) * np.clip(width_px / 12, 0, 1))
    tone = tone * (0.90 + 0.12 * np.clip((wall_at - along) / 3.0, 0, 1))
    picture = np.where(floor[..., None], np.asarray(look.floor) * tone[..., None], picture)
    return np.clip(picture, 0, 255).astype(np.uint8)


def shade_floor(
    canvas: np.ndarray,
    camera: Camera,
    poses: Sequence[np.ndarray],
    heights_m: Sequence[float],
    scale: int,
    strength: float = 0.42,
) -> None:
    """Darkens the floor of a picture where the dancers' soft shadows fall, in place.

    Args:
        canvas: u8[H*scale,W*scale,3], the picture at `scale` times the camera's size.
        camera: the camera.
        poses: for each dancer [26,3] metres.
        heights_m: their statures.
        scale: see canvas.
        strength: share of the light that is lost in the core.
    """
    small = max(1.0, camera.height / 240.0)
    mask = np.zeros((int(camera.height / small), int(camera.width / small)), np.uint8)
    for pose, height in zip(poses, heights_m, strict=True):
        fallen = pose - np.maximum(pose[:, 1:2], 0) * SHADOW_SLOPE
        fallen[:, 1] = 0.0
        px = project(fallen, camera) / small
        depth = np.linalg.norm(fallen - camera.position, axis=-1)
        for a, b, radius in SHADOW_LIMBS:
            ends = px[[a, b]]
            if not np.isfinite(ends).all() or np.abs(ends).max() > 4000:
                continue
            wide = 1.5 * radius * height * camera.focal_px / small / (0.5 * (depth[a] + depth[b]))
            start, stop = (tuple(int(x) for x in np.rint(8 * e)) for e in ends)
            cv2.line(mask, start, stop, 255, max(1, round(wide)), cv2.LINE_AA, 3)
    x, y, w, h = cv2.boundingRect(mask)
    if w == 0 or h == 0:
        return
    pad = 6
    x0, y0 = max(x - pad, 0), max(y - pad, 0)
    x1, y1 = min(x + w + pad, mask.shape[1]), min(y + h + pad, mask.shape[0])
    soft = cv2.GaussianBlur(mask[y0:y1, x0:x1], (0, 0), 2.0)
    sx, sy = canvas.shape[1] / mask.shape[1], canvas.shape[0] / mask.shape[0]
    left, top, end, low = round(x0 * sx), round(y0 * sy), round(x1 * sx), round(y1 * sy)
    light = cv2.resize(255 - (strength * soft).astype(np.uint8), (end - left, low - top))
    region = canvas[top:low, left:end]
    cv2.multiply(region, cv2.merge([light] * 3), dst=region, scale=1 / 255.0)
