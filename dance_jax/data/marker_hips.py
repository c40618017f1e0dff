"""Hip joint centres from the pelvis markers of a marker set that has none."""

from __future__ import annotations

import numpy as np

from dance_jax import joint_names

JOINTS = ("LHJC", "RHJC")


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, np.nan)


def hip_centres(
    left_asis: np.ndarray, right_asis: np.ndarray, back: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the left and right hip joint centre.

        x = -0.24 PD - 9.9, y = -0.30 PW - 10.9, z = -+(0.33 PW + 7.3) millimetres

    from the mid-point of the ASIS markers; x forwards, y up, z to the right; PW is the distance of
    the ASIS markers and PD that of their mid-point from `back`, each the median over the frames.

    Args:
        left_asis: f[...,3] metres, left anterior superior iliac spine.
        right_asis: f[...,3] metres.
        back: f[...,3] metres, the mid-point of the posterior spines, or the sacrum.

    Returns:
        f[...,3] metres each; NaN where a marker is missing.

    Source: Harrington et al. 2007, J Biomech 40(3), regressions on pelvic width and depth.
    """
    middle = 0.5 * (left_asis + right_asis)
    right = _unit(right_asis - left_asis)
    ahead = middle - back
    up = _unit(np.cross(right, ahead))
    forward = np.cross(up, right)
    seen = np.isfinite(up).all(-1)
    if not seen.any():
        return np.full_like(middle, np.nan), np.full_like(middle, np.nan)
    width = np.median(np.linalg.norm(right_asis - left_asis, axis=-1)[seen])
    depth = np.median(np.linalg.norm(ahead, axis=-1)[seen])
    base = middle + (-0.24 * depth - 0.0099) * forward + (-0.30 * width - 0.0109) * up
    side = (0.33 * width + 0.0073) * right
    return base - side, base + side


def add_hips(pose: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str], str]:
    """Adds LHJC and RHJC where a set has ASIS and PSIS (or sacrum) markers and no hip joint.

    Args:
        pose: f[T,P,J,3] metres.
        names: J marker names.

    Returns:
        The pose and the names, as given or with two joints more, and a sentence, "" as given.
    """
    at = {key: i for i, key in enumerate(joint_names.parse(names))}
    stems = {stem for side, stem in at if side == "L"} & {stem for side, stem in at if side == "R"}
    front = stems & {"asi", "asis"}
    rear = stems & {"psi", "psis"}
    sacrum = {stem for side, stem in at if not side} & {"sacr", "sacrum"}
    if not front or not (rear or sacrum) or stems & {"hjc", "hip", "hjcstudy", "gtro"}:
        return pose, names, ""
    if set(JOINTS) & set(names) or joint_names.match(tuple(names)).dialect not in (
        "plugin_gait",
        "rajagopal",
    ):
        return pose, names, ""
    asis, psis = front.pop(), min(rear, default="")
    left, right = (pose[:, :, at[side, asis]].astype(np.float64) for side in "LR")
    if psis:
        back = 0.5 * (pose[:, :, at["L", psis]] + pose[:, :, at["R", psis]]).astype(np.float64)
    else:
        back = pose[:, :, at["", min(sacrum)]].astype(np.float64)
    hips = np.full((*pose.shape[:2], 2, 3), np.nan)
    for person in range(pose.shape[1]):  # widths are each one's own
        hips[:, person, 0], hips[:, person, 1] = hip_centres(
            left[:, person], right[:, person], back[:, person]
        )
    made = np.concatenate([pose, hips.astype(pose.dtype)], 2)
    note = "hip joint centres LHJC and RHJC from the pelvis markers (Harrington 2007)"
    return made, [*names, *JOINTS], note
