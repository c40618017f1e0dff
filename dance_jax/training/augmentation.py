"""How the training batches of a config are changed, and their mirror image for testing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dance_jax.data import augment_frames, augment_pose
from dance_jax.data.augment_frames import FrameAugment, augment_clip
from dance_jax.data.augment_pose import PoseAugment
from dance_jax.data.batch import Batch
from dance_jax.training import sources

POSE = ("mirror", "rotate_deg", "scale", "shift", "turn_deg", "tilt_deg", "warp", "tempo")
POSE += ("crop", "drop", "noise")
PICTURE = ("brightness", "contrast", "picture_noise", "cutout")
_STILL = {"warp": 0.0, "tempo": 0.0, "crop": 1.0}

Change = Callable[[jax.Array, Batch], Batch]


def of_config(config: Any, *, pixels: bool = False, streams: bool = False) -> Change | None:
    """Returns the change of training batches, None where every strength is 0.

    Poses that are placed in their pictures move with them. Where they are not, pictures and poses
    change on their own, and neither the mirror nor the time of either does, so that they go on
    showing the same; likewise where a stream of numbers a frame goes along.

    Args:
        config: keys `augment_*`, `stream_drop`, `streams`, `axes`, `skeleton`.
        pixels: of `sources.in_pictures`.
        streams: arrays of each frame go along, such as beats or encoded pictures.
    """
    frames, poses = sources.picture_size(config) is not None, sources.uses(config, "pose")
    strength = {name: float(config[f"augment_{name}"]) for name in POSE}
    look = {name: float(config[f"augment_{name}"]) for name in PICTURE}
    if config.axes == 2:
        strength |= {"turn_deg": 0.0, "tilt_deg": 0.0}
    if streams:
        strength |= _STILL
    apart = frames and poses and not pixels
    if apart:
        strength |= {"mirror": 0.0} | _STILL
    steps: list[Change] = []
    if frames:
        shared = {name: strength[name] for name in ("rotate_deg", "scale", "shift", *_STILL)}
        made = FrameAugment(
            **shared,
            flip=strength["mirror"],
            brightness=look["brightness"],
            contrast=look["contrast"],
            noise=look["picture_noise"],
            cutout=look["cutout"],
            drop=strength["drop"],
            skeleton=config.skeleton,
        )
        if not _nothing(made, augment_frames.NONE, {"cutout_side"}):
            steps.append(functools.partial(_pictures, strength=made, alone=apart))
    if poses and (apart or not frames):
        made = PoseAugment(**strength, skeleton=config.skeleton)
        if not _nothing(made, augment_pose.NONE):
            steps.append(functools.partial(_poses, strength=made))
    if sources.uses(config, "frames") and poses and config.stream_drop:
        steps.append(functools.partial(drop_stream, rate=config.stream_drop))
    return functools.partial(_all, steps=tuple(steps)) if steps else None


def _nothing(made: Any, none: Any, besides: frozenset[str] | set[str] = frozenset()) -> bool:
    names = set(none.__dataclass_fields__) - {"skeleton"} - set(besides)
    return all(float(getattr(made, n)) == float(getattr(none, n)) for n in names)


def _all(key: jax.Array, batch: Batch, steps: tuple[Change, ...]) -> Batch:
    for one, change in zip(jax.random.split(key, len(steps)), steps, strict=True):
        batch = change(one, batch)
    return batch


def _pictures(key: jax.Array, batch: Batch, strength: FrameAugment, alone: bool) -> Batch:
    if not alone:
        return augment_clip(key, batch, strength)
    bare = augment_clip(key, batch.replace(pose=None, joint_mask=None), strength)
    return bare.replace(pose=batch.pose, joint_mask=batch.joint_mask)


def _poses(key: jax.Array, batch: Batch, strength: PoseAugment) -> Batch:
    moved = augment_pose.augment_pose(key, batch.replace(frames=None), strength)
    return moved.replace(frames=batch.frames)


@jax.jit
def drop_stream(key: jax.Array, batch: Batch, rate: float) -> Batch:
    """Takes one of frames and poses away from some rows that have both, so that either is learnt.

    Args:
        key: typed key.
        batch: with the labels "has_frames" and "has_pose".
        rate: share of the rows.
    """
    first, second = jax.random.split(key)
    rows = batch.mask.shape
    frames, pose = (batch.labels[name] > 0 for name in ("has_frames", "has_pose"))
    hit = jax.random.bernoulli(first, rate, rows) & frames & pose
    which = jax.random.bernoulli(second, 0.5, rows)
    kept = {"has_frames": frames & ~(hit & which), "has_pose": pose & ~(hit & ~which)}
    more = {name: value.astype(jnp.float32) for name, value in kept.items()}
    return batch.replace(labels={**batch.labels, **more})


def mirrored(batch: Batch, *, pixels: bool = False, skeleton: str = "halpe26") -> Batch:
    """Returns the mirror image of a batch, for a second view in testing.

    Args:
        batch: of frames, poses or both.
        pixels: its poses are placed in its frames.
        skeleton: of its poses.
    """
    key = jax.random.key(0)
    turned = augment_pose.NONE.replace(mirror=1.0, skeleton=skeleton)
    if batch.frames is None:
        return augment_pose.augment_pose(key, batch, turned)
    flip = augment_frames.NONE.replace(flip=1.0, skeleton=skeleton)
    out = _pictures(key, batch, flip, alone=batch.pose is not None and not pixels)
    return out if pixels or batch.pose is None else _poses(key, out, turned)
