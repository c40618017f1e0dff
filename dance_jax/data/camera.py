"""A still perspective camera in the room, and the projection of points through it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dance_jax.kinematics.forward import JOINTS


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels and no lens distortion.

    Attributes:
        position: (x, y, z) metres in the room; y up, the floor at y = 0.
        target: (x, y, z) metres, the point in the middle of the picture.
        fov_deg: vertical field of view, degrees.
        roll_deg: turn of the camera about its axis, degrees, the picture's content turns clockwise.
        width: pixels.
        height: pixels.
    """

    position: tuple[float, float, float] = (0.0, 1.1, 4.6)
    target: tuple[float, float, float] = (0.0, 0.95, 0.0)
    fov_deg: float = 34.0
    roll_deg: float = 0.0
    width: int = 480
    height: int = 640

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return 0.5 * self.height / float(np.tan(np.deg2rad(self.fov_deg) / 2))

    @property
    def axes(self) -> np.ndarray:
        """f64[3,3] rows: the picture's right, the picture's down, and ahead, in the room."""
        ahead = np.subtract(self.target, self.position)
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, (0.0, 1.0, 0.0))
        right = right / np.linalg.norm(right)
        down = np.cross(ahead, right)
        c, s = np.cos(np.deg2rad(self.roll_deg)), np.sin(np.deg2rad(self.roll_deg))
        return np.stack([c * right - s * down, s * right + c * down, ahead])

    def resized(self, width: int, height: int) -> Camera:
        """The same view in another picture size; the vertical field of view stays."""
        return dataclasses.replace(self, width=int(width), height=int(height))


def view(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Room to camera: [..., 3] metres to the right, down and ahead of the camera."""
    return (np.asarray(points, float) - camera.position) @ camera.axes.T


def project(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Pixels of points: u = W/2 + f X/Z, v = H/2 + f Y/Z, y down, (0, 0) the top left corner.

    Args:
        points: [..., 3] metres in the room.
        camera: the camera.

    Returns:
        f64[..., 2] pixels; NaN behind the camera.
    """
    seen = view(points, camera)
    depth = np.where(seen[..., 2:] > 1e-3, seen[..., 2:], np.nan)
    return seen[..., :2] / depth * camera.focal_px + (camera.width / 2, camera.height / 2)


# Room around a joint for what reaches beyond it, metres: hands, the top of the hair, shoes.
PAD_M = {"left_wrist": 0.22, "right_wrist": 0.22, "head": 0.06}
PAD_ELSE_M = 0.08


def frame_dancers(
    poses: Sequence[np.ndarray],
    width: int = 480,
    height: int = 640,
    *,
    yaw_deg: float = 0.0,
    height_m: float = 1.15,
    fov_deg: float = 34.0,
    roll_deg: float = 0.0,
    margin: float = 0.04,
) -> Camera:
    """A camera from which every joint of every frame, hands included, is inside the picture.

    Args:
        poses: for each dancer [T,26,3] metres.
        width: pixels.
        height: pixels.
        yaw_deg: where it stands around the dancers; 0 in front of them, 90 at +x.
        height_m: its height above the floor.
        fov_deg: vertical field of view.
        roll_deg: see `Camera`.
        margin: free border, fraction of the picture's smaller side.

    Returns:
        The nearest such camera, to 1 cm.
    """
    points = np.concatenate([np.asarray(p, float).reshape(-1, len(JOINTS), 3) for p in poses])
    pads = np.broadcast_to([PAD_M.get(j, PAD_ELSE_M) for j in JOINTS], points.shape[:2])
    points, pads = points.reshape(-1, 3), pads.reshape(-1)
    seen = np.isfinite(points).all(-1)
    points, pads = points[seen], pads[seen]
    target = 0.5 * (points.min(0) + points.max(0))
    yaw, size = np.deg2rad(yaw_deg), np.array([width, height], float)
    border = margin * min(width, height)

    def at(distance: float) -> Camera:
        place = (target[0] + distance * np.sin(yaw), height_m, target[2] + distance * np.cos(yaw))
        place, aim = (tuple(float(x) for x in p) for p in (place, target))
        return Camera(place, aim, fov_deg, roll_deg, int(width), int(height))

    def bounds(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        px = project(points, camera)
        reach = (pads * camera.focal_px / view(points, camera)[:, 2])[:, None]
        return (px - reach).min(0), (px + reach).max(0)

    def nearest() -> Camera:
        near, far = 1.0, 60.0
        while far - near > 0.01:
            middle = 0.5 * (near + far)
            low, high = bounds(at(middle))
            fits = (low >= border).all() and (high <= size - border).all()
            near, far = (near, middle) if fits else (middle, far)
        return at(far)

    for _ in range(3):  # aim at the middle of what is seen, then come nearer
        camera = nearest()
        low, high = bounds(camera)
        off = 0.5 * (low + high) - size / 2
        depth = np.linalg.norm(np.subtract(camera.target, camera.position))
        target = target + (off / camera.focal_px * depth) @ camera.axes[:2]
    return nearest()
