"""Movements for the tests of this room: good synthetic dancers and real recordings, as heights."""

from __future__ import annotations

import csv
import pathlib

import jax.numpy as jnp
import numpy as np

from dance_jax import skeleton
from dance_jax.biomech.movement import Movement, movement
from dance_jax.data import synthetic
from dance_jax.skeleton import CANON

STYLES = ("ballet_like", "hip_hop_like", "classical_indian_like", "contemporary_like")


def good_dance(seed: int, style: str | None = None, **kinds: object) -> synthetic.SyntheticDance:
    """A synthetic dancer of high stated quality (at least 9 of 10)."""
    rng = np.random.default_rng(seed)
    skill = synthetic.Skill(
        *(float(x) for x in rng.uniform((0, 0.96, 0, 0), (0.01, 1, 0.003, 0.6)))
    )
    return synthetic.generate(seed % 2**31, style or STYLES[seed % 4], skill=skill, **kinds)


def as_movement(pose: np.ndarray, time_s: np.ndarray, **kinds: object) -> Movement:
    """A movement in float32 with times as an array, so that it can be traced."""
    moved = movement(jnp.asarray(pose, jnp.float32), np.asarray(time_s), **kinds)
    return moved._replace(time_s=jnp.asarray(np.asarray(time_s) - time_s[0], jnp.float32))


def padded(moved: Movement, frames: int) -> Movement:
    """The movement with missing frames at its end."""
    more = frames - moved.pose.shape[0]
    pose = jnp.pad(moved.pose, [(0, more), (0, 0), (0, 0)], constant_values=jnp.nan)
    later = moved.time_s[-1] + 0.05 * jnp.arange(1, more + 1)
    return moved._replace(pose=pose, time_s=jnp.concatenate([moved.time_s, later]))


def in_heights(pose: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Pose [T, 26, 3] in body heights and its times."""
    time_s = np.arange(len(pose)) / fps
    return np.asarray(movement(jnp.asarray(pose, jnp.float32), time_s).pose, np.float64), time_s


def real_dances(shared: pathlib.Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, pose [T, 26, 3] in body heights and times of 10 s pieces of recorded dances."""
    out = []
    folder = shared / "bandai_namco_style"
    with np.load(folder / "bandai_namco_joints21_30fps.npz") as file:
        rel, root = file["rel"], file["root"]
    with (folder / "clips.csv").open(encoding="utf-8") as rows:
        dances = [r for r in csv.DictReader(rows) if r["content"].startswith("dance")]
    for row in dances:
        # From 20 s on: the takes begin with standing.
        for start in (600, 1100, 1500):
            first, last = int(row["start"]) + start, int(row["start"]) + int(row["length"])
            if first + 300 <= last:
                pose = rel[first : first + 300].astype(np.float32)
                pose = pose + root[first : first + 300][:, None]
                out.append((f"{row['content']} {start}", pose, "bandai21", 30.0))
    with np.load(folder.parent / "tang2018_ballroom3d" / "tang2018_joints21_25fps.npz") as file:
        for name in ("DANCE_C_1", "DANCE_C_3", "DANCE_R_1", "DANCE_T_1", "DANCE_W_1", "DANCE_W_8"):
            middle = len(file[name + "_root"]) // 2
            here = slice(middle, middle + 250)
            pose = (
                file[name + "_rel"][here].astype(np.float32) + file[name + "_root"][here][:, None]
            )
            out.append((name, pose, "tang21", 25.0))
    return [
        (name, *in_heights(skeleton.convert(pose, None, kind, CANON)[0], fps))
        for name, pose, kind, fps in out
    ]
