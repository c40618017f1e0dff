"""Forward kinematics: a rig's bone offsets and joint rotations in, HALPE-26 joint positions out."""

from __future__ import annotations

import dataclasses
import functools
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax import skeleton
from dance_jax.kinematics.rotations import axis_angle_to_matrix

_CANON = skeleton.get("halpe26")
JOINTS = _CANON.joints


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["offsets"], meta_fields=["joints", "parents"]
)
@dataclasses.dataclass(frozen=True, eq=False)
class Rig:
    """A body: its tree and its bone vectors in the rest pose.

    Rest pose: standing, arms hanging, facing +z, the dancer's own left at +x, y up.

    Attributes:
        offsets: [J,3] metres, the vector from the parent to the joint in the rest pose; root zero.
        joints: J joint names.
        parents: J indices of the parent joint; -1 for the root.
    """

    offsets: Any
    joints: tuple[str, ...] = JOINTS
    parents: tuple[int, ...] = _CANON.parents

    def index(self, joint: str) -> int:
        """Returns the position of a joint."""
        return self.joints.index(joint)

    @property
    def bone_lengths(self) -> jax.Array:
        """[J] metres from the parent to each joint; 0 for the root."""
        return jnp.sqrt(jnp.sum(jnp.square(jnp.asarray(self.offsets)), axis=-1))


@functools.lru_cache(maxsize=64)
def _levels(parents: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Joints by their depth below the root, so that each level is one batched product."""
    depth: dict[int, int] = {}

    def of(joint: int) -> int:
        if joint not in depth:
            depth[joint] = 0 if parents[joint] < 0 else 1 + of(parents[joint])
        return depth[joint]

    deepest = max(of(j) for j in range(len(parents)))
    return tuple(tuple(j for j in range(len(parents)) if depth[j] == d) for d in range(deepest + 1))


def _product(a: Any, b: Any, xp: ModuleType) -> Any:
    """[..., 3, 3] times [..., 3, K].

    Not `@` under JAX: XLA for the CPU (jaxlib 0.10.2) aborts while it compiles some batched 3x3
    products of taken rows; a broadcast product and a sum do not meet that.
    """
    return a @ b if xp is np else xp.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)


def frames(
    rig: Rig, rotations: Any, root: Any, xp: ModuleType = jnp
) -> tuple[jax.Array, jax.Array]:
    """Positions and world orientations of all segments.

    W_j = W_parent R_j and p_j = p_parent + W_j offset_j: the rotation of joint j turns the segment
    that ENDS at j (left_elbow: the upper arm; left_wrist: the forearm; neck: the trunk), against
    its parent's segment; the root's rotation turns the whole body.

    Args:
        rig: the body.
        rotations: [..., J, 3, 3] rotation matrices.
        root: [..., 3] metres, the position of the root joint (the hip).
        xp: array module; NumPy computes in float64 on the host, without compiling.

    Returns:
        positions [..., J, 3] in metres and orientations [..., J, 3, 3].
    """
    levels = _levels(rig.parents)
    offsets = xp.asarray(rig.offsets)
    order: list[int] = list(levels[0])
    world = rotations[..., order, :, :]
    place = xp.asarray(root)[..., None, :]
    for level in levels[1:]:
        rows = np.asarray(level)
        above = np.asarray([order.index(rig.parents[j]) for j in level])
        turned = _product(world[..., above, :, :], rotations[..., rows, :, :], xp)
        moved = place[..., above, :] + _product(turned, offsets[rows][..., None], xp)[..., 0]
        world = xp.concatenate([world, turned], axis=-3)
        place = xp.concatenate([place, moved], axis=-2)
        order.extend(level)
    back = np.argsort(np.asarray(order))
    return place[..., back, :], world[..., back, :, :]


def forward(rig: Rig, rotations: jax.Array, root: jax.Array) -> jax.Array:
    """Joint positions of a rig, differentiable in its offsets, the rotations and the root.

    Args:
        rig: the body; its root must be one joint.
        rotations: [..., J, 3] axis-angle in radians, or [..., J, 3, 3] matrices; see `frames`.
        root: [..., 3] metres.

    Returns:
        [..., J, 3] metres.

    Raises:
        ValueError: rotations that fit neither shape.
    """
    rotations = jnp.asarray(rotations)
    n = len(rig.joints)
    if rotations.shape[-2:] == (n, 3):
        rotations = axis_angle_to_matrix(rotations)
    elif rotations.shape[-3:] != (n, 3, 3):
        raise ValueError(f"rotations must be [...,{n},3] or [...,{n},3,3], got {rotations.shape}")
    return frames(rig, rotations, jnp.asarray(root))[0]
