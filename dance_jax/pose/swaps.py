"""Whole-body left/right swaps: the estimator takes a dancer's front for the back."""

from __future__ import annotations

import numpy as np

from dance_jax import skeleton as skeletons

_SIDED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
MIN_JOINTS = 4


def left_right_swaps(
    pose: np.ndarray, reference: np.ndarray | None = None, *, skeleton: str, ratio: float = 0.5
) -> np.ndarray:
    """Returns in which frames left and right are exchanged over the whole body.

    A frame is swapped where the exchanged pose is much nearer to the reference than the pose as it
    is: sum_j |x_flip(j) - r_j| < ratio * sum_j |x_j - r_j|, over the shoulders, elbows, wrists,
    hips, knees and ankles that both have.

    Args:
        pose: f[T,J,C] with NaN where missing.
        reference: f[T,J,C] true poses; None compares every frame with the latest one before it
            that has joints, so that True marks the change, there and back.
        skeleton: name of both poses' skeleton.
        ratio: how much nearer the exchanged pose must be; 1 marks also undecided side views.

    Returns:
        bool[T]; False where fewer than four joints can be compared.
    """
    pose = np.asarray(pose, np.float64)
    if pose.ndim != 3:
        raise ValueError(f"pose must be [T,J,C], got {list(pose.shape)}")
    names = skeletons.get(skeleton).joints
    places = {
        side: [names.index(f"{side}_{part}") for part in _SIDED] for side in ("left", "right")
    }
    straight = places["left"] + places["right"]
    crossed = places["right"] + places["left"]
    if reference is not None and np.shape(reference) != pose.shape:
        raise ValueError(f"reference must be {list(pose.shape)}, got {list(np.shape(reference))}")

    out = np.zeros(len(pose), bool)
    before = np.full((len(straight), pose.shape[-1]), np.nan)
    for t, now in enumerate(pose):
        target = before if reference is None else np.asarray(reference[t], np.float64)[straight]
        same = np.linalg.norm(now[straight] - target, axis=-1)
        other = np.linalg.norm(now[crossed] - target, axis=-1)
        both = np.isfinite(same) & np.isfinite(other)
        if both.sum() >= MIN_JOINTS:
            out[t] = other[both].sum() < ratio * same[both].sum()
        here = np.isfinite(now[straight]).all(-1)
        before[here] = now[straight][here]
    return out
