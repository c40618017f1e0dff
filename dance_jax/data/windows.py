"""Windows of one length with a stride, padding by mask, and the exact inverse: stitching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

TAILS = ("pad", "back")
BLENDS = ("mean", "fade")


class Window(NamedTuple):
    """One person for a stretch of one clip.

    Attributes:
        clip: place of the clip in its source.
        person: place on axis P.
        start: first frame.
        frames: how many of the window's frames are the clip's; the rest is padding.
    """

    clip: int
    person: int
    start: int
    frames: int


def starts(n_frames: int, length: int, stride: int, tail: str = "pad") -> np.ndarray:
    """Returns the first frame of each window, so that every frame is in one.

        0, stride, 2 stride, ...  until the clip's last frame is inside

    Args:
        n_frames: frames T of the clip.
        length: frames L of a window.
        stride: frames from window to window, 1 to L.
        tail: "pad": the last window may run past the end; "back": it is moved back to end there.

    Returns:
        i64[N], increasing; empty for a clip without frames.

    Raises:
        ValueError: a number is out of range.
    """
    if length < 1 or not 1 <= stride <= length:
        raise ValueError(f"take 1 <= stride <= length, got stride {stride}, length {length}")
    if n_frames < 0 or tail not in TAILS:
        raise ValueError(f"take frames >= 0 and a tail of {TAILS}, got {n_frames}, {tail!r}")
    if not n_frames:
        return np.zeros(0, np.int64)
    count = 1 + max(0, -(-(n_frames - length) // stride))
    out = stride * np.arange(count, dtype=np.int64)
    if tail == "back":
        out[-1] = min(int(out[-1]), max(0, n_frames - length))
    return out


def table(
    clips: Sequence[tuple[int, int]], length: int, stride: int, tail: str = "pad"
) -> tuple[Window, ...]:
    """Returns the windows of many clips, of every person in them, in order.

    Args:
        clips: (frames, people) of each clip.
        length: frames of a window.
        stride: frames from window to window.
        tail: see `starts`.
    """
    return tuple(
        Window(clip, person, int(start), int(min(length, frames - start)))
        for clip, (frames, people) in enumerate(clips)
        for person in range(people)
        for start in starts(frames, length, stride, tail)
    )


def mask(n_frames: int, first: np.ndarray, length: int) -> np.ndarray:
    """Returns bool[N,L], True where a window's frame is the clip's."""
    return np.asarray(first)[:, None] + np.arange(length) < n_frames


def cut(values: np.ndarray, first: np.ndarray, length: int, fill: object) -> np.ndarray:
    """Cuts a series into windows.

    Args:
        values: [T, ...].
        first: i64[N] first frames.
        length: frames L of a window.
        fill: what padding holds: NaN for poses, 0 for pictures.

    Returns:
        [N, L, ...] of the same dtype.
    """
    values = np.asarray(values)
    out = np.full((len(first), length, *values.shape[1:]), fill, values.dtype)
    for n, start in enumerate(first):
        piece = values[start : start + length]
        out[n, : len(piece)] = piece
    return out


def cut_time(time_s: np.ndarray, first: np.ndarray, length: int) -> np.ndarray:
    """Cuts the clock: true times in the clip, then the clip's median step on padding.

    Args:
        time_s: f64[T] seconds, strictly increasing.
        first: i64[N] first frames.
        length: frames L of a window.

    Returns:
        f64[N, L] seconds, the clip's own times, strictly increasing.
    """
    time_s = np.asarray(time_s, np.float64)
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1 / 30
    more = time_s[-1:] + step * np.arange(1, length + 1)
    return cut(np.concatenate([time_s, more]), first, length, np.nan)


def stitch(
    windows: np.ndarray, first: np.ndarray, n_frames: int, blend: str = "mean"
) -> np.ndarray:
    """Puts windows back together; what was cut comes back bit for bit.

        out(t) = r(t) + sum_n w_n(t) (v_n(t) - r(t)) / sum_n w_n(t)

    r is the first window's value there, so where all windows agree the sum is exactly zero.

    Args:
        windows: [N, L, ...]; NaN counts as no opinion; what lies past the clip is not read.
        first: i64[N] first frames.
        n_frames: frames T of the clip.
        blend: "mean": w = 1; "fade": w falls linearly to the ends of a window's frames.

    Returns:
        [T, ...] of the same dtype; whole numbers are rounded to the nearest.

    Raises:
        ValueError: a frame is in no window, or the blend is unknown.
    """
    windows, first = np.asarray(windows), np.asarray(first, np.int64)
    if blend not in BLENDS:
        raise ValueError(f"blend must be one of {BLENDS}, got {blend!r}")
    if len(first) != len(windows) or (len(first) and first.min() < 0):
        raise ValueError(f"{len(windows)} windows need {len(windows)} first frames >= 0")
    length, rest = windows.shape[1], windows.shape[2:]
    exact = windows.dtype if windows.dtype.kind == "f" else np.dtype(np.float64)
    out = np.zeros((n_frames, *rest), windows.dtype)
    if windows.dtype.kind == "f":
        out[:] = np.nan
    known = np.zeros(out.shape, bool)
    covered = np.zeros(n_frames, bool)
    pieces = [(start, min(length, n_frames - start)) for start in first.tolist()]
    for (start, count), window in zip(pieces, windows, strict=True):
        if count <= 0:
            continue
        here, value = slice(start, start + count), window[:count]
        new = ~known[here] & (value == value)
        out[here] = np.where(new, value, out[here])
        known[here] |= new
        covered[here] = True
    if not covered.all():
        raise ValueError(f"frame {int(np.argmin(covered))} is in no window")
    moved, weight = np.zeros(out.shape, exact), np.zeros(out.shape, exact)
    for (start, count), window in zip(pieces, windows, strict=True):
        if count <= 0:
            continue
        here, value = slice(start, start + count), window[:count]
        at = np.arange(count)
        share = np.minimum(at + 1, count - at) if blend == "fade" else np.ones(count)
        share = share.reshape(-1, *(1,) * len(rest)).astype(exact)
        agrees = (value == out[here]) | (value != value)
        change = value.astype(exact) - out[here].astype(exact)
        moved[here] += np.where(agrees, 0, share * change)
        weight[here] += np.where(value == value, share, 0)
    moved = moved / np.where(weight > 0, weight, 1)
    blended = out.astype(exact) + moved
    if out.dtype.kind != "f":
        blended = np.rint(blended)
    return np.where(moved == 0, out, blended.astype(out.dtype))
