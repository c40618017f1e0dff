"""Small polygon meshes hung on joint frames, and the shapes they are built from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Mesh:
    """Polygons of one size in the frames of a rig.

    Attributes:
        vertices: f64[N,3] metres in the frame of the vertex.
        origin: i64[N] joint at the frame's origin.
        frame: i64[N] joint whose orientation the frame has.
        second: i64[N] joint of a second orientation that is mixed in.
        share: f64[N] share of the second orientation, 0-1.
        faces: i64[M,K] corners, counter-clockwise seen from outside.
        colour: f64[M,3] RGB, 0-255.
        nearer: f64[M] metres by which the face is taken as nearer when faces are ordered.
    """

    vertices: np.ndarray
    origin: np.ndarray
    frame: np.ndarray
    second: np.ndarray
    share: np.ndarray
    faces: np.ndarray
    colour: np.ndarray
    nearer: np.ndarray

    def place(self, pose: np.ndarray, orientation: np.ndarray) -> np.ndarray:
        """Returns the vertices f64[N,3] in the room, from positions [J,3] and frames [J,3,3]."""
        v = self.vertices[:, :, None]
        turned = (orientation[self.frame] @ v)[..., 0]
        mixed = np.flatnonzero(self.share)
        if len(mixed):
            other = (orientation[self.second[mixed]] @ v[mixed])[..., 0]
            turned[mixed] += self.share[mixed, None] * (other - turned[mixed])
        return pose[self.origin] + turned


def join(parts: Sequence[Mesh]) -> Mesh:
    """One mesh of several with the same number of corners a face."""
    starts = np.cumsum([0] + [len(p.vertices) for p in parts])[:-1]
    faces = [p.faces + s for p, s in zip(parts, starts, strict=True)]
    fields = [f.name for f in dataclasses.fields(Mesh)]
    merged = {f: np.concatenate([getattr(p, f) for p in parts]) for f in fields if f != "faces"}
    return Mesh(faces=np.concatenate(faces), **merged)


def make(
    vertices: np.ndarray,
    faces: np.ndarray,
    colour: np.ndarray | Sequence[float],
    origin: int,
    frame: int,
    nearer: float = 0.0,
    second: int | None = None,
    share: np.ndarray | float = 0.0,
) -> Mesh:
    """Returns a mesh whose parts all follow one frame, or two where `second` is given.

    Args:
        vertices: [N,3] metres.
        faces: [M,K] indices of corners.
        colour: [3] or [M,3].
        origin: joint at the frame's origin.
        frame: joint whose orientation the frame has.
        nearer: metres by which the faces are taken as nearer when faces are ordered.
        second: joint of a second orientation that is mixed in, None for none.
        share: its share 0-1, one for all or [N].
    """
    n, m = len(vertices), len(faces)
    return Mesh(
        vertices=np.asarray(vertices, float),
        origin=np.full(n, origin),
        frame=np.full(n, frame),
        second=np.full(n, frame if second is None else second),
        share=np.broadcast_to(np.asarray(share, float), (n,)).copy(),
        faces=np.asarray(faces, int),
        colour=np.broadcast_to(np.asarray(colour, float), (m, 3)).copy(),
        nearer=np.full(m, float(nearer)),
    )


def grid_faces(rings: int, sides: int) -> np.ndarray:
    """i64[(rings-1)*sides, 4] quads between closed rings that follow each other downwards."""
    i, j = (x.reshape(-1) for x in np.mgrid[: rings - 1, :sides])
    k = (j + 1) % sides
    return np.stack([i * sides + j, (i + 1) * sides + j, (i + 1) * sides + k, i * sides + k], -1)


def tube(rings: Sequence[Sequence[float]], sides: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Elliptic rings along -y: rows (y, x radius, z radius[, x centre, z centre]), from the top.

    Returns:
        vertices [N,3] and quads [M,4]; both ends are closed by a ring of zero radius.
    """
    rows = np.array([(*r, 0.0, 0.0)[:5] for r in rings], float)
    rows = np.concatenate([rows[:1], rows, rows[-1:]])
    rows[[0, -1], 1:3] = 1e-6
    angle = np.arange(sides) * 2 * np.pi / sides
    x = rows[:, 3:4] + rows[:, 1:2] * np.sin(angle)
    z = rows[:, 4:5] + rows[:, 2:3] * np.cos(angle)
    y = np.broadcast_to(rows[:, :1], x.shape)
    return np.stack([x, y, z], -1).reshape(-1, 3), grid_faces(len(rows), sides)


def ellipsoid(
    centre: Sequence[float], radii: Sequence[float], sides: int = 10, rings: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Returns an ellipsoid along the frame's axes: vertices [N,3] and quads [M,4].

    Args:
        centre: (x, y, z) metres.
        radii: (x, y, z) metres.
        sides: corners of each ring.
        rings: bands from pole to pole.
    """
    lat = np.linspace(np.pi / 2, -np.pi / 2, rings + 1)
    rows = [
        (centre[1] + radii[1] * s, radii[0] * c, radii[2] * c, centre[0], centre[2])
        for s, c in zip(np.sin(lat), np.maximum(np.cos(lat), 1e-6), strict=True)
    ]
    return tube(rows, sides)


def rounded(rings: Sequence[Sequence[float]], sides: int = 12, cap: float = 0.7):
    """Returns a tube with domed ends: vertices [N,3] and quads [M,4].

    Args:
        rings: rows as of `tube`.
        sides: corners of each ring.
        cap: height of the domes over their radius.
    """
    rows = [(*r, 0.0, 0.0)[:5] for r in rings]
    steps = ((0.35, 0.94), (0.7, 0.71), (0.95, 0.31))

    def dome(row, sign):
        y, rx, rz, cx, cz = row
        return [(y + sign * cap * max(rx, rz) * a, rx * b, rz * b, cx, cz) for a, b in steps]

    return tube([*dome(rows[0], 1)[::-1], *rows, *dome(rows[-1], -1)], sides)
