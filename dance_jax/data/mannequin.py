"""The clothed mannequin below the neck: trunk, limbs, hands and shoes on a rig."""

from __future__ import annotations

import numpy as np

from dance_jax.data import mesh
from dance_jax.data.body import Body
from dance_jax.data.head import head_parts
from dance_jax.data.look import Look
from dance_jax.data.mesh import Mesh

SIDES = ("left", "right")

# Rings as fractions of stature: (place along the bone 0-1, radius) of the limbs.
THIGH = ((0.0, 0.044), (0.08, 0.048), (0.2, 0.0485), (0.45, 0.044), (0.75, 0.037), (1.0, 0.0325))
SHANK = ((0.0, 0.033), (0.22, 0.035), (0.4, 0.034), (0.7, 0.027), (0.97, 0.0225))
UPPER_ARM = ((0.0, 0.0275), (0.2, 0.0285), (0.6, 0.0255), (1.0, 0.0225))
FOREARM = ((0.0, 0.0225), (0.25, 0.0235), (0.6, 0.0195), (1.0, 0.0145))
# Trunk rings: (height as a fraction of hip to neck, x radius, z radius, z centre, share of the
# chest's orientation); radii as fractions of stature.
PELVIS = (
    (-0.21, 0.030, 0.034, -0.004, 0.0),
    (-0.15, 0.072, 0.054, -0.006, 0.0),
    (-0.05, 0.093, 0.062, -0.007, 0.0),
    (0.06, 0.092, 0.059, -0.004, 0.05),
    (0.17, 0.083, 0.054, 0.0, 0.2),
    (0.21, 0.070, 0.046, 0.0, 0.25),
)
CHEST = (
    (0.05, 0.080, 0.050, -0.003, 0.05),
    (0.11, 0.0915, 0.0605, -0.003, 0.12),
    (0.22, 0.085, 0.057, 0.0, 0.3),
    (0.36, 0.0785, 0.0535, 0.002, 0.6),
    (0.52, 0.084, 0.057, 0.003, 0.9),
    (0.68, 0.092, 0.062, 0.003, 1.0),
    (0.82, 0.0965, 0.061, 0.0, 1.0),
    (0.92, 0.0985, 0.054, -0.003, 1.0),
    (1.00, 0.0965, 0.047, -0.005, 1.0),
    (1.05, 0.083, 0.042, -0.006, 1.0),
    (1.09, 0.064, 0.038, -0.005, 1.0),
    (1.125, 0.045, 0.034, -0.003, 1.0),
    (1.14, 0.034, 0.030, -0.001, 1.0),
)
TRUNK_SIDES, LIMB_SIDES, LIMB_RINGS = 32, 16, 8
NECK_Y = (0.090, 0.065, 0.040, 0.0)


def _limb(
    body: Body,
    profile,
    start: str,
    end: str,
    colour,
    part=(0.0, 1.0),
    swell: float = 1.0,
    cloth=False,
) -> Mesh:
    """A tapered limb, or cloth around it, over a part (0-1) of the bone from `start` to `end`."""
    length = body.length(end)
    places, radii = np.array(profile).T
    rows = np.linspace(*part, LIMB_RINGS)
    size = body.height_m * body.girth * swell
    rings = [(-p * length, *(2 * [size * np.interp(p, places, radii)])) for p in rows]
    # Cloth ends in a hem, a limb in a dome that fills the bent joint.
    vertices, faces = mesh.rounded(rings, LIMB_SIDES, 0.06 if cloth else 0.9)
    index = body.rig.index
    nearer = 0.012 if cloth else 0.0
    return mesh.make(vertices, faces, colour, index(start), index(end), nearer)


def _trunk(body: Body, rows, colour) -> Mesh:
    """Rings between pelvis and chest, whose orientations mix along the height."""
    h, index = body.height_m, body.rig.index
    trunk = body.length("neck")
    hips = abs(body.rig.offsets[index("left_hip")][0]) / (0.052 * h)
    shoulders = abs(body.rig.offsets[index("left_shoulder")][0]) / (0.101 * h)
    rings, shares = [], []
    for place, rx, rz, cz, share in rows:
        wide = hips + (shoulders - hips) * np.clip(place, 0, 1)
        build = 0.5 + 0.5 * body.girth
        rings.append((place * trunk, rx * h * wide * build, rz * h * build, 0.0, cz * h))
        shares.append(share)
    vertices, faces = mesh.tube(rings[::-1], sides=TRUNK_SIDES)
    share = np.repeat([shares[-1], *shares[::-1], shares[0]], TRUNK_SIDES)
    hip, neck = index("hip"), index("neck")
    return mesh.make(vertices, faces, colour, hip, hip, second=neck, share=share)


def _hand(body: Body, side: str, skin) -> list[Mesh]:
    """A flat palm, four fingers and a thumb beyond the wrist; the thumb points to the front."""
    h, wrist = body.height_m, body.rig.index(f"{side}_wrist")
    inward = -1.0 if side == "left" else 1.0
    palm = [
        (0.004, 0.010, 0.014),
        (-0.012, 0.0105, 0.019),
        (-0.048, 0.0085, 0.022),
        (-0.056, 0.007, 0.021),
    ]
    shapes = [mesh.tube([(y * h, x * h, z * h) for y, x, z in palm], 10)]
    for z, length in ((0.0155, 0.036), (0.0055, 0.041), (-0.0050, 0.038), (-0.0150, 0.029)):
        rows = [(-0.050, 0.0056), (-0.054 - 0.5 * length, 0.0054), (-0.052 - length, 0.0036)]
        curl = (0.0, 0.002 * inward, 0.007 * inward)
        rings = [(y * h, r * h, r * h, c * h, z * h) for (y, r), c in zip(rows, curl, strict=True)]
        shapes.append(mesh.rounded(rings, 6, 0.6))
    thumb = [(-0.014, 0.0075, 0.016), (-0.034, 0.0065, 0.027), (-0.052, 0.0042, 0.031)]
    shapes.append(mesh.rounded([(y * h, r * h, r * h, 0.0, z * h) for y, r, z in thumb], 6, 0.5))
    return [mesh.make(v, f, skin, wrist, wrist) for v, f in shapes]


def _shoe(body: Body, side: str, look: Look) -> list[Mesh]:
    """A shoe with a light sole, along the foot; rings run from the toe to the heel."""
    h, index = body.height_m, body.rig.index
    offsets = np.asarray(body.rig.offsets)
    floor = offsets[index(f"{side}_big_toe")][1] / h - 0.009
    outward = 1.0 if side == "left" else -1.0
    rows = (  # (z, half width, height of the upper, x centre)
        (0.122, 0.008, 0.012, -0.001),
        (0.116, 0.019, 0.020, 0.000),
        (0.098, 0.026, 0.026, 0.002),
        (0.070, 0.0275, 0.033, 0.004),
        (0.040, 0.025, 0.043, 0.003),
        (0.012, 0.0225, 0.054, 0.001),
        (-0.020, 0.0215, 0.056, 0.0),
        (-0.040, 0.0185, 0.050, 0.0),
        (-0.049, 0.010, 0.038, 0.0),
    )
    sides = 14
    angle = np.arange(sides) * 2 * np.pi / sides
    x = np.array([[r[3] * outward] for r in rows]) + np.array([[r[1]] for r in rows]) * np.sin(
        angle
    )
    half = np.array([[r[2] / 2] for r in rows])
    y = floor + half * (1.0 - np.clip(1.25 * np.cos(angle), -1, 1))
    z = np.broadcast_to(np.array([[r[0]] for r in rows]), x.shape)
    points = np.stack([x, y, z], -1)
    closed = np.concatenate(
        [points[:1] * 0 + points[0].mean(0), points, points[-1:] * 0 + points[-1].mean(0)]
    )
    faces = mesh.grid_faces(len(closed), sides)
    middle = closed.reshape(-1, 3)[faces].mean(1)[:, 1]
    sole = middle < floor + 0.0085
    colour = np.where(sole[:, None], (232.0, 230.0, 226.0), look.shoes)
    vertices = closed.reshape(-1, 3) * h
    return [mesh.make(vertices, faces, colour, index(f"{side}_ankle"), index(f"{side}_big_toe"))]


def _arm(body: Body, side: str, look: Look) -> list[Mesh]:
    shoulder, elbow, wrist = (f"{side}_{j}" for j in ("shoulder", "elbow", "wrist"))
    sleeve = {"none": 0.0, "short": 0.58, "long": 1.0}[look.sleeves]
    parts = _hand(body, side, look.skin)
    parts.append(_limb(body, FOREARM, elbow, wrist, look.skin))
    if sleeve < 1:  # where cloth covers it, there is no skin to shine through
        parts.append(_limb(body, UPPER_ARM, shoulder, elbow, look.skin, (0.92 * sleeve, 1.0)))
    if sleeve > 0:
        reach = (0.0, sleeve)
        parts.append(_limb(body, UPPER_ARM, shoulder, elbow, look.shirt, reach, 1.15, True))
    if sleeve == 1:
        parts.append(_limb(body, FOREARM, elbow, wrist, look.shirt, (0.0, 0.93), 1.2, True))
        r = 0.0262 * body.height_m * body.girth
        joint = mesh.ellipsoid((0, 0, 0), (r, r, r), 14, 8)
        index = body.rig.index
        parts.append(mesh.make(*joint, look.shirt, index(elbow), index(elbow), 0.006))
    r = 0.0305 * body.height_m * (0.5 + 0.5 * body.girth)
    cap = mesh.ellipsoid((0, -0.05 * r, 0), (r, r, r), 16, 10)
    index = body.rig.index
    colour = look.skin if look.sleeves == "none" else look.shirt
    parts.append(mesh.make(*cap, colour, index(shoulder), index("neck")))
    return parts


def _leg(body: Body, side: str, look: Look) -> list[Mesh]:
    hip, knee, ankle = (f"{side}_{j}" for j in ("hip", "knee", "ankle"))
    loose = 1.10 if look.legwear == "trousers" else 1.0
    parts = _shoe(body, side, look)
    if look.legwear == "shorts":
        bare, cloth = (0.66, 1.0), (0.0, 0.72)
        parts.append(_limb(body, THIGH, hip, knee, look.skin, bare))
        parts.append(_limb(body, THIGH, hip, knee, look.trousers, cloth, 1.13, True))
        parts.append(_limb(body, SHANK, knee, ankle, look.skin))
    else:
        parts.append(_limb(body, THIGH, hip, knee, look.trousers, swell=loose))
        parts.append(_limb(body, SHANK, knee, ankle, look.trousers, swell=loose))
    return parts


def build(body: Body, look: Look) -> tuple[Mesh, Mesh]:
    """The whole figure on a body's rig.

    Args:
        body: stature, build and rig.
        look: colours and cuts.

    Returns:
        The quads, and the painted features of the face as polygons of more corners.
    """
    index = body.rig.index
    h = body.height_m
    neck = [
        (y * h, r * h, 0.031 * h) for y, r in zip(NECK_Y, (0.028, 0.028, 0.030, 0.033), strict=True)
    ]
    solid, painted = head_parts(body, look)
    parts = [
        _trunk(body, PELVIS, look.trousers),
        _trunk(body, CHEST, look.shirt),
        # Taken as farther, so that the collar covers it.
        mesh.make(*mesh.tube(neck, 18), look.skin, index("neck"), index("head"), -0.02),
        *solid,
    ]
    for side in SIDES:
        parts += _arm(body, side, look) + _leg(body, side, look)
    return mesh.join(parts), mesh.join(painted)
