"""The link-segment model as a rigid MuJoCo body, and HALPE-26 poses of its exact motions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax.biomech import linkage, segments
from dance_jax.biomech.movement import GRAVITY
from dance_jax.skeleton import get, index
from tests.biomech.mujoco_tree import Body, Swing, places
from tests.kinematics.oracle import standing

HEIGHT_M = 1.7
HANDS = tuple(k for k, name in enumerate(linkage.SEGMENTS) if name.endswith("hand"))
_OWNER = {
    "elbow": "upper_arm", "wrist": "forearm", "knee": "thigh", "ankle": "shank", "heel": "foot",
    "big_toe": "foot", "small_toe": "foot", "ear": "head", "eye": "head",
}  # fmt: skip


def owners():
    """The segment that each HALPE-26 joint is fixed to."""
    out = []
    for joint in get("halpe26").joints:
        side, name = joint[: joint.find("_") + 1], joint[joint.find("_") + 1 :]
        if joint in ("nose", "head") or name in ("ear", "eye"):
            out.append("head")
        elif side in ("left_", "right_") and name in _OWNER:
            out.append(side + _OWNER[name])
        else:
            out.append("trunk")
    return [linkage.SEGMENTS.index(name) for name in out]


def rod_body(planar=False, least=1e-9):
    """The default linkage of a standing person, lengths in heights, mass 1."""
    rest = standing(1.0)
    model = linkage.linkage()
    joint = rest[[index("halpe26", name) for name in linkage.JOINTS]]
    with jax.enable_x64(True):
        centres = segments.segment_centres(jnp.asarray(rest))
    centre = np.asarray([centres[name] for name in linkage.SEGMENTS], np.float64)
    rod = (rest[model.second] - rest[model.first]) * model.radius[:, None]
    inertia = np.zeros((len(joint), 3, 3))
    for r, s in zip(rod, model.owner, strict=True):
        inertia[s] += model.mass[s] * (r @ r * np.eye(3) - np.outer(r, r))
    inertia += least * np.eye(3)  # MuJoCo takes no rod without any longitudinal inertia
    above = np.maximum(linkage.PARENTS, 0)
    if planar:  # a paper doll: depth is gone from places and rods alike
        joint, centre = joint * [1, 1, 0], centre * [1, 1, 0]
        flat = np.zeros(len(joint))
        np.add.at(flat, model.owner, model.mass[model.owner] * (rod[:, :2] ** 2).sum(-1))
        inertia = flat[:, None, None] * np.eye(3)
    mass = np.asarray(model.mass, np.float64)
    return Body(
        linkage.PARENTS, mass, joint - joint[above], centre - joint, inertia,
        GRAVITY / HEIGHT_M, planar,
    )  # fmt: skip


def poses(body, swing, times):
    """HALPE-26 poses [T,26,3] in heights of the moving body (x, y only where planar)."""
    rest = standing(1.0) * ([1, 1, 0] if body.planar else [1, 1, 1])
    joint = rest[[index("halpe26", name) for name in linkage.JOINTS]]
    owner = np.asarray(owners())
    local = rest - joint[owner]

    def pose(t):
        at, turn, _ = places(body, swing, t)
        return at[owner] + jnp.einsum("jab,jb->ja", turn[owner], local)

    out = jax.jit(jax.vmap(pose))(jnp.asarray(times))
    return np.asarray(out)[..., : 2 if body.planar else 3]


def swing(seed, planar=False, angle=0.7, hertz=1.2):
    """A random smooth motion with the hands in line with the forearms."""
    rng = np.random.default_rng(seed)
    n = len(linkage.SEGMENTS)
    return Swing.random(rng, n, planar=planar, angle=angle, hertz=hertz, still=HANDS)
