"""Augments batches of poses: pure, jitted, the same change through a whole clip, sides kept right.

A random change asks what a measure or a model should not depend on; which one that is, is for the
experiment to say. `tilt_deg` and `rotate_deg` move the vertical: 0 where gravity counts.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import struct

from dance_jax import skeleton as skeletons
from dance_jax.data import augment_geometry, augment_time
from dance_jax.data.batch import Batch


@struct.dataclass
class PoseAugment:
    """How strongly poses are changed; each at 0 (crop at 1) leaves them as they are.

    A JAX tree of numbers: another strength compiles nothing anew.

    Attributes:
        mirror: probability of the mirror image.
        rotate_deg: most degrees in the x-y plane.
        scale: most change of size, as a share.
        shift: most shift along each axis, in heights of the box about the clip's joints.
        turn_deg: 3D: most degrees about the vertical: the viewpoint.
        tilt_deg: 3D: most degrees about x: the camera's height.
        warp: most change of the speed within the clip, its ends fixed.
        tempo: most change of the whole clip's speed: its times are divided by it.
        crop: smallest share of the frames that is kept.
        drop: probability that a joint is missing for a stretch of the clip.
        noise: standard deviation of each coordinate, in heights of the box.
        skeleton: name, for left and right.
    """

    mirror: float = 0.5
    rotate_deg: float = 10.0
    scale: float = 0.1
    shift: float = 0.1
    turn_deg: float = 180.0
    tilt_deg: float = 10.0
    warp: float = 0.1
    tempo: float = 0.09
    crop: float = 0.8
    drop: float = 0.05
    noise: float = 0.005
    skeleton: str = struct.field(pytree_node=False, default="halpe26")


NONE = PoseAugment(*[0.0] * 8, crop=1.0, drop=0.0, noise=0.0)
"""Changes nothing; `.replace` it to change one thing."""


def box(pose: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the centre [C] and the height of the box about a clip's joints; 0, 1 without any.

    Args:
        pose: [T,J,C]; NaN where missing.
    """
    seen = jnp.isfinite(pose)
    high = jnp.max(jnp.where(seen, pose, -jnp.inf), axis=(0, 1))
    low = jnp.min(jnp.where(seen, pose, jnp.inf), axis=(0, 1))
    known = jnp.isfinite(high) & jnp.isfinite(low)
    centre = jnp.where(known, 0.5 * (high + low), 0.0)
    height = jnp.where(known, high - low, 1.0)[1]
    return centre, jnp.where(height > 0, height, 1.0)


def dropped(key: jax.Array, frame_mask: jax.Array, joints: int, rate: jax.Array) -> jax.Array:
    """Draws which joints go missing: each at a rate, then for one stretch of any length.

    Returns:
        bool[T,J], True where the joint is taken away.
    """
    first, second = jax.random.split(key)
    hit = jax.random.bernoulli(first, rate, (joints,))
    ends = jnp.sort(jax.random.uniform(second, (2, joints)), axis=0) * jnp.sum(frame_mask)
    here = jnp.arange(frame_mask.shape[0])[:, None] + 0.5
    return hit & (here >= jnp.floor(ends[0])) & (here <= jnp.ceil(ends[1]))


def _one(
    key: jax.Array, pose: jax.Array, time_s: jax.Array, frame_mask: jax.Array, config: PoseAugment
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Augments one clip: pose[T,J,C], time_s[T], frame_mask[T]."""
    keys = jax.random.split(key, 6)
    flip = skeletons.get(config.skeleton).flip
    start, kept = augment_time.crop_start(keys[0], frame_mask, config.crop)
    source, inside, time_s = augment_time.taken_piece(time_s, start, kept)
    pose = jnp.where(inside[:, None, None], pose[source], jnp.nan)
    shown = augment_time.warped(keys[1], time_s, inside, config.warp)
    pose = augment_time.between(pose, time_s, inside, shown)
    time_s = time_s / jax.random.uniform(
        keys[2], (), time_s.dtype, 1 - config.tempo, 1 + config.tempo
    )
    centre, size = box(pose)
    geometry = augment_geometry.draw(
        keys[3],
        centre,
        size,
        mirror=config.mirror,
        rotate_deg=config.rotate_deg,
        scale=config.scale,
        shift=config.shift,
        turn_deg=config.turn_deg,
        tilt_deg=config.tilt_deg,
    )
    pose = augment_geometry.apply(geometry, pose, flip)
    pose = pose + config.noise * size * jax.random.normal(keys[4], pose.shape, pose.dtype)
    gone = dropped(keys[5], inside, pose.shape[1], config.drop)
    gone |= ~jnp.isfinite(pose).all(-1)
    return jnp.where(gone[..., None], jnp.nan, pose), time_s, inside


@jax.jit
def augment_pose(key: jax.Array, batch: Batch, config: PoseAugment) -> Batch:
    """Augments a batch of poses; each clip is changed in its own way, all its frames alike.

    Args:
        key: typed key, see `rng.key`.
        batch: poses without frames; the crop moves what it keeps to the front.
        config: how strongly.

    Returns:
        The batch with new poses, masks and times; a missing joint stays missing (under a mirror,
        under its new name), padding stays padding, labels stay as they are.

    Raises:
        ValueError: the batch holds pictures (`augment_frames.augment_clip` moves both), or no
            poses of that skeleton.
    """
    if batch.frames is not None or batch.pose is None:
        raise ValueError("augment_pose takes poses alone; augment_clip takes pictures with them")
    joints = len(skeletons.get(config.skeleton))
    if batch.pose.shape[2] != joints:
        raise ValueError(f"{config.skeleton} has {joints} joints, not {batch.pose.shape[2]}")
    config = jax.tree.map(jnp.float32, config)
    keys = jax.random.split(key, batch.pose.shape[0])
    one = functools.partial(_one, config=config)
    pose, time_s, frame_mask = jax.vmap(one)(keys, batch.pose, batch.time_s, batch.frame_mask)
    there = jnp.isfinite(pose).all(-1)
    return batch.replace(pose=pose, joint_mask=there, frame_mask=frame_mask, time_s=time_s)
