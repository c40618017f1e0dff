"""Ways to cheat a movement score, each a function of a real motion: input of the hacking suite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

from dance_jax import skeleton
from dance_jax.skeleton import CANON, index

Motion = tuple[np.ndarray, np.ndarray]  # pose [T, 26, 3] in body heights, time [T] in seconds
LEG = [index(CANON, f"left_{p}") for p in ("knee", "ankle", "heel", "big_toe", "small_toe")]
ARMS = [index(CANON, f"{s}_{p}") for s in ("left", "right") for p in ("elbow", "wrist")]
HIP = index(CANON, "hip")
T_POSE = {
    "hip": (0, 0.53), "neck": (0, 0.82), "head": (0, 1.0), "nose": (0, 0.93),
    "eye": (0.02, 0.94), "ear": (0.04, 0.93), "shoulder": (0.11, 0.818), "elbow": (0.30, 0.818),
    "wrist": (0.445, 0.818), "knee": (0.09, 0.285), "ankle": (0.09, 0.039),
    "heel": (0.09, 0.0), "big_toe": (0.09, 0.0), "small_toe": (0.11, 0.0),
}  # fmt: skip


def t_pose() -> np.ndarray:
    """A standing body with level arms, [26, 3] in body heights."""
    out = np.zeros((26, 3))
    for k, name in enumerate(skeleton.get(CANON).joints):
        side = 1.0 if name.startswith("left_") else -1.0
        part = name.removeprefix("left_").removeprefix("right_")
        if part == "hip" and name != "hip":
            out[k] = (side * 0.09, 0.53, 0)
        else:
            x, y = T_POSE[part]
            out[k] = (side * x if part != name else x, y, 0)
        out[k, 2] = {"big_toe": 0.12, "small_toe": 0.1, "heel": -0.04}.get(part, 0.0)
    return out


def still(pose: np.ndarray, time: np.ndarray, one: np.ndarray) -> np.ndarray:
    """One pose for the whole time."""
    return np.broadcast_to(one, pose.shape).copy()


def waves(time: np.ndarray, hz: float, rng: np.random.Generator) -> np.ndarray:
    """Unit sines [T, 26, 3] of one frequency and random phases."""
    return np.sin(2 * np.pi * (hz * time[:, None, None] + rng.uniform(size=(1, 26, 3))))


def at_rate(pose: np.ndarray, time: np.ndarray, factor: float) -> Motion:
    """The same motion `factor` times slower, seen at the same frame rate."""
    step = np.median(np.diff(time))
    new = np.arange(0, (time[-1] - time[0]) * factor + 1e-9, step)
    unseen = ~np.isfinite(pose).all((0, 2))
    out = CubicSpline(time - time[0], np.nan_to_num(pose))(new / factor)
    out[:, unseen] = np.nan
    return out, new


def spun(pose: np.ndarray, time: np.ndarray, turns: float) -> np.ndarray:
    """The motion on a turntable about the mean place of the hip."""
    angle = 2 * np.pi * turns * time
    about = pose[:, HIP].mean(0) * [1, 0, 1]
    p = pose - about
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, z = c * p[..., 0] + s * p[..., 2], -s * p[..., 0] + c * p[..., 2]
    return np.stack([x, p[..., 1], z], -1) + about


def beat(pose: np.ndarray, time: np.ndarray, length_s: float) -> np.ndarray:
    """The piece of the motion in which the hands and feet vary most, hip kept in place."""
    n = max(4, round(length_s / np.median(np.diff(time))))
    body = pose - pose[:, [HIP]] * [1, 0, 1]
    spread = [body[k : k + n].var(0).sum() for k in range(len(pose) - n)]
    k = int(np.argmax(spread))
    return body[k : k + n]


def looped(pose: np.ndarray, time: np.ndarray, length_s: float, boomerang: bool) -> np.ndarray:
    """One beat over and over; the seam is blended, or the beat runs there and back."""
    one = beat(pose, time, length_s)
    n = len(one)
    if boomerang:
        cycle = np.concatenate([one, one[-2:0:-1]])
    else:
        m = max(1, n // 4)
        w = (0.5 - 0.5 * np.cos(np.pi * (np.arange(m) + 1) / (m + 1)))[:, None, None]
        cycle = np.concatenate([one[: n - m], (1 - w) * one[n - m :] + w * one[:m]])[m:]
        cycle = one if len(cycle) < 3 else cycle
    return cycle[np.arange(len(pose)) % len(cycle)]


def lowered(pose: np.ndarray, time: np.ndarray) -> np.ndarray:
    out = pose.copy()
    out[:, LEG, 1] -= 0.25 * np.maximum(np.sin(2 * np.pi * time), 0)[:, None]
    return out


def longer_arms(pose: np.ndarray, time: np.ndarray) -> np.ndarray:
    out = pose.copy()
    middle = out[:, [index(CANON, "neck")]]
    out[:, ARMS] = middle + (out[:, ARMS] - middle) * (
        1.4 + 0.4 * np.sin(2 * np.pi * time)[:, None, None]
    )
    return out


def missing(pose: np.ndarray, where: object) -> np.ndarray:
    out = pose.copy()
    out[where] = np.nan
    return out


def held(pose: np.ndarray, time: np.ndarray, hz: float) -> np.ndarray:
    """Sample and hold: a pose jumps to the next `hz` times a second."""
    n = max(1, round(1 / hz / np.median(np.diff(time))))
    return pose[np.arange(len(pose)) // n * n]


def flickering(pose: np.ndarray) -> np.ndarray:
    """Mirrored about the hip in every second frame."""
    about = pose[:, [HIP]] * [1, 0, 0]
    other = skeleton.mirror(pose - about, CANON) + about
    return np.where((np.arange(len(pose)) % 2 == 0)[:, None, None], pose, other)


def larger(pose: np.ndarray, factor: float) -> np.ndarray:
    """Every joint's excursion from its mean place beside the hip, times a factor."""
    body = pose - pose[:, [HIP]]
    return pose[:, [HIP]] + body.mean(0) + factor * (body - body.mean(0))


def drift(time: np.ndarray, per_s: tuple[float, float, float]) -> np.ndarray:
    return time[:, None, None] * np.array(per_s)


HACKS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Motion]] = {
    "frozen pose": lambda p, t, r: (still(p, t, p[len(p) // 2]), t),
    "frozen pose, 2 mm of noise": lambda p, t, r: (
        still(p, t, p[len(p) // 2]) + 0.0012 * r.normal(size=p.shape),
        t,
    ),
    "T-pose": lambda p, t, r: (still(p, t, t_pose()), t),
    "jitter, 2 % of height": lambda p, t, r: (p + 0.02 * r.normal(size=p.shape), t),
    "jitter, 0.5 % of height": lambda p, t, r: (p + 0.005 * r.normal(size=p.shape), t),
    "tremor, 9 Hz": lambda p, t, r: (p + 0.01 * waves(t, 9.0, r), t),
    "teleport": lambda p, t, r: (p + ((t > 2) & (t < 2.3))[:, None, None] * [1.0, 0, 0], t),
    "foot slide": lambda p, t, r: (p + drift(t, (0.8, 0, 0)), t),
    "limb through the floor": lambda p, t, r: (lowered(p, t), t),
    "time stretch, half speed": lambda p, t, r: at_rate(p, t, 2.0),
    "time compression, double speed": lambda p, t, r: at_rate(p, t, 0.5),
    "amplitude x 3": lambda p, t, r: (larger(p, 3.0), t),
    "mirrored every other frame": lambda p, t, r: (flickering(p), t),
    "constant spin, 1 turn/s": lambda p, t, r: (spun(p, t, 1.0), t),
    "frozen, drifting": lambda p, t, r: (
        still(p, t, p[len(p) // 2]) + drift(t, (0.3, 0, 0)),
        t,
    ),
    "loop of one beat, seam blended": lambda p, t, r: (looped(p, t, 0.6, False), t),
    "loop of one beat, there and back": lambda p, t, r: (looped(p, t, 0.6, True), t),
    "arms that stretch": lambda p, t, r: (longer_arms(p, t), t),
    "floating up": lambda p, t, r: (p + drift(t, (0, 0.08, 0)), t),
    "frozen, all joints wobble": lambda p, t, r: (
        still(p, t, p[len(p) // 2]) + 0.04 * waves(t, 1.0, r),
        t,
    ),
    "wobble added": lambda p, t, r: (p + 0.04 * waves(t, 1.0, r), t),
    "pose held, then the next": lambda p, t, r: (held(p, t, 4.0), t),
    "half of the joints missing": lambda p, t, r: (
        missing(p, (slice(None), r.permutation(26)[:13])),
        t,
    ),
    "half of the frames missing": lambda p, t, r: (
        missing(p, r.permutation(len(p))[: len(p) // 2]),
        t,
    ),
    "a tenth of the frames missing": lambda p, t, r: (
        missing(p, r.permutation(len(p))[: len(p) // 10]),
        t,
    ),
}
