"""Pose windows of many sequences, normalised and projected, so that near-equal ones are neighbours.

A window is centred frame by frame on the mean of its joints, turned about the vertical (3D), and
divided by its own size: a copy that was moved, turned or zoomed has the same numbers. Projections
onto orthonormal directions never enlarge distances, so no neighbour is lost by searching in them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dance_jax.errors import InputError

DIRECTIONS = 24
_FRAMES_KEPT = 32  # of a window; more of them tell nothing new
_CHUNK = 2048
_SAMPLE = 300
_TURN_SAMPLE = 10_000
_MISSING_ALLOWED = 0.2
_SAME_RATE = 0.005


class Motion(NamedTuple):
    """One person's movement.

    Attributes:
        name: of the clip; one of a kind.
        pose: f32[T,J,C], C = 2 or 3 (y up or down, the second axis vertical), NaN where missing.
        fps: frames a second.
    """

    name: str
    pose: np.ndarray
    fps: float


@dataclasses.dataclass
class WindowIndex:
    """The windows of all sequences, one starting at every frame.

    Attributes:
        poses: f32[T,J,C] of each sequence, at one rate, joints centred, gaps filled.
        owner: i64[N], which sequence a window is of.
        start: i64[N], its first frame.
        features: f32[N,D], its projection.
        moving: f32[N], RMS movement about its mean pose, in units of `radius`.
        fps: the common rate.
        length: frames of a window.
        absolute: distances are in the unit of the poses, else in shares of the body's spread.
        notes: what was changed or left out.
        pair: the two joints that tell the direction, None in 2D.
        owner_clip: i64[N], which clip a window is of; the people of a clip share it.
    """

    poses: list[np.ndarray]
    owner: np.ndarray
    start: np.ndarray
    features: np.ndarray
    moving: np.ndarray
    fps: float
    length: int
    absolute: bool
    notes: list[str]
    pair: tuple[int, int] | None = None
    owner_clip: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))

    def windows(self, which: np.ndarray) -> np.ndarray:
        """Returns f32[n, frames * J * C], the normalised windows of some rows.

        Distances between them are divided so that they are RMS over frames and joints.
        """
        out = None
        for owner in np.unique(self.owner[which]):
            at = np.flatnonzero(self.owner[which] == owner)
            part = self._normalised(self.poses[owner], self.start[which[at]])[0]
            out = np.empty((len(which), part.shape[1]), np.float32) if out is None else out
            out[at] = part
        return out

    def _normalised(self, pose: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns f32[n,D] windows, and f32[n] their movement about the mean pose."""
        every = -(-self.length // _FRAMES_KEPT)
        offsets = np.arange(0, self.length, every)
        win = pose[start[:, None] + offsets]  # [n, frames, J, C]
        if self.pair is not None:
            a, b = self.pair
            across = pose[start + self.length // 2]
            turn = np.arctan2(across[:, a, 2] - across[:, b, 2], across[:, a, 0] - across[:, b, 0])
            cos, sin = (f(turn)[:, None, None].astype(np.float32) for f in (np.cos, np.sin))
            x, z = win[..., 0], win[..., 2]
            win = np.stack([cos * x + sin * z, win[..., 1], cos * z - sin * x], -1)
        count = win.shape[1] * win.shape[2]
        flat = win.reshape(len(win), -1)
        if not self.absolute:
            size = np.sqrt((flat**2).sum(1, keepdims=True) / count)
            flat = flat / np.maximum(size, 1e-9)
            win = flat.reshape(win.shape)
        flat = flat / np.float32(np.sqrt(count))
        still = win - win.mean(1, keepdims=True)
        return flat, np.sqrt((still**2).sum((1, 2, 3)) / count)


def index(
    motions: Sequence[Motion], *, window_s: float = 1.0, absolute: bool = False
) -> WindowIndex:
    """Cuts, normalises and projects the windows of sequences.

    Args:
        motions: the sequences, all with the same joints.
        window_s: length of a window in seconds.
        absolute: keep sizes: distances are then in the unit of the poses.

    Raises:
        InputError: the sequences differ in joints, or none holds a window.
    """
    shapes = {m.pose.shape[1:] for m in motions}
    if len(shapes) != 1:
        what = f"{len(motions)} sequences have {len(shapes)} kinds of joints"
        raise InputError(what, "near-duplicate windows", "convert them to one skeleton")
    notes: list[str] = []
    fps = _common_rate(motions, notes)
    length = max(2, round(window_s * fps))
    poses, valid = _prepared(motions, fps, length, notes)
    starts = [np.flatnonzero(ok) for ok in valid]
    if not sum(map(len, starts)):
        what = f"no sequence holds {window_s:g} s of poses"
        raise InputError(what, "near-duplicate windows", "give a shorter window_s=")
    owner = np.repeat(np.arange(len(poses)), [len(s) for s in starts])
    made = WindowIndex(
        poses,
        owner,
        np.concatenate(starts),
        np.empty((len(owner), 0), np.float32),
        np.empty(len(owner), np.float32),
        fps,
        length,
        absolute,
        notes,
        _turning_pair(poses) if next(iter(shapes))[1] == 3 else None,
    )
    _project(made)
    return made


def _common_rate(motions: Sequence[Motion], notes: list[str]) -> float:
    rates = np.array([m.fps for m in motions], float)
    if not (np.isfinite(rates) & (rates > 0)).all():
        raise InputError("a sequence has no frame rate", "near-duplicate windows", "give its fps")
    middle = float(np.median(rates))
    if np.any(np.abs(rates / middle - 1) > _SAME_RATE):
        notes.append(f"sequences of {rates.min():g} to {rates.max():g} fps were put to {middle:g}")
    return middle


def _prepared(
    motions: Sequence[Motion], fps: float, length: int, notes: list[str]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns the poses at one rate, filled and centred; and where a window may start."""
    total = sum(len(m.pose) for m in motions)
    seen = sum(np.isfinite(m.pose).all(-1).sum(0) for m in motions) / max(total, 1)
    joints = np.flatnonzero(seen >= 0.5)
    if not len(joints):
        raise InputError("no joint is seen in half of the frames", "near-duplicate windows", "")
    if len(joints) < len(seen):
        notes.append(f"{len(seen) - len(joints)} joints are missing in most frames and left out")
    poses, valid, short = [], [], 0
    for m in motions:
        pose = np.asarray(m.pose, np.float32)[:, joints]
        pose, present = _filled(pose, m.fps, fps)
        pose = pose - pose.mean(1, keepdims=True) if len(pose) else pose
        room = len(pose) - length + 1
        ok = np.zeros(max(room, 0), bool)
        if room > 0:
            total = np.concatenate([[0], np.cumsum(present)])
            ok = (total[length:] - total[:-length]) >= (1 - _MISSING_ALLOWED) * length
            ok &= np.isfinite(pose).all()
        short += not ok.any()
        poses.append(pose)
        valid.append(ok)
    if short:
        notes.append(f"{short} sequences hold no whole window and were not looked at")
    return poses, valid


def _filled(pose: np.ndarray, fps: float, target: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pose at the target rate without gaps, and the share of joints seen, f64[T]."""
    frames, joints, axes = pose.shape
    here = np.isfinite(pose).all(-1)
    same = abs(fps / target - 1) <= _SAME_RATE
    count = frames if same else int(np.floor((frames - 1) * target / fps + 1e-9)) + 1
    if frames < 2 or (same and here.all()):
        return pose, here.mean(1)
    old = np.arange(frames)
    new = old.astype(float) if same else np.arange(count) * fps / target
    out = np.full((count, joints, axes), np.nan, np.float32)
    for j in range(joints):
        if here[:, j].any():
            for c in range(axes):
                out[:, j, c] = np.interp(new, old[here[:, j]], pose[here[:, j], j, c])
    return out, np.interp(new, old, here.mean(1))


def _turning_pair(poses: Sequence[np.ndarray]) -> tuple[int, int]:
    """Returns the two joints whose horizontal distance is never small: they tell the direction."""
    whole = [p for p in poses if len(p) and np.isfinite(p).all()]
    each = max(2, min(50, _TURN_SAMPLE // max(len(whole), 1)))  # frames of a sequence
    sample = np.concatenate([p[:: max(1, len(p) // each)] for p in whole])[: 2 * _TURN_SAMPLE]
    ground = sample[..., [0, 2]]
    gap = np.linalg.norm(ground[:, :, None] - ground[:, None], axis=-1)
    low = np.percentile(gap, 2, axis=0)
    a, b = np.unravel_index(int(np.argmax(low)), low.shape)
    return int(min(a, b)), int(max(a, b))


def _directions(sample: np.ndarray) -> np.ndarray:
    """Returns f32[D, at most 24], orthonormal: the main directions of a sample of windows."""
    centred = (sample - sample.mean(0)).astype(np.float64)
    values, vectors = np.linalg.eigh(centred @ centred.T)  # small: one row a window
    kept = values > max(values[-1], 0.0) * 1e-9
    main = centred.T @ vectors[:, kept][:, -DIRECTIONS:]
    if not main.shape[1]:
        return np.zeros((sample.shape[1], 1), np.float32)
    return np.linalg.qr(main)[0].astype(np.float32)


def _project(made: WindowIndex) -> None:
    """Fills features and movement, in chunks; the directions come from a sample of windows."""
    n = len(made.owner)
    spread = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64))
    basis = _directions(made.windows(spread))
    made.features = np.empty((n, basis.shape[1]), np.float32)
    for k, pose in enumerate(made.poses):
        rows = np.flatnonzero(made.owner == k)
        for at in range(0, len(rows), _CHUNK):
            part = rows[at : at + _CHUNK]
            flat, moving = made._normalised(pose, made.start[part])
            made.features[part] = flat @ basis
            made.moving[part] = moving
