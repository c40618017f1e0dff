"""The Batch: what a model is given, fixed shapes with masks that say exactly what is padding.

Axis letters: B batch, T time, J joint, C coordinate, H W image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import struct

Array = Any  # np.ndarray on the host, jax.Array on a device


@struct.dataclass
class Batch:
    """Windows of clips, one person each; a JAX tree, so it goes through jit, vmap and shard_map.

    The frames of a window come first and its padding last. A frame on which nobody was seen is a
    frame (`frame_mask` True) without joints (`joint_mask` False).

    Attributes:
        frames: u8 or f32 [B,T,H,W,3], red first; zeros on padding; None in a batch of poses.
        pose: f32[B,T,J,C]; NaN where a joint is missing and on padding; None without poses.
        joint_mask: bool[B,T,J], the joint is there; None without poses.
        frame_mask: bool[B,T], the frame is of the clip, not padding.
        labels: name -> [B,...]; NaN, or -1 of whole numbers, where a clip has none.
        mask: bool[B], the row is a window, not padding of the last batch.
        clip_id: i32[B], place of the clip in the source; -1 on padding.
        time_s: f32[B,T] seconds since the window's first frame, increasing, on padding too.
        window: i32[B], row of the table of windows (clip, person, first frame); -1 on padding.
    """

    frames: Array | None
    pose: Array | None
    joint_mask: Array | None
    frame_mask: Array
    labels: Mapping[str, Array]
    mask: Array
    clip_id: Array
    time_s: Array
    window: Array

    @property
    def size(self) -> int:
        """Number of rows B, padding included."""
        return self.mask.shape[0]


FIELDS = tuple(Batch.__dataclass_fields__)


def check(batch: Batch) -> None:
    """Raises ValueError where a batch on the host breaks what `Batch` promises."""
    rows, frames = np.shape(batch.frame_mask)
    seen = np.asarray(batch.frame_mask)
    for name, shape in (("mask", (rows,)), ("clip_id", (rows,)), ("window", (rows,))):
        if np.shape(getattr(batch, name)) != shape:
            raise ValueError(f"{name} must be {shape}, got {np.shape(getattr(batch, name))}")
    if np.shape(batch.time_s) != (rows, frames):
        raise ValueError(f"time_s must be {(rows, frames)}, got {np.shape(batch.time_s)}")
    if (np.diff(seen.astype(np.int8), axis=1) > 0).any():
        raise ValueError("padding stands before frames")
    if (np.diff(np.asarray(batch.time_s), axis=1) <= 0).any():
        raise ValueError("times must increase, on padding too")
    padded = ~np.asarray(batch.mask)
    if seen[padded].any() or not seen[~padded].any(1).all():
        raise ValueError("frame_mask does not agree with mask")
    for name in ("clip_id", "window"):
        if ((np.asarray(getattr(batch, name)) < 0) != padded).any():
            raise ValueError(f"{name} does not agree with mask")
    for name, value in batch.labels.items():
        if np.shape(value)[:1] != (rows,):
            raise ValueError(f"label {name} must have {rows} rows, got {np.shape(value)}")
    if batch.frames is not None:
        pictures = np.asarray(batch.frames)
        if pictures.shape[:2] != (rows, frames) or pictures.shape[4:] != (3,):
            raise ValueError(f"frames must be {(rows, frames)} + (H, W, 3), got {pictures.shape}")
        if pictures[~seen].any():
            raise ValueError("padding of frames must be zero")
    if (batch.pose is None) != (batch.joint_mask is None):
        raise ValueError("pose and joint_mask come together")
    if batch.pose is not None:
        pose, there = np.asarray(batch.pose), np.asarray(batch.joint_mask)
        if pose.ndim != 4 or pose.shape[:2] != (rows, frames) or there.shape != pose.shape[:3]:
            raise ValueError(f"pose {pose.shape} and joint_mask {there.shape} do not agree")
        if (np.isfinite(pose).all(-1) != there).any() or np.isfinite(pose[~there]).any():
            raise ValueError("joint_mask must be True exactly where a joint is finite")
        if there[~seen].any():
            raise ValueError("padding holds joints")
