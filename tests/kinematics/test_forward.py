"""Forward kinematics against a walk up the tree with SciPy rotations, lengths and gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dance_jax import skeleton
from dance_jax.kinematics.forward import JOINTS, Rig, forward, frames

HIP = JOINTS.index("hip")
forward_jit = jax.jit(forward)


def _draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random rotations [5,26,3] and roots [5,3]; one shape, so that it is compiled once."""
    return rng.normal(0, 1.5, (5, 26, 3)).astype(np.float32), rng.normal(0, 1, (5, 3)).astype(
        np.float32
    )


def random_rig(rng: np.random.Generator) -> Rig:
    offsets = rng.normal(0, 0.3, (26, 3)).astype(np.float32)
    offsets[HIP] = 0.0
    return Rig(offsets=offsets)


def walk_up(rig: Rig, rotvec: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Each joint by itself, from the root down, one frame at a time: slow and plain."""
    out = np.zeros(rotvec.shape)
    for t in range(len(rotvec)):
        for joint in range(len(rig.joints)):
            chain, k = [], joint
            while k >= 0:
                chain.append(k)
                k = rig.parents[k]
            turned, place = Rotation.identity(), root[t].astype(float)
            for k in reversed(chain):
                turned = turned * Rotation.from_rotvec(rotvec[t, k])
                place = place + turned.apply(rig.offsets[k])
            out[t, joint] = place
    return out


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_scipy_composition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rig = random_rig(rng)
    rotvec, root = _draw(rng)
    want = walk_up(rig, rotvec, root)
    np.testing.assert_allclose(forward_jit(rig, rotvec, root), want, atol=1e-5)
    matrices = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(5, 26, 3, 3)
    np.testing.assert_allclose(forward_jit(rig, matrices, root), want, atol=1e-5)
    positions, world = frames(rig, matrices, root, np)
    assert positions.dtype == np.float64
    np.testing.assert_allclose(positions, want, atol=1e-6)
    np.testing.assert_allclose(world @ world.swapaxes(-1, -2), np.eye(3) + 0 * world, atol=1e-6)


def test_the_tree_is_the_canon_with_the_hip_as_root() -> None:
    rig = Rig(offsets=np.zeros((26, 3)))
    canon = skeleton.get("halpe26")
    assert rig.joints == canon.joints and rig.parents == canon.parents
    assert [k for k, p in enumerate(rig.parents) if p < 0] == [HIP]


@pytest.mark.parametrize("seed", [2, 3])
def test_bone_lengths_are_kept(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rig = random_rig(rng)
    pose = np.asarray(forward_jit(rig, *_draw(rng)))
    child = [k for k, p in enumerate(rig.parents) if p >= 0]
    parent = [rig.parents[k] for k in child]
    length = np.linalg.norm(pose[:, child] - pose[:, parent], axis=-1)
    np.testing.assert_allclose(
        length, np.asarray(rig.bone_lengths)[None, child] + 0 * length, atol=1e-5
    )


def test_a_rotation_turns_the_segment_that_ends_at_its_joint() -> None:
    offsets = np.zeros((26, 3))
    for name, y in (("left_hip", 0.0), ("left_knee", -0.4), ("left_ankle", -0.4)):
        offsets[JOINTS.index(name)] = (0.0, y, 0.0)
    rotvec = np.zeros((26, 3))
    rotvec[JOINTS.index("left_ankle")] = (np.pi / 2, 0, 0)  # knee flexion: the shank goes back
    pose = np.asarray(forward_jit(Rig(offsets=offsets), rotvec, np.zeros(3)))
    np.testing.assert_allclose(pose[JOINTS.index("left_knee")], (0, -0.4, 0), atol=1e-6)
    np.testing.assert_allclose(pose[JOINTS.index("left_ankle")], (0, -0.4, -0.4), atol=1e-6)


def test_gradients_are_finite_at_rest_and_follow_finite_differences() -> None:
    rng = np.random.default_rng(7)
    rig, root = random_rig(rng), jnp.zeros(3)
    goal = jnp.asarray(rng.normal(size=(26, 3)), jnp.float32)

    def cost(rig: Rig, rotvec: jax.Array, root: jax.Array) -> jax.Array:
        return jnp.sum((forward(rig, rotvec, root) - goal) ** 2)

    at_rest = jax.jit(jax.grad(cost, argnums=(0, 1, 2)))(rig, jnp.zeros((26, 3)), root)
    assert all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(at_rest))
    assert float(jnp.abs(at_rest[1]).max()) > 0
    step, value = 1e-2, jax.jit(cost)
    for joint, axis in ((HIP, 0), (JOINTS.index("neck"), 2), (JOINTS.index("left_knee"), 1)):
        bump = jnp.zeros((26, 3)).at[joint, axis].set(step)
        slope = (value(rig, bump, root) - value(rig, -bump, root)) / (2 * step)
        np.testing.assert_allclose(at_rest[1][joint, axis], slope, rtol=5e-3, atol=5e-3)


def test_batches_and_wrong_shapes() -> None:
    rng = np.random.default_rng(8)
    rig = random_rig(rng)
    rotvec = rng.normal(size=(2, 4, 26, 3)).astype(np.float32)
    root = rng.normal(size=(2, 4, 3)).astype(np.float32)
    each = jax.jit(jax.vmap(forward, (None, 0, 0)))(rig, rotvec, root)
    np.testing.assert_allclose(forward_jit(rig, rotvec, root), each, atol=1e-6)
    with pytest.raises(ValueError, match="rotations"):
        forward(rig, np.zeros((4, 25, 3)), np.zeros((4, 3)))
