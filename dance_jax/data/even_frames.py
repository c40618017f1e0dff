"""Poses at even times without gaps, as files with one frame rate need them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dance_jax import skeleton
from dance_jax.errors import InputError
from dance_jax.types import Clip


class Even(NamedTuple):
    """One person of a clip at even times.

    Attributes:
        names: K joints that were seen at least once.
        kept: their places in the clip's skeleton.
        pose: f64[T,K,3] metres, y up, without gaps.
        seen: bool[T,K], False where the place was filled.
        first_s: time of the first frame.
        step_s: seconds from frame to frame.
        notes: what was done: "left_out", "filled" (joint -> frames), "resampled", "first_s"
            and "frames_per_s".
    """

    names: tuple[str, ...]
    kept: tuple[int, ...]
    pose: np.ndarray
    seen: np.ndarray
    first_s: float
    step_s: float
    notes: dict[str, object]


def even_frames(clip: Clip, person: int, kind: str) -> Even:
    """Returns one person at even times: gaps and uneven times are bridged by straight lines.

    A frame counts as seen where the joint was seen in the frames on both sides of its time.

    Args:
        clip: metres, three coordinates.
        person: place on axis P.
        kind: the format, for messages.

    Raises:
        InputError: the clip is not in metres in 3D, has no such person, or nobody was seen in it.
    """
    if clip.unit != "m" or clip.pose.shape[-1] != 3:
        what = f"the clip is in {clip.unit} with {clip.pose.shape[-1]} coordinates"
        raise InputError(what, f"{kind} export", f"{kind} takes positions in metres, in 3D")
    if not 0 <= person < clip.n_people or not clip.n_frames:
        raise InputError(f"the clip has no person {person}", f"{kind} export", "count from 0")
    pose = np.asarray(clip.pose[:, person], np.float64)
    there = np.isfinite(pose).all(-1)
    names = skeleton.get(clip.skeleton).joints
    kept = tuple(np.flatnonzero(there.any(0)).tolist())
    if not kept:
        raise InputError("no joint was seen", f"{kind} export", "choose another person")
    times, count = clip.time_s, clip.n_frames
    step = (times[-1] - times[0]) / (count - 1) if count > 1 else 1 / 30
    even = times[0] + step * np.arange(count)
    uneven = bool(np.abs(even - times).max() > 1e-3 * step)
    out, seen = np.empty((count, len(kept), 3)), np.ones((count, len(kept)), bool)
    if not uneven:
        even = times
    for k, joint in enumerate(kept):
        good = there[:, joint]
        for axis in range(3):
            out[:, k, axis] = np.interp(even, times[good], pose[good, joint, axis])
        if uneven:
            at = np.clip(np.searchsorted(times, even, "right") - 1, 0, count - 2)
            exact = np.abs(times[at] - even) < 1e-9
            seen[:, k] = good[at] & (good[at + 1] | exact)
        else:
            seen[:, k] = good
    filled = {names[j]: int((~seen[:, k]).sum()) for k, j in enumerate(kept)}
    notes: dict[str, object] = {
        "left_out": [name for j, name in enumerate(names) if j not in kept],
        "filled": {name: n for name, n in filled.items() if n},
        "resampled": uneven,
        "first_s": float(times[0]),
        "frames_per_s": float(1 / step),
    }
    return Even(tuple(names[j] for j in kept), kept, out, seen, float(times[0]), float(step), notes)
