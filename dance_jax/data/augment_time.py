"""Changes of a clip's time: a crop, a smooth warp between fixed ends, and its tempo."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def crop_start(key: jax.Array, frame_mask: jax.Array, least: float) -> tuple[jax.Array, jax.Array]:
    """Draws a piece of a clip.

    Args:
        key: typed key.
        frame_mask: bool[T], frames first, padding last.
        least: smallest share of the frames that is kept, 0 to 1.

    Returns:
        its first frame and its number of frames, at least one where there is a frame.
    """
    there = jnp.sum(frame_mask)
    first, second = jax.random.split(key)
    share = jax.random.uniform(first, (), minval=least, maxval=1.0)
    kept = jnp.clip(jnp.round(share * there).astype(jnp.int32), 1, jnp.maximum(there, 1))
    kept = jnp.where(there > 0, kept, 0)
    return jax.random.randint(second, (), 0, there - kept + 1), kept


def taken_piece(
    time_s: jax.Array, start: jax.Array, kept: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Moves a piece to the front.

    Args:
        time_s: [T] seconds, increasing.
        start: first frame of the piece.
        kept: its number of frames.

    Returns:
        the frame that each frame takes, i32[T]; which are the piece's, bool[T]; the new times,
        from 0, going on over the padding in steps that the clip's clock made there.
    """
    size = time_s.shape[0]
    here = jnp.arange(size)
    source = jnp.clip(start + here, 0, size - 1)
    inside = here < kept
    last = jnp.maximum(kept - 1, 0)
    moved = time_s[source] - time_s[start]
    onward = time_s + (moved[last] - time_s[last])  # the clock of the frames that were there
    return source, inside, jnp.where(inside, moved, onward)


def warped(key: jax.Array, time_s: jax.Array, frame_mask: jax.Array, amount: float) -> jax.Array:
    """Draws a smooth monotone warp that keeps both ends.

        w(u) = u + a sin(2 pi k u) / (2 pi k),  a uniform in +-amount,  k = 1 or 2

    The movement's speed changes by 1 + a cos(2 pi k u): from 1 - amount to 1 + amount.

    Args:
        key: typed key.
        time_s: [T] seconds, increasing.
        frame_mask: bool[T], frames first, padding last.
        amount: below 1.

    Returns:
        [T] time of the clip that is shown at each frame's time; padding keeps its own.
    """
    first, second = jax.random.split(key)
    a = jax.random.uniform(first, (), time_s.dtype, -amount, amount)
    turns = 2 * jnp.pi * jax.random.randint(second, (), 1, 3).astype(time_s.dtype)
    last = jnp.maximum(jnp.sum(frame_mask) - 1, 0)
    span = time_s[last] - time_s[0]
    u = (time_s - time_s[0]) / jnp.where(span > 0, span, 1.0)
    shown = jnp.clip(time_s + span * a * jnp.sin(turns * u) / turns, time_s[0], time_s[last])
    here = jnp.arange(time_s.shape[0])
    return jnp.where((here == 0) | (here >= last), time_s, shown)


def between(
    values: jax.Array, time_s: jax.Array, frame_mask: jax.Array, shown_s: jax.Array
) -> jax.Array:
    """Returns [T, ...] at new times by straight lines; NaN where a sample that counts is NaN.

    Args:
        values: [T, ...].
        time_s: [T] seconds, increasing.
        frame_mask: bool[T], frames first, padding last.
        shown_s: [T] seconds wanted, as `warped` gives them.
    """
    last = jnp.maximum(jnp.sum(frame_mask) - 1, 0)
    left = jnp.searchsorted(time_s, shown_s, side="right") - 1
    left = jnp.clip(left, 0, jnp.maximum(last - 1, 0))
    right = jnp.minimum(left + 1, last)
    step = time_s[right] - time_s[left]
    part = (shown_s - time_s[left]) / jnp.where(step > 0, step, 1.0)
    part = part.reshape(-1, *(1,) * (values.ndim - 1))
    a, b = values[left], values[right]
    out = jnp.where(part <= 0, a, jnp.where(part >= 1, b, a + part * (b - a)))
    inside = frame_mask.reshape(part.shape)
    return jnp.where(inside, out, values)


def nearest(time_s: jax.Array, frame_mask: jax.Array, shown_s: jax.Array) -> jax.Array:
    """Returns i32[T], the frame nearest to each time wanted; padding takes itself."""
    last = jnp.maximum(jnp.sum(frame_mask) - 1, 0)
    left = jnp.clip(jnp.searchsorted(time_s, shown_s, side="right") - 1, 0, last)
    right = jnp.minimum(left + 1, last)
    later = time_s[right] - shown_s < shown_s - time_s[left]
    return jnp.where(frame_mask, jnp.where(later, right, left), jnp.arange(time_s.shape[0]))
