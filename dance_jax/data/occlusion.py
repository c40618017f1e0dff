"""Which joints of synthetic dancers the camera sees: a test of each line of sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dance_jax.data.camera import Camera, project
from dance_jax.data.room import SHADOW_LIMBS
from dance_jax.kinematics.forward import JOINTS

FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head")
HEAD_RADIUS = 0.046  # fraction of stature


def _segment_distance(p: np.ndarray, u: np.ndarray, q: np.ndarray, v: np.ndarray):
    """Least distance of segments p + s u and q + t v, and s at it; all [..., 3].

    Source: C. Ericson, Real-Time Collision Detection (2005), section 5.1.9.
    """
    w = p - q
    a, e, f = (np.sum(x * y, -1) for x, y in ((u, u), (v, v), (v, w)))
    b, c = np.sum(u * v, -1), np.sum(u * w, -1)
    det = np.maximum(a * e - b * b, 1e-12)
    s = np.clip((b * f - c * e) / det, 0, 1)
    t = np.clip((b * s + f) / np.maximum(e, 1e-12), 0, 1)
    s = np.clip((b * t - c) / np.maximum(a, 1e-12), 0, 1)
    gap = (p + s[..., None] * u) - (q + t[..., None] * v)
    return np.linalg.norm(gap, axis=-1), s


def visible_joints(pose: np.ndarray, heights_m: Sequence[float], camera: Camera) -> np.ndarray:
    """Joints inside the picture whose line of sight no limb, trunk or head blocks.

    A joint lies inside its own limb; so a limb counts only where the line passes it well before
    the joint. The face's points are hidden when the head is between them and the camera.

    Args:
        pose: [T,P,26,3] metres.
        heights_m: P statures.
        camera: the camera.

    Returns:
        bool[T,P,26].
    """
    px = project(pose, camera)
    inside = np.isfinite(px).all(-1) & (px >= 0).all(-1)
    inside &= (px <= (camera.width, camera.height)).all(-1)
    eye = np.asarray(camera.position)
    line = pose - eye
    length = np.linalg.norm(line, axis=-1)
    blocked = np.zeros(inside.shape, bool)
    face = [JOINTS.index(j) for j in FACE]
    ears = [JOINTS.index(j) for j in ("left_ear", "right_ear")]
    for k, height in enumerate(heights_m):
        limbs = [(pose[:, k, a], pose[:, k, b], r * height, (a, b)) for a, b, r in SHADOW_LIMBS]
        middle = pose[:, k, ears].mean(1)
        limbs.append((middle, middle + 1e-4, HEAD_RADIUS * height, tuple(face)))
        for a, b, radius, own in limbs:
            start, along = a[:, None, None], (b - a)[:, None, None]
            gap, s = _segment_distance(eye, line, start, along)
            before = (1.0 - s) * length
            hit = (gap < 0.8 * radius) & (before > 1.6 * radius)
            mine = np.zeros(inside.shape[1:], bool)
            mine[k, list(own)] = True
            if own == tuple(face):
                hit = np.where(mine, (gap < 0.8 * radius) & (before > 0.4 * radius), hit)
            else:
                hit &= ~mine
            blocked |= hit
    return inside & ~blocked
