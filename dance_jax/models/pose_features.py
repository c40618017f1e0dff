"""Poses -> per-joint features that do not depend on place, size, unit or frame rate, with masks."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dance_jax import skeleton as skeletons
from dance_jax.kinematics import angles, motion
from dance_jax.kinematics.vectors import all_finite, finite_or, safe_norm, safe_unit
from dance_jax.models import pose_frame
from dance_jax.skeleton import CANON, Skeleton

GROUPS = ("position", "velocity", "acceleration", "bone", "angle")
YAW = ("none", "clip", "start", "frame")
_FARTHEST = 4.0  # body heights: positions beyond are an estimator's error; they fade into this
_ACCELERATION = 10.0  # body heights/s2 that count as 1, about what a fast limb has


@dataclasses.dataclass(frozen=True)
class FeatureOptions:
    """What is computed from poses; hashable, so it may be a static argument or a module's field.

    Attributes:
        skeleton: of the poses.
        groups: which of `GROUPS`, in that order.
        image: y points down (pixels); it is turned up.
        yaw: 3D only: turn the body about the vertical so that its hip line is along x: "none",
            "clip" (mean heading), "start" (first heading) or "frame" (each frame's own).
        causal: frame t depends on frames up to t only: running size, backward differences.
        confidence: the estimator's confidence is a channel.
    """

    skeleton: str | Skeleton = CANON
    groups: tuple[str, ...] = GROUPS
    image: bool = False
    yaw: str = "none"
    causal: bool = False
    confidence: bool = False

    def __post_init__(self) -> None:
        if wrong := set(self.groups) - set(GROUPS):
            raise ValueError(f"unknown feature groups {sorted(wrong)}: use {GROUPS}")
        if self.yaw not in YAW:
            raise ValueError(f"yaw must be one of {YAW}, got {self.yaw!r}")
        if self.causal and self.yaw == "clip":
            raise ValueError("yaw='clip' needs the whole clip: with causal use 'start' or 'frame'")
        object.__setattr__(self, "groups", tuple(g for g in GROUPS if g in self.groups))


class PoseFeatures(NamedTuple):
    """Features of a batch of poses; a JAX tree.

    Attributes:
        joint: f32[B,T,J,F], 0 where `mask` is False; names: `channel_names`.
        mask: bool[B,T,J], the joint is there.
        root: f32[B,T,R], the way of the whole body; names: `root_names`.
        root_mask: bool[B,T], somebody is there.
    """

    joint: jnp.ndarray
    mask: jnp.ndarray
    root: jnp.ndarray
    root_mask: jnp.ndarray


def channel_names(options: FeatureOptions, dims: int) -> tuple[str, ...]:
    """Returns the names of the F channels of `PoseFeatures.joint` for C = `dims` coordinates."""
    axes = "xyz"[:dims]
    vector = {
        "position": [f"position_{a}" for a in axes],
        "velocity": [*(f"velocity_{a}" for a in axes), "has_velocity"],
        "acceleration": [*(f"acceleration_{a}" for a in axes), "has_acceleration"],
        "bone": [
            *(f"bone_{a}" for a in axes),
            "bone_length",
            *(f"bone_direction_{a}" for a in axes),
            "has_bone",
        ],
        "angle": ["angle_sin", "angle_cos", "has_angle"],
    }
    names = ["present", *(name for group in options.groups for name in vector[group])]
    return (*names, "confidence") if options.confidence else tuple(names)


def root_names(dims: int) -> tuple[str, ...]:
    """Returns the names of the R channels of `PoseFeatures.root` for C = `dims` coordinates."""
    axes = "xyz"[:dims]
    names = ["root_present", *(f"root_{a}" for a in axes)]
    for what in ("velocity", "acceleration"):
        names += [*(f"root_{what}_{a}" for a in axes), f"has_root_{what}"]
    return tuple(names + (["yaw_rate", "has_yaw_rate"] if dims == 3 else []))


def bone_parents(skeleton: str | Skeleton) -> np.ndarray:
    """Returns the parent of each joint [J], -1 where there is none.

    A bone whose mirror image is no bone of the skeleton is left out: left and right mean the same.
    """
    found = skeletons.get(skeleton)
    parents, flip = np.asarray(found.parents), np.asarray(found.flip)
    image = np.where(parents[flip] >= 0, flip[parents[flip]], -1)
    return np.where(image == parents, parents, -1)


def mirror(features: PoseFeatures, options: FeatureOptions, dims: int) -> PoseFeatures:
    """Returns the features of the mirrored poses: sides exchanged, x and turning reversed."""
    order = np.asarray(skeletons.get(options.skeleton).flip)
    signs = [
        np.asarray([-1.0 if n.endswith("_x") or n == "yaw_rate" else 1.0 for n in names], "f4")
        for names in (channel_names(options, dims), root_names(dims))
    ]
    return features._replace(
        joint=features.joint[:, :, order] * signs[0],
        mask=features.mask[:, :, order],
        root=features.root * signs[1],
    )


def pose_features(
    pose: jnp.ndarray,
    joint_mask: jnp.ndarray,
    time_s: jnp.ndarray,
    frame_mask: jnp.ndarray,
    options: FeatureOptions = FeatureOptions(),
    confidence: jnp.ndarray | None = None,
) -> PoseFeatures:
    """Computes features of poses; all lengths in body heights of the clip's own dancer.

        position      4 tanh((p - root) / 4)
        velocity      asinh(d(p - root)/dt), in body heights/s
        acceleration  asinh(d2(p - root)/dt2 / 10), in body heights/s2
        bone          vector from the parent joint, its length and its direction
        angle         sin, cos of the joint angle at this joint (`kinematics.angles`)
        root          asinh of the way from the first frame, velocity and acceleration as above,
                      in 3D also asinh of the turning rate in rad/s

    Derivatives use the true, non-uniform timestamps. What cannot be computed is 0 with its `has_`
    channel 0, never a value.

    Args:
        pose: [B,T,J,C], C = 2 or 3, y up (`options.image` turns it), any unit; NaN where missing.
        joint_mask: bool[B,T,J].
        time_s: [B,T] seconds, increasing over the frames of the clip.
        frame_mask: bool[B,T]; nothing of other frames is used, be it NaN or infinite.
        options: what is computed.
        confidence: [B,T,J] in [0,1], for `options.confidence`.

    Raises:
        ValueError: shapes that do not agree, a yaw in 2D, or no confidence where it is asked for.
        InputError: the skeleton's joints cannot be told by name.
    """
    count, dims = len(skeletons.get(options.skeleton)), pose.shape[-1]
    if pose.ndim != 4 or pose.shape[2] != count or dims not in (2, 3):
        raise ValueError(f"pose must be [B,T,{count},2|3] for its skeleton, got {pose.shape}")
    if options.yaw != "none" and dims == 2:
        raise ValueError("yaw needs poses in 3D")
    if options.confidence and confidence is None:
        raise ValueError("options.confidence is set but no confidence is given")
    pose = pose.astype(jnp.float32)
    there = joint_mask & frame_mask[..., None] & all_finite(pose)
    pose = jnp.where(there[..., None], pose, jnp.nan)
    if options.image:
        pose = angles.image_to_y_up(pose)
    sure = jnp.zeros(there.shape) if confidence is None else finite_or(confidence)
    out = jax.vmap(lambda *row: _clip(*row, options))(pose, sure, time_s, frame_mask)
    return PoseFeatures(*out)


def _clip(
    pose: jnp.ndarray, sure: jnp.ndarray, time_s: jnp.ndarray, frame_mask: jnp.ndarray, options
) -> tuple[jnp.ndarray, ...]:
    """Computes the features of one clip: pose [T,J,C] with NaN where missing."""
    causal, (_, joints, dims) = options.causal, pose.shape
    canon = pose_frame.to_canon(pose, options.skeleton)
    root = pose_frame.find_root(pose, canon, causal=causal)
    size = pose_frame.body_size(pose, canon, root.position, causal=causal)
    local = pose - root.position[:, None]
    there = all_finite(local) & jnp.isfinite(size)[:, None]
    parts = [local, root.position[:, None]]
    if dims == 3:
        line = pose_frame.heading(canon)
        parts.append(jnp.pad(line, [(0, 0), (0, 1)])[:, None])
    time_s = time_s.astype(jnp.float32)
    pair = frame_mask[1:] & frame_mask[:-1] & (root.kind[1:] == root.kind[:-1])
    steps = jnp.where(pair, jnp.diff(time_s), 0.0)  # a step of 0 parts the runs like a gap
    rate = _differentiate(jnp.concatenate(parts, axis=1), steps, causal)
    change = _differentiate(rate, steps, causal)
    turned = None
    if options.yaw != "none":
        turned = pose_frame.facing(line, options.yaw, causal=causal)

    def shown(v: jnp.ndarray) -> jnp.ndarray:
        """Vectors [T,N,C] in body heights, turned."""
        v = v / jnp.where(size > 0, size, 1.0)[:, None, None]
        return v if turned is None else pose_frame.turn(v, turned)

    speed = jnp.arcsinh(shown(finite_or(rate[:, : joints + 1])))
    force = jnp.arcsinh(shown(finite_or(change[:, : joints + 1])) / _ACCELERATION)
    moving, changing = all_finite(rate), all_finite(change)
    groups = {
        "position": lambda: [_soft(shown(finite_or(local)))],
        "velocity": lambda: _flagged(speed[:, :joints], moving[:, :joints] & there),
        "acceleration": lambda: _flagged(force[:, :joints], changing[:, :joints] & there),
        "bone": lambda: _bones(pose, there, shown, options.skeleton),
        "angle": lambda: _angles(canon, there, options.skeleton),
    }
    channels = [jnp.ones((*there.shape, 1))]
    for group in options.groups:
        channels += groups[group]()
    if options.confidence:
        channels.append(sure[..., None])
    joint = jnp.where(there[..., None], jnp.concatenate(channels, axis=-1), 0.0)

    somebody = all_finite(root.position) & jnp.isfinite(size)
    first = finite_or(root.position)[jnp.argmax(somebody)]
    way = jnp.arcsinh(shown((finite_or(root.position) - first)[:, None])[:, 0])
    whole = [jnp.ones((len(time_s), 1)), way]
    whole += _flagged(speed[:, joints], moving[:, joints] & somebody)
    whole += _flagged(force[:, joints], changing[:, joints] & somebody)
    if dims == 3:
        u, du = finite_or(line), finite_or(rate[:, joints + 1])
        spin = jnp.arcsinh(u[:, :1] * du[:, 1:2] - u[:, 1:2] * du[:, :1])
        whole += _flagged(spin, moving[:, joints + 1] & all_finite(line))
    whole = jnp.where(somebody[:, None], jnp.concatenate(whole, axis=-1), 0.0)
    return joint, there, whole, somebody


def _differentiate(x: jnp.ndarray, steps: jnp.ndarray, causal: bool) -> jnp.ndarray:
    """Returns dx/dt of x[T,...] over steps[T-1]; NaN where it is not known."""
    if not causal:
        return motion.velocity(x, jnp.pad(jnp.cumsum(steps), (1, 0)))
    forward = (steps > 0).reshape(-1, *(1,) * (x.ndim - 1))
    safe = jnp.where(forward, steps.reshape(forward.shape), 1.0)
    slope = jnp.where(forward, (x[1:] - x[:-1]) / safe, jnp.nan)
    return jnp.pad(slope, [(1, 0)] + [(0, 0)] * (x.ndim - 1), constant_values=jnp.nan)


def _soft(v: jnp.ndarray) -> jnp.ndarray:
    return _FARTHEST * jnp.tanh(v / _FARTHEST)


def _flagged(value: jnp.ndarray, known: jnp.ndarray) -> list[jnp.ndarray]:
    """Returns the values, 0 where not known, and the channel that says so."""
    known = known[..., None]
    return [jnp.where(known, value, 0.0), known.astype(value.dtype)]


def _bones(pose, there, shown, skeleton) -> list[jnp.ndarray]:
    """Vector, length and direction from each joint's parent; a root has none."""
    parents = bone_parents(skeleton)
    has = there & there[:, parents] & (parents >= 0)
    bone = shown(jnp.where(has[..., None], finite_or(pose - pose[:, parents]), 0.0))
    length = jnp.minimum(safe_norm(bone, keepdims=True), _FARTHEST)
    return [_soft(bone), length, safe_unit(bone), has[..., None].astype(bone.dtype)]


def _angles(canon, there, skeleton) -> list[jnp.ndarray]:
    """Sine and cosine of the joint angle whose vertex each joint is."""
    rules = skeletons.conversion(skeleton, CANON)
    place = np.full(there.shape[1], -1)
    for k, name in enumerate(angles.JOINT_ANGLE_NAMES):
        own = rules[skeletons.index(CANON, angles.get(name).points[1])]
        if len(own) == 1:
            place[own[0]] = k
    theta = angles.compute(canon, angles.JOINT_ANGLE_NAMES)[:, place]
    has = jnp.isfinite(theta) & (place >= 0)
    theta = jnp.where(has, finite_or(theta), 0.0)
    return _flagged(jnp.stack([jnp.sin(theta), jnp.cos(theta)], axis=-1), has)
