"""Augmented poses: sides, lengths, times and masks stay true; the same through a clip."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dance_jax import rng, skeleton
from dance_jax.data import augment_pose as augment
from dance_jax.data import batch as batches
from dance_jax.data.augment_pose import NONE, PoseAugment
from dance_jax.kinematics import angles
from tests.data.batches import FRAMES, pictures, poses
from tests.seeds import fresh

SEEDS = fresh(__name__, 2)


def run(seed: int, batch: batches.Batch, **changes: float) -> batches.Batch:
    """Augments in one way and brings the batch back to the host."""
    config = NONE.replace(**changes)
    out = augment.augment_pose(rng.key(seed, "augment"), batch, config)
    out = jax.tree.map(np.asarray, out)
    batches.check(out)
    return out


def lengths(pose: np.ndarray) -> np.ndarray:
    """Returns the length of every bone, [..., bones]."""
    pairs = np.array([[i, p] for i, p in enumerate(skeleton.get("halpe26").parents) if p >= 0])
    return np.linalg.norm(pose[..., pairs[:, 0], :] - pose[..., pairs[:, 1], :], axis=-1)


def test_nothing_changes_where_nothing_is_asked() -> None:
    batch = poses(SEEDS[0])
    out = run(1, batch)
    for old, new in zip(jax.tree.leaves(batch), jax.tree.leaves(out), strict=True):
        np.testing.assert_allclose(old, new, atol=2e-6)
    assert (batch.joint_mask == out.joint_mask).all()


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_left_elbow_of_the_mirror_is_the_right_one(seed: int, axes: int) -> None:
    batch = poses(seed, axes)
    batch.pose[..., skeleton.index("halpe26", "left_wrist"), 0] += 0.3  # an arm unlike the other
    out = run(seed, batch, mirror=1.0)
    pair = np.asarray(angles.compute(batch.pose, ("left_elbow", "right_elbow")))
    image = np.asarray(angles.compute(out.pose, ("right_elbow", "left_elbow")))
    np.testing.assert_allclose(image, pair, atol=2e-3)
    assert np.nanmax(np.abs(pair[..., 0] - pair[..., 1])) > 0.05  # the dancer is not symmetric
    flip = list(skeleton.get("halpe26").flip)
    assert (out.joint_mask == batch.joint_mask[:, :, flip]).all()


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_turning_keeps_bone_lengths_and_scaling_their_ratios(seed: int, axes: int) -> None:
    batch = poses(seed, axes)
    old = lengths(batch.pose)
    turned = run(seed, batch, rotate_deg=40.0, turn_deg=180.0, tilt_deg=20.0, shift=0.3)
    np.testing.assert_allclose(lengths(turned.pose), old, atol=2e-5)
    assert np.nanmax(np.abs(turned.pose - batch.pose)) > 0.01
    scaled = run(seed, batch, scale=0.3, rotate_deg=10.0)
    ratio = (lengths(scaled.pose) / old)[:2].reshape(2, -1)
    for row in ratio:  # one factor through the clip, another in another clip
        assert np.nanmax(row) - np.nanmin(row) < 1e-3 and 0.69 < np.nanmean(row) < 1.31
    assert abs(np.nanmean(ratio[0]) - np.nanmean(ratio[1])) > 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_viewpoint_turns_about_the_vertical(seed: int) -> None:
    batch = poses(seed)
    out = run(seed, batch, turn_deg=180.0)
    np.testing.assert_allclose(out.pose[..., 1], batch.pose[..., 1], atol=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_warp_keeps_the_ends_and_never_goes_back(seed: int) -> None:
    batch = poses(seed)
    # The pose tells its own time: x of every joint is the time of the frame.
    clock = np.where(batch.joint_mask[..., None], batch.time_s[..., None, None], np.nan)
    told = batch.replace(pose=(clock * np.ones(3)).astype(np.float32))
    told = told.replace(joint_mask=np.isfinite(told.pose).all(-1))
    out = run(seed, told, warp=0.2)
    assert (out.time_s == batch.time_s).all() and (out.frame_mask == batch.frame_mask).all()
    for row, count in ((0, FRAMES), (1, FRAMES - 5)):
        shown, time_s = out.pose[row, :count, 0, 0], batch.time_s[row, :count]
        good = np.isfinite(shown)
        assert not good.all() or (shown[0] == time_s[0] and shown[-1] == time_s[-1])
        speed = np.diff(shown[good]) / np.diff(time_s[good])
        assert (speed > 0.75).all() and (speed < 1.25).all()
    assert np.abs(np.diff(out.pose[0, :, 0, 0]) - np.diff(batch.time_s[0])).max() > 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tempo_changes_the_times_alone(seed: int) -> None:
    batch = poses(seed)
    out = run(seed, batch, tempo=0.2)
    np.testing.assert_allclose(out.pose, batch.pose, atol=2e-6)
    factor = batch.time_s[:, 1:] / out.time_s[:, 1:]
    assert (np.ptp(factor, axis=1) < 1e-4).all()
    assert (factor > 0.799).all() and (factor < 1.201).all() and np.ptp(factor) > 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_the_crop_is_one_piece_at_the_front(seed: int) -> None:
    batch = poses(seed)
    out = run(seed, batch, crop=0.3)
    for row in (0, 1):
        count = out.frame_mask[row].sum()
        assert count >= 1 and count >= round(0.3 * batch.frame_mask[row].sum()) - 1
        pose, steps = out.pose[row, :count], np.diff(out.time_s[row, :count])
        fits = [
            np.allclose(batch.pose[row, k : k + count], pose, 0, 2e-6, True)
            and np.allclose(np.diff(batch.time_s[row, k : k + count]), steps, 0, 1e-5)
            for k in range(batch.frame_mask[row].sum() - count + 1)
        ]
        assert sum(fits) >= 1
    assert not out.frame_mask[2].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_joints_go_missing_for_one_stretch_and_noise_has_its_size(seed: int) -> None:
    batch = poses(seed)
    out = run(seed, batch, drop=0.9)
    gone = batch.joint_mask[0] & ~out.joint_mask[0]
    assert gone.any() and not gone.all()
    assert ((np.diff(gone.astype(int), axis=0) != 0).sum(0) <= 2).all()
    noisy = run(seed, batch, noise=0.01)
    height = np.ptp(batch.pose[0, ..., 1])
    assert np.std(noisy.pose[0] - batch.pose[0]) == pytest.approx(0.01 * height, rel=0.15)
    assert (noisy.joint_mask == batch.joint_mask).all()


def test_the_key_decides_and_the_defaults_are_sound() -> None:
    batch, config = poses(SEEDS[0]), PoseAugment()
    a, b = (augment.augment_pose(rng.key(3, "a", s), batch, config) for s in (1, 1))
    other = augment.augment_pose(rng.key(3, "a", 2), batch, config)
    assert np.array_equal(a.pose, b.pose, equal_nan=True)
    assert not np.array_equal(a.pose, other.pose, equal_nan=True)
    batches.check(jax.tree.map(np.asarray, a))
    assert a.labels["score"][0] == 1.0 and np.isfinite(np.asarray(a.time_s)).all()


def test_what_it_cannot_take_is_told() -> None:
    key = rng.key(0, "augment")
    with pytest.raises(ValueError, match="augment_clip"):
        augment.augment_pose(key, pictures(1), PoseAugment())
    with pytest.raises(ValueError, match="17 joints"):
        augment.augment_pose(key, poses(1), PoseAugment(skeleton="coco17"))


def test_keys_depend_on_seed_name_and_step() -> None:
    uses = ((1, "a", 0), (2, "a", 0), (1, "b", 0), (1, "a", 1), (2**33 + 1, "a", 0))
    made = [rng.key(*use) for use in uses]
    assert len({np.asarray(jax.random.key_data(key)).tobytes() for key in made}) == 5
    again = jax.jit(lambda step: rng.key(1, "a", step))(1)
    assert (jax.random.key_data(again) == jax.random.key_data(made[3])).all()
    with pytest.raises(ValueError, match="seed"):
        rng.key(-1, "a")
