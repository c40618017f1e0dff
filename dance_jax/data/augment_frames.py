"""Augments pictures with the poses in them: one key, one geometry, the same through a whole clip.

Pixels: the picture's top left corner is (0, 0), x to the right, y down; the centre of the first
pixel is (0.5, 0.5).
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import struct

from dance_jax import skeleton as skeletons
from dance_jax.data import augment_geometry, augment_time
from dance_jax.data.augment_geometry import Geometry
from dance_jax.data.augment_pose import dropped
from dance_jax.data.batch import Batch


@struct.dataclass
class FrameAugment:
    """How strongly clips of pictures are changed; each at 0 (crop at 1) leaves them as they are.

    A JAX tree of numbers: another strength compiles nothing anew.

    Attributes:
        flip: probability of the mirror image.
        rotate_deg: most degrees about the picture's centre.
        scale: most change of size, as a share.
        shift: most shift along each axis, in shares of the picture's shorter side.
        brightness: most that is added, in shares of full white.
        contrast: most change of the distance from middle grey, as a share.
        noise: standard deviation of each value, in shares of full white; anew in each frame.
        cutout: probability of a grey square that stays in its place; the pose behind it stays.
        cutout_side: its side, in shares of the picture's shorter side.
        warp: most change of the speed within the clip; whole frames are repeated or left out, so
            the movement is up to half a frame early or late.
        tempo: most change of the whole clip's speed: its times are divided by it.
        crop: smallest share of the frames that is kept.
        drop: probability that a joint of the pose is missing for a stretch of the clip.
        skeleton: of the poses, for left and right.
    """

    flip: float = 0.5
    rotate_deg: float = 10.0
    scale: float = 0.15
    shift: float = 0.05
    brightness: float = 0.15
    contrast: float = 0.2
    noise: float = 0.02
    cutout: float = 0.3
    cutout_side: float = 0.3
    warp: float = 0.1
    tempo: float = 0.09
    crop: float = 0.8
    drop: float = 0.0
    skeleton: str = struct.field(pytree_node=False, default="halpe26")


NONE = FrameAugment(*[0.0] * 11, crop=1.0, drop=0.0)
"""Changes nothing; `.replace` it to change one thing."""


def moved(frames: jax.Array, geometry: Geometry) -> jax.Array:
    """Moves pictures by bilinear sampling; what comes from outside the picture is black.

    Args:
        frames: [T,H,W,3] of any kind of number.
        geometry: the change, in pixels.

    Returns:
        f32[T,H,W,3]; a plain mirror image or no change gives the very values.
    """
    height, width = frames.shape[1:3]
    y, x = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    from_ = augment_geometry.undo(geometry, jnp.stack([x, y], -1))
    x, y = from_[..., 0], from_[..., 1]
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    left, top = jnp.floor(x - 0.5), jnp.floor(y - 0.5)
    right, down = x - 0.5 - left, y - 0.5 - top
    flat = frames.reshape(frames.shape[0], height * width, 3)
    out = jnp.zeros(frames.shape, jnp.float32)
    for dy, row_share in ((0, 1 - down), (1, down)):
        for dx, column_share in ((0, 1 - right), (1, right)):
            row = jnp.clip(top + dy, 0, height - 1).astype(jnp.int32)
            column = jnp.clip(left + dx, 0, width - 1).astype(jnp.int32)
            share = jnp.where(inside, row_share * column_share, 0.0)
            out += share[..., None] * flat[:, row * width + column].astype(jnp.float32)
    return out


def _recoloured(key: jax.Array, frames: jax.Array, config: FrameAugment) -> jax.Array:
    """Changes brightness and contrast, adds noise and the grey square; f32[T,H,W,3] in [0, 1]."""
    keys = jax.random.split(key, 5)
    height, width = frames.shape[1:3]
    more = jax.random.uniform(keys[0], (), minval=-config.brightness, maxval=config.brightness)
    times = jax.random.uniform(keys[1], (), minval=-config.contrast, maxval=config.contrast)
    # Written as changes, so that none at all leaves the very values.
    frames = frames + times * (frames - 0.5) + more
    frames = frames + config.noise * jax.random.normal(keys[2], frames.shape)
    side = config.cutout_side * min(height, width)
    corner = jax.random.uniform(keys[3], (2,)) * (jnp.asarray([height, width]) - side)
    rows, columns = jnp.arange(height) + 0.5 - corner[0], jnp.arange(width) + 0.5 - corner[1]
    cut = ((rows >= 0) & (rows < side))[:, None] & ((columns >= 0) & (columns < side))
    cut &= jax.random.bernoulli(keys[4], config.cutout)
    return jnp.clip(jnp.where(cut[..., None], 0.5, frames), 0.0, 1.0)


def _one(
    key: jax.Array,
    frames: jax.Array,
    pose: jax.Array | None,
    time_s: jax.Array,
    frame_mask: jax.Array,
    config: FrameAugment,
) -> tuple[jax.Array, jax.Array | None, jax.Array, jax.Array]:
    """Augments one clip: frames[T,H,W,3], pose[T,J,2], time_s[T], frame_mask[T]."""
    keys = jax.random.split(key, 6)
    start, kept = augment_time.crop_start(keys[0], frame_mask, config.crop)
    source, inside, time_s = augment_time.taken_piece(time_s, start, kept)
    shown = augment_time.warped(keys[1], time_s, inside, config.warp)
    source = source[augment_time.nearest(time_s, inside, shown)]
    time_s = time_s / jax.random.uniform(
        keys[2], (), time_s.dtype, 1 - config.tempo, 1 + config.tempo
    )
    height, width = frames.shape[1:3]
    geometry = augment_geometry.draw(
        keys[3],
        jnp.asarray([width / 2, height / 2], jnp.float32),
        jnp.float32(min(height, width)),
        mirror=config.flip,
        rotate_deg=config.rotate_deg,
        scale=config.scale,
        shift=config.shift,
    )
    full = 255.0 if jnp.issubdtype(frames.dtype, jnp.integer) else 1.0
    out = _recoloured(keys[4], moved(frames[source], geometry) / full, config) * full
    out = jnp.round(out).astype(frames.dtype) if full > 1 else out.astype(frames.dtype)
    out = jnp.where(inside[:, None, None, None], out, 0)
    if pose is not None:
        pose = augment_geometry.apply(geometry, pose[source], skeletons.get(config.skeleton).flip)
        gone = dropped(keys[5], inside, pose.shape[1], config.drop) | ~inside[:, None]
        gone |= ~jnp.isfinite(pose).all(-1)
        pose = jnp.where(gone[..., None], jnp.nan, pose)
    return out, pose, time_s, inside


@jax.jit
def augment_clip(key: jax.Array, batch: Batch, config: FrameAugment) -> Batch:
    """Augments pictures and the poses in them by one geometry; each clip in its own way.

    Args:
        key: typed key, see `rng.key`.
        batch: frames u8, or floating in [0, 1]; poses, where there are, in pixels of the frames.
        config: how strongly.

    Returns:
        The batch with new frames of the same kind, poses, masks and times. A joint that leaves
        the picture keeps its place outside; a missing one stays missing.

    Raises:
        ValueError: no frames, or poses that are not [B,T,J,2] of that skeleton.
    """
    if batch.frames is None:
        raise ValueError("augment_clip takes pictures; augment_pose takes poses alone")
    joints = len(skeletons.get(config.skeleton))
    if batch.pose is not None and batch.pose.shape[2:] != (joints, 2):
        what = f"got {batch.pose.shape[2:]}"
        raise ValueError(f"poses in pictures of {config.skeleton} are [B,T,{joints},2], {what}")
    config = jax.tree.map(jnp.float32, config)
    keys = jax.random.split(key, batch.frames.shape[0])
    one = functools.partial(_one, config=config)
    frames, pose, time_s, frame_mask = jax.vmap(one)(
        keys, batch.frames, batch.pose, batch.time_s, batch.frame_mask
    )
    there = None if pose is None else jnp.isfinite(pose).all(-1)
    return batch.replace(
        frames=frames, pose=pose, joint_mask=there, frame_mask=frame_mask, time_s=time_s
    )
