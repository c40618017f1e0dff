"""Physical foot contact score: does the root accelerate while neither foot stands still?"""

from __future__ import annotations

import jax.numpy as jnp

from dance_jax.kinematics.vectors import all_finite, finite_or, safe_norm
from dance_jax.kinematics.windows import floating

MODES = ("fixed", "edge_compat")
SCALE = 1e4
# EDGE's index lists, for SMPL-24: pelvis; left ankle and foot, right ankle and foot.
SMPL_ROOT, SMPL_LEFT, SMPL_RIGHT = 0, (7, 10), (8, 11)


def foot_contact_score(
    joints: jnp.ndarray,
    time_s: jnp.ndarray | None = None,
    *,
    root: int = SMPL_ROOT,
    left: tuple[int, int] = SMPL_LEFT,
    right: tuple[int, int] = SMPL_RIGHT,
    up: int = 1,
    mode: str = "fixed",
    window_s: float = 5.0,
) -> jnp.ndarray:
    """Computes the physical foot contact score (PFC) of one clip; 0 is physically easiest.

        PFC = mean_t( |a_t| / max |a| . min v_left . min v_right ) . SCALE

    a is the root's acceleration with its upward part clamped at 0 from below, min v the slower
    of ankle and toe of one foot over the floor. "edge_compat" repeats the published code: feet
    move per frame, not per second, so the value falls with the square of the frame rate, and the
    greatest acceleration is the clip's, so it falls with the clip's length. "fixed" takes
    velocities per second at the published 30 frames a second's scale, true times, and averages
    windows of a fixed length, so that clips of different rates and lengths can be compared.

    Args:
        joints: [T, J, 3] metres.
        time_s: [T] seconds; needed by "fixed".
        root: index of the pelvis.
        left: indices of the left ankle and toe.
        right: indices of the right ankle and toe.
        up: the axis that points up (EDGE's own files: 2).
        mode: "fixed" or "edge_compat".
        window_s: length of a window in seconds ("fixed"); a shorter rest is left out, except that
            a clip shorter than one window is one window.

    Returns:
        scalar; NaN where fewer than 3 frames are known or the root never accelerates.

    Raises:
        ValueError: unknown mode, or "fixed" without times.

    Source: Tseng, Castellon & Liu 2023 (EDGE), and its published evaluation.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
    joints = floating(joints)
    n = joints.shape[0]
    if n < 3:
        return jnp.asarray(jnp.nan, joints.dtype)
    if mode == "edge_compat":
        step = jnp.full(n - 1, 1.0, joints.dtype)
        time = jnp.arange(n, dtype=joints.dtype)
    elif time_s is None:
        raise ValueError('mode "fixed" needs time_s')
    else:
        time = jnp.asarray(time_s)
        step = jnp.diff(time).astype(joints.dtype) * 30.0  # thirtieths of a second, as published
    forward = step > 0
    slope = jnp.where(
        forward[:, None, None],
        (joints[1:] - joints[:-1]) / jnp.where(forward, step, 1.0)[:, None, None],
        jnp.nan,
    )
    middle = 0.5 * (step[1:] + step[:-1])
    rate = (slope[1:, root] - slope[:-1, root]) / jnp.where(middle > 0, middle, 1.0)[:, None]
    rate = rate.at[:, up].set(jnp.where(rate[:, up] < 0, 0.0, rate[:, up]))
    flat = jnp.array([axis for axis in range(3) if axis != up])
    feet = slope[1:][:, jnp.array((*left, *right))][..., flat]
    known = all_finite(rate) & jnp.isfinite(feet).all((-1, -2))
    size = jnp.where(known, safe_norm(finite_or(rate)), 0.0)
    speed = safe_norm(finite_or(feet))
    slide = jnp.where(known, speed[:, :2].min(-1) * speed[:, 2:].min(-1), 0.0)
    if mode == "edge_compat":
        return SCALE * _ratio((size * slide).sum(), size.max() * known.sum())
    return SCALE * _windows(size, slide, known, time, window_s)


def _ratio(above: jnp.ndarray, below: jnp.ndarray) -> jnp.ndarray:
    some = below > 0
    return jnp.where(some, above / jnp.where(some, below, 1.0), jnp.nan)


def _windows(
    size: jnp.ndarray,
    slide: jnp.ndarray,
    known: jnp.ndarray,
    time: jnp.ndarray,
    window_s: float,
) -> jnp.ndarray:
    """Mean over whole windows of the mean of size x slide, relative to the window's peak."""
    n = size.shape[0]
    since = (time[1:-1] - time[0]).astype(size.dtype)
    which = jnp.floor(since / window_s).astype(jnp.int32)
    whole = jnp.maximum(jnp.floor((time[-1] - time[0]) / window_s).astype(jnp.int32), 1)
    which = jnp.where((whole == 1) & (time[-1] - time[0] < window_s), 0, which)
    inside = known & (which < whole)
    slot = jnp.where(inside, jnp.minimum(which, n - 1), n)
    peak = jnp.zeros(n + 1).at[slot].max(size)[:n]
    total = jnp.zeros(n + 1).at[slot].add(size * slide)[:n]
    count = jnp.zeros(n + 1).at[slot].add(1.0)[:n]
    moved = (peak > 0) & (count > 0)
    each = jnp.where(moved, total / jnp.where(moved, peak * count, 1.0), 0.0)
    return _ratio(each.sum(), moved.sum().astype(each.dtype))
