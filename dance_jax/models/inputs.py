"""What the networks are given: one struct of arrays, every stream of which may be absent."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dance_jax.models.pose_features import FeatureOptions, PoseFeatures, pose_features

Array = Any


@struct.dataclass
class Inputs:
    """Windows of clips as a network sees them; a JAX tree.

    Attributes:
        frame_mask: bool[B,T], the frame is of the clip; padding comes last.
        time_s: f32[B,T] seconds, increasing, on padding too.
        frames: u8 or f32[B,T,H,W,3] pictures, 0 to 255 or 0 to 1; None without.
        encoded: f32[B,T,K], what a frozen encoder made of the pictures; stands in for `frames`.
        pose: f32[B,T,J,C], y up, NaN where missing; None without.
        joint_mask: bool[B,T,J]; None where a finite pose says it.
        measures: f32[B,M] movement measures of the window, standardised, NaN where refused.
        beats: f32[B,T,K] music at each frame.
        has_frames: bool[B], this row has pictures; None for all.
        has_pose: bool[B], this row has poses; None for all.
    """

    frame_mask: Array
    time_s: Array
    frames: Array | None = None
    encoded: Array | None = None
    pose: Array | None = None
    joint_mask: Array | None = None
    measures: Array | None = None
    beats: Array | None = None
    has_frames: Array | None = None
    has_pose: Array | None = None


def features_of(inputs: Inputs, options: FeatureOptions) -> PoseFeatures:
    """Returns the pose features of a batch; rows without poses show nobody.

    Args:
        inputs: with `pose`.
        options: what is computed.
    """
    there = jnp.isfinite(inputs.pose).all(-1)
    if inputs.joint_mask is not None:
        there &= inputs.joint_mask
    if inputs.has_pose is not None:
        there &= inputs.has_pose[:, None, None]
    return pose_features(inputs.pose, there, inputs.time_s, inputs.frame_mask, options)


def measure_stream(measures: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns measures as a stream: values with a flag each that says it is there, [B,2M], bool[B].

    Args:
        measures: f32[B,M], NaN where refused.
    """
    known = jnp.isfinite(measures)
    values = jnp.where(known, measures, 0.0)
    return jnp.concatenate([values, known.astype(values.dtype)], -1), known.any(-1)
