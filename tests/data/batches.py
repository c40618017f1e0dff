"""Small batches for tests, from synthetic dancers."""

from __future__ import annotations

import numpy as np

from dance_jax.data import synthetic
from dance_jax.data.batch import Batch

FRAMES = 24


def poses(seed: int, axes: int = 3) -> Batch:
    """Returns three rows of 24 frames: full, one padded by 5 with joints missing, and padding."""
    rng = np.random.default_rng(seed)
    pose = np.full((3, FRAMES, 26, axes), np.nan, np.float32)
    for row, count in enumerate((FRAMES, FRAMES - 5)):
        dance = synthetic.generate(seed + row, duration_s=2.0, fps=20)
        pose[row, :count] = dance.pose[:count, :, :axes]
    pose[1, rng.integers(0, 19, 4), rng.integers(0, 26, 4)] = np.nan
    time_s = np.cumsum(rng.uniform(0.03, 0.06, (3, FRAMES)), axis=1).astype(np.float32)
    frame_mask = np.zeros((3, FRAMES), bool)
    frame_mask[0], frame_mask[1, : FRAMES - 5] = True, True
    return Batch(
        frames=None,
        pose=pose,
        joint_mask=np.isfinite(pose).all(-1),
        frame_mask=frame_mask,
        labels={"score": np.array([1.0, 2.0, np.nan], np.float32)},
        mask=np.array([True, True, False]),
        clip_id=np.array([4, 2, -1], np.int32),
        time_s=time_s - time_s[:, :1],
        window=np.array([7, 3, -1], np.int32),
    )


def pictures(seed: int, height: int = 48, width: int = 64) -> Batch:
    """Returns the same rows with a dark picture and a joint's bright spot in every frame."""
    batch = poses(seed, 2)
    rng = np.random.default_rng(seed + 99)
    shape = (3, FRAMES, 2)
    # Spots of 3 x 3 pixels about the centre of a pixel, away from the edge.
    at = rng.integers([16, 14], [width - 16, height - 14], shape)
    pose = np.full((3, FRAMES, 26, 2), np.nan, np.float32)
    pose[:, :, 9] = at + 0.5
    pose[~batch.frame_mask] = np.nan
    frames = np.zeros((3, FRAMES, height, width, 3), np.uint8)
    for row, frame in zip(*np.nonzero(batch.frame_mask), strict=True):
        x, y = at[row, frame]
        frames[row, frame, y - 1 : y + 2, x - 1 : x + 2] = 240
    return batch.replace(frames=frames, pose=pose, joint_mask=np.isfinite(pose).all(-1))
