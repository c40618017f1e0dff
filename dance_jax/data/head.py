"""The mannequin's head: skull, nose, ears, hair and a painted face.

A pose estimator tells front from back by the face, so it has nose, eyes, brows, mouth and ears.
"""

from __future__ import annotations

import numpy as np

from dance_jax.data import mesh
from dance_jax.data.body import Body
from dance_jax.data.look import Look
from dance_jax.data.mesh import Mesh

# Fractions of stature: the skull's middle below the top of the head, and its half axes.
MIDDLE = -0.067
HALF = (0.0435, 0.0665, 0.053)
CORNERS = 12
HAIR_RINGS = 14


def surface(lon_deg: np.ndarray, lat_deg: np.ndarray, swell: float = 1.0) -> np.ndarray:
    """Points of the skull, in fractions of stature below the top of the head.

    Args:
        lon_deg: [...] 0 to the front, positive to the dancer's left.
        lat_deg: [...] positive up.
        swell: factor on the half axes.

    Returns:
        [..., 3].
    """
    lon, lat = np.broadcast_arrays(np.deg2rad(lon_deg), np.deg2rad(lat_deg))
    up = np.sin(lat)
    low = np.clip(-up, 0, 1)
    # The jaw narrows downwards, the forehead and the back of the head stay full.
    round_ = np.cos(lat) ** 0.85
    x = HALF[0] * (1 - 0.28 * low**1.5) * round_ * np.sin(lon)
    z = HALF[2] * (1 - 0.16 * low) * round_ * np.cos(lon)
    z = np.where(z > 0, 0.97 * z + 0.006 * low, 1.03 * z)
    return np.stack([swell * x, MIDDLE + swell * HALF[1] * up, swell * z], axis=-1)


def _patch(lon: float, lat: float, half_lon: float, half_lat: float, tilt: float, swell: float):
    """An ellipse painted on the skull: [CORNERS,3], counter-clockwise seen from outside."""
    angle = np.arange(CORNERS) * 2 * np.pi / CORNERS
    a, b = half_lon * np.cos(angle), half_lat * np.sin(angle)
    c, s = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
    return surface(lon + c * a - s * b, lat + s * a + c * b, swell)


def _hair_line(cut: str, lon_deg: np.ndarray) -> np.ndarray:
    """Latitude down to which the hair reaches, by longitude."""
    turn = np.abs((lon_deg + 180.0) % 360.0 - 180.0)
    down = {"short": -22.0, "bob": -66.0, "bun": -26.0}[cut]
    side = {"short": 4.0, "bob": -52.0, "bun": 10.0}[cut]
    return np.interp(
        turn, (0, 38, 62, 80, 105, 140, 180), (40, 38, 30, side + 8, side - 8, down + 3, down)
    )


def _skull(body: Body, look: Look) -> list[Mesh]:
    h, head = body.height_m, body.rig.index("head")
    sides, rings = 32, 20
    lon, lat = np.meshgrid(np.arange(sides) * 360.0 / sides, np.linspace(89.5, -89.5, rings + 1))
    faces = mesh.grid_faces(rings + 1, sides)
    skin = mesh.make(h * surface(lon, lat).reshape(-1, 3), faces, look.skin, head, head)
    # The hair is a shell whose rings end at the hair line, so that its edge is smooth.
    line = _hair_line(look.hair_cut, lon[0])
    rows = np.linspace(0, 1, HAIR_RINGS)[:, None]
    lat = 89.5 + rows * (line - 89.5)
    swell = np.full((HAIR_RINGS, 1), 1.09)
    swell[-1] = 1.0
    shell = surface(np.broadcast_to(lon[0], lat.shape), lat)
    centre = np.array([0.0, MIDDLE, 0.0])
    shell = centre + (shell - centre) * swell[..., None]
    faces = mesh.grid_faces(HAIR_RINGS, sides)
    hair = [mesh.make(h * shell.reshape(-1, 3), faces, look.hair, head, head, 0.004)]
    if look.hair_cut == "bun":
        ball = mesh.ellipsoid((0, -0.025 * h, -0.062 * h), 3 * (0.023 * h,), 10, 6)
        hair.append(mesh.make(*ball, look.hair, head, head))
    return [skin, *hair]


def _nose(body: Body, look: Look) -> Mesh:
    """A wedge from the bridge to the tip and back under it."""
    h, head = body.height_m, body.rig.index("head")
    tip = (body.rest("nose") - body.rest("head")) / h
    bridge = surface(0.0, 9.0)
    wing_l, wing_r = surface(10.0, -12.0), surface(-10.0, -12.0)
    under = surface(0.0, -15.0)
    points = h * np.stack([bridge, tip, wing_l, wing_r, under])
    faces = [(0, 1, 2, 2), (0, 3, 1, 1), (1, 4, 2, 2), (1, 3, 4, 4)]
    skin = np.asarray(look.skin)
    return mesh.make(
        points, faces, [skin, skin * 0.94, skin * 0.72, skin * 0.72], head, head, 0.006
    )


def head_parts(body: Body, look: Look) -> tuple[list[Mesh], list[Mesh]]:
    """The head of a figure.

    Args:
        body: stature and rig.
        look: colours and cut of the hair.

    Returns:
        Meshes of quads, and painted polygons of `CORNERS` corners.
    """
    h, head = body.height_m, body.rig.index("head")
    solid = [*_skull(body, look), _nose(body, look)]
    painted: list[Mesh] = []

    def paint(patch, colour, nearer):
        faces = [tuple(range(CORNERS))]
        painted.append(mesh.make(h * patch, faces, colour, head, head, nearer))

    brow = 0.75 * np.asarray(look.hair)
    dark = 0.62 * np.asarray(look.skin)
    for side, name in ((1, "left_ear"), (-1, "right_ear")):
        ear = body.rest(name) - body.rest("head")
        outer = mesh.ellipsoid(ear, (0.006 * h, 0.0165 * h, 0.0105 * h), 8, 6)
        solid.append(mesh.make(*outer, 0.95 * np.asarray(look.skin), head, head, 0.006))
        paint(_patch(24 * side, 9.5, 10.5, 5.2, 0, 1.003), dark, 0.008)
        paint(_patch(24 * side, 9.0, 9.0, 3.8, 0, 1.006), (244, 242, 238), 0.010)
        paint(_patch(23.5 * side, 9.2, 4.4, 3.9, 0, 1.009), look.iris, 0.012)
        paint(_patch(23.5 * side, 9.2, 2.2, 2.0, 0, 1.012), (12, 10, 10), 0.014)
        paint(_patch(25 * side, 20.0, 12.0, 2.0, -5 * side, 1.006), brow, 0.010)
    paint(_patch(0, -29.0, 15.0, 3.9, 0, 1.006), look.lips, 0.010)
    paint(_patch(0, -29.0, 14.0, 0.8, 0, 1.010), 0.55 * np.asarray(look.lips), 0.012)
    return solid, painted
