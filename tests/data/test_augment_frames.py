"""Augmented pictures: what is drawn at a joint is found where the joint has gone."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax import rng, skeleton
from dance_jax.data import augment_frames as augment
from dance_jax.data import batch as batches
from dance_jax.data.augment_frames import NONE, FrameAugment
from tests.data.batches import FRAMES, pictures, poses
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)
MARKED = 9  # left_wrist carries the spot
OTHER = skeleton.get("halpe26").flip[MARKED]


def run(seed: int, batch: batches.Batch, **changes: float) -> batches.Batch:
    """Augments in one way and brings the batch back to the host."""
    config = NONE.replace(**changes)
    out = augment.augment_clip(rng.key(seed, "augment"), batch, config)
    out = jax.tree.map(np.asarray, out)
    batches.check(out)
    return out


def spot(frame: np.ndarray) -> np.ndarray:
    """Returns the centre (x, y) of what is bright, in pixels from the top left corner."""
    weight = frame.astype(float).sum(-1)
    y, x = np.indices(weight.shape) + 0.5
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize(
    "changes",
    [
        {"flip": 1.0},
        {"rotate_deg": 25.0, "scale": 0.15, "shift": 0.05},
        {"flip": 0.5, "rotate_deg": 10.0, "scale": 0.1, "shift": 0.1, "crop": 0.4, "warp": 0.2},
    ],
    ids=["flip", "affine", "all"],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_marked_pixel_lands_where_the_joint_lands(seed: int, changes: dict) -> None:
    batch = pictures(seed)
    out = run(seed, batch, **changes)
    looked_at = 0
    for row, frame in zip(*np.nonzero(out.frame_mask), strict=True):
        seen = [j for j in (MARKED, OTHER) if out.joint_mask[row, frame, j]]
        assert len(seen) == 1
        place = out.pose[row, frame, seen[0]]
        if (place > 4).all() and (place < [60, 44]).all():  # the whole spot is in the picture
            np.testing.assert_allclose(spot(out.frames[row, frame]), place, atol=0.12)
            looked_at += 1
    assert looked_at > 0.4 * out.frame_mask.sum()
    if changes == {"flip": 1.0}:
        assert (out.frames == batch.frames[:, :, :, ::-1]).all()


def test_nothing_changes_where_nothing_is_asked() -> None:
    batch = pictures(SEEDS[0])
    out = run(1, batch)
    assert out.frames.dtype == np.uint8
    for old, new in zip(jax.tree.leaves(batch), jax.tree.leaves(out), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("seed", SEEDS)
def test_light_changes_are_the_same_through_a_clip(seed: int) -> None:
    batch = pictures(seed)
    noise = np.random.default_rng(seed).integers(60, 200, batch.frames[:, :1].shape)
    still = np.where(batch.frame_mask[..., None, None, None], noise, 0).astype(np.uint8)
    batch = batch.replace(frames=still)
    out = run(seed, batch, brightness=0.1, contrast=0.2, cutout=1.0, cutout_side=0.5)
    row, many = 0, out.frames[0]
    assert (many == many[:1]).all() and (many[0] != still[row, 0]).any()
    grey = (many[0] == 128).all(-1)
    assert 23 * 23 <= grey.sum() <= 26 * 26  # a square of half the shorter side
    line = np.polyfit(still[row, 0][~grey].ravel(), many[0][~grey].ravel().astype(float), 1)
    assert 0.79 < line[0] < 1.21  # one straight line for every value
    fitted = np.polyval(line, still[row, 0][~grey].ravel())
    assert np.abs(fitted - many[0][~grey].ravel()).max() < 0.8
    noisy = run(seed, batch, noise=0.02).frames[0].astype(float) - still[row]
    assert np.std(noisy) == pytest.approx(0.02 * 255, rel=0.05)
    assert np.abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.1


def test_floating_pictures_without_poses() -> None:
    batch = pictures(SEEDS[0])
    light = batch.replace(
        frames=(batch.frames / 255).astype(np.float32), pose=None, joint_mask=None
    )
    out = augment.augment_clip(rng.key(1, "augment"), light, FrameAugment())
    out = jax.tree.map(np.asarray, out)
    batches.check(out)
    assert out.frames.dtype == np.float32 and out.pose is None
    assert out.frames.min() >= 0 and 0.3 < out.frames.max() <= 1
    assert out.frame_mask[0].sum() <= FRAMES and not out.frames[2].any()


def test_what_it_cannot_take_is_told() -> None:
    key = rng.key(0, "augment")
    with pytest.raises(ValueError, match="augment_pose"):
        augment.augment_clip(key, poses(1), FrameAugment())
    deep = pictures(1)
    deep = deep.replace(pose=np.concatenate([deep.pose, deep.pose[..., :1]], -1))
    with pytest.raises(ValueError, match=r"are \[B,T,26,2\]"):
        augment.augment_clip(key, deep, FrameAugment())
